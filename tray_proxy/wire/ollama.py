"""
Shapes of the Ollama API, field by field as Ollama publishes them.

In requests `null` means "not given", unknown keys are ignored and wrong types are refused. Durations are
nanoseconds, times RFC 3339.

Source: Ollama's `api/types.go` and published OpenAPI file.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

# What `/api/version` answers. Clients refuse servers that are too old for them (VS Code below 0.6.4, Codex below
# 0.13.4), so this is the Ollama release whose contract we keep, not our own version.
OLLAMA_VERSION = "0.33.0"

ALIVE_TEXT = "Ollama is running"


class FunctionCall(Struct, kw_only=True):
    """A call: the arguments are an object, never text."""

    index: int | UnsetType | None = UNSET
    name: str
    arguments: dict[str, Any] | None = {}


class ToolCall(Struct, kw_only=True):
    """One call of a tool; many clients send no id."""

    id: str | UnsetType | None = UNSET
    function: FunctionCall


class ContentPart(Struct, kw_only=True):
    """
    A piece of a content that is a list, as OpenAI's clients write it; Ollama itself takes text alone.

    `detail` is that of a picture whose `image_url` is a text; in an object it stands beside the `url`.
    """

    type: str
    text: str | None = None
    image_url: msgspec.Raw = msgspec.Raw(b"null")
    detail: str | None = None
    input_audio: msgspec.Raw = msgspec.Raw(b"null")
    cache_control: dict[str, Any] | None = None


class Message(Struct, kw_only=True):
    """One turn, as clients send it. Pictures are large: they stay where they lie in the request, quotes and all."""

    role: str
    content: str | list[ContentPart] | None = None
    thinking: str | None = None
    images: list[msgspec.Raw] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None
    name: str | None = None


class ChatRequest(Struct, kw_only=True):
    """`POST /api/chat`. `stream` is true unless the client says otherwise."""

    model: str | None = None
    messages: list[Message] | None = None
    stream: bool | None = None
    format: Any = None
    keep_alive: Any = None
    options: dict[str, Any] | None = None
    think: Any = None
    tools: list[msgspec.Raw] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class GenerateRequest(Struct, kw_only=True):
    """`POST /api/generate`. `context` are the numbers that an earlier answer gave."""

    model: str | None = None
    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    context: list[int | float] | None = None
    stream: bool | None = None
    raw: bool | None = None
    format: Any = None
    keep_alive: Any = None
    images: list[msgspec.Raw] | None = None
    options: dict[str, Any] | None = None
    think: Any = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class EmbedRequest(Struct, kw_only=True):
    """`POST /api/embed`. `input` is one text or a list of them."""

    model: str | None = None
    input: Any = None
    truncate: bool | None = None
    dimensions: int | None = None
    keep_alive: Any = None
    options: dict[str, Any] | None = None


class EmbeddingsRequest(Struct, kw_only=True):
    """`POST /api/embeddings`, the old way: one text."""

    model: str | None = None
    prompt: str | None = None
    keep_alive: Any = None
    options: dict[str, Any] | None = None


class ModelRequest(Struct, kw_only=True):
    """`pull`, `push` and `delete`: `name` is the old word for `model`, still sent by the command line."""

    model: str | None = None
    name: str | None = None
    stream: bool | None = None


class CopyRequest(Struct, kw_only=True):
    """`POST /api/copy`."""

    source: str | None = None
    destination: str | None = None


class CreateRequest(Struct, kw_only=True):
    """`POST /api/create`. `files`, `adapters` and `quantize` are about weights, of which there are none here."""

    model: str | None = None
    name: str | None = None
    stream: bool | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    system: str | None = None
    template: str | None = None
    license: str | list[str] | None = None
    parameters: dict[str, Any] | None = None
    messages: list[Message] | None = None
    files: dict[str, str] | None = None
    adapters: dict[str, str] | None = None
    quantize: str | None = None


class ShowRequest(Struct, kw_only=True):
    """
    `POST /api/show`: `name` is the old word for `model`, still sent by the command line.

    `system` and `options` are shown in the place of the model's own.
    """

    model: str | None = None
    name: str | None = None
    system: str | None = None
    options: dict[str, Any] | None = None


class Logprob(Struct, kw_only=True):
    """The likelihood of a token, with its bytes as numbers."""

    token: str
    logprob: float
    bytes: list[int] | UnsetType = UNSET
    top_logprobs: list["Logprob"] | UnsetType = UNSET


class ResponseMessage(Struct, kw_only=True):
    """The answer's message, or a piece of it. `content` is there even when empty."""

    role: str = "assistant"
    content: str = ""
    thinking: str | UnsetType = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET


class ChatResponse(Struct, kw_only=True):
    """One line of the stream, or the whole answer. Counts and durations stand only where `done` is true."""

    model: str
    created_at: str
    message: ResponseMessage
    done: bool
    done_reason: str | UnsetType = UNSET
    logprobs: list[Logprob] | UnsetType = UNSET
    total_duration: int | UnsetType = UNSET
    load_duration: int | UnsetType = UNSET
    prompt_eval_count: int | UnsetType = UNSET
    prompt_eval_duration: int | UnsetType = UNSET
    eval_count: int | UnsetType = UNSET
    eval_duration: int | UnsetType = UNSET


class GenerateResponse(Struct, kw_only=True):
    """One line of the stream, or the whole answer; counts, durations and `context` stand only where `done` is true."""

    model: str
    created_at: str
    response: str
    thinking: str | UnsetType = UNSET
    done: bool
    done_reason: str | UnsetType = UNSET
    context: list[int] | UnsetType = UNSET
    total_duration: int | UnsetType = UNSET
    load_duration: int | UnsetType = UNSET
    prompt_eval_count: int | UnsetType = UNSET
    prompt_eval_duration: int | UnsetType = UNSET
    eval_count: int | UnsetType = UNSET
    eval_duration: int | UnsetType = UNSET
    logprobs: list[Logprob] | UnsetType = UNSET


class EmbedResponse(Struct, kw_only=True):
    """`POST /api/embed`: one vector of length 1 per text, in the order of the texts, each a list of numbers."""

    model: str
    embeddings: list[msgspec.Raw]
    total_duration: int | UnsetType = UNSET
    load_duration: int | UnsetType = UNSET
    prompt_eval_count: int | UnsetType = UNSET


class EmbeddingsResponse(Struct):
    """`POST /api/embeddings`: a list of numbers."""

    embedding: msgspec.Raw


class ProgressResponse(Struct, kw_only=True):
    """One line of `pull`, `push` and `create`."""

    status: str
    digest: str | UnsetType = UNSET
    total: int | UnsetType = UNSET
    completed: int | UnsetType = UNSET


class ModelDetails(Struct, kw_only=True):
    """What kind of model it is. The six texts and the list are always there."""

    parent_model: str
    format: str
    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str
    context_length: int | UnsetType = UNSET
    embedding_length: int | UnsetType = UNSET


class ListedModel(Struct, kw_only=True):
    """An entry of `/api/tags`. `digest`: 64 hex digits, stable and different per model."""

    name: str
    model: str
    remote_model: str
    remote_host: str
    modified_at: str
    size: int
    digest: str
    details: ModelDetails
    capabilities: list[str]


class ListResponse(Struct):
    """`GET /api/tags`."""

    models: list[ListedModel]


class ProcessModel(Struct, kw_only=True):
    """An entry of `/api/ps`. `size_vram` 0 beside `size` 0: nothing of it lies in this computer's memory."""

    name: str
    model: str
    size: int
    digest: str
    details: ModelDetails
    expires_at: str
    size_vram: int
    context_length: int


class ProcessResponse(Struct):
    """`GET /api/ps`."""

    models: list[ProcessModel]


class ShowResponse(Struct, kw_only=True):
    """`POST /api/show`. Strict readers want the first four texts, even empty, and `model_info` as an object."""

    license: str
    modelfile: str
    parameters: str
    template: str
    system: str | UnsetType = UNSET
    details: ModelDetails
    messages: list[dict[str, Any]] | UnsetType = UNSET
    remote_model: str
    remote_host: str
    model_info: dict[str, Any]
    capabilities: list[str]
    modified_at: str


class VersionResponse(Struct):
    """`GET /api/version`."""

    version: str


class ErrorResponse(Struct):
    """Every error of `/api`: the value is a string. `signin_url` stands with status 401 only."""

    error: str
    signin_url: str | UnsetType = UNSET


class UserResponse(Struct):
    """`POST /api/me`. `id`: a UUID."""

    id: str
    email: str
    name: str
    plan: str


class CloudStatus(Struct):
    """Whether Ollama's own cloud is switched off, and by what."""

    disabled: bool
    source: str


class StatusResponse(Struct):
    """`GET /api/status`."""

    cloud: CloudStatus


class Recommendation(Struct):
    """A model that is worth a try. Lengths in tokens."""

    model: str
    description: str
    context_length: int | UnsetType = UNSET
    max_output_tokens: int | UnsetType = UNSET


class RecommendationsResponse(Struct):
    """`GET /api/experimental/model-recommendations`."""

    recommendations: list[Recommendation]
