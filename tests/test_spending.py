"""What the tray and the page are told of spending: at once where it counts, and seldom otherwise."""

import asyncio
import re

import pytest

from tray_proxy import spending as module
from tray_proxy.ledger import FILE_NAME
from tray_proxy.settings import load
from tray_proxy.spending import Spending
from tray_proxy.translate.prices import Prices
from tray_proxy.tray.state import SpendingChanged
from tray_proxy.wire.openrouter import Usage

PAID = Prices(1e-6, 1e-6)


class World:
    def __init__(self, folder, **settings):
        self.events, self.changes = [], 0
        self.spending = Spending(load(settings), folder / FILE_NAME, lambda: None, self.events.append, self._changed)

    def _changed(self):
        self.changes += 1

    def spend(self, usd):
        self.spending.budget.admit(lambda: "zed", PAID, 0).settle(Usage(cost=usd), int)
        self.spending.budget.look()


@pytest.fixture
def minutes(monkeypatch):
    """A clock that stands still unless it is set."""
    now_s = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now_s[0])
    return now_s


def run(work):
    async def to_its_end():
        await work()

    asyncio.run(to_its_end())


def test_the_tray_is_told_how_the_day_stands(tmp_path):
    async def work():
        world = World(tmp_path, daily_limit_usd=5)
        world.spending.budget.look()
        assert world.events == [SpendingChanged("Today $0.00 of $5.00")]
        assert world.changes == 1

    run(work)


def test_without_a_limit_what_was_spent_is_told_alone(tmp_path):
    async def work():
        world = World(tmp_path, daily_limit_usd=0)
        world.spending.budget.look()
        assert world.events == [SpendingChanged("Today $0.00")]

    run(work)


def test_small_steps_are_told_now_and_then(tmp_path, minutes, monkeypatch):
    """Each change of the menu closes it on some systems, where it is open."""

    async def work():
        world = World(tmp_path, daily_limit_usd=5)
        world.spending.budget.look()
        later = []
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(
            loop, "call_later", lambda *timer: later.append(timer) or loop.call_at(loop.time() + 99, int)
        )
        for _ in range(3):
            world.spend(0.1)
        assert len(world.events) == 1
        wait_s, tell, news = next(timer for timer in reversed(later) if len(timer) == 3)
        assert wait_s == module.TOLD_EVERY_S
        tell(news)
        assert world.events[1:] == [SpendingChanged("Today $0.30 of $5.00")]
        minutes[0] += module.TOLD_EVERY_S
        world.spend(0.1)
        assert world.events[2:] == [SpendingChanged("Today $0.40 of $5.00")]
        assert world.changes == 5

    run(work)


def test_what_needs_the_owner_is_told_at_once(tmp_path, minutes):
    async def work():
        world = World(tmp_path, daily_limit_usd=5)
        for usd in (0.0, 4.2, 0.1, 1.0):
            world.spend(usd)
        first, near, reached = world.events
        assert first == SpendingChanged("Today $0.00 of $5.00")
        assert near == SpendingChanged("Today $4.20 of $5.00", "", 80, "$5.00")
        assert (reached.line, reached.percent, reached.limit) == ("Today $5.30 of $5.00", 100, "$5.00")
        assert re.fullmatch(r"\d\d:\d\d", reached.back_at)
        world.spending.use(load({"daily_limit_usd": 10}))
        assert world.events[3:] == [SpendingChanged("Today $5.30 of $10.00")]

    run(work)


def test_on_the_page_a_limit_that_is_reached_is_a_trouble_until_it_is_raised(tmp_path):
    async def work():
        world = World(tmp_path, daily_limit_usd=1)
        assert world.spending.trouble is None
        world.spend(1.25)
        told = world.spending.trouble
        assert re.fullmatch(
            r"Today's limit of \$1\.00 is reached: \$1\.25 are spent\. Models that cost answer again from \d\d:\d\d "
            r"on, free ones all the time\.",
            told.message,
        )
        assert told.hint == "To go on now, raise it in Settings, under Spending."
        world.spending.use(load({"daily_limit_usd": 2}))
        assert world.spending.trouble is None

    run(work)


def test_a_damaged_file_is_told_with_what_was_found_instead(tmp_path):
    (tmp_path / FILE_NAME).write_text("{")

    (told,) = World(tmp_path).spending.load(tmp_path / "no log", demo=False)

    assert told == (
        "What was spent today could not be read, and was added up from the log: $0.00. The damaged file lies beside it."
    )
