"""How the end of the computer's sleep is heard: connections from before it look sound, and are dead."""

from collections.abc import Callable
from typing import Any

import structlog

LOGIND = "org.freedesktop.login1"

log = structlog.get_logger(__name__)


class Logind:
    """
    Linux: systemd's login service, and what stands in for it, tells on the system's bus.

    Args:
        woke: Called in GLib's loop.

    Source: systemd, org.freedesktop.login1(5), "PrepareForSleep".
    """

    def __init__(self, woke: Callable[[], None]) -> None:
        from gi.repository import Gio

        self._woke = woke
        # Kept: GLib lets go of a bus that nobody holds.
        self._bus: Any = None
        # Not at once: where the bus does not answer, the icon would wait for it.
        Gio.bus_get(Gio.BusType.SYSTEM, None, self._connected)

    def _connected(self, _source: object, result: Any) -> None:
        from gi.repository import Gio, GLib

        try:
            self._bus = Gio.bus_get_finish(result)
        except GLib.Error:
            log.info("no system bus, so sleep is noticed later", exc_info=True)
            return
        # GLib ends the process of its own accord when this bus goes away.
        self._bus.set_exit_on_close(False)
        self._bus.signal_subscribe(
            LOGIND,
            f"{LOGIND}.Manager",
            "PrepareForSleep",
            "/org/freedesktop/login1",
            None,
            Gio.DBusSignalFlags.NONE,
            self._told,
        )

    def _told(self, *signal: Any) -> None:
        begins = signal[5].unpack()[0]
        if not begins:
            self._woke()


def on_workspace(woke: Callable[[], None]) -> None:
    """
    Listen on macOS, for as long as the program runs; `woke` is called in the main thread.

    Source: Apple, AppKit, "NSWorkspaceDidWakeNotification".
    """
    import AppKit

    workspace = AppKit.NSWorkspace.sharedWorkspace()
    workspace.notificationCenter().addObserverForName_object_queue_usingBlock_(
        AppKit.NSWorkspaceDidWakeNotification, None, None, lambda _notification: woke()
    )
