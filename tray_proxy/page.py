"""The page's own listener: opened when somebody wants to see it, on a loopback port that is free."""

from collections.abc import Iterable

from starlette.routing import Route

from tray_proxy.listener import Listener, bind
from tray_proxy.web.app import create_app
from tray_proxy.web.events import Events
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
        self._open: tuple[Listener, PageGate] | None = None

    async def open(self) -> tuple[int, PageGate]:
        """Open the listener if it is not open yet; return its port, and who guards it."""
        if self._open is None:
            sockets = bind("127.0.0.1", 0)
            gate = PageGate(sockets[0].getsockname()[1])
            app = create_app([*self._events.routes(), *self._routes], gate)
            self._open = Listener(app, sockets, stopping=self._let_go), gate
            await self._open[0].start()
        listener, gate = self._open
        return listener.port, gate

    async def url(self, section: str) -> str:
        """Return an address that opens the page once."""
        port, gate = await self.open()
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
        if self._open is not None:
            await self._open[0].stop()

    async def _let_go(self) -> None:
        self._events.end()
