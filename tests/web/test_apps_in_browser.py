"""The page "Apps" in a real browser: steps to copy, and lamps that turn on by themselves."""

import re
import time

import msgspec
import pytest
from playwright.sync_api import Locator, expect

from tray_proxy.web.apps_api import OtherProgram, StepShown
from web.browsing import Visit
from web.fakes import XSS_NAME, app

pytestmark = pytest.mark.desktop

ADDRESS = "http://127.0.0.1:11434"
ZED, XCODE, CODEX = app("zed", "Zed"), app("xcode", "Xcode"), app("codex", "Codex")


@pytest.fixture
def apps(visit: Visit) -> Visit:
    """A visit of this page, with three apps that have not called."""
    visit.served.backend.apps = (ZED, XCODE, CODEX)
    return visit


def come(visit: Visit) -> None:
    visit.open(section="apps")
    expect(visit.page.locator(".app").first).to_be_visible()


def card(visit: Visit, name: str) -> Locator:
    return visit.page.locator(".app", has=visit.page.locator(f".app-name:text-is('{name}')"))


def opened(visit: Visit, name: str) -> Locator:
    found = card(visit, name)
    found.get_by_role("button").first.click()
    return found


def lamps(found: Locator) -> list[str]:
    return [re.sub(r"\s+", " ", line).strip() for line in found.locator(".lamps li").all_inner_texts()]


def names(visit: Visit) -> list[str]:
    return visit.page.locator(".app .app-name").all_inner_texts()


def test_the_address_is_copied_with_one_click(apps: Visit) -> None:
    apps.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    come(apps)

    apps.button("Copy: The address for your apps").click()

    expect(apps.button("Copy: The address for your apps")).to_have_text("✓ Copied")
    assert apps.page.evaluate("navigator.clipboard.readText()") == ADDRESS


def test_the_tray_leads_to_the_address(apps: Visit) -> None:
    """Its menu has an item for it."""
    apps.open(section="address")

    expect(apps.page.get_by_role("heading", name="The address for your apps")).to_be_focused()


def test_a_card_opens_by_keyboard_and_tells_the_steps(apps: Visit) -> None:
    """What is to be copied has its own button, whole lines of a file too."""
    steps = (StepShown("Open its settings.", None), StepShown("Put this there:", "a: 1\nb: 2\n"))
    apps.served.backend.apps = (app("zed", "Zed", steps=steps, needs="It wants a long context."),)
    apps.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    come(apps)
    head = apps.page.get_by_role("button", name="Zed Not seen yet")

    head.focus()
    apps.page.keyboard.press("Enter")

    expect(head).to_have_attribute("aria-expanded", "true")
    expect(card(apps, "Zed").locator(".how p")).to_have_text(["Open its settings.", "Put this there:"])
    expect(card(apps, "Zed")).to_contain_text("It wants a long context.")
    apps.button("Copy: Put this there:").click()
    expect(apps.button("Copy: Put this there:")).to_have_text("✓ Copied")
    assert apps.page.evaluate("navigator.clipboard.readText()") == "a: 1\nb: 2\n"


def test_lamps_turn_on_by_themselves(apps: Visit) -> None:
    """By shape and in words, and they are told to who hears the page; the card stays where it is."""
    come(apps)
    zed = opened(apps, "Codex")
    assert lamps(zed) == [
        "Asked for the list of models not yet",
        "Read what a model can do not yet",
        "Got an answer not yet",
    ]

    now = time.time()
    apps.served.backend.apps = (ZED, XCODE, msgspec.structs.replace(CODEX, listed_s=now - 130, answered_s=now))
    apps.news("apps")

    expect(zed.locator(".lamps .lit")).to_have_count(2)
    assert lamps(zed) == [
        "Asked for the list of models 2 minutes ago",
        "Read what a model can do not yet",
        "Got an answer just now",
    ]
    assert zed.locator(".lamps .shape").evaluate_all("shapes => shapes.map((each) => each.classList[1])") == [
        "good",
        "off",
        "good",
    ]
    expect(zed.locator(".app-state")).to_have_text("Works, last answer just now")
    expect(apps.page.locator("#said")).to_contain_text("Codex: Got an answer")
    assert names(apps) == ["Zed", "Xcode", "Codex"]


def test_apps_that_have_called_come_first(apps: Visit) -> None:
    """The last to call on top; so it is when the page is opened."""
    now = time.time()
    apps.served.backend.apps = (
        app("a", "Answered", listed_s=now - 9000, shown_s=now - 8000, answered_s=now - 7200),
        app("b", "Never"),
        app("c", "Listed", listed_s=now - 61),
        app("d", "Failed", last_error="OpenRouter did not take the key."),
    )
    come(apps)

    assert names(apps) == ["Listed", "Answered", "Failed", "Never"]
    assert apps.page.locator(".app .app-state").all_inner_texts() == [
        "Called 1 minute ago",
        "Works, last answer 2 hours ago",
        "Something went wrong",
        "Not seen yet",
    ]


def test_a_hint_says_what_to_do(apps: Visit) -> None:
    """With the way there, if it is about the models."""
    apps.served.backend.allowed = ()
    apps.served.backend.apps = (
        app("zed", "Zed", listed_s=time.time(), hint="You allowed no models yet.", models_line="6 of your 8."),
    )
    come(apps)

    zed = opened(apps, "Zed")

    expect(zed.locator(".app-state")).to_have_text("Needs a hand")
    expect(zed.locator(".notice.warn")).to_contain_text("You allowed no models yet.")
    expect(zed).to_contain_text("6 of your 8.")
    zed.get_by_role("link", name="Choose models").click()
    expect(apps.page.locator("h1")).to_have_text("Models")


def test_what_went_wrong_is_told(apps: Visit) -> None:
    apps.served.backend.apps = (app("zed", "Zed", last_error="OpenRouter did not take the key.", note="Perhaps."),)
    come(apps)

    zed = opened(apps, "Zed")

    expect(zed.locator(".notice.bad")).to_have_text("OpenRouter did not take the key.")
    expect(zed).to_contain_text("Perhaps.")


def test_an_app_is_found_by_its_name(apps: Visit) -> None:
    """Where there is none, the card that fits most is left."""
    apps.served.backend.apps += (app("other", "Another app"),)
    come(apps)
    search = apps.page.get_by_label("Find your app")

    search.fill("co")
    assert names(apps) == ["Xcode", "Codex"]
    search.fill("emacs")
    expect(apps.page.locator("#apps-empty")).to_contain_text("There is no card for “emacs”.")
    assert names(apps) == ["Another app"]
    apps.button("Show all apps").click()

    assert names(apps) == ["Zed", "Xcode", "Codex", "Another app"]


def test_programs_without_a_card_are_listed_as_they_call_themselves(apps: Visit) -> None:
    """Any program can call itself anything: it is text."""
    apps.served.backend.others = (
        OtherProgram(agent=XSS_NAME, listed_s=time.time(), shown_s=None, answered_s=None, last_error="Turned away."),
    )
    come(apps)

    others = apps.page.locator(".others")
    expect(others.locator(".app-name")).to_have_text(XSS_NAME)
    expect(others).to_contain_text("Turned away.")
    assert lamps(others)[0] == "Asked for the list of models just now"
    assert apps.page.locator("#page img").count() == 0
    expect(apps.page).to_have_title("Apps – Tray Proxy")


@pytest.mark.usefixtures("axe")
def test_the_page_keeps_nobody_out(apps: Visit) -> None:
    """With a card of every kind opened."""
    steps = (StepShown("Put this there:", "a: 1\nb: 2\n"), StepShown("Enter:", ADDRESS))
    apps.served.backend.apps = (
        app("zed", "Zed", steps=steps, listed_s=time.time(), hint="Reopen its settings page.", needs="Tools."),
        app("xcode", "Xcode", last_error="OpenRouter did not take the key.", note="Perhaps."),
    )
    apps.served.backend.others = (
        OtherProgram(agent="Lumos/1", listed_s=None, shown_s=None, answered_s=None, last_error="Turned away."),
    )
    come(apps)
    opened(apps, "Zed")
    opened(apps, "Xcode")

    assert apps.faults() == []


def test_a_narrow_window_needs_no_scrolling_sideways(apps: Visit) -> None:
    """Also with long lines to copy."""
    steps = (StepShown("Put this there:", "x" * 200 + "\n" + "y" * 90), StepShown("Enter:", "z" * 200))
    apps.served.backend.apps = (app("zed", "Zed " + "w" * 100, steps=steps),)
    apps.narrow()
    come(apps)

    apps.page.locator(".app-head").click()

    expect(apps.page.locator(".how")).to_be_visible()
    assert apps.width() == 400
