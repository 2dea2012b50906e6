"""
What is so (`Status`), and what happened (`Event`): all that passes between the tray and the program.

Structs, for as dataclasses so many classes would take a fiftieth of every start to make.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

import msgspec

from tray_proxy.errors import ProxyError
from tray_proxy.origins import Visitor


class Phase(Enum):
    """Where the proxy stands."""

    STOPPED = auto()
    STARTING = auto()
    RUNNING = auto()
    REVIVING = auto()
    STOPPING = auto()
    FAILED = auto()
    QUITTING = auto()


class Look(StrEnum):
    """Which icon is shown; the values are the names of the artwork."""

    OFF = "off"
    ON = "on"
    WORKING = "working"
    ATTENTION = "attention"


class Trouble(msgspec.Struct, frozen=True):
    """
    Something the owner should see to.

    Args:
        section: Where on the page it can be mended.
    """

    message: str
    hint: str
    section: str = ""


class ModelTick(msgspec.Struct, frozen=True):
    """A model in the menu."""

    id: str
    allowed: bool


class NameTick(msgspec.Struct, frozen=True):
    """A name of the owner's making in the menu; `kept` is False for one that was just removed."""

    name: str
    model: str
    kept: bool


@dataclass(frozen=True)
class Status:
    """
    Everything that the tray shows, and what it goes by.

    Args:
        visitors: Web pages and browser extensions that want to call, and wait for the owner's answer.
        none_allowed: Whether there are models, and apps get none of them.
        awaits_port: Whether the port is taken as soon as it is free.
        autostart: Whether the system starts us at login.
        newer_version: The version that could be had instead of this one; empty while none is known.
        spending: What was spent today, as a line; empty while that is not known.
        back_at: When apps may spend again, as a time of day; empty while they may.
        notifications: Whether the owner wants to be told by notifications what needs them.
        greets: Whether the page opens by itself where it turns out that there is no key, or none that was ever tried.
    """

    address: str
    phase: Phase = Phase.STOPPED
    in_flight: int = 0
    trouble: Trouble | None = None
    key_missing: bool = False
    models: tuple[ModelTick, ...] = ()
    names: tuple[NameTick, ...] = ()
    visitors: tuple[Visitor, ...] = ()
    none_allowed: bool = False
    awaits_port: bool = False
    autostart: bool = False
    newer_version: str = ""
    spending: str = ""
    back_at: str = ""
    notifications: bool = True
    greets: bool = False
    demo: bool = False

    @property
    def is_wide(self) -> bool:
        """Whether other computers reach it: the address is then one that they are to be given."""
        return not self.address.startswith(("127.", "localhost:", "[::1]:"))

    @property
    def needs_owner(self) -> bool:
        """Whether it runs, and yet no app gets an answer until somebody sees to something, or none that costs."""
        return self.trouble is not None or self.key_missing or self.none_allowed or bool(self.back_at)

    @property
    def look(self) -> Look:
        """The icon for this status."""
        match self.phase:
            case Phase.FAILED:
                return Look.ATTENTION
            case Phase.STARTING | Phase.REVIVING | Phase.STOPPING:
                return Look.WORKING
            case Phase.RUNNING if self.needs_owner:
                return Look.ATTENTION
            case Phase.RUNNING:
                return Look.WORKING if self.in_flight else Look.ON
            case _:
                return Look.OFF


# -- events ----------------------------------------------------------------------------------------


class StartClicked(msgspec.Struct, frozen=True):
    """The owner wants the proxy on."""


class StopClicked(msgspec.Struct, frozen=True):
    """The owner wants the proxy off."""


class ListenerStarted(msgspec.Struct, frozen=True):
    """The port is open, by a click or because it has become free."""

    address: str


class ListenerFailed(msgspec.Struct, frozen=True):
    """The port could not be opened, or what listened there ends by itself again and again."""

    error: ProxyError


class ListenerLost(msgspec.Struct, frozen=True):
    """What listened at the port has ended by itself; it is started again in a moment."""


class PortAwaited(msgspec.Struct, frozen=True):
    """Whether a port that somebody else holds is taken as soon as it is free."""

    waiting: bool


class ListenerStopped(msgspec.Struct, frozen=True):
    """The port is closed, as was wanted."""


class AddressChanged(msgspec.Struct, frozen=True):
    """The settings name another address."""

    address: str


class TrafficChanged(msgspec.Struct, frozen=True):
    """So many answers are under way."""

    in_flight: int


class Troubled(msgspec.Struct, frozen=True):
    """An answer failed for a reason that concerns the owner."""

    error: ProxyError


class Recovered(msgspec.Struct, frozen=True):
    """An answer succeeded, or the reason for a trouble is gone."""


class KeyChanged(msgspec.Struct, frozen=True):
    """
    A key was found, stored or forgotten.

    Args:
        untried: Whether the owner gave one on the page, and no model has ever answered: they stopped half-way.
    """

    missing: bool
    untried: bool = False


class ModelsChanged(msgspec.Struct, frozen=True):
    """The models and the owner's own names for the menu, each with its tick."""

    models: tuple[ModelTick, ...]
    names: tuple[NameTick, ...] = ()
    none_allowed: bool = False


class VisitorsChanged(msgspec.Struct, frozen=True):
    """
    Web pages and browser extensions that wait for an answer.

    Args:
        new: The one that has just come; None where one was answered, here or on the page.
    """

    waiting: tuple[Visitor, ...]
    new: Visitor | None = None


class AutostartChanged(msgspec.Struct, frozen=True):
    """Whether the system starts us at login, as it says now."""

    enabled: bool


class VersionFound(msgspec.Struct, frozen=True):
    """
    There is a newer version.

    Args:
        version: Empty where none is known any more, or none is to be told of.
        untold: Whether no notification has told of it yet.
    """

    version: str
    untold: bool = False


class SpendingChanged(msgspec.Struct, frozen=True):
    """
    What was spent today.

    Args:
        line: The same, for the menu.
        back_at: When apps may spend again, as a time of day, where the limit is reached; else empty.
        percent: Of how many percent of the limit the owner is to be notified; 0 for none.
        limit: The limit's amount, for that.
    """

    line: str
    back_at: str = ""
    percent: int = 0
    limit: str = ""


class NotificationsSwitched(msgspec.Struct, frozen=True):
    """The settings say whether the owner wants notifications."""

    on: bool


class Woke(msgspec.Struct, frozen=True):
    """The computer woke from sleep."""


class ModelClicked(msgspec.Struct, frozen=True):
    """The owner ticks or unticks a model."""

    model_id: str


class NameClicked(msgspec.Struct, frozen=True):
    """The owner removes a name of their own, or restores one that was just removed."""

    name: str


class VisitorClicked(msgspec.Struct, frozen=True):
    """The owner lets a web page or a browser extension call from now on, or never."""

    origin: str
    allowed: bool


class SettingsClicked(msgspec.Struct, frozen=True):
    """The owner wants the page, at a section of it or where it begins by itself."""

    section: str = ""


class CopyAddressClicked(msgspec.Struct, frozen=True):
    """The owner wants the address in the clipboard."""


class OpenLogsClicked(msgspec.Struct, frozen=True):
    """The owner wants to see the logs."""


class DownloadClicked(msgspec.Struct, frozen=True):
    """The owner wants to see where the newer version is."""


class AutostartClicked(msgspec.Struct, frozen=True):
    """The owner wants to be started at login, or no more."""


class QuitClicked(msgspec.Struct, frozen=True):
    """The owner, or the system, wants the program to end."""


class ActionFailed(msgspec.Struct, frozen=True):
    """Something the owner asked for did not work."""

    error: ProxyError


type Event = (
    StartClicked
    | StopClicked
    | ListenerStarted
    | ListenerFailed
    | ListenerLost
    | PortAwaited
    | ListenerStopped
    | AddressChanged
    | TrafficChanged
    | Troubled
    | Recovered
    | KeyChanged
    | ModelsChanged
    | VisitorsChanged
    | AutostartChanged
    | VersionFound
    | SpendingChanged
    | NotificationsSwitched
    | Woke
    | ModelClicked
    | NameClicked
    | VisitorClicked
    | SettingsClicked
    | CopyAddressClicked
    | OpenLogsClicked
    | DownloadClicked
    | AutostartClicked
    | QuitClicked
    | ActionFailed
)
