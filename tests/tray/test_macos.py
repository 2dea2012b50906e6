"""The menu bar of macOS, against stand-ins for AppKit that write down what they are told, and in which thread."""

import importlib
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest
from PIL import Image

from tray_proxy.tray.macos import Mac
from tray_proxy.tray.state import Look, Phase, QuitClicked, SettingsClicked, Status

SHELL = "tray_proxy.tray.shell"
OFF = Status(address="127.0.0.1:11434")
ON = replace(OFF, phase=Phase.RUNNING)


@pytest.fixture
def appkit(monkeypatch):
    """Stand-ins for AppKit, Foundation and AppHelper that write down what they are told, and in which thread."""
    told = []

    class Picture:
        @classmethod
        def alloc(cls):
            return cls()

        def initWithData_(self, data):  # noqa: N802  AppKit's name
            told.append(("data", data[:4]))
            return self

        def setSize_(self, size):  # noqa: N802  AppKit's name
            told.append(("size", size))

        def setTemplate_(self, template):  # noqa: N802  AppKit's name
            told.append(("template", template))

    modules = {
        "AppKit": {"NSImage": Picture},
        "Foundation": {"NSData": bytes},
        "PyObjCTools": {},
        "PyObjCTools.AppHelper": {"callAfter": lambda do: told.append(("after", do))},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        for attribute, value in content.items():
            setattr(module, attribute, value)
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["PyObjCTools"].AppHelper = sys.modules["PyObjCTools.AppHelper"]  # type: ignore[attr-defined]
    return told


def test_the_mac_shows_a_sharp_template(appkit):
    """18 points at two pixels each; a template takes the colour of the menu bar."""

    class Icon:
        def __init__(self):
            self._icon = Image.new("RGBA", (36, 36))
            self._icon_image = None
            button = SimpleNamespace(setImage_=lambda image: appkit.append(("shown", image)))
            self._status_item = SimpleNamespace(button=lambda: button)

    icon = Mac().icon_class(Icon)()

    icon._assert_image()

    assert appkit == [("data", b"\x89PNG"), ("size", (18, 18)), ("template", True), ("shown", icon._icon_image)]
    assert Mac().icon_size == 36


def test_the_mac_is_touched_from_its_main_thread_alone(appkit):
    """AppKit ends the program otherwise."""
    done = []
    asking = threading.Thread(target=lambda: Mac().call(object(), lambda: done.append("drawn")))

    asking.start()
    asking.join()

    assert done == []
    (_, do) = appkit[0]
    do()
    assert done == ["drawn"]


def test_on_the_mac_a_drawing_needs_no_delay(appkit):
    def draw():
        pass

    Mac().call_later(object(), draw)

    assert appkit == [("after", draw)]


def test_a_notice_on_the_mac_is_quoted_and_waits_for_nobody(monkeypatch):
    commands = queue.SimpleQueue()

    def run(command, **_options):
        commands.put((command, threading.current_thread().name))

    monkeypatch.setattr(subprocess, "run", run)

    Mac().notify(object(), 'a "title"', "back\\slash")

    script = 'display notification "back\\\\slash" with title "a \\"title\\""'
    assert commands.get(timeout=15) == (["osascript", "-e", script], "notice")


def test_the_mac_hears_its_signals_through_cocoa(monkeypatch):
    """Python's own handlers do not run while Cocoa's loop does."""
    handlers = {}
    signals = ModuleType("PyObjCTools.MachSignals")
    signals.signal = handlers.__setitem__  # type: ignore[attr-defined]
    package = ModuleType("PyObjCTools")
    package.MachSignals = signals  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "PyObjCTools", package)
    monkeypatch.setitem(sys.modules, "PyObjCTools.MachSignals", signals)
    asked = []

    Mac().on_end(lambda: asked.append("quit"))

    handlers[signal.SIGINT](signal.SIGINT)
    handlers[signal.SIGTERM](signal.SIGTERM)
    assert asked == ["quit", "quit"]


def test_a_template_is_right_for_every_menu_bar_of_the_mac():
    assert Mac().theme() == "template"


class Cocoa:
    """
    What a Mac brings, for pystray's own code and for ours.

    Each call of AppKit's is written down with its thread; the main loop does what was handed to it, until it is ended.
    """

    def __init__(self, monkeypatch):
        self.calls = []
        self.signals = {}
        self.delegate = None
        self._waiting = queue.SimpleQueue()
        self._stopped = False
        application = SimpleNamespace(
            run=self._run, stop_=self._stop, postEvent_atStart_=self.note("postEvent"), setDelegate_=self._set_delegate
        )
        appkit = Recorded(self, "AppKit")
        appkit.NSApplication = SimpleNamespace(sharedApplication=lambda: application)
        foundation = Recorded(self, "Foundation")
        foundation.NSObject = type("NSObject", (), {"alloc": classmethod(lambda cls: cls()), "init": lambda self: self})
        modules = {
            "AppKit": appkit,
            "Foundation": foundation,
            "objc": SimpleNamespace(namedSelector=lambda _name: lambda method: method),
            "PyObjCTools": ModuleType("PyObjCTools"),
            "PyObjCTools.AppHelper": SimpleNamespace(callAfter=self._waiting.put),
            "PyObjCTools.MachSignals": SimpleNamespace(signal=self._signal, getsignal=self.signals.get),
        }
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
            package, _, inner = name.partition(".")
            if inner:
                setattr(modules[package], inner, module)

    def note(self, name):
        return lambda *_: self.calls.append((name, threading.current_thread().name))

    def called(self, name):
        """Say how often something was called, whatever it belongs to."""
        return sum(call.rpartition(".")[2] == name for call, _thread in self.calls)

    def _signal(self, number, handler):
        self.note("signal")()
        self.signals[number] = handler

    def _set_delegate(self, delegate):
        self.note("setDelegate_")()
        self.delegate = delegate

    def _run(self):
        while not self._stopped:
            self._waiting.get(timeout=10)()

    def _stop(self, _application):
        self.note("stop_")()
        self._stopped = True


class Recorded:
    """A class, an object or a method of AppKit's: whatever is asked of it is another one."""

    def __init__(self, cocoa, name):
        self._cocoa, self._name = cocoa, name

    def __getattr__(self, name):
        return Recorded(self._cocoa, f"{self._name}.{name}")

    def __call__(self, *_arguments):
        self._cocoa.note(self._name)()
        return self


@pytest.fixture
def cocoa(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_arguments, **_options: None)
    return Cocoa(monkeypatch)


@pytest.fixture
def shell_class(monkeypatch, cocoa):
    """The shell over pystray's own icon for macOS."""
    for name in [name for name in sys.modules if name == SHELL or name.partition(".")[0] == "pystray"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("PYSTRAY_BACKEND", "darwin")
    yield importlib.import_module(SHELL).TrayShell
    # Other tests choose a backend of their own; monkeypatch puts back what was there before.
    for name in [name for name in sys.modules if name == SHELL or name.partition(".")[0] == "pystray"]:
        del sys.modules[name]


def run(shell_class, cocoa, meanwhile):
    """Run the icon as the program does, and in another thread what is to happen meanwhile; return what was posted."""
    posted = []
    shell = shell_class(posted.append, OFF, platform=Mac(), system="darwin")

    def ready():
        meanwhile(shell)
        shell.stop()

    shell.run(ready)
    return posted


def test_everything_of_the_macs_icon_is_done_in_the_main_thread(shell_class, cocoa):
    """pystray's own code for macOS: touched from another thread, AppKit ends the program."""

    def meanwhile(shell):
        assert threading.current_thread() is not threading.main_thread()
        shell.show(ON)
        shell.notify("A heading", "a text")

    run(shell_class, cocoa, meanwhile)

    assert {thread for _call, thread in cocoa.calls} == {threading.main_thread().name}
    # It was shown, drawn anew with another menu, picture and tooltip, and taken away.
    assert ON.look is not OFF.look is Look.OFF
    drawn = {name: cocoa.called(name) for name in ("setImage_", "setMenu_", "setHidden_", "stop_", "removeStatusItem_")}
    assert drawn == {"setImage_": 2, "setMenu_": 2, "setHidden_": 1, "stop_": 1, "removeStatusItem_": 1}


def test_a_mac_that_opens_us_again_is_shown_the_page(shell_class, cocoa):
    """macOS starts no second process for an application that runs: a double click would do nothing."""
    shown = []

    def meanwhile(shell):
        asked = threading.Event()

        def open_again():
            shown.append(cocoa.delegate.applicationShouldHandleReopen_hasVisibleWindows_("application", False))
            asked.set()

        shell._ui(open_again)
        assert asked.wait(timeout=10)

    posted = run(shell_class, cocoa, meanwhile)

    assert (posted, shown) == ([SettingsClicked()], [False])


def test_a_mac_that_ends_us_is_heard(shell_class, cocoa):
    """At the end of a session, and by `kill`."""

    def meanwhile(shell):
        asked = threading.Event()
        shell._ui(lambda: (cocoa.signals[signal.SIGTERM](signal.SIGTERM), asked.set()))
        assert asked.wait(timeout=10)

    assert run(shell_class, cocoa, meanwhile) == [QuitClicked()]
