"""
The HTTP client for OpenRouter, and the only module that knows httpx and its errors.

Chat is always bought as a stream: a plain request cannot be cancelled and is charged whole. Leaving the
context of `stream` closes the connection, which is what stops the bill. Nothing of the caller's request but
its translated body goes out, and redirects are never followed: the prompt would go with them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from pydantic import SecretStr

from tray_proxy import __version__
from tray_proxy.errors import ProxyError, SettingsInvalid, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from tray_proxy.keychain import Keychain
from tray_proxy.openrouter import failures, sign_in
from tray_proxy.openrouter.answer import TOO_MUCH, Answer, read_embeddings, silent, without_key
from tray_proxy.openrouter.counting import CountingBackend, Tally, tally
from tray_proxy.setting_values import is_key, is_loopback
from tray_proxy.settings import Settings
from tray_proxy.translate.splice import encode
from tray_proxy.wire.openrouter import (
    CodeExchange,
    CompletionRequest,
    EmbeddingReply,
    EmbeddingRequest,
    ExchangeReply,
    KeyInfo,
    KeyReply,
)

# Idle connections are kept this long: a new one costs more than anything else on the way to the first token.
KEEPALIVE_S = 300.0
MAX_ERROR_BYTES = 256 * 1024
MAX_CATALOGUE_BYTES = 64 * 1024 * 1024
CATALOGUE_TIMEOUT_S = 30.0
# A larger body goes out in slices of this size: the network layers copy what they are handed, TLS more than once.
SLICE_BYTES = 256 * 1024
# A connection that was closed while it lay idle says so within one journey there and back.
RESEND_WITHIN_S = 2.0
# A hundred vectors of sixteen thousand numbers, each of 25 digits, are less.
MAX_EMBEDDINGS_BYTES = 64 * 1024 * 1024

# The same for all traffic: OpenRouter takes address and title together as the app's identity, and an app on
# localhost must name itself by the title. Source: OpenRouter docs, "App Attribution".
ATTRIBUTION = {"HTTP-Referer": "http://localhost:11434", "X-OpenRouter-Title": "Tray Proxy"}

_BROKE_OFF = "The connection to OpenRouter broke off before the answer was complete."


class OpenRouterClient:
    """
    Speaks to OpenRouter with the owner's key. Lives as long as the process, in one event loop.

    `reachable` tells what the last exchange showed; None before the first one.
    """

    def __init__(self, settings: Settings, keychain: Keychain) -> None:
        self.reachable: bool | None = None
        self._settings = settings
        self._keychain = keychain
        self._kept = self._new_client(keepalive=True)
        # For the one case in which a request is sent again: it must not meet a second dead connection.
        self._fresh = self._new_client(keepalive=False)

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
                # A proxy from the environment is for the internet; the demo is on this computer.
                trust_env=not is_loopback(urlsplit(self._settings.openrouter_base_url).hostname or ""),
            )
        except (ValueError, ImportError):
            # The error's own text holds the proxy's address, with a password perhaps.
            raise SettingsInvalid(
                "The proxy server that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names cannot be used. "
                "Allowed is an address such as http://proxy:8080 or socks5://proxy:1080."
            ) from None
        _count_bytes(client)
        return client

    def use(self, settings: Settings) -> None:
        """Put other time limits in force, from the next request on; the address stays."""
        self._settings = settings
        for client in (self._kept, self._fresh):
            client.timeout = _timeout(settings)

    async def close(self) -> None:
        """Close all connections."""
        await self._kept.aclose()
        await self._fresh.aclose()

    @asynccontextmanager
    async def stream(self, request: CompletionRequest, asked: str) -> AsyncIterator[Answer]:
        """
        Ask for an answer; leaving the context closes the connection unless the answer was read to its end.

        Args:
            asked: The model's name as the app wrote it, for "model not found".

        Raises:
            ProxyError: before anything was answered; its status is OpenRouter's own where it gave one.
        """
        key = await self._keychain.key()
        response = await self._send(
            "POST",
            "/chat/completions",
            self._settings.first_byte_timeout_s,
            key,
            content=encode(request),
            accept="text/event-stream",
        )
        try:
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                raise await _refusal(response, asked)
            answer = Answer(_pieces(response), self._settings, asked)
            yield answer
            if answer.marked:
                await answer.drain()
        finally:
            await response.aclose()

    async def embed(self, request: EmbeddingRequest, asked: str) -> EmbeddingReply:
        """
        Ask for vectors. Cancelling closes the connection.

        Args:
            asked: The model's name as the app wrote it, for "model not found".

        Raises:
            ProxyError: its status is OpenRouter's own where it gave one.
        """
        key = await self._keychain.key()
        response = await self._send(
            "POST", "/embeddings", self._settings.first_byte_timeout_s, key, content=encode(request)
        )
        try:
            if response.status_code != 200:
                raise await _refusal(response, asked)
            body = await Answer(_pieces(response), self._settings, asked).whole(MAX_EMBEDDINGS_BYTES)
        finally:
            await response.aclose()
        return read_embeddings(body, asked)

    async def fetch_models(self, path: str) -> bytes:
        """
        Fetch a list of the catalogue as it stands; no key is needed, and none is sent.

        Args:
            path: "/models" or "/embeddings/models".
        """
        return await self._fetch(path, None, MAX_CATALOGUE_BYTES)

    async def check_key(self, key: SecretStr) -> KeyInfo:
        """
        Ask OpenRouter about a key; this costs nothing.

        Raises:
            KeyRejected: OpenRouter does not know the key, or it is switched off.
            UpstreamError: OpenRouter could not be asked.
        """
        try:
            return msgspec.json.decode(await self._fetch("/key", key, MAX_ERROR_BYTES), type=KeyReply).data
        except msgspec.DecodeError:
            raise failures.not_openrouter(200) from None

    async def exchange_code(self, code: SecretStr, verifier: SecretStr) -> SecretStr:
        """
        Give a code of signing in for a key; none is sent.

        Raises:
            SignInRefused: OpenRouter has seen the code, and gives no key for it.
            UpstreamError: OpenRouter could not be asked; the code may still be good.
        """
        wanted = CodeExchange(code.get_secret_value(), verifier.get_secret_value(), sign_in.METHOD)
        response = await self._send(
            "POST", "/auth/keys", CATALOGUE_TIMEOUT_S, None, content=[msgspec.json.encode(wanted)]
        )
        try:
            if response.status_code != 200:
                raise sign_in.refusal(await _refusal(response, ""))
            body = await _body(response, MAX_ERROR_BYTES)
        finally:
            await response.aclose()
        try:
            key = msgspec.json.decode(body, type=ExchangeReply).key
        except msgspec.DecodeError:
            key = ""
        if not is_key(key):
            raise failures.not_openrouter(200)
        return SecretStr(key)

    async def _fetch(self, path: str, key: SecretStr | None, limit: int) -> bytes:
        response = await self._send("GET", path, CATALOGUE_TIMEOUT_S, key)
        try:
            if response.status_code != 200:
                raise await _refusal(response, "")
            return await _body(response, limit)
        finally:
            await response.aclose()

    async def _send(
        self,
        method: str,
        path: str,
        limit_s: float,
        key: SecretStr | None,
        *,
        content: list[bytes | memoryview] | None = None,
        accept: str = "application/json",
    ) -> httpx.Response:
        """Send a request and wait for the answer's headers."""
        headers = {}
        if content is not None:
            headers = {
                "Content-Type": "application/json",
                "Accept": accept,
                "Content-Length": str(sum(map(len, content))),
            }
        if key is not None:
            headers["Authorization"] = f"Bearer {key.get_secret_value()}"
        try:
            async with asyncio.timeout(limit_s):
                response = await self._send_once_or_again(
                    method, path, headers, None if content is None else _Upload(content)
                )
        except TimeoutError:
            self.reachable = False
            raise silent(limit_s, "the first byte of the answer") from None
        except httpx.ConnectTimeout:
            self.reachable = False
            raise UpstreamTimeout(
                f"OpenRouter could not be reached within {self._settings.connect_timeout_s:g} s."
            ) from None
        except httpx.HTTPError as error:
            self.reachable = False
            raise UpstreamUnreachable(_reason(error)) from None
        self.reachable = True
        return response

    async def _send_once_or_again(
        self, method: str, path: str, headers: dict[str, str], content: "_Upload | None"
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
        request = self._kept.build_request(method, path, headers=headers, content=content, extensions={"trace": note})
        try:
            return await self._kept.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            late = loop.time() - began_s > RESEND_WITHIN_S
            if connected or late or not mine.counted or mine.received:
                raise
        again = self._fresh.build_request(method, path, headers=headers, content=content)
        return await self._fresh.send(again, stream=True)


def _timeout(settings: Settings) -> httpx.Timeout:
    # Reading is timed by `Answer`; a write stands still only while the network does.
    return httpx.Timeout(connect=settings.connect_timeout_s, read=None, write=settings.idle_timeout_s, pool=None)


class _Upload:
    """
    A body on its way out. It can be sent again.

    Args:
        pieces: As `splice.encode` gives them.
    """

    def __init__(self, pieces: list[bytes | memoryview]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            for start in range(0, len(piece), SLICE_BYTES):
                yield bytes(piece[start : start + SLICE_BYTES])


def _count_bytes(client: httpx.AsyncClient) -> None:
    """
    Put our ear to the client's connections.

    httpx has no door for it. Were its inside another one day, nothing would be counted, and nothing sent again.
    """
    pool = getattr(getattr(client, "_transport", None), "_pool", None)
    backend = getattr(pool, "_network_backend", None)
    if backend is not None:
        pool._network_backend = CountingBackend(backend)  # type: ignore[union-attr]  # noqa: SLF001  see above


def _reason(error: httpx.HTTPError) -> str:
    """Say in plain words why there was no answer. The library's own text may hold addresses, and is left out."""
    if isinstance(error, httpx.ProxyError):
        return "The network's proxy server refused to connect to OpenRouter."
    if isinstance(error, httpx.ConnectError):
        text = str(error).lower()
        if "certificate" in text:
            return "OpenRouter's certificate could not be checked: this network may change certificates."
        if "name" in text or "address info" in text or "nodename" in text:
            return "OpenRouter's address could not be looked up: there seems to be no internet connection."
        return "OpenRouter could not be reached: there seems to be no internet connection."
    return "The connection to OpenRouter broke off before anything was answered."


async def _refusal(response: httpx.Response, asked: str) -> ProxyError:
    """Read an answer that is no stream, and tell what it means."""
    try:
        body = await _body(response, MAX_ERROR_BYTES)
    except UpstreamError:
        body = b""
    return without_key(failures.from_answer(response.status_code, body, response.headers.get("retry-after"), asked))


async def _body(response: httpx.Response, limit: int) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(CATALOGUE_TIMEOUT_S):
            async for piece in _pieces(response):
                body += piece
                if len(body) > limit:
                    raise UpstreamError(TOO_MUCH)
    except TimeoutError:
        raise UpstreamUnreachable(_BROKE_OFF) from None
    return bytes(body)


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """Give a body's bytes as they arrive, and tell in our words where they break off."""
    try:
        async for piece in response.aiter_raw():
            yield piece
    except httpx.HTTPError as error:
        raise UpstreamUnreachable(_BROKE_OFF) from error
