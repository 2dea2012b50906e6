"""Ollama's JavaScript library, unmodified, against a running proxy."""

import pytest

from clients.demo_answers import THOUGHT, TOLD_BY_TOOL, answer


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("node", "with_ollama.cjs")


def test_list_gives_every_model(told):
    assert len(told["listed"]) == 17
    assert "openai/gpt-4o-mini" in told["listed"]


def test_show_gives_what_a_model_can_do(told):
    assert told["shown"] == [["completion", "tools", "vision"], "gpt"]


def test_the_version_is_three_numbers(told):
    assert [part.isdigit() for part in told["version"].split(".")] == [True, True, True]


def test_a_plain_chat_arrives_whole_with_its_counts(told):
    assert told["plain"] == [answer("say it whole"), "stop", 7, 21]


@pytest.mark.parametrize(
    ("step", "question"), [("streamed", "say it in pieces"), ("completion_streamed", "complete it in pieces")]
)
def test_a_streamed_answer_arrives_in_pieces(told, step, question):
    pieces, ends = told[step]

    assert "".join(pieces) == answer(question)
    assert pieces[:2] == ["[demo] You asked", " openai/gpt-4o-mini"]
    assert ends == [False] * (len(pieces) - 1) + [True]


def test_options_reach_the_model(told):
    [sent] = told.sent("mind the options")

    assert {key: sent[key] for key in sent.keys() - {"model", "messages", "stream"}} == {
        "temperature": 0.5,
        "max_tokens": 5,
        "stop": ["STOP"],
        "seed": 7,
    }


def test_a_tool_goes_there_and_back(told):
    assert told["tools"] == ["add", {"a": 1, "b": 1}, TOLD_BY_TOOL]


def test_an_answer_fits_a_schema(told):
    [sent] = told.sent("name a city")

    assert told["structured"] == {"name": "demo name", "population": 1}
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["name", "population"]


@pytest.mark.parametrize(
    ("step", "question"), [("picture_in_text", "look at it"), ("picture_in_bytes", "look at the bytes")]
)
def test_a_picture_reaches_the_model(told, step, question):
    [sent] = told.sent(question)

    assert told[step] == answer(question, "openai/gpt-4o", images=1)
    assert sent["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")


def test_thinking_is_apart_from_the_answer(told):
    assert told["thinking"] == [THOUGHT, answer("think first", "deepseek/deepseek-r1")]


def test_likelihoods_arrive(told):
    assert told["logprobs"] == ["[demo]", 2]


def test_a_completion_continues_the_one_before(told):
    text, reason, *_, further = told["completion"]

    [sent] = told.sent("complete it further")
    assert (text, reason, further) == (answer("complete it"), "stop", answer("complete it further"))
    assert [message["content"] for message in sent["messages"]][-3:] == [
        "complete it",
        answer("complete it"),
        "complete it further",
    ]


def test_loading_a_model_asks_nobody(told):
    assert told["loaded"] == ["", "load", True]
    assert told.sent("") == []


def test_texts_become_vectors_of_length_one(told):
    assert told["embedded"] == [[1536, 1536], ["1.000000", "1.000000"]]


def test_the_old_way_gives_one_vector(told):
    assert told["embedded_the_old_way"] == 1536


def test_a_copy_answers_as_its_model(told):
    assert told["copied"] == answer("who is copied")


def test_a_created_model_answers_with_its_system_prompt(told):
    [sent] = told.sent("who is created")

    assert told["created"] == ["success", answer("who is created")]
    assert sent["messages"][0] == {"role": "system", "content": "be brief"}


def test_a_deleted_copy_is_listed_no_more(told):
    assert told["deleted"] == ["success", []]


def test_a_pull_goes_from_manifest_to_success(told):
    assert told["pulled"] == ["pulling manifest", "success"]


def test_a_pull_of_an_unknown_model_is_an_error(told):
    assert told["pulled_unknown"]["raised"] == "Error"
    assert "file does not exist" in told["pulled_unknown"]["text"]


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("unknown_model", "model 'nope' not found"),
        ("unknown_model_in_a_stream", "model 'nope' not found"),
        ("unknown_embedding_model", 'model "nope" not found, try pulling it first'),
    ],
)
def test_an_unknown_model_is_a_response_error(told, step, text):
    assert told[step] == {"raised": "ResponseError", "text": text, "status": 404}


@pytest.mark.parametrize(("step", "status"), [("no_credit", 402), ("too_many", 429)])
def test_the_upstreams_status_is_kept(told, step, status):
    assert (told[step]["raised"], told[step]["status"]) == ("ResponseError", status)
    # What will pass is asked twice more by the proxy, and by the app no more.
    assert len(told.sent(f"#fault:status-{status}")) == (3 if status == 429 else 1)


def test_a_failure_inside_the_stream_is_an_error(told):
    assert told["broken_off"]["raised"] == "Error"
    assert told["broken_off"]["text"].startswith("Provider disconnected (demo)")


def test_an_abort_in_mid_stream_ends_the_upstream_call(start_program, upstream):
    """While the program lives on: it is the abort that stops the bill, not the end of the process."""
    with start_program("node", "leave_with_ollama.cjs") as program:
        assert [program.stdout.readline(), program.stdout.readline()] == ["demo \n", "AbortError\n"]
        is_dropped = upstream.wait_for(lambda seen: seen.chats[-1].outcome == "dropped", 15)
        has_ended = program.poll() is not None
        program.stdin.close()

    assert (is_dropped, has_ended, len(upstream.chats)) == (True, False, 1)
