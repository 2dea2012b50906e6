"""Third-party notices on the page."""

import asyncio
from collections.abc import Callable

from tray_proxy.web.http import Request, Response, Route, reply


def _gathered() -> str:
    from tray_proxy import notices

    return notices.text()


def routes(text: Callable[[], str] = _gathered) -> list[Route]:
    """
    Return the route.

    Args:
        text: Gives the notices; from source it reads some sixty files.
    """

    async def tell(_request: Request) -> Response:
        return reply({"text": await asyncio.to_thread(text)})

    return [Route("/api/notices", tell)]
