"""Anthropic's Python library, unmodified, against a running proxy."""

import pytest

from clients.demo_answers import THOUGHT, TOLD_BY_TOOL, answer

MODEL = "openai/gpt-4o-mini"
THINKER = "deepseek/deepseek-r1"
CALL = ["tool_use", {"a": 1, "b": 1}]


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("python", "with_anthropic.py")


def said(question, model=MODEL, **more):
    return [["text", answer(question, model, **more)]]


def test_an_answer_arrives_whole_with_its_counts(told):
    assert told["plain"] == [said("say it whole"), "end_turn", 7, 21, MODEL]


def test_an_answer_arrives_on_the_event_loop(told):
    assert told["plain_async"] == said("say it whole, later")
    assert "".join(told["streamed_async"]) == answer("say it in pieces, later")


def test_events_come_in_their_order_and_none_after_the_stop(told):
    """The library cannot read OpenAI's mark of the end, `[DONE]`."""
    types = told["events"]

    assert [kind for kind in types if kind != "content_block_delta"] == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_a_streamed_answer_is_put_together_from_its_pieces(told):
    pieces, *end = told["streamed"]

    assert "".join(pieces) == answer("say it in pieces")
    assert pieces[:2] == ["[demo] You asked", " openai/gpt-4o-mini"]
    assert end == ["end_turn", 8, 22]


def test_options_reach_the_model(told):
    [sent] = told.sent("mind the options")

    assert told["options"] == [[["text", "[demo] You asked anthropic/cl"]], "max_tokens"]
    assert sent["messages"][0]["role"] == "system"
    assert {key: sent[key] for key in ("max_tokens", "temperature", "top_p", "top_k", "stop")} == {
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.8,
        "top_k": 20,
        "stop": ["STOP"],
    }


def test_it_is_told_which_of_its_words_ended_the_answer(told):
    text = answer("stop before it").split("No model", maxsplit=1)[0]

    assert told["stopped"] == [[["text", text]], "stop_sequence", "No model"]


def test_a_tool_goes_there_and_back(told):
    _, second = told.sent("use the tool add")

    _, called, returned = second["messages"]
    assert told["tools"] == ["tool_use", "add", CALL[1], [["text", TOLD_BY_TOOL]]]
    assert returned == {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "it is 2"}


def test_two_calls_come_in_a_stream(told):
    assert told["tools_streamed"] == ["tool_use", [CALL, CALL]]


def test_the_librarys_own_loop_of_tools_comes_to_its_end(told):
    assert told["tools_by_themselves"] == [["text", TOLD_BY_TOOL]]


def test_a_tool_can_be_forced(told):
    assert told["tool_forced"] == [CALL]


def test_an_answer_fits_a_class(told):
    [sent] = told.sent("name a city")

    assert told["structured"] == {"name": "demo name", "population": 1}
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["name", "population"]


def test_a_picture_reaches_the_model(told):
    assert told["picture"] == said("look at it", "openai/gpt-4o", images=1)


@pytest.mark.parametrize(
    ("step", "question"),
    [
        ("thinking", "think first"),
        ("thinking_streamed", "think in pieces"),
        ("thinking_sent_back", "go on thinking"),
    ],
)
def test_thinking_is_a_block_before_the_answer(told, step, question):
    assert told[step] == [["thinking", THOUGHT], ["text", answer(question, THINKER)]]


def test_thinking_goes_back_with_the_history(told):
    [sent] = told.sent("go on thinking")

    [thought] = sent["messages"][1]["reasoning_details"]
    assert thought["text"] == THOUGHT


def test_the_budget_of_thinking_reaches_the_model(told):
    [sent] = told.sent("think first")

    assert sent["reasoning"] == {"max_tokens": 1024}


def test_thinking_can_be_turned_off(told):
    assert told["no_thinking"] == said("do not think", THINKER)


def test_tokens_are_counted_and_nobody_is_asked(told):
    assert told["counted"] == 54
    assert told.sent("count it") == []


@pytest.mark.parametrize("step", ["unknown_model", "unknown_model_in_a_stream"])
def test_an_unknown_model_is_a_not_found_error(told, step):
    assert (told[step]["raised"], told[step]["status"]) == ("anthropic.NotFoundError", 404)
    assert "model 'nope' not found" in told[step]["text"]


@pytest.mark.parametrize(
    ("step", "name", "status"),
    [
        ("no_question", "BadRequestError", 400),
        ("no_credit", "PaymentRequiredError", 402),
        ("too_many", "RateLimitError", 429),
        ("broken_off", "InternalServerError", 502),
    ],
)
def test_the_status_of_a_refusal_is_kept(told, step, name, status):
    assert (told[step]["raised"], told[step]["status"]) == (f"anthropic.{name}", status)


def test_a_failure_inside_the_stream_is_an_error(told):
    assert told["broken_off_in_a_stream"]["raised"] == "anthropic.APIStatusError"
    assert "Provider disconnected (demo)" in told["broken_off_in_a_stream"]["text"]


def test_leaving_a_stream_ends_the_upstream_call(start_program, upstream):
    """While the program lives on: it is the leaving that stops the bill, not the end of the process."""
    with start_program("python", "leave_with_anthropic.py") as program:
        first = program.stdout.readline()
        is_dropped = upstream.wait_for(lambda seen: seen.chats[-1].outcome == "dropped", 15)
        has_ended = program.poll() is not None
        program.stdin.close()

    assert (first, is_dropped, has_ended, len(upstream.chats)) == ("demo \n", True, False, 1)
