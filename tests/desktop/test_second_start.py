"""A second start while the tray runs: a double-click on the program's icon, an installer, the login."""

import subprocess
import sys

from desktop.test_tray import PATIENCE_S, App
from desktop.waiting import wait_for
from tray_proxy.demo.keys import DEMO_KEY


def start_again(app, *arguments):
    """Start the program once more on the same folders, and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "tray_proxy", "--demo", *arguments],
        env=app.desktop.env | {"TRAY_PROXY_HOME": str(app.home)},
        cwd=app.desktop.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_start_opens_the_page_and_quit_ends_the_first(desktop, tmp_path, free_port):
    """One tray for three stories: each start of one takes its time."""
    app = App(desktop, tmp_path / "home", free_port, "--demo", env={"OPENROUTER_API_KEY": DEMO_KEY})
    before = len(desktop.opened_addresses())

    at_login = start_again(app, "--background")
    by_hand = start_again(app)
    opened = wait_for(lambda: desktop.opened_addresses()[before:], "the page to be opened")
    ending = start_again(app, "--quit")

    assert (at_login.returncode, at_login.stdout) == (0, "Tray Proxy is already running.\n")
    assert (by_hand.returncode, by_hand.stdout) == (0, "Tray Proxy is already running, and opens its page.\n")
    # One page, by the second of the three.
    assert [address.partition("?")[0].rpartition("/")[2] for address in opened] == ["open"]
    assert (ending.returncode, ending.stdout) == (0, "Tray Proxy has ended.\n")
    assert app.process.wait(PATIENCE_S) == 0
    assert not (app.home / "demo" / "instance.json").exists()
