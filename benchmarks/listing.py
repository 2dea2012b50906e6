"""
Measures how long the list of models and all that is shown of each take, as apps ask when they start.

A real proxy runs in a process of its own with the saved copy of a long list; its upstream is away. This process asks,
over plain sockets, so that little of what is measured is the asking.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Self

from picture_memory import proxy

from tray_proxy.demo.catalogue import list_response, models_with_output
from tray_proxy.listener import bind

REPEATED = 200


def saved_copy(home: Path, base_url: str, count: int) -> None:
    """Write the copy of a list with so many models."""
    rows = list_response(models_with_output("text"))["data"]
    many = [rows[number % len(rows)] | {"id": f"vendor/model-{number}-instruct"} for number in range(count)]
    content = {
        "base_url": base_url,
        "fetched_s": int(time.time()),
        "models": {"data": many},
        "embeddings": {"data": []},
    }
    (home / "cache").mkdir()
    (home / "cache" / "catalogue.json").write_text(json.dumps(content))


class Client:
    """One connection to the proxy."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def ask(self, method: str, path: str, body: bytes = b"", *, expected: int = 200) -> bytes:
        """Send a request, and return the answer's body."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
        answer = await self._reader.readexactly(length)
        if int(lines[0].split()[1]) != expected:
            raise SystemExit(f"{path} answered {lines[0]}: {answer[:300]!r}")
        return answer


def since(begun: float) -> str:
    """Write the time since then in milliseconds."""
    return f"{(time.perf_counter() - begun) * 1000:9.2f} ms"


async def measure(port: int) -> None:
    """Ask in the ways that apps do, and print a line for each."""
    async with Client(port) as client:
        await client.ask("GET", "/api/version")
        begun = time.perf_counter()
        listed = await client.ask("GET", "/api/tags")
        print(f"/api/tags, first                    {since(begun)}   {len(listed) / 1000:.0f} kB")
        begun = time.perf_counter()
        for _ in range(REPEATED):
            await client.ask("GET", "/api/tags")
        each = (time.perf_counter() - begun) * 1000 / REPEATED
        print(f"/api/tags, again, each              {each:9.2f} ms")
        names = [model["name"] for model in json.loads(listed)["models"]]
        shows = [json.dumps({"model": name}).encode() for name in names]
        for when in ("first", "again"):
            begun = time.perf_counter()
            for body in shows:
                await client.ask("POST", "/api/show", body)
            print(f"{len(shows)} shows in turn, {when:<6}           {since(begun)}")
        begun = time.perf_counter()
        unknown = json.dumps({"model": "vendor/mode-l99-instruct-with-a-tail"}).encode()
        await client.ask("POST", "/api/show", unknown, expected=404)
        print(f"an unknown name, with near ones     {since(begun)}")

    async def one(body: bytes) -> None:
        async with Client(port) as client:
            await client.ask("POST", "/api/show", body)

    begun = time.perf_counter()
    await asyncio.gather(*(one(body) for body in shows))
    print(f"{len(shows)} shows at once, a connection each {since(begun)}")


def main() -> None:
    """Start a proxy and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="?", type=int, default=450, help="how many models there are; 450 unless given")
    count = parser.parse_args().models
    sockets = bind("127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/api/v1"
    for sock in sockets:
        sock.close()
    with tempfile.TemporaryDirectory() as home:
        saved_copy(Path(home), base_url, count)
        with proxy(base_url, home) as (_, port):
            asyncio.run(measure(port))


if __name__ == "__main__":
    main()
