"""Codex CLI, unmodified and headless, against a running proxy."""

import pytest

from clients.demo_answers import THOUGHT, answer

NOTE = "the word in the file\n"


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("node", "with_codex.cjs")


@pytest.mark.parametrize(("step", "question"), [("oss", "say hello"), ("provider", "say hello again")])
def test_a_question_is_answered(told, step, question):
    assert (told[step]["status"], told[step]["said"]) == (0, [answer(question)])
    assert told[step]["usage"]["output_tokens"] > 0


def test_a_command_is_run_and_its_output_goes_back(told):
    _, second = told.sent('#call:exec_command {"cmd": "cat note.txt"}')

    *_, called, returned = second["messages"]
    assert told["tool"]["ran"] == [[0, NOTE]]
    assert returned["content"].endswith(f"Output:\n{NOTE}")
    assert returned["tool_call_id"] == called["tool_calls"][0]["id"]
    assert "Output: the word in the file”" in told["tool"]["said"][0]


def test_each_of_its_own_tools_reaches_the_model_and_none_that_runs_at_openai(told):
    [sent] = told.sent("say hello")

    names = {tool["function"]["name"] for tool in sent["tools"]}
    assert {"exec_command", "view_image", "multi_agent_v1__spawn_agent"} <= names
    assert {tool["type"] for tool in sent["tools"]} == {"function"}


def test_thinking_is_shown_apart_from_the_answer(told):
    assert told["thinking"]["thought"] == [THOUGHT]
    assert told["thinking"]["said"] == [answer("think first", "deepseek/deepseek-r1")]


def test_a_model_that_is_not_listed_cannot_be_pulled(told):
    """It is told so before anything is asked."""
    assert told["not_listed"]["status"] == 1
    assert "pull model manifest: file does not exist" in told["not_listed"]["stderr"]
    assert told.sent("hello") == []


def test_a_refusal_is_shown_in_its_words(told):
    assert told["no_credit"]["failed"].startswith("unexpected status 402 Payment Required: OpenRouter says that")


def test_a_failure_inside_the_stream_is_shown_in_its_words(told):
    assert "Provider disconnected (demo)" in told["broken_off"]["failed"]
