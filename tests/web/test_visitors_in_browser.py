"""Who wants to call, on the page "Settings" in a real browser: asked, answered, listed, taken back."""

import re

import pytest
from playwright.sync_api import expect

from tray_proxy.errors import SettingsNotSaved
from tray_proxy.web.visitors_api import VisitorsState
from web.browsing import Visit
from web.fakes import visitor_row

pytestmark = pytest.mark.desktop

EXTENSION = visitor_row("chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo", "Page Assist")
CHAT = visitor_row("https://chat.example:8443")
LONG = visitor_row(f"https://accounts.paypal.com.{'a' * 50}.evil.example")
FIREFOX = visitor_row("moz-extension://0f0c3c5e-8a1b-4d6e-9f00-1a2b3c4d5e6f")


def show(visit: Visit, **lists: tuple[object, ...]) -> None:
    """Have these visitors, and come to their part of the page the way the tray leads."""
    visit.served.backend.visitors = VisitorsState(**{"waiting": (), "allowed": (), "refused": ()} | lists)
    visit.open(section="visitors")
    expect(visit.page.locator("#visitors-title")).to_be_focused()
    expect(visit.page.locator("#visitors-allowed")).to_be_visible()


def listed(visit: Visit, name: str) -> list[str]:
    """What each line of a list says, its buttons included."""
    lines = visit.page.locator(f"#visitors-{name}-list li").all_inner_texts()
    return [re.sub(r"\s+", " ", line).strip() for line in lines]


def said(visit: Visit, words: str) -> None:
    expect(visit.page.locator("#visitors-result")).to_have_text(words)


def test_where_nobody_asked_the_page_says_so(visit: Visit) -> None:
    show(visit)

    expect(visit.page.locator("#visitors")).to_contain_text("None that you were asked about.")
    assert visit.page.locator("#visitors h3").all_inner_texts() == ["Allowed"]


def test_each_is_listed_by_its_whole_origin_with_what_can_be_done(visit: Visit) -> None:
    show(visit, waiting=(EXTENSION, LONG), allowed=(CHAT,), refused=(FIREFOX,))

    assert [listed(visit, name) for name in ("waiting", "allowed", "refused")] == [
        [
            f"Page Assist {EXTENSION.origin} Browser extension Always allow Never allow",
            f"{LONG.origin} Web page Always allow Never allow",
        ],
        [f"{CHAT.origin} Web page Revoke"],
        [f"{FIREFOX.origin} Browser extension Forget"],
    ]


def test_whose_page_it_is_stands_out_and_in_one_piece(visit: Visit) -> None:
    """On a phone, too: "…paypal.com" at the end of a line would be somebody else."""
    show(visit, waiting=(LONG, CHAT))
    visit.narrow()

    ends = visit.page.locator("#visitors .site")

    assert ends.all_inner_texts() == ["evil.example", "chat.example:8443"]
    assert ends.evaluate_all("all => all.map(one => one.getClientRects().length)") == [1, 1]


def test_the_whole_way_of_one_by_keyboard_alone(visit: Visit) -> None:
    """The keyboard waits at the heading: a key that is held down answers once."""
    show(visit, waiting=(EXTENSION, CHAT))
    for button, words in (
        ("Always allow: Page Assist", "Page Assist is allowed from now on. Try again there."),
        ("Revoke: Page Assist", "Page Assist is refused again. You are asked when it calls."),
        (f"Never allow: {CHAT.origin}", f"{CHAT.origin} is refused, and you are not asked again."),
        (f"Forget: {CHAT.origin}", f"{CHAT.origin} is still refused. You are asked when it calls."),
    ):
        visit.button(button).focus()
        visit.page.keyboard.press("Enter")
        said(visit, words)
        expect(visit.page.locator("#visitors-title")).to_be_focused()

    expect(visit.page.locator("#visitors")).to_contain_text("None that you were asked about.")
    assert visit.served.backend.calls == [
        ("answer_visitor", (EXTENSION.origin, True)),
        ("answer_visitor", (EXTENSION.origin, None)),
        ("answer_visitor", (CHAT.origin, False)),
        ("answer_visitor", (CHAT.origin, None)),
    ]


def test_a_double_click_answers_for_one_alone(visit: Visit) -> None:
    """The next one's button moves to where the first one's was."""
    show(visit, waiting=(CHAT, visitor_row("https://evil.example"), visitor_row("https://other.example")))
    button = visit.button(f"Always allow: {CHAT.origin}").bounding_box()
    assert button is not None

    visit.page.mouse.dblclick(button["x"] + 5, button["y"] + 5, delay=100)

    said(visit, f"{CHAT.origin} is allowed from now on. Try again there.")
    assert visit.served.backend.calls == [("answer_visitor", (CHAT.origin, True))]


def test_what_could_not_be_saved_is_said_and_still_waits(visit: Visit) -> None:
    show(visit, waiting=(CHAT,))
    visit.served.backend.fault = SettingsNotSaved("The settings could not be saved: disk full.")

    visit.button(f"Always allow: {CHAT.origin}").click()

    expect(visit.page.locator("#visitors-result")).to_contain_text("The settings could not be saved: disk full.")
    assert listed(visit, "waiting") == [f"{CHAT.origin} Web page Always allow Never allow"]


def test_a_question_comes_to_an_open_page_by_itself(visit: Visit) -> None:
    show(visit)

    visit.served.backend.visitors = VisitorsState(waiting=(EXTENSION,), allowed=(), refused=())
    visit.news("visitors")

    expect(visit.button("Always allow: Page Assist")).to_be_visible()


@pytest.mark.parametrize(
    ("waiting", "words"),
    [
        ((CHAT,), "A web page or browser extension wants to use Tray Proxy."),
        ((CHAT, EXTENSION), "2 web pages or browser extensions want to use Tray Proxy."),
    ],
)
def test_every_page_leads_to_who_waits(visit: Visit, waiting: tuple[object, ...], words: str) -> None:
    visit.served.backend.visitors = VisitorsState(waiting=waiting, allowed=(), refused=())
    visit.open(section="activity")
    expect(visit.page.locator("#notices")).to_contain_text(words)

    visit.page.get_by_role("link", name="Allow or refuse").click()

    expect(visit.page.locator("#visitors-title")).to_be_focused()
    expect(visit.page.locator("#notices")).to_be_empty()


def test_the_longest_name_fits_a_phone(visit: Visit) -> None:
    show(visit, waiting=(EXTENSION, LONG), allowed=(FIREFOX,), refused=(LONG,))

    visit.narrow()

    assert visit.width() == 400


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_out(visit: Visit, axe: None, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    show(visit, waiting=(EXTENSION, LONG), allowed=(CHAT,), refused=(FIREFOX,))

    assert visit.faults() == []
