"""HTTP/1.1 to one address: framing, faults, kept connections, TLS, time limits; over real sockets."""

import asyncio
import contextlib
import socket
import ssl

import httpx
import pytest

from openrouter.encrypted import NAME, Encrypted, authority
from tray_proxy.openrouter import transport as transports
from tray_proxy.openrouter.transport import MAX_HEAD_BYTES, MAX_WAITING_BYTES, Transport
from tray_proxy.openrouter.upload import Upload

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LIMITS = {"connect": 10.0, "write": 10.0, "read": 10.0}


class Server:
    """Answers as a test's coroutine says, which gets the number of the connection; keeps what it was asked."""

    def __init__(self, talk):
        self._talk = talk
        self.asked = []
        self.connections = 0
        self.closed = asyncio.Event()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = httpx.URL(f"http://{host}:{port}/")
        return self

    async def __aexit__(self, *_error):
        self._server.close()

    async def request(self, reader):
        """Read a request whole; returns its body."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head)
        length = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        return await reader.readexactly(int(length[0])) if length else b""

    async def _answer(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._talk(self, reader, writer, self.connections)
        writer.close()
        self.closed.set()


def repeating(answer):
    """Answer every request on every connection alike."""

    async def talk(server, reader, writer, _number):
        while True:
            await server.request(reader)
            writer.write(answer)

    return talk


def closing(answer):
    """Answer one request, and close the connection."""

    async def talk(server, reader, writer, _number):
        await server.request(reader)
        writer.write(answer)
        await writer.drain()

    return talk


def request(server, method="GET", pieces=(b"",), headers=()):
    length = [("Content-Length", str(sum(map(len, pieces))))] if method == "POST" else []
    return httpx.Request(
        method,
        server.url.join("/path"),
        headers=[("Host", "upstream"), *length, *headers],
        stream=Upload(list(pieces)),
        extensions={"timeout": LIMITS},
    )


async def ask(way, server, *arguments, **more):
    """Send a request and read its answer; returns status and body."""
    response = await way.handle_async_request(request(server, *arguments, **more))
    body = b"".join([part async for part in response.stream])
    await response.aclose()
    return response.status_code, body


def talk(serve, conversation):
    """Run a conversation between a transport and a server."""

    async def run():
        async with Server(serve) as server, Transport(server.url, ssl.create_default_context()) as way:
            return await asyncio.wait_for(conversation(way, server), 20)

    return asyncio.run(run())


def once(serve):
    """Ask once; returns status and body."""
    return talk(serve, ask)


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nh\r\n1\r\ni\r\n0\r\nTrailer: t\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + WHOLE,
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ],
)
def test_every_legal_framing_gives_the_same_body(answer):
    assert once(repeating(answer)) == (200, b"hi")


def test_it_does_not_matter_how_an_answer_was_cut_on_its_way():
    async def byte_by_byte(server, reader, writer, _number):
        await server.request(reader)
        for at in range(len(WHOLE)):
            writer.write(WHOLE[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)

    assert once(byte_by_byte) == (200, b"hi")


def test_a_body_without_a_length_ends_with_its_connection():
    assert once(closing(b"HTTP/1.1 200 OK\r\n\r\nhi")) == (200, b"hi")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_is_whole(status):
    assert once(repeating(b"HTTP/1.1 %d None\r\n\r\n" % status)) == (status, b"")


def test_headers_are_given_as_they_came_and_a_trailer_is_not_among_them():
    answer = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nRetry-After: 9\r\n\r\n"

    async def look(way, server):
        response = await way.handle_async_request(request(server))
        await response.aread()
        return response.headers.get_list("retry-after")

    assert talk(repeating(answer), look) == ["7"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"<html>no HTTP</html>",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
    ],
)
def test_what_is_no_answer_is_an_error(answer):
    with pytest.raises(httpx.RemoteProtocolError):
        once(closing(answer))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n5\r\nhel",
    ],
)
def test_of_a_body_that_breaks_off_everything_is_given_that_came(answer):
    async def read(way, server):
        response = await way.handle_async_request(request(server))
        got = await response.stream.part(10)
        with pytest.raises(httpx.RemoteProtocolError):
            await response.aread()
        return got[:2]

    assert talk(closing(answer), read) == b"hi"


@pytest.mark.parametrize("filler", [b"X: " + b"x" * 4 * MAX_HEAD_BYTES, b"X: y\r\n" * MAX_HEAD_BYTES])
def test_a_head_without_end_is_not_read_for_ever(filler):
    async def flood(server, reader, writer, _number):
        await server.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(filler)
            await writer.drain()

    with pytest.raises(httpx.RemoteProtocolError, match=r"^the answer's head is too large$"):
        once(flood)


def test_a_request_goes_out_as_it_was_given():
    async def look(way, server):
        await ask(way, server, "POST", (b"one ", b"two"), [("X-One", "1")])
        return server.asked

    assert talk(repeating(WHOLE), look) == [
        b"POST /path HTTP/1.1\r\nHost: upstream\r\nContent-Length: 7\r\nX-One: 1\r\n\r\n"
    ]


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"])
def test_a_header_cannot_break_out_of_its_line(value):
    async def break_out(way, server):
        with pytest.raises(httpx.LocalProtocolError):
            await ask(way, server, headers=[("X-One", value)])
        return server.asked

    assert talk(repeating(WHOLE), break_out) == []


def test_a_large_request_waits_for_a_reader_that_is_slow():
    large = bytes(4_000_000)

    async def slow(server, reader, writer, _number):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n%d" % len(await server.request(reader)))

    assert talk(slow, lambda way, server: ask(way, server, "POST", (large,))) == (200, b"4000000")


def test_a_refusal_is_heard_while_the_request_is_still_on_its_way():
    """A body that is too large is refused before all of it has come; the other side then reads no more."""

    async def refuse(server, reader, writer, _number):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await server.done.wait()

    async def send(way, server):
        server.done = asyncio.Event()
        answer = await ask(way, server, "POST", (bytes(50_000_000),))
        server.done.set()
        return answer

    assert talk(refuse, send) == (413, b"no")


def test_who_takes_nothing_of_a_request_is_given_up(monkeypatch):
    monkeypatch.setitem(LIMITS, "write", 0.05)

    async def deaf(server, _reader, _writer, _number):
        await server.done.wait()

    async def send(way, server):
        server.done = asyncio.Event()
        with pytest.raises(httpx.WriteTimeout):
            await ask(way, server, "POST", (bytes(50_000_000),))
        server.done.set()

    talk(deaf, send)


def test_a_connection_is_used_again_once_its_answer_was_read():
    async def thrice(way, server):
        for _ in range(3):
            await ask(way, server)
        return server.connections

    assert talk(repeating(WHOLE), thrice) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        WHOLE + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    ],
)
def test_one_that_is_not_fit_for_it_is_not_used_again(answer):
    """What comes without a question would be taken for the next one's answer."""

    async def twice(way, server):
        return [await ask(way, server), await ask(way, server)], server.connections

    assert talk(repeating(answer), twice) == ([(200, b"hi"), (200, b"hi")], 2)


def test_an_answer_that_is_left_closes_its_connection_at_once():
    async def endless(server, reader, writer, _number):
        await server.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhi")
        assert await reader.read() == b""

    async def leave(way, server):
        response = await way.handle_async_request(request(server))
        await response.aclose()
        await server.closed.wait()

    talk(endless, leave)


def test_a_request_that_is_cancelled_closes_its_connection_at_once():
    async def silent(server, reader, _writer, _number):
        await server.request(reader)
        server.asked_whole.set()
        assert await reader.read() == b""

    async def cancel(way, server):
        server.asked_whole = asyncio.Event()
        task = asyncio.create_task(ask(way, server))
        await server.asked_whole.wait()
        task.cancel()
        await server.closed.wait()
        await asyncio.wait({task})
        return task.cancelled(), server.connections

    assert talk(silent, cancel) == (True, 1)


async def dead_after_one(server, reader, writer, number):
    """Answer one request on the first connection; the next one is read there, and the connection closed."""
    await server.request(reader)
    writer.write(WHOLE)
    while number > 1 or len(server.asked) < 2:
        await server.request(reader)
        if number > 1:
            writer.write(WHOLE)


def test_a_kept_connection_that_is_dead_has_the_request_sent_once_more():
    async def twice(way, server):
        return [await ask(way, server), await ask(way, server, "POST", (b"body",))], len(server.asked)

    assert talk(dead_after_one, twice) == ([(200, b"hi"), (200, b"hi")], 3)


def test_a_new_connection_that_dies_has_nothing_sent_again():
    async def die(server, reader, _writer, _number):
        await server.request(reader)

    async def once_only(way, server):
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(way, server)
        return server.connections

    assert talk(die, once_only) == 1


def test_one_that_has_answered_a_byte_has_nothing_sent_again():
    async def begin(server, reader, writer, _number):
        await server.request(reader)
        writer.write(WHOLE)
        await server.request(reader)
        writer.write(b"H")
        await writer.drain()

    async def twice(way, server):
        await ask(way, server)
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(way, server)
        return server.connections

    assert talk(begin, twice) == 1


def test_a_connection_that_the_other_side_closes_is_forgotten_at_once():
    async def twice(way, server):
        await ask(way, server)
        await server.closed.wait()
        await asyncio.sleep(0.01)
        await ask(way, server)
        return len(server.asked)

    assert talk(closing(WHOLE), twice) == 2


def test_after_minutes_without_a_request_another_connection_is_used(monkeypatch):
    async def twice(way, server):
        await ask(way, server)
        monkeypatch.setattr(transports, "KEEPALIVE_S", -1.0)
        await ask(way, server)
        return server.connections

    assert talk(repeating(WHOLE), twice) == 2


def test_a_connection_that_was_opened_ahead_is_the_next_ones():
    async def ahead(way, server):
        await way.open_ahead(10)
        await way.open_ahead(10)
        await ask(way, server)
        return server.connections

    assert talk(repeating(WHOLE), ahead) == 1


def test_a_retired_one_ends_the_answer_under_way_and_keeps_nothing():
    async def half(server, reader, writer, _number):
        await server.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhi")
        await server.retired.wait()
        writer.write(b"ho")
        assert await reader.read() == b""

    async def retire(way, server):
        server.retired = asyncio.Event()
        response = await way.handle_async_request(request(server))
        way.retire()
        server.retired.set()
        body = await response.aread()
        await server.closed.wait()
        return body

    assert talk(half, retire) == b"hiho"


def test_an_answer_that_nobody_reads_holds_the_other_side_back():
    async def pour(server, reader, writer, _number):
        await server.request(reader)
        writer.transport.set_write_buffer_limits(0)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(100):
            writer.write(bytes(1_000_000))
            server.sent += 1
            await writer.drain()

    async def read_late(way, server):
        server.sent = 0
        response = await way.handle_async_request(request(server))
        held, seen = -1, 0
        while held != seen:
            held, seen = seen, server.sent
            await asyncio.sleep(0.05)
        waiting = len(await response.stream.part(10))
        got = waiting + len(await response.aread())
        return held < 50, waiting < MAX_WAITING_BYTES + 1_000_000, got

    assert talk(pour, read_late) == (True, True, 100_000_000)


def test_a_part_is_waited_for_as_long_as_is_said_and_no_longer():
    async def pause(server, reader, writer, _number):
        await server.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhi")
        assert await reader.read() == b""

    async def wait(way, server):
        response = await way.handle_async_request(request(server))
        first = await response.stream.part(300)
        with pytest.raises(httpx.ReadTimeout):
            await response.stream.part(0.05)
        await response.aclose()
        return first

    assert talk(pause, wait) == b"hi"


def test_a_port_that_nobody_holds_refuses():
    async def refused():
        with socket.create_server(("127.0.0.1", 0)) as free:
            url = httpx.URL(f"http://127.0.0.1:{free.getsockname()[1]}/")
        async with Transport(url, ssl.create_default_context()) as way:
            with pytest.raises(httpx.ConnectError) as caught:
                await way.open_ahead(10)
            return type(caught.value.__cause__)

    assert asyncio.run(refused()) is ConnectionRefusedError


def test_a_handshake_that_is_not_answered_is_given_up():
    """The connection is there, and whoever took it says nothing."""

    async def hang():
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            url = httpx.URL(f"https://127.0.0.1:{deaf.getsockname()[1]}/")
            async with Transport(url, ssl.create_default_context()) as way:
                with pytest.raises(httpx.ConnectTimeout, match=r"^no encryption in time$"):
                    await way.open_ahead(0.05)

    asyncio.run(hang())


def test_over_tls_an_authority_of_ones_own_is_trusted_and_another_is_not(monkeypatch):
    ours = authority()
    trusted = ssl.create_default_context()
    ours.configure_trust(trusted)
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *more, **named: real("127.0.0.1" if host == NAME else host, *more, **named),
    )

    async def encrypted(server):
        url = httpx.URL(server.url)
        async with Transport(url, trusted) as way:
            sent = httpx.Request(
                "POST", url, headers={"Content-Length": "600000"}, stream=Upload([bytes(600_000)]),
                extensions={"timeout": LIMITS},
            )  # fmt: skip
            response = await way.handle_async_request(sent)
            return await response.aread()

    came = []

    def answer(piece):
        came.append(len(piece))
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" if sum(came) > 600_000 else b""

    good, bad = Encrypted(ours, answer=answer), Encrypted(authority())
    assert asyncio.run(encrypted(good)) == b"hi"
    with pytest.raises(httpx.ConnectError) as caught:
        asyncio.run(encrypted(bad))
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    good.close()
    bad.close()
