"""Every failure has a status, a hint, and words that clients know."""

import inspect

import pytest

from tray_proxy import errors, redaction
from tray_proxy.errors import (
    AccessDenied,
    BadRequest,
    BodyTooLarge,
    CatalogueUnavailable,
    CertificateRefused,
    ContextExceeded,
    KeychainUnavailable,
    KeyMissing,
    KeyRejected,
    ManagingDenied,
    ModelKeptOut,
    ModelNameAmbiguous,
    ModelNotAllowed,
    ModelNotFound,
    NetworkProxyFailed,
    NetworkSignIn,
    NoConnection,
    NoKeyStore,
    Offline,
    OllamaAway,
    OutOfCredits,
    PortInUse,
    ProxyError,
    RateLimited,
    SettingsInvalid,
    SettingsNotSaved,
    Stopping,
    ThreadNotKept,
    UnsupportedEncoding,
    UnsupportedRequest,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
    full_text,
)

STATUSES = {
    ProxyError: 500,
    BadRequest: 400,
    UnsupportedRequest: 400,
    BodyTooLarge: 413,
    UnsupportedEncoding: 415,
    ThreadNotKept: 404,
    KeyMissing: 401,
    AccessDenied: 401,
    ModelNotFound: 404,
    ModelNotAllowed: 404,
    ModelNameAmbiguous: 400,
    ManagingDenied: 403,
    ModelKeptOut: 403,
    CatalogueUnavailable: 503,
    KeychainUnavailable: 503,
    NoKeyStore: 503,
    Stopping: 503,
    OllamaAway: 503,
    PortInUse: 500,
    SettingsInvalid: 500,
    SettingsNotSaved: 500,
    UpstreamError: 502,
    KeyRejected: 401,
    OutOfCredits: 402,
    ContextExceeded: 400,
    RateLimited: 429,
    UpstreamUnreachable: 502,
    Offline: 503,
    NoConnection: 502,
    NetworkSignIn: 502,
    NetworkProxyFailed: 502,
    CertificateRefused: 502,
    UpstreamTimeout: 504,
}


def test_the_family_and_its_statuses_are_these() -> None:
    """Clients act on the status: 401 and 402 must not become a 500."""
    family = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, ProxyError)]

    assert {each: each.status for each in family} == STATUSES


@pytest.mark.parametrize("kind", STATUSES, ids=lambda kind: kind.__name__)
def test_every_failure_says_what_to_do_about_it(kind: type[ProxyError]) -> None:
    """In words of its own, as one sentence."""
    own = vars(kind).get("hint", "")

    assert own.endswith(".")


def test_the_message_is_what_it_was_made_of() -> None:
    assert PortInUse("Port 11434 is used by Ollama.").message == "Port 11434 is used by Ollama."


@pytest.mark.parametrize(
    ("kind", "more"),
    [(ModelNotFound, ""), (ModelNotAllowed, ", for it is not allowed: tick it under Models in Tray Proxy")],
)
def test_an_unknown_model_is_told_in_ollamas_words(kind: type[ModelNotFound], more: str) -> None:
    """Its command line and others search for them."""
    assert kind("llama3.2:latest").message == f"model 'llama3.2:latest' not found{more}"


@pytest.mark.parametrize(
    ("near", "more"),
    [
        ([], ""),
        (["a/b"], ", did you mean 'a/b'?"),
        (["a/b", "c/d"], ", did you mean 'a/b' or 'c/d'?"),
        (["a/b", "c/d", "e:latest"], ", did you mean 'a/b' or 'c/d' or 'e:latest'?"),
    ],
)
def test_names_that_were_perhaps_meant_stand_behind_ollamas_words(near: list[str], more: str) -> None:
    error = ModelNotFound("x", near)

    assert error.message == f"model 'x' not found{more}"
    assert error.suggestion == more


def test_an_ambiguous_name_comes_with_its_candidates() -> None:
    error = ModelNameAmbiguous("nemo", ["mistralai/nemo", "nvidia/nemo"])

    assert error.message == "model name 'nemo' is ambiguous: it could be mistralai/nemo, nvidia/nemo"


def test_a_missing_key_says_where_it_can_be_put() -> None:
    assert KeyMissing().message == (
        "No OpenRouter key is set: open Tray Proxy's Settings from the tray icon and sign in or paste a key there, "
        "or start it with the environment variable OPENROUTER_API_KEY."
    )


@pytest.mark.parametrize(("given", "status"), [(None, 502), (408, 408), (529, 529)])
def test_openrouters_own_status_is_kept(given: int | None, status: int) -> None:
    assert UpstreamError("It failed.", status=given).status == status


@pytest.mark.parametrize("retry_after_s", [None, 0.0, 12.5])
def test_a_rate_limit_tells_how_long_to_wait_where_it_is_known(retry_after_s: float | None) -> None:
    assert RateLimited("Slow down.", retry_after_s=retry_after_s).retry_after_s == retry_after_s


def test_the_hint_of_a_case_goes_before_the_hint_of_its_kind() -> None:
    assert UpstreamError("It failed.", hint="Do that.").hint == "Do that."
    assert UpstreamError("It failed.").hint == UpstreamError.hint


@pytest.mark.parametrize("message", ["It failed", "It failed.", "It failed. "])
def test_apps_are_told_the_cure_behind_the_message(message: str) -> None:
    assert full_text(UpstreamError(message, hint="Do that.")) == "It failed. Do that."


@pytest.mark.parametrize("message", ["Who knows?", "Stop!", "Cut here…"])
def test_a_message_keeps_its_own_end(message: str) -> None:
    assert full_text(UpstreamError(message, hint="Do that.")) == f"{message} Do that."


def test_a_cure_that_the_message_holds_is_not_told_twice() -> None:
    assert full_text(UpstreamError("It failed. Do that. Really.", hint="Do that.")) == "It failed. Do that. Really."


@pytest.mark.parametrize("error", [ModelNotFound("m"), BadRequest("missing request body"), KeyMissing()])
def test_ollamas_own_words_reach_apps_alone(error: ProxyError) -> None:
    assert full_text(error) == error.message


@pytest.mark.parametrize("kind", [CatalogueUnavailable, KeychainUnavailable])
def test_what_the_owner_must_mend_is_told_to_apps_too(kind: type[ProxyError]) -> None:
    """Whoever starts it without a tray sees nothing but the app's screen."""
    assert full_text(kind("It failed.")) == f"It failed. {kind.hint}"


def test_near_names_stand_behind_the_words_that_clients_know() -> None:
    error = ModelNotFound("gpt4", ["openai/gpt-4"], 'model "{name}" not found, try pulling it first')

    assert error.message == "model \"gpt4\" not found, try pulling it first, did you mean 'openai/gpt-4'?"


def test_a_name_with_braces_is_repeated_as_it_is() -> None:
    assert ModelNotFound("{0}{name}").message == "model '{0}{name}' not found"


def test_what_apps_may_not_do_is_named() -> None:
    assert ManagingDenied("sign out").message == (
        "apps may not sign out: the setting MANAGE_MODELS is deny; set it to allow, or use Tray Proxy's settings page"
    )


def test_a_message_that_quotes_megabytes_is_cut(monkeypatch):
    """To look through all of them for keys would hold up everybody else; and half a key is none that is known."""
    monkeypatch.setattr(redaction, "_known", [])
    redaction.keep_out("canary-0123456789abcdef")
    quoted = "%63anary-0123456789abcdef"

    long = BadRequest("no such role: " + "%41" * 5_000_000).message
    cut = BadRequest("a" * (redaction.MAX_MESSAGE_LENGTH - 20) + quoted + "a" * 100).message

    assert (len(long), long[:20]) == (redaction.MAX_MESSAGE_LENGTH, "no such role: %41%41")
    assert cut.endswith("a[key removed]aaaaaaa")
