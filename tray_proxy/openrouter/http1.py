"""
One HTTP/1.1 connection: a request out, its answer in, on `asyncio.Protocol` and httptools.

It does what is needed here and no more: requests whose length is known, answers as they arrive.

Source: RFC 9112.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import NoReturn, cast

import httptools
import httpx

from tray_proxy.openrouter.dialling import limit_silence
from tray_proxy.openrouter.upload import SLICE_BYTES, Asking

MAX_HEAD_BYTES = 64 * 1024
# As much may come of a body without a byte of it: lines about a chunk, or behind the last one, which the parser keeps.
MAX_BARREN_BYTES = 64 * 1024
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
        # When it runs out; never while there is none.
        self._timer_at_s = float("inf")
        # How long nothing may come while an answer is poured: after the first bytes of it, and now.
        self._limit_s = self._pause_s = 0.0
        self._pouring: Callable[[bytes], bool] | None = None
        self._refused: Callable[[], object] | None = None

    # -- an exchange, in the task that asks --

    def begin(self, asking: Asking) -> None:
        """Begin an exchange: nearly all requests are small, and leave at once and in one packet."""
        is_small = len(asking.pieces) == 1 and len(asking.pieces[0]) <= SLICE_BYTES
        self._under_way, self.heard = True, False
        if is_small:
            # Before anything is done that only the answer needs.
            self._transport.write(asking.head() + asking.pieces[0])
        self._parser = httptools.HttpResponseParser(self)
        self._status, self._head, self._head_bytes = 0, list[tuple[bytes, bytes]](), 0
        self._body, self._body_bytes, self._barren_bytes = list[bytes](), 0, 0
        self._whole = self._reusable = self._sized = self._excess = False
        self._sent = is_small

    async def exchange(self, asking: Asking) -> httpx.Response:
        """
        Send what is left of a request that has begun, and wait for the head of its answer.

        Raises:
            httpx.TransportError: the connection broke, or what came is no HTTP.
        """
        try:
            if not self._sent:
                await self._send(asking)
            until_s = self._loop.time() + asking.read_s
            while not self._status:
                await self._wait(until_s - self._loop.time())
        except BaseException:
            self.end()
            raise
        return httpx.Response(self._status, headers=self._head, stream=Body(self))

    async def _send(self, asking: Asking) -> None:
        head = asking.head()
        for piece in asking.slices():
            self._transport.write(head + piece if head else piece)
            head = b""
            while not self._writable and not self._status:
                await self._wait(asking.write_s, httpx.WriteTimeout("nothing was taken in time"))
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

    async def pour(self, take: Callable[[bytes], bool], limit_s: float, first_s: float) -> bool:
        """
        Have what comes of the body taken in the moment it comes: no task is woken for it.

        Args:
            take: Gets the bytes; says whether it wants to get more in this way.
            limit_s: How long nothing may come.
            first_s: How long until something comes.

        Returns:
            False at the end of the body, also where `take` wants no more then; else True where it wants no more.

        Raises:
            httpx.ReadTimeout: nothing came in time.
            httpx.TransportError: it broke off.
        """
        self._limit_s, self._pause_s = limit_s, first_s
        wants_more = True
        while wants_more and (self._body or not self._whole):
            if self._body:
                self._pause_s = limit_s
                wants_more = take(self._take())
                continue
            self._pouring = take
            try:
                await self._wait(self._pause_s)
            finally:
                self._pouring = None
                # Also where whoever waits is cancelled in the same moment: it is of no concern to the next answer.
                refused, self._refused = self._refused, None
            if refused is not None:
                refused()
                wants_more = False
        if self._body or not self._whole:
            return True
        self.end()
        return False

    def _pour(self, take: Callable[[bytes], bool]) -> None:
        """Have taken what has just come, and wake the task that waits only where there is news for it."""
        self._pause_s = self._limit_s
        self._until_s = self._loop.time() + self._limit_s
        if self._timer_at_s > self._until_s:
            # The first bytes were given more time than the next ones are.
            self._set_timer()
        try:
            if take(self._take()):
                if self._whole:
                    self._wake()
                return
        except BaseException as error:  # noqa: BLE001  it belongs to the task that waits
            self._refused = partial(_raise, error)
        else:
            self._refused = lambda: None
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
        """Close it, whatever is under way on it; nothing of that is to be sent again."""
        self._lost = self._lost or httpx.CloseError("closed on this side")
        self.abort()

    async def _wait(self, limit_s: float | None = None, late: httpx.TimeoutException | None = None) -> None:
        """Wait for news; one timer serves all waits, for it would cost as much as they do."""
        if self._lost is not None:
            raise self._lost
        self._waiter = self._loop.create_future()
        if limit_s is not None:
            self._late = late
            self._until_s = self._loop.time() + limit_s
            if self._timer_at_s > self._until_s:
                self._set_timer()
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._until_s = float("inf")

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at_s = self._loop.call_at(self._until_s, self._look_at_the_clock), self._until_s

    def _look_at_the_clock(self) -> None:
        self._timer, self._timer_at_s = None, float("inf")
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
        if self._status:
            self._barren_bytes += len(data)
        else:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(httpx.RemoteProtocolError("the answer is no HTTP"))
        else:
            if self._head_bytes > MAX_HEAD_BYTES and not self._status:
                self._fail(httpx.RemoteProtocolError("the answer's head is too large"))
            elif self._barren_bytes > MAX_BARREN_BYTES and not self._whole:
                self._fail(httpx.RemoteProtocolError("what comes has nothing of a body in it"))
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
        """Note the status; one of the hundreds is news of an answer, and none. What follows the answer has no say."""
        status = self._parser.get_status_code()
        if self._status:
            return
        if status < 200:
            self._head.clear()
        else:
            self._status = status

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._barren_bytes = 0
        if not self._whole:
            self._body.append(body)
            self._body_bytes += len(body)

    def on_message_complete(self) -> None:
        """Note the end of the body."""
        if self._status and not self._whole:
            self._whole, self._reusable = True, self._parser.should_keep_alive()


class Body(httpx.AsyncByteStream):
    """
    An answer's body, as it arrives.

    At its end it lets go of the connection: that may be at work for another answer before this one is closed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection

    async def part(self, limit_s: float | None = None) -> bytes | None:
        """Give its next bytes, as `Connection.part` does."""
        part = None if self._connection is None else await self._connection.part(limit_s)
        if part is None:
            self._connection = None
        return part

    async def pour(self, take: Callable[[bytes], bool], limit_s: float, first_s: float) -> bool:
        """Have its bytes taken as they come, as `Connection.pour` does."""
        more = self._connection is not None and await self._connection.pour(take, limit_s, first_s)
        if not more:
            self._connection = None
        return more

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (part := await self.part()) is not None:
            yield part

    async def aclose(self) -> None:
        """Leave it, read to its end or not."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.end()


def _raise(error: BaseException) -> NoReturn:
    raise error
