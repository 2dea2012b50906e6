"""
Shapes that we send to and read from OpenRouter.

Everything read may be null or absent and new fields come unannounced, so reading is lenient: only the
fields used are named. What is sent leaves out every field that was not set (OpenRouter has no hidden
defaults, and we add none).

Source: OpenRouter's OpenAPI file and docs ("API Reference", "Streaming", "Errors and Debugging").
"""

from typing import Annotated, Any, Literal

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
    """Text beside pictures. `cache_control` marks where a prompt's beginning ends that the provider is to keep."""

    text: str
    cache_control: dict[str, Any] | UnsetType = UNSET


class Spliced:
    """
    A text in two halves that are put together only where it is sent; see `translate.splice`.

    Not a struct, nor a dataclass: msgspec would encode those by itself, and copy the tail on the way.

    Args:
        head: Few characters of printable ASCII, without quotes and backslashes.
        tail: Many of the same kind, base64 of a picture say: a view of the client's request.
    """

    __slots__ = ("head", "tail")

    def __init__(self, head: str, tail: memoryview) -> None:
        self.head = head
        self.tail = tail


class ImageUrl(Struct, frozen=True):
    """A picture as a `data:` URI, or by its address. `detail`: how closely it is looked at, which costs."""

    url: str | Spliced
    detail: str | UnsetType = UNSET


class ImagePart(Struct, frozen=True, tag_field="type", tag="image_url"):
    """A picture in a user message."""

    image_url: ImageUrl


class InputAudio(Struct, frozen=True):
    """Sound: bare base64 and the name of its format."""

    data: str | Spliced
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
    reasoning_details: msgspec.Raw | UnsetType = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


class Reasoning(Struct, frozen=True, kw_only=True):
    """How much the model is to think: an effort, or a budget in tokens."""

    effort: str | UnsetType = UNSET
    max_tokens: int | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    exclude: bool | UnsetType = UNSET


class CompletionRequest(Struct, frozen=True, kw_only=True):
    """
    `POST /chat/completions`. `stream` is always true: a plain request cannot be cancelled and is charged whole.

    What stands behind `tools` has no name in Ollama's own dialect; it comes from OpenAI's and Anthropic's clients.
    `n` is in no schema of OpenRouter's; it goes to the provider, as all fields that OpenRouter does not know.
    """

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
    tool_choice: Any = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    n: int | UnsetType = UNSET
    logit_bias: dict[str, float] | UnsetType = UNSET
    prediction: Any = UNSET
    verbosity: str | UnsetType = UNSET
    service_tier: str | UnsetType = UNSET
    user: str | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET
    prompt_cache_key: str | UnsetType = UNSET
    cache_control: dict[str, Any] | UnsetType = UNSET
    provider: dict[str, Any] | UnsetType = UNSET


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


_Empty = Annotated[tuple[Any, ...], msgspec.Meta(max_length=0)]


class ChunkDelta(Struct, frozen=True):
    """What a chunk adds to the answer. `reasoning_details` go back as they came, so they are read as they are."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_details: Any = None
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
    """
    An error, before or inside a stream. Nothing in it is sure: an odd `code` must not cost the message beside it.

    `code` is a number, a word or absent; `error_type` stands here or in `metadata`; `availability` and
    `http_status` come without `code`.
    """

    message: Any = None
    code: Any = None
    http_status: Any = None
    error_type: Any = None
    metadata: Any = None
    availability: Any = None


class ErrorReply(Struct, frozen=True):
    """The body of an answer that carries an error, whatever its HTTP status."""

    error: ErrorBody | str | None = None


class ChunkChoice(Struct, frozen=True):
    """A choice of a chunk: the only one, unless `n` asked for more. `native_finish_reason` is the provider's word."""

    index: int | None = 0
    delta: ChunkDelta | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    logprobs: Logprobs | None = None
    error: ErrorBody | None = None


class PromptTokens(Struct, frozen=True):
    """Of the prompt's tokens, those that were read from a provider's cache, and those that were written to it."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionTokens(Struct, frozen=True):
    """Of the answer's tokens, those that were thought."""

    reasoning_tokens: int | None = None


class Usage(Struct, frozen=True):
    """Tokens by the model's own tokenizer, and what was charged in USD."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    prompt_tokens_details: PromptTokens | None = None
    completion_tokens_details: CompletionTokens | None = None


class TextDelta(Struct, frozen=True, gc=False):
    """The delta of a `TextChunk`."""

    content: str
    reasoning: Literal[""] | None = None
    reasoning_details: _Empty | None = None
    tool_calls: _Empty | None = None


class TextChoice(Struct, frozen=True):
    """The choice of a `TextChunk`."""

    delta: TextDelta
    index: Literal[0] | None = 0
    finish_reason: None = None
    logprobs: None = None
    error: None = None


class TextChunk(Struct, frozen=True):
    """
    An event that adds nothing but text to the only answer, as nearly all do.

    All others do not fit into it, and are read as a `CompletionChunk`, which takes twice as long.
    """

    choices: tuple[TextChoice]
    id: str | None = None
    usage: None = None
    error: None = None


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
    default_enabled: bool | None = None
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
    default_parameters: dict[str, Any] | None = None
    reasoning: ReasoningFacts | None = None


class ModelPage(Struct, frozen=True):
    """`GET /models`. Entries stay raw: one bad entry must not cost us the other four hundred."""

    data: list[msgspec.Raw]


class KeyInfo(Struct, frozen=True):
    """What `GET /key` says about the key, as far as we show it. Amounts in USD."""

    label: str | None = None
    limit: float | None = None
    limit_remaining: float | None = None
    limit_reset: str | None = None  # "daily", "weekly" or "monthly"
    usage: float | None = None
    is_free_tier: bool | None = None
    is_management_key: bool | None = None
    expires_at: str | None = None  # as ISO 8601 has it, in UTC


class KeyReply(Struct, frozen=True):
    """The body of `GET /key`."""

    data: KeyInfo


class CodeExchange(Struct, frozen=True):
    """`POST /auth/keys`: what signing in gave, for a key. Its text form holds both secrets."""

    code: str
    code_verifier: str
    code_challenge_method: str


class ExchangeReply(Struct, frozen=True):
    """The key that a code was good for."""

    key: str


# -- embeddings ------------------------------------------------------------------------------------


class EmbeddingRequest(Struct, frozen=True, kw_only=True):
    """`POST /embeddings`. Empty texts are refused, and so is an empty list."""

    model: str
    input: list[str]
    provider: dict[str, Any] | UnsetType = UNSET


class Embedding(Struct, frozen=True):
    """One vector. `index` is the place of its text; without it the vectors stand in the order of the texts."""

    embedding: list[float]
    index: int | None = None


class EmbeddingReply(Struct, frozen=True):
    """The answer to an embedding request. `data` comes in any order, and is missing where there is an error."""

    data: list[Embedding] | None = None
    usage: Usage | None = None
    error: ErrorBody | str | None = None
