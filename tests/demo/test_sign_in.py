"""Signing in with the demo over a real socket: its page, the way back to the app, and a code for a key."""

import base64
import hashlib
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from tray_proxy.demo.sign_in import CODE_LIFE_S
from tray_proxy.demo.upstream import DemoUpstream

VERIFIER = "a-verifier-of-more-than-forty-three-characters-0123456789-abcdefg"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALLBACK = "http://localhost:40123/sign-in?state=a%26b"
ASKED = {
    "callback_url": CALLBACK,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "key_label": "Tray Proxy on desk",
}
ON_SCREEN = {name: value for name, value in ASKED.items() if name != "callback_url"}
INVALID = "Invalid code or code_verifier"


class Site:
    """The website, for a browser that follows nothing by itself."""

    def __init__(self, api_url: str) -> None:
        self.url = api_url.removesuffix("/api/v1")

    def ask(self, path: str, query: dict[str, str]) -> httpx.Response:
        method = "GET" if path == "/auth" else "POST"
        return httpx.request(method, f"{self.url}{path}?{urlencode(query)}", trust_env=False, timeout=15)

    def code(self) -> str:
        """Authorise, and read the code off the address that comes back."""
        return dict(parse_qsl(urlsplit(self.ask("/auth/authorize", ASKED).headers["location"]).query))["code"]

    def exchange(self, code: object, /, **more: object) -> httpx.Response:
        body = {"code": code, "code_verifier": VERIFIER, "code_challenge_method": "S256"} | more
        return httpx.post(f"{self.url}/api/v1/auth/keys", json=body, trust_env=False, timeout=15)


@pytest.fixture
def site(stage, upstream) -> Site:
    return Site(stage["url"])


def test_the_page_asks_the_owner(site) -> None:
    answer = site.ask("/auth", ASKED | {"key_label": "<b>Tray"})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<b>&lt;b&gt;Tray</b> asks for a key." in answer.text
    assert ("<button>Authorize</button>" in answer.text, "<button>Cancel</button>" in answer.text) == (True, True)


def test_the_way_back_keeps_the_apps_own_query(site) -> None:
    """The app's state stands there, for there is no parameter of that name."""
    answer = site.ask("/auth/authorize", ASKED)
    back = urlsplit(answer.headers["location"])

    assert answer.status_code == 303
    assert (back.scheme, back.netloc, back.path) == ("http", "localhost:40123", "/sign-in")
    (state, code) = parse_qsl(back.query)
    assert state == ("state", "a&b")
    assert code[0] == "code"


def test_a_refusal_comes_back_too(site) -> None:
    back = urlsplit(site.ask("/auth/cancel", ASKED).headers["location"])

    assert parse_qsl(back.query) == [
        ("state", "a&b"),
        ("error", "access_denied"),
        ("error_description", "The owner said no."),
    ]


def test_a_code_is_good_for_a_key_that_works(site, conforms) -> None:
    answer = site.exchange(site.code())

    assert answer.status_code == 200
    conforms("auth-keys", answer.json())
    headers = {"Authorization": f"Bearer {answer.json()['key']}"}
    assert httpx.get(f"{site.url}/api/v1/key", headers=headers, trust_env=False, timeout=15).status_code == 200


def test_without_a_way_back_the_code_is_shown(site) -> None:
    shown = site.ask("/auth/authorize", ON_SCREEN).text
    code = shown.partition('<code id="code">')[2].partition("</code>")[0]

    assert site.exchange(code).status_code == 200
    assert "Cancelled." in site.ask("/auth/cancel", ON_SCREEN).text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (ASKED | {"callback_url": "http://app.example/"}, "callback_url must be https, or http on localhost."),
        (ASKED | {"callback_url": "http://localhost.example/"}, "callback_url must be https, or http on localhost."),
        (ASKED | {"callback_url": "app://sign-in"}, "callback_url must be https, or http on localhost."),
        (ASKED | {"code_challenge_method": "S512"}, "code_challenge_method must be S256 or plain."),
        ({"key_label": "Tray"}, "without a callback_url a code_challenge is needed."),
        (ASKED | {"key_label": "x" * 101}, "key_label has more than 100 characters."),
    ],
)
@pytest.mark.parametrize("path", ["/auth", "/auth/authorize"])
def test_what_cannot_be_is_told_and_sends_nobody_anywhere(site, path, query, said) -> None:
    answer = site.ask(path, query)

    assert answer.status_code == 400
    assert said in answer.text


@pytest.mark.parametrize("callback", ["https://app.example/back", "http://127.0.0.1:1/", "http://localhost:65535/"])
def test_https_and_this_computer_may_be_called_back(site, callback) -> None:
    assert site.ask("/auth/authorize", ASKED | {"callback_url": callback}).status_code == 303


def test_a_code_is_good_once(site, conforms) -> None:
    code = site.code()
    answers = [site.exchange(code), site.exchange(code)]

    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[1].json()["error"]["message"] == INVALID
    conforms("auth-keys-403", answers[1].json())


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        ({"code_verifier": VERIFIER[:-1]}, 403, INVALID),
        ({"code_verifier": None}, 403, INVALID),
        ({"code_challenge_method": "plain"}, 400, "Invalid code_challenge_method"),
        ({"code_challenge_method": None}, 400, "Invalid code_challenge_method"),
        ({"code_challenge_method": "S512"}, 400, "Invalid request parameters"),
        ({"code_verifier": 1}, 400, "Invalid request parameters"),
        ({"code": None}, 400, "Invalid request parameters"),
        ({"code": "of-nobody"}, 403, INVALID),
    ],
)
def test_what_does_not_fit_is_refused(site, conforms, sent, status, message) -> None:
    answer = site.exchange(site.code(), **sent)

    assert (answer.status_code, answer.json()["error"]["message"]) == (status, message)
    conforms(f"auth-keys-{status}", answer.json())


def test_a_plain_challenge_is_the_verifier_itself(site) -> None:
    plain = ASKED | {"code_challenge": VERIFIER, "code_challenge_method": "plain"}
    code = dict(parse_qsl(urlsplit(site.ask("/auth/authorize", plain).headers["location"]).query))["code"]

    assert site.exchange(code, code_challenge_method="plain").status_code == 200


@pytest.mark.parametrize(
    ("waited_s", "said"),
    [(CODE_LIFE_S, (200, None)), (CODE_LIFE_S + 1, (403, "Auth code expired"))],
)
def test_a_code_is_good_for_ten_minutes(stage, waited_s, said) -> None:
    clock = [1000.0]
    stage["app"] = DemoUpstream(now_s=lambda: clock[0]).app
    site = Site(stage["url"])
    code = site.code()

    clock[0] += waited_s
    answer = site.exchange(code)

    assert (answer.status_code, answer.json().get("error", {}).get("message")) == said


def test_only_post_makes_a_key(site) -> None:
    answer = httpx.get(f"{site.url}/api/v1/auth/keys", trust_env=False, timeout=15)

    assert (answer.status_code, answer.json()["error"]["message"]) == (405, "Method GET Not Allowed")


def test_an_exchange_can_be_made_to_fail(site, upstream) -> None:
    """The code is left as it was."""
    code = site.code()
    upstream.arrange("status-503", on="auth")

    assert [site.exchange(code).status_code, site.exchange(code).status_code] == [503, 200]


def test_a_key_has_its_own_page(site) -> None:
    answer = httpx.get(f"{site.url}/keys/0a<b>", trust_env=False, timeout=15)

    assert answer.status_code == 200
    assert "<code>0a&lt;b&gt;</code>" in answer.text
