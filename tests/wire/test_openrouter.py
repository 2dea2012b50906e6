"""OpenRouter's shapes: strict in what is sent, lenient in what is read."""

import json
from typing import Any

import msgspec
import pytest

from tray_proxy.wire.openrouter import (
    ChunkChoice,
    ChunkDelta,
    CompletionChunk,
    CompletionRequest,
    ErrorBody,
    ErrorReply,
    FunctionCall,
    ImagePart,
    ImageUrl,
    KeyInfo,
    KeyReply,
    Message,
    ModelEntry,
    ModelPage,
    TextPart,
    ToolCall,
    ToolCallDelta,
    Usage,
)

NULLABLE = [
    (struct, field)
    for struct in (CompletionChunk, ChunkChoice, ChunkDelta, ToolCallDelta, Usage, ErrorBody)
    for field in struct.__struct_fields__
]


def sent(value: object) -> dict[str, Any]:
    return json.loads(msgspec.json.encode(value))


def test_a_request_holds_no_field_that_was_not_set() -> None:
    """OpenRouter has no hidden defaults, and we add none."""
    request = CompletionRequest(model="vendor/model", messages=[Message(role="user", content="Hi")])

    assert sent(request) == {"model": "vendor/model", "messages": [{"role": "user", "content": "Hi"}]}


def test_a_turn_that_only_calls_says_that_it_has_no_text() -> None:
    calls = [ToolCall(id="call_1", function=FunctionCall(name="now", arguments="{}"))]

    assert sent(Message(role="assistant", content=None, tool_calls=calls)) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}],
    }


def test_a_part_says_of_what_type_it_is() -> None:
    message = Message(role="user", content=[TextPart(text="See?"), ImagePart(image_url=ImageUrl(url="data:,"))])

    assert sent(message)["content"] == [
        {"type": "text", "text": "See?"},
        {"type": "image_url", "image_url": {"url": "data:,"}},
    ]


@pytest.mark.parametrize(("struct", "field"), NULLABLE)
def test_null_in_an_answer_is_read(struct: type, field: str) -> None:
    """One null too many must not cut an answer that was paid for."""
    assert getattr(msgspec.json.decode(f'{{"{field}": null}}', type=struct), field) is None


def test_fields_that_are_new_to_us_are_passed_over() -> None:
    text = '{"object": "chat.completion.chunk", "choices": [{"index": 0, "novelty": {}, "delta": {"content": "Hi"}}]}'

    chunk = msgspec.json.decode(text, type=CompletionChunk)

    assert chunk == CompletionChunk(choices=[ChunkChoice(delta=ChunkDelta(content="Hi"))])


@pytest.mark.parametrize("code", [429, "rate_limited", None])
def test_an_errors_code_may_be_a_number_or_a_word(code: int | str | None) -> None:
    reply = msgspec.convert({"error": {"message": "Slow down", "code": code}}, ErrorReply)

    assert reply.error == ErrorBody(message="Slow down", code=code)


def test_an_error_may_be_a_bare_text() -> None:
    assert msgspec.json.decode('{"error": "Slow down"}', type=ErrorReply).error == "Slow down"


def test_a_model_needs_nothing_but_an_id() -> None:
    entry = msgspec.json.decode('{"id": "vendor/model"}', type=ModelEntry)

    assert (entry.architecture.input_modalities, entry.pricing, entry.supported_parameters) == (("text",), {}, ())


@pytest.mark.parametrize("text", ["{}", '{"id": null}', '{"id": 5}', '{"id": "v/m", "supported_parameters": "tools"}'])
def test_what_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=ModelEntry)


def test_one_bad_entry_does_not_spoil_the_page() -> None:
    """Entries are read one by one, later."""
    page = msgspec.json.decode('{"data": [{"id": 5}, {"id": "vendor/model"}]}', type=ModelPage)

    assert [bytes(entry) for entry in page.data] == [b'{"id": 5}', b'{"id": "vendor/model"}']


def test_a_key_of_which_nothing_is_told_is_read() -> None:
    text = '{"data": {"label": null, "is_free_tier": null, "is_management_key": null, "expires_at": null}}'

    assert msgspec.json.decode(text, type=KeyReply).data == KeyInfo()


def test_a_key_without_limits_is_read() -> None:
    text = '{"data": {"label": "mine", "limit": null, "limit_remaining": null, "usage": 0, "rate_limit": {}}}'

    assert msgspec.json.decode(text, type=KeyReply).data == KeyInfo(label="mine", usage=0)
