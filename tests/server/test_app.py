"""Routes, and what stands around them."""

from types import SimpleNamespace

import pytest

from tray_proxy import catalogue
from tray_proxy.activity import Activity
from tray_proxy.server import app
from tray_proxy.server.app import ROUTES, create_app
from tray_proxy.server.refusals import told
from tray_proxy.setting_list import Settings


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_root_says_that_ollama_is_running(proxy, method):
    answer = proxy.http.request(method, "/")

    assert (answer.status_code, answer.text) == (200, "Ollama is running" if method == "GET" else "")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/api/version", "/api/tags", "/health"])
def test_head_is_answered_where_ollama_does(proxy, path):
    answer = proxy.http.head(path)

    assert (answer.status_code, answer.content) == (200, b"")


def test_an_unknown_route_is_told_in_ollamas_words(proxy):
    answer = proxy.http.get("/api/nope")

    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def not_allowed(path, answer):
    """What stands in the answer to a method that a path does not take: a text, or what its dialect makes of it."""
    words = "405 method not allowed"
    request_id = answer.headers["x-request-id"]
    return told(405, words, path, request_id).decode() if path.startswith("/v1/") else words


WRONG = [
    (method, path, methods) for methods, path, _ in ROUTES for method in METHODS if method not in methods.split(",")
]


@pytest.mark.parametrize(("method", "path", "allowed"), WRONG, ids=lambda value: value)
def test_a_wrong_method_is_405_on_every_route(proxy, upstream, method, path, allowed):
    answer = proxy.http.request(method, path)

    assert answer.status_code == 405
    assert answer.text == ("" if method == "HEAD" else not_allowed(path, answer))
    assert answer.headers["content-type"] == (
        "application/json" if path.startswith("/v1/") else "text/plain; charset=utf-8"
    )
    assert set(answer.headers["allow"].split(", ")) == set(allowed.split(","))
    assert upstream.received == []


@pytest.mark.parametrize("path", [path for _, path, _ in ROUTES])
def test_options_to_an_address_is_405_on_every_route(proxy, path):
    """As with Ollama, which answers OPTIONS by itself only to a host's name."""
    answer = proxy.http.options(path)

    assert (answer.status_code, answer.text) == (405, not_allowed(path, answer))


@pytest.mark.parametrize("path", [path for _, path, _ in ROUTES])
def test_options_to_a_name_is_answered_on_every_route(proxy, path):
    answer = proxy.http.options(path, headers={"host": "localhost"})

    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    "path",
    ["//api/version", "/api/version/", "//api//version//", "/v1/api/version", "/api/api/version", "/v1//api/version/"],
)  # fmt: skip
def test_an_address_typed_with_too_much_is_forgiven(proxy, path):
    """With a slash, `/v1` or `/api` at its end, as people copy it from elsewhere."""
    assert proxy.http.get(proxy.url + path).json() == {"version": "0.33.0"}


@pytest.mark.parametrize("spelled", ["/{}", "{}/", "/v1{}", "/api{}"])
@pytest.mark.parametrize(
    ("methods", "path"), [(methods, path) for methods, path, _ in ROUTES if path.startswith(("/api", "/v1"))]
)
def test_every_route_is_found_by_such_a_path(proxy, methods, path, spelled):
    """Asked with a method that the route does not take: so no route is performed."""
    answer = proxy.http.put(proxy.url + spelled.format(path))

    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == set(methods.split(","))


@pytest.mark.parametrize(
    ("methods", "path"), [(methods, path) for methods, path, _ in ROUTES if path.startswith("/v1")]
)
def test_every_route_of_v1_is_found_without_it(proxy, methods, path):
    """Clients of OpenAI's are often given the address alone, as those of Ollama's are."""
    answer = proxy.http.put(proxy.url + path.removeprefix("/v1"))

    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == set(methods.split(","))
    assert answer.text == not_allowed(path, answer)


def test_a_model_is_found_without_v1(proxy):
    assert proxy.http.get("/models/openai/gpt-4o-mini").json()["id"] == "openai/gpt-4o-mini"


def test_a_post_to_such_a_path_stays_a_post(proxy, upstream):
    """A redirect, as Ollama gives one, would make a GET of it."""
    body = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": False}

    answers = [
        proxy.http.post(f"{proxy.url}{path}", json=body) for path in ("//api/chat", "/v1/api/chat", "/api/api/chat")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(upstream.chats) == 3


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/", "/v1/apis/tags", "/api", "/apiapi/tags", "/api/v2/tags", "/v1/tags", "/chat", "/model", "/files"],
)
def test_what_is_not_meant_so_is_not_found(proxy, path):
    assert proxy.http.get(path).status_code == 404


def test_a_port_open_to_every_page_is_warned_of(monkeypatch):
    """Some have the variable set for Ollama, where nothing costs money."""
    warned = []
    monkeypatch.setattr(app.log, "warning", lambda event, **facts: warned.append((event, facts)), raising=False)

    for origins in ("chrome-extension://*", "*"):
        deps = SimpleNamespace(settings=Settings(ollama_origins=origins), activity=Activity(), demo=False)
        create_app(lambda deps=deps: deps)

    assert warned == [
        ("every web page may call the port and spend money", {"setting": "OLLAMA_ORIGINS", "value": "*"}),
    ]


def test_health_tells_what_is_known_without_asking(proxy, upstream):
    health = proxy.http.get("/health").json()

    assert health.pop("catalogue_age_s") >= 0
    assert health == {
        "app": "Tray Proxy",
        "status": "ok",
        "upstream_reachable": True,
        "key_present": True,
        "demo": False,
        "version": "0.1.0",
    }
    assert upstream.received == []


def test_without_a_key_chat_says_where_to_put_it(proxies, tmp_path, monkeypatch):
    import keyring
    from keyring.backends.fail import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    try:
        running = proxies.start(tmp_path, openrouter_api_key=None)
        answer = running.chat()
    finally:
        keyring.set_keyring(before)

    assert answer.status_code == 503
    assert answer.json() == {
        "error": "This system has no key store that Tray Proxy can use. "
        "Paste the key in Settings after each start, or set the environment variable OPENROUTER_API_KEY."
    }


def test_a_list_is_not_waited_for_as_long_as_an_answer(proxies, tmp_path, monkeypatch, raw_upstream):
    """Raycast gives the list less than two seconds, and would call a timeout what is only a slow start."""
    monkeypatch.setattr(catalogue, "FIRST_LIST_S", 0.01)
    monkeypatch.setattr(catalogue, "FIRST_LOAD_S", 60)
    silent = raw_upstream(lambda connection, _: connection.recv(1))
    running = proxies.start(tmp_path, wait_for_models=False, openrouter_base_url=silent)

    answer = running.http.get("/api/tags")

    assert (answer.status_code, answer.json()["error"][:68]) == (
        503,
        "The model list could not be loaded yet: OpenRouter has not answered ",
    )


def test_without_a_network_the_list_is_an_honest_error(proxies, tmp_path):
    running = proxies.start(tmp_path, wait_for_models=False, openrouter_base_url="http://127.0.0.1:9/api/v1")

    answer = running.http.get("/api/tags")

    assert answer.status_code == 503
    assert answer.json() == {
        "error": "The model list could not be loaded yet: OpenRouter could not be reached: "
        "there seems to be no internet connection. Check the internet connection; Tray Proxy keeps trying by itself."
    }
    assert running.http.get("/health").json()["status"] == "degraded"
