"""
Plain ASGI, as far as the endpoints need it: one call, its body in, its answer out.

The endpoints are plain ASGI because nothing else notices at once that a client has left: a framework's
request object stops listening when the handler begins, and `BaseHTTPMiddleware` hides the disconnect.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, cast

import msgspec

from tray_proxy.errors import BadRequest, BodyTooLarge, UnsupportedEncoding
from tray_proxy.http_cycle import Cycle
from tray_proxy.http_protocol import CYCLE, REQUEST_TIMEOUT_S
from tray_proxy.server.key_case import KeyCase
from tray_proxy.server.nesting import MAX_DEPTH, Body, has_too_many_values, is_small_and_flat, is_too_deep, outline
from tray_proxy.wire.openrouter import Usage

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
# What only passes a request on is a plain function, and returns what the next one returns.
type App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Pictures and documents are legitimate; beyond this a request is an attack or a mistake.
MAX_BODY_BYTES = 100 * 1024 * 1024
# By then the next question is on its way: the rest takes 0.3 ms.
GIVE_WAY_S = 0.005

JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
TEXT = "text/plain; charset=utf-8"

_BLANK = re.compile(rb"\s*")

encode = msgspec.json.Encoder().encode


class ClientLeft(Exception):
    """The client closed the connection before anything was done for it."""


class Record:
    """
    What is kept of a request: for its line in the log, and for what is counted. Never the prompt, never the answer.

    Each begins with what the class has.

    `route` is the path without what a base address put before or behind it, `pattern` the row of `ROUTES` that it
    fitted; `asked` says whether a model was asked, and not only loaded; `local` whether that was the real Ollama's, and
    not OpenRouter's; `models` is how many an app was told of that asked for the list. `usage` is what OpenRouter
    counted, as far as it told; `latency_s` is how long it took to begin an answer, `first_token_s` to say something.
    `status` is what was answered; None while nothing is. `answered_ns` is when all of it was, on a clock that never
    jumps. `is_large` says whether the request came in many parts.

    `named` is told the model where that comes to be known later, for a question may take minutes.

    Args:
        request_id: A made-up one where none is given.
    """

    route = ""
    pattern = ""
    model: str | None = None
    asked = False
    local = False
    models: int | None = None
    status: int | None = None
    answered_ns: int | None = None
    is_large = False
    outcome = "done"
    usage = Usage()
    latency_s: float | None = None
    first_token_s: float | None = None
    error: str | None = None

    named: Callable[[str], None] | None = None

    def __init__(self, request_id: str = "") -> None:
        if request_id:
            self.request_id = request_id

    @cached_property
    def request_id(self) -> str:
        """What a person quotes to find the request's line."""
        # To be told apart is all that it is for, and `secrets` would ask the system for each.
        return f"{random.getrandbits(128):032x}"


@dataclass(frozen=True)
class Reply:
    """A whole answer."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def json_reply(content: object, status: int = 200) -> Reply:
    """Make a JSON answer of a struct or a dict."""
    return Reply(status, encode(content))


def header(scope: Scope, name: str) -> str:
    """Return the text of a request header, named in lower case; "" when it is not there."""
    wanted = name.encode()
    for key, value in scope["headers"]:
        if key == wanted:
            return str(value, "latin-1")
    return ""


async def give_way(scope: Scope) -> None:
    """
    Note that a request has its answer, and wait for a moment before what nobody waits for, once for each request: an
    app that asks again at once goes first.

    That is where our own protocol serves, which waits for what is still to be done. Who cancels it meanwhile wants the
    server to end, and it is done at once.
    """
    record: Record = scope["record"]
    if record.answered_ns is None:
        record.answered_ns = time.monotonic_ns()
        # What is large is in memory until its request has ended, and so would be two of them.
        if CYCLE in scope and not record.is_large:
            try:  # noqa: SIM105  -- the next request waits for as long as this takes
                await asyncio.sleep(GIVE_WAY_S)
            except asyncio.CancelledError:
                pass


async def send_start(send: Send, status: int, content_type: str, headers: Iterable[tuple[str, str]] = ()) -> None:
    """Send status and headers."""
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if content_type:
        raw.insert(0, (b"content-type", content_type.encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def send_reply(send: Send, reply: Reply) -> None:
    """Send a whole answer."""
    # A 204 is not allowed to have a length, and strict readers stumble over one.
    length = () if reply.status == 204 else (("content-length", str(len(reply.body))),)
    headers = (*length, *reply.headers)
    await send_start(send, reply.status, reply.content_type if reply.body else "", headers)
    await send({"type": "http.response.body", "body": reply.body})


class Gathering[T](Protocol):
    """What is made of a body while it arrives."""

    def add(self, part: bytes) -> None:
        """Take in the next bytes; raises what is wrong with them."""

    def whole(self) -> T:
        """Give what it is once all of it is there; raises what is missing."""


async def read_body(scope: Scope, receive: Receive) -> bytes | bytearray:
    """
    Read the whole body, in one piece of memory.

    Raises:
        UnsupportedEncoding: it is packed in a way that this route does not unpack.
        BodyTooLarge: it exceeds the limit; nothing more is read.
        BadRequest: it did not arrive in time, or cannot be unpacked.
        ClientLeft: the client closed the connection.
    """
    named = dict(scope["headers"])
    if b"content-encoding" not in named:
        cycle: Cycle | None = scope.get(CYCLE)
        # Where another `receive` has taken its place, what that gives counts.
        whole = cycle.whole() if cycle is not None and receive == cycle.receive else None
        if whole is None:
            return await _read_whole(_length(named), scope, receive)
        if len(whole) > MAX_BODY_BYTES:
            raise _too_large()
        return whole
    if _encoding(scope) == "zstd" and _unpacks(scope["path"]):
        # Only now: the first chat does not need the library.
        from tray_proxy.server.zstd import Unpacked

        return await read_into(Unpacked(), receive)
    return await _read_whole(announced_bytes(scope), scope, receive)


async def read_as_sent(scope: Scope, receive: Receive) -> bytes | bytearray:
    """
    Read the whole body as it was sent, packed or not.

    Raises:
        BodyTooLarge, BadRequest, ClientLeft: as `read_body`.
    """
    return await _read_whole(_length(dict(scope["headers"])), scope, receive)


async def _read_whole(announced: int, scope: Scope, receive: Receive) -> bytes | bytearray:
    if announced > MAX_BODY_BYTES:
        raise _too_large()
    message = await _part(receive)
    first = message.get("body", b"")
    if not message.get("more_body", False) and len(first) <= MAX_BODY_BYTES:
        # Often: then it is left as it is.
        return cast("bytes", first)
    if (record := scope.get("record")) is not None:
        record.is_large = True
    body = _Body(announced)
    body.add(first)
    return await read_into(body, receive)


async def read_into[T](body: Gathering[T], receive: Receive) -> T:
    """
    Read the whole body into what is made of it.

    Raises:
        BadRequest: it did not arrive in time.
        ClientLeft: the client closed the connection.
    """
    while True:
        message = await _part(receive)
        body.add(message.get("body", b""))
        if not message.get("more_body", False):
            return body.whole()


async def _part(receive: Receive) -> Message:
    try:
        message = await receive()
    except TimeoutError:
        # The protocol's; it has one clock for the whole of a request.
        raise BadRequest(
            f"The request did not arrive within {REQUEST_TIMEOUT_S:g} s: send it again, or send less at once."
        ) from None
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message


def announced_bytes(scope: Scope) -> int:
    """
    Return how long a body is to be, as its headers say; 0 where they do not.

    Raises:
        UnsupportedEncoding: it is packed.
    """
    encoding = _encoding(scope)
    if encoding not in ("", "identity"):
        raise UnsupportedEncoding(encoding)
    return _length(dict(scope["headers"]))


def _length(named: Mapping[bytes, bytes]) -> int:
    length = named.get(b"content-length", b"")
    return int(length) if length.isdigit() else 0


def _encoding(scope: Scope) -> str:
    """Return how a body is packed, in several ways perhaps, one after another; "" where nothing is said of it."""
    given = [value for key, value in scope["headers"] if key == b"content-encoding"]
    return b", ".join(given).decode("latin-1").strip().lower() if given else ""


def _unpacks(path: str) -> bool:
    """Say whether a route takes zstd, as Ollama's do where the body is JSON; sound is packed already."""
    return path.startswith("/v1/") and not path.startswith("/v1/audio/")


class _Body:
    """A body that is joined part by part."""

    def __init__(self, announced: int) -> None:
        self._announced = announced
        self._room = bytearray()
        self._size = 0

    def add(self, part: bytes) -> None:
        end = self._size + len(part)
        if end > MAX_BODY_BYTES:
            raise _too_large()
        if end > len(self._room):
            self._room = _with_room(self._room, end, self._announced)
        self._room[self._size : end] = part
        self._size = end

    def whole(self) -> bytearray:
        del self._room[self._size :]
        return self._room


def _with_room(body: bytearray, needed: int, announced: int) -> bytearray:
    """
    Make room in a body: a picture is in memory once, and not for a moment twice.

    All that was announced gets its room when a part of it has come: who announces much and sends little gets little.
    """
    larger = bytearray(announced if needed <= announced <= 16 * needed else 2 * needed)
    larger[: len(body)] = body
    return larger


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(
        f"The request is larger than {MAX_BODY_BYTES // 1024 // 1024} MiB: "
        "send less at once, for example fewer or smaller pictures."
    )


class BodyDecoder[T]:
    """
    Reads a request's JSON as Ollama does: whatever its Content-Type, in any case of its keys, and only the first
    value of it.

    Args:
        shape: The struct to read it into. What is `Raw` in it remains a view of the body.
        empty: What to say of no body at all.
    """

    def __init__(self, shape: type[T], *, empty: str = "missing request body") -> None:
        self._empty = empty
        self._decode = msgspec.json.Decoder(shape).decode
        self._restore = KeyCase(shape).restore

    def __call__(self, body: Body) -> T:
        """
        Decode a body.

        Raises:
            BadRequest: it is empty, no JSON, or a field is of the wrong type; or it is nested too deeply, or would
                take far more memory than it has bytes.
        """
        if is_small_and_flat(body):
            outlined, may_be_deep = body, False
        else:
            outlined, may_be_deep = outline(body), True
            if has_too_many_values(outlined):
                raise BadRequest("invalid JSON: it is made of too many values")
        try:
            decoded = self._decode(self._restore(body, outlined))
        except msgspec.ValidationError as error:
            raise BadRequest(f"json: cannot unmarshal: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if _BLANK.fullmatch(body):
                raise BadRequest(self._empty) from None
            end = _end_of_first_value(str(error))
            if end is None or end >= len(body):
                raise BadRequest(f"invalid JSON: {error}") from None
            return self(memoryview(body)[:end])
        except RecursionError:
            raise _too_deep() from None
        # Only now: of what is no JSON it cannot be told.
        if may_be_deep and is_too_deep(outlined):
            raise _too_deep()
        return decoded


def _too_deep() -> BadRequest:
    return BadRequest(f"invalid JSON: it is nested too deeply, with more than {MAX_DEPTH} levels")


def _end_of_first_value(error: str) -> int | None:
    """Tell from msgspec's error where the first JSON value ended, if what follows it is all that is wrong."""
    _, found, position = error.partition("trailing characters (byte ")
    # It names the byte after the first one that is too much.
    return int(position.rstrip(")")) - 1 if found else None
