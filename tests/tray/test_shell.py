"""The shell with pystray's own menu classes: what of the icon is touched, when, and what a click posts."""

import importlib
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tray_proxy.tray.menu import SEPARATOR, MenuEntry
from tray_proxy.tray.state import (
    AutostartClicked,
    CopyAddressClicked,
    Look,
    ModelClicked,
    ModelTick,
    Phase,
    QuitClicked,
    SettingsClicked,
    Status,
    Trouble,
    Woke,
)

SHELL = "tray_proxy.tray.shell"
OFF = Status(address="127.0.0.1:11434", models=(ModelTick("r&d/one_x", True), ModelTick("b/two", False)))
ON = replace(OFF, phase=Phase.RUNNING)


class RecordingIcon:
    """Takes the place of pystray's icon; writes down what is set on it. Titles alone pystray compares by itself."""

    def __init__(self, name, icon, title, menu):
        object.__setattr__(self, "touched", [])
        object.__setattr__(self, "now", {"name": name, "icon": icon, "title": title, "menu": menu})

    def __setattr__(self, name, value):
        if name != "title" or self.now["title"] != value:
            self.touched.append(name)
        self.now[name] = value

    def run(self, setup):
        setup(self)

    def stop(self):
        self.touched.append("stop")


class HandCranked:
    """A platform whose GUI thread is the test: `call` and `call_later` collect, `turn` runs."""

    icon_size = 16

    def __init__(self):
        self.waiting = []
        self.delayed = 0
        self.said = []
        self.at_end = None

    def icon_class(self, base):
        return RecordingIcon

    def call(self, icon, do):
        self.waiting.append(do)

    def call_later(self, icon, do):
        self.delayed += 1
        self.waiting.append(do)

    def turn(self):
        waiting, self.waiting = self.waiting, []
        for do in waiting:
            do()

    def theme(self):
        return "dark"

    def has_tray_host(self):
        return False

    def copy(self, icon, text):
        self.said.append(("copy", text))

    def notify(self, icon, title, text):
        self.said.append(("notify", title, text))

    def on_end(self, quit_):
        self.at_end = quit_

    def on_wake(self, woke):
        self.at_waking = woke

    def on_reopen(self, reopened):
        self.at_reopening = reopened


@pytest.fixture(scope="module")
def shell_module():
    """Imported here: pystray chooses its backend when it is imported, and tests have no display."""
    with pytest.MonkeyPatch.context() as patch:
        for name in loaded():
            patch.delitem(sys.modules, name)
        patch.setenv("PYSTRAY_BACKEND", "dummy")
        yield importlib.import_module(SHELL)
        # Other tests choose for themselves.
        for name in loaded():
            del sys.modules[name]


def loaded():
    return [name for name in sys.modules if name == SHELL or name.partition(".")[0] == "pystray"]


@pytest.fixture
def shell_class(shell_module):
    return shell_module.TrayShell


@pytest.fixture
def platform():
    return HandCranked()


@pytest.fixture
def posted():
    return []


@pytest.fixture
def shell(shell_class, platform, posted):
    return shell_class(posted.append, OFF, platform=platform, system="linux")


def show(shell, platform, status):
    """Show a status, and return what of the icon that touched."""
    before = len(shell._icon.touched)
    shell.show(status)
    platform.turn()
    return shell._icon.touched[before:]


def lines(menu):
    return [str(item).split(" =>")[0] for item in menu.items]


def choose(shell, *path):
    """Click a line, as pystray does."""
    menu = shell._icon.now["menu"]
    for label in path[:-1]:
        menu = next(item for item in menu.items if item.text == label).submenu
    next(item for item in menu.items if item.text == path[-1])(shell._icon)


def test_nothing_is_drawn_outside_the_guis_thread(shell, platform):
    """On macOS that ends the program."""
    shell.show(ON)
    shell.notify("a", "b")
    shell.stop()

    assert shell._icon.touched == []
    assert len(platform.waiting) == 3


def test_the_icon_comes_complete_with_its_first_status(shell, platform):
    """A panel reads the menu as soon as it is there."""
    assert show(shell, platform, OFF) == []
    assert shell._icon.now["title"] == "Tray Proxy · ○ Off — apps get no answer at 127.0.0.1:11434"
    assert "Turn on" in lines(shell._icon.now["menu"])


def test_a_new_phase_draws_everything(shell, platform):
    assert show(shell, platform, ON) == ["menu", "icon", "title"]


def test_of_several_statuses_only_the_last_is_drawn(shell, platform):
    """While the GUI's thread was busy, the others have become old."""
    shell.show(replace(OFF, phase=Phase.STARTING))
    shell.show(ON)

    platform.turn()

    assert shell._icon.touched == ["menu", "icon", "title"]
    assert shell._icon.now["title"] == "Tray Proxy · ● On — apps reach it at 127.0.0.1:11434"


def test_the_same_status_touches_nothing(shell, platform):
    show(shell, platform, ON)

    assert show(shell, platform, replace(ON)) == []


def test_traffic_changes_the_icon_alone(shell, platform):
    """An update of the menu would close it under the owner's hand."""
    show(shell, platform, ON)

    assert show(shell, platform, replace(ON, in_flight=1)) == ["icon"]
    assert show(shell, platform, replace(ON, in_flight=2)) == []


def test_one_drawing_is_due_at_a_time(shell, platform):
    """It takes the last status whenever it comes; a queue of them would redraw what is already shown."""
    for number in range(5):
        shell.show(replace(ON, in_flight=number))

    assert platform.delayed == 1


def test_a_notice_comes_after_the_drawing_that_is_due(shell, platform):
    """It carries the icon of that moment, and a trouble should look like one."""
    shell.show(ON)
    shell.notify("a", "b")

    assert platform.delayed == 2


def test_a_new_trouble_changes_everything_once(shell, platform):
    show(shell, platform, ON)
    troubled = replace(ON, trouble=Trouble("No credit is left.", ""))

    assert show(shell, platform, troubled) == ["menu", "icon", "title"]
    assert shell._icon.now["title"] == "Tray Proxy · ▲ No credit is left · 127.0.0.1:11434"


def test_the_icon_is_the_look_in_the_panels_theme(shell, platform):
    from tray_proxy.tray.icons import image

    show(shell, platform, ON)

    assert shell._icon.now["icon"] is image(Look.ON, 16, theme="dark")


def test_the_menu_reaches_pystray_line_by_line(shell, platform):
    show(shell, platform, ON)

    assert lines(shell._icon.now["menu"]) == [
        "● On — apps reach it at 127.0.0.1:11434",
        "- - - -",
        "Turn off",
        "Models",
        "Copy address",
        "Apps…",
        "Activity…",
        "Open logs",
        "- - - -",
        "Settings…",
        "Start when I log in",
        "Quit",
    ]
    models = next(item for item in shell._icon.now["menu"].items if item.text == "Models").submenu
    assert [(item.text, item.checked) for item in models.items][:2] == [("r&d/one_x", True), ("b/two", False)]


@pytest.mark.parametrize(
    ("entry", "item"),
    [
        (MenuEntry("Quit", QuitClicked()), ("Quit", None, True, False)),
        (MenuEntry("Stop", QuitClicked(), enabled=False), ("Stop", None, False, False)),
        (MenuEntry("Settings…", SettingsClicked(), default=True), ("Settings…", None, True, True)),
        (MenuEntry("a/b", ModelClicked("a/b"), checked=True), ("a/b", True, True, False)),
        (MenuEntry("a/b", ModelClicked("a/b"), checked=False), ("a/b", False, True, False)),
    ],
)
def test_a_line_keeps_its_properties_at_pystray(shell, entry, item):
    made = shell._item(entry)

    assert (made.text, made.checked, made.enabled, made.default) == item


def test_a_separator_is_pystrays_own(shell, shell_module):
    assert shell._item(SEPARATOR) is shell_module.pystray.Menu.SEPARATOR


def test_lines_below_a_line_become_its_submenu(shell):
    made = shell._item(MenuEntry("Models", children=(MenuEntry("a/b", ModelClicked("a/b")), SEPARATOR)))

    assert [item.text for item in made.submenu.items] == ["a/b", "- - - -"]


def test_a_line_that_only_tells_something_posts_nothing(shell, posted):
    shell._item(MenuEntry("No models yet", enabled=False))(shell._icon)

    assert posted == []


def test_labels_are_written_as_windows_wants_them(shell_class, platform, posted):
    shell = shell_class(posted.append, OFF, platform=platform, system="win32")
    show(shell, platform, ON)

    choose(shell, "Models", "r&&d/one_x")

    assert posted == [ModelClicked("r&d/one_x")]


@pytest.mark.parametrize(
    ("path", "event"),
    [
        (("Copy address",), CopyAddressClicked()),
        (("Settings…",), SettingsClicked("settings")),
        (("Start when I log in",), AutostartClicked()),
        (("Models", "b/two"), ModelClicked("b/two")),
        (("Models", "Choose models…"), SettingsClicked("models")),
        (("Quit",), QuitClicked()),
    ],
)
def test_a_click_posts_its_event(shell, platform, posted, path, event):
    show(shell, platform, ON)

    choose(shell, *path)

    assert posted == [event]


def test_a_plain_click_on_the_icon_does_what_the_first_line_does(shell, platform, posted):
    show(shell, platform, ON)

    shell._icon.now["menu"](shell._icon)

    assert posted == [SettingsClicked("activity")]


def test_the_icon_appears_before_anybody_is_told(shell, platform):
    seen = []

    shell.run(lambda: seen.append(len(platform.waiting)))
    platform.turn()

    assert seen == [1]
    assert shell._icon.now["visible"] is True


def test_the_systems_wish_to_end_quits(shell, platform, posted):
    shell.run(lambda: None)
    platform.turn()

    platform.at_end()

    assert posted == [QuitClicked()]


def test_windows_is_answered_once_all_but_the_icon_has_ended(shell_class, platform):
    """After the answer Windows may end the program at any moment."""
    asked, may_end, ended = threading.Event(), threading.Event(), []

    def end(event):
        asked.set()
        may_end.wait(5)
        ended.append(event)
        shell.stop()

    def post(event):
        threading.Thread(target=end, args=[event]).start()

    shell = shell_class(post, OFF, platform=platform, system="win32")
    shell.run(lambda: None)
    platform.turn()
    answering = threading.Thread(target=platform.at_end)

    answering.start()
    asked.wait(15)
    answering.join(0.05)
    answered_early = not answering.is_alive()
    may_end.set()
    answering.join(15)

    assert answered_early is False
    assert (answering.is_alive(), ended) == (False, [QuitClicked()])


def test_the_end_of_the_computers_sleep_is_posted(shell, platform, posted):
    shell.run(lambda: None)
    platform.turn()

    platform.at_waking()

    assert posted == [Woke()]


def test_a_further_start_that_the_system_hands_to_us_opens_the_page(shell, platform, posted):
    shell.run(lambda: None)
    platform.turn()

    platform.at_reopening()

    assert posted == [SettingsClicked()]


def test_a_notice_is_cut_to_what_windows_takes(shell, platform):
    shell.notify("t" * 100, "x" * 300)
    platform.turn()

    assert platform.said == [("notify", "t" * 63 + "…", "x" * 255 + "…")]


def test_what_fails_in_the_gui_does_not_end_its_loop(shell, platform, monkeypatch):
    monkeypatch.setattr(shell, "_draw", lambda: 1 / 0)

    shell.show(ON)
    platform.turn()

    assert shell._icon.touched == []


def test_what_could_not_be_drawn_is_drawn_the_next_time(shell, platform, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(shell, "_menu", lambda entries: 1 / 0)
        show(shell, platform, ON)

    assert show(shell, platform, ON) == ["menu", "icon", "title"]


def test_a_pystray_without_menus_is_refused(shell_module, monkeypatch):
    """Its icon could neither start the proxy nor quit; the command line then says what is missing."""
    monkeypatch.delitem(sys.modules, SHELL)
    monkeypatch.setitem(sys.modules, "pystray", SimpleNamespace(Icon=SimpleNamespace(HAS_MENU=False)))

    with pytest.raises(ImportError, match="GTK's bindings are missing"):
        importlib.import_module(SHELL)


def test_copy_and_stop_reach_the_platform_and_the_icon(shell, platform):
    shell.copy("http://127.0.0.1:11434")
    shell.stop()
    platform.turn()

    assert platform.said == [("copy", "http://127.0.0.1:11434")]
    assert shell._icon.touched == ["stop"]


def test_whether_a_tray_is_there_is_the_platforms_answer(shell):
    assert shell.has_tray_host is False
