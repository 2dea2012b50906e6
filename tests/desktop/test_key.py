"""The key's whole life on a real desktop: page, browser, key store, chat; and nowhere else."""

import shutil
import subprocess
import sys

import httpx
import ollama
import psutil
import pytest
from playwright.sync_api import expect, sync_playwright

from desktop.test_tray import CHAT, App
from desktop.waiting import wait_for

KEY = "sk-or-v1-canary-key-of-nobody-0123456789"
MIDDLE = KEY[12:22]


@pytest.fixture(scope="module")
def browser(desktop_is_possible):
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync"],
        )  # fmt: skip
        yield chromium
        chromium.close()


def open_page(app, browser):
    before = len(app.desktop.opened_addresses())
    app.menu.click("Settings…")
    address = wait_for(lambda: app.desktop.opened_addresses()[before:], "the page to be opened")[0]
    page = browser.new_page()
    page.goto(address)
    return page


def stored(desktop):
    """Read the key store with the system's own tool."""
    try:
        return desktop.run(["secret-tool", "lookup", "service", "Tray Proxy", "username", "OpenRouter API key"])
    except subprocess.CalledProcessError:
        return ""


def test_a_pasted_key_lies_in_the_key_store_and_nowhere_else(desktop, browser, tmp_path, free_port, stage, upstream):
    upstream.key = KEY
    app = App(desktop, tmp_path / "home", free_port, "--background", env={"OPENROUTER_BASE_URL": stage.url})
    app.turn_on()
    refused = httpx.post(f"{app.url}/api/chat", json=CHAT, trust_env=False, timeout=20)

    page = open_page(app, browser)
    page.get_by_role("button", name="I already have a key", exact=True).click()
    page.locator("input[type=password]").fill(KEY)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Sign out…", exact=True)).to_be_visible()
    client = ollama.Client(host=app.url, trust_env=False)
    answer = client.chat("openai/gpt-4o-mini", [{"role": "user", "content": "canary prompt"}])
    client._client.close()

    assert (refused.status_code, refused.json()["error"][:24]) == (401, "No OpenRouter key is set")
    assert answer.message.content.startswith("[demo]")
    assert stored(desktop) == KEY
    assert seen_in(app, page, tmp_path) == []

    page.get_by_role("button", name="Sign out…", exact=True).click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("button", name="I already have a key", exact=True)).to_be_visible()
    page.close()
    assert stored(desktop) == ""
    assert httpx.post(f"{app.url}/api/chat", json=CHAT, trust_env=False).status_code == 401
    assert app.quit() == 0


# As the page itself asks.
ASK_STATE = """fetch('/api/state', {headers: {'X-Tray-Proxy': localStorage.getItem('mark')}})
    .then(answer => { if (!answer.ok) throw answer.status; return answer.text() })"""


def seen(of_process, otherwise):
    """Ask something of a process, which may have ended since it was found."""
    try:
        return of_process()
    except psutil.Error:
        return otherwise


def seen_in(app, page, folder):
    """Name every place but the key store in which the key, or its middle, can be found."""
    process = psutil.Process(app.process.pid)
    everyone = [process, *process.children(recursive=True)]
    places = {
        "page": page.content() + "".join(page.locator("input").evaluate_all("all => all.map(one => one.value)")),
        "state": page.evaluate(ASK_STATE),
        "menu": "\n".join(app.menu.labels()),
        "arguments": " ".join(" ".join(seen(one.cmdline, ())) for one in psutil.process_iter()),
        "environment": " ".join(" ".join(seen(one.environ, {}).values()) for one in everyone),
        "output": app.desktop.output(app.process),
    }
    for file in folder.rglob("*"):
        if file.is_file():
            places[file.name] = file.read_text(errors="replace")
    assert "tray-proxy.log" in places
    return [name for name, content in places.items() if KEY in content or MIDDLE in content]


def test_a_stored_key_is_found_again_after_a_restart(desktop, tmp_path, free_port, stage, upstream):
    upstream.key = KEY
    desktop.run(
        [sys.executable, "-c", f"import keyring; keyring.set_password('Tray Proxy', 'OpenRouter API key', '{KEY}')"]
    )
    app = App(desktop, tmp_path / "home", free_port, "--background", env={"OPENROUTER_BASE_URL": stage.url})
    app.turn_on()

    answer = httpx.post(f"{app.url}/api/chat", json=CHAT, trust_env=False, timeout=20)

    assert answer.json()["message"]["content"].startswith("[demo]")
    assert app.quit() == 0


def test_a_locked_key_store_freezes_nothing_and_is_said(open_desktop, tmp_path, free_port, stage, upstream):
    locked = open_desktop(keyring="locked")
    app = App(locked, tmp_path / "home", free_port, "--background", env={"OPENROUTER_BASE_URL": stage.url})
    app.turn_on()

    answer = httpx.post(f"{app.url}/api/chat", json=CHAT, trust_env=False, timeout=20)

    assert (answer.status_code, answer.json()) == (
        503,
        {
            "error": "The system's key store does not answer; it may be locked and waiting for your password. "
            "Unlock your system's key store, or start Tray Proxy with the environment variable OPENROUTER_API_KEY."
        },
    )
    assert app.answers()
    wait_for(
        lambda: app.menu.labels()[0].startswith("▲ The system's key store does not answer"),
        "the menu to say so",
    )
    assert app.quit() == 0


def test_without_a_key_store_it_is_said_plainly(open_desktop, tmp_path, free_port, stage, upstream):
    bare = open_desktop(keyring="absent")
    app = App(bare, tmp_path / "home", free_port, "--background", env={"OPENROUTER_BASE_URL": stage.url})
    app.turn_on()

    answer = httpx.post(f"{app.url}/api/chat", json=CHAT, trust_env=False, timeout=20)

    assert (answer.status_code, answer.json()) == (
        503,
        {
            "error": "This system has no key store that Tray Proxy can use. Paste the key in Settings after each "
            "start, or set the environment variable OPENROUTER_API_KEY."
        },
    )
    assert app.quit() == 0
