"""
One upstream exchange: open, translate, stream, stop when the client leaves, account.

While an answer is bought, a second task watches the client's connection: when the client leaves, before the
first byte or after it, streaming or not, the upstream connection is closed at once, because that is what
stops the bill.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from tray_proxy.catalogue import CatalogueCache
from tray_proxy.errors import ProxyError, Stopping
from tray_proxy.keychain import Keychain
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.server.asgi import NDJSON, Receive, Record, Reply, Scope, Send, send_reply, send_start, until_left
from tray_proxy.settings import Settings
from tray_proxy.translate.stream import Delta, Outcome, ReplyStream
from tray_proxy.wire.openrouter import CompletionRequest

# How long a client that does not read may hold up its own error line.
LAST_WORDS_S = 1.0


class Dialect(Protocol):
    """How an answer is written for the client that asked."""

    def deltas(self, deltas: list[Delta]) -> bytes:
        """Write what was just said."""

    def end(self, outcome: Outcome) -> bytes:
        """Write the end of a stream."""

    def whole(self, deltas: list[Delta], outcome: Outcome) -> bytes:
        """Write a plain answer."""

    def failure(self, error: ProxyError) -> bytes:
        """Write an error into a stream that has begun."""


@dataclass
class InFlight:
    """
    The exchanges under way.

    Args:
        changed: Told how many there are, in the event loop.
        troubled: Told of each exchange that failed for a reason the owner should know.
        recovered: Told of each exchange that succeeded.
    """

    changed: Callable[[int], None] = lambda _: None
    troubled: Callable[[ProxyError], None] = lambda _: None
    recovered: Callable[[], None] = lambda: None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def add(self, task: "asyncio.Task[None]") -> None:
        """Count a task until it ends."""
        self._tasks.add(task)
        self.changed(len(self._tasks))
        task.add_done_callback(self._remove)

    def _remove(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self.changed(len(self._tasks))

    async def stop(self, grace_s: float) -> None:
        """Let the exchanges end by themselves for a moment, then end them with an error that says why."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=grace_s)
        for task in set(self._tasks):
            task.cancel()


@dataclass(frozen=True)
class Deps:
    """Everything a handler may use. Settings never change in place: a new `Deps` takes the old one's place."""

    settings: Settings
    client: OpenRouterClient
    keychain: Keychain
    catalogue: CatalogueCache
    in_flight: InFlight
    demo: bool = False


@dataclass
class Exchange:
    """
    One request's answer.

    Args:
        asked: The model's name as the app wrote it.
    """

    deps: Deps
    scope: Scope
    receive: Receive
    send: Send
    record: Record
    asked: str
    dialect: Dialect
    _begun: bool = False
    _ended: bool = False
    _reply: ReplyStream = field(default_factory=lambda: ReplyStream(time.monotonic_ns()))

    async def run(self, completion: CompletionRequest, *, stream: bool) -> None:
        """
        Buy the answer and send it.

        Raises:
            ProxyError: it failed before the client was sent anything; later failures are written into the stream.
        """
        work = asyncio.create_task(self._stream(completion) if stream else self._gather(completion))
        left = asyncio.create_task(until_left(self.receive))
        self.deps.in_flight.add(work)
        try:
            await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
            if self._ended:
                # The client has all of it; what remains is to leave the upstream connection fit for reuse.
                await asyncio.wait({work})
            gone = left.done() and not work.done()
        finally:
            # Also when the server itself gives this request up.
            work.cancel()
            left.cancel()
            await asyncio.wait({work, left})
        if self._ended:
            # Whatever became of the connection since: the answer was whole.
            self.deps.in_flight.recovered()
        elif gone:
            self.record.outcome = "cancelled"
        elif work.cancelled():
            await self._fail(Stopping())
        elif error := work.exception():
            if not isinstance(error, ProxyError):
                raise error
            await self._fail(error)

    async def _stream(self, completion: CompletionRequest) -> None:
        async with self.deps.client.stream(completion, self.asked) as answer:
            self._reply.opened(time.monotonic_ns())
            async for chunks in answer.chunks():
                now_ns = time.monotonic_ns()
                deltas = [delta for chunk in chunks for delta in self._reply.feed(chunk, now_ns)]
                if deltas:
                    await self._write(self.dialect.deltas(deltas))
            left, outcome = self._reply.finish(time.monotonic_ns(), marked=answer.marked)
            self._account(outcome)
            await self._write((self.dialect.deltas(left) if left else b"") + self.dialect.end(outcome))
            await self.send({"type": "http.response.body", "body": b""})
            self._ended = True

    async def _gather(self, completion: CompletionRequest) -> None:
        gathered: list[Delta] = []
        async with self.deps.client.stream(completion, self.asked) as answer:
            self._reply.opened(time.monotonic_ns())
            async for chunks in answer.chunks():
                now_ns = time.monotonic_ns()
                gathered += (delta for chunk in chunks for delta in self._reply.feed(chunk, now_ns))
            left, outcome = self._reply.finish(time.monotonic_ns(), marked=answer.marked)
            self._account(outcome)
            self._begun = True
            await send_reply(self.send, Reply(200, self.dialect.whole(gathered + left, outcome)))
            self._ended = True

    async def _write(self, lines: bytes) -> None:
        if not self._begun:
            # Not before the first word: until then a failure is still a real HTTP status.
            self._begun = True
            await send_start(self.send, 200, NDJSON)
        await self.send({"type": "http.response.body", "body": lines, "more_body": True})

    def _account(self, outcome: Outcome) -> None:
        self.record.prompt_tokens = outcome.prompt_tokens
        self.record.completion_tokens = outcome.completion_tokens
        self.record.cost_usd = outcome.cost_usd

    async def _fail(self, error: ProxyError) -> None:
        self.record.outcome = "failed"
        self.record.error = type(error).__name__
        self.deps.in_flight.troubled(error)
        if not self._begun:
            raise error
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self.send({"type": "http.response.body", "body": self.dialect.failure(error), "more_body": True})
                await self.send({"type": "http.response.body", "body": b""})


def now_rfc3339() -> str:
    """Return the present time as Ollama writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
