"""
The tray's state machine: what becomes of the `Status`, and what is to be done (`Effect`).

`transition` is pure; the controller performs the effects. A pair that is not in it is an ordinary race with
a person (a second click, news that arrives late) and changes nothing.
"""

from dataclasses import dataclass, replace

from tray_proxy.errors import (
    CatalogueUnavailable,
    KeychainUnavailable,
    KeyMissing,
    KeyRejected,
    NoConnection,
    Offline,
    OutOfCredits,
    PortInUse,
    ProxyError,
    UpstreamUnreachable,
)
from tray_proxy.origins import Visitor
from tray_proxy.texts import text
from tray_proxy.tray.state import (
    ActionFailed,
    AddressChanged,
    AutostartChanged,
    AutostartClicked,
    CopyAddressClicked,
    DownloadClicked,
    Event,
    KeyChanged,
    ListenerFailed,
    ListenerLost,
    ListenerStarted,
    ListenerStopped,
    ModelClicked,
    ModelsChanged,
    NameClicked,
    NotificationsSwitched,
    OpenLogsClicked,
    Phase,
    PortAwaited,
    QuitClicked,
    Recovered,
    SettingsClicked,
    SpendingChanged,
    StartClicked,
    Status,
    StopClicked,
    TrafficChanged,
    Trouble,
    Troubled,
    VersionFound,
    VisitorClicked,
    VisitorsChanged,
    Woke,
)

# Where on the page a trouble can be mended; what is not here is explained by what happened last.
SECTIONS: tuple[tuple[type[ProxyError], str], ...] = (
    (PortInUse, "port"),
    (KeyMissing, "welcome"),
    (KeyRejected, "key"),
    (KeychainUnavailable, "key"),
    (OutOfCredits, "key"),
    (CatalogueUnavailable, "models"),
    (UpstreamUnreachable, "check"),
)
# Shown by the icon alone: there is nothing to do but wait, and whoever has no network knows it.
UNTOLD = (Offline, NoConnection)
LAST_HAPPENED = "activity"
# So many that wait for an answer are told of. Who has not answered these has turned to something else, or cannot.
MAX_TOLD_VISITORS = 3


@dataclass(frozen=True)
class StartListener:
    """Open the port."""


@dataclass(frozen=True)
class StopListener:
    """Close the port."""


@dataclass(frozen=True)
class OpenSettings:
    """Show the settings page."""

    section: str = ""


@dataclass(frozen=True)
class OpenLogs:
    """Show the folder of the logs."""


@dataclass(frozen=True)
class OpenDownload:
    """Show where the newer version is."""


@dataclass(frozen=True)
class CopyText:
    """Put a text into the clipboard."""

    text: str


@dataclass(frozen=True)
class SetModelAllowed:
    """Tick or untick a model."""

    model_id: str
    allowed: bool


@dataclass(frozen=True)
class SetNameKept:
    """Remove a name of the owner's making, or restore it."""

    name: str
    kept: bool


@dataclass(frozen=True)
class AnswerVisitor:
    """Let a web page or a browser extension call from now on, or never."""

    origin: str
    allowed: bool


@dataclass(frozen=True)
class SetAutostart:
    """Have the system start us at login, or no more."""

    on: bool


@dataclass(frozen=True)
class DropConnections:
    """Let go of the connections to OpenRouter: they did not outlive the computer's sleep."""


@dataclass(frozen=True)
class Notify:
    """
    Tell the owner something that needs action.

    Args:
        kind: What is told once in a while only, by this name; None for the answer to a click, which is always given.
    """

    title: str
    text: str
    kind: str | None


@dataclass(frozen=True)
class Quit:
    """End the program."""


type Effect = (
    StartListener
    | StopListener
    | OpenSettings
    | OpenLogs
    | OpenDownload
    | CopyText
    | SetModelAllowed
    | SetNameKept
    | AnswerVisitor
    | SetAutostart
    | DropConnections
    | Notify
    | Quit
)


def transition(status: Status, event: Event) -> tuple[Status, list[Effect]]:
    """Say what becomes of the status, and what is to be done."""
    if status.phase is Phase.QUITTING:
        return _while_quitting(status, event)
    match event:
        case SettingsClicked(section):
            # Who has the page open needs no greeting.
            return replace(status, greets=False), [OpenSettings(section)]
        case CopyAddressClicked():
            return status, [CopyText(f"http://{status.address}")]
        case OpenLogsClicked():
            return status, [OpenLogs()]
        case DownloadClicked():
            return status, [OpenDownload()]
        case ModelClicked(model_id):
            ticks = [tick for tick in status.models if tick.id == model_id]
            return status, [SetModelAllowed(tick.id, not tick.allowed) for tick in ticks]
        case NameClicked(name):
            names = [tick for tick in status.names if tick.name == name]
            return status, [SetNameKept(tick.name, not tick.kept) for tick in names]
        case VisitorClicked(origin, allowed):
            waiting = [visitor for visitor in status.visitors if visitor.origin == origin]
            return status, [AnswerVisitor(visitor.origin, allowed) for visitor in waiting]
        case AutostartClicked():
            return status, [SetAutostart(not status.autostart)]
        case ActionFailed(error):
            return status, [_notice("tray.notice-failed", error, kind=None)]
        case QuitClicked():
            return replace(status, phase=Phase.QUITTING), _first_step_to_the_end(status.phase)
        case _:
            return _news(status, event)


def _news(status: Status, event: Event) -> tuple[Status, list[Effect]]:
    match event:
        case ModelsChanged(models, names, none_allowed):
            return replace(status, models=models, names=names, none_allowed=none_allowed), []
        case VisitorsChanged(waiting, new):
            is_told = status.notifications and len(waiting) <= MAX_TOLD_VISITORS
            return replace(status, visitors=waiting), [_question(new)] if is_told and new is not None else []
        case KeyChanged(missing, untried):
            # Only where the program begins: who signs out later has the page before them.
            greeting: list[Effect] = [OpenSettings("welcome")] if (missing or untried) and status.greets else []
            return replace(status, key_missing=missing, greets=False), greeting
        case AddressChanged(address):
            return replace(status, address=address), []
        case PortAwaited(waiting):
            return replace(status, awaits_port=waiting), []
        case AutostartChanged(enabled):
            return replace(status, autostart=enabled), []
        case VersionFound(version, untold):
            told = untold and status.notifications
            return replace(status, newer_version=version), [_new_version(version)] if told else []
        case SpendingChanged(line, back_at, percent, limit):
            told = bool(percent) and status.notifications
            return replace(status, spending=line, back_at=back_at), [_spent(percent, limit, back_at)] if told else []
        case NotificationsSwitched(on):
            return replace(status, notifications=on), []
        case Woke():
            return status, [DropConnections()]
        case _:
            return _on_off(status, event)


def _on_off(status: Status, event: Event) -> tuple[Status, list[Effect]]:
    match status.phase, event:
        case ((Phase.STOPPED | Phase.FAILED), StartClicked()):
            # Why the last start failed is over; a locked key store is not.
            trouble = None if status.phase is Phase.FAILED else status.trouble
            return replace(status, phase=Phase.STARTING, trouble=trouble), [StartListener()]
        case Phase.STARTING, ListenerStarted(address):
            return replace(status, phase=Phase.RUNNING, address=address), []
        case ((Phase.FAILED | Phase.REVIVING), ListenerStarted(address)):
            # By itself: the port has become free, or what had died lives again.
            return replace(status, phase=Phase.RUNNING, address=address, trouble=None), []
        case Phase.RUNNING, ListenerLost():
            return replace(status, phase=Phase.REVIVING, in_flight=0), []
        case (
            (Phase.STARTING | Phase.RUNNING | Phase.REVIVING | Phase.STOPPING | Phase.FAILED),
            ListenerFailed(error),
        ):
            return _failed(status, error)
        case ((Phase.RUNNING | Phase.REVIVING | Phase.FAILED), StopClicked()):
            return replace(status, phase=Phase.STOPPING), [StopListener()]
        case Phase.STOPPING, ListenerStopped():
            return replace(status, phase=Phase.STOPPED, in_flight=0, trouble=None), []
        case ((Phase.STARTING | Phase.RUNNING | Phase.STOPPING), TrafficChanged(in_flight)):
            # The first question may come before the news that the port is open.
            return replace(status, in_flight=in_flight), []
        case ((Phase.STOPPED | Phase.STARTING | Phase.RUNNING), Troubled(error)):
            trouble = _trouble(error)
            # The same trouble again is no news (an app may try a hundred times), and none while all is off.
            told = trouble == status.trouble or status.phase is Phase.STOPPED
            return replace(status, trouble=trouble), [] if told else _needed(status, "tray.notice-needs-you", error)
        case ((Phase.STOPPED | Phase.STARTING | Phase.RUNNING), Recovered()):
            return replace(status, trouble=None), []
        case _:
            return status, []


def _failed(status: Status, error: ProxyError) -> tuple[Status, list[Effect]]:
    trouble = _trouble(error)
    told = status.phase is Phase.FAILED and trouble == status.trouble
    failed = replace(status, phase=Phase.FAILED, in_flight=0, trouble=trouble)
    return failed, [] if told else _needed(status, "tray.notice-off", error)


def _first_step_to_the_end(phase: Phase) -> list[Effect]:
    match phase:
        case Phase.RUNNING | Phase.REVIVING:
            return [StopListener()]
        case Phase.STARTING | Phase.STOPPING:
            # News is on its way. A second stop would be done before the first, and cut off the answers under way.
            return []
        case _:
            return [Quit()]


def _while_quitting(status: Status, event: Event) -> tuple[Status, list[Effect]]:
    match event:
        case ListenerStopped() | ListenerFailed():
            return status, [Quit()]
        case ListenerStarted():
            # The owner quit while the port was opening.
            return status, [StopListener()]
        case _:
            return status, []


def _trouble(error: ProxyError) -> Trouble:
    section = next((section for kind, section in SECTIONS if isinstance(error, kind)), LAST_HAPPENED)
    return Trouble(error.message, error.hint, section)


def _needed(status: Status, title: str, error: ProxyError) -> list[Effect]:
    if isinstance(error, UNTOLD) or not status.notifications:
        return []
    return [_notice(title, error, kind=type(error).__name__)]


def _new_version(version: str) -> Notify:
    return Notify(
        text("tray.notice-new-version", version=version), text("tray.notice-new-version-text"), kind="VersionFound"
    )


def _spent(percent: int, limit: str, back_at: str) -> Notify:
    # Once a day each: what is kept of the day's spending sees to that, also after a restart.
    if back_at:
        return Notify(
            text("tray.notice-limit", limit=limit), text("tray.notice-limit-text", time=back_at), kind="limit reached"
        )
    return Notify(
        text("tray.notice-spent", percent=percent), text("tray.notice-spent-text", limit=limit), kind="limit is near"
    )


def _question(visitor: Visitor) -> Notify:
    # Its whole name stands in the text: a title may be cut.
    title = text("origin.asks", who=visitor.told()) if visitor.name else _kind_asks(visitor)
    # A site can call itself by any number of names.
    return Notify(title, text("origin.asks-text", origin=visitor.origin), kind=f"visitor {visitor.site}")


def _kind_asks(visitor: Visitor) -> str:
    return text("origin.asks-extension" if visitor.is_extension else "origin.asks-page")


def _notice(title: str, error: ProxyError, *, kind: str | None) -> Notify:
    # OpenRouter's own words often end without a full stop.
    return Notify(text(title), f"{error.message.rstrip('.')}. {error.hint}", kind)
