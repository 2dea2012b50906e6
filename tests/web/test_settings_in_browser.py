"""The page "Settings" in a real browser: the account, starting at login, every setting, and the check of everything."""

import pytest
from playwright.sync_api import Locator, expect

from desktop.waiting import wait_for
from tray_proxy.doctor import Line, Report
from tray_proxy.errors import KeyRejected
from tray_proxy.web.http import FormInvalid
from tray_proxy.web.port_api import OllamaSeen
from tray_proxy.web.settings_api import SettingGroup
from web.browsing import Visit
from web.fakes import KEY, XSS_NAME, FakeBackend, setting, taken

pytestmark = pytest.mark.desktop

ENVIRONMENT_WORDS = (
    "Taken from the environment variable OPENROUTER_API_KEY. It cannot be forgotten here: "
    "remove the variable and start Tray Proxy again."
)
GROUPS = (
    SettingGroup(
        "Connection",
        (
            setting("port", label="Port", value=11434, default=11434, allowed="a whole number from 1 to 65535"),
            setting("host", label="Address", kind="text", value="127.0.0.1", default="127.0.0.1"),
            setting("idle_timeout_s", label="For the next word", value=60, default=120, source="file", unit="seconds"),
        ),
    ),
    SettingGroup(
        "Program",
        (
            setting("turn_on", label="Turn on when it starts", kind="switch", value=True, default=True),
            setting(
                "log_level",
                label="How much is logged",
                kind="choice",
                choices=("DEBUG", "INFO"),
                value="INFO",
                default="INFO",
            ),
            setting(
                "models_filter",
                label="File with allowed models",
                kind="path",
                value=f"/tmp/{XSS_NAME}",
                default=None,
                source="environment",
                fixed=True,
            ),
        ),
    ),
)


@pytest.fixture
def owner(visit: Visit) -> Visit:
    """An account, and settings of every kind."""
    visit.served.backend.key = KEY
    visit.served.backend.settings = GROUPS
    return visit


def backend_of(visit: Visit) -> FakeBackend:
    return visit.served.backend


def card(visit: Visit, name: str) -> Locator:
    return visit.page.get_by_role("region", name=name)


def bar(visit: Visit) -> Locator:
    return visit.page.get_by_role("group", name="Unsaved changes")


@pytest.mark.parametrize(
    ("source", "words", "buttons"),
    [
        ("keyring", "Kept in your system’s key store.", ["Test", "Sign out…"]),
        ("environment", ENVIRONMENT_WORDS, ["Test"]),
        ("session", "Kept until you quit Tray Proxy: your system has no key store for it.", ["Test", "Sign out…"]),
        ("demo", "The demo needs no key: nothing is sent to OpenRouter.", ["Test"]),
    ],
)
def test_the_page_says_where_the_key_is(owner: Visit, source: str, words: str, buttons: list[str]) -> None:
    """And offers only what can be done about it there."""
    backend_of(owner).source = source

    owner.open(section="settings")

    expect(card(owner, "OpenRouter account")).to_contain_text(words)
    assert [text.strip() for text in owner.page.locator("#key button").all_text_contents()] == buttons


def test_the_page_says_which_key_it_is_and_where_it_is_looked_after(owner: Visit) -> None:
    """By the name that its owner gave it at OpenRouter, as text."""
    backend = backend_of(owner)
    backend.key_label, backend.key_about = XSS_NAME, "This key works; $8.75 of its limit of $10.00 is left."
    backend.key_link, backend.key_problem = "https://openrouter.ai/keys/abc", "Your system's key store is locked."

    owner.open(section="settings")

    key = card(owner, "OpenRouter account")
    expect(key).to_contain_text(f"Connected with the key “{XSS_NAME}”")
    expect(key).to_contain_text("$8.75 of its limit of $10.00 is left.")
    expect(key).to_contain_text("Your system's key store is locked.")
    expect(key.get_by_role("link", name="This key at OpenRouter")).to_have_attribute(
        "href", "https://openrouter.ai/keys/abc"
    )
    expect(owner.page).to_have_title("Settings – Tray Proxy")


def test_the_key_can_be_tested(owner: Visit) -> None:
    owner.open(section="settings")

    owner.page.locator("#key").get_by_role("button", name="Test").click()

    expect(owner.page.locator("#key .result")).to_have_text("This key works: $4.20 of credit left.")
    assert backend_of(owner).calls == [("test_key", None)]


def test_a_key_can_be_tested_before_it_is_saved(visit: Visit) -> None:
    visit.open(section="settings")
    visit.button("I already have a key").click()
    visit.page.get_by_label("Paste your key.").fill(KEY)

    visit.button("Test").click()

    expect(visit.page.locator("#key .result.good")).to_have_text("This key works: $4.20 of credit left.")
    assert backend_of(visit).calls == [("test_key", KEY)]


def test_signing_out_asks_once(owner: Visit) -> None:
    """The keyboard waits on the answer that does no harm, and Escape gives it; afterwards it is where one signs in."""
    owner.open(section="settings")

    owner.button("Sign out…").click()
    expect(owner.button("Stay signed in")).to_be_focused()
    owner.page.keyboard.press("Escape")
    expect(owner.button("Sign out…")).to_be_focused()
    owner.button("Sign out…").click()
    owner.button("Sign out").click()

    expect(owner.button("Sign in with OpenRouter")).to_be_focused()
    assert backend_of(owner).calls == [("forget_key", None)]


@pytest.mark.parametrize(("section", "title"), [("key", "OpenRouter account"), ("check", "Check everything")])
def test_the_tray_leads_to_a_part_of_the_page(owner: Visit, section: str, title: str) -> None:
    """What is wrong with the key is mended there, without searching."""
    owner.open(section=section)

    expect(owner.page.get_by_role("heading", name=title)).to_be_focused()
    expect(owner.page.get_by_role("heading", name=title)).to_be_in_viewport()


def test_starting_at_login_is_off_until_it_is_asked_for(owner: Visit) -> None:
    """In force at once, without Save."""
    owner.open(section="settings")
    switch = owner.page.get_by_role("switch", name="Start when I log in")
    expect(switch).not_to_be_checked()

    switch.press("Space")

    expect(switch).to_be_checked()
    assert backend_of(owner).calls == [("autostart", True)]


def test_a_switch_that_cannot_be_moved_stays_and_says_why(owner: Visit) -> None:
    backend_of(owner).fault = KeyRejected("What starts at login could not be changed.")
    owner.open(section="settings")
    switch = owner.page.get_by_role("switch", name="Start when I log in")

    switch.click()

    expect(card(owner, "Starting").locator(".error")).to_contain_text("What starts at login could not be changed.")
    expect(switch).not_to_be_checked()


def test_what_is_wrong_with_starting_at_login_is_said_beside_the_switch(owner: Visit) -> None:
    backend_of(owner).autostart_problem = "At login something else is started: /old/tray-proxy."

    owner.open(section="settings")

    expect(card(owner, "Starting")).to_contain_text("At login something else is started: /old/tray-proxy.")


def test_every_setting_has_its_help_its_limits_and_its_default(owner: Visit) -> None:
    """A reader hears them with the field."""
    owner.open(section="settings")

    port = owner.page.get_by_label("Port", exact=True)
    expect(port).to_have_value("11434")
    expect(port).to_have_accessible_description(
        "What port is for. Allowed is a whole number from 1 to 65535. Default: 11434."
    )
    expect(owner.page.get_by_role("textbox", name="For the next word")).to_have_accessible_description(
        "seconds What idle_timeout_s is for. Allowed is a number above 0. Default: 120."
    )
    expect(owner.page.get_by_label("How much is logged")).to_have_value("INFO")
    assert owner.page.locator("form h2").all_text_contents() == ["Connection", "Program"]


def test_what_was_given_from_outside_is_shown_and_cannot_be_changed(owner: Visit) -> None:
    owner.open(section="settings")

    field = owner.page.get_by_label("File with allowed models")
    expect(field).to_have_value(f"/tmp/{XSS_NAME}")
    expect(field).not_to_be_editable()
    expect(card(owner, "Program")).to_contain_text("Given by environment: it cannot be changed here.")


def test_changes_are_marked_and_saved_together(owner: Visit) -> None:
    """Only what was changed is sent, as what it is; and nothing is left to save."""
    owner.open(section="settings")
    expect(bar(owner)).to_have_count(0)

    owner.page.get_by_label("Port", exact=True).fill("11500")
    expect(bar(owner)).to_contain_text("1 change is not saved")
    owner.page.get_by_role("switch", name="Turn on when it starts").click()
    owner.page.get_by_label("How much is logged").select_option("Everything (debug)")
    expect(bar(owner)).to_contain_text("3 changes are not saved")
    assert owner.page.locator(".marked").count() == 3
    owner.button("Save").click()

    expect(owner.page.locator("#said")).to_contain_text("Saved, and in force.")
    expect(bar(owner)).to_have_count(0)
    expect(owner.page.get_by_label("Port", exact=True)).to_have_value("11500")
    assert backend_of(owner).calls == [("save_settings", {"port": 11500, "turn_on": False, "log_level": "DEBUG"})]


def test_enter_saves(owner: Visit) -> None:
    owner.open(section="settings")

    owner.page.get_by_label("Address", exact=True).fill("::1")
    owner.page.keyboard.press("Enter")

    expect(bar(owner)).to_have_count(0)
    assert backend_of(owner).calls == [("save_settings", {"host": "::1"})]


def test_a_value_goes_back_to_its_default(owner: Visit) -> None:
    """By its button, or by leaving the field empty."""
    owner.open(section="settings")

    owner.button("Back to the default: For the next word").click()
    expect(owner.page.get_by_role("textbox", name="For the next word")).to_have_value("120")
    owner.page.get_by_role("textbox", name="For the next word").fill("")
    owner.button("Save").click()

    expect(owner.page.get_by_role("textbox", name="For the next word")).to_have_value("120")
    assert backend_of(owner).calls == [("save_settings", {"idle_timeout_s": None})]


def test_a_value_that_is_refused_has_its_reason_beside_it(owner: Visit) -> None:
    """The server says so; nothing typed is lost, and the cursor is where it has to be mended."""
    backend_of(owner).fault = FormInvalid({"port": "This must be a whole number."})
    owner.open(section="settings")

    owner.page.get_by_label("Port", exact=True).fill("eleven")
    owner.button("Save").click()

    port = owner.page.get_by_label("Port", exact=True)
    expect(port).to_be_focused()
    expect(port).to_have_value("eleven")
    expect(port).to_have_accessible_description(
        "Changed This must be a whole number. "
        "What port is for. Allowed is a whole number from 1 to 65535. Default: 11434."
    )
    expect(bar(owner)).to_contain_text("Nothing was saved. Correct what is marked, and save again.")
    assert backend_of(owner).calls == [("save_settings", {"port": "eleven"})]


def test_changes_can_be_discarded(owner: Visit) -> None:
    owner.open(section="settings")
    owner.page.get_by_label("Port", exact=True).fill("11500")

    owner.button("Discard").click()

    expect(owner.page.get_by_label("Port", exact=True)).to_have_value("11434")
    expect(bar(owner)).to_have_count(0)


def test_what_is_being_typed_outlives_a_look_at_another_page_and_news(owner: Visit) -> None:
    """Somebody looks up a number elsewhere, and a value changes meanwhile."""
    owner.open(section="settings")
    owner.page.get_by_label("Port", exact=True).fill("11500")

    owner.page.get_by_role("link", name="Apps", exact=True).click()
    owner.page.get_by_role("link", name="Settings", exact=True).click()
    backend_of(owner).settings = (SettingGroup("Connection", (setting("port", label="Port", value=1, default=1),)),)
    owner.news("settings")

    expect(card(owner, "Program")).to_have_count(0)
    expect(owner.page.get_by_label("Port", exact=True)).to_have_value("11500")


def test_what_waits_for_the_next_start_is_said(owner: Visit) -> None:
    backend_of(owner).pending_restart = True

    owner.open(section="settings")

    expect(owner.page.get_by_text("Some changes come into force when Tray Proxy starts again.")).to_be_visible()


def test_checking_everything_says_what_is_well_and_what_to_do(owner: Visit) -> None:
    """By form and words, not by colour; and the report can be passed on."""
    owner.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lines = (
        Line("Port", True, "Port 11434 is Tray Proxy's."),
        Line("Key", False, "OpenRouter does not know this key.", "Sign in."),
    )
    backend_of(owner).report = Report(lines, "Port: ok\nKey: bad")
    owner.open(section="check")

    owner.button("Check everything").click()

    rows = card(owner, "Check everything").get_by_role("listitem")
    expect(rows).to_have_text(
        ["Good: PortPort 11434 is Tray Proxy's.", "Needs you: KeyOpenRouter does not know this key.Sign in."]
    )
    expect(rows.locator(".shape")).to_have_class(["shape good", "shape bad"])
    owner.button("Copy the report").click()
    expect(owner.page.locator("#said")).to_contain_text("Copied")
    assert owner.page.evaluate("navigator.clipboard.readText()") == "Port: ok\nKey: bad"


def test_the_logs_are_one_click_away(owner: Visit) -> None:
    owner.open(section="settings")

    with owner.page.expect_response("**/api/logs/open"):
        owner.button("Open the folder with logs").click()

    assert backend_of(owner).calls == [("open_logs", None)]


def test_a_real_ollama_beside_us_is_shown_and_can_be_let_go(owner: Visit) -> None:
    seen = OllamaSeen(url="http://127.0.0.1:11435", ok=True, version="0.17.0", models=("llama3.2:latest",))
    backend_of(owner).port = taken("open", "Port 11434 is Tray Proxy's.", both=seen)
    owner.open(section="settings")
    expect(card(owner, "Ollama on this computer")).to_contain_text(
        "Ollama 0.17.0 runs beside Tray Proxy at http://127.0.0.1:11435. Models: 1"
    )

    owner.button("Stop using both").click()

    expect(card(owner, "Ollama on this computer")).to_have_count(0)
    assert backend_of(owner).calls == [("use_no_other", None)]


@pytest.mark.parametrize("width", [320, 400])
def test_on_a_phone_nothing_lies_outside(owner: Visit, width: int) -> None:
    """With unsaved changes, and what is wrong with them."""
    backend_of(owner).fault = FormInvalid({"host": "long-name-" * 9})
    owner.narrow(width)
    owner.open(section="settings")
    owner.page.get_by_label("Address", exact=True).fill("long-name-" * 9)
    owner.button("Save").click()
    expect(owner.page.locator(".field .error")).to_be_visible()

    assert owner.width() == width


def test_what_the_keyboard_is_on_does_not_lie_behind_the_bar(owner: Visit) -> None:
    """The bar floats over the foot of the window, where the first field to be changed may be."""
    owner.narrow(400)
    owner.open(section="settings")
    switch = owner.page.get_by_role("switch", name="Turn on when it starts")
    switch.focus()
    switch.evaluate("field => window.scrollBy(0, field.getBoundingClientRect().bottom - window.innerHeight + 5)")

    owner.page.keyboard.press("Space")
    expect(bar(owner)).to_be_visible()

    is_in_sight = """() => {
      const at = document.activeElement.getBoundingClientRect();
      const found = document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2);
      return document.activeElement === found || document.activeElement.contains(found);
    }"""
    for _ in range(3):
        # The page scrolls once the bar has been drawn.
        wait_for(lambda: owner.page.evaluate(is_in_sight), "what the keyboard is on to come in sight")
        owner.page.keyboard.press("Tab")


@pytest.mark.usefixtures("axe")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_keeps_nobody_out(owner: Visit, scheme: str) -> None:
    """With all it may show, in light and dark."""
    backend = backend_of(owner)
    backend.report = Report((Line("Key", False, "OpenRouter does not know this key.", "Sign in."),), "")
    backend.key_link, backend.pending_restart = "https://openrouter.ai/keys/abc", True
    owner.page.emulate_media(color_scheme=scheme)
    owner.open(section="settings")
    owner.button("Check everything").click()
    owner.button("Sign out…").click()
    backend.fault = FormInvalid({"port": "This must be a whole number."})
    owner.page.get_by_label("Port", exact=True).fill("eleven")
    owner.button("Save").click()
    expect(owner.page.locator(".field .error")).to_be_visible()

    assert owner.faults() == []
