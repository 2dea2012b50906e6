"""One HTTP/1.1 connection: framing, faults, flow and time limits, over real sockets."""

import asyncio

import httpx
import pytest

from openrouter.one_server import LIMITS, WHOLE, ask, closing, once, repeating, request, talk
from tray_proxy.openrouter.http1 import MAX_HEAD_BYTES, MAX_WAITING_BYTES


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


def test_what_follows_an_answer_has_no_say_in_it():
    """Two answers to one question: the second is nobody's."""
    assert once(closing(WHOLE + b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) == (200, b"hi")


def test_headers_are_given_as_they_came_and_a_trailer_is_not_among_them():
    answer = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nRetry-After: 9\r\n\r\n"

    async def look(way, server):
        response = await way.send(request(server))
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
        response = await way.send(request(server))
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


@pytest.mark.parametrize("filler", [b"x" * 4096, b"x: y\r\n" * 1000], ids=["one line", "lines"])
@pytest.mark.parametrize("begins", [b"0\r\nX: ", b"1;"], ids=["behind the chunks", "about a chunk"])
def test_lines_among_a_body_are_not_read_for_ever(begins, filler):
    """The parser keeps them, and each would count as a sign of life."""

    async def flood(server, reader, writer, _number):
        await server.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n" + begins)
        while True:
            writer.write(filler)
            await writer.drain()

    with pytest.raises(httpx.RemoteProtocolError):
        once(flood)


def test_a_request_goes_out_as_it_was_given():
    async def look(way, server):
        await ask(way, server, "POST", (b"one ", b"two"), [(b"X-One", b"1")])
        return server.asked

    assert talk(repeating(WHOLE), look) == [
        b"POST /path HTTP/1.1\r\nHost: upstream\r\nX-One: 1\r\nContent-Length: 7\r\n\r\n"
    ]


@pytest.mark.parametrize("value", [b"a\r\nX-Evil: 1", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_cannot_break_out_of_its_line(value):
    async def break_out(way, server):
        with pytest.raises(httpx.LocalProtocolError):
            await ask(way, server, headers=[(b"X-One", value)])
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


def test_an_answer_that_is_left_closes_its_connection_at_once():
    async def endless(server, reader, writer, _number):
        await server.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhi")
        assert await reader.read() == b""

    async def leave(way, server):
        response = await way.send(request(server))
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
        response = await way.send(request(server))
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
        response = await way.send(request(server))
        first = await response.stream.part(300)
        with pytest.raises(httpx.ReadTimeout):
            await response.stream.part(0.05)
        await response.aclose()
        return first

    assert talk(pause, wait) == b"hi"


async def in_two_parts(server, reader, writer, _number):
    """Answer `hi`, wait until a test lets it go on, and answer `ho`."""
    await server.request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhi")
    await server.go_on.wait()
    writer.write(b"ho")
    await reader.read()


def poured(serve, take, limit_s=10.0):
    """Pour an answer's body; returns what `pour` does, or raises it."""

    async def pour(way, server):
        server.go_on = asyncio.Event()
        response = await way.send(request(server))
        try:
            return await response.stream.pour(lambda part: take(server, part), limit_s, limit_s)
        finally:
            await response.aclose()

    return talk(serve, pour)


def test_what_comes_is_poured_in_the_moment_it_comes():
    parts = []

    def take(server, part):
        parts.append(part)
        server.go_on.set()
        return True

    assert poured(in_two_parts, take) is False
    assert parts == [b"hi", b"ho"]


def test_once_something_came_what_comes_next_has_its_own_limit_whatever_the_first_bytes_had():
    """A chunk's line end alone wakes whoever waits, and is no body."""

    async def stalls(server, reader, writer, _number):
        await server.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await server.go_on.wait()
        writer.write(b"2\r\nhi")
        await server.was_taken.wait()
        writer.write(b"\r\n")
        await reader.read()

    async def pour(way, server):
        server.go_on, server.was_taken = asyncio.Event(), asyncio.Event()
        response = await way.send(request(server))
        asyncio.get_running_loop().call_soon(server.go_on.set)
        try:
            return await response.stream.pour(lambda _part: server.was_taken.set() is None, 0.05, 3600)
        finally:
            await response.aclose()

    with pytest.raises(httpx.ReadTimeout):
        talk(stalls, pour)


def test_who_wants_no_more_gets_no_more_until_it_asks_again():
    async def twice(way, server):
        server.go_on = asyncio.Event()
        response, parts = await way.send(request(server)), []

        def refuse(part):
            parts.append(part)
            return False

        first = await response.stream.pour(refuse, 10, 10)
        server.go_on.set()
        second = await response.stream.pour(refuse, 10, 10)
        third = await response.stream.pour(refuse, 10, 10)
        return (first, second, third), parts

    # With the second part the body ends: nobody has to ask once more to know it.
    assert talk(in_two_parts, twice) == ((True, False, False), [b"hi", b"ho"])


def test_what_goes_wrong_while_it_is_taken_is_raised_where_it_is_poured():
    calls = []

    def take(server, part):
        calls.append(part)
        server.go_on.set()
        if len(calls) == 2:
            raise ValueError("no room")
        return True

    with pytest.raises(ValueError, match=r"^no room$"):
        poured(in_two_parts, take)
    assert calls == [b"hi", b"ho"]


def test_who_is_cancelled_as_it_wants_no_more_leaves_nothing_of_that_to_the_next_answer():
    """Its client left in the same moment in which the last bytes came; the connection is good for another answer."""

    async def answer(server, reader, writer, _number):
        for _ in range(2):
            await server.request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in (b"2", b"\r\nhi\r\n0\r\n\r\n"):
                await server.more.acquire()
                writer.write(piece)

    async def twice(way, server):
        server.more = asyncio.Semaphore(0)
        first = await way.send(request(server))

        def leave(_part):
            pouring.cancel()
            return False

        pouring = asyncio.create_task(first.stream.pour(leave, 10, 10))
        await asyncio.sleep(0)
        server.more.release()
        server.more.release()
        with pytest.raises(asyncio.CancelledError):
            await pouring
        await first.aclose()

        second, parts = await way.send(request(server)), []
        pouring = asyncio.create_task(second.stream.pour(lambda part: not parts.append(part), 10, 10))
        server.more.release()
        while not second.stream._connection._barren_bytes:  # noqa: ASYNC110
            await asyncio.sleep(0)  # until the line about the chunk has come, by itself; that tells nobody
        server.more.release()
        return await pouring, parts, server.connections

    assert talk(answer, twice) == (False, [b"hi"], 1)


def test_an_answer_that_breaks_off_while_it_is_poured_has_given_all_of_it():
    parts = []

    def take(_server, part):
        parts.append(part)
        return True

    with pytest.raises(httpx.RemoteProtocolError):
        poured(closing(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhi"), take)
    assert parts == [b"hi"]


def test_silence_while_it_is_poured_has_an_end():
    with pytest.raises(httpx.ReadTimeout):
        poured(in_two_parts, lambda _server, _part: True, limit_s=0.05)
