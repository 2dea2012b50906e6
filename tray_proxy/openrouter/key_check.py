"""
What OpenRouter says about a key, in plain words for its owner; pure.

A key that was never known, one that was switched off and one that has expired all come as 401: the message tells them
apart where it can. Of a key that works, `/key` tells limit and use, and whether its account ever bought credit; the
account's balance it does not tell.

Source: OpenRouter's OpenAPI file, path `/key`; docs, "Limits" and "Errors and Debugging".
"""

import re
from datetime import UTC, datetime

from tray_proxy.errors import KeyRejected, UpstreamError
from tray_proxy.texts import text
from tray_proxy.wire.openrouter import KeyInfo

# The docs give no words for these: they are what such messages have in common.
_REFUSED = (
    (re.compile(r"disabled|switched off|inactive|revoked|suspended", re.IGNORECASE), "key_off"),
    (re.compile(r"expired", re.IGNORECASE), "key_expired"),
)
RESETS = ("daily", "weekly", "monthly")


def sentence(info: KeyInfo) -> str:
    """Say what a key that works is good for."""
    if info.limit is not None and info.limit_remaining is not None:
        limit, rest = f"{info.limit:.2f}", f"{info.limit_remaining:.2f}"
        if info.limit_remaining <= 0:
            reset = f"_{info.limit_reset}" if info.limit_reset in RESETS else ""
            return text(f"sign_in.key_limit_used_up{reset}", limit=limit)
        if not info.is_free_tier:
            return text("sign_in.key_limit", limit=limit, rest=rest)
    return text("sign_in.key_free" if info.is_free_tier else "sign_in.key_works")


def must_answer(info: KeyInfo, now: datetime) -> None:
    """
    See that models can be asked with a key that OpenRouter knows.

    Raises:
        KeyRejected: it has expired, or is made for managing other keys.
    """
    if info.is_management_key:
        raise _rejected("key_manages")
    if info.expires_at is not None and _time(info.expires_at) <= now:
        raise _rejected("key_expired")


def refusal(error: UpstreamError) -> UpstreamError:
    """Say what it means that OpenRouter told nothing about a key; what is a matter of the way to it stays as it is."""
    if type(error) is UpstreamError and error.status >= 500:
        return UpstreamError(
            text("sign_in.key_not_told", status=error.status), status=error.status, hint=text("sign_in.later")
        )
    if not isinstance(error, KeyRejected):
        return error
    return _rejected(next((word for pattern, word in _REFUSED if pattern.search(error.message)), "key_unknown"))


def _rejected(word: str) -> KeyRejected:
    return KeyRejected(text(f"sign_in.{word}"), hint=text(f"sign_in.{word}_hint"))


def _time(written: str) -> datetime:
    """Read a time; one that cannot be read is far away, for OpenRouter itself accepts the key."""
    try:
        time = datetime.fromisoformat(written)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
