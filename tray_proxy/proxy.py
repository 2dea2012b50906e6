"""The port that apps reach: opened and closed, waited for while somebody else holds it, opened again where it dies."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from tray_proxy import socket_owner
from tray_proxy.errors import PortInUse, ProxyError
from tray_proxy.listener import GRACE_S, Asgi, Listener, bind, is_free
from tray_proxy.port_watch import PortWatch
from tray_proxy.reach import elsewhere, shown
from tray_proxy.revival import Reviver
from tray_proxy.setting_list import Settings
from tray_proxy.setting_values import address
from tray_proxy.tray.state import AddressChanged, Event, ListenerFailed, ListenerLost, ListenerStarted, PortAwaited

# Settings that only a port that is opened anew obeys.
OF_THE_PORT = ("host", "port", "allowed_hosts", "ollama_origins", "same_user_only")

log = structlog.get_logger(__name__)


class Proxy:
    """
    The port, open or not. To be used from the event loop.

    Args:
        current: Gives the settings in force.
        serve: Makes the app for a port that has just been opened, and what ends its requests when it is closed.
        post: Where news for the tray goes.
        changed: Told when the port was opened or closed, or something is wrong with it.

    `problem` is why it is not open, or the last try failed.
    """

    def __init__(
        self,
        current: Callable[[], Settings],
        serve: Callable[[], tuple[Asgi, Callable[[float], Awaitable[None]]]],
        post: Callable[[Event], None],
        changed: Callable[[], None],
    ) -> None:
        self.problem: ProxyError | None = None
        self.watch = PortWatch(
            lambda: is_free(current().host, current().port), self.open_by_itself, changed=self._awaited
        )
        self._current = current
        self._serve = serve
        self._post = post
        self._changed = changed
        self._listener: Listener | None = None
        self._opening = asyncio.Lock()
        self._is_opening = False
        self._closing = 0
        self._reviver = Reviver(
            self.open_by_itself, lost=lambda: post(ListenerLost()), failed=self._given_up, now_s=time.monotonic
        )

    @property
    def running(self) -> bool:
        """Whether apps reach it."""
        return self._listener is not None

    @property
    def opening(self) -> bool:
        """Whether it is being opened, or will be in a moment, by itself or by a click."""
        return self._is_opening or self._reviver.waiting

    @property
    def closing(self) -> bool:
        """Whether answers under way are given time to end."""
        return self._closing > 0

    async def start(self) -> str:
        """
        Open the port.

        Returns:
            Host and port, as the tray shows them.

        Raises:
            PortInUse: the port is held by someone.
        """
        async with self._opening:
            if self._listener is None:
                self._is_opening = True
                try:
                    await self._open(self._current())
                finally:
                    self._is_opening = False
                    self._changed()
        return shown(self._current())

    async def _open(self, settings: Settings) -> None:
        try:
            if settings.same_user_only:
                await asyncio.to_thread(socket_owner.must_tell)
            sockets = await asyncio.to_thread(bind, settings.host, settings.port)
        except ProxyError as error:
            self._set_problem(error)
            if settings.local_ollama is not None and isinstance(error, PortInUse):
                # The owner wants both: as soon as Ollama has moved, the port is ours.
                self.watch.wait()
            raise
        app, end_requests = self._serve()
        self._listener = Listener(app, sockets, stopping=lambda: end_requests(GRACE_S), died=self._died)
        await self._listener.start()
        self.watch.give_up()
        self._set_problem(None)
        if settings.is_wide and settings.proxy_api_key is None:
            log.warning("whoever reaches this computer may call the port and spend money", flag="--insecure")
        log.info("proxy started", address=address(settings.host, settings.port), elsewhere=elsewhere(settings))

    async def open_by_itself(self) -> None:
        """
        Open the port without a click, and tell the tray.

        Raises:
            PortInUse: the port is held by someone.
        """
        self._post(ListenerStarted(await self.start()))

    async def stop(self) -> None:
        """Close the port and end what runs on it, or wait for it no more."""
        self.watch.give_up()
        self._reviver.give_up()
        async with self._opening:  # what is just being opened is closed, too
            listener, self._listener = self._listener, None
        if listener is not None:
            self._closing += 1
            self._changed()
            try:
                await listener.stop()
            finally:
                self._closing -= 1
                self._changed()
            log.info("proxy stopped")
        if self.problem is not None:
            self._set_problem(None)  # closed is now what the owner wants

    async def follow(self, before: Settings) -> None:
        """
        Open the port anew where the settings in force name another one than those before.

        Raises:
            PortInUse: the new port is held by someone; the proxy is then off.
        """
        now = self._current()
        if all(getattr(before, name) == getattr(now, name) for name in OF_THE_PORT):
            return
        self._post(AddressChanged(shown(now)))
        # What is just being opened goes by settings that were in force before.
        wanted = self.running or self._opening.locked() or isinstance(self.problem, PortInUse)
        if not wanted:
            return  # off, as the owner wants it
        await self.stop()
        try:
            await self.open_by_itself()
        except ProxyError as error:
            self._post(ListenerFailed(error))
            raise

    def _set_problem(self, problem: ProxyError | None) -> None:
        self.problem = problem
        self._changed()

    def _awaited(self) -> None:
        self._post(PortAwaited(self.watch.waiting))
        self._changed()

    def _died(self, error: BaseException | None) -> None:
        self._listener = None
        self._changed()
        self._reviver.died(error)

    def _given_up(self, error: ProxyError) -> None:
        self._set_problem(error)
        self._post(ListenerFailed(error))
        if isinstance(error, PortInUse):
            # It was ours a moment ago, and is again once the other program has ended.
            self.watch.wait()
