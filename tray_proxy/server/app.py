"""The app that Ollama clients talk to: routes, the middlewares around them, and `/`, `/health`."""

import re
from collections.abc import Callable

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tray_proxy import __version__
from tray_proxy.server import ollama_api
from tray_proxy.server.asgi import TEXT, App, Receive, Reply, Scope, Send, json_reply
from tray_proxy.server.exchange import Deps
from tray_proxy.server.guard import Guard, Rule
from tray_proxy.server.journal import Journal
from tray_proxy.server.ollama_api import Call, Endpoint, Handler
from tray_proxy.wire.ollama import ALIVE_TEXT


async def alive(_call: Call) -> Reply:
    """`GET /`: clients compare the text."""
    return Reply(200, ALIVE_TEXT.encode(), TEXT)


async def health(call: Call) -> Reply:
    """`GET /health`: what we know without asking anyone; a probe must not cost anything."""
    deps = call.deps
    age_s = deps.catalogue.age_s
    ready = deps.keychain.present and age_s is not None and deps.client.reachable is not False
    return json_reply(
        {
            "app": "Tray Proxy",
            "status": "ok" if ready else "degraded",
            "upstream_reachable": deps.client.reachable,
            "catalogue_age_s": None if age_s is None else round(age_s, 1),
            "key_present": deps.keychain.present,
            "demo": deps.demo,
            "version": __version__,
        }
    )


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET,HEAD", "/", alive),
    ("GET,HEAD", "/health", health),
    ("GET,HEAD", "/api/version", ollama_api.version),
    ("GET,HEAD", "/api/tags", ollama_api.tags),
    ("POST", "/api/show", ollama_api.show),
    ("POST", "/api/chat", ollama_api.chat),
)


def create_app(deps: Callable[[], Deps]) -> App:
    """
    Make the app.

    Args:
        deps: Gives the `Deps` in force when a request comes in.
    """
    routes = [Route(path, Endpoint(handler, deps), methods=methods.split(",")) for methods, path, handler in ROUTES]
    app = FastAPI(title="Tray Proxy", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.router.routes.extend(routes)
    app.add_exception_handler(HTTPException, _no_such_route)
    guard = Guard(_CleanPath(app), Rule.with_more(deps().settings.ollama_origins))
    return Journal(guard)


class _CleanPath:
    """
    Takes `//api/chat` and `/api/chat/` for `/api/chat`.

    A base address typed with a slash at its end makes such paths. Ollama redirects them, which turns a POST
    into a GET on the way.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = re.sub(r"/{2,}", "/", scope["path"])
        clean = path if path == "/" else path.rstrip("/")
        await self._app({**scope, "path": clean, "raw_path": clean.encode()}, receive, send)


async def _no_such_route(_request: Request, error: Exception) -> Response:
    """Answer 404 and 405 in the words of Ollama's web framework."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    words = {404: "404 page not found", 405: "405 method not allowed"}
    return PlainTextResponse(words.get(status, "error"), status, dict(headers or {}))
