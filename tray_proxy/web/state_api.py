"""What every part of the page shows: whether the proxy is on, what is wrong, and how much there is of everything."""

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tray_proxy.web.http import done, read, reply
from tray_proxy.web.key_api import KeyState


class Trouble(msgspec.Struct, frozen=True):
    """What the owner should see to, and how."""

    message: str
    hint: str


class ModelCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many models there are; `age_s` is how old OpenRouter's list is, None when it was never loaded."""

    total: int
    allowed: int
    free: int
    age_s: float | None


class PageState(msgspec.Struct, frozen=True, kw_only=True):
    """
    What every part of the page shows.

    `phase` is "on", "off", "starting", "stopping" or "attention"; `status` is a whole sentence. `system` is "win32",
    "darwin" or "linux".
    """

    version: str
    demo: bool
    system: str
    phase: str
    running: bool
    status: str
    address: str
    problem: Trouble | None
    key: KeyState
    models: ModelCounts


class _Power(msgspec.Struct, frozen=True):
    on: bool


def routes(state: Callable[[], PageState], turn: Callable[[bool], None]) -> list[Route]:
    """
    Return the page's own routes.

    Args:
        state: Tells what there is to show; called in the event loop, returns at once.
        turn: Turns the proxy on or off; returns at once, what comes of it shows in the state.
    """

    async def read_state(_request: Request) -> Response:
        return reply(state())

    async def power(request: Request) -> Response:
        turn((await read(request, _Power)).on)
        return done()

    return [Route("/api/state", read_state), Route("/api/proxy", power, methods=["POST"])]
