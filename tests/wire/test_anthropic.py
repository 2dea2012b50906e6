"""The shapes of Anthropic's dialect: what is read, and what is refused."""

import json
import tracemalloc

import msgspec
import pytest

from tray_proxy.wire.anthropic import ContentBlock, MessagesRequest


def read(**fields):
    return msgspec.json.decode(json.dumps(fields), type=MessagesRequest)


def test_all_fields_may_be_null():
    nulls = dict.fromkeys(field.encode_name for field in msgspec.structs.fields(MessagesRequest))

    assert read(**nulls) == MessagesRequest()


def test_unknown_fields_are_passed_over():
    """Claude Code sends many: `context_management`, `metadata`, those of betas."""
    assert read(model="m", context_management={"edits": []}, betas=["x"]) == MessagesRequest(model="m")


@pytest.mark.parametrize(
    "fields",
    [
        {"model": 7},
        {"max_tokens": "7"},
        {"messages": {}},
        {"messages": [{"content": "Hi"}]},
        {"messages": [{"role": "user", "content": 7}]},
        {"messages": [{"role": "user", "content": ["Hi"]}]},
        {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
        {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": "{}"}]}]},
        {"tools": [{"input_schema": {}}]},
        {"stop_sequences": "x"},
    ],
)
def test_a_wrong_type_is_refused(fields):
    with pytest.raises(msgspec.ValidationError):
        read(**fields)


def test_a_picture_stays_where_it_lies_in_the_request():
    """It is large, and copies of it larger."""
    body = json.dumps({"type": "image", "source": {"type": "base64", "data": "A" * 1_000_000}}).encode()

    tracemalloc.start()
    try:
        block = msgspec.json.decode(body, type=ContentBlock)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(memoryview(block.source.data)) == 1_000_002
    assert peak < 100_000
