"""An answer while it arrives: its limits, and what it turns out to be. No socket is needed to see that."""

import asyncio
import weakref

import pytest

from openrouter.reading import chunks_of
from tray_proxy.errors import (
    KeyRejected,
    ModelNotFound,
    RateLimited,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tray_proxy.openrouter import answer
from tray_proxy.openrouter.answer import MAX_MESSAGE_LENGTH, Answer, read_embeddings, silent, without_key
from tray_proxy.setting_list import Settings

KEY = "sk-or-v1-test-key-of-nobody"


class Given:
    """Gives pieces of a body; a number is a pause in seconds, an error is raised."""

    def __init__(self, *pieces):
        self._pieces = list(pieces)

    async def pour(self, take, limit_s, first_s):
        while (part := await self.part(first_s)) is not None:
            first_s = limit_s
            if not take(part):
                return True
        return False

    async def part(self, limit_s):
        async with asyncio.timeout(limit_s):
            while self._pieces:
                piece = self._pieces.pop(0)
                if isinstance(piece, Exception):
                    raise piece
                if isinstance(piece, bytes):
                    return piece
                await asyncio.sleep(piece)
        return None


def test_an_answer_keeps_nobody_who_has_taken_it():
    """Else both would stay in memory until somebody collects what is of no use."""

    class Taker:
        def take(self, _chunks):
            return True

    async def pour(answer):
        taker = Taker()
        gone = weakref.ref(taker)
        await answer.pour(taker.take)
        del taker
        return gone()

    async def run():
        return await pour(Answer(Given(b'data: {"choices":[]}\n\n', b"data: [DONE]\n\n"), Settings(), "m"))

    assert asyncio.run(run()) is None


def whole(*pieces, limit=100, **settings):
    async def read():
        return await Answer(Given(*pieces), Settings(**settings), "m").whole(limit)

    return asyncio.run(read())


def chunks(*pieces):
    """Read a stream; return what it said, and whether its end mark was seen."""

    async def read():
        answer = Answer(Given(*pieces), Settings(), "m")
        said = [chunk.choices[0].delta.content async for some in chunks_of(answer) for chunk in some]
        return said, answer.marked

    return asyncio.run(read())


def test_a_body_is_given_in_one_piece():
    assert whole(b"one ", b"two") == b"one two"


def test_an_empty_body_is_given_too():
    assert whole() == b""


def test_a_body_as_large_as_allowed_is_read_and_a_larger_one_is_not():
    assert whole(b"1234", b"5678", limit=8) == b"12345678"
    with pytest.raises(UpstreamError, match=r"^OpenRouter sent more than was asked for\.$"):
        whole(b"1234", b"5678", b"9", limit=8)


def test_a_stream_without_end_is_given_up_after_what_it_said(monkeypatch):
    monkeypatch.setattr(answer, "MAX_STREAM_BYTES", 100)
    word = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
    said = []

    async def read():
        async for some in chunks_of(Answer(Given(*[word] * 9), Settings(), "m")):
            said.extend(chunk.choices[0].delta.content for chunk in some)

    with pytest.raises(UpstreamError, match=r"^OpenRouter sent more than was asked for\.$"):
        asyncio.run(read())
    assert said == ["hi"] * 3


def test_silence_before_the_first_byte_has_its_own_limit():
    with pytest.raises(UpstreamTimeout, match=r"silent for 0\.05 s while we waited for the first byte of the answer"):
        whole(30, first_byte_timeout_s=0.05)


def test_silence_between_two_bytes_has_its_own_limit():
    with pytest.raises(UpstreamTimeout, match=r"silent for 0\.05 s while we waited for the next piece of the answer"):
        whole(b"one", 30, idle_timeout_s=0.05)


def test_a_body_that_breaks_off_is_not_taken_for_whole():
    with pytest.raises(UpstreamUnreachable, match=r"^gone$"):
        whole(b"one", UpstreamUnreachable("gone"))


def test_a_stream_ends_at_its_mark():
    assert chunks(b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\ndata: x') == (["hi"], True)


def test_a_stream_that_ends_without_its_mark_shows_it():
    assert chunks(b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n') == (["hi"], False)


@pytest.mark.parametrize("beginning", [b"{", b'{"new":' + b"[" * 200_000])
def test_an_event_that_cannot_be_read_is_an_error(beginning):
    """Also one that comes by itself after others, and is nested without end."""
    with pytest.raises(UpstreamError, match=r"^OpenRouter sent an event that cannot be read; the answer was cut\.$"):
        chunks(b": a comment\n\n", b"data: " + beginning + b"\n\n")


@pytest.mark.parametrize("after", [UpstreamUnreachable("gone"), b"more"])
def test_what_follows_the_mark_is_read_and_cannot_fail(after):
    async def read():
        answer = Answer(Given(b"data: [DONE]\n\n", after), Settings(), "m")
        said = [some async for some in chunks_of(answer)]
        await answer.drain()
        return said, answer.marked

    assert asyncio.run(read()) == ([], True)


def test_an_event_that_is_made_of_too_many_things_is_an_error(monkeypatch):
    """A few bytes become an object of a hundred."""
    monkeypatch.setattr(answer, "MAX_CONTAINERS", 1000)
    event = b'data: {"choices":[' + b",".join([b"{}"] * 1000) + b"]}\n\n"

    with pytest.raises(UpstreamError, match=r"^OpenRouter sent an event that cannot be read; the answer was cut\.$"):
        chunks(event)


def test_an_event_that_is_long_is_read(monkeypatch):
    monkeypatch.setattr(answer, "MAX_CONTAINERS", 1000)
    event = b'data: {"choices":[{"delta":{"content":"' + b"x" * 5000 + b'"},"index":1}]}\n\n'

    assert chunks(event) == (["x" * 5000], False)


def test_vectors_are_read_with_their_usage():
    reply = read_embeddings(
        b'{"data":[{"embedding":[1,0.5],"index":0,"object":"embedding"}],"usage":{"prompt_tokens":3,"cost":"0.01"}}',
        "m",
    )

    assert [(item.index, item.embedding) for item in reply.data] == [(0, [1.0, 0.5])]
    assert (reply.usage.prompt_tokens, reply.usage.cost) == (3, 0.01)


def test_fields_that_are_null_or_missing_do_not_cost_the_vectors():
    """They are paid for."""
    reply = read_embeddings(b'{"data":[{"embedding":[0.5]}],"usage":null,"error":null,"new":1}', "m")

    assert (reply.data[0].index, reply.usage) == (None, None)


@pytest.mark.parametrize(
    "body", [b'{"data":[{"embedding":[null]}]}', b'{"data":[{"embedding":"AAAA"}]}', b'{"data":{}}', b"[]"]
)
def test_vectors_that_cannot_be_read_are_an_error(body):
    with pytest.raises(UpstreamError, match=r"^OpenRouter sent vectors that cannot be read\.$"):
        read_embeddings(body, "m")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"data":null}', b'{"x":' + b"[" * 5000, b"\xff"])
def test_what_holds_no_vectors_is_not_openrouters(body):
    with pytest.raises(UpstreamUnreachable, match=r"^The answer did not come from OpenRouter"):
        read_embeddings(body, "m")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ('{"code":429,"message":"slow down"}', RateLimited),
        ('{"code":400,"message":"x/y is not a valid model ID"}', ModelNotFound),
        ('{"message":"broken"}', UpstreamError),
        ('"broken"', UpstreamError),
    ],
)
def test_an_error_inside_an_answer_is_found(error, kind):
    """Its HTTP status was 200."""
    with pytest.raises(kind) as caught:
        read_embeddings(f'{{"data":[],"error":{error}}}'.encode(), "m")
    assert type(caught.value) is kind


def test_a_key_in_an_error_is_struck_out():
    with pytest.raises(KeyRejected) as caught:
        read_embeddings(f'{{"error":{{"code":401,"message":"bad key {KEY}"}}}}'.encode(), "m")
    assert caught.value.message == "OpenRouter does not accept the key: bad key [key removed]"


def test_a_limit_is_named_as_people_write_it():
    assert silent(30.0, "the mail").message == "OpenRouter was silent for 30 s while we waited for the mail."


def test_a_key_is_struck_out_before_a_long_message_is_cut():
    """Half a key, at the end of what is shown, would not be known for one."""
    much = "much " * (MAX_MESSAGE_LENGTH // 5 - 1)

    error = without_key(UpstreamError(f"{much}{KEY}"))

    assert error.message == f"{much}[key …"
