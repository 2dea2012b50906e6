"""The tray in Windows: its icon, its tooltip, and what each line of its menu does, by mouse and keyboard."""

import httpx
import pytest

from desktop.waiting import wait_for
from windows.wine_desktop import ARTIFACTS, QUIT_S, SWITCH_S, App, WineDesktop


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """One program for all stories; it ends with the last."""
    with WineDesktop(tmp_path_factory.mktemp("wine")) as wine:
        app = App(wine, tmp_path_factory.mktemp("home"), "--background")
        wait_for(lambda: app.tooltip() == on(app), "the tray to say that it is on")
        yield app


def on(app):
    return f"Tray Proxy · Demo · ● On — apps reach it at 127.0.0.1:{app.port} · Today $0.00 of $5.00"


def off(app):
    return f"Tray Proxy · Demo · ○ Off — apps get no answer at 127.0.0.1:{app.port}"


def opened(app, act):
    """Do something, and follow the address that is then opened; give where on the page it leads."""
    before = len(app.wine.desktop.opened_addresses())
    act()
    (address,) = wait_for(lambda: app.wine.desktop.opened_addresses()[before:], "the page to be opened")
    return httpx.get(address, trust_env=False, timeout=10).headers["location"]


def test_icon_tooltip_and_menu_show(app):
    assert app.tooltip(ARTIFACTS / "windows-tooltip.png") == on(app)

    app.open_menu()
    app.wine.desktop.screenshot(ARTIFACTS / "windows-menu.png")
    app.wine.xdotool("key", "Escape")

    wait_for(lambda: not app.menus(), "the menu to close")
    assert app.answers()


def test_the_menu_turns_the_port_off_and_on(app):
    app.choose("switch")
    wait_for(lambda: not app.answers(), "the port to close", SWITCH_S)
    wait_for(lambda: app.tooltip() == off(app), "the tray to say that it is off")

    app.choose("switch")
    wait_for(app.answers, "the port to open", SWITCH_S)
    wait_for(lambda: app.tooltip() == on(app), "the tray to say that it is on")


def test_the_address_is_copied(app):
    app.choose("Copy address")

    wait_for(lambda: app.wine.ask("clipboard") == app.url, "the address in the clipboard")


@pytest.mark.parametrize(
    ("line", "place"),
    [("state", "/#activity"), ("Apps…", "/#apps"), ("Activity…", "/#activity"), ("Settings…", "/#settings")],
)
def test_a_line_opens_its_page(app, line, place):
    assert opened(app, lambda: app.choose(line)) == place


def test_a_plain_click_opens_what_the_first_line_does(app):
    assert opened(app, app.click) == "/#activity"


def test_the_folder_of_the_logs_is_shown(app):
    app.choose("Open logs")

    assert app.wine.desktop.wait_for_window("logs") == "logs"


def test_a_model_is_ticked_in_the_menu_below(app):
    """The first of the list, by keyboard: into it, and taken."""
    before = app.models()

    app.choose("Models", "Right", "Return")

    wait_for(lambda: len(app.models()) == len(before) - 1, "the model to be gone from the list")


def test_quit_ends_it_and_frees_the_port(app):
    app.choose("Quit")

    assert app.process.wait(QUIT_S) == 0
    assert not app.answers()
    assert not app.record.exists()
