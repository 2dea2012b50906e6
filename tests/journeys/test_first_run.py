"""Journey 1: from a double-click to the first answer, without a key, a file or a terminal."""

from playwright.sync_api import expect

from desktop.test_sign_in import stored, written_in
from tray_proxy.demo.keys import DISABLED_KEY, EXPIRED_KEY, FREE_KEY

NO_KEY = {"OPENROUTER_API_KEY": ""}


def step(page, name):
    """Find a step of Welcome by its heading."""
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def press_for_tab(page, name):
    """Press what opens OpenRouter's page beside this one."""
    with page.expect_popup() as opened:
        press(page, name)
    return opened.value


def test_from_a_double_click_to_the_first_answer(person, desktop, picture, tmp_path):
    """In four clicks; who quits half-way goes on where they stopped."""
    app = person.start("--demo", "--log-level", "DEBUG", env=NO_KEY)
    page = person.page()
    assert page.url.endswith("/#welcome")
    app.menu.wait_for("Demo · ▲ Needs you: sign in")
    expect(page.locator("#status")).to_have_text("Needs you: sign in")
    picture(page, "1-welcome")

    tab = press_for_tab(page, "Sign in with OpenRouter")
    expect(page.get_by_text("Waiting for your browser…")).to_be_visible()
    picture(page, "1-waiting")
    press(tab, "Authorize")
    expect(tab.get_by_role("heading", name="Done. You can close this tab.")).to_be_visible()
    picture(tab, "1-signed-in")
    expect(step(page, "Choose what apps may use").get_by_role("radio", name="Free models only")).to_be_checked()
    key = stored(desktop)
    person.quit(app)
    expect(page.get_by_role("alert")).to_contain_text("Tray Proxy does not answer.")
    picture(page, "1-quit-half-way")

    app = person.start("--demo", "--log-level", "DEBUG", env=NO_KEY)
    page = person.page()
    assert page.url.endswith("/#welcome")
    press(page, "Allow these models")
    expect(step(page, "Point your app here").get_by_text(app.url, exact=True)).to_be_visible()
    picture(page, "1-address")
    press(page, "Ask a question")
    answer = step(page, "Try it here").get_by_role("figure")
    expect(answer).to_contain_text("[demo]")
    expect(answer).to_contain_text("$0")
    expect(page.get_by_role("heading", name="You are all set")).to_be_visible()
    picture(page, "1-first-answer")

    app.menu.wait_for(f"Demo · ● On — apps reach it at 127.0.0.1:{app.port}")
    expect(page.locator("#status")).to_have_text(f"On: apps reach it at {app.url}")
    assert app.models() == {"meta-llama/llama-3.3-70b-instruct:free", "deepseek/deepseek-r1:free"}
    assert key.startswith("sk-or-v1-demo-signed-in-")
    assert key not in page.content()
    assert written_in(tmp_path, [key]) == []


def test_a_code_on_the_screen_does_it_too(person, picture):
    """Where the browser does not find the way back."""
    app = person.start("--demo", env=NO_KEY)
    page = person.page()

    press_for_tab(page, "Sign in with OpenRouter").close()
    tab = press_for_tab(page, "Show the code instead")
    press(tab, "Authorize")
    code = tab.get_by_text("Copy this code into the app").locator("code").inner_text()
    page.get_by_label("Code", exact=True).fill("not-the-code")
    press(page, "Continue")
    expect(page.get_by_text("OpenRouter does not accept this code")).to_be_visible()
    picture(page, "1-wrong-code")
    tab = press_for_tab(page, "Sign in with OpenRouter")
    tab.close()
    tab = press_for_tab(page, "Show the code instead")
    press(tab, "Authorize")
    code = tab.get_by_text("Copy this code into the app").locator("code").inner_text()
    page.get_by_label("Code", exact=True).fill(code)
    press(page, "Continue")

    expect(step(page, "Choose what apps may use").get_by_role("radio", name="Free models only")).to_be_visible()
    app.menu.wait_for(f"Demo · ● On — apps reach it at 127.0.0.1:{app.port}")


def test_every_key_that_does_not_do_is_told_in_its_own_words(person, openrouter, picture):
    """And none of them is kept; one without credit is good for free models."""
    app = person.start(env=NO_KEY | {"OPENROUTER_BASE_URL": openrouter.url})
    page = person.page()
    press(page, "I already have a key")
    field = page.get_by_label("Paste your key.")
    connect = step(page, "Connect your OpenRouter account")
    said = {
        "": "Paste your key into the field first.",
        "sk-or with a space": "This is not a key: it has spaces or special characters in it.",
        "sk-or-v1-of-nobody": "OpenRouter does not know this key.",
        DISABLED_KEY: "This key is switched off.",
        EXPIRED_KEY: "This key has expired.",
    }

    for key, words in said.items():
        field.fill(key)
        press(page, "Save")
        expect(connect).to_contain_text(words)
    picture(page, "1-key-expired")
    openrouter.stop()
    field.fill(FREE_KEY)
    press(page, "Save")
    expect(connect).to_contain_text("The key was not checked, so it was not stored")
    picture(page, "1-key-offline")
    openrouter.start()
    field.fill(f"  {FREE_KEY}\n")
    press(page, "Save")

    expect(connect).to_contain_text("This key works, but has no credit: free models only.")
    app.menu.wait_for(f"● On — apps reach it at 127.0.0.1:{app.port}")
    picture(page, "1-no-credit")
    page.get_by_role("link", name="Settings", exact=True).click()
    press(page, "Sign out…")
    press(page, "Sign out")
    app.menu.wait_for("▲ Needs you: sign in")
    assert FREE_KEY not in page.content()
