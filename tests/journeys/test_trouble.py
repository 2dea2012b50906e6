"""Journey 5: the port is taken, the internet is gone. Each is named, has a way out, and ends by itself."""

import json

import httpx
import pytest
from playwright.sync_api import expect

from desktop.test_tray import CHAT, answers
from desktop.waiting import wait_for
from stand_in_ollama import NAMES, VERSION, StandInOllama
from tray_proxy.demo.keys import DEMO_KEY

UNREACHABLE = "OpenRouter could not be reached: there seems to be no internet connection"
KEY = {"OPENROUTER_API_KEY": DEMO_KEY}


@pytest.fixture
def ollama(loop):
    stand_in = StandInOllama(loop).start()
    yield stand_in
    stand_in.stop()


def start_where_ollama_is(person, ollama):
    """Begin at the port that Ollama has, by the settings file: what a flag says cannot be changed on the page."""
    person.home.mkdir()
    (person.home / "settings.json").write_text(json.dumps({"port": ollama.port}))
    person.port = None
    return person.start("--demo", env=KEY)


def first_line(app, words):
    """Wait for these words in the first line of the menu, and give all of it."""
    return wait_for(lambda: line if words in (line := app.menu.labels()[0]) else None, f"{words!r} in the menu")


def test_a_port_that_ollama_has_is_named_and_another_one_is_used(person, ollama, picture):
    app = start_where_ollama_is(person, ollama)
    line = first_line(app, VERSION)
    page = person.click(app, line)
    trouble = page.get_by_role("region", name="Port")
    picture(page, "5-taken")

    assert line.startswith(f"Demo · ▲ Port {ollama.port} is used by Ollama {VERSION}")
    expect(trouble).to_contain_text(f"Port {ollama.port} is used by Ollama {VERSION}")
    other = trouble.get_by_label("Port", exact=True).input_value()
    trouble.get_by_role("button", name=f"Use port {other}").click()

    app.menu.wait_for(f"Demo · ● On — apps reach it at 127.0.0.1:{other}")
    expect(page.locator("#status")).to_have_text(f"On: apps reach it at http://127.0.0.1:{other}")
    expect(trouble).to_have_count(0)
    assert answers(int(other))
    picture(page, "5-moved")


def test_who_waits_for_the_port_gets_it_when_it_is_free(person, ollama, picture):
    app = start_where_ollama_is(person, ollama)
    page = person.click(app, first_line(app, VERSION))

    page.get_by_role("button", name="Take it when it is free").click()
    expect(page.get_by_text("Waiting until the port is free")).to_be_visible()
    line = first_line(app, "waiting for it")
    assert app.menu.find("Turn off").enabled
    expect(page.get_by_role("button", name="Turn off")).to_be_visible()
    picture(page, "5-waiting")
    ollama.stop()

    expect(page.locator("#status")).to_have_text(f"On: apps reach it at {ollama.url}")
    expect(page.get_by_role("region", name="Port")).to_have_count(0)
    app.menu.wait_for(f"Demo · ● On — apps reach it at 127.0.0.1:{ollama.port}")
    assert line.startswith(f"Demo · ▲ Port {ollama.port} is used by Ollama {VERSION}")
    assert answers(ollama.port)


def test_both_are_used_when_ollama_has_moved(person, ollama, picture):
    """Its models are listed beside the others, and answer here."""
    app = start_where_ollama_is(person, ollama)
    page = person.click(app, first_line(app, VERSION))
    port, moved = ollama.port, page.get_by_label("Where Ollama should move to").input_value()

    page.get_by_role("button", name="Use both").click()
    expect(page.get_by_text("Ollama does not answer at")).to_be_visible()
    picture(page, "5-both-steps")
    ollama.stop()
    ollama.port = int(moved.rpartition(":")[2])
    ollama.start()

    address = f"http://127.0.0.1:{port}"
    expect(page.locator("#status")).to_have_text(f"On: apps reach it at {address}")
    expect(page.get_by_text(f"Ollama {VERSION} runs beside Tray Proxy at {moved}")).to_be_visible()
    picture(page, "5-both")
    listed = {model["name"] for model in httpx.get(f"{address}/api/tags", trust_env=False).json()["models"]}
    assert {*NAMES, "openai/gpt-4o-mini"} <= listed
    local = httpx.post(f"{address}/api/chat", json=CHAT | {"model": NAMES[0]}, trust_env=False, timeout=20)
    assert local.json()["message"]["content"] == "local words"
    page.get_by_role("link", name="Models", exact=True).click()
    expect(page.get_by_text(f"On this computer: {', '.join(NAMES)}.")).to_be_visible()
    picture(page, "5-local-models")


def test_while_openrouter_cannot_be_reached_lists_work_on_and_questions_are_refused(person, openrouter, picture):
    """Also after a start meanwhile, from the copy of last time; nobody has to do anything when it is back."""
    env = KEY | {"OPENROUTER_BASE_URL": openrouter.url}
    app = person.start(env=env)
    app.turn_on()
    models = wait_for(app.models, "the list")
    page = person.click(app, "Activity…")
    before = chat(app)

    openrouter.stop()
    refused = chat(app)
    expect(page.get_by_role("row").nth(1)).to_contain_text("OpenRouter could not be reached.")
    expect(page.get_by_role("alert")).to_contain_text(UNREACHABLE)
    app.menu.wait_for(f"▲ {UNREACHABLE}")
    picture(page, "5-unreachable")
    still = app.models()
    person.quit(app)
    app = person.start(env=env)
    app.turn_on()
    after_start = app.models()
    page = person.click(app, "Models/Choose models…")
    expect(page.get_by_text(f"All {len(models)} allowed")).to_be_visible()
    picture(page, "5-saved-copy")
    refused_again = chat(app)
    openrouter.start()
    wait_for(lambda: chat(app).status_code == 200, "an answer again")

    assert (before.status_code, refused.status_code, refused_again.status_code) == (200, 502, 502)
    assert refused.json()["error"].startswith(UNREACHABLE)
    assert (still, after_start) == (models, models)
    app.menu.wait_for(f"● On — apps reach it at 127.0.0.1:{app.port}")
    expect(page.get_by_role("alert")).to_have_count(0)


def chat(app):
    return httpx.post(f"{app.url}/api/chat", json=CHAT, trust_env=False, timeout=20)
