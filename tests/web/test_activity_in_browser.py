"""The page "Activity" in a real browser: a live list that leaves one's place alone, sums, and what a helper wants."""

import re
import time

import msgspec
import pytest
from playwright.sync_api import expect

from tray_proxy.activity import Totals
from tray_proxy.errors import KeychainUnavailable
from tray_proxy.limits import Today
from web.browsing import Visit
from web.fakes import XSS_NAME, entry

pytestmark = pytest.mark.desktop

TOP = "row => row.getBoundingClientRect().top"
USED_UP = "The credit at OpenRouter, or the key's own limit, was used up."


def come(visit: Visit) -> None:
    visit.open(section="activity")
    expect(visit.page.locator(".tiles")).to_be_visible()


def rows(visit: Visit) -> list[str]:
    """What each request's line says, without its time."""
    lines = visit.page.locator("tbody tr").all_inner_texts()
    return [re.sub(r"^\S+ ", "", re.sub(r"\s+", " ", line).strip()) for line in lines]


def models(visit: Visit) -> list[str]:
    return visit.page.locator("tbody .at-model bdi").all_inner_texts()


def test_a_request_is_told_in_words(visit: Visit) -> None:
    """How it went is said by a shape and a word; a failure with its reason."""
    now = time.time()
    nothing = {"prompt_tokens": None, "completion_tokens": None, "cost_usd": None}
    pull = {"path": "/api/pull", "model": None}
    visit.served.backend.entries_told = [
        entry("4", time_s=now, outcome="running", status=None, ms=None, **nothing),
        entry("3", time_s=now, outcome="failed", status=402, error="OutOfCredits", ms=310.0, **nothing),
        entry("2", time_s=now, outcome="cancelled", ms=12_345.0),
        entry("1", time_s=now, cost_usd=0.0, app="Xcode"),
        entry("0", time_s=now, outcome="failed", status=500, error=None, ms=1.0, **pull, **nothing),
    ]
    come(visit)

    assert rows(visit) == [
        "Zed openai/gpt-4o-mini POST /api/chat Running",
        f"Zed openai/gpt-4o-mini POST /api/chat 310 ms Failed {USED_UP} (status 402)",
        "Zed openai/gpt-4o-mini POST /api/chat 1,200 in, 56 out 1.2K → 56 $0.00042 12.3 s Stopped",
        "Xcode openai/gpt-4o-mini POST /api/chat 1,200 in, 56 out 1.2K → 56 $0 850 ms Answered",
        "Zed POST /api/pull 1 ms Failed A request failed; the log says more. (status 500)",
    ]
    assert visit.page.locator("tbody .shape").evaluate_all("shapes => shapes.map((each) => each.classList[1])") == [
        "waiting",
        "bad",
        "off",
        "good",
        "bad",
    ]


def test_the_day_is_summed_up(visit: Visit) -> None:
    visit.served.backend.totals = Totals(requests=61, cost_usd=0.4237, prompt_tokens=412_345, completion_tokens=900)
    visit.served.backend.entries_told = [entry("1", outcome="running")]
    come(visit)

    tiles = [re.sub(r"\s+", " ", tile) for tile in visit.page.locator(".tile").all_inner_texts()]

    assert tiles == ["Requests today 61", "Cost today $0.42", "Tokens in 412K", "Tokens out 900", "Running now 1"]


def test_what_is_spent_of_the_limit_is_told_where_there_is_one(visit: Visit) -> None:
    visit.served.backend.spending = Today(spent_usd=0.42, limit_usd=5.0, ends_s=time.time() + 60, reached=False)
    come(visit)

    tile = visit.page.locator("dt", has_text="Spent of the limit").locator("+ dd")
    expect(tile).to_have_text("$0.42 of $5.00")
    assert tile.get_attribute("title").startswith("The limit counts OpenRouter's day, which ends at ")


def test_without_a_limit_nothing_is_told_of_one(visit: Visit) -> None:
    come(visit)

    expect(visit.page.locator(".tiles dt")).to_have_text(
        ["Requests today", "Cost today", "Tokens in", "Tokens out", "Running now"]
    )


def test_without_requests_the_page_says_what_will_show(visit: Visit) -> None:
    """And leads to where one begins; the first request shows by itself."""
    come(visit)
    expect(visit.page.get_by_role("heading", name="Nothing has been asked yet")).to_be_visible()
    expect(visit.page.get_by_role("link", name="Connect an app")).to_have_attribute("href", "#apps")

    visit.served.backend.entries_told = [entry("1")]
    visit.news("activity")

    expect(visit.page.locator("tbody tr")).to_have_count(1)


def test_what_apps_call_themselves_is_text(visit: Visit) -> None:
    """Names of models too: an app may ask for anything."""
    visit.served.backend.entries_told = [entry("1", app=XSS_NAME, model=XSS_NAME, path=f"/{XSS_NAME}")]
    come(visit)

    expect(visit.page.locator("tbody .at-app")).to_have_text(XSS_NAME)
    assert visit.page.locator("#page img").count() == 0
    expect(visit.page).to_have_title("Activity – Tray Proxy")


def test_news_leave_place_and_keyboard_alone(visit: Visit) -> None:
    """Who reads further down goes on reading there, and an opened choice stays chosen."""
    told = [entry(str(n), model=f"x/model-{n}") for n in range(50)]
    visit.served.backend.entries_told = told
    come(visit)
    visit.page.get_by_label("App", exact=True).focus()
    read = visit.page.locator("tbody tr", has_text="x/model-30")
    read.scroll_into_view_if_needed()
    visit.page.evaluate("new Promise(requestAnimationFrame)")
    before = read.evaluate(TOP)

    visit.served.backend.entries_told = [entry(str(n), model=f"x/new-{n}") for n in (60, 61, 62)] + told
    visit.news("activity")

    expect(visit.page.locator("tbody tr").first).to_contain_text("x/new-60")
    visit.page.evaluate("new Promise(requestAnimationFrame)")
    # A row is no whole number of pixels high.
    assert read.evaluate(TOP) == pytest.approx(before, abs=1)
    expect(visit.page.get_by_label("App", exact=True)).to_be_focused()


def test_a_request_that_ends_stays_in_its_row(visit: Visit) -> None:
    """It is the same one."""
    running = entry("1", outcome="running", cost_usd=None, ms=None)
    visit.served.backend.entries_told = [running]
    come(visit)
    expect(visit.page.locator("tbody tr")).to_have_class("running")
    visit.page.locator("tbody tr").evaluate("row => { row.marked = true }")

    visit.served.backend.entries_told = [msgspec.structs.replace(running, outcome="done", ms=900.0)]
    visit.news("activity")

    expect(visit.page.locator("tbody tr")).to_have_class("done")
    assert visit.page.locator("tbody tr").evaluate("row => row.marked") is True


def test_the_list_can_be_held_still(visit: Visit) -> None:
    """To read it while apps go on."""
    visit.served.backend.entries_told = [entry("1", model="x/one")]
    come(visit)

    visit.button("Pause the list").click()
    visit.served.backend.entries_told = [entry("2", model="x/two"), entry("1", model="x/one")]
    with visit.page.expect_response("**/api/activity"):
        visit.news("activity")
    visit.reread()
    assert models(visit) == ["x/one"]
    # Its words change: told as pressed, too, it would say the opposite.
    assert visit.button("Go on").get_attribute("aria-pressed") is None
    visit.button("Go on").click()

    expect(visit.page.locator("tbody tr")).to_have_count(2)
    assert models(visit) == ["x/two", "x/one"]


def test_a_requests_id_is_copied_by_its_time(visit: Visit) -> None:
    """It leads to the request's line in the log, and to what the app was told."""
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.served.backend.entries_told = [entry("f2ae"), entry("0abb")]
    come(visit)
    time_of = visit.page.locator("tbody tr").nth(1).get_by_role("button", name="copy the request's id")
    expect(time_of).to_have_attribute("title", re.compile(r"\nRequest 0abb$"))

    time_of.press("Enter")

    expect(visit.page.get_by_text("Copied: 0abb")).to_be_visible()
    assert visit.page.evaluate("navigator.clipboard.readText()") == "0abb"


def test_an_id_that_cannot_be_copied_can_be_read(visit: Visit) -> None:
    visit.served.backend.entries_told = [entry("f2ae")]
    come(visit)
    visit.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()) }")

    visit.page.get_by_role("button", name="copy the request's id").click()

    words = "Your browser does not let this page copy. The request's id is f2ae."
    expect(visit.page.get_by_text(words)).to_be_visible()


def test_requests_are_filtered_by_app_and_result(visit: Visit) -> None:
    visit.served.backend.entries_told = [
        entry("4", app="Xcode", model="x/four", outcome="failed", status=500),
        entry("3", app="Zed", model="x/three", outcome="failed", status=500),
        entry("2", app="Zed", model="x/two"),
    ]
    come(visit)

    visit.page.get_by_label("App", exact=True).select_option("Zed")
    assert models(visit) == ["x/three", "x/two"]
    visit.page.get_by_label("Result", exact=True).select_option("Failed")
    assert models(visit) == ["x/three"]
    visit.page.get_by_label("Result", exact=True).select_option("Stopped")
    visit.button("Show all requests").click()

    assert models(visit) == ["x/four", "x/three", "x/two"]


def test_fifty_are_shown_and_the_rest_on_demand(visit: Visit) -> None:
    """What stands below the list is not 500 rows away."""
    visit.served.backend.entries_told = [entry(str(n)) for n in range(500)]
    come(visit)
    expect(visit.page.locator("tbody tr")).to_have_count(50)

    visit.button("Show all 500").click()

    expect(visit.page.locator("tbody tr")).to_have_count(500)


def test_diagnostics_are_copied_and_shown(visit: Visit) -> None:
    """Who hands them on sees what they hand on."""
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    come(visit)

    visit.button("Copy diagnostics").click()

    expect(visit.page.get_by_label("This is what you copied")).to_have_value("Tray Proxy 0.1.0\nKey: present")
    assert visit.page.evaluate("navigator.clipboard.readText()") == "Tray Proxy 0.1.0\nKey: present"


def test_the_log_is_read_only_when_asked_for(visit: Visit) -> None:
    """Its lines are text, the newest in sight."""
    visit.served.backend.log_lines = [*(f"line {n}" for n in range(60)), XSS_NAME]
    come(visit)
    assert visit.served.backend.calls == []

    visit.page.get_by_text("The end of the log").click()

    log = visit.page.locator(".log pre")
    expect(log).to_contain_text(XSS_NAME)
    assert log.evaluate("log => log.scrollTop + log.clientHeight >= log.scrollHeight - 1") is True
    assert visit.served.backend.calls == [("log", None)]
    visit.served.backend.log_lines = ["newer"]
    visit.button("Read again").click()
    expect(log).to_have_text("newer")


def test_the_folder_of_logs_is_opened(visit: Visit) -> None:
    """Where that fails, the page says why."""
    come(visit)

    visit.button("Open the folder of logs").click()
    expect(visit.button("Open the folder of logs")).not_to_have_attribute("aria-disabled", "true")
    visit.served.backend.fault = KeychainUnavailable("No file manager was found.")
    visit.button("Open the folder of logs").click()

    expect(visit.page.get_by_text("No file manager was found.")).to_be_visible()
    assert visit.served.backend.calls == [("open_logs", None), ("open_logs", None)]


@pytest.mark.usefixtures("axe")
def test_the_page_keeps_nobody_out(visit: Visit) -> None:
    """With a log, diagnostics and requests of each kind; and with none."""
    visit.served.backend.log_lines = ["a line"]
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    come(visit)
    assert visit.faults() == []

    visit.served.backend.entries_told = [
        entry(outcome, outcome=outcome) for outcome in ("running", "done", "failed", "cancelled")
    ]
    visit.news("activity")
    visit.page.get_by_text("The end of the log").click()
    visit.button("Copy diagnostics").click()
    expect(visit.page.locator(".log pre")).to_be_visible()
    expect(visit.page.locator("tbody tr")).to_have_count(4)

    assert visit.faults() == []


def test_a_narrow_window_shows_cards_and_needs_no_scrolling_sideways(visit: Visit) -> None:
    """It is still a table to who hears it."""
    visit.served.backend.entries_told = [entry("1", app="a" * 100, model="x/" + "m" * 200), entry("2")]
    visit.served.backend.log_lines = ["l" * 500]
    visit.narrow()
    come(visit)
    visit.page.get_by_text("The end of the log").click()
    expect(visit.page.locator(".log pre")).to_be_visible()

    assert visit.width() == 400
    assert visit.page.locator("tbody tr").first.evaluate("row => getComputedStyle(row).display") == "grid"
    expect(visit.page.get_by_role("table", name="Requests").get_by_role("row")).to_have_count(3)
