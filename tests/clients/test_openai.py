"""OpenAI's Python library, unmodified, against a running proxy."""

import json

import pytest

from clients.demo_answers import THOUGHT, TOLD_BY_TOOL, answer

THINKER = "deepseek/deepseek-r1"


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("python", "with_openai.py")


def test_list_gives_every_model(told):
    assert len(told["listed"]) == 17
    assert "openai/gpt-4o-mini" in told["listed"]


def test_a_model_is_found_by_its_name_with_a_slash(told):
    assert told["retrieved"] == ["openai/gpt-4o-mini", "model", "openai"]


def test_a_plain_chat_arrives_whole_with_its_counts(told):
    assert told["plain"] == [
        answer("say it whole"),
        "stop",
        [7, 21, 28],
        "openai/gpt-4o-mini",
        "chat.completion",
    ]


@pytest.mark.parametrize(
    ("step", "question"), [("plain_async", "say it whole, later"), ("streamed_async", "say it in pieces, later")]
)
def test_a_chat_arrives_on_the_event_loop(told, step, question):
    assert told[step] == answer(question)


def test_a_streamed_chat_arrives_in_pieces(told):
    *pieces, end = told["streamed"]["pieces"]

    assert "".join(pieces) == answer("say it in pieces")
    assert pieces[:2] == ["[demo] You asked", " openai/gpt-4o-mini"]
    assert end is None
    assert told["streamed"]["reasons"] == [None] * len(pieces) + ["stop"]


def test_no_piece_lacks_a_choice_unless_the_usage_is_asked_for(told):
    """Many programs read `choices[0]` of each piece, and would fail on OpenRouter's last one."""
    assert (told["streamed"]["choices"], told["streamed"]["usages"]) == (True, [])


def test_the_pieces_of_an_answer_have_one_id(told):
    assert told["streamed"]["ids"] == 1


def test_the_usage_comes_last_where_it_is_asked_for(told):
    assert told["streamed_with_usage"] == [answer("say it in pieces and count"), [], [10, 24, 34]]


def test_options_reach_the_model(told):
    [sent] = told.sent("mind the options")

    assert told["options"] == ["[demo] You asked openai/gpt-4", "length"]
    assert {key: sent[key] for key in sent.keys() - {"model", "messages", "stream"}} == {
        "temperature": 0.5,
        "top_p": 0.8,
        "max_tokens": 5,
        "seed": 7,
        "stop": ["STOP"],
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "user": "somebody",
    }


def test_several_answers_to_one_question_arrive(told):
    assert told["several"] == [[0, answer("say it twice")], [1, answer("say it twice")]]
    assert told["several_streamed"] == [answer("say it twice in pieces")] * 2


def test_a_tool_goes_there_and_back(told):
    _, second = told.sent("use the tool add")

    _, called, returned = second["messages"]
    assert told["tools"] == ["tool_calls", "add", '{"a":1,"b":1}', TOLD_BY_TOOL]
    assert returned == {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "it is 2"}


def test_two_calls_come_in_a_stream(told):
    assert told["tools_streamed"] == ["tool_calls", [["add", '{"a":1,"b":1}']] * 2]


def test_a_tool_can_be_forced(told):
    assert told["tool_forced"] == "add"


def test_an_answer_fits_a_class(told):
    [sent] = told.sent("name a city")

    assert told["structured"] == {"name": "demo name", "population": 1}
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["name", "population"]


def test_json_mode_is_sent_without_a_schema(told):
    [sent] = told.sent("name a city as JSON")

    assert sent["response_format"] == {"type": "json_object"}
    assert json.loads(told["json_mode"])["answer"] == answer("name a city as JSON")


def test_a_picture_reaches_the_model(told):
    [sent] = told.sent("look at it")

    assert told["picture"] == answer("look at it", "openai/gpt-4o", images=1)
    assert sent["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")


@pytest.mark.parametrize(("step", "question"), [("thinking", "think first"), ("thinking_streamed", "think in pieces")])
def test_thinking_is_apart_from_the_answer(told, step, question):
    assert told[step] == [THOUGHT, answer(question, THINKER)]


def test_thinking_can_be_turned_off(told):
    assert told["no_thinking"] == [{}, answer("do not think", THINKER)]


def test_likelihoods_arrive(told):
    assert told["logprobs"] == [True, 2]


def test_a_completion_arrives_whole_with_its_counts(told):
    assert told["completion"] == [answer("complete it"), "stop", [7, 20, 27], "text_completion"]


def test_a_streamed_completion_arrives_in_pieces(told):
    pieces = told["completion_streamed"]

    assert "".join(pieces) == answer("go on")
    assert pieces[:2] == ["[demo] You asked", " openai/gpt-4o-mini"]


def test_texts_become_vectors_of_length_one(told):
    assert told["embedded"] == [[1536, 1536], pytest.approx(1.0), 2]


def test_a_vector_is_the_same_in_numbers_and_in_base64(told):
    """The library asks for base64 unless it is told to ask for something else, and unpacks it."""
    assert told["embedded_in_numbers"] == [True, True, pytest.approx(0, abs=1e-8)]


def test_vectors_can_be_shorter(told):
    assert told["embedded_shorter"] == 256


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
    assert told[step] == {
        "raised": "openai.NotFoundError",
        "text": f"Error code: 404 - model '{name}' not found",
        "status": 404,
    }


def test_a_chat_without_messages_is_a_bad_request(told):
    assert told["no_question"]["raised"] == "openai.BadRequestError"


@pytest.mark.parametrize(
    ("step", "name", "status"),
    [
        ("no_credit", "APIStatusError", 402),
        ("too_many", "RateLimitError", 429),
        ("too_many_in_a_stream", "RateLimitError", 429),
        ("broken_off", "InternalServerError", 502),
    ],
)
def test_the_upstreams_status_is_kept(told, step, name, status):
    assert (told[step]["raised"], told[step]["status"]) == (f"openai.{name}", status)


def test_a_failure_inside_the_stream_is_an_error(told):
    assert told["broken_off_in_a_stream"]["raised"] == "openai.APIError"
    assert told["broken_off_in_a_stream"]["text"].startswith("Provider disconnected (demo)")


def test_leaving_a_stream_ends_the_upstream_call(start_program, upstream):
    """While the program lives on: it is the leaving that stops the bill, not the end of the process."""
    with start_program("python", "leave_with_openai.py") as program:
        first = program.stdout.readline()
        is_dropped = upstream.wait_for(lambda seen: seen.chats[-1].outcome == "dropped", 15)
        has_ended = program.poll() is not None
        program.stdin.close()

    assert (first, is_dropped, has_ended, len(upstream.chats)) == ("demo \n", True, False, 1)
