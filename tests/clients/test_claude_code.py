"""Claude Code, unmodified and headless, against a running proxy."""

import pytest

from clients.demo_answers import THOUGHT, answer

THINKER = "qwen/qwen3-30b-a3b"
CLAUDE = "anthropic/claude-sonnet-4"


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("node", "with_claude_code.cjs")


def round_trip(told, model):
    """The two requests upstream of a model that reads a file."""
    return [chat.body for chat in told.upstream.chats if chat.body["model"] == model and names_of(chat.body) > {"Read"}]


def names_of(body):
    return {tool["function"]["name"] for tool in body.get("tools", [])}


def test_a_question_is_answered(told):
    assert told["plain"]["result"] == answer("say hello")
    assert (told["plain"]["is_error"], told["plain"]["turns"], told["plain"]["counts"][1]) == (False, 1, 20)


@pytest.mark.parametrize(("step", "model"), [("tool", THINKER), ("tool_by_claude", CLAUDE)])
def test_a_file_is_read_and_its_text_goes_back(told, step, model):
    _, second = round_trip(told, model)

    *_, called, returned = second["messages"]
    assert (told[step]["is_error"], told[step]["turns"]) == (False, 2)
    assert "[demo] The tool answered: “1 the word in the file" in told[step]["result"]
    assert returned["role"] == "tool"
    assert returned["tool_call_id"] == called["tool_calls"][0]["id"]


@pytest.mark.parametrize("model", [THINKER, CLAUDE])
def test_thinking_goes_back_with_the_call_it_led_to(told, model):
    _, second = round_trip(told, model)

    [thought] = second["messages"][-2]["reasoning_details"]
    assert thought["text"] == THOUGHT


@pytest.mark.parametrize(
    ("model", "reasoning"),
    [(THINKER, {"effort": "high"}), (CLAUDE, {"max_tokens": 31999})],
    ids=["adaptive", "with a budget"],
)
def test_its_way_of_asking_for_thoughts_is_understood(told, model, reasoning):
    """To models of Anthropic's that it knows it gives a budget, to all others an effort."""
    assert [sent["reasoning"] for sent in round_trip(told, model)] == [reasoning] * 2


def test_words_of_the_system_stand_where_it_put_them(told):
    """Before the question, and after it."""
    first, _ = round_trip(told, THINKER)

    assert [message["role"] for message in first["messages"]] == ["system", "user", "system"]


def test_all_of_its_tools_reach_the_model(told):
    first, _ = round_trip(told, THINKER)

    assert {"Agent", "Bash", "Edit", "Read", "Write"} <= names_of(first)


def test_an_answer_fits_a_schema(told):
    """By way of a tool of its own."""
    assert told["structured"]["structured"] == {"name": "demo name"}


def test_an_unknown_model_is_told_as_such(told):
    assert told["unknown_model"]["status"] == 404
    assert "There's an issue with the selected model (nope)" in told["unknown_model"]["result"]


def test_a_refusal_is_shown_in_its_words(told):
    assert told["no_credit"]["status"] == 402
    assert told["no_credit"]["result"].startswith("API Error: 402 OpenRouter says that there is not enough credit")


def test_a_failure_inside_the_stream_is_an_error(told):
    assert told["broken_off"]["is_error"] is True
