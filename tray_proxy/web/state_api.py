"""What every part of the page shows: whether the proxy is on, what is wrong, and how much there is of everything."""

from collections.abc import Callable, Iterable

import msgspec

from tray_proxy.autostart import AutostartState
from tray_proxy.catalogue import Catalogue
from tray_proxy.texts import text
from tray_proxy.translate import model_info
from tray_proxy.web.http import Request, Response, Route, done, read, reply
from tray_proxy.web.key_api import KeyState
from tray_proxy.web.port_api import PortState
from tray_proxy.web.sign_in_api import SignInState
from tray_proxy.web.updates_api import NewVersion


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


def count(catalogue: Catalogue | None, age_s: float | None) -> ModelCounts:
    """Count the models of a list; None is a list that was never loaded."""
    if catalogue is None:
        return ModelCounts(total=0, allowed=0, free=0, age_s=age_s)
    free = sum(map(model_info.is_free, catalogue.entries))
    return ModelCounts(total=len(catalogue.entries), allowed=len(catalogue.allowed), free=free, age_s=age_s)


def standing(
    *,
    running: bool,
    opening: bool,
    closing: bool,
    in_trouble: bool,
    needs_key: bool,
    models: ModelCounts,
    address: str,
    elsewhere: str | None = None,
) -> tuple[str, str]:
    """Say in a word (`PageState.phase`) and in a sentence how things stand; what is first in the tray is first here."""
    if not running and opening:
        return "starting", text("page.starting")
    if not running and closing:
        return "stopping", text("page.stopping")
    if not running:
        return "attention" if in_trouble else "off", text("page.off")
    if needs_key:
        return "attention", text("page.needs-key")
    if models.total and not models.allowed and not in_trouble:
        return "attention", text("page.needs-models")
    on = text("page.on" if elsewhere is None else "page.on-wide", address=address, elsewhere=elsewhere)
    return "attention" if in_trouble else "on", on


class Notice(msgspec.Struct, frozen=True):
    """Something to know once; `id` is what it is dismissed by."""

    id: str
    text: str


class Notices:
    """
    What the owner should know, until it was read.

    Args:
        texts: Whole sentences.
        changed: Told when one was dismissed.
    """

    def __init__(self, texts: Iterable[str], changed: Callable[[], None]) -> None:
        self.shown = tuple(Notice(str(number), text) for number, text in enumerate(texts))
        self._changed = changed

    def dismiss(self, notice_id: str) -> None:
        """Show a notice no more."""
        self.shown = tuple(notice for notice in self.shown if notice.id != notice_id)
        self._changed()


class PageState(msgspec.Struct, frozen=True, kw_only=True):
    """
    What every part of the page shows.

    `phase` is "on", "off", "starting", "stopping" or "attention"; `status` is a whole sentence. `system` is "win32",
    "darwin" or "linux". `visitors` is how many web pages and browser extensions wait for an answer. `answered` says
    whether any app ever got a model's answer, as far as the log's end tells.
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
    sign_in: SignInState
    models: ModelCounts
    visitors: int = 0
    answered: bool = False
    autostart: AutostartState
    port: PortState | None = None
    notices: tuple[Notice, ...] = ()
    new_version: NewVersion | None = None


class _Power(msgspec.Struct, frozen=True):
    on: bool


class _Dismissed(msgspec.Struct, frozen=True):
    id: str


def routes(state: Callable[[], PageState], turn: Callable[[bool], None], notices: Notices) -> list[Route]:
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

    async def dismiss(request: Request) -> Response:
        notices.dismiss((await read(request, _Dismissed)).id)
        return done()

    return [
        Route("/api/state", read_state),
        Route("/api/proxy", power, methods=["POST"]),
        Route("/api/notices/dismiss", dismiss, methods=["POST"]),
    ]
