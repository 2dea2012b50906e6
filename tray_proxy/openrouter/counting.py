"""
Counts what is read on behalf of a request.

A request may be sent again only if not one byte of an answer came back. httpx's errors do not tell, so its
connections are listened to: `Tally` holds the count for the task that asks.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any

import httpcore

from tray_proxy.openrouter.dialling import NameNotFound, dial, limit_silence


@dataclass
class Tally:
    """
    What happened on the connection of one request.

    `counted` is false while nothing was read through us: then nothing is known.
    """

    counted: bool = False
    received: int = 0


tally: ContextVar[Tally | None] = ContextVar("tally", default=None)


class CountingStream(httpcore.AsyncNetworkStream):
    """A connection that counts."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  httpcore's own
        """Read, and count."""
        mine = tally.get()
        if mine is not None:
            mine.counted = True
        received = await self._inner.read(max_bytes, timeout)
        if mine is not None:
            mine.received += len(received)
        return received

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  httpcore's own
        """Write; a connection that breaks here has answered nothing on our count."""
        mine = tally.get()
        if mine is not None:
            mine.counted = True
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's own
    ) -> httpcore.AsyncNetworkStream:
        """Encrypt the connection, and go on counting."""
        return CountingStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Pass on what the connection tells of itself."""
        return self._inner.get_extra_info(info)


class CountingBackend(httpcore.AsyncNetworkBackend):
    """Opens connections that count."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's own
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection."""

        async def connect(address: str) -> httpcore.AsyncNetworkStream:
            return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)

        try:
            stream = await dial(connect, host, port)
        except NameNotFound as error:
            raise httpcore.ConnectError("name not found") from error
        limit_silence(stream.get_extra_info("socket"))
        return CountingStream(stream)

    async def sleep(self, seconds: float) -> None:
        """Wait, between tries to connect."""
        await self._inner.sleep(seconds)
