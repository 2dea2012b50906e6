"""What another start of the program may ask of this one, on the page's port: to show the page, or to end."""

from collections.abc import Callable

from tray_proxy.instance import CONTROL_PATHS, Answer
from tray_proxy.web.http import Request, Response, Route, reply


def routes(show: Callable[[], str | None], end: Callable[[], None]) -> list[Route]:
    """
    Return the routes. The gate lets in who shows the token that lies in the settings folder.

    Args:
        show: Shows the page, or says why it does not; returns at once.
        end: Begins to end the program; returns at once.
    """

    async def open_page(_request: Request) -> Response:
        return reply(Answer(show()))

    async def leave(_request: Request) -> Response:
        end()
        return reply(Answer())

    return [
        Route(CONTROL_PATHS["open"], open_page, methods=["POST"]),
        Route(CONTROL_PATHS["quit"], leave, methods=["POST"]),
    ]
