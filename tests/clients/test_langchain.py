"""langchain-ollama, unmodified, against a running proxy."""

import pytest

from clients.demo_answers import THOUGHT, TOLD_BY_TOOL, answer

MODEL = "openai/gpt-4o-mini"
THINKER = "deepseek/deepseek-r1"


@pytest.fixture(scope="module")
def told(run_program):
    return run_program("python", "with_langchain.py")


def test_a_listed_model_passes_the_check_at_the_start(told):
    assert told["listed"] == MODEL


def test_a_model_that_is_not_listed_fails_the_check_at_the_start(told):
    assert "Model `nope` not found in Ollama." in told["not_listed"]["text"]
    assert "Available local models: baai/bge-m3, openai/text-embedding-3-small" in told["not_listed"]["text"]


@pytest.mark.parametrize(
    ("step", "question", "counts"),
    [("plain", "say it whole", (7, 21)), ("plain_async", "say it whole, later", (8, 22))],
)
def test_a_plain_chat_arrives_whole_with_its_counts(told, step, question, counts):
    usage = {"input_tokens": counts[0], "output_tokens": counts[1], "total_tokens": sum(counts)}

    assert told[step] == [answer(question), "stop", usage]


def test_a_chat_without_a_stream_arrives_whole_with_its_counts(told):
    usage = {"input_tokens": 8, "output_tokens": 21, "total_tokens": 29}

    assert told["not_streamed"] == [answer("say it at once"), "stop", usage]


@pytest.mark.parametrize(
    ("step", "question"), [("streamed", "say it in pieces"), ("streamed_async", "say it in pieces, later")]
)
def test_a_streamed_chat_arrives_in_pieces(told, step, question):
    assert "".join(told[step]) == answer(question)
    assert told[step][:2] == ["[demo] You asked", " openai/gpt-4o-mini"]


def test_options_reach_the_model(told):
    [sent] = told.sent("mind the options")

    text, reason, usage = told["options"]
    assert answer("mind the options", "mistralai/mistral-small-3.2-24b-instruct").startswith(text)
    assert (reason, usage["output_tokens"]) == ("length", 12)
    assert {key: sent[key] for key in sent.keys() - {"model", "messages", "stream"}} == {
        "temperature": 0.5,
        "top_k": 20,
        "top_p": 0.8,
        "max_tokens": 12,
        "repetition_penalty": 1.1,
        "seed": 7,
        "stop": ["STOP"],
    }


def test_a_tool_goes_there_and_back(told):
    assert told["tools"] == ["add", {"a": 1, "b": 1}, TOLD_BY_TOOL]


def test_a_tools_result_is_paired_with_its_call(told):
    """The library sends the id that it made up itself, on both sides."""
    _, second = told.sent("use the tool add")

    _, called, returned = second["messages"]
    assert returned == {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "it is 2"}


def test_two_tools_at_once_go_there_and_back(told):
    assert told["parallel_tools"] == [
        2,
        "[demo] The tool answered: “result 0”, “result 1”. No model was called and nothing was charged.",
    ]


@pytest.mark.parametrize("step", ["structured", "structured_by_tool"])
def test_an_answer_fits_a_class(told, step):
    assert told[step] == {"name": "demo name", "population": 1}


def test_a_class_is_sent_as_a_schema(told):
    [sent] = told.sent("name a city")

    assert sent["response_format"]["type"] == "json_schema"
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["name", "population"]


def test_json_mode_is_sent_without_a_schema(told):
    [sent] = told.sent("name a city as JSON")

    assert sent["response_format"] == {"type": "json_object"}
    assert told["structured_by_json_mode"]["answer"] == answer("name a city as JSON")


def test_a_picture_reaches_the_model(told):
    [sent] = told.sent("look at it")

    assert told["picture"] == answer("look at it", "openai/gpt-4o", images=1)
    assert sent["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")


def test_thinking_is_apart_from_the_answer(told):
    assert told["thinking"] == [THOUGHT, answer("think first", THINKER)]


def test_thinking_goes_back_with_the_turn_that_it_belongs_to(told):
    """In the form it came in, which its provider knows again."""
    [_, sent] = told.sent("think, then wait")

    assert told["thinking_sent_back"] == answer("go on thinking", THINKER)
    assert sent["messages"][1]["content"] == answer("think, then wait", THINKER)
    assert [detail["text"] for detail in sent["messages"][1]["reasoning_details"]] == [THOUGHT]


def test_thinking_can_be_turned_off(told):
    assert told["no_thinking"] == [{}, answer("do not think", THINKER)]


def test_likelihoods_arrive(told):
    assert told["logprobs"] == ["[demo]", 2]


@pytest.mark.parametrize(
    ("step", "question"), [("completion", "complete it"), ("completion_async", "complete it later")]
)
def test_a_completion_arrives_whole(told, step, question):
    assert told[step] == answer(question)


def test_a_streamed_completion_arrives_in_pieces(told):
    assert "".join(told["completion_streamed"]) == answer("complete it in pieces")
    assert told["completion_streamed"][:2] == ["[demo] You asked", " openai/gpt-4o-mini"]


def test_texts_become_vectors_of_length_one(told):
    dimensions, length, is_same = told["embedded"]

    assert (dimensions, length, is_same) == (1536, pytest.approx(1.0), True)


def test_vectors_are_the_same_on_the_event_loop(told):
    assert told["embedded_async"] is True


def test_vectors_can_be_shorter(told):
    assert told["embedded_shorter"] == 256


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("unknown_model", "model 'nope' not found (status code: 404)"),
        ("unknown_completion_model", "model 'nope' not found (status code: 404)"),
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


def test_a_failure_inside_the_stream_is_a_response_error(told):
    assert told["broken_off"]["raised"] == "ollama._types.ResponseError"
    assert told["broken_off"]["text"].startswith("Provider disconnected (demo)")
