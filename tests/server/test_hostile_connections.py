"""
Attacks by how a request is sent, byte by byte to a real port: refused, or closed, and nobody else notices.

After each of them the same proxy answers the next client, and nothing was asked of OpenRouter.
"""

import contextlib
import json
import socket
import ssl

import pytest

from desktop.waiting import wait_for
from tray_proxy import http_protocol
from tray_proxy.demo import dialect
from tray_proxy.demo.faults import Fault
from tray_proxy.demo.steps import Write

BODY = b'{"model":"openai/gpt-4o-mini","stream":false,"messages":[{"role":"user","content":"hi"}]}'
HOST = b"Host: localhost\r\n"
POST = b"POST /api/chat HTTP/1.1\r\n" + HOST


def connect(proxy):
    return socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=10)


def everything(client):
    """Read until the other side closes."""
    received = b""
    with contextlib.suppress(ConnectionResetError):  # closed with bytes of ours unread
        while part := client.recv(65536):
            received += part
    return received


def send(client, written):
    """Send as far as the other side takes it."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.sendall(written)


def connections_of(running):
    """The proxy's side of its connections, to be looked at in its loop."""
    return running.program.proxy._listener._server.server_state.connections


def in_loop(running, look):
    async def run():
        return look()

    return running.loop.submit(run()).result(15)


def posted(*headers, body=BODY):
    return POST + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def tls_hello():
    """What a browser sends that was told https."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"
ONE_CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
# What is no HTTP, or HTTP that two readers would read in two ways.
UNREADABLE = {
    "TLS": tls_hello(),
    "HTTP/2 with prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
    "noise": bytes(range(256)),
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "HTTP/3.7": b"GET / HTTP/3.7\r\n" + HOST + b"\r\n",
    "no version": b"GET / \r\n" + HOST + b"\r\n",
    "a method that is none": b"G\x00T / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target that is none": b"GET nothing HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target that is no ASCII": b"GET /api/\xfftags HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT": b"CONNECT openrouter.ai:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "length and chunks": posted(LENGTH, CHUNKED, body=ONE_CHUNK),
    "chunks and length": posted(CHUNKED, LENGTH, body=ONE_CHUNK),
    "two lengths": posted(LENGTH, b"Content-Length: 5"),
    "the same length twice": posted(LENGTH, LENGTH),
    "chunks, but not at the end": posted(b"Transfer-Encoding: chunked, identity", body=ONE_CHUNK),
    "chunks by a look-alike": posted(b"Transfer-Encoding: \x0bchunked", body=ONE_CHUNK),
    "chunks with a space before the colon": posted(b"Transfer-Encoding : chunked", body=ONE_CHUNK),
    "a length with a space before the colon": posted(b"Content-Length : %d" % len(BODY)),
    "a header on two lines": posted(b"X-A: 1", b" and 2", LENGTH),
    "a header without a colon": posted(b"nothing", LENGTH),
    "a header without a name": posted(b": x", LENGTH),
    "a NUL in a header": posted(b"X-A: a\0b", LENGTH),
    "a NUL in a name": posted(b"X-\0A: a", LENGTH),
    "a bare CR in a header": posted(b"X-A: a\rX-B: b", LENGTH),
}
# The head was read, and the request is under way: an answer would not be its own.
BAD_BODIES = {
    "an unknown coding": posted(b"Transfer-Encoding: cow", body=ONE_CHUNK),
    "another request within it": posted(b"Content-Length: 5", body=BODY),
} | {
    name: POST + CHUNKED + b"\r\n\r\n5\r\n" + BODY[:5] + b"\r\n" + chunk
    for name, chunk in {
        "beyond all numbers": b"f" * 17 + b"\r\n",
        "negative": b"-1\r\n",
        "no number": b"zz\r\n",
        "hexadecimal twice": b"0x5\r\nhello\r\n",
        "nothing": b"\r\n",
        "longer than was said": b"2\r\nhello\r\n",
        "a NUL in what follows the length": b"5;a=\0\r\nhello\r\n",
    }.items()
}


@pytest.mark.parametrize("attack", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_http_is_refused(proxy, upstream, attack):
    with connect(proxy) as client:
        send(client, attack)

        assert everything(client).startswith(b"HTTP/1.1 400 ")
    assert proxy.http.get("/api/version").status_code == 200
    assert upstream.received == []


@pytest.mark.parametrize("attack", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_is_none_ends_the_connection(proxy, upstream, attack):
    with connect(proxy) as client:
        send(client, attack)

        assert everything(client) == b""
    assert proxy.http.get("/api/version").status_code == 200
    assert upstream.received == []


TOO_LONG = {
    "a long header": POST + b"X-A: " + b"a" * 300_000,
    "many headers": POST + b"".join(b"x-%d: a\r\n" % n for n in range(40_000)),
    "a long name": POST + b"a" * 300_000 + b": a\r\n",
    "a long target": b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long head that is whole": posted(b"X-A: " + b"a" * 70_000, LENGTH),
    "line ends without end": b"\r\n" * 100_000,
}


@pytest.mark.parametrize("attack", TOO_LONG.values(), ids=TOO_LONG)
def test_a_head_without_end_is_refused(proxy, upstream, attack):
    with connect(proxy) as client:
        send(client, attack)

        assert everything(client).startswith(b"HTTP/1.1 431 ")
    assert proxy.http.get("/api/version").status_code == 200
    assert upstream.received == []


def test_a_long_head_that_comes_with_its_body_is_told_from_it(proxy):
    """What comes together is counted together first."""
    padded = BODY[:-1] + b',"padding":"' + b"a" * 150_000 + b'"}'
    with connect(proxy) as client:
        client.sendall(posted(b"Content-Length: %d" % len(padded), body=padded))

        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


UPGRADES = {
    "HTTP/2, as Java asks": (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAEAAEAA"),
    "a web socket": (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
}


BODIES = {"a length": (LENGTH, BODY), "chunks": (CHUNKED, ONE_CHUNK)}


@pytest.mark.parametrize("headers", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize(("length", "body"), BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("pieces", [1, 7, 10_000])
def test_who_asks_for_another_protocol_is_answered_in_this_one(proxy, upstream, headers, length, body, pieces):
    """And so is the next request on the connection, which Java's clients send without asking again."""
    request = posted(*headers, length, body=body)
    step = -(-len(request) // pieces)
    with connect(proxy) as client:
        for _ in range(2):
            for at in range(0, len(request), step):
                client.sendall(request[at : at + step])
            assert answered(client).startswith(b"HTTP/1.1 200 ")
        client.sendall(b"GET /api/version HTTP/1.1\r\n" + HOST + headers[0] + b"\r\n" + headers[1] + b"\r\n\r\n")
        assert answered(client).startswith(b"HTTP/1.1 200 ")
    assert len(upstream.chats) == 2


def answered(client):
    """Read as far as an answer goes."""
    received = b""
    while not received.endswith(b"}"):
        received += client.recv(65536)
    return received


@pytest.mark.parametrize("headers", UPGRADES.values(), ids=UPGRADES)
def test_so_is_a_body_that_is_none(proxy, upstream, headers):
    with connect(proxy) as client:
        send(client, posted(*headers, CHUNKED, body=b"zz\r\n"))

        assert everything(client) == b""
    assert upstream.received == []


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"http://evil.example:1/api/version", b"localhost", 403),
        (b"http://localhost@evil.example/api/version", b"localhost", 403),
        (b"http://localhost:80/api/version", b"localhost", 403),
        (b"http://localhost/api/version", b"evil.example", 403),
        (b"http://evil.example/api/version", b"evil.example", 403),
        (b"http://localhost/api/version", b"localhost", 200),
        (b"http://localhost?/api/version", b"localhost", 200),
        (b"//evil.example/api/version", b"localhost", 404),
        (b"/api/version", b"localhost", 200),
    ],
)
def test_a_host_in_the_target_has_to_be_the_one_in_host(proxy, upstream, target, host, status):
    """Two readers could take the request for one to two computers."""
    with connect(proxy) as client:
        client.sendall(b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, host))

        assert client.recv(65536).startswith(b"HTTP/1.1 %d " % status)
    assert upstream.received == []


def test_a_client_of_old_reads_until_the_end(proxy):
    """It knows no chunks."""
    streamed = BODY.replace(b"false", b"true")
    with connect(proxy) as client:
        client.sendall(b"POST /api/chat HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(streamed) + streamed)
        head, _, body = everything(client).partition(b"\r\n\r\n")

    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert json.loads(body.splitlines()[-1])["done"] is True


def test_one_clock_runs_for_head_and_body(proxies, tmp_path):
    """A head that trickles in for a minute does not give the body another one."""
    running = proxies.start(tmp_path)
    with connect(running) as client:
        client.sendall(POST + LENGTH)
        wait_for(lambda: in_loop(running, lambda: [each._due for each in connections_of(running) if each.url]), "head")
        [before] = in_loop(running, lambda: [each._due for each in connections_of(running) if each.url])

        client.sendall(b"\r\n\r\n" + BODY[:5])
        wait_for(lambda: in_loop(running, lambda: [each for each in connections_of(running) if each.cycle]), "body")

        assert in_loop(running, lambda: [each._due for each in connections_of(running) if each.url]) == [before]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/api/chat", lambda text: {"error": text}),
        ("/v1/chat/completions", lambda text: {"error": openais(text)}),
        ("/v1/messages", lambda text: {"type": "error", "error": {"type": "invalid_request_error", "message": text}}),
    ],
)
def test_a_request_that_trickles_in_is_refused(proxy, upstream, monkeypatch, path, error):
    monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT_S", 0.1)
    monkeypatch.setattr(http_protocol, "LINGER_S", 0.1)
    with connect(proxy) as client:
        client.sendall(POST.replace(b"/api/chat", path.encode()) + LENGTH + b"\r\n\r\n" + BODY[:5])
        head, _, body = everything(client).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in head
    told = json.loads(body)
    told.pop("request_id", None)
    assert told == error("The request did not arrive within 60 s: send it again, or send less at once.")
    assert upstream.received == []


def openais(text):
    return {"message": text, "type": "invalid_request_error", "param": None, "code": None}


def test_who_waits_to_be_asked_for_too_much_is_refused_without_being_asked(proxy, upstream):
    """And what it says then is no body: the connection ends."""
    with connect(proxy) as client:
        client.sendall(POST + b"Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n")
        head = client.recv(65536)
        client.sendall(posted(LENGTH))

        assert head.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in head
        client.shutdown(socket.SHUT_WR)
        assert b"HTTP/" not in everything(client)
    assert upstream.received == []


def test_who_begins_and_leaves_costs_nothing(proxy, upstream):
    """Half a head, half a body, nothing at all, and reset connections."""
    for beginning in (b"", POST, POST + LENGTH + b"\r\n\r\n" + BODY[:5]) * 10:
        client = connect(proxy)
        client.sendall(beginning)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset instead of an end
        client.close()

    assert proxy.chat().status_code == 200
    assert len(upstream.chats) == 1


def without_pause(exchange, _seconds):
    """A stream that goes on as fast as it is read."""
    head = exchange.chunks()[0]
    delta = {"role": "assistant", "content": "demo " * 100}
    event = dialect.event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield exchange.start()
    while True:
        yield Write(event)


def test_a_client_that_does_not_read_is_not_written_to_without_end(proxies, upstream, tmp_path):
    """What is bought for it waits upstream, and not in our memory; and all others are served meanwhile."""
    running = proxies.start(tmp_path)
    upstream.arrange(Fault("without-pause", without_pause, "a stream without a pause", on="chat"))

    def waiting():
        return [each.transport.get_write_buffer_size() for each in connections_of(running) if each.flow.write_paused]

    with connect(running) as client:
        streamed = BODY.replace(b"false", b"true")
        client.sendall(posted(b"Content-Length: %d" % len(streamed), body=streamed))
        [bytes_held] = wait_for(lambda: in_loop(running, waiting), "a client that holds up its answer")

        assert bytes_held < 2_000_000
        assert running.chat().status_code == 200
        assert in_loop(running, waiting) == [bytes_held]


class Others:
    """As many connections as there may be, and some more."""

    def __init__(self, running, monkeypatch):
        self._running = running
        self._held = []
        monkeypatch.setattr(http_protocol, "MAX_CONNECTIONS", 10)
        monkeypatch.setattr(http_protocol, "MAX_TURNED_AWAY", 5)

    def hold(self, count):
        """Open connections until there are so many."""
        while (missing := count - len(self.open())) > 0:
            self._held += [connect(self._running) for _ in range(missing)]
            wait_for(lambda: len(self.open()) >= count, f"{count} connections")

    def open(self):
        return in_loop(self._running, lambda: list(connections_of(self._running)))

    def close(self):
        for each in self._held:
            each.close()

    def leave(self):
        self.close()
        wait_for(lambda: not self.open(), "all connections closed")


@pytest.fixture
def crowd(proxies, tmp_path, monkeypatch):
    running = proxies.start(tmp_path)
    others = Others(running, monkeypatch)
    yield running, others
    others.close()


FULL = "Tray Proxy holds too many connections: wait a moment, and close some."


@pytest.mark.parametrize(
    ("request_line", "told"),
    [
        (b"GET /api/tags", {"error": FULL}),
        (b"POST /api/chat", {"error": FULL}),
        (b"POST /v1/chat/completions", {"error": {"message": FULL, "type": "api_error", "param": None, "code": None}}),
        (b"POST /v1/messages", {"type": "error", "error": {"type": "overloaded_error", "message": FULL}}),
    ],
)
def test_one_connection_too_many_is_told_so_at_once(crowd, upstream, request_line, told):
    running, others = crowd
    others.hold(10)

    with connect(running) as client:
        client.sendall(request_line + b" HTTP/1.1\r\n" + HOST + LENGTH + b"\r\n\r\n" + BODY)
        head, _, body = everything(client).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 503 ")
    assert {b"retry-after: 1", b"connection: close"} <= set(head.splitlines())
    answer = json.loads(body)
    answer.pop("request_id", None)
    assert answer == told
    assert upstream.chats == []
    others.leave()
    assert running.chat().status_code == 200


def test_who_is_one_too_many_and_says_nothing_is_let_go(crowd, monkeypatch):
    monkeypatch.setattr(http_protocol, "LINGER_S", 0.05)
    running, others = crowd
    others.hold(10)

    with connect(running) as client:
        assert everything(client) == b""


def test_far_too_many_are_cut_off_without_a_word(crowd):
    running, others = crowd
    others.hold(15)

    with connect(running) as client:
        assert everything(client) == b""
    others.leave()
    assert running.chat().status_code == 200
