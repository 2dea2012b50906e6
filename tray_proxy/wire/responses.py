"""
Shapes of OpenAI's Responses, as Ollama serves them under `/v1/responses`: the request, the answer, the events.

In requests `null` means "not given", unknown keys are ignored and wrong types are refused. Times are Unix seconds.

Source: Ollama's `openai/responses.go`; OpenAI's API reference, "Responses" and its streaming events.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tray_proxy.wire.openai import TokenLogprob


class ContentPart(Struct, kw_only=True):
    """A piece of what is said or shown. Pictures are large: they stay where they lie in the request."""

    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    image_url: msgspec.Raw = msgspec.Raw(b"null")
    detail: str | None = None
    input_audio: msgspec.Raw = msgspec.Raw(b"null")


class InputItem(Struct, kw_only=True):
    """
    One item of a conversation: a message, a call, its result or a thought; which, `type` says.

    `arguments` is JSON text, of some built-in tools an object. `tools` come in between where an app adds some.
    """

    type: str | None = None
    role: str | None = None
    content: str | list[ContentPart] | None = None
    call_id: str | None = None
    namespace: str | None = None
    name: str | None = None
    arguments: Any = None
    input: str | None = None
    output: str | list[ContentPart] | dict[str, Any] | None = None
    summary: list[ContentPart] | None = None
    encrypted_content: str | None = None
    tools: list[dict[str, Any]] | None = None


class Reasoning(Struct, kw_only=True):
    """How much the model is to think, and how that is to be summed up."""

    effort: str | None = None
    summary: str | None = None


class TextFormat(Struct, kw_only=True):
    """The form of the text: "text", "json_object", or "json_schema" with the rest."""

    type: str = "text"
    name: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    schema: dict[str, Any] | UnsetType | None = UNSET
    strict: bool | UnsetType | None = UNSET


class Text(Struct, kw_only=True):
    """The form of the text, and how long-winded it is to be."""

    format: TextFormat | None = None
    verbosity: str | UnsetType | None = UNSET


class ResponsesRequest(Struct, kw_only=True):
    """`POST /v1/responses`. `stream` is false unless the client says otherwise."""

    model: str | None = None
    input: str | list[InputItem] | None = None
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: int | float | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    reasoning: Reasoning | None = None
    text: Text | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    service_tier: str | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    prompt_cache_key: str | None = None
    provider: dict[str, Any] | None = None


# -- answered --------------------------------------------------------------------------------------


class SummaryText(Struct, tag_field="type", tag="summary_text"):
    """What was thought."""

    text: str


class ReasoningItem(Struct, kw_only=True, tag_field="type", tag="reasoning"):
    """A thought. As with Ollama, what is called encrypted is its text, by which it comes back."""

    id: str
    summary: list[SummaryText]
    encrypted_content: str | UnsetType = UNSET


class OutputText(Struct, kw_only=True, tag_field="type", tag="output_text"):
    """What was said; both lists are there even when empty."""

    text: str
    annotations: list[Any] = []
    logprobs: list[TokenLogprob] = []


class MessageItem(Struct, kw_only=True, tag_field="type", tag="message"):
    """A message. `status`: "in_progress", "completed", or "incomplete" where the answer was cut in it."""

    id: str
    role: str = "assistant"
    status: str
    content: list[OutputText]


class FunctionCallItem(Struct, kw_only=True, tag_field="type", tag="function_call"):
    """A call: the arguments are JSON text. `namespace`: the group that the tool was offered in, if it was in one."""

    id: str
    call_id: str
    namespace: str | UnsetType = UNSET
    name: str
    arguments: str
    status: str


class CustomToolCallItem(Struct, kw_only=True, tag_field="type", tag="custom_tool_call"):
    """A call of a tool that takes one text of any form."""

    id: str
    call_id: str
    namespace: str | UnsetType = UNSET
    name: str
    input: str
    status: str


CallItem = FunctionCallItem | CustomToolCallItem
OutputItem = ReasoningItem | MessageItem | CallItem


class IncompleteDetails(Struct):
    """Why an answer is cut: "max_output_tokens" or "content_filter"."""

    reason: str


class ResponseError(Struct):
    """What went wrong in the middle of an answer."""

    code: str
    message: str


class InputTokensDetails(Struct):
    """Of the input's tokens, those that a provider had kept, and those that it keeps from now on."""

    cached_tokens: int
    cache_write_tokens: int


class OutputTokensDetails(Struct):
    """Of the output's tokens, those that were thought."""

    reasoning_tokens: int


class Usage(Struct, kw_only=True):
    """Tokens, and in OpenRouter's way what they cost (USD) where it is known."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int
    cost: float | UnsetType = UNSET


class Response(Struct, kw_only=True):
    """
    An answer, whole or at its beginning; every key is always there.

    What the request says is repeated in it; what it left open stands there with OpenAI's default. `tools`,
    `tool_choice` and `text` are JSON as the app wrote it.
    """

    id: str
    object: str = "response"
    created_at: int
    completed_at: int | None = None
    status: str = "in_progress"
    incomplete_details: IncompleteDetails | None = None
    model: str
    previous_response_id: None = None
    instructions: str | None
    output: list[OutputItem] = []
    error: ResponseError | None = None
    tools: msgspec.Raw
    tool_choice: msgspec.Raw
    truncation: str = "disabled"
    parallel_tool_calls: bool
    text: msgspec.Raw
    top_p: float
    presence_penalty: float
    frequency_penalty: float
    top_logprobs: int
    temperature: float
    reasoning: Reasoning | None
    usage: Usage | None = None
    max_output_tokens: int | float | None
    max_tool_calls: None = None
    store: bool = False
    background: bool = False
    service_tier: str
    metadata: dict[str, str]
    safety_identifier: None = None
    prompt_cache_key: str | None


# -- streamed --------------------------------------------------------------------------------------


class Event(Struct, kw_only=True, tag_field="type"):
    """An event of a stream. They are numbered from 0, without gaps."""

    sequence_number: int = 0


class Created(Event, kw_only=True, tag="response.created"):
    """The first event."""

    response: Response


class InProgress(Event, kw_only=True, tag="response.in_progress"):
    """The second event."""

    response: Response


class Completed(Event, kw_only=True, tag="response.completed"):
    """The last event of an answer that is whole."""

    response: Response


class Incomplete(Event, kw_only=True, tag="response.incomplete"):
    """The last event of an answer that was cut."""

    response: Response


class Failed(Event, kw_only=True, tag="response.failed"):
    """The last event of an answer that broke off."""

    response: Response


class ItemAdded(Event, kw_only=True, tag="response.output_item.added"):
    """An item begins, empty."""

    output_index: int
    item: OutputItem


class ItemDone(Event, kw_only=True, tag="response.output_item.done"):
    """An item is whole; the next one begins only then."""

    output_index: int
    item: OutputItem


class ItemEvent(Event, kw_only=True):
    """An event inside of an item."""

    item_id: str
    output_index: int


class PartAdded(ItemEvent, kw_only=True, tag="response.content_part.added"):
    """A message's only part begins."""

    content_index: int = 0
    part: OutputText


class TextDelta(ItemEvent, kw_only=True, tag="response.output_text.delta"):
    """More of a text."""

    content_index: int = 0
    delta: str
    logprobs: list[TokenLogprob]


class TextDone(ItemEvent, kw_only=True, tag="response.output_text.done"):
    """A text, whole."""

    content_index: int = 0
    text: str
    logprobs: list[TokenLogprob]


class PartDone(ItemEvent, kw_only=True, tag="response.content_part.done"):
    """A message's only part is whole."""

    content_index: int = 0
    part: OutputText


class SummaryDelta(ItemEvent, kw_only=True, tag="response.reasoning_summary_text.delta"):
    """More of a thought."""

    summary_index: int = 0
    delta: str


class SummaryDone(ItemEvent, kw_only=True, tag="response.reasoning_summary_text.done"):
    """A thought, whole."""

    summary_index: int = 0
    text: str


class ArgumentsDelta(ItemEvent, kw_only=True, tag="response.function_call_arguments.delta"):
    """The arguments of a call; they come whole."""

    delta: str


class ArgumentsDone(ItemEvent, kw_only=True, tag="response.function_call_arguments.done"):
    """The same once more."""

    name: str
    arguments: str


class InputDelta(ItemEvent, kw_only=True, tag="response.custom_tool_call_input.delta"):
    """The text that a tool is given; it comes whole."""

    delta: str


class InputDone(ItemEvent, kw_only=True, tag="response.custom_tool_call_input.done"):
    """The same once more."""

    input: str
