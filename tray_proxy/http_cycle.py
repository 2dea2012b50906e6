"""
One request and its answer, as uvicorn's protocol has them: the body in its parts, what is sent together in one write.

Source: uvicorn's `protocols/http/httptools_impl.py`.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

# In the message with an answer's head: that it is to wait for the body.
HELD = "tray_proxy.held"


class Cycle(RequestResponseCycle):
    """
    One request and its answer.

    Args:
        expect_100_continue: Whether the client waits to be asked for the body.
        keep_alive: Whether another request may follow on the connection.
        on_response: Called when the answer was sent whole.
    """

    # What each begins with is the class's: to set it for each takes as long as all else here.
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    held_bytes = 0
    late = False
    # Of an answer that has begun, until there is a body to send it with.
    _head = b""
    # Whether that may still become another one.
    _is_held = False
    _when_left: Callable[[], None] | None = None
    # Whether there is something that `receive` has not told yet; and by what it waits, once it ever had to.
    _has_news = False
    _news: asyncio.Event | None = None

    def __init__(
        self,
        scope: Any,
        transport: asyncio.Transport,
        flow: FlowControl,
        logger: logging.Logger,
        *,
        expect_100_continue: bool,
        keep_alive: bool,
        on_response: Callable[[], None],
    ) -> None:
        # Not uvicorn's, which sets what is used nowhere here.
        self.scope = scope
        self.transport = transport
        self.flow = flow
        self.logger = logger
        self.waiting_for_100_continue = expect_100_continue
        self.keep_alive = keep_alive
        self.on_response = on_response
        self.parts: list[bytes] = []

    def take_whole(self, body: bytes) -> None:
        """Take in all of the body."""
        self.parts.append(body)
        self.more_body = False
        self._has_news = True

    def wake(self) -> None:
        """Have `receive` tell what is new."""
        self._has_news = True
        if self._news is not None:
            self._news.set()

    def when_left(self, call: Callable[[], None]) -> None:
        """Have something called when the client has left."""
        if self.disconnected:
            call()
        else:
            self._when_left = call

    def left(self) -> None:
        """Tell that it has."""
        call, self._when_left = self._when_left, None
        if call is not None and not self.response_complete:
            call()

    def whole(self) -> bytes | None:
        """Give the body, where all of it has come; None where `receive` has to wait for it, or to say something."""
        if self.more_body or self.disconnected or self.response_complete or self.waiting_for_100_continue:
            return None
        self._has_news = False
        if self._news is not None:
            self._news.clear()
        return self._taken()

    async def receive(self) -> Any:
        """
        Give the next part of the body, or tell that the client has left, or needs no more.

        Raises:
            TimeoutError: the request did not arrive in time.
        """
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            if self._news is None and not self._has_news:
                self._news = asyncio.Event()
            if self._news is not None:
                await self._news.wait()
                self._news.clear()
            self._has_news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        if self.late:
            raise TimeoutError
        return {"type": "http.request", "body": self._taken(), "more_body": self.more_body}

    def _taken(self) -> bytes:
        """Take what there is of the body."""
        parts, self.parts, self.held_bytes = self.parts, [], 0
        if self.flow.read_paused and not self.more_body:
            # Nobody asks for more, and only who reads notices that the client leaves.
            self.flow.resume_reading()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def send(self, message: Any) -> None:
        """
        Send the head of an answer, or more of its body, each in one write, and both in one if they come together.

        A head with `HELD` in its message waits for the body, however long that takes; until then another one may take
        its place.

        Raises:
            RuntimeError: our own code has mixed something up.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start" and (self._is_held or not self.response_started):
            if self._is_held:
                self.chunked_encoding, self.expected_content_length = None, 0
            self._head = self._begin(message["status"], message.get("headers", ()))
            self._is_held = message.get(HELD, False)
            if not self._is_held:
                # Only if nothing else comes right now.
                asyncio.get_running_loop().call_soon(self._send_head)
            return
        if message["type"] != "http.response.body" or not self.response_started or self.response_complete:
            raise RuntimeError(f"Unexpected ASGI message '{message['type']}'.")
        body, ends = message.get("body", b""), not message.get("more_body", False)
        written = self._body(body, ends=ends)
        if self._head:
            self._head, self._is_held, written = b"", False, self._head + written
        if written:
            self.transport.write(written)
        if ends:
            self._complete()

    def put(self, body: bytes) -> bool:
        """
        Send more of the body of an answer that has begun, without waiting for room; its head goes along.

        Returns:
            Whether there is room for still more; if not, `send` waits for it.
        """
        # Of nothing a chunk would be the last one.
        if body and not self.disconnected:
            # As `_body`: each token comes this way.
            written = b"%x\r\n%b\r\n" % (len(body), body) if self.chunked_encoding else self._body(body, ends=False)
            if self._head:
                self._head, self._is_held, written = b"", False, self._head + written
            self.transport.write(written)
        return not self.flow.write_paused

    def _begin(self, status: int, headers: Any) -> bytes:
        """Write status and headers, and settle how the end of the body will be known."""
        self.response_started = True
        self.waiting_for_100_continue = False
        if self.more_body:
            # It is answered without the rest of its body, as a refusal is. What the client sends next, now that it
            # knows, may be that or another request.
            self.keep_alive = False
        lines = [STATUS_LINE[status]]
        says_close = False
        for name, value in headers:
            if name == b"content-length":
                self.chunked_encoding, self.expected_content_length = False, int(value)
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive, says_close = False, True
            lines.append(b"%b: %b\r\n" % (name, value))
        if not self.keep_alive and not says_close:
            lines.append(b"connection: close\r\n")
        has_body = self.scope["method"] != "HEAD" and status not in (204, 304)
        # A client of old does not know chunks: for it the connection's end is that of the body.
        if self.chunked_encoding is None and has_body and self.scope["http_version"] != "1.0":
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        head = b"".join(lines)
        # Whatever a header is made of: it makes no further one.
        if not head.count(b"\n") == head.count(b"\r") == len(lines) or b"\0" in head:
            raise RuntimeError("Invalid HTTP header.")
        return head

    def _body(self, body: bytes, *, ends: bool) -> bytes:
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            return b""
        if self.chunked_encoding:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return chunk + b"0\r\n\r\n" if ends else chunk
        if self.chunked_encoding is False:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (ends and self.expected_content_length):
                raise RuntimeError("The body is not as long as Content-Length says.")
        return body

    def _send_head(self) -> None:
        if self._head and not self.disconnected:
            self._head, head = b"", self._head
            self.transport.write(head)

    def _complete(self) -> None:
        self.response_complete = True
        self.wake()
        self.on_response()
