"""What the owner is told of the way to OpenRouter: in the tray and on the page, until it is clear again."""

import time
from collections.abc import Callable

from tray_proxy.catalogue import CatalogueCache
from tray_proxy.errors import (
    CertificateRefused,
    KeychainUnavailable,
    KeyMissing,
    KeyRejected,
    NetworkProxyFailed,
    NetworkSignIn,
    NoConnection,
    Offline,
    OutOfCredits,
    UpstreamError,
)
from tray_proxy.openrouter.connections import Connection
from tray_proxy.texts import text
from tray_proxy.tray.state import Event, Recovered, Troubled

# What no app can do anything about, and OpenRouter neither.
IN_THE_WAY = (Offline, NoConnection, NetworkSignIn, NetworkProxyFailed, CertificateRefused)
# What else the owner should see; a wrong model name or a full provider is the app's own affair.
NOTABLE = (KeyMissing, KeyRejected, KeychainUnavailable, OutOfCredits)


class Network:
    """
    Keeps what is in the way. To be used in the event loop.

    Args:
        cache: Tried again as soon as the way is clear.
        post: Where news for the tray goes.
        changed: Called after each change.
    """

    def __init__(self, cache: CatalogueCache, post: Callable[[Event], None], changed: Callable[[], None]) -> None:
        self._cache = cache
        self._post = post
        self._changed = changed
        self._obstacle: UpstreamError | None = None

    @property
    def trouble(self) -> UpstreamError | None:
        """What is in the way, in words for the owner; None where nothing is."""
        if not isinstance(self._obstacle, Offline):
            return self._obstacle
        present = self._cache.snapshot
        if present is None:
            return Offline(text("network.offline-no-list"))
        return Offline(text("network.offline", time=_when(present.fetched_s, time.time())))

    def told(self, connection: Connection) -> None:
        """Take what the last exchange showed."""
        had_one = self._obstacle is not None
        self._obstacle = connection.error if isinstance(connection.error, IN_THE_WAY) else None
        if self._obstacle is not None:
            self.tell_again()
        elif had_one:
            self._post(Recovered())
        if connection.ok:
            self._cache.nudge()
        self._changed()

    def tell_again(self) -> None:
        """Tell the tray once more, where it may have forgotten."""
        trouble = self.trouble
        if trouble is not None:
            self._post(Troubled(trouble))


def _when(at_s: float, now_s: float) -> str:
    """Write a time of today as that, and an older one with its day."""
    at, now = time.localtime(at_s), time.localtime(now_s)
    return time.strftime("%H:%M" if at[:3] == now[:3] else "%Y-%m-%d", at)
