"""The policy of starting anew, by a clock that the test sets."""

import pytest

from tray_proxy.revival import DELAYS_S, PERIOD_S, Revival


class Clock:
    now_s = 50.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def revival(clock):
    return Revival(clock)


def test_each_new_start_waits_longer_and_the_fourth_is_not_made(revival):
    """Three new starts in ten minutes: what dies at every start would else go round and round."""
    assert [revival.next_delay_s() for _ in range(4)] == [*DELAYS_S, None]


def test_what_still_dies_stays_dead(revival):
    assert [revival.next_delay_s() for _ in range(6)][-3:] == [None, None, None]


def test_deaths_are_forgotten_after_ten_minutes(revival, clock):
    for _ in range(3):
        revival.next_delay_s()
    clock.now_s += PERIOD_S

    assert revival.next_delay_s() == DELAYS_S[0]


def test_ten_minutes_are_counted_from_each_death(revival, clock):
    revival.next_delay_s()
    clock.now_s += PERIOD_S - 1
    revival.next_delay_s()
    clock.now_s += 1

    assert revival.next_delay_s() == DELAYS_S[1]


def test_how_often_it_died_can_be_told(revival):
    for _ in range(4):
        revival.next_delay_s()

    assert revival.times == 4
