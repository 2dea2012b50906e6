"""
uvicorn's HTTP protocol, with what it leaves out: limits on connections, on a request's head, and on the time that a
whole request may take to arrive; an ear for the client while it is answered; words that leave at once on Windows too.

It is run for every piece that a client sends, and for every token that it is sent. So a connection has one timer, which
is set again only when it has run out, and what is sent together leaves in one write.

Source: uvicorn's `protocols/http/httptools_impl.py`.
"""

import asyncio
import contextlib
import socket
import sys
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tray_proxy.heads import Head, KnownHeads, read_head
from tray_proxy.http_cycle import Cycle

# In a request's scope: its `Cycle`, which tells and does without a task what `receive` and `send` need one for.
CYCLE = "tray_proxy.cycle"
# And, where its connection is one too many and is to be told so: how many there may be.
CROWDED = "tray_proxy.crowded"

# Each is a descriptor of ours, and so is what is asked upstream for it.
MAX_CONNECTIONS = 1_000
# So many more are told that there are too many. Beyond that they are cut off without a word.
MAX_TURNED_AWAY = 100
# Where the system allows fewer files: what we have open besides, and one of how many connections is turned away.
OWN_FILES = 48
_TURNED_AWAY_PART = 10
MAX_HEAD_BYTES = 64 * 1024
# What may come of a body without a byte of it: lines about a chunk, or behind the last one.
MAX_BARREN_BYTES = 64 * 1024
# A whole request, from its first byte on; and how long a new connection may take to begin with one.
REQUEST_TIMEOUT_S = 60.0
# How long a client is listened to that is to be let go, so that it can read why: closed on what it still sends, the
# connection would be reset, and the answer lost.
LINGER_S = 2.0
# What of a body is read and thrown away once its request was answered, which is when it was refused.
MAX_WASTE_BYTES = 100 * 1024 * 1024
# A client that sends faster than its request is read is not read for a while.
_HIGH_WATER_BYTES = 64 * 1024

_ASGI = {"version": "3.0", "spec_version": "2.3"}
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_UNREADABLE = b"Invalid HTTP request received."
_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_UNREADABLE), _UNREADABLE)
)


def make_room() -> int:
    """
    Let this process open as many files as its connections may take; macOS begins with 256, and Linux with 1,024.

    Returns:
        How many connections there is room for. Any more the system would cut off without a word, and us from upstream.
    """
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    import resource

    # As many upstream, and some for us.
    wanted = 2 * (MAX_CONNECTIONS + MAX_TURNED_AWAY)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):  # a system with another limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MAX_CONNECTIONS
    return max((soft - OWN_FILES) * _TURNED_AWAY_PART // (2 * _TURNED_AWAY_PART + 1), 1)


class CarefulProtocol(HttpToolsProtocol):
    """One client's connection."""

    # Those of all connections.
    heads = KnownHeads()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Of the request that comes next or is under way.
        self.url = b""
        self._received_bytes = 0
        self._barren_bytes = 0
        self._in_head = True
        self._has_arrived = False
        self._crowded = 0
        self._is_ending = False
        self._is_stopping = False
        # A request whose head has come, until it is handed on.
        self._next: Cycle | None = None
        # When something must have happened, on the loop's clock; None while there is no hurry. The timer runs out then
        # or before, and is set again.
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Give the first request its time; or none, if there are too many connections."""
        others = len(self.connections)
        super().connection_made(transport)
        limit, turned_away = MAX_CONNECTIONS, MAX_TURNED_AWAY
        if self.limit_concurrency is not None and self.limit_concurrency < limit:
            limit, turned_away = self.limit_concurrency, max(self.limit_concurrency // _TURNED_AWAY_PART, 1)
        self._crowded = limit if others >= limit else 0
        if others >= limit + turned_away:
            transport.abort()
            return
        # asyncio asks for this itself, but for the connections that its Windows loop accepts: it makes their sockets
        # without naming the protocol, and then takes them for another's.
        with contextlib.suppress(OSError):  # the client is gone already
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._hurry(self._patience_s())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's own signature
        """Let go of the timer, and of who waits for more."""
        if self._timer is not None:
            self._timer.cancel()
        self.connections.discard(self)
        self.flow.resume_writing()
        self.parser = None  # type: ignore[assignment]  # as uvicorn's own
        running: Any = self.cycle
        if running is not None:
            running.disconnected = running.disconnected or not running.response_complete
            running.wake()
            running.left()

    def eof_received(self) -> None:
        """
        The client sends nothing more: it has left.

        asyncio would close once all is written, which never is where the client does not read either.
        """
        running: Any = self.cycle
        if running is not None and not running.response_complete:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse it, and hand a request on once all that has come of it is read."""
        at_rest = self._is_at_rest()
        known = self.heads.find(data) if at_rest else None
        if known is not None:
            self._in_head, self._has_arrived, self._received_bytes, self._due = False, True, len(data), None
            self.expect_100_continue = False
            head, headers, body = known
            self.cycle = self._cycle(head, headers)
            self.cycle.take_whole(body)
            self._begin(self.cycle)
            return
        self._received_bytes += len(data)
        self._barren_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(_BAD_REQUEST)
        if not self._has_arrived and not self.transport.is_closing():
            self._limit()
        if self._next is None:
            return
        cycle, parts, keep_alive = self._next, self._next.parts, self._next.keep_alive
        self._begin(cycle)
        if at_rest and self._has_arrived and len(parts) <= 1:
            # Only now: the next request has use for it, and this one none.
            self.heads.note(data, cycle.scope, b"".join(parts), keep_alive=keep_alive)

    def _is_at_rest(self) -> bool:
        """Say whether a request may begin, and nothing of one has come yet."""
        running: Any = self.cycle
        if self._crowded or self._is_ending or self.transport.is_closing():
            return False
        return self._received_bytes == 0 if running is None else self._has_arrived and running.response_complete

    def _limit(self) -> None:
        """Refuse too much of a request that is not whole: the parser itself takes any length."""
        if self._in_head:
            if self._received_bytes > MAX_HEAD_BYTES:
                self._refuse(_TOO_LARGE)
        elif self._barren_bytes > MAX_BARREN_BYTES:
            # The parser keeps those lines.
            self._end_at_once()
        elif self._received_bytes > MAX_WASTE_BYTES and self.cycle.response_complete:
            self.transport.close()

    def _begin(self, cycle: Cycle) -> None:
        """Have a request answered: at once as far as that goes, which often is to where OpenRouter is asked."""
        self._next = None
        task = asyncio.Task(cycle.run_asgi(self.app), loop=self.loop, eager_start=True)
        if not task.done():
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def on_message_begin(self) -> None:
        """A request begins."""
        self.url, self.headers, self.expect_100_continue = b"", [], False
        if not self._in_head:
            self._in_head, self._has_arrived, self._received_bytes = True, False, 0
        self._hurry(self._patience_s())

    def on_headers_complete(self) -> None:
        """
        The head is there. A request that is sent before the last one was answered ends the connection.

        uvicorn would queue it, stop reading, and no longer notice that the client has left: the answer under
        way would be bought to its end for nobody. No client of Ollama's sends requests like that.
        """
        self._in_head, self._barren_bytes = False, 0
        running: Any = self.cycle  # None before the first request, whatever uvicorn's annotation says
        if self._is_ending or self.transport.is_closing():
            return
        if running is not None and not running.response_complete:
            self._end_at_once()
            return
        # Many bytes that came together: were they all of the head, or is a body among them?
        if self._received_bytes > MAX_HEAD_BYTES and _size(self.headers) + len(self.url) > MAX_HEAD_BYTES:
            self._refuse(_TOO_LARGE)
            return
        self.cycle = self._next = self._cycle(read_head(self.parser, self.url, self.headers), self.headers)

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body until it is asked for."""
        self._barren_bytes = 0
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete:
            return
        cycle.parts.append(body)
        cycle.held_bytes += len(body)
        if cycle.held_bytes > _HIGH_WATER_BYTES:
            self.flow.pause_reading()
        cycle.wake()

    def on_message_complete(self) -> None:
        """The whole request is there."""
        if self.parser.should_upgrade():
            return  # so the parser says before the body; see `_stay`
        self._has_arrived = True
        cycle: Any = self.cycle
        if cycle is None:
            return
        if cycle.response_complete:
            self._rest()
            return
        self._due = None
        cycle.more_body = False
        cycle.wake()

    def on_response_complete(self) -> None:
        """An answer was sent whole."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        self._is_ending = not self.cycle.keep_alive
        if self._has_arrived or self._is_stopping:
            self._rest()
        # Else the rest of the request has what is left of its time to come, and is thrown away.

    def shutdown(self) -> None:
        """End after the answer that is under way; nobody waits for what else would come."""
        self._is_stopping = True
        super().shutdown()

    def _stay(self, rest: bytes) -> None:
        """
        Pass over a client's wish for another protocol, as servers may: Java's clients wish for HTTP/2 each time.

        The parser takes what follows such a head for the other protocol. It is the body, and so another parser is told
        of it. Where there is none, the request is whole.
        """
        if self.transport.is_closing():
            return
        self.parser = httptools.HttpRequestParser(_BodyOf(self))
        lengths = (
            b"%b: %b\r\n" % each for each in self.headers if each[0] in (b"content-length", b"transfer-encoding")
        )
        keeps = b"" if self.cycle.keep_alive else b"connection: close\r\n"
        try:
            self.parser.feed_data(b"POST / HTTP/1.1\r\n%b%b\r\n" % (keeps, b"".join(lengths)))
            self.parser.feed_data(rest)
        except httptools.HttpParserError:
            self._refuse(_BAD_REQUEST)

    def body_complete(self) -> None:
        """The body is there of a request that wished for another protocol; the next one may wish anew."""
        self.parser = httptools.HttpRequestParser(self)
        self.on_message_complete()

    def _cycle(self, head: Head, headers: list[tuple[bytes, bytes]]) -> Cycle:
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": _ASGI,
            **head.scope,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "headers": headers,
        }
        if self._crowded:
            scope[CROWDED] = self._crowded
        cycle = Cycle(
            scope,
            self.transport,
            self.flow,
            self.logger,
            expect_100_continue=self.expect_100_continue,
            keep_alive=head.keep_alive and not self._crowded,
            on_response=self.on_response_complete,
        )
        scope[CYCLE] = cycle
        return cycle

    def _patience_s(self) -> float:
        return LINGER_S if self._crowded else REQUEST_TIMEOUT_S

    def _rest(self) -> None:
        """Wait for the next request, or for none."""
        if self._is_ending:
            self.transport.close()
        else:
            self._hurry(self.timeout_keep_alive)

    def _refuse(self, answer: bytes) -> None:
        """End the connection, with an answer where it does not fall into another one."""
        running: Any = self.cycle
        if running is not None and not running.response_complete:
            self._end_at_once()
        elif not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()

    def _end_at_once(self) -> None:
        running: Any = self.cycle
        running.disconnected = True
        running.wake()
        # Told now: while a client does not read what was written, its connection is not lost.
        running.left()
        self.transport.close()

    def _hurry(self, seconds: float) -> None:
        """Let something happen within so many seconds, or `_overdue` be called."""
        self._due = self.loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._due:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self.loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._due > self.loop.time():
            self._timer = self.loop.call_at(self._due, self._look)
        else:
            self._overdue()

    def _overdue(self) -> None:
        running: Any = self.cycle
        if running is None or running.response_complete or running.late:
            self.transport.close()
            return
        # Whoever reads the body tells the client.
        running.late, running.keep_alive = True, False
        running.wake()
        self._hurry(LINGER_S)


class _BodyOf:
    """What a parser tells of that reads nothing but a body."""

    def __init__(self, protocol: CarefulProtocol) -> None:
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.body_complete


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)
