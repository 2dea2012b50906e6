"""The end of the computer's sleep, heard from stand-ins; with a real bus it is in tests/desktop."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from tray_proxy.tray.waking import Logind, on_workspace


class GLibError(Exception):
    pass


class Bus:
    """Stands in for Gio and the system's bus."""

    def __init__(self, monkeypatch):
        self.fault = None
        self.asked = []
        self.signals = []
        self.ends_the_process = True
        gio = SimpleNamespace(
            BusType=SimpleNamespace(SYSTEM=1),
            DBusSignalFlags=SimpleNamespace(NONE=0),
            bus_get=lambda kind, _cancellable, done: self.asked.append((kind, done)),
            bus_get_finish=self._finish,
        )
        repository = ModuleType("gi.repository")
        repository.Gio, repository.GLib = gio, SimpleNamespace(Error=GLibError)
        monkeypatch.setitem(sys.modules, "gi.repository", repository)
        monkeypatch.setitem(sys.modules, "gi", SimpleNamespace(repository=repository))

    def _finish(self, _result):
        if self.fault is not None:
            raise self.fault
        return self

    def connect(self):
        ((kind, done),) = self.asked
        assert kind == 1
        done(None, "result")

    def set_exit_on_close(self, on):
        self.ends_the_process = on

    def signal_subscribe(self, *what):
        *about, self.told = what
        self.signals.append(tuple(about))

    def tell(self, begins):
        self.told("bus", ":1.1", "/path", "interface", "PrepareForSleep", SimpleNamespace(unpack=lambda: (begins,)))


@pytest.fixture
def bus(monkeypatch):
    return Bus(monkeypatch)


@pytest.fixture
def woken():
    return []


def test_the_login_service_is_listened_to(bus, woken):
    Logind(lambda: woken.append("woke"))
    bus.connect()

    assert bus.signals == [
        (
            "org.freedesktop.login1",
            "org.freedesktop.login1.Manager",
            "PrepareForSleep",
            "/org/freedesktop/login1",
            None,
            0,
        )
    ]


@pytest.mark.parametrize(("begins", "times"), [(True, 0), (False, 1)])
def test_the_end_of_a_sleep_is_told_and_not_its_beginning(bus, woken, begins, times):
    Logind(lambda: woken.append("woke"))
    bus.connect()

    bus.tell(begins)

    assert len(woken) == times


def test_the_end_of_the_bus_is_not_the_end_of_the_program(bus, woken):
    Logind(woken.append)
    bus.connect()

    assert bus.ends_the_process is False


def test_without_a_system_bus_nothing_is_listened_to(bus, woken):
    bus.fault = GLibError("no bus")
    Logind(woken.append)

    bus.connect()

    assert bus.signals == []


def test_the_macs_workspace_tells_that_it_woke(monkeypatch, woken):
    asked = []

    def add(*what):
        *about, block = what
        asked.append(about)
        block("notification")

    center = SimpleNamespace(addObserverForName_object_queue_usingBlock_=add)
    workspace = SimpleNamespace(notificationCenter=lambda: center)
    appkit = ModuleType("AppKit")
    appkit.NSWorkspace = SimpleNamespace(sharedWorkspace=lambda: workspace)
    appkit.NSWorkspaceDidWakeNotification = "woke up"
    monkeypatch.setitem(sys.modules, "AppKit", appkit)

    on_workspace(lambda: woken.append("woke"))

    assert (asked, woken) == ([["woke up", None, None]], ["woke"])
