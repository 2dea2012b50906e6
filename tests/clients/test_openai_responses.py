"""OpenAI's Python library, unmodified, at a running proxy's `/v1/responses`."""

import pytest

from clients.demo_answers import THOUGHT, TOLD_BY_TOOL, answer

THINKER = "deepseek/deepseek-r1"
CALL = ["add", '{"a":1,"b":1}']


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("python", "with_openai_responses.py")


def thought_and_said(question):
    return [["reasoning", THOUGHT], ["message", answer(question, THINKER)]]


@pytest.mark.parametrize(
    ("step", "question", "counts"),
    [("plain", "say it whole", [7, 21, 28]), ("plain_async", "say it whole, later", [8, 22, 30])],
)
def test_a_response_arrives_whole_with_its_counts(told, step, question, counts):
    assert told[step] == [answer(question), "completed", *counts]


def test_events_come_in_their_order_and_numbered(told):
    types, numbers, last = told["events"]

    assert [kind for kind in types if kind != "response.output_text.delta"] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert numbers == list(range(len(types)))
    assert last == [answer("say it in events"), "completed", 8, 22, 30]


def test_a_streamed_response_is_put_together_from_its_pieces(told):
    pieces, whole = told["streamed"]

    assert "".join(pieces) == answer("say it in pieces")
    assert pieces[:2] == ["[demo] You asked", " openai/gpt-4o-mini"]
    assert whole == [answer("say it in pieces"), "completed", 8, 22, 30]


def test_options_reach_the_model(told):
    [sent] = told.sent("mind the options")

    assert sent["messages"][0] == {"role": "system", "content": "be brief"}
    assert {key: sent[key] for key in sent.keys() - {"model", "messages", "stream"}} == {
        "temperature": 0.5,
        "top_p": 0.8,
        "max_tokens": 5,
        "user": "somebody",
    }


def test_an_answer_that_was_cut_is_incomplete(told):
    assert told["options"] == ["[demo] You asked openai/gpt-4", "incomplete", "max_output_tokens", "be brief"]


def test_a_conversation_goes_on(told):
    [sent] = told.sent("carry it on")

    assert [message["content"] for message in sent["messages"]] == ["begin it", answer("begin it"), "carry it on"]


def test_a_tool_goes_there_and_back(told):
    _, second = told.sent("use the tool add")

    _, called, returned = second["messages"]
    assert told["tools"] == [*CALL, "completed", TOLD_BY_TOOL]
    assert returned == {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "it is 2"}


def test_two_calls_come_in_a_stream(told):
    assert told["tools_streamed"] == [CALL[1] * 2, [CALL, CALL]]


def test_a_tool_can_be_forced(told):
    assert told["tool_forced"] == [CALL]


def test_an_answer_fits_a_class(told):
    [sent] = told.sent("name a city")

    assert told["structured"] == {"name": "demo name", "population": 1}
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["name", "population"]


def test_a_picture_reaches_the_model(told):
    assert told["picture"] == answer("look at it", "openai/gpt-4o", images=1)


def test_thinking_is_an_item_of_its_own(told):
    assert told["thinking"] == thought_and_said("think first")


def test_thinking_comes_in_a_stream(told):
    assert told["thinking_streamed"] == [THOUGHT, thought_and_said("think in pieces")]


def test_thinking_goes_back_with_the_history(told):
    [sent] = told.sent("go on thinking")

    [thought] = sent["messages"][1]["reasoning_details"]
    assert thought["text"] == THOUGHT


@pytest.mark.parametrize("step", ["unknown_model", "unknown_model_in_a_stream"])
def test_an_unknown_model_is_a_not_found_error(told, step):
    assert told[step] == {
        "raised": "openai.NotFoundError",
        "text": "Error code: 404 - model 'nope' not found",
        "status": 404,
    }


@pytest.mark.parametrize(
    ("step", "name", "status"),
    [
        ("no_credit", "APIStatusError", 402),
        ("too_many", "RateLimitError", 429),
        ("broken_off", "InternalServerError", 502),
    ],
)
def test_the_upstreams_status_is_kept(told, step, name, status):
    assert (told[step]["raised"], told[step]["status"]) == (f"openai.{name}", status)


def test_a_failure_inside_the_stream_is_its_last_event(told):
    kind, status, message = told["broken_off_in_a_stream"]

    assert (kind, status) == ("response.failed", "failed")
    assert message.startswith("Provider disconnected (demo)")
