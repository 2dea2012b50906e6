"""What OpenRouter says about a key, in plain words."""

from datetime import UTC, datetime

import pytest

from tray_proxy.errors import KeyRejected, UpstreamError, UpstreamUnreachable
from tray_proxy.openrouter import failures, key_check
from tray_proxy.wire.openrouter import KeyInfo

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (KeyInfo(), "This key works."),
        (KeyInfo(limit=5.0, limit_remaining=3.5), "This key works; $3.50 of its limit of $5.00 is left."),
        (KeyInfo(is_free_tier=True), "This key works, but has no credit: free models only."),
        (
            KeyInfo(limit=5.0, limit_remaining=5.0, is_free_tier=True),
            "This key works, but has no credit: free models only.",
        ),
    ],
)
def test_a_key_that_works_is_told_in_plain_words(info, said) -> None:
    assert key_check.sentence(info) == said


@pytest.mark.parametrize(
    ("reset", "said"),
    [
        (None, "$5.00 is used up: no model answers until you raise it at openrouter.ai/settings/keys."),
        ("yearly", "$5.00 is used up: no model answers until you raise it at openrouter.ai/settings/keys."),
        ("daily", "$5.00 a day is used up: no model answers until it begins anew, at midnight UTC."),
        ("weekly", "$5.00 a week is used up: no model answers until it begins anew, on Monday."),
        ("monthly", "$5.00 a month is used up: no model answers until it begins anew, next month."),
    ],
)
@pytest.mark.parametrize("rest", [0.0, -0.1])
def test_a_limit_that_is_used_up_is_told_with_its_end(reset, said, rest) -> None:
    info = KeyInfo(limit=5.0, limit_remaining=rest, limit_reset=reset)

    assert key_check.sentence(info) == f"This key works, but its limit of {said}"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("User not found.", "OpenRouter does not know this key."),
        ("No cookie auth credentials found", "OpenRouter does not know this key."),
        ("", "OpenRouter does not know this key."),
        ("This API key is disabled.", "This key is switched off."),
        ("Key was revoked", "This key is switched off."),
        ("API key expired", "This key has expired."),
    ],
)
def test_each_way_a_key_is_refused_has_a_sentence_of_its_own(message, said) -> None:
    body = f'{{"error": {{"code": 401, "message": "{message}"}}}}'.encode()

    error = key_check.refusal(failures.from_answer(401, body, None, ""))

    assert (type(error), error.message) == (KeyRejected, said)


@pytest.mark.parametrize("status", [500, 503, 529])
def test_an_openrouter_that_is_ill_says_nothing_of_the_key(status) -> None:
    """And no other model would help."""
    error = key_check.refusal(failures.from_answer(status, b"", None, ""))

    assert (type(error), error.status) == (UpstreamError, status)
    assert error.message == f"OpenRouter cannot say anything about a key just now (HTTP status {status})."
    assert error.hint == "Wait a moment, and try again."


@pytest.mark.parametrize(
    "error", [UpstreamUnreachable("OpenRouter could not be reached."), failures.from_answer(402, b"", None, "")]
)
def test_what_has_a_sentence_of_its_own_keeps_it(error) -> None:

    assert key_check.refusal(error) is error


@pytest.mark.parametrize(
    ("info", "said", "hint"),
    [
        (
            KeyInfo(expires_at="2026-11-25T11:59:59Z"),
            "This key has expired.",
            "Make a new one at openrouter.ai/keys, or sign in.",
        ),
        (
            KeyInfo(expires_at="2026-11-25T12:00:00"),
            "This key has expired.",
            "Make a new one at openrouter.ai/keys, or sign in.",
        ),
        (
            KeyInfo(is_management_key=True),
            "This key is for managing other keys: no model answers to it.",
            "Make an ordinary key at openrouter.ai/keys, or sign in.",
        ),
    ],
)
def test_a_key_that_no_model_answers_to_is_refused(info, said, hint) -> None:
    with pytest.raises(KeyRejected) as refused:
        key_check.must_answer(info, NOW)

    assert (refused.value.message, refused.value.hint) == (said, hint)


@pytest.mark.parametrize("expires_at", [None, "2026-11-25T12:00:01Z", "2027-01-01T00:00:00+02:00", "some day"])
def test_a_key_that_has_not_expired_is_good(expires_at) -> None:
    """Nor does a date that we cannot read make it bad."""
    key_check.must_answer(KeyInfo(expires_at=expires_at), NOW)
