"""The ends tied together: what clicks do, without a screen. The whole runs in tests/e2e and tests/desktop."""

import asyncio
import queue
from types import SimpleNamespace

import httpx
import pytest

from tray_proxy import wiring
from tray_proxy.errors import PortInUse, ProxyError
from tray_proxy.instance import AlreadyRuns, Instance, NotRunning
from tray_proxy.releases import Source
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import Settings
from tray_proxy.tray.state import (
    ActionFailed,
    ListenerFailed,
    ListenerStarted,
    ListenerStopped,
    SettingsClicked,
    StartClicked,
)
from tray_proxy.wiring import TrayActions


class FakeProgram:
    """Does what it is told, or fails as it is told."""

    def __init__(self):
        self.failure = None
        self.done = []

    @property
    def proxy(self):
        return self

    async def start(self):
        return self._do("start") or "127.0.0.1:1"

    async def stop(self):
        self._do("stop")

    @property
    def models_desk(self):
        return self

    async def allow_one(self, model_id, *, allowed):
        self._do((model_id, allowed))

    async def keep_name(self, name, *, kept):
        self._do(("name", name, kept))

    @property
    def visitors_desk(self):
        return self

    async def answer(self, origin, allowed):
        self._do(("visitor", origin, allowed))

    async def woke(self):
        self._do("woke")

    @property
    def autostart_desk(self):
        return self

    async def switch(self, on):
        self._do(("autostart", on))

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
    assert news.get(timeout=15) == ListenerStarted("127.0.0.1:1")

    actions.stop_listener()
    assert news.get(timeout=15) == ListenerStopped()


def test_a_failed_start_gives_its_reason(actions, program, news):
    program.failure = PortInUse("Port 1 is used by Ollama.")

    actions.start_listener()

    assert news.get(timeout=15) == ListenerFailed(program.failure)


def test_an_unforeseen_failure_is_told_without_its_text(actions, program, news):
    program.failure = RuntimeError("secret inside")

    actions.start_listener()

    assert news.get(timeout=15).error.message == "Something went wrong inside Tray Proxy; the log says more."


def test_a_tick_that_could_not_be_saved_is_told(actions, program, news):
    program.failure = ProxyError("disk full")

    actions.set_model_allowed("a/b", allowed=False)

    assert news.get(timeout=15) == ActionFailed(program.failure)


def test_a_tick_reaches_the_program(actions, program, loop):
    actions.set_model_allowed("a/b", allowed=True)
    loop.submit(program.page.url("")).result(15)

    assert program.done == [("a/b", True), ""]


def test_a_click_on_a_name_reaches_the_program(actions, program, loop):
    actions.set_name_kept("fast:latest", kept=False)
    loop.submit(program.page.url("")).result(15)

    assert program.done == [("name", "fast:latest", False), ""]


def test_an_answer_to_who_wants_to_call_reaches_the_program(actions, program, loop):
    actions.answer_visitor("https://chat.example", allowed=True)
    loop.submit(program.page.url("")).result(15)

    assert program.done == [("visitor", "https://chat.example", True), ""]


def test_an_answer_that_could_not_be_saved_is_told(actions, program, news):
    program.failure = ProxyError("disk full")

    actions.answer_visitor("https://chat.example", allowed=True)

    assert news.get(timeout=15) == ActionFailed(program.failure)


def test_a_name_that_could_not_be_removed_is_told(actions, program, news):
    program.failure = ProxyError("disk full")

    actions.set_name_kept("fast:latest", kept=False)

    assert news.get(timeout=15) == ActionFailed(program.failure)


def test_a_tick_for_the_login_that_the_system_refuses_is_told(actions, program, news):
    program.failure = ProxyError("What starts at login could not be changed.")

    actions.set_autostart(True)

    assert news.get(timeout=15) == ActionFailed(program.failure)


def test_the_login_and_the_end_of_a_sleep_reach_the_program(actions, program, loop):
    actions.set_autostart(False)
    actions.drop_connections()

    loop.submit(asyncio.sleep(0)).result(15)
    assert program.done == [("autostart", False), "woke"]


@pytest.mark.parametrize(
    ("turns_on", "background", "has_tray_host", "begun"),
    [
        (True, False, True, [StartClicked()]),
        (True, True, True, [StartClicked()]),
        (False, False, True, []),
        (False, False, False, [StartClicked(), SettingsClicked()]),
        (True, True, False, [StartClicked()]),
    ],
)
def test_it_begins_as_a_person_would_who_has_no_time_to_click(turns_on, background, has_tray_host, begun):
    """Without a tray there is nothing to click at all; at login nobody has asked for a page."""
    posted = []

    wiring._begin(
        posted.append, Settings(turn_on_at_start=turns_on), background=background, has_tray_host=has_tray_host
    )

    assert posted == begun


def test_a_broken_loop_is_told_without_the_words_of_what_broke_it():
    """They may be about somebody's question."""
    error = wiring.LoopDied(SystemExit("a prompt"))

    assert error.message == "Tray Proxy has broken down inside (SystemExit)."


def test_settings_opens_the_address_at_its_section(actions, monkeypatch):
    opened = []
    monkeypatch.setattr(wiring.opener, "open_address", opened.append)

    actions.open_settings("models")

    assert opened == ["http://127.0.0.1:1/open#models"]


def test_the_line_of_a_newer_version_opens_the_projects_own_page(actions, program, monkeypatch):
    opened = []
    monkeypatch.setattr(wiring.opener, "open_address", opened.append)
    program.updates = SimpleNamespace(source=Source("somebody/tray-proxy"))

    actions.open_download()

    assert opened == ["https://github.com/somebody/tray-proxy/releases/latest"]


def test_open_logs_makes_the_folder_if_need_be(actions, monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(wiring.opener, "open_folder", opened.append)

    actions.open_logs()

    assert opened == [tmp_path / "logs"]
    assert (tmp_path / "logs").is_dir()


# -- one copy at a time ------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path):
    return Settings(tray_proxy_home=tmp_path)


@pytest.fixture
def first(tmp_path):
    """A copy that runs already on these folders."""
    first = Instance.acquire(tmp_path)
    yield first
    first.release()


def test_a_server_looks_for_no_newer_version(settings, monkeypatch):
    """Nobody is there to be told."""
    opened = []

    async def open_program(*_, **how):
        opened.append(how)
        raise NotRunning

    monkeypatch.setattr(wiring, "_open", open_program)
    monkeypatch.setattr(wiring.signal, "signal", lambda *_: None)
    monkeypatch.setattr(wiring.logs, "set_up", lambda *_, **__: None)

    with pytest.raises(NotRunning):
        wiring.serve(settings, demo=False, say=print)
    assert [how.get("releases") for how in opened] == [None]


def start_tray(settings, said, **how):
    wiring.run_tray(settings, demo=False, say=said.append, given={}, complaints=(), **how)


def test_a_second_server_refuses_before_it_touches_anything(settings, first, tmp_path):
    with pytest.raises(AlreadyRuns, match=r"^Tray Proxy is already running with the same settings\.$"):
        wiring.serve(settings, demo=False, say=print)

    assert [path.name for path in tmp_path.iterdir()] == ["instance.lock"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [(None, "Tray Proxy is already running, and opens its page."), ("No tray here.", "No tray here.")],
)
def test_a_second_tray_has_the_first_one_open_its_page(settings, first, tmp_path, monkeypatch, answer, said):
    asked, told = [], []
    monkeypatch.setattr(wiring.instance, "ask", lambda *request: asked.append(request) or answer)

    start_tray(settings, told)

    assert (asked, told) == ([(tmp_path, "open")], [said])


def test_a_second_tray_in_the_background_asks_for_nothing(settings, first, monkeypatch):
    monkeypatch.setattr(wiring.instance, "ask", lambda *_: pytest.fail("nobody wants to see a page at login"))
    told = []

    start_tray(settings, told, background=True)

    assert told == ["Tray Proxy is already running."]


def test_where_the_first_one_ends_just_then_the_second_one_runs(settings, first, monkeypatch):
    """Or two clicks in a row, Quit and the program's icon, would leave nothing running."""
    ran = []

    def ends(*_):
        first.release()
        raise NotRunning

    monkeypatch.setattr(wiring.instance, "ask", ends)
    monkeypatch.setattr(wiring, "_run_tray", lambda *_, **how: ran.append(how["background"]))

    start_tray(settings, [])

    assert ran == [False]


def test_a_copy_that_could_not_start_lets_go_of_its_folder(settings, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise wiring.NoDisplay

    monkeypatch.setattr(wiring, "_run_tray", fails)

    with pytest.raises(wiring.NoDisplay):
        start_tray(settings, [])
    assert not wiring.instance.is_held(tmp_path)


@pytest.mark.parametrize(("turns_on", "answered"), [(True, 200), (False, None)])
def test_the_port_is_open_before_the_tray_is_read_and_closed_where_there_is_none(
    turns_on, answered, monkeypatch, tmp_path, free_port
):
    """Apps that start at login, too, need no icon; a port that nobody could turn off must not stay."""
    asked = []

    def version():
        try:
            return httpx.get(f"http://127.0.0.1:{free_port}/api/version", trust_env=False).status_code
        except httpx.ConnectError:
            return None

    def no_screen(_post, _first):
        asked.append(version())
        raise wiring.NoDisplay

    monkeypatch.setattr(wiring, "_new_shell", no_screen)
    monkeypatch.setattr(wiring.logs, "set_up", lambda *_, **__: None)
    settings = Settings(
        port=free_port,
        tray_proxy_home=tmp_path,
        turn_on_at_start=turns_on,
        openrouter_api_key=SecretStr("sk-or-v1-0123456789abcdef"),
        openrouter_base_url="http://127.0.0.1:9/api/v1",
    )

    with pytest.raises(wiring.NoDisplay):
        wiring.run_tray(settings, demo=False, say=lambda _: None, given={}, complaints=())

    assert (asked, version()) == ([answered], None)
