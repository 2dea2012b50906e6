"""
Model names, both ways: what apps write, what OpenRouter wants, and which of them the owner allows.

An id is listed as OpenRouter spells it (`vendor/model`, `vendor/model:free`). Apps also write it in another
case, with Ollama's `:latest`, with the prefixes of Ollama's registry, without the vendor, or as Ollama's library or
Anthropic calls the same model; all of these find it.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from itertools import islice

from tray_proxy.errors import ModelNameAmbiguous, ModelNotFound
from tray_proxy.translate.library import Library

# OpenRouter takes these on any model; they have no row of their own in the catalogue.
# Source: OpenRouter docs, "Model Variants".
DYNAMIC_VARIANTS = ("nitro", "floor", "exacto", "online")

MAX_NAME_LENGTH = 350

ANTHROPIC = "anthropic/"
_VERSION = re.compile(r"(?<=-\d)-(?=\d{1,2}(?:-|$))")
_RELEASE = re.compile(r"-(?:\d{8}|latest)$")

# What a 404 may cost: it compares this much of a name with so many others, and the time grows with the square of the
# length. OpenRouter's ids are shorter.
_COMPARED_LENGTH = 64
_COMPARED_NAMES = 600
_SUGGESTED = 3
_ALIKE = 0.6


def is_valid(name: str) -> bool:
    """
    Say whether an app's name could be a model's at all.

    Wider than Ollama's own grammar, for OpenRouter has ids like `~author/family-latest` and `@preset/slug`. Blanks
    around the name are cut off; blanks and control characters inside it and empty parts are no name.

    Source: Ollama's `types/model/name.go`.
    """
    bare = _without_scheme(name)
    return (
        len(bare) <= MAX_NAME_LENGTH
        and bare.isprintable()
        and " " not in bare
        and all(bare.replace(":", "/").split("/"))
    )


def folded(name: str) -> str:
    """
    Return what all spellings of one name have in common.

    Source: Ollama's `types/model/name.go`, whose default host, namespace and tag may be written or not.
    """
    bare = _without_scheme(name).casefold()
    return bare.removeprefix("registry.ollama.ai/").removeprefix("library/").removesuffix(":latest")


def _without_scheme(name: str) -> str:
    return name.strip().rpartition("://")[2]


def with_tag(name: str) -> str:
    """Write a name as Ollama lists it: never without a tag."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


class Names:
    """
    An index over the catalogue's ids.

    Args:
        library: Finds models by the names they have in Ollama's library; None leaves those unknown.
    """

    def __init__(self, ids: Iterable[str], library: Library | None = None) -> None:
        self._exact: dict[str, str] = {}
        self._short: dict[str, list[str]] = {}
        self._library = library
        for model_id in ids:
            spelled = model_id.casefold()
            self._exact[spelled] = model_id
            self._short.setdefault(spelled.rpartition("/")[2], []).append(model_id)

    def find(self, name: str) -> tuple[str, str]:
        """
        Find the model that an app means.

        Ids go before short names, those before the names of Ollama's library, and Anthropic's own names come last.

        Returns:
            The catalogue's id, and the dynamic variants to append to it (":nitro", ":nitro:online" or "").

        Raises:
            ModelNotFound: no model goes by this name.
            ModelNameAmbiguous: the name without vendor fits several models.
        """
        wanted = folded(name)
        if len(wanted) > MAX_NAME_LENGTH:
            raise ModelNotFound(name)
        spellings = [(wanted, "")]
        while wanted.rpartition(":")[2] in DYNAMIC_VARIANTS:
            wanted, _, variant = wanted.rpartition(":")
            spellings.append((wanted, f":{variant}{spellings[-1][1]}"))
        if wanted.endswith(":cloud"):
            # Ollama's word for "not on this computer", where nothing of ours is.
            spellings.append((wanted.removesuffix(":cloud"), spellings[-1][1]))
        look_ups = (
            self._exact.get,
            lambda base: self._find_short(base, name),
            self._find_in_library,
            self._find_anthropics,
        )
        for look_up in look_ups:
            for base, variants in spellings:
                if found := look_up(base):
                    return found, variants
        raise ModelNotFound(name)

    def _find_short(self, wanted: str, name: str) -> str | None:
        candidates = self._short.get(wanted, [])
        if len(candidates) > 1:
            raise ModelNameAmbiguous(name, sorted(candidates))
        return candidates[0] if candidates else None

    def _find_anthropics(self, wanted: str) -> str | None:
        """Find a Claude by the name it has at Anthropic, as Claude Code asks for it unless it is told another."""
        ids = (self._exact.get(f"{ANTHROPIC}{spelled}") for spelled in _as_openrouter_spells(wanted))
        return next(filter(None, ids), None)

    def _find_in_library(self, wanted: str) -> str | None:
        return None if self._library is None else self._library.find(wanted)


def _as_openrouter_spells(name: str) -> Iterator[str]:
    """
    Give OpenRouter's spellings of a name of Anthropic's: the version with a point, and without the date or "latest".

    `claude-sonnet-4-5-20250929` is `claude-sonnet-4.5` there, `claude-3-5-haiku-latest` is `claude-3.5-haiku`, and
    `claude-opus-4-0` is `claude-opus-4`.

    Source: Anthropic's docs, "Models overview"; OpenRouter's catalogue.
    """
    bare = name.removeprefix(ANTHROPIC)
    if bare.startswith("claude-"):
        pointed = _VERSION.sub(".", bare)
        yield pointed
        yield _RELEASE.sub("", pointed).removesuffix(".0")


def near(name: str, others: Iterable[str]) -> list[str]:
    """Return those of the other names that were perhaps meant, the likeliest first; often none."""
    matcher = SequenceMatcher(autojunk=False)
    # It keeps its notes about the second text, the one that stays.
    matcher.set_seq2(folded(name[:MAX_NAME_LENGTH])[:_COMPARED_LENGTH])
    likeness = {other: _likeness(matcher, other) for other in islice(others, _COMPARED_NAMES)}
    alike = [other for other, ratio in likeness.items() if ratio >= _ALIKE]
    return sorted(alike, key=lambda other: -likeness[other])[:_SUGGESTED]


def _likeness(matcher: "SequenceMatcher[str]", other: str) -> float:
    spelled = folded(other)[:_COMPARED_LENGTH]
    best = 0.0
    # The vendor is what people leave out, or have wrong.
    for text in (spelled, spelled.rpartition("/")[2]):
        matcher.set_seq1(text)
        if matcher.real_quick_ratio() >= _ALIKE and matcher.quick_ratio() >= _ALIKE:
            best = max(best, matcher.ratio())
    return best


class AllowList:
    """
    Which models the owner allows.

    Args:
        ceiling: Patterns of the filter file; None when there is no such file.
        ticks: Ids ticked by hand, within the ceiling; None when nothing was ever ticked or unticked.
            With neither, every model is allowed.
        hidden: Ids taken out by hand while every other model is allowed.
    """

    def __init__(
        self,
        ceiling: Iterable[str] | None = None,
        ticks: Iterable[str] | None = None,
        hidden: Iterable[str] = (),
    ) -> None:
        self._ceiling = None if ceiling is None else tuple(line.casefold() for line in ceiling)
        self._ticks = None if ticks is None else frozenset(tick.casefold() for tick in ticks)
        self._hidden = frozenset(model_id.casefold() for model_id in hidden)

    def below_ceiling(self, model_id: str) -> bool:
        """Say whether the filter file admits the model."""
        key = model_id.casefold()
        return self._ceiling is None or any(_fits(key, pattern) for pattern in self._ceiling)

    def allows(self, model_id: str) -> bool:
        """Say whether the model may be listed and called."""
        spelled = model_id.casefold()
        chosen = spelled not in self._hidden if self._ticks is None else spelled in self._ticks
        return self.below_ceiling(model_id) and chosen


def _fits(key: str, pattern: str) -> bool:
    # A pattern without vendor is held against the name without vendor.
    return fnmatchcase(key if "/" in pattern else key.rpartition("/")[2], pattern.removesuffix(":latest"))


def filter_lines(text: str) -> tuple[str, ...]:
    """Return the models and patterns of a filter file: one a line, `#` begins a comment."""
    # Windows' editor puts a mark at the beginning that would become part of the first name.
    lines = (line.partition("#")[0].strip() for line in text.removeprefix("\ufeff").splitlines())
    return tuple(line for line in lines if line)
