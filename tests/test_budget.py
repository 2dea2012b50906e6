"""The owner's limits against whatever spends: loops, crowds, clocks, restarts, and what nobody tells the cost of."""

import asyncio
import json
import os
import stat

import pytest
import structlog
from structlog.testing import capture_logs

from tray_proxy import budget as module
from tray_proxy.budget import Budget
from tray_proxy.ledger import DAMAGED, DAY_S, FILE_NAME, MAX_APPS
from tray_proxy.limits import (
    AppLimitReached,
    DailyLimitReached,
    Limits,
    NoRoomNow,
    RequestTooDear,
    TooManyPaidRequests,
)
from tray_proxy.translate.prices import Prices
from tray_proxy.wire.openrouter import Usage

TODAY = 20_000
NOON_S = TODAY * DAY_S + 12 * 3600.0
FREE = Prices(0.0, 0.0)
# A dollar for a thousand tokens of the prompt, two for a thousand of the answer.
DEAR = Prices(1e-3, 2e-3)


class Owner:
    """An owner with clocks to turn, and a budget that lives until the block ends."""

    def __init__(self, file=None):
        self.file = file
        self.now_s, self.monotonic_s, self.true_s = NOON_S, 0.0, None
        self.told = []

    def passes(self, seconds):
        """Let time pass, by all clocks."""
        self.now_s += seconds
        self.monotonic_s += seconds
        if self.true_s is not None:
            self.true_s += seconds

    def budget(self, **limits):
        return Budget(
            Limits(**limits),
            self.file,
            changed=lambda today, percent: self.told.append((today.spent_usd, today.reached, percent)),
            true_s=lambda: self.true_s,
            now_s=lambda: self.now_s,
            monotonic_s=lambda: self.monotonic_s,
        )

    def started(self, recount=lambda _since_s: {}, **limits):
        """Start the program anew."""
        budget = self.budget(**limits)
        budget.load(recount)
        return budget


def by(app):
    return lambda: app


def spend(budget, usd, app="zed", prices=DEAR):
    budget.admit(by(app), prices, 0).settle(Usage(cost=usd), int)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(module, "SETTLE_AFTER_S", 0.0)
    # A logger of this test's own: what was set up for another's real log stays with the module's.
    monkeypatch.setattr(module, "log", structlog.get_logger())


def refused(budget, app="zed", **more):
    try:
        budget.admit(by(app), DEAR, 0, **more)
    except (DailyLimitReached, AppLimitReached, NoRoomNow, TooManyPaidRequests) as error:
        return type(error)
    return None


def test_a_loop_is_stopped_after_the_limit():
    async def work():
        budget, asked = Owner().budget(daily_usd=1.0), 0
        while refused(budget) is None:
            spend(budget, 0.3)
            asked += 1
        assert asked == 4
        assert budget.today.spent_usd == pytest.approx(1.2)
        assert refused(budget) is DailyLimitReached

    asyncio.run(work())


def test_requests_under_way_count_with_their_prompts():
    """However many come at once, none is let in that the others have no room for."""

    async def work():
        budget = Owner().budget(daily_usd=1.0)
        bills = [budget.admit(by("zed"), DEAR, 300) for _ in range(4)]
        assert refused(budget) is NoRoomNow
        for bill in bills:
            bill.settle(Usage(cost=0.1), int)
        assert refused(budget) is None
        assert budget.today.spent_usd == pytest.approx(0.4)

    asyncio.run(work())


def test_a_request_that_cost_nothing_leaves_its_room_to_others():
    async def work():
        budget = Owner().budget(daily_usd=1.0)
        budget.admit(by("zed"), DEAR, 2000).settle(Usage(), int, was_asked=False)
        assert refused(budget) is None
        assert budget.today.spent_usd == 0

    asyncio.run(work())


@pytest.mark.parametrize(
    ("usage", "said", "usd"),
    [
        (Usage(cost=0.25), 7, 0.25),
        (Usage(cost=0.0), 7, 0.0),
        (Usage(), 7, 0.114),
        (Usage(cost=-1.0), 7, 0.114),
        (Usage(cost=1e300), 7, 0.114),
        (Usage(cost=float("inf")), 7, 0.114),
        (Usage(prompt_tokens=50), 7, 0.064),
        (Usage(prompt_tokens=50, completion_tokens=10), 7, 0.07),
        (Usage(prompt_tokens=10**15, completion_tokens=10**400), 7, 0.114),
        (Usage(prompt_tokens=-(10**400), completion_tokens=-1), 7, 0.114),
    ],
)
def test_what_nobody_bills_counts_by_its_tokens(usage, said, usd):
    """An answer that is cut is billed all the same."""

    async def work():
        budget = Owner().budget(daily_usd=1.0)
        budget.admit(by("zed"), DEAR, 100).settle(usage, lambda: said)
        assert budget.today.spent_usd == pytest.approx(usd)

    asyncio.run(work())


def test_a_bill_is_paid_once():
    async def work():
        budget = Owner().budget(daily_usd=1.0)
        bill = budget.admit(by("zed"), DEAR, 100)
        bill.settle(Usage(cost=0.25), int)
        bill.settle(Usage(cost=0.25), int)
        assert budget.today.spent_usd == 0.25

    asyncio.run(work())


def test_a_free_model_answers_though_the_limit_is_reached():
    async def work():
        budget = Owner().budget(daily_usd=1.0, paid_per_minute=1, request_usd=0.01, apps={"zed": 0.0})
        budget.admit(by("cline"), Prices(0, 0, 0.01), 0).settle(Usage(cost=2.0), int)
        for _ in range(5):
            budget.admit(by("zed"), FREE, 10**6, 10**6).settle(Usage(), lambda: 5)
        assert budget.today.spent_usd == 2.0

    asyncio.run(work())


def test_what_a_free_model_is_billed_for_counts():
    """A search, say, that the model was let do."""

    async def work():
        budget = Owner().budget(daily_usd=1.0)
        budget.admit(by("zed"), FREE, 10).settle(Usage(cost=1.5), int)
        assert refused(budget) is DailyLimitReached

    asyncio.run(work())


def test_a_model_that_was_charged_for_is_free_no_more():
    """Whatever the list says: else the limit would end nothing."""

    async def work():
        budget = Owner().budget(daily_usd=1.0)
        budget.admit(by("zed"), FREE, 10, model="a/one:free").settle(Usage(cost=1.5), int)
        with pytest.raises(DailyLimitReached):
            budget.admit(by("zed"), FREE, 10, model="a/one:free")
        budget.admit(by("zed"), FREE, 10, model="a/two:free")

    asyncio.run(work())


def test_all_versions_of_a_program_spend_of_its_one_limit():
    async def work():
        budget = Owner().budget(apps={"foo": 0.5, "foo/2": 9.0})
        spend(budget, 5.0, "foo/2")
        for number in range(5):
            spend(budget, 0.1, f"Foo/1.{number}")
        assert [refused(budget, app) for app in ("foo/1.9", "foo", "foo/2", "food/1")] == [
            AppLimitReached,
            AppLimitReached,
            None,
            None,
        ]

    asyncio.run(work())


def test_versions_under_way_count_together():
    async def work():
        budget = Owner().budget(apps={"foo": 0.5})
        bill = budget.admit(by("foo/1"), DEAR, 500)
        assert refused(budget, "foo/2") is NoRoomNow
        bill.settle(Usage(cost=0.1), int)
        assert refused(budget, "foo/2") is None

    asyncio.run(work())


def test_however_many_names_there_are_a_limit_stays_in_force():
    async def work():
        budget = Owner().budget(apps={"curl": 0.5})
        for number in range(MAX_APPS + 10):
            spend(budget, 0.001, f"name {number}")
        for _ in range(3):
            if refused(budget, "curl/8.5.0") is None:
                spend(budget, 0.25, "curl/8.5.0")
        assert refused(budget, "curl/8.5.0") is AppLimitReached
        assert budget._ledger.today.apps["curl"] == 0.5
        assert len(budget._ledger.today.apps) == MAX_APPS + 2

    asyncio.run(work())


def test_no_limit_is_no_limit():
    async def work():
        budget = Owner().budget()
        spend(budget, 10**6)
        assert refused(budget) is None
        assert budget.today.reached is False

    asyncio.run(work())


def test_a_raised_limit_counts_from_the_next_request_on():
    async def work():
        budget = Owner().budget(daily_usd=1.0)
        spend(budget, 1.5)
        assert refused(budget) is DailyLimitReached
        budget.use(Limits(daily_usd=2.0))
        assert refused(budget) is None
        budget.use(Limits(daily_usd=0.5))
        assert refused(budget) is DailyLimitReached

    asyncio.run(work())


def test_an_apps_own_limit_stops_that_app():
    async def work():
        budget = Owner().budget(daily_usd=10.0, apps={"zed": 0.5})
        spend(budget, 0.3)
        bill = budget.admit(by("zed"), DEAR, 300)
        assert refused(budget) is NoRoomNow
        assert refused(budget, "cline") is None
        bill.settle(Usage(cost=0.1), int)
        assert refused(budget) is None
        spend(budget, 0.2)
        assert refused(budget) is AppLimitReached

    asyncio.run(work())


def test_what_an_app_spent_before_it_had_a_limit_counts():
    async def work():
        budget = Owner().budget(daily_usd=10.0)
        spend(budget, 0.6)
        budget.use(Limits(daily_usd=10.0, apps={"zed": 0.5}))
        assert [refused(budget), refused(budget, "cline")] == [AppLimitReached, None]

    asyncio.run(work())


def test_a_great_and_a_tiny_request_of_one_app_both_find_their_end():
    """Of a sum of fractions the small one may be lost."""

    async def work():
        budget = Owner().budget(apps={"zed": 1e9})
        tiny, great = budget.admit(by("zed"), Prices(1e-20, 0), 1), budget.admit(by("zed"), Prices(1.0, 0), 10**6)
        great.settle(Usage(cost=0.0), int)
        tiny.settle(Usage(cost=0.0), int)
        assert (budget._under_way_usd, budget._under_way_by_app) == (0.0, {})

    asyncio.run(work())


def test_an_app_with_a_limit_of_nothing_gets_free_models_only():
    async def work():
        budget = Owner().budget(apps={"zed": 0.0})
        assert refused(budget) is AppLimitReached
        budget.admit(by("zed"), FREE, 10)

    asyncio.run(work())


def test_a_request_that_could_be_too_dear_is_refused_with_what_it_could_cost():
    budget = Owner().budget(request_usd=1.0)

    budget.admit(by("zed"), DEAR, 200, 400)
    with pytest.raises(RequestTooDear, match=r"could cost \$1\.02, and Tray Proxy's limit for one is \$1\.00"):
        budget.admit(by("zed"), DEAR, 200, 410)


def test_where_an_answers_length_is_not_asked_for_the_prompt_alone_counts():
    """The most that a model could say would refuse everything."""
    budget = Owner().budget(request_usd=1.0)

    budget.admit(by("zed"), DEAR, 999)
    with pytest.raises(RequestTooDear):
        budget.admit(by("zed"), DEAR, 1001)


def test_the_brake_lets_so_many_through_within_a_minute():
    owner = Owner()
    budget = owner.budget(paid_per_minute=3)
    for owner.monotonic_s in (0.0, 10.0, 20.0):
        assert refused(budget) is None

    with pytest.raises(TooManyPaidRequests) as caught:
        budget.admit(by("zed"), DEAR, 0)
    assert caught.value.retry_after_s == 40.0
    assert refused(budget, goes_on=True) is None
    owner.monotonic_s = 60.0
    assert [refused(budget), refused(budget)] == [None, TooManyPaidRequests]


def test_what_is_refused_does_not_keep_the_brake_on():
    owner = Owner()
    budget = owner.budget(paid_per_minute=1)
    assert refused(budget) is None
    for owner.monotonic_s in range(1, 60):
        assert refused(budget) is TooManyPaidRequests
    owner.monotonic_s = 60.0
    assert refused(budget) is None


def test_another_brake_counts_what_came_before():
    async def work():
        budget = Owner().budget(paid_per_minute=3)
        for _ in range(3):
            budget.admit(by("zed"), DEAR, 0)
        budget.use(Limits(paid_per_minute=2))
        assert refused(budget) is TooManyPaidRequests
        budget.use(Limits(paid_per_minute=4))
        assert refused(budget) is None

    asyncio.run(work())


def test_midnight_utc_frees_it():
    async def work():
        owner = Owner()
        budget = owner.budget(daily_usd=1.0)
        spend(budget, 1.5)
        owner.now_s = (TODAY + 1) * DAY_S - 1
        assert refused(budget) is DailyLimitReached
        owner.now_s += 1
        assert refused(budget) is None
        assert budget.today.spent_usd == 0

    asyncio.run(work())


@pytest.mark.parametrize("back_s", [60.0, 13 * 3600.0, 30 * DAY_S])
def test_a_clock_that_is_put_back_gives_no_money_back(back_s):
    async def work():
        owner = Owner()
        budget = owner.budget(daily_usd=1.0)
        spend(budget, 1.5)
        owner.now_s -= back_s
        assert refused(budget) is DailyLimitReached

    asyncio.run(work())


def test_a_clock_that_is_put_forward_buys_one_answer_at_most():
    """With that, OpenRouter tells what day it is."""

    async def work():
        owner = Owner()
        budget = owner.budget(daily_usd=1.0)
        spend(budget, 1.5)
        owner.now_s += DAY_S
        spend(budget, 0.1)
        owner.true_s = NOON_S
        assert refused(budget) is DailyLimitReached
        assert budget.today.spent_usd == pytest.approx(1.6)

    asyncio.run(work())


def test_the_day_is_openrouters_where_our_clock_is_wrong():
    async def work():
        owner = Owner()
        owner.true_s = NOON_S - 6 * 3600  # our clock is ahead
        budget = owner.budget(daily_usd=1.0)
        spend(budget, 1.5)
        owner.passes(13 * 3600.0)
        assert refused(budget) is DailyLimitReached
        assert budget.today.ends_s == (TODAY + 1) * DAY_S + 6 * 3600
        owner.passes(5 * 3600.0)
        assert refused(budget) is None

    asyncio.run(work())


@pytest.mark.parametrize(("at_s", "back_s"), [(12 * 3600, DAY_S), (3600, 7200), (12 * 3600, -DAY_S)])
def test_a_clock_that_is_set_while_it_runs_buys_nothing(at_s, back_s):
    """OpenRouter's time goes on by a clock that nobody sets, and its next answer tells the same day."""

    async def work():
        owner = Owner()
        owner.now_s = owner.true_s = TODAY * DAY_S + float(at_s)
        budget = owner.budget(daily_usd=1.0)
        spend(budget, 1.5)
        for set_s in (-back_s, back_s, back_s):
            owner.now_s += set_s
            budget.look()
            owner.passes(1.0)
            assert refused(budget) is DailyLimitReached
            assert budget.today.spent_usd == 1.5
        owner.passes((TODAY + 1) * DAY_S - owner.true_s)
        assert refused(budget) is None

    asyncio.run(work())


def test_put_forward_twice_and_then_told_right_all_counts():
    async def work():
        owner = Owner()
        budget = owner.budget(daily_usd=1.0)
        for _ in range(3):
            spend(budget, 6.0)
            owner.now_s += DAY_S
        owner.true_s = NOON_S
        budget.look()
        assert refused(budget) is DailyLimitReached
        assert budget.today.spent_usd == 18.0

    asyncio.run(work())


def test_what_ends_after_midnight_counts_for_the_day_that_is_now():
    async def work():
        owner = Owner()
        owner.now_s = owner.true_s = (TODAY + 1) * DAY_S - 1.0
        budget = owner.budget(daily_usd=1.0)
        bill = budget.admit(by("zed"), DEAR, 1)
        owner.passes(7200.0)
        bill.settle(Usage(cost=1.5), int)
        assert refused(budget) is DailyLimitReached

    asyncio.run(work())


@pytest.mark.parametrize("days", [-1, 1])
def test_a_restart_under_a_wrong_clock_gives_nothing_back_once_openrouter_tells_the_time(tmp_path, days):
    async def work():
        owner = Owner(tmp_path / FILE_NAME)
        owner.true_s = NOON_S
        budget = owner.started(daily_usd=1.0)
        spend(budget, 1.5)
        await budget.close()
        owner.now_s, owner.true_s = NOON_S + days * DAY_S, None
        budget = owner.started(daily_usd=1.0)
        owner.true_s = NOON_S
        budget.look()
        assert refused(budget) is DailyLimitReached

    asyncio.run(work())


async def saved(budget):
    """Wait for what is kept soon after a payment."""
    while budget._due is not None or budget._saving is None:  # noqa: ASYNC110  the next turns of the loop
        await asyncio.sleep(0)
    await budget._saving


def test_a_restart_keeps_it(tmp_path):
    async def work():
        owner = Owner(tmp_path / FILE_NAME)
        budget = owner.started(daily_usd=1.0)
        spend(budget, 1.5)
        await budget.close()
        assert refused(owner.started(daily_usd=1.0)) is DailyLimitReached

    asyncio.run(work())


def test_a_kill_loses_no_more_than_what_came_last(tmp_path):
    """It is on the disk without anybody closing anything, what was under way included."""

    async def work():
        owner = Owner(tmp_path / FILE_NAME)
        budget = owner.started(daily_usd=1.0)
        budget.admit(by("zed"), DEAR, 500)
        spend(budget, 0.5)
        await saved(budget)
        assert owner.started(daily_usd=1.0).today.spent_usd == 1.0

    asyncio.run(work())


def test_a_kill_while_a_question_is_under_way_counts_its_prompt(tmp_path):
    async def work():
        owner = Owner(tmp_path / FILE_NAME)
        budget = owner.started(daily_usd=1.0)
        bill = budget.admit(by("zed"), DEAR, 1500)
        await saved(budget)
        assert refused(owner.started(daily_usd=1.0)) is DailyLimitReached
        bill.settle(Usage(), int, was_asked=False)
        await saved(budget)
        assert owner.started(daily_usd=1.0).today.spent_usd == 0

    asyncio.run(work())


def test_nothing_is_written_again_while_a_question_is_under_way(tmp_path, monkeypatch):
    async def work():
        budget, written = Owner(tmp_path / FILE_NAME).started(daily_usd=1.0), []
        monkeypatch.setattr(module, "replace_file", lambda _file, content: written.append(content))
        bill = budget.admit(by("zed"), DEAR, 500)
        await saved(budget)
        budget._fall_due()
        await saved(budget)
        assert [json.loads(each)["under_way_usd"] for each in written] == [0.5]
        bill.settle(Usage(cost=0.25), int)
        await budget.close()
        assert [json.loads(each)["under_way_usd"] for each in written] == [0.5, 0.0]

    asyncio.run(work())


def test_after_a_full_disk_and_a_restart_the_log_counts_where_it_tells_of_more(tmp_path):
    async def work():
        owner = Owner(tmp_path / FILE_NAME)
        budget = owner.started(daily_usd=5.0)
        spend(budget, 1.0)
        await budget.close()
        for logged, usd in (({"zed": 6.0, "cline": 1.0}, 7.0), ({"zed": 0.5}, 1.0)):
            budget = owner.started(lambda _since_s, logged=logged: logged, daily_usd=5.0, apps={"zed": 3.0})
            assert budget.today.spent_usd == usd
            assert refused(budget) is (DailyLimitReached if usd > 5 else None)

    asyncio.run(work())


def test_of_apps_whose_requests_have_ended_no_name_is_kept():
    async def work():
        budget = Owner().budget(apps={"zed": 1.0})
        stays = budget.admit(by("cline"), DEAR, 1)
        for tokens in (1, 2, 3):
            bills = [budget.admit(by("zed"), Prices(1.1e-5, 0.0), each) for each in (tokens, 7, 99_999)]
            for bill in bills:
                bill.settle(Usage(cost=0.0), int)
        assert list(budget._under_way_by_app) == ["cline"]
        stays.settle(Usage(cost=0.0), int)

    asyncio.run(work())


def test_what_was_under_way_and_then_refused_does_not_stay_in_the_file(tmp_path):
    async def work():
        owner = Owner(tmp_path / FILE_NAME)
        budget = owner.started(daily_usd=1.0)
        bill = budget.admit(by("zed"), DEAR, 300)
        spend(budget, 0.5)
        await saved(budget)
        bill.settle(Usage(), int, was_asked=False)
        await budget.close()
        assert owner.started(daily_usd=1.0).today.spent_usd == 0.5

    asyncio.run(work())


def test_the_file_is_its_owners_alone(tmp_path):
    async def work():
        owner = Owner(tmp_path / "home" / FILE_NAME)
        budget = owner.started()
        spend(budget, 0.5)
        await budget.close()
        told = json.loads(owner.file.read_text())
        assert told["today"] == {"number": TODAY, "spent_usd": 0.5, "apps": {"zed": 0.5}, "warned": 0}
        if os.name == "posix":
            assert stat.S_IMODE(owner.file.stat().st_mode) == 0o600

    asyncio.run(work())


def test_after_a_night_off_the_old_day_does_not_count(tmp_path):
    async def work():
        owner = Owner(tmp_path / FILE_NAME)
        budget = owner.started(daily_usd=1.0)
        spend(budget, 1.5)
        await budget.close()
        owner.now_s += DAY_S
        assert refused(owner.started(daily_usd=1.0)) is None

    asyncio.run(work())


@pytest.mark.parametrize("content", [b"", b'{"today": {"number": 20000, "spent_usd"', b"\0\0\0\0"])
def test_where_the_file_is_damaged_the_log_keeps_the_limit_in_force(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    since = []

    def recount(since_s):
        since.append(since_s)
        return {"zed": 1.0, "cline": 0.5}

    budget = Owner(tmp_path / FILE_NAME).budget(daily_usd=1.0, apps={"cline": 0.25})
    with capture_logs() as lines:
        assert budget.load(recount) is True

    assert refused(budget) is DailyLimitReached
    assert since == [TODAY * DAY_S]
    assert [line["event"] for line in lines] == ["what was spent today cannot be read, and is added up from the log"]
    assert [file.match(DAMAGED) for file in tmp_path.iterdir()] == [True]


def test_a_file_that_is_gone_is_added_up_anew_too(tmp_path):
    budget = Owner(tmp_path / FILE_NAME).budget(daily_usd=1.0)

    assert budget.load(lambda _: {"zed": 1.0}) is False
    assert refused(budget) is DailyLimitReached


def test_a_full_disk_forgets_nothing_and_is_told_once(tmp_path, monkeypatch):
    async def work():
        owner = Owner(tmp_path / FILE_NAME)
        budget = owner.started(daily_usd=1.0)

        def full(_path, _content):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch, capture_logs() as lines:
            patch.setattr(module, "replace_file", full)
            for _ in range(3):
                spend(budget, 0.3)
                await saved(budget)
        assert [line["event"] for line in lines] == ["what was spent today cannot be kept"]
        spend(budget, 0.3)
        assert refused(budget) is DailyLimitReached
        await budget.close()
        assert owner.started(daily_usd=1.0).today.spent_usd == pytest.approx(1.2)

    asyncio.run(work())


def test_nothing_is_written_while_nothing_is_spent(tmp_path):
    async def work():
        owner = Owner(tmp_path / FILE_NAME)
        budget = owner.started(daily_usd=1.0)
        budget.admit(by("zed"), FREE, 10).settle(Usage(), lambda: 5)
        budget.use(Limits(daily_usd=2.0))
        assert budget._due is None

    asyncio.run(work())


def test_the_owner_is_warned_once_a_day_of_each(tmp_path):
    async def work():
        owner = Owner(tmp_path / FILE_NAME)
        budget = owner.started(daily_usd=1.0)
        for usd in (0.5, 0.35, 0.05, 0.2):
            spend(budget, usd)
            await saved(budget)
        budget.look()
        await budget.close()
        assert [percent for _, _, percent in owner.told if percent] == [80, 100]
        owner.told.clear()
        again = owner.started(daily_usd=1.0)
        again.look()
        assert [(reached, percent) for _, reached, percent in owner.told] == [(True, 0)]
        owner.now_s += DAY_S
        again.look()
        spend(again, 1.0)
        await saved(again)
        assert [percent for _, _, percent in owner.told if percent] == [100]
        await again.close()

    asyncio.run(work())


def test_at_midnight_it_is_told_that_apps_may_spend_again(monkeypatch):
    """Nobody asks anything at night."""

    async def work():
        owner = Owner()
        budget = owner.budget(daily_usd=1.0)
        timers = []
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", lambda *timer: timers.append(timer))
        spend(budget, 1.5)
        budget.look()
        wait_s, look = timers[-1]
        assert wait_s == pytest.approx(12 * 3600 + 1)
        owner.now_s += wait_s
        look()
        assert owner.told[-1] == (0.0, False, 0)

    asyncio.run(work())
