"""
HTTP/1.1 to one address, as httpx takes its transports: `asyncio.Protocol` below, httptools to read the answers.

httpx's own transport costs several times what everything else here does with a token. This one does what is needed and
no more: one address, requests whose length is known, answers as they arrive, connections that are kept.

Source: RFC 9112; figures in docs/measurements.md.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import NoReturn, cast

import httptools
import httpx

from tray_proxy.openrouter.dialling import dial, limit_silence

# Idle connections are kept this long: a new one costs more than anything else on the way to the first token.
KEEPALIVE_S = 300.0
# A connection that was closed while it lay idle says so within one journey there and back.
RESEND_WITHIN_S = 2.0
MAX_HEAD_BYTES = 64 * 1024
# As much of an answer may lie here until somebody reads it; then the other side has to wait.
MAX_WAITING_BYTES = 256 * 1024


class Connection(asyncio.Protocol):
    """
    One connection: a request out, its answer in, then the next. Used by one task at a time.

    `heard` says whether anything of an answer to the present request has come.

    Args:
        over: Told when an exchange is over, or the connection; True where it can take another request.
    """

    def __init__(self, over: Callable[["Connection", bool], None]) -> None:
        self.heard = False
        self._loop = asyncio.get_running_loop()
        self._idle_since_s = self._loop.time()
        self._over = over
        self._transport: asyncio.Transport
        self._under_way = False
        self._writable = True
        self._lost: httpx.TransportError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._late: httpx.TimeoutException | None = None
        self._until_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._limit_s = 0.0
        self._pouring: Callable[[bytes], bool] | None = None
        self._refused: Callable[[], bool] | None = None

    # -- an exchange, in the task that asks --

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """
        Send a request, and wait for the head of its answer.

        Raises:
            httpx.TransportError: the connection broke, or what came is no HTTP.
        """
        self._under_way, self.heard = True, False
        self._parser = httptools.HttpResponseParser(self)
        self._status, self._head, self._head_bytes = 0, list[tuple[bytes, bytes]](), 0
        self._body, self._body_bytes = list[bytes](), 0
        self._sized = self._sent = self._whole = self._reusable = self._excess = False
        try:
            await self._send(request)
            until_s = self._loop.time() + request.extensions["timeout"]["read"]
            while not self._status:
                await self._wait(until_s - self._loop.time())
        except BaseException:
            self.end()
            raise
        return httpx.Response(self._status, headers=self._head, stream=Body(self), request=request)

    async def _send(self, request: httpx.Request) -> None:
        assert isinstance(request.stream, httpx.AsyncByteStream)  # noqa: S101  -- httpx's type leaves it open
        limit_s = request.extensions["timeout"]["write"]
        head = _head_of(request)
        async for piece in request.stream:
            # What is small leaves in one packet with its head.
            self._transport.write(head + piece if head else piece)
            head = b""
            while not self._writable and not self._status:
                await self._wait(limit_s, httpx.WriteTimeout("nothing was taken in time"))
            if self._status:
                return  # answered before all of it was asked: refused, that is
        if head:
            self._transport.write(head)
        self._sent = True

    async def part(self, limit_s: float | None = None) -> bytes | None:
        """
        Give what has come of the body since the last call, or wait for it; None at its end.

        Raises:
            httpx.ReadTimeout: nothing came within `limit_s` seconds.
            httpx.TransportError: it broke off.
        """
        while not self._body:
            if self._whole:
                self.end()
                return None
            await self._wait(limit_s)
        return self._take()

    async def pour(self, take: Callable[[bytes], bool], limit_s: float) -> bool:
        """
        Have what comes of the body taken in the moment it comes: no task is woken for it.

        Args:
            take: Gets the bytes; says whether it wants to get more in this way.
            limit_s: How long nothing may come.

        Returns:
            False at the end of the body; True where `take` wants no more.

        Raises:
            httpx.ReadTimeout: nothing came in time.
            httpx.TransportError: it broke off.
        """
        self._limit_s = limit_s
        while self._body or not self._whole:
            if self._body and not take(self._take()):
                return True
            if not self._body and not self._whole:
                self._pouring = take
                try:
                    await self._wait(limit_s)
                finally:
                    self._pouring = None
                if self._refused is not None:
                    refused, self._refused = self._refused, None
                    return refused()
        self.end()
        return False

    def _pour(self, take: Callable[[bytes], bool]) -> None:
        """Have taken what has just come, and wake the task that waits only where there is news for it."""
        self._until_s = self._loop.time() + self._limit_s
        try:
            if take(self._take()):
                if self._whole:
                    self._wake()
                return
        except BaseException as error:  # noqa: BLE001  it belongs to the task that waits
            self._refused = partial(_raise, error)
        else:
            self._refused = lambda: True
        self._pouring = None
        self._wake()

    def _take(self) -> bytes:
        part = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        if self._body_bytes > MAX_WAITING_BYTES:
            self._transport.resume_reading()
        self._body_bytes = 0
        return part

    def end(self) -> None:
        """End the exchange. An answer that has not been read to its end is broken off at once: that stops the bill."""
        if not self._under_way:
            return
        self._under_way = False
        self._idle_since_s = self._loop.time()
        read = self._whole and not self._body
        fit = read and self._sent and self._reusable and not self._excess and self._lost is None
        if not fit:
            self.abort()
        self._over(self, fit)

    def idle_s(self) -> float:
        """Say for how long nothing has been asked."""
        return self._loop.time() - self._idle_since_s

    def abort(self) -> None:
        """Close the connection, without waiting for anything."""
        self._lost = self._lost or httpx.ReadError("closed on this side")
        self._transport.abort()

    async def aclose(self) -> None:
        """Close it."""
        self.abort()

    async def _wait(self, limit_s: float | None = None, late: httpx.TimeoutException | None = None) -> None:
        """Wait for news; one timer serves all waits, for it would cost as much as they do."""
        if self._lost is not None:
            raise self._lost
        self._waiter = self._loop.create_future()
        if limit_s is not None:
            self._late = late
            self._until_s = self._loop.time() + limit_s
            if self._timer is None or self._timer.when() > self._until_s:
                self._set_timer()
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._until_s = float("inf")

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._until_s, self._look_at_the_clock)

    def _look_at_the_clock(self) -> None:
        self._timer = None
        if self._until_s > self._loop.time():
            if self._until_s < float("inf"):
                self._set_timer()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._late or httpx.ReadTimeout("nothing came in time"))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: httpx.TransportError) -> None:
        self._lost = self._lost or error
        self._transport.abort()
        self._wake()

    # -- what the event loop tells --

    def connection_made(self, transport: asyncio.BaseTransport | None) -> None:
        """Keep the way to the other side; told again once it is encrypted."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is of no such class
        limit_silence(self._transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """Take in bytes."""
        if not self._under_way:
            self.abort()  # nobody has asked anything
            return
        self.heard = True
        if not self._status:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(httpx.RemoteProtocolError("the answer is no HTTP"))
        else:
            if self._head_bytes > MAX_HEAD_BYTES and not self._status:
                self._fail(httpx.RemoteProtocolError("the answer's head is too large"))
            elif self._pouring is not None and self._body:
                self._pour(self._pouring)
                return
            elif self._body_bytes > MAX_WAITING_BYTES:
                self._transport.pause_reading()
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; with it ends a body that told no length."""
        if self._timer is not None:
            self._timer.cancel()
        if self._under_way and self._status and not self._sized and exc is None and self._lost is None:
            self._whole = True
        self._lost = self._lost or (
            httpx.RemoteProtocolError("closed by the other side") if exc is None else httpx.ReadError("broken")
        )
        self._wake()
        self._over(self, False)

    def pause_writing(self) -> None:
        """The other side does not keep up."""
        self._writable = False

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable = True
        self._wake()

    # -- what the parser finds --

    def on_message_begin(self) -> None:
        """Note that more than one answer has come to a question: what follows is nobody's."""
        if self._whole:
            self._excess = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a line of the head; what comes behind the body is of no use."""
        if not self._status:
            self._head.append((name, value))
            if name.lower() in (b"content-length", b"transfer-encoding"):
                self._sized = True

    def on_headers_complete(self) -> None:
        """Note the status; one of the hundreds is news of an answer, and none."""
        status = self._parser.get_status_code()
        if status < 200:
            self._head.clear()
        else:
            self._status = status

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        if not self._whole:
            self._body.append(body)
            self._body_bytes += len(body)

    def on_message_complete(self) -> None:
        """Note the end of the body."""
        if self._status and not self._whole:
            self._whole, self._reusable = True, self._parser.should_keep_alive()


class Body(httpx.AsyncByteStream):
    """An answer's body, as it arrives."""

    def __init__(self, connection: Connection) -> None:
        self.part, self.pour = connection.part, connection.pour
        self._connection: Connection | None = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (part := await self.part()) is not None:
            yield part

    async def aclose(self) -> None:
        """Leave it, read to its end or not."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.end()


class Transport(httpx.AsyncBaseTransport):
    """
    Sends requests to one address. To be used in one event loop.

    Args:
        url: Its scheme, host and port are the address.
        trusted: Checks certificates.
    """

    def __init__(self, url: httpx.URL, trusted: ssl.SSLContext | None) -> None:
        self._host = url.host
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._trusted = trusted if url.scheme == "https" else None
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._retired = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send a request, and return the head of the answer; its body follows.

        A kept connection may turn out to be dead: where it had been idle, died at once and not one byte was answered,
        it was closed before the request came, and the request goes out once more, on a new one. This is the one case in
        which it may. One that dies later may have been at work, and what it did is paid for.

        Raises:
            httpx.TransportError: nobody answered.
        """
        kept = self._take()
        if kept is not None:
            began_s = time.monotonic()
            try:
                return await kept.exchange(request)
            except (httpx.RemoteProtocolError, httpx.ReadError):
                if kept.heard or time.monotonic() - began_s > RESEND_WITHIN_S:
                    raise
        connection = await self._connect(request.extensions["timeout"]["connect"])
        return await connection.exchange(request)

    async def open_ahead(self, limit_s: float) -> None:
        """
        Have a connection ready for the next request, unless there is one.

        Raises:
            httpx.TransportError: there is none to be had; nobody needs to know yet.
        """
        if not self._idle or self._idle[-1].idle_s() > KEEPALIVE_S:
            connection = await self._connect(limit_s)
            self._over(connection, not self._retired)

    def retire(self) -> None:
        """Take no request any more: what is idle is closed now, and the rest as soon as its answer has ended."""
        self._retired = True
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    async def aclose(self) -> None:
        """Close all connections, whatever is under way on them."""
        self.retire()
        for connection in tuple(self._open):
            connection.abort()

    def _take(self) -> Connection | None:
        """Take the connection that was used last; those that lay idle for too long are closed."""
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_s() <= KEEPALIVE_S:
                return connection
            connection.abort()
        return None

    def _over(self, connection: Connection, fit: bool) -> None:
        if fit and not self._retired:
            self._idle.append(connection)
            return
        if connection in self._idle:
            self._idle.remove(connection)
        self._open.discard(connection)
        connection.abort()

    async def _connect(self, limit_s: float) -> Connection:
        try:
            connection = await dial(lambda address: self._open_one(address, limit_s), self._host, self._port)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error
        except (OSError, ssl.SSLError) as error:
            raise httpx.ConnectError(type(error).__name__) from error
        self._open.add(connection)
        return connection

    async def _open_one(self, address: str, limit_s: float) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(limit_s):
            transport, connection = await loop.create_connection(lambda: Connection(self._over), address, self._port)
        if self._trusted is not None:
            try:
                encrypted = await loop.start_tls(
                    transport, connection, self._trusted, server_hostname=self._host, ssl_handshake_timeout=limit_s
                )
            except BaseException as error:
                transport.abort()
                if isinstance(error, ConnectionAbortedError):
                    raise httpx.ConnectTimeout("no encryption in time") from error
                raise
            connection.connection_made(encrypted)
        return connection


def _raise(error: BaseException) -> NoReturn:
    raise error


def _head_of(request: httpx.Request) -> bytes:
    """
    Write a request's head.

    Raises:
        httpx.LocalProtocolError: a header would break out of its line.
    """
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%b: %b" % header for header in request.headers.raw]
    head = b"\r\n".join(lines)
    if head.count(b"\r") != len(lines) - 1 or head.count(b"\n") != len(lines) - 1 or b"\0" in head:
        raise httpx.LocalProtocolError("a header would break out of its line")
    return head + b"\r\n\r\n"
