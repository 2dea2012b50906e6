"""
The way to OpenRouter through a network's proxy server: httpx's own transport, which knows CONNECT, SOCKS and the rest.

It dials as `dialling` says, and counts what it reads: only a request without a single byte of an answer may be sent
again.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

from tray_proxy.openrouter.counting import CountingBackend, Tally, tally
from tray_proxy.openrouter.transport import KEEPALIVE_S, RESEND_WITHIN_S
from tray_proxy.openrouter.upload import Asking


class Proxied:
    """
    Sends requests through the proxy server that the environment or the system names.

    Args:
        trusted: Checks certificates.

    Raises:
        ValueError, ImportError: the proxy server's address cannot be used.
    """

    def __init__(self, trusted: ssl.SSLContext) -> None:
        self._kept = _new_client(trusted, keepalive=True)
        # For the one case in which a request is sent again: it must not meet a second dead connection.
        self._fresh = _new_client(trusted, keepalive=False)
        self._under_way = 0
        self._retired = False
        self._closing: asyncio.Task[None] | None = None

    def begin(self, asking: Asking) -> None:
        """Do nothing: there is no beginning without waiting here."""

    async def send(self, asking: Asking) -> httpx.Response:
        """
        Send a request, and return the head of the answer; what is sent again, and when, is as with `Transport`.

        Raises:
            httpx.TransportError: nobody answered.
        """
        self._under_way += 1
        try:
            response = await self._send_once_or_again(asking.as_httpx())
        except BaseException:
            self._ended()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101  -- httpx's type leaves it open
        response.stream = _Noted(response.stream, self._ended)
        return response

    async def _send_once_or_again(self, request: httpx.Request) -> httpx.Response:
        began_s = time.monotonic()
        connected = False

        async def note(event: str, _info: dict[str, Any]) -> None:
            nonlocal connected
            connected = connected or event.startswith("connection.connect_")

        mine = Tally()
        tally.set(mine)
        request.extensions["trace"] = note
        try:
            return await self._kept.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            late = time.monotonic() - began_s > RESEND_WITHIN_S
            if connected or late or not mine.counted or mine.received:
                raise
        return await self._fresh.send(request, stream=True)

    def is_ready(self) -> bool:
        """Say that nothing can be opened ahead: a proxy server opens a way for a request."""
        return True

    async def open_ahead(self, limit_s: float) -> None:
        """Do nothing, therefore."""

    def retire(self) -> None:
        """Take no request any more; the connections are closed when the last answer on them has ended."""
        self._retired = True
        self._close_if_done()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._kept.aclose()
        await self._fresh.aclose()

    def _ended(self) -> None:
        self._under_way -= 1
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._retired and not self._under_way and self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self.aclose())


class _Noted(httpx.AsyncByteStream):
    """An answer's bytes; who reads them reads from the connection itself."""

    def __init__(self, inner: httpx.AsyncByteStream, ended: Callable[[], None]) -> None:
        self._inner = inner
        self._ended: Callable[[], None] | None = ended

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inner.__aiter__()

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            ended, self._ended = self._ended, None
            if ended is not None:
                ended()


def _new_client(trusted: ssl.SSLContext, *, keepalive: bool) -> httpx.AsyncClient:
    limits = httpx.Limits(
        max_connections=None,
        max_keepalive_connections=None if keepalive else 0,
        keepalive_expiry=KEEPALIVE_S,
    )
    client = httpx.AsyncClient(limits=limits, follow_redirects=False, verify=trusted)
    use_our_dialling(client)
    return client


def use_our_dialling(client: httpx.AsyncClient) -> None:
    """
    Have a client connect as `dialling` does, and count what it reads; through a proxy server, too.

    httpx has no door for it. Were its inside another one day, nothing would be counted, and nothing sent again.
    """
    ways = [getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values()]
    for pool in filter(None, (getattr(way, "_pool", None) for way in ways)):
        backend = getattr(pool, "_network_backend", None)
        if backend is not None:
            pool._network_backend = CountingBackend(backend)  # noqa: SLF001  see above
