"""The controller: owns the `Status`, takes events off a queue, performs the effects. Its thread is the only one."""

import queue
import threading
import time
from typing import Protocol

import structlog

from tray_proxy.errors import ProxyError
from tray_proxy.texts import text
from tray_proxy.tray.notices import Notices
from tray_proxy.tray.state import ActionFailed, Event, ListenerFailed, StartClicked, Status
from tray_proxy.tray.transition import (
    AnswerVisitor,
    CopyText,
    DropConnections,
    Effect,
    Notify,
    OpenDownload,
    OpenLogs,
    OpenSettings,
    Quit,
    SetAutostart,
    SetModelAllowed,
    SetNameKept,
    StartListener,
    StopListener,
    transition,
)

log = structlog.get_logger(__name__)


class Shell(Protocol):
    """What the GUI can do. Each may be called from any thread and returns at once."""

    def show(self, status: Status) -> None:
        """Draw the status."""

    def notify(self, title: str, text: str) -> None:
        """Show a notification."""

    def copy(self, text: str) -> None:
        """Put a text into the clipboard."""

    def stop(self) -> None:
        """Take the icon away and let the main thread go on."""


class Actions(Protocol):
    """What the program can do. Each returns at once and posts news when there is some."""

    def start_listener(self) -> None:
        """Open the port."""

    def stop_listener(self) -> None:
        """Close the port."""

    def open_settings(self, section: str) -> None:
        """Show the page, at a section of it."""

    def open_logs(self) -> None:
        """Show the folder of the logs."""

    def open_download(self) -> None:
        """Show where the newer version is."""

    def set_model_allowed(self, model_id: str, allowed: bool) -> None:
        """Tick or untick a model."""

    def set_name_kept(self, name: str, kept: bool) -> None:
        """Remove a name of the owner's making, or restore it."""

    def answer_visitor(self, origin: str, allowed: bool) -> None:
        """Let a web page or a browser extension call from now on, or never."""

    def set_autostart(self, on: bool) -> None:
        """Have the system start us at login, or no more."""

    def drop_connections(self) -> None:
        """Let go of the connections to OpenRouter."""


class TrayController:
    """Takes events from all threads; `post` is the only way in."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._notices = Notices(time.monotonic)

    def post(self, event: Event) -> None:
        """Hand in an event; returns at once."""
        self._events.put(event)

    def start(self, shell: Shell, actions: Actions) -> None:
        """Begin to work, in a thread of its own; events that came before are not lost."""
        threading.Thread(target=self.run, args=(shell, actions), name="controller", daemon=True).start()

    def run(self, shell: Shell, actions: Actions) -> None:
        """Work until the program ends."""
        done = False
        while not done:
            event = self._events.get()
            if isinstance(event, StartClicked):
                self._notices.begin_anew()
            self._status, effects = transition(self._status, event)
            if self._events.empty():
                # News comes in bursts; only where it ends is worth drawing.
                shell.show(self._status)
            for effect in effects:
                self._perform(effect, shell, actions)
                done = done or isinstance(effect, Quit)

    def _perform(self, effect: Effect, shell: Shell, actions: Actions) -> None:
        if isinstance(effect, Notify) and not self._notices.lets(effect.kind):
            return
        try:
            _do(effect, shell, actions)
        except ProxyError as error:
            self._failed(effect, error)
        except Exception:
            # Whatever went wrong, the icon must go on answering clicks.
            log.exception("effect failed", effect=type(effect).__name__)
            self._failed(effect, ProxyError(text("tray.effect-failed")))

    def _failed(self, effect: Effect, error: ProxyError) -> None:
        match effect:
            case StartListener() | StopListener():
                # The status waits for news of these.
                self.post(ListenerFailed(error))
            case Notify():
                # Told by another notification, it would go on for ever.
                log.warning("notification failed", error=error.message)
            case _:
                self.post(ActionFailed(error))


def _do(effect: Effect, shell: Shell, actions: Actions) -> None:
    match effect:
        case StartListener():
            actions.start_listener()
        case StopListener():
            actions.stop_listener()
        case OpenSettings(section):
            actions.open_settings(section)
        case OpenLogs():
            actions.open_logs()
        case OpenDownload():
            actions.open_download()
        case SetModelAllowed(model_id, allowed):
            actions.set_model_allowed(model_id, allowed)
        case SetNameKept(name, kept):
            actions.set_name_kept(name, kept)
        case AnswerVisitor(origin, allowed):
            actions.answer_visitor(origin, allowed)
        case SetAutostart(on):
            actions.set_autostart(on)
        case DropConnections():
            actions.drop_connections()
        case CopyText(words):
            shell.copy(words)
        case Notify(title, words):
            shell.notify(title, words)
        case Quit():
            shell.stop()
