"""What has died by itself is started again: a few times, each later than the last, and then no more."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from tray_proxy.errors import ProxyError
from tray_proxy.texts import text

# Waits before the first, second and third new start; what dies once more within the period is left dead.
DELAYS_S = (0.5, 2.0, 8.0)
PERIOD_S = 600.0

log = structlog.get_logger(__name__)


class Died(ProxyError):
    """
    What listened at the port ends by itself again and again.

    Args:
        error: What ended it, None for a cancelled task. Its kind is told alone: its text may be about a question.
    """

    hint = text("tray.server-died-hint")

    def __init__(self, times: int, error: BaseException | None) -> None:
        reason = "cancelled" if error is None else type(error).__name__
        super().__init__(text("tray.server-died", times=times, reason=reason))


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


class Reviver:
    """
    Starts again what has died. To be used from the event loop.

    Args:
        start: Starts it; raises `ProxyError` where that cannot be.
        lost: Told that it has died, and is started again in a moment.
        failed: Told why it stays dead.
        now_s: A clock that only goes forwards.
    """

    def __init__(
        self,
        start: Callable[[], Awaitable[object]],
        *,
        lost: Callable[[], None],
        failed: Callable[[ProxyError], None],
        now_s: Callable[[], float],
    ) -> None:
        self._start = start
        self._lost = lost
        self._failed = failed
        self._revival = Revival(now_s)
        self._starting: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> bool:
        """Whether it is dead, and will be started again in a moment."""
        return self._starting is not None and not self._starting.done()

    def died(self, error: BaseException | None) -> None:
        """Start it again in a moment, or leave it dead; returns at once."""
        log.error("listener died", exc_info=error)
        delay_s = self._revival.next_delay_s()
        if delay_s is None:
            self._failed(Died(self._revival.times, error))
        else:
            self._lost()
            self._starting = asyncio.create_task(self._start_after(delay_s))

    def give_up(self) -> None:
        """Leave it dead: the owner turned it off."""
        if self._starting is not None:
            self._starting.cancel()

    async def _start_after(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        # From here on a stop finds what was started, and ends that.
        self._starting = None
        try:
            await self._start()
        except ProxyError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001  whatever it is, it is one more death
            self.died(error)
