"""Start at login in Windows: the registry's Run value, Task Manager's mark on it, and what is started then."""

from desktop.waiting import wait_for
from tray_proxy.autostart import APPROVED_KEY, RUN_KEY
from windows.wine_desktop import QUIT_S, WINE, windows_path

NAME = "Tray Proxy"
# As Task Manager writes it: switched off, and when.
SWITCHED_OFF = [3, 0, 0, 0, 16, 32, 48, 64, 80, 96, 219, 1]


def test_the_menu_writes_and_removes_the_run_value(start_app, wine):
    app = start_app("--background")
    assert wine.ask("registry", RUN_KEY, NAME) is None

    app.choose("Start when I log in")
    wait_for(lambda: wine.ask("registry", RUN_KEY, NAME) == line(app), "the Run value")

    app.choose("Start when I log in")
    wait_for(lambda: wine.ask("registry", RUN_KEY, NAME) is None, "the Run value to be gone")


def line(app):
    """What Windows is to run: without a console window."""
    return (
        f'"{windows_path(WINE)}\\python\\pythonw.exe" -m tray_proxy --demo '
        f"--tray-proxy-home {windows_path(app.home)} --background"
    )


def test_what_task_manager_switched_off_is_off_until_a_click_says_otherwise(start_app, wine):
    first = start_app("--background")
    wine.ask("set_registry", RUN_KEY, NAME, line(first))
    wine.ask("set_registry", APPROVED_KEY, NAME, SWITCHED_OFF)
    first.choose("Quit")
    assert first.process.wait(QUIT_S) == 0
    app = start_app("--background")
    with app.page() as page:
        assert page.get("/api/state").json()["autostart"] == {"enabled": False, "problem": None}

    app.choose("Start when I log in")

    wait_for(lambda: wine.ask("registry", APPROVED_KEY, NAME) is None, "Task Manager's mark to be gone")
    assert wine.ask("registry", RUN_KEY, NAME) == line(app)
    with app.page() as page:
        assert page.get("/api/state").json()["autostart"] == {"enabled": True, "problem": None}


def test_a_login_starts_it_with_its_icon_and_no_page(start_app, wine):
    app = start_app("--background")
    app.choose("Start when I log in")
    wait_for(lambda: wine.ask("registry", RUN_KEY, NAME) == line(app), "the Run value")
    app.choose("Quit")
    assert app.process.wait(QUIT_S) == 0
    before = len(wine.desktop.opened_addresses())

    wine.ask("start", wine.ask("registry", RUN_KEY, NAME))
    app.find()

    assert app.tooltip().startswith("Tray Proxy · Demo · ")
    assert wine.desktop.opened_addresses()[before:] == []
    assert wine.run("-m", "tray_proxy", "--demo", "--quit", env=app.env) == (0, "Tray Proxy has ended.\n")
