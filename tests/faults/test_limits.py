"""Answers without end, or of an absurd size: an error, and memory that stays within bounds."""

import asyncio
import base64
import contextlib
import gzip

import msgspec
import psutil
import pytest

from faults.asking import DIALECTS, WAYS, Told, all_of, ask, read_answer, request
from faults.scripted import (
    CHUNKED,
    DONE,
    EVENTS,
    FINISH,
    LAST_CHUNK,
    TEXT_MODEL,
    VECTOR_MODEL,
    Upstream,
    chunk,
    chunked,
    refusal,
    sends,
    word,
)  # fmt: skip
from tray_proxy.errors import UpstreamError

HELLO = chunked(word("Hello"), FINISH, DONE)
MIB = 2**20
AGAIN = "Try again in a moment, or choose another model."
TOO_LONG = f"OpenRouter sent more in one event than any answer can hold. {AGAIN}"
TOO_MUCH = f"OpenRouter sent more than was asked for. {AGAIN}"


def endless(head, piece, *, at_most=400 * MIB):
    """Send a piece again and again until the other side has had enough; gives how much was sent."""
    sent = []

    async def script(line):
        sent.append(0)
        with contextlib.suppress(ConnectionError):
            await line.send(head)
            while sent[-1] < at_most:
                await line.send(piece)
                sent[-1] += len(piece)
        line.close()

    return script, sent


@pytest.mark.parametrize(
    "line", [b"data: " + b"x" * MIB, b": " + b"x" * MIB, b"x" * MIB], ids=["data", "comment", "nameless"]
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_line_without_end_is_an_error(field, line, stream):
    script, sent = endless(EVENTS + b"\r\n" + word("first "), line)
    before = psutil.Process().memory_info().rss

    told = field.run(field.tell(script, "/api/chat", stream=stream))

    assert told == ((Told(200, "first ", [TOO_LONG]) if stream else Told(502, errors=[TOO_LONG])), 1)
    assert sent[0] < 48 * MIB
    assert psutil.Process().memory_info().rss - before < 128 * MIB


@pytest.mark.parametrize("stream", [True, False])
def test_an_event_of_lines_without_end_is_an_error(field, stream):
    script, sent = endless(EVENTS + b"\r\n" + word("first "), (b"data: " + b"x" * 1000 + b"\n") * 1000)

    told = field.run(field.tell(script, "/api/chat", stream=stream))

    assert told == ((Told(200, "first ", [TOO_LONG]) if stream else Told(502, errors=[TOO_LONG])), 1)
    assert sent[0] < 48 * MIB


@pytest.mark.parametrize(("path", "stream"), [WAYS[0], WAYS[1], WAYS[8], WAYS[9]])
def test_an_answer_without_end_is_an_error(field, path, stream):
    """Words of half a mebibyte each, for ever."""
    script, sent = endless(CHUNKED, chunk(word("x" * (MIB // 2))))

    told, asked = field.run(field.tell(script, path, stream=stream))

    assert (told.status, told.errors, told.done, asked) == (200 if stream else 502, [TOO_MUCH], False, 1)
    assert sent[0] < 100 * MIB


@pytest.mark.parametrize("size", [b"Content-Length: 99999999999\r\n\r\n", b"\r\n"], ids=["announced", "not announced"])
def test_vectors_without_end_are_an_error(field, size):
    script, sent = endless(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + size, b" " * MIB)

    async def ask_for_vectors():
        case = field.upstream.case(script)
        body = {"model": VECTOR_MODEL, "input": f"case {case}."}
        return [await ask(field.port, path, body) for path in ("/api/embed", "/v1/embeddings")]

    ollama, openai = field.run(ask_for_vectors())
    assert (ollama.status, msgspec.json.decode(ollama.body)) == (502, {"error": TOO_MUCH})
    assert (openai.status, msgspec.json.decode(openai.body)["error"]["message"]) == (502, TOO_MUCH)
    assert max(sent) < 100 * MIB


def test_a_list_of_models_that_is_far_too_long_leaves_the_last_good_one(field, proxies, tmp_path):
    upstream = Upstream()
    field.run(upstream.start())
    proxy = proxies.start(tmp_path, openrouter_base_url=upstream.url)
    names = proxy.http.get("/v1/models").json()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    upstream.lists = head + b" " * (65 * MIB) + b'{"data":[{"id":"some/model"}]}'

    with pytest.raises(UpstreamError) as told:
        proxy.loop.submit(proxy.program.cache.refresh()).result(30)

    assert told.value.message == TOO_MUCH.removesuffix(f" {AGAIN}")
    assert proxy.http.get("/v1/models").json() == names
    field.run(upstream.stop())


def test_a_refusal_without_end_is_told_by_its_status(field):
    script, sent = endless(b"HTTP/1.1 500 Error\r\nContent-Type: application/json\r\n\r\n", b" " * MIB)

    told = field.run(all_of((field.tell(script, path, stream=stream) for path, stream in WAYS), at_once=2))

    assert [(each.status, len(each.errors), asked) for each, asked in told] == [(500, 1, 1)] * len(WAYS)
    assert max(sent) < 16 * MIB


def test_a_packed_bomb_is_not_unpacked(field):
    bomb = gzip.compress(b" " * (256 * MIB), 1)
    head = b"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    before = psutil.Process().memory_info().rss

    told = field.run(
        all_of(
            field.tell(sends(b"HTTP/1.1 %d Said\r\n" % status + head + bomb), path, stream=stream)
            for status in (200, 400)
            for path, stream in WAYS[:4]
        )
    )

    assert [(len(each.errors), asked) for each, asked in told] == [(1, 1)] * 8
    assert psutil.Process().memory_info().rss - before < 64 * MIB


def test_a_long_refusal_is_cut_for_people(field):
    told, _ = field.run(field.tell(sends(refusal(400, "no " * 20_000)), "/api/chat", stream=True))

    assert (told.status, len(told.errors[0]) < 1200) == (400, True)


def test_a_client_that_does_not_read_holds_back_its_upstream_and_nobody_else(field):
    """Or its answer would pile up here. When it reads at last, it has every word."""
    words, sent = ["x" * 100_000 + " "] * 300, []

    async def script(line):
        await line.send(CHUNKED)
        for each in words:
            await line.send(chunk(word(each)))
            sent.append(len(each))
        await line.send(chunk(FINISH) + chunk(DONE) + LAST_CHUNK)
        line.close()

    async def deaf():
        dialect = DIALECTS["/api/chat"]
        case = field.upstream.case(script)
        reader, writer = await asyncio.open_connection("127.0.0.1", field.port, limit=2**16)
        writer.write(request(dialect.path, dialect.request(case, stream=True), Connection="close"))
        held_back = 0
        while sum(sent) > held_back or not sent:
            # No more comes while others have had all their words: it waits.
            held_back = sum(sent)
            others = await all_of(field.tell(sends(HELLO), path, stream=stream) for path, stream in WAYS * 20)
            assert others == [(Told(200, "Hello", done=True), 1)] * len(WAYS) * 20
        answered = read_answer(await reader.read(-1))
        writer.close()
        return held_back, dialect.read(answered, stream=True)

    held_back, told = field.run(deaf())

    assert held_back < 20 * MIB
    assert told == Told(200, "".join(words), done=True)


def large():
    """Make a request for which more is sent on than fits into any buffer on the way."""
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24 * MIB)).decode()
    return {"model": TEXT_MODEL, "messages": [{"role": "user", "content": "look", "images": [picture]}]}


def test_a_refusal_of_what_is_still_being_sent_is_told(field):
    """A gateway answers 413 at the head, and reads no further."""

    async def stall(reader, length, writer):
        writer.write(refusal(413, "too large"))
        # No further than to its end: the connection's next request would be swallowed with it.
        while length > 0 and (part := await reader.read(MIB)):
            length -= len(part)

    async def ask_for_it():
        field.upstream.stall = stall
        return await ask(field.port, "/api/chat", large())

    answered = field.run(ask_for_it())

    assert (answered.status, msgspec.json.decode(answered.body)) == (
        413,
        {"error": "too large. Send less at once, for example fewer or smaller pictures."},
    )
