"""Vercel's AI SDK with a provider for Ollama, unmodified, against a running proxy."""

import pytest

from clients.demo_answers import THOUGHT, TOLD_BY_TOOL, answer

THINKER = "deepseek/deepseek-r1"
ONE_CALL = [["add", {"a": 1, "b": 1}]]


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("node", "with_ai_sdk.cjs")


def test_a_plain_chat_arrives_whole_with_its_counts(told):
    assert told["plain"] == [answer("say it whole"), "stop", 7, 21]


def test_a_streamed_chat_arrives_in_pieces(told):
    pieces, reason = told["streamed"]

    assert ("".join(pieces), reason) == (answer("say it in pieces"), "stop")
    assert pieces[:2] == ["[demo] You asked", " openai/gpt-4o-mini"]


def test_options_reach_the_model(told):
    [sent] = told.sent("mind the options")

    assert told["options"] == ["[demo] You asked openai/gpt-4", "length"]
    assert {key: sent[key] for key in sent.keys() - {"model", "messages", "stream"}} == {
        "temperature": 0.5,
        "max_tokens": 5,
        "stop": ["STOP"],
        "seed": 7,
    }


@pytest.mark.parametrize("step", ["tools", "tools_streamed"])
def test_a_tool_goes_there_and_back(told, step):
    assert told[step] == [ONE_CALL, TOLD_BY_TOOL]


def test_a_tools_result_is_paired_with_its_call(told):
    _, second = told.sent("use the tool add")

    _, called, returned = second["messages"]
    assert returned == {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "it is 2"}


def test_an_answer_fits_a_schema(told):
    [sent] = told.sent("name a city")

    assert told["structured"] == {"name": "demo name", "population": 1}
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["name", "population"]


def test_a_picture_reaches_the_model(told):
    [sent] = told.sent("look at it")

    assert told["picture"] == answer("look at it", "openai/gpt-4o", images=1)
    assert sent["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")


@pytest.mark.parametrize(("step", "question"), [("thinking", "think first"), ("thinking_streamed", "think in pieces")])
def test_thinking_is_apart_from_the_answer(told, step, question):
    assert told[step] == [THOUGHT, answer(question, THINKER)]


def test_texts_become_vectors_of_length_one(told):
    assert told["embedded"] == [[1536, 1536], ["1.000000", "1.000000"], 2]


@pytest.mark.parametrize(("step", "status"), [("unknown_model", 404), ("no_credit", 402)])
def test_a_refusal_keeps_its_status(told, step, status):
    assert (told[step]["raised"], told[step]["status"]) == ("APICallError", status)


def test_a_refusal_before_a_stream_keeps_its_status_and_its_words(told):
    [start, (kind, status, body)] = told["too_many_in_a_stream"]

    assert (start[0], kind, status) == ("start", "error", 429)
    assert "Rate limit exceeded" in body
