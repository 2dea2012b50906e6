"""
What Ollama says about a model, from what OpenRouter's catalogue says about it.

Nothing is made up: a fact that the catalogue does not hold becomes the word "unknown" where clients insist
on a text, and is left out elsewhere.

Source: Ollama's `api/types.go`; OpenRouter docs, "Models".
"""

import hashlib
import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import UNSET

from tray_proxy.wire.ollama import ListedModel, ModelDetails, ShowResponse
from tray_proxy.wire.openrouter import ModelEntry

UNKNOWN = "unknown"
# Ollama writes the host of a model that runs elsewhere here, and its command line then skips loading it.
REMOTE_HOST = "https://openrouter.ai:443"
DEFAULT_CONTEXT_LENGTH = 8192
_FAR_FUTURE_S = 2**32

# Tokenizers that name no family of models.
_NO_FAMILY = {"", "router", "media", "other"}
_SIZE = re.compile(r"(?<![\w.])(?:(\d+)x)?(\d+(?:\.\d+)?)([bmt])(?![a-z0-9])", re.IGNORECASE)
_FACTOR = {"b": 10**9, "m": 10**6, "t": 10**12}


def is_embedding(model: ModelEntry) -> bool:
    """Say whether the model makes vectors instead of text."""
    return "embeddings" in model.architecture.output_modalities


def sees(model: ModelEntry) -> bool:
    """Say whether the model takes pictures."""
    return "image" in model.architecture.input_modalities


def hears(model: ModelEntry) -> bool:
    """Say whether the model takes sound."""
    return "audio" in model.architecture.input_modalities


def uses_tools(model: ModelEntry) -> bool:
    """Say whether the model can call tools."""
    return "tools" in model.supported_parameters


def thinks(model: ModelEntry) -> bool:
    """Say whether the model can reason before it answers."""
    return model.reasoning is not None or not {"reasoning", "include_reasoning"}.isdisjoint(model.supported_parameters)


def capabilities(model: ModelEntry) -> list[str]:
    """Return Ollama's words for what the model can do; an embedding model can do nothing else."""
    if is_embedding(model):
        return ["embedding"]
    rows = (
        ("completion", "text" in model.architecture.output_modalities),
        ("tools", uses_tools(model)),
        ("vision", sees(model)),
        ("thinking", thinks(model)),
        ("audio", hears(model)),
    )
    return [word for word, holds in rows if holds]


def context_length(model: ModelEntry) -> int:
    """Return how many tokens the model takes: the smaller of the two figures the catalogue may hold."""
    known = [length for length in (model.context_length, model.top_provider.context_length) if length]
    return min(known, default=DEFAULT_CONTEXT_LENGTH)


def family(model: ModelEntry) -> str:
    """Return the family's name in lower case: the tokenizer's, else the vendor's."""
    tokenizer = (model.architecture.tokenizer or "").lower()
    if tokenizer not in _NO_FAMILY:
        return re.sub(r"[^a-z0-9]+", "-", tokenizer).strip("-")
    return model.id.lstrip("~").partition("/")[0].lower()


def parameter_size(model: ModelEntry) -> tuple[str, int | None]:
    """
    Return the size as people write it ("70B", "8x7B") and as a number.

    It stands in no field of the catalogue, only in names; without it: ("unknown", None).
    """
    for text in (model.hugging_face_id or "", model.id, model.name or ""):
        if found := _SIZE.search(text.replace("-", " ").replace("_", " ")):
            experts, size, unit = found.groups()
            label = f"{experts}x{size}{unit.upper()}" if experts else f"{size}{unit.upper()}"
            return label, int(Decimal(size) * _FACTOR[unit.lower()]) * int(experts or 1)
    return UNKNOWN, None


def digest(model: ModelEntry) -> str:
    """Return 64 hex digits that differ per model and change with what it can do (clients cache by them)."""
    facts = (model.id, model.canonical_slug or "", str(model.created), *capabilities(model))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def usd_per_million(price: object) -> Decimal | None:
    """Turn a price per token into one per million; None when it is absent or varies (a negative price)."""
    try:
        per_token = Decimal(str(price))
    except InvalidOperation:
        return None
    return per_token * 1_000_000 if per_token.is_finite() and per_token >= 0 else None


def is_free(model: ModelEntry) -> bool:
    """Say whether neither prompt, answer nor request costs anything."""
    prices = (model.pricing.get("prompt"), model.pricing.get("completion"), model.pricing.get("request") or "0")
    return all(usd_per_million(price) == 0 for price in prices)


def listed(model: ModelEntry, fetched_s: int) -> ListedModel:
    """
    Return the model's entry in `/api/tags`.

    Args:
        fetched_s: Unix time of the catalogue, for models that have no date of their own.
    """
    about = _details(model)
    about.context_length = context_length(model)
    return ListedModel(
        name=model.id,
        model=model.id,
        remote_model=model.id,
        remote_host=REMOTE_HOST,
        modified_at=_date(model, fetched_s),
        size=0,
        digest=digest(model),
        details=about,
        capabilities=capabilities(model),
    )


def shown(model: ModelEntry, fetched_s: int, label: str | None = None) -> ShowResponse:
    """
    Return what `/api/show` says about the model.

    Args:
        label: Stands in for the model's display name; VS Code's Copilot shows it in its picker.
    """
    kind = family(model)
    length = context_length(model)
    facts: dict[str, Any] = {
        "general.architecture": kind,
        "general.basename": label or model.name or model.id,
        f"{kind}.context_length": length,
    }
    _, count = parameter_size(model)
    if count is not None:
        facts["general.parameter_count"] = count
    return ShowResponse(
        license="",
        modelfile=f'# Modelfile generated by "ollama show"\nFROM {model.id}\n',
        parameters="",
        # Read as evidence: LiteLLM takes ".Tools" for tool support, Continue ".Suffix" for fill-in-the-middle.
        template="{{ .System }}{{ .Tools }}{{ .Prompt }}" if uses_tools(model) else "{{ .System }}{{ .Prompt }}",
        details=_details(model),
        remote_model=model.id,
        remote_host=REMOTE_HOST,
        model_info=facts,
        capabilities=capabilities(model),
        modified_at=_date(model, fetched_s),
    )


def _details(model: ModelEntry) -> ModelDetails:
    kind = family(model)
    return ModelDetails(
        parent_model="",
        format="remote",
        family=kind,
        families=[kind],
        parameter_size=parameter_size(model)[0],
        quantization_level=UNKNOWN,
        context_length=UNSET,
    )


def _date(model: ModelEntry, fetched_s: int) -> str:
    # A date in milliseconds, say, must not cost the whole list.
    unix_s = model.created if 0 < model.created < _FAR_FUTURE_S else fetched_s
    return datetime.fromtimestamp(unix_s, UTC).isoformat().replace("+00:00", "Z")
