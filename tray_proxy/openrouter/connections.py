"""
The way to OpenRouter: taken anew when its connections cannot be alive any more. What httpx tells of it is told here in
our words.
"""

import asyncio
import contextlib
import email.utils
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from tray_proxy import __version__
from tray_proxy.errors import (
    KeyRejected,
    SettingsInvalid,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tray_proxy.keychain import in_thread
from tray_proxy.openrouter import failures, inspection, obstacles, trust
from tray_proxy.openrouter.answer import silent
from tray_proxy.openrouter.http1 import Body
from tray_proxy.openrouter.surroundings import Surroundings, proxy_server, through_sleep_s
from tray_proxy.openrouter.transport import Transport
from tray_proxy.openrouter.upload import Asking, Fate, Target
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import Settings
from tray_proxy.setting_values import is_loopback

if TYPE_CHECKING:
    from tray_proxy.openrouter.proxied import Proxied

# How long to look for the name of who vouches for a certificate that is refused.
ISSUER_TIMEOUT_S = 1.5

# In the year 2983, before the systems' own calendars end.
NO_TIME_S = 370_000 * 86_400.0

# The same for all traffic: OpenRouter takes address and title together as the app's identity, and an app on
# localhost must name itself by the title. Source: OpenRouter docs, "App Attribution".
ATTRIBUTION = {"HTTP-Referer": "http://localhost:11434", "X-OpenRouter-Title": "Tray Proxy"}

JSON = "application/json"

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
        # An answer's headers, and when they came by a clock that nobody sets; what time the last told that was read.
        self._told: tuple[httpx.Headers, float] | None = None
        self._time: tuple[float, float] | None = None
        self._settings = settings
        self._url = httpx.URL(settings.openrouter_base_url)
        # By method, path, kind of answer, and the key that they show.
        self._targets: dict[tuple[str, str, str, int], Target] = {}
        self._shown: weakref.ref[SecretStr] | None = None
        self._surroundings = None if is_loopback(self._url.host) else surroundings()
        # Reading the system's certificates takes a tenth of the start; the demo needs none.
        self._trusted = trust.context() if self._url.scheme == "https" else None
        self._way = self._new_way()
        self._ahead: asyncio.Task[None] | None = None

    def _new_way(self) -> "Transport | Proxied":
        # A proxy from the environment is for the internet; the demo is on this computer.
        if proxy_server(self._settings.openrouter_base_url) is None:
            return Transport(self._url, self._trusted)
        # Late: few need it, and it takes another library.
        from tray_proxy.openrouter.proxied import Proxied

        try:
            return Proxied(self._trusted or trust.context())
        except (ValueError, ImportError):
            # The error's own text holds the proxy's address, with a password perhaps.
            raise SettingsInvalid(
                "The proxy server that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names cannot be used. "
                "Allowed is an address such as http://proxy:8080 or socks5://proxy:1080."
            ) from None

    def use(self, settings: Settings) -> None:
        """Put other time limits in force, from the next request on; the address stays."""
        self._settings = settings

    def drop(self) -> None:
        """Use no connection again that was opened before: they did not outlive a sleep, or a change of network."""
        self._way.retire()
        self._way = self._new_way()

    def expect(self) -> None:
        """Open a connection for a request that seems to be coming, where none is open; returns at once."""
        if not self._way.is_ready() and (self._ahead is None or self._ahead.done()):
            self._ahead = asyncio.get_running_loop().create_task(self._open_ahead())

    async def _open_ahead(self) -> None:
        with contextlib.suppress(httpx.TransportError):  # the request itself will tell, if it comes
            await self._way.open_ahead(self._settings.connect_timeout_s)

    async def close(self) -> None:
        """Close all connections."""
        if self._ahead is not None:
            self._ahead.cancel()
        await self._way.aclose()

    @property
    def time_s(self) -> float | None:
        """OpenRouter's time now, as Unix time: whoever sets our clock changes nothing. None before it told one."""
        self._read_time()
        return None if self._time is None else self._time[0] + through_sleep_s() - self._time[1]

    def _read_time(self) -> None:
        if self._told is None:
            return
        (headers, at_s), self._told = self._told, None
        # An answer without a date, or with none that can be, leaves what an earlier one told.
        with contextlib.suppress(ValueError, OverflowError):
            time_s = email.utils.parsedate_to_datetime(headers.get("date", "")).timestamp()
            if 0 <= time_s < NO_TIME_S:
                self._time = time_s, at_s

    def note(self, error: UpstreamError | None) -> None:
        """Note what came of an exchange; None says that OpenRouter answered."""
        before = self.state
        if error is None and before.ok:
            return
        self.state = Connection(error is None, "" if error is None else error.message, error)
        if self.state != before:
            self._changed(self.state)

    def asking(
        self,
        method: str,
        path: str,
        limit_s: float,
        key: SecretStr | None,
        *,
        content: list[bytes | memoryview] | None = None,
        accept: str = JSON,
        fate: Fate | None = None,
    ) -> Asking:
        """
        Make a request.

        Args:
            limit_s: How long to wait for the answer's headers, once the request is sent.
            key: Shown to OpenRouter; the text of it is made here, and nowhere else.
            content: The JSON to post.
            accept: What kind of answer to that is wanted.
            fate: Told when it goes out.

        Raises:
            KeyRejected: the key cannot be shown in a header.
        """
        return Asking(
            self._targets.get((method, path, accept, id(key))) or self._target(method, path, accept, key),
            content or [],
            None if content is None else sum(map(len, content)),
            self._settings.connect_timeout_s,
            self._settings.idle_timeout_s,
            limit_s,
            fate,
        )

    def begin(self, asking: Asking) -> None:
        """Begin to send a request at once, where a connection lies ready; it is to be sent, or dropped, afterwards."""
        self._heed_surroundings()
        self._way.begin(asking)

    def _heed_surroundings(self) -> None:
        if self._surroundings is not None and self._surroundings.changed():
            # What was connected before is dead, and nobody says so.
            self.drop()

    async def send(self, asking: Asking) -> httpx.Response:
        """
        Send a request, or what is left of it, and wait for the answer's headers.

        Raises:
            UpstreamUnreachable, UpstreamTimeout: nobody answered, and why.
        """
        if asking.kept is None:
            self._heed_surroundings()
        try:
            response = await self._way.send(asking)
        except httpx.ReadTimeout:
            failure: UpstreamError = silent(asking.read_s, "the first byte of the answer")
        except httpx.HTTPError as error:
            failure = await self._obstacle(error)
        else:
            if not is_page(response):
                self._told = response.headers, through_sleep_s()
                if self._time is None:
                    # Later ones are read when somebody asks for the time.
                    self._read_time()
                self.note(None)
            return response
        self.note(failure)
        raise failure

    def _target(self, method: str, path: str, accept: str, key: SecretStr | None) -> Target:
        """Write what a head begins with; it is kept for the next request, as long as there is this key and no other."""
        if key is not None and (self._shown is None or self._shown() is not key):
            self._targets.clear()
            self._shown = weakref.ref(key, lambda _: self._targets.clear())
        headers = [
            ("Host", self._url.netloc.decode()),
            *ATTRIBUTION.items(),
            ("User-Agent", f"tray-proxy/{__version__}"),
            # A packed stream would be held back by the packing, and a packed bomb unpacked here.
            ("Accept-Encoding", "identity"),
            *([("Content-Type", JSON), ("Accept", accept)] if method == "POST" else []),
            *([] if key is None else [("Authorization", f"Bearer {key.get_secret_value()}")]),
        ]
        try:
            target = Target(
                method,
                httpx.URL(self._settings.openrouter_base_url + path),
                [(name.encode(), value.encode()) for name, value in headers],
            )
        except httpx.LocalProtocolError:
            # All else in them is ours; a key store's content anybody may have changed.
            raise KeyRejected("The OpenRouter key that is stored here is no key: it holds a line break.") from None
        self._targets[method, path, accept, id(key)] = target
        return target

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
        if isinstance(error, httpx.WriteTimeout):
            return silent(self._settings.idle_timeout_s, "it to take the request")
        return UpstreamUnreachable("The connection to OpenRouter broke off before anything was answered.")


async def _issuer(base_url: str) -> str | None:
    """Name who vouches for the certificate that was refused, where that can be had soon."""
    try:
        async with asyncio.timeout(ISSUER_TIMEOUT_S):
            return await in_thread(lambda: inspection.issuer(base_url, timeout_s=ISSUER_TIMEOUT_S))
    except (TimeoutError, OSError, inspection.CannotLook):
        return None


def content_type(response: httpx.Response) -> str:
    """Return what kind of answer this is, in lower case; "" where it does not say."""
    for name, value in response.headers.raw:
        if name.lower() == b"content-type":
            return value.decode("latin-1").lower()
    return ""


def is_page(response: httpx.Response) -> bool:
    """Say whether this is a page for a person's eyes, or the way to one, where an answer was to be."""
    status = response.status_code
    return status == failures.SIGN_IN_NEEDED or (
        status < 400 and (content_type(response).startswith("text/html") or response.is_redirect)
    )


class Pieces:
    """A body's bytes as they arrive; where they break off is told in our words."""

    def __init__(self, response: httpx.Response) -> None:
        stream = response.stream
        self._body = stream if isinstance(stream, Body) else _OtherBody(response)

    async def part(self, limit_s: float) -> bytes | None:
        """
        Give the next bytes; None at the end.

        Raises:
            TimeoutError: none came within `limit_s` seconds.
            UpstreamUnreachable: they broke off.
        """
        try:
            return await self._body.part(limit_s)
        except httpx.ReadTimeout:
            raise TimeoutError from None
        except httpx.HTTPError as error:
            raise UpstreamUnreachable(obstacles.BROKE_OFF) from error

    async def aclose(self) -> None:
        """Leave the body, read to its end or not."""
        await self._body.aclose()

    async def pour(self, take: Callable[[bytes], bool], limit_s: float, first_s: float) -> bool:
        """
        Have the bytes taken as they come, until `take` wants no more (True) or they end (False).

        Raises:
            TimeoutError, UpstreamUnreachable: as `part`; the next bytes may take `first_s`.
        """
        try:
            return await self._body.pour(take, limit_s, first_s)
        except httpx.ReadTimeout:
            raise TimeoutError from None
        except httpx.HTTPError as error:
            raise UpstreamUnreachable(obstacles.BROKE_OFF) from error


class _OtherBody:
    """An answer of httpx's own transport, read as one of ours."""

    def __init__(self, response: httpx.Response) -> None:
        self._pieces = response.aiter_raw()
        self.aclose = response.aclose

    async def part(self, limit_s: float) -> bytes | None:
        async with asyncio.timeout(limit_s):
            return await anext(self._pieces, None)

    async def pour(self, take: Callable[[bytes], bool], limit_s: float, first_s: float) -> bool:
        while (part := await self.part(first_s)) is not None:
            first_s = limit_s
            if not take(part):
                return True
        return False
