"""
The models that the demo upstream offers: a small, believable catalogue, each name marked "(demo)".

Prices, limits and dates are of the right size, not a promise. The rows were chosen for their differences:
free and paid, with and without tools, pictures, sound and reasoning, a router without a price, an alias,
and two vendors that share one short name.

Source: OpenRouter's OpenAPI file, schema `Model`; docs, "Models" and "Model Variants".
"""

from dataclasses import dataclass, field
from typing import Any

# These may follow any slug and have no rows of their own. Source: OpenRouter docs, "Model Variants".
DYNAMIC_VARIANTS = ("nitro", "floor", "exacto", "online")

_SAMPLING = ("temperature", "top_p", "max_tokens", "stop", "seed", "frequency_penalty", "presence_penalty")
_OPEN_WEIGHTS = (*_SAMPLING, "top_k", "min_p", "repetition_penalty", "response_format")
_TOOLS = ("tools", "tool_choice")
_JSON = ("response_format", "structured_outputs")
_LOGPROBS = ("logprobs", "top_logprobs", "logit_bias")
_REASONING = ("reasoning", "include_reasoning")


@dataclass(frozen=True, kw_only=True)
class DemoModel:
    """One row; `entry()` is what OpenRouter would say about it."""

    id: str
    name: str
    created: int
    dated: str | None = None  # the permanent slug, where it differs from the id
    context: int = 131_072
    max_output: int | None = 16_384
    tokenizer: str = "Other"
    instruct: str | None = None
    inputs: tuple[str, ...] = ("text",)
    outputs: tuple[str, ...] = ("text",)
    price: tuple[str, str] = ("0", "0")  # USD per token: prompt, completion
    parameters: tuple[str, ...] = ()
    reasoning: dict[str, Any] | None = None
    hugging_face_id: str | None = None
    alias_of: str | None = None  # the id that really answers
    vector_length: int = 0
    moderated: bool = False
    more_pricing: dict[str, str] = field(default_factory=dict)

    @property
    def canonical_slug(self) -> str:
        """The name that stands in answers."""
        return self.dated or self.id

    @property
    def has_tools(self) -> bool:
        """Whether requests with `tools` find an endpoint."""
        return "tools" in self.parameters

    @property
    def is_embedding(self) -> bool:
        """Whether this model answers on `/embeddings` instead of on `/chat/completions`."""
        return "embeddings" in self.outputs

    @property
    def thinks(self) -> bool:
        """Whether the model thinks unless it is told not to."""
        return self.reasoning is not None and bool(self.reasoning.get("default_enabled", True))

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Say what the tokens would cost; 0 where the price varies."""
        prompt, completion = (max(float(price), 0.0) for price in self.price)
        return round(prompt * prompt_tokens + completion * completion_tokens, 12)

    def entry(self) -> dict[str, Any]:
        """Give the row as `/models` lists it."""
        row: dict[str, Any] = {
            "id": self.id,
            "canonical_slug": self.canonical_slug,
            "hugging_face_id": self.hugging_face_id,
            "name": f"{self.name} (demo)",
            "created": self.created,
            "description": "A row of Tray Proxy's demo catalogue. No model stands behind it.",
            "context_length": self.context,
            "architecture": {
                "modality": f"{'+'.join(self.inputs)}->{'+'.join(self.outputs)}",
                "input_modalities": list(self.inputs),
                "output_modalities": list(self.outputs),
                "tokenizer": self.tokenizer,
                "instruct_type": self.instruct,
            },
            "pricing": {"prompt": self.price[0], "completion": self.price[1], **self.more_pricing},
            "top_provider": {
                "context_length": self.context,
                "max_completion_tokens": self.max_output,
                "is_moderated": self.moderated,
            },
            "per_request_limits": None,
            "supported_parameters": list(self.parameters),
            "default_parameters": {"temperature": None, "top_p": None},
            "supported_voices": None,
            "knowledge_cutoff": None,
            "expiration_date": None,
            "links": {"details": f"/api/v1/models/{self.canonical_slug}/endpoints"},
        }
        if self.reasoning is not None:
            row["reasoning"] = self.reasoning
        if self.alias_of is not None:
            row["alias_target"] = {"slug": self.alias_of, "name": f"{_ROWS[self.alias_of].name} (demo)"}
        return row


_EFFORTS = ["high", "medium", "low"]

_CHAT_MODELS = (
    DemoModel(
        id="openai/gpt-4o", name="OpenAI: GPT-4o", created=1_715_558_400, dated="openai/gpt-4o-2024-11-20",
        context=128_000, tokenizer="GPT", inputs=("text", "image", "file"), price=("0.0000025", "0.00001"),
        parameters=(*_SAMPLING, *_TOOLS, "parallel_tool_calls", *_JSON, *_LOGPROBS), moderated=True,
        more_pricing={"input_cache_read": "0.00000125"},
    ),
    DemoModel(
        id="openai/gpt-4o-mini", name="OpenAI: GPT-4o-mini", created=1_721_260_800,
        dated="openai/gpt-4o-mini-2024-07-18", context=128_000, tokenizer="GPT",
        inputs=("text", "image", "file"), price=("0.00000015", "0.0000006"),
        parameters=(*_SAMPLING, *_TOOLS, "parallel_tool_calls", *_JSON, *_LOGPROBS), moderated=True,
    ),
    DemoModel(
        id="openai/o4-mini", name="OpenAI: o4 Mini", created=1_744_820_942, dated="openai/o4-mini-2025-04-16",
        context=200_000, max_output=100_000, tokenizer="GPT", inputs=("image", "text", "file"),
        price=("0.0000011", "0.0000044"), parameters=("max_tokens", "seed", *_TOOLS, *_JSON, *_REASONING),
        reasoning={"mandatory": True, "default_enabled": True, "default_effort": "medium",
                   "supported_efforts": _EFFORTS, "supports_max_tokens": False},
    ),
    DemoModel(
        id="anthropic/claude-sonnet-4", name="Anthropic: Claude Sonnet 4", created=1_747_930_371,
        dated="anthropic/claude-4-sonnet-20250522", context=200_000, max_output=64_000, tokenizer="Claude",
        inputs=("image", "text", "file"), price=("0.000003", "0.000015"),
        parameters=("temperature", "top_p", "top_k", "max_tokens", "stop", *_TOOLS, *_JSON, *_REASONING),
        reasoning={"mandatory": False, "default_enabled": False, "default_effort": "medium",
                   "supported_efforts": None, "supports_max_tokens": True},
        more_pricing={"input_cache_read": "0.0000003", "input_cache_write": "0.00000375"},
    ),
    DemoModel(
        id="~anthropic/claude-sonnet-latest", name="Anthropic: Claude Sonnet Latest", created=1_747_930_372,
        context=200_000, max_output=64_000, tokenizer="Claude", inputs=("image", "text", "file"),
        price=("0.000003", "0.000015"), alias_of="anthropic/claude-sonnet-4",
        parameters=("temperature", "top_p", "top_k", "max_tokens", "stop", *_TOOLS, *_JSON, *_REASONING),
        reasoning={"mandatory": False, "default_enabled": False, "default_effort": "medium",
                   "supported_efforts": None, "supports_max_tokens": True},
    ),
    DemoModel(
        id="google/gemini-2.5-flash", name="Google: Gemini 2.5 Flash", created=1_750_172_488,
        context=1_048_576, max_output=65_535, tokenizer="Gemini",
        inputs=("text", "image", "file", "audio", "video"), price=("0.0000003", "0.0000025"),
        parameters=("temperature", "top_p", "max_tokens", "stop", "seed", *_TOOLS, *_JSON, *_REASONING),
        reasoning={"mandatory": False, "default_enabled": False, "supports_max_tokens": True},
        more_pricing={"audio": "0.000001"},
    ),
    DemoModel(
        id="meta-llama/llama-3.3-70b-instruct", name="Meta: Llama 3.3 70B Instruct", created=1_733_506_137,
        tokenizer="Llama3", instruct="llama3", price=("0.00000013", "0.0000004"),
        parameters=(*_OPEN_WEIGHTS, *_TOOLS, *_LOGPROBS), hugging_face_id="meta-llama/Llama-3.3-70B-Instruct",
    ),
    DemoModel(
        id="meta-llama/llama-3.3-70b-instruct:free", name="Meta: Llama 3.3 70B Instruct (free)",
        created=1_733_506_137, dated="meta-llama/llama-3.3-70b-instruct", context=65_536, tokenizer="Llama3",
        instruct="llama3", parameters=(*_OPEN_WEIGHTS, *_TOOLS),
        hugging_face_id="meta-llama/Llama-3.3-70B-Instruct",
    ),
    DemoModel(
        id="deepseek/deepseek-r1", name="DeepSeek: R1", created=1_737_381_095, context=163_840,
        tokenizer="DeepSeek", instruct="deepseek-r1", price=("0.0000004", "0.000002"),
        parameters=(*_OPEN_WEIGHTS, *_TOOLS, *_REASONING), hugging_face_id="deepseek-ai/DeepSeek-R1",
        reasoning={"mandatory": False, "default_enabled": True},
    ),
    DemoModel(
        id="deepseek/deepseek-r1:free", name="DeepSeek: R1 (free)", created=1_737_381_095,
        dated="deepseek/deepseek-r1", context=163_840, max_output=None, tokenizer="DeepSeek",
        instruct="deepseek-r1", parameters=(*_SAMPLING, *_REASONING),
        hugging_face_id="deepseek-ai/DeepSeek-R1", reasoning={"mandatory": False, "default_enabled": True},
    ),
    DemoModel(
        id="perplexity/deepseek-r1", name="Perplexity: DeepSeek R1", created=1_739_000_000, context=128_000,
        tokenizer="DeepSeek", instruct="deepseek-r1", price=("0.000002", "0.000008"),
        parameters=("temperature", "top_p", "top_k", "max_tokens", *_REASONING),
        reasoning={"mandatory": True, "default_enabled": True},
    ),
    DemoModel(
        id="qwen/qwen3-30b-a3b", name="Qwen: Qwen3 30B A3B", created=1_745_878_604,
        dated="qwen/qwen3-30b-a3b-04-28", context=40_960, tokenizer="Qwen3", instruct="qwen3",
        price=("0.00000008", "0.00000028"), parameters=(*_OPEN_WEIGHTS, *_TOOLS, *_JSON, *_REASONING),
        hugging_face_id="Qwen/Qwen3-30B-A3B",
        reasoning={"mandatory": False, "default_enabled": True, "supports_max_tokens": True},
    ),
    DemoModel(
        id="mistralai/mistral-small-3.2-24b-instruct", name="Mistral: Mistral Small 3.2 24B",
        created=1_750_443_016, dated="mistralai/mistral-small-3.2-24b-instruct-2506", tokenizer="Mistral",
        inputs=("image", "text"), price=("0.0000001", "0.0000003"),
        parameters=(*_OPEN_WEIGHTS, *_TOOLS, *_JSON),
        hugging_face_id="mistralai/Mistral-Small-3.2-24B-Instruct-2506",
    ),
    DemoModel(
        id="gryphe/mythomax-l2-13b", name="MythoMax 13B", created=1_688_256_000, context=4_096,
        max_output=4_096, tokenizer="Llama2", instruct="alpaca", price=("0.00000006", "0.00000006"),
        parameters=_OPEN_WEIGHTS, hugging_face_id="Gryphe/MythoMax-L2-13b",
    ),
    DemoModel(
        id="openrouter/auto", name="Auto Router", created=1_699_401_600, context=2_000_000, max_output=None,
        tokenizer="Router", inputs=("text", "image", "file", "audio", "video"), price=("-1", "-1"),
        parameters=(*_SAMPLING, *_TOOLS, *_JSON, *_REASONING), alias_of="openai/gpt-4o-mini",
    ),
)  # fmt: skip

_EMBEDDING_MODELS = (
    DemoModel(
        id="openai/text-embedding-3-small", name="OpenAI: Text Embedding 3 Small", created=1_761_862_866,
        context=8_192, max_output=None, tokenizer="GPT", outputs=("embeddings",), price=("0.00000002", "0"),
        vector_length=1536,
    ),
    DemoModel(
        id="baai/bge-m3", name="BAAI: bge-m3", created=1_763_424_000, context=8_192, max_output=None,
        outputs=("embeddings",), price=("0.00000001", "0"), hugging_face_id="BAAI/bge-m3", vector_length=1024,
    ),
)  # fmt: skip

_ROWS = {model.id: model for model in (*_CHAT_MODELS, *_EMBEDDING_MODELS)}


def models_with_output(modalities: str | None) -> list[DemoModel]:
    """
    Give the models that a catalogue call asks for.

    Args:
        modalities: The comma list of the query's `output_modalities`; None means text, as documented.
    """
    if modalities == "all":
        return list(_ROWS.values())
    wanted = set((modalities or "text").split(","))
    return [model for model in _ROWS.values() if wanted.intersection(model.outputs)]


def find_model(slug: str) -> DemoModel | None:
    """Look a slug up as OpenRouter does: dynamic variants may follow any of them, and may stack."""
    while slug not in _ROWS:
        slug, colon, variant = slug.rpartition(":")
        if not colon or variant not in DYNAMIC_VARIANTS:
            return None
    return _ROWS[slug]


def serving_model(model: DemoModel) -> DemoModel:
    """Give the model that really answers: routers and aliases stand for another one."""
    return model if model.alias_of is None else _ROWS[model.alias_of]


def list_response(models: list[DemoModel]) -> dict[str, Any]:
    """Wrap rows as `/models` and `/embeddings/models` do."""
    return {"data": [model.entry() for model in models], "total_count": len(models), "links": {"next": None}}
