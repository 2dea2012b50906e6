"""Which models count as loaded, and until when; the clock is an argument."""

import math
from collections.abc import Iterator

import pytest

from tray_proxy.server.loaded import MAX_MODELS, Loaded

NOW_S = 1_700_000_000.0


def present(loaded: Loaded, now_s: float) -> list[tuple[str, float]]:
    return [(name, expires_s - NOW_S) for name, expires_s in loaded.present(now_s)]


def clock(*times_s: float) -> Iterator[float]:
    return iter(NOW_S + time_s for time_s in times_s)


@pytest.fixture
def loaded() -> Loaded:
    return Loaded()


def test_at_first_nothing_is_loaded(loaded: Loaded) -> None:
    assert loaded.present(NOW_S) == []


def test_a_model_counts_as_loaded_for_five_minutes(loaded: Loaded) -> None:
    loaded.used("vendor/one", None, NOW_S)

    assert present(loaded, NOW_S + 299.9) == [("vendor/one", 300.0)]
    assert present(loaded, NOW_S + 300) == []


def test_each_use_begins_the_time_anew(loaded: Loaded) -> None:
    loaded.used("vendor/one", None, NOW_S)
    loaded.used("vendor/one", None, NOW_S + 200)

    assert present(loaded, NOW_S + 400) == [("vendor/one", 500.0)]


def test_the_app_says_how_long(loaded: Loaded) -> None:
    loaded.used("vendor/one", 1800.0, NOW_S)

    assert present(loaded, NOW_S) == [("vendor/one", 1800.0)]


def test_a_use_that_does_not_say_how_long_keeps_to_what_was_said(loaded: Loaded) -> None:
    loaded.used("vendor/one", 1800.0, NOW_S)
    loaded.used("vendor/one", None, NOW_S + 10)

    assert present(loaded, NOW_S + 10) == [("vendor/one", 1810.0)]


def test_what_was_said_is_forgotten_with_the_model(loaded: Loaded) -> None:
    loaded.used("vendor/one", 10.0, NOW_S)
    loaded.used("vendor/one", None, NOW_S + 20)

    assert present(loaded, NOW_S + 20) == [("vendor/one", 320.0)]


@pytest.mark.parametrize("keep_alive_s", [math.inf, 1e300])
def test_for_ever_is_292_years(loaded: Loaded, keep_alive_s: float) -> None:
    """A date that every client can read."""
    loaded.used("vendor/one", keep_alive_s, NOW_S)

    [(_, expires_s)] = loaded.present(NOW_S)
    assert int(expires_s) == 10_923_372_036


def test_a_use_with_zero_leaves_nothing(loaded: Loaded) -> None:
    loaded.used("vendor/one", None, NOW_S)
    loaded.used("vendor/one", 0.0, NOW_S + 1)

    assert loaded.present(NOW_S + 1) == []


def test_what_is_unloaded_is_gone(loaded: Loaded) -> None:
    loaded.used("vendor/one", math.inf, NOW_S)

    loaded.unload("vendor/one")

    assert loaded.present(NOW_S) == []


def test_unloading_what_is_not_loaded_is_no_error(loaded: Loaded) -> None:
    loaded.unload("vendor/one")

    assert loaded.present(NOW_S) == []


def test_the_longest_remaining_comes_first(loaded: Loaded) -> None:
    for name, keep_alive_s in (("a/short", 10.0), ("b/long", 1000.0), ("c/middle", 100.0)):
        loaded.used(name, keep_alive_s, NOW_S)

    assert [name for name, _ in present(loaded, NOW_S)] == ["b/long", "c/middle", "a/short"]


def test_each_name_is_an_entry_of_its_own(loaded: Loaded) -> None:
    loaded.used("vendor/one", None, NOW_S)
    loaded.used("mine", None, NOW_S)

    assert {name for name, _ in present(loaded, NOW_S)} == {"vendor/one", "mine"}


def test_the_time_runs_only_when_the_call_has_ended(loaded: Loaded) -> None:
    times = clock(0, 1000)

    with loaded.in_use("vendor/one", 60.0, times.__next__):
        during = present(loaded, NOW_S + 900)

    assert during == [("vendor/one", 960.0)]
    assert present(loaded, NOW_S + 1000) == [("vendor/one", 1060.0)]


def test_a_call_with_zero_counts_until_it_has_ended(loaded: Loaded) -> None:
    times = clock(0, 20)

    with loaded.in_use("vendor/one", 0.0, times.__next__):
        during = present(loaded, NOW_S + 10)

    assert during == [("vendor/one", 10.0)]
    assert loaded.present(NOW_S + 20) == []


def test_a_call_that_failed_has_used_the_model_too(loaded: Loaded) -> None:
    times = clock(0, 1)

    with pytest.raises(ValueError, match="broke off"), loaded.in_use("vendor/one", None, times.__next__):
        raise ValueError("broke off")

    assert present(loaded, NOW_S + 1) == [("vendor/one", 301.0)]


def test_of_two_calls_the_last_to_end_counts(loaded: Loaded) -> None:
    times = clock(0, 1, 2, 500)

    with loaded.in_use("vendor/one", None, times.__next__):
        with loaded.in_use("vendor/one", None, times.__next__):
            pass
        assert present(loaded, NOW_S + 400) == [("vendor/one", 700.0)]

    assert present(loaded, NOW_S + 500) == [("vendor/one", 800.0)]


def test_a_model_unloaded_while_a_call_runs_stays_away(loaded: Loaded) -> None:
    times = clock(0, 5)

    with loaded.in_use("vendor/one", None, times.__next__):
        loaded.unload("vendor/one")

    assert loaded.present(NOW_S + 5) == []


def test_what_expires_first_makes_room(loaded: Loaded) -> None:
    """The names are bounded by nothing else: each may end in any row of variants."""
    for number in range(MAX_MODELS + 1):
        loaded.used(f"vendor/{number}", 1000.0 - number / 10, NOW_S)

    names = [name for name, _ in present(loaded, NOW_S)]
    assert (len(names), names[0], names[-1]) == (MAX_MODELS, "vendor/0", f"vendor/{MAX_MODELS - 1}")


def test_expired_models_take_no_room(loaded: Loaded) -> None:
    for number in range(1000):
        loaded.used(f"vendor/{number}", 1.0, NOW_S + 2 * number)

    assert len(loaded._uses) == 1
