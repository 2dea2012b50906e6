"""A second start in Windows: a double-click on the icon, the login, an installer."""

from desktop.waiting import wait_for
from windows.wine_desktop import QUIT_S


def test_a_second_start_opens_the_page_and_quit_ends_the_first(start_app, wine):
    app = start_app("--background")
    before = len(wine.desktop.opened_addresses())

    assert again(app, "--background") == (0, "Tray Proxy is already running.\n")
    assert again(app) == (0, "Tray Proxy is already running, and opens its page.\n")
    opened = wait_for(lambda: wine.desktop.opened_addresses()[before:], "the page to be opened")
    assert again(app, "--quit") == (0, "Tray Proxy has ended.\n")

    # One page, by the second of the three.
    assert [address.partition("?")[0].rpartition("/")[2] for address in opened] == ["open"]
    assert app.process.wait(QUIT_S) == 0
    assert not app.record.exists()


def again(app, *arguments):
    return app.wine.run("-m", "tray_proxy", "--demo", *arguments, env=app.env)
