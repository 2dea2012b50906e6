"""The owner's own names, and what apps hide, on the settings page in a real browser."""

import re

import msgspec
import pytest
from playwright.sync_api import expect

from tray_proxy.errors import SettingsNotSaved
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


def test_without_names_there_is_nothing_about_them(visit: Visit) -> None:
    visit.open()

    expect(visit.page.locator("#names")).to_be_hidden()


def test_a_name_is_told_with_what_it_stands_for(visit: Visit) -> None:
    """In words: nothing is said by colour or a sign alone."""
    visit.served.backend.names = (
        PRESET,
        ALIAS,
        name_row("lost:latest", "gone/model", answers=False),
        name_row("old:latest", kept=False, answers=False),
    )
    visit.open()

    assert names(visit) == [
        "brief:latest openai/gpt-4o with “Be brief.” · sets temperature Remove",
        "gpt-3.5-turbo:latest alias of openai/gpt-4o-mini Remove",
        "lost:latest alias of gone/model Its model is not allowed now, so apps do not see this name. Remove",
        "old:latest alias of openai/gpt-4o Removed: apps no longer see this name. Restore",
    ]


def test_a_system_prompt_that_is_markup_is_shown_as_it_is(visit: Visit) -> None:
    """Any app on this computer can write one."""
    visit.served.backend.names = (name_row("x:latest", adds=XSS_NAME),)
    visit.open()

    expect(visit.page.locator("#names-list .id")).to_have_text(f"openai/gpt-4o with {XSS_NAME}")
    assert visit.page.locator("#names-list img").count() == 0
    expect(visit.page).to_have_title("Tray Proxy")


def test_a_name_is_removed_and_restored_by_keyboard_alone(visit: Visit) -> None:
    """The place on the button stays, so a slip is undone by the same key."""
    visit.served.backend.names = (ALIAS,)
    visit.open()

    visit.button("Remove gpt-3.5-turbo:latest").focus()
    visit.page.keyboard.press("Enter")
    expect(visit.button("Restore gpt-3.5-turbo:latest")).to_be_focused()
    expect(visit.page.locator("#names-result")).to_have_text("gpt-3.5-turbo:latest is removed. Restore brings it back.")
    visit.page.keyboard.press("Enter")
    expect(visit.button("Remove gpt-3.5-turbo:latest")).to_be_focused()

    expect(visit.page.locator("#names-result")).to_have_text("gpt-3.5-turbo:latest is restored.")
    assert visit.served.backend.calls == [("keep_name", (ALIAS.name, False)), ("keep_name", (ALIAS.name, True))]


def test_a_name_that_an_app_makes_or_removes_shows_by_itself(visit: Visit) -> None:
    """Without a click or a reload, within a second; and what was removed by an app can be restored here."""
    visit.open()

    visit.served.backend.names = (ALIAS,)
    expect(visit.button("Remove gpt-3.5-turbo:latest")).to_be_visible(timeout=1000)
    visit.served.backend.names = (msgspec.structs.replace(ALIAS, kept=False),)
    expect(visit.button("Restore gpt-3.5-turbo:latest")).to_be_visible(timeout=1000)
    visit.button("Restore gpt-3.5-turbo:latest").click()

    expect(visit.button("Remove gpt-3.5-turbo:latest")).to_be_visible()
    assert visit.served.backend.calls == [("keep_name", (ALIAS.name, True))]


def test_a_name_that_comes_leaves_the_keyboards_place(visit: Visit) -> None:
    visit.served.backend.names = (ALIAS,)
    visit.open()
    visit.button("Remove gpt-3.5-turbo:latest").focus()

    visit.served.backend.names = (PRESET, ALIAS)
    visit.reread()

    expect(visit.button("Remove brief:latest")).to_be_visible()
    expect(visit.button("Remove gpt-3.5-turbo:latest")).to_be_focused()


def test_a_removal_that_fails_says_so(visit: Visit) -> None:
    visit.served.backend.names = (ALIAS,)
    visit.open()
    visit.served.backend.fault = SettingsNotSaved("The settings could not be saved: No space left on device.")

    visit.button("Remove gpt-3.5-turbo:latest").click()

    expect(visit.page.locator("#names-result")).to_have_text(
        "The settings could not be saved: No space left on device. "
        "Nothing has changed. Make room on the disk, or see who may write into Tray Proxy's folder."
    )
    expect(visit.button("Remove gpt-3.5-turbo:latest")).to_be_visible()


@pytest.mark.parametrize(
    ("hidden", "named", "them"), [((HAIKU,), HAIKU, "it"), (tuple("abcdefg"), "a, b, c, d, e and 2 more", "them")]
)
def test_what_is_hidden_is_named_with_the_way_back(
    visit: Visit, hidden: tuple[str, ...], named: str, them: str
) -> None:
    """An app hid it, perhaps; the page does not claim that every model is allowed."""
    visit.served.backend.allowed, visit.served.backend.hidden = None, hidden
    visit.open()

    expect(visit.page.locator("#models-hidden")).to_have_text(
        f"Hidden: {named}. Every other model is allowed, also those that are new. "
        f"Choose “Every model” to show {them} again."
    )
    expect(visit.page.get_by_label("Every model", exact=True)).not_to_be_checked()


def test_every_model_shows_hidden_ones_again(visit: Visit) -> None:
    visit.served.backend.allowed, visit.served.backend.hidden = None, (HAIKU,)
    visit.open()
    expect(visit.model(HAIKU)).not_to_be_checked()
    expect(visit.model(SONNET)).to_be_checked()

    visit.page.get_by_label("Every model", exact=True).check()

    expect(visit.page.locator("#models-hidden")).to_be_hidden()
    expect(visit.model(HAIKU)).to_be_checked()
    assert visit.served.backend.calls == [("allow_models", None)]


def test_a_model_that_an_app_hides_shows_by_itself(visit: Visit) -> None:
    visit.served.backend.allowed = None
    visit.open()
    expect(visit.model(HAIKU)).to_be_checked()

    visit.served.backend.hidden = (HAIKU,)

    expect(visit.model(HAIKU)).not_to_be_checked(timeout=1000)
    expect(visit.page.locator("#models-count")).to_have_text("3 of 4 allowed")


@pytest.mark.parametrize("width", [320, 400, 900])
def test_no_width_needs_scrolling_sideways(visit: Visit, width: int) -> None:
    """Also with the longest names and prompts."""
    visit.served.backend.names = (name_row("long-name-" * 20 + ":v1", "vendor/" + "x" * 100, adds="word" * 25),)
    visit.served.backend.allowed, visit.served.backend.hidden = None, ("vendor/" + "y" * 150,)
    visit.page.set_viewport_size({"width": width, "height": 700})
    visit.open()

    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
