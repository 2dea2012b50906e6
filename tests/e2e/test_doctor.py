"""`tray-proxy doctor`, as a person starts it who was asked to."""

import os
import subprocess
import sys

import pytest

KEY = "sk-or-v1-canary-key-of-nobody-0123456789"
WITHOUT_A_DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")


@pytest.fixture
def examine(tmp_path):
    """Check everything; give the process once it has ended."""

    def run(*arguments, env=None):
        environment = {name: value for name, value in os.environ.items() if name not in WITHOUT_A_DESKTOP}
        return subprocess.run(
            [sys.executable, "-m", "tray_proxy", "doctor", *arguments],
            env=environment | {"TRAY_PROXY_HOME": str(tmp_path / "home")} | (env or {}),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


def test_beside_a_server_that_runs_all_is_well(serve, examine, free_port):
    serve("--demo", port=free_port)

    run = examine("--demo", "--port", str(free_port))

    _, *lines, last = run.stdout.splitlines()
    assert (run.returncode, run.stderr, last) == (0, "", "All is well.")
    assert lines[0] == f"[ok] Port: Tray Proxy runs, and holds port {free_port}."
    assert {line[:4] for line in lines} == {"[ok]"}


def test_without_internet_each_line_says_what_to_do_and_none_shows_the_key(examine, free_port):
    run = examine(
        "--port", str(free_port),
        env={"OPENROUTER_API_KEY": KEY, "OPENROUTER_BASE_URL": f"https://127.0.0.1:{free_port}/api/v1"},
    )  # fmt: skip

    bad = [line.partition(":")[0] for line in run.stdout.splitlines() if line.startswith("[!!]")]
    assert (run.returncode, run.stderr) == (1, "")
    assert bad == ["[!!] Key", "[!!] Network", "[!!] Certificate", "[!!] Models", "[!!] A question"]
    assert sum(line.startswith("     ") for line in run.stdout.splitlines()) == len(bad)
    assert KEY not in run.stdout
