"""The page "Apps": what each app has to be told, and which lamps are lit for it."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from tray_proxy.activity import Activity, Failure, Sighting
from tray_proxy.callers import PROGRAMS
from tray_proxy.catalogue import Catalogue, CatalogueCache
from tray_proxy.reach import elsewhere
from tray_proxy.setting_list import Settings
from tray_proxy.texts import table, text
from tray_proxy.translate import model_info, recommended
from tray_proxy.web.apps import ACCESS_KEY, ANY_KEY, APPS, EXAMPLE_MODEL, App, filled
from tray_proxy.web.http import Request, Response, Route, reply

# An app that goes on does so within this time of reading the list.
FOLLOWS_WITHIN_S = 20.0

_LIBRARIES = {program.id: program.library for program in PROGRAMS if program.library}
_OF_CARDS = Counter(program for app in APPS for program in app.programs)
# Our own question is no app.
_OF_THE_PAGE = "page"


class StepShown(msgspec.Struct, frozen=True):
    """One step; `copy` is what is to be copied, None where there is nothing."""

    text: str
    copy: str | None


class AppShown(msgspec.Struct, frozen=True, kw_only=True):
    """
    One app.

    Times are Unix times of the last call that succeeded, None for never. `needs` says what it takes, `note` how sure
    the lamps are; `hint` is what to do just now, `models_line` how many of the owner's models it offers.
    """

    id: str
    name: str
    steps: tuple[StepShown, ...]
    needs: str | None
    note: str | None
    listed_s: float | None
    shown_s: float | None
    answered_s: float | None
    last_error: str | None
    hint: str | None
    models_line: str | None


class OtherProgram(msgspec.Struct, frozen=True, kw_only=True):
    """A program that has no card: how it calls itself, and what it has got."""

    agent: str
    listed_s: float | None
    shown_s: float | None
    answered_s: float | None
    last_error: str | None


class AppsState(msgspec.Struct, frozen=True, kw_only=True):
    """
    All apps, and the address that they are to be given.

    `elsewhere` is that for apps on other computers, None where only this one reaches the port; `access_key` says
    whether apps have to send one.
    """

    address: str
    elsewhere: str | None = None
    access_key: bool = False
    apps: tuple[AppShown, ...]
    others: tuple[OtherProgram, ...]


@dataclass(frozen=True)
class AppsDesk:
    """
    Tells about apps.

    Args:
        settings: Gives the settings in force.
        now_s: The Unix time.
    """

    activity: Activity
    cache: CatalogueCache
    settings: Callable[[], Settings]
    now_s: Callable[[], float]

    def state(self) -> AppsState:
        """Tell what there is to show."""
        settings, catalogue = self.settings(), self.cache.snapshot
        model = _example(catalogue)
        programs = self.activity.programs
        others = sorted(
            (seen for program, seen in programs.items() if program not in _OF_CARDS and program != _OF_THE_PAGE),
            key=lambda seen: -seen.seen_s,
        )
        return AppsState(
            address=settings.url,
            elsewhere=elsewhere(settings),
            access_key=settings.proxy_api_key is not None,
            apps=tuple(self._app(app, settings, model, catalogue) for app in APPS),
            others=tuple(
                OtherProgram(
                    agent=seen.name,
                    listed_s=seen.listed_s,
                    shown_s=seen.shown_s,
                    answered_s=seen.answered_s,
                    last_error=_words(seen.failure),
                )
                for seen in others
            ),
        )

    def _app(self, app: App, settings: Settings, model: str, catalogue: Catalogue | None) -> AppShown:
        seen = _together(self.activity.programs[each] for each in app.programs if each in self.activity.programs)
        name = text(f"apps.name.{app.id}")
        sure = all(_OF_CARDS[program] == 1 for program in app.programs)
        key = ANY_KEY if settings.proxy_api_key is None else ACCESS_KEY
        steps = tuple(
            StepShown(
                text(f"apps.step.{app.id}.{step.key}"),
                step.copy and filled(step.copy, address=settings.url, port=settings.port, model=model, key=key),
            )
            for step in app.steps
            if step.applies(settings.url)
        )
        allowed = () if catalogue is None else catalogue.allowed
        return AppShown(
            id=app.id,
            name=name,
            steps=steps,
            needs=text(f"apps.needs.{app.needs}") if app.needs else None,
            note=_note(app),
            listed_s=seen.listed_s,
            shown_s=seen.shown_s,
            answered_s=seen.answered_s,
            last_error=_words(seen.failure),
            hint=_hint(name, seen, bool(allowed), self.now_s(), sure=sure),
            models_line=(
                text("apps.tools-only", able=sum(map(model_info.uses_tools, allowed)), allowed=len(allowed))
                if app.tools_only and allowed
                else None
            ),
        )


def _together(sightings: Iterable[Sighting]) -> Sighting:
    """Tell what several programs have got as if they were one."""
    seen = list(sightings)
    last = max(seen, key=lambda each: each.listed_s or 0.0, default=Sighting(""))
    return Sighting(
        last.name,
        listed_s=last.listed_s,
        models=last.models,
        shown_s=max((each.shown_s for each in seen if each.shown_s is not None), default=None),
        answered_s=max((each.answered_s for each in seen if each.answered_s is not None), default=None),
        failure=max((each.failure for each in seen if each.failure), key=lambda each: each.time_s, default=None),
    )


def _hint(name: str, seen: Sighting, allowed: bool, now_s: float, *, sure: bool) -> str | None:
    """
    Say what to do about an app that is half-way there; one that ever got an answer is there.

    Args:
        sure: Whether only one app is known by these calls: a script that reads the list and ends lacks nothing.
    """
    if seen.listed_s is None or seen.answered_s is not None:
        return None
    if seen.models == 0:
        return text("apps.hint.was-empty" if allowed else "apps.hint.none-allowed")
    followed = seen.shown_s is not None and seen.shown_s >= seen.listed_s
    if not sure or followed or seen.models is None or now_s - seen.listed_s < FOLLOWS_WITHIN_S:
        return None
    count = text("apps.models.one" if seen.models == 1 else "apps.models.many", count=seen.models)
    return text("apps.hint.nothing-followed", app=name, count=count)


def _note(app: App) -> str | None:
    """Say whose calls the lamps may also show."""
    if not app.programs:
        return text("apps.note.unknown") if app.row else None
    if len(app.programs) > 1:
        return None  # a card of several libraries is about them
    [program] = app.programs
    if program in _LIBRARIES:
        return text("apps.note.library", library=_LIBRARIES[program])
    others = [text(f"apps.name.{other.id}") for other in APPS if program in other.programs and other is not app]
    return text("apps.note.shared", others=", ".join(others)) if others else None


def _words(failure: Failure | None) -> str | None:
    """Tell a failure in words of people: by the error that was raised, else by the status that was answered."""
    if failure is None:
        return None
    if failure.model is not None and f"apps.error.{failure.error}.named" in table():
        return text(f"apps.error.{failure.error}.named", model=failure.model)
    keys = (f"apps.error.{failure.error}", f"apps.error.status.{failure.status}")
    return text(next((key for key in keys if key in table()), "apps.error.other"))


def _example(catalogue: Catalogue | None) -> str:
    """Choose the model of the examples: one that the owner allows, if there is any."""
    allowed = () if catalogue is None else catalogue.allowed
    ids = [entry.id for entry in allowed]
    if EXAMPLE_MODEL in ids:
        return EXAMPLE_MODEL
    return next(iter(recommended.to_begin_with(allowed) or recommended.free(allowed) or ids), EXAMPLE_MODEL)


def routes(desk: AppsDesk) -> list[Route]:
    """Return what the page asks for about apps."""

    async def state(_request: Request) -> Response:
        return reply(desk.state())

    return [Route("/api/apps", state)]
