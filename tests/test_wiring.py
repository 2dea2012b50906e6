"""The ends tied together: what clicks do, without a screen. The whole runs in tests/e2e and tests/desktop."""

import queue

import pytest

from tray_proxy import wiring
from tray_proxy.errors import PortInUse, ProxyError
from tray_proxy.tray.state import ActionFailed, ListenerFailed, ListenerStarted, ListenerStopped
from tray_proxy.wiring import TrayActions


class FakeProgram:
    """Does what it is told, or fails as it is told."""

    def __init__(self):
        self.failure = None
        self.done = []

    async def start_proxy(self):
        return self._do("start") or "127.0.0.1:1"

    async def stop_proxy(self):
        self._do("stop")

    async def allow_model(self, model_id, allowed):
        self._do((model_id, allowed))

    async def keep_name(self, name, kept):
        self._do(("name", name, kept))

    @property
    def page(self):
        return self

    async def url(self, section):
        self._do(section)
        return f"http://127.0.0.1:1/open#{section}"

    def _do(self, what):
        if self.failure is not None:
            raise self.failure
        self.done.append(what)


@pytest.fixture
def program():
    return FakeProgram()


@pytest.fixture
def news():
    return queue.Queue()


@pytest.fixture
def actions(loop, program, news, tmp_path):
    return TrayActions(loop, program, tmp_path / "logs", news.put)


def test_starting_and_stopping_give_news(actions, news):
    actions.start_listener()
    assert news.get(timeout=5) == ListenerStarted("127.0.0.1:1")

    actions.stop_listener()
    assert news.get(timeout=5) == ListenerStopped()


def test_a_failed_start_gives_its_reason(actions, program, news):
    program.failure = PortInUse("Port 1 is used by Ollama.")

    actions.start_listener()

    assert news.get(timeout=5) == ListenerFailed(program.failure)


def test_an_unforeseen_failure_is_told_without_its_text(actions, program, news):
    program.failure = RuntimeError("secret inside")

    actions.start_listener()

    assert news.get(timeout=5).error.message == "Something went wrong inside Tray Proxy; the log says more."


def test_a_tick_that_could_not_be_saved_is_told(actions, program, news):
    program.failure = ProxyError("disk full")

    actions.set_model_allowed("a/b", allowed=False)

    assert news.get(timeout=5) == ActionFailed(program.failure)


def test_a_tick_reaches_the_program(actions, program, loop):
    actions.set_model_allowed("a/b", allowed=True)
    loop.submit(program.page.url("")).result(5)

    assert program.done == [("a/b", True), ""]


def test_a_click_on_a_name_reaches_the_program(actions, program, loop):
    actions.set_name_kept("fast:latest", kept=False)
    loop.submit(program.page.url("")).result(5)

    assert program.done == [("name", "fast:latest", False), ""]


def test_a_name_that_could_not_be_removed_is_told(actions, program, news):
    program.failure = ProxyError("disk full")

    actions.set_name_kept("fast:latest", kept=False)

    assert news.get(timeout=5) == ActionFailed(program.failure)


def test_settings_opens_the_address_at_its_section(actions, monkeypatch):
    opened = []
    monkeypatch.setattr(wiring.opener, "open_address", opened.append)

    actions.open_settings("models")

    assert opened == ["http://127.0.0.1:1/open#models"]


def test_open_logs_makes_the_folder_if_need_be(actions, monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(wiring.opener, "open_folder", opened.append)

    actions.open_logs()

    assert opened == [tmp_path / "logs"]
    assert (tmp_path / "logs").is_dir()
