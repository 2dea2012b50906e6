"""
What differs between the systems' trays, each with its reason.

The GUI may be touched from one thread only. `call` is the one gate to it for whatever `shell` does to the icon.
"""

import contextlib
import ctypes
import html
import os
import queue
import signal
import sys
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from tray_proxy.tray import waking
from tray_proxy.tray.clipboard import copy_by_program
from tray_proxy.tray.gtk_menu import GtkMenu
from tray_proxy.tray.icons import Theme
from tray_proxy.tray.macos import Mac

log = structlog.get_logger(__name__)

SETTLE_MS = 80


class Platform(Protocol):
    """One system's way with a tray icon."""

    icon_size: int

    def icon_class(self, base: type[Any]) -> type[Any]:
        """Return pystray's class, with what it lacks on this system."""

    def call(self, icon: Any, do: Callable[[], None]) -> None:
        """Run something in the GUI's thread, soon."""

    def call_later(self, icon: Any, do: Callable[[], None]) -> None:
        """The same, a moment later, where what follows at once would only be drawn over it."""

    def theme(self) -> Theme:
        """Say which artwork fits the panel."""

    def has_tray_host(self) -> bool:
        """Say whether anything shows tray icons."""

    def copy(self, icon: Any, words: str) -> None:
        """Put a text into the clipboard."""

    def notify(self, icon: Any, title: str, words: str) -> None:
        """Show a notification; called in the GUI's thread."""

    def on_end(self, quit_: Callable[[], None]) -> None:
        """Arrange that the system's wish to end the program is heard; called in the main thread."""

    def on_wake(self, woke: Callable[[], None]) -> None:
        """Arrange that the end of the computer's sleep is heard; called in the main thread."""

    def on_reopen(self, reopened: Callable[[], None]) -> None:
        """Arrange that a further start is heard, where the system makes no process of it; called in the main thread."""


class Linux:
    """GTK's indicator, or its older status icon."""

    icon_size = 64  # the panel scales it down to its own height

    def icon_class(self, base: type[Any]) -> type[Any]:
        """Keep an open menu open, and live on a desktop that has no notifications, or no session bus at all."""

        class LinuxIcon(base):  # type: ignore[misc]  # chosen at run time
            _shown: GtkMenu | None = None

            def _create_menu(self, items: Any) -> Any:
                self._shown = GtkMenu(lambda item: item(self), type(items).SEPARATOR)
                self._shown.follow(items)
                return self._shown.widget

            def _update_menu(self) -> None:
                if self._shown is None:
                    super()._update_menu()
                else:
                    self._shown.follow(self.menu)

            def _initialize(self) -> None:
                try:
                    super()._initialize()
                except Exception:
                    # No session bus. pystray would leave its thread waiting, and the process could not end.
                    log.warning("no notifications here", exc_info=True)
                    self._notifier = _NoNotifications()
                    self._mark_ready()

            def _finalize(self) -> None:
                # The last thing pystray does is to take back a notification: nobody may be there to hear it.
                try:
                    super()._finalize()
                except Exception:
                    log.debug("notification not taken back", exc_info=True)

        return LinuxIcon

    def call(self, icon: Any, do: Callable[[], None]) -> None:  # noqa: ARG002  the protocol's signature
        """Hand over to GLib's loop."""
        self._after(0, do)

    def call_later(self, icon: Any, do: Callable[[], None]) -> None:  # noqa: ARG002  the protocol's signature
        """Wait a moment: xfce4-panel crashes over menus that are rebuilt faster than it reads them."""
        self._after(SETTLE_MS, do)

    def _after(self, delay_ms: int, do: Callable[[], None]) -> None:
        from gi.repository import GLib

        def once() -> bool:
            do()
            return False

        GLib.timeout_add(delay_ms, once)

    def theme(self) -> Theme:
        """Take light ink for dark panels: GNOME's is always dark, others follow the theme's name."""
        if "GNOME" in os.environ.get("XDG_CURRENT_DESKTOP", ""):
            return "dark"
        with contextlib.suppress(ImportError, ValueError, AttributeError):
            import gi

            gi.require_version("Gtk", "3.0")
            from gi.repository import Gtk

            look = Gtk.Settings.get_default()
            if look.props.gtk_application_prefer_dark_theme or "dark" in look.props.gtk_theme_name.lower():
                return "dark"
        return "light"

    def has_tray_host(self) -> bool:
        """Ask the session bus, then X; GNOME without its extension shows no icons, and says nothing."""
        return _has_indicator_host() or _has_xembed_host()

    def copy(self, icon: Any, words: str) -> None:
        """Let GTK do it, which needs no further program and hands the text on when we end."""
        from gi.repository import Gdk, Gtk

        def put() -> None:
            clipboard = Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD)
            clipboard.set_text(words, -1)
            clipboard.store()

        self.call(icon, put)

    def notify(self, icon: Any, title: str, words: str) -> None:
        """Let pystray ask the desktop, which takes the text for markup: what looks like a tag would be lost."""
        icon.notify(html.escape(words, quote=False), title)

    def on_end(self, quit_: Callable[[], None]) -> None:
        """Hear Ctrl-C and the session's end. pystray has just switched Ctrl-C to "die at once"."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: quit_())

    def on_wake(self, woke: Callable[[], None]) -> None:
        """Listen to the login service."""
        self._logind = waking.Logind(woke)

    def on_reopen(self, reopened: Callable[[], None]) -> None:
        """Nothing to do: a further start is a process, which finds us by itself."""


class _NoNotifications:
    """Stands in for pystray's notifier where there is no session bus."""

    def notify(self, *_: str) -> None:
        pass

    def hide(self) -> None:
        pass


def _has_indicator_host() -> bool:
    try:
        from gi.repository import Gio, GLib

        bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
        answer = bus.call_sync(
            "org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus",
            "NameHasOwner",
            GLib.Variant("(s)", ("org.kde.StatusNotifierWatcher",)),
            None,
            Gio.DBusCallFlags.NONE,
            1000,
            None,
        )
        return bool(answer.unpack()[0])
    except Exception:
        # No GLib, no bus, or a bus without an answer: nobody shows our icon by this protocol.
        log.warning("tray host not asked", exc_info=True)
        return False


def _has_xembed_host() -> bool:
    """Say whether a panel of the older kind is there (i3bar, tint2): the indicator falls back to it by itself."""
    try:
        from Xlib.display import Display  # type: ignore[import-untyped]  # pystray brings it; it ships no types

        with contextlib.closing(Display()) as display:
            selection = display.intern_atom(f"_NET_SYSTEM_TRAY_S{display.get_default_screen()}")
            return bool(display.get_selection_owner(selection))
    except Exception:
        log.info("no X display to ask for a tray", exc_info=True)
        return False


class Windows:
    """The notification area."""

    icon_size = 32
    _CALL = 0x8000 + 1  # WM_APP + 1
    _QUERYENDSESSION = 0x0011
    _ENDSESSION = 0x0016
    _POWERBROADCAST = 0x0218
    _RESUMED = 0x12  # PBT_APMRESUMEAUTOMATIC: sent at every waking, whether somebody is there or not

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._quit: Callable[[], None] = lambda: None
        self._woke: Callable[[], None] = lambda: None

    def icon_class(self, base: type[Any]) -> type[Any]:
        """Add messages that pystray leaves out, and keep the menu while it is open."""
        platform = self

        class WindowsIcon(base):  # type: ignore[misc]  # chosen at run time
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self._menu_open = False
                # Unanswered, these count as "no", and Windows could not log off.
                self._message_handlers[platform._QUERYENDSESSION] = lambda _w, _l: 1
                self._message_handlers[platform._ENDSESSION] = self._on_end_session
                self._message_handlers[platform._POWERBROADCAST] = self._on_power
                self._message_handlers[platform._CALL] = lambda _w, _l: self._run_waiting()

            def _on_end_session(self, wparam: int, _lparam: int) -> int:
                if wparam:
                    platform._quit()
                return 0

            def _on_power(self, wparam: int, _lparam: int) -> int:
                if wparam == platform._RESUMED:
                    platform._woke()
                return 1  # "no" would be an answer to a question that is not asked any more

            def _on_notify(self, wparam: int, lparam: int) -> None:
                # An update destroys the menu even while it is shown, so updates wait until it is closed.
                # While it is shown, the mouse upon the icon brings this message again.
                was_open, self._menu_open = self._menu_open, True
                try:
                    super()._on_notify(wparam, lparam)
                finally:
                    self._menu_open = was_open
                self._run_waiting()

            def _run_waiting(self) -> int:
                while not self._menu_open:
                    try:
                        do = platform._waiting.get_nowait()
                    except queue.Empty:
                        break
                    do()
                return 0

        return WindowsIcon

    def call(self, icon: Any, do: Callable[[], None]) -> None:
        """Queue it, and wake the window's loop."""
        self._waiting.put(do)
        window = getattr(icon, "_hwnd", None)
        if window is not None:
            ctypes.windll.user32.PostMessageW(window, self._CALL, 0, 0)  # type: ignore[attr-defined,unused-ignore]

    def call_later(self, icon: Any, do: Callable[[], None]) -> None:
        """As soon as any."""
        self.call(icon, do)

    def theme(self) -> Theme:
        """Ask the registry which colour the taskbar has."""
        with contextlib.suppress(ImportError, OSError):
            import winreg

            path = r"Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, path) as key:  # type: ignore[attr-defined,unused-ignore]
                light, _ = winreg.QueryValueEx(key, "SystemUsesLightTheme")  # type: ignore[attr-defined,unused-ignore]
                return "light" if light else "dark"
        return "dark"

    def has_tray_host(self) -> bool:
        """Windows always has one."""
        return True

    def copy(self, icon: Any, words: str) -> None:  # noqa: ARG002  the protocol's signature
        """Use the system's clipboard."""
        copy_by_program(words)

    def notify(self, icon: Any, title: str, words: str) -> None:
        """Let pystray ask the system."""
        icon.notify(words, title)

    def on_end(self, quit_: Callable[[], None]) -> None:
        """Note whom to tell when the session ends."""
        self._quit = quit_

    def on_wake(self, woke: Callable[[], None]) -> None:
        """Note whom to tell."""
        self._woke = woke

    def on_reopen(self, reopened: Callable[[], None]) -> None:
        """Nothing to do: a further start is a process, which finds us by itself."""


def present_platform(name: str = sys.platform) -> Platform:
    """Return this system's way."""
    ways: dict[str, Callable[[], Platform]] = {"win32": Windows, "darwin": Mac}
    return ways.get(name, Linux)()
