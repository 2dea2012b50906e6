"""Ollama's shapes: what is read, what is refused, and what stands in an answer."""

import msgspec
import pytest

from tray_proxy.wire.ollama import (
    ChatRequest,
    ChatResponse,
    FunctionCall,
    Message,
    ResponseMessage,
    ShowRequest,
    ToolCall,
)

CALL = '{"messages": [{"role": "assistant", "tool_calls": [%s]}]}'


def read(text: str) -> ChatRequest:
    return msgspec.json.decode(text, type=ChatRequest)


@pytest.mark.parametrize("field", ChatRequest.__struct_fields__)
def test_null_means_not_given(field: str) -> None:
    """Zed sends null for all that is not set."""
    assert read(f'{{"{field}": null}}') == ChatRequest()


@pytest.mark.parametrize("field", [name for name in Message.__struct_fields__ if name != "role"])
def test_null_in_a_message_means_not_given(field: str) -> None:
    assert read(f'{{"messages": [{{"role": "user", "{field}": null}}]}}').messages == [Message(role="user")]


def test_null_for_arguments_means_none() -> None:
    (message,) = read(CALL % '{"id": null, "function": {"index": null, "name": "now", "arguments": null}}').messages

    assert message.tool_calls == [ToolCall(id=None, function=FunctionCall(index=None, name="now", arguments=None))]


def test_unknown_keys_are_ignored() -> None:
    """Clients put OpenAI's or their own fields beside Ollama's."""
    text = '{"model": "m", "tool_choice": "auto", "messages": [{"role": "user", "content": "Hi", "refusal": "x"}]}'

    assert read(text) == ChatRequest(model="m", messages=[Message(role="user", content="Hi")])


@pytest.mark.parametrize("call", ['{"function": {"name": "now"}}', '{"type": "function", "function": {"name": "now"}}'])
def test_a_call_may_say_that_it_is_a_function(call: str) -> None:
    (message,) = read(CALL % call).messages

    assert message.tool_calls == [ToolCall(function=FunctionCall(name="now"))]


@pytest.mark.parametrize(
    "text",
    [
        '{"model": 5}',
        '{"stream": "yes"}',
        '{"stream": 1}',
        '{"messages": "Hi"}',
        '{"messages": ["Hi"]}',
        '{"messages": [{"content": "Hi"}]}',
        '{"messages": [{"role": "user", "content": 5}]}',
        '{"messages": [{"role": "user", "images": "aGk="}]}',
        '{"options": []}',
        '{"tools": {}}',
        '{"top_logprobs": "5"}',
        CALL % '{"function": {"name": "now", "arguments": "{}"}}',
        CALL % '{"function": {"arguments": {}}}',
    ],
)
def test_wrong_types_are_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(text)


def test_a_tool_is_kept_as_it_was_written() -> None:
    assert [bytes(tool) for tool in read('{"tools": [{"z": 1.0,  "a": 2}]}').tools] == [b'{"z": 1.0,  "a": 2}']


def test_show_takes_both_words_for_the_model() -> None:
    read_show = msgspec.json.decode('{"name": "old", "model": "new", "verbose": true}', type=ShowRequest)

    assert read_show == ShowRequest(model="new", name="old")


def test_what_is_not_set_is_left_out_of_an_answer() -> None:
    """Counts and durations of 0 would be divided by; a content is always there."""
    answer = ChatResponse(model="m", created_at="2026-08-21T10:00:00Z", message=ResponseMessage(), done=False)

    assert msgspec.json.decode(msgspec.json.encode(answer)) == {
        "model": "m",
        "created_at": "2026-08-21T10:00:00Z",
        "message": {"role": "assistant", "content": ""},
        "done": False,
    }
