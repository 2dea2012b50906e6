"""Started twice on the same folders: one runs, and the other asks it."""

import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import psutil
import pytest

import ports


@pytest.fixture
def again(tmp_path):
    """Start the program once more on the same folders, and wait for its end."""

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "tray_proxy", *arguments],
            env=os.environ | {"TRAY_PROXY_HOME": str(tmp_path / "home")},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


def test_quit_ends_the_one_that_runs(serve, again, free_port, tmp_path):
    """Installers do this before they replace its files."""
    process, _ = serve("--demo", port=free_port)

    run = again("--demo", "--quit")

    assert (run.returncode, run.stdout, run.stderr) == (0, "Tray Proxy has ended.\n", "")
    assert process.wait(15) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free_port))
    assert not (tmp_path / "home" / "demo" / "instance.json").exists()


def test_quit_where_nothing_runs_is_no_failure(again, tmp_path):
    run = again("--quit")

    assert (run.returncode, run.stdout, run.stderr) == (0, "Tray Proxy is not running.\n", "")
    assert not (tmp_path / "home").exists()


def test_the_demo_is_one_of_its_own(serve, again, free_port):
    """Trying it out must not end the real one."""
    process, _ = serve("--demo", port=free_port)

    assert again("--quit").stdout == "Tray Proxy is not running.\n"
    assert process.poll() is None


def test_a_second_server_on_the_same_folders_refuses_and_names_the_first(serve, again, free_port):
    process, _ = serve("--demo", port=free_port)

    run = again("serve", "--demo", "--port", "1")

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == (
        f"tray-proxy: Tray Proxy is already running (process {process.pid}) with the same settings. "
        "The same command with --quit ends it. To run a second one beside it, give that a folder and a port of its own "
        "(--tray-proxy-home, or the setting TRAY_PROXY_HOME, and --port).\n"
    )


def test_a_second_server_with_a_folder_of_its_own_runs_beside_it(serve, free_port, tmp_path):
    serve("--demo", port=free_port)
    other_port = ports.free_port()

    serve("--demo", port=other_port, env={"TRAY_PROXY_HOME": str(tmp_path / "other")})

    for port in (free_port, other_port):
        assert httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).json()["demo"] is True


def test_a_tray_started_beside_a_server_is_told_where_that_answers(serve, again, free_port):
    """It opens no window of its own, and does not stumble over the missing display either."""
    serve("--demo", port=free_port)

    run = again("--demo")

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == (
        f"Tray Proxy is already running, without a tray, at http://127.0.0.1:{free_port}. "
        "The same command with --quit ends it.\n"
    )


def test_one_started_at_login_beside_another_goes_away_quietly(serve, again, free_port):
    serve("--demo", port=free_port)

    run = again("--demo", "--background")

    assert (run.returncode, run.stdout, run.stderr) == (0, "Tray Proxy is already running.\n", "")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signal")
def test_after_a_kill_the_next_start_is_not_held_up(serve, free_port, tmp_path):
    """Its file stays behind, and counts for nothing."""
    process, _ = serve("--demo", port=free_port)
    process.send_signal(signal.SIGKILL)
    process.wait(15)
    left_behind = json.loads((tmp_path / "home" / "demo" / "instance.json").read_bytes())

    next_one, said = serve("--demo", port=free_port)

    assert left_behind["pid"] == process.pid
    assert said.startswith("Tray Proxy serves ")
    assert json.loads((tmp_path / "home" / "demo" / "instance.json").read_bytes())["pid"] == next_one.pid


def test_the_token_is_in_no_log_and_no_argument(serve, again, free_port, tmp_path):
    """Whoever reads it can end the program."""
    process, said = serve("--demo", "--log-level", "DEBUG", port=free_port)
    token = json.loads((tmp_path / "home" / "demo" / "instance.json").read_bytes())["token"]
    arguments = " ".join(psutil.Process(process.pid).cmdline())
    run = again("--demo", "--quit")
    process.wait(15)

    written = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert token not in "\n".join([said, arguments, run.stdout, run.stderr, process.stdout.read(), *written])
