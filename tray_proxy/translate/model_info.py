"""
What Ollama says about a model, from what OpenRouter's catalogue says about it.

Nothing is made up: a fact that the catalogue does not hold becomes the word "unknown" where clients insist
on a text, and is left out elsewhere.

Source: Ollama's `api/types.go`; OpenRouter docs, "Models".
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET

from tray_proxy.translate.presets import Preset, modelfile, parameters_text
from tray_proxy.wire.ollama import ListedModel, Message, ModelDetails, ShowResponse
from tray_proxy.wire.openrouter import ModelEntry

UNKNOWN = "unknown"
DEFAULT_CONTEXT_LENGTH = 8192
# Anything larger is a mistake of the catalogue's, and would not fit the integers of some readers.
_GREATEST_LENGTH = 10**9
_FAR_FUTURE_S = 2**32

# Tokenizers that name no family of models.
_NO_FAMILY = {"", "router", "media", "other"}
# "30B" but not the active "A3B"; "8x7B"; the "17B-16E" of models that tell their experts' size only.
_SIZE = re.compile(
    r"(?<![\w.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)([bmt])(?: (\d{1,3})e)?(?![a-z0-9])", re.IGNORECASE
)
_FACTOR = {"b": 10**9, "m": 10**6, "t": 10**12}
# Fewer millions are a context length ("1M"), not a size.
_LEAST_MILLIONS = 20
_QUANTIZATION = re.compile(
    r"(?<![a-z0-9])(bf16|fp16|fp[468]|nvfp4|mxfp[468]|i?q[2-8]_[0-9a-z]+(?:_[a-z]+)?|int[48]|nf4|w[48]a\d{1,2}|awq|gptq)"
    r"(?![a-z0-9])",
    re.IGNORECASE,
)
# OpenRouter's words for options that Ollama calls otherwise; the rest are the same.
_OLLAMAS_WORDS = {"repetition_penalty": "repeat_penalty", "max_tokens": "num_predict"}


@dataclass(frozen=True)
class Place:
    """
    What is the same for every entry of a list.

    Args:
        remote_host: Where the models run, as `remote_host` gives it.
        fetched_s: Unix time of the catalogue, for models that have no date of their own.
    """

    remote_host: str
    fetched_s: int


def remote_host(base_url: str) -> str:
    """
    Return what Ollama writes of a model that runs elsewhere: scheme, host and port.

    Its command line skips loading such a model, and asks for an account where this begins `https://ollama.com`.

    Args:
        base_url: OpenRouter's address, or what stands in for it.
    """
    url = urlsplit(base_url)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    port = url.port or (443 if url.scheme == "https" else 80)
    plain = f"{host}:{port}"
    return plain if plain.startswith("ollama.com") else f"{url.scheme}://{plain}"


def is_embedding(model: ModelEntry) -> bool:
    """Say whether the model makes vectors instead of text."""
    return "embeddings" in model.architecture.output_modalities


def writes(model: ModelEntry) -> bool:
    """Say whether the model answers with text; one whose row does not say so is believed to."""
    makes = model.architecture.output_modalities
    return not makes or "text" in makes


def paints(model: ModelEntry) -> bool:
    """Say whether the model makes pictures."""
    return "image" in model.architecture.output_modalities


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
    known = model.supported_parameters
    return model.reasoning is not None or "reasoning" in known or "include_reasoning" in known


def capabilities(model: ModelEntry) -> list[str]:
    """Return Ollama's words for what the model can do; an embedding model can do nothing else."""
    if is_embedding(model):
        return ["embedding"]
    rows = (
        ("completion", writes(model)),
        ("tools", uses_tools(model)),
        ("vision", sees(model)),
        ("thinking", thinks(model)),
        # With this word Ollama's command line refuses to chat, so not where a model can write, too.
        ("image", paints(model) and not writes(model)),
        ("audio", hears(model)),
    )
    return [word for word, holds in rows if holds]


def context_length(model: ModelEntry) -> int:
    """Return how many tokens the model takes: the smaller of the two figures the catalogue may hold."""
    figures = (model.context_length, model.top_provider.context_length)
    return min(
        (length for length in figures if length and 0 < length <= _GREATEST_LENGTH), default=DEFAULT_CONTEXT_LENGTH
    )


def family(model: ModelEntry) -> str:
    """Return the family's name in lower case: the tokenizer's, else the vendor's."""
    tokenizer = re.sub(r"[^a-z0-9]+", "-", (model.architecture.tokenizer or "").lower()).strip("-")
    if tokenizer not in _NO_FAMILY:
        return tokenizer
    return model.id.lstrip("~").partition("/")[0].lower() or UNKNOWN


def parameter_size(model: ModelEntry) -> tuple[str, int | None]:
    """
    Return the size as people write it ("70B", "8x7B") and as a number.

    It stands in no field of the catalogue, only in names; without it: ("unknown", None). A name that tells the size
    of one expert and their count ("17B-16E") is no number either, for the experts share a part.
    """
    for text in (model.hugging_face_id or "", model.id, model.name or ""):
        for found in _SIZE.finditer(text.replace("-", " ").replace("_", " ")):
            times, size, unit, experts = found.groups()
            if unit in "mM" and Decimal(size) < _LEAST_MILLIONS:
                continue
            label = f"{size}{unit.upper()}"
            if experts:
                return f"{label}-{experts}E", None
            count = int(Decimal(size) * _FACTOR[unit.lower()]) * int(times or 1)
            return f"{times}x{label}" if times else label, count
    return UNKNOWN, None


def quantization(model: ModelEntry) -> str:
    """Return the precision that a name of the model tells ("FP8", "Q4_K_M"), else "unknown"."""
    for text in (model.id, model.name or "", model.hugging_face_id or ""):
        if found := _QUANTIZATION.search(text):
            return found[1].upper()
    return UNKNOWN


def default_parameters(model: ModelEntry) -> dict[str, Any]:
    """Return the catalogue's defaults under Ollama's names; most are null there, which means the provider's own."""
    defaults = model.default_parameters or {}
    return {_OLLAMAS_WORDS.get(name, name): value for name, value in defaults.items() if value is not None}


def digest(model: ModelEntry, name: str | None = None, preset: Preset | None = None) -> str:
    """
    Return 64 hex digits that differ per name and change with what the model can do (clients cache by them).

    Args:
        name: As it is listed, where that is not the model's id.
    """
    facts = [model.id, model.canonical_slug or "", str(model.created), *capabilities(model)]
    if name is not None and name != model.id:
        facts += [name, msgspec.json.encode(preset, order="sorted").decode()]
    return hashlib.sha256("\n".join(facts).encode("utf-8", "surrogatepass")).hexdigest()


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


def listed(
    model: ModelEntry, place: Place, *, name: str | None = None, preset: Preset | None = None, vector_length: int = 0
) -> ListedModel:
    """
    Return the model's entry in `/api/tags`.

    Args:
        name: As it is listed; None: by its id.
        preset: What stands behind a name of the owner's own.
        vector_length: How long an embedding model's vectors are, once an answer has shown it; 0: not known.
    """
    name = name or model.id
    about = _details(model, name)
    about.context_length = context_length(model)
    about.embedding_length = vector_length or UNSET
    return ListedModel(
        name=name,
        model=name,
        remote_model=model.id,
        remote_host=place.remote_host,
        modified_at=_date(model, place, preset),
        size=0,
        digest=digest(model, name, preset),
        details=about,
        capabilities=capabilities(model),
    )


def shown(
    model: ModelEntry,
    place: Place,
    *,
    name: str | None = None,
    preset: Preset | None = None,
    label: str | None = None,
    vector_length: int = 0,
) -> ShowResponse:
    """
    Return what `/api/show` says about the model.

    Args:
        name: As it is listed; None: by its id.
        preset: What stands behind a name of the owner's own.
        label: Stands in for the display name; VS Code's Copilot shows it in its picker.
        vector_length: As in `listed`.
    """
    name = name or model.id
    plain = Preset(model=model.id)
    content = msgspec.structs.replace(
        preset or plain, parameters=default_parameters(model) | (preset or plain).parameters
    )
    return ShowResponse(
        license=content.license,
        modelfile=modelfile(name, content),
        parameters=parameters_text(content.parameters),
        # Read as evidence: LiteLLM takes ".Tools" for tool support, Continue ".Suffix" for fill-in-the-middle.
        template=content.template
        or ("{{ .System }}{{ .Tools }}{{ .Prompt }}" if uses_tools(model) else "{{ .System }}{{ .Prompt }}"),
        system=content.system or UNSET,
        details=_details(model, name),
        messages=[_given(message) for message in content.messages] or UNSET,
        remote_model=model.id,
        remote_host=place.remote_host,
        model_info=_facts(model, label or (name if name != model.id else model.name or name), vector_length),
        capabilities=capabilities(model),
        modified_at=_date(model, place, preset),
    )


def _facts(model: ModelEntry, label: str, vector_length: int) -> dict[str, Any]:
    kind = family(model)
    facts: dict[str, Any] = {
        "general.architecture": kind,
        "general.basename": label,
        f"{kind}.context_length": context_length(model),
    }
    if vector_length:
        facts[f"{kind}.embedding_length"] = vector_length
    _, count = parameter_size(model)
    if count is not None:
        facts["general.parameter_count"] = count
    return facts


def _details(model: ModelEntry, name: str) -> ModelDetails:
    kind = family(model)
    return ModelDetails(
        parent_model="" if name == model.id else model.id,
        format="remote",
        family=kind,
        families=[kind],
        parameter_size=parameter_size(model)[0],
        quantization_level=quantization(model),
    )


def _given(message: Message) -> dict[str, Any]:
    return {field: value for field, value in msgspec.structs.asdict(message).items() if value is not None}


def _date(model: ModelEntry, place: Place, preset: Preset | None) -> str:
    made_s = preset.created_s if preset and preset.created_s else model.created
    # A date in milliseconds, say, must not cost the whole list.
    unix_s = made_s if 0 < made_s < _FAR_FUTURE_S else place.fetched_s
    # With a fraction of a second, without which the Swift clients' date format fails, and with it their whole list.
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
