"""
The settings page: its files, its texts, and the routes that its parts bring along.

The page itself is plain HTML, CSS and ES modules in `static/`, as they are sent. It listens at `/api/events`, re-reads
what has changed, and every change it makes is one call.
"""

from collections.abc import Iterable
from pathlib import Path

from starlette import routing
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from tray_proxy import texts
from tray_proxy.errors import ProxyError
from tray_proxy.web.gate import STATIC, PageGate
from tray_proxy.web.http import Route, answer_problem, reply

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def create_app(routes: Iterable[Route], gate: PageGate) -> ASGIApp:
    """
    Build the page's app, with the gate in front. The files are read here: no request names a file.

    Args:
        routes: What the page's parts ask for, each from its `..._api` module.
    """
    files = {
        path.relative_to(STATIC).as_posix(): _file(path) for path in STATIC.rglob("*") if path.suffix in MEDIA_TYPES
    }
    index = (STATIC / "index.html").read_bytes()

    async def page(_request: Request) -> Response:
        return Response(index, media_type="text/html; charset=utf-8")

    async def static(request: Request) -> Response:
        found = files.get(request.path_params["name"])
        return Response(status_code=404) if found is None else Response(found[0], media_type=found[1])

    async def words(_request: Request) -> Response:
        return reply(texts.table())

    own = (Route("/", page), Route("/static/{name:path}", static), Route("/api/texts", words))
    app = Starlette(
        routes=mounted([*own, *routes]),
        exception_handlers={ProxyError: answer_problem},
    )
    return gate.protect(app)


def mounted(routes: Iterable[Route]) -> list[routing.Route]:
    """Make Starlette's routes of ours."""
    return [routing.Route(route.path, route.endpoint, methods=list(route.methods)) for route in routes]


def _file(path: Path) -> tuple[bytes, str]:
    return path.read_bytes(), MEDIA_TYPES[path.suffix]
