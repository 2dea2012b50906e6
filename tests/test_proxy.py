"""The port that apps reach, with an app of one line behind it; the whole program's is told in test_program."""

import asyncio
import threading

import httpx
import pytest

from tray_proxy import proxy
from tray_proxy.errors import PortInUse
from tray_proxy.listener import GRACE_S, bind
from tray_proxy.proxy import Proxy
from tray_proxy.setting_list import Settings
from tray_proxy.tray.state import AddressChanged, ListenerFailed, ListenerStarted, PortAwaited


def port_that_is_free():
    sockets = bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    for sock in sockets:
        sock.close()
    return port


async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


class Stage:
    """A proxy, what it told, and the settings it goes by."""

    def __init__(self, loop, port):
        self.loop = loop
        self.settings = Settings(port=port)
        self.news = []
        self.ended = []
        self.proxy = loop.submit(self._make()).result(15)

    async def _make(self):
        async def end_requests(grace_s):
            self.ended.append(grace_s)

        return Proxy(lambda: self.settings, lambda: (hello, end_requests), self.news.append, lambda: None)

    def do(self, work):
        return self.loop.submit(work).result(10)

    def answers(self):
        return httpx.get(self.settings.url, trust_env=False).text == "hello"


@pytest.fixture
def stage(loop, free_port):
    stage = Stage(loop, free_port)
    yield stage
    stage.do(stage.proxy.stop())


def test_it_is_opened_and_closed(stage):
    address = stage.do(stage.proxy.start())
    opened = (address, stage.proxy.running, stage.answers())

    stage.do(stage.proxy.stop())

    assert opened == (f"127.0.0.1:{stage.settings.port}", True, True)
    assert (stage.proxy.running, stage.ended) == (False, [GRACE_S])
    with pytest.raises(httpx.ConnectError):
        stage.answers()


def test_opened_twice_it_is_one(stage):
    first, second = stage.do(stage.proxy.start()), stage.do(stage.proxy.start())

    assert first == second
    assert stage.news == []


def test_while_answers_end_it_is_closing_and_tells(stage):
    """The page says so as the tray does."""
    told = []

    async def end_requests(grace_s):
        told.append((stage.proxy.running, stage.proxy.closing))

    async def turn_off():
        await stage.proxy.start()
        stage.proxy._changed = lambda: told.append((stage.proxy.running, stage.proxy.closing))
        await stage.proxy.stop()

    stage.proxy._serve = lambda: (hello, end_requests)
    stage.do(turn_off())

    assert told == [(False, True), (False, True), (False, False)]


def test_what_is_being_opened_while_it_is_turned_off_is_closed(stage):
    """It may be starting anew by itself, at the very moment of the click."""

    async def both():
        opening = asyncio.create_task(stage.proxy.open_by_itself())
        await asyncio.sleep(0)
        await stage.proxy.stop()
        await opening

    stage.do(both())

    assert stage.proxy.running is False


def test_a_taken_port_is_a_problem_until_it_was_had(stage):
    others = bind("127.0.0.1", stage.settings.port)

    with pytest.raises(PortInUse) as refused:
        stage.do(stage.proxy.start())
    problem = stage.proxy.problem
    for sock in others:
        sock.close()
    stage.do(stage.proxy.open_by_itself())

    assert problem is refused.value
    assert stage.proxy.problem is None
    assert stage.news == [ListenerStarted(f"127.0.0.1:{stage.settings.port}")]


def test_the_tray_is_told_while_the_port_is_waited_for(stage):
    async def wait_and_think_better_of_it():
        stage.proxy.watch.wait()
        await stage.proxy.stop()
        while stage.proxy.watch.waiting:  # noqa: ASYNC110  a turn of the loop or two, not a time
            await asyncio.sleep(0)

    others = bind("127.0.0.1", stage.settings.port)
    stage.do(wait_and_think_better_of_it())
    for sock in others:
        sock.close()

    assert stage.news == [PortAwaited(True), PortAwaited(False)]


def test_turned_off_it_has_no_trouble_and_stays_off_wherever_it_moves(stage):
    before = stage.settings
    others = bind("127.0.0.1", before.port)
    with pytest.raises(PortInUse):
        stage.do(stage.proxy.start())

    stage.do(stage.proxy.stop())
    stage.settings = Settings(port=port_that_is_free())
    stage.do(stage.proxy.follow(before))
    for sock in others:
        sock.close()

    assert (stage.proxy.problem, stage.proxy.running) == (None, False)


def test_it_moves_to_another_port_and_tells(stage, loop):
    before = stage.settings
    stage.do(stage.proxy.start())
    port = port_that_is_free()

    stage.settings = Settings(port=port)
    stage.do(stage.proxy.follow(before))

    assert stage.answers()
    assert stage.news == [AddressChanged(f"127.0.0.1:{port}"), ListenerStarted(f"127.0.0.1:{port}")]


def test_moving_to_a_port_that_is_taken_turns_it_off_and_tells(stage):
    before = stage.settings
    stage.do(stage.proxy.start())
    others = bind("127.0.0.1", 0)

    stage.settings = Settings(port=others[0].getsockname()[1])
    with pytest.raises(PortInUse):
        stage.do(stage.proxy.follow(before))
    for sock in others:
        sock.close()

    assert stage.proxy.running is False
    assert [type(news) for news in stage.news] == [AddressChanged, ListenerFailed]


def test_a_port_that_is_off_stays_off_wherever_it_moves(stage):
    before = stage.settings
    stage.settings = Settings(port=before.port, ollama_origins="https://example.org")

    stage.do(stage.proxy.follow(before))

    assert stage.proxy.running is False


def test_it_moves_on_where_the_port_changes_while_another_is_being_opened(stage, monkeypatch):
    """Finding out who holds a port takes seconds, and a person who changes their mind does not wait for them."""
    late, opening, changed = port_that_is_free(), asyncio.Event(), threading.Event()
    before = stage.settings

    def slow(host, port):
        if port == before.port:
            stage.loop.loop.call_soon_threadsafe(opening.set)
            changed.wait(15)
        return bind(host, port)

    async def both():
        started = asyncio.create_task(stage.proxy.open_by_itself())
        await opening.wait()
        stage.settings = Settings(port=late)
        moved = asyncio.create_task(stage.proxy.follow(before))
        await asyncio.sleep(0)
        changed.set()
        await asyncio.gather(started, moved)

    monkeypatch.setattr(proxy, "bind", slow)
    stage.do(both())

    assert stage.answers()


def test_other_settings_do_not_touch_it(stage):
    stage.do(stage.proxy.start())
    listener = stage.proxy._listener
    before, stage.settings = stage.settings, stage.settings.but(idle_timeout_s=5.0)

    stage.do(stage.proxy.follow(before))

    assert stage.proxy._listener is listener
