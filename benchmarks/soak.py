"""
Lets a real proxy live through mixed work for a bounded time, and shows what it keeps of it: memory, descriptors, tasks.

The proxy runs in a process of its own; its upstream is the demo's, here. Apps of every dialect ask for streams and
plain answers, pictures, vectors and lists; some leave in the middle, and some questions meet an upstream that fails. At
a bounded rate: this is no measurement of speed. Ends with status 1 where more is kept than was promised.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tray_proxy.demo.upstream import DEMO_KEY, DemoUpstream
from tray_proxy.listener import Listener, bind

# After so much of the time the caches are full, and every path was walked.
WARM_UP = 0.2
# What may be kept beyond that.
GROWTH_MB = 5.0
MODEL, VECTORS = "openai/gpt-4o-mini", "baai/bge-m3"
QUESTION = "Tell me something about rivers, please."
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2048).decode()
FAILURES = ("status-400", "status-402", "status-429", "status-500", "status-503", "cut", "no-bytes", "error-mid-stream",
            "malformed-chunk", "html-error", "no-done")  # fmt: skip
LISTS = (("GET", "/api/tags"), ("GET", "/v1/models"), ("GET", "/api/ps"), ("GET", "/health"), ("GET", "/api/version"))


def conversation(text: str, **more: Any) -> dict[str, Any]:
    """Give the part of a request that Ollama, OpenAI and Anthropic have in common."""
    return {"messages": [{"role": "user", "content": text} | more], "max_tokens": 200}


# Each dialect's way to ask a text, and what its streams end with.
DIALECTS: dict[str, tuple[Callable[[str], dict[str, Any]], bytes]] = {
    "/api/chat": (conversation, b'"done":true'),
    "/api/generate": (lambda text: {"prompt": text}, b'"done":true'),
    "/v1/chat/completions": (conversation, b"[DONE]"),
    "/v1/completions": (lambda text: {"prompt": text}, b"[DONE]"),
    "/v1/responses": (lambda text: {"input": text}, b"response.completed"),
    "/v1/messages": (conversation, b"message_stop"),
}


@dataclass
class Work:
    """Asks a proxy, and counts what came of it."""

    port: int
    chance: random.Random
    outcomes: Counter[str]

    async def one(self) -> None:
        """Ask one thing, of any kind; what is not as it should be is counted by its own name."""
        kinds: tuple[tuple[Callable[[], Coroutine[Any, Any, str]], int], ...] = (
            (self._stream, 45), (self._plain, 20), (self._leave, 10), (self._list, 10), (self._fail, 8),
            (self._picture, 4), (self._vectors, 3),
        )  # fmt: skip
        ask = self.chance.choices([kind for kind, _ in kinds], [share for _, share in kinds])[0]
        try:
            outcome = await ask()
        except (OSError, asyncio.IncompleteReadError) as error:
            outcome = f"UNEXPECTED {ask.__name__[1:]}: {type(error).__name__}"
        self.outcomes[outcome] += 1

    def _question(self, text: str, *, stream: bool) -> tuple[str, dict[str, Any], bytes]:
        path = self.chance.choice(list(DIALECTS))
        make, end = DIALECTS[path]
        return path, {"model": MODEL, "stream": stream} | make(text), end

    async def _stream(self) -> str:
        path, body, end = self._question(QUESTION, stream=True)
        status, answer = await self._ask("POST", path, body)
        return "stream" if status == 200 and end in answer[-2000:] else f"UNEXPECTED stream: {path} {status}"

    async def _plain(self) -> str:
        path, body, _ = self._question(QUESTION, stream=False)
        status, answer = await self._ask("POST", path, body)
        return "plain" if status == 200 and b"[demo]" in answer else f"UNEXPECTED plain: {path} {status}"

    async def _picture(self) -> str:
        body = {"model": MODEL, "stream": False} | conversation("What is this?", images=[PICTURE])
        status, _ = await self._ask("POST", "/api/chat", body)
        return "picture" if status == 200 else f"UNEXPECTED picture: {status}"

    async def _vectors(self) -> str:
        status, _ = await self._ask("POST", "/api/embed", {"model": VECTORS, "input": [QUESTION] * 3})
        return "vectors" if status == 200 else f"UNEXPECTED vectors: {status}"

    async def _list(self) -> str:
        method, path = self.chance.choice(LISTS)
        status, _ = await self._ask(method, path)
        return "list" if status == 200 else f"UNEXPECTED list: {path} {status}"

    async def _fail(self) -> str:
        fault = self.chance.choice(FAILURES)
        path, body, end = self._question(f"#fault:{fault}", stream=self.chance.random() < 0.5)
        status, answer = await self._ask("POST", path, body)
        return "failure" if status >= 400 or end not in answer[-2000:] else f"UNEXPECTED success: {path} {fault}"

    async def _leave(self) -> str:
        path, body, _ = self._question("#fault:endless", stream=self.chance.random() < 0.7)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(_request("POST", path, body))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.chance.random()):
                await reader.read(-1)
        writer.close()
        return "left"

    async def _ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(_request(method, path, body))
            answer = await reader.read(-1)
        finally:
            writer.close()
        return int(answer[9:12] or b"0"), answer


def _request(method: str, path: str, body: object) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


@dataclass(frozen=True)
class Kept:
    """
    What the proxy holds: memory in MB, descriptors, threads; answers under way stand for its tasks.

    Connections to the upstream are kept on purpose, for the next answers, and are counted apart.
    """

    rss_mb: float
    files: int
    upstream: int
    threads: int
    in_flight: int

    def __str__(self) -> str:
        return f"{self.rss_mb:8.1f} {self.files:6} {self.upstream:9} {self.threads:8} {self.in_flight:10}"


async def kept(process: psutil.Process, port: int) -> Kept:
    """Look at the proxy from outside, and ask it how many answers are under way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request("GET", "/metrics", None))
    told = await reader.read(-1)
    writer.close()
    line = next(line for line in told.splitlines() if line.startswith(b"tray_proxy_requests_in_flight"))
    upstream = sum(bool(each.raddr) and each.laddr.port != port for each in process.net_connections("tcp"))
    memory = process.memory_info().rss / 1e6
    return Kept(memory, process.num_fds() - upstream, upstream, process.num_threads(), int(float(line.split()[-1])))


async def soak(minutes: float, rate: float) -> bool:
    """Run it all; say whether the proxy kept no more than it should."""
    demo = DemoUpstream(chunk_delay_s=0.01)
    upstream = Listener(demo.app, bind("127.0.0.1", 0))
    url = await upstream.start()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), f"{url}/api/v1") as (process, port):
        await _until_it_answers(process, port)
        work = Work(port, random.Random(7), Counter())  # noqa: S311  the same work each time, and no secret
        result = await _watch(minutes, rate, work, process, demo)
    await upstream.stop()
    return result


async def _watch(minutes: float, rate: float, work: Work, process: psutil.Process, demo: DemoUpstream) -> bool:
    print(f"{minutes:g} minutes, {rate:g} requests a second\n")
    print("minute   RSS MB  files  upstream  threads  in flight  requests    CPU %")
    began_s = time.monotonic()
    at_rest = await kept(process, work.port)
    warm: Kept | None = None
    running: set[asyncio.Task[None]] = set()
    process.cpu_percent()
    minute, due_s = 0, began_s
    while (elapsed_s := time.monotonic() - began_s) < minutes * 60:
        task = asyncio.create_task(work.one())
        running.add(task)
        task.add_done_callback(running.discard)
        if elapsed_s >= 60 * (minute + 1):
            minute += 1
            cpu = process.cpu_percent()
            print(f"{minute:6} {await kept(process, work.port)} {work.outcomes.total():9} {cpu:8.1f}", flush=True)
            demo.received.clear()
        if warm is None and elapsed_s >= WARM_UP * minutes * 60:
            warm = await kept(process, work.port)
        due_s += 1 / rate
        await asyncio.sleep(max(due_s - time.monotonic(), 0))
    await asyncio.gather(*running)
    end = await _at_rest(process, work.port, at_rest)
    return _tell(warm or at_rest, at_rest, end, work.outcomes)


async def _at_rest(process: psutil.Process, port: int, before: Kept) -> Kept:
    """Wait until all has ended, for a minute at most: what is left then stays."""
    until_s = time.monotonic() + 60
    while True:
        now = await kept(process, port)
        if (now.in_flight == 0 and now.files <= before.files) or time.monotonic() > until_s:
            return now
        await asyncio.sleep(1)


def _tell(warm: Kept, before: Kept, end: Kept, outcomes: Counter[str]) -> bool:
    print(f"\nbefore {before}\nwarm   {warm}\nend    {end}\n")
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
    growth_mb = end.rss_mb - warm.rss_mb
    unexpected = sum(count for outcome, count in outcomes.items() if outcome.startswith("UNEXPECTED"))
    print(
        f"growth after warm-up {growth_mb:+.1f} MB (at most {GROWTH_MB:g}), descriptors {end.files - before.files:+}, "
        f"answers left under way {end.in_flight}, unexpected answers {unexpected}"
    )
    return growth_mb < GROWTH_MB and end.files <= before.files and end.in_flight == 0 and unexpected == 0


@contextlib.contextmanager
def serving(home: Path, upstream_url: str) -> Any:
    """Start the proxy; give its process and its port, and end it."""
    probes = bind("127.0.0.1", 0)
    port = probes[0].getsockname()[1]
    for probe in probes:
        probe.close()
    with (home / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tray_proxy", "serve", "--port", str(port)],
            env=os.environ
            | {"TRAY_PROXY_HOME": str(home), "OPENROUTER_BASE_URL": upstream_url, "OPENROUTER_API_KEY": DEMO_KEY}
            | {"DAILY_LIMIT_USD": "0", "PAID_REQUESTS_PER_MINUTE": "0"},
            cwd=home,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait(30)


async def _until_it_answers(process: psutil.Process, port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            raise SystemExit("the proxy did not start")
        await asyncio.sleep(0.1)
    # What the first requests need is read by then, and both lists of models are there.
    await asyncio.sleep(3)


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("minutes", nargs="?", type=float, default=60.0, help="how long (default: 60)")
    parser.add_argument("--rate", type=float, default=5.0, help="requests a second (default: 5)")
    arguments = parser.parse_args()
    return 0 if asyncio.run(soak(arguments.minutes, arguments.rate)) else 1


if __name__ == "__main__":
    sys.exit(main())
