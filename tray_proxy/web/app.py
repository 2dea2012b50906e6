"""
The settings page: what it is told, what it may ask for, and its files.

The page itself is plain HTML, CSS and ES modules in `static/`. It asks `/api/state` again and again and draws
what it finds; every change is one call. The key goes in and never comes out.
"""

from typing import Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tray_proxy.errors import BadRequest, ProxyError
from tray_proxy.settings import is_key
from tray_proxy.web.gate import STATIC, PageGate

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class KeyState(msgspec.Struct, frozen=True, kw_only=True):
    """
    Whether there is a key, and where it is kept.

    `source` is "environment", "keyring", "session" (until the program ends), "demo" or "" (there is none);
    `problem` says what is wrong with the key or its place, for example that the key store is locked.
    """

    present: bool
    source: str
    problem: str | None = None


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """
    One model of the list.

    A price of None is not known, a `context_length` of 0 neither. `listed` is False for a model that was
    allowed and that OpenRouter's list does not have now: it stays in sight, or the next tick would lose it.
    """

    id: str
    name: str
    allowed: bool
    free: bool
    context_length: int
    capabilities: tuple[str, ...]
    prompt_usd_per_million: str | None
    completion_usd_per_million: str | None
    listed: bool = True


class NameRow(msgspec.Struct, frozen=True, kw_only=True):
    """
    A name of the owner's own, as an app made it with Ollama's `copy` or `create`.

    `adds` says in a few words what it adds to the model, "" for an alias. `answers` is False where the model is
    gone or not allowed. `kept` is False for a name that was removed, and can be restored as long as the program runs.
    """

    name: str
    model: str
    adds: str
    answers: bool
    kept: bool


class ModelsState(msgspec.Struct, frozen=True, kw_only=True):
    """
    The model list, what is allowed of it, and the owner's own names.

    `hidden` are the models that are taken out while every other one is allowed. `filter_file` is the file
    MODELS_FILTER names, if it does; `age_s` is how old OpenRouter's list is, None when it was never loaded.
    """

    all_allowed: bool
    hidden: tuple[str, ...]
    filter_file: str | None
    age_s: float | None
    entries: tuple[ModelRow, ...]
    names: tuple[NameRow, ...]


class PageState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page shows. `status` and `problem` are whole sentences."""

    version: str
    demo: bool
    running: bool
    status: str
    address: str
    problem: str | None
    key: KeyState
    models: ModelsState


class KeyUnusable(BadRequest):
    """What was pasted cannot be an OpenRouter key; nobody needs to be asked."""

    status = 422
    hint = "Copy the key from openrouter.ai/keys and paste it again."


class PageUnreadable(BadRequest):
    """The page, or who pretends to be it, sent something else than was agreed."""

    hint = "Load the page anew and try again."


class PageBackend(Protocol):
    """What the page can do. Every coroutine may raise `ProxyError`; the page shows its message and hint."""

    def state(self) -> PageState:
        """Tell what there is to show; called in the event loop, returns at once."""
        ...

    async def test_key(self, key: str | None) -> str:
        """Ask OpenRouter about this key, or the stored one if None; give its answer as a sentence."""
        ...

    async def store_key(self, key: str) -> str:
        """Check the key, then keep it; say in a sentence where."""
        ...

    async def forget_key(self) -> None:
        """Remove the stored key."""
        ...

    async def allow_models(self, allowed: tuple[str, ...] | None) -> None:
        """Allow exactly these models from now on; None allows every one."""
        ...

    async def keep_name(self, name: str, *, kept: bool) -> None:
        """Remove a name of the owner's own, or restore one that was removed."""
        ...


class _KeyToTest(msgspec.Struct, frozen=True):
    key: str | None = None


class _KeyToStore(msgspec.Struct, frozen=True):
    key: str


class _ModelsToAllow(msgspec.Struct, frozen=True):
    allowed: tuple[str, ...] | None


class _NameToKeep(msgspec.Struct, frozen=True):
    name: str
    kept: bool


def create_app(backend: PageBackend, gate: PageGate) -> ASGIApp:
    """Build the page's app, with the gate in front. The files are read here: no request names a file."""
    handlers = _Handlers(backend)
    files = {
        path.name: (path.read_bytes(), MEDIA_TYPES[path.suffix])
        for path in STATIC.iterdir()
        if path.suffix in MEDIA_TYPES
    }
    index = (STATIC / "index.html").read_bytes()

    async def page(_request: Request) -> Response:
        return Response(index, media_type="text/html; charset=utf-8")

    async def static(request: Request) -> Response:
        found = files.get(request.path_params["name"])
        return Response(status_code=404) if found is None else Response(found[0], media_type=found[1])

    app = Starlette(
        routes=[
            Route("/", page),
            Route("/static/{name:path}", static),
            Route("/api/state", handlers.state),
            Route("/api/key/test", handlers.test_key, methods=["POST"]),
            Route("/api/key", handlers.store_key, methods=["POST"]),
            Route("/api/key", handlers.forget_key, methods=["DELETE"]),
            Route("/api/models", handlers.allow_models, methods=["POST"]),
            Route("/api/names", handlers.keep_name, methods=["POST"]),
        ],
        exception_handlers={ProxyError: _answer_problem},
    )
    return gate.protect(app)


class _Handlers:
    """One short method for each thing the page asks for."""

    def __init__(self, backend: PageBackend) -> None:
        self._backend = backend

    async def state(self, _request: Request) -> Response:
        return _json(self._backend.state())

    async def test_key(self, request: Request) -> Response:
        offered = (await _read(request, _KeyToTest)).key
        key = None if offered is None else usable_key(offered)
        request.state.key = key
        return _json({"message": _without(key, await self._backend.test_key(key))})

    async def store_key(self, request: Request) -> Response:
        key = usable_key((await _read(request, _KeyToStore)).key)
        request.state.key = key
        return _json({"message": _without(key, await self._backend.store_key(key))})

    async def forget_key(self, _request: Request) -> Response:
        await self._backend.forget_key()
        return Response(status_code=204)

    async def allow_models(self, request: Request) -> Response:
        await self._backend.allow_models((await _read(request, _ModelsToAllow)).allowed)
        return Response(status_code=204)

    async def keep_name(self, request: Request) -> Response:
        wanted = await _read(request, _NameToKeep)
        await self._backend.keep_name(wanted.name, kept=wanted.kept)
        return Response(status_code=204)


async def _read[T](request: Request, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.body(), type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Without `from`: the cause could quote what was sent, and that may be a key.
        raise PageUnreadable("Tray Proxy could not read what the page sent.") from None


def usable_key(offered: str) -> str:
    """Trim what was pasted; raises `KeyUnusable` for what no header can carry."""
    key = offered.strip()
    if not key:
        raise KeyUnusable("There is no key in the field.")
    if not is_key(key):
        raise KeyUnusable("This is not a key: it has spaces or special characters in it.")
    return key


def _without(key: str | None, text: str) -> str:
    """Blot out the key: OpenRouter's words may quote it, and so may a login page in between."""
    return text if not key else text.replace(key, "(your key)")


async def _answer_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProxyError)  # noqa: S101 -- Starlette cannot say that it hands us nothing else
    key: str | None = getattr(request.state, "key", None)
    # 401 and 403 are the gate's words for "this page is not connected"; a wrong key is not that.
    status = 422 if error.status in (401, 403) else error.status
    return _json({"error": _without(key, error.message), "hint": _without(key, error.hint)}, status)


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")
