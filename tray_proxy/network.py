"""
What the owner is told of the way to OpenRouter, and of requests that failed: in the tray and on the page, until it is
over.
"""

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
    ProxyError,
    UpstreamError,
)
from tray_proxy.openrouter.connections import Connection
from tray_proxy.texts import text
from tray_proxy.tray.state import Event, KeyChanged, Recovered, Troubled

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


class Troubles:
    """
    Keeps why requests failed, where that concerns the owner. To be used in the event loop.

    Args:
        post: Where news for the tray goes.
        changed: Called when the page has something else to tell.
    """

    def __init__(self, network: Network, post: Callable[[Event], None], changed: Callable[[], None]) -> None:
        self._network = network
        self._post = post
        self._changed = changed
        self.present: ProxyError | None = None

    def note(self, error: ProxyError | None) -> None:
        """Have the page tell what the tray tells; that there is no key shows by itself."""
        before, self.present = self.present, None if isinstance(error, KeyMissing) else error
        if self.present is not before:
            self._changed()

    def tell(self, error: ProxyError) -> None:
        """Tell of a failure, or of what is in the way."""
        if isinstance(error, NOTABLE):
            self._post(Troubled(error))
            self.note(error)
        elif isinstance(error, IN_THE_WAY):
            # It was told already, but perhaps the proxy was turned off and on since.
            self._network.tell_again()

    def tell_again(self) -> None:
        """Tell the tray what the page goes on telling: it forgets when it is turned off, or when the way is clear."""
        if self._network.trouble is not None:
            self._network.tell_again()
        elif self.present is not None:
            self._post(Troubled(self.present))

    def recovered(self) -> None:
        """Tell that a request succeeded."""
        self._post(KeyChanged(missing=False))
        self._post(Recovered())
        self.note(None)


def _when(at_s: float, now_s: float) -> str:
    """Write a time of today as that, and an older one with its day."""
    at, now = time.localtime(at_s), time.localtime(now_s)
    return time.strftime("%H:%M" if at[:3] == now[:3] else "%Y-%m-%d", at)
