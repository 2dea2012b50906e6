"""Journey 4: each question's cost shows as it is asked, the day's with it; a limit, or one click, ends all spending."""

import re
import threading

import httpx
from playwright.sync_api import expect

from desktop.waiting import wait_for
from tray_proxy.demo.keys import DEMO_KEY

MODEL = "openai/gpt-4o-mini"
USD_PER_TOKEN = (0.15e-6, 0.60e-6)
SECRET = "canary-of-the-question"
ZED = {"User-Agent": "Zed/0.214.5 (macos; aarch64)"}


def ask(app, text, **more):
    body = {"model": MODEL, "messages": [{"role": "user", "content": f"{SECRET} {text}"}], "stream": False}
    return httpx.post(f"{app.url}/api/chat", json=body | more, headers=ZED, trust_env=False, timeout=30)


def dollars(usd):
    return f"${f'{float(f"{usd:.2g}"):.12f}'.rstrip('0')}"


def rows(page):
    """Give the requests on the page, the newest first."""
    return page.get_by_role("row").filter(has=page.get_by_role("cell"))


def tile(page, name):
    return page.get_by_role("definition").and_(page.locator(f"dt:text-is('{name}') + dd"))


def test_cost_shows_as_it_comes_and_turning_off_ends_it(person, picture):
    app = person.start("--demo", env={"OPENROUTER_API_KEY": DEMO_KEY})
    app.turn_on()
    page = person.click(app, "Activity…")
    expect(page.get_by_role("heading", name="Nothing has been asked yet")).to_be_visible()

    answer = ask(app, "one").json()
    used = (answer["prompt_eval_count"], answer["eval_count"])
    cost = dollars(sum(count * usd for count, usd in zip(used, USD_PER_TOKEN, strict=True)))
    expect(rows(page)).to_have_count(1)
    for words in ("Zed", MODEL, f"{used[0]} in, {used[1]} out", cost, re.compile(r"\d ms|\d s"), "Answered"):
        expect(rows(page).first).to_contain_text(words)
    expect(tile(page, "Requests today")).to_have_text("1")
    expect(tile(page, "Cost today")).to_have_text(cost)

    refused = ask(app, "#fault:status-402")
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text(
        "FailedThe credit at OpenRouter, or the key's own limit, was used up. (status 402)"
    )
    trouble = "OpenRouter says that there is not enough credit"
    wait_for(lambda: app.menu.labels()[0].startswith(f"Demo · ▲ {trouble}"), "the tray to say so")
    expect(page.get_by_role("alert")).to_contain_text(trouble)
    picture(page, "4-out-of-credit")
    ask(app, "two")
    app.menu.wait_for(f"Demo · ● On — apps reach it at 127.0.0.1:{app.port}")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(tile(page, "Requests today")).to_have_text("3")

    last = {}
    asking = threading.Thread(target=lambda: last.update(ask(app, "#fault:endless").json()))
    asking.start()
    expect(tile(page, "Running now")).to_have_text("1")
    expect(rows(page).first).to_contain_text("Running")
    picture(page, "4-running")
    page.get_by_role("button", name="Turn off").click()
    asking.join(10)

    expect(rows(page).first).to_contain_text("Tray Proxy was being turned off.")
    expect(tile(page, "Running now")).to_have_text("0")
    expect(page.locator("#status")).to_have_text("Off: apps get no answer")
    app.menu.wait_for(f"Demo · ○ Off — apps get no answer at 127.0.0.1:{app.port}")
    assert (refused.status_code, last["error"][:25], app.closed()) == (402, "Tray Proxy was turned off", True)
    picture(page, "4-turned-off")
    page.get_by_text("The end of the log").click()
    expect(page.get_by_role("group", name="The end of the log")).to_contain_text("chat")
    assert SECRET not in page.content()
    assert written(person.home, SECRET) == []


def test_a_loop_is_stopped_at_the_limit_and_goes_on_when_the_owner_raises_it(person, picture):
    """No restart: the tray and the page say what is so, and the next question passes as soon as the limit is saved."""
    app = person.start("--demo", env={"OPENROUTER_API_KEY": DEMO_KEY})
    app.turn_on()
    page = person.click(app, "Settings…")
    page.get_by_role("textbox", name="A day, all apps together").fill("0.000001")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved, and in force.")).to_be_visible()
    picture(page, "4-limits")

    statuses = [ask(app, "again").status_code for _ in range(5)]

    assert statuses == [200, 402, 402, 402, 402]
    line = wait_for(lambda: next((each for each in app.menu.labels() if "limit" in each), None), "the tray to say so")
    assert re.fullmatch(r"Demo · ■ Daily limit reached — back at \d\d:\d\d", line)
    expect(page.get_by_role("alert")).to_contain_text("Today's limit of $0.000001 is reached")
    page.get_by_role("link", name="Activity", exact=True).click()
    expect(tile(page, "Spent of the limit")).to_have_text(re.compile(r"\$0\.0000\d\d of \$0\.000001"))
    expect(rows(page).first).to_contain_text("Your limit for the day was reached.")
    picture(page, "4-limit-reached")

    page.get_by_role("link", name="Settings", exact=True).click()
    page.get_by_role("textbox", name="A day, all apps together").fill("5")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("alert")).to_have_count(0)
    app.menu.wait_for(f"Demo · ● On — apps reach it at 127.0.0.1:{app.port}")
    assert ask(app, "once more").status_code == 200


def written(folder, secret):
    """Name the files in which something stands."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert "tray-proxy.log" in [file.name for file in files]
    return [file.name for file in files if secret in file.read_text(errors="replace")]
