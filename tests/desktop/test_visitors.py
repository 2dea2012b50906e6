"""Who wants to call, asked about in the real tray: one question, one notification, and an answer that lasts."""

import httpx
import pytest

from desktop.test_tray import App
from desktop.waiting import wait_for
from tray_proxy.demo.keys import DEMO_KEY

EXTENSION = "chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo"
ASKS = "“Page Assist” (browser extension) wants to use Tray Proxy"


@pytest.fixture
def start(desktop, tmp_path, free_port):
    """Start the demo's tray; what is left of it ends with the desktop."""

    def start_one():
        app = App(desktop, tmp_path / "home", free_port, "--demo", env={"OPENROUTER_API_KEY": DEMO_KEY})
        app.turn_on()
        return app

    return start_one


def status_for_page_assist(app):
    return httpx.get(f"{app.url}/api/version", headers={"Origin": EXTENSION}, trust_env=False).status_code


def questions(desktop):
    return [(title, EXTENSION in text) for title, text in desktop.notifications() if title == ASKS]


def test_an_extension_is_asked_about_once_and_let_in_by_a_click_for_good(start, desktop):
    app = start()

    refused = [status_for_page_assist(app) for _ in range(3)]
    whole = app.menu.wait_for(f"{ASKS}/{EXTENSION}")
    wait_for(lambda: questions(desktop), "the notification")
    app.menu.click(f"{ASKS}/Always allow")
    wait_for(lambda: ASKS not in app.menu.labels(), "the question to go")
    allowed = status_for_page_assist(app)
    app.quit()
    again = start()
    still_allowed = status_for_page_assist(again)
    labels = again.menu.labels()
    again.quit()

    assert (refused, allowed, still_allowed) == ([403, 403, 403], 200, 200)
    assert (whole.enabled, ASKS in labels) == (False, False)
    assert questions(desktop) == [(ASKS, True)]
