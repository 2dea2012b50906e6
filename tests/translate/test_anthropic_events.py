"""`/v1/messages`: how an answer is written."""

import json
from typing import Any

import pytest

from tray_proxy.errors import RateLimited
from tray_proxy.translate.anthropic_events import MessageWriter, to_usage, told
from tray_proxy.translate.stream import Call, Delta, Finish, Outcome
from tray_proxy.wire.openrouter import PromptTokens, Usage

CALL = Call(0, "call_1", "now", {"b": 1, "a": 2})


def writer(*stops: str) -> MessageWriter:
    return MessageWriter("id", "mine", input_tokens=7, stops=stops)


def outcome(finish: Finish | None = None, usage: Usage | None = None) -> Outcome:
    return Outcome(
        done_reason="stop",
        prompt_tokens=30,
        completion_tokens=4,
        cost_usd=None,
        total_ns=4,
        load_ns=1,
        prompt_eval_ns=1,
        eval_ns=2,
        finishes={0: finish or Finish()},
        usage=usage or Usage(),
    )


def events(written: bytes) -> list[dict[str, Any]]:
    """Read events as strictly as they are defined: a name, one line of data, a blank line."""
    read = []
    *blocks, behind = written.decode().split("\n\n")
    assert behind == ""
    for block in blocks:
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        read.append(event)
    return read


def start(index: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def more(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


THINKING = {"type": "thinking", "thinking": "", "signature": ""}
TEXT = {"type": "text", "text": ""}
TOOL_USE = {"type": "tool_use", "id": "call_1", "name": "now", "input": {}}
INPUT = {"type": "input_json_delta", "partial_json": '{"b":1,"a":2}'}


def test_a_stream_begins_with_the_message_without_content() -> None:
    [first, *_] = events(writer().deltas([Delta("Hi")]))

    assert first == {
        "type": "message_start",
        "message": {
            "type": "message",
            "id": "msg_id",
            "role": "assistant",
            "model": "mine",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 7, "output_tokens": 0},
        },
    }


def test_blocks_follow_one_another() -> None:
    """Thought, text, call: each ends where the next begins, and a call's input comes whole."""
    writing = writer()
    said = [Delta(thinking="H"), Delta(thinking="m"), Delta("Let "), Delta("me see"), Delta(calls=(CALL,))]

    written = b"".join(writing.deltas([delta]) for delta in said) + writing.end(outcome())

    assert events(written)[1:] == [
        start(0, THINKING),
        more(0, {"type": "thinking_delta", "thinking": "H"}),
        more(0, {"type": "thinking_delta", "thinking": "m"}),
        stop(0),
        start(1, TEXT),
        more(1, {"type": "text_delta", "text": "Let "}),
        more(1, {"type": "text_delta", "text": "me see"}),
        stop(1),
        start(2, TOOL_USE),
        more(2, INPUT),
        stop(2),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"input_tokens": 30, "output_tokens": 4},
        },
        {"type": "message_stop"},
    ]


def test_a_thought_after_a_text_is_a_block_of_its_own() -> None:
    """Some models think again between two texts."""
    said = [Delta("a"), Delta(thinking="b"), Delta("c"), Delta(calls=(CALL,)), Delta("d")]

    kinds = [
        (event["index"], event["content_block"]["type"])
        for event in events(writer().deltas(said))
        if event["type"] == "content_block_start"
    ]

    assert kinds == [(0, "text"), (1, "thinking"), (2, "text"), (3, "tool_use"), (4, "text")]


def test_thought_and_text_of_one_chunk_are_two_blocks() -> None:
    kinds = [event["type"] for event in events(writer().deltas([Delta("a", thinking="b")]))]

    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
    ]


def test_calls_of_one_chunk_are_blocks_of_their_own() -> None:
    other = Call(1, "call_2", "later", {})

    assert events(writer().deltas([Delta(calls=(CALL, other))]))[1:] == [
        start(0, TOOL_USE),
        more(0, INPUT),
        stop(0),
        start(1, TOOL_USE | {"id": "call_2", "name": "later"}),
        more(1, {"type": "input_json_delta", "partial_json": "{}"}),
        stop(1),
    ]


def test_an_answer_of_nothing_has_beginning_and_end() -> None:
    assert [event["type"] for event in events(writer().end(outcome()))] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]


def test_the_end_carries_no_mark() -> None:
    """A `[DONE]`, which OpenRouter's own route ends with, breaks Anthropic's SDK."""
    assert b"[DONE]" not in writer().end(outcome())


def test_a_plain_answer_holds_the_blocks_in_their_order() -> None:
    said = [Delta(thinking="H"), Delta(thinking="m"), Delta("Let "), Delta("me see"), Delta(calls=(CALL,))]

    assert json.loads(writer().whole(said, outcome())) == {
        "type": "message",
        "id": "msg_id",
        "role": "assistant",
        "model": "mine",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": ""},
            {"type": "text", "text": "Let me see"},
            {"type": "tool_use", "id": "call_1", "name": "now", "input": {"b": 1, "a": 2}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 30, "output_tokens": 4},
    }


def test_a_plain_answer_of_nothing_has_no_blocks() -> None:
    assert json.loads(writer().whole([], outcome()))["content"] == []


@pytest.mark.parametrize(
    ("finish", "stops", "reason", "sequence"),
    [
        (Finish("stop"), (), "end_turn", None),
        (Finish("stop"), ("END",), "end_turn", None),
        (Finish("tool_calls"), (), "end_turn", None),
        (Finish("length"), (), "max_tokens", None),
        (Finish("content_filter"), (), "refusal", None),
        (Finish("stop", "END"), ("END", "STOP"), "stop_sequence", "END"),
        (Finish("stop", ""), ("END",), "stop_sequence", "END"),
        (Finish("stop", ""), ("END", "STOP"), "stop_sequence", None),
        (Finish("stop", ""), (), "end_turn", None),
    ],
)
def test_why_it_ended_is_told_in_anthropics_words(
    finish: Finish, stops: tuple[str, ...], reason: str, sequence: str | None
) -> None:
    """Which of several sequences it was, OpenRouter does not tell, and nobody here guesses."""
    plain = json.loads(writer(*stops).whole([Delta("Hi")], outcome(finish)))
    streamed = events(writer(*stops).end(outcome(finish)))[-2]["delta"]

    assert (plain["stop_reason"], plain["stop_sequence"]) == (reason, sequence)
    assert streamed == {"stop_reason": reason, "stop_sequence": sequence}


@pytest.mark.parametrize(("reason", "told_as"), [("stop", "tool_use"), ("length", "max_tokens")])
def test_a_call_waits_for_its_result_unless_the_limit_cut_the_answer(reason: str, told_as: str) -> None:
    writing = writer()
    writing.deltas([Delta(calls=(CALL,))])

    assert events(writing.end(outcome(Finish(reason))))[0]["delta"]["stop_reason"] == told_as
    assert json.loads(writer().whole([Delta(calls=(CALL,))], outcome(Finish(reason))))["stop_reason"] == told_as


@pytest.mark.parametrize(
    ("details", "usage"),
    [
        (None, (30, None, None)),
        (PromptTokens(), (30, None, None)),
        (PromptTokens(cached_tokens=0, cache_write_tokens=0), (30, None, None)),
        (PromptTokens(cached_tokens=20), (10, 20, None)),
        (PromptTokens(cached_tokens=20, cache_write_tokens=4), (6, 20, 4)),
        (PromptTokens(cached_tokens=40), (0, 40, None)),
    ],
)
def test_what_was_cached_is_counted_beside_the_input(
    details: PromptTokens | None, usage: tuple[int, int | None, int | None]
) -> None:
    """OpenRouter counts it among the prompt; counted twice, Claude Code would show a fuller context."""
    told_usage = to_usage(outcome(usage=Usage(prompt_tokens_details=details)))
    shown = json.loads(writer().whole([], outcome(usage=Usage(prompt_tokens_details=details))))["usage"]

    assert told_usage.input_tokens == usage[0]
    assert (
        shown["input_tokens"],
        shown.get("cache_read_input_tokens"),
        shown.get("cache_creation_input_tokens"),
    ) == usage


def test_a_failure_is_an_event_after_which_nothing_comes() -> None:
    assert events(writer().failure(RateLimited("Slow down", hint="Wait."))) == [
        {
            "type": "error",
            "error": {"type": "rate_limit_error", "message": "Slow down. Wait."},
            "request_id": "req_id",
        }
    ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (405, "api_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (529, "overloaded_error"),
    ],
)
def test_an_errors_type_follows_its_status(status: int, kind: str) -> None:
    assert json.loads(told(status, "No", "id")) == {
        "type": "error",
        "error": {"type": kind, "message": "No"},
        "request_id": "req_id",
    }
