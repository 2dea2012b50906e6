"""
The connections to OpenRouter: kept, dropped when they cannot be alive any more, and the one resend. The only module
that knows httpx and its errors.
"""

import asyncio
import email.utils
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from tray_proxy import __version__
from tray_proxy.errors import (
    SettingsInvalid,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tray_proxy.keychain import in_thread
from tray_proxy.openrouter import failures, inspection, obstacles, trust
from tray_proxy.openrouter.answer import silent
from tray_proxy.openrouter.counting import CountingBackend, Tally, tally
from tray_proxy.openrouter.surroundings import Surroundings, proxy_server
from tray_proxy.openrouter.upload import Upload
from tray_proxy.setting_values import is_loopback
from tray_proxy.settings import Settings

# Idle connections are kept this long: a new one costs more than anything else on the way to the first token.
KEEPALIVE_S = 300.0
# A connection that was closed while it lay idle says so within one journey there and back.
RESEND_WITHIN_S = 2.0
# How long to look for the name of who vouches for a certificate that is refused.
ISSUER_TIMEOUT_S = 1.5

# The same for all traffic: OpenRouter takes address and title together as the app's identity, and an app on
# localhost must name itself by the title. Source: OpenRouter docs, "App Attribution".
ATTRIBUTION = {"HTTP-Referer": "http://localhost:11434", "X-OpenRouter-Title": "Tray Proxy"}

type Response = httpx.Response


@dataclass(frozen=True)
class Connection:
    """
    What the last exchange showed.

    Args:
        ok: Whether OpenRouter was reached; None before the first exchange.
        problem: What was in the way, as a sentence; empty where nothing was.
        error: The same as an error, with its hint.
    """

    ok: bool | None = None
    problem: str = ""
    error: UpstreamError | None = field(default=None, compare=False)


class _Kept:
    """A client whose connections are kept, and how many answers are under way on them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self._under_way = 0
        self._done = asyncio.Event()

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and note when its answer has ended."""
        self._under_way += 1
        try:
            response = await self.client.send(request, stream=True)
        except BaseException:
            self._ended()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101  -- httpx's type leaves it open
        response.stream = _Noted(response.stream, self._ended)
        return response

    def _ended(self) -> None:
        self._under_way -= 1
        self._done.set()

    async def close_when_done(self) -> None:
        """Close the connections as soon as the last answer on them has ended."""
        try:
            while self._under_way:
                self._done.clear()
                await self._done.wait()
        finally:
            await self.client.aclose()


class _Noted(httpx.AsyncByteStream):
    """An answer's bytes; who reads them reads from the connection itself."""

    def __init__(self, inner: httpx.AsyncByteStream, ended: Callable[[], None]) -> None:
        self._inner = inner
        self._ended = ended

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inner.__aiter__()

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._ended()


class Connections:
    """
    Sends requests to one address. Lives as long as the process, in one event loop.

    Args:
        surroundings: Makes what notices a sleep, or another network.
        changed: Told in the event loop when it is another `Connection` than before.
    """

    def __init__(
        self,
        settings: Settings,
        surroundings: Callable[[], Surroundings],
        changed: Callable[[Connection], None],
    ) -> None:
        self.state = Connection()
        self._changed = changed
        self._told_time: tuple[str, float] | None = None
        self._settings = settings
        self._is_local = is_loopback(urlsplit(settings.openrouter_base_url).hostname or "")
        self._surroundings = None if self._is_local else surroundings()
        self._trusted = trust.context()
        self._kept = _Kept(self._new_client(keepalive=True))
        # For the one case in which a request is sent again: it must not meet a second dead connection.
        self._fresh = self._new_client(keepalive=False)
        self._closing: set[asyncio.Task[None]] = set()

    def _new_client(self, *, keepalive: bool) -> httpx.AsyncClient:
        limits = httpx.Limits(
            max_connections=None,
            max_keepalive_connections=None if keepalive else 0,
            keepalive_expiry=KEEPALIVE_S,
        )
        try:
            client = httpx.AsyncClient(
                base_url=self._settings.openrouter_base_url,
                headers={
                    **ATTRIBUTION,
                    "User-Agent": f"tray-proxy/{__version__}",
                    # A packed stream would be held back by the packing, and a packed bomb unpacked here.
                    "Accept-Encoding": "identity",
                },
                limits=limits,
                timeout=_timeout(self._settings),
                follow_redirects=False,
                verify=self._trusted,
                # A proxy from the environment is for the internet; the demo is on this computer.
                trust_env=not self._is_local,
            )
        except (ValueError, ImportError):
            # The error's own text holds the proxy's address, with a password perhaps.
            raise SettingsInvalid(
                "The proxy server that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names cannot be used. "
                "Allowed is an address such as http://proxy:8080 or socks5://proxy:1080."
            ) from None
        use_our_dialling(client)
        return client

    def use(self, settings: Settings) -> None:
        """Put other time limits in force, from the next request on; the address stays."""
        self._settings = settings
        for client in (self._kept.client, self._fresh):
            client.timeout = _timeout(settings)

    def drop(self) -> None:
        """Use no connection again that was opened before: they did not outlive a sleep, or a change of network."""
        kept, self._kept = self._kept, _Kept(self._new_client(keepalive=True))
        task = asyncio.create_task(kept.close_when_done())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all connections."""
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._kept.client.aclose()
        await self._fresh.aclose()

    @property
    def clock_error_s(self) -> float | None:
        """By how much our clock was ahead of OpenRouter's at its last answer; None where it told no time."""
        if self._told_time is None:
            return None
        told, at_s = self._told_time
        try:
            return at_s - email.utils.parsedate_to_datetime(told).timestamp()
        except ValueError:
            return None

    def note(self, error: UpstreamError | None) -> None:
        """Note what came of an exchange; None says that OpenRouter answered."""
        before = self.state
        self.state = Connection(error is None, "" if error is None else error.message, error)
        if self.state != before:
            self._changed(self.state)

    async def send(
        self,
        method: str,
        path: str,
        limit_s: float,
        headers: dict[str, str],
        content: list[bytes | memoryview] | None,
    ) -> httpx.Response:
        """
        Send a request and wait for the answer's headers.

        Args:
            limit_s: For all of that.

        Raises:
            UpstreamUnreachable, UpstreamTimeout: nobody answered, and why.
        """
        if self._surroundings is not None and self._surroundings.changed():
            # What was connected before is dead, and nobody says so.
            self.drop()
        try:
            async with asyncio.timeout(limit_s):
                upload = None if content is None else Upload(content)
                response = await self._send_once_or_again(method, path, headers, upload)
        except TimeoutError:
            failure: UpstreamError = silent(limit_s, "the first byte of the answer")
        except httpx.HTTPError as error:
            failure = await self._obstacle(error)
        else:
            if (told := response.headers.get("date")) is not None:
                self._told_time = told, time.time()
            if not is_page(response):
                self.note(None)
            return response
        self.note(failure)
        raise failure

    async def _obstacle(self, error: httpx.HTTPError) -> UpstreamError:
        """Find out why there was no answer."""
        base_url = self._settings.openrouter_base_url
        server = proxy_server(base_url)
        proxy = None if server is None else ":".join(str(part) for part in server if part)
        has_route = self._surroundings is None or self._surroundings.has_route()
        if isinstance(error, httpx.ProxyError):
            return obstacles.proxy_refused(proxy)
        if refused := obstacles.refused_certificate(error):
            return obstacles.certificate(refused, urlsplit(base_url).hostname or "", await _issuer(base_url))
        if isinstance(error, httpx.ConnectError) or not has_route:
            return obstacles.no_connection(error, has_route=has_route, proxy=proxy)
        if isinstance(error, httpx.ConnectTimeout):
            return UpstreamTimeout(f"OpenRouter could not be reached within {self._settings.connect_timeout_s:g} s.")
        return UpstreamUnreachable("The connection to OpenRouter broke off before anything was answered.")

    async def _send_once_or_again(
        self, method: str, path: str, headers: dict[str, str], content: "Upload | None"
    ) -> httpx.Response:
        """
        Send the request; if a kept connection turns out to be dead, send it once more on a new one.

        Not one byte was answered on the dead connection, it had been idle, and it died at once: it was closed before
        the request came. This is the one case in which a request may go out twice. One that dies later may have been
        at work, and what it did is paid for.
        """
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        connected = False

        async def note(event: str, _info: dict[str, Any]) -> None:
            nonlocal connected
            connected = connected or event.startswith("connection.connect_")

        mine = Tally()
        tally.set(mine)
        kept = self._kept
        request = kept.client.build_request(method, path, headers=headers, content=content, extensions={"trace": note})
        try:
            return await kept.send(request)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            late = loop.time() - began_s > RESEND_WITHIN_S
            if connected or late or not mine.counted or mine.received:
                raise
        again = self._fresh.build_request(method, path, headers=headers, content=content)
        return await self._fresh.send(again, stream=True)


def _timeout(settings: Settings) -> httpx.Timeout:
    # Reading is timed by `Answer`; a write stands still only while the network does.
    return httpx.Timeout(connect=settings.connect_timeout_s, read=None, write=settings.idle_timeout_s, pool=None)


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


async def _issuer(base_url: str) -> str | None:
    """Name who vouches for the certificate that was refused, where that can be had soon."""
    try:
        async with asyncio.timeout(ISSUER_TIMEOUT_S):
            return await in_thread(lambda: inspection.issuer(base_url, timeout_s=ISSUER_TIMEOUT_S))
    except (TimeoutError, OSError, inspection.CannotLook):
        return None


def is_page(response: httpx.Response) -> bool:
    """Say whether this is a page for a person's eyes, or the way to one, where an answer was to be."""
    html = response.headers.get("content-type", "").lower().startswith("text/html")
    return response.status_code == failures.SIGN_IN_NEEDED or (
        response.status_code < 400 and (html or response.is_redirect)
    )


async def pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """Give a body's bytes as they arrive, and tell in our words where they break off."""
    try:
        async for piece in response.aiter_raw():
            yield piece
    except httpx.HTTPError as error:
        raise UpstreamUnreachable(obstacles.BROKE_OFF) from error
