"""The app as a person has it: on a desktop with a tray and a keyring, and its page in a real browser."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from desktop import conftest as of_the_desktop
from desktop.session import DesktopSession
from desktop.test_tray import App
from desktop.waiting import wait_for
from journeys.openrouter import OpenRouter
from tray_proxy.listener import LoopThread
from web import conftest as of_the_page

HERE = Path(__file__).parent
# Fixtures of other folders, for this one too.
desktop, desktop_is_possible = of_the_desktop.desktop, of_the_desktop.desktop_is_possible
browser = of_the_page.browser
ARTIFACTS = HERE.parents[1] / "test-artifacts"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.desktop)


class AppOfItsFile(App):
    """One that is told no port on the command line."""

    def __init__(self, desktop: DesktopSession, home: Path, _port: None, *arguments: str, env: dict[str, str]) -> None:
        # The port's flag is what the other one begins its arguments with.
        desktop.ensure_tray_host()
        self.desktop, self.home = desktop, home
        self.process = desktop.start(
            [sys.executable, "-m", "tray_proxy", *arguments], env={"TRAY_PROXY_HOME": str(home)} | env
        )
        self.menu = desktop.tray_menu(pid=self.process.pid)


class Person:
    """
    Who sits at this desktop: an app that was started, and the browser that it opens pages in.

    Attributes:
        complaints: What pages wrote to the console, or broke with.
    """

    def __init__(self, desktop: DesktopSession, home: Path, port: int, browser: Browser) -> None:
        self.desktop, self.home, self.port = desktop, home, port
        self.browser = browser
        self.complaints: list[str] = []
        self._apps: list[App] = []
        self._contexts: list[BrowserContext] = []
        self._opened = len(desktop.opened_addresses())

    def start(self, *arguments: str, env: dict[str, str] | None = None) -> App:
        """Double-click on the icon."""
        app = (App if self.port else AppOfItsFile)(self.desktop, self.home, self.port, *arguments, env=env)
        self._apps.append(app)
        return app

    def page(self) -> Page:
        """Give the page that has been opened, or is being opened, since the last one; in a browser of its own."""
        address = wait_for(lambda: self.desktop.opened_addresses()[self._opened :], "the page to be opened")[0]
        self._opened += 1
        context = self.browser.new_context(
            viewport={"width": 1000, "height": 1200}, permissions=["clipboard-read", "clipboard-write"]
        )
        context.set_default_timeout(30_000)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("console", lambda line: self.complaints.append(line.text))
        self._contexts.append(context)
        page = context.new_page()
        page.goto(address)
        expect(page.locator("main h1")).to_be_visible()
        return page

    def click(self, app: App, path: str) -> Page:
        """Click a line of the tray's menu that leads to the page."""
        self._opened = len(self.desktop.opened_addresses())
        app.menu.click(path)
        return self.page()

    def quit(self, app: App) -> None:
        """Click on Quit, and wait for its end; how soon that is, the desktop's own tests say."""
        app.menu.click("Quit")
        assert app.process.wait(15) == 0

    def leave(self) -> None:
        """Close the browser, end what still runs, and take the keys along."""
        for context in self._contexts:
            context.close()
        for app in self._apps:
            app.process.terminate()
            app.process.wait(15)
        for service in ("Tray Proxy", "Tray Proxy (demo)"):
            # One key store for all tests of a file; clearing what is not there is an error to it.
            with contextlib.suppress(subprocess.CalledProcessError):
                self.desktop.run(["secret-tool", "clear", "service", service])


@pytest.fixture
def person(desktop: DesktopSession, browser: Browser, tmp_path: Path, free_port: int) -> Iterator[Person]:
    """A person; no page may have complained in the end but of what a browser notes by itself."""
    person = Person(desktop, tmp_path / "home", free_port, browser)
    yield person
    person.leave()
    assert [text for text in person.complaints if not text.startswith("Failed to load resource")] == []


@pytest.fixture
def openrouter(loop: LoopThread) -> Iterator[OpenRouter]:
    """OpenRouter on a port of its own; the demo's, with more models where they are asked for."""
    openrouter = OpenRouter(loop)
    openrouter.start()
    yield openrouter
    openrouter.stop()


@pytest.fixture
def picture() -> Callable[[Page, str], None]:
    """Keep a picture of a page for people to look at."""

    def keep(page: Page, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTIFACTS / f"journey-{name}.png")

    return keep
