"""“Check everything” on the page: only on a click, and once at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tray_proxy.web.http import Request, Response, Route, reply

if TYPE_CHECKING:
    from tray_proxy.doctor import Report


def routes(examine: "Callable[[], Awaitable[Report]]") -> list[Route]:
    """Return the route; who clicks while a check is under way is told what that one finds."""
    under_way: asyncio.Future[Report] | None = None

    async def check(_request: Request) -> Response:
        nonlocal under_way
        if under_way is None or under_way.done():
            under_way = asyncio.ensure_future(examine())
        # Who closes the page ends no check that somebody else waits for.
        return reply(await asyncio.shield(under_way))

    return [Route("/api/check", check, methods=["POST"])]
