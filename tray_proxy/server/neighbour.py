"""
Local models first: here it is decided, before anything else, whether a request is for the real Ollama beside us.

A request for a local model is passed to it as it is, or refused while it is away; it never goes to the cloud. Where the
setting LOCAL_OLLAMA is not set, nothing of this happens.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import structlog

from tray_proxy.errors import BadRequest, ManagingDenied, ModelNameAmbiguous, ModelNotFound, OllamaAway, ProxyError
from tray_proxy.neighbour.models import LocalModels
from tray_proxy.server.asgi import BodyDecoder, Message, Reply, Scope, header, read_as_sent
from tray_proxy.server.endpoint import Call, Handler
from tray_proxy.server.merging import LISTS
from tray_proxy.server.passing import Passing
from tray_proxy.translate.names import folded, is_valid

log = structlog.get_logger(__name__)


class _Model(msgspec.Struct):
    model: str | None = None


class _ModelOrName(msgspec.Struct):
    model: str | None = None
    name: str | None = None


class _Copy(msgspec.Struct):
    source: str | None = None
    destination: str | None = None


class _Create(msgspec.Struct):
    model: str | None = None
    name: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")


@dataclass(frozen=True)
class Named:
    """
    The names in a request.

    Args:
        asked: The model that is to do something, or to be dealt with.
        made: The name that is to be made; "" where none is.
    """

    asked: str
    made: str = ""


type Namer = Callable[[Scope, bytes | bytearray], Named]


def _by[T](shape: type[T], named: Callable[[T], Named]) -> Namer:
    decode = BodyDecoder(shape)
    return lambda scope, body: named(decode(_unpacked(scope, body)))


def _unpacked(scope: Scope, body: bytes | bytearray) -> bytes | bytearray:
    if header(scope, "content-encoding").strip().lower() != "zstd":
        return body
    from tray_proxy.server.zstd import Unpacked

    unpacked = Unpacked()
    unpacked.add(bytes(body))
    return unpacked.whole()


def _in_form(scope: Scope, body: bytes | bytearray) -> Named:
    from tray_proxy.server.multipart import Form

    form = Form(header(scope, "content-type"), len(body))
    form.add(bytes(body))
    field = form.whole().get("model")
    return Named("" if field is None else field.content.decode(errors="replace"))


def _in_path(scope: Scope, _body: bytes | bytearray) -> Named:
    return Named(scope["path_params"]["model"])


_by_model = _by(_Model, lambda body: Named(body.model or ""))
_by_model_or_name = _by(_ModelOrName, lambda body: Named(body.model or body.name or ""))

# Where each route has its names. A route that is not here has none.
NAMERS: dict[str, Namer] = {
    "/api/show": _by_model_or_name,
    "/api/chat": _by_model,
    "/api/generate": _by_model,
    "/api/embed": _by_model,
    "/api/embeddings": _by_model,
    "/api/pull": _by_model_or_name,
    "/api/push": _by_model_or_name,
    "/api/delete": _by_model_or_name,
    "/api/copy": _by(_Copy, lambda body: Named(body.source or "", body.destination or "")),
    "/api/create": _by(
        _Create, lambda body: Named(body.from_ or body.model or body.name or "", body.model or body.name or "")
    ),
    "/v1/chat/completions": _by_model,
    "/v1/completions": _by_model,
    "/v1/embeddings": _by_model,
    "/v1/responses": _by_model,
    "/v1/messages": _by_model,
    "/v1/messages/count_tokens": _by_model,
    "/v1/audio/transcriptions": _in_form,
    "/v1/models/{model:path}": _in_path,
}
# What asks no model anything, and what changes Ollama's own list.
SHOWING = ("/api/show", "/v1/models/{model:path}")
VERBS = ("/api/pull", "/api/push", "/api/delete", "/api/copy", "/api/create")


def local_first(path: str, handler: Handler) -> Handler:
    """
    Put the question whether a request is for a local model before a handler.

    Args:
        path: The route, as it stands in `ROUTES`.
    """
    merge, namer = LISTS.get(path), NAMERS.get(path)

    async def looked_at(call: Call, local: LocalModels) -> Reply | None:
        if merge is not None:
            return await merge(call, handler, local)
        if namer is not None:
            return await _Asked(call, local, path, namer).answer(handler)
        return await handler(call)

    def answer(call: Call) -> Awaitable[Reply | None]:
        return handler(call) if call.deps.local is None else looked_at(call, call.deps.local)

    return answer


@dataclass(frozen=True)
class _Asked:
    """One request that names a model."""

    call: Call
    local: LocalModels
    path: str
    namer: Namer

    async def answer(self, handler: Handler) -> Reply | None:
        call = self.call
        body = await read_as_sent(call.scope, call.receive)
        try:
            named = self.namer(call.scope, body)
        except ProxyError:
            # What is wrong with it is told by who knows the whole request.
            return await handler(_replayed(call, body))
        if await self._is_ollamas(named):
            await self._pass(named, body)
            return None
        if named.made and await self.local.is_local(named.made, else_certain=True):
            raise BadRequest(
                f'"{named.made}" is the name of a model of your Ollama, and a name of your own would hide it: '
                "choose another"
            )
        return await handler(_replayed(call, body))

    async def _is_ollamas(self, named: Named) -> bool:
        if not is_valid(named.asked):
            return False
        own = self.call.deps.presets.get(named.asked) is not None
        if await self.local.is_local(named.asked, else_certain=own or "/" in folded(named.asked)):
            return True
        return self.path == "/api/pull" and not await self._is_ours(named.asked)

    async def _is_ours(self, name: str) -> bool:
        """
        Say whether a pull is meant for OpenRouter: by a model's whole id, or a name of the owner's own.

        Every other name is one of Ollama's library, and there a pull is a download.
        """
        if self.call.deps.presets.get(name) is not None:
            return True
        if "/" not in folded(name):
            return False
        try:
            entry, variants = (await self.call.deps.catalogue.catalogue()).known(name)
        except (ModelNotFound, ModelNameAmbiguous):
            return False
        return folded(entry.id + variants) == folded(name)

    async def _pass(self, named: Named, body: bytes | bytearray) -> None:
        call, local = self.call, self.local
        call.record.model = named.asked
        if call.record.named is not None:
            call.record.named(named.asked)
        if self.path in VERBS:
            if call.deps.settings.manage_models == "deny":
                raise ManagingDenied
            log.info("an app changes Ollama's models", path=self.path, name=named.asked)

        def answered(status: int) -> None:
            # Before the client knows it: what it asks next must not find the name still local.
            if self.path == "/api/delete" and status in (200, 404):
                local.names.forget(named.asked)

        async def ending() -> None:
            # What was made is local from now on, also when Ollama is away before anybody has listed it.
            if self.path in VERBS:
                await local.known()

        connection = (call.scope, call.receive, call.send)
        asks = self.path not in (*VERBS, *SHOWING)
        passing = Passing(call.deps, *connection, call.record, named.asked, asks, answered, ending)
        try:
            await passing.run(local.client, body)
        except OllamaAway as error:
            # What is only to be pulled is none of its models yet.
            relation = "is a model of" if local.names.knows(named.asked) else "would be downloaded by"
            raise OllamaAway(f"'{named.asked}' {relation} the Ollama on this computer. {error.message}") from None


def _replayed(call: Call, body: bytes | bytearray) -> Call:
    """Give a call its body back."""
    held = [body]

    async def receive() -> Message:
        if held:
            return {"type": "http.request", "body": held.pop(), "more_body": False}
        return await call.receive()

    return Call(call.deps, call.scope, receive, call.send, call.record)
