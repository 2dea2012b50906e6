"""
Shapes of OpenAI's dialect, as Ollama serves it under `/v1`: chat, text completions, embeddings, models, errors.

In requests `null` means "not given", unknown keys are ignored and wrong types are refused. Times are Unix seconds.

Source: Ollama's `openai/openai.go`; OpenAI's API reference.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tray_proxy.wire.ollama import ContentPart

# What Ollama says of itself; apps compare it between answers, and it never changes.
FINGERPRINT = "fp_ollama"


class FunctionCall(Struct, kw_only=True):
    """A call: the arguments are JSON *text*."""

    name: str = ""
    arguments: str | None = ""


class ToolCall(Struct, kw_only=True):
    """One call of a tool, as an app sends it back."""

    id: str | None = None
    type: str | None = None
    function: FunctionCall


class ChatMessage(Struct, kw_only=True):
    """One turn, as clients send it. `reasoning_content` is another word for `reasoning`."""

    role: str
    content: str | list[ContentPart] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class StreamOptions(Struct):
    """Whether a stream ends with a chunk that holds the usage."""

    include_usage: bool | None = None


class ReasoningEffort(Struct):
    """OpenRouter's way to write `reasoning_effort`."""

    effort: str | None = None


class ChatCompletionRequest(Struct, kw_only=True):
    """`POST /v1/chat/completions`. `stream` is false unless the client says otherwise."""

    model: str | None = None
    messages: list[ChatMessage] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | float | None = None
    max_completion_tokens: int | float | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | float | None = None
    min_p: float | None = None
    seed: int | float | None = None
    stop: str | list[str] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    reasoning: ReasoningEffort | None = None
    tools: list[msgspec.Raw] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    n: int | None = None
    logit_bias: dict[str, float] | None = None
    prediction: Any = None
    verbosity: str | None = None
    service_tier: str | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    prompt_cache_key: str | None = None
    cache_control: dict[str, Any] | None = None
    provider: dict[str, Any] | None = None


class CompletionRequest(Struct, kw_only=True):
    """`POST /v1/completions`: one prompt. `logprobs` is how many likelihoods to tell for each token."""

    model: str | None = None
    prompt: str | None = None
    suffix: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | float | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | float | None = None
    stop: str | list[str] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: int | None = None
    n: int | None = None
    logit_bias: dict[str, float] | None = None
    user: str | None = None


class EmbeddingsRequest(Struct, kw_only=True):
    """`POST /v1/embeddings`. `encoding_format`: "float", or "base64" of little-endian numbers of four bytes each."""

    model: str | None = None
    input: Any = None
    dimensions: int | None = None
    encoding_format: str | None = None


class TranscriptionRequest(Struct, kw_only=True):
    """`POST /v1/audio/transcriptions`: a form. `file` is the sound itself, and a field without a text is not given."""

    model: str | None = None
    file: bytearray | None = None
    language: str | None = None
    prompt: str | None = None
    response_format: str | None = None
    temperature: float | None = None
    stream: bool | None = None


# -- answered --------------------------------------------------------------------------------------


class CalledFunction(Struct):
    """The function of a call: the arguments are JSON *text*."""

    name: str
    arguments: str


class ToolCallMade(Struct, kw_only=True):
    """One call that a model makes, whole: never in pieces."""

    id: str
    index: int
    type: str = "function"
    function: CalledFunction


class TopLogprob(Struct):
    """A token that could have stood there, with its likelihood."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprob(Struct):
    """The likelihood of a token, with its bytes as numbers."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[TopLogprob]


class ChoiceLogprobs(Struct):
    """Likelihoods of the tokens in a chunk or an answer."""

    content: list[TokenLogprob]


class AnswerMessage(Struct, kw_only=True):
    """An answer's message. `content` is there even when empty."""

    role: str = "assistant"
    content: str = ""
    reasoning: str | UnsetType = UNSET
    tool_calls: list[ToolCallMade] | UnsetType = UNSET


class Choice(Struct, kw_only=True):
    """A whole answer; there are several only where `n` asked for them."""

    index: int
    message: AnswerMessage
    finish_reason: str
    logprobs: ChoiceLogprobs | UnsetType = UNSET


class PromptTokensDetails(Struct):
    """Of the prompt's tokens, those that a provider had kept."""

    cached_tokens: int


class CompletionTokensDetails(Struct):
    """Of the answer's tokens, those that were thought."""

    reasoning_tokens: int


class Usage(Struct, kw_only=True):
    """Tokens, and in OpenRouter's way what they cost (USD). Details and cost stand there where they are known."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails | UnsetType = UNSET
    completion_tokens_details: CompletionTokensDetails | UnsetType = UNSET
    cost: float | UnsetType = UNSET


class ChatCompletion(Struct, kw_only=True):
    """A whole answer of `POST /v1/chat/completions`."""

    id: str
    object: str = "chat.completion"
    created: int
    model: str
    system_fingerprint: str = FINGERPRINT
    choices: list[Choice]
    usage: Usage


class ChunkDelta(Struct, kw_only=True, omit_defaults=True):
    """What a chunk adds; only the first one of a choice names the role."""

    role: str | None = None
    content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCallMade] | None = None


class ChunkChoice(Struct, kw_only=True):
    """A choice of a chunk. `finish_reason` is null until the last one."""

    index: int
    delta: ChunkDelta
    finish_reason: str | None = None
    logprobs: ChoiceLogprobs | UnsetType = UNSET


class ChatCompletionChunk(Struct, kw_only=True):
    """One event of a stream. The only one without choices is that with the usage, for who asked for it."""

    id: str
    object: str = "chat.completion.chunk"
    created: int
    model: str
    system_fingerprint: str = FINGERPRINT
    choices: list[ChunkChoice]
    usage: Usage | UnsetType = UNSET


class TextLogprobs(Struct, kw_only=True):
    """Likelihoods of a text's tokens, in lists of the same length. `text_offset` counts characters."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class TextChoice(Struct, kw_only=True):
    """A text, or what an event adds to it."""

    text: str
    index: int
    finish_reason: str | None = None
    logprobs: TextLogprobs | UnsetType = UNSET


class TextCompletion(Struct, kw_only=True):
    """A whole answer of `POST /v1/completions`, or one event of a stream."""

    id: str
    object: str = "text_completion"
    created: int
    model: str
    system_fingerprint: str = FINGERPRINT
    choices: list[TextChoice]
    usage: Usage | UnsetType = UNSET


class Embedding(Struct, kw_only=True):
    """One vector: a list of numbers, or base64."""

    object: str = "embedding"
    embedding: msgspec.Raw
    index: int


class EmbeddingUsage(Struct):
    """Tokens; there are no others than the prompt's."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct, kw_only=True):
    """The answer of `POST /v1/embeddings`, in the order of the texts."""

    object: str = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage


class Model(Struct, kw_only=True):
    """`GET /v1/models/{id}`, and a row of the list. `owned_by`: the part of the name before its slash."""

    id: str
    object: str = "model"
    created: int
    owned_by: str


class ModelList(Struct, kw_only=True):
    """`GET /v1/models`; an empty list is `[]`."""

    object: str = "list"
    data: list[Model]


class Transcription(Struct):
    """`POST /v1/audio/transcriptions`."""

    text: str


class TranscriptDelta(Struct, kw_only=True):
    """An event of a transcript's stream: what it adds."""

    type: str = "transcript.text.delta"
    delta: str


class TranscriptDone(Struct, kw_only=True):
    """The last event of a transcript's stream: the whole text."""

    type: str = "transcript.text.done"
    text: str


class ErrorDetail(Struct, kw_only=True):
    """What went wrong; `param` and `code` are always null, as Ollama leaves them."""

    message: str
    type: str
    param: None = None
    code: None = None


class ErrorResponse(Struct):
    """Every error of `/v1`, but for Anthropic's part of it."""

    error: ErrorDetail
