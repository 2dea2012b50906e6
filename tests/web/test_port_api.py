"""Trouble with the port on the page: who holds it, and each way out of it."""

import json
import os
import socket

import httpx
import psutil
import pytest

from desktop.waiting import wait_for
from stand_in_ollama import NAMES, VERSION, StandInOllama
from tray_proxy.errors import Holder, PortInUse
from tray_proxy.listener import bind
from tray_proxy.web import port_api
from tray_proxy.web.app import mounted
from tray_proxy.web.http import FormInvalid

ME = (psutil.Process().name(), os.getpid())
MESSAGES = [{"role": "user", "content": "hello"}]


def do(running, work):
    return running.loop.submit(work).result(10)


def state(running):
    async def tell():
        return running.program.port_desk.state()

    return do(running, tell())


def seen(running):
    """The state, once the real Ollama beside us was looked for."""
    return wait_for(lambda: (told := state(running)).both and told.both.problem != looking(told) and told, "a look")


def looking(told):
    return f"Looking for Ollama at {told.both.url}."


def act(running, **wanted):
    """Send what the page sends."""
    desk = running.program.port_desk

    async def send():
        transport = httpx.ASGITransport(app=port_app(desk))
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as page:
            return await page.post("/api/port", json=wanted)

    return do(running, send())


def port_app(desk):
    from starlette.applications import Starlette

    from tray_proxy.errors import ProxyError
    from tray_proxy.web.http import answer_problem

    return Starlette(routes=mounted(port_api.routes(desk)), exception_handlers={ProxyError: answer_problem})


def another_port():
    sockets = bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    for sock in sockets:
        sock.close()
    return port


def answers(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).json().get("app") == "Tray Proxy"
    except (httpx.HTTPError, ValueError):
        return False


@pytest.fixture
def running(proxies, tmp_path, monkeypatch, free_port):
    """A program whose values come from its file and the defaults, as at most people's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAY_PROXY_HOME", str(tmp_path))
    (tmp_path / "settings.json").write_text(json.dumps({"port": free_port}))
    running = proxies.start(tmp_path, port=free_port)
    running.program.proxy.watch._every_s = 0.02
    return running


@pytest.fixture
def ollama(loop):
    stand_in = StandInOllama(loop).start()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def troubled(running, ollama):
    """Its port is held by a real Ollama."""
    with pytest.raises(PortInUse):
        do(running, running.program.port_desk.use(ollama.port))
    return running


def stored(running):
    return json.loads((running.home / "settings.json").read_text())


def test_without_trouble_there_is_nothing_to_suggest(running, free_port):
    seen = state(running)

    assert (seen.kind, seen.sentence, seen.holder, seen.suggested_port, seen.waiting, seen.both) == (
        "open",
        f"Port {free_port} is Tray Proxy's.",
        None,
        None,
        False,
        None,
    )


def test_a_port_that_is_closed_as_the_owner_wants_it_is_no_trouble(running, free_port):
    do(running, running.program.proxy.stop())

    assert (state(running).kind, state(running).sentence) == (
        "off",
        f"Tray Proxy is off, and port {free_port} is closed.",
    )


def test_a_real_ollama_on_the_port_is_told_with_its_version_and_what_can_be_done(troubled, ollama):
    seen = state(troubled)

    assert (seen.kind, seen.holder) == ("ollama", Holder("ollama", VERSION, *ME))
    assert seen.sentence == f"Port {ollama.port} is used by Ollama {VERSION} ({ME[0]}, process {ME[1]})."
    assert seen.hint.startswith("Let both run side by side")
    assert seen.suggested_port >= ollama.port + 2
    assert seen.suggested_url == f"http://127.0.0.1:{ollama.port + 1}"
    assert seen.waiting is False


def test_the_page_is_told_of_the_port_with_everything_else(troubled):
    async def tell():
        return troubled.program.page_state()

    page = do(troubled, tell())

    assert page.port == state(troubled)
    assert (page.phase, page.problem.message) == ("attention", page.port.sentence)


def test_another_program_on_the_port_is_told_as_one(running):
    with socket.create_server(("127.0.0.1", 0)) as other:
        with pytest.raises(PortInUse):
            do(running, running.program.port_desk.use(other.getsockname()[1]))

        assert (state(running).kind, state(running).holder) == ("program", Holder("program", None, *ME))


def test_another_port_is_used_at_once_and_kept(troubled):
    port = state(troubled).suggested_port

    assert act(troubled, action="use", port=port).status_code == 204

    assert answers(port)
    assert (state(troubled).kind, stored(troubled)["port"]) == ("open", port)


def test_a_port_that_was_waited_for_is_taken_the_moment_it_is_free(troubled, ollama):
    assert act(troubled, action="wait").status_code == 204
    assert state(troubled).waiting is True

    ollama.stop()

    wait_for(lambda: answers(ollama.port), "our answer on the port")
    assert (state(troubled).kind, state(troubled).waiting) == ("open", False)


def test_who_stops_waiting_leaves_the_port_to_others(troubled, ollama):
    act(troubled, action="wait")

    assert act(troubled, action="stop-waiting").status_code == 204

    ollama.stop()
    wait_for(lambda: not state(troubled).waiting, "the end of waiting")
    assert state(troubled).kind == "ollama"
    assert not answers(ollama.port)


def test_another_way_ends_the_waiting(troubled):
    act(troubled, action="wait")

    act(troubled, action="use", port=state(troubled).suggested_port)

    assert (state(troubled).kind, state(troubled).waiting) == ("open", False)


def test_a_slip_of_the_pen_does_not_end_the_waiting(troubled):
    act(troubled, action="wait")

    assert act(troubled, action="use", port=0).status_code == 422

    assert state(troubled).waiting is True


def test_turning_it_off_ends_the_waiting(troubled):
    act(troubled, action="wait")

    do(troubled, troubled.program.proxy.stop())

    wait_for(lambda: not state(troubled).waiting, "the end of waiting")


def test_nobody_waits_where_there_is_no_trouble(running):
    act(running, action="wait")

    assert state(running).waiting is False


def test_both_are_used_as_soon_as_ollama_has_moved(troubled, ollama):
    """The journey: the steps are shown while Ollama still holds the port; then all is well by itself."""
    ours, theirs = ollama.port, another_port()

    assert act(troubled, action="both", url=f"127.0.0.1:{theirs}").status_code == 204
    before = seen(troubled)
    ollama.stop()
    ollama.port = theirs
    ollama.start()
    wait_for(lambda: answers(ours), "our answer on Ollama's old port")
    after = wait_for(lambda: (told := state(troubled)).both.ok and told, "a look at Ollama's new place")

    assert (before.kind, before.waiting) == ("ollama", True)
    assert before.both.problem == f"Ollama does not answer at http://127.0.0.1:{theirs} yet."
    assert f"127.0.0.1:{theirs}" in " ".join(before.both.steps)
    assert (after.kind, after.waiting) == ("open", False)
    assert (after.both.version, after.both.models, after.both.problem) == (VERSION, NAMES, None)
    assert stored(troubled)["local_ollama"] == f"http://127.0.0.1:{theirs}"
    answer = httpx.post(
        f"http://127.0.0.1:{ours}/api/chat", json={"model": NAMES[0], "messages": MESSAGES, "stream": False}
    )
    assert answer.json()["message"]["content"] == "local words"


def test_who_looks_at_the_page_is_told_when_ollama_goes(running, ollama):
    act(running, action="both", url=ollama.url)
    told = []
    running.program.port_desk._changed = lambda: told.append(True)
    assert wait_for(lambda: state(running).both.ok, "a look")
    wait_for(lambda: running.program.port_desk._looking is None, "the end of the last look")
    ollama.stop()

    gone = wait_for(lambda: not (now := state(running)).both.ok and now, "a look that finds nobody")

    assert gone.both.problem == f"Ollama does not answer at {ollama.url} yet."
    assert len(told) == 2


def test_where_both_are_wanted_a_taken_port_is_waited_for_without_a_click(running, ollama):
    """As after a restart, while Ollama is back at its old place."""
    do(running, running.program.settings_desk.save({"local_ollama": f"http://127.0.0.1:{another_port()}"}))

    with pytest.raises(PortInUse):
        do(running, running.program.port_desk.use(ollama.port))

    assert state(running).waiting is True


def test_without_the_other_names_are_forgotten(running, ollama):
    act(running, action="both", url=ollama.url)
    assert NAMES[0] in running.http.get("/api/tags").text
    remembered = (running.home / "cache" / "local-models.json").exists()

    assert act(running, action="both-off").status_code == 204

    assert remembered
    assert not (running.home / "cache" / "local-models.json").exists()
    assert (state(running).both, "local_ollama" in stored(running)) == (None, False)
    assert NAMES[2] not in running.http.get("/api/tags").text


def test_what_answers_at_an_address_is_told(running, ollama):
    seen = do(running, running.program.port_desk.check(ollama.url))

    assert seen == port_api.OllamaSeen(url=ollama.url, ok=True, version=VERSION, models=NAMES)


def test_another_copy_of_us_is_not_taken_for_ollama(running, proxy):
    seen = do(running, running.program.port_desk.check(proxy.url))

    assert (seen.version, seen.problem) == (None, "Another copy of Tray Proxy answers there, not Ollama.")
    answer = act(running, action="both", url=proxy.url)
    assert (answer.status_code, answer.json()["fields"]) == (
        422,
        {"url": "Another copy of Tray Proxy answers there, not Ollama."},
    )


@pytest.mark.parametrize("url", ["http://192.168.0.9:11435", "no address", "", "https://127.0.0.1:11435"])
def test_an_address_that_cannot_be_ollamas_is_refused_beside_its_field(running, url):
    answer = act(running, action="both", url=url)

    assert answer.status_code == 422
    assert answer.json()["fields"] == {
        "url": "This must be an address on this computer such as http://127.0.0.1:11435, and not Tray Proxy's own."
    }


def test_our_own_address_is_not_ollamas(running, free_port):
    with pytest.raises(FormInvalid):
        do(running, running.program.port_desk.check(f"http://127.0.0.1:{free_port}"))


def test_a_port_that_is_none_is_refused_beside_its_field(running):
    answer = act(running, action="use", port=70000)

    assert (answer.status_code, answer.json()["fields"]) == (
        422,
        {"port": "Allowed is a whole number from 1 to 65535."},
    )


@pytest.mark.parametrize("wanted", [{"action": "use"}, {"action": "both"}, {"action": "kill"}, {}])
def test_what_the_page_cannot_mean_changes_nothing(running, wanted):
    assert act(running, **wanted).status_code == 400


@pytest.mark.parametrize(("system", "word"), [("win32", "environment variables"), ("darwin", "launchctl setenv"),
                                              ("linux", "systemctl edit ollama.service")])  # fmt: skip
def test_each_system_has_its_steps(system, word):
    told = port_api.steps("http://127.0.0.1:11435", system)

    assert word in " ".join(told)
    assert "127.0.0.1:11435" in " ".join(told)
    assert "{" not in " ".join(told)


@pytest.fixture
def lost(running, ollama, proxies, monkeypatch):
    """A program that begins where one ended which listed local models; their Ollama's address is lost meanwhile."""
    act(running, action="both", url=ollama.url)
    assert NAMES[0] in running.http.get("/api/tags").text
    do(running, running.program.proxy.stop())
    file = running.home / "settings.json"
    file.write_text(json.dumps({**stored(running), "local_ollama": "a slip of the keyboard"}))
    return proxies.start(running.home, local_ollama=None, port=running.program.settings.port)


def ask(running):
    return running.http.post("/api/chat", json={"model": NAMES[0], "messages": MESSAGES, "stream": False})


def test_a_local_name_stays_local_where_its_ollamas_address_is_lost(lost, upstream):
    """By a slip in the file, or a login that does not set the variable: nobody has said that the cloud may have it."""
    asked = len(upstream.chats)

    refused = ask(lost)
    do(lost, lost.program.settings_desk.save({"idle_timeout_s": 7}))
    refused_still = ask(lost)

    assert (refused.status_code, refused_still.status_code) == (503, 503)
    assert refused.json()["error"].startswith(
        f"'{NAMES[0]}' is a model of an Ollama on this computer whose address Tray Proxy has lost: set LOCAL_OLLAMA"
    )
    assert len(upstream.chats) == asked


def test_its_names_are_free_once_the_owner_says_so(lost):
    assert act(lost, action="both-off").status_code == 204

    assert ask(lost).status_code == 200
