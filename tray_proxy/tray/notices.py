"""How often the owner is told the same kind of thing: a notification that comes again and again is switched off."""

from collections.abc import Callable

# The machine tells what was not recovered from once; this is for what comes and goes.
PERIOD_S = 3600.0


class Notices:
    """
    Lets each kind of notification through once in an hour.

    Args:
        now_s: A clock that only goes forwards.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._told_s: dict[str, float] = {}

    def lets(self, kind: str | None) -> bool:
        """Say whether to show one of this kind, and take it for shown; None is always shown."""
        if kind is None:
            return True
        now_s = self._now_s()
        told_s = self._told_s.get(kind)
        if told_s is not None and now_s - told_s < PERIOD_S:
            return False
        self._told_s[kind] = now_s
        return True

    def begin_anew(self) -> None:
        """Forget what was shown: the owner asked for something, and is told what comes of it."""
        self._told_s.clear()
