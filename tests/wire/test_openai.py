"""The shapes of OpenAI's dialect: what is read, what is refused, and what is always there in an answer."""

import json

import msgspec
import pytest

from tray_proxy.wire.openai import (
    AnswerMessage,
    ChatCompletionRequest,
    Choice,
    ChunkChoice,
    ChunkDelta,
    CompletionRequest,
    EmbeddingsRequest,
    ErrorDetail,
    ErrorResponse,
    ModelList,
    TextChoice,
)


def read(shape=ChatCompletionRequest, /, **fields):
    return msgspec.json.decode(json.dumps(fields), type=shape)


@pytest.mark.parametrize("shape", [ChatCompletionRequest, CompletionRequest, EmbeddingsRequest])
def test_all_fields_may_be_null(shape):
    nulls = dict.fromkeys(field.encode_name for field in msgspec.structs.fields(shape))

    assert read(shape, **nulls) == shape()


@pytest.mark.parametrize("shape", [ChatCompletionRequest, CompletionRequest, EmbeddingsRequest])
def test_unknown_fields_are_passed_over(shape):
    assert read(shape, model="m", of_a_later_version={"a": [1]}) == shape(model="m")


@pytest.mark.parametrize(
    "fields",
    [
        {"model": 7},
        {"messages": {}},
        {"messages": [{"content": "Hi"}]},
        {"messages": [{"role": "user", "content": 7}]},
        {"messages": [{"role": "user", "content": ["Hi"]}]},
        {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "call_1"}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}]},
        {"stream": "true"},
        {"stream": 1},
        {"stream_options": {"include_usage": "yes"}},
        {"temperature": "0.5"},
        {"max_tokens": "5"},
        {"stop": 7},
        {"stop": ["a", 7]},
        {"n": "2"},
        {"n": 1.5},
        {"logprobs": 2},
        {"response_format": "json"},
        {"reasoning_effort": True},
        {"reasoning": "high"},
        {"tools": {}},
        {"metadata": {"a": 1}},
        {"logit_bias": [1]},
    ],
)
def test_a_wrong_type_is_refused(fields):
    with pytest.raises(msgspec.ValidationError):
        read(**fields)


@pytest.mark.parametrize("fields", [{"prompt": ["a"]}, {"prompt": 7}, {"prompt": [1, 2]}, {"logprobs": True}])
def test_a_text_completion_has_one_prompt(fields):
    with pytest.raises(msgspec.ValidationError):
        read(CompletionRequest, **fields)


@pytest.mark.parametrize("fields", [{"encoding_format": 7}, {"dimensions": "7"}])
def test_how_vectors_are_to_be_is_read_strictly(fields):
    with pytest.raises(msgspec.ValidationError):
        read(EmbeddingsRequest, **fields)


def test_what_the_model_is_shown_stays_as_it_was_written():
    """The order of a tool's schema counts."""
    tool = b'{"z": 1, "a": {"$ref": "#"}}'

    request = msgspec.json.decode(b'{"tools": [' + tool + b"]}", type=ChatCompletionRequest)

    assert [bytes(memoryview(each)) for each in request.tools] == [tool]


@pytest.mark.parametrize(
    ("answer", "written"),
    [
        (AnswerMessage(), {"role": "assistant", "content": ""}),
        (
            Choice(index=0, message=AnswerMessage(), finish_reason="stop"),
            {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"},
        ),
        (ChunkDelta(), {}),
        (ChunkDelta(role="assistant", content=""), {"role": "assistant", "content": ""}),
        (ChunkChoice(index=0, delta=ChunkDelta()), {"index": 0, "delta": {}, "finish_reason": None}),
        (TextChoice(text="", index=0), {"text": "", "index": 0, "finish_reason": None}),
        (ModelList(data=[]), {"object": "list", "data": []}),
        (
            ErrorResponse(ErrorDetail(message="No.", type="api_error")),
            {"error": {"message": "No.", "type": "api_error", "param": None, "code": None}},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_readers_look_for_is_there_even_when_empty(answer, written):
    assert json.loads(msgspec.json.encode(answer)) == written
