"""Looking for a newer version: when, and what of it is told; by a clock and a timer that the tests set."""

import asyncio

import pytest

from tray_proxy import __version__
from tray_proxy.releases import CannotLook, Release
from tray_proxy.updates import CALM_S, DAY_S, FILE_NAME, Updates

NOW_S = 1_800_000_000.0
HOUR_S = 3600.0
NEWER = Release("999.1.0", ("Something new.",))
NEWEST = Release("999.2.0", ())


class Project:
    """
    A release page, and the time.

    Attributes:
        answer: What it tells: a release, or an error.
        looks: When it was asked.
        waits: How long was waited, in seconds.
    """

    def __init__(self):
        self.now_s = NOW_S
        self.answer = NEWER
        self.looks = []
        self.waits = []
        self._timer = asyncio.Event()
        self._running = asyncio.Event()

    async def latest(self):
        self.looks.append(self.now_s)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def sleep(self, seconds):
        self.waits.append(seconds)
        self._timer = ended = asyncio.Event()
        self._running.set()
        try:
            await ended.wait()
        finally:
            self._running.clear()
        self.now_s += seconds

    async def end_timer(self):
        """Let the timer run out; one that was just called off goes first."""
        await asyncio.sleep(0)
        await self._running.wait()
        self._timer.set()

    async def let_timers_end(self, count=1):
        """Let so many run out one after another, and wait until all is done that comes before the next one."""
        for _ in range(count):
            await self.end_timer()
            await asyncio.sleep(0)
            await self._running.wait()


@pytest.fixture
def project():
    return Project()


@pytest.fixture
def run(loop):
    def run(work):
        return loop.submit(asyncio.wait_for(work, 15)).result(10)

    return run


@pytest.fixture
def start(project, tmp_path):
    """Start a copy, as at each start of the program; gives it, and what it told."""

    def start(*, on=True):
        told = []
        made = Updates(
            project,
            tmp_path / FILE_NAME,
            lambda: told.append(made.newer),
            now_s=lambda: project.now_s,
            sleep=project.sleep,
        )
        made.told = told
        made.use(on=on)
        return made

    return start


async def look_once(start, project):
    copy = start()
    await project.let_timers_end()
    copy.stop()


def test_it_looks_once_a_day_and_never_at_the_start(run, start, project):
    """Not on the way to the first chat; and one timer a day is all that wakes the computer."""

    async def three_days():
        copy = start()
        await project.let_timers_end(3)
        copy.stop()

    run(three_days())

    assert project.looks == [NOW_S + CALM_S, NOW_S + DAY_S + 2 * CALM_S, NOW_S + 2 * DAY_S + 3 * CALM_S]
    assert project.waits == [CALM_S, DAY_S + CALM_S, DAY_S + CALM_S, DAY_S + CALM_S]


def test_a_restart_brings_no_look_forward(run, start, project):
    async def start_often():
        await look_once(start, project)
        for hours in (1, 8, 23):
            project.now_s = project.looks[0] + hours * HOUR_S
            copy = start()
            await asyncio.sleep(0)
            copy.stop()
        project.now_s = project.looks[0] + 25 * HOUR_S
        await look_once(start, project)

    run(start_often())

    assert project.looks == [NOW_S + CALM_S, NOW_S + CALM_S + 25 * HOUR_S + CALM_S]
    assert project.waits[2:5] == [CALM_S + DAY_S - hours * HOUR_S for hours in (1, 8, 23)]


@pytest.mark.parametrize("back_s", [HOUR_S, 30 * DAY_S, NOW_S - 1])
def test_a_clock_that_is_put_back_and_right_again_brings_no_look_forward(run, start, project, back_s):
    """As on computers that keep the time of another system, or forget it when they are off."""

    async def put_back():
        await look_once(start, project)
        project.now_s = NOW_S - back_s
        copy = start()
        await asyncio.sleep(0)
        copy.stop()
        project.now_s = NOW_S + HOUR_S
        copy = start()
        await asyncio.sleep(0)
        copy.stop()

    run(put_back())

    assert len(project.looks) == 1
    assert project.waits[2:] == [CALM_S + DAY_S, CALM_S + CALM_S + DAY_S - HOUR_S]


def test_a_clock_that_was_ahead_at_the_last_look_puts_off_no_look_for_ever(run, start, project):
    """Each start finds the last look in the future, and a day after the first of them it is looked."""

    async def correct():
        project.now_s = NOW_S + 3000 * DAY_S
        await look_once(start, project)
        for hours in (0, 8, 16, 25):
            project.now_s = NOW_S + hours * HOUR_S
            copy = start()
            await asyncio.sleep(0)
            if hours == 25:
                await project.let_timers_end()
            copy.stop()

    run(correct())

    assert project.looks[1:] == [NOW_S + 25 * HOUR_S + CALM_S]


def test_after_a_sleep_it_is_reckoned_anew_when_to_look(run, start, project):
    """The timer stood still meanwhile; the network is given time to come."""

    async def sleep_for_two_days():
        copy = start()
        await project.let_timers_end()
        project.now_s += 2 * DAY_S
        copy.nudge()
        await project.let_timers_end()
        copy.stop()

    run(sleep_for_two_days())

    assert project.looks == [NOW_S + CALM_S, NOW_S + CALM_S + 2 * DAY_S + CALM_S]


def test_a_newer_version_is_told_at_once_and_after_a_restart(run, start, project):
    async def find_and_restart():
        first = start()
        await project.let_timers_end()
        first.stop()
        second = start()
        second.stop()
        return first.told, second.told

    assert run(find_and_restart()) == ([None, NEWER], [NEWER])


@pytest.mark.parametrize("version", [__version__, "0.0.1"])
def test_what_is_not_newer_is_nothing(run, start, project, version):
    project.answer = Release(version, ("Something old.",))

    async def look():
        copy = start()
        await project.let_timers_end()
        found = copy.newer, copy.to_tell, copy.tell_once()
        copy.stop()
        return found

    assert run(look()) == (None, None, False)


def test_a_look_that_fails_is_silent_and_made_again_the_next_day(run, start, project):
    async def fail():
        project.answer = CannotLook("no answer within 10 s")
        copy = start()
        await project.let_timers_end()
        silent = list(copy.told)
        project.answer = NEWER
        await project.let_timers_end()
        copy.stop()
        return silent, copy.told

    assert run(fail()) == ([None], [None, NEWER])
    assert project.waits == [CALM_S, DAY_S + CALM_S, DAY_S + CALM_S]


def test_what_was_found_stays_when_the_next_look_fails(run, start, project):
    async def fail_later():
        copy = start()
        await project.let_timers_end()
        project.answer = CannotLook("status 404")
        await project.let_timers_end()
        found = copy.newer
        copy.stop()
        return found

    assert run(fail_later()) == NEWER


def test_switched_off_it_tells_nothing_and_looks_no_more(run, start, project):
    async def switch():
        copy = start()
        await project.let_timers_end()
        copy.use(on=False)
        off = copy.newer, copy.to_tell
        copy.nudge()
        await asyncio.sleep(0)
        copy.use(on=True)
        on = copy.newer
        copy.stop()
        return off, on, copy.told

    assert run(switch()) == ((None, None), NEWER, [None, NEWER, None, NEWER])
    assert len(project.looks) == 1


def test_a_look_under_way_is_given_up_when_it_is_switched_off(run, start, project):
    async def switch():
        asked, given_up = asyncio.Event(), asyncio.Event()

        async def latest():
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                given_up.set()

        project.latest = latest
        copy = start()
        await project.end_timer()
        await asked.wait()
        copy.use(on=False)
        await given_up.wait()
        return copy.newer

    assert run(switch()) is None


def test_switched_off_from_the_start_it_waits_for_nothing(run, start, project, tmp_path):
    async def begin():
        copy = start(on=False)
        await asyncio.sleep(0)
        return copy.told

    assert run(begin()) == []
    assert project.waits == []
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_no_release_built_never_looks(run, tmp_path):
    async def begin():
        before = asyncio.all_tasks()
        copy = Updates(None, tmp_path / FILE_NAME, lambda: pytest.fail("there is nothing to tell"))
        copy.use(on=True)
        copy.nudge()
        return copy.newer, asyncio.all_tasks() - before

    assert run(begin()) == (None, set())


def test_not_now_lasts_for_that_version(run, start, project):
    """The tray's menu goes on leading to it."""

    async def put_off():
        copy = start()
        await project.let_timers_end()
        copy.put_off(NEWEST.version)
        not_there = copy.to_tell
        copy.put_off(NEWER.version)
        copy.stop()
        copy = start()
        after = copy.newer, copy.to_tell
        project.answer = NEWEST
        project.now_s += DAY_S
        copy.nudge()
        await project.let_timers_end()
        later = copy.to_tell
        copy.stop()
        return not_there, after, later

    assert run(put_off()) == (NEWER, (NEWER, None), NEWEST)


def test_each_version_is_told_by_one_notification(run, start, project):
    async def tell():
        copy = start()
        nothing = copy.tell_once()
        await project.let_timers_end()
        told = [copy.tell_once(), copy.tell_once()]
        copy.stop()
        copy = start()
        told.append(copy.tell_once())
        project.answer = NEWEST
        project.now_s += DAY_S
        copy.nudge()
        await project.let_timers_end()
        told.append(copy.tell_once())
        copy.stop()
        return [nothing, *told]

    assert run(tell()) == [False, True, False, False, True]


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"looked_s": "yesterday"}', b"\xff"])
def test_notes_that_cannot_be_read_are_as_none(run, start, project, tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)

    async def begin():
        await look_once(start, project)

    run(begin())

    assert project.looks == [NOW_S + CALM_S]


def test_where_a_look_cannot_be_noted_none_is_made(run, start, project, tmp_path):
    """Or it would be made at each start. Nor is it tried every few minutes."""
    (tmp_path / FILE_NAME).mkdir()

    async def begin():
        copy = start()
        await project.let_timers_end(2)
        copy.stop()

    run(begin())

    assert project.looks == []
    assert project.waits == [CALM_S, CALM_S + DAY_S, CALM_S + DAY_S]
