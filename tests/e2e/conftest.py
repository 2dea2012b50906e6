"""The program as it is started, in a process of its own."""

import json
import os
import subprocess
import sys

import pytest


def said_first(process):
    """Read what is logged until the program says that it serves; "" where it ends without a word."""
    for line in process.stdout:
        said = json.loads(line)["event"]
        if said.startswith("Tray Proxy serves "):
            return f"{said}\n"
    return ""


@pytest.fixture
def launch(tmp_path):
    """Start the program; give the process, and the first line that it said: "" where it ended without a word."""
    started = []

    def start(*arguments, port, env=None):
        environment = {
            name: value for name, value in os.environ.items() if name not in ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS")
        }
        errors = (tmp_path / "stderr").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "tray_proxy", "serve", "--port", str(port), *arguments],
            env=environment | {"TRAY_PROXY_HOME": str(tmp_path / "home")} | (env or {}),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        errors.close()
        started.append(process)
        return process, said_first(process)

    yield start
    for process in started:
        process.kill()
        process.wait(15)
        process.stdout.close()


@pytest.fixture
def serve(launch, tmp_path):
    """The same; the program answers from then on."""

    def start(*arguments, port, env=None):
        process, said = launch(*arguments, port=port, env=env)
        assert said.startswith("Tray Proxy serves "), (tmp_path / "stderr").read_text()
        return process, said

    return start
