"""
The demo's keys: what each is good for, what `/key` tells of it, and how an error tells the rest.

A key that is made by signing in is known again by its form, so that it outlives the demo it was made in.

Source: OpenRouter's OpenAPI file, answer of `/key`; docs, "Limits" and "Errors and Debugging". The words for a key
that is switched off or has expired are ours: the docs give the status alone.
"""

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

from tray_proxy.demo.refusals import STATUS_ERRORS, RefusedError

if TYPE_CHECKING:
    from tray_proxy.demo.catalogue import DemoModel

DEMO_KEY = "sk-or-v1-demo-key-that-is-worth-nothing"
# What a person may meet, one key for each.
DISABLED_KEY = "sk-or-v1-demo-key-that-is-switched-off"
EXPIRED_KEY = "sk-or-v1-demo-key-that-has-expired"
FREE_KEY = "sk-or-v1-demo-key-without-credit"
SPENT_KEY = "sk-or-v1-demo-key-with-a-used-up-limit"

OWN = "sk-or-v1-demo-"
MADE = f"{OWN}signed-in-"

_REFUSED = {
    DISABLED_KEY: "This API key is disabled.",
    EXPIRED_KEY: "This API key has expired.",
}
# Over `KEY_DATA`.
_OF_ITS_OWN: dict[str, dict[str, Any]] = {
    FREE_KEY: {
        "limit": None,
        "limit_remaining": None,
        "limit_reset": None,
        "is_free_tier": True,
        **dict.fromkeys(("usage", "usage_daily", "usage_weekly", "usage_monthly"), 0.0),
    },
    SPENT_KEY: {"limit": 5.0, "limit_remaining": 0.0, "usage": 5.0, "usage_monthly": 5.0},
}

KEY_DATA = {
    "limit": 10.0,
    "limit_remaining": 8.75,
    "limit_reset": "monthly",
    "include_byok_in_limit": False,
    "usage": 1.25,
    "usage_daily": 0.25,
    "usage_weekly": 0.75,
    "usage_monthly": 1.25,
    "byok_usage": 0.0,
    "byok_usage_daily": 0.0,
    "byok_usage_weekly": 0.0,
    "byok_usage_monthly": 0.0,
    "is_free_tier": False,
    "is_management_key": False,
    "is_provisioning_key": False,
    "expires_at": None,
    "creator_user_id": None,
    "rate_limit": {
        "requests": -1,
        "interval": "10s",
        "note": "This field is deprecated and safe to ignore.",
    },
}


def is_of_the_demo(key: str) -> bool:
    """Whether this cannot be anybody's real key."""
    return key.startswith(OWN)


def new_key() -> str:
    """Make a key, as signing in does."""
    middle = secrets.token_hex(12)
    return f"{MADE}{middle}{_mark(middle)}"


def authorise(authorization: str | None, own: str) -> str:
    """
    Give the key that a request carries.

    Args:
        authorization: The header.
        own: A key that is good whatever its form.

    Raises:
        RefusedError: there is none, or it is not good.
    """
    if authorization is None:
        raise RefusedError("No cookie auth credentials found", status=401, error_type="authentication")
    key = authorization.removeprefix("Bearer ")
    if key in _REFUSED:
        raise RefusedError(_REFUSED[key], status=401, error_type="authentication")
    if key != own and key not in _OF_ITS_OWN and not _is_made_here(key):
        raise RefusedError("User not found.", status=401, error_type="authentication")
    return key


def charge(key: str, model: "DemoModel") -> None:
    """
    See whether this key can pay for this model.

    Raises:
        RefusedError: it cannot.
    """
    if key == SPENT_KEY:
        raise RefusedError("Key limit exceeded (monthly limit).", status=403, error_type="permission_denied")
    if key == FREE_KEY and model.price != ("0", "0"):
        message, error_type, _ = STATUS_ERRORS[402]
        raise RefusedError(message, status=402, error_type=error_type)


def key_data(key: str) -> dict[str, Any]:
    """Give the `data` of `/key`; a label shows a key's two ends."""
    return {"label": f"{key[:12]}...{key[-3:]} (demo)", **KEY_DATA, **_OF_ITS_OWN.get(key, {})}


def _is_made_here(key: str) -> bool:
    middle, mark = key.removeprefix(MADE)[:24], key[-8:]
    return key == f"{MADE}{middle}{mark}" and mark == _mark(middle)


def _mark(middle: str) -> str:
    return hashlib.sha256(f"made by the demo: {middle}".encode()).hexdigest()[:8]
