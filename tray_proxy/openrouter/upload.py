"""A request on its way out: its head, written once as far as it is always the same, and its body in pieces."""

from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import httpx

from tray_proxy.wire.openrouter import Usage

# A larger body goes out in slices of this size: the network layers copy what they are handed, TLS more than once.
SLICE_BYTES = 256 * 1024

type Headers = list[tuple[bytes, bytes]]


class Target:
    """
    Where requests go, and what all of their heads have in common.

    `beginning` is that, written; an empty line ends a head.

    Args:
        headers: The headers that every one of them has.

    Raises:
        httpx.LocalProtocolError: a header would break out of its line.
    """

    # A plain class, as the next one, for its repr does not show the headers, the key among them.
    __slots__ = ("beginning", "headers", "method", "url")

    def __init__(self, method: str, url: httpx.URL, headers: Headers) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        if not lines.count(b"\r") == lines.count(b"\n") == len(headers) or b"\0" in lines:
            raise httpx.LocalProtocolError("a header would break out of its line")
        self.beginning = b"%b %b HTTP/1.1\r\n%b" % (method.encode("ascii"), url.raw_path, lines)


class Fate:
    """
    What becomes of a request, as far as its price goes.

    `may_cost` is true while OpenRouter has it, or a part of it, and has not refused it; `usage` is what an answer that
    cannot be read tells of its price.
    """

    __slots__ = ("may_cost", "usage")

    def __init__(self) -> None:
        self.may_cost = False
        self.usage = Usage()


class Kept(Protocol):
    """A connection on which a request has begun. `heard` says whether anything of an answer to it has come."""

    heard: bool

    async def exchange(self, asking: "Asking") -> httpx.Response:
        """Send what is left of it, and wait for the head of its answer."""

    def end(self) -> None:
        """End the exchange, whether it is over or not."""


class Asking:
    """
    One request. It can be sent again.

    `kept` is the connection on which it has begun, and `begun_s` when that was, until somebody waits for its answer.

    Args:
        pieces: Its body, as `splice.encode` gives it.
        length: How long that is; None where the target's headers say it, or there is none.
        connect_s, write_s, read_s: How long a connection, each slice of the body and the head of the answer may take.
        fate: Told when it goes out.
    """

    __slots__ = ("begun_s", "connect_s", "fate", "kept", "length", "pieces", "read_s", "target", "write_s")

    def __init__(
        self,
        target: Target,
        pieces: list[bytes | memoryview],
        length: int | None,
        connect_s: float,
        write_s: float,
        read_s: float,
        fate: Fate | None = None,
    ) -> None:
        self.target = target
        self.pieces = pieces
        self.length = length
        self.connect_s, self.write_s, self.read_s = connect_s, write_s, read_s
        self.fate = fate or Fate()
        self.kept: Kept | None = None
        self.begun_s = 0.0

    def head(self) -> bytes:
        """Write its head."""
        if self.length is None:
            return self.target.beginning + b"\r\n"
        return b"%bContent-Length: %d\r\n\r\n" % (self.target.beginning, self.length)

    def drop(self) -> None:
        """Break off what has begun and nobody waits for."""
        kept, self.kept = self.kept, None
        if kept is not None:
            kept.end()

    def slices(self) -> Iterator[bytes]:
        """Give the body in slices."""
        for piece in self.pieces:
            for start in range(0, len(piece), SLICE_BYTES):
                yield bytes(piece[start : start + SLICE_BYTES])

    def as_httpx(self) -> httpx.Request:
        """Give it as httpx's own transports take it."""
        return httpx.Request(
            self.target.method,
            self.target.url,
            headers=[
                *self.target.headers,
                *([] if self.length is None else [(b"Content-Length", b"%d" % self.length)]),
            ],
            stream=_Slices(self),
            extensions={"timeout": {"connect": self.connect_s, "write": self.write_s, "read": self.read_s}},
        )


class _Slices(httpx.AsyncByteStream):
    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._asking.fate.may_cost = True
        for each in self._asking.slices():
            yield each


async def from_httpx(request: httpx.Request) -> Asking:
    """Take a request as httpx's clients give it to their transports."""
    assert isinstance(request.stream, httpx.AsyncByteStream)  # noqa: S101  -- httpx's type leaves it open
    limits = request.extensions["timeout"]
    return Asking(
        Target(request.method, request.url, request.headers.raw),
        [piece async for piece in request.stream],
        None,
        limits["connect"],
        limits["write"],
        limits["read"],
    )
