"""How often the owner is told the same kind of thing, by a clock that the test sets."""

import pytest

from tray_proxy.tray.notices import PERIOD_S, Notices


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notices(clock: Clock) -> Notices:
    return Notices(clock)


def test_one_kind_is_told_once_in_an_hour(notices: Notices, clock: Clock) -> None:
    first = notices.lets("KeyRejected")
    clock.now_s += PERIOD_S - 1
    within = notices.lets("KeyRejected")
    clock.now_s += 1
    after = notices.lets("KeyRejected")

    assert (first, within, after) == (True, False, True)


def test_what_was_kept_back_does_not_begin_the_hour_anew(notices: Notices, clock: Clock) -> None:
    notices.lets("KeyRejected")
    clock.now_s += PERIOD_S / 2
    notices.lets("KeyRejected")
    clock.now_s += PERIOD_S / 2

    assert notices.lets("KeyRejected") is True


def test_kinds_do_not_stand_in_each_others_way(notices: Notices) -> None:
    assert (notices.lets("KeyRejected"), notices.lets("PortInUse")) == (True, True)


def test_the_answer_to_a_click_is_always_given(notices: Notices) -> None:
    assert [notices.lets(None), notices.lets(None)] == [True, True]


def test_who_turns_it_on_is_told_again_why_it_does_not_work(notices: Notices) -> None:
    notices.lets("PortInUse")

    notices.begin_anew()

    assert notices.lets("PortInUse") is True
