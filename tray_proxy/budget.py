"""
How much apps may spend: judged before anything is asked of OpenRouter, and kept count of by what it bills.

A request that costs is admitted as long as the limit is not reached by what was spent and what is under way, so that
each request under way can exceed it by its own cost, its prompt's included, and by no more. Who asks is a hint and no
proof: an app's own limit keeps an honest program from running away, and the day's limit holds for all together.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from tray_proxy import ledger
from tray_proxy.callers import NAMES
from tray_proxy.ledger import DAY_S, MAX_APPS, OTHERS, Day, Ledger
from tray_proxy.limits import (
    AppLimitReached,
    DailyLimitReached,
    Limits,
    NoRoomNow,
    NotBought,
    OwnLimit,
    Today,
    TooManyPaidRequests,
)
from tray_proxy.paths import replace_file
from tray_proxy.translate.prices import Prices
from tray_proxy.wire.openrouter import Usage

# How long after a payment, or a question, it is on the disk, and everybody is told; what comes meanwhile goes along.
SETTLE_AFTER_S = 0.5
MINUTE_S = 60.0
# No request costs so much, or less than nothing: such a figure is none, and once added would lock everybody out.
NO_BILL_USD = 1e6
NO_TOKENS = 10_000_000
# What is left of sums of fractions; no request costs so little.
TRACE_USD = 1e-9
# Of a day's limit: the owner is told once of each, a day.
WARNINGS = (80, 100)

log = structlog.get_logger(__name__)


class Bill:
    """One request that was admitted: what it is taken to cost until OpenRouter tells, or for good where it does not."""

    __slots__ = ("_app", "_budget", "_is_settled", "_model", "_prices", "_prompt_tokens", "_under_way_usd", "_who")

    def __init__(
        self,
        budget: "Budget",
        who: Callable[[], str],
        app: str,
        prices: Prices,
        prompt_tokens: int,
        under_way_usd: float,
        model: str,
    ) -> None:
        self._budget = budget
        self._model = model
        self._who = who
        self._app = app
        self._prices = prices
        self._prompt_tokens = prompt_tokens
        self._under_way_usd = under_way_usd
        self._is_settled = False

    def settle(self, usage: Usage, said_tokens: Callable[[], int], *, was_asked: bool = True) -> None:
        """
        Count what it has cost, once; whatever comes later changes nothing.

        Args:
            usage: What OpenRouter told of it. Where it told no cost, its tokens count by the list price, and where it
                told none of them either, the prompt's estimate and what was said: an answer that is cut is billed.
            said_tokens: Says about how many tokens have arrived.
            was_asked: Whether it may have reached OpenRouter; it costs nothing where it cannot have.
        """
        if self._is_settled:
            return
        self._is_settled = True
        cost_usd = usage.cost
        if cost_usd is None or not 0 <= cost_usd < NO_BILL_USD:
            prompt = _told(usage.prompt_tokens, lambda: self._prompt_tokens)
            said = _told(usage.completion_tokens, said_tokens)
            estimate_usd = min(self._prices.of(prompt, said), NO_BILL_USD)
            cost_usd = estimate_usd if was_asked and not self._prices.is_free else 0.0
        if self._under_way_usd:
            self._budget.leave(self._app, self._under_way_usd)
        if cost_usd > 0:
            if self._prices.is_free:
                self._budget.distrust(self._model)
            self._budget.pay(self._app, self._who, cost_usd)


class Budget:
    """
    Admits requests, and keeps count. To be used from one event loop.

    Args:
        file: Where the count is kept; None keeps it in memory.
        changed: Told how the day stands: soon after a payment, at a new day, and with new limits. And which of
            `WARNINGS` the owner is to be given now; 0 for none.
        true_s: OpenRouter's time now, as Unix time; None before it told one.
        now_s: Unix time.
        monotonic_s: A clock that is never set, in seconds.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        file: Path | None = None,
        *,
        changed: Callable[[Today, int], None] = lambda _today, _percent: None,
        true_s: Callable[[], float | None] = lambda: None,
        now_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits or Limits()
        self._file = file
        self._changed = changed
        self._true_s = true_s
        self._now_s = now_s
        self._monotonic_s = monotonic_s
        self._ledger = Ledger(Day(0))
        # What requests under way are taken to cost, how many they are, and what it is by program where one has a limit.
        self._under_way_usd = 0.0
        self._under_way = 0
        self._under_way_by_app: dict[str, float] = {}
        # What was paid, and is not noted yet for whom: nobody waits for that.
        self._unnamed: list[tuple[Callable[[], str], float]] = []
        # Models that cost nothing by the list, and were charged for since the start.
        self._billed: set[str] = set()
        self._recent: deque[float] = deque(maxlen=self._limits.paid_per_minute)
        self._due: asyncio.TimerHandle | None = None
        self._at_midnight: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._is_saved = True
        # What is under way, as it stands in the file.
        self._kept_under_way_usd = 0.0
        self._is_failing = False
        self._turn()

    @property
    def limits(self) -> Limits:
        """What is in force now."""
        return self._limits

    @property
    def today(self) -> Today:
        """How the day stands now."""
        if self._is_over():
            self._turn()
        limit_usd, spent_usd = self._limits.daily_usd, self._ledger.today.spent_usd
        return Today(
            spent_usd=spent_usd,
            limit_usd=limit_usd,
            ends_s=self._ends_s,
            reached=bool(limit_usd) and spent_usd >= limit_usd,
        )

    def load(self, recount: Callable[[float], Mapping[str, float]]) -> bool:
        """
        Begin with what was spent before the start.

        Args:
            recount: Adds up otherwise what each program has spent since a Unix time. The larger counts: the file may be
                gone, damaged, or of a time before the disk was full.

        Returns:
            Whether the file was damaged, or could not be read.
        """
        if self._file is None:
            return False
        found, is_damaged = None, False
        try:
            found = ledger.read(self._file)
        except (OSError, ValueError) as error:
            is_damaged = True
            log.warning("what was spent today cannot be read, and is added up from the log", error=type(error).__name__)
        if found is not None:
            self._ledger = found
        self._turn()
        today = self._ledger.today
        today.count_at_least(recount(float(today.number * DAY_S)))
        return is_damaged

    def use(self, limits: Limits) -> None:
        """Put other limits in force, from the next request on."""
        if limits.paid_per_minute != self._limits.paid_per_minute:
            self._recent = deque(self._recent, maxlen=limits.paid_per_minute)
        self._limits = limits
        self.look()

    def admit(
        self,
        who: Callable[[], str],
        prices: Prices,
        prompt_tokens: int,
        most_tokens: int = 0,
        *,
        model: str = "",
        goes_on: bool = False,
    ) -> Bill:
        """
        Let a request pass, or refuse it; what passes must be settled in the end.

        Args:
            who: Says who asks: a program's id, or the name it gives itself. Before the question that is looked up only
                where an app has a limit of its own.
            prompt_tokens: How many the prompt has, estimated.
            most_tokens: How many the answer may have; 0 where the request does not say. The most that the model could
                say is not taken for it: nothing would pass.
            model: Whose prices these are: one that is free by them, and was charged for all the same, is free no more.
            goes_on: Whether it is a part of what was admitted before, as far as the number of requests is concerned.

        Raises:
            NotBought: a limit is reached; nothing may be asked.
        """
        if prices.is_free and model not in self._billed:
            return Bill(self, who, OTHERS, prices, prompt_tokens, 0.0, model)
        limits = self._limits
        app = who() if limits.apps else OTHERS
        if limits.request_usd:
            limits.judge(prices.of(prompt_tokens, most_tokens))
        if (limits.daily_usd or limits.apps) and (
            self._is_over()
            or (limits.daily_usd and self._ledger.today.spent_usd + self._under_way_usd >= limits.daily_usd)
            or (limits.apps and self._refusal(app) is not None)
        ):
            # The clock may have been set, by us or by who sets ours, since we last looked.
            self._turn()
            if (refusal := self._refusal(app)) is not None:
                raise refusal
        if limits.paid_per_minute and not goes_on:
            self._brake(limits.paid_per_minute)
        usd = prices.request_usd + prices.prompt_usd * prompt_tokens
        if usd:
            self._under_way_usd += usd
            self._under_way += 1
            if app:
                self._under_way_by_app[app] = self._under_way_by_app.get(app, 0.0) + usd
            if self._due is None and self._file is not None:
                # Where we are killed meanwhile, nobody tells any more what became of it.
                self._save_soon()
        return Bill(self, who, app, prices, prompt_tokens, usd, model)

    def leave(self, app: str, usd: float) -> None:
        """Let go of what was taken for a request under way; for `Bill`."""
        self._under_way -= 1
        # Of sums of fractions a trace would be left.
        self._under_way_usd = self._under_way_usd - usd if self._under_way else 0.0
        if app:
            left_usd = self._under_way_by_app.get(app, 0.0) - usd
            if self._under_way and left_usd > TRACE_USD:
                self._under_way_by_app[app] = left_usd
            else:
                self._under_way_by_app.pop(app, None)
        if self._kept_under_way_usd and self._due is None:
            # In the file it stands as spent, if we are killed.
            self._save_soon()

    def pay(self, app: str, who: Callable[[], str], usd: float) -> None:
        """Count what a request has cost; for `Bill`."""
        if self._is_over():
            self._turn()
        today = self._ledger.today
        today.spent_usd += usd
        if app:
            self._note(app, usd)
        else:
            self._unnamed.append((who, usd))
        self._is_saved = False
        if self._due is None:
            self._keep_soon()

    def distrust(self, model: str) -> None:
        """Take a model for free no more; for `Bill`."""
        self._billed.add(model)

    def look(self) -> None:
        """See what day it is, and tell how it stands: after a sleep, and where something has changed."""
        self._turn()
        self._tell()

    async def close(self) -> None:
        """Keep what is not kept yet, and count no more."""
        for timer in (self._at_midnight, self._due):
            if timer is not None:
                timer.cancel()
        await self._save()

    def _refusal(self, app: str) -> NotBought | None:
        limits, spent_usd = self._limits, self._ledger.today.spent_usd
        if limits.daily_usd and spent_usd >= limits.daily_usd:
            return DailyLimitReached(limits.daily_usd, spent_usd, self.today.ends)
        own = limits.of_app(app) if limits.apps else None
        if own is not None and (own_usd := self._of_one(own, self._ledger.today.apps)) >= own.usd:
            return AppLimitReached(NAMES.get(app, app), own.usd, own_usd, self.today.ends)
        if limits.daily_usd and spent_usd + self._under_way_usd >= limits.daily_usd:
            return NoRoomNow(limits.daily_usd)
        if own is not None and own_usd + self._of_one(own, self._under_way_by_app) >= own.usd:
            return NoRoomNow(own.usd, NAMES.get(app, app))
        return None

    def _of_one(self, own: OwnLimit, usd_by_app: Mapping[str, float]) -> float:
        """Add up what all versions of a program take that have one limit together."""
        return sum(usd for app, usd in usd_by_app.items() if self._limits.of_app(app) == own)

    def _note(self, app: str, usd: float) -> None:
        """Note who has spent; whoever has a limit of his own is never one of the others, however many there are."""
        rows = self._ledger.today.apps
        if app not in rows and len(rows) >= MAX_APPS and (own := self._limits.of_app(app)) is not None:
            app = own.name
            rows.setdefault(app, 0.0)
        self._ledger.today.note(app, usd)

    def _brake(self, limit: int) -> None:
        now_s = self._monotonic_s()
        if len(self._recent) == limit and now_s - self._recent[0] < MINUTE_S:
            raise TooManyPaidRequests(limit, MINUTE_S - (now_s - self._recent[0]))
        self._recent.append(now_s)

    def _turn(self) -> None:
        """Note who has paid, and begin a new day where OpenRouter's has begun."""
        for who, usd in self._unnamed:
            self._note(who(), usd)
        self._unnamed.clear()
        now_s, told_s = self._now_s(), self._true_s()
        true_s = now_s if told_s is None else told_s
        self._is_told = told_s is not None
        if self._ledger.turn(true_s, sure=self._is_told):
            self._is_saved = False
        left_s = (self._ledger.today.number + 1) * DAY_S - true_s
        # By both clocks: ours may be set meanwhile, and the other may stand still while the computer sleeps.
        self._ends_s, self._turns_s = now_s + left_s, self._monotonic_s() + left_s

    def _is_over(self) -> bool:
        """Say whether the day may be another by now; until OpenRouter has told the time, it may be at any moment."""
        return not self._is_told or self._now_s() >= self._ends_s or self._monotonic_s() >= self._turns_s

    def _keep_soon(self) -> None:
        self._is_saved = False
        if self._due is None:
            self._save_soon()

    def _save_soon(self) -> None:
        self._due = asyncio.get_running_loop().call_later(SETTLE_AFTER_S, self._fall_due)

    def _fall_due(self) -> None:
        self._due = None
        if not self._is_saved:
            self.look()
        self._saving = asyncio.get_running_loop().create_task(self._save())

    def _tell(self) -> None:
        today, kept = self.today, self._ledger.today
        percent = 100 * today.spent_usd / today.limit_usd if today.limit_usd else 0.0
        due = max((each for each in WARNINGS if percent >= each), default=0)
        news = due if due > kept.warned else 0
        if news:
            kept.warned = news
            self._keep_soon()
        if self._at_midnight is not None:
            self._at_midnight.cancel()
            self._at_midnight = None
        if today.spent_usd:
            # Nobody may ask anything until then, and all the same it is to be seen that apps may spend again.
            left_s = max(today.ends_s - self._now_s(), 0.0) + 1.0
            self._at_midnight = asyncio.get_running_loop().call_later(left_s, self.look)
        self._changed(today, news)

    async def _save(self) -> None:
        async with self._one_at_a_time:
            under_way_usd = self._under_way_usd
            if self._file is None or (self._is_saved and under_way_usd == self._kept_under_way_usd):
                return
            self._turn()
            content = ledger.written(self._ledger, under_way_usd)
            self._is_saved, self._kept_under_way_usd = True, under_way_usd
            try:
                # In a thread: the disk may be slow, and an answer is not to wait for it.
                await asyncio.to_thread(replace_file, self._file, content)
            except OSError as error:
                # The next payment tries again; until then the count is in memory, and in force.
                self._is_saved = False
                if not self._is_failing:
                    log.warning("what was spent today cannot be kept", error=error.strerror, file=str(self._file))
                self._is_failing = True
            else:
                self._is_failing = False


def _told(tokens: int | None, estimated: Callable[[], int]) -> int:
    """Take what was told of tokens, where it can be."""
    return tokens if tokens is not None and 0 <= tokens < NO_TOKENS else estimated()
