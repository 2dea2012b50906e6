"""The exchanges under way: how many they are, and how they are brought to an end when the proxy stops."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from tray_proxy.errors import ProxyError
from tray_proxy.server.watch import Watch


@dataclass
class InFlight:
    """
    The exchanges under way.

    Args:
        changed: Told how many there are, in the event loop.
        troubled: Told of each exchange that failed for a reason the owner should know.
        recovered: Told of each exchange that succeeded.
    """

    changed: Callable[[int], None] = lambda _: None
    troubled: Callable[[ProxyError], None] = lambda _: None
    recovered: Callable[[], None] = lambda: None
    _under_way: set[Watch] = field(default_factory=set)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._under_way)

    def add(self, watch: Watch) -> None:
        """Count an exchange until it is removed."""
        self._under_way.add(watch)
        self.changed(self.count)

    def remove(self, watch: Watch) -> None:
        """Count it no more."""
        self._under_way.discard(watch)
        self.changed(self.count)
        self._ended.set()

    async def stop(self, grace_s: float) -> None:
        """Let the exchanges end by themselves for a moment, then end them with an error that says why."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while self._under_way:
                    self._ended.clear()
                    await self._ended.wait()
        for watch in tuple(self._under_way):
            watch.stop()
