"""Journey 2: an app is pointed here. What to enter is copied, and lamps say by themselves how far it has come."""

import json
import re

from playwright.sync_api import expect

from clients_recorded.test_exchanges import CLIENTS, Session, names_of, rows_of
from tray_proxy.demo.keys import DEMO_KEY

# Client: name of its card, and which of its lamps its recorded calls light: list, facts, answer.
CARDS = {
    "continue": ("Continue", (True, True, True)),
    "enchanted": ("Enchanted", (True, True, True)),
    "home-assistant": ("Home Assistant", (True, False, True)),
    "jetbrains": ("JetBrains AI Assistant", (True, False, True)),
    "obsidian-copilot": ("Obsidian, plugin Copilot", (True, False, True)),
    "vscode-copilot": ("VS Code Copilot", (True, True, True)),
    "xcode": ("Xcode", (True, False, True)),
    "zed": ("Zed", (True, True, True)),
}
LAMPS = ("Asked for the list of models", "Read what a model can do", "Got an answer")


def replay(client, port):
    """Send what this app sends, in its order."""
    session = Session(client, port)
    for exchange in client["exchanges"]:
        for name in names_of(session, exchange):
            answer = session.send(exchange["request"], name)
            if answer.content_type == "application/json" and exchange["request"]["method"] == "GET":
                session.models = rows_of(json.loads(answer.body)) or session.models
    session.close()


def card(page, name):
    """Find an app's card as a person does: by its name."""
    page.get_by_role("searchbox", name="Find your app").fill(name)
    head = page.get_by_role("button", name=re.compile(f"^{re.escape(name)}(?!,)"))
    return page.get_by_role("listitem").filter(has=head)


def test_the_lamps_of_every_recorded_app_turn_on_by_themselves(person, picture):
    """The page is opened once, and never loaded again."""
    app = person.start("--demo", env={"OPENROUTER_API_KEY": DEMO_KEY})
    app.turn_on()
    page = person.click(app, "Apps…")
    page.evaluate("window.loadedOnce = true")

    for client, (name, lit) in CARDS.items():
        found = card(page, name)
        found.get_by_role("button").first.click()
        expect(found.get_by_text("not yet")).to_have_count(3)
        replay(CLIENTS[client], app.port)
        for lamp, is_lit in zip(LAMPS, lit, strict=True):
            line = found.get_by_role("listitem").filter(has_text=lamp)
            expect(line).to_contain_text("now" if is_lit else "not yet")
        if client == "vscode-copilot":
            expect(found).to_contain_text("Agent mode lists only models with tools: 12 of your 17.")
            picture(page, "2-lamps")

    assert page.evaluate("window.loadedOnce") is True
    assert set(CARDS) == set(CLIENTS)


def test_what_to_enter_is_copied_and_an_empty_list_is_explained(person, picture):
    """From an app that shows nothing to the tick that helps, and the tray says the same as the page."""
    app = person.start("--demo", env={"OPENROUTER_API_KEY": DEMO_KEY, "ALLOWED_MODELS": "[]"})
    app.turn_on()
    needs_models = "Demo · ▲ Needs you: choose models"
    app.menu.wait_for(needs_models)
    page = person.click(app, "Apps…")
    expect(page.locator("#status")).to_have_text("Needs you: choose models")
    zed = card(page, "Zed")
    zed.get_by_role("button").first.click()

    copy = zed.get_by_role("button", name=f"Copy: {app.url}", exact=True)
    copy.click()
    expect(copy).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == app.url
    assert app.models() == set()
    replay({**CLIENTS["zed"], "exchanges": CLIENTS["zed"]["exchanges"][:1]}, app.port)
    expect(zed).to_contain_text("You allowed no models yet, so its list was empty.")
    picture(page, "2-empty-list")
    zed.get_by_role("link", name="Choose models").click()
    page.get_by_role("checkbox", name=re.compile("^OpenAI: GPT-4o-mini")).check()

    app.menu.wait_for(f"Demo · ● On — apps reach it at 127.0.0.1:{app.port}")
    expect(page.locator("#status")).to_have_text(f"On: apps reach it at {app.url}")
    assert app.models() == {"openai/gpt-4o-mini"}
