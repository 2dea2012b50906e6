"""Signing in on the page, against the demo's own OpenRouter over real sockets."""

import asyncio
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tray_proxy.errors import UpstreamUnreachable
from tray_proxy.openrouter.sign_in import LIFE_S, SignIn
from tray_proxy.web.http import FormInvalid
from tray_proxy.web.sign_in_api import SignInDesk, SignInState, usable_code
from web.signing_in import SignedOut

NOT_WAITED_FOR = "Tray Proxy is not waiting for this sign-in"
NO_SIGN_IN = {
    "error": "No sign-in is under way.",
    "hint": "Begin again, and paste the code within ten minutes.",
}
WORKS = "This key works; $8.75 of its limit of $10.00 is left. It is kept in your system's key store."
# Their lines below WARNING are left out of the log by `logs.set_up`.
SILENCED = ("httpx", "httpcore", "uvicorn", "asyncio")
IDLE = {"waiting": False, "on_screen": False, "url": None, "problem": None}


@pytest.fixture
def signed_out(proxies, tmp_path, memory_keyring):
    made = SignedOut(proxies.start(tmp_path, openrouter_api_key=None))
    yield made
    made.page.close()


def callback_of(url):
    return parse_qs(urlsplit(url).query)["callback_url"][0]


def words_of(answer):
    return re.search(r"<p>(.*?)</p>", answer.text, re.DOTALL)[1]


def test_who_says_yes_at_openrouter_is_signed_in(signed_out, memory_keyring):
    url = signed_out.begin()
    waiting = signed_out.state()
    back = signed_out.press("authorize", url).headers["location"]

    answer = signed_out.visit(back)

    assert waiting == {"waiting": True, "on_screen": False, "url": url, "problem": None}
    assert (answer.status_code, "<h1>Done. You can close this tab.</h1>" in answer.text) == (200, True)
    assert words_of(answer) == WORKS.replace("'", "&#x27;")
    assert [place[0] for place in memory_keyring] == ["Tray Proxy"]
    assert signed_out.state() == IDLE
    assert signed_out.running.chat().status_code == 200


def test_openrouter_is_told_where_to_send_the_browser_and_for_which_computer(signed_out):
    query = parse_qs(urlsplit(signed_out.begin()).query)

    assert urlsplit(query["callback_url"][0]).netloc == f"localhost:{urlsplit(signed_out.url).port}"
    assert urlsplit(query["callback_url"][0]).path == "/sign-in"
    assert query["key_label"][0].startswith("Tray Proxy on ")


def test_the_way_back_can_be_gone_once(signed_out):
    back = signed_out.press("authorize", signed_out.begin()).headers["location"]
    signed_out.visit(back)

    answer = signed_out.visit(back)

    assert answer.status_code == 400
    assert words_of(answer).startswith(NOT_WAITED_FOR)
    assert signed_out.has_key() is True


@pytest.mark.parametrize("query", ["", "?code=x", "?state=&code=x", "?state=of-nobody&code=x", "?state=%ff&code=x"])
def test_a_way_back_of_somebody_elses_making_does_nothing(signed_out, upstream, query):
    """Or a page that knows our port could sign the owner in to its own account, and see what is asked."""
    url = signed_out.begin()
    asked = len(upstream.received)

    answer = signed_out.visit(f"{signed_out.url}/sign-in{query}")

    assert (answer.status_code, words_of(answer).startswith(NOT_WAITED_FOR)) == (400, True)
    assert signed_out.state() == {"waiting": True, "on_screen": False, "url": url, "problem": None}
    assert len(upstream.received) == asked


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Dest": "image"}, 403),
        ({"Sec-Fetch-Dest": "iframe"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_only_a_browser_that_goes_there_comes_back(signed_out, headers, status):
    back = signed_out.press("authorize", signed_out.begin()).headers["location"]

    assert signed_out.visit(back, **headers).status_code == status
    assert signed_out.has_key() is (status == 200)


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_the_way_back_is_a_visit_and_nothing_else(signed_out, method):
    back = signed_out.press("authorize", signed_out.begin()).headers["location"]

    assert httpx.request(method, back, trust_env=False, timeout=30).status_code == 403
    assert signed_out.has_key() is False


def test_who_says_no_at_openrouter_is_told_what_to_do(signed_out):
    back = signed_out.press("cancel", signed_out.begin()).headers["location"]

    answer = signed_out.visit(back)

    said = "You said no at OpenRouter, so there is no key. Begin again on Tray Proxy's page, or paste a key there."
    assert (answer.status_code, "<h1>You are not signed in</h1>" in answer.text) == (400, True)
    assert words_of(answer).strip() == said.replace("'", "&#x27;")
    assert signed_out.state() == IDLE | {"problem": said}


def test_what_openrouter_says_is_text_and_never_markup(signed_out):
    callback = callback_of(signed_out.begin())

    answer = signed_out.visit(f"{callback}&error=%3Cscript%3Ealert(1)%3C/script%3E")

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "<script" not in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_a_way_back_without_a_code_is_told(signed_out):
    answer = signed_out.visit(callback_of(signed_out.begin()))

    assert words_of(answer).startswith("OpenRouter sent no code back.")


def test_a_code_that_openrouter_does_not_accept_ends_the_attempt(signed_out):
    callback = callback_of(signed_out.begin())

    answer = signed_out.visit(f"{callback}&code=of-nobody")

    said = "OpenRouter does not accept this code: it was used before, or belongs to another sign-in. Sign in once more."
    assert (answer.status_code, words_of(answer)) == (400, said)
    assert signed_out.state() == IDLE | {"problem": said}
    assert words_of(signed_out.visit(f"{callback}&code=of-nobody")).startswith(NOT_WAITED_FOR)


def test_while_openrouter_is_ill_the_code_stays_good(signed_out, upstream):
    """The tab can be loaded again."""
    url = signed_out.begin()
    back = signed_out.press("authorize", url).headers["location"]
    upstream.arrange("status-503", on="auth")

    ill = signed_out.visit(back)
    between = signed_out.state()
    well = signed_out.visit(back)

    assert words_of(ill) == (
        "OpenRouter cannot sign you in just now (HTTP status 503). "
        "Load this page again when that is mended: the code is good for ten minutes."
    )
    assert between == {
        "waiting": True,
        "on_screen": False,
        "url": url,
        "problem": "OpenRouter cannot sign you in just now (HTTP status 503). Wait a moment, and try again.",
    }
    assert (well.status_code, signed_out.state(), signed_out.has_key()) == (200, IDLE, True)


def test_a_new_key_is_not_lost_when_it_cannot_be_checked(signed_out, upstream, memory_keyring):
    back = signed_out.press("authorize", signed_out.begin()).headers["location"]
    upstream.arrange("status-503", on="key")

    answer = signed_out.visit(back)

    assert answer.status_code == 200
    assert words_of(answer).startswith("OpenRouter has just made this key.")
    assert len(memory_keyring) == 1


def test_a_code_from_the_screen_is_as_good(signed_out):
    url = signed_out.begin(on_screen=True)
    waiting = signed_out.state()

    answer = signed_out.page.post("/api/sign-in/code", json={"code": f" {signed_out.code_on_screen(url)}\n"})

    assert waiting == {"waiting": True, "on_screen": True, "url": url, "problem": None}
    assert (answer.status_code, answer.json()) == (200, {"message": WORKS})
    assert signed_out.state() == IDLE


def test_the_address_that_the_browser_could_not_open_will_do(signed_out):
    """A browser on another computer is sent to a port that is not there."""
    back = signed_out.press("authorize", signed_out.begin()).headers["location"]

    answer = signed_out.page.post("/api/sign-in/code", json={"code": back})

    assert answer.json() == {"message": WORKS}


def test_a_mistyped_code_is_told_beside_the_field(signed_out):
    url = signed_out.begin(on_screen=True)

    answer = signed_out.page.post("/api/sign-in/code", json={"code": "two words"})

    assert (answer.status_code, answer.json()["fields"]) == (
        422,
        {"code": "This is not a code: it has spaces or special characters in it."},
    )
    assert signed_out.state()["url"] == url


def test_a_code_without_an_attempt_is_told(signed_out):
    answer = signed_out.page.post("/api/sign-in/code", json={"code": "of-nobody"})

    assert (answer.status_code, answer.json()) == (409, NO_SIGN_IN)


def test_a_wrong_code_from_the_screen_is_told(signed_out):
    signed_out.begin(on_screen=True)

    answer = signed_out.page.post("/api/sign-in/code", json={"code": "of-nobody"})

    assert (answer.status_code, answer.json()) == (
        422,
        {
            "error": "OpenRouter does not accept this code: it was used before, or belongs to another sign-in.",
            "hint": "Sign in once more.",
        },
    )


def test_the_owner_need_not_wait(signed_out):
    back = signed_out.press("authorize", signed_out.begin()).headers["location"]

    cancelled = signed_out.page.delete("/api/sign-in")

    assert (cancelled.status_code, signed_out.state()) == (204, IDLE)
    assert words_of(signed_out.visit(back)).startswith(NOT_WAITED_FOR)
    assert signed_out.has_key() is False


def test_a_second_attempt_replaces_the_first(signed_out):
    first, second = (signed_out.press("authorize", signed_out.begin()).headers["location"] for _ in range(2))

    assert words_of(signed_out.visit(first)).startswith(NOT_WAITED_FOR)
    assert signed_out.visit(second).status_code == 200


def test_a_key_from_the_environment_is_not_replaced_by_signing_in(proxies, tmp_path):
    running = SignedOut(proxies.start(tmp_path))

    answer = running.page.post("/api/sign-in", json={})
    running.page.close()

    assert (answer.status_code, answer.json()["error"]) == (
        422,
        "The key was given when Tray Proxy was started (OPENROUTER_API_KEY or --demo), so it cannot be changed here.",
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/sign-in"), ("POST", "/api/sign-in"), ("POST", "/api/sign-in/code"), ("DELETE", "/api/sign-in")],
)
def test_a_stranger_neither_begins_nor_ends_nor_sees_it(signed_out, method, path):
    answer = httpx.request(method, signed_out.url + path, trust_env=False, timeout=30)

    assert answer.status_code == 403


def test_neither_code_nor_key_nor_verifier_is_in_the_log(signed_out, memory_keyring, capfd, caplog):
    caplog.set_level("DEBUG")
    url = signed_out.begin()
    back = signed_out.press("authorize", url).headers["location"]
    verifier = signed_out.running.program.sign_in_desk._sign_in.attempt.verifier.get_secret_value()
    signed_out.visit(back)

    (key,) = memory_keyring.values()
    ours = [line.getMessage() for line in caplog.records if line.name.partition(".")[0] not in SILENCED]
    secrets = [key, verifier, parse_qs(urlsplit(back).query)["code"][0]]
    written = "".join(capfd.readouterr()) + "\n".join(ours)
    assert [secret for secret in secrets if secret in written] == []


@pytest.mark.parametrize(
    ("pasted", "code"),
    [
        ("  abc\n", "abc"),
        ("http://localhost:4000/sign-in?state=s&code=a%2Bb", "a+b"),
        ("code=abc", "abc"),
        ("http://[localhost/sign-in?code=abc", "abc"),
    ],
)
def test_a_code_is_found_in_what_was_pasted(pasted, code):
    assert usable_code(pasted) == code


@pytest.mark.parametrize("pasted", ["", " ", "two words", "http://localhost/?code=", "ключ"])
def test_what_cannot_be_a_code_is_refused(pasted):
    with pytest.raises(FormInvalid):
        usable_code(pasted)


class Keys:
    """Keeps any key."""

    def must_be_changeable(self):
        pass

    async def store_new(self, _key):
        return "kept"


class Slow:
    """An OpenRouter that answers when it is told to."""

    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()

    async def exchange_code(self, _code, _verifier):
        return await self.answer


def test_who_begins_anew_while_openrouter_answers_sees_the_new_attempt():
    """What was wrong with the old one is news of yesterday."""

    async def run():
        slow = Slow()
        desk = SignInDesk(slow, SignIn("https://openrouter.ai/api/v1", "Tray", lambda: 0.0), Keys(), lambda: None)
        desk.begin(None)
        old = asyncio.ensure_future(desk.finish("code"))
        await asyncio.sleep(0)
        url = desk.begin(None)
        slow.answer.set_exception(UpstreamUnreachable("gone"))
        with pytest.raises(UpstreamUnreachable):
            await old
        return desk.state() == SignInState(waiting=True, on_screen=True, url=url)

    assert asyncio.run(run()) is True


def test_after_ten_minutes_nobody_is_waited_for():
    """The loop's own clock is moved on: what is due then is done."""

    async def run():
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        desk = SignInDesk(None, SignIn("https://openrouter.ai/api/v1", "Tray", loop.time), Keys(), lambda: None)
        desk.begin(1)
        desk._changed = over.set
        real_time = loop.time
        loop.time = lambda: real_time() + LIFE_S
        await over.wait()
        return desk.state()

    assert asyncio.run(run()) == SignInState(problem="The sign-in took longer than ten minutes. Begin again.")
