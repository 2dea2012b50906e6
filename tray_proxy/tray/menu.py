"""
The tray menu as a table, and its drawing as plain values.

Nothing in it depends on how many answers are under way: each change of the menu closes it where it is open.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tray_proxy.tray.state import (
    CopyAddressClicked,
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
)

MAX_LABEL = 80
# Windows refuses longer ones.
MAX_TITLE = 128


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
    """Say in one line how things stand."""
    match status.phase:
        case Phase.RUNNING if status.key_missing:
            line = "Needs you: no OpenRouter key"
        case Phase.RUNNING | Phase.FAILED if status.trouble is not None:
            line = f"Needs you: {status.trouble.message}"
        case Phase.RUNNING:
            line = f"On: apps reach it at {status.address}"
        case Phase.STARTING:
            line = "Starting…"
        case Phase.STOPPING | Phase.QUITTING:
            line = "Stopping…"
        case _:
            line = f"Off: apps get no answer at {status.address}"
    return cut(f"Demo · {line}" if status.demo else line, MAX_LABEL)


def title(status: Status) -> str:
    """Return the icon's tooltip."""
    return cut(f"Tray Proxy · {status_line(status)}", MAX_TITLE)


def cut(text: str, length: int) -> str:
    """Shorten a text that is too long, visibly, and keep it on one line."""
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _start_or_stop(status: Status) -> MenuEntry:
    if status.phase in (Phase.RUNNING, Phase.STOPPING, Phase.QUITTING):
        return MenuEntry("Stop", StopClicked(), enabled=status.phase is Phase.RUNNING)
    return MenuEntry("Start", StartClicked(), enabled=status.phase is not Phase.STARTING)


def _models(status: Status) -> MenuEntry:
    ticks = tuple(
        MenuEntry(cut(tick.id, MAX_LABEL), ModelClicked(tick.id), checked=tick.allowed) for tick in status.models
    )
    rows = ticks or (MenuEntry("No models yet", enabled=False),)
    last = (SEPARATOR, MenuEntry("Choose models…", SettingsClicked("models")))
    return MenuEntry("Models", children=(*rows, *_names(status), *last))


def _names(status: Status) -> tuple[MenuEntry, ...]:
    if not status.names:
        return ()
    ticks = (
        MenuEntry(cut(f"{tick.name} → {tick.model}", MAX_LABEL), NameClicked(tick.name), checked=tick.kept)
        for tick in status.names
    )
    return (SEPARATOR, MenuEntry("Your own names", enabled=False), *ticks)


MENU: tuple[Callable[[Status], MenuEntry], ...] = (
    lambda status: MenuEntry(status_line(status), SettingsClicked()),
    lambda _: SEPARATOR,
    _start_or_stop,
    _models,
    lambda _: MenuEntry("Copy address", CopyAddressClicked()),
    lambda _: SEPARATOR,
    lambda _: MenuEntry("Settings…", SettingsClicked(), default=True),
    lambda _: MenuEntry("Open logs", OpenLogsClicked()),
    lambda _: SEPARATOR,
    lambda _: MenuEntry("Quit", QuitClicked()),
)


def render(status: Status) -> tuple[MenuEntry, ...]:
    """Return the menu for a status."""
    return tuple(row(status) for row in MENU)
