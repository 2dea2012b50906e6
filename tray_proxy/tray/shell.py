"""
The one module that knows pystray: draws the icon and its menu, and reports clicks.

pystray is a thin thing here. The menu is worked out in `menu`, everything is done in the GUI's thread through
one gate, and the icon is touched only where what it shows differs: on macOS each update of a menu replaces it.
"""

import sys
import threading
from collections.abc import Callable

import pystray
import structlog

from tray_proxy.tray.icons import image
from tray_proxy.tray.menu import SEPARATOR, MenuEntry, cut, render, title
from tray_proxy.tray.platforms import Platform, present_platform
from tray_proxy.tray.state import Event, Look, QuitClicked, SettingsClicked, Status, Woke

# What Windows takes.
MAX_NOTICE_TITLE = 64
MAX_NOTICE_TEXT = 256
# Windows takes a program for hung that leaves its question open for five seconds.
END_S = 4.0

log = structlog.get_logger(__name__)

if not pystray.Icon.HAS_MENU:
    # pystray's way for X without GTK: with that icon the proxy could neither be started nor ended.
    raise ImportError("pystray can show no menu here: GTK's bindings are missing.")


def label(words: str, system: str) -> str:
    """Write a menu label so that the system shows it as it is: Windows takes `&` for a mnemonic."""
    return words.replace("&", "&&") if system == "win32" else words


class TrayShell:
    """
    The icon. `run` belongs in the main thread; everything else may be called from any.

    Args:
        post: Where clicks go.
        first: The status to appear with. A panel reads a menu as soon as it is there, and one that changes
            while it is read has brought panels down.
    """

    def __init__(
        self,
        post: Callable[[Event], None],
        first: Status,
        *,
        platform: Platform | None = None,
        system: str = sys.platform,
    ) -> None:
        self._post = post
        self._wanted = first
        self._draw_is_due = False
        self._stopping = threading.Event()
        self._system = system
        self._platform = platform or present_platform(system)
        self._theme = self._platform.theme()
        self._shown_menu = render(first)
        self._shown_look = first.look
        icon_class = self._platform.icon_class(pystray.Icon)
        self._icon = icon_class("tray-proxy", self._image(first.look), title(first), self._menu(self._shown_menu))

    @property
    def has_tray_host(self) -> bool:
        """Whether anything shows tray icons here; pystray itself never tells."""
        return self._platform.has_tray_host()

    def run(self, on_ready: Callable[[], None]) -> None:
        """
        Show the icon, and return when `stop` was called.

        Args:
            on_ready: Called in another thread once the icon is there.
        """

        def ready(_icon: object) -> None:
            self._ui(self._appear)
            on_ready()

        self._icon.run(setup=ready)

    def show(self, status: Status) -> None:
        """Draw a status; what is already shown so is left alone."""
        self._wanted = status
        if not self._draw_is_due:
            self._draw_is_due = True
            self._ui(self._draw, later=True)

    def notify(self, heading: str, text: str) -> None:
        """Show a notification, cut to what Windows takes."""
        heading, text = cut(heading, MAX_NOTICE_TITLE), cut(text, MAX_NOTICE_TEXT)
        # After the drawing that is due: a notice carries the icon of that moment.
        self._ui(lambda: self._platform.notify(self._icon, heading, text), later=True)

    def copy(self, text: str) -> None:
        """Put a text into the clipboard."""
        self._platform.copy(self._icon, text)

    def stop(self) -> None:
        """Take the icon away; `run` returns."""
        self._ui(self._icon.stop)
        self._stopping.set()

    def _ui(self, do: Callable[[], None], *, later: bool = False) -> None:
        """The one gate to the GUI's thread. What fails there must not take the loop with it."""

        def guarded() -> None:
            try:
                do()
            except Exception:
                log.exception("tray could not be drawn")

        gate = self._platform.call_later if later else self._platform.call
        gate(self._icon, guarded)

    def _appear(self) -> None:
        self._icon.visible = True
        self._platform.on_end(self._end)
        self._platform.on_wake(lambda: self._post(Woke()))
        self._platform.on_reopen(lambda: self._post(SettingsClicked()))

    def _end(self) -> None:
        self._post(QuitClicked())
        if self._system == "win32":
            # Windows says that the session ends, and once it is answered may end us in the middle of a word:
            # apps that wait for an answer are told first.
            self._stopping.wait(END_S)

    def _draw(self) -> None:
        # Of several that were asked for meanwhile, only the last.
        self._draw_is_due = False
        status = self._wanted
        entries = render(status)
        if entries != self._shown_menu:
            self._icon.menu = self._menu(entries)
            self._shown_menu = entries
        if status.look is not self._shown_look:
            self._icon.icon = self._image(status.look)
            self._shown_look = status.look
        # pystray compares titles by itself.
        self._icon.title = title(status)

    def _image(self, look: Look) -> object:
        return image(look, self._platform.icon_size, theme=self._theme)

    def _menu(self, entries: tuple[MenuEntry, ...]) -> pystray.Menu:
        return pystray.Menu(*(self._item(entry) for entry in entries))

    def _item(self, entry: MenuEntry) -> object:
        if entry == SEPARATOR:
            return pystray.Menu.SEPARATOR
        checked = entry.checked
        return pystray.MenuItem(
            label(entry.label, self._system),
            self._menu(entry.children) if entry.children else self._click(entry),
            checked=None if checked is None else (lambda _item: checked),
            enabled=entry.enabled,
            default=entry.default,
        )

    def _click(self, entry: MenuEntry) -> Callable[[object, object], None]:
        event = entry.event

        # Exactly two parameters: pystray counts them, and drops the menu silently where they are more.
        def clicked(_icon: object, _item: object) -> None:
            if event is not None:
                self._post(event)

        return clicked
