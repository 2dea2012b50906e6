"""What a person does with models and apps, on the page of a real program, with the demo's OpenRouter behind it."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.desktop

ZED = {"User-Agent": "Zed/0.200.0 (linux; x86_64)"}


@pytest.fixture
def running(proxies, tmp_path):
    return proxies.start(tmp_path)


@pytest.fixture
def tab(browser, running):
    """A tab; afterwards it must have complained of nothing."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    page = context.new_page()
    complaints = []
    page.on("console", lambda line: complaints.append(line.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    # The browser itself notes every refused call; those are what one test is about.
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []


@pytest.fixture
def enter(tab, running):
    """Come in the way the tray leads."""
    return lambda section: tab.goto(running.loop.submit(running.program.page.url(section)).result(15))


def listed(running):
    return {model["name"] for model in running.http.get("/api/tags").json()["models"]}


def test_lamps_turn_on_as_an_app_connects(tab, enter, running):
    """Journey 2: the page is open beside the app, and nobody touches it."""
    enter("apps")
    zed = tab.locator(".app", has=tab.locator(".app-name:text-is('Zed')"))
    zed.get_by_role("button").first.click()
    expect(zed.locator(".copy-line", has_text=running.url)).to_be_visible()
    lit = zed.locator(".lamps .lit")
    expect(lit).to_have_count(0)

    running.http.get("/api/tags", headers=ZED)
    expect(lit).to_have_count(1)
    running.http.post("/api/show", json={"model": "openai/gpt-4o-mini"}, headers=ZED)
    expect(lit).to_have_count(2)
    body = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}], "stream": False}
    assert running.http.post("/api/chat", json=body, headers=ZED).status_code == 200

    expect(lit).to_have_count(3)
    expect(zed.locator(".app-state")).to_have_text("Works, last answer just now")
    tab.get_by_role("link", name="Activity", exact=True).click()
    row = tab.locator("tbody tr")
    expect(row.locator(".at-app")).to_have_text("Zed")
    expect(row.locator(".at-model")).to_contain_text("openai/gpt-4o-mini")
    expect(row.locator(".at-result")).to_have_text("Answered")
    expect(row.locator(".at-cost")).not_to_be_empty()


def test_what_is_ticked_is_what_apps_are_told(tab, enter, running):
    """Journey 3, by keyboard alone; and what an app takes away is unticked in front of one's eyes."""
    enter("models")
    expect(tab.get_by_label("Search models")).to_be_focused()
    total = len(listed(running))
    expect(tab.locator("#models-count")).to_have_text(f"All {total} allowed")
    keyboard = tab.keyboard

    keyboard.press("Shift+Tab")  # to the choice above the search
    keyboard.press("ArrowUp")
    expect(tab.get_by_label("Only the ones I tick")).to_be_checked()
    tab.get_by_role("button", name="None", exact=True).press("Enter")
    tab.get_by_label("Search models").focus()
    for words in ("gpt-4o-mini", "claude"):
        keyboard.type(words)
        keyboard.press("ArrowDown")
        keyboard.press("Space")
        keyboard.press("Escape")
    expect(tab.locator("#models-result")).to_have_text("Saved. Apps see the change at once.")
    ticked = {box.get_attribute("value") for box in tab.locator("#models-list input:checked").all()}

    assert len(ticked) == 2
    assert listed(running) == ticked
    assert running.http.request("DELETE", "/api/delete", json={"model": "openai/gpt-4o-mini"}).status_code == 200
    expect(tab.locator("#models-count")).to_contain_text(f"1 of {total} allowed")


def test_a_name_of_ones_own_answers_at_once(tab, enter, running):
    """And one that cannot be says why, beside its field."""
    enter("models")
    tab.get_by_role("button", name="Add a name").click()
    tab.get_by_label("Name", exact=True).fill("my name")
    tab.get_by_label("Model that answers").fill("openai/gpt-4o-mini")
    tab.get_by_role("button", name="Save this name").click()
    expect(tab.locator(".field.wrong .error")).to_have_text("Letters, digits and . : / - _ make a name; blanks do not.")

    tab.get_by_label("Name", exact=True).fill("gpt-4")
    tab.get_by_role("button", name="Save this name").click()
    expect(tab.locator("#names-result")).to_have_text("gpt-4 is added. Apps see it at once.")

    body = {"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}], "stream": False}
    assert running.http.post("/api/chat", json=body).status_code == 200
