"""Waiting for a taken port, and taking it the moment it is free. Nothing wakes up while nobody waits."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from tray_proxy.errors import ProxyError

RETRY_S = 3.0

log = structlog.get_logger(__name__)


class PortWatch:
    """
    Tries a port every few seconds for as long as that is wanted. To be used from the event loop.

    Args:
        is_free: Says whether the port can be had, without asking who holds it: that would be a request every few
            seconds to a program that is none of ours.
        take: Opens the port; raises `ProxyError` where somebody else was faster.
        changed: Told when the waiting begins and ends.
        every_s: Seconds between two tries.
    """

    def __init__(
        self,
        is_free: Callable[[], bool],
        take: Callable[[], Awaitable[object]],
        *,
        changed: Callable[[], None] = lambda: None,
        every_s: float = RETRY_S,
    ) -> None:
        self._is_free = is_free
        self._take = take
        self._changed = changed
        self._every_s = every_s
        self._waiting: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> bool:
        """Whether the port is waited for."""
        return self._waiting is not None

    def wait(self) -> None:
        """Take the port as soon as it is free; returns at once, and does nothing where that is under way."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._wait())
            self._waiting.add_done_callback(self._ended)
            self._changed()

    def give_up(self) -> None:
        """Wait no more: the owner turned it off, or chose another way."""
        if self._waiting is not None:
            # Forgotten at once: who waits again right after it must not find this one still ending.
            waiting, self._waiting = self._waiting, None
            waiting.cancel()
            self._changed()

    async def _wait(self) -> None:
        while True:
            if self._is_free():
                try:
                    # Shielded: were it cut off half-way, the port would be neither ours nor free.
                    await asyncio.shield(self._take())
                except ProxyError as error:
                    log.info("the port was free, and could not be taken", error=error.message)
                else:
                    return
            await asyncio.sleep(self._every_s)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("waiting for the port ended", exc_info=error)
        if self._waiting is task:
            self._waiting = None
            self._changed()
