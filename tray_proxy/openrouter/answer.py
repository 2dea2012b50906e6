"""
An answer of OpenRouter's while it arrives: how long to wait for its next byte, and what stands in it.

It knows neither the HTTP library nor the connection: bytes come in, and what is wrong with them is told as ours.
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from tray_proxy.errors import ProxyError, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from tray_proxy.openrouter import failures
from tray_proxy.openrouter.sse import LineTooLong, SSEDecoder
from tray_proxy.setting_list import Settings
from tray_proxy.wire.openrouter import CompletionChunk, EmbeddingReply, TextChunk, Usage

# How long to wait for the end of a body whose end mark was seen; breaking off would cost the connection.
DRAIN_S = 2.0
# An error is shown to people, in small windows.
MAX_MESSAGE_LENGTH = 1000
TOO_MUCH = "OpenRouter sent more than was asked for."
# Many times the longest answer that any model gives, pictures in it included.
MAX_STREAM_BYTES = 64 * 1024 * 1024
# Of one event. Pictures and code make it long; so many lists and objects are made to fill the memory.
MAX_CONTAINERS = 500_000

_END_MARK = b"[DONE]"


class _Beside(msgspec.Struct):
    usage: Usage | None = None
    error: Any = None


# Not strict: a figure that comes as text ("0.01") must not cost the answer it stands in.
_decode_text = msgspec.json.Decoder(TextChunk).decode
_decode_chunk = msgspec.json.Decoder(CompletionChunk, strict=False).decode
_decode_beside = msgspec.json.Decoder(_Beside, strict=False).decode
_decode_embeddings = msgspec.json.Decoder(EmbeddingReply, strict=False).decode


type Chunk = CompletionChunk | TextChunk


class Body(Protocol):
    """An answer's bytes."""

    async def part(self, limit_s: float) -> bytes | None:
        """
        Give the next bytes; None at the end.

        Raises:
            TimeoutError: none came within `limit_s` seconds.
            UpstreamUnreachable: they broke off.
        """

    async def pour(self, take: Callable[[bytes], bool], limit_s: float, first_s: float) -> bool:
        """
        Have the bytes taken as they come, until `take` wants no more (True) or they end (False).

        Raises:
            TimeoutError, UpstreamUnreachable: as `part`; the next bytes may take `first_s`.
        """


class Answer:
    """
    An answer under way.

    `marked` is true once OpenRouter's end mark was seen, `over` once the body has ended and its connection is free,
    `refused` once OpenRouter has told of an error.

    Args:
        body: Gives the bytes as they arrive.
        asked: The model's name as the app wrote it, for "model not found".
    """

    def __init__(self, body: Body, settings: Settings, asked: str) -> None:
        self.marked = self.over = self.refused = False
        self._body = body
        self._settings = settings
        self._asked = asked
        self._decoder = SSEDecoder()
        self._received_bytes = 0
        self._failure: ProxyError | None = None
        self._taker: Callable[[list[Chunk]], bool] = _nobody

    async def pour(self, take: Callable[[list[Chunk]], bool]) -> bool:
        """
        Have the chunks taken as they arrive, those that came together in one list.

        Args:
            take: Says whether it wants to get more in this way. What came at the end it gets in any case.

        Returns:
            True where `take` wants no more; False at the end of the answer.

        Raises:
            ProxyError: OpenRouter reported an error, broke off, fell silent, or sent without end. All that came before
                it in the same bytes is given first: the client has paid for it.
        """
        self._taker = take
        limit_s = self._settings.idle_timeout_s
        first_s = limit_s if self._received_bytes else self._settings.first_byte_timeout_s
        try:
            self.over = ended = not await self._body.pour(self._take, limit_s, first_s)
            if ended and not self.marked and self._failure is None:
                self._take(None)
        except TimeoutError:
            if self._received_bytes:
                raise silent(limit_s, "the next piece of the answer") from None
            raise silent(first_s, "the first byte of the answer") from None
        finally:
            # Whoever takes has the answer: each would keep the other, and all that was asked.
            self._taker = _nobody
        if self._failure is not None:
            raise self._failure
        return not (ended or self.marked)

    def _take(self, received: bytes | None) -> bool:
        """Give away what stands in the next bytes, None being their end; returns whether more is wanted of them."""
        payload = None if received is None else self._decoder.alone(received)
        if received and payload is not None and self._received_bytes + len(received) <= MAX_STREAM_BYTES:
            # What comes nearly always, one event with a piece of text, is read in the shortest way.
            try:
                chunk = _decode_text(payload)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass  # it says something else, or nothing
            else:
                self._received_bytes += len(received)
                return self._taker([chunk])
        try:
            events = self._decoder.finish() if received is None else self._decoder.feed(received)
        except LineTooLong:
            events, self._failure = [], UpstreamError("OpenRouter sent more in one event than any answer can hold.")
        self._received_bytes += len(received or b"")
        if self._received_bytes > MAX_STREAM_BYTES:
            self._failure = UpstreamError(TOO_MUCH)
        chunks = self._read(events)
        wants_more = self._taker(chunks) if chunks else True
        return wants_more and self._failure is None and not self.marked

    def _read(self, events: list[bytes]) -> list[Chunk]:
        chunks: list[Chunk] = []
        for event in events:
            if event == _END_MARK:
                self.marked = True
                break
            try:
                chunks.append(_decode_text(event))
                continue
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass  # it says something else, or nothing
            chunk = _read_chunk(event)
            if chunk is None:
                self._failure = UpstreamError("OpenRouter sent an event that cannot be read; the answer was cut.")
                break
            failure = failures.from_chunk(chunk, self._asked)
            if failure is not None:
                self._failure, self.refused = without_key(failure), True
                break
            chunks.append(chunk)
        return chunks

    async def _next(self, limit_s: float, waiting_for: str) -> bytes | None:
        try:
            return await self._body.part(limit_s)
        except TimeoutError:
            raise silent(limit_s, waiting_for) from None

    async def whole(self, limit: int) -> bytes:
        """
        Give all of the body, where it is no stream.

        Args:
            limit: How many bytes it may have.

        Raises:
            UpstreamError: it broke off, fell silent, or is larger.
        """
        body = bytearray()
        limit_s, waiting_for = self._settings.first_byte_timeout_s, "the first byte of the answer"
        while (piece := await self._next(limit_s, waiting_for)) is not None:
            body += piece
            if len(body) > limit:
                raise UpstreamError(TOO_MUCH)
            limit_s, waiting_for = self._settings.idle_timeout_s, "the next piece of the answer"
        return bytes(body)

    async def drain(self) -> None:
        """Read to the end of the body after the end mark, so that the connection can be used again."""
        until_s = time.monotonic() + DRAIN_S
        try:
            while await self._body.part(until_s - time.monotonic()) is not None:
                pass
        except (TimeoutError, UpstreamUnreachable):
            return  # then it is closed instead


def _nobody(_chunks: list[Chunk]) -> bool:
    return False


def _read_chunk(event: bytes) -> CompletionChunk | None:
    if len(event) > MAX_CONTAINERS and event.count(b"{") + event.count(b"[") > MAX_CONTAINERS:
        return None
    try:
        return _decode_chunk(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_embeddings(body: bytes, asked: str) -> EmbeddingReply:
    """
    Read the answer to an embedding request.

    Args:
        asked: The model's name as the app wrote it, for "model not found".

    Raises:
        ProxyError: the answer carries an error, cannot be read, or is none of OpenRouter's.
    """
    try:
        reply = _decode_embeddings(body)
    except msgspec.ValidationError:
        raise UpstreamError("OpenRouter sent vectors that cannot be read.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        reply = EmbeddingReply()
    if reply.data is None or reply.error is not None:
        raise without_key(failures.from_answer(200, body, None, asked))
    return reply


def told_beside(body: bytes) -> tuple[Usage, bool]:
    """Give what an answer that cannot be read tells of its price, and whether it is a refusal: it carries an error."""
    try:
        told = _decode_beside(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Usage(), False
    return told.usage or Usage(), told.error is not None


def silent(limit_s: float, waiting_for: str) -> UpstreamTimeout:
    """Tell of a time limit that has passed; `waiting_for` says what for."""
    return UpstreamTimeout(f"OpenRouter was silent for {limit_s:g} s while we waited for {waiting_for}.")


def without_key(error: ProxyError) -> ProxyError:
    """
    Strike the key out of an error's message: OpenRouter, or who stands in its place, may echo what it was sent.

    Only then is a long one cut: half a key would not be known for one.
    """
    message = error.message
    if len(message) > MAX_MESSAGE_LENGTH:
        message = f"{message[:MAX_MESSAGE_LENGTH]}…"
    error.args = (message, *error.args[1:])
    return error
