"""What the owner allows, and what an app is told that wants more."""

import pytest

from tray_proxy.limits import (
    AppLimitReached,
    DailyLimitReached,
    Limits,
    NoRoomNow,
    RequestTooDear,
    TooManyPaidRequests,
    dollars,
)
from tray_proxy.settings import load

ENDS = "02:00 (midnight UTC)"


def limits(apps):
    return Limits.of(load({"app_limits_usd": apps}))


def test_the_settings_are_the_limits():
    given = {"daily_limit_usd": 2, "request_limit_usd": 0.5, "paid_requests_per_minute": 10, "app_limits_usd": "zed=1"}

    assert Limits.of(load(given)) == Limits(daily_usd=2.0, request_usd=0.5, paid_per_minute=10, apps={"zed": 1.0})


def test_a_careful_owner_begins_with_a_limit():
    assert Limits.of(load()) == Limits(daily_usd=5.0, request_usd=0.0, paid_per_minute=300, apps={})


@pytest.mark.parametrize(
    ("written", "app"),
    [
        ("vscode-copilot=1", "vscode-copilot"),
        ("VS Code Copilot = $1", "vscode-copilot"),
        ("zed=2, vs code copilot=1", "vscode-copilot"),
        ("my agent=1", "My Agent"),
        ("curl=1", "curl/8.5.0"),
        ("curl/8.5.0=1,curl=2", "curl/8.5.0"),
        ("https://page.example=1", "https://page.example"),
    ],
)
def test_an_app_is_named_as_the_page_activity_names_it(written, app):
    own = limits(written).of_app(app)

    assert own is not None
    assert own.usd == 1.0


def test_an_app_that_is_not_named_has_no_limit_of_its_own():
    assert limits("zed=1").of_app("cline") is None
    assert limits("").of_app("cline") is None


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (
            DailyLimitReached(5, 5.021, ENDS),
            402,
            (
                "Tray Proxy's limit of $5.00 a day is reached ($5.02 spent): apps may spend again from 02:00 "
                "(midnight UTC) on. To go on now, raise it in Tray Proxy's Settings (DAILY_LIMIT_USD), or use a free "
                "model."
            ),
        ),
        (
            AppLimitReached("Zed", 0.5, 0.5, ENDS),
            402,
            (
                "Tray Proxy's limit of $0.50 a day for Zed is reached ($0.50 spent): it may spend again from 02:00 "
                "(midnight UTC) on. To go on now, raise it in Tray Proxy's Settings (APP_LIMITS_USD), or use a free "
                "model."
            ),
        ),
        (
            RequestTooDear(1, 2.4),
            402,
            (
                "This request could cost $2.40, and Tray Proxy's limit for one is $1.00: shorten it, ask for a shorter "
                "answer (max_tokens), choose a cheaper model, or raise the limit in Tray Proxy's Settings "
                "(REQUEST_LIMIT_USD)."
            ),
        ),
        (
            NoRoomNow(0.5, "Zed"),
            429,
            (
                "What is being answered now may use up what is left of Tray Proxy's limit of $0.50 a day for Zed: try "
                "again in a moment, ask less at once, or raise it in Tray Proxy's Settings (APP_LIMITS_USD)."
            ),
        ),
        (
            TooManyPaidRequests(300, 12.5),
            429,
            (
                "More than 300 requests that cost money came within a minute, which is Tray Proxy's limit: wait a "
                "moment. If no app runs in a loop, raise it in Tray Proxy's Settings (PAID_REQUESTS_PER_MINUTE)."
            ),
        ),
    ],
)
def test_a_refusal_says_what_was_reached_when_it_ends_and_where_it_is_raised(error, status, words):
    assert (error.status, error.message) == (status, words)
    assert error.hint


def test_only_what_ends_soon_says_when_to_come_back():
    """Many clients wait for as long as they are told, and it would be hours."""
    assert TooManyPaidRequests(300, 12.5).retry_after_s == 12.5
    assert NoRoomNow(5).retry_after_s == 2.0
    assert DailyLimitReached(5, 5, ENDS).retry_after_s is None


@pytest.mark.parametrize(
    ("usd", "written"),
    [
        (0, "$0.00"),
        (5, "$5.00"),
        (0.421, "$0.42"),
        (1234.5, "$1234.50"),
        (0.00123, "$0.0012"),
        (0.000_001, "$0.000001"),
    ],
)
def test_small_amounts_keep_what_counts(usd, written):
    assert dollars(usd) == written
