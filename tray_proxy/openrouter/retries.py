"""
Whether a request that OpenRouter refused for now is sent again, and after how long; pure.

Only what costs nothing is repeated: a refusal with a status of its own, before anything was answered. Apps repeat what
they are refused, too: so we do it seldom and soon, and else pass on how long OpenRouter wants us to wait.

Source: OpenRouter docs, "Errors and Debugging"; RFC 9110, section 10.2.3, "Retry-After".
"""

from collections.abc import Callable
from random import random

from tray_proxy.errors import ProxyError, RateLimited, UpstreamError

# Too many requests, a provider that failed, none that is free, one that is overloaded.
STATUSES = (429, 502, 503, 529)
MAX_TRIES = 3
# Whoever is to wait longer is told so, and can choose another model.
MAX_WAIT_S = 5.0
# From the first try on; an app's own patience ends soon after.
MAX_ELAPSED_S = 12.0
# Before the second try, where OpenRouter names no time; doubled before the third.
PAUSE_S = 0.5


def next_delay_s(
    status: int, error: ProxyError, tries: int, elapsed_s: float, chance: Callable[[], float] = random
) -> float | None:
    """
    Say how long to wait before a refused request is sent again; None where it is not.

    Many apps are refused at the same moment: a random part keeps them from coming back at the same moment, too.

    Args:
        status: The refusal's HTTP status. An error inside an answer with status 200 is none.
        error: What `failures.from_answer` made of it.
        tries: How often the request was sent so far, 1 or more.
        elapsed_s: Since it was sent for the first time.
        chance: Gives a number from 0 to below 1.
    """
    if status not in STATUSES or tries >= MAX_TRIES:
        return None
    # Their children have cures of their own: credit does not come by waiting, whatever the status.
    if not isinstance(error, UpstreamError) or type(error) not in (UpstreamError, RateLimited):
        return None
    pause_s = PAUSE_S * 2 ** (tries - 1)
    if error.retry_after_s is None:
        delay_s = pause_s * (0.5 + chance())
    elif error.retry_after_s <= MAX_WAIT_S:
        # Never sooner than we were told.
        delay_s = error.retry_after_s + pause_s * chance()
    else:
        return None
    return delay_s if elapsed_s + delay_s <= MAX_ELAPSED_S else None
