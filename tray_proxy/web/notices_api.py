"""Third-party notices on the page."""

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tray_proxy import notices
from tray_proxy.web.http import reply


def routes(text: Callable[[], str] = notices.text) -> list[Route]:
    """
    Return the route.

    Args:
        text: Gives the notices; from source it reads some sixty files.
    """

    async def tell(_request: Request) -> Response:
        return reply({"text": await asyncio.to_thread(text)})

    return [Route("/api/notices", tell)]
