"""The parts together: what reaches the tray, and what survives a restart."""

import asyncio
import queue
import socket
import time

import msgspec
import pytest

from openrouter.encrypted import Encrypted, authority
from tray_proxy import revival, updates
from tray_proxy.demo.keys import DEMO_KEY, FREE_KEY
from tray_proxy.errors import KeyMissing, KeyRejected, Offline, PortInUse
from tray_proxy.keychain import Source
from tray_proxy.listener import bind
from tray_proxy.openrouter import surroundings
from tray_proxy.openrouter.connections import Connection
from tray_proxy.origins import Visitor
from tray_proxy.program import Program
from tray_proxy.releases import Source as ReleaseSource
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import Settings
from tray_proxy.settings import load
from tray_proxy.translate.presets import Preset
from tray_proxy.tray.state import (
    KeyChanged,
    ListenerFailed,
    ListenerLost,
    ListenerStarted,
    ModelsChanged,
    ModelTick,
    NameTick,
    Recovered,
    TrafficChanged,
    Troubled,
    VersionFound,
    VisitorsChanged,
)
from tray_proxy.web.state_api import Trouble
from tray_proxy.web.updates_api import NewVersion

KEY = "sk-or-v1-another-key-of-nobody"


@pytest.fixture
def program(loop, stage, upstream, tmp_path, free_port):
    """A program without a proxy yet, and the news it gives."""
    news = queue.Queue()
    settings = Settings(
        port=free_port,
        tray_proxy_home=tmp_path,
        openrouter_base_url=stage.url,
        openrouter_api_key=SecretStr(upstream.key),
    )

    async def make():
        made = Program(settings, demo=False, post=news.put)
        made.begin()
        return made

    made = loop.submit(make()).result(15)
    made.news = news
    yield made
    loop.submit(made.end()).result(15)


def next_news(program, kind):
    """Return the next piece of news of a kind; others are passed over."""
    while True:
        event = program.news.get(timeout=15)
        if isinstance(event, kind):
            return event


def test_the_models_reach_the_tray_when_they_are_loaded(program):
    ticks = next_news(program, ModelsChanged).models

    assert len(ticks) == 15
    assert (ticks[0].id, ticks[0].allowed) == ("openai/gpt-4o", True)


def test_what_an_app_changes_reaches_the_tray(program, loop):
    """The menu is drawn from this news."""
    import httpx

    def ask(method, path, **body):
        httpx.request(method, program.settings.url + path, json=body, trust_env=False).raise_for_status()

    loop.submit(program.proxy.start()).result(15)
    loop.submit(program.cache.catalogue()).result(15)

    ask("POST", "/api/copy", source="openai/gpt-4o", destination="fast")
    made = models_news(program, lambda news: news.names)
    ask("DELETE", "/api/delete", model="openai/gpt-4o")
    hidden = models_news(program, lambda news: not news.models[0].allowed)

    assert made.names == (NameTick("fast:latest", "openai/gpt-4o", kept=True),)
    assert hidden.models[0] == ModelTick("openai/gpt-4o", allowed=False)


def models_news(program, fits):
    """Return the first news of the models that fits; others, of the lists themselves, are passed over."""
    while not fits(news := next_news(program, ModelsChanged)):
        pass
    return news


def test_a_name_is_removed_and_restored_from_the_tray(program, loop):
    loop.submit(program.cache.catalogue()).result(15)
    loop.submit(stored(program, "fast")).result(15)

    loop.submit(program.models_desk.keep_name("fast:latest", kept=False)).result(15)
    removed = program.presets.menu()
    loop.submit(program.models_desk.keep_name("fast:latest", kept=True)).result(15)

    assert [own.kept for own in (*removed, *program.presets.menu())] == [False, True]


async def stored(program, name):
    """Make an alias, in the event loop."""
    program.presets.store(name, Preset(model="openai/gpt-4o"))


def test_that_there_is_a_key_reaches_the_tray(program):
    assert next_news(program, KeyChanged) == KeyChanged(missing=False)


@pytest.mark.parametrize(
    ("stored", "news"),
    [
        ({}, KeyChanged(missing=True)),
        ({("Tray Proxy", "OpenRouter API key"): DEMO_KEY}, KeyChanged(missing=False, untried=True)),
    ],
)
def test_what_is_left_to_do_reaches_the_tray(loop, stage, upstream, tmp_path, memory_keyring, stored, news):
    """That there is no key, or one that was given on the page and never tried."""
    memory_keyring.update(stored)
    told = queue.Queue()

    async def make():
        made = Program(Settings(tray_proxy_home=tmp_path, openrouter_base_url=stage.url), demo=False, post=told.put)
        made.begin()
        return made

    made = loop.submit(make()).result(15)
    made.news = told
    first = next_news(made, KeyChanged)
    loop.submit(made.end()).result(15)

    assert first == news


def ask(program, loop):
    import httpx

    body = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": False}
    loop.submit(program.cache.catalogue()).result(15)
    return httpx.post(f"{program.settings.url}/api/chat", json=body, trust_env=False, timeout=30)


def test_traffic_and_recovery_reach_the_tray(program, loop):
    loop.submit(program.proxy.start()).result(15)

    ask(program, loop)

    assert next_news(program, TrafficChanged) == TrafficChanged(1)
    assert next_news(program, TrafficChanged) == TrafficChanged(0)
    assert next_news(program, Recovered) == Recovered()


def test_a_refused_key_reaches_the_tray(program, loop, upstream):
    upstream.key = KEY
    loop.submit(program.proxy.start()).result(15)

    answer = ask(program, loop)

    assert answer.status_code == 401
    assert type(next_news(program, Troubled).error) is KeyRejected


def refuse_the_key(program, loop, upstream):
    """Have OpenRouter refuse it, and take the news of that; gives the error."""
    upstream.key = KEY
    loop.submit(program.proxy.start()).result(15)
    ask(program, loop)
    return next_news(program, Troubled).error


def test_a_trouble_outlives_a_turning_off_and_on_in_the_tray_as_on_the_page(program, loop, upstream):
    error = refuse_the_key(program, loop, upstream)

    loop.submit(program.proxy.stop()).result(15)
    loop.submit(program.proxy.start()).result(15)

    assert next_news(program, Troubled).error is error
    assert program.page_state().problem == Trouble(error.message, error.hint)


def test_a_trouble_outlives_one_with_the_network_in_the_tray_as_on_the_page(program, loop, upstream):
    error = refuse_the_key(program, loop, upstream)
    cut_off = Offline("There is no internet connection.")

    async def lose_and_find():
        program._connection_changed(Connection(False, cut_off.message, cut_off))
        program._connection_changed(Connection(ok=True))

    loop.submit(lose_and_find()).result(15)

    assert type(next_news(program, Troubled).error) is Offline
    assert next_news(program, Recovered) == Recovered()
    assert next_news(program, Troubled).error is error
    assert program.page_state().problem == Trouble(error.message, error.hint)


def test_an_apps_own_mistake_does_not_reach_the_tray(program, loop, upstream):
    loop.submit(program.proxy.start()).result(15)
    upstream.arrange("status-503")

    assert ask(program, loop).status_code == 503

    assert next_news(program, TrafficChanged) == TrafficChanged(1)
    assert program.news.get(timeout=15) == TrafficChanged(0)


def test_a_taken_port_is_told_and_can_be_tried_again(program, loop):
    others = bind("127.0.0.1", program.settings.port)

    with pytest.raises(PortInUse):
        loop.submit(program.proxy.start()).result(10)
    problem = program.page_state().problem
    for sock in others:
        sock.close()

    assert problem.message.startswith(f"Port {program.settings.port} is used by ")
    assert loop.submit(program.proxy.start()).result(15) == f"127.0.0.1:{program.settings.port}"


def kill(program, loop):
    """Let what listens at the port end by itself."""
    loop.loop.call_soon_threadsafe(program.proxy._listener._serving.cancel)


def test_a_listener_that_dies_is_started_again(program, loop):
    address = loop.submit(program.proxy.start()).result(15)

    kill(program, loop)

    assert next_news(program, ListenerLost) == ListenerLost()
    assert (program.page_state().phase, program.page_state().status) == ("starting", "Starting…")
    assert next_news(program, ListenerStarted) == ListenerStarted(address)
    assert ask(program, loop).status_code == 200


def test_a_port_that_the_system_takes_back_is_opened_again(program, loop):
    address = loop.submit(program.proxy.start()).result(15)

    program.proxy._listener._sockets[0].shutdown(socket.SHUT_RDWR)

    assert next_news(program, ListenerStarted) == ListenerStarted(address)
    assert ask(program, loop).status_code == 200


def test_a_listener_that_dies_again_and_again_is_left_dead_and_says_why(program, loop, monkeypatch):
    monkeypatch.setattr(revival, "DELAYS_S", (0.0, 0.0, 0.0))
    loop.submit(program.proxy.start()).result(15)

    for _ in range(3):
        kill(program, loop)
        next_news(program, ListenerStarted)
    kill(program, loop)

    error = next_news(program, ListenerFailed).error
    assert error.message == "The server stopped by itself 4 times in ten minutes (cancelled)."
    assert program.page_state().problem == Trouble(error.message, error.hint)


def test_a_port_lost_to_another_program_is_told_and_taken_back_when_it_is_free(program, loop, monkeypatch):
    monkeypatch.setattr(program.proxy.watch, "_every_s", 0.02)
    address = loop.submit(program.proxy.start()).result(15)
    freed = wait_until_free_then_bind(program, loop)

    failed = next_news(program, ListenerFailed).error
    for sock in freed:
        sock.close()

    assert isinstance(failed, PortInUse)
    assert next_news(program, ListenerStarted) == ListenerStarted(address)


def wait_until_free_then_bind(program, loop):
    """Kill the listener and take its port, faster than it is started again."""
    kill(program, loop)
    next_news(program, ListenerLost)
    return bind("127.0.0.1", program.settings.port)


def test_what_was_turned_off_is_not_started_again(program, loop):
    loop.submit(program.proxy.start()).result(15)
    kill(program, loop)
    next_news(program, ListenerLost)

    loop.submit(program.proxy.stop()).result(15)

    assert loop.submit(in_background(program)).result(15) is True
    assert program.page_state().running is False


async def in_background(program):
    """Say whether the new start was called off."""
    await asyncio.gather(program.proxy._reviver._starting, return_exceptions=True)
    return program.proxy._reviver._starting.cancelled()


def test_the_settings_page_opens_more_than_once(program, loop):
    import httpx

    first = loop.submit(program.page.url("models")).result(15)
    second = loop.submit(program.page.url("")).result(15)

    answers = [httpx.get(url, trust_env=False).headers["location"] for url in (first, second)]
    assert [led.partition("~")[0] for led in answers] == ["/#models", "/#"]


def test_the_pages_address_without_a_token_opens_nothing(program, loop):
    """Any program can ask for it."""
    import httpx

    bare = loop.submit(program.page.address()).result(15)
    entry = loop.submit(program.page.url("")).result(15)

    assert entry.startswith(f"{bare}open?token=")
    assert httpx.get(bare, trust_env=False).status_code == 403


@pytest.fixture
def demo(loop, tmp_path, memory_keyring):
    """Make a program of the demo, as the tray does: with settings of one's own."""
    made = []

    def make(**settings):
        async def begin():
            return Program(Settings(tray_proxy_home=tmp_path, **settings), demo=True)

        made.append(loop.submit(begin()).result(15))
        return made[-1]

    yield make
    for program in made:
        loop.submit(program.end()).result(15)


def key_of(program, loop):
    return loop.submit(program.keychain.key()).result(15).get_secret_value()


def test_the_demo_never_uses_the_owners_key(demo, loop, memory_keyring):
    """It begins without one, as the real thing does."""
    memory_keyring["Tray Proxy", "OpenRouter API key"] = KEY

    with pytest.raises(KeyMissing):
        key_of(demo(openrouter_api_key=SecretStr(KEY)), loop)


def test_the_demos_key_lies_in_a_place_of_its_own(demo, loop, memory_keyring):
    loop.submit(demo().keychain.store(SecretStr(DEMO_KEY))).result(15)

    assert memory_keyring == {("Tray Proxy (demo)", "OpenRouter API key"): DEMO_KEY}
    assert key_of(demo(), loop) == DEMO_KEY


@pytest.mark.parametrize("key", [DEMO_KEY, FREE_KEY])
def test_a_key_of_the_demo_can_be_given_to_it(demo, loop, key):
    """Tests and scripts need not sign in."""
    program = demo(openrouter_api_key=SecretStr(key))

    assert key_of(program, loop) == key
    assert program.keychain.source is Source.DEMO


AWAY = "openrouter.test"
LIST = b'{"data":[{"id":"openai/gpt-4o-mini","name":"Mini"}]}'


@pytest.fixture
def offline(loop, tmp_path, free_port, monkeypatch):
    """A program that runs with yesterday's list on a computer without a network; gives it, and its news."""
    real = socket.getaddrinfo

    def look_up(host, *arguments, **more):
        if host == AWAY:
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return real(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(surroundings, "source_addresses", lambda: (None, None))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    url = f"https://{AWAY}/api/v1"
    saved = {"base_url": url, "fetched_s": 0, "models": msgspec.Raw(LIST), "embeddings": msgspec.Raw(b'{"data":[]}')}
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "catalogue.json").write_bytes(msgspec.json.encode(saved))
    news = queue.Queue()
    settings = Settings(
        port=free_port, tray_proxy_home=tmp_path, openrouter_base_url=url, openrouter_api_key=SecretStr(KEY)
    )

    async def make():
        made = Program(settings, demo=False, post=news.put)
        made.begin()
        await made.proxy.start()
        return made

    made = loop.submit(make()).result(15)
    made.news = news
    yield made
    loop.submit(made.end()).result(15)


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/api/chat", lambda body: body["error"]),
        ("/v1/chat/completions", lambda body: body["error"]["message"]),
        ("/v1/messages", lambda body: body["error"]["message"]),
    ],
)
def test_without_internet_chat_is_refused_in_plain_words_and_lists_still_work(offline, path, read):
    import httpx

    body = {"model": "openai/gpt-4o-mini", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    answer = httpx.post(offline.settings.url + path, json=body, trust_env=False)
    tags = httpx.get(offline.settings.url + "/api/tags", trust_env=False).json()

    assert (answer.status_code, read(answer.json())) == (
        503,
        (
            "There is no internet connection: this computer is not on a network that leads there. "
            "Connect to a network and try again; Tray Proxy goes on by itself."
        ),
    )
    assert [model["name"] for model in tags["models"]] == ["openai/gpt-4o-mini"]


def test_without_internet_tray_and_page_say_so(offline, loop):
    told = next_news(offline, Troubled).error

    async def state():
        return offline.page_state()

    assert told.message == f"No internet. Model list from {time.strftime('%Y-%m-%d', time.localtime(0))}."
    assert loop.submit(state()).result(15).problem == Trouble(told.message, told.hint)


def test_after_a_sleep_connections_are_dropped(program, loop):
    """The platform tells when it wakes."""
    loop.submit(program.cache.catalogue()).result(15)
    before = program.client._connections._way

    loop.submit(program.woke()).result(15)

    assert program.client._connections._way is not before


@pytest.fixture
def release_page(tmp_path, monkeypatch):
    """The project's release page, which tells of a newer version at once; gives what it was asked, and where it is."""
    vouching = authority()
    vouching.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    monkeypatch.setattr(updates, "CALM_S", 0.0)
    told = b'{"version": "999.1.0", "changes": ["Something new."]}'
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(told)}\r\n\r\n"
    server = Encrypted(vouching, name="localhost", answer=head.encode() + told)
    yield server
    server.close()


@pytest.fixture
def start_looking(loop, stage, upstream, tmp_path, release_page):
    """Start a program that a release built."""
    made = []

    def start(**how):
        news = queue.Queue()
        settings = Settings(
            tray_proxy_home=tmp_path / "home",
            openrouter_base_url=stage.url,
            openrouter_api_key=SecretStr(KEY),
            **how.pop("settings", {}),
        )
        source = ReleaseSource("somebody/tray-proxy", f"https://localhost:{release_page.port}")

        async def begin():
            program = Program(settings, post=news.put, releases=source, **{"demo": False} | how)
            program.begin()
            return program

        made.append(loop.submit(begin()).result(15))
        made[-1].news = news
        return made[-1]

    yield start
    for program in made:
        loop.submit(program.end()).result(15)


async def shown(program):
    return program.page_state().new_version


def test_a_newer_version_reaches_tray_and_page_and_the_key_stays_here(start_looking, loop, release_page):
    program = start_looking()
    next_news(program, VersionFound)

    assert next_news(program, VersionFound) == VersionFound("999.1.0", untold=True)
    assert loop.submit(shown(program)).result(15) == NewVersion(
        "999.1.0", ("Something new.",), f"https://localhost:{release_page.port}/somebody/tray-proxy/releases/latest"
    )
    assert len(release_page.asked) == 1
    assert KEY.encode() not in release_page.asked[0]


def test_who_switches_the_look_off_is_told_nothing_more(start_looking, loop):
    program = start_looking()
    next_news(program, VersionFound)
    next_news(program, VersionFound)

    loop.submit(program.apply(program.settings.but(check_for_updates=False))).result(15)

    assert next_news(program, VersionFound) == VersionFound("")
    assert loop.submit(shown(program)).result(15) is None


@pytest.mark.parametrize("how", [{"demo": True}, {"settings": {"check_for_updates": False}}])
def test_neither_the_demo_nor_who_wants_no_look_has_one(start_looking, loop, how):
    program = start_looking(**how)
    loop.submit(program.woke()).result(15)

    assert program.updates._looking is None


EXTENSION = "chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo"


def status_for(program, origin):
    """Ask as a page from this origin does, and return the status."""
    import httpx

    return httpx.get(f"{program.settings.url}/api/version", headers={"origin": origin}, trust_env=False).status_code


def test_two_requests_of_an_extension_are_one_question(program, loop):
    """Its answer is in force from the next request on; the port stays open all the while."""
    loop.submit(program.proxy.start()).result(15)
    desk = program.visitors_desk

    refused = [status_for(program, EXTENSION), status_for(program, EXTENSION)]
    asked, shown = next_news(program, VisitorsChanged), program.page_state().visitors
    loop.submit(desk.answer(EXTENSION, True)).result(15)
    answered = next_news(program, VisitorsChanged)
    allowed = status_for(program, EXTENSION)
    loop.submit(desk.answer(EXTENSION, None)).result(15)
    revoked = next_news(program, VisitorsChanged)

    assert (refused, asked, shown) == ([403, 403], VisitorsChanged((Visitor(EXTENSION),), Visitor(EXTENSION)), 1)
    assert (allowed, status_for(program, EXTENSION)) == (200, 403)
    assert [answered, revoked] == [VisitorsChanged(()), VisitorsChanged(())]


def start(loop, settings, post):
    async def begin():
        made = Program(settings, demo=False, post=post)
        await made.proxy.start()
        return made

    return loop.submit(begin()).result(15)


def test_who_was_refused_for_good_is_no_question_after_the_next_start_either(
    program, loop, tmp_path, free_port, stage, upstream
):
    loop.submit(program.visitors_desk.answer(EXTENSION, False)).result(15)
    loop.submit(program.visitors_desk.answer("https://chat.example", True)).result(15)
    told = queue.Queue()
    given = {"port": free_port, "tray_proxy_home": tmp_path, "openrouter_base_url": stage.url}
    again = start(loop, load(given), told.put)

    statuses = [status_for(again, origin) for origin in (EXTENSION, "https://chat.example", "https://other.example")]
    asked = told_visitors(told)
    loop.submit(again.end()).result(15)

    assert (statuses, asked) == ([403, 200, 403], ["https://other.example"])


def told_visitors(told):
    """Who was asked about, of all the news so far."""
    news = [told.get() for _ in range(told.qsize())]
    return [event.new.origin for event in news if isinstance(event, VisitorsChanged) and event.new]


def test_without_a_tray_ollama_origins_alone_decides(loop, tmp_path, free_port):
    """Nobody is there who could be asked; and what somebody allowed at a tray once was not meant for a server."""
    allowed = {EXTENSION: "always"}
    settings = Settings(
        port=free_port, tray_proxy_home=tmp_path, ollama_origins="https://chat.example", web_permissions=allowed
    )
    headless = start(loop, settings, None)

    statuses = [status_for(headless, origin) for origin in (EXTENSION, "https://other.example", "https://chat.example")]
    waiting = headless.page_state().visitors
    loop.submit(headless.end()).result(15)

    assert (statuses, waiting) == ([403, 403, 200], 0)


def test_what_is_allowed_in_the_demo_may_not_spend_real_money(demo, loop, tmp_path):
    """There it costs nothing to say yes."""
    program = demo()

    loop.submit(program.visitors_desk.answer(EXTENSION, True)).result(15)

    kept = [load({"tray_proxy_home": tmp_path}, demo=demo).web_permissions for demo in (False, True)]
    assert kept == [{}, {EXTENSION: "always"}]
