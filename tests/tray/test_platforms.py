"""What is done differently on each system, against stand-ins for what that system brings."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pyperclip
import pytest

from tray_proxy.tray.platforms import SETTLE_MS, Linux, Mac, Windows, present_platform

QUERYENDSESSION, ENDSESSION, NOTIFY = 0x0011, 0x0016, 0x0400
POWERBROADCAST, RESUMED, SUSPEND = 0x0218, 0x12, 0x04
RIGHT_CLICK, MOUSE_MOVE = 0x0205, 0x0200


@pytest.mark.parametrize(
    ("name", "kind"), [("win32", Windows), ("darwin", Mac), ("linux", Linux), ("freebsd14", Linux)]
)
def test_each_system_has_its_way(name, kind):
    assert type(present_platform(name)) is kind


def module(name, **content):
    """A stand-in for a module that only one system has."""
    made = ModuleType(name)
    for attribute, value in content.items():
        setattr(made, attribute, value)
    return made


class PlainIcon:
    """What pystray's Windows icon is to us: handlers, and a menu that is open while its click is handled."""

    def __init__(self) -> None:
        self._message_handlers = {NOTIFY: self._on_notify}
        self._hwnd = 77
        self.while_open = lambda: None

    def _on_notify(self, _wparam, _lparam):
        self.while_open()


@pytest.fixture
def windows(monkeypatch):
    """Windows' way, its icon, and the messages posted to the icon's window."""
    posted = []
    user32 = SimpleNamespace(PostMessageW=lambda *message: posted.append(message))
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(user32=user32), raising=False)
    platform = Windows()
    return SimpleNamespace(platform=platform, icon=platform.icon_class(PlainIcon)(), posted=posted)


def test_windows_may_log_off(windows):
    """pystray answers what it does not know with 0, and that is a veto."""
    assert windows.icon._message_handlers[QUERYENDSESSION](0, 0) == 1


@pytest.mark.parametrize(("really", "quits"), [(1, 1), (0, 0)])
def test_the_end_of_the_windows_session_quits(windows, really, quits):
    """With 0 somebody else has refused, and the session goes on."""
    asked = []
    windows.platform.on_end(lambda: asked.append("quit"))

    windows.icon._message_handlers[ENDSESSION](really, 0)

    assert len(asked) == quits


@pytest.mark.parametrize(("event", "woken"), [(RESUMED, 1), (SUSPEND, 0)])
def test_windows_tells_that_it_woke(windows, event, woken):
    told = []
    windows.platform.on_wake(lambda: told.append("woke"))

    answer = windows.icon._message_handlers[POWERBROADCAST](event, 0)

    assert (len(told), answer) == (woken, 1)


def test_on_windows_work_is_done_when_its_message_arrives(windows):
    """Not in the thread that asks for it."""
    done = []

    windows.platform.call(windows.icon, lambda: done.append(1))

    assert (done, windows.posted) == ([], [(77, Windows._CALL, 0, 0)])
    windows.icon._message_handlers[Windows._CALL](0, 0)
    assert done == [1]


def test_on_windows_a_drawing_needs_no_delay(windows):
    done = []

    windows.platform.call_later(windows.icon, lambda: done.append(1))

    windows.icon._message_handlers[Windows._CALL](0, 0)
    assert done == [1]


def test_on_windows_work_waits_until_the_window_is_there(windows):
    windows.icon._hwnd = None

    windows.platform.call(windows.icon, lambda: None)

    assert windows.posted == []


def test_on_windows_an_open_menu_is_not_pulled_away(windows):
    """An update destroys the menu that is shown."""
    done = []

    def meanwhile():
        windows.platform.call(windows.icon, lambda: done.append("updated"))
        windows.icon._message_handlers[Windows._CALL](0, 0)
        done.append("closed")

    windows.icon.while_open = meanwhile
    windows.icon._message_handlers[NOTIFY](0, RIGHT_CLICK)

    assert done == ["closed", "updated"]


def test_on_windows_the_mouse_over_the_icon_does_not_end_the_wait_for_the_menu(windows):
    """It brings the same message again while the menu is shown."""
    done = []

    def meanwhile():
        windows.icon.while_open = lambda: None
        windows.platform.call(windows.icon, lambda: done.append("updated"))
        windows.icon._message_handlers[NOTIFY](0, MOUSE_MOVE)
        done.append("closed")

    windows.icon.while_open = meanwhile
    windows.icon._message_handlers[NOTIFY](0, RIGHT_CLICK)

    assert done == ["closed", "updated"]


def test_on_windows_a_menu_that_fails_does_not_hold_up_the_work_for_ever(windows):
    done = []
    windows.icon.while_open = lambda: 1 / 0
    with contextlib.suppress(ZeroDivisionError):
        windows.icon._message_handlers[NOTIFY](0, RIGHT_CLICK)

    windows.platform.call(windows.icon, lambda: done.append("updated"))
    windows.icon._message_handlers[Windows._CALL](0, 0)

    assert done == ["updated"]


def test_on_windows_work_is_done_in_the_order_in_which_it_came(windows):
    done = []
    for number in range(3):
        windows.platform.call(windows.icon, lambda number=number: done.append(number))

    windows.icon._message_handlers[Windows._CALL](0, 0)

    assert done == [0, 1, 2]


@pytest.mark.parametrize(("light", "theme"), [(1, "light"), (0, "dark")])
def test_the_windows_taskbar_says_which_colour_it_has(monkeypatch, light, theme):
    registry = module(
        "winreg", HKEY_CURRENT_USER="HKCU", OpenKey=lambda root, path: contextlib.nullcontext((root, path))
    )
    registry.QueryValueEx = lambda key, name: (light, 4)
    monkeypatch.setitem(sys.modules, "winreg", registry)

    assert Windows().theme() == theme


def test_a_windows_without_the_setting_has_a_dark_taskbar(monkeypatch):
    """As it was before Windows 10 got a light one."""

    def no_such_key(root, path):
        raise FileNotFoundError(path)

    monkeypatch.setitem(sys.modules, "winreg", module("winreg", HKEY_CURRENT_USER="HKCU", OpenKey=no_such_key))

    assert Windows().theme() == "dark"


@pytest.mark.parametrize("platform", [Windows(), Mac()])
def test_windows_and_the_mac_copy_by_the_systems_own_program(monkeypatch, platform):
    copied = []
    monkeypatch.setattr(pyperclip, "copy", copied.append)

    platform.copy(object(), "http://127.0.0.1:11434")

    assert copied == ["http://127.0.0.1:11434"]


def test_windows_shows_notices_as_they_are(windows):
    told = []
    windows.icon.notify = lambda text, title: told.append((text, title))

    windows.platform.notify(windows.icon, "A & B", "<text>")

    assert told == [("<text>", "A & B")]


def test_gnomes_panel_is_dark(monkeypatch):
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "ubuntu:GNOME")

    assert Linux().theme() == "dark"


class Desktop:
    """Stands in for GLib, Gio and GTK; what is to be done in GLib's loop is done by `turn`."""

    def __init__(self, monkeypatch):
        self.waiting = []
        self.delays_ms = []
        self.clipboard = []
        self.look = None
        self.owned = set()
        self.bus_fault = None
        glib = module("GLib", timeout_add=self._timeout_add, Variant=lambda _kind, values: values)
        gio = module("Gio", BusType=SimpleNamespace(SESSION=2), DBusCallFlags=SimpleNamespace(NONE=0))
        gio.bus_get_sync = self._bus
        gtk = module("Gtk", Settings=SimpleNamespace(get_default=lambda: self.look))
        gtk.Clipboard = SimpleNamespace(get=lambda _selection: self)
        repository = module("gi.repository", GLib=glib, Gio=gio, Gtk=gtk, Gdk=module("Gdk", SELECTION_CLIPBOARD=69))
        gi = module("gi", repository=repository, require_version=lambda _name, _version: None)
        monkeypatch.setitem(sys.modules, "gi", gi)
        monkeypatch.setitem(sys.modules, "gi.repository", repository)

    def turn(self):
        """Run what is waiting; GLib asks again what answers with true."""
        self.waiting[:] = [do for do in self.waiting if do()]

    def _timeout_add(self, delay_ms, do):
        self.delays_ms.append(delay_ms)
        self.waiting.append(do)

    def _bus(self, _kind, _cancellable):
        if self.bus_fault is not None:
            raise self.bus_fault
        return SimpleNamespace(call_sync=self._name_has_owner)

    def _name_has_owner(self, *call):
        (name,) = call[4]
        return SimpleNamespace(unpack=lambda: (name in self.owned,))

    def set_text(self, text, length):
        self.clipboard.append((text, length))

    def store(self):
        self.clipboard.append("stored")


@pytest.fixture
def desktop(monkeypatch):
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "XFCE")
    return Desktop(monkeypatch)


@pytest.mark.parametrize(
    ("prefers_dark", "name", "theme"),
    [(False, "Adwaita", "light"), (True, "Adwaita", "dark"), (False, "Arc-Dark", "dark")],
)
def test_other_panels_follow_the_desktops_theme(desktop, prefers_dark, name, theme):
    desktop.look = SimpleNamespace(
        props=SimpleNamespace(gtk_application_prefer_dark_theme=prefers_dark, gtk_theme_name=name)
    )

    assert Linux().theme() == theme


def test_a_desktop_that_tells_nothing_has_a_light_panel(desktop):
    """GTK has no settings without a display."""
    assert Linux().theme() == "light"


def test_without_gtk_the_panel_counts_as_light(monkeypatch):
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "XFCE")
    monkeypatch.setitem(sys.modules, "gi", None)

    assert Linux().theme() == "light"


def test_on_linux_work_is_done_once_and_in_glibs_loop(desktop):
    done = []

    Linux().call(object(), lambda: done.append("drawn"))

    assert done == []
    desktop.turn()
    desktop.turn()
    assert done == ["drawn"]


def test_on_linux_a_drawing_lets_the_panel_read_first(desktop):
    """xfce4-panel crashes over menus that are rebuilt faster than it reads them."""
    Linux().call(object(), lambda: None)
    Linux().call_later(object(), lambda: None)

    assert desktop.delays_ms == [0, SETTLE_MS]


class PystraysIcon:
    """pystray's GTK icon as far as its menu goes: it hands it to the panel whenever it builds it."""

    def __init__(self, menu):
        self.menu = menu
        self.handed_over = []

    def _update_menu(self):
        self.handed_over.append(self._create_menu(self.menu))


class Followed:
    """Stands in for `GtkMenu`."""

    def __init__(self, click, separator):
        self.widget = self
        self.click, self.separator = click, separator
        self.shown = []

    def follow(self, items):
        self.shown.append(items)


class Lines(tuple):
    SEPARATOR = "pystray's own"


def test_on_linux_the_panel_gets_one_menu_which_then_follows(monkeypatch):
    """A second one would close the first where a person has it open."""
    monkeypatch.setattr("tray_proxy.tray.platforms.GtkMenu", Followed)
    first, second = Lines(("On",)), Lines(("Off",))
    icon = Linux().icon_class(PystraysIcon)(first)

    icon._update_menu()
    icon.menu = second
    icon._update_menu()

    (menu,) = icon.handed_over
    assert (menu.shown, menu.separator) == ([first, second], "pystray's own")


def test_on_linux_a_line_is_called_with_the_icon(monkeypatch):
    monkeypatch.setattr("tray_proxy.tray.platforms.GtkMenu", Followed)
    icon = Linux().icon_class(PystraysIcon)(Lines())
    icon._update_menu()
    called = []

    icon.handed_over[0].click(called.append)

    assert called == [icon]


def test_on_linux_a_copied_text_is_handed_on_when_we_end(desktop):
    """Otherwise it would be gone with the program."""
    Linux().copy(object(), "http://127.0.0.1:11434")

    desktop.turn()

    assert desktop.clipboard == [("http://127.0.0.1:11434", -1), "stored"]


def older_panel(monkeypatch, owner):
    """Have X say who shows icons by the older protocol: a window's number, or 0 for nobody."""
    asked = []

    class Display:
        def get_default_screen(self):
            return 0

        def intern_atom(self, name):
            asked.append(name)
            return 300

        def get_selection_owner(self, atom):
            return owner

        def close(self):
            asked.append("closed")

    monkeypatch.setitem(sys.modules, "Xlib", module("Xlib"))
    monkeypatch.setitem(sys.modules, "Xlib.display", module("Xlib.display", Display=Display))
    return asked


@pytest.mark.parametrize(
    ("owned", "panel", "shown"),
    [({"org.kde.StatusNotifierWatcher"}, 0, True), (set(), 77, True), (set(), 0, False)],
)
def test_an_icon_is_shown_where_a_panel_of_either_kind_is(desktop, monkeypatch, owned, panel, shown):
    desktop.owned = owned
    older_panel(monkeypatch, panel)

    assert Linux().has_tray_host() is shown


def test_the_connection_to_x_is_closed_again(desktop, monkeypatch):
    asked = older_panel(monkeypatch, 77)

    Linux().has_tray_host()

    assert asked == ["_NET_SYSTEM_TRAY_S0", "closed"]


def test_without_a_bus_the_older_panel_is_asked_all_the_same(desktop, monkeypatch):
    desktop.bus_fault = OSError("no bus")
    older_panel(monkeypatch, 77)

    assert Linux().has_tray_host() is True


@pytest.mark.skipif(sys.platform != "linux", reason="the real libraries of Linux, without a desktop")
def test_without_any_desktop_nothing_shows_the_icon():
    """The real libraries, in a process of their own: what they find of a bus they keep for good."""
    nowhere = {
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere/bus",
        "DISPLAY": "",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    program = "from tray_proxy.tray.platforms import Linux; raise SystemExit(Linux().has_tray_host() is not False)"

    ended = subprocess.run([sys.executable, "-c", program], env=os.environ | nowhere, capture_output=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture
def signals_put_back():
    """Leave the test run's own handlers as they were."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_on_linux_every_signal_of_an_end_quits(signals_put_back):
    """Ctrl-C, `kill` and a terminal that is closed."""
    asked = []
    Linux().on_end(lambda: asked.append("quit"))

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.raise_signal(number)

    assert asked == ["quit", "quit", "quit"]


def test_a_notice_on_linux_is_not_taken_for_markup():
    """The desktop would make a link of what OpenRouter says."""
    told = []
    icon = SimpleNamespace(notify=lambda text, title: told.append((text, title)))

    Linux().notify(icon, "A & B", 'say "<a href=x>" & go')

    assert told == [('say "&lt;a href=x&gt;" &amp; go', "A & B")]


class WithoutBus:
    """pystray's GTK icon where there is no session bus."""

    def __init__(self) -> None:
        self.ready = False

    def _initialize(self):
        raise OSError("no bus")

    def _finalize(self):
        self._notifier.hide()
        raise OSError("no bus")

    def _mark_ready(self):
        self.ready = True


def test_the_icon_lives_without_a_session_bus():
    """pystray would leave its thread waiting, and the program could not end."""
    icon = Linux().icon_class(WithoutBus)()

    icon._initialize()
    icon._notifier.notify("title", "text", "")
    icon._finalize()

    assert icon.ready is True


@pytest.mark.parametrize("platform", [Windows(), Mac()])
def test_windows_and_the_mac_always_show_tray_icons(platform):
    assert platform.has_tray_host() is True


@pytest.mark.parametrize("platform", [Windows(), Linux()])
def test_on_windows_and_linux_a_further_start_finds_us_by_itself(platform):
    told = []

    platform.on_reopen(lambda: told.append("reopened"))

    assert told == []
