"""The program in a process of its own, as `tray-proxy serve` starts it, before the scripted upstream."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil

from desktop.waiting import wait_for
from ports import free_port


class Serving:
    """
    A process that serves.

    Args:
        open_files: How many files it may have open: the limit it begins with, and the one it may raise that to.
    """

    def __init__(
        self, home: Path, upstream_url: str, *, port: int | None = None, open_files: tuple[int, int] | None = None
    ) -> None:
        self.port = port or free_port()
        self._home = home
        home.mkdir(exist_ok=True)
        environment = {
            name: value for name, value in os.environ.items() if name not in ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS")
        }
        # Into files: a pipe that nobody reads would hold it up.
        self._said, self._errors = (home / "stdout").open("wb"), (home / "stderr").open("wb")
        command = [sys.executable, "-m", "tray_proxy", "serve", "--port", str(self.port)]
        if open_files is not None:
            at_first, at_most = map(str, open_files)
            limit = 'ulimit -S -n "$0" && ulimit -H -n "$1" && shift && exec "$@"'
            command = ["sh", "-c", limit, at_first, at_most, *command]
        self.process = subprocess.Popen(
            command,
            env=environment
            | {
                "TRAY_PROXY_HOME": str(home),
                "OPENROUTER_BASE_URL": upstream_url,
                "OPENROUTER_API_KEY": "sk-or-v1-key-of-nobody-0123456789",
                # No app asks so much, nor is it answered with such prices.
                "DAILY_LIMIT_USD": "0",
                "PAID_REQUESTS_PER_MINUTE": "0",
            },
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._errors,
        )

    def wait_until_it_serves(self) -> "Serving":
        """Return once apps are answered; that it ends first is an error that shows what it said."""
        wait_for(lambda: self.process.poll() is not None or self.serves, "the program to serve or to end")
        assert self.process.poll() is None, self.errors
        return self

    @property
    def serves(self) -> bool:
        """Whether it has said that it does."""
        return '"event": "Tray Proxy serves ' in (self._home / "stdout").read_text()

    def with_models(self) -> "Serving":
        """Return once it serves, and has both lists of models."""
        self.wait_until_it_serves()
        wait_for((self._home / "cache" / "catalogue.json").exists, "the lists of models")
        return self

    def get(self, path: str) -> httpx.Response:
        """Ask for something that costs nothing."""
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False, timeout=15)

    @property
    def open_files(self) -> int:
        """How many files and sockets it holds open."""
        return psutil.Process(self.process.pid).num_fds()

    def allow_files(self, count: int) -> None:
        """Let it hold so many open, as the system may at any time."""
        psutil.Process(self.process.pid).rlimit(psutil.RLIMIT_NOFILE, (count, count))

    @property
    def errors(self) -> str:
        """What it wrote to its standard error."""
        return (self._home / "stderr").read_text()

    def terminate(self) -> None:
        """Ask it to end, as systems do."""
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Wait for its end; give its status."""
        return self.process.wait(15)

    def close(self) -> None:
        """End it whatever it does."""
        self.process.kill()
        self.process.wait(15)
        self._said.close()
        self._errors.close()
