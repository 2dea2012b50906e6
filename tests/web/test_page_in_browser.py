"""The settings page in a real browser: opening it, the address, the key, and when it has to be opened anew."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tray_proxy.errors import KeyRejected
from web.browsing import Visit
from web.fakes import KEY, Served, row

pytestmark = pytest.mark.desktop

SONNET = "anthropic/claude-sonnet-4.5"
HAIKU = "anthropic/claude-haiku-4.5"
FRIENDLY = "Open this page from the tray icon"
OPEN_AGAIN = "Open this page again from the tray icon"
ENVIRONMENT_WORDS = (
    "Taken from the environment variable OPENROUTER_API_KEY. It cannot be forgotten here: "
    "remove the variable and start Tray Proxy again."
)


def test_the_trays_address_opens_the_page(visit: Visit) -> None:
    """The strict cookie survives the redirect, and the token does not stay in the address bar."""
    visit.open()

    expect(visit.page).to_have_url(visit.served.url + "/")
    expect(visit.page.locator("h1")).to_have_text("Tray Proxy 0.1.0")
    expect(visit.page.locator("#status")).to_have_text("On: apps reach it at 127.0.0.1:11434")
    assert visit.page.evaluate("document.cookie") == ""


def test_without_the_tray_there_is_a_friendly_page(visit: Visit) -> None:
    """Its style is ours, though it is let through to nobody else."""
    visit.page.goto(visit.served.url)

    expect(visit.page.locator("h1")).to_have_text(FRIENDLY)
    assert visit.page.locator(".card").evaluate("card => getComputedStyle(card).borderRadius") == "12px"


def test_a_reload_stays_on_the_page(visit: Visit) -> None:
    """F5 is not a reason to go back to the tray."""
    visit.open()

    visit.page.reload()

    expect(visit.page.locator("#page")).to_be_visible()


def test_the_models_section_opens_with_the_cursor_in_the_search_box(visit: Visit) -> None:
    """Who clicked "Models…" can type at once."""
    visit.open(section="models")

    expect(visit.page.get_by_label("Search models")).to_be_focused()


def test_a_pasted_key_is_saved_and_never_in_the_page_again(visit: Visit) -> None:
    """The field goes, and what was in it too."""
    visit.open()

    visit.page.get_by_label("Paste your key.").fill(f"  {KEY} ")
    visit.button("Save").click()

    expect(visit.page.locator("#key-result")).to_have_text("The key works and is kept in your system's key store.")
    expect(visit.page.locator("#key-place")).to_have_text("Kept in your system's key store.")
    expect(visit.page.locator("#key-field")).to_be_hidden()
    expect(visit.page.locator("#key-field")).to_have_value("")
    assert KEY not in visit.page.content()
    assert visit.served.backend.calls == [("store_key", KEY)]


def test_enter_saves_the_key(visit: Visit) -> None:
    """Paste, Enter, done."""
    visit.open(section="key")

    visit.page.keyboard.insert_text(KEY)
    visit.page.keyboard.press("Enter")

    expect(visit.page.locator("#key-kept")).to_be_visible()
    expect(visit.button("Test")).to_be_focused()


def test_a_rejected_key_stays_in_the_field_with_what_to_do(visit: Visit) -> None:
    """A typing mistake is mended where it is; the page does not think that it must be opened again."""
    visit.served.backend.fault = KeyRejected("OpenRouter does not know this key.")
    visit.open()

    visit.page.get_by_label("Paste your key.").fill(KEY)
    visit.button("Save").click()

    expect(visit.page.locator("#key-result")).to_have_text(
        "OpenRouter does not know this key. "
        "Open Settings from the tray icon and paste a valid OpenRouter key, or correct OPENROUTER_API_KEY."
    )
    expect(visit.page.locator("#key-field")).to_have_value(KEY)
    assert KEY not in visit.page.content()


def test_an_empty_field_is_not_sent(visit: Visit) -> None:
    """It says what is missing instead, and puts the cursor there."""
    visit.open()

    visit.button("Save").click()

    expect(visit.page.locator("#key-result")).to_have_text("Paste your key into the field first.")
    expect(visit.page.locator("#key-field")).to_be_focused()
    assert visit.served.backend.calls == []


def test_a_key_can_be_tested_before_and_after_it_is_saved(visit: Visit) -> None:
    """The answer is a plain sentence both times."""
    visit.open()
    visit.page.get_by_label("Paste your key.").fill(KEY)
    visit.button("Test").click()
    expect(visit.page.locator("#key-result")).to_have_text("This key works: $4.20 of credit left.")

    visit.served.backend.key = KEY
    visit.reread()
    visit.served.backend.answer = "This key works, but has no credit: free models only."
    visit.button("Test").click()

    expect(visit.page.locator("#key-result")).to_have_text("This key works, but has no credit: free models only.")
    assert visit.served.backend.calls == [("test_key", KEY), ("test_key", None)]


def test_forgetting_the_key_asks_once(visit: Visit) -> None:
    """The cursor waits on the answer that does no harm, and Escape gives it."""
    visit.served.backend.key = KEY
    visit.open()

    visit.button("Forget…").click()
    expect(visit.button("Keep it")).to_be_focused()
    visit.page.keyboard.press("Escape")
    expect(visit.button("Forget…")).to_be_focused()
    visit.button("Forget…").click()
    visit.button("Forget it").click()

    expect(visit.page.locator("#key-result")).to_have_text("The key is forgotten.")
    expect(visit.page.locator("#key-field")).to_be_focused()
    assert visit.served.backend.calls == [("forget_key", None)]


@pytest.mark.parametrize(
    ("source", "words", "buttons"),
    [
        ("keyring", "Kept in your system's key store.", ["Test", "Forget…"]),
        (
            "environment",
            ENVIRONMENT_WORDS,
            ["Test"],
        ),
        (
            "session",
            "Kept for this session only: your system has no key store. It is gone when you quit Tray Proxy.",
            ["Test", "Forget…"],
        ),
        ("demo", "The demo needs no key: nothing is sent to OpenRouter.", []),
    ],
)
def test_the_page_says_where_the_key_is(visit: Visit, source: str, words: str, buttons: list[str]) -> None:
    """And offers only what can be done about it there."""
    visit.served.backend.key = KEY
    visit.served.backend.source = source
    visit.open()

    expect(visit.page.locator("#key-place")).to_have_text(words)
    assert visit.page.locator("#key button:visible").all_text_contents() == buttons


def test_the_page_shows_what_is_wrong(visit: Visit) -> None:
    """With the whole, with the key, and with the address nobody answers at."""
    backend = visit.served.backend
    backend.running = False
    backend.status = "Off: apps get no answer"
    backend.problem = "Port 11434 is used by Ollama 0.17."
    backend.key_problem = "Your system's key store is locked."
    backend.demo = True
    visit.open()

    expect(visit.page.get_by_role("alert")).to_have_text("Port 11434 is used by Ollama 0.17.")
    expect(visit.page.locator("#key-problem")).to_have_text("Your system's key store is locked.")
    expect(visit.page.locator("#address-result")).to_have_text("Nothing answers there until Tray Proxy is turned on.")
    expect(visit.page.locator("#demo")).to_have_text(
        "Demo: answers are made up by Tray Proxy itself, nothing is charged."
    )


def test_the_address_can_be_copied(visit: Visit) -> None:
    """One click, and it is ready to be pasted into an app."""
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.open()

    visit.button("Copy").click()

    expect(visit.page.locator("#address-result")).to_have_text("Copied.")
    assert visit.page.evaluate("navigator.clipboard.readText()") == "http://127.0.0.1:11434"


def test_the_tab_key_reaches_every_control(visit: Visit) -> None:
    """In the order of reading, and each with a visible ring."""
    visit.open()
    stops = []
    for _ in range(12):
        visit.page.keyboard.press("Tab")
        stops.append(visit.page.evaluate("(({id, value, href}) => id || value || href)(document.activeElement)"))
        assert visit.page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"

    assert stops == [
        "address-field",
        "address-copy",
        "key-field",
        "key-save",
        "key-test-new",
        "https://openrouter.ai/keys",
        "models-ticked",
        "models-search",
        "models-all",
        "models-none",
        "models-only-ticked",
        SONNET,
    ]


def test_reading_the_state_anew_leaves_what_is_being_typed(visit: Visit) -> None:
    """A new model appears while the key and the search are half typed, and the cursor stays."""
    visit.open()
    visit.page.get_by_label("Search models").fill("claude")
    visit.page.get_by_label("Paste your key.").fill("sk-or-ha")

    visit.served.backend.rows += (row("anthropic/claude-new", "Anthropic: Claude New"),)
    visit.reread()

    expect(visit.model("anthropic/claude-new")).to_be_visible()
    assert visit.shown_models() == [SONNET, HAIKU, "anthropic/claude-new"]
    expect(visit.page.locator("#key-field")).to_have_value("sk-or-ha")
    expect(visit.page.locator("#key-field")).to_be_focused()


def test_after_a_restart_the_page_asks_to_be_opened_again(visit: Visit) -> None:
    """Its cookie belongs to the copy before; nothing on it would work any more."""
    visit.open()
    visit.page.context.clear_cookies()

    visit.come_to_front()

    expect(visit.page.get_by_role("heading", name=OPEN_AGAIN)).to_be_visible()
    expect(visit.page.locator("#page")).to_be_hidden()
    expect(visit.page.locator("#status")).to_have_text("Not connected")


def test_a_click_after_a_restart_says_the_same(visit: Visit) -> None:
    """Whichever notices first."""
    visit.open()
    visit.page.context.clear_cookies()

    visit.model(HAIKU).check()

    expect(visit.page.get_by_role("heading", name=OPEN_AGAIN)).to_be_visible()


def test_when_nobody_answers_the_page_says_so_and_recovers(visit: Visit) -> None:
    """A short pause is no reason to start over."""
    visit.open()
    visit.page.route("**/api/state", lambda route: route.abort())
    visit.come_to_front()
    expect(visit.page.get_by_role("alert")).to_have_text(
        "Tray Proxy does not answer. If it was closed or restarted, open this page again from the tray icon."
    )

    visit.page.unroute("**/api/state")
    visit.come_to_front()

    expect(visit.page.get_by_role("alert")).to_be_hidden()
    expect(visit.page.locator("#status")).to_have_text("On: apps reach it at 127.0.0.1:11434")


def attack_by_link(page: Page, url: str) -> None:
    with page.expect_navigation():
        page.evaluate("url => { location.href = url }", url)


def attack_by_fetch(page: Page, url: str) -> None:
    page.evaluate(
        """url => fetch(url, {method: "POST", mode: "no-cors", credentials: "include",
                              body: '{"allowed": null}'}).catch(() => {})""",
        url.replace("/?", "/api/models?"),
    )


@pytest.mark.parametrize("attack", [attack_by_link, attack_by_fetch])
def test_another_sites_page_gets_nothing(browser: Browser, served: Served, attack: Callable[[Page, str], None]) -> None:
    """In the very browser that has our cookie: neither by leading here nor by calling here."""
    context = browser.new_context()
    context.new_page().goto(served.url + served.gate.new_path())
    page = context.new_page()
    page.route("http://evil.example/", lambda route: route.fulfill(body="<p>Win!", content_type="text/html"))
    page.goto("http://evil.example/")

    attack(page, f"{served.url}/?")

    assert page.locator("#status").count() == 0
    assert served.backend.calls == []
    context.close()


@pytest.mark.parametrize("width", [320, 400, 900])
def test_no_width_needs_scrolling_sideways(visit: Visit, width: int) -> None:
    """Also with the longest names."""
    visit.served.backend.rows += (row("vendor/" + "long-name-" * 9, "A model with a name " * 5),)
    visit.page.set_viewport_size({"width": width, "height": 700})
    visit.open()

    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
