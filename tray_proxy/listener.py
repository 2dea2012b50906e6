"""
Run an ASGI app on sockets that are already bound.

The sockets are bound before uvicorn comes in: on a taken port uvicorn would end the process, and a person
would not be told by whom the port is held.
"""

import asyncio
import concurrent.futures
import contextlib
import errno
import socket
import sys
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from itertools import chain
from typing import Any

import structlog
from uvicorn.config import Config
from uvicorn.server import Server

from tray_proxy import port_holder
from tray_proxy.errors import PortInUse
from tray_proxy.http_protocol import CarefulProtocol, make_room
from tray_proxy.revival import Revival
from tray_proxy.setting_values import address, is_every_address
from tray_proxy.texts import text

type Asgi = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]

# Node's clients reuse connections that have been idle for a while; five seconds, uvicorn's own, breaks them.
CLIENT_KEEPALIVE_S = 75
BACKLOG = 2048
# How long answers under way may end by themselves after the port is closed.
GRACE_S = 5.0
# How long all else may last then: what is still being asked, and clients that do not read their last words.
CUT_S = 1
# How far a port to use instead may lie.
NEAR = 50

_LOOPBACK, _ALL = ("127.0.0.1", "::1"), ("0.0.0.0", "::")  # noqa: S104  whether they may be bound is for settings to say
_MEANT = {"127.0.0.1": _LOOPBACK, "localhost": _LOOPBACK} | dict.fromkeys(_ALL, _ALL)

log = structlog.get_logger(__name__)


def bind(host: str, port: int) -> list[socket.socket]:
    """
    Bind the port, exclusively; for 127.0.0.1 and localhost on both loopback addresses, for 0.0.0.0 and :: on all.

    Programs that say `localhost` try ::1 first on Windows; were it free for others, they would reach those. That the
    two wildcards mean the same is Go's rule, and so Ollama's.

    Args:
        port: 0 for any free one.

    Raises:
        PortInUse: someone holds the port, the system keeps it, or the host is none of this computer's; the message
            says which.
    """
    for _ in range(1 if port else 10):
        try:
            bound = _bind_all(host, port)
        except socket.gaierror:
            bound = []  # a name that leads nowhere
        except OSError as error:
            failed = error
            continue
        if bound:
            return bound
        raise PortInUse(text("port.no-address", host=host), hint=text("port.hint.no-address"))
    # Only now that nothing is bound here: who holds a port is looked for by its number.
    raise port_holder.trouble("127.0.0.1" if is_every_address(host) else host, port, failed)


def free_port_near(port: int) -> int | None:
    """
    Find a free port to use in place of another; None where none near it is free.

    The next one is left out: beside 11434 that is where people put the real Ollama.
    """
    above, below = range(port + 2, min(port + 2 + NEAR, 65536)), range(port - 1, max(port - 1 - NEAR, 1023), -1)
    return next((each for each in chain(above, below) if is_free("127.0.0.1", each)), None)


def is_free(host: str, port: int) -> bool:
    """Say whether a port can be had, without asking who holds it."""
    try:
        bound = _bind_all(host, port)
    except OSError:
        return False
    for sock in bound:
        sock.close()
    return bool(bound)


def _bind_all(host: str, port: int) -> list[socket.socket]:
    """
    Bind each address that a host means, all on one port; of those that this computer does not have, none.

    Raises:
        OSError: one could not be bound; nothing is left bound.
    """
    bound: list[socket.socket] = []
    if is_every_address(host) and port:
        # macOS would let us have all addresses while another program holds a loopback one, and gets what apps ask.
        for held in _bind_all("127.0.0.1", port):
            held.close()
    try:
        for each in _MEANT.get(host, (host,)):
            sock = _bind(each, bound[0].getsockname()[1] if bound else port)
            bound += [sock] if sock else []
    except OSError:
        for sock in bound:
            sock.close()
        raise
    return bound


def _bind(host: str, port: int) -> socket.socket | None:
    """Bind one address; None where it does not exist on this computer."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = None
    try:
        # asyncio turns Nagle's delay off only where the protocol is named: 40 ms for each token otherwise.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if sys.platform == "win32":
            # There SO_REUSEADDR would let two servers share a port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Only skips the wait for old connections; a second listener is still refused.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        if sock is not None:
            sock.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        raise
    return sock


def new_loop() -> asyncio.AbstractEventLoop:
    """
    Make the event loop of a server: uvloop's where there is one, which spends less time on each packet.

    Not beside the tray: what breaks out of uvloop's loop takes along what was to be done next, and it does not say that
    a listening socket is gone. There a person would sit before an icon; a server is started again by its system.
    """
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class LoopThread:
    """
    An asyncio loop in a thread of its own, for the life of the program beside the tray.

    Args:
        died: Told, in the thread, what ended the loop for good.
    """

    def __init__(self, died: Callable[[BaseException], None] = lambda _: None) -> None:
        self.loop = asyncio.new_event_loop()
        self._died = died
        self._thread = threading.Thread(target=self._run, name="loop", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        revival, fatal = Revival(time.monotonic), self._run_until_stopped()
        while fatal is not None and revival.next_delay_s() is not None:
            # The loop itself is sound, and everything else in it goes on.
            fatal = self._run_until_stopped()
        if fatal is not None:
            with contextlib.suppress(BaseException):
                # Or its port would go on taking connections that nobody answers.
                self.loop.run_until_complete(_cancel_all())
        self.loop.close()
        if fatal is not None:
            self._died(fatal)

    def _run_until_stopped(self) -> BaseException | None:
        """Run the loop; return what broke out of it: asyncio lets nothing through but SystemExit and its like."""
        try:
            self.loop.run_forever()
        except BaseException as error:
            log.critical("loop broken", exc_info=error)
            return error
        return None

    @property
    def lives(self) -> bool:
        """Whether what is submitted will run."""
        return not self.loop.is_closed()

    def submit[T](self, coroutine: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T]":
        """Run a coroutine in the loop, from any thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def stop(self, timeout_s: float) -> None:
        """Cancel what still runs, end the loop and wait for the thread, but not for ever."""
        if not self._thread.is_alive():
            return
        with contextlib.suppress(TimeoutError):
            self.submit(_cancel_all()).result(timeout_s)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout_s)


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


class PortLost(OSError):
    """The system took a socket back that we listened on."""


class _Server(Server):
    """uvicorn, told when it is up and when to look around, and kept away from the process's signals."""

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self._sockets = sockets
        self._to_look = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _Watch.of(asyncio.get_running_loop()).servers.add(self)
        self.up.set()

    def look(self) -> None:
        """Have it see whether it should end, or has lost its port."""
        self._to_look.set()

    async def main_loop(self) -> None:
        """
        Wait until there is something to see.

        uvicorn itself looks ten times a second: that keeps a laptop's processor awake for nothing.

        Raises:
            PortLost: nobody can connect any more.
        """
        await self.on_tick(0)
        while True:
            await self._to_look.wait()
            self._to_look.clear()
            if self.should_exit:
                return
            if not all(_listens(sock) for sock in self._sockets):
                raise PortLost("a listening socket was closed")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listens(sock: socket.socket) -> bool:
    # Windows' loop closes a socket on which accepting failed once, and tells nobody but the loop's handler.
    return sock.fileno() != -1 and bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


class _Watch:
    """A loop's handler of what is unforeseen: all its servers look around, for a failed accept is among that."""

    def __init__(self) -> None:
        self.servers: weakref.WeakSet[_Server] = weakref.WeakSet()

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        for server in self.servers:
            server.look()
        loop.default_exception_handler(context)

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "_Watch":
        """Return the watch of a loop, which gets one if it has none."""
        watch = loop.get_exception_handler()
        if not isinstance(watch, cls):
            watch = cls()
            loop.set_exception_handler(watch)
        return watch


class Listener:
    """
    An ASGI app on bound sockets. To be used from the event loop.

    Args:
        stopping: Told once the port is closed; ends what would not end in time.
    """

    def __init__(
        self,
        app: Asgi,
        sockets: list[socket.socket],
        *,
        stopping: Callable[[], Awaitable[None]] | None = None,
        died: Callable[[BaseException | None], None] | None = None,
    ) -> None:
        self._sockets = sockets
        self._stopping = stopping
        self._died = died
        self._server = _Server(
            Config(
                app,
                log_config=None,  # a windowed program has no standard output for uvicorn's own set-up
                access_log=False,
                # Nobody stands between an app and us whose word on where it is from would be worth anything.
                proxy_headers=False,
                interface="asgi3",  # it would take a bound method for the older one
                lifespan="off",
                http=CarefulProtocol,
                ws="none",
                server_header=False,
                date_header=False,
                timeout_keep_alive=CLIENT_KEEPALIVE_S,
                limit_concurrency=make_room(),
                # Counted from the same moment on as the grace.
                timeout_graceful_shutdown=CUT_S if stopping is None else int(GRACE_S) + CUT_S,
            ),
            sockets,
        )
        self._serving: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that was bound."""
        return int(self._sockets[0].getsockname()[1])

    async def start(self) -> str:
        """Serve, and return the URL once requests are answered."""
        host, port = self._sockets[0].getsockname()[:2]
        self._serving = asyncio.create_task(self._server.serve(sockets=self._sockets))
        self._serving.add_done_callback(self._ended)
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait({up, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        return f"http://{address(host, port)}"

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if self._server.should_exit:
            return
        # Or the next start would find its own port taken.
        self._close_port()
        for connection in tuple(self._server.server_state.connections):
            connection.shutdown()  # ends at once where nothing is asked; what is under way is answered
        error = None if task.cancelled() else task.exception()
        if self._died is not None:
            self._died(error)

    def _close_port(self) -> None:
        for server in getattr(self._server, "servers", ()):
            server.close()
        for sock in self._sockets:
            sock.close()

    async def stop(self) -> None:
        """Close the port at once, give running requests a moment, and return when all is closed."""
        if self._serving is None:
            return
        self._server.should_exit = True
        self._server.look()
        self._close_port()  # now, and not only when uvicorn comes to it
        if self._stopping is not None:
            await self._stopping()
        try:
            await self._serving
        except Exception:
            log.warning("listener ended with an error", exc_info=True)
        if tasks := set(self._server.server_state.tasks):
            await asyncio.wait(tasks, timeout=CUT_S)  # uvicorn has told them to end, and waits no longer
        for connection in tuple(self._server.server_state.connections):
            connection.transport.abort()  # nor does it close whoever is in the midst of a request
        self._serving = None
