"""What is kept of spending: days by OpenRouter's calendar, and a file that no crash, and no clock, makes forget."""

import os
import stat

import msgspec
import pytest

from tray_proxy import ledger
from tray_proxy.ledger import DAY_S, MAX_APPS, Day, Ledger

TODAY = 20_000
NOON_S = TODAY * DAY_S + 12 * 3600.0


def kept(usd=2.0, number=TODAY, **more):
    return Ledger(Day(number, usd, {"zed": usd}), **more)


def test_a_new_day_begins_with_nothing_spent():
    book = kept()

    assert book.turn(NOON_S + DAY_S, sure=False) is True
    assert (book.today, book.earlier) == (Day(TODAY + 1), [Day(TODAY, 2.0, {"zed": 2.0})])


def test_the_same_day_stays():
    book = kept()

    assert book.turn(NOON_S + 3600, sure=True) is False
    assert book == kept(told=TODAY)


@pytest.mark.parametrize("back_s", [3600.0, 13 * 3600.0, DAY_S, 400 * DAY_S])
def test_a_clock_that_is_put_back_gives_nothing_back(back_s):
    book = kept()

    assert book.turn(NOON_S - back_s, sure=False) is False
    assert book == kept()


def test_a_clock_that_was_ahead_is_forgiven_and_the_money_is_not():
    """Put forward by a day it begins a new one; OpenRouter's answer then says that it is still today."""
    book = Ledger(Day(TODAY, 2.0, {"zed": 2.0}, 80), told=TODAY)
    book.turn(NOON_S + DAY_S, sure=False)
    book.today.add("zed", 0.5)
    book.today.add("cline", 0.25)

    assert book.turn(NOON_S, sure=True) is True
    assert book == Ledger(Day(TODAY, 2.75, {"zed": 2.5, "cline": 0.25}, 80), told=TODAY)
    assert book.turn(NOON_S + DAY_S, sure=True) is True
    assert book.today == Day(TODAY + 1)


@pytest.mark.parametrize("steps", [2, 5, 20])
def test_however_often_a_clock_is_put_forward_all_that_was_spent_counts(steps):
    book = kept(told=TODAY)
    for step in range(steps):
        book.turn(NOON_S + (step + 1) * DAY_S, sure=False)
        book.today.add("zed", 2.0)

    assert book.turn(NOON_S, sure=True) is True
    assert (book.today.number, book.today.spent_usd, book.earlier) == (TODAY, 2.0 * (steps + 1), [])


def test_a_file_from_the_future_is_of_today_as_soon_as_openrouter_tells_the_time():
    """Or a clock that was once years ahead would lock the owner out for years."""
    book = kept(number=TODAY + 2000)

    assert book.turn(NOON_S, sure=False) is False
    assert book.turn(NOON_S, sure=True) is True
    assert book == kept(told=TODAY)
    assert book.turn(NOON_S + DAY_S, sure=True) is True
    assert book.today == Day(TODAY + 1)


def test_a_day_that_openrouter_takes_back_begins_no_second_time():
    book = kept(told=TODAY)

    assert book.turn(NOON_S - DAY_S, sure=True) is True
    assert (book.today.number, book.today.spent_usd) == (TODAY - 1, 2.0)
    assert book.turn(NOON_S, sure=True) is True
    assert (book.today.number, book.today.spent_usd) == (TODAY, 2.0)
    assert book.turn(NOON_S + DAY_S, sure=True) is True
    assert book.today == Day(TODAY + 1)


def test_what_was_spent_while_our_clock_was_behind_counts_for_the_day_that_is_told():
    book = Ledger(Day(0))
    book.turn(NOON_S - DAY_S, sure=False)
    book.today.add("zed", 2.0)

    assert book.turn(NOON_S, sure=True) is True
    assert book == kept(told=TODAY)


def test_a_second_around_midnight_changes_no_day():
    """OpenRouter tells whole seconds: its time may seem to lie a little before ours."""
    book = kept(number=TODAY + 1)

    assert book.turn((TODAY + 1) * DAY_S - 1.5, sure=True) is False


def test_programs_are_told_apart_within_bounds():
    day = Day(TODAY)
    for number in range(MAX_APPS + 50):
        day.add(f"app {number}", 0.5)

    assert (len(day.apps), day.apps[ledger.OTHERS], day.spent_usd) == (MAX_APPS + 1, 25.0, (MAX_APPS + 50) / 2)


def test_what_was_written_is_read(tmp_path):
    file = tmp_path / ledger.FILE_NAME
    book = kept(earlier=[Day(TODAY - 1, 1.0)], told=TODAY, taken_back=TODAY + 1)

    file.write_bytes(ledger.written(book, 0.0))

    assert ledger.read(file) == book


def test_what_is_under_way_is_written_apart_and_read_as_spent(tmp_path):
    """Who is killed cannot tell any more what became of it."""
    book, file = kept(), tmp_path / ledger.FILE_NAME

    file.write_bytes(ledger.written(book, 0.75))

    assert msgspec.json.decode(file.read_bytes())["under_way_usd"] == 0.75
    assert ledger.read(file) == Ledger(Day(TODAY, 2.75, {"zed": 2.0}))
    assert book == kept()


def test_no_file_is_no_damage(tmp_path):
    assert ledger.read(tmp_path / ledger.FILE_NAME) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"\0" * 100,
        b'{"today": {"number": 20000, "spent_usd": -1.0, "apps": {}}}',
        b'{"today": {"number": 20000, "spent_usd": 1.0, "apps": {"zed": -5}}}',
        b'{"today": {"number": 20000, "spent_usd": 1.0}, "earlier": [{"number": 19999, "spent_usd": -2}]}',
        b'{"today": {"number": 20000, "spent_usd": 1.0}, "under_way_usd": -1}',
        b'{"today": {"number": 20000, "spent_usd": 1e999}}',
        b'{"today": {"number": 20000, "spent_usd": 1e300}}',
        b'{"today": {"number": 999999999999999, "spent_usd": 6.0}}',
        b'{"today": {"number": -1, "spent_usd": 6.0}}',
        b'{"today": {"spent_usd": 6.0}}',
        b'{"today": {"number": "x"}}',
        b'{"hello": 1}',
        b"{}",
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_set_aside(tmp_path, content):
    file = tmp_path / ledger.FILE_NAME
    file.write_bytes(content)

    with pytest.raises(ValueError, match=r"^$"):
        ledger.read(file)

    (aside,) = tmp_path.iterdir()
    assert aside.match(ledger.DAMAGED)
    assert aside.read_bytes() == content


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="everything may be read")
def test_a_file_that_cannot_be_read_stays_where_it_is(tmp_path):
    file = tmp_path / ledger.FILE_NAME
    file.write_bytes(b"{}")
    file.chmod(0)

    with pytest.raises(OSError, match="denied"):
        ledger.read(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0
