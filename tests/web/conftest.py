"""A page served for real: a hand-written backend behind the gate, on a real port."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright
from starlette.types import ASGIApp, Receive, Scope, Send

from tray_proxy.web.app import create_app
from tray_proxy.web.gate import PageGate
from web.browsing import Visit
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


class Stage:
    """A listener that serves whichever app a test puts on it: starting one for each test takes too long."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Listen on a free port, in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        stage = Stage(sock.getsockname()[1])
        config = uvicorn.Config(stage, log_level="warning", access_log=False, ws="none", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        yield stage
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture
def served(stage: Stage) -> Iterator[Served]:
    """Serve a page of one's own: fresh gate, fresh backend, nobody let in yet."""
    backend, clock = FakeBackend(), Clock()
    gate = PageGate(stage.port, now_s=clock)
    stage.app = create_app(backend, gate)
    with ExitStack() as open_clients:
        yield Served(f"http://127.0.0.1:{stage.port}", stage.port, gate, backend, clock, open_clients)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for each file: its event loop would be in the way of other tests."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: the settings page is NOT tested in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """A fresh profile; afterwards it must have met no error and no other host."""
    context = browser.new_context(viewport={"width": 900, "height": 700})
    context.set_default_timeout(10_000)
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
