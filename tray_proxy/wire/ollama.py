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


class Message(Struct, kw_only=True):
    """One turn, as clients send it."""

    role: str
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


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


class ShowRequest(Struct, kw_only=True):
    """`POST /api/show`: `name` is the old word for `model`, still sent by the command line."""

    model: str | None = None
    name: str | None = None


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


class ShowResponse(Struct, kw_only=True):
    """`POST /api/show`. Strict readers want every text, even empty, and `model_info` as an object."""

    license: str
    modelfile: str
    parameters: str
    template: str
    details: ModelDetails
    remote_model: str
    remote_host: str
    model_info: dict[str, Any]
    capabilities: list[str]
    modified_at: str


class VersionResponse(Struct):
    """`GET /api/version`."""

    version: str


class ErrorResponse(Struct):
    """Every error of `/api`: the value is a string."""

    error: str
