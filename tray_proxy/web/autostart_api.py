"""Start at login: the page's switch, and the tray's tick."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from tray_proxy.autostart import Autostart, AutostartState
from tray_proxy.web.http import Request, Response, Route, done, read


class _Wanted(msgspec.Struct, frozen=True):
    on: bool


@dataclass(frozen=True)
class AutostartDesk:
    """
    Switches starting at login.

    Args:
        changed: Told, after each switch, what the system says now.
    """

    autostart: Autostart
    changed: Callable[[AutostartState], None]

    def state(self) -> AutostartState:
        """Read it from the system: the owner may have changed it there."""
        return self.autostart.state()

    async def switch(self, on: bool) -> None:
        """
        Be started at login from now on, or no more.

        Raises:
            AutostartFailed: the system does not let us; nothing has changed.
        """
        try:
            (self.autostart.enable if on else self.autostart.disable)()
        finally:
            self.changed(self.autostart.state())


def routes(desk: AutostartDesk) -> list[Route]:
    """Return what the page asks for about it."""

    async def switch(request: Request) -> Response:
        await desk.switch((await read(request, _Wanted)).on)
        return done()

    return [Route("/api/autostart", switch, methods=["POST"])]
