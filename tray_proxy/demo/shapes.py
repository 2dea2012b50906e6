"""
The requests that OpenRouter documents, as strict shapes: a wrong type anywhere is an error with its place.

Written down a second time on purpose, apart from `tray_proxy.wire`: a mistake in what we send must not be
able to excuse itself. Fields that the schema does not allow to be null are marked by `Unset` as default.

Source: OpenRouter's OpenAPI file, schemas `ChatRequest`, `ChatMessages`, `ProviderPreferences` and the body
of `/embeddings`; keys of `reasoning` from the docs, "Reasoning Tokens".
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct
from msgspec import UnsetType as Unset

Penalty = Annotated[float, Meta(ge=-2, le=2)]
Share = Annotated[float, Meta(ge=0, le=1)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Text64 = Annotated[str, Meta(min_length=1, max_length=64)]
Effort = Literal["max", "xhigh", "high", "medium", "low", "minimal", "none"]
Percentile = Literal["p50", "p75", "p90", "p99"]
Quantization = Literal[
    "int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32", "unknown",
]  # fmt: skip
Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=16),
]


class TextPart(Struct, tag_field="type", tag="text"):
    text: str


class ImageUrl(Struct, forbid_unknown_fields=True):
    url: str
    detail: Literal["auto", "low", "high", "original"] | Unset = UNSET


class ImagePart(Struct, tag_field="type", tag="image_url"):
    image_url: ImageUrl


class InputAudio(Struct, forbid_unknown_fields=True):
    data: str
    format: str


class AudioPart(Struct, tag_field="type", tag="input_audio"):
    input_audio: InputAudio


class VideoUrl(Struct):
    url: str


class VideoPart(Struct, tag_field="type", tag="video_url"):
    video_url: VideoUrl


class LegacyVideoPart(Struct, tag_field="type", tag="input_video"):
    video_url: VideoUrl


class FileBody(Struct):
    filename: str | Unset = UNSET
    file_data: str | Unset = UNSET
    file_id: str | Unset = UNSET


class FilePart(Struct, tag_field="type", tag="file"):
    file: FileBody


Part = TextPart | ImagePart | AudioPart | VideoPart | LegacyVideoPart | FilePart


class FunctionCall(Struct):
    name: Annotated[str, Meta(min_length=1)]
    arguments: str


class ToolCall(Struct):
    id: Annotated[str, Meta(min_length=1)]
    type: Literal["function"]
    function: FunctionCall


class SentImage(Struct):
    image_url: VideoUrl


class SystemMessage(Struct, tag_field="role", tag="system"):
    content: str | list[TextPart]
    name: str | Unset = UNSET


class DeveloperMessage(Struct, tag_field="role", tag="developer"):
    content: str | list[TextPart]
    name: str | Unset = UNSET


class UserMessage(Struct, tag_field="role", tag="user"):
    content: str | list[Part]
    name: str | Unset = UNSET


class AssistantMessage(Struct, tag_field="role", tag="assistant"):
    content: str | list[Part] | None = None
    name: str | Unset = UNSET
    reasoning: str | None = None
    reasoning_details: list[dict[str, Any]] | Unset = UNSET
    refusal: str | None = None
    images: list[SentImage] | Unset = UNSET
    tool_calls: list[ToolCall] | Unset = UNSET


class ToolMessage(Struct, tag_field="role", tag="tool"):
    content: str | list[Part]
    tool_call_id: str


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage


class FunctionSpec(Struct):
    name: Text64
    description: str | Unset = UNSET
    parameters: dict[str, Any] | Unset = UNSET
    strict: bool | None = None


class Tool(Struct):
    """A function of the caller's, or one of OpenRouter's server tools (which carry no `function`)."""

    type: Annotated[str, Meta(pattern=r"^(function|openrouter:[a-z_]+|web_search(_[a-z0-9_]+)?)$")]
    function: FunctionSpec | Unset = UNSET


class NamedFunction(Struct):
    name: str


class ToolChoice(Struct):
    type: str
    function: NamedFunction | Unset = UNSET


class TextFormat(Struct, tag_field="type", tag="text"):
    pass


class JsonObjectFormat(Struct, tag_field="type", tag="json_object"):
    pass


class JsonSchema(Struct):
    name: Annotated[str, Meta(max_length=64, pattern="^[A-Za-z0-9_-]+$")]
    schema: dict[str, Any] | Unset = UNSET
    strict: bool | None = None
    description: str | Unset = UNSET


class JsonSchemaFormat(Struct, tag_field="type", tag="json_schema"):
    json_schema: JsonSchema


class GrammarFormat(Struct, tag_field="type", tag="grammar"):
    grammar: str


class PythonFormat(Struct, tag_field="type", tag="python"):
    pass


ResponseFormat = TextFormat | JsonObjectFormat | JsonSchemaFormat | GrammarFormat | PythonFormat


class Reasoning(Struct, forbid_unknown_fields=True):
    effort: Effort | None = None
    max_tokens: AtLeastOne | None = None
    enabled: bool | Unset = UNSET
    exclude: bool | Unset = UNSET
    summary: Literal["auto", "concise", "detailed"] | None = None
    context: Literal["auto", "all_turns", "current_turn"] | Unset = UNSET
    mode: Literal["standard", "pro"] | Unset = UNSET


class SortConfig(Struct, forbid_unknown_fields=True):
    by: Literal["price", "throughput", "latency", "exacto"] | None = None
    partition: Literal["model", "none"] | None = None


class MaxPrice(Struct, forbid_unknown_fields=True):
    """USD per million tokens; the schema says strings, the docs numbers."""

    prompt: str | float | Unset = UNSET
    completion: str | float | Unset = UNSET
    request: str | float | Unset = UNSET
    image: str | float | Unset = UNSET
    audio: str | float | Unset = UNSET


class ProviderPreferences(Struct, forbid_unknown_fields=True):
    """The only object whose further keys OpenRouter's schema rejects itself."""

    order: list[str] | None = None
    only: list[str] | None = None
    ignore: list[str] | None = None
    allow_fallbacks: bool | None = None
    sort: Literal["price", "throughput", "latency", "exacto"] | SortConfig | None = None
    require_parameters: bool | None = None
    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    enforce_distillable_text: bool | None = None
    quantizations: list[Quantization] | None = None
    max_price: MaxPrice | Unset = UNSET
    preferred_min_throughput: float | dict[Percentile, float | None] | None = None
    preferred_max_latency: float | dict[Percentile, float | None] | None = None


class Plugin(Struct):
    id: Literal[
        "web", "web-fetch", "file-parser", "response-healing", "context-compression", "moderation",
        "auto-router", "auto-beta-router", "pareto-router", "fusion",
    ]  # fmt: skip
    enabled: bool | Unset = UNSET


class CacheControl(Struct):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | Unset = UNSET


class ChatRequest(Struct, kw_only=True):
    """
    `POST /chat/completions`. The schema lets `model` be missing; the demo account has no default model.

    `n` is in no document: like every field that OpenRouter does not know, it goes to the provider.
    """

    messages: Annotated[list[Message], Meta(min_length=1)]
    model: str | Unset = UNSET
    models: list[str] | Unset = UNSET
    stream: bool = False
    stream_options: dict[str, bool] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    min_p: Share | None = None
    top_a: Share | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    repetition_penalty: Annotated[float, Meta(ge=0, le=2)] | None = None
    seed: int | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    max_tokens: AtLeastOne | None = None
    max_completion_tokens: AtLeastOne | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    response_format: ResponseFormat | Unset = UNSET
    tools: list[Tool] | Unset = UNSET
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | Unset = UNSET
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | Unset = UNSET
    reasoning_effort: Effort | None = None
    include_reasoning: bool | Unset = UNSET
    verbosity: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    modalities: list[Literal["text", "image", "audio"]] | Unset = UNSET
    plugins: list[Plugin] | Unset = UNSET
    provider: ProviderPreferences | None = None
    service_tier: Literal["auto", "default", "fast", "flex", "priority", "scale"] | None = None
    session_id: Annotated[str, Meta(max_length=256)] | Unset = UNSET
    user: str | Unset = UNSET
    metadata: Metadata | Unset = UNSET
    trace: dict[str, Any] | Unset = UNSET
    cache_control: CacheControl | Unset = UNSET
    prompt_cache_key: str | None = None
    n: AtLeastOne | None = None


class EmbeddingContent(Struct):
    content: Annotated[list[Part], Meta(min_length=1)]


class EmbeddingsRequest(Struct, kw_only=True):
    """`POST /embeddings`. Types alone do not tell the forms of `input` apart: see `strict`."""

    model: str
    input: Annotated[str, Meta(min_length=1)] | Annotated[list[Any], Meta(min_length=1)]
    dimensions: AtLeastOne | Unset = UNSET
    encoding_format: Literal["float", "base64"] | Unset = UNSET
    input_type: str | Unset = UNSET
    user: str | Unset = UNSET
    provider: ProviderPreferences | None = None
