"""SAME_USER_ONLY within a running program: who is refused how, and what it costs whoever leaves it off."""

import ctypes
import os
import socket
import sys
import threading

import httpx
import pytest

from tray_proxy import socket_owner
from tray_proxy.demo.upstream import DemoUpstream
from tray_proxy.secret_str import SecretStr
from tray_proxy.server.app import create_app
from tray_proxy.server.same_user import SameUser

CHAT = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": False}
REFUSED = (
    "Tray Proxy answers its own user's programs alone (SAME_USER_ONLY), and it does not see that this is one: run it "
    "as that user, or have SAME_USER_ONLY turned off and an access key (PROXY_API_KEY) set instead"
)
ACCESS_KEY = "canary-access-key-of-nobody"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="proved on Linux alone; elsewhere it proves itself")


@pytest.fixture(scope="module")
def own(shared_proxies, stage, tmp_path_factory):
    """A proxy for its own user alone."""
    stage.app = DemoUpstream(chunk_delay_s=0).app
    return shared_proxies.start(tmp_path_factory.mktemp("home"), same_user_only=True)


@pytest.fixture
def proxy(own, upstream):
    return own


@pytest.fixture
def stranger(monkeypatch):
    """Take every connection for another user's, and count how often that was looked up."""
    looks = []
    monkeypatch.setattr(socket_owner, "is_ours", lambda _: bool(looks.append(1)))
    return looks


@pytest.fixture
def looks(monkeypatch):
    """Count how often it was looked up whose a connection is."""
    looks, really = [], socket_owner.is_ours

    def counted(sock):
        looks.append(sock.getpeername())
        return really(sock)

    monkeypatch.setattr(socket_owner, "is_ours", counted)
    return looks


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_ones_own_program_is_answered(proxy, host):
    url = proxy.url.replace("127.0.0.1", host)

    assert httpx.post(f"{url}/api/chat", json=CHAT, trust_env=False).status_code == 200


def test_where_looking_takes_a_while_nobody_waits_who_is_let_in_already(proxy, monkeypatch):
    """As on macOS: the look has a thread of its own."""
    monkeypatch.setattr(socket_owner, "AT_ONCE", False)
    looking, looked = threading.Event(), threading.Event()

    def slowly(_):
        looking.set()
        return looked.wait(30)

    with httpx.Client(base_url=proxy.url, trust_env=False) as known, httpx.Client(base_url=proxy.url) as new:
        known.get("/api/tags")
        monkeypatch.setattr(socket_owner, "is_ours", slowly)
        statuses = []
        thread = threading.Thread(target=lambda: statuses.append(new.get("/api/tags").status_code))
        thread.start()
        looking.wait(30)
        statuses.append(known.get("/api/tags").status_code)
        before = [*statuses]
        looked.set()
        thread.join(30)

    assert (before, statuses) == ([200], [200, 200])


def test_it_is_looked_up_once_for_a_connection_and_not_for_each_request(proxy, looks):
    with httpx.Client(base_url=proxy.url, trust_env=False) as client:
        statuses = [client.post("/api/chat", json=CHAT).status_code for _ in range(3)]

    assert (statuses, len(looks)) == ([200] * 3, 1)


def test_each_connection_is_judged_anew_also_on_a_port_that_was_let_in_before(proxy, looks, upstream, monkeypatch):
    """What the last program on a port was says nothing of the next."""
    answers = [asked_from(0, proxy)]
    port = answers[0][1]
    monkeypatch.setattr(socket_owner, "is_ours", lambda _: False)

    answers.append(asked_from(port, proxy))

    assert [(status, used) for status, used in answers] == [(200, port), (403, port)]
    assert len(upstream.chats) == 1


def asked_from(port, proxy):
    """Ask from a port, and let go of it at once; give the status and the port."""
    body = httpx.Request("POST", proxy.url, json=CHAT).content
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("127.0.0.1", port))
        client.connect(("127.0.0.1", int(proxy.url.rpartition(":")[2])))
        head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
        client.sendall(head + body)
        status = int(client.recv(4096).split()[1])
        used = client.getsockname()[1]
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return status, used


def test_who_was_refused_is_looked_up_again(proxy, stranger):
    """Nothing is remembered that a moment's failure could have decided."""
    with httpx.Client(base_url=proxy.url, trust_env=False) as client:
        statuses = [client.get("/api/tags").status_code for _ in range(2)]

    assert (statuses, len(stranger)) == ([403, 403], 2)


def test_a_stranger_is_told_what_to_do_and_nothing_is_asked_upstream(proxy, upstream, stranger):
    answer = proxy.http.post("/api/chat", json=CHAT)

    assert (answer.status_code, answer.json()) == (403, {"error": REFUSED})
    assert upstream.received == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/v1/nope"])
def test_under_v1_it_is_told_in_openais_shape(proxy, stranger, path):
    answer = proxy.http.post(path, json=CHAT)

    error = answer.json()["error"]
    assert (answer.status_code, error["message"], error["type"]) == (403, REFUSED, "permission_error")


def test_under_messages_it_is_told_in_anthropics_shape(proxy, stranger):
    answer = proxy.http.post("/v1/messages", json=CHAT)

    assert answer.status_code == 403
    assert answer.json() == {
        "type": "error",
        "error": {"type": "permission_error", "message": REFUSED},
        "request_id": f"req_{answer.headers['x-request-id']}",
    }


def test_a_stranger_is_refused_before_the_body_is_read(proxy, stranger):
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as client:
        client.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")

        assert client.recv(4096).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("path", ["/", "/health"])
def test_whether_it_is_well_is_seen_by_all_users(proxy, stranger, path):
    """Another user's copy says by it who holds the port."""
    assert proxy.http.get(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/"), ("POST", "/health"), ("GET", "/api/version"), ("GET", "/api/tags"), ("GET", "/metrics"),
     ("GET", "/nope"), ("OPTIONS", "/api/chat"), ("GET", "/health/../api/tags"), ("GET", "/healthy")],
)  # fmt: skip
def test_nothing_else_is(proxy, stranger, method, path):
    assert proxy.http.request(method, path).status_code == 403


def test_who_saw_that_it_is_well_is_not_let_in_for_it(proxy, stranger):
    with httpx.Client(base_url=proxy.url, trust_env=False) as client:
        statuses = [client.get(path).status_code for path in ("/health", "/api/tags", "/health", "/api/tags")]

    assert statuses == [200, 403, 200, 403]


def test_a_page_may_read_why_it_was_refused(proxy, stranger):
    answer = proxy.http.post("/api/chat", json=CHAT, headers={"origin": "http://localhost:3000"})

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (403, "http://localhost:3000")


def test_the_log_says_why(proxy, stranger, log_lines):
    proxy.http.get("/api/version")

    (line,) = log_lines("/api/version")
    assert (line["status"], line["outcome"], line["error"]) == (403, "failed", "AnotherUser")


def test_with_an_access_key_both_are_wanted(proxies, tmp_path, monkeypatch):
    running = proxies.start(tmp_path, same_user_only=True, proxy_api_key=SecretStr(ACCESS_KEY))
    key = {"authorization": f"Bearer {ACCESS_KEY}"}
    statuses = [running.http.get("/api/version", headers=headers).status_code for headers in ({}, key)]
    monkeypatch.setattr(socket_owner, "is_ours", lambda _: False)
    running.http.close()
    running.http = httpx.Client(base_url=running.url, trust_env=False)

    statuses.append(running.http.get("/api/version", headers=key).status_code)

    assert statuses == [401, 200, 403]


def test_other_computers_need_the_access_key_alone(proxies, tmp_path, monkeypatch):
    """Nobody can tell their users apart."""
    running = proxies.start(tmp_path, same_user_only=True, host="0.0.0.0", proxy_api_key=SecretStr(ACCESS_KEY))
    monkeypatch.setattr(socket_owner, "is_ours", lambda _: False)
    here = running.http.get("/api/version", headers={"x-api-key": ACCESS_KEY}).status_code
    monkeypatch.setattr(socket_owner, "is_of_this_computer", lambda _: False)

    elsewhere = [
        running.http.get("/api/version", headers=headers).status_code for headers in ({"x-api-key": ACCESS_KEY}, {})
    ]

    assert (here, elsewhere) == (403, [200, 401])


def test_where_it_is_off_it_is_not_in_the_way_at_all(the_one_proxy, own):
    apps = [create_app(lambda deps=each.program.deps: deps) for each in (the_one_proxy, own)]

    assert [_has_it(app) for app in apps] == [False, True]


def test_what_this_program_asks_of_itself_passes(own):
    assert _has_it(create_app(lambda: own.program.deps, for_ourselves=True)) is False


def _has_it(app):
    while app is not None:
        if isinstance(app, SameUser):
            return True
        app = getattr(app, "_app", None)
    return False


@pytest.fixture
def open_to_all(proxies, tmp_path, monkeypatch, free_port):
    """A program whose values come from its file."""
    monkeypatch.setenv("TRAY_PROXY_HOME", str(tmp_path))
    (tmp_path / "settings.json").write_text(f'{{"port": {free_port}}}')
    return proxies.start(tmp_path, port=free_port)


def test_turned_on_and_off_on_the_page_it_is_in_force_at_once(open_to_all, loop, monkeypatch):
    running = open_to_all
    monkeypatch.setattr(socket_owner, "is_ours", lambda sock: sock.getsockname()[1] != _port(running))
    statuses = []

    for on in (True, False):
        loop.submit(running.program.settings_desk.save({"same_user_only": on})).result(15)
        statuses.append(httpx.get(f"{running.url}/api/version", trust_env=False).status_code)

    assert statuses == [403, 200]


def test_where_the_system_cannot_tell_the_port_is_closed_and_says_why(open_to_all, loop, monkeypatch):
    running = open_to_all
    monkeypatch.setattr(socket_owner, "is_ours", lambda _: False)

    with pytest.raises(socket_owner.CannotTell):
        loop.submit(running.program.settings_desk.save({"same_user_only": True})).result(15)

    with pytest.raises(httpx.ConnectError):
        running.http.get("/")
    state = running.program.page_state()
    assert (state.running, state.problem.message.partition(":")[0]) == (
        False,
        "This system does not tell whose a connection is",
    )


def _port(running):
    return int(running.url.rpartition(":")[2])


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can make sockets of other users")
def test_a_crowd_of_two_users_is_told_apart(proxy, upstream):
    """All at once, and each by its own connection."""
    libc, told = ctypes.CDLL(None), {"own": [], "other": []}

    def ask(who, user):
        libc.setfsuid(user)
        with httpx.Client(base_url=proxy.url, trust_env=False) as client:
            told[who] += [client.post("/api/chat", json=CHAT).status_code for _ in range(5)]

    threads = [
        threading.Thread(target=ask, args=each) for _ in range(20) for each in (("own", os.geteuid()), ("other", 65534))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert told == {"own": [200] * 100, "other": [403] * 100}
    assert len(upstream.chats) == 100
