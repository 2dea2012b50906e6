"""
Model names, both ways: what apps write, what OpenRouter wants, and which of them the owner allows.

An id is listed as OpenRouter spells it (`vendor/model`, `vendor/model:free`). Apps also write it in another
case, with Ollama's `:latest`, or without the vendor; all of these find the same model.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from tray_proxy.errors import ModelNameAmbiguous, ModelNotFound

# OpenRouter takes these on any model; they have no row of their own in the catalogue.
# Source: OpenRouter docs, "Model Variants".
DYNAMIC_VARIANTS = ("nitro", "floor", "exacto", "online")


class Names:
    """An index over the catalogue's ids."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._exact: dict[str, str] = {}
        self._short: dict[str, list[str]] = {}
        for model_id in ids:
            key = model_id.casefold()
            self._exact[key] = model_id
            self._short.setdefault(key.rpartition("/")[2], []).append(model_id)

    def find(self, name: str) -> tuple[str, str]:
        """
        Find the model that an app means.

        Returns:
            The catalogue's id, and the dynamic variant to append to it (":nitro" or "").

        Raises:
            ModelNotFound: no model goes by this name.
            ModelNameAmbiguous: the name without vendor fits several models.
        """
        wanted = name.strip().casefold().removesuffix(":latest")
        base, _, variant = wanted.rpartition(":")
        if found := self._find(wanted, name):
            return found, ""
        if variant in DYNAMIC_VARIANTS and (found := self._find(base, name)):
            return found, f":{variant}"
        raise ModelNotFound(name)

    def _find(self, wanted: str, name: str) -> str | None:
        if exact := self._exact.get(wanted):
            return exact
        candidates = self._short.get(wanted, [])
        if len(candidates) > 1:
            raise ModelNameAmbiguous(name, sorted(candidates))
        return candidates[0] if candidates else None


class AllowList:
    """
    Which models the owner allows.

    Args:
        ceiling: Patterns of the filter file; None when there is no such file.
        ticks: Ids ticked by hand, within the ceiling; None when nothing was ever ticked or unticked.
            With neither, every model is allowed.
    """

    def __init__(self, ceiling: Iterable[str] | None = None, ticks: Iterable[str] | None = None) -> None:
        self._ceiling = None if ceiling is None else tuple(line.casefold() for line in ceiling)
        self._ticks = None if ticks is None else frozenset(tick.casefold() for tick in ticks)

    def below_ceiling(self, model_id: str) -> bool:
        """Say whether the filter file admits the model."""
        key = model_id.casefold()
        return self._ceiling is None or any(_fits(key, pattern) for pattern in self._ceiling)

    def allows(self, model_id: str) -> bool:
        """Say whether the model may be listed and called."""
        return self.below_ceiling(model_id) and (self._ticks is None or model_id.casefold() in self._ticks)


def _fits(key: str, pattern: str) -> bool:
    # A pattern without vendor is held against the name without vendor.
    return fnmatchcase(key if "/" in pattern else key.rpartition("/")[2], pattern.removesuffix(":latest"))


def filter_lines(text: str) -> tuple[str, ...]:
    """Return the models and patterns of a filter file: one a line, `#` begins a comment."""
    # Windows' editor puts a mark at the beginning that would become part of the first name.
    lines = (line.partition("#")[0].strip() for line in text.removeprefix("\ufeff").splitlines())
    return tuple(line for line in lines if line)
