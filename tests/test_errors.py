"""Every failure has a status, a hint, and words that clients know."""

import inspect

import pytest

from tray_proxy import errors
from tray_proxy.errors import (
    BadRequest,
    BodyTooLarge,
    CatalogueUnavailable,
    KeychainUnavailable,
    KeyMissing,
    KeyRejected,
    ModelNameAmbiguous,
    ModelNotAllowed,
    ModelNotFound,
    OutOfCredits,
    PortInUse,
    ProxyError,
    RateLimited,
    SettingsInvalid,
    Stopping,
    UnsupportedRequest,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)

STATUSES = {
    ProxyError: 500,
    BadRequest: 400,
    UnsupportedRequest: 400,
    BodyTooLarge: 413,
    KeyMissing: 401,
    ModelNotFound: 404,
    ModelNotAllowed: 404,
    ModelNameAmbiguous: 400,
    CatalogueUnavailable: 503,
    KeychainUnavailable: 503,
    Stopping: 503,
    PortInUse: 500,
    SettingsInvalid: 500,
    UpstreamError: 502,
    KeyRejected: 401,
    OutOfCredits: 402,
    RateLimited: 429,
    UpstreamUnreachable: 502,
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


@pytest.mark.parametrize("kind", [ModelNotFound, ModelNotAllowed])
def test_an_unknown_model_is_told_in_ollamas_words(kind: type[ModelNotFound]) -> None:
    """Its command line and others search for them; and nobody learns what the owner did not allow."""
    assert kind("llama3.2:latest").message == "model 'llama3.2:latest' not found"


def test_an_ambiguous_name_comes_with_its_candidates() -> None:
    error = ModelNameAmbiguous("nemo", ["mistralai/nemo", "nvidia/nemo"])

    assert error.message == "model name 'nemo' is ambiguous: it could be mistralai/nemo, nvidia/nemo"


def test_a_missing_key_says_where_it_can_be_put() -> None:
    assert KeyMissing().message == (
        "No OpenRouter key is set: open Tray Proxy's Settings from the tray icon and paste your key there, "
        "or start it with the environment variable OPENROUTER_API_KEY."
    )


@pytest.mark.parametrize(("given", "status"), [(None, 502), (408, 408), (529, 529)])
def test_openrouters_own_status_is_kept(given: int | None, status: int) -> None:
    assert UpstreamError("It failed.", status=given).status == status


@pytest.mark.parametrize("retry_after_s", [None, 0.0, 12.5])
def test_a_rate_limit_tells_how_long_to_wait_where_it_is_known(retry_after_s: float | None) -> None:
    assert RateLimited("Slow down.", retry_after_s=retry_after_s).retry_after_s == retry_after_s
