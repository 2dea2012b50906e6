"""Routes, and what stands around them."""

import pytest


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_root_says_that_ollama_is_running(proxy, method):
    answer = proxy.http.request(method, "/")

    assert (answer.status_code, answer.text) == (200, "Ollama is running" if method == "GET" else "")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/api/version", "/api/tags", "/health"])
def test_head_is_answered_where_ollama_does(proxy, path):
    assert proxy.http.head(path).status_code == 200


def test_an_unknown_route_is_told_in_ollamas_words(proxy):
    answer = proxy.http.get("/api/nope")

    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/chat"), ("HEAD", "/api/chat"), ("POST", "/api/tags"), ("DELETE", "/api/show")]
)
def test_a_wrong_method_is_405(proxy, method, path):
    answer = proxy.http.request(method, path)

    assert answer.status_code == 405
    assert answer.text == ("" if method == "HEAD" else "405 method not allowed")


@pytest.mark.parametrize("path", ["//api/version", "/api/version/", "//api//version//"])
def test_a_slash_too_many_is_forgiven(proxy, path):
    """A base address typed with a slash at its end makes such paths."""
    assert proxy.http.get(proxy.url + path).json() == {"version": "0.33.0"}


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
    assert answer.json() == {"error": "This system has no key store that Tray Proxy can use."}


def test_without_a_network_the_list_is_an_honest_error(proxies, tmp_path):
    running = proxies.start(tmp_path, wait_for_models=False, openrouter_base_url="http://127.0.0.1:9/api/v1")

    answer = running.http.get("/api/tags")

    assert answer.status_code == 503
    assert answer.json() == {
        "error": "The model list could not be loaded yet: OpenRouter could not be reached: "
        "there seems to be no internet connection."
    }
    assert running.http.get("/health").json()["status"] == "degraded"
