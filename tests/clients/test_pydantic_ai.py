"""Pydantic AI with its provider for Ollama, unmodified, against a running proxy."""

import pytest

from clients.demo_answers import THOUGHT, TOLD_BY_TOOL, answer

THINKER = "deepseek/deepseek-r1"
CITY = {"name": "demo name", "population": 1}
CALL = ["add", {"a": 1, "b": 1}]


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("python", "with_pydantic_ai.py")


def test_a_run_ends_with_the_answer_and_its_counts(told):
    assert told["plain"] == [answer("say it whole"), "stop", 7, 21]


def test_a_streamed_run_brings_pieces_and_counts(told):
    """The counts stand in the usage, for which the library asks by itself."""
    pieces, *counts = told["streamed"]

    assert ("".join(pieces), counts) == (answer("say it in pieces"), [8, 22])
    assert pieces[:2] == ["[demo] You asked", " openai/gpt-4o-mini"]


def test_options_reach_the_model(told):
    [sent] = told.sent("mind the options")

    assert told["options"] == ["[demo] You asked openai/gpt-4", "length"]
    assert {key: sent[key] for key in sent.keys() - {"model", "messages", "stream"}} == {
        "temperature": 0.5,
        "top_p": 0.8,
        "max_tokens": 5,
        "seed": 7,
        "stop": ["STOP"],
    }


def test_instructions_stand_before_the_question(told):
    [sent] = told.sent("who are you")

    assert sent["messages"] == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "who are you"}]


def test_a_conversation_goes_on(told):
    [sent] = told.sent("carry it on")

    assert [message["content"] for message in sent["messages"]] == ["begin it", answer("begin it"), "carry it on"]


def test_a_tool_goes_there_and_back(told):
    assert told["tools"] == [[CALL], TOLD_BY_TOOL]


def test_two_calls_come_in_a_stream_and_both_results_go_back(told):
    _, second = told.sent("use the tool add, both in parallel, in pieces")

    _, called, *results = second["messages"]
    assert told["tools_streamed"][0] == [CALL, CALL]
    assert [result["tool_call_id"] for result in results] == [call["id"] for call in called["tool_calls"]]


@pytest.mark.parametrize("step", ["structured", "structured_streamed", "structured_by_schema"])
def test_an_answer_fits_a_class(told, step):
    assert told[step] == CITY


def test_the_answering_tool_must_be_called(told):
    [sent] = told.sent("name a city by tool")

    assert sent["tool_choice"] == "required"
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["final_result"]


def test_a_picture_reaches_the_model(told):
    assert told["picture"] == answer("look at it", "openai/gpt-4o", images=1)


@pytest.mark.parametrize(("step", "question"), [("thinking", "think first"), ("thinking_streamed", "think in pieces")])
def test_thinking_is_a_part_of_its_own(told, step, question):
    assert told[step] == [THOUGHT, answer(question, THINKER)]


def test_thinking_goes_back_with_the_history(told):
    [sent] = told.sent("go on thinking")

    [thought] = sent["messages"][1]["reasoning_details"]
    assert thought["text"] == THOUGHT


@pytest.mark.parametrize(
    ("step", "name", "status"),
    [("unknown_model", "ModelNotFoundError", 404), ("no_credit", "ModelQuotaExceededError", 402)],
)
def test_a_refusal_keeps_its_status(told, step, name, status):
    assert (told[step]["raised"], told[step]["status"]) == (f"pydantic_ai.exceptions.{name}", status)


def test_a_failure_inside_the_stream_is_an_error(told):
    assert told["broken_off"]["raised"] == "pydantic_ai.exceptions.ModelAPIError"
    assert told["broken_off"]["text"].startswith("Provider disconnected (demo)")
