"""The key on the page: what goes over the socket, and what becomes of it."""

import logging

import pytest

from tray_proxy.errors import KeychainUnavailable, KeyRejected, ProxyError, UpstreamError
from tray_proxy.web.key_api import KeyUnusable, sentence
from tray_proxy.wire.openrouter import KeyInfo
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

    assert answer.json()["error"] == "No cookie for Bearer (your key)"
    assert KEY not in answer.text


def test_a_key_that_is_quoted_in_an_answer_is_blotted_out(served: Served) -> None:
    """The key goes in and never comes out."""
    served.backend.answer = f"{KEY} works."

    answer = served.visitor().post("/api/key/test", json={"key": KEY})

    assert answer.json() == {"message": "(your key) works."}


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


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (KeyInfo(), "The key works."),
        (KeyInfo(limit=5.0, limit_remaining=3.5), "The key works; $3.50 of its limit of $5.00 is left."),
        (KeyInfo(limit=5.0, limit_remaining=0.0), "The key works, but its limit of $5.00 is used up."),
        (
            KeyInfo(is_free_tier=True),
            "The key works, but no credit was ever bought for this account: free models only.",
        ),
    ],
)
def test_a_key_is_told_in_plain_words(info, said):
    assert sentence(info) == said


def test_a_key_is_checked_stored_used_and_forgotten(keyless, upstream, memory_keyring):
    desk = keyless.program.key_desk

    said = do(keyless, desk.store(f"  {upstream.key}\n"))

    assert said.endswith("It is kept in your system's key store.")
    assert list(memory_keyring.values()) == [upstream.key]
    assert (desk.state().present, desk.state().source) == (True, "keyring")
    assert keyless.chat().status_code == 200
    do(keyless, desk.forget())
    assert memory_keyring == {}
    assert (desk.state().present, desk.state().source) == (False, "")
    assert keyless.chat().json()["error"] == (
        "No OpenRouter key is set: open Tray Proxy's Settings from the tray icon and paste your key there, "
        "or start it with the environment variable OPENROUTER_API_KEY."
    )


def test_a_key_that_openrouter_does_not_know_is_not_kept(keyless, memory_keyring):
    desk = keyless.program.key_desk

    with pytest.raises(KeyRejected):
        do(keyless, desk.store("sk-or-v1-wrong-key-of-nobody"))

    assert memory_keyring == {}
    assert desk.state().present is False


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

    assert said.startswith("The key works")
    assert memory_keyring == {}
