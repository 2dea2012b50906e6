"""Web pages and browser extensions on the page: who waits for an answer, who may call, who never."""

from dataclasses import dataclass

import msgspec

from tray_proxy.origins import Visitor
from tray_proxy.permissions import Permissions
from tray_proxy.web.http import Request, Response, Route, done, read, reply


class VisitorRow(msgspec.Struct, frozen=True):
    """
    A web page or a browser extension.

    `name` is what it is known by, "" where only its origin is known; `site` is the end of the origin that tells whose
    page it is.
    """

    origin: str
    name: str
    site: str
    extension: bool


class VisitorsState(msgspec.Struct, frozen=True, kw_only=True):
    """Who waits for an answer, who may call, and who never may; each in the order in which they came to be there."""

    waiting: tuple[VisitorRow, ...]
    allowed: tuple[VisitorRow, ...]
    refused: tuple[VisitorRow, ...]


class _Answer(msgspec.Struct, frozen=True):
    """`allowed` is None where an answer is taken back."""

    origin: str
    allowed: bool | None


@dataclass
class VisitorsDesk:
    """What tray and page do with the owner's answers."""

    permissions: Permissions

    def state(self) -> VisitorsState:
        """Tell all of them."""
        permissions = self.permissions
        return VisitorsState(
            waiting=_rows(permissions.waiting), allowed=_rows(permissions.allowed), refused=_rows(permissions.refused)
        )

    async def answer(self, origin: str, allowed: bool | None) -> None:
        """
        Let an origin call from now on, or never; None takes an answer back.

        Raises:
            NoSuchVisitor: no browser calls a page or an extension like this.
            SettingsInvalid: it could not be saved; nothing has changed.
        """
        if allowed is None:
            self.permissions.forget(origin)
        else:
            self.permissions.answer(origin, allowed=allowed)


def _rows(visitors: tuple[Visitor, ...]) -> tuple[VisitorRow, ...]:
    return tuple(VisitorRow(each.origin, each.name, each.site, each.is_extension) for each in visitors)


def routes(desk: VisitorsDesk) -> list[Route]:
    """Return what the page asks for about them."""

    async def state(_request: Request) -> Response:
        return reply(desk.state())

    async def answer(request: Request) -> Response:
        given = await read(request, _Answer)
        await desk.answer(given.origin, given.allowed)
        return done()

    return [Route("/api/visitors", state), Route("/api/visitors", answer, methods=["POST"])]
