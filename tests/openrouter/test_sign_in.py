"""What the browser is sent to, and one attempt at a time."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from tray_proxy.errors import UpstreamError
from tray_proxy.openrouter import failures, sign_in
from tray_proxy.openrouter.sign_in import LIFE_S, SignIn, SignInRefused

API = "https://openrouter.ai/api/v1"
LABEL = "Tray Proxy on desk"


def query_of(url):
    return dict(parse_qsl(urlsplit(url).query))


def test_a_verifier_is_long_and_fits_into_a_url() -> None:
    """RFC 7636 wants 43 characters or more."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", sign_in.new_verifier())


def test_no_verifier_comes_twice() -> None:
    assert sign_in.new_verifier() != sign_in.new_verifier()


def test_the_challenge_is_that_of_the_rfc() -> None:
    """RFC 7636, appendix B."""
    challenge = sign_in.challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")

    assert challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    ("api_url", "site"),
    [
        (API, "https://openrouter.ai"),
        ("https://eu.openrouter.ai/api/v1", "https://openrouter.ai"),
        ("http://127.0.0.1:40123/api/v1", "http://127.0.0.1:40123"),
        ("https://gateway.example/openrouter/api/v1/", "https://gateway.example/openrouter"),
        ("https://openrouter.ai.example/v1", "https://openrouter.ai.example/v1"),
    ],
)
def test_the_website_follows_from_the_api(api_url, site) -> None:
    assert sign_in.site_of(api_url) == site


def test_the_page_is_asked_for_a_code_that_comes_back() -> None:
    callback = "http://localhost:40123/sign-in?state=a%26b"

    url = sign_in.auth_url("https://openrouter.ai", callback, "ch", "Tray Proxy on Zoë's")

    assert url == (
        "https://openrouter.ai/auth?callback_url=http%3A%2F%2Flocalhost%3A40123%2Fsign-in%3Fstate%3Da%2526b"
        "&code_challenge=ch&code_challenge_method=S256&key_label=Tray+Proxy+on+Zo%C3%AB%27s"
    )


def test_without_a_callback_the_code_is_shown_on_the_screen() -> None:
    """The challenge is needed then."""
    url = sign_in.auth_url("https://openrouter.ai", None, "ch", "Tray Proxy")

    assert url == "https://openrouter.ai/auth?code_challenge=ch&code_challenge_method=S256&key_label=Tray+Proxy"


@pytest.mark.parametrize(
    ("host", "label"),
    [
        ("LAPTOP", "Tray Proxy on LAPTOP"),
        ("Zoes-Mac.local", "Tray Proxy on Zoes-Mac"),
        ("", "Tray Proxy"),
        ("x" * 200, "Tray Proxy on " + "x" * 86),
    ],
)
def test_the_key_is_named_after_the_computer(host, label) -> None:
    """OpenRouter takes 100 characters."""
    assert sign_in.key_label(host) == label


def test_a_key_has_its_own_page() -> None:
    assert sign_in.key_page("https://openrouter.ai", "0af1") == "https://openrouter.ai/keys/0af1"


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def signing_in(clock):
    return SignIn(API, LABEL, clock)


def test_an_attempt_sends_the_browser_to_openrouter_and_back(signing_in) -> None:
    attempt = signing_in.begin(40123)

    query = query_of(attempt.url)
    assert attempt.url.startswith("https://openrouter.ai/auth?")
    assert query.pop("callback_url") == f"http://localhost:40123/sign-in?state={attempt.state}"
    assert query == {
        "code_challenge": sign_in.challenge_of(attempt.verifier.get_secret_value()),
        "code_challenge_method": "S256",
        "key_label": LABEL,
    }


def test_an_attempt_without_a_port_has_no_callback(signing_in) -> None:
    assert sorted(query_of(signing_in.begin(None).url)) == ["code_challenge", "code_challenge_method", "key_label"]


def test_an_attempt_can_be_taken_once(signing_in) -> None:
    attempt = signing_in.begin(1)

    assert [signing_in.take(attempt.state), signing_in.take(attempt.state)] == [attempt, None]


@pytest.mark.parametrize("state", ["", "of-nobody", "ключ", "\ud800"])
def test_another_state_takes_nothing(signing_in, state) -> None:
    """Another page, or an attempt of yesterday, cannot sign the owner in."""
    attempt = signing_in.begin(1)

    assert signing_in.take(state) is None
    assert signing_in.attempt is attempt


def test_nobody_is_waited_for_before_an_attempt(signing_in) -> None:
    assert (signing_in.attempt, signing_in.take(""), signing_in.take_any()) == (None, None, None)


def test_a_new_attempt_replaces_the_old_one(signing_in) -> None:
    old, new = signing_in.begin(1), signing_in.begin(1)

    assert signing_in.take(old.state) is None
    assert signing_in.take(new.state) is new


def test_a_copied_code_needs_no_state(signing_in) -> None:
    attempt = signing_in.begin(None)

    assert [signing_in.take_any(), signing_in.take_any()] == [attempt, None]


def test_an_attempt_ends_after_ten_minutes(signing_in, clock) -> None:
    attempt = signing_in.begin(1)

    clock.now += LIFE_S - 1
    assert signing_in.attempt is attempt
    clock.now += 1
    assert (signing_in.attempt, signing_in.take(attempt.state)) == (None, None)


def test_an_attempt_that_was_not_used_can_be_given_back(signing_in, clock) -> None:
    """Its ten minutes go on."""
    attempt = signing_in.begin(1)
    signing_in.give_back(signing_in.take_any())

    assert signing_in.attempt is attempt
    clock.now += LIFE_S
    assert signing_in.attempt is None


def test_an_attempt_that_is_given_back_late_does_not_replace_a_newer_one(signing_in) -> None:
    signing_in.begin(1)
    old = signing_in.take_any()
    new = signing_in.begin(1)

    signing_in.give_back(old)

    assert signing_in.attempt is new


def test_an_attempt_that_is_given_back_after_it_was_cancelled_is_over(signing_in) -> None:
    signing_in.begin(1)
    attempt = signing_in.take_any()
    signing_in.cancel()

    signing_in.give_back(attempt)

    assert signing_in.attempt is None


def test_a_cancelled_attempt_is_over(signing_in) -> None:
    attempt = signing_in.begin(1)

    signing_in.cancel()

    assert signing_in.take(attempt.state) is None


def test_an_attempt_has_no_secret_in_its_text_form(signing_in) -> None:
    attempt = signing_in.begin(1)

    assert attempt.state not in repr(attempt)
    assert attempt.verifier.get_secret_value() not in repr(attempt)


def answered(status, message):
    body = f'{{"error": {{"code": {status}, "message": "{message}"}}}}'.encode()
    return sign_in.refusal(failures.from_answer(status, body, None, ""))


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (400, "Invalid code_challenge_method", "OpenRouter did not take the sign-in as Tray Proxy began it."),
        (
            403,
            "Invalid code or code_verifier",
            "OpenRouter does not accept this code: it was used before, or belongs to another sign-in.",
        ),
        (403, "Auth code expired", "This code is too old: OpenRouter takes it for ten minutes."),
        (404, "Not Found", "Nobody can sign in at the address that OPENROUTER_BASE_URL names."),
        (
            405,
            "Method Not Allowed",
            "The address that OPENROUTER_BASE_URL names takes no sign-ins this way: OpenRouter wants https.",
        ),
    ],
)
def test_each_refusal_has_a_sentence_of_its_own(status, message, said) -> None:
    error = answered(status, message)

    assert (type(error), error.message) == (SignInRefused, said)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_who_is_ill_can_be_asked_again(status) -> None:
    error = answered(status, "Internal Server Error")

    assert (type(error), error.status) == (UpstreamError, status)
    assert error.message == f"OpenRouter cannot sign you in just now (HTTP status {status})."
    assert error.hint == "Wait a moment, and try again."


def test_somebody_else_who_answers_is_told_apart() -> None:
    error = sign_in.refusal(failures.not_openrouter(302))

    assert error.message == "The answer did not come from OpenRouter (HTTP status 302)."
