"""
What differs between the systems' trays, each with its reason.

The GUI may be touched from one thread only. `call` is the one gate to it: whatever `shell` does to the icon
goes through there.
"""

import contextlib
import ctypes
import io
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

import pyperclip
import structlog

from tray_proxy.errors import ProxyError
from tray_proxy.tray.icons import Theme
from tray_proxy.tray.opener import child_environment

log = structlog.get_logger(__name__)

MAX_NOTICE_TITLE = 64
MAX_NOTICE_TEXT = 256


class Platform(Protocol):
    """One system's way with a tray icon."""

    icon_size: int

    def icon_class(self, base: type[Any]) -> type[Any]:
        """Return pystray's class, with what it lacks on this system."""

    def call(self, icon: Any, do: Callable[[], None]) -> None:
        """Run something in the GUI's thread, soon."""

    def theme(self) -> Theme:
        """Say which artwork fits the panel."""

    def has_tray_host(self) -> bool:
        """Say whether anything shows tray icons."""

    def copy(self, icon: Any, text: str) -> None:
        """Put a text into the clipboard."""

    def notify(self, icon: Any, title: str, text: str) -> None:
        """Show a notification; called in the GUI's thread."""

    def on_end(self, quit_: Callable[[], None]) -> None:
        """Arrange that the system's wish to end the program is heard; called in the main thread."""


def label(text: str, platform: str) -> str:
    """Write a menu label so that the system shows it as it is: Windows takes `&` for a mnemonic."""
    return text.replace("&", "&&") if platform == "win32" else text


def copy_by_program(text: str) -> None:
    """Put a text into the clipboard with the system's own program."""
    try:
        pyperclip.copy(text)
    except pyperclip.PyperclipException:
        raise ProxyError(f"The clipboard cannot be reached. The text is {text}") from None


class Linux:
    """GTK's indicator, or one of pystray's older ways."""

    icon_size = 64  # the panel scales it down to its own height

    def icon_class(self, base: type[Any]) -> type[Any]:
        """Take pystray's class as it is."""
        return base

    def call(self, icon: Any, do: Callable[[], None]) -> None:
        """Hand over to GLib's loop; the ways without GTK do so by themselves."""
        if not _uses_gtk(icon):
            do()
            return
        from gi.repository import GLib

        def once() -> bool:
            do()
            return False

        GLib.idle_add(once)

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
        """Ask the session bus; GNOME without its extension shows no icons, and says nothing."""
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

    def copy(self, icon: Any, text: str) -> None:
        """Let GTK do it, which needs no further program and hands the text on when we end."""
        if not _uses_gtk(icon):
            copy_by_program(text)
            return
        from gi.repository import Gdk, Gtk

        def put() -> None:
            clipboard = Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD)
            clipboard.set_text(text, -1)
            clipboard.store()

        self.call(icon, put)

    def notify(self, icon: Any, title: str, text: str) -> None:
        """Let pystray ask the desktop."""
        icon.notify(text, title)

    def on_end(self, quit_: Callable[[], None]) -> None:
        """Hear Ctrl-C and the session's end. pystray has just switched Ctrl-C to "die at once"."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: quit_())


def _uses_gtk(icon: Any) -> bool:
    return any("gtk" in base.__module__ or "appindicator" in base.__module__ for base in type(icon).__mro__)


class Windows:
    """The notification area."""

    icon_size = 32
    _CALL = 0x8000 + 1  # WM_APP + 1
    _QUERYENDSESSION = 0x0011
    _ENDSESSION = 0x0016

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._quit: Callable[[], None] = lambda: None

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
                self._message_handlers[platform._CALL] = lambda _w, _l: self._run_waiting()

            def _on_end_session(self, wparam: int, _lparam: int) -> int:
                if wparam:
                    platform._quit()
                return 0

            def _on_notify(self, wparam: int, lparam: int) -> None:
                # An update destroys the menu even while it is shown, so updates wait until it is closed.
                self._menu_open = True
                try:
                    super()._on_notify(wparam, lparam)
                finally:
                    self._menu_open = False
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

    def copy(self, icon: Any, text: str) -> None:  # noqa: ARG002  the protocol's signature
        """Use the system's clipboard."""
        copy_by_program(text)

    def notify(self, icon: Any, title: str, text: str) -> None:
        """Let pystray ask the system."""
        icon.notify(text, title)

    def on_end(self, quit_: Callable[[], None]) -> None:
        """Note whom to tell when the session ends."""
        self._quit = quit_


class Mac:
    """The menu bar. AppKit must not be touched from any thread but the main one."""

    icon_size = 36  # 18 points at twice the resolution

    def icon_class(self, base: type[Any]) -> type[Any]:
        """Show the icon sharp, and as a template that follows the menu bar's colour."""

        class MacIcon(base):  # type: ignore[misc]  # chosen at run time
            def _assert_image(self) -> None:
                import AppKit
                import Foundation

                png = io.BytesIO()
                self._icon.save(png, "PNG")
                image = AppKit.NSImage.alloc().initWithData_(Foundation.NSData(png.getvalue()))
                image.setSize_((18, 18))
                image.setTemplate_(True)
                self._icon_image = image
                self._status_item.button().setImage_(image)

        return MacIcon

    def call(self, icon: Any, do: Callable[[], None]) -> None:  # noqa: ARG002  the protocol's signature
        """Hand over to the main thread."""
        from PyObjCTools import AppHelper

        AppHelper.callAfter(do)

    def theme(self) -> Theme:
        """A template has the menu bar's colour."""
        return "template"

    def has_tray_host(self) -> bool:
        """There is always a menu bar."""
        return True

    def copy(self, icon: Any, text: str) -> None:  # noqa: ARG002  the protocol's signature
        """Use the system's clipboard."""
        copy_by_program(text)

    def notify(self, icon: Any, title: str, text: str) -> None:  # noqa: ARG002  the protocol's signature
        """Ask the system in a thread: the program that does it takes its time."""
        script = f"display notification {_quoted(text)} with title {_quoted(title)}"
        command = ["osascript", "-e", script]

        def run() -> None:
            subprocess.run(command, env=child_environment(), check=False, capture_output=True)  # noqa: S603

        threading.Thread(target=run, name="notice", daemon=True).start()

    def on_end(self, quit_: Callable[[], None]) -> None:
        """Hear the session's end."""
        signal.signal(signal.SIGTERM, lambda _number, _frame: quit_())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def present_platform(name: str = sys.platform) -> Platform:
    """Return this system's way."""
    ways: dict[str, Callable[[], Platform]] = {"win32": Windows, "darwin": Mac}
    return ways.get(name, Linux)()
