"""
The HTTP client for a real Ollama on this computer.

It has a door of its own to httpx because nothing of the way to OpenRouter fits here: no key may go this way, no proxy
may stand between, and an answer may take as long as a large model needs to load.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import msgspec

from tray_proxy.errors import OllamaAway

# Windows takes two seconds to refuse a connection on this computer.
ANSWER_TIMEOUT_S = CONNECT_TIMEOUT_S = 3.0
MAX_LIST_BYTES = 16 * 1024 * 1024
# The network layers copy what they are handed.
SLICE_BYTES = 256 * 1024
# Where Ollama's own cloud models are. What names another host comes from no Ollama, but from a copy of us perhaps.
OLLAMA_CLOUD = "ollama.com"


@dataclass(frozen=True)
class Listed:
    """
    A row of `/api/tags` or `/api/ps`.

    Args:
        at: When it was changed, or expires; as it was written.
        row: All of it, as it came.
    """

    name: str
    at: str
    row: bytes


class _Row(msgspec.Struct):
    """
    What we look at of a row; the rest may be anything.

    Source: Ollama's `api/types.go` (ListModelResponse, ProcessModelResponse).
    """

    name: str = ""
    modified_at: str = ""
    expires_at: str = ""
    remote_host: str = ""


class _Version(msgspec.Struct):
    version: str = ""


class _Health(msgspec.Struct):
    app: str = ""


@dataclass(frozen=True)
class OllamaAnswer:
    """An answer while it arrives. `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]


class OllamaClient:
    """
    Speaks to the Ollama at one address. To be used from one event loop.

    Args:
        url: Such as "http://127.0.0.1:11435".
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.AsyncClient(
            base_url=url,
            # No connection is kept: a new one costs next to nothing on this computer, and is not dead when needed.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            follow_redirects=False,
            trust_env=False,
            # It speaks plain http alone. httpx's own reads all certificates, which holds the loop up at each look.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )
        # Without httpx's own: they would speak in place of the app that asks, and have answers packed.
        self._http.headers.clear()
        self._http.headers.update({"accept-encoding": "identity", "connection": "close"})

    async def models(self) -> list[Listed]:
        """
        Return the rows of `/api/tags`.

        Raises:
            OllamaAway: it did not answer in time, or nothing that can be read.
        """
        return self._read(await self._get("/api/tags"))

    async def processes(self, limit_s: float) -> list[Listed]:
        """
        Return the rows of `/api/ps`.

        Args:
            limit_s: How long to wait for them.

        Raises:
            OllamaAway: as `models`.
        """
        return self._read(await self._get("/api/ps", limit_s=limit_s))

    async def version(self) -> str:
        """
        Return its version; "" where it does not tell it.

        Raises:
            OllamaAway: as `models`.
        """
        body = await self._get("/api/version")
        try:
            return msgspec.json.decode(body, type=_Version).version
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._away() from None

    async def is_tray_proxy(self) -> bool:
        """
        Say whether it is no Ollama, but another copy of us.

        Raises:
            OllamaAway: nothing answered in time.
        """
        try:
            return msgspec.json.decode(await self._get("/health", status=None), type=_Health).app == "Tray Proxy"
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False

    @asynccontextmanager
    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | bytearray
    ) -> AsyncIterator[OllamaAnswer]:
        """
        Send a request as it is; leaving the context closes the connection, which ends Ollama's work.

        Raises:
            OllamaAway: it cannot be reached, or the connection broke off.
        """
        # As bytes: httpx takes only ASCII for text, and programs write their names in any alphabet.
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        raw.append((b"content-length", str(len(body)).encode()))
        request = self._http.build_request(method, path, headers=raw, content=_slices(body))
        try:
            response = await self._http.send(request, stream=True)
        except httpx.HTTPError:
            raise self._away() from None
        try:
            yield OllamaAnswer(response.status_code, response.headers, self._pieces(response))
        finally:
            await response.aclose()

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for piece in response.aiter_raw():
                yield piece
        except httpx.HTTPError:
            raise OllamaAway(f"The connection to Ollama at {self.url} broke off.") from None

    def _read(self, body: bytes) -> list[Listed]:
        try:
            rows = msgspec.json.decode(body, type=dict[str, list[msgspec.Raw] | None]).get("models")
            return [listed for row in rows or () if (listed := read_row(bytes(row)))]
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._away() from None

    async def _get(self, path: str, *, status: int | None = 200, limit_s: float | None = None) -> bytes:
        """
        Fetch a small answer.

        Args:
            status: What the answer's must be; None for any.
            limit_s: None for `ANSWER_TIMEOUT_S`.
        """
        body = bytearray()
        try:
            async with asyncio.timeout(limit_s or ANSWER_TIMEOUT_S), self.ask("GET", path, {}, b"") as answer:
                if status not in (None, answer.status):
                    raise self._away()
                async for piece in answer.pieces:
                    body += piece
                    if len(body) > MAX_LIST_BYTES:
                        raise self._away()
        except TimeoutError:
            raise self._away(silent=True) from None
        return bytes(body)

    def _away(self, *, silent: bool = False) -> OllamaAway:
        return OllamaAway(f"Ollama does not answer at {self.url}.", silent=silent)


def read_row(row: bytes) -> Listed | None:
    """
    Read a row; None for what is no model of Ollama's.

    Raises:
        msgspec.DecodeError: it is no row at all.
    """
    read = msgspec.json.decode(row, type=_Row)
    host = read.remote_host.rpartition("://")[2].partition("/")[0].partition(":")[0]
    if not read.name or host not in ("", OLLAMA_CLOUD):
        return None
    return Listed(read.name, read.expires_at or read.modified_at, row)


async def _slices(body: bytes | bytearray) -> AsyncIterator[bytes]:
    for start in range(0, len(body), SLICE_BYTES):
        yield bytes(body[start : start + SLICE_BYTES])
