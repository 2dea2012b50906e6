"""
What `/api/ps` shows: the models of calls really made, for as long as Ollama would keep them in memory.

Nothing is loaded here. What is told is which models are in use, and until when the app asked for that.

Source: Ollama's `server/sched.go` (useLoadedRunner, expireRunner) and `server/routes.go` (PsHandler).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tray_proxy.translate.keep_alive import DEFAULT_KEEP_ALIVE_S

# Ollama's "for ever" is the longest time that Go can count in nanoseconds: 292 years.
FOR_EVER_S = (2**63 - 1) / 1e9
# More than anyone uses at once. Without it an app could fill the memory with variants of a name, each for ever.
MAX_MODELS = 1000


@dataclass
class _Use:
    """
    A model in use.

    Args:
        keep_s: How long it counts as loaded after its last use.
        last_s: Unix time of the last use.
        under_way: How many calls have not ended yet.
    """

    keep_s: float
    last_s: float
    under_way: int = 0

    def expires_s(self, now_s: float) -> float:
        return (now_s if self.under_way else self.last_s) + self.keep_s

    def holds(self, now_s: float) -> bool:
        return self.under_way > 0 or self.last_s + self.keep_s > now_s


@dataclass
class Loaded:
    """The models in use, by the names they are listed under. What a name stands for is not kept: that may change."""

    _uses: dict[str, _Use] = field(default_factory=dict)

    def used(self, name: str, keep_alive_s: float | None, now_s: float) -> None:
        """
        Note that a model was used, or loaded; with a time of 0 it is gone again at once.

        Args:
            keep_alive_s: Seconds from now, `math.inf` for ever; None keeps to what an earlier use asked for, which
                is five minutes where none did.
            now_s: Unix time.
        """
        self._note(name, keep_alive_s, now_s)

    def in_use(self, name: str, keep_alive_s: float | None, clock: Callable[[], float]) -> "Using":
        """
        Note that a model is used, until the block ends; its time begins to run only then.

        Args:
            keep_alive_s: As for `used`.
            clock: Gives Unix time.
        """
        return Using(self._note(name, keep_alive_s, clock()), clock)

    def unload(self, name: str) -> None:
        """Forget a model, by the name it is listed under; that it was not in use does not matter."""
        self._uses.pop(name, None)

    def present(self, now_s: float) -> list[tuple[str, float]]:
        """Return the names of the models in use and the Unix times when they expire, the longest remaining first."""
        self._forget_expired(now_s)
        rows = [(name, use.expires_s(now_s)) for name, use in self._uses.items()]
        return sorted(rows, key=lambda row: row[1], reverse=True)

    def _note(self, name: str, keep_alive_s: float | None, now_s: float) -> _Use:
        use = self._uses.get(name)
        if use is None or not use.holds(now_s):
            self._forget_expired(now_s)
            use = self._uses[name] = _Use(DEFAULT_KEEP_ALIVE_S, now_s)
        use.last_s = now_s
        if keep_alive_s is not None:
            use.keep_s = min(keep_alive_s, FOR_EVER_S)
        if len(self._uses) > MAX_MODELS:
            del self._uses[min(self._uses, key=lambda each: self._uses[each].expires_s(now_s))]
        return use

    def _forget_expired(self, now_s: float) -> None:
        self._uses = {name: use for name, use in self._uses.items() if use.holds(now_s)}


class Using:
    """
    One use of a model, from the block's beginning to its end, or to `end`.

    Args:
        clock: Gives Unix time.
    """

    def __init__(self, use: _Use, clock: Callable[[], float]) -> None:
        self._use = use
        self._clock = clock
        self._under_way = False

    def __enter__(self) -> Self:
        self._under_way = True
        self._use.under_way += 1
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def end(self) -> None:
        """End it, where it has not ended yet."""
        if self._under_way:
            self._under_way = False
            self._use.under_way -= 1
            self._use.last_s = self._clock()
