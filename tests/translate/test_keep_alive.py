"""How long a model is to stay loaded, in every spelling."""

import math

import pytest

from tray_proxy.errors import BadRequest
from tray_proxy.translate.keep_alive import DEFAULT_KEEP_ALIVE_S, to_seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0),
        (-0.0, 0),
        (10, 10),
        (0.5, 0.5),
        (1e-12, 0),  # less than Go's nanosecond
        (9_000_000_000, 9e9),
        ("0", 0),
        ("+0", 0),
        ("-0", 0),
        ("-0s", 0),
        ("0s", 0),
        ("0.0s", 0),
        ("0h0m0s", 0),
        ("0.5ns", 0),
        ("1ns", 1e-9),
        ("1us", 1e-6),
        ("1µs", 1e-6),
        ("1μs", 1e-6),
        ("300ms", 0.3),
        ("10s", 10),
        ("+5s", 5),
        ("5m", 300),
        ("24h", 86400),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("5.s", 5),
        ("1m1m", 120),
        ("2562047h47m16.854775807s", 9223372036.854775807),  # the most that Go can hold
        ("0." + "9" * 5000 + "s", 0.999999999),
        ("0" * 5000 + "1s", 1),
    ],
)
def test_a_time_is_read_in_seconds(value: object, seconds: float) -> None:
    assert to_seconds(value) == seconds


@pytest.mark.parametrize(
    "value",
    [-1, -0.5, "-1m", "-1ns", "-2562047h47m16.854775808s", 1e300, 10**400, -(10**400), float("inf")],
)
def test_a_negative_time_is_for_ever_and_so_is_one_beyond_counting(value: object) -> None:
    assert to_seconds(value) == math.inf


def test_what_was_not_given_is_left_to_the_server() -> None:
    assert (to_seconds(None), DEFAULT_KEEP_ALIVE_S) == (None, 300.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("soon", 'time: invalid duration "soon"'),
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        (".s", 'time: invalid duration ".s"'),
        ("--1s", 'time: invalid duration "--1s"'),
        (" 5m", 'time: invalid duration " 5m"'),
        ("٣s", 'time: invalid duration "\\xd9\\xa3s"'),
        ('"\\\n', 'time: invalid duration "\\"\\\\\\x0a"'),
        ("2562047h47m16.854775808s", 'time: invalid duration "2562047h47m16.854775808s"'),
        ("9" * 20 + "ns", f'time: invalid duration "{"9" * 20}ns"'),
        ("9" * 5000 + "h", f'time: invalid duration "{"9" * 5000}h"'),
        ("1s" * 10_000, f'time: invalid duration "{"1s" * 50}..."'),
        ("10", 'time: invalid duration "10": missing unit'),
        ("-1", 'time: invalid duration "-1": missing unit'),
        ("1m2", 'time: invalid duration "1m2": missing unit'),
        ("1.2.3s", 'time: invalid duration "1.2.3s": missing unit'),
        ("5x", 'time: invalid duration "5x": unknown unit "x"'),
        ("5 m", 'time: invalid duration "5 m": unknown unit " m"'),
        ("1d", 'time: invalid duration "1d": unknown unit "d"'),
        ("1e3s", 'time: invalid duration "1e3s": unknown unit "e"'),
        (True, "Unsupported type: 'bool'"),
        (False, "Unsupported type: 'bool'"),
        ([5], "Unsupported type: '[]interface {}'"),
        ({"s": 5}, "Unsupported type: 'map[string]interface {}'"),
    ],
)
def test_anything_else_is_refused_in_gos_words(value: object, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        to_seconds(value)

    assert (caught.value.status, caught.value.message) == (400, words)
