"""The access key: who has to show it, where, and what is said to who does not."""

import json
import socket

import httpx
import ollama as ollama_library
import pytest

from tray_proxy.demo.upstream import DEMO_KEY, DemoUpstream
from tray_proxy.secret_str import SecretStr
from web.opening import page_headers

KEY = "canary-access-key-of-nobody"
BEARER = {"authorization": f"Bearer {KEY}"}
NEEDED = "an access key is needed: enter Tray Proxy's PROXY_API_KEY as this app's API key (Bearer or x-api-key)"
WRONG = NEEDED.replace("an access key is needed", "the access key is not the right one")
CHAT = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": False}


@pytest.fixture(scope="module")
def guarded(shared_proxies, stage, tmp_path_factory):
    """A proxy that other computers reach, for those who show the key."""
    stage.app = DemoUpstream(chunk_delay_s=0).app
    return shared_proxies.start(tmp_path_factory.mktemp("home"), host="0.0.0.0", proxy_api_key=SecretStr(KEY))


@pytest.fixture
def proxy(guarded, upstream):
    return guarded


@pytest.mark.parametrize(
    "headers",
    [BEARER, {"authorization": f"bearer  {KEY}"}, {"x-api-key": KEY}, {"x-api-key": KEY, "authorization": "Bearer x"}],
)
@pytest.mark.parametrize(("path", "body"), [("/api/chat", CHAT), ("/v1/chat/completions", CHAT)])
def test_who_shows_the_key_is_answered(proxy, headers, path, body):
    assert proxy.http.post(path, json=body, headers=headers).status_code == 200


@pytest.mark.parametrize("by", ["header", "environment"])
def test_ollamas_own_library_shows_it(proxy, by, monkeypatch):
    """It reads the key for Ollama's cloud, and sends that to any server."""
    if by == "environment":
        monkeypatch.setenv("OLLAMA_API_KEY", KEY)

    with ollama_library.Client(host=proxy.url, trust_env=False, headers=BEARER if by == "header" else {}) as client:
        answer = client.chat(model="openai/gpt-4o-mini", messages=CHAT["messages"])

    assert answer.message.content.startswith("[demo]")


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({}, NEEDED),
        ({"authorization": "Bearer"}, NEEDED),
        ({"authorization": f"Basic {KEY}"}, NEEDED),
        ({"x-api-key": ""}, NEEDED),
        ({"authorization": "Bearer ollama"}, WRONG),
        ({"authorization": f"Bearer {KEY}x"}, WRONG),
        ({"authorization": f"Bearer {KEY[:-1]}"}, WRONG),
        ({"x-api-key": KEY.upper()}, WRONG),
        ({"x-api-key": "schl\u00fcssel".encode()}, WRONG),
    ],
)
def test_who_does_not_show_it_is_told_what_to_enter_where(proxy, upstream, headers, text):
    answer = proxy.http.post("/api/chat", json=CHAT, headers=headers)

    assert (answer.status_code, answer.json()) == (401, {"error": text})
    assert answer.headers["www-authenticate"] == "Bearer"
    assert upstream.received == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "//v1/models/", "/v1/nope"])
def test_under_v1_it_is_told_in_openais_shape(proxy, path):
    answer = proxy.http.post(path, json=CHAT)

    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == NEEDED
    assert answer.json()["error"]["type"] == "authentication_error"


def test_under_messages_it_is_told_in_anthropics_shape(proxy):
    answer = proxy.http.post("/v1/messages", json=CHAT)

    assert answer.status_code == 401
    assert answer.json() == {
        "type": "error",
        "error": {"type": "authentication_error", "message": NEEDED},
        "request_id": f"req_{answer.headers['x-request-id']}",
    }


def test_the_key_is_asked_for_before_the_body_is_read(proxy):
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as client:
        client.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")

        assert client.recv(4096).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("path", ["/", "/health"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whether_it_is_well_is_seen_without_a_key(proxy, method, path):
    assert proxy.http.request(method, path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/"), ("POST", "/health"), ("GET", "/api/version"), ("GET", "/api/tags"), ("GET", "/metrics"),
     ("GET", "/nope"), ("OPTIONS", "/api/chat"), ("GET", "/health/../api/tags"), ("GET", "/healthy")],
)  # fmt: skip
def test_nothing_else_is(proxy, method, path):
    assert proxy.http.request(method, path).status_code == 401


def test_a_preflight_brings_no_key_and_a_page_may_read_why_it_was_refused(proxy):
    origin = {"origin": "http://localhost:3000"}

    preflight = proxy.http.options("/api/chat", headers=origin | {"access-control-request-method": "POST"})
    refused = proxy.http.post("/api/chat", json=CHAT, headers=origin)

    assert (preflight.status_code, refused.status_code) == (204, 401)
    assert refused.headers["access-control-allow-origin"] == "http://localhost:3000"


def test_a_web_page_from_elsewhere_is_refused_with_the_key_too(proxy, upstream):
    answer = proxy.http.post("/api/chat", json=CHAT, headers=BEARER | {"origin": "http://evil.example"})

    assert (answer.status_code, upstream.received) == (403, [])


def test_any_name_of_this_computer_will_do(proxy):
    headers = {"host": "ai.example.com"}

    assert proxy.http.get("/api/version", headers=headers).status_code == 401
    assert proxy.http.get("/api/version", headers=headers | BEARER).status_code == 200


def test_openrouter_never_sees_the_access_key(proxy, upstream):
    proxy.http.post("/api/chat", json=CHAT, headers=BEARER | {"x-api-key": KEY})

    (request,) = upstream.chats
    assert request.headers["authorization"] == f"Bearer {DEMO_KEY}"
    assert KEY not in json.dumps(dict(request.headers))


def test_the_ollama_beside_us_never_sees_it(proxies, tmp_path, ollama):
    running = proxies.start(tmp_path, proxy_api_key=SecretStr(KEY), local_ollama=ollama.url)

    answer = running.http.post("/api/chat", json=CHAT | {"model": "llama3.3:70b"}, headers=BEARER)

    assert answer.status_code == 200
    (asked,) = ollama.asked
    assert KEY not in json.dumps(asked.headers)


def test_the_log_tells_of_a_wrong_key_and_not_which(proxy, log_lines, tmp_path):
    proxy.http.get("/api/version", headers={"x-api-key": "a-wrong-key-of-nobody"})
    proxy.http.get("/api/version", headers=BEARER)

    (refused, answered) = log_lines("/api/version", 2)
    assert (refused["status"], refused["outcome"], refused["error"]) == (401, "failed", "AccessDenied")
    assert (answered["status"], answered["error"]) == (200, None)
    written = (tmp_path / "tray-proxy.log").read_text()
    (warning,) = [json.loads(line) for line in written.splitlines() if "wrong access key" in line]
    assert (warning["level"], warning["address"], warning["request_id"]) == (
        "warning",
        "127.0.0.1",
        refused["request_id"],
    )
    assert [key in written for key in ("a-wrong-key-of-nobody", KEY)] == [False, False]


def test_the_page_asks_its_question_without_the_key_and_stays_on_loopback(proxy, loop):
    """What it tells of settings does not hold the key either."""
    url = loop.submit(proxy.program.page.url("")).result(15)
    page = httpx.Client(base_url=url.partition("/open")[0], trust_env=False, follow_redirects=True)
    with page:
        page.headers.update(page_headers(page.get(url)))
        answer = page.post("/api/try", json={"model": "openai/gpt-4o-mini"})
        told = [page.get(path).text for path in ("/api/settings", "/api/state", "/api/apps", "/api/diagnostics")]

    assert answer.status_code == 200, answer.text
    assert [KEY in each for each in told] == [False] * 4
    bound = [sock.getsockname()[0] for sock in proxy.program.page._listener._sockets]
    assert bound == ["127.0.0.1", "::1"]


def test_without_an_access_key_whatever_is_sent_is_let_in(proxies, tmp_path):
    """As with Ollama: apps send a made-up one."""
    running = proxies.start(tmp_path)

    assert running.http.get("/api/version", headers={"authorization": "Bearer ollama"}).status_code == 200
