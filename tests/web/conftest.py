"""A page served for real: a hand-written backend behind the gate, on a real port."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from starlette.types import ASGIApp, Receive, Scope, Send

from tray_proxy.listener import Listener, LoopThread, bind
from tray_proxy.web.app import create_app
from tray_proxy.web.gate import PageGate
from web.browsing import AXE, Visit
from web.fakes import Clock, FakeBackend, Served

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class PageStage:
    """A port for settings pages, on which each test puts its own: opening one for each takes too long."""

    def __init__(self, loop: LoopThread) -> None:
        self._loop = loop
        self._listener = Listener(self, bind("127.0.0.1", 0))
        self.page: ASGIApp | None = None
        self.port = self._listener.port
        self.call_soon = loop.loop.call_soon_threadsafe
        self.url = loop.submit(self._listener.start()).result(15)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to the page of the test that runs."""
        assert self.page is not None
        await self.page(scope, receive, send)

    def close(self) -> None:
        """Close the port."""
        self._loop.submit(self._listener.stop()).result(15)


@pytest.fixture(scope="session")
def page_stage(loop: LoopThread) -> Iterator[PageStage]:
    """One port for the pages of all tests."""
    stage = PageStage(loop)
    yield stage
    stage.close()


@pytest.fixture
def served(page_stage: PageStage) -> Iterator[Served]:
    """Serve a page of one's own: fresh gate, fresh backend, nobody let in yet."""
    backend, clock = FakeBackend(), Clock()
    gate = PageGate(page_stage.port, now_s=clock)
    page_stage.page = create_app(backend.routes(), gate)
    with ExitStack() as open_clients:
        yield Served(page_stage.url, page_stage.port, gate, backend, clock, open_clients, page_stage.call_soon)


def chromium_or_skip() -> None:
    """See that there is a browser; in CI there has to be one."""
    if CHROMIUM is None and os.environ.get("CI"):
        pytest.fail("Chromium is not installed; `make install-dev` installs it.", pytrace=False)
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: the settings page is NOT tested in a browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for each file: its event loop would be in the way of other tests."""
    chromium_or_skip()
    # On a machine that does other things as well; what is there sooner is not waited for.
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def axe() -> None:
    """Let a test ask axe-core for faults; without it the test is left out, and in CI it fails."""
    if not AXE.exists() and os.environ.get("CI"):
        pytest.fail("axe-core is not installed; `make install-dev` installs it.", pytrace=False)
    if not AXE.exists():
        pytest.skip("axe-core is not installed: the page is NOT searched for what keeps people out")


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """A fresh profile; afterwards it must have met no error and no other host."""
    context = browser.new_context(viewport={"width": 900, "height": 700})
    context.set_default_timeout(30_000)
    page = context.new_page()
    visit = Visit(page, served)
    page.on("request", lambda request: visit.requests.append(request.url))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("console", lambda line: visit.complaints.append(line.text))
    yield visit
    context.close()
    # The browser itself notes every refused call; those are what some tests are about.
    complaints = [text for text in visit.complaints if not text.startswith("Failed to load resource")]
    assert complaints == []
    assert {urlsplit(url).netloc for url in visit.requests} == {f"127.0.0.1:{served.port}"}
