"""
What the owner is told of spending: in the tray, on the page, in notifications; and where the budget comes from.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from tray_proxy.activity import spent_since
from tray_proxy.budget import Budget
from tray_proxy.errors import ProxyError
from tray_proxy.limits import Limits, Today, dollars
from tray_proxy.setting_list import Settings
from tray_proxy.texts import text
from tray_proxy.tray.state import Event, SpendingChanged

# The tray's menu closes on some systems where a line of it changes.
TOLD_EVERY_S = 30.0


class Spending:
    """
    Keeps how the day stands. To be used in the event loop.

    Args:
        file: Where what was spent is kept.
        true_s: OpenRouter's time now, as Unix time; None before it told one.
        post: Where news for the tray goes.
        changed: Called when the page has something else to tell.
    """

    def __init__(
        self,
        settings: Settings,
        file: Path,
        true_s: Callable[[], float | None],
        post: Callable[[Event], None],
        changed: Callable[[], None],
    ) -> None:
        self._post = post
        self._changed = changed
        self.budget = Budget(Limits.of(settings), file, changed=self._told, true_s=true_s)
        self._last: SpendingChanged | None = None
        self._told_s = -TOLD_EVERY_S
        self._later: asyncio.TimerHandle | None = None

    @property
    def trouble(self) -> ProxyError | None:
        """That the day's limit is reached, in words for the owner; None where it is not."""
        today = self.budget.today
        if not today.reached:
            return None
        about = {"spent": dollars(today.spent_usd), "limit": dollars(today.limit_usd), "time": _clock(today)}
        trouble = ProxyError(text("page.limit-reached", **about))
        trouble.hint = text("page.limit-reached-hint")
        return trouble

    def load(self, log_file: Path, *, demo: bool) -> tuple[str, ...]:
        """Begin with what was spent before the start; returns what is to be told of it."""
        is_damaged = self.budget.load(lambda since_s: spent_since(log_file, since_s, demo=demo))
        return (text("page.spending-lost", spent=dollars(self.budget.today.spent_usd)),) if is_damaged else ()

    def use(self, settings: Settings) -> None:
        """Put changed limits in force, from the next request on."""
        self.budget.use(Limits.of(settings))

    async def close(self) -> None:
        """Keep what is not kept yet, and tell nothing more."""
        if self._later is not None:
            self._later.cancel()
        await self.budget.close()

    def _told(self, today: Today, percent: int) -> None:
        self._changed()
        news = SpendingChanged(spent_today(today.spent_usd, today.limit_usd), _clock(today) if today.reached else "")
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if percent:
            self._tell(SpendingChanged(news.line, news.back_at, percent, dollars(today.limit_usd)))
            return
        waits_s = self._told_s + TOLD_EVERY_S - time.monotonic()
        if self._last is None or self._last.back_at != news.back_at or waits_s <= 0:
            self._tell(news)
        else:
            self._later = asyncio.get_running_loop().call_later(waits_s, self._tell, news)

    def _tell(self, news: SpendingChanged) -> None:
        kept = SpendingChanged(news.line, news.back_at)
        if news.percent or kept != self._last:
            self._last, self._told_s = kept, time.monotonic()
            self._post(news)


def spent_today(spent_usd: float, limit_usd: float) -> str:
    """Say what was spent today, for the tray; a limit of 0 is none."""
    if not limit_usd:
        return text("tray.spent", spent=dollars(spent_usd))
    return text("tray.spent-of", spent=dollars(spent_usd), limit=dollars(limit_usd))


def _clock(today: Today) -> str:
    """Say when the day ends, by this computer's clock."""
    return time.strftime("%H:%M", time.localtime(today.ends_s))
