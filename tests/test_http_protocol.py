"""What a connection may and may not do, byte by byte."""

import asyncio
import json
import socket
import sys
from types import SimpleNamespace

import pytest
import uvicorn
from uvicorn.server import ServerState

from tray_proxy import http_protocol

CHAT = json.dumps({"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}).encode()
GET = b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n"


def post(body):
    return b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.fixture
def connection(proxy):
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=10) as client:
        yield client


def ask_version(client):
    """Ask, and read as far as an answer goes."""
    client.sendall(GET)
    received = b""
    while not received.endswith(b"}"):
        received += client.recv(65536)
    return received


def everything(client):
    """Read until the other side closes."""
    received = b""
    try:
        while part := client.recv(65536):
            received += part
    except ConnectionResetError:
        pass  # closed with bytes of ours unread
    return received


def test_a_request_sent_before_the_last_was_answered_ends_both(connection, upstream):
    """Queued, it would hide that the client leaves, and the whole answer would be bought for nobody."""
    upstream.arrange("endless")
    connection.sendall(post(CHAT))
    assert b"200 OK" in connection.recv(65536)

    connection.sendall(GET)

    everything(connection)
    assert upstream.wait_for(lambda seen: seen.chats[-1].outcome == "dropped", 15)


def test_a_request_sent_together_with_the_next_buys_nothing_more(connection, upstream):
    upstream.arrange("endless")

    connection.sendall(post(CHAT) + GET)

    everything(connection)
    assert upstream.wait_for(lambda seen: all(chat.outcome != "open" for chat in seen.chats), 15)


def test_requests_one_after_another_share_a_connection(connection):
    for _ in range(3):
        assert ask_version(connection).endswith(b'{"version":"0.33.0"}')


@pytest.mark.parametrize("piece", [b"x-long: " + b"a" * 70_000, b"".join(b"x-%d: a\r\n" % n for n in range(9_000))])
def test_a_head_that_is_too_long_is_refused(connection, piece):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + piece)

    assert everything(connection).startswith(b"HTTP/1.1 431 ")


def test_a_long_body_is_no_long_head(connection, upstream):
    body = json.dumps(json.loads(CHAT) | {"stream": False, "padding": "a" * 300_000}).encode()

    connection.sendall(post(body))

    assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("beginning", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
def test_a_connection_that_does_not_ask_is_closed(proxy, monkeypatch, beginning):
    monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT_S", 0.05)

    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=10) as client:
        client.sendall(beginning)

        assert everything(client) == b""


def test_an_announced_body_beyond_the_limit_is_refused_at_once(connection):
    connection.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n")

    assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("limit", ["REQUEST_TIMEOUT_S", "MAX_WASTE_BYTES"])
def test_a_connection_that_goes_on_with_an_answered_body_is_closed(proxy, monkeypatch, limit):
    """Who was refused could else hold it for ever, and all the others that there may be, or keep us busy."""
    monkeypatch.setattr(http_protocol, limit, 0.2)
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=10) as client:
        client.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n")
        while not client.recv(65536).endswith(b"}"):
            pass

        client.sendall(b"more")

        assert everything(client) == b""


@pytest.mark.parametrize("origin", [b"", b"Origin: https://evil.example\r\n"], ids=["waited for", "answered"])
@pytest.mark.parametrize("endless", [b"x" * 1024, b"a: b\r\n" * 200], ids=["one line", "lines"])
@pytest.mark.parametrize("begins", [b"0\r\nx: ", b"1;"], ids=["behind the chunks", "about a chunk"])
def test_lines_among_a_body_do_not_go_on_without_end(connection, origin, begins, endless):
    """The parser keeps them, and nobody who reads a body hears of them."""
    connection.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n" + origin)
    connection.sendall(b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n" + begins)

    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        connection.sendall(endless * 20_000)


def test_a_request_that_was_not_sent_whole_is_told_when_the_proxy_is_turned_off(proxies, tmp_path, monkeypatch):
    monkeypatch.setattr("tray_proxy.listener.GRACE_S", 0.0)
    running = proxies.start(tmp_path)
    port = int(running.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        ask_version(client)  # so that the connection is known to be there
        client.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{")
        running.loop.submit(running.program.proxy.stop()).result(15)

        answer = everything(client)

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Tray Proxy was turned off" in answer


ENDLESS = -1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit there")
@pytest.mark.parametrize(
    ("soft", "hard", "made", "room"),
    [
        (256, ENDLESS, (2200, ENDLESS), 1000),
        (1024, 524_288, (2200, 524_288), 1000),
        (1024, 1500, (1500, 1500), 691),
        (96, 96, (96, 96), 22),
        (20, 20, (20, 20), 1),
        (4096, 4096, None, 1000),
        (ENDLESS, ENDLESS, None, 1000),
    ],
)
def test_there_may_be_as_many_files_as_connections_take(monkeypatch, soft, hard, made, room):
    import resource

    limits = []
    monkeypatch.setattr(resource, "RLIM_INFINITY", ENDLESS)
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _kind, both: limits.append(both))

    connections = http_protocol.make_room()

    assert (limits, connections) == ([] if made is None else [made], room)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit there")
def test_a_system_that_refuses_more_files_is_no_failure(monkeypatch):
    import resource

    def refuse(_kind, _both):
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (256, 10_000))
    monkeypatch.setattr(resource, "setrlimit", refuse)

    assert http_protocol.make_room() == 99


@pytest.mark.parametrize(
    ("pieces", "seen"),
    [
        ([post(b"{}")], [["asked", "body"]]),
        ([post(b"{}")[:20], post(b"{}")[20:]], [[], ["asked", "body"]]),
    ],
    ids=["whole", "in pieces"],
)
def test_a_request_is_worked_on_at_once_as_far_as_it_has_come(pieces, seen):
    """And not in the loop's next turn, for which everything else would come first."""
    told, steps = [], []

    async def app(_scope, receive, _send):
        steps.append("asked")
        await receive()
        steps.append("body")
        await receive()

    async def run():
        state = ServerState()
        protocol = http_protocol.CarefulProtocol(uvicorn.Config(app, interface="asgi3", log_config=None), state, {})
        transport, connection = SimpleNamespace(), socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        transport.get_extra_info = lambda name: connection if name == "socket" else None
        transport.is_closing = lambda: False
        transport.pause_reading = transport.resume_reading = transport.close = lambda: None
        protocol.connection_made(transport)
        for piece in pieces:
            await asyncio.sleep(0)
            protocol.data_received(piece)
            told.append(list(steps))
        protocol.connection_lost(None)
        connection.close()
        await asyncio.wait(state.tasks)

    asyncio.run(run())
    assert told == seen
