"""The n-th chunk, event or connection is bad, for all n: what came before it, and then one error."""

import gzip
from dataclasses import replace

import pytest

from faults.asking import WAYS, Told, all_of
from faults.scripted import (
    CHUNKED,
    DONE,
    EVENTS,
    FINISH,
    LAST_CHUNK,
    Upstream,
    as_json,
    chunk,
    chunked,
    error_event,
    refusal,
    sends,
    word,
)  # fmt: skip

WORDS = ("one ", "two ", "three ", "four")
PIECES = [*map(word, WORDS), FINISH, DONE]
WHOLE = Told(200, "".join(WORDS), done=True)
AGAIN = "Try again in a moment, or choose another model."
CURE = "Check the internet connection, and try again."
NOTHING = f"The connection to OpenRouter broke off before anything was answered. {CURE}"
BROKE_OFF = f"The connection to OpenRouter broke off before the answer was complete. {CURE}"
ENDED = f"The answer broke off: OpenRouter ended the stream before the answer was complete. {AGAIN}"
UNREADABLE = f"OpenRouter sent an event that cannot be read; the answer was cut. {AGAIN}"
TOLD = "The provider fell over. Wait a moment and try again, or choose another model."
PAGE = b"<!doctype html>\n<html><body>502 Bad Gateway</body></html>\n"
MIB = 2**20


def after(words, error, *, stream):
    """Tell what an app is to be told where an error follows so many words."""
    return Told(200, "".join(WORDS[:words]), [error]) if stream and words else Told(502, errors=[error])


# What stands in an event's place, and what is told of it.
BAD_EVENTS = {
    "cut JSON": (b'data: {"choices":[{"del\n\n', UNREADABLE),
    "no JSON": (b"data: so sorry\n\n", UNREADABLE),
    "another JSON": (b'data: {"choices":"none"}\n\n', UNREADABLE),
    "a bare list": (b"data: []\n\n", UNREADABLE),
    "no UTF-8": (b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n', UNREADABLE),
    "half a pair": (b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n', UNREADABLE),
    "deep JSON": (b"data: " + b"[" * 100_000 + b"\n\n", UNREADABLE),
    "an error event": (error_event(502, "The provider fell over."), TOLD),
    "a bare error": (b'data: {"error":{"code":502,"message":"The provider fell over."}}\n\n', TOLD),
    "an error as a text": (b'data: {"error":"The provider fell over."}\n\n', TOLD),
}


@pytest.mark.parametrize("bad", BAD_EVENTS)
def test_a_bad_event_at_any_place_is_one_error_after_all_words_before_it(field, bad):
    event, error = BAD_EVENTS[bad]

    async def damaged(at, path, stream):
        pieces = [*PIECES[:at], event, *PIECES[at + 1 :]]
        return await field.tell(sends(chunked(*pieces)), path, stream=stream)

    cases = [(at, path, stream) for at in range(len(PIECES) - 1) for path, stream in WAYS]
    told = field.run(all_of(damaged(*case) for case in cases))

    assert told == [(after(at, error, stream=stream), 1) for at, _, stream in cases]


# What breaks the chunked coding itself. In place of the n-th chunk.
BAD_CHUNKS = {
    "a size that is none": b"xyz\r\nabc\r\n",
    "a negative size": b"-5\r\nabcde\r\n",
    "an absurd size": b"f" * 40 + b"\r\nabc\r\n",
    "a size too small": b"3\r\ndata: [DONE]\r\n\r\n",
    "a page": PAGE,
    "another answer": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("bad", BAD_CHUNKS)
def test_a_bad_chunk_at_any_place_is_one_error_after_all_words_before_it(field, bad):
    async def damaged(at, path, stream):
        wire = CHUNKED + b"".join(map(chunk, PIECES[:at])) + BAD_CHUNKS[bad] + b"".join(map(chunk, PIECES[at + 1 :]))
        return await field.tell(sends(wire + LAST_CHUNK), path, stream=stream)

    cases = [(at, path, stream) for at in range(len(PIECES)) for path, stream in WAYS]
    told = field.run(all_of(damaged(*case) for case in cases))

    assert told == [(after(at, BROKE_OFF, stream=stream), 1) for at, _, stream in cases]


def test_a_page_in_place_of_the_rest_is_one_error_after_all_words_before_it(field):
    """A gateway's own, behind the part of a stream that it passed on."""

    async def damaged(at, path, stream):
        return await field.tell(sends(chunked(*PIECES[:at], PAGE)), path, stream=stream)

    cases = [(at, path, stream) for at in range(len(PIECES) - 1) for path, stream in WAYS]
    told = field.run(all_of(damaged(*case) for case in cases))

    finished = len(WORDS) + 1
    assert told == [(WHOLE if at == finished else after(at, ENDED, stream=stream), 1) for at, _, stream in cases]


@pytest.mark.parametrize(("path", "stream"), WAYS)
def test_an_event_of_four_mebibytes_at_any_place_is_passed_whole(field, path, stream):
    large = "x" * (4 * MIB)

    async def swollen(at):
        words = [*WORDS[:at], large, *WORDS[at + 1 :]]
        told, asked = await field.tell(sends(chunked(*map(word, words), FINISH, DONE)), path, stream=stream)
        return told == Told(200, "".join(words), done=True), asked

    assert field.run(all_of(map(swollen, (0, len(WORDS) - 1)), at_once=1)) == [(True, 1)] * 2


# Answers that break HTTP itself, and what is told of them: nothing of such an answer can be relied on.
BAD_HEADS = {
    "two status lines": (b"HTTP/1.1 200 OK\r\n" + chunked(*PIECES), NOTHING),
    "no HTTP": (b"220 mail.example.com ESMTP\r\n\r\n" + b"".join(PIECES), NOTHING),
    "HTTP/2": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" * 20, NOTHING),
    "a header without a colon": (chunked(*PIECES).replace(b"\r\n", b"\r\nNonsense\r\n", 1), NOTHING),
    "a length that is none": (EVENTS + b"Content-Length: many\r\n\r\n" + b"".join(PIECES), NOTHING),
    "a negative length": (EVENTS + b"Content-Length: -1\r\n\r\n" + b"".join(PIECES), NOTHING),
    "a head without end": (EVENTS + b"X-Pad: " + b"x" * (4 * MIB), NOTHING),
    "a header of four mebibytes": (
        chunked(*PIECES).replace(b"\r\n", b"\r\nX-Pad: " + b"x" * 4 * MIB + b"\r\n", 1),
        NOTHING,
    ),
    "headers of four mebibytes": (chunked(*PIECES).replace(b"\r\n", b"\r\n" + b"X-Pad: x\r\n" * 400_000, 1), NOTHING),
    "informing without end": (b"HTTP/1.1 103 Early Hints\r\nX-Pad: x\r\n\r\n" * 100_000, NOTHING),
}


@pytest.mark.parametrize("bad", BAD_HEADS)
def test_a_head_that_breaks_the_rules_is_an_error_and_not_asked_for_again(field, bad):
    wire, error = BAD_HEADS[bad]
    field.drop_connections()

    told = field.run(all_of((field.tell(sends(wire), path, stream=stream) for path, stream in WAYS), at_once=4))

    assert told == [(Told(502, errors=[error]), 1)] * len(WAYS)


def test_a_length_too_long_is_a_cut(field):
    wire = EVENTS + b"Content-Length: 9999\r\n\r\n" + b"".join(PIECES[:-1])

    told = field.run(all_of(field.tell(sends(wire), path, stream=stream) for path, stream in WAYS))

    assert told == [(after(len(WORDS), BROKE_OFF, stream=stream), 1) for _, stream in WAYS]


def test_a_length_too_short_is_a_cut_and_what_follows_it_is_nobodys_answer(field):
    body = b"".join(PIECES)
    short = len(b"".join(PIECES[:2]))
    wire = EVENTS + b"Content-Length: %d\r\n\r\n" % short + body

    async def one_after_the_other(path, stream):
        cut = await field.tell(sends(wire, stay=True), path, stream=stream)
        return cut, await field.tell(sends(chunked(*PIECES)), path, stream=stream)

    told = field.run(all_of((one_after_the_other(path, stream) for path, stream in WAYS), at_once=1))

    assert told == [((after(2, ENDED, stream=stream), 1), (WHOLE, 1)) for _, stream in WAYS]


def test_an_answer_that_nobody_asked_for_is_nobodys(field):
    """Two answers to one question: the second must not be taken for that to the next question."""
    other = chunked(word("somebody else's"), FINISH, DONE)

    async def one_after_the_other(path, stream):
        first = await field.tell(sends(chunked(*PIECES) + other, stay=True), path, stream=stream)
        return first, await field.tell(sends(chunked(*PIECES)), path, stream=stream)

    told = field.run(all_of((one_after_the_other(path, stream) for path, stream in WAYS), at_once=1))

    assert told == [((WHOLE, 1), (WHOLE, 1))] * len(WAYS)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_packed_answer_is_an_error(field, coding):
    """We ask for none: it would be held back while it is packed, and a packed bomb would have to be unpacked."""
    packed = gzip.compress(b"".join(PIECES))
    wire = EVENTS + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(packed)) + packed

    told = field.run(all_of(field.tell(sends(wire), path, stream=stream) for path, stream in WAYS))

    assert [(each.status, each.text, len(each.errors), asked) for each, asked in told] == [(502, "", 1, 1)] * len(WAYS)


# The connection of a question fails before a byte of an answer, and what is told of it.
BEFORE_A_BYTE = {
    "closed": (sends(b""), NOTHING),
    "reset": (sends(b"", reset=True), NOTHING),
}


@pytest.mark.parametrize("bad", BEFORE_A_BYTE)
def test_a_connection_that_fails_before_a_byte_is_one_error_whichever_it_is(field, bad):
    script, error = BEFORE_A_BYTE[bad]

    async def row(place, path, stream):
        told = []
        for at in range(4):
            if at == place:
                field.drop_connections()
            told.append(await field.tell(script if at == place else sends(chunked(*PIECES)), path, stream=stream))
        return told

    async def rows():
        return [await row(place, path, stream) for place in range(4) for path, stream in (WAYS[0], WAYS[5], WAYS[10])]

    for at, told in enumerate(field.run(rows())):
        wanted = [(WHOLE, 1)] * 4
        wanted[at // 3] = (Told(502, errors=[error]), 1)
        assert told == wanted


def test_a_connection_that_is_refused_is_one_error_and_the_next_is_well(field, proxies, tmp_path):
    """The other side is started anew, say: nobody has to do anything for it to go on."""
    upstream = Upstream()
    field.run(upstream.start())
    port = upstream.port
    proxy = replace(field.before(proxies.start(tmp_path, openrouter_base_url=upstream.url)), upstream=upstream)
    nobody = f"OpenRouter could not be reached: there seems to be no internet connection. {CURE}"

    def asked():
        return [proxy.run(proxy.tell(sends(chunked(*PIECES)), path, stream=stream)) for path, stream in WAYS]

    for _ in range(2):
        assert asked() == [(WHOLE, 1)] * len(WAYS)
        proxy.run(upstream.stop())
        proxy.drop_connections()
        assert asked() == [(Told(502, errors=[nobody]), 0)] * len(WAYS)
        proxy.run(upstream.start(port))
    assert asked() == [(WHOLE, 1)] * len(WAYS)
    proxy.run(upstream.stop())


def test_fifty_bad_answers_lock_nobody_out(field):
    """No circuit breaker: a peer refused every app for a minute after two bad requests."""
    bad = [
        sends(refusal(400, "bad request")), sends(refusal(500, "server error")), sends(b""), sends(b"garbage\r\n\r\n"),
        sends(chunked(b"data: nonsense\n\n")), sends(refusal(429, "slow down", b"Retry-After: 60")),
        sends(as_json(b"{}")), sends(EVENTS + b"\r\n" + PAGE),
    ]  # fmt: skip

    async def storm():
        failed = await all_of(
            field.tell(bad[number % len(bad)], *WAYS[number % len(WAYS)][:1], stream=WAYS[number % len(WAYS)][1])
            for number in range(50)
        )
        good = [await field.tell(sends(chunked(*PIECES)), path, stream=stream) for path, stream in WAYS]
        return [told.status for told, _ in failed], good

    statuses, good = field.run(storm())
    assert 200 not in statuses
    assert good == [(WHOLE, 1)] * len(WAYS)
