"""`/v1/completions`: what a request becomes, and how an answer is written."""

import json
from typing import Any

import msgspec
import pytest

from tray_proxy.errors import BadRequest, RateLimited
from tray_proxy.translate import completions
from tray_proxy.translate.completions import TextWriter
from tray_proxy.translate.stream import Call, Delta, Finish, Outcome
from tray_proxy.wire import ollama
from tray_proxy.wire.openai import CompletionRequest
from tray_proxy.wire.openrouter import TokenLogprob

CALL = Call(0, "call_1", "now", {})
HEAD = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1_700_000_000,
    "model": "mine",
    "system_fingerprint": "fp_ollama",
}
NOTHING = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
ALL = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def translated(**fields: Any) -> ollama.GenerateRequest:
    """Read a request as the server does, and translate it."""
    body = {"model": "mine", "prompt": "Hi", **fields}
    return completions.to_generate(msgspec.json.decode(json.dumps(body), type=CompletionRequest))


def test_a_request_is_a_generate_request_and_nothing_that_was_not_said() -> None:
    assert translated() == ollama.GenerateRequest(model="mine", prompt="Hi", stream=False, options={})


def test_what_was_said_is_kept() -> None:
    fields = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["END"], "presence_penalty": 0.1}

    request = translated(**fields, frequency_penalty=0.2, max_tokens=5, stream=True, suffix="!")

    assert request == ollama.GenerateRequest(
        model="mine",
        prompt="Hi",
        suffix="!",
        stream=True,
        options=fields | {"frequency_penalty": 0.2, "num_predict": 5},
    )


@pytest.mark.parametrize(
    ("logprobs", "asked"), [(None, (None, None)), (0, (True, 0)), (5, (True, 5))], ids=["none", "the token", "five"]
)
def test_a_number_of_likelihoods_asks_for_them(logprobs: int | None, asked: tuple[bool | None, int | None]) -> None:
    request = translated(logprobs=logprobs)

    assert (request.logprobs, request.top_logprobs) == asked


@pytest.mark.parametrize("prompt", [None, ""])
def test_without_a_prompt_there_is_nothing_to_complete(prompt: str | None) -> None:
    """Ollama would load the model; who asked for a text would take that for an empty one."""
    with pytest.raises(BadRequest) as caught:
        translated(prompt=prompt)

    assert caught.value.message == "prompt is required"


def writer(*, tells_usage: bool = False) -> TextWriter:
    return TextWriter("cmpl-1", 1_700_000_000, "mine", tells_usage=tells_usage)


def outcome(*finishes: Finish) -> Outcome:
    return Outcome("stop", 3, 4, None, 4, 1, 1, 2, dict(enumerate(finishes or (Finish(),))))


def events(written: bytes) -> list[Any]:
    """Read events: one line of data each, and a blank line behind it."""
    *blocks, behind = written.decode().split("\n\n")
    assert behind == ""
    texts = [block.removeprefix("data: ") for block in blocks]
    return [text if text == "[DONE]" else json.loads(text) for text in texts]


def event(text: str, finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    return {**HEAD, "choices": [{"text": text, "index": index, "finish_reason": finish}], **more}


def test_each_text_is_an_event_and_a_thought_or_a_call_is_none() -> None:
    deltas = [Delta("a"), Delta(thinking="Hm."), Delta(calls=(CALL,)), Delta("b", "Hm."), Delta("c", choice=1)]

    assert events(writer().deltas(deltas)) == [event("a"), event("b"), event("c", index=1)]


def test_the_end_is_an_empty_text_with_the_reason_and_the_mark() -> None:
    """A text cannot wait for a tool's result."""
    written = writer().end(outcome(Finish("tool_calls"), Finish("length"), Finish("content_filter")))

    assert events(written) == [
        event("", "stop"),
        event("", "length", 1),
        event("", "content_filter", 2),
        "[DONE]",
    ]


def test_who_asked_for_the_usage_gets_zeros_with_each_event_and_the_sums_once() -> None:
    writing = writer(tells_usage=True)

    written = writing.deltas([Delta("a")]) + writing.end(outcome())

    assert events(written) == [
        event("a", usage=NOTHING),
        event("", "stop", usage=NOTHING),
        {**HEAD, "choices": [], "usage": ALL},
        "[DONE]",
    ]


def test_a_failure_is_an_event_and_no_end() -> None:
    written = writer(tells_usage=True).failure(RateLimited("Slow down", retry_after_s=None, hint="Wait."))

    assert events(written) == [
        {"error": {"message": "Slow down. Wait.", "type": "rate_limit_error", "param": None, "code": None}}
    ]


def test_an_event_is_one_line_whatever_ends_a_line_for_its_reader() -> None:
    odd = "line\u2028para\u2029next\x85end\r\n"

    written = writer().deltas([Delta(odd)])

    assert [line[:6] for line in written.decode().splitlines()] == ["data: ", ""]
    assert events(written) == [event(odd)]


def test_a_plain_answer_has_all_texts_and_the_usage() -> None:
    deltas = [Delta(thinking="Hm."), Delta("a"), Delta("b", choice=1), Delta("A"), Delta(calls=(CALL,))]

    assert json.loads(writer().whole(deltas, outcome(Finish("length"), Finish("tool_calls")))) == {
        **HEAD,
        "choices": [
            {"text": "aA", "index": 0, "finish_reason": "length"},
            {"text": "b", "index": 1, "finish_reason": "stop"},
        ],
        "usage": ALL,
    }


TOKENS = (
    TokenLogprob("Hé", -0.5, None, [TokenLogprob("Hé", -0.5), TokenLogprob("Ho", -1.5), TokenLogprob("x")]),
    TokenLogprob("!", -0.1),
)
MORE_TOKENS = (TokenLogprob(" Bye", -0.2),)


def test_likelihoods_of_a_plain_answer_are_lists_of_one_length() -> None:
    """An offset counts characters."""
    deltas = [Delta("Hé!", logprobs=TOKENS), Delta("x", choice=1), Delta(" Bye", logprobs=MORE_TOKENS)]

    first, second = json.loads(writer().whole(deltas, outcome(Finish(), Finish())))["choices"]

    assert first["logprobs"] == {
        "tokens": ["Hé", "!", " Bye"],
        "token_logprobs": [-0.5, -0.1, -0.2],
        "top_logprobs": [{"Hé": -0.5, "Ho": -1.5}, {}, {}],
        "text_offset": [0, 2, 3],
    }
    assert "logprobs" not in second


def test_offsets_in_a_stream_go_on_where_the_text_does() -> None:
    writing = writer()

    written = writing.deltas([Delta("Hé!", logprobs=TOKENS), Delta("x", choice=1)])
    written += writing.deltas([Delta(" Bye", logprobs=MORE_TOKENS)])

    offsets = [each["choices"][0].get("logprobs", {}).get("text_offset") for each in events(written)]
    assert offsets == [[0, 2], None, [3]]


def test_likelihoods_without_a_text_are_told_too() -> None:
    [told] = events(writer().deltas([Delta(logprobs=MORE_TOKENS)]))

    assert (told["choices"][0]["text"], told["choices"][0]["logprobs"]["tokens"]) == ("", [" Bye"])
