"""The owner's own names, and what apps hide, on the page "Models" in a real browser."""

import re

import msgspec
import pytest
from playwright.sync_api import expect

from tray_proxy.errors import SettingsNotSaved
from tray_proxy.web.http import FormInvalid
from web.browsing import Visit
from web.fakes import XSS_NAME, name_row

pytestmark = pytest.mark.desktop

ALIAS = name_row("gpt-3.5-turbo:latest", "openai/gpt-4o-mini")
PRESET = name_row("brief:latest", adds="“Be brief.” · sets temperature")
SONNET = "anthropic/claude-sonnet-4.5"
HAIKU = "anthropic/claude-haiku-4.5"


def names(visit: Visit) -> list[str]:
    """What each name's line says, its button included."""
    lines = visit.page.locator("#names-list li").all_inner_texts()
    return [re.sub(r"\s+", " ", line).strip() for line in lines]


def come(visit: Visit) -> None:
    """Open the page and wait for what it was told."""
    visit.open(section="models")
    expect(visit.page.locator("#models-count")).not_to_be_empty()


def result(visit: Visit, words: str) -> None:
    expect(visit.page.locator("#names-result")).to_have_text(words)


def test_without_names_the_page_says_where_they_come_from(visit: Visit) -> None:
    come(visit)

    expect(visit.page.locator("#names")).to_contain_text("There are none yet.")


def test_a_name_is_told_with_what_it_stands_for(visit: Visit) -> None:
    """In words: nothing is said by colour or a sign alone."""
    visit.served.backend.names = (
        PRESET,
        ALIAS,
        name_row("lost:latest", "gone/model", answers=False),
        name_row("old:latest", kept=False, answers=False),
    )
    come(visit)

    assert names(visit) == [
        "brief:latest openai/gpt-4o with “Be brief.” · sets temperature Remove",
        "gpt-3.5-turbo:latest alias of openai/gpt-4o-mini Remove",
        "lost:latest alias of gone/model Its model is not allowed now, so apps do not see this name. Remove",
        "old:latest alias of openai/gpt-4o Removed: apps no longer see this name. Restore",
    ]


def test_a_system_prompt_that_is_markup_is_shown_as_it_is(visit: Visit) -> None:
    """Any app on this computer can write one."""
    visit.served.backend.names = (name_row("x:latest", adds=XSS_NAME),)
    come(visit)

    expect(visit.page.locator("#names-list .id")).to_have_text(f"openai/gpt-4o with {XSS_NAME}")
    assert visit.page.locator("#names-list img").count() == 0
    expect(visit.page).to_have_title("Models – Tray Proxy")


def test_a_name_is_removed_and_restored_by_keyboard_alone(visit: Visit) -> None:
    """The place on the button stays, so a slip is undone by the same key."""
    visit.served.backend.names = (ALIAS,)
    come(visit)

    visit.button("Remove gpt-3.5-turbo:latest").focus()
    visit.page.keyboard.press("Enter")
    expect(visit.button("Restore gpt-3.5-turbo:latest")).to_be_focused()
    result(visit, "gpt-3.5-turbo:latest is removed. Restore brings it back.")
    visit.page.keyboard.press("Enter")
    expect(visit.button("Remove gpt-3.5-turbo:latest")).to_be_focused()

    result(visit, "gpt-3.5-turbo:latest is restored.")
    assert visit.served.backend.calls == [("keep_name", (ALIAS.name, False)), ("keep_name", (ALIAS.name, True))]


def test_a_name_that_an_app_makes_shows_by_itself(visit: Visit) -> None:
    """Apps make and remove names while somebody looks."""
    come(visit)

    visit.served.backend.names = (ALIAS,)
    visit.news("models")
    expect(visit.button("Remove gpt-3.5-turbo:latest")).to_be_visible()
    visit.served.backend.names = (msgspec.structs.replace(ALIAS, kept=False),)
    visit.news("models")
    visit.button("Restore gpt-3.5-turbo:latest").click()

    expect(visit.button("Remove gpt-3.5-turbo:latest")).to_be_visible()
    assert visit.served.backend.calls == [("keep_name", (ALIAS.name, True))]


def test_a_name_that_comes_leaves_the_keyboards_place(visit: Visit) -> None:
    visit.served.backend.names = (ALIAS,)
    come(visit)
    visit.button("Remove gpt-3.5-turbo:latest").focus()

    visit.served.backend.names = (PRESET, ALIAS)
    visit.news("models")

    expect(visit.button("Remove brief:latest")).to_be_visible()
    expect(visit.button("Remove gpt-3.5-turbo:latest")).to_be_focused()


def test_a_removal_that_fails_says_so(visit: Visit) -> None:
    visit.served.backend.names = (ALIAS,)
    come(visit)
    visit.served.backend.fault = SettingsNotSaved("The settings could not be saved: No space left on device.")

    visit.button("Remove gpt-3.5-turbo:latest").click()

    result(
        visit,
        "The settings could not be saved: No space left on device. "
        "Nothing has changed. Make room on the disk, or see who may write into Tray Proxy's folder.",
    )
    expect(visit.button("Remove gpt-3.5-turbo:latest")).to_be_visible()


def test_a_name_is_added_by_keyboard_alone(visit: Visit) -> None:
    """With a system prompt; the keyboard comes back to where it was opened."""
    come(visit)
    keyboard = visit.page.keyboard
    visit.button("Add a name").focus()

    for key in ("Enter", "Tab"):
        keyboard.press(key)
    expect(visit.page.get_by_label("Name", exact=True)).to_be_focused()
    for words in ("gpt-4", HAIKU, "Be brief."):
        keyboard.type(words)
        keyboard.press("Tab")
    expect(visit.button("Save this name")).to_be_focused()
    keyboard.press("Enter")

    result(visit, "gpt-4 is added. Apps see it at once.")
    expect(visit.button("Add a name")).to_be_focused()
    assert names(visit) == [f"gpt-4:latest alias of {HAIKU} Remove"]
    assert visit.served.backend.calls == [("add_name", ("gpt-4", HAIKU, "Be brief."))]


def test_what_is_wrong_with_a_new_name_stands_beside_its_field(visit: Visit) -> None:
    """The keyboard comes to the first of them, and nothing that was written is lost."""
    come(visit)
    visit.button("Add a name").click()
    visit.page.get_by_label("Name", exact=True).fill("my name")
    visit.page.get_by_label("Model that answers").fill("nope/none")
    visit.served.backend.fault = FormInvalid(
        {"name": "Blanks do not make a name.", "model": "OpenRouter has no model of this name."}
    )

    visit.button("Save this name").click()

    expect(visit.page.get_by_label("Name", exact=True)).to_be_focused()
    expect(visit.page.get_by_label("Name", exact=True)).to_have_accessible_description(
        "Blanks do not make a name. What the app asks for."
    )
    expect(visit.page.get_by_label("Model that answers")).to_have_accessible_description(
        "OpenRouter has no model of this name. Start typing, then choose."
    )
    expect(visit.page.get_by_label("Name", exact=True)).to_have_value("my name")


@pytest.mark.parametrize(
    ("hidden", "named", "them"), [((HAIKU,), HAIKU, "it"), (tuple("abcdefg"), "a, b, c, d, e and 2 more", "them")]
)
def test_what_is_hidden_is_named_with_the_way_back(
    visit: Visit, hidden: tuple[str, ...], named: str, them: str
) -> None:
    """An app hid it, perhaps; the page does not claim that every model is allowed."""
    visit.served.backend.allowed, visit.served.backend.hidden = None, hidden
    come(visit)

    expect(visit.page.locator("#models-hidden")).to_have_text(
        f"Hidden: {named}. Every other model is allowed, also those that are new. "
        f"Choose “Every model” to show {them} again."
    )
    expect(visit.page.get_by_label("Every model")).not_to_be_checked()


def test_every_model_shows_hidden_ones_again(visit: Visit) -> None:
    visit.served.backend.allowed, visit.served.backend.hidden = None, (HAIKU,)
    come(visit)
    expect(visit.model(HAIKU)).not_to_be_checked()
    expect(visit.model(SONNET)).to_be_checked()

    visit.page.get_by_label("Every model").check()

    expect(visit.page.locator("#models-result")).to_have_text("Saved. Apps see every model, also those that are new.")
    expect(visit.page.locator("#models-hidden")).to_have_count(0)
    expect(visit.model(HAIKU)).to_be_checked()
    assert visit.served.backend.calls == [("allow_models", None)]


def test_a_model_that_an_app_hides_shows_by_itself(visit: Visit) -> None:
    visit.served.backend.allowed = None
    come(visit)
    expect(visit.model(HAIKU)).to_be_checked()

    visit.served.backend.hidden = (HAIKU,)
    visit.news("models")

    expect(visit.model(HAIKU)).not_to_be_checked()
    expect(visit.page.locator("#models-count")).to_have_text("3 of 4 allowed")


@pytest.mark.parametrize("width", [320, 400, 900])
def test_no_width_needs_scrolling_sideways(visit: Visit, width: int) -> None:
    """Also with the longest names and prompts."""
    visit.served.backend.names = (name_row("long-name-" * 20 + ":v1", "vendor/" + "x" * 100, adds="word" * 25),)
    visit.served.backend.allowed, visit.served.backend.hidden = None, ("vendor/" + "y" * 150,)
    visit.narrow(width)
    come(visit)
    visit.button("Add a name").click()
    expect(visit.button("Save this name")).to_be_visible()

    assert visit.width() == width
