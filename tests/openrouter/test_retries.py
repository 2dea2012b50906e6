"""When a refused request is sent again, and when its sender is told instead."""

import pytest

from tray_proxy.errors import (
    ContextExceeded,
    KeyRejected,
    ModelNotFound,
    NetworkSignIn,
    NoConnection,
    OutOfCredits,
    RateLimited,
    UpstreamError,
    UpstreamTimeout,
)
from tray_proxy.openrouter.failures import from_answer
from tray_proxy.openrouter.retries import MAX_ELAPSED_S, MAX_TRIES, MAX_WAIT_S, PAUSE_S, STATUSES, next_delay_s

pytestmark = pytest.mark.usefixtures("sent_again")

LEAST, MIDDLE, MOST = (lambda: 0.0), (lambda: 0.5), (lambda: 0.999)


def refused(status, retry_after_s=None):
    kind = RateLimited if status == 429 else UpstreamError
    return kind("not now", status=status, retry_after_s=retry_after_s)


def delay(status, retry_after_s=None, *, tries=1, elapsed_s=0.0, chance=MIDDLE):
    return next_delay_s(status, refused(status, retry_after_s), tries, elapsed_s, chance)


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_refused_for_a_moment_is_tried_again_soon(status):
    assert delay(status) == PAUSE_S


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 413, 422, 500, 504, 511, 524, 200, 302])
def test_what_another_try_would_not_change_or_may_have_cost_something_is_not_tried_again(status):
    """A time limit passed may mean that a model was at work."""
    assert delay(status) is None


@pytest.mark.parametrize("status", STATUSES)
def test_the_third_try_is_the_last(status):
    assert [delay(status, tries=tries) is None for tries in (1, 2, 3, 4)] == [False, False, True, True]
    assert MAX_TRIES == 3


def test_the_second_pause_is_longer():
    assert [delay(503, tries=tries) for tries in (1, 2)] == [0.5, 1.0]


def test_no_two_wait_for_the_same_time():
    """Many agents are refused at once; back at once again, they would be refused again."""
    assert [delay(503, chance=chance) for chance in (LEAST, MIDDLE, MOST)] == [0.25, 0.5, pytest.approx(0.7495)]


@pytest.mark.parametrize("asked_s", [0.0, 1.0, MAX_WAIT_S])
def test_nobody_comes_back_sooner_than_told(asked_s):
    assert [delay(429, asked_s, chance=chance) for chance in (LEAST, MIDDLE)] == [asked_s, asked_s + PAUSE_S / 2]


@pytest.mark.parametrize("asked_s", [5.001, 60.0, 86400.0])
def test_a_long_wait_is_not_waited_for(asked_s):
    """An app gets the refusal at once, and with it how long to wait."""
    assert delay(429, asked_s) is None


def test_all_waiting_together_has_an_end():
    """A refusal may take its time, too, and nobody waits for a third."""
    assert delay(503, 5.0, chance=LEAST, elapsed_s=MAX_ELAPSED_S - 5.0) == 5.0
    assert delay(503, 5.0, chance=LEAST, elapsed_s=MAX_ELAPSED_S - 4.9) is None
    assert delay(503, elapsed_s=MAX_ELAPSED_S) is None


@pytest.mark.parametrize(
    "error",
    [
        OutOfCredits("Key limit exceeded", status=429),
        KeyRejected("no", status=502),
        ContextExceeded("too long", status=502),
        ModelNotFound("m"),
        NoConnection("no network"),
        NetworkSignIn("sign in first"),
        UpstreamTimeout("silent"),
    ],
)
def test_what_has_another_cure_is_not_tried_again(error):
    """Whatever status it came with: credit does not come by waiting, nor does a network."""
    assert next_delay_s(503, error, 1, 0.0, MIDDLE) is None


def test_an_error_inside_an_answer_is_not_tried_again():
    """Its status says that something was answered, and so perhaps charged."""
    error = from_answer(200, b'{"error":{"code":503,"message":"none available"}}', None, "m")

    assert error.status == 503
    assert next_delay_s(200, error, 1, 0.0, MIDDLE) is None


@pytest.mark.parametrize(
    ("body", "header", "expected"),
    [
        (b'{"error":{"code":429,"message":"slow down"}}', None, PAUSE_S),
        (b'{"error":{"code":429,"message":"slow down"}}', "2", 2.25),
        (b'{"error":{"code":429,"message":"slow down"}}', "6", None),
        (b'{"error":{"code":429,"message":"slow down"}}', "Thu, 01 Jan 1970 00:01:43 GMT", 3.25),
        (b'{"error":{"code":429,"message":"slow down"}}', "Thu, 01 Jan 1970 01:00:00 GMT", None),
        (b'{"error":{"code":429,"message":"slow down","availability":{"retry_after":3}}}', None, 3.25),
        (b'{"error":{"code":429,"message":"slow down","availability":{"retry_after":30}}}', None, None),
        (b"<html>Bad Gateway</html>", None, PAUSE_S),
    ],
)
def test_how_long_to_wait_may_stand_in_the_header_or_in_the_body(body, header, expected):
    error = from_answer(429, body, header, "m", now_s=100.0)

    assert next_delay_s(429, error, 1, 0.0, MIDDLE) == expected


def test_chance_is_really_random():
    assert len({next_delay_s(503, refused(503), 1, 0.0) for _ in range(20)}) > 1
