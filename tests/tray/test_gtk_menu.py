"""A GTK menu that follows pystray's, with stand-ins for GTK's widgets; with real ones it is in tests/desktop."""

import contextlib
import sys
from types import ModuleType, SimpleNamespace

import pytest

from tray_proxy.tray.gtk_menu import GtkMenu

SEPARATOR = SimpleNamespace(text="- - - -")


class Widget:
    """A line of a GTK menu, which counts how often it was told anything."""

    def __init__(self, kind, label=""):
        self.kind, self.label = kind, label
        self.sensitive, self.active, self.submenu = True, False, None
        self.told = 0
        self._clicked, self._blocked = None, False

    def connect(self, signal, clicked):
        assert signal == "activate"
        self._clicked = clicked
        return 7

    def activate(self):
        """What a click does: GTK flips a tick before anybody is told."""
        if self.kind == "tick":
            self.active = not self.active
        self._emit()

    def _emit(self):
        if self._clicked is not None and not self._blocked:
            self._clicked(self)

    @contextlib.contextmanager
    def handler_block(self, number):
        assert number == 7
        self._blocked = True
        yield
        self._blocked = False

    def get_label(self):
        return self.label

    def set_label(self, label):
        self.told += 1
        self.label = label

    def get_sensitive(self):
        return self.sensitive

    def set_sensitive(self, sensitive):
        self.told += 1
        self.sensitive = sensitive

    def get_active(self):
        return self.active

    def set_active(self, active):
        self.told += 1
        self.active = active
        self._emit()

    def set_submenu(self, submenu):
        self.submenu = submenu

    def show(self):
        """A line that is not shown takes no room."""
        self.shown = True


class Menu:
    def __init__(self):
        self.lines = []

    def insert(self, widget, place):
        self.lines.insert(place, widget)

    def remove(self, widget):
        self.lines.remove(widget)


@pytest.fixture(autouse=True)
def gtk(monkeypatch):
    stand_in = SimpleNamespace(
        Menu=SimpleNamespace(new=Menu),
        SeparatorMenuItem=SimpleNamespace(new=lambda: Widget("separator")),
        MenuItem=SimpleNamespace(new_with_label=lambda label: Widget("plain", label)),
        CheckMenuItem=SimpleNamespace(new_with_label=lambda label: Widget("tick", label)),
    )
    repository = ModuleType("gi.repository")
    repository.Gtk = stand_in
    monkeypatch.setitem(sys.modules, "gi.repository", repository)
    monkeypatch.setitem(sys.modules, "gi", SimpleNamespace(repository=repository))


def item(text, *, checked=None, enabled=True, below=None):
    return SimpleNamespace(
        text=text, checked=checked, enabled=enabled, submenu=None if below is None else SimpleNamespace(items=below)
    )


@pytest.fixture
def clicked():
    return []


@pytest.fixture
def menu(clicked):
    return GtkMenu(clicked.append, SEPARATOR)


def lines(menu):
    """What a person sees: kind, label, whether it can be chosen, its tick, and what is below it."""
    return [
        (line.kind, line.label, line.sensitive, line.active, line.submenu and lines_of(line.submenu))
        for line in menu.widget.lines
    ]


def lines_of(submenu):
    return [line.label for line in submenu.lines]


FULL = (
    item("On", enabled=False),
    SEPARATOR,
    item("Models", below=[item("a/b", checked=True), item("Choose…")]),
    item("At login", checked=True),
)


def test_every_line_is_there_as_what_it_is(menu):
    menu.follow(FULL)

    assert lines(menu) == [
        ("plain", "On", False, False, None),
        ("separator", "", True, False, None),
        ("plain", "Models", True, False, ["a/b", "Choose…"]),
        ("tick", "At login", True, True, None),
    ]
    assert all(line.shown for line in menu.widget.lines)


def test_a_change_changes_the_lines_that_are_there(menu):
    """New ones would close the menu of which they are part."""
    menu.follow(FULL)
    before = list(menu.widget.lines)

    menu.follow(
        (item("Off"), SEPARATOR, item("Models", below=[item("c/d", checked=False)]), item("At login", checked=False))
    )

    assert lines(menu) == [
        ("plain", "Off", True, False, None),
        ("separator", "", True, False, None),
        ("plain", "Models", True, False, ["c/d"]),
        ("tick", "At login", True, False, None),
    ]
    assert menu.widget.lines == before


def test_the_same_again_touches_nothing(menu):
    """Each touch is a message to the panel."""
    menu.follow(FULL)
    before = [line.told for line in menu.widget.lines]

    menu.follow(FULL)

    assert [line.told for line in menu.widget.lines] == before


def test_a_line_of_another_kind_takes_its_place(menu):
    menu.follow((item("One"), item("Two"), item("Three")))
    one, _, three = menu.widget.lines

    menu.follow((item("One"), SEPARATOR, item("Three")))

    assert [line.kind for line in menu.widget.lines] == ["plain", "separator", "plain"]
    assert (menu.widget.lines[0], menu.widget.lines[2]) == (one, three)


def test_lines_come_and_go_at_the_end(menu):
    menu.follow((item("One"),))
    menu.follow((item("One"), item("Two"), item("Three")))
    grown = [line.label for line in menu.widget.lines]
    menu.follow((item("One"),))

    assert (grown, [line.label for line in menu.widget.lines]) == (["One", "Two", "Three"], ["One"])


def test_a_click_runs_the_item_that_is_shown_then(menu, clicked):
    on, off = item("Turn on"), item("Turn off")
    menu.follow((on,))
    menu.follow((off,))

    menu.widget.lines[0].activate()

    assert clicked == [off]


@pytest.mark.parametrize("checked", [True, False])
def test_a_click_leaves_the_tick_as_it_is(menu, clicked, checked):
    """It changes when what it stands for has changed."""
    tick = item("a/b", checked=checked)
    menu.follow((tick,))

    menu.widget.lines[0].activate()

    assert (menu.widget.lines[0].active, clicked) == (checked, [tick])


def test_a_tick_that_news_set_is_no_click(menu, clicked):
    menu.follow((item("a/b", checked=False),))
    menu.follow((item("a/b", checked=True),))

    assert (menu.widget.lines[0].active, clicked) == (True, [])


def test_a_line_below_is_clicked_like_any(menu, clicked):
    below = item("a/b", checked=True)
    menu.follow((item("Models", below=[below]),))

    menu.widget.lines[0].submenu.lines[0].activate()

    assert clicked == [below]
