"""The newer version on the page: what it changes, where it is, and that it is put off."""

import msgspec

from tray_proxy.releases import Source
from tray_proxy.texts import text
from tray_proxy.updates import Updates
from tray_proxy.web.http import Request, Response, Route, done, read


class NewVersion(msgspec.Struct, frozen=True):
    """A newer version; `page` is where it can be downloaded."""

    version: str
    changes: tuple[str, ...]
    page: str


class _PutOff(msgspec.Struct, frozen=True):
    version: str


def new_version(updates: Updates) -> NewVersion | None:
    """Return what the page is to tell of; None for nothing."""
    release = updates.to_tell
    if release is None or updates.source is None:
        return None
    return NewVersion(release.version, release.changes, updates.source.page)


def notes(source: Source | None, *, demo: bool) -> dict[str, str]:
    """Say beside the switch why this copy never looks, by the setting's name; nothing where it does."""
    if demo:
        return {"check_for_updates": text("update.no-demo")}
    return {} if source else {"check_for_updates": text("update.no-release")}


def routes(updates: Updates) -> list[Route]:
    """Return what the page asks for about it."""

    async def put_off(request: Request) -> Response:
        updates.put_off((await read(request, _PutOff)).version)
        return done()

    return [Route("/api/update/put-off", put_off, methods=["POST"])]
