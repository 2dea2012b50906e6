"""LiteLLM, unmodified, against a running proxy."""

import pytest

from clients.demo_answers import THOUGHT, TOLD_BY_TOOL, answer

THINKER = "deepseek/deepseek-r1"


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("litellm", "with_litellm.py")


def test_list_gives_every_model(told):
    assert len(told["listed"]) == 17
    assert "ollama/openai/gpt-4o-mini" in told["listed"]


def test_the_details_tell_of_tools_and_context_length(told):
    """LiteLLM takes a model to have tools if its template speaks of them."""
    assert told["shown"] == {"supports_function_calling": True, "max_tokens": 1048576, "max_input_tokens": 1048576}


def test_a_plain_chat_arrives_whole_with_its_counts(told):
    assert told["plain"] == [answer("say it whole"), "stop", 7, 21]


def test_a_plain_chat_arrives_on_the_event_loop(told):
    assert told["plain_async"] == answer("say it whole, later")


def test_a_streamed_chat_arrives_in_pieces(told):
    pieces, reason = told["streamed"]

    assert ("".join(pieces), reason) == (answer("say it in pieces"), "stop")
    assert pieces[:2] == ["[demo] You asked", " openai/gpt-4o-mini"]


def test_a_streamed_chat_arrives_on_the_event_loop(told):
    assert "".join(told["streamed_async"]) == answer("say it in pieces, later")


def test_options_reach_the_model(told):
    """LiteLLM makes `repeat_penalty` of OpenAI's frequency penalty."""
    [sent] = told.sent("mind the options")

    assert {key: sent[key] for key in sent.keys() - {"model", "messages", "stream"}} == {
        "temperature": 0.5,
        "top_p": 0.8,
        "max_tokens": 5,
        "seed": 7,
        "stop": ["STOP"],
        "repetition_penalty": 0.1,
    }


def test_a_tool_goes_there_and_back(told):
    assert told["tools"] == ["add", {"a": 1, "b": 1}, TOLD_BY_TOOL]


def test_a_tools_result_is_paired_with_a_call_whose_id_was_dropped(told):
    """LiteLLM sends the id with the result, and leaves it out of the call."""
    _, second = told.sent("use the tool add")

    _, called, returned = second["messages"]
    assert returned == {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "it is 2"}


def test_a_tool_call_comes_whole_in_a_stream(told):
    assert told["tools_streamed"] == [["add"], '{"a": 1, "b": 1}']


def test_an_answer_fits_a_schema(told):
    [sent] = told.sent("name a city")

    assert told["structured"] == {"name": "demo name", "population": 1}
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["name", "population"]


def test_json_mode_is_sent_without_a_schema(told):
    [sent] = told.sent("name a city as JSON")

    assert sent["response_format"] == {"type": "json_object"}
    assert told["json_mode"]["answer"] == answer("name a city as JSON")


def test_a_picture_reaches_the_model(told):
    [sent] = told.sent("look at it")

    assert told["picture"] == answer("look at it", "openai/gpt-4o", images=1)
    assert sent["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")


@pytest.mark.parametrize(("step", "question"), [("thinking", "think first"), ("thinking_streamed", "think in pieces")])
def test_thinking_is_apart_from_the_answer(told, step, question):
    assert told[step] == [THOUGHT, answer(question, THINKER)]


def test_a_completion_arrives_whole(told):
    """Of a completion's messages LiteLLM makes a prompt with headings of its own."""
    text, *_ = told["completion"]

    assert text == answer("### User: complete it")


def test_a_streamed_completion_arrives_in_pieces(told):
    pieces, reason = told["completion_streamed"]

    assert ("".join(pieces), reason) == (answer("### User: complete it in pieces"), "stop")


def test_texts_become_vectors_of_length_one(told):
    assert told["embedded"] == [[1536, 1536], pytest.approx(1.0), 2]


def test_vectors_can_be_shorter(told):
    assert told["embedded_async"] == 256


def test_an_unknown_model_is_a_not_found_error(told):
    assert told["unknown_model"]["raised"] == "litellm.exceptions.NotFoundError"
    assert """{"error":"model 'nope' not found"}""" in told["unknown_model"]["text"]


def test_an_unknown_embedding_model_is_a_not_found_error(told):
    assert told["unknown_embedding_model"]["raised"] == "litellm.exceptions.NotFoundError"
    assert r"model \"nope\" not found, try pulling it first" in told["unknown_embedding_model"]["text"]


@pytest.mark.parametrize(
    ("step", "name", "status"),
    [
        ("no_credit", "PaymentRequiredError", 402),
        ("too_many", "RateLimitError", 429),
        ("too_many_before_a_stream", "RateLimitError", 429),
    ],
)
def test_the_upstreams_status_is_kept(told, step, name, status):
    assert (told[step]["raised"], told[step]["status"]) == (f"litellm.exceptions.{name}", status)


def test_a_refused_question_is_asked_once(told):
    assert len(told.sent("#fault:status-402")) == 1
