"""The menu bar of macOS. Whatever touches AppKit for the tray stands here, and in `waking`."""

import io
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from tray_proxy.tray import waking
from tray_proxy.tray.clipboard import copy_by_program
from tray_proxy.tray.icons import Theme


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

    def call_later(self, icon: Any, do: Callable[[], None]) -> None:
        """As soon as any."""
        self.call(icon, do)

    def theme(self) -> Theme:
        """A template has the menu bar's colour."""
        return "template"

    def has_tray_host(self) -> bool:
        """There is always a menu bar."""
        return True

    def copy(self, icon: Any, words: str) -> None:  # noqa: ARG002  the protocol's signature
        """Use the system's clipboard."""
        copy_by_program(words)

    def notify(self, icon: Any, title: str, words: str) -> None:  # noqa: ARG002  the protocol's signature
        """Ask the system in a thread: the program that does it takes its time."""
        script = f"display notification {_quoted(words)} with title {_quoted(title)}"
        command = ["osascript", "-e", script]

        def run() -> None:
            subprocess.run(command, check=False, capture_output=True)  # noqa: S603

        threading.Thread(target=run, name="notice", daemon=True).start()

    def on_end(self, quit_: Callable[[], None]) -> None:
        """Hear Ctrl-C and `kill`. Python's own handlers would not run while Cocoa's loop does."""
        from PyObjCTools import MachSignals

        for number in (signal.SIGINT, signal.SIGTERM):
            MachSignals.signal(number, lambda _number: quit_())

    def on_wake(self, woke: Callable[[], None]) -> None:
        """Listen to the workspace."""
        waking.on_workspace(woke)

    def on_reopen(self, reopened: Callable[[], None]) -> None:
        """
        Hear that the application was opened while it runs: macOS starts no second process then, and tells the first.

        Source: Apple, AppKit, "applicationShouldHandleReopen(_:hasVisibleWindows:)".
        """
        import AppKit

        # AppKit does not hold on to it.
        self._delegate = _delegate(reopened)
        AppKit.NSApplication.sharedApplication().setDelegate_(self._delegate)


def _delegate(reopened: Callable[[], None]) -> Any:
    import Foundation

    class TrayProxyDelegate(Foundation.NSObject):  # type: ignore[misc]  # it ships no types
        def applicationShouldHandleReopen_hasVisibleWindows_(self, _application: Any, _visible: bool) -> bool:  # noqa: N802  AppKit's
            reopened()
            return False  # nothing of AppKit's is to be shown

    return TrayProxyDelegate.alloc().init()


def _quoted(words: str) -> str:
    escaped = words.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
