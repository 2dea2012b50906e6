"""How an answer is written as `/v1/responses` does: event by event, or whole."""

import itertools
import json
from typing import Any

import msgspec
import pytest

from tray_proxy.errors import BadRequest, ContextExceeded, OutOfCredits, ProxyError, RateLimited, UpstreamError
from tray_proxy.translate.response_events import ResponseWriter, begun
from tray_proxy.translate.response_tools import Names, Origin
from tray_proxy.translate.stream import Call, Delta, Finish, Outcome
from tray_proxy.wire.openrouter import CompletionTokens, PromptTokens, TokenLogprob, Usage
from tray_proxy.wire.responses import ResponsesRequest

CREATED = 1_700_000_000
# It took two seconds and a bit.
OUTCOME = Outcome("stop", 11, 22, None, 2_900_000_000, 1, 1, 1)
CALL = Call(0, "call_1", "now", {"in": "Oslo"})
PATCH = Call(1, "call_2", "apply_patch", {"input": "*** Begin\n"})
NAMES: Names = {"now": Origin("now"), "apply_patch": Origin("apply_patch", takes_text=True)}

USAGE = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 22,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 33,
}
PLAIN = {
    "id": "resp_r",
    "object": "response",
    "created_at": CREATED,
    "completed_at": None,
    "status": "in_progress",
    "incomplete_details": None,
    "model": "Asked",
    "previous_response_id": None,
    "instructions": None,
    "output": [],
    "error": None,
    "tools": [],
    "tool_choice": "auto",
    "truncation": "disabled",
    "parallel_tool_calls": True,
    "text": {"format": {"type": "text"}},
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "top_logprobs": 0,
    "temperature": 1.0,
    "reasoning": None,
    "usage": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "store": False,
    "background": False,
    "service_tier": "default",
    "metadata": {},
    "safety_identifier": None,
    "prompt_cache_key": None,
}
THOUGHT = {
    "type": "reasoning",
    "id": "rs_r_0",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": "Hm.",
}
CALLED = {
    "type": "function_call",
    "id": "fc_r_0",
    "call_id": "call_1",
    "name": "now",
    "arguments": '{"in":"Oslo"}',
    "status": "completed",
}


def writer(names: Names = NAMES, **request: Any) -> ResponseWriter:
    read = msgspec.convert(request, ResponsesRequest)
    return ResponseWriter(begun(read, "r", CREATED, "Asked"), names)


def events(stream: bytes) -> list[dict[str, Any]]:
    """Read a stream: each event is named twice, numbered from 0 without gaps, and ends in a blank line."""
    *blocks, behind = stream.split(b"\n\n")
    assert behind == b""
    read = []
    for number, block in enumerate(blocks):
        name, data = block.split(b"\n")
        event = json.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        assert event.pop("sequence_number") == number
        read.append(event)
    return read


def streamed(*deltas: Delta, outcome: Outcome = OUTCOME, names: Names = NAMES) -> list[dict[str, Any]]:
    """All events of an answer, whose chunks came one by one."""
    answer = writer(names)
    return events(b"".join([*(answer.deltas([delta]) for delta in deltas), answer.end(outcome)]))


def whole(*deltas: Delta, outcome: Outcome = OUTCOME) -> dict[str, Any]:
    return json.loads(writer().whole(list(deltas), outcome))


def kinds(stream: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in stream]


def message(text: str, index: int = 0, status: str = "completed") -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "type": "message",
        "id": f"msg_r_{index}",
        "role": "assistant",
        "status": status,
        "content": [part],
    }


def finished(reason: str) -> Outcome:
    return Outcome("stop", 11, 22, None, 1, 1, 1, 1, {0: Finish(reason)})


def test_a_text_comes_in_these_events() -> None:
    empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    part = empty | {"text": "Good morning"}
    place = {"item_id": "msg_r_0", "output_index": 0, "content_index": 0}

    assert streamed(Delta("Good "), Delta("morning")) == [
        {"type": "response.created", "response": PLAIN},
        {"type": "response.in_progress", "response": PLAIN},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": message("") | {"status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", "part": empty} | place,
        {"type": "response.output_text.delta", "delta": "Good ", "logprobs": []} | place,
        {"type": "response.output_text.delta", "delta": "morning", "logprobs": []} | place,
        {"type": "response.output_text.done", "text": "Good morning", "logprobs": []} | place,
        {"type": "response.content_part.done", "part": part} | place,
        {"type": "response.output_item.done", "output_index": 0, "item": message("Good morning")},
        {
            "type": "response.completed",
            "response": PLAIN
            | {
                "status": "completed",
                "completed_at": CREATED + 2,
                "output": [message("Good morning")],
                "usage": USAGE,
            },
        },
    ]


def test_a_thought_comes_before_the_text_as_an_item_of_its_own() -> None:
    place = {"item_id": "rs_r_0", "output_index": 0, "summary_index": 0}

    stream = streamed(Delta(thinking="H"), Delta(thinking="m."), Delta("So."))

    assert stream[2:7] == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"type": "reasoning", "id": "rs_r_0", "summary": []},
        },
        {"type": "response.reasoning_summary_text.delta", "delta": "H"} | place,
        {"type": "response.reasoning_summary_text.delta", "delta": "m."} | place,
        {"type": "response.reasoning_summary_text.done", "text": "Hm."} | place,
        {"type": "response.output_item.done", "output_index": 0, "item": THOUGHT},
    ]
    assert stream[7]["output_index"] == 1
    assert stream[-1]["response"]["output"] == [THOUGHT, message("So.", 1)]


def test_a_call_comes_in_these_events() -> None:
    place = {"item_id": "fc_r_0", "output_index": 0}

    stream = streamed(Delta(calls=(CALL,)))

    assert stream[2:-1] == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": CALLED | {"arguments": "", "status": "in_progress"},
        },
        {"type": "response.function_call_arguments.delta", "delta": '{"in":"Oslo"}'} | place,
        {"type": "response.function_call_arguments.done", "name": "now", "arguments": '{"in":"Oslo"}'} | place,
        {"type": "response.output_item.done", "output_index": 0, "item": CALLED},
    ]
    assert stream[-1]["response"]["output"] == [CALLED]


def test_a_text_for_a_tool_comes_in_these_events() -> None:
    item = {
        "type": "custom_tool_call",
        "id": "ctc_r_0",
        "call_id": "call_2",
        "name": "apply_patch",
        "input": "*** Begin\n",
        "status": "completed",
    }
    place = {"item_id": "ctc_r_0", "output_index": 0}

    stream = streamed(Delta(calls=(PATCH,)))

    assert stream[2:-1] == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": item | {"input": "", "status": "in_progress"},
        },
        {"type": "response.custom_tool_call_input.delta", "delta": "*** Begin\n"} | place,
        {"type": "response.custom_tool_call_input.done", "input": "*** Begin\n"} | place,
        {"type": "response.output_item.done", "output_index": 0, "item": item},
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"input": ""}, ""),
        ({"_unparsed": '{"input": "*** Be'}, '{"input": "*** Be'),
        ({"patch": "x"}, '{"patch":"x"}'),
        ({"input": ["x"]}, '{"input":["x"]}'),
        ({}, "{}"),
    ],
)
def test_a_tool_is_given_what_the_model_wrote_even_where_that_was_something_else(
    arguments: dict[str, Any], text: str
) -> None:
    """The tool then says what it misses, and the model can try again."""
    stream = streamed(Delta(calls=(Call(0, "c", "apply_patch", arguments),)))

    assert stream[-1]["response"]["output"][0]["input"] == text


@pytest.mark.parametrize("takes_text", [True, False])
def test_a_call_of_a_tool_in_a_group_names_both(takes_text: bool) -> None:
    names = {"clock__now": Origin("now", "clock", takes_text)}

    stream = streamed(Delta(calls=(Call(0, "c", "clock__now", {}),)), names=names)

    items = [event["item"] for event in stream if "item" in event] + stream[-1]["response"]["output"]
    assert {(item["namespace"], item["name"]) for item in items} == {("clock", "now")}


def test_a_tool_that_was_never_offered_is_called_by_the_name_that_the_model_made_up() -> None:
    (item,) = streamed(Delta(calls=(Call(0, "c", "invented", {}),)), names={})[-1]["response"]["output"]

    assert (item["type"], item["name"]) == ("function_call", "invented")


def test_text_and_calls_both_stay_in_their_order() -> None:
    """Ollama loses the text."""
    output = streamed(Delta("Let me see."), Delta(calls=(CALL,)), Delta(calls=(PATCH,)))[-1]["response"]["output"]

    assert [(item["type"], item["id"]) for item in output] == [
        ("message", "msg_r_0"),
        ("function_call", "fc_r_1"),
        ("custom_tool_call", "ctc_r_2"),
    ]


PIECES = (Delta("Text"), Delta(thinking="Thought"), Delta(calls=(CALL,)))


@pytest.mark.parametrize("order", list(itertools.product(PIECES, repeat=3)))
def test_items_never_overlap_in_whatever_order_they_come(order: tuple[Delta, ...]) -> None:
    stream = streamed(*order)

    output = stream[-1]["response"]["output"]
    opened: list[tuple[int, str]] = []
    for event in stream[2:-1]:
        if event["type"] == "response.output_item.added":
            opened.append((event["output_index"], event["item"]["id"]))
        identity = event["item"]["id"] if "item" in event else event["item_id"]
        assert (event["output_index"], identity) == opened[-1]
    assert [index for index, _ in opened] == list(range(len(output)))
    assert [item["id"] for item in output] == [item_id for _, item_id in opened]
    assert [event["item"] for event in stream if event["type"] == "response.output_item.done"] == output


def test_a_delta_that_holds_everything_is_told_in_the_usual_order() -> None:
    output = streamed(Delta("So.", thinking="Hm.", calls=(CALL,)))[-1]["response"]["output"]

    assert [item["type"] for item in output] == ["reasoning", "message", "function_call"]


def test_an_answer_without_anything_in_it_has_a_beginning_and_an_end() -> None:
    stream = streamed()

    assert kinds(stream) == ["created", "in_progress", "completed"]
    assert (stream[-1]["response"]["status"], stream[-1]["response"]["output"]) == ("completed", [])


@pytest.mark.parametrize(("reason", "detail"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_was_cut_does_not_look_whole(reason: str, detail: str) -> None:
    stream = streamed(Delta(thinking="Hm."), Delta("Half of"), outcome=finished(reason))

    assert stream[-2]["item"] == message("Half of", 1, "incomplete")
    assert stream[-1]["type"] == "response.incomplete"
    last = stream[-1]["response"]
    assert (last["status"], last["incomplete_details"], last["completed_at"]) == (
        "incomplete",
        {"reason": detail},
        None,
    )
    assert last["output"] == [THOUGHT, message("Half of", 1, "incomplete")]
    assert last["usage"] == USAGE


@pytest.mark.parametrize("reason", ["stop", "tool_calls"])
def test_an_answer_that_ended_by_itself_is_complete(reason: str) -> None:
    assert streamed(Delta("So."), outcome=finished(reason))[-1]["type"] == "response.completed"


@pytest.mark.parametrize("outcome", [OUTCOME, finished("length")])
@pytest.mark.parametrize("deltas", [(), (Delta("So."),), (Delta(thinking="Hm."), Delta("So."), Delta(calls=(CALL,)))])
def test_a_plain_answer_is_the_one_at_the_end_of_a_stream(deltas: tuple[Delta, ...], outcome: Outcome) -> None:
    assert whole(*deltas, outcome=outcome) == streamed(*deltas, outcome=outcome)[-1]["response"]


def test_what_was_counted_is_told_in_openais_words() -> None:
    usage = Usage(
        prompt_tokens_details=PromptTokens(cached_tokens=5, cache_write_tokens=3),
        completion_tokens_details=CompletionTokens(reasoning_tokens=7),
    )

    assert whole(outcome=Outcome("stop", 11, 22, 0.5, 1, 1, 1, 1, usage=usage))["usage"] == {
        "input_tokens": 11,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
        "output_tokens": 22,
        "output_tokens_details": {"reasoning_tokens": 7},
        "total_tokens": 33,
        "cost": 0.5,
    }


@pytest.mark.parametrize("nothing", [Usage(PromptTokens(), CompletionTokens()), Usage()])  # type: ignore[arg-type]
def test_what_was_not_counted_is_zero(nothing: Usage) -> None:
    """OpenAI's SDK wants each number to be there."""
    assert whole(outcome=Outcome("stop", 11, 22, None, 1, 1, 1, 1, usage=nothing))["usage"] == USAGE


def test_likelihoods_stand_beside_the_text_and_are_gathered() -> None:
    first = TokenLogprob("Go", -0.1, [71, 111], [TokenLogprob("To", -2.0)])
    second = TokenLogprob("!", -0.2)
    likelihoods = [
        {
            "token": "Go",
            "logprob": -0.1,
            "bytes": [71, 111],
            "top_logprobs": [{"token": "To", "logprob": -2.0, "bytes": [84, 111]}],
        },
        {"token": "!", "logprob": -0.2, "bytes": [33], "top_logprobs": []},
    ]

    stream = streamed(Delta("Go", logprobs=(first,)), Delta("", logprobs=(second,)))

    deltas = [event["logprobs"] for event in stream if event["type"] == "response.output_text.delta"]
    assert deltas == [likelihoods[:1], likelihoods[1:]]
    (done,) = [event for event in stream if event["type"] == "response.output_text.done"]
    assert done["logprobs"] == likelihoods
    assert stream[-1]["response"]["output"][0]["content"][0]["logprobs"] == likelihoods


def test_a_likelihood_alone_makes_no_message() -> None:
    """Some providers tell those of a call's tokens, of which a call has no place to tell."""
    stream = streamed(Delta(logprobs=(TokenLogprob("{", -0.1),)), Delta(calls=(CALL,)))

    assert stream[-1]["response"]["output"] == [CALLED]


def test_what_was_asked_is_repeated() -> None:
    tool = {"type": "web_search", "of_a_later_version": [1]}
    asked: dict[str, Any] = {
        "instructions": "Be brief.",
        "tools": [tool],
        "tool_choice": "none",
        "parallel_tool_calls": False,
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}, "verbosity": "low"},
        "top_p": 0.5,
        "presence_penalty": 0.25,
        "frequency_penalty": -0.5,
        "top_logprobs": 3,
        "temperature": 0.0,
        "reasoning": {"effort": "low", "summary": None},
        "max_output_tokens": 100,
        "service_tier": "flex",
        "metadata": {"a": "b"},
        "prompt_cache_key": "k",
    }

    assert events(writer(**asked).deltas([]))[0]["response"] == PLAIN | asked


def test_what_is_not_kept_is_never_said_to_be() -> None:
    refused = {"store": True, "background": True, "previous_response_id": "resp_0", "truncation": "auto"}

    assert events(writer(**refused).deltas([]))[0]["response"] == PLAIN


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UpstreamError("Gone"), "server_error"),
        (RateLimited("Gone"), "rate_limit_exceeded"),
        (OutOfCredits("Gone"), "insufficient_quota"),
        (ContextExceeded("Gone"), "context_length_exceeded"),
        (BadRequest("Gone"), "invalid_prompt"),
    ],
)
def test_a_failure_is_one_event_with_what_was_said_until_then(error: ProxyError, code: str) -> None:
    """Codex asks again after some of these words, and not after others."""
    answer = writer()

    stream = events(answer.deltas([Delta(thinking="Hm."), Delta("Half of")]) + answer.failure(error))

    told = stream[-1]["response"].pop("error")
    assert kinds(stream)[-2:] == ["output_text.delta", "failed"]
    assert told["code"] == code
    assert told["message"].startswith("Gone")
    assert stream[-1]["response"] == {key: value for key, value in PLAIN.items() if key != "error"} | {
        "status": "failed",
        "output": [THOUGHT, message("Half of", 1, "incomplete")],
    }


def test_a_failure_before_the_first_word_still_begins() -> None:
    assert kinds(events(writer().failure(UpstreamError("Gone")))) == ["created", "in_progress", "failed"]
