"""
Measures how often a picture lies in the proxy's memory while it is sent on.

A real proxy runs in a process of its own, the demo upstream in this one. What grows in the proxy while it carries
one large picture is compared with the size of the request.
"""

import argparse
import base64
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tray_proxy.demo.upstream import DEMO_KEY, DemoUpstream
from tray_proxy.listener import Listener, LoopThread, bind

MODEL = "openai/gpt-4o-mini"
MEGABYTE = 1_000_000
SAMPLE_S = 0.001
PATHS = ("/api/chat", "/api/generate", "/v1/chat/completions", "/v1/responses", "/v1/messages")


@contextmanager
def upstream() -> Iterator[str]:
    """Run the demo upstream; give its address."""
    loop = LoopThread()
    listener = Listener(DemoUpstream(chunk_delay_s=0).app, bind("127.0.0.1", 0))
    yield f"{loop.submit(listener.start()).result(10)}/api/v1"
    loop.submit(listener.stop()).result(10)
    loop.stop(10)


@contextmanager
def proxy(upstream_url: str, home: str) -> Iterator[tuple[psutil.Process, int]]:
    """Run a proxy before it; give its process and its port."""
    sockets = bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    for sock in sockets:
        sock.close()
    own = {"TRAY_PROXY_HOME": home, "OPENROUTER_BASE_URL": upstream_url, "OPENROUTER_API_KEY": DEMO_KEY}
    process = subprocess.Popen(
        [sys.executable, "-m", "tray_proxy", "serve", "--port", str(port)],
        env=os.environ | own,
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    if process.stdout is None or not process.stdout.readline():
        raise SystemExit("The proxy did not start.")
    yield psutil.Process(process.pid), port
    process.terminate()
    process.wait(10)
    process.stdout.close()


class Peak:
    """The most memory that a process held since this was made, in bytes. Linux keeps the figure itself."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._proc = Path(f"/proc/{process.pid}")
        self.before = self._highest = process.memory_info().rss
        self._ended = threading.Event()
        if self._proc.exists():
            (self._proc / "clear_refs").write_text("5")
        else:
            threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while not self._ended.is_set():
            self._highest = max(self._highest, self._process.memory_info().rss)
            self._ended.wait(SAMPLE_S)

    def growth(self) -> int:
        """End the measurement."""
        self._ended.set()
        if self._proc.exists():
            status = dict(line.split(":\t", 1) for line in (self._proc / "status").read_text().splitlines())
            self._highest = int(status["VmHWM"].split()[0]) * 1024
        return self._highest - self.before


def ask(port: int, path: str, body: bytes) -> None:
    """Send a request and read its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, body)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}: {text[:500]!r}")


def request(path: str, size: int) -> bytes:
    """Make a request with a picture of `size` bytes."""
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + os.urandom(size - 8)).decode()
    address = f"data:image/png;base64,{picture}"
    block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": picture}}
    contents: dict[str, dict[str, object]] = {
        "/api/chat": {"messages": [{"role": "user", "content": "Look", "images": [picture]}]},
        "/api/generate": {"prompt": "Look", "images": [picture]},
        "/v1/chat/completions": {
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": address}}]}]
        },
        "/v1/responses": {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": address}]}]},
        "/v1/messages": {"messages": [{"role": "user", "content": [block]}], "max_tokens": 100},
    }
    return json.dumps({"model": MODEL, "stream": False} | contents[path]).encode()


def main() -> None:
    """Measure each endpoint in a fresh proxy, and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("megabytes", nargs="?", type=int, default=10, help="size of the picture; 10 unless given")
    megabytes = parser.parse_args().megabytes
    print(f"A picture of {megabytes} MB")
    with upstream() as address:
        for path in PATHS:
            with tempfile.TemporaryDirectory() as home, proxy(address, home) as (process, port):
                ask(port, path, request(path, 1000))
                body = request(path, megabytes * MEGABYTE)
                peak = Peak(process)
                ask(port, path, body)
                growth = peak.growth()
            print(
                f"{path:<21} request {len(body) / MEGABYTE:6.1f} MB   "
                f"peak +{growth / MEGABYTE:6.1f} MB   in memory {growth / len(body):.2f} times"
            )


if __name__ == "__main__":
    main()
