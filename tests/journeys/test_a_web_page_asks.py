"""Journey 6: a web page wants to use Tray Proxy. Its owner is asked, and decides."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from desktop.waiting import wait_for
from journeys.conftest import Person
from tray_proxy.demo.keys import DEMO_KEY

# As any page does with what it has no leave for: with JSON, so that its browser asks beforehand.
ASK = """url => fetch(`${url}/api/chat`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "hi" }], stream: false }),
}).then(answer => answer.json()).then(answer => answer.message.role, () => "refused")"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """The origin of a page that has nothing to do with us, served for real."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("<!doctype html><title>Chat</title><link rel=icon href=data:,>")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "www")) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://chat.localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def chat(person: Person, elsewhere: str) -> Iterator[Page]:
    """That page in a real browser; its console is full of what it was refused."""
    context = person.browser.new_context()
    page = context.new_page()
    page.goto(elsewhere)
    yield page
    context.close()


def test_a_page_is_refused_allowed_and_refused_again_as_its_owner_says(person, chat, elsewhere, picture):
    """On the page of ours and in the tray; the port stays open all the while."""
    app = person.start("--demo", env={"OPENROUTER_API_KEY": DEMO_KEY})
    app.turn_on()
    asks = f"{elsewhere} wants to use Tray Proxy"
    before = len(person.desktop.notifications())

    refused = [chat.evaluate(ASK, app.url) for _ in range(3)]
    app.menu.wait_for(f"{asks}/Always allow")
    page = person.click(app, "Activity…")
    page.get_by_role("link", name="Allow or refuse").click()
    picture(page, "6-question")
    page.get_by_role("button", name=f"Always allow: {elsewhere}").click()
    expect(page.locator("#visitors-result")).to_contain_text("is allowed from now on")
    allowed = chat.evaluate(ASK, app.url)
    wait_for(lambda: asks not in app.menu.labels(), "the question to go from the menu")

    page.get_by_role("button", name=f"Revoke: {elsewhere}").click()
    expect(page.locator("#visitors-result")).to_contain_text("is refused again")
    revoked = chat.evaluate(ASK, app.url)
    app.menu.wait_for(f"{asks}/Never allow")
    app.menu.click(f"{asks}/Never allow")
    expect(page.get_by_role("button", name=f"Forget: {elsewhere}")).to_be_visible()
    wait_for(lambda: asks not in app.menu.labels(), "the question to go from the menu")
    never = chat.evaluate(ASK, app.url)

    assert (refused, allowed, revoked, never) == (["refused"] * 3, "assistant", "refused", "refused")
    assert asks not in app.menu.labels()
    told = [(title, elsewhere in text) for title, text in person.desktop.notifications()[before:]]
    assert told == [("A web page wants to use Tray Proxy", True)]
