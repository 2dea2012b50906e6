"""One short handler for each `/api` endpoint, and the wrapper that gives every failure Ollama's shape."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from tray_proxy.errors import BadRequest, ProxyError, Stopping, UpstreamError
from tray_proxy.server.asgi import (
    BodyDecoder,
    ClientLeft,
    Receive,
    Record,
    Reply,
    Scope,
    Send,
    encode,
    header,
    json_reply,
    read_body,
    send_reply,
)
from tray_proxy.server.exchange import Deps, Exchange, now_rfc3339
from tray_proxy.translate import chat as chats
from tray_proxy.translate import model_info
from tray_proxy.translate.stream import Delta, Outcome
from tray_proxy.wire import ollama
from tray_proxy.wire.openrouter import ModelEntry

log = structlog.get_logger(__name__)

_read_chat = BodyDecoder(ollama.ChatRequest)
_read_show = BodyDecoder(ollama.ShowRequest)


@dataclass(frozen=True)
class Call:
    """One request to an endpoint."""

    deps: Deps
    scope: Scope
    receive: Receive
    send: Send
    record: Record

    async def model(self, asked: str | None) -> tuple[str, ModelEntry]:
        """
        Find the model that a request names, and note it for the log.

        Returns:
            The name as the app wrote it, and the model.

        Raises:
            BadRequest: no name was given.
            ModelNotFound, ModelNameAmbiguous, CatalogueUnavailable: there is no such model to be had.
        """
        if not asked or not asked.strip():
            raise BadRequest("model is required")
        entry = (await self.deps.catalogue.catalogue()).resolve(asked)
        self.record.model = entry.id
        return asked, entry


type Handler = Callable[[Call], Awaitable[Reply | None]]


@dataclass(frozen=True)
class Endpoint:
    """
    A plain ASGI endpoint around a handler. The handler gives a `Reply`, or None if it has answered itself.

    Args:
        deps: Gives the `Deps` in force; a request keeps those it began with.
    """

    handler: Handler
    deps: Callable[[], Deps]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; no failure leaves here but as an answer."""
        record: Record = scope["record"]
        try:
            reply = await self.handler(Call(self.deps(), scope, receive, send, record))
        except ClientLeft:
            record.outcome = "cancelled"
            return
        except asyncio.CancelledError:
            # The server gives up, while the proxy is turned off, what has not even been asked whole.
            record.outcome = "failed"
            reply = error_reply(Stopping())
        except ProxyError as error:
            record.outcome = "failed"
            record.error = type(error).__name__
            reply = error_reply(error)
        except Exception:
            # The text of an unforeseen exception may hold anything; the log gets its outline only.
            log.exception("internal error", request_id=record.request_id)
            record.outcome = "failed"
            record.error = "internal"
            reply = json_reply(
                ollama.ErrorResponse(f"internal error; look for {record.request_id} in Tray Proxy's log"), 500
            )
        if reply is not None:
            await send_reply(send, reply)


def error_reply(error: ProxyError) -> Reply:
    """Write an error as Ollama does: its status, and the message as a string under `error`."""
    retry_s = error.retry_after_s if isinstance(error, UpstreamError) else None
    headers = () if retry_s is None else (("retry-after", str(math.ceil(retry_s))),)
    return Reply(error.status, encode(ollama.ErrorResponse(error.message)), headers=headers)


@dataclass
class ChatDialect:
    """Writes an answer as `/api/chat` does: NDJSON lines, or one object."""

    asked: str

    def deltas(self, deltas: list[Delta]) -> bytes:
        """Write one line per delta."""
        created_at = now_rfc3339()
        return b"".join(encode(chats.line(self.asked, delta, created_at)) + b"\n" for delta in deltas)

    def end(self, outcome: Outcome) -> bytes:
        """Write the line that ends the stream."""
        return encode(chats.last(self.asked, outcome, now_rfc3339())) + b"\n"

    def whole(self, deltas: list[Delta], outcome: Outcome) -> bytes:
        """Write a plain answer."""
        return encode(chats.last(self.asked, outcome, now_rfc3339(), deltas))

    def failure(self, error: ProxyError) -> bytes:
        """Write the one line that tells of a failure; no line with `done` follows it."""
        return encode(ollama.ErrorResponse(error.message)) + b"\n"


async def version(_call: Call) -> Reply:
    """`GET /api/version`."""
    return json_reply(ollama.VersionResponse(ollama.OLLAMA_VERSION))


async def tags(call: Call) -> Reply:
    """`GET /api/tags`: the allowed models, newest first."""
    catalogue = await call.deps.catalogue.catalogue()
    models = [model_info.listed(entry, catalogue.fetched_s) for entry in catalogue.allowed]
    models.sort(key=lambda model: model.modified_at, reverse=True)
    return json_reply(ollama.ListResponse(models))


async def show(call: Call) -> Reply:
    """`POST /api/show`."""
    request = _read_show(await read_body(call.scope, call.receive))
    asked, model = await call.model(request.model or request.name)
    copilot = header(call.scope, "user-agent").startswith("GitHubCopilotChat/")
    catalogue = await call.deps.catalogue.catalogue()
    return json_reply(model_info.shown(model, catalogue.fetched_s, label=asked if copilot else None))


async def chat(call: Call) -> Reply | None:
    """`POST /api/chat`."""
    request = _read_chat(await read_body(call.scope, call.receive))
    asked, model = await call.model(request.model)
    if chats.is_load(request) and chats.wants_unload(request.keep_alive):
        return json_reply(chats.loaded(asked, now_rfc3339(), "unload"))
    chats.check(request, model, asked)
    if chats.is_load(request):
        return json_reply(chats.loaded(asked, now_rfc3339(), "load"))
    completion = chats.to_completion_request(request, model, asked)
    exchange = Exchange(call.deps, call.scope, call.receive, call.send, call.record, asked, ChatDialect(asked))
    await exchange.run(completion, stream=request.stream is not False)
    return None
