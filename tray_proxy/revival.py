"""How often what has died by itself is started again: a few times, each later than the last, and then no more."""

from collections.abc import Callable

# Waits before the first, second and third new start; what dies once more within the period is left dead.
DELAYS_S = (0.5, 2.0, 8.0)
PERIOD_S = 600.0


class Revival:
    """
    Counts deaths, and says whether and when to start anew.

    Args:
        now_s: A clock that only goes forwards.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._died_s: list[float] = []

    def next_delay_s(self) -> float | None:
        """
        Note a death.

        Returns:
            Seconds to wait before the new start; None when it has died too often within ten minutes.
        """
        now_s = self._now_s()
        self._died_s = [died_s for died_s in self._died_s if now_s - died_s < PERIOD_S]
        times = len(self._died_s)
        self._died_s.append(now_s)
        return DELAYS_S[times] if times < len(DELAYS_S) else None

    @property
    def times(self) -> int:
        """How many deaths were noted within the last ten minutes."""
        return len(self._died_s)
