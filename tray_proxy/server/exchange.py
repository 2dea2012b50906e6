"""
One upstream exchange: open, translate, stream, stop when the client leaves, account.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tray_proxy.activity import Activity
from tray_proxy.budget import Budget
from tray_proxy.catalogue import CatalogueCache
from tray_proxy.errors import ProxyError, Stopping
from tray_proxy.http_cycle import HELD
from tray_proxy.http_protocol import CYCLE
from tray_proxy.keychain import Keychain
from tray_proxy.metrics import Metrics
from tray_proxy.neighbour.memory import LocalNames
from tray_proxy.neighbour.models import LocalModels
from tray_proxy.openrouter.answer import Answer, Chunk
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.presets import Presets
from tray_proxy.selection import Selection
from tray_proxy.server.asgi import Receive, Record, Reply, Scope, Send, give_way, send_reply
from tray_proxy.server.deal import Deal
from tray_proxy.server.in_flight import InFlight
from tray_proxy.server.listing import Listings
from tray_proxy.server.loaded import Loaded
from tray_proxy.server.reasoning_memory import ReasoningMemory
from tray_proxy.server.unknown_options import UnknownOptions
from tray_proxy.server.watch import Watch
from tray_proxy.setting_list import Settings
from tray_proxy.translate.reasoning_details import BEGINNING, Place, place_after, turn_keys
from tray_proxy.translate.stream import Delta, Outcome, ReplyStream
from tray_proxy.wire.openrouter import CompletionRequest

# How long a client that does not read may hold up its own error line.
LAST_WORDS_S = 1.0
# The status of an answer that has begun, whatever becomes of it.
STARTED = 200


class Dialect(Protocol):
    """How an answer is written for the client that asked. `content_type` is that of a stream."""

    content_type: str

    def deltas(self, deltas: list[Delta]) -> bytes:
        """Write what was just said."""

    def end(self, outcome: Outcome) -> bytes:
        """Write the end of a stream."""

    def whole(self, deltas: list[Delta], outcome: Outcome) -> bytes:
        """Write a plain answer."""

    def failure(self, error: ProxyError) -> bytes:
        """Write an error into a stream that has begun."""


@dataclass(frozen=True)
class Deps:
    """Everything a handler may use. Settings never change in place: a new `Deps` takes the old one's place."""

    settings: Settings
    client: OpenRouterClient
    keychain: Keychain
    catalogue: CatalogueCache
    selection: Selection
    presets: Presets
    in_flight: InFlight
    page_address: Callable[[], Awaitable[str]]
    demo: bool = False
    loaded: Loaded = field(default_factory=Loaded)
    listings: Listings = field(default_factory=Listings)
    memory: ReasoningMemory = field(default_factory=ReasoningMemory)
    unknown_options: UnknownOptions = field(default_factory=UnknownOptions)
    local: LocalModels | None = None
    once_local: LocalNames | None = None
    activity: Activity = field(default_factory=Activity)
    metrics: Metrics = field(default_factory=Metrics)
    budget: Budget = field(default_factory=Budget)


@dataclass
class Purchase:
    """
    One request's way to OpenRouter, watched until its client has the answer or leaves.

    Args:
        asked: The model's name as the app wrote it.
    """

    deps: Deps
    scope: Scope
    receive: Receive
    send: Send
    record: Record
    asked: str
    _begun: bool = field(default=False, init=False)
    _ended: bool = field(default=False, init=False)

    async def buy(self, purchase: Coroutine[Any, Any, None]) -> None:
        """
        See a purchase through to its end, or to the moment the client leaves.

        Args:
            purchase: Asks OpenRouter and answers the client, by `reply` where the answer is whole.

        Raises:
            ProxyError: it failed before the client was sent anything; later failures are written into the stream.
            ClientLeft: the client left before anything was asked of OpenRouter.
        """
        self.record.asked = True
        watch = Watch(self.scope, self.receive, spared=lambda: self._ended)
        failure: ProxyError | None = None
        self.deps.in_flight.add(watch)
        try:
            async with watch:
                await purchase
        except ProxyError as error:
            failure = error
        finally:
            purchase.close()
            if self._ended:
                await give_way(self.scope)
            self.deps.in_flight.remove(watch)
        if self._ended:
            # Whatever became of the connection since: the answer was whole.
            self.delivered()
        elif watch.left:
            self.record.outcome = "cancelled"
        elif watch.stopped:
            await self._fail(Stopping())
        elif failure is not None:
            await self._fail(failure)

    async def reply(self, reply: Reply) -> None:
        """Send a whole answer; from here on it counts as delivered."""
        self._begun = True
        await send_reply(self.send, reply)
        self._ended = True

    def delivered(self) -> None:
        """Tell that OpenRouter answers."""
        self.deps.in_flight.recovered()

    async def last_words(self, error: ProxyError) -> None:
        """Tell of a failure after the answer has begun; a whole one that is on its way can only break off."""

    async def _fail(self, error: ProxyError) -> None:
        self.record.outcome = "failed"
        self.record.error = type(error).__name__
        self.deps.in_flight.troubled(error)
        if not self._begun:
            raise error
        await self.last_words(error)

    async def send_last(self, lines: bytes) -> None:
        """End a stream that has begun with these lines; a client that does not read them holds nothing up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self.send({"type": "http.response.body", "body": lines})


@dataclass
class Exchange(Purchase):
    """
    One request's conversation, streamed or whole.

    Args:
        dialect: How the answer is written.
        whole_type: The content type of a plain answer.
        deal: The answer, which may have been asked for already.
    """

    dialect: Dialect
    whole_type: str
    deal: Deal
    _answer: Answer = field(init=False)
    _streams: bool = field(default=False, init=False)
    _put: Callable[[bytes], bool] | None = field(default=None, init=False)
    _unsent: list[bytes] = field(default_factory=list, init=False)
    _is_full: bool = field(default=False, init=False)
    _model_id: str = field(default="", init=False)
    _place: Place = field(default=BEGINNING, init=False)
    _ending: Callable[[], object] = field(default=lambda: None, init=False)
    _reply: ReplyStream = field(init=False)

    def __post_init__(self) -> None:
        self._reply = self.deal.reply

    async def run(
        self,
        completion: CompletionRequest,
        *,
        stream: bool,
        stops: Sequence[str] = (),
        ending: Callable[[], object] = lambda: None,
    ) -> None:
        """
        Buy the answer that was asked for, and send it.

        Args:
            completion: What was asked.
            stops: Stop strings to watch for here, because OpenRouter does not.
            ending: Called when the answer is complete, before the client can know it.

        Raises:
            ProxyError: it failed before the client was sent anything; later failures are written into the stream.
        """
        self._reply.watch_for(stops, choices=completion.n or 1)
        self._ending = ending
        try:
            await self.buy(self._stream(completion) if stream else self._gather(completion))
        finally:
            # Also of an answer that broke off, or that nobody waited for: as far as it was told, it was bought.
            self.record.usage = self._reply.usage
            self.record.latency_s, self.record.first_token_s = self._reply.opened_s, self._reply.first_s

    async def _stream(self, completion: CompletionRequest) -> None:
        async with self.deal.bought as answer:
            self._answer = answer
            self._opened(completion)
            cycle = self.scope.get(CYCLE)
            if cycle is not None:
                self._put = cycle.put
                # Now, while the model thinks. It leaves with the first word, or a failure's takes its place.
                await self._send_start(held=True)
            more = True
            while more and not self._reply.stopped:
                try:
                    more = await answer.pour(self._pass_on)
                except ProxyError:
                    await self._flush()
                    if not self._reply.stopped:
                        raise
                if not answer.marked:
                    await self._flush()
            if not (answer.over or self._reply.stopped):
                await self._end(marked=answer.marked)
        if not self._ended:
            # Its connection is free by now, for whoever asks next. Or it is closed, for what comes on it is bought.
            await self._end(marked=answer.marked and not self._reply.stopped)
            # Here already: who asks again at once is not to wait until all that is under way has been left, either.
            await give_way(self.scope)

    def _pass_on(self, chunks: list[Chunk]) -> bool:
        """
        Write what has just come, at once where that can be; says whether more can be written in this way.

        What has come together with the end leaves with it.
        """
        # Nearly all come alone.
        deltas = self._reply.feed(chunks[0], time.monotonic_ns()) if len(chunks) == 1 else self._feed(chunks)
        # Some dialects have no word for a thought: nobody hears of it, nor is it the beginning of an answer.
        if deltas and (lines := self.dialect.deltas(deltas)):
            if self._put is None or self._unsent or self._answer.marked:
                self._unsent.append(lines)
            else:
                if not self._begun:
                    self._has_begun()
                self._is_full = not self._put(lines)
        return not (self._unsent or self._is_full or self._reply.stopped)

    async def _flush(self) -> None:
        """Write what could not be written at once, and wait until there is room for more."""
        if self._unsent or self._is_full:
            lines, self._is_full = b"".join(self._unsent), False
            self._unsent.clear()
            await self._write(lines)

    async def _end(self, *, marked: bool) -> None:
        try:
            left, outcome = self._finish(marked=marked)
            last = (self.dialect.deltas(left) if left else b"") + self.dialect.end(outcome)
        except ProxyError:
            # All that was said goes before what is wrong with its end.
            await self._flush()
            raise
        unsent = b"".join(self._unsent)
        self._unsent.clear()
        await self._write(unsent + last, ends=True)
        self._ended = True

    async def _gather(self, completion: CompletionRequest) -> None:
        gathered: list[Delta] = []

        def keep(chunks: list[Chunk]) -> bool:
            gathered.extend(self._feed(chunks))
            return not self._reply.stopped

        async with self.deal.bought as answer:
            self._opened(completion)
            more = True
            try:
                while more and not self._reply.stopped:
                    more = await answer.pour(keep)
            except ProxyError:
                # What came with the end of the answer, and after it, is none of it.
                if not self._reply.stopped:
                    raise
            if not (answer.over or self._reply.stopped):
                await self._answer_whole(gathered, marked=answer.marked)
        if not self._ended:
            # As above.
            await self._answer_whole(gathered, marked=answer.marked and not self._reply.stopped)

    async def _answer_whole(self, gathered: list[Delta], *, marked: bool) -> None:
        left, outcome = self._finish(marked=marked)
        await self.reply(Reply(200, self.dialect.whole(gathered + left, outcome), self.whole_type))

    def _opened(self, completion: CompletionRequest) -> None:
        """Note what is needed of a question once its answer has come; now, for the model has only begun to think."""
        self._reply.opened(time.monotonic_ns())
        self._model_id, self._place = completion.model, place_after(completion.messages)

    def _feed(self, chunks: list[Chunk]) -> list[Delta]:
        now_ns = time.monotonic_ns()
        return [delta for chunk in chunks for delta in self._reply.feed(chunk, now_ns)]

    def _finish(self, *, marked: bool) -> tuple[list[Delta], Outcome]:
        left, outcome = self._reply.finish(time.monotonic_ns(), marked=marked)
        self._remember()
        self.deal.settle()  # before the client can ask again
        self._ending()
        return left, outcome

    def _remember(self) -> None:
        """Keep what the model thought, before the client can send the turn back."""
        turn = self._reply.turn()
        # A router may ask another model next time; and a thought that led to nothing broke off.
        if turn.details and (turn.content or turn.calls) and not self._model_id.startswith("openrouter/"):
            calls = [(call.id, call.name, call.arguments) for call in turn.calls]
            self.deps.memory.remember(turn_keys(self._model_id, self._place, turn.content, calls), turn.details)

    async def _write(self, lines: bytes, *, ends: bool = False) -> None:
        if not self._begun and self._put is None:
            await self._send_start(held=False)
        self._has_begun()
        await self.send({"type": "http.response.body", "body": lines, "more_body": not ends})

    async def _send_start(self, *, held: bool) -> None:
        content_type = (b"content-type", self.dialect.content_type.encode())
        await self.send({"type": "http.response.start", "status": STARTED, "headers": [content_type], HELD: held})

    def _has_begun(self) -> None:
        """Note that the first word is on its way: until then a failure is still a real HTTP status."""
        self._begun = self._streams = True
        self.record.status = STARTED

    async def last_words(self, error: ProxyError) -> None:
        """Write the error into the stream, if that is what has begun."""
        if not self._streams:
            return
        held = self._reply.release()
        await self.send_last((self.dialect.deltas(held) if held else b"") + self.dialect.failure(error))
