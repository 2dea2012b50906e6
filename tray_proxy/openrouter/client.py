"""
The HTTP client for OpenRouter: what is asked of it, and what comes back.

Chat is always bought as a stream: a plain request cannot be cancelled and is charged whole. Leaving the
context of `stream` closes the connection, which is what stops the bill. Nothing of the caller's request but
its translated body goes out, and redirects are never followed: the prompt would go with them.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import UnsetType

from tray_proxy.errors import NetworkSignIn, ProxyError, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from tray_proxy.keychain import Keychain
from tray_proxy.openrouter import failures, retries, sign_in
from tray_proxy.openrouter.answer import TOO_MUCH, Answer, read_embeddings, told_beside, without_key
from tray_proxy.openrouter.connections import JSON, Connection, Connections, Pieces, Response, content_type, is_page
from tray_proxy.openrouter.obstacles import BROKE_OFF
from tray_proxy.openrouter.surroundings import Surroundings
from tray_proxy.openrouter.upload import Asking, Fate
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import Settings
from tray_proxy.setting_values import is_key
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

CHAT = "/chat/completions"
EVENTS = "text/event-stream"
MAX_ERROR_BYTES = 256 * 1024
MAX_CATALOGUE_BYTES = 64 * 1024 * 1024
CATALOGUE_TIMEOUT_S = 30.0
# A hundred vectors of sixteen thousand numbers, each of 25 digits, are less.
MAX_EMBEDDINGS_BYTES = 64 * 1024 * 1024


class OpenRouterClient:
    """
    Speaks to OpenRouter with the owner's key. Lives as long as the process, in one event loop.

    Args:
        surroundings: Makes what notices a sleep, or another network.
        changed: Told in the event loop when it is another `Connection` than before.
    """

    def __init__(
        self,
        settings: Settings,
        keychain: Keychain,
        *,
        surroundings: Callable[[], Surroundings] = Surroundings,
        changed: Callable[[Connection], None] = lambda _: None,
    ) -> None:
        self.settings = settings
        self._keychain = keychain
        self._connections = Connections(settings, surroundings, changed)

    @property
    def reachable(self) -> bool | None:
        """Whether the last exchange reached OpenRouter; None before the first one."""
        return self._connections.state.ok

    @property
    def connection(self) -> Connection:
        """What the last exchange showed, and what was in the way."""
        return self._connections.state

    @property
    def time_s(self) -> float | None:
        """OpenRouter's time now, as Unix time: whoever sets our clock changes nothing. None before it told one."""
        return self._connections.time_s

    def use(self, settings: Settings) -> None:
        """Put other time limits in force, from the next request on; the address stays."""
        self.settings = settings
        self._connections.use(settings)

    def expect(self) -> None:
        """Open a connection for a request that seems to be coming, where none is open; returns at once."""
        self._connections.expect()

    def drop_connections(self) -> None:
        """Use no connection again that was opened before: they did not outlive a sleep. One is opened ahead instead."""
        self._connections.drop()
        self._connections.expect()

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()

    def stream(self, request: CompletionRequest, asked: str) -> "Stream":
        """
        Ask for an answer, on entering what is returned, or before by its `begin`.

        Args:
            asked: The model's name as the app wrote it, for "model not found".
        """
        return Stream(self, request, asked)

    async def embed(self, request: EmbeddingRequest, asked: str, fate: Fate) -> EmbeddingReply:
        """
        Ask for vectors. Cancelling closes the connection.

        Args:
            asked: The model's name as the app wrote it, for "model not found".
            fate: Told whether it may be charged for.

        Raises:
            ProxyError: its status is OpenRouter's own where it gave one.
        """
        asking = self._question("/embeddings", request, await self._keychain.key(), fate, accept=JSON)
        response = await self._buy(asking, asked, accept=JSON)
        try:
            body = await Answer(Pieces(response), self.settings, asked).whole(MAX_EMBEDDINGS_BYTES)
        finally:
            await response.aclose()
        try:
            return read_embeddings(body, asked)
        except ProxyError as error:
            fate.usage, is_refused = told_beside(body)
            fate.may_cost = not (is_refused or isinstance(error, NetworkSignIn))
            raise

    def begun(self, request: CompletionRequest, fate: Fate) -> Asking | None:
        """Begin to ask for an answer, as far as nothing has to be waited for: the key, or a connection."""
        key = self._keychain.known
        if key is None:
            return None
        asking = self._question(CHAT, request, key, fate, accept=EVENTS)
        self._connections.begin(asking)
        return asking

    async def answer(self, request: CompletionRequest, asked: str, fate: Fate, begun: Asking | None) -> Response:
        """
        Ask for an answer, or go on with what has begun.

        Raises:
            ProxyError: its status is OpenRouter's own where it gave one.
        """
        asking = begun or self._question(CHAT, request, await self._keychain.key(), fate, accept=EVENTS)
        return await self._buy(asking, asked, accept=EVENTS)

    def _question(
        self, path: str, request: CompletionRequest | EmbeddingRequest, key: SecretStr, fate: Fate, *, accept: str
    ) -> Asking:
        settings = self.settings
        if settings.private_providers:
            request = msgspec.structs.replace(request, provider=privately(request.provider))
        return self._connections.asking(
            "POST", path, settings.first_byte_timeout_s, key, content=encode(request), accept=accept, fate=fate
        )

    async def _buy(self, asking: Asking, asked: str, *, accept: str) -> Response:
        """
        Ask for what is charged for; a refusal that may pass is asked again a moment later, as `retries` says.

        Args:
            accept: What kind of answer is wanted: `EVENTS` or `JSON`.

        Raises:
            ProxyError: its status is OpenRouter's own where it gave one.
        """
        began_s = time.monotonic()
        for tries in itertools.count(1):
            response = await self._connections.send(asking)
            kind = content_type(response)
            if kind.startswith(EVENTS) if accept == EVENTS else response.status_code == 200:
                return response
            try:
                error = await self._refusal(response, asked)
            finally:
                await response.aclose()
            # Where only time ran out, a model may have been at work.
            asking.fate.may_cost = isinstance(error, UpstreamTimeout)
            delay_s = retries.next_delay_s(response.status_code, error, tries, time.monotonic() - began_s)
            if delay_s is None:
                raise error
            await asyncio.sleep(delay_s)
        raise AssertionError

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
        asking = self._connections.asking(
            "POST", "/auth/keys", CATALOGUE_TIMEOUT_S, None, content=[msgspec.json.encode(wanted)]
        )
        response = await self._connections.send(asking)
        try:
            if response.status_code != 200:
                raise sign_in.refusal(await self._refusal(response, ""))
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
        response = await self._connections.send(self._connections.asking("GET", path, CATALOGUE_TIMEOUT_S, key))
        try:
            if response.status_code != 200 or is_page(response):
                raise await self._refusal(response, "")
            return await _body(response, limit)
        finally:
            await response.aclose()

    async def _refusal(self, response: Response, asked: str) -> ProxyError:
        """Read an answer that is no stream, and tell what it means."""
        try:
            body = await _body(response, MAX_ERROR_BYTES)
        except UpstreamError:
            body = b""
        error = failures.from_answer(
            response.status_code,
            body,
            response.headers.get("retry-after"),
            asked,
            elsewhere=_host(response.headers.get("location", "")),
            now_s=time.time(),
        )
        if isinstance(error, UpstreamUnreachable):
            self._connections.note(error)
        return without_key(error)


class Stream:
    """
    An answer while it is read; leaving the context closes the connection unless the answer was read to its end.

    A class, and no generator: its end holds up the same client's next request, and this takes a third of the time.
    """

    def __init__(self, client: OpenRouterClient, request: CompletionRequest, asked: str) -> None:
        self._client = client
        self._request = request
        self._asked = asked
        self._fate = Fate()
        self._begun: Asking | None = None
        self._answer: Answer | None = None

    def begin(self) -> None:
        """
        Ask at once, as far as nothing has to be waited for; an answer that is not entered then is to be dropped.

        Raises:
            BadRequest: the question cannot be sent.
        """
        self._begun = self._client.begun(self._request, self._fate)

    def drop(self) -> None:
        """Break off what has begun and was never entered."""
        if self._begun is not None:
            self._begun.drop()

    def may_cost(self, *, told: bool) -> bool:
        """
        Say whether it may be charged for: OpenRouter has the question, and has not refused it.

        Args:
            told: Whether anything was said, or counted. An error that comes before is a refusal, too.
        """
        return self._fate.may_cost and (told or self._answer is None or not self._answer.refused)

    async def __aenter__(self) -> Answer:
        """
        Ask.

        Raises:
            ProxyError: before anything was answered; its status is OpenRouter's own where it gave one.
        """
        begun, self._begun = self._begun, None
        response = await self._client.answer(self._request, self._asked, self._fate, begun)
        # It may hold megabytes of pictures; the answer needs none of it.
        del self._request
        self._pieces = Pieces(response)
        self._answer = Answer(self._pieces, self._client.settings, self._asked)
        return self._answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        answer = self._answer
        if answer is None or answer.over:
            return
        try:
            if kind is None and answer.marked:
                await answer.drain()
        finally:
            await self._pieces.aclose()


def privately(provider: dict[str, Any] | UnsetType) -> dict[str, Any]:
    """
    Return an app's wishes for a provider, with those that the owner's setting `PRIVATE_PROVIDERS` puts first.

    Source: OpenRouter docs, "Provider Selection".
    """
    return {**(provider or {}), "data_collection": "deny", "zdr": True}


def _host(location: str) -> str | None:
    try:
        return urlsplit(location).hostname
    except ValueError:  # it is no address
        return None


async def _body(response: Response, limit: int) -> bytes:
    body, pieces = bytearray(), Pieces(response)
    try:
        async with asyncio.timeout(CATALOGUE_TIMEOUT_S):
            while (piece := await pieces.part(CATALOGUE_TIMEOUT_S)) is not None:
                body += piece
                if len(body) > limit:
                    raise UpstreamError(TOO_MUCH)
    except TimeoutError:
        raise UpstreamUnreachable(BROKE_OFF) from None
    return bytes(body)
