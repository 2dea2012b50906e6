"""Heads that are known again by their bytes: every request is the same as if its head had been parsed."""

import asyncio
import socket
from types import SimpleNamespace

import pytest
import uvicorn
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from tray_proxy import heads
from tray_proxy.heads import KnownHeads
from tray_proxy.http_protocol import CYCLE, CarefulProtocol

EVERY_TIME = settings(derandomize=True, database=None, deadline=None, phases=[Phase.generate, Phase.shrink])
POST = b"POST /api/chat?a=%%20b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nUser-Agent: one\r\n\r\n%b"
GET = b"GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Forgetful(KnownHeads):
    """Has each head parsed."""

    def find(self, data):
        return None


class Connection:
    """One client's connection: takes bytes in, and keeps what requests were made of them, and what was written."""

    def __init__(self, known):
        self.requests, self.written = [], []
        self.protocol = CarefulProtocol(
            uvicorn.Config(self._app, interface="asgi3", log_config=None), ServerState(), {}
        )
        self.protocol.heads = known
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._is_closing = False
        names = "pause_reading", "resume_reading", "set_write_buffer_limits"
        self.protocol.connection_made(
            SimpleNamespace(
                get_extra_info=lambda name: self._socket if name == "socket" else None,
                is_closing=lambda: self._is_closing,
                write=self.written.append,
                close=self._close,
                abort=self._close,
                **dict.fromkeys(names, lambda *_arguments: None),
            )
        )

    def _close(self):
        self._is_closing = True

    async def _app(self, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            body += message.get("body", b"")
        self.requests.append(({name: value for name, value in scope.items() if name != CYCLE}, body))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def take(self, data):
        if not self._is_closing:
            self.protocol.data_received(data)
        for _ in range(5):
            await asyncio.sleep(0)

    async def end(self):
        self.protocol.connection_lost(None)
        self._socket.close()
        await asyncio.gather(*self.protocol.tasks, return_exceptions=True)


def talk(known, *pieces):
    """Send pieces on one connection; returns what requests were made of them, and what was written."""

    async def run():
        connection = Connection(known)
        for piece in pieces:
            await connection.take(piece)
        await connection.end()
        return connection.requests, connection.written

    return asyncio.run(asyncio.wait_for(run(), 20))


def is_known(data):
    """Say whether a request's head is known once it was parsed."""
    known = KnownHeads()
    talk(known, data)
    return known.find(data) is not None


def test_the_same_head_with_another_length_is_known_and_nothing_of_it_is_parsed(monkeypatch):
    known = KnownHeads()
    parsed, _ = talk(known, POST % (2, b"{}"))
    monkeypatch.setattr("tray_proxy.http_protocol.read_head", lambda *_: pytest.fail("parsed"))

    (again,), written = talk(known, POST % (12, b'{"model":"m"'))

    (scope, _), (new, body) = parsed[0], again
    headers = [(b"host", b"localhost"), (b"content-length", b"12"), (b"user-agent", b"one")]
    assert (new, body) == (scope | {"headers": headers}, b'{"model":"m"')
    assert (new["path"], new["query_string"], len(written)) == ("/api/chat", b"a=%20b", 1)


def test_on_a_kept_connection_too():
    known = KnownHeads()

    requests, written = talk(known, POST % (2, b"{}"), GET, POST % (3, b"[1]"), GET)

    assert [(scope["method"], body) for scope, body in requests] == [
        ("POST", b"{}"), ("GET", b""), ("POST", b"[1]"), ("GET", b"")
    ]  # fmt: skip
    assert len(written) == 4
    assert known.find(GET) is not None


def test_a_head_is_learnt_from_a_later_request_of_a_connection_as_well():
    known = KnownHeads()

    talk(known, GET, POST % (2, b"{}"))

    assert known.find(POST % (2, b"{}")) is not None


@pytest.mark.parametrize("pieces", [(POST % (4, b"{}"), b"{}"), (POST[:30], POST[30:] % (2, b"{}"))])
def test_of_a_known_head_what_does_not_come_whole_is_parsed(pieces):
    known = KnownHeads()
    talk(known, POST % (2, b"{}"))

    assert talk(known, *pieces) == talk(Forgetful(), *pieces)


def test_two_requests_in_one_are_parsed():
    known = KnownHeads()
    talk(known, GET)

    assert talk(known, GET + GET) == talk(Forgetful(), GET + GET)


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: a\r\nX-Strength: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2 \r\n\r\n{}",
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n" + b" " * 5000,
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"b" * heads.MAX_HEAD_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"no request\r\n\r\n",
    ],
)
def test_what_is_no_plain_head_and_body_is_never_known(data):
    assert not is_known(data)


@pytest.mark.parametrize("length", [b"+2", b"2.0", b"-2", b"0x2", b"", b"2,2", "２".encode()])
def test_what_is_no_number_is_no_length_of_a_known_head(length):
    known = KnownHeads()
    talk(known, POST % (2, b"{}"))
    odd = (POST % (2, b"{}")).replace(b": 2\r", b": " + length + b"\r")

    assert known.find(odd) is None
    assert talk(known, odd) == talk(Forgetful(), odd)


def test_many_heads_take_no_more_room():
    known = KnownHeads()
    for number in range(heads.MAX_HEADS + 1):
        talk(known, b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number)

    assert len(known._known) == 1


names = st.sampled_from(
    [
        "Host",
        "Content-Length",
        "content-length",
        "X-Length",
        "Connection",
        "Transfer-Encoding",
        "Expect",
        "Upgrade",
        "A",
    ]
)
values = st.sampled_from(["0", "2", "02", "3", "close", "keep-alive", "chunked", "100-continue", "h2c", "", "a\r\n b"])
requests = st.builds(
    lambda target, version, lines, body: (
        "\r\n".join([f"POST {target} HTTP/{version}", *(f"{name}: {value}" for name, value in lines), "", body])
    ).encode(),
    st.sampled_from(["/", "/a?b", "/%41", "http://localhost/a", "*", "/#a"]),
    st.sampled_from(["1.1", "1.0", "2.0"]),
    st.lists(st.tuples(names, values), max_size=4),
    st.sampled_from(["", "{}", "abc", "0\r\n\r\n", "\r\n"]),
)


def test_whatever_is_sent_gives_the_same_as_if_each_head_were_parsed():
    known = KnownHeads()

    @settings(EVERY_TIME, max_examples=600)
    @given(pieces=st.lists(requests, min_size=1, max_size=3))
    def send(pieces):
        twice = [*pieces, *pieces]
        assert talk(known, *twice) == talk(Forgetful(), *twice)

    send()
    assert known._known
