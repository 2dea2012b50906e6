"""
Shapes of Anthropic's dialect, as Ollama serves it: `/v1/messages` and `/v1/messages/count_tokens`.

In requests `null` means "not given", unknown keys are ignored and wrong types are refused.

Source: Ollama's `anthropic/anthropic.go`; Anthropic's API reference, "Messages".
"""

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

_NULL = msgspec.Raw(b"null")


class Source(Struct, kw_only=True):
    """Where a picture or document comes from. `data` and `url` are JSON strings, left where they lie in the request."""

    type: str | None = None
    data: msgspec.Raw = _NULL
    url: msgspec.Raw = _NULL


class ResultBlock(Struct, kw_only=True):
    """
    A piece of what a tool gave back.

    `title`, `url` and `error_code` are those of a web search; `tool_name` is a tool's that a search for tools found.
    """

    type: str
    text: str | None = None
    source: Source | None = None
    title: str | None = None
    url: str | None = None
    error_code: str | None = None
    tool_name: str | None = None
    cache_control: dict[str, Any] | None = None


class ContentBlock(Struct, kw_only=True):
    """A piece of a message, of any kind: which fields count depends on `type`."""

    type: str
    text: str | None = None
    source: Source | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    tool_use_id: str | None = None
    content: str | list[ResultBlock] | ResultBlock | None = None
    is_error: bool | None = None
    thinking: str | None = None
    title: str | None = None
    cache_control: dict[str, Any] | None = None


class Message(Struct, kw_only=True):
    """One turn. Claude Code also sends some whose role is `system`."""

    role: str
    content: str | list[ContentBlock] | None = None


class Tool(Struct, kw_only=True):
    """A tool that an app offers; one whose `type` is another than `custom` is Anthropic's own, and has no schema."""

    name: str
    type: str | None = None
    description: str | None = None
    input_schema: msgspec.Raw = _NULL
    strict: bool | None = None
    cache_control: dict[str, Any] | None = None


class ToolChoice(Struct, kw_only=True):
    """Which tools may be called: `auto`, `any`, `tool` or `none`."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Struct, kw_only=True):
    """Whether to think: `enabled`, `disabled` or `adaptive`."""

    type: str
    budget_tokens: int | None = None


class OutputConfig(Struct, kw_only=True):
    """How hard to try, and the form of the answer (`{"type": "json_schema", "schema": …}`)."""

    effort: str | None = None
    format: dict[str, Any] | None = None


class Thread(Struct, kw_only=True):
    """Whether Anthropic is to keep the conversation (`create`), or to go on with one that it kept (`continue`)."""

    type: str


class MessagesRequest(Struct, kw_only=True):
    """
    `POST /v1/messages`. `stream` is false unless the client says otherwise.

    `output_format` is what `output_config.format` was called while it was new; libraries of that time send it.
    """

    model: str | None = None
    max_tokens: int | None = None
    messages: list[Message] | None = None
    system: str | list[ContentBlock] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None
    thread: Thread | None = None


# -- answered --------------------------------------------------------------------------------------


class ThinkingBlock(Struct, tag_field="type", tag="thinking"):
    """What was thought. There is no signature: what providers sign is kept by Tray Proxy itself."""

    thinking: str
    signature: str = ""


class TextBlock(Struct, tag_field="type", tag="text"):
    """What was said."""

    text: str


class ToolUseBlock(Struct, tag_field="type", tag="tool_use"):
    """One call of a tool."""

    id: str
    name: str
    input: dict[str, Any]


AnswerBlock = ThinkingBlock | TextBlock | ToolUseBlock


class Usage(Struct, kw_only=True):
    """
    Tokens. What was read from a provider's cache, or written to it, is not among `input_tokens`.

    These two stand there where OpenRouter tells them.
    """

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | UnsetType = UNSET
    cache_read_input_tokens: int | UnsetType = UNSET


class MessagesResponse(Struct, kw_only=True, tag_field="type", tag="message"):
    """A whole answer, or the beginning of one. `stop_sequence`: the one that ended it, where that is known."""

    id: str
    role: str = "assistant"
    model: str
    content: list[AnswerBlock]
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: Usage


class MessageStart(Struct, tag_field="type", tag="message_start"):
    """The first event: the answer without content, with an estimate of its input."""

    message: MessagesResponse


class BlockStart(Struct, tag_field="type", tag="content_block_start"):
    """A block begins, empty."""

    index: int
    content_block: AnswerBlock


class TextDelta(Struct, tag_field="type", tag="text_delta"):
    """More of a text."""

    text: str


class ThinkingDelta(Struct, tag_field="type", tag="thinking_delta"):
    """More of a thought."""

    thinking: str


class InputDelta(Struct, tag_field="type", tag="input_json_delta"):
    """The input of a call, as JSON text. It comes whole."""

    partial_json: str


class BlockDelta(Struct, tag_field="type", tag="content_block_delta"):
    """More of a block."""

    index: int
    delta: TextDelta | ThinkingDelta | InputDelta


class BlockStop(Struct, tag_field="type", tag="content_block_stop"):
    """A block is whole; the next one begins only then."""

    index: int


class StopDelta(Struct):
    """Why the answer ended."""

    stop_reason: str
    stop_sequence: str | None = None


class MessageDelta(Struct, tag_field="type", tag="message_delta"):
    """The last but one event: why it ended, and what was counted."""

    delta: StopDelta
    usage: Usage


class MessageStop(Struct, tag_field="type", tag="message_stop"):
    """The last event."""


class CountTokensResponse(Struct):
    """`POST /v1/messages/count_tokens`: an estimate."""

    input_tokens: int


class ErrorCase(Struct):
    """A case that a client can mend by itself."""

    error_code: str


class ErrorDetail(Struct):
    """What went wrong."""

    type: str
    message: str
    details: ErrorCase | UnsetType = UNSET


class ErrorResponse(Struct, tag_field="type", tag="error"):
    """Every error of `/v1/messages`, and the event that tells of one. `request_id`: `req_` and the id in the log."""

    error: ErrorDetail
    request_id: str
