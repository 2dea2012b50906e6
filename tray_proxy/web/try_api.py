"""
“Try it here”: one small question, only on a click.

It takes the way that an app's question takes, through the same app, so that what works here works there; and it works
while the port cannot be had.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tray_proxy.catalogue import CatalogueCache
from tray_proxy.errors import ModelNotFound, ProxyError
from tray_proxy.texts import text
from tray_proxy.translate import recommended
from tray_proxy.web.http import Request, Response, Route, read, reply

# What an answer of a few words needs, also of a model that thinks first.
MAX_TOKENS = 1000
USER_AGENT = b"Tray-Proxy-Page"

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type App = Callable[[MutableMapping[str, Any], Receive, Callable[[Message], Awaitable[None]]], Awaitable[None]]


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What came back; `cost_usd` and the counts are None where OpenRouter did not tell them."""

    model: str
    answer: str
    ms: int
    cost_usd: float | None
    prompt_tokens: int | None
    completion_tokens: int | None


class NotAnswered(ProxyError):
    """The question failed, with the words that an app would have been told."""

    hint = ""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class _Question(msgspec.Struct, frozen=True):
    model: str | None = None


class _Said(msgspec.Struct, frozen=True):
    content: str = ""


class _ChatAnswer(msgspec.Struct, frozen=True):
    message: _Said = _Said()
    error: str = ""
    total_duration: int = 0


@dataclass(frozen=True)
class TryDesk:
    """
    Asks one small question.

    Args:
        app: Makes the app that Ollama's clients talk to.
    """

    cache: CatalogueCache
    app: Callable[[], App]

    async def ask(self, model: str | None, receive: Receive) -> Answered:
        """
        Ask a model, or where none is named a free one.

        Args:
            receive: Tells when the person has gone; the question is then given up.

        Raises:
            ModelNotFound: no free model is allowed, and none was named.
            NotAnswered: it failed.
        """
        chosen = model or await self._free_model()
        body = msgspec.json.encode(
            {
                "model": chosen,
                "messages": [{"role": "user", "content": text("page.try-question")}],
                "stream": False,
                "options": {"num_predict": MAX_TOKENS},
            }
        )
        scope, status, answer = await _call(self.app(), body, receive)
        found = msgspec.json.decode(answer or b"{}", type=_ChatAnswer)
        if status != 200:
            raise NotAnswered(found.error or text("page.try-failed"), status)
        usage = scope["record"].usage
        return Answered(
            model=chosen,
            answer=found.message.content,
            ms=found.total_duration // 1_000_000,
            cost_usd=usage.cost,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
        )

    async def _free_model(self) -> str:
        ids = recommended.free((await self.cache.catalogue()).allowed)
        if not ids:
            raise ModelNotFound("free", words=text("page.try-no-free"))
        return ids[0]


async def _call(app: App, body: bytes, receive: Receive) -> tuple[MutableMapping[str, Any], int, bytes]:
    """Call an app as a client on this computer would; return the scope with what the app noted, status and body."""
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"user-agent", USER_AGENT)]
    scope: MutableMapping[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/chat",
        "raw_path": b"/api/chat",
        "root_path": "",
        "query_string": b"",
        "headers": [*headers, (b"content-length", str(len(body)).encode())],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    status, parts = 500, []

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, next_message, send)
    return scope, status, b"".join(parts)


def routes(desk: TryDesk) -> list[Route]:
    """Return what the page asks for to try it."""

    async def ask(request: Request) -> Response:
        return reply(await desk.ask((await read(request, _Question)).model, request.receive))

    return [Route("/api/try", ask, methods=["POST"])]
