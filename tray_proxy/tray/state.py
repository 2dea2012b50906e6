"""
The tray's state machine: what is so (`Status`), what happened (`Event`), what is to be done (`Effect`).

`transition` is pure; the controller performs the effects. A pair that is not in it is an ordinary race with
a person (a second click, news that arrives late) and changes nothing.
"""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto

from tray_proxy.errors import ProxyError


class Phase(Enum):
    """Where the proxy stands."""

    STOPPED = auto()
    STARTING = auto()
    RUNNING = auto()
    STOPPING = auto()
    FAILED = auto()
    QUITTING = auto()


class Look(StrEnum):
    """Which icon is shown; the values are the names of the artwork."""

    OFF = "off"
    ON = "on"
    WORKING = "working"
    ATTENTION = "attention"


@dataclass(frozen=True)
class Trouble:
    """Something the owner should see to."""

    message: str
    hint: str


@dataclass(frozen=True)
class ModelTick:
    """A model in the menu."""

    id: str
    allowed: bool


@dataclass(frozen=True)
class NameTick:
    """A name of the owner's making in the menu; `kept` is False for one that was just removed."""

    name: str
    model: str
    kept: bool


@dataclass(frozen=True)
class Status:
    """Everything that the tray shows."""

    address: str
    phase: Phase = Phase.STOPPED
    in_flight: int = 0
    trouble: Trouble | None = None
    key_missing: bool = False
    models: tuple[ModelTick, ...] = ()
    names: tuple[NameTick, ...] = ()
    demo: bool = False

    @property
    def look(self) -> Look:
        """The icon for this status."""
        match self.phase:
            case Phase.FAILED:
                return Look.ATTENTION
            case Phase.STARTING | Phase.STOPPING:
                return Look.WORKING
            case Phase.RUNNING if self.trouble is not None or self.key_missing:
                return Look.ATTENTION
            case Phase.RUNNING:
                return Look.WORKING if self.in_flight else Look.ON
            case _:
                return Look.OFF


# -- events ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StartClicked:
    """The owner wants the proxy on."""


@dataclass(frozen=True)
class StopClicked:
    """The owner wants the proxy off."""


@dataclass(frozen=True)
class ListenerStarted:
    """The port is open."""

    address: str


@dataclass(frozen=True)
class ListenerFailed:
    """The port could not be opened, or what listened there has ended by itself."""

    error: ProxyError


@dataclass(frozen=True)
class ListenerStopped:
    """The port is closed, as was wanted."""


@dataclass(frozen=True)
class AddressChanged:
    """The settings name another address."""

    address: str


@dataclass(frozen=True)
class TrafficChanged:
    """So many answers are under way."""

    in_flight: int


@dataclass(frozen=True)
class Troubled:
    """An answer failed for a reason that concerns the owner."""

    error: ProxyError


@dataclass(frozen=True)
class Recovered:
    """An answer succeeded, or the reason for a trouble is gone."""


@dataclass(frozen=True)
class KeyChanged:
    """A key was found, stored or forgotten."""

    missing: bool


@dataclass(frozen=True)
class ModelsChanged:
    """The models and the owner's own names for the menu, each with its tick."""

    models: tuple[ModelTick, ...]
    names: tuple[NameTick, ...] = ()


@dataclass(frozen=True)
class ModelClicked:
    """The owner ticks or unticks a model."""

    model_id: str


@dataclass(frozen=True)
class NameClicked:
    """The owner removes a name of their own, or restores one that was just removed."""

    name: str


@dataclass(frozen=True)
class SettingsClicked:
    """The owner wants the settings page, at a section of it or at its top."""

    section: str = ""


@dataclass(frozen=True)
class CopyAddressClicked:
    """The owner wants the address in the clipboard."""


@dataclass(frozen=True)
class OpenLogsClicked:
    """The owner wants to see the logs."""


@dataclass(frozen=True)
class QuitClicked:
    """The owner, or the system, wants the program to end."""


@dataclass(frozen=True)
class ActionFailed:
    """Something the owner asked for did not work."""

    error: ProxyError


type Event = (
    StartClicked
    | StopClicked
    | ListenerStarted
    | ListenerFailed
    | ListenerStopped
    | AddressChanged
    | TrafficChanged
    | Troubled
    | Recovered
    | KeyChanged
    | ModelsChanged
    | ModelClicked
    | NameClicked
    | SettingsClicked
    | CopyAddressClicked
    | OpenLogsClicked
    | QuitClicked
    | ActionFailed
)


# -- effects ---------------------------------------------------------------------------------------


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
class Notify:
    """Tell the owner something that needs action."""

    title: str
    text: str


@dataclass(frozen=True)
class Quit:
    """End the program."""


type Effect = (
    StartListener | StopListener | OpenSettings | OpenLogs | CopyText | SetModelAllowed | SetNameKept | Notify | Quit
)


def transition(status: Status, event: Event) -> tuple[Status, list[Effect]]:
    """Say what becomes of the status, and what is to be done."""
    if status.phase is Phase.QUITTING:
        return _while_quitting(status, event)
    match event:
        case SettingsClicked(section):
            return status, [OpenSettings(section)]
        case CopyAddressClicked():
            return status, [CopyText(f"http://{status.address}")]
        case OpenLogsClicked():
            return status, [OpenLogs()]
        case ModelClicked(model_id):
            ticks = [tick for tick in status.models if tick.id == model_id]
            return status, [SetModelAllowed(tick.id, not tick.allowed) for tick in ticks]
        case NameClicked(name):
            names = [tick for tick in status.names if tick.name == name]
            return status, [SetNameKept(tick.name, not tick.kept) for tick in names]
        case ModelsChanged(models, names):
            return replace(status, models=models, names=names), []
        case KeyChanged(missing):
            return replace(status, key_missing=missing), []
        case AddressChanged(address):
            return replace(status, address=address), []
        case ActionFailed(error):
            return status, [_notice("That did not work", error)]
        case QuitClicked():
            return replace(status, phase=Phase.QUITTING), _first_step_to_the_end(status.phase)
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
        case ((Phase.STARTING | Phase.RUNNING | Phase.STOPPING), ListenerFailed(error)):
            failed = replace(status, phase=Phase.FAILED, in_flight=0, trouble=_trouble(error))
            return failed, [_notice("Tray Proxy is off", error)]
        case Phase.RUNNING, StopClicked():
            return replace(status, phase=Phase.STOPPING), [StopListener()]
        case Phase.STOPPING, ListenerStopped():
            return replace(status, phase=Phase.STOPPED, in_flight=0, trouble=None), []
        case ((Phase.STARTING | Phase.RUNNING | Phase.STOPPING), TrafficChanged(in_flight)):
            # The first question may come before the news that the port is open.
            return replace(status, in_flight=in_flight), []
        case ((Phase.STOPPED | Phase.STARTING | Phase.RUNNING), Troubled(error)):
            trouble = _trouble(error)
            # The same trouble again is no news (an app may try a hundred times), and none while all is off.
            quiet = trouble == status.trouble or status.phase is Phase.STOPPED
            return replace(status, trouble=trouble), [] if quiet else [_notice("Tray Proxy needs you", error)]
        case ((Phase.STOPPED | Phase.STARTING | Phase.RUNNING), Recovered()):
            return replace(status, trouble=None), []
        case _:
            return status, []


def _first_step_to_the_end(phase: Phase) -> list[Effect]:
    match phase:
        case Phase.RUNNING:
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
    return Trouble(error.message, error.hint)


def _notice(title: str, error: ProxyError) -> Notify:
    # OpenRouter's own words often end without a full stop.
    return Notify(title, f"{error.message.rstrip('.')}. {error.hint}")
