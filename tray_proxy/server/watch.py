"""
Work that ends as soon as its client leaves, or the proxy stops.

What an answer costs is stopped by closing the upstream connection, so the client's is watched while anything is waited
for: before the first byte and after it, streaming or not.
"""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tray_proxy.http_protocol import CYCLE
from tray_proxy.server.asgi import ClientLeft, Receive, Scope


class Watch:
    """
    Ends the block under it, by cancelling what it waits for, when the client leaves or `stop` is called.

    `left` and `stopped` say which of the two has ended it.

    Args:
        spared: Says whether what is still going on is to be let be, since the client has all of its answer.

    Raises:
        ClientLeft: the client left before the block began.
    """

    def __init__(self, scope: Scope, receive: Receive, spared: Callable[[], bool] = lambda: False) -> None:
        self.left = self.stopped = False
        self._scope = scope
        self._receive = receive
        self._spared = spared
        self._task: asyncio.Task[object] | None = None
        self._ear: asyncio.Task[None] | None = None
        self._why: str | None = None
        self._over = False

    async def __aenter__(self) -> Self:
        cycle = self._scope.get(CYCLE)
        if cycle is not None:
            cycle.when_left(self._client_left)
        else:
            # First the ear, and only then the work: a client that left while its model was looked for buys nothing.
            self._ear = asyncio.create_task(self._listen())
            await asyncio.sleep(0)
        if self._why is not None:
            raise ClientLeft
        self._task = asyncio.current_task()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._over = True
        if self._ear is not None:
            self._ear.cancel()
        if self._why is None:
            return False
        if kind is not asyncio.CancelledError:
            # The block has ended by itself at the same moment; the cancellation is still to come.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
        assert self._task is not None  # noqa: S101  set where the block began
        cancelled_by_others = self._task.uncancel() > 0
        if kind is not asyncio.CancelledError or cancelled_by_others:
            return False
        self.left, self.stopped = self._why == "left", self._why == "stopped"
        return True

    def stop(self) -> None:
        """End the block."""
        self._end("stopped")

    def _client_left(self) -> None:
        self._end("left")

    def _end(self, why: str) -> None:
        if self._why is None and not self._over and not self._spared():
            self._why = why
            if self._task is not None:
                self._task.cancel()

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._client_left()
