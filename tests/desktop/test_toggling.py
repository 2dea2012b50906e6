"""What may happen while a person is at the menu: a hundred clicks, news, a sleep of the computer."""

import contextlib
import json

import psutil
import pytest
from jeepney import DBusAddress, message_bus, new_signal

from desktop.session import HEIGHT, WIDTH
from desktop.test_tray import OFF, App
from desktop.tray_menu import call
from desktop.waiting import wait_for
from tray_proxy.demo.keys import DEMO_KEY

LOGIND = DBusAddress("/org/freedesktop/login1", "org.freedesktop.login1", "org.freedesktop.login1.Manager")
# A place that an open menu covers, whatever its lines say.
IN_THE_MENU = (WIDTH - 40, HEIGHT - 120)
BLACK = (0, 0, 0)
CLICKS = 4


@pytest.fixture
def app(desktop, tmp_path, free_port):
    """A tray of the demo, off at first, whose system bus is that of the session."""
    env = OFF | {"OPENROUTER_API_KEY": DEMO_KEY, "DBUS_SYSTEM_BUS_ADDRESS": desktop.bus_address}
    app = App(desktop, tmp_path / "home", free_port, "--demo", env=env)
    yield app
    app.process.terminate()
    app.process.wait(15)


def held_by(app):
    """Count what the process holds: processes, threads, sockets that listen or talk, and all open files."""
    process = psutil.Process(app.process.pid)
    listening = [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    return len(process.children(recursive=True)), process.num_threads(), len(listening), process.num_fds()


def test_a_hundred_quick_clicks_leave_one_process_and_no_socket(app):
    """The first pair loads what is loaded when it is first needed."""
    app.menu.click("Turn on")
    app.menu.wait_for("Turn off", that=lambda item: item.enabled)
    app.turn_off()
    before = held_by(app)

    for _ in range(50):
        for label in ("Turn on", "Turn off"):
            app.menu.wait_for(label, that=lambda item: item.enabled)
            app.menu.click(label)
    app.menu.wait_for("Turn on", that=lambda item: item.enabled)

    wait_for(app.closed, "the port to close")
    wait_for(lambda: no_more_than(before, held_by(app)), f"{held_by(app)} to be no more than {before}")


def no_more_than(before, now):
    return all(one <= other for one, other in zip(now, before, strict=True))


def test_an_open_menu_stays_open_while_its_lines_change(app, desktop):
    """The panel draws it; it would close if the program handed it another one."""
    open_menu(desktop)

    # By another way than the open menu, as news come.
    app.menu.click("Turn on")
    app.menu.wait_for("Turn off", that=lambda item: item.enabled)
    still_open = pixel(desktop) != BLACK
    desktop.run(["xdotool", "key", "Escape"])

    assert still_open
    wait_for(lambda: pixel(desktop) == BLACK, "the menu to close")


def open_menu(desktop):
    """Click the icon, which is the last thing on the panel at the bottom."""
    for _ in range(CLICKS):
        desktop.run(["xdotool", "mousemove", str(WIDTH - 15), str(HEIGHT - 15), "click", "1"])
        # A click on an icon that the panel is just about to draw is lost.
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: pixel(desktop) != BLACK, "the menu to open", 5)
            return
    pytest.fail("The menu does not open.")


def pixel(desktop):
    return desktop.screenshot(desktop.folder / "screen.png").convert("RGB").getpixel(IN_THE_MENU)


def test_the_end_of_a_sleep_reaches_the_program(app, desktop):
    """Stands in for the login service, whose bus a test may not disturb."""
    call(desktop.bus, message_bus.RequestName(LOGIND.bus_name))
    app.menu.find("Quit")

    def woken():
        desktop.bus.send(new_signal(LOGIND, "PrepareForSleep", "b", (False,)))
        lines = (app.home / "logs" / "tray-proxy.log").read_text().splitlines()
        return "woke from sleep" in [json.loads(line)["event"] for line in lines]

    wait_for(woken, "the program to hear of it")
