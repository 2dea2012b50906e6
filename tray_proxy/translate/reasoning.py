"""
`think`: how much a model is to think before it answers, and what that leaves of the answer's limit.

Source: Ollama's `api/types.go` (ThinkValue); OpenRouter docs, "Reasoning Tokens".
"""

from typing import Any

from msgspec import UNSET

from tray_proxy.errors import BadRequest, UnsupportedRequest
from tray_proxy.translate.model_info import thinks
from tray_proxy.wire.openrouter import ModelEntry, Reasoning

THINK_LEVELS = ("high", "medium", "low", "max")
_THINK_CHOICES = '("high", "medium", "low", "max", true, or false)'

# OpenAI's words for it, as Ollama takes them.
EFFORTS: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "max": "max",
    "xhigh": "max",
    "ultra": "max",
}

# Claude's thinking is a budget in tokens, no smaller than this, and the answer's limit must exceed it.
LEAST_BUDGET = 1024


def check_think(think: object) -> None:
    """
    Refuse a `think` that Ollama does not take, whatever the model.

    Raises:
        BadRequest: it is neither true, false nor a level.
    """
    if isinstance(think, str) and think not in THINK_LEVELS:
        raise BadRequest(f'invalid think value: "{think}" (must be {_THINK_CHOICES[1:-1]})')
    if think is not None and not isinstance(think, str | bool):
        raise BadRequest(f"think must be a boolean or string {_THINK_CHOICES}")


def think_of(effort: str | None) -> bool | str | None:
    """
    Read OpenAI's `reasoning_effort` as a `think`; None and an empty one leave it to the model.

    Raises:
        BadRequest: it is no word of theirs, in Ollama's words.
    """
    if not effort:
        return None
    if effort not in EFFORTS:
        choices = ", ".join(f'"{each}"' for each in EFFORTS)
        raise BadRequest(f'invalid reasoning value: "{effort}" (must be one of {choices})')
    return EFFORTS[effort]


def check_thinks(think: object, model: ModelEntry, asked: str) -> None:
    """
    Refuse to let a model think that cannot.

    Raises:
        UnsupportedRequest: in Ollama's words.
    """
    if think and not thinks(model):
        raise UnsupportedRequest(f'"{asked}" does not support thinking')


def to_reasoning(
    think: object, model: ModelEntry, limit: int | None = None, budget: int | None = None
) -> dict[str, Any]:
    """
    Translate `think` into fields of a completion request; absent means that the model decides.

    A model that always reasons cannot be told not to: it is asked for its least, and for keeping it to itself.
    Where Claude thinks and the answer's limit leaves no room for it, it is given its least budget on top of the
    limit: so the limit bounds what it bounded before, the answer.

    Args:
        think: As `check_think` lets it pass.
        limit: `max_tokens` of the request; None without one.
        budget: How many tokens the app lets the model think, where `think` lets it at all; one that leaves no room for
            an answer is none.
    """
    if not thinks(model):
        return {}
    if think and budget is not None and budget >= LEAST_BUDGET and (limit is None or budget < limit):
        return {"reasoning": Reasoning(max_tokens=budget)}
    mandatory = model.reasoning is not None and model.reasoning.mandatory
    if limit is None or limit > LEAST_BUDGET or not _thinks_by_budget(model):
        return _without_budget(think, model, mandatory=mandatory)
    unasked = mandatory or (model.reasoning is not None and model.reasoning.default_enabled is True)
    if think is None and not unasked:
        return {}
    if not think and not mandatory:
        return {"reasoning": Reasoning(effort="none")}
    least = Reasoning(max_tokens=LEAST_BUDGET, exclude=True if think is False else UNSET)
    return {"reasoning": least, "max_tokens": limit + LEAST_BUDGET}


def _without_budget(think: object, model: ModelEntry, *, mandatory: bool) -> dict[str, Any]:
    if think is None:
        return {}
    if think is False and not mandatory:
        return {"reasoning": Reasoning(effort="none")}
    efforts = (model.reasoning.supported_efforts if model.reasoning else None) or ()
    if think is False:
        # Levels that a model does not have are taken for its nearest.
        least = next((effort for effort in reversed(efforts) if effort != "none"), "minimal")
        return {"reasoning": Reasoning(effort=least, exclude=True)}
    if think is True:
        return {"reasoning": Reasoning(enabled=True)}
    level = str(think)
    if level == "max" and efforts:
        level = next((effort for effort in ("max", "xhigh", "high") if effort in efforts), "high")
    return {"reasoning": Reasoning(effort=level)}


def _thinks_by_budget(model: ModelEntry) -> bool:
    return model.id.removeprefix("~").startswith("anthropic/")
