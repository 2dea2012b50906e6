"""The program as it is started, in a process of its own."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def serve(tmp_path):
    """Start the program; give the process once it answers."""
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
        return process, process.stdout.readline()

    yield start
    for process in started:
        process.kill()
        process.wait(10)
        process.stdout.close()
