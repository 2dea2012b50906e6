"""The page's frame in a real browser: opening it, its pages, what it says, its news, and when it is opened anew."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from desktop.waiting import wait_for
from tray_proxy.errors import KeyRejected
from tray_proxy.web.state_api import Notice, Trouble
from tray_proxy.web.updates_api import NewVersion
from web.browsing import Visit
from web.fakes import XSS_NAME, Served, app

pytestmark = pytest.mark.desktop

FRIENDLY = "Open this page from the tray icon"
OPEN_AGAIN = "Open this page again from the tray icon"
NO_ICON = "Where you see no icon, start Tray Proxy once more: that opens the page, too."
PAGES = ("welcome", "models", "apps", "activity", "settings")
ON = "On: apps reach it at 127.0.0.1:11434"


def test_the_trays_address_opens_the_page(visit: Visit) -> None:
    """The strict cookie survives the redirect, and the token does not stay in the address bar."""
    visit.open()

    expect(visit.page).to_have_url(visit.served.url + "/#welcome")
    expect(visit.page.locator("#status")).to_have_text(ON)
    expect(visit.page.locator("footer")).to_contain_text("Tray Proxy 0.1.0")
    assert visit.page.evaluate("document.cookie") == ""


def test_without_the_tray_there_is_a_friendly_page(visit: Visit) -> None:
    """Its style is ours, though it is let through to nobody else."""
    visit.page.goto(visit.served.url)

    expect(visit.page.locator("h1")).to_have_text(FRIENDLY)
    expect(visit.page.locator(".card")).to_contain_text(NO_ICON)
    assert visit.page.locator(".card").evaluate("card => getComputedStyle(card).borderRadius") == "14px"


def test_a_reload_stays_on_the_page(visit: Visit) -> None:
    """F5 is not a reason to go back to the tray, nor to begin anew."""
    visit.open(section="apps")

    visit.page.reload()

    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Apps")


def test_the_tray_leads_to_each_page(visit: Visit) -> None:
    """Each has a title of its own, and the way to the others says where one is."""
    for section in PAGES:
        visit.open(section=section)
        expect(visit.page.locator("nav [aria-current=page]")).to_have_text(section.capitalize())
        expect(visit.page).to_have_title(f"{visit.page.locator('#title').text_content()} – Tray Proxy")


def test_going_to_another_page_takes_the_keyboard_along(visit: Visit) -> None:
    """Who hears the page is told where they came to; Back leads back."""
    visit.open(section="welcome")

    visit.page.get_by_role("link", name="Apps", exact=True).click()
    expect(visit.page.get_by_role("heading", level=1, name="Apps")).to_be_focused()
    visit.page.go_back()

    expect(visit.page.locator("nav [aria-current=page]")).to_have_text("Welcome")
    expect(visit.page.locator("h1")).to_be_focused()


def test_the_keyboard_reaches_the_frame_in_the_order_of_reading(visit: Visit) -> None:
    """Past it all first of all; and each stop has a visible ring."""
    visit.open(section="apps")
    stops = []
    for _ in range(7):
        visit.page.keyboard.press("Tab")
        stops.append(visit.page.evaluate("document.activeElement.textContent"))
        assert visit.page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"

    assert [stop.strip() for stop in stops] == [
        "Skip to the content", "Turn off", "Welcome", "Models", "Apps", "Activity", "Settings",
    ]  # fmt: skip


def test_the_frame_can_be_skipped(visit: Visit) -> None:
    """Seven stops before each page are too many."""
    visit.open(section="apps")

    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")

    expect(visit.page.locator("h1")).to_be_focused()
    expect(visit.page).to_have_url(visit.served.url + "/#apps")


def test_the_proxy_is_turned_off_and_on_from_every_page(visit: Visit) -> None:
    """One button; what it will do is what it says."""
    backend = visit.served.backend
    visit.open(section="apps")

    visit.button("Turn off").click()
    expect(visit.button("Turn off")).to_have_attribute("aria-disabled", "true")
    backend.running, backend.phase, backend.status = False, "stopping", "Stopping…"
    visit.reread()
    expect(visit.page.locator("#status .shape")).to_have_class("shape waiting")
    expect(visit.button("Turn off")).to_have_attribute("aria-disabled", "true")
    backend.phase, backend.status = "off", "Off: apps get no answer"
    visit.news("state")
    expect(visit.page.locator("#status")).to_have_text("Off: apps get no answer")
    visit.button("Turn on").click()

    expect(visit.button("Turn on")).to_have_attribute("aria-disabled", "true")
    wait_for(lambda: len(backend.calls) == 2, "the click to be heard")
    assert backend.calls == [("turn", False), ("turn", True)]


def test_turning_on_can_be_tried_again_when_it_was_in_vain(visit: Visit) -> None:
    """The port is still taken, and the state the same as before."""
    backend = visit.served.backend
    backend.running, backend.problem = False, Trouble("Port 11434 is used by Ollama.", "Quit it.")
    visit.open(section="apps")
    # What the page reads once it listens would end what the click begins.
    visit.reread()

    visit.button("Turn on").click()
    expect(visit.button("Turn on")).to_have_attribute("aria-disabled", "true")
    visit.news("state")

    expect(visit.button("Turn on")).not_to_have_attribute("aria-disabled", "true")


def test_a_click_that_fails_says_why(visit: Visit) -> None:
    """And the button can be pressed again."""
    visit.served.backend.fault = KeyRejected("OpenRouter does not know this key.")
    visit.open(section="apps")

    visit.button("Turn off").click()

    expect(visit.page.locator("#said .toast")).to_contain_text("OpenRouter does not know this key.")
    expect(visit.button("Turn off")).not_to_have_attribute("aria-disabled", "true")
    visit.page.locator("#said").get_by_role("button", name="Close").click()
    expect(visit.page.locator("#said .toast")).to_have_count(0)
    expect(visit.page.locator("h1")).to_be_focused()


def test_the_page_says_what_is_wrong_and_what_to_do(visit: Visit) -> None:
    """On every page, and as text, whatever stands in it."""
    backend = visit.served.backend
    backend.problem = Trouble(f"Port 11434 is used by {XSS_NAME}.", "Quit it, or use another port.")
    backend.status = "Port 11434 is taken"
    backend.demo = True

    visit.open(section="apps")

    expect(visit.page.get_by_role("alert")).to_have_text(
        f"Port 11434 is used by {XSS_NAME}.Quit it, or use another port."
    )
    expect(visit.page.locator("#status .shape")).to_have_class("shape attention")
    expect(visit.page.locator("footer")).to_contain_text("Demo: answers are made up by Tray Proxy itself")
    expect(visit.page).to_have_title("Apps – Tray Proxy")


def test_what_is_to_be_known_once_is_put_away(visit: Visit) -> None:
    """As text; the others stay, and the keyboard is not lost with the button it was on."""
    backend = visit.served.backend
    backend.notices.shown = (Notice("0", f"{XSS_NAME} was set aside."), Notice("1", "One more thing."))
    backend.notices._changed = lambda: backend.events.tell("state")
    visit.open(section="apps")

    visit.page.locator(".notice", has_text="was set aside").get_by_role("button", name="Dismiss").click()

    expect(visit.page.locator(".notice")).to_have_count(1)
    expect(visit.page.locator(".notice")).to_contain_text("One more thing.")
    expect(visit.page.locator("h1")).to_be_focused()


def test_a_newer_version_is_told_with_what_changes_and_put_off(visit: Visit) -> None:
    """As text, on every page; the way to it is a link that somebody has to click."""
    page = "https://github.com/somebody/tray-proxy/releases/latest"
    visit.served.backend.new_version = NewVersion("1.2.0", ("Tells of newer versions.", XSS_NAME), page)
    visit.open(section="apps")
    notice = visit.page.locator(".notice", has_text="Version 1.2.0 of Tray Proxy is there")

    expect(notice.get_by_role("listitem")).to_have_text(["Tells of newer versions.", XSS_NAME])
    expect(notice.get_by_role("link", name="Go to the download page")).to_have_attribute("href", page)
    notice.get_by_role("button", name="Not now").click()

    expect(notice).to_have_count(0)
    expect(visit.page.locator("h1")).to_be_focused()
    assert visit.served.backend.calls == [("put_off", "1.2.0")]


def test_news_are_drawn_without_being_asked_for(visit: Visit) -> None:
    """The page asks nothing while nothing changes, and once when something does."""
    visit.open(section="apps")
    visit.reread()
    before = len(visit.requests)

    visit.reread()

    asked = [url.removeprefix(visit.served.url) for url in visit.requests[before:]]
    assert asked == ["/api/state"]


def test_an_old_answer_never_comes_last(visit: Visit) -> None:
    """While one reading is under way the next waits, and one is enough for all news that came meanwhile."""
    visit.open(section="apps")
    visit.reread()
    held: list[Route] = []

    def hold_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    visit.page.route("**/api/state", hold_first)
    with visit.page.expect_request("**/api/state"):
        visit.news("state")
    visit.page.evaluate("null")  # the route is handed over right after the request is told of
    old = held[0].fetch()

    visit.served.backend.status = "On: newest"
    visit.news("state")
    visit.news("state")
    assert len(held) == 1
    held[0].fulfill(response=old)

    expect(visit.page.locator("#status")).to_have_text("On: newest")


def see(visit: Visit, state: str) -> None:
    """Tell the page whether it is seen: without a screen every tab of the browser is."""
    visit.page.evaluate(
        """(state) => {
          Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def test_a_tab_that_nobody_sees_gives_its_connection_back(visit: Visit) -> None:
    """A browser has six for all tabs together: the tray opens one more with each click, and the seventh would hang."""
    visit.open(section="apps")
    visit.reread()
    see(visit, "hidden")
    wait_for(lambda: not visit.served.backend.events._pages, "the page to let go")

    visit.served.backend.status = "On: meanwhile"
    see(visit, "visible")

    expect(visit.page.locator("#status")).to_have_text("On: meanwhile")


def test_what_happened_while_the_line_was_broken_is_read_when_it_is_back(visit: Visit) -> None:
    """Nobody tells of it later."""
    visit.open(section="apps")
    visit.reread()

    visit.served.backend.apps = (app("zed", "Zed"),)
    visit.served.call_soon(visit.served.backend.events.end)

    expect(visit.page.get_by_text("Zed", exact=True)).to_be_visible()


def test_who_comes_back_to_the_tab_sees_what_is_now(visit: Visit) -> None:
    """The browser may have put the page to sleep, news and all."""
    visit.open(section="apps")
    visit.reread()

    visit.served.backend.status = "On: meanwhile"
    visit.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(visit.page.locator("#status")).to_have_text("On: meanwhile")


def test_after_a_restart_the_page_asks_to_be_opened_again(visit: Visit) -> None:
    """Its cookie belongs to the copy before; nothing on it would work any more."""
    visit.open(section="apps")
    visit.page.context.clear_cookies()

    visit.news("state")

    expect(visit.page.get_by_role("heading", name=OPEN_AGAIN)).to_be_visible()
    expect(visit.page.locator("#page")).to_have_count(0)


def test_a_click_after_a_restart_says_the_same(visit: Visit) -> None:
    """Whichever notices first."""
    visit.open(section="apps")
    # Of its own accord the page reads nothing more, and so does not notice before the click.
    visit.page.route("**/api/**", lambda route: route.fallback() if route.request.method == "POST" else None)
    visit.page.context.clear_cookies()

    visit.button("Turn off").click()

    expect(visit.page.get_by_role("heading", name=OPEN_AGAIN)).to_be_visible()
    expect(visit.page.locator(".card")).to_contain_text(NO_ICON)


def test_when_nobody_answers_the_page_says_so_and_recovers(visit: Visit) -> None:
    """A short pause is no reason to start over."""
    visit.open(section="apps")
    visit.page.route("**/api/state", lambda route: route.abort())
    visit.news("state")
    expect(visit.page.get_by_role("alert")).to_have_text(
        "Tray Proxy does not answer."
        "If it was closed, start it again: that opens its page. If it runs, open this page again from the tray icon."
    )
    expect(visit.page.locator("#status")).to_have_text("Not connected")

    visit.page.unroute("**/api/state")
    visit.news("state")

    expect(visit.page.get_by_role("alert")).to_have_count(0)
    expect(visit.page.locator("#status")).to_have_text(ON)


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


@pytest.mark.parametrize("width", [320, 400])
def test_no_page_needs_scrolling_sideways(visit: Visit, width: int) -> None:
    """Also where a sentence has a long word in it."""
    visit.served.backend.problem = Trouble("Port 11434 is used by " + "long-name-" * 9, "Quit it.")
    visit.narrow(width)
    visit.open()

    widths = {}
    for section in PAGES:
        visit.page.get_by_role("link", name=section.capitalize(), exact=True).click()
        expect(visit.page.locator("nav [aria-current=page]")).to_have_text(section.capitalize())
        widths[section] = visit.width()

    assert widths == dict.fromkeys(PAGES, width)


@pytest.mark.usefixtures("axe")
def test_the_frame_keeps_nobody_out(visit: Visit) -> None:
    """With all that it may show."""
    visit.served.backend.problem = Trouble("Port 11434 is used by Ollama.", "Quit it, or use another port.")
    visit.served.backend.demo = True
    visit.open(section="apps")

    assert visit.faults() == []


def test_a_server_that_is_started_again_can_be_turned_off_instead(visit: Visit) -> None:
    """As in the tray's menu, which offers the same meanwhile."""
    backend = visit.served.backend
    backend.running, backend.phase = False, "starting"
    visit.open(section="activity")

    visit.button("Turn off").click()

    wait_for(lambda: ("turn", False) in backend.calls, "the page to ask for it")
