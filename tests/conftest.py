"""A real proxy on a real port, and the demo upstream behind it, for all tests that need them."""

import asyncio
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ports import free_port
from tray_proxy import setting_sources
from tray_proxy.demo.upstream import DEMO_KEY, DemoUpstream
from tray_proxy.listener import Listener, LoopThread, bind
from tray_proxy.program import Program
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import FIELDS
from tray_proxy.settings import load

# Who asks for one of these has a server on a port, or a whole program.
RUNNING = {"stage", "launch"}
SETTINGS_IN_ENVIRONMENT = tuple(name.upper() for name in FIELDS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tell the tests that need something running from the unit tests."""
    for item in items:
        if RUNNING.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("running")
    # The long ones first: where several processes run the tests, file by file, the short ones fill what is left.
    if hasattr(config, "workerinput"):
        items.sort(key=_begins_late)


def _begins_late(item: pytest.Item) -> int:
    if item.get_closest_marker("desktop") or item.path.stem.endswith("_in_browser"):
        return 0
    return 1 if item.get_closest_marker("running") else 2


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape what no encoding has in a test's output: a report could not get from one process to another."""
    report = yield
    report.sections = [(name, content.encode(errors="backslashreplace").decode()) for name, content in report.sections]
    return report


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test may read the settings, the `.env` or the folders of whoever runs it."""
    for name in SETTINGS_IN_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRAY_PROXY_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(setting_sources, "SECRETS", tmp_path / "no secrets")


@pytest.fixture
def sent_again() -> None:
    """For tests of what is sent again after a refusal: `retries` is left as it is."""


@pytest.fixture(autouse=True)
def refused_for_good(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that any other test arranges is the answer, and is neither asked again nor waited for."""
    if "sent_again" not in request.fixturenames:
        monkeypatch.setattr("tray_proxy.openrouter.retries.MAX_TRIES", 1)


@pytest.fixture(scope="session")
def loop() -> Iterator[LoopThread]:
    """The event loop in its thread, as beside the tray."""
    thread = LoopThread()
    yield thread
    thread.stop(5)


@pytest.fixture(name="free_port")
def free_port_fixture() -> int:
    """A port that nobody holds."""
    return free_port()


class Stage:
    """A server on a port of its own, on which each test puts its own app."""

    def __init__(self, loop: LoopThread) -> None:
        self._loop = loop
        self.app: Any = None

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)

        self._listener = Listener(app, bind("127.0.0.1", 0))
        self.url = f"{loop.submit(self._listener.start()).result(15)}/api/v1"

    def close(self) -> None:
        """Close the port."""
        self._loop.submit(self._listener.stop()).result(15)


@pytest.fixture(scope="session")
def stage(loop: LoopThread) -> Iterator[Stage]:
    """One upstream port for all tests."""
    stage = Stage(loop)
    yield stage
    stage.close()


@pytest.fixture
def upstream(stage: Stage) -> DemoUpstream:
    """A fresh demo upstream without pauses."""
    demo = DemoUpstream(chunk_delay_s=0)
    stage.app = demo.app
    return demo


@dataclass
class Running:
    """A proxy that runs, and what reaches it."""

    program: Program
    loop: LoopThread
    url: str
    home: Path
    http: httpx.Client

    def chat(self, text: str = "hello", **more: Any) -> httpx.Response:
        """Ask for a chat, plain unless told otherwise."""
        body = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": text}], "stream": False}
        return self.http.post("/api/chat", json=body | more)


class Proxies:
    """Starts proxies, and ends them all."""

    def __init__(self, loop: LoopThread, upstream_url: str) -> None:
        self._loop = loop
        self._upstream_url = upstream_url
        self._running: list[Running] = []

    def start(self, home: Path, *, wait_for_models: bool = True, **settings: Any) -> Running:
        """Start one, with settings of your own over those that fit the tests."""
        values = {
            "port": free_port(),
            "tray_proxy_home": home,
            "openrouter_base_url": self._upstream_url,
            "openrouter_api_key": SecretStr(DEMO_KEY),
            # Tests ask far more than any app, and are answered with any price.
            "daily_limit_usd": 0,
            "paid_requests_per_minute": 0,
        }
        chosen = load(values | settings)
        events: list[Any] = []

        async def begin() -> Program:
            program = Program(chosen, demo=False, post=events.append)
            program.begin()
            await program.proxy.start()
            if wait_for_models:
                await program.cache.catalogue()
                async with asyncio.timeout(15):
                    # Both lists, and with them the end of all calls that a test did not make.
                    while not (home / "cache" / "catalogue.json").exists():  # noqa: ASYNC110  a file tells nobody
                        await asyncio.sleep(0.005)
            return program

        program = self._loop.submit(begin()).result(10)
        http = httpx.Client(base_url=chosen.url, trust_env=False, timeout=30)
        running = Running(program, self._loop, chosen.url, home, http)
        self._running.append(running)
        return running

    def end_all(self) -> None:
        """End what was started."""
        for running in self._running:
            running.http.close()
            self._loop.submit(running.program.end()).result(10)


@pytest.fixture(scope="session")
def shared_proxies(loop: LoopThread, stage: Stage) -> Iterator[Proxies]:
    """Proxies for the whole run."""
    proxies = Proxies(loop, stage.url)
    yield proxies
    proxies.end_all()


@pytest.fixture(scope="session")
def the_one_proxy(shared_proxies: Proxies, stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """The proxy that all tests share which change nothing of it."""
    stage.app = DemoUpstream(chunk_delay_s=0).app
    return shared_proxies.start(tmp_path_factory.mktemp("home"))


@pytest.fixture
def proxy(the_one_proxy: Running, upstream: DemoUpstream) -> Running:
    """A running proxy, with a fresh upstream behind it."""
    return the_one_proxy


@pytest.fixture
def proxies(loop: LoopThread, stage: Stage, upstream: DemoUpstream) -> Iterator[Proxies]:
    """Proxies of a test's own, ended with it."""
    proxies = Proxies(loop, stage.url)
    yield proxies
    proxies.end_all()


@pytest.fixture
def raw_upstream() -> Iterator[Callable[[Callable[[socket.socket, int], None]], str]]:
    """Serve connections byte by byte, for faults that no web server would make."""
    listening: list[socket.socket] = []
    talked_on: list[socket.socket] = []
    over = threading.Event()

    def serve(talk: Callable[[socket.socket, int], None]) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)

        def answer(connection: socket.socket, number: int) -> None:
            try:
                talk(connection, number)
            except OSError:
                # Whoever still waits for another request is cut off at the test's end.
                if not over.is_set():
                    raise

        def accept() -> None:
            number = 0
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                number += 1
                talked_on.append(connection)
                threading.Thread(target=answer, args=(connection, number), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/api/v1"

    yield serve
    over.set()
    for each in listening + talked_on:
        each.close()


@pytest.fixture
def memory_keyring() -> Iterator[dict[tuple[str, str], str]]:
    """A key store in memory in place of the system's; gives what it holds."""
    import keyring
    from keyring.backend import KeyringBackend

    content: dict[tuple[str, str], str] = {}

    class MemoryKeyring(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def get_password(self, service: str, username: str) -> str | None:
            return content.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            content[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del content[service, username]

    before = keyring.get_keyring()
    keyring.set_keyring(MemoryKeyring())
    yield content
    keyring.set_keyring(before)
