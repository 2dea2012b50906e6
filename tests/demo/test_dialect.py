"""An answer in OpenRouter's words."""

import json

import pytest

from tray_proxy.demo import dialect
from tray_proxy.demo.answers import Answer, Call
from tray_proxy.demo.catalogue import find_model
from tray_proxy.demo.thoughts import sign


def make(model: str = "openai/gpt-4o", **more) -> Answer:
    """Write an answer."""
    found = find_model(model)
    assert found is not None
    return Answer(model=found, prompt_tokens=10, **more)


ANSWERS = {
    "text": make(text="[demo] one two three four"),
    "empty": make(finish_reason="length"),
    "bare thinking": make("deepseek/deepseek-r1", text="x", reasoning="hm hm hm hm"),
    "summary": make("openai/o4-mini", text="x", reasoning="hm"),
    "signed thinking": make("anthropic/claude-sonnet-4", text="x", reasoning="hm"),
    "gemini": make("google/gemini-2.5-flash", text="x", reasoning="hm"),
    "calls": make(calls=[Call("a", "f", '{"city":"Oslo"}'), Call("b", "g", "{}")], finish_reason="tool_calls"),
    "logprobs": make(text="one two", top_logprobs=2),
    "copies": make("openai/o4-mini", text="one two", reasoning="hm", copies=2),
    "a stop": make("anthropic/claude-sonnet-4", text="one", stopped=True),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_every_kind_of_answer_fits_the_schema(answer, conforms) -> None:
    """As a stream and as one result."""
    for chunk in dialect.chunks(answer, "gen-1", 1_767_225_600):
        conforms("chat-chunk", chunk)
    conforms("chat", dialect.result(answer, "gen-1", 1_767_225_600))


def test_usage_counts_and_prices() -> None:
    """The cost follows the catalogue's price."""
    usage = dialect.usage(make("deepseek/deepseek-r1", text="one two", reasoning="hm hm hm"))

    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (10, 5, 15)
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 3
    assert usage["cost"] == pytest.approx(10 * 0.0000004 + 5 * 0.000002)


def test_a_result_with_calls_has_no_content() -> None:
    """Null, not an empty text."""
    message = dialect.result(ANSWERS["calls"], "gen-1", 0)["choices"][0]["message"]

    assert message["content"] is None
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == ['{"city":"Oslo"}', "{}"]


HM = "hm hm hm hm"  # more than a chunk holds
OPENAIS = {"format": "openai-responses-v1", "index": 0}
CLAUDES = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
GEMINIS = {"type": "reasoning.text", "format": "google-gemini-v1", "index": 0}
OTHERS = {"type": "reasoning.text", "format": "unknown", "index": 0}
SUMMARY = {"type": "reasoning.summary", **OPENAIS}
SEALED = {"type": "reasoning.encrypted", "data": sign(HM), "id": "rs_demo", **OPENAIS}


@pytest.mark.parametrize(
    ("model", "whole", "streamed"),
    [
        (
            "openai/o4-mini",
            [SUMMARY | {"summary": HM}, SEALED],
            [SUMMARY | {"summary": "hm hm hm"}, SUMMARY | {"summary": " hm"}, SEALED],
        ),
        (
            "anthropic/claude-sonnet-4",
            [CLAUDES | {"text": HM, "signature": sign(HM)}],
            [CLAUDES | {"text": "hm hm hm"}, CLAUDES | {"text": " hm"}, CLAUDES | {"signature": sign(HM)}],
        ),
        (
            "google/gemini-2.5-flash",
            [GEMINIS | {"text": HM}],
            [GEMINIS | {"text": "hm hm hm"}, GEMINIS | {"text": " hm"}],
        ),
        (
            "deepseek/deepseek-r1",
            [OTHERS | {"text": HM}],
            [OTHERS | {"text": "hm hm hm"}, OTHERS | {"text": " hm"}],
        ),
    ],
)
def test_a_thought_has_its_vendors_form(model, whole, streamed) -> None:
    """In a stream what closes it comes by itself, and without a text."""
    answer = make(model, text="x", reasoning=HM)

    message = dialect.result(answer, "gen-1", 0)["choices"][0]["message"]
    deltas = [choice["delta"] for chunk in dialect.chunks(answer, "gen-1", 0) for choice in chunk["choices"]]

    assert (message["reasoning"], message["reasoning_details"]) == (HM, whole)
    assert [detail for delta in deltas for detail in delta.get("reasoning_details", ())] == streamed
    assert [delta["reasoning"] for delta in deltas if "reasoning" in delta] == ["hm hm hm", " hm"]


def test_an_answer_without_a_thought_has_no_details() -> None:
    """Nor are empty ones closed."""
    answer = make("anthropic/claude-sonnet-4", text="x")

    message = dialect.result(answer, "gen-1", 0)["choices"][0]["message"]
    deltas = [choice["delta"] for chunk in dialect.chunks(answer, "gen-1", 0) for choice in chunk["choices"]]

    assert message == {"role": "assistant", "content": "x", "refusal": None, "reasoning": None}
    assert {name for delta in deltas for name in delta} == {"role", "content"}


def test_thinking_can_be_hidden_but_is_counted() -> None:
    """`exclude` does not make it cheaper."""
    hidden = make("deepseek/deepseek-r1", text="x", reasoning="hm hm", shows_reasoning=False)
    result = dialect.result(hidden, "gen-1", 0)

    assert result["choices"][0]["message"]["reasoning"] is None
    assert result["usage"]["completion_tokens_details"]["reasoning_tokens"] == 2


def test_logprobs_cover_every_token() -> None:
    """Each with as many others as were asked for."""
    content = dialect.result(ANSWERS["logprobs"], "gen-1", 0)["choices"][0]["logprobs"]["content"]

    assert [token["token"] for token in content] == ["one", " two"]
    assert [len(token["top_logprobs"]) for token in content] == [2, 2]
    assert bytes(content[1]["bytes"]) == b" two"


def test_an_event_is_one_line() -> None:
    """Only the end of an event is an empty line."""
    written = dialect.event({"a": "b\nc"})

    assert written.count(b"\n") == 2
    assert json.loads(written.removeprefix(b"data: ")) == {"a": "b\nc"}


def test_each_copy_has_its_deltas_its_end_and_its_number() -> None:
    """One chunk each, as OpenAI sends them; the usage counts all of them once."""
    *said, usage = dialect.chunks(make(text="one two", copies=2), "gen-1", 0)

    told = [
        (choice["index"], choice["delta"]["content"], choice["finish_reason"])
        for chunk in said
        for choice in chunk["choices"]
    ]
    assert told == [
        (0, "", None),
        (1, "", None),
        (0, "one two", None),
        (1, "one two", None),
        (0, "", "stop"),
        (1, "", "stop"),
    ]
    assert {len(chunk["choices"]) for chunk in said} == {1}
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], 4)


def test_a_result_has_all_copies_side_by_side() -> None:
    """Alike but for their numbers."""
    first, second = dialect.result(make(text="one two", copies=2), "gen-1", 0)["choices"]

    assert (first["index"], second["index"]) == (0, 1)
    assert first | {"index": 1} == second


def test_thinking_is_counted_for_each_copy() -> None:
    """As it is part of what each costs."""
    usage = dialect.usage(make("openai/o4-mini", text="one two", reasoning="hm hm hm", copies=2))

    assert (usage["completion_tokens"], usage["completion_tokens_details"]["reasoning_tokens"]) == (10, 6)


@pytest.mark.parametrize(
    ("model", "more", "finish", "native"),
    [
        ("anthropic/claude-sonnet-4", {}, "stop", "end_turn"),
        ("anthropic/claude-sonnet-4", {"stopped": True}, "stop", "stop_sequence"),
        ("anthropic/claude-sonnet-4", {"finish_reason": "length"}, "length", "length"),
        ("anthropic/claude-sonnet-4", {"finish_reason": "tool_calls"}, "tool_calls", "tool_calls"),
        ("openai/gpt-4o", {"stopped": True}, "stop", "stop"),
    ],
)
def test_a_reason_stands_beside_the_providers_own_word(model, more, finish, native) -> None:
    """Only Anthropic's tells whether a stop string ended the answer."""
    answer = make(model, text="one", **more)

    *said, end, _ = dialect.chunks(answer, "gen-1", 0)
    [choice] = dialect.result(answer, "gen-1", 0)["choices"]

    assert (choice["finish_reason"], choice["native_finish_reason"]) == (finish, native)
    assert (end["choices"][0]["finish_reason"], end["choices"][0]["native_finish_reason"]) == (finish, native)
    assert [chunk["choices"][0]["native_finish_reason"] for chunk in said] == [None] * len(said)
