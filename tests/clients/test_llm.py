"""The `llm` tool with its plugin llm-ollama, unmodified, against a running proxy."""

import json

import pytest

from clients.demo_answers import THOUGHT, answer


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("python", "with_llm.py")


def test_every_chat_model_is_known(told):
    """Models are told apart by their digests: two that share one would be one model with an alias."""
    assert len(told["listed"]) == 15
    assert {"ollama/deepseek/deepseek-r1", "ollama/deepseek/deepseek-r1:free"} < set(told["listed"])


def test_every_embedding_model_is_known(told):
    assert told["listed_embeddings"] == ["ollama/baai/bge-m3", "ollama/openai/text-embedding-3-small"]


def test_what_a_model_can_do_is_known(told):
    pictures = ["image/gif", "image/jpeg", "image/png", "image/webp"]

    assert told["shown"] == {
        "ollama/openai/gpt-4o": {"tools": True, "attachments": pictures, "thinks": False},
        "ollama/gryphe/mythomax-l2-13b": {"tools": False, "attachments": [], "thinks": False},
        "ollama/google/gemini-2.5-flash": {
            "tools": True,
            "attachments": ["audio/mpeg", "audio/wav", *pictures],
            "thinks": True,
        },
    }


def test_a_plain_prompt_is_answered_whole_with_its_counts(told):
    assert told["plain"] == [answer("say it whole"), 7, 21]


def test_a_plain_prompt_is_answered_on_the_event_loop(told):
    assert told["plain_async"] == answer("say it whole, later")


@pytest.mark.parametrize(
    ("step", "question"), [("streamed", "say it in pieces"), ("streamed_async", "say it in pieces, later")]
)
def test_a_streamed_prompt_is_answered_in_pieces(told, step, question):
    assert "".join(told[step]) == answer(question)
    assert told[step][:2] == ["[demo] You asked", " openai/gpt-4o-mini"]


def test_a_conversation_is_sent_with_each_prompt(told):
    [sent] = told.sent("second of two")

    assert told["conversation"] == answer("second of two")
    assert sent["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "first of two"},
        {"role": "assistant", "content": answer("first of two")},
        {"role": "user", "content": "second of two"},
    ]


def test_options_reach_the_model(told):
    [sent] = told.sent("mind the options")

    assert {key: sent[key] for key in sent.keys() - {"model", "messages", "stream"}} == {
        "temperature": 0.5,
        "max_tokens": 5,
        "seed": 7,
    }


def test_a_tool_goes_there_and_back(told):
    """The library's own loop: it knows a call by nothing but the tool's name."""
    _, second = told.sent("use the tool add")

    assert told["tools"] == ["", "[demo] The tool answered: “2”. No model was called and nothing was charged."]
    _, called, returned = second["messages"]
    assert returned["tool_call_id"] == called["tool_calls"][0]["id"]


def test_an_answer_fits_a_schema(told):
    [sent] = told.sent("name a city")

    assert json.loads(told["structured"]) == {"name": "demo name", "population": 1}
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["name", "population"]


def test_a_picture_reaches_the_model(told):
    [sent] = told.sent("look at it")

    assert told["picture"] == answer("look at it", "openai/gpt-4o", images=1)
    assert sent["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")


def test_thinking_is_apart_from_the_answer(told):
    assert told["thinking"] == [answer("think first", "deepseek/deepseek-r1"), THOUGHT]


def test_texts_become_vectors_of_length_one(told):
    dimensions, length, is_same = told["embedded"]

    assert (dimensions, length, is_same) == (1536, pytest.approx(1.0), True)


def test_an_unknown_model_is_unknown_to_the_library(told):
    assert told["unknown_model"]["raised"] == "llm.UnknownModelError"


def test_a_model_that_went_away_is_a_response_error(told):
    assert told["gone_model"] == {
        "raised": "ollama._types.ResponseError",
        "text": "model 'nope' not found (status code: 404)",
        "status": 404,
    }


@pytest.mark.parametrize(("step", "status"), [("no_credit", 402), ("too_many", 429)])
def test_the_upstreams_status_is_kept(told, step, status):
    assert (told[step]["raised"], told[step]["status"]) == ("ollama._types.ResponseError", status)
    # What will pass is asked twice more by the proxy, and by the app no more.
    assert len(told.sent(f"#fault:status-{status}")) == (3 if status == 429 else 1)
