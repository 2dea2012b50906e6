"""Signing in on a real desktop: page, the demo's OpenRouter, key store, chat; and nothing of it in a file."""

import re
import subprocess
from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from desktop.test_tray import CHAT, App
from desktop.waiting import wait_for
from web.opening import page_headers

KEYLESS = {"OPENROUTER_API_KEY": ""}


def open_page(app):
    """Come to the page as the tray leads; give a client that may do what the page may."""
    before = len(app.desktop.opened_addresses())
    app.menu.click("Settings…")
    address = wait_for(lambda: app.desktop.opened_addresses()[before:], "the page to be opened")[0]
    page = httpx.Client(base_url=address.partition("/open")[0], trust_env=False, timeout=20)
    page.headers.update(page_headers(page.get(address)))
    return page


def stored(desktop):
    """Read the demo's place in the key store with the system's own tool."""
    try:
        return desktop.run(["secret-tool", "lookup", "service", "Tray Proxy (demo)", "username", "OpenRouter API key"])
    except subprocess.CalledProcessError:
        return ""


def written_in(folder, secrets):
    """Name the files below a folder in which one of the secrets stands."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert "tray-proxy.log" in [file.name for file in files]
    return [file.name for file in files if any(secret in file.read_text(errors="replace") for secret in secrets)]


@pytest.fixture
def start(desktop, tmp_path, free_port):
    """Start the demo without a key, as a person does who tries it out."""
    apps = []

    def one():
        apps.append(
            App(desktop, tmp_path / "home", free_port, "--demo", "--background", "--log-level", "DEBUG", env=KEYLESS)
        )
        return apps[-1]

    yield one
    for app in apps:
        app.process.terminate()
        app.process.wait(15)


def test_who_signs_in_has_a_key_in_the_key_store_until_it_is_forgotten(desktop, start, tmp_path):
    app = start()
    app.turn_on()
    refused = httpx.post(f"{app.url}/api/chat", json=CHAT, trust_env=False, timeout=20)
    page = open_page(app)

    url = page.post("/api/sign-in", json={}).json()["url"]
    back = httpx.post(url.replace("/auth?", "/auth/authorize?"), trust_env=False).headers["location"]
    done = httpx.get(back, trust_env=False, timeout=20)

    assert (refused.status_code, done.status_code) == (401, 200)
    assert re.search(r"<h1>(.*)</h1>", done.text)[1] == "Done. You can close this tab."
    key = stored(desktop)
    assert page.get("/api/state").json()["key"]["source"] == "keyring"
    assert httpx.post(f"{app.url}/api/chat", json=CHAT, trust_env=False, timeout=20).status_code == 200
    assert written_in(tmp_path, [key, *parse_qs(urlsplit(back).query)["code"]]) == []
    page.close()
    assert app.quit() == 0

    again = start()
    again.turn_on()
    assert httpx.post(f"{again.url}/api/chat", json=CHAT, trust_env=False, timeout=20).status_code == 200
    with closing(open_page(again)) as page:
        assert page.delete("/api/key").status_code == 204
    assert (key.startswith("sk-or-v1-demo-signed-in-"), stored(desktop)) == (True, "")
