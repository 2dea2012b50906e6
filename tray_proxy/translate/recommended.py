"""
Models to begin with: of each family that people ask for the newest, and the free ones.

No list of ids: it would be stale before the next release. A family is known by how its vendor names its models.
"""

import re
from collections.abc import Iterable

from tray_proxy.translate import model_info
from tray_proxy.wire.openrouter import ModelEntry

FREE_AT_MOST = 8

# One of each, in this order: for hard work, for every day, for little money, and open ones.
FAMILIES = tuple(
    re.compile(pattern)
    for pattern in (
        r"anthropic/claude-sonnet-[\d.]+",
        r"openai/gpt-[\d.]+o?",
        r"google/gemini-[\d.]+-pro(-preview)?",
        r"openai/gpt-[\d.]+o?-mini",
        r"google/gemini-[\d.]+-flash",
        r"deepseek/deepseek-(chat|v)[\w.-]*",
        r"qwen/qwen[\d.]*-[\w.-]+",
        r"mistralai/mistral-(small|medium)[\w.-]*",
    )
)


def to_begin_with(entries: Iterable[ModelEntry]) -> tuple[str, ...]:
    """Return the ids of the newest model of each family that can call tools: agents list no other."""
    able = [entry for entry in _by_age(entries) if not model_info.is_free(entry)]
    chosen = (next((entry.id for entry in able if family.fullmatch(entry.id)), None) for family in FAMILIES)
    return tuple(model_id for model_id in chosen if model_id)


def free(entries: Iterable[ModelEntry]) -> tuple[str, ...]:
    """Return the ids of free models, the youngest first, those that can call tools before the others."""
    models = [entry for entry in entries if model_info.is_free(entry) and _chats(entry) and _is_a_model(entry)]
    models.sort(key=lambda entry: (not _calls_tools(entry), -entry.created, entry.id))
    return tuple(entry.id for entry in models[:FREE_AT_MOST])


def _by_age(entries: Iterable[ModelEntry]) -> list[ModelEntry]:
    return sorted(filter(_calls_tools, entries), key=lambda entry: (-entry.created, entry.id))


def _calls_tools(entry: ModelEntry) -> bool:
    return "tools" in model_info.capabilities(entry)


def _chats(entry: ModelEntry) -> bool:
    return "completion" in model_info.capabilities(entry)


def _is_a_model(entry: ModelEntry) -> bool:
    # A router picks a model of its own: nobody should begin with one unasked.
    return not entry.id.startswith("openrouter/")
