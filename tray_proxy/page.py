"""
The page's own listener: open from the start, on a loopback port that is free, for there another start asks.

What answers there is read when somebody comes for the first time: a server may never be visited.
"""

import asyncio
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tray_proxy.listener import Asgi, Listener, bind
from tray_proxy.web.events import Events
from tray_proxy.web.http import Route

if TYPE_CHECKING:
    from tray_proxy.server.asgi import Receive, Scope, Send
    from tray_proxy.web.gate import PageGate


class Page:
    """
    The page, open or not. To be used from the event loop.

    Args:
        routes: What its parts ask for.
        events: Where its parts tell what has changed.
    """

    def __init__(self, routes: Iterable[Route], events: Events) -> None:
        self._routes = tuple(routes)
        self._events = events
        self._listener: Listener | None = None
        self._control_token = secrets.token_urlsafe(32)
        self._making: asyncio.Future[tuple[PageGate, Asgi]] | None = None

    async def open(self) -> tuple[int, str]:
        """Open the listener if it is not open yet; return its port, and what another start of the program shows."""
        if self._listener is None:
            self._listener = Listener(self._answer, bind("127.0.0.1", 0), stopping=self._let_go)
            await self._listener.start()
        return self._listener.port, self._control_token

    async def _answer(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        _, app = await self._made()
        await app(scope, receive, send)

    async def _made(self) -> "tuple[PageGate, Asgi]":
        port, token = await self.open()
        if self._making is None:
            # In a thread: an answer to an app must not wait for it.
            self._making = asyncio.ensure_future(asyncio.to_thread(self._make, port, token))
            self._making.add_done_callback(self._tried)
        # Whoever asked first may leave meanwhile.
        return await asyncio.shield(self._making)

    def _tried(self, making: "asyncio.Future[tuple[PageGate, Asgi]]") -> None:
        if making.cancelled() or making.exception() is not None:
            self._making = None  # there was no descriptor left for its files, say: who comes next tries anew

    def _make(self, port: int, token: str) -> "tuple[PageGate, Asgi]":
        from tray_proxy.web.app import create_app
        from tray_proxy.web.gate import PageGate

        gate = PageGate(port, token)
        return gate, create_app([*self._events.routes(), *self._routes], gate)

    async def url(self, section: str) -> str:
        """Return an address that opens the page once."""
        port, _ = await self.open()
        gate, _ = await self._made()
        return f"http://127.0.0.1:{port}{gate.new_path(section)}"

    async def address(self) -> str:
        """
        Return the address that lets nobody in.

        Any program may ask for it, so it holds no token: who goes there is told to click the tray icon.
        """
        port, _ = await self.open()
        return f"http://127.0.0.1:{port}/"

    async def close(self) -> None:
        """Close the listener, and let go who listens for news."""
        if self._listener is not None:
            await self._listener.stop()

    async def _let_go(self) -> None:
        self._events.end()
