"""OpenAI's JavaScript library, unmodified, against a running proxy."""

import pytest

from clients.demo_answers import THOUGHT, TOLD_BY_TOOL, answer


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("node", "with_openai.cjs")


def test_list_gives_every_model(told):
    assert len(told["listed"]) == 17
    assert "openai/gpt-4o-mini" in told["listed"]


def test_a_model_is_found_by_its_name_with_a_slash(told):
    assert told["retrieved"] == ["openai/gpt-4o-mini", "model", "openai"]


def test_a_plain_chat_arrives_whole_with_its_counts(told):
    assert told["plain"] == [answer("say it whole"), "stop", 7, 21]


def test_a_streamed_chat_arrives_in_pieces(told):
    pieces, reasons = told["streamed"]

    assert "".join(pieces) == answer("say it in pieces")
    assert pieces[:2] == ["[demo] You asked", " openai/gpt-4o-mini"]
    assert reasons == [None] * (len(pieces) - 1) + ["stop"]


def test_the_usage_comes_last_where_it_is_asked_for(told):
    assert told["streamed_with_usage"] == [answer("say it in pieces and count"), [], 34]


def test_a_tool_goes_there_and_back(told):
    assert told["tools"] == ["add", {"a": 1, "b": 1}, TOLD_BY_TOOL]


def test_the_librarys_own_loop_of_tools_comes_to_its_end(told):
    assert told["tools_by_themselves"] == TOLD_BY_TOOL
    assert len(told.sent("use the tool add by itself")) == 2


def test_an_answer_fits_a_schema(told):
    [sent] = told.sent("name a city")

    assert told["structured"] == {"name": "demo name", "population": 1}
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["name", "population"]


def test_a_picture_reaches_the_model(told):
    assert told["picture"] == answer("look at it", "openai/gpt-4o", images=1)


def test_thinking_is_apart_from_the_answer(told):
    assert told["thinking"] == [THOUGHT, answer("think first", "deepseek/deepseek-r1")]


def test_a_completion_arrives_whole(told):
    assert told["completion"] == answer("complete it")


def test_texts_become_vectors_of_length_one(told):
    assert told["embedded"] == [[1536, 1536], ["1.000000", "1.000000"], 2]


def test_a_vector_is_the_same_in_numbers_and_in_base64(told):
    """The library asks for base64 unless it is told to ask for something else, and unpacks it."""
    assert told["embedded_in_numbers"] == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("unknown_model", "nope"),
        ("unknown_model_in_a_stream", "nope"),
        ("unknown_embedding_model", "nope"),
        ("unknown_model_retrieved", "some/nope"),
    ],
)
def test_an_unknown_model_is_a_not_found_error(told, step, name):
    assert told[step] == {"raised": "NotFoundError", "text": f"404 model '{name}' not found", "status": 404}


@pytest.mark.parametrize(
    ("step", "name", "status"), [("no_credit", "APIError", 402), ("too_many", "RateLimitError", 429)]
)
def test_the_upstreams_status_is_kept(told, step, name, status):
    assert (told[step]["raised"], told[step]["status"]) == (name, status)


def test_a_failure_inside_the_stream_is_an_error(told):
    assert told["broken_off"]["raised"] == "APIError"
    assert told["broken_off"]["text"].startswith("Provider disconnected (demo)")


def test_an_abort_in_mid_stream_ends_the_upstream_call(start_program, upstream):
    """While the program lives on: it is the abort that stops the bill, not the end of the process."""
    with start_program("node", "leave_with_openai.cjs") as program:
        first = program.stdout.readline()
        is_dropped = upstream.wait_for(lambda seen: seen.chats[-1].outcome == "dropped", 15)
        has_ended = program.poll() is not None
        program.stdin.close()

    assert (first, is_dropped, has_ended, len(upstream.chats)) == ("demo \n", True, False, 1)
