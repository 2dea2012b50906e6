"""Ollama's routes about its own cloud: who has a key is signed in."""

import uuid

import pytest

from tray_proxy.demo.upstream import DEMO_KEY
from tray_proxy.keychain import ACCOUNT, SERVICE

KEPT = (SERVICE, ACCOUNT)
NOT_SIGNED_IN = {"error": "you are not currently signed in"}


@pytest.fixture
def start(proxies, tmp_path):
    """Start a proxy in this test's folder."""
    return lambda **settings: proxies.start(tmp_path, **settings)


@pytest.fixture
def keyless(start, memory_keyring):
    """A proxy whose key store is there and empty."""
    return start(openrouter_api_key=None)


@pytest.fixture
def with_kept_key(start, memory_keyring):
    """A proxy whose key lies in the key store."""
    memory_keyring[KEPT] = DEMO_KEY
    return start(openrouter_api_key=None)


def told(answer):
    """Return status and whole answer."""
    return answer.status_code, answer.json()


def test_ollamas_own_cloud_is_off(proxy):
    assert told(proxy.http.get("/api/status")) == (200, {"cloud": {"disabled": True, "source": "none"}})


def test_who_has_a_key_is_signed_in(proxy, upstream):
    status, user = told(proxy.http.post("/api/me"))

    assert status == 200
    assert str(uuid.UUID(user.pop("id"))) == told(proxy.http.post("/api/me"))[1]["id"]
    assert user == {"email": "", "name": "OpenRouter", "plan": "pay-as-you-go"}
    assert upstream.received == []


def test_a_key_in_the_key_store_counts_too(with_kept_key):
    assert told(with_kept_key.http.post("/api/me"))[1]["name"] == "OpenRouter"


def page_address(running):
    return running.loop.submit(running.program.page.address()).result(15)


def test_without_a_key_a_client_is_sent_to_the_settings_page(keyless):
    status, answer = told(keyless.http.post("/api/me"))

    assert (status, answer) == (401, {"error": "unauthorized", "signin_url": page_address(keyless)})


def test_where_there_is_no_key_store_a_client_is_sent_there_too(start, monkeypatch):
    import keyring
    from keyring.backends.fail import Keyring

    monkeypatch.setattr(keyring, "get_keyring", Keyring)

    answer = start(openrouter_api_key=None).http.post("/api/me")

    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")


def test_a_locked_key_store_is_not_taken_for_an_empty_one(start, monkeypatch):
    import keyring
    from keyring.errors import KeyringLocked

    class Locked:
        def get_password(self, service, username):
            raise KeyringLocked

    monkeypatch.setattr(keyring, "get_keyring", Locked)
    running = start(openrouter_api_key=None)

    answers = [told(running.http.post(path)) for path in ("/api/me", "/api/signout")]

    words = (
        "The system's key store refused (KeyringLocked). "
        "Unlock your system's key store, or start Tray Proxy with the environment variable OPENROUTER_API_KEY."
    )
    assert answers == [(503, {"error": words})] * 2


def test_the_address_opens_nothing(keyless):
    """Any program may ask for it, so it cannot be a way in: the page it leads to tells what to click."""
    import httpx

    signin_url = keyless.http.post("/api/me").json()["signin_url"]
    answer = httpx.get(signin_url, trust_env=False)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "<b>Settings</b>" in answer.text
    assert "OPENROUTER_API_KEY" in answer.text
    assert httpx.get(f"{signin_url}api/state", trust_env=False).status_code == 403


def test_a_missing_key_shows_in_the_tray_when_an_app_asks(keyless):
    shown = []
    keyless.program.deps.in_flight.troubled = shown.append

    keyless.http.post("/api/me")

    assert [type(error).__name__ for error in shown] == ["KeyMissing"]


def test_a_chat_without_a_key_has_the_address_beside_its_words(keyless):
    """Ollama's command line shows nothing but the address."""
    answer = keyless.chat()

    assert answer.status_code == 401
    assert answer.json() == {
        "error": "No OpenRouter key is set: open Tray Proxy's Settings from the tray icon and sign in or paste a key "
        "there, or start it with the environment variable OPENROUTER_API_KEY.",
        "signin_url": page_address(keyless),
    }


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/signout"), ("DELETE", "/api/user/keys/c3NoLWtleQ")])
def test_signing_out_forgets_the_key(with_kept_key, memory_keyring, method, path):
    answer = with_kept_key.http.request(method, path)

    assert told(answer) == (200, None)
    assert KEPT not in memory_keyring
    assert told(with_kept_key.http.request(method, path)) == (401, NOT_SIGNED_IN)
    assert with_kept_key.chat().status_code == 401


def test_signing_out_shows_in_the_tray_at_once(with_kept_key):
    told_missing = []
    with_kept_key.http.post("/api/me")
    with_kept_key.program.keychain.changed = lambda: told_missing.append(with_kept_key.program.keychain.present)

    with_kept_key.http.post("/api/signout")

    assert told_missing == [False]


def test_who_has_no_key_cannot_sign_out(keyless):
    assert told(keyless.http.post("/api/signout")) == (401, NOT_SIGNED_IN)


def test_a_key_of_the_environment_is_not_ours_to_forget(proxy):
    assert told(proxy.http.post("/api/signout")) == (
        400,
        {
            "error": "there was an error signing out: the key comes from the environment variable OPENROUTER_API_KEY; "
            "start Tray Proxy without it"
        },
    )
    assert proxy.http.post("/api/me").status_code == 200


def test_the_owner_can_keep_apps_from_signing_out(start, memory_keyring):
    memory_keyring[KEPT] = DEMO_KEY
    running = start(openrouter_api_key=None, manage_models="deny")

    assert told(running.http.post("/api/signout")) == (
        403,
        {
            "error": "apps may not sign out: the setting MANAGE_MODELS is deny; "
            "set it to allow, or use Tray Proxy's settings page"
        },
    )
    assert memory_keyring[KEPT] == DEMO_KEY


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/experimental/web_search", "ollama cloud is disabled: web search is unavailable"),
        ("/api/experimental/web_fetch", "ollama cloud is disabled: web fetch is unavailable"),
    ],
)
def test_what_ollamas_cloud_does_is_refused_in_its_words(proxy, upstream, path, words):
    assert told(proxy.http.post(path, json={"query": "x"})) == (403, {"error": words})
    assert told(proxy.http.post(path, content=b" \n")) == (400, {"error": "missing request body"})
    assert upstream.received == []


def test_while_every_model_is_allowed_none_is_recommended(proxy):
    assert told(proxy.http.get("/api/experimental/model-recommendations")) == (200, {"recommendations": []})


def test_the_ticked_models_are_recommended(start):
    running = start(allowed_models=("openai/gpt-4o-mini",))

    status, answer = told(running.http.get("/api/experimental/model-recommendations"))

    assert status == 200
    assert answer["recommendations"] == [
        {
            "model": "openai/gpt-4o-mini",
            "description": "A row of Tray Proxy's demo catalogue. No model stands behind it.",
            "context_length": 128000,
            "max_output_tokens": 16384,
        }
    ]


def test_an_empty_choice_is_recommended_as_such(start):
    running = start(allowed_models=())

    assert told(running.http.get("/api/experimental/model-recommendations")) == (200, {"recommendations": []})
