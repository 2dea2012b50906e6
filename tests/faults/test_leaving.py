"""A client that leaves, whenever and however, has its upstream connection closed: that is what stops the bill."""

import asyncio
import base64
import contextlib
import itertools
import logging
import socket
import struct
import time

import pytest

from desktop.waiting import wait_for_requests
from faults.asking import DIALECTS, WAYS, Told, all_of, request, until
from faults.scripted import (
    CHUNKED,
    DONE,
    FINISH,
    TEXT_MODEL,
    VECTOR_MODEL,
    as_json,
    chunk,
    chunked,
    refusal,
    sends,
    word,
)  # fmt: skip

log = logging.getLogger(__name__)

COMMENT = b": OPENROUTER PROCESSING\n\n"
MIB = 2**20


class Client:
    """A program that may leave at any moment."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer

    @classmethod
    async def asking(cls, port, content, **more):
        client = cls(*await asyncio.open_connection("127.0.0.1", port, **more))
        client._writer.write(content)
        await client._writer.drain()
        return client

    def ask(self, content):
        self._writer.write(content)

    async def read_until(self, mark):
        await self._reader.readuntil(mark)

    def leave(self, manner):
        if manner == "reset":
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        elif manner == "half-closed":
            self._writer.write_eof()
        elif manner == "asking too early":
            self.ask(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        else:
            self._writer.close()

    def close(self):
        self._writer.close()


MANNERS = ("closed", "reset", "half-closed")
# How far an answer has come when its client leaves: what was sent of it; None for comments without end.
MOMENTS = {
    "before an answer": b"",
    "inside the answer's head": CHUNKED[:-9],
    "after the answer's head": CHUNKED,
    "inside a refusal": refusal(400)[:-5],
    "during comments": None,
    "in the middle of a word": CHUNKED + chunk(word("Hello")) + chunk(word(" world")[:-20])[:-2],
    "between two words": CHUNKED + chunk(word("Hello")),
    "before the end mark": CHUNKED + chunk(word("Hello")) + chunk(FINISH),
}


def waits(beginning, reached, left):
    """Make the script that begins an answer, and notes when the connection is closed."""

    async def comment(line):
        with contextlib.suppress(ConnectionError):
            while not left.done():
                await line.send(chunk(COMMENT))
                await asyncio.sleep(0.005)

    async def script(line):
        await line.send(CHUNKED if beginning is None else beginning)
        talking = asyncio.create_task(comment(line)) if beginning is None else None
        reached.set_result(None)
        await line.left()
        left.set_result(time.monotonic())
        if talking is not None:
            await talking
        line.close()

    return script


def said_something(moment, stream):
    return stream and word("Hello") in (MOMENTS[moment] or b"")


async def left_at(field, manner, moment, path, stream):
    """Leave at a moment; give how long it took until the upstream connection was closed, in seconds."""
    loop = asyncio.get_running_loop()
    reached, left = loop.create_future(), loop.create_future()
    case = field.upstream.case(waits(MOMENTS[moment], reached, left))
    client = await Client.asking(field.port, request(path, DIALECTS[path].request(case, stream=stream)))
    await reached
    if said_something(moment, stream):
        await client.read_until(b"Hello")
    gone = time.monotonic()
    client.leave(manner)
    took_s = await left - gone
    client.close()
    return took_s


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_client_that_leaves_has_its_upstream_connection_closed_and_is_recorded(field, moment):
    before = field.cancelled
    cases = list(itertools.product(MANNERS, WAYS))

    async def all_leave():
        took = await all_of((left_at(field, how, moment, *way) for how, way in cases), at_once=6)
        await until(lambda: field.cancelled == before + len(cases))
        return took

    took = sorted(field.run(all_leave()))
    # Shown by `pytest --log-cli-level=INFO`; how fast a busy computer is proves nothing.
    log.info("%s: upstream closed after %.1f ms, at most %.1f", moment, took[len(took) // 2] * 1000, took[-1] * 1000)


def test_a_client_that_leaves_ends_an_encrypted_call_too(encrypted_field):
    cases = [(how, moment, *way) for how, moment, way in itertools.product(MANNERS, MOMENTS, WAYS[:2])]

    async def all_leave():
        await all_of((left_at(encrypted_field, *case) for case in cases), at_once=6)
        await until(lambda: encrypted_field.cancelled == len(cases))

    encrypted_field.run(all_leave())


@pytest.mark.parametrize("manner", MANNERS)
def test_a_client_that_leaves_on_its_second_question_ends_that_too(field, manner):
    """Most apps keep a connection, and ask on it again and again."""
    before = field.cancelled

    async def ask_and_leave(path, stream):
        loop = asyncio.get_running_loop()
        reached, left = loop.create_future(), loop.create_future()
        first = field.upstream.case(sends(chunked(word("Hello"), FINISH, DONE), stay=True))
        second = field.upstream.case(waits(MOMENTS["between two words"], reached, left))
        client = await Client.asking(field.port, request(path, DIALECTS[path].request(first, stream=stream)))
        await client.read_until(b"\r\n\r\n")
        await client.read_until(b"0\r\n\r\n" if stream else b"Hello")
        client.ask(request(path, DIALECTS[path].request(second, stream=stream)))
        await reached
        client.leave(manner)
        await left
        client.close()
        return field.upstream.asked[first], field.upstream.asked[second]

    async def all_leave():
        asked = await all_of(ask_and_leave(*way) for way in WAYS)
        await until(lambda: field.cancelled == before + len(WAYS))
        return asked

    assert field.run(all_leave()) == [(1, 1)] * len(WAYS)


@pytest.mark.parametrize("path", ["/api/embed", "/v1/embeddings"])
@pytest.mark.parametrize("manner", MANNERS)
def test_a_client_that_leaves_before_its_vectors_has_its_upstream_connection_closed(field, path, manner):
    before = field.cancelled

    async def leave():
        loop = asyncio.get_running_loop()
        reached, left = loop.create_future(), loop.create_future()
        case = field.upstream.case(waits(as_json(b"{}" * 100)[:-100], reached, left))
        body = {"model": VECTOR_MODEL, "input": f"case {case}."}
        client = await Client.asking(field.port, request(path, body))
        await reached
        client.leave(manner)
        await left
        client.close()
        await until(lambda: field.cancelled == before + 1)

    field.run(leave())


@pytest.mark.parametrize("manner", MANNERS)
def test_a_client_that_leaves_while_it_asks_has_nothing_bought(field, manner):
    asked = field.upstream.asked.total()
    before = field.cancelled

    async def leave(path, stream):
        content = request(path, DIALECTS[path].request(field.upstream.case(sends(b"")), stream=stream))
        client = await Client.asking(field.port, content[:-1])
        client.leave(manner)
        client.close()

    async def all_leave():
        await all_of(leave(*way) for way in WAYS)
        await until(lambda: field.cancelled == before + len(WAYS))

    field.run(all_leave())
    assert field.upstream.asked.total() == asked


@pytest.mark.parametrize("manner", MANNERS)
def test_a_client_that_leaves_while_its_picture_is_sent_on_has_that_broken_off(field, manner):
    """The upstream has stopped reading; what is on its way is not waited for."""
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24 * MIB)).decode()
    before = field.cancelled

    async def leave():
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def stall(reader, length, _writer):
            begun.set()
            await go_on.wait()
            received = 0
            with contextlib.suppress(ConnectionError):
                while part := await reader.read(MIB):
                    received += len(part)
            stalled.set_result((received, length))

        stalled = asyncio.get_running_loop().create_future()
        field.upstream.stall = stall
        message = {"role": "user", "content": "look", "images": [picture]}
        client = await Client.asking(field.port, request("/api/chat", {"model": TEXT_MODEL, "messages": [message]}))
        await begun.wait()
        client.leave(manner)
        await until(lambda: field.cancelled == before + 1)
        go_on.set()
        received, length = await stalled
        client.close()
        return received < length

    assert field.run(leave()) is True


@pytest.mark.parametrize("manner", MANNERS)
def test_a_client_that_leaves_while_a_try_is_waited_for_has_nothing_asked_again(field, sent_again, manner):
    before = field.cancelled

    async def leave(path, stream):
        refused = asyncio.Event()

        async def script(line):
            await line.send(refusal(503, "none available", b"Retry-After: 1"))
            refused.set()

        case = field.upstream.case(script)
        client = await Client.asking(field.port, request(path, DIALECTS[path].request(case, stream=stream)))
        await refused.wait()
        await asyncio.sleep(0.05)
        client.leave(manner)
        client.close()
        return case

    async def all_leave():
        cases = await all_of(leave(*way) for way in WAYS)
        # Only what is not cancelled any more could ask again.
        await until(lambda: field.cancelled == before + len(WAYS))
        return [field.upstream.asked[case] for case in cases]

    assert field.run(all_leave()) == [1] * len(WAYS)


def test_leaving_harms_nobody_else(field):
    """Every second client leaves in the middle; the others have all their words."""
    words = [f"{number} " for number in range(40)]

    async def script(line):
        with contextlib.suppress(ConnectionError):
            await line.send(CHUNKED)
            for each in words:
                await line.send(chunk(word(each)))
                await asyncio.sleep(0.002)
            await line.send(chunked(FINISH, DONE)[len(CHUNKED) :])

    async def stay(path, stream):
        return await field.tell(script, path, stream=stream)

    async def leave(path, stream):
        case = field.upstream.case(script)
        client = await Client.asking(field.port, request(path, DIALECTS[path].request(case, stream=stream)))
        if stream:
            await client.read_until(b"1 ")
        client.leave("reset")

    async def both():
        return await all_of(itertools.chain.from_iterable((stay(*way), leave(*way)) for way in WAYS * 4), at_once=96)

    told = [each for each in field.run(both()) if each is not None]
    # Or the next test would count who left here.
    wait_for_requests(field.proxy.loop)
    assert told == [(Told(200, "".join(words), done=True), 1)] * (4 * len(WAYS))


@pytest.mark.parametrize("manner", [*MANNERS, "asking too early"])
def test_a_client_that_leaves_what_it_did_not_read_ends_that_too(field, manner):
    """All that fits on the way has been sent, and more is held back when it goes, or asks before it was answered."""
    before = field.cancelled
    hello = sends(chunked(word("Hello"), FINISH, DONE))

    async def leave(path):
        sent, left = [0], asyncio.get_running_loop().create_future()

        async def script(line):
            with contextlib.suppress(ConnectionError):
                await line.send(CHUNKED)
                while True:
                    await line.send(chunk(word("x" * 100_000)))
                    sent[0] += 1
            left.set_result(None)

        content = request(path, DIALECTS[path].request(field.upstream.case(script), stream=True))
        client = await Client.asking(field.port, content, limit=2**16)
        held_back = -1
        while sent[0] > held_back:
            # No more comes while others have had all their words: it waits.
            held_back = sent[0]
            await all_of(field.tell(hello, *WAYS[0][:1], stream=True) for _ in range(30))
        client.leave(manner)
        await left
        client.close()

    async def all_leave():
        await all_of(leave(path) for path in DIALECTS)
        await until(lambda: field.cancelled == before + len(DIALECTS))

    field.run(all_leave())
