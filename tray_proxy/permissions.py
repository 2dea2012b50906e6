"""
Which web pages and browser extensions may call besides those that always may: asked once, kept, and taken back.

A page can make up origins without end (other ports, other names below its own), and each of them may call as often as
it likes. So few wait for an answer at a time, fewer of one site, and none of a site that was refused again and again.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from tray_proxy import user_file
from tray_proxy.errors import ProxyError
from tray_proxy.origins import Visitor, is_plain
from tray_proxy.texts import text

SETTING = "web_permissions"
ALWAYS, NEVER = "always", "never"
# Of pages, and of extensions.
MAX_WAITING = 20
# Waiting and refused together: a site that was told so this often is told nothing more, and refused.
MAX_OF_A_SITE = 3
# Each took a click; the oldest refusals go, and may be asked about again.
MAX_REFUSED = 200

log = structlog.get_logger(__name__)


class NoSuchVisitor(ProxyError):
    """An answer is about what no browser calls a page or an extension."""

    status = 404
    hint = ""

    def __init__(self) -> None:
        super().__init__(text("origin.no-such"))


class Permissions:
    """
    The owner's answers. To be used from the event loop.

    Args:
        stored: "always" or "never" by origin, as the settings file has them. What is neither stays in it, unused.
        file: The user's settings file.
        changed: Told after each change; with the visitor that is to be asked about, if there is a new one.
    """

    def __init__(
        self, stored: Mapping[str, Any], file: Path, changed: Callable[[Visitor | None], None] = lambda _: None
    ) -> None:
        self._file = file
        self._changed = changed
        self._answers = {origin: str(each) for origin, each in stored.items() if is_plain(origin) and _is_answer(each)}
        self._unreadable = {origin: each for origin, each in stored.items() if origin not in self._answers}
        self._waiting: dict[str, Visitor] = {}
        # The log holds no origin: it would tell which pages its owner was on.
        if self._unreadable:
            log.warning("web permissions skipped", count=len(self._unreadable))

    @property
    def waiting(self) -> tuple[Visitor, ...]:
        """Those that nobody has decided about yet, in the order in which they came."""
        return tuple(self._waiting.values())

    @property
    def allowed(self) -> tuple[Visitor, ...]:
        """Those that may call, in the order in which they were allowed."""
        return self._answered(ALWAYS)

    @property
    def refused(self) -> tuple[Visitor, ...]:
        """Those that may not, and are not asked about, in the order in which they were refused."""
        return self._answered(NEVER)

    def allows(self, origin: str) -> bool:
        """Say whether the owner lets this origin call."""
        return self._answers.get(origin) == ALWAYS

    def ask(self, origin: str) -> None:
        """Have the owner asked about an origin that was refused, unless that was done, or it is none to ask about."""
        if origin in self._waiting or origin in self._answers or not is_plain(origin):
            return
        visitor = Visitor(origin)
        # A page that makes up names takes no place from an extension, which no page can make up.
        if sum(each.is_extension == visitor.is_extension for each in self.waiting) >= MAX_WAITING:
            return
        if sum(each.site == visitor.site for each in (*self.waiting, *self.refused)) >= MAX_OF_A_SITE:
            return
        self._waiting[origin] = visitor
        log.info("the owner is asked about a web origin", waiting=len(self._waiting))
        self._changed(visitor)

    def answer(self, origin: str, *, allowed: bool) -> None:
        """
        Let an origin call from now on, or refuse it and ask no more.

        Raises:
            NoSuchVisitor: no browser calls a page or an extension like this.
            SettingsInvalid: the answer could not be saved; nothing has changed.
        """
        if not is_plain(origin):
            raise NoSuchVisitor
        others = {other: each for other, each in self._answers.items() if other != origin}
        self._keep(others | {origin: ALWAYS if allowed else NEVER})
        self._waiting.pop(origin, None)
        log.info("web permission", answer=self._answers[origin])
        self._changed(None)

    def forget(self, origin: str) -> None:
        """
        Take an answer back: the origin is refused, and asked about when it calls again.

        Raises:
            SettingsInvalid: the change could not be saved; nothing has changed.
        """
        if origin in self._answers:
            self._keep({other: each for other, each in self._answers.items() if other != origin})
            log.info("web permission", answer=None)
            self._changed(None)

    def _keep(self, answers: dict[str, str]) -> None:
        refused = [origin for origin, each in answers.items() if each == NEVER]
        for origin in refused[: max(0, len(refused) - MAX_REFUSED)]:
            del answers[origin]
        user_file.save(self._file, {SETTING: {**self._unreadable, **answers} or None})
        self._answers = answers

    def _answered(self, answer: str) -> tuple[Visitor, ...]:
        return tuple(Visitor(origin) for origin, each in self._answers.items() if each == answer)


def _is_answer(value: object) -> bool:
    return value in (ALWAYS, NEVER)
