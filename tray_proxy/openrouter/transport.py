"""
The way to one address, as httpx takes its transports: connections that are kept, and the one resend.

httpx's own transport costs several times what everything else here does with a token. Figures are in
docs/measurements.md.
"""

import asyncio
import ssl
import time

import httpx

from tray_proxy.openrouter.dialling import dial
from tray_proxy.openrouter.http1 import Connection
from tray_proxy.openrouter.upload import Asking, from_httpx

# Idle connections are kept this long: a new one costs more than anything else on the way to the first token.
KEEPALIVE_S = 300.0
# A connection that was closed while it lay idle says so within one journey there and back.
RESEND_WITHIN_S = 2.0


class Transport(httpx.AsyncBaseTransport):
    """
    Sends requests to one address. To be used in one event loop.

    Args:
        url: Its scheme, host and port are the address.
        trusted: Checks certificates.
    """

    def __init__(self, url: httpx.URL, trusted: ssl.SSLContext | None) -> None:
        self._host = url.host
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._trusted = trusted if url.scheme == "https" else None
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._retired = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request of one of httpx's clients, as `send` does."""
        return await self.send(await from_httpx(request))

    def begin(self, asking: Asking) -> None:
        """Begin to send a request, where a connection lies ready; `send` goes on with it."""
        kept = self._take()
        if kept is not None:
            asking.kept, asking.begun_s, asking.fate.may_cost = kept, time.monotonic(), True
            try:
                kept.begin(asking)
            except BaseException:
                asking.kept = None
                self._over(kept, False)
                raise

    async def send(self, asking: Asking) -> httpx.Response:
        """
        Send a request, and return the head of the answer; its body follows.

        Our own requests come this way: to make one of httpx's takes as long as all that is done here.

        A kept connection may turn out to be dead: where it had been idle, died at once and not one byte was answered,
        it was closed before the request came, and the request goes out once more, on a new one. This is the one case in
        which it may. One that dies later may have been at work, and what it did is paid for.

        Raises:
            httpx.TransportError: nobody answered.
        """
        if asking.kept is None:
            self.begin(asking)
        kept, asking.kept = asking.kept, None
        if kept is not None:
            try:
                return await kept.exchange(asking)
            except (httpx.RemoteProtocolError, httpx.ReadError):
                if kept.heard or time.monotonic() - asking.begun_s > RESEND_WITHIN_S:
                    raise
                asking.fate.may_cost = False
        connection = await self._connect(asking.connect_s)
        asking.fate.may_cost = True
        connection.begin(asking)
        return await connection.exchange(asking)

    async def open_ahead(self, limit_s: float) -> None:
        """
        Have a connection ready for the next request, unless there is one.

        Raises:
            httpx.TransportError: there is none to be had; nobody needs to know yet.
        """
        if not self.is_ready():
            connection = await self._connect(limit_s)
            self._over(connection, not self._retired)

    def is_ready(self) -> bool:
        """Say whether a connection lies ready."""
        return bool(self._idle) and self._idle[-1].idle_s() <= KEEPALIVE_S

    def retire(self) -> None:
        """Take no request any more: what is idle is closed now, and the rest as soon as its answer has ended."""
        self._retired = True
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    async def aclose(self) -> None:
        """Close all connections, whatever is under way on them."""
        self.retire()
        for connection in tuple(self._open):
            await connection.aclose()

    def _take(self) -> Connection | None:
        """Take the connection that was used last; those that lay idle for too long are closed."""
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_s() <= KEEPALIVE_S:
                return connection
            connection.abort()
        return None

    def _over(self, connection: Connection, fit: bool) -> None:
        if fit and not self._retired:
            self._idle.append(connection)
            return
        if connection in self._idle:
            self._idle.remove(connection)
        self._open.discard(connection)
        connection.abort()

    async def _connect(self, limit_s: float) -> Connection:
        try:
            connection = await dial(lambda address: self._open_one(address, limit_s), self._host, self._port)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error
        except (OSError, ssl.SSLError) as error:
            raise httpx.ConnectError(type(error).__name__) from error
        self._open.add(connection)
        return connection

    async def _open_one(self, address: str, limit_s: float) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(limit_s):
            transport, connection = await loop.create_connection(lambda: Connection(self._over), address, self._port)
        if self._trusted is not None:
            try:
                encrypted = await loop.start_tls(
                    transport, connection, self._trusted, server_hostname=self._host, ssl_handshake_timeout=limit_s
                )
            except BaseException as error:
                transport.abort()
                if isinstance(error, ConnectionAbortedError):
                    raise httpx.ConnectTimeout("no encryption in time") from error
                raise
            connection.connection_made(encrypted)
        return connection
