"""
What the owner allows apps to spend, how the day stands, and how each refusal is told.

All of them are the owner's own limits, never OpenRouter's: its "not enough credit" is `errors.OutOfCredits`.
"""

import time
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from tray_proxy.callers import NAMES
from tray_proxy.errors import ProxyError
from tray_proxy.setting_list import Settings
from tray_proxy.setting_values import app_limits


class NotBought(ProxyError):
    """The owner's own limit is in the way; nothing was asked of OpenRouter, and nothing is charged."""

    status = 402
    retry_after_s: float | None = None


class DailyLimitReached(NotBought):
    """All together have spent what they may in a day."""

    hint = "Raise “A day, all apps together” in Tray Proxy's Settings, or use free models until then."

    def __init__(self, limit_usd: float, spent_usd: float, ends: str) -> None:
        super().__init__(
            f"Tray Proxy's limit of {dollars(limit_usd)} a day is reached ({dollars(spent_usd)} spent): apps may spend "
            f"again from {ends} on. To go on now, raise it in Tray Proxy's Settings (DAILY_LIMIT_USD), or use a free "
            "model."
        )


class AppLimitReached(NotBought):
    """One app has spent what it may in a day."""

    hint = "Raise the app's limit in Tray Proxy's Settings."

    def __init__(self, app: str, limit_usd: float, spent_usd: float, ends: str) -> None:
        super().__init__(
            f"Tray Proxy's limit of {dollars(limit_usd)} a day for {app} is reached ({dollars(spent_usd)} spent): it "
            f"may spend again from {ends} on. To go on now, raise it in Tray Proxy's Settings (APP_LIMITS_USD), or use "
            "a free model."
        )


class RequestTooDear(NotBought):
    """One request alone could cost more than one may."""

    hint = "Raise “One request” in Tray Proxy's Settings, or send less at once."

    def __init__(self, limit_usd: float, cost_usd: float) -> None:
        super().__init__(
            f"This request could cost {dollars(cost_usd)}, and Tray Proxy's limit for one is {dollars(limit_usd)}: "
            "shorten it, ask for a shorter answer (max_tokens), choose a cheaper model, or raise the limit in Tray "
            "Proxy's Settings (REQUEST_LIMIT_USD)."
        )


class TooManyPaidRequests(NotBought):
    """More requests that cost have come within a minute than may."""

    status = 429
    hint = "See which app asks so often on the page Activity; an agent may run in a loop."

    def __init__(self, limit: int, retry_after_s: float) -> None:
        super().__init__(
            f"More than {limit} requests that cost money came within a minute, which is Tray Proxy's limit: wait a "
            "moment. If no app runs in a loop, raise it in Tray Proxy's Settings (PAID_REQUESTS_PER_MINUTE)."
        )
        self.retry_after_s = retry_after_s


class NoRoomNow(NotBought):
    """Less was spent than may be, but what is being answered may use up the rest."""

    status = 429
    retry_after_s = 2.0
    hint = "Ask less at once, or raise the limit in Tray Proxy's Settings."

    def __init__(self, limit_usd: float, app: str | None = None) -> None:
        whose = f"Tray Proxy's limit of {dollars(limit_usd)} a day" + (f" for {app}" if app else "")
        setting = "APP_LIMITS_USD" if app else "DAILY_LIMIT_USD"
        super().__init__(
            f"What is being answered now may use up what is left of {whose}: try again in a moment, ask less at once, "
            f"or raise it in Tray Proxy's Settings ({setting})."
        )


class OwnLimit(NamedTuple):
    """What a program may spend, in US dollars a day; all programs that it was found for by this name spend of it."""

    name: str
    usd: float


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the owner allows; 0 is no limit.

    Args:
        apps: US dollars a day by program: what it is called on the page Activity or in `callers.PROGRAMS`, folded.
    """

    daily_usd: float = 0.0
    request_usd: float = 0.0
    paid_per_minute: int = 0
    apps: Mapping[str, float] = {}

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Take them from the settings."""
        return cls(
            daily_usd=settings.daily_limit_usd,
            request_usd=settings.request_limit_usd,
            paid_per_minute=settings.paid_requests_per_minute,
            apps=app_limits(settings.app_limits_usd),
        )

    def judge(self, most_usd: float) -> None:
        """
        Judge what one request could cost.

        Raises:
            RequestTooDear: it is more than one may.
        """
        if self.request_usd and most_usd > self.request_usd:
            raise RequestTooDear(self.request_usd, most_usd)

    def of_app(self, app: str) -> OwnLimit | None:
        """Find a program's own limit: by its id, its name, or its name without a version."""
        for name in (app, NAMES.get(app, app), app.partition("/")[0]):
            if (limit_usd := self.apps.get(name.casefold())) is not None:
                return OwnLimit(name.casefold(), limit_usd)
        return None


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """
    How the day stands.

    Args:
        ends_s: When it ends, as Unix time by this computer's clock.
        reached: Whether nothing that costs is asked any more.
    """

    spent_usd: float
    limit_usd: float
    ends_s: float
    reached: bool

    @property
    def ends(self) -> str:
        """When it ends, in the words of an error."""
        return f"{time.strftime('%H:%M', time.localtime(self.ends_s))} (midnight UTC)"


def dollars(usd: float) -> str:
    """Write an amount: to the cent, or what is less than one to two digits."""
    if usd == 0 or usd >= 0.01:
        return f"${usd:.2f}"
    return f"${float(f'{usd:.2g}'):.12f}".rstrip("0")
