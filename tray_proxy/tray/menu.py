"""
The tray menu as a table, and its drawing as plain values.

Nothing in it depends on how many answers are under way: each change of the menu closes it where it is open.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tray_proxy.origins import Visitor
from tray_proxy.texts import text
from tray_proxy.tray.state import (
    AutostartClicked,
    CopyAddressClicked,
    DownloadClicked,
    Event,
    ModelClicked,
    NameClicked,
    OpenLogsClicked,
    Phase,
    QuitClicked,
    SettingsClicked,
    StartClicked,
    Status,
    StopClicked,
    VisitorClicked,
)

MAX_LABEL = 80
# Windows has room for these and the zero at the end.
MAX_TITLE = 127
# What has to be told to go on in the menu; the page shows them all.
MAX_VISITORS = 3


@dataclass(frozen=True)
class MenuEntry:
    """
    One line of the menu. A separator is an entry without a label.

    Args:
        event: What a click posts; None for a line that only tells something.
        checked: Whether its tick is set; None for a line without a tick.
        default: Whether a plain click on the icon does the same.
    """

    label: str = ""
    event: Event | None = None
    enabled: bool = True
    checked: bool | None = None
    default: bool = False
    children: tuple["MenuEntry", ...] = ()


SEPARATOR = MenuEntry()


def status_line(status: Status) -> str:
    """Say in one line how things stand; of a long trouble its end is left out, not what is said after it."""

    def line(trouble: str) -> str:
        told = text(_line(status), address=status.address, trouble=trouble, time=status.back_at)
        return text("tray.line-demo", line=told) if status.demo else told

    trouble = status.trouble.message.rstrip(".") if status.trouble else ""
    return cut(line(cut(trouble, MAX_LABEL - len(line("")))), MAX_LABEL)


def _line(status: Status) -> str:
    match status.phase:
        case Phase.RUNNING if status.key_missing:
            return "tray.line-sign-in"
        case Phase.FAILED if status.trouble is not None and status.awaits_port:
            return "tray.line-waiting"
        case Phase.RUNNING | Phase.FAILED if status.trouble is not None:
            return "tray.line-trouble"
        case Phase.RUNNING if status.none_allowed:
            return "tray.line-no-models"
        case Phase.RUNNING if status.back_at:
            return "tray.line-limit"
        case Phase.RUNNING:
            return "tray.line-on-wide" if status.is_wide else "tray.line-on"
        case Phase.STARTING:
            return "tray.line-starting"
        case Phase.REVIVING:
            return "tray.line-reviving"
        case Phase.STOPPING | Phase.QUITTING:
            return "tray.line-stopping"
        case _:
            return "tray.line-off"


def section(status: Status) -> str:
    """Say where on the page what the first line tells is mended, or seen; empty for where the page begins by itself."""
    match status.phase:
        case Phase.RUNNING if status.key_missing:
            return "welcome"
        case Phase.RUNNING | Phase.FAILED if status.trouble is not None:
            return status.trouble.section
        case Phase.RUNNING:
            return "models" if status.none_allowed else "settings" if status.back_at else "activity"
        case _:
            return ""


def title(status: Status) -> str:
    """Return the icon's tooltip: name, state, where apps find it, and while all is well what was spent."""
    line = status_line(status)
    if status.address in line:
        told = cut(text("tray.tooltip", line=line), MAX_TITLE)
        spent = text("tray.tooltip-with-spending", line=told, spending=status.spending)
        is_on = status.phase is Phase.RUNNING and status.spending
        return spent if is_on and len(spent) <= MAX_TITLE else told
    room = MAX_TITLE - len(text("tray.tooltip-with-address", line="", address=status.address))
    return text("tray.tooltip-with-address", line=cut(line, room), address=status.address)


def cut(words: str, length: int) -> str:
    """Shorten a text that is too long, visibly, and keep it on one line."""
    words = " ".join(words.split())
    return words if len(words) <= length else f"{words[: length - 1]}…"


def _start_or_stop(status: Status) -> MenuEntry:
    # Who waits for the port wants it on, and may have changed their mind.
    on = status.phase in (Phase.RUNNING, Phase.REVIVING) or (status.phase is Phase.FAILED and status.awaits_port)
    if on or status.phase in (Phase.STOPPING, Phase.QUITTING):
        return MenuEntry(text("tray.turn-off"), StopClicked(), enabled=on)
    return MenuEntry(text("tray.turn-on"), StartClicked(), enabled=status.phase is not Phase.STARTING)


def _models(status: Status) -> MenuEntry:
    ticks = tuple(
        MenuEntry(cut(tick.id, MAX_LABEL), ModelClicked(tick.id), checked=tick.allowed) for tick in status.models
    )
    rows = ticks or (MenuEntry(text("tray.no-models-yet"), enabled=False),)
    last = (SEPARATOR, MenuEntry(text("tray.choose-models"), SettingsClicked("models")))
    return MenuEntry(text("tray.models"), children=(*rows, *_names(status), *last))


def _names(status: Status) -> tuple[MenuEntry, ...]:
    if not status.names:
        return ()
    ticks = (
        MenuEntry(
            cut(text("tray.own-name", name=tick.name, model=tick.model), MAX_LABEL),
            NameClicked(tick.name),
            checked=tick.kept,
        )
        for tick in status.names
    )
    return (SEPARATOR, MenuEntry(text("tray.own-names"), enabled=False), *ticks)


def _newer_version(status: Status) -> MenuEntry | None:
    if not status.newer_version:
        return None
    return MenuEntry(text("tray.new-version", version=status.newer_version), DownloadClicked())


def _spending(status: Status) -> MenuEntry | None:
    return (
        MenuEntry(text("tray.spending", line=status.spending), SettingsClicked("activity")) if status.spending else None
    )


def _visitors(status: Status) -> tuple[MenuEntry, ...]:
    more = len(status.visitors) - MAX_VISITORS
    rest = (MenuEntry(text("origin.more", count=more), SettingsClicked("visitors")),) if more > 0 else ()
    return (*map(_visitor, status.visitors[:MAX_VISITORS]), *rest)


def _visitor(visitor: Visitor) -> MenuEntry:
    room = MAX_LABEL - len(text("origin.asks", who=""))
    told = visitor.told(room)
    # Who is told by another word than its origin is to be looked at in full before the answer.
    whole = () if told == visitor.origin else (MenuEntry(visitor.origin, enabled=False), SEPARATOR)
    answers = (
        MenuEntry(text("origin.always"), VisitorClicked(visitor.origin, allowed=True)),
        MenuEntry(text("origin.never"), VisitorClicked(visitor.origin, allowed=False)),
    )
    return MenuEntry(text("origin.asks", who=told), children=(*whole, *answers))


# A row without an entry is not there.
MENU: tuple[Callable[[Status], MenuEntry | None], ...] = (
    lambda status: MenuEntry(status_line(status), SettingsClicked(section(status)), default=True),
    _spending,
    lambda _: SEPARATOR,
    _start_or_stop,
    _models,
    lambda _: MenuEntry(text("tray.copy-address"), CopyAddressClicked()),
    lambda _: MenuEntry(text("tray.apps"), SettingsClicked("apps")),
    lambda _: MenuEntry(text("tray.activity"), SettingsClicked("activity")),
    lambda _: MenuEntry(text("tray.open-logs"), OpenLogsClicked()),
    lambda _: SEPARATOR,
    _newer_version,
    lambda _: MenuEntry(text("tray.settings"), SettingsClicked("settings")),
    lambda status: MenuEntry(text("tray.autostart"), AutostartClicked(), checked=status.autostart),
    lambda _: MenuEntry(text("tray.quit"), QuitClicked()),
)


def render(status: Status) -> tuple[MenuEntry, ...]:
    """Return the menu for a status; what waits for an answer stands right below its first line."""
    first, *others = (entry for row in MENU if (entry := row(status)) is not None)
    return (first, *_visitors(status), *others)
