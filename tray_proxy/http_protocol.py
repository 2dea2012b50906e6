"""
uvicorn's HTTP protocol, with what it leaves out: limits on a request's head, an ear for the client while
it is answered, and words that leave at once on Windows too.

Source: uvicorn's `protocols/http/httptools_impl.py`.
"""

import asyncio
import contextlib
import socket
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
# A connection that asks nothing is closed after this, and so is one whose request's head trickles in, or the rest of a
# body that nobody reads any more, since the request was answered.
HEAD_TIMEOUT_S = 60.0

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class CarefulProtocol(HttpToolsProtocol):
    """One client's connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = True
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Give the first request its time."""
        super().connection_made(transport)
        # asyncio asks for this itself, but for the connections that its Windows loop accepts: it makes their sockets
        # without naming the protocol, and then takes them for another's.
        with contextlib.suppress(OSError):  # the client is gone already
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head_begins()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the timer."""
        self._head_ends()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head: the parser itself takes any length."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        answered: Any = self.cycle  # None before the first request, whatever uvicorn's annotation says
        if answered is not None and answered.response_complete and self._head_timer is None:
            # uvicorn's own timer for an idle connection ended with the first byte.
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def on_message_begin(self) -> None:
        """A further request on this connection begins."""
        super().on_message_begin()
        if not self._in_head:
            self._head_begins()

    def on_headers_complete(self) -> None:
        """
        The head is there. A request that is sent before the last one was answered ends the connection.

        uvicorn would queue it, stop reading, and no longer notice that the client has left: the answer under
        way would be bought to its end for nobody. No client of Ollama's sends requests like that.
        """
        self._head_ends()
        running: Any = self.cycle
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
            self.transport.close()
            return
        super().on_headers_complete()

    def _head_begins(self) -> None:
        self._head_ends()
        self._in_head, self._head_bytes = True, 0
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _head_ends(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
