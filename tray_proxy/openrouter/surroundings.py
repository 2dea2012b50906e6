"""
What became of the computer since the last request: whether it slept, and whether it is on another network.

Nobody watches, for an idle program must not wake the computer. It is asked when a request is about to go out, and
answers from two clocks and the system's table of routes: nothing is sent, and nothing waited for.
"""

import ctypes
import socket
import sys
import time
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

from tray_proxy.setting_values import is_loopback

# The clocks are read one after the other, and one of them may be put right by the network.
MIN_SLEEP_S = 5.0
# Two root servers of the name system: no address is more surely on the internet. Source: IANA, "Root Servers".
PUBLIC = ((socket.AF_INET, "198.41.0.4"), (socket.AF_INET6, "2001:503:ba3e::2:30"))

type Sources = tuple[str | None, ...]


class Surroundings:
    """
    Remembers how things stood when it was last asked.

    Args:
        through_sleep_s: A clock that goes on while the computer sleeps.
        awake_s: One that stands still then.
        sources: Gives our addresses towards the internet.
    """

    def __init__(
        self,
        through_sleep_s: Callable[[], float] | None = None,
        awake_s: Callable[[], float] | None = None,
        sources: Callable[[], Sources] | None = None,
    ) -> None:
        through, awake = _clocks()
        self._through_sleep_s = through_sleep_s or through
        self._awake_s = awake_s or awake
        self._sources = sources or source_addresses
        self._slept_s = self._slept_so_far_s()
        self._last = self._sources()

    def changed(self) -> bool:
        """Say whether the computer has slept, or changed its network, since this was last asked."""
        slept_s, last = self._slept_so_far_s(), self._sources()
        changed = slept_s - self._slept_s > MIN_SLEEP_S or last != self._last
        self._slept_s, self._last = slept_s, last
        return changed

    def has_route(self) -> bool:
        """Say whether the system knows any way to the internet at all."""
        return any(self._sources())

    def _slept_so_far_s(self) -> float:
        return self._through_sleep_s() - self._awake_s()


def source_addresses() -> Sources:
    """Return the addresses that we would have towards the internet, by IPv4 and IPv6; None where no way leads there."""
    return tuple(_source(family, address) for family, address in PUBLIC)


def _source(family: socket.AddressFamily, address: str) -> str | None:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            # Of a datagram socket this only sets where it would send to.
            sock.connect((address, 53))
            return str(sock.getsockname()[0])
    except OSError:
        return None


def proxy_server(base_url: str) -> tuple[str, int | None] | None:
    """
    Return host and port of the proxy server through which an address is reached; None where there is none.

    It is that of the environment, or of the system's own settings on Windows and macOS.
    """
    url = urlsplit(base_url)
    host = url.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    named = proxies.get(url.scheme) or proxies.get("all")
    if not named:
        return None
    server = urlsplit(named if "://" in named else f"http://{named}")
    return server.hostname or "", server.port


def _clocks() -> tuple[Callable[[], float], Callable[[], float]]:
    """
    Return two clocks: one that goes on while the computer sleeps, and one that does not.

    Source: Linux, clock_gettime(2); Apple, clock_gettime(3); Microsoft, "QueryUnbiasedInterruptTime function".
    """
    if sys.platform == "win32":
        return time.monotonic, _unbiased_s
    through = time.CLOCK_MONOTONIC if sys.platform == "darwin" else time.CLOCK_BOOTTIME
    return lambda: time.clock_gettime(through), time.monotonic


def _unbiased_s() -> float:
    ticks = ctypes.c_ulonglong()
    ctypes.windll.kernel32.QueryUnbiasedInterruptTime(ctypes.byref(ticks))  # type: ignore[attr-defined,unused-ignore]  # Windows
    return ticks.value / 1e7


# Nobody sets this one, and it goes on while the computer sleeps.
through_sleep_s = _clocks()[0]
