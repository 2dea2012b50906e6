"""The models of the settings page in a real browser: searching, ticking, saving."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tray_proxy.errors import KeychainUnavailable
from web.browsing import Visit
from web.fakes import XSS_NAME, many_rows, row

pytestmark = pytest.mark.desktop

SONNET = "anthropic/claude-sonnet-4.5"
HAIKU = "anthropic/claude-haiku-4.5"


def test_a_model_is_told_in_words(visit: Visit) -> None:
    """Nothing is said by colour or a sign alone."""
    visit.open()

    rows = visit.page.locator("#models-list li")

    assert [re.sub(r"\s+", " ", text).strip() for text in rows.all_inner_texts()] == [
        f"Anthropic: Claude Sonnet 4.5 {SONNET} tools · pictures · thinking 1M context $3 in · $15 out",
        f"Anthropic: Claude Haiku 4.5 {HAIKU} tools 200k context $3 in · $15 out",
        "DeepSeek: R1 (free) deepseek/deepseek-r1:free thinking 164k context Free",
        f"{XSS_NAME} evil/model tools 200k context price unknown",
    ]


def test_a_name_that_is_markup_is_shown_as_it_is(visit: Visit) -> None:
    """It is text, and makes no picture and no title."""
    visit.open()

    expect(visit.model("evil/model")).to_have_accessible_name(XSS_NAME)
    assert visit.page.locator("#models-list img").count() == 0
    expect(visit.page).to_have_title("Tray Proxy")


def test_searching_leaves_the_models_with_every_word(visit: Visit) -> None:
    """Words in any order, parts of words, in name or id."""
    visit.open()

    visit.page.get_by_label("Search models").fill("4.5 CLAUDE son")

    assert visit.shown_models() == [SONNET]
    expect(visit.page.locator("#models-count")).to_have_text("1 of 4 allowed · 1 shown")


def test_a_search_without_result_says_so(visit: Visit) -> None:
    """Escape empties the box again."""
    visit.open()

    visit.page.get_by_label("Search models").fill("llama")
    expect(visit.page.locator("#models-empty")).to_have_text("No model has “llama” in its name.")
    visit.page.keyboard.press("Escape")

    expect(visit.page.locator("#models-empty")).to_be_hidden()
    assert len(visit.shown_models()) == 4


def test_a_tick_is_saved_at_once(visit: Visit) -> None:
    """There is no button to forget."""
    visit.open()

    visit.model(HAIKU).check()

    expect(visit.page.locator("#models-result")).to_have_text("Saved. Apps see the change at once.")
    expect(visit.page.locator("#models-count")).to_have_text("2 of 4 allowed")
    assert visit.served.backend.calls == [("allow_models", (SONNET, HAIKU))]


def test_models_are_ticked_by_keyboard_alone(visit: Visit) -> None:
    """Type, arrow down, Space; Escape goes back to the search box with its words selected."""
    visit.open(section="models")
    keyboard = visit.page.keyboard

    keyboard.type("claude")
    for key in ("ArrowDown", "ArrowDown", "Space", "Escape"):
        keyboard.press(key)
    keyboard.type("deepseek")
    for key in ("ArrowDown", "Space", "ArrowUp"):
        keyboard.press(key)

    expect(visit.page.get_by_label("Search models")).to_be_focused()
    expect(visit.page.locator("#models-result")).to_have_text("Saved. Apps see the change at once.")
    assert visit.served.backend.calls[-1] == ("allow_models", (SONNET, HAIKU, "deepseek/deepseek-r1:free"))


def test_quick_ticks_are_saved_together_and_the_last_wins(visit: Visit) -> None:
    """The apps end up with what the page shows, whatever the order of the calls."""
    visit.open()

    for _ in range(3):
        visit.model(HAIKU).click()
    visit.model(SONNET).click()

    expect(visit.page.locator("#models-result")).to_have_text("Saved. Apps see the change at once.")
    assert visit.served.backend.allowed == (HAIKU,)


def test_a_tick_made_while_saving_is_saved_after_it(visit: Visit) -> None:
    """One call at a time: a slow first one cannot overwrite the second."""
    visit.open()
    held: list[Route] = []
    visit.page.route("**/api/models", lambda route: held.append(route), times=1)  # noqa: PLW0108 -- it wants attributes
    with visit.page.expect_request("**/api/models"):
        visit.model(HAIKU).check()

    visit.model(SONNET).uncheck()
    visit.reread()
    expect(visit.model(SONNET)).not_to_be_checked()
    held[0].continue_()

    expect(visit.page.locator("#models-result")).to_have_text("Saved. Apps see the change at once.")
    assert visit.served.backend.calls == [("allow_models", (SONNET, HAIKU)), ("allow_models", (HAIKU,))]


def test_a_tick_right_before_the_tab_is_closed_is_saved(visit: Visit) -> None:
    """The short pause before saving is not long enough to lose anything."""
    visit.open()
    visit.model(HAIKU).check()

    visit.page.goto("about:blank")

    assert visit.served.backend.models_changed.wait(timeout=10)
    assert visit.served.backend.calls == [("allow_models", (SONNET, HAIKU))]


def test_a_tick_that_cannot_be_saved_is_taken_back_with_a_reason(visit: Visit) -> None:
    """The page never shows what the apps do not have."""
    visit.open()
    visit.served.backend.fault = KeychainUnavailable("The settings file cannot be written.")

    visit.model(HAIKU).check()

    expect(visit.page.locator("#models-result")).to_have_text(
        "The settings file cannot be written. Unlock your system's key store, "
        "or start Tray Proxy with the environment variable OPENROUTER_API_KEY."
    )
    expect(visit.model(HAIKU)).not_to_be_checked()


def test_all_shown_ticks_what_the_search_left(visit: Visit) -> None:
    """And leaves the other ticks alone."""
    visit.open()

    visit.page.get_by_label("Search models").fill("deepseek")
    visit.button("All shown").click()

    expect(visit.page.locator("#models-count")).to_have_text("2 of 4 allowed · 1 shown")
    expect(visit.page.locator("#models-result")).to_have_text("Saved. Apps see the change at once.")
    assert visit.served.backend.allowed == (SONNET, "deepseek/deepseek-r1:free")


def test_none_can_be_undone(visit: Visit) -> None:
    """One click too many does not cost a list that took an evening."""
    visit.open()

    visit.button("None").click()
    expect(visit.page.locator("#models-result")).to_have_text("Saved. No model is allowed now: apps see an empty list.")
    visit.button("Undo").click()

    expect(visit.page.locator("#models-result")).to_have_text("Saved. Apps see the change at once.")
    expect(visit.button("Undo")).to_be_hidden()
    assert visit.served.backend.calls == [("allow_models", ()), ("allow_models", (SONNET,))]


def test_every_model_and_back_keeps_the_ticks(visit: Visit) -> None:
    """Trying the other choice does not cost them either."""
    visit.open()

    visit.page.get_by_label("Every model").check()
    expect(visit.page.locator("#models-result")).to_have_text("Saved. Apps see every model, also those that are new.")
    expect(visit.page.locator("#models-count")).to_have_text("All 4 allowed")
    expect(visit.model(HAIKU)).to_be_disabled()
    visit.page.get_by_label("Only the ones I tick").check()

    expect(visit.page.locator("#models-result")).to_have_text("Saved. Apps see the change at once.")
    assert visit.served.backend.calls == [("allow_models", None), ("allow_models", (SONNET,))]


def test_choosing_begins_with_every_model_ticked(visit: Visit) -> None:
    """The choice itself takes nothing away from the apps; the page says what to do next."""
    visit.served.backend.allowed = None
    visit.open()

    visit.page.get_by_label("Only the ones I tick").check()

    expect(visit.page.locator("#models-result")).to_have_text(
        "Saved. Every model is still ticked: press None to begin with none."
    )
    assert visit.served.backend.allowed == tuple(row.id for row in visit.served.backend.rows)


def test_only_ticked_shows_what_is_allowed(visit: Visit) -> None:
    """A row that is unticked there stays in sight, or the keyboard would lose its place."""
    visit.open()

    visit.page.get_by_label("Only ticked").check()
    assert visit.shown_models() == [SONNET]
    visit.model(SONNET).uncheck()
    expect(visit.page.locator("#models-count")).to_have_text("0 of 4 allowed · 1 shown")
    visit.reread()

    assert visit.shown_models() == [SONNET]
    expect(visit.model(SONNET)).to_be_focused()


def test_a_model_that_left_the_list_keeps_its_tick(visit: Visit) -> None:
    """Allowed models never vanish because a list changed; the next tick saves them along."""
    visit.served.backend.rows += (
        row("old/gone", listed=False, context_length=0, prompt_usd_per_million=None, capabilities=()),
    )
    visit.served.backend.allowed = ("old/gone",)
    visit.open()

    expect(visit.page.locator("#models-list li").last).to_contain_text("not in OpenRouter's list now")
    visit.model(HAIKU).check()

    expect(visit.page.locator("#models-result")).to_have_text("Saved. Apps see the change at once.")
    assert visit.served.backend.allowed == (HAIKU, "old/gone")


@pytest.mark.parametrize(
    ("age_s", "words"),
    [
        (0.0, "This list is less than a minute old."),
        (61.0, "This list is 1 minute old."),
        (7200.0, "This list is 2 hours old."),
        (180_000.0, "This list is 2 days old. Prices may have changed since."),
    ],
)
def test_the_age_of_the_list_is_told(visit: Visit, age_s: float, words: str) -> None:
    """Offline, the list is an old one, and its prices too."""
    visit.served.backend.age_s = age_s
    visit.open()

    expect(visit.page.locator("#models-age")).to_have_text(f"Prices are in US dollars per million tokens. {words}")


@pytest.mark.parametrize(
    ("age_s", "filter_file", "words"),
    [
        (
            None,
            None,
            "The model list is not loaded yet. Check the internet connection; Tray Proxy keeps trying by itself.",
        ),
        (5.0, "models.txt", "The file that MODELS_FILTER names leaves no model."),
        (5.0, None, "The model list is empty."),
    ],
)
def test_an_empty_list_says_why(visit: Visit, age_s: float | None, filter_file: str | None, words: str) -> None:
    """There is nothing to search or tick then."""
    backend = visit.served.backend
    backend.rows, backend.age_s, backend.filter_file = (), age_s, filter_file
    visit.open()

    expect(visit.page.locator("#models-empty")).to_have_text(words)
    expect(visit.page.locator("#models-tools")).to_be_hidden()


def test_a_filter_file_is_named(visit: Visit) -> None:
    """Who misses a model finds out where it went."""
    visit.served.backend.filter_file = "models.txt"
    visit.open()

    expect(visit.page.locator("#models-filter")).to_have_text(
        "MODELS_FILTER limits this list to the models named in models.txt."
    )


def test_a_list_that_changes_keeps_the_keyboards_place(visit: Visit) -> None:
    """Also when the row with the cursor moves."""
    visit.open()
    visit.model(HAIKU).focus()

    visit.served.backend.rows = (row("new/first"), *reversed(visit.served.backend.rows))
    visit.reread()

    expect(visit.model("new/first")).to_be_visible()
    expect(visit.model(HAIKU)).to_be_focused()


def test_450_models_are_searched_while_typing(visit: Visit, record_property: Callable[[str, object], None]) -> None:
    """How long it takes is reported, and is not a pass mark: machines differ."""
    visit.served.backend.rows = many_rows(450)
    visit.open()
    expect(visit.page.get_by_label("Search models")).to_have_attribute("placeholder", "Search 450 models")

    times_ms = visit.page.evaluate(
        """() => ["m", "mo", "model", "model 4", "vendor 7 model 4", "nothing", ""].map((words) => {
          const search = document.getElementById("models-search");
          const began = performance.now();
          search.value = words;
          search.dispatchEvent(new Event("input"));
          document.body.offsetHeight;
          return performance.now() - began;
        })"""
    )

    record_property("slowest_filter_ms", max(times_ms))
    print(f"filtering 450 models, with layout: {[round(ms, 1) for ms in times_ms]} ms")  # noqa: T201 -- a figure to read
    assert len(visit.shown_models()) == 450
