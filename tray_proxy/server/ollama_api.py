"""One short handler for each `/api` endpoint that lists, shows or asks a model."""

import time
from datetime import UTC, datetime
from functools import lru_cache, partial

import msgspec
from msgspec import UNSET

from tray_proxy import catalogue
from tray_proxy.errors import ProxyError, full_text
from tray_proxy.server.asgi import NDJSON, BodyDecoder, Reply, encode, header, json_reply, read_body
from tray_proxy.server.conversation import buy, prepared, to_question
from tray_proxy.server.endpoint import Call
from tray_proxy.server.listing import with_own_words
from tray_proxy.translate import chat as chats
from tray_proxy.translate import generate as generates
from tray_proxy.translate import model_info
from tray_proxy.translate.chat import Translated
from tray_proxy.translate.context import to_context
from tray_proxy.translate.stream import Delta, Outcome
from tray_proxy.wire import ollama
from tray_proxy.wire.openrouter import ModelEntry

_read_chat = BodyDecoder(ollama.ChatRequest)
_read_generate = BodyDecoder(ollama.GenerateRequest)
_read_show = BodyDecoder(ollama.ShowRequest)


class ChatDialect:
    """Writes an answer as `/api/chat` does: NDJSON lines, or one object."""

    content_type = NDJSON

    def __init__(self, asked: str) -> None:
        self._asked = asked
        self._lines = chats.Lines(asked)

    def deltas(self, deltas: list[Delta]) -> bytes:
        """Write one line per delta."""
        return self._lines.write(deltas, now_rfc3339())

    def end(self, outcome: Outcome) -> bytes:
        """Write the line that ends the stream."""
        return encode(chats.last(self._asked, outcome, now_rfc3339())) + b"\n"

    def whole(self, deltas: list[Delta], outcome: Outcome) -> bytes:
        """Write a plain answer."""
        return encode(chats.last(self._asked, outcome, now_rfc3339(), deltas))

    def failure(self, error: ProxyError) -> bytes:
        """Write the one line that tells of a failure; no line with `done` follows it."""
        return encode(ollama.ErrorResponse(full_text(error))) + b"\n"


class GenerateDialect:
    """
    Writes an answer as `/api/generate` does: NDJSON lines, or one object.

    Args:
        turns: The conversation that `context` is made of, up to the prompt; None where there is to be no `context`.
    """

    content_type = NDJSON

    def __init__(self, asked: str, turns: list[ollama.Message] | None) -> None:
        self._asked = asked
        self._turns = turns
        self._said: list[str] = []

    def deltas(self, deltas: list[Delta]) -> bytes:
        """Write one line per delta."""
        created_at = now_rfc3339()
        self._said += (delta.content for delta in deltas)
        return b"".join(encode(generates.line(self._asked, delta, created_at)) + b"\n" for delta in deltas)

    def end(self, outcome: Outcome) -> bytes:
        """Write the line that ends the stream."""
        return encode(generates.last(self._asked, outcome, now_rfc3339(), self._context())) + b"\n"

    def whole(self, deltas: list[Delta], outcome: Outcome) -> bytes:
        """Write a plain answer."""
        self._said += (delta.content for delta in deltas)
        return encode(generates.last(self._asked, outcome, now_rfc3339(), self._context(), deltas))

    def failure(self, error: ProxyError) -> bytes:
        """Write the one line that tells of a failure; no line with `done` follows it."""
        return encode(ollama.ErrorResponse(full_text(error))) + b"\n"

    def _context(self) -> list[int]:
        if self._turns is None:
            return []
        return to_context([*self._turns, ollama.Message(role="assistant", content="".join(self._said))])


async def version(_call: Call) -> Reply:
    """`GET /api/version`."""
    return json_reply(ollama.VersionResponse(ollama.OLLAMA_VERSION))


async def tags(call: Call) -> Reply:
    """`GET /api/tags`: every name that may be called, newest first."""
    # Waited for here already, and not as long as a chat would: apps give a list a second or two.
    await call.deps.catalogue.catalogue(wait_s=catalogue.FIRST_LIST_S)
    listing = await call.listing()
    call.record.models = listing.count
    return Reply(200, listing.tags)


async def show(call: Call) -> Reply:
    """`POST /api/show`."""
    request = _read_show(await read_body(call.scope, call.receive))
    found = await call.find(request.model or request.name)
    copilot = header(call.scope, "user-agent").startswith("GitHubCopilotChat/")
    listing = await call.listing()
    return Reply(200, listing.show(with_own_words(found, request), label=found.asked if copilot else None))


async def ps(call: Call) -> Reply:
    """`GET /api/ps`: the models in use, those that stay longest first."""
    present = call.deps.loaded.present(time.time())
    if not present:
        # Also while there is no list of models: apps poll this, and take a failure for a server that is away.
        return json_reply(ollama.ProcessResponse([]))
    listing, known = await call.listing(), await call.deps.catalogue.catalogue()
    rows = []
    for name, expires_s in present:
        try:
            found = known.resolve(name)
        except ProxyError:
            # Removed, or disallowed, since it was called.
            call.deps.loaded.unload(name)
        else:
            rows.append(_process(listing.row(found), found.model, expires_s))
    return json_reply(ollama.ProcessResponse(rows))


def _process(entry: ollama.ListedModel, model: ModelEntry, expires_s: float) -> ollama.ProcessModel:
    return ollama.ProcessModel(
        name=entry.name,
        model=entry.model,
        size=entry.size,
        digest=entry.digest,
        details=msgspec.structs.replace(entry.details, context_length=UNSET, embedding_length=UNSET),
        expires_at=datetime.fromtimestamp(expires_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        size_vram=0,
        context_length=model_info.context_length(model),
    )


async def chat(call: Call) -> Reply | None:
    """`POST /api/chat`."""
    request = _read_chat(await read_body(call.scope, call.receive))
    keep_alive_s = chats.check_fields(request)
    found = await call.find(request.model)
    loads = chats.is_load(request)
    if loads and keep_alive_s == 0:
        call.deps.loaded.unload(found.name)
        return json_reply(chats.loaded(found.asked, now_rfc3339(), "unload"))
    chats.check_abilities(request, found.model, found.asked)
    if loads:
        chats.check_load(request)
        call.deps.loaded.used(found.name, keep_alive_s, time.time())
        return json_reply(chats.loaded(found.asked, now_rfc3339(), "load"))
    question = prepared(call, found, Translated(request))
    stream = request.stream is not False
    # It may hold megabytes of pictures; the answer needs none of it.
    del request
    await buy(call, found, lambda: ChatDialect(found.asked), question, stream=stream, keep_alive_s=keep_alive_s)
    return None


async def generate(call: Call) -> Reply | None:
    """`POST /api/generate`."""
    request = _read_generate(await read_body(call.scope, call.receive))
    keep_alive_s = chats.check_fields(request)
    found = await call.find(request.model)
    if generates.is_load(request) and keep_alive_s == 0:
        call.deps.loaded.unload(found.name)
        return json_reply(generates.loaded(found.asked, now_rfc3339(), "unload"))
    generates.check(request, found.model, found.asked)
    if generates.is_load(request):
        call.deps.loaded.used(found.name, keep_alive_s, time.time())
        return json_reply(generates.loaded(found.asked, now_rfc3339(), "load"))
    translated = generates.to_chat_request(request, found.preset)
    question = to_question(call, found, Translated(translated))
    turns = None if request.raw else generates.spoken(translated)
    stream = request.stream is not False
    # As above: no pictures while the answer comes.
    del request, translated
    dialect = partial(GenerateDialect, found.asked, turns)
    await buy(call, found, dialect, question, stream=stream, keep_alive_s=keep_alive_s)
    return None


def now_rfc3339() -> str:
    """Return the present time as Ollama writes it; some clients insist on the fraction of a second."""
    second, ns = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second_rfc3339(second)}.{ns // 1000:06d}Z"


@lru_cache(maxsize=1)
def _second_rfc3339(second: int) -> str:
    # Written once, however many lines name it.
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
