"""What is around every handler: the call it answers, and the wrapper that makes an answer of every failure."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog
from msgspec import UNSET, UnsetType

from tray_proxy.catalogue import Found
from tray_proxy.errors import BadRequest, ModelNotFound, OllamaAway, PortInUse, ProxyError, Stopping
from tray_proxy.server import refusals
from tray_proxy.server.asgi import ClientLeft, Receive, Record, Reply, Scope, Send, send_reply
from tray_proxy.server.exchange import Deps
from tray_proxy.server.listing import Listing
from tray_proxy.translate.names import is_valid, with_tag

log = structlog.get_logger(__name__)


def _required() -> ProxyError:
    return BadRequest("model is required")


@dataclass(frozen=True)
class NameWords:
    """
    What a route says of a name that is no model's.

    Args:
        missing: Makes the error for a name that was not given.
        unknown: What to say of an unknown model, with `{name}` in it. It must hold "not found".
        tagged: Whether the unknown name is repeated with its tag.
    """

    missing: Callable[[], ProxyError] = _required
    unknown: str = "model '{name}' not found"
    tagged: bool = False


_USUAL_WORDS = NameWords()
_PULL_FIRST = 'model "{name}" not found, try pulling it first'
# The routes that differ from the others. Source: Ollama's `server/routes.go`, handler by handler.
NAME_WORDS = {
    "/api/generate": NameWords(partial(ModelNotFound, "")),
    "/api/embed": NameWords(partial(ModelNotFound, ""), _PULL_FIRST),
    "/api/embeddings": NameWords(unknown=_PULL_FIRST),
    "/api/show": NameWords(tagged=True),
}


@dataclass(slots=True)
class Call:
    """One request to an endpoint. Not frozen, which would take longer than all else that is done for one here."""

    deps: Deps
    scope: Scope
    receive: Receive
    send: Send
    record: Record

    async def find(self, asked: str | None) -> Found:
        """
        Find the model that a request names, and note it for the log.

        Raises:
            BadRequest: no name was given, or what was given is no name.
            ModelNotFound: no such model is to be had; in the route's own words.
            ModelNameAmbiguous, CatalogueUnavailable: it cannot be told which model is meant.
            OllamaAway: it is a local model's name, which is never looked for in the cloud.
        """
        deps = self.deps
        found = None
        known = deps.catalogue.snapshot
        if asked and known is not None and deps.local is None and deps.once_local is None:
            # What was found before is a name, and still leads there.
            found = known.remembered(asked)
        if found is None:
            found = await self._look_up(asked)
        record = self.record
        record.model = found.model.id
        if record.named is not None:
            record.named(found.model.id)
        return found

    async def _look_up(self, asked: str | None) -> Found:
        words = NAME_WORDS.get(self.scope["path"], _USUAL_WORDS)
        if not asked or not asked.strip():
            raise words.missing()
        if not is_valid(asked):
            raise BadRequest("invalid model name")
        if self.deps.local is not None and self.deps.local.names.knows(asked):
            # Already passed on, if all is as it should be. However a request was read: it does not go to the cloud.
            raise OllamaAway(f"'{asked}' is a model of the Ollama on this computer, and cannot be asked for this here.")
        if self.deps.once_local is not None and self.deps.once_local.knows(asked):
            raise OllamaAway(
                f"'{asked}' is a model of an Ollama on this computer whose address Tray Proxy has lost: set "
                "LOCAL_OLLAMA to it again. Turned off there, its names are free for OpenRouter's models."
            )
        catalogue = await self.deps.catalogue.catalogue()
        try:
            return catalogue.resolve(asked)
        except ModelNotFound as error:
            name = with_tag(asked.strip()) if words.tagged else asked
            raise type(error)(name, error.near, words.unknown) from None

    async def listing(self) -> Listing:
        """Return the answers about the present models; who looks at them is about to ask one."""
        self.deps.client.expect()
        return self.deps.listings.of(await self.deps.catalogue.catalogue(), self.deps.settings.openrouter_base_url)


type Handler = Callable[[Call], Awaitable[Reply | None]]


@dataclass(frozen=True)
class Endpoint:
    """
    A plain ASGI endpoint around a handler. The handler gives a `Reply`, or None if it has answered itself.

    Args:
        deps: Gives the `Deps` in force; a request keeps those it began with.
        pattern: The route, as it stands in `ROUTES`.
    """

    handler: Handler
    deps: Callable[[], Deps]
    pattern: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; no failure leaves here but as an answer."""
        record: Record = scope["record"]
        record.pattern = self.pattern
        try:
            reply = await self.handler(Call(self.deps(), scope, receive, send, record))
        except ClientLeft:
            record.outcome = "cancelled"
            return
        except asyncio.CancelledError:
            # The server gives up, while the proxy is turned off, what has not even been asked whole.
            reply = refusals.refusal(Stopping(), scope["path"], record.request_id)
        except ProxyError as error:
            record.error = type(error).__name__
            if isinstance(error, ModelNotFound):
                record.model = error.name or None  # as the app wrote it: that is what its owner has to change
            reply = refusals.refusal(error, scope["path"], record.request_id, await self._signin_url(error))
        except Exception:
            # The text of an unforeseen exception may hold anything; the log gets its outline only.
            log.exception("internal error", request_id=record.request_id)
            record.error = "internal"
            text = f"internal error; look for {record.request_id} in Tray Proxy's log"
            reply = Reply(500, refusals.told(500, text, scope["path"], record.request_id))
        if reply is not None:
            await send_reply(send, reply)

    async def _signin_url(self, error: ProxyError) -> str | UnsetType:
        """Tell where a key can be given: Ollama's command line shows the address of a 401, and not its text."""
        if error.status == 401:
            with contextlib.suppress(PortInUse):  # then the text must do
                return await self.deps().page_address()
        return UNSET
