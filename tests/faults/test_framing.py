"""However an answer is framed, as long as that is legal, an app gets the same words."""

import asyncio
import itertools

import pytest

from faults.asking import DIALECTS, WAYS, Told, all_of, ask
from faults.scripted import CHUNKED, DONE, EVENTS, FINISH, LAST_CHUNK, chunk, chunked, sends, word

WORDS = ("Zoë", " 中文\u2028", "👩‍👩‍👧!")
SAID = [word(each) for each in WORDS]
PIECES = [*SAID, FINISH, DONE]
BODY = b"".join(PIECES)
WHOLE = Told(200, "".join(WORDS), done=True)
COMMENT = b": OPENROUTER PROCESSING\n\n"
JSON_IN_LINES = b'data: {"choices":\ndata: [{"delta":\ndata:{"content":"%b"}}]}\n\n'


def with_length(body):
    return EVENTS + b"Content-Length: %d\r\n\r\n" % len(body) + body


def in_lines(text):
    return JSON_IN_LINES % text.encode()


FRAMINGS = {
    "a chunk for each event": chunked(*PIECES),
    "all in one chunk": chunked(BODY),
    "a chunk for each byte": chunked(*(bytes([byte]) for byte in BODY)),
    "Content-Length": with_length(BODY),
    "the connection's end": EVENTS + b"\r\n" + BODY,
    "HTTP/1.0": EVENTS.replace(b"1.1", b"1.0") + b"\r\n" + BODY,
    "CR LF": chunked(BODY.replace(b"\n", b"\r\n")),
    "CR LF and LF mixed": chunked(*SAID, FINISH.replace(b"\n", b"\r\n"), DONE),
    "a byte order mark": chunked(b"\xef\xbb\xbf" + BODY),
    "comments between events": chunked(*(COMMENT + piece for piece in PIECES)),
    "comments inside events": chunked(*(b":\n: data: {}\n" + piece.replace(b"\n", b"\n:x\n", 1) for piece in PIECES)),
    "data in several lines": chunked(*map(in_lines, WORDS), FINISH, DONE),
    "no blank behind the colon": chunked(*(piece.replace(b"data: ", b"data:") for piece in PIECES)),
    "names, ids, times to wait": chunked(*(b"event: message\nid: 7\nretry: 10\n" + piece for piece in PIECES)),
    "unknown fields": chunked(*(b"weather: fine\nalone\n" + piece for piece in PIECES)),
    "many blank lines": chunked(*(b"\n\n\n" + piece + b"\n\r\n" for piece in PIECES)),
    "no blank line at the end": chunked(*SAID, FINISH, DONE.rstrip() + b"\n"),
    "no end of line at the end": chunked(*SAID, FINISH, DONE.rstrip()),
    "no end mark": chunked(*SAID, FINISH),
    "no end mark and no blank line": chunked(*SAID, FINISH.rstrip()),
    "chunk sizes in capitals and with noughts": CHUNKED
    + b"".join(b"000%X\r\n%b\r\n" % (len(piece), piece) for piece in PIECES)
    + b"000\r\n\r\n",
    "chunk extensions": CHUNKED + b"".join(chunk(piece, b';name="value"') for piece in PIECES) + b"0;last\r\n\r\n",
    "huge chunk extensions": CHUNKED + b"".join(chunk(piece, b";x=" + b"y" * 8000) for piece in PIECES) + LAST_CHUNK,
    "trailers": CHUNKED + chunk(BODY) + b"0\r\nServer-Timing: total;dur=1\r\nX-Note: done\r\n\r\n",
    "no reason": chunked(*PIECES).replace(b"200 OK", b"200", 1),
    "a long reason": chunked(*PIECES).replace(b"200 OK", b"200 " + b"well " * 100, 1),
    "100 Continue first": b"HTTP/1.1 100 Continue\r\n\r\n" + chunked(*PIECES),
    "early hints first": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + chunked(*PIECES),
    "102 Processing first": b"HTTP/1.1 102 Processing\r\n\r\n" * 20 + chunked(*PIECES),
    "headers in capitals": chunked(*PIECES).replace(EVENTS[17:], EVENTS[17:].upper(), 1),
    "a charset": chunked(*PIECES).replace(b"event-stream", b"event-stream; charset=utf-8", 1),
    "blanks around headers": chunked(*PIECES)
    .replace(b": text", b":\t text", 1)
    .replace(b"stream\r\n", b"stream \t\r\n", 1),
    "a hundred headers": chunked(*PIECES).replace(
        b"\r\n", b"\r\n" + b"".join(b"X-Note-%d: %d\r\n" % (number, number) for number in range(100)), 1
    ),
}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_legal_framing_changes_no_word(field, framing):
    told = field.run(all_of(field.tell(sends(FRAMINGS[framing]), path, stream=stream) for path, stream in WAYS))

    assert told == [(WHOLE, 1)] * len(WAYS)


def in_two(wire, at, *, pause_s=0.001):
    """Send an answer in two pieces, so far apart that they arrive as two."""

    async def script(line):
        await line.send(wire[:at])
        await asyncio.sleep(pause_s)
        await line.send(wire[at:])
        line.close()

    return script


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_may_arrive_in_two_pieces_cut_anywhere(field, stream):
    """Inside a character, a line end, a chunk's size, a header."""
    wire = chunked(*(piece.replace(b"\n", b"\r\n") for piece in PIECES))

    told = field.run(all_of(field.tell(in_two(wire, at), "/api/chat", stream=stream) for at in range(1, len(wire))))

    assert told == [(WHOLE, 1)] * (len(wire) - 1)


@pytest.mark.parametrize(("path", "stream"), WAYS)
def test_an_answer_may_arrive_byte_by_byte(field, path, stream):
    wire = chunked(BODY)

    async def script(line):
        for byte in wire:
            await line.send(bytes([byte]))
            await asyncio.sleep(0)
        line.close()

    assert field.run(field.tell(script, path, stream=stream)) == (WHOLE, 1)


@pytest.mark.parametrize("stream", [True, False])
def test_a_chunk_may_be_cut_into_two_anywhere(field, stream):
    """Inside a character, too."""
    wires = [chunked(BODY[:at], BODY[at:]) for at in range(1, len(BODY))]

    told = field.run(all_of(field.tell(sends(wire), "/v1/messages", stream=stream) for wire in wires))

    assert told == [(WHOLE, 1)] * len(wires)


@pytest.mark.parametrize(("path", "stream"), WAYS)
def test_an_answer_of_twenty_thousand_chunks_is_whole(field, path, stream):
    words = [f"{number} " for number in range(20_000)]

    async def script(line):
        await line.send(CHUNKED)
        for some in itertools.batched(words, 100):
            await line.send(b"".join(chunk(word(each)) for each in some))
        await line.send(chunk(FINISH) + chunk(DONE) + LAST_CHUNK)
        line.close()

    assert field.run(field.tell(script, path, stream=stream)) == (Told(200, "".join(words), done=True), 1)


def test_a_connection_is_used_again_after_every_legal_framing(field):
    """Read to its end, whatever that looks like: a new one for each request would cost more than all else."""
    reusable = [wire for name, wire in FRAMINGS.items() if name not in ("the connection's end", "HTTP/1.0")]
    field.drop_connections()

    async def one_after_the_other():
        before = field.upstream.connections
        told = [await field.tell(sends(wire, stay=True), "/api/chat", stream=True) for wire in reusable]
        return told, field.upstream.connections - before

    assert field.run(one_after_the_other()) == ([(WHOLE, 1)] * len(reusable), 1)


THOUGHT = b'data: {"choices":[{"delta":{"reasoning":"hm"}}]}\n\n'
CALL = (
    b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}}]}\n\n'
)


@pytest.mark.parametrize("path", DIALECTS)
@pytest.mark.parametrize("silent", [THOUGHT, CALL, FINISH], ids=["thought", "call", "finish"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "in the middle"])
def test_what_a_dialect_has_no_word_for_ends_no_answer(field, path, silent, first):
    """Each event is taken before the next one is sent: the words behind it are an app's as those before."""
    said = [silent, word("Hello"), word(" world")] if first else [word("Hello"), silent, word(" world")]

    async def turn():
        await asyncio.sleep(0)

    async def script(line):
        await line.send(CHUNKED)
        for event in (*said, FINISH):
            await line.send(chunk(event))
            for _ in range(3):
                await asyncio.wrap_future(field.proxy.loop.submit(turn()))
        await line.send(chunk(DONE) + LAST_CHUNK)

    async def talk():
        body = DIALECTS[path].request(field.upstream.case(script), stream=True)
        return await ask(field.port, path, body)

    answered = field.run(talk())

    assert (answered.status, answered.whole) == (200, True)
    assert 0 < answered.body.find(b"Hello") < answered.body.find(b" world")
