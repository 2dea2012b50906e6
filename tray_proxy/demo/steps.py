"""
What an answer is made of, as values: start, write, pause, end, or break the connection.

An ordinary answer and a faulty one are both a list of steps; `demo.upstream` performs them one by one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tray_proxy.demo import dialect
from tray_proxy.demo.answers import Answer


@dataclass(frozen=True)
class Start:
    """Status line and headers."""

    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Write:
    """Bytes of the body, sent in one piece."""

    data: bytes


@dataclass(frozen=True)
class Pause:
    """Silence; it ends early when the caller leaves."""

    seconds: float


@dataclass(frozen=True)
class End:
    """The proper end of the body."""


@dataclass(frozen=True)
class Cut:
    """The connection closes here, whatever is missing; before `Start` the caller gets no byte at all."""


type Step = Start | Write | Pause | End | Cut


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """All that an answer is made from. `answer` is None where there is no chat."""

    key: str
    generation_id: str
    created: int  # seconds since 1970
    delay_s: float = 0.0
    streams: bool = False
    answer: Answer | None = None
    result: Mapping[str, Any]

    def start(self) -> Start:
        """Give the headers of an answer that is well."""
        content_type = "text/event-stream" if self.streams else "application/json"
        return Start(content_type=content_type, headers=(("X-Generation-Id", self.generation_id),))

    def chunks(self) -> list[dict[str, Any]]:
        """Give the chunks of the stream; nothing where the caller did not ask for one."""
        if self.answer is None or not self.streams:
            return []
        return dialect.chunks(self.answer, self.generation_id, self.created)


def plain(exchange: Exchange) -> Iterator[Step]:
    """Answer as OpenRouter does on a good day."""
    if exchange.streams:
        yield from stream_of(exchange, exchange.chunks())
    else:
        yield exchange.start()
        yield Write(msgspec.json.encode(exchange.result))
        yield End()


def stream_of(exchange: Exchange, chunks: list[dict[str, Any]]) -> Iterator[Step]:
    """Stream chunks: comments first, `[DONE]` last."""
    yield exchange.start()
    yield Write(dialect.COMMENT)
    yield Write(dialect.COMMENT)
    for chunk in chunks:
        yield Pause(exchange.delay_s)
        yield Write(dialect.event(chunk))
    yield Write(dialect.DONE)
    yield End()


def json_steps(body: object, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> list[Step]:
    """Answer with one JSON document."""
    return [Start(status, headers=headers), Write(msgspec.json.encode(body)), End()]
