"""llama-index-llms-ollama and llama-index-embeddings-ollama, unmodified, against a running proxy."""

import json

import pytest

from clients.demo_answers import THOUGHT, TOLD_BY_TOOL, answer

THINKER = "deepseek/deepseek-r1"


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("python", "with_llama_index.py")


def test_the_context_length_is_found(told):
    assert told["shown"] == 128000


def test_a_plain_chat_arrives_whole_with_its_counts(told):
    usage = {"prompt_tokens": 7, "completion_tokens": 21, "total_tokens": 28}

    assert told["plain"] == [answer("say it whole"), "stop", usage]


def test_a_plain_chat_arrives_on_the_event_loop(told):
    assert told["plain_async"] == answer("say it whole, later")


@pytest.mark.parametrize(
    ("step", "question"),
    [
        ("streamed", "say it in pieces"),
        ("streamed_async", "say it in pieces, later"),
        ("completion_streamed", "complete it in pieces"),
    ],
)
def test_a_streamed_answer_arrives_in_pieces(told, step, question):
    assert "".join(told[step]) == answer(question)
    assert told[step][:2] == ["[demo] You asked", " openai/gpt-4o-mini"]


def test_options_reach_the_model(told):
    """The context length, which the library sends each time, is no limit on the answer."""
    [sent] = told.sent("mind the options")

    assert {key: sent[key] for key in sent.keys() - {"model", "messages", "stream"}} == {
        "temperature": 0.5,
        "max_tokens": 5,
    }


def test_a_completion_arrives_whole(told):
    assert told["completion"] == answer("complete it")


def test_a_tool_goes_there_and_back(told):
    assert told["tools"] == ["add", {"a": 1, "b": 1}, TOLD_BY_TOOL]


def test_a_tools_result_without_an_id_is_paired_with_its_call(told):
    _, second = told.sent("use the tool add")

    _, called, returned = second["messages"]
    assert returned["tool_call_id"] == called["tool_calls"][0]["id"]
    assert called["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a":1,"b":1}'}


@pytest.mark.parametrize("step", ["structured", "structured_streamed"])
def test_an_answer_fits_a_class(told, step):
    assert told[step] == {"name": "demo name", "population": 1}


def test_a_class_is_sent_as_a_schema(told):
    [sent] = told.sent("name a city")

    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["name", "population"]


def test_json_mode_is_sent_without_a_schema(told):
    [sent] = told.sent("name a city as JSON")

    assert sent["response_format"] == {"type": "json_object"}
    assert json.loads(told["json_mode"])["answer"] == answer("name a city as JSON")


def test_a_picture_reaches_the_model(told):
    [sent] = told.sent("look at it")

    assert told["picture"] == answer("look at it", "openai/gpt-4o", images=1)
    assert sent["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")


def test_thinking_is_apart_from_the_answer(told):
    assert told["thinking"] == [THOUGHT, answer("think first", THINKER)]


def test_thinking_goes_back_with_the_turn_that_it_belongs_to(told):
    """In the form it came in, which its provider knows again."""
    [sent] = told.sent("go on thinking")

    assert told["thinking_sent_back"] == answer("go on thinking", THINKER)
    assert sent["messages"][1]["content"] == answer("think first", THINKER)
    assert [detail["text"] for detail in sent["messages"][1]["reasoning_details"]] == [THOUGHT]


def test_texts_become_vectors_of_length_one(told):
    dimensions, length, is_same = told["embedded"]

    assert (dimensions, length, is_same) == (1536, pytest.approx(1.0), True)


def test_vectors_are_the_same_on_the_event_loop(told):
    assert told["embedded_async"] is True


@pytest.mark.parametrize(
    ("step", "text"),
    [
        # The details of a model are asked for by its full name.
        ("unknown_model", "model 'nope:latest' not found (status code: 404)"),
        ("unknown_model_in_a_chat", "model 'nope' not found (status code: 404)"),
        ("unknown_embedding_model", 'model "nope" not found, try pulling it first (status code: 404)'),
    ],
)
def test_an_unknown_model_is_a_response_error(told, step, text):
    assert told[step] == {"raised": "ollama._types.ResponseError", "text": text, "status": 404}


@pytest.mark.parametrize(("step", "status"), [("no_credit", 402), ("too_many", 429)])
def test_the_upstreams_status_is_kept(told, step, status):
    assert (told[step]["raised"], told[step]["status"]) == ("ollama._types.ResponseError", status)
    # What will pass is asked twice more by the proxy, and by the app no more.
    assert len(told.sent(f"#fault:status-{status}")) == (3 if status == 429 else 1)
