"""The key on the page: what goes over the socket, and what becomes of it."""

import hashlib
import logging

import pytest

from tray_proxy.demo.keys import DEMO_KEY, DISABLED_KEY, EXPIRED_KEY, FREE_KEY, SPENT_KEY
from tray_proxy.errors import KeychainUnavailable, KeyRejected, ProxyError, UpstreamError, UpstreamUnreachable
from tray_proxy.secret_str import SecretStr
from tray_proxy.web.key_api import KeyUnusable
from web.fakes import KEY, Served


def test_a_pasted_key_is_trimmed_and_stored(served: Served) -> None:
    """What is copied often brings a line end along."""
    answer = served.visitor().post("/api/key", json={"key": f"  {KEY}\n"})

    assert answer.status_code == 200
    assert answer.json() == {"message": "The key works and is kept in your system's key store."}
    assert served.backend.calls == [("store_key", KEY)]


def test_a_pasted_key_can_be_tested_without_being_stored(served: Served) -> None:
    """Looking first is allowed."""
    answer = served.visitor().post("/api/key/test", json={"key": f" {KEY} "})

    assert answer.json() == {"message": "This key works: $4.20 of credit left."}
    assert served.backend.calls == [("test_key", KEY)]
    assert served.backend.key is None


@pytest.mark.parametrize("content", [{}, {"key": None}])
def test_without_a_key_the_stored_one_is_tested(served: Served, content: dict[str, None]) -> None:
    """The page does not have it, and does not need it."""
    served.visitor().post("/api/key/test", json=content)

    assert served.backend.calls == [("test_key", None)]


def test_the_key_can_be_forgotten(served: Served) -> None:
    """The way out is as short as the way in."""
    served.backend.key = KEY

    answer = served.visitor().delete("/api/key")

    assert answer.status_code == 204
    assert served.backend.calls == [("forget_key", None)]


@pytest.mark.parametrize("path", ["/api/key", "/api/key/test"])
@pytest.mark.parametrize(
    ("pasted", "error"),
    [
        ("", "There is no key in the field."),
        (" \n", "There is no key in the field."),
        ("sk-or two", "This is not a key: it has spaces or special characters in it."),
        ("sk-or\r\nX-Evil: 1", "This is not a key: it has spaces or special characters in it."),
        ("sk-or-ключ", "This is not a key: it has spaces or special characters in it."),
    ],
)
def test_what_cannot_be_a_key_is_not_asked_about(served: Served, path: str, pasted: str, error: str) -> None:
    """OpenRouter does not need to see what else was in the clipboard."""
    answer = served.visitor().post(path, json={"key": pasted})

    assert answer.status_code == 422
    assert answer.json() == {
        "error": error,
        "hint": "Copy the key from openrouter.ai/keys and paste it again.",
    }
    assert served.backend.calls == []


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (KeyRejected("OpenRouter does not know this key."), 422),
        (UpstreamError("OpenRouter says no.", status=403), 422),
        (UpstreamError("OpenRouter is ill.", status=503), 503),
        (KeychainUnavailable("The key store is locked."), 503),
    ],
)
def test_a_wrong_key_is_not_mistaken_for_a_lost_session(served: Served, fault: ProxyError, status: int) -> None:
    """The page takes 403 for "open me again"; a rejected key must read differently."""
    served.backend.fault = fault

    answer = served.visitor().post("/api/key", json={"key": KEY})

    assert answer.status_code == status
    assert answer.json() == {"error": fault.message, "hint": fault.hint}


@pytest.mark.parametrize("path", ["/api/key", "/api/key/test"])
def test_a_key_that_is_quoted_in_an_error_is_blotted_out(served: Served, path: str) -> None:
    """OpenRouter, or a hotel's login page, may repeat what it was sent."""
    served.backend.fault = KeyRejected(f"No cookie for Bearer {KEY}")

    answer = served.visitor().post(path, json={"key": KEY})

    assert answer.json()["error"] == "No cookie for Bearer [key removed]"
    assert KEY not in answer.text


def test_a_key_that_is_quoted_in_an_answer_is_blotted_out(served: Served) -> None:
    """The key goes in and never comes out."""
    served.backend.answer = f"{KEY} works."

    answer = served.visitor().post("/api/key/test", json={"key": KEY})

    assert answer.json() == {"message": "[key removed] works."}


def test_the_key_is_in_no_answer_and_no_log_line(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes right or wrong, it is written nowhere."""
    caplog.set_level(logging.DEBUG)
    visitor = served.visitor()

    answers = [
        visitor.post("/api/key/test", json={"key": KEY}),
        visitor.post("/api/key", json={"key": KEY}),
        visitor.post("/api/key", json={"key": KEY, "more": 1}),
        visitor.post("/api/key", json={"key": [KEY]}),
        visitor.post("/api/key", json=KEY),
        visitor.post("/api/key", content=f'{{"key": "{KEY}"'),
        visitor.post("/api/models", json={"allowed": KEY}),
        visitor.get("/api/state"),
        visitor.get("/api/models"),
        visitor.get("/"),
    ]

    assert not [answer.request.url.path for answer in answers if KEY in answer.text + str(answer.headers)]
    assert KEY not in caplog.text


@pytest.fixture
def keyless(proxies, tmp_path, memory_keyring):
    """A program without a key, and with an empty key store."""
    return proxies.start(tmp_path, openrouter_api_key=None)


def do(running, work):
    return running.loop.submit(work).result(10)


def test_a_key_is_checked_stored_used_and_forgotten(keyless, upstream, memory_keyring):
    desk = keyless.program.key_desk

    said = do(keyless, desk.store(f"  {upstream.key}\n"))

    assert said == "This key works; $8.75 of its limit of $10.00 is left. It is kept in your system's key store."
    assert list(memory_keyring.values()) == [upstream.key]
    assert (desk.state().present, desk.state().source) == (True, "keyring")
    assert keyless.chat().status_code == 200
    do(keyless, desk.forget())
    assert memory_keyring == {}
    assert (desk.state().present, desk.state().source) == (False, "")
    assert keyless.chat().json()["error"] == (
        "No OpenRouter key is set: open Tray Proxy's Settings from the tray icon and sign in or paste a key there, "
        "or start it with the environment variable OPENROUTER_API_KEY."
    )


USED_UP = "$5.00 a month is used up: no model answers until it begins anew, next month."


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (FREE_KEY, "This key works, but has no credit: free models only."),
        (SPENT_KEY, f"This key works, but its limit of {USED_UP}"),
    ],
)
def test_a_key_that_is_good_for_less_is_kept_and_that_is_said(keyless, memory_keyring, key, said):
    assert do(keyless, keyless.program.key_desk.store(key)) == f"{said} It is kept in your system's key store."

    assert list(memory_keyring.values()) == [key]
    assert keyless.program.key_desk.state().about == said


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("sk-or-v1-wrong-key-of-nobody", "OpenRouter does not know this key."),
        (DISABLED_KEY, "This key is switched off."),
        (EXPIRED_KEY, "This key has expired."),
    ],
)
def test_a_key_that_openrouter_does_not_accept_is_not_kept(keyless, memory_keyring, key, said):
    desk = keyless.program.key_desk

    with pytest.raises(KeyRejected) as refused:
        do(keyless, desk.store(key))

    assert refused.value.message == said
    assert memory_keyring == {}
    assert desk.state().present is False


@pytest.fixture
def offline(proxies, free_port, tmp_path, memory_keyring):
    """A program without a key, and without a way to OpenRouter."""
    return proxies.start(
        tmp_path,
        openrouter_api_key=None,
        openrouter_base_url=f"http://127.0.0.1:{free_port}/api/v1",
        wait_for_models=False,
    )


def test_without_a_network_nothing_is_stored_and_that_is_said(offline, upstream, memory_keyring):
    with pytest.raises(UpstreamUnreachable) as refused:
        do(offline, offline.program.key_desk.store(upstream.key))

    assert refused.value.message == "OpenRouter could not be reached: there seems to be no internet connection."
    assert refused.value.hint == (
        "Check the internet connection, and try again. "
        "The key was not checked, so it was not stored: it stays in the field."
    )
    assert memory_keyring == {}


def test_a_new_key_is_kept_even_if_it_cannot_be_checked(offline, memory_keyring):
    """OpenRouter has just made it, and would not give it a second time."""
    said = do(offline, offline.program.key_desk.store_new(SecretStr(DEMO_KEY)))

    assert said == "OpenRouter has just made this key. It is kept in your system's key store."
    assert list(memory_keyring.values()) == [DEMO_KEY]
    assert offline.program.key_desk.state().about is None


def test_without_a_key_store_a_key_is_kept_for_now(keyless, upstream):
    import keyring
    from keyring.backends.fail import Keyring

    keyring.set_keyring(Keyring())

    said = do(keyless, keyless.program.key_desk.store(upstream.key))

    assert said == (
        "This key works; $8.75 of its limit of $10.00 is left. It is kept until Tray Proxy ends. "
        "This system has no key store that Tray Proxy can use."
    )
    assert keyless.program.key_desk.state().source == "session"


def test_the_keys_own_page_is_told_by_a_hash(keyless, stage, upstream):
    """A hash is not the key."""
    desk = keyless.program.key_desk
    before = desk.state().link
    do(keyless, desk.store(upstream.key))

    site = stage.url.removesuffix("/api/v1")
    assert (before, desk.state().link) == (None, f"{site}/keys/{hashlib.sha256(upstream.key.encode()).hexdigest()}")


def test_what_openrouter_said_of_a_key_goes_with_the_key(keyless, upstream):
    desk = keyless.program.key_desk
    do(keyless, desk.store(upstream.key))
    kept = desk.state()
    do(keyless, desk.forget())

    assert (kept.label, kept.about) == (
        "sk-or-v1-dem...ing (demo)",
        "This key works; $8.75 of its limit of $10.00 is left.",
    )
    assert (desk.state().link, desk.state().label, desk.state().about) == (None, None, None)


def test_a_key_that_was_there_at_the_start_is_known_once_it_was_tested(proxies, tmp_path):
    """Nobody is asked about it unasked."""
    desk = (running := proxies.start(tmp_path)).program.key_desk
    before = desk.state().label
    do(running, desk.test(None))

    assert (before, desk.state().label) == (None, "sk-or-v1-dem...ing (demo)")


@pytest.mark.parametrize("pasted", ["", "   ", "two words", "schlüssel", "a\nb"])
def test_what_cannot_be_a_key_is_refused_without_asking_anyone(keyless, upstream, pasted):
    asked = len(upstream.received)

    with pytest.raises(KeyUnusable):
        do(keyless, keyless.program.key_desk.store(pasted))

    assert len(upstream.received) == asked


def test_a_key_from_the_environment_cannot_be_changed_on_the_page(proxies, tmp_path):
    running = proxies.start(tmp_path)
    desk = running.program.key_desk

    with pytest.raises(KeyUnusable):
        do(running, desk.forget())

    assert desk.state().source == "environment"
    assert running.chat().status_code == 200


def test_a_key_can_be_tested_before_it_is_kept(keyless, upstream, memory_keyring):
    said = do(keyless, keyless.program.key_desk.test(upstream.key))

    assert said == "This key works; $8.75 of its limit of $10.00 is left."
    assert memory_keyring == {}
    assert keyless.program.key_desk.state().about is None
