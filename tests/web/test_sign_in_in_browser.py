"""Signing in in a real browser: to OpenRouter's page on another site, and back."""

import pytest
from playwright.sync_api import expect

from web.signing_in import SignedOut


@pytest.fixture
def signed_out(proxies, tmp_path, memory_keyring):
    made = SignedOut(proxies.start(tmp_path, openrouter_api_key=None))
    yield made
    made.page.close()


@pytest.fixture
def tab(browser):
    """A fresh profile, which has never been on our page; afterwards it must have complained of nothing there."""
    context = browser.new_context()
    page = context.new_page()
    complaints = []
    page.on("console", lambda line: complaints.append(line.text))
    yield page
    context.close()
    # The browser itself notes an answer that is not 200, such as that to its wish for an icon of OpenRouter's.
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []


def test_who_says_yes_comes_back_signed_in(signed_out, tab):
    """Without a cookie, into a page without a script."""
    tab.goto(signed_out.begin())

    tab.get_by_role("button", name="Authorize").click()

    expect(tab.get_by_role("heading")).to_have_text("Done. You can close this tab.")
    expect(tab.get_by_role("paragraph")).to_contain_text("It is kept in your system's key store.")
    assert signed_out.has_key() is True


def test_who_says_no_comes_back_and_is_told_what_to_do(signed_out, tab):
    tab.goto(signed_out.begin())

    tab.get_by_role("button", name="Cancel").click()

    expect(tab.get_by_role("heading")).to_have_text("You are not signed in")
    expect(tab.get_by_role("paragraph")).to_contain_text("You said no at OpenRouter")
    assert signed_out.has_key() is False


def test_a_code_on_the_screen_is_shown_without_a_way_back(signed_out, tab):
    tab.goto(signed_out.begin(on_screen=True))

    tab.get_by_role("button", name="Authorize").click()

    code = tab.locator("#code").text_content()
    assert signed_out.page.post("/api/sign-in/code", json={"code": code}).status_code == 200
    assert signed_out.has_key() is True
