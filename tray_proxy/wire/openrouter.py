"""
Shapes that we send to and read from OpenRouter.

Everything read may be null or absent and new fields come unannounced, so reading is lenient: only the
fields used are named. What is sent leaves out every field that was not set (OpenRouter has no hidden
defaults, and we add none).

Source: OpenRouter's OpenAPI file and docs ("API Reference", "Streaming", "Errors and Debugging").
"""

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

# -- sent ------------------------------------------------------------------------------------------


class FunctionCall(Struct, frozen=True):
    """A call as OpenRouter wants it back: the arguments are JSON *text*."""

    name: str
    arguments: str


class ToolCall(Struct, frozen=True, kw_only=True):
    """One call of an assistant turn."""

    id: str
    type: str = "function"
    function: FunctionCall


class TextPart(Struct, frozen=True, tag_field="type", tag="text"):
    """Text beside pictures."""

    text: str


class ImageUrl(Struct, frozen=True):
    """A picture as a `data:` URI."""

    url: str


class ImagePart(Struct, frozen=True, tag_field="type", tag="image_url"):
    """A picture in a user message."""

    image_url: ImageUrl


class InputAudio(Struct, frozen=True):
    """Sound: bare base64 and the name of its format."""

    data: str
    format: str


class AudioPart(Struct, frozen=True, tag_field="type", tag="input_audio"):
    """Sound in a user message."""

    input_audio: InputAudio


Part = TextPart | ImagePart | AudioPart


class Message(Struct, frozen=True, kw_only=True):
    """One turn of the conversation."""

    role: str
    content: str | list[Part] | UnsetType | None = UNSET
    reasoning: str | UnsetType = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET


class Reasoning(Struct, frozen=True, kw_only=True):
    """How much the model is to think."""

    effort: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    exclude: bool | UnsetType = UNSET


class CompletionRequest(Struct, frozen=True, kw_only=True):
    """`POST /chat/completions`. `stream` is always true: a plain request cannot be cancelled and is charged whole."""

    model: str
    messages: list[Message]
    stream: bool | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    top_k: int | UnsetType = UNSET
    min_p: float | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    max_tokens: int | UnsetType = UNSET
    stop: list[str] | UnsetType = UNSET
    repetition_penalty: float | UnsetType = UNSET
    presence_penalty: float | UnsetType = UNSET
    frequency_penalty: float | UnsetType = UNSET
    logprobs: bool | UnsetType = UNSET
    top_logprobs: int | UnsetType = UNSET
    response_format: dict[str, Any] | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    tools: list[msgspec.Raw] | UnsetType = UNSET


# -- read ------------------------------------------------------------------------------------------


class CallFragment(Struct, frozen=True):
    """The function's part of a piece of a tool call."""

    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(Struct, frozen=True):
    """A piece of a tool call; pieces with the same index belong together."""

    index: int | None = 0
    id: str | None = None
    function: CallFragment | None = None


class ReasoningDetail(Struct, frozen=True):
    """A piece of reasoning in its long form; read only where the short form is missing."""

    text: str | None = None
    summary: str | None = None


class ChunkDelta(Struct, frozen=True):
    """What a chunk adds to the answer."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[ReasoningDetail] | None = None
    tool_calls: list[ToolCallDelta] | None = None


class TokenLogprob(Struct, frozen=True):
    """The likelihood of a token; the same fields that Ollama has."""

    token: str = ""
    logprob: float | None = None
    bytes: list[int] | None = None
    top_logprobs: list["TokenLogprob"] | None = None


class Logprobs(Struct, frozen=True):
    """Likelihoods of the tokens in a chunk."""

    content: list[TokenLogprob] | None = None


class ErrorBody(Struct, frozen=True):
    """An error, before or inside a stream. `code` may be a number or a word; `availability` has no code."""

    message: str | None = None
    code: int | str | None = None
    http_status: int | None = None
    metadata: Any = None


class ErrorReply(Struct, frozen=True):
    """The body of an answer that carries an error, whatever its HTTP status."""

    error: ErrorBody | str | None = None


class ChunkChoice(Struct, frozen=True):
    """The one choice of a chunk."""

    delta: ChunkDelta | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    error: ErrorBody | None = None


class Usage(Struct, frozen=True):
    """Tokens by the model's own tokenizer, and what was charged in USD."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None


class CompletionChunk(Struct, frozen=True):
    """One event of the stream. The usage chunk has no choices."""

    id: str | None = None
    model: str | None = None
    choices: list[ChunkChoice] | None = None
    usage: Usage | None = None
    error: ErrorBody | str | None = None


# -- the catalogue ---------------------------------------------------------------------------------


class Architecture(Struct, frozen=True):
    """What a model takes in and gives out."""

    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)
    tokenizer: str | None = None


class TopProvider(Struct, frozen=True):
    """Limits of the provider that is asked first."""

    context_length: int | None = None
    max_completion_tokens: int | None = None


class ReasoningFacts(Struct, frozen=True):
    """What a reasoning model lets one choose."""

    mandatory: bool = False
    supported_efforts: tuple[str, ...] | None = None
    default_effort: str | None = None


class ModelEntry(Struct, frozen=True, kw_only=True):
    """A row of the catalogue; prices are strings in USD per token."""

    id: str
    canonical_slug: str | None = None
    name: str | None = None
    created: int = 0
    description: str | None = None
    context_length: int | None = None
    hugging_face_id: str | None = None
    architecture: Architecture = Architecture()
    top_provider: TopProvider = TopProvider()
    pricing: dict[str, Any] = {}
    supported_parameters: tuple[str, ...] = ()
    reasoning: ReasoningFacts | None = None


class ModelPage(Struct, frozen=True):
    """`GET /models`. Entries stay raw: one bad entry must not cost us the other four hundred."""

    data: list[msgspec.Raw]


class KeyInfo(Struct, frozen=True):
    """What `GET /key` says about the key, as far as we show it. Amounts in USD."""

    label: str | None = None
    limit: float | None = None
    limit_remaining: float | None = None
    usage: float | None = None
    is_free_tier: bool = False


class KeyReply(Struct, frozen=True):
    """The body of `GET /key`."""

    data: KeyInfo
