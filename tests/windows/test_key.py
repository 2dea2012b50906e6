"""The key in Windows: signed in on the page, kept in the Credential Manager, found again, forgotten."""

import httpx

from desktop.waiting import wait_for
from windows.wine_desktop import KEYLESS, QUIT_S

CHAT = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": False}
TARGET, ACCOUNT = "Tray Proxy (demo)", "OpenRouter API key"


def chat(app):
    return httpx.post(f"{app.url}/api/chat", json=CHAT, trust_env=False, timeout=20).status_code


def test_a_key_lies_in_the_credential_manager_until_it_is_forgotten(start_app, wine):
    app = start_app("--background", env=KEYLESS)
    wait_for(app.answers, "the port to open")
    assert (chat(app), wine.ask("credential", TARGET)) == (401, None)

    with app.page() as page:
        url = page.post("/api/sign-in", json={}).json()["url"]
        back = httpx.post(url.replace("/auth?", "/auth/authorize?"), trust_env=False).headers["location"]
        assert httpx.get(back, trust_env=False, timeout=20).status_code == 200
        assert page.get("/api/state").json()["key"]["source"] == "keyring"

    account, key = wine.ask("credential", TARGET)
    assert account == ACCOUNT
    assert key.startswith("sk-or-v1-demo-signed-in-")
    assert chat(app) == 200
    app.choose("Quit")
    assert app.process.wait(QUIT_S) == 0
    assert [file.name for file in app.home.rglob("*") if file.is_file() and key.encode() in file.read_bytes()] == []

    again = start_app("--background", env=KEYLESS)
    wait_for(again.answers, "the port to open")
    assert chat(again) == 200
    with again.page() as page:
        assert page.delete("/api/key").status_code == 204
    assert (chat(again), wine.ask("credential", TARGET)) == (401, None)
