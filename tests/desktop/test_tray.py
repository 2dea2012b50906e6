"""The tray as a person uses it: real icon, real menu over the session bus, real port."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import ImageChops

from desktop.waiting import wait_for
from tray_proxy.demo.keys import DEMO_KEY

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
# What is promised.
START_S = STOP_S = 1.0
QUIT_S = 2.0
MENU_S = 1.0
# How often it is tried to keep a promise: where other things slow down one try, they do not slow down all.
TRIES = 5
# How long the end of a program is waited for where nothing depends on how soon it comes.
PATIENCE_S = 30.0
OFF = {"TURN_ON_AT_START": "off"}
CHAT = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": False}


def answers(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/version", trust_env=False, timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


class App:
    """A started tray and its menu."""

    def __init__(self, desktop, home, port, *arguments, env=None):
        self.desktop, self.home, self.port = desktop, home, port
        self.begins_off = (env or {}).get("TURN_ON_AT_START") == "off"
        desktop.ensure_tray_host()
        self.process = desktop.start(
            [sys.executable, "-m", "tray_proxy", "--port", str(port), *arguments],
            env={"TRAY_PROXY_HOME": str(home)} | (env or {}),
        )
        self.menu = desktop.tray_menu(pid=self.process.pid)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def answers(self):
        return answers(self.port)

    def closed(self):
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except (ConnectionRefusedError, ConnectionResetError):
            return True
        return False

    def turn_on(self):
        """Have it on, which it is by itself where the settings do not say otherwise."""
        if self.begins_off:
            self.menu.click("Turn on")
            wait_for(self.answers, "the port to answer")
        wait_for(self.answers, "the port to answer")
        self.menu.wait_for("Turn off", that=lambda item: item.enabled)

    def turn_off(self):
        self.menu.click("Turn off")
        wait_for(self.closed, "the port to close")
        self.menu.wait_for("Turn on", that=lambda item: item.enabled)

    def models(self):
        listed = httpx.get(f"{self.url}/api/tags", trust_env=False).json()["models"]
        return {model["name"] for model in listed}

    def ask(self, method, path, **body):
        """Do what an app does with one of Ollama's verbs."""
        httpx.request(method, self.url + path, json=body, trust_env=False, timeout=30).raise_for_status()

    def quit(self):
        self.menu.click("Quit")
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def start_app(desktop, tmp_path, free_port):
    """
    Start a tray on the desktop of this file; it is killed with the desktop if a test leaves it.

    Its demo is signed in from the start; `env={"OPENROUTER_API_KEY": ""}` begins without a key, as a person does.
    """
    apps = []

    def start(*arguments, env=None):
        app = App(desktop, tmp_path / "home", free_port, *arguments, env={"OPENROUTER_API_KEY": DEMO_KEY} | (env or {}))
        apps.append(app)
        return app

    yield start
    for app in apps:
        app.process.terminate()
        app.process.wait(15)


def top(app):
    """Return the labels of the menu's own level."""
    return [label for label in app.menu.labels() if not label.startswith("Models/")]


def test_the_menu_of_a_fresh_start(start_app):
    app = start_app("--demo", env=OFF)

    assert top(app) == [
        f"Demo · ○ Off — apps get no answer at 127.0.0.1:{app.port}",
        "Today $0.00 of $5.00…",
        "Turn on",
        "Models",
        "Copy address",
        "Apps…",
        "Activity…",
        "Open logs",
        "Settings…",
        "Start when I log in",
        "Quit",
    ]
    assert app.closed()


def test_turn_on_opens_the_port_and_turn_off_closes_it(start_app):
    app = start_app("--demo", env=OFF)

    app.turn_on()
    assert top(app)[0] == f"Demo · ● On — apps reach it at 127.0.0.1:{app.port}"
    assert "Turn off" in top(app)

    app.turn_off()


def test_it_turns_itself_on_when_it_starts(start_app):
    """Nobody double-clicks an app to find it off."""
    app = start_app("--demo")

    wait_for(app.answers, "the port to answer")
    app.menu.wait_for("Turn off", that=lambda item: item.enabled)


def test_an_app_chats_through_it(start_app):
    app = start_app("--demo")
    app.turn_on()

    answer = httpx.post(f"{app.url}/api/chat", json=CHAT, trust_env=False, timeout=30).json()

    assert answer["message"]["content"].startswith("[demo]")
    assert answer["eval_count"] > 1


def test_a_tick_in_the_menu_changes_what_is_listed(start_app):
    app = start_app("--demo")
    app.turn_on()
    before = app.models()
    path = "Models/openai/gpt-4o"

    app.menu.click(path)
    app.menu.wait_for(path, that=lambda item: item.checked is False)
    without = app.models()
    app.menu.click(path)
    app.menu.wait_for(path, that=lambda item: item.checked is True)

    assert before - without == {"openai/gpt-4o"}
    assert app.models() == before


def test_what_an_app_makes_shows_in_the_menu_and_is_undone_there(start_app):
    app = start_app("--demo")
    app.turn_on()
    path = "Models/gpt-3.5-turbo:latest → openai/gpt-4o-mini"

    app.ask("POST", "/api/copy", source="openai/gpt-4o-mini", destination="gpt-3.5-turbo")
    app.menu.wait_for(path, that=lambda item: item.checked is True)
    made = app.models()
    app.menu.click(path)
    app.menu.wait_for(path, that=lambda item: item.checked is False)
    removed = app.models()
    app.menu.click(path)
    app.menu.wait_for(path, that=lambda item: item.checked is True)

    assert made - removed == {"gpt-3.5-turbo:latest"}
    assert app.models() == made


def test_what_an_app_removes_shows_in_the_menu_and_is_restored_there(start_app):
    app = start_app("--demo")
    app.turn_on()
    before = app.models()
    path = "Models/qwen/qwen3-30b-a3b"

    app.ask("DELETE", "/api/delete", model="qwen/qwen3-30b-a3b")
    app.menu.wait_for(path, that=lambda item: item.checked is False)
    app.menu.click(path)
    app.menu.wait_for(path, that=lambda item: item.checked is True)

    assert app.models() == before


def test_what_an_app_pulls_shows_in_the_menu(start_app):
    app = start_app("--demo", env={"ALLOWED_MODELS": '["openai/gpt-4o"]'})
    app.turn_on()
    path = "Models/qwen/qwen3-30b-a3b"

    app.ask("POST", "/api/pull", model="qwen/qwen3-30b-a3b")
    app.menu.wait_for(path, that=lambda item: item.checked is True)
    app.menu.click(path)
    app.menu.wait_for(path, that=lambda item: item.checked is False)

    assert app.models() == {"openai/gpt-4o"}


def test_the_menu_holds_fifteen_models_at_most(start_app):
    app = start_app("--demo")
    app.menu.wait_for("Models/openai/gpt-4o")

    rows = [label for label in app.menu.labels() if label.startswith("Models/")]

    assert len(rows) == 16
    assert rows[-1] == "Models/Choose models…"


def test_the_icon_is_visible_and_differs_by_state(start_app, desktop):
    app = start_app("--demo", env=OFF)
    off = desktop.screenshot(ARTIFACTS / "tray-off.png")

    app.turn_on()

    on = wait_for(lambda: different(desktop, off, "tray-on.png"), "another icon")
    left, upper, right, lower = ImageChops.difference(off, on).getbbox()
    assert right - left <= 32  # nothing but the icon
    assert lower - upper <= 32
    on = f"Tray Proxy · Demo · ● On — apps reach it at 127.0.0.1:{app.port}"
    assert app.menu.properties()["Title"] == f"{on} · Today $0.00 of $5.00"


def different(desktop, before, name):
    """Return the screen once it differs; kept for a person to look at."""
    now = desktop.screenshot(ARTIFACTS / name)
    return now if ImageChops.difference(before, now).getbbox() else None


def test_open_logs_shows_the_folder_in_the_file_manager(start_app, desktop):
    app = start_app("--demo")

    app.menu.click("Open logs")

    assert "logs" in desktop.wait_for_window("logs")
    assert (app.home / "logs" / "tray-proxy.log").is_file()


def leads_to(app, path):
    """Click a line that opens the page, and return the part of it that the browser comes to."""
    before = len(app.desktop.opened_addresses())
    app.menu.click(path)
    address = wait_for(lambda: app.desktop.opened_addresses()[before:], "the page to be opened")[0]
    return httpx.get(address, trust_env=False).headers["location"].partition("#")[2].partition("~")[0]


def test_the_lines_for_the_page_lead_to_its_parts(start_app):
    app = start_app("--demo")
    app.turn_on()
    lines = [top(app)[0], "Models/Choose models…", "Apps…", "Activity…", "Settings…"]

    assert [leads_to(app, line) for line in lines] == ["activity", "models", "apps", "activity", "settings"]


def test_an_address_opens_the_page_once(start_app, desktop):
    app = start_app("--demo")
    before = len(desktop.opened_addresses())

    app.menu.click("Settings…")

    address = wait_for(lambda: desktop.opened_addresses()[before:], "the page to be opened")[0]
    assert address.startswith("http://127.0.0.1:")
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        assert browser.get(address).status_code == 200
        assert browser.get(address.partition("/open")[0] + "/").status_code == 200
        assert browser.get(address).status_code == 403


def test_without_a_key_the_page_greets_and_the_first_line_leads_there(start_app, desktop):
    before = len(desktop.opened_addresses())
    app = start_app("--demo", env={"OPENROUTER_API_KEY": ""})

    greeting = wait_for(lambda: desktop.opened_addresses()[before:], "the page to be opened")[0]
    wait_for(app.answers, "the port to answer")
    app.menu.wait_for("Demo · ▲ Needs you: sign in")

    assert httpx.get(greeting, trust_env=False).headers["location"].startswith("/#welcome~")
    assert leads_to(app, "Demo · ▲ Needs you: sign in") == "welcome"


def test_in_the_background_no_page_opens(start_app, desktop):
    """At login nobody has asked for one."""
    before = len(desktop.opened_addresses())
    app = start_app("--demo", "--background", env={"OPENROUTER_API_KEY": ""})
    app.menu.wait_for("Demo · ▲ Needs you: sign in")

    leads_to(app, "Apps…")

    assert len(desktop.opened_addresses()) == before + 1


def test_the_tick_for_the_login_writes_what_the_desktop_starts(start_app, desktop):
    app = start_app("--demo")
    entry = Path(desktop.env["XDG_CONFIG_HOME"]) / "autostart" / "tray-proxy.desktop"
    before = (app.menu.find("Start when I log in").checked, entry.exists())

    app.menu.click("Start when I log in")
    app.menu.wait_for("Start when I log in", that=lambda item: item.checked is True)
    ticked = entry.read_text()
    app.menu.click("Start when I log in")
    app.menu.wait_for("Start when I log in", that=lambda item: item.checked is False)

    assert before == (False, False)
    assert f"--demo --tray-proxy-home {app.home} --background" in ticked
    assert not entry.exists()


def test_copy_address_fills_the_clipboard(start_app, desktop):
    app = start_app("--demo")

    app.menu.click("Copy address")

    wait_for(lambda: clipboard(desktop) == app.url, "the address in the clipboard")


def clipboard(desktop):
    try:
        return desktop.run(["xclip", "-selection", "clipboard", "-o"])
    except subprocess.CalledProcessError:
        return None  # nobody has put anything into it yet


def test_a_taken_port_asks_for_attention_and_says_by_whom(start_app, desktop, free_port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        app = start_app("--demo", env=OFF)

        app.menu.click("Turn on")

        first = wait_for(lambda: top(app)[0] if top(app)[0].startswith("Demo · ▲") else None, "the tray to say why")
        assert first.startswith(f"Demo · ▲ Port {free_port} is used by ")
        assert str(os.getpid()) in first
        wait_for(lambda: told(desktop, "Tray Proxy is off", free_port), "one notification")
        assert leads_to(app, first) == "port"
    app.turn_on()


def told(desktop, title, port):
    """Return the notifications with this title that are about this port."""
    return [text for summary, text in desktop.notifications() if summary == title and str(port) in text]


def test_who_wants_no_notifications_sees_it_in_the_tray_alone(start_app, desktop, free_port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()

        app = start_app("--demo", env={"NOTIFICATIONS": "off"})

        wait_for(lambda: top(app)[0].startswith(f"Demo · ▲ Port {free_port}"), "the tray to say why")
        # What was asked for by a click is told anyway, and after what was not.
        app.menu.click("Copy address")
        wait_for(lambda: clipboard(desktop) == app.url, "the address in the clipboard")
        assert told(desktop, "Tray Proxy is off", free_port) == []


def seconds(act, *arguments):
    """Do something, and return how long it took."""
    began = time.monotonic()
    act(*arguments)
    return time.monotonic() - began


def test_turning_on_and_off_takes_no_longer_than_is_promised(start_app):
    app = start_app("--demo", env=OFF)

    tries = []
    while len(tries) < TRIES and not any(on <= START_S and off <= STOP_S for on, off in tries):
        tries.append((seconds(app.turn_on), seconds(app.turn_off)))

    assert min(on for on, _ in tries) <= START_S
    assert min(off for _, off in tries) <= STOP_S


def test_what_an_app_makes_shows_as_soon_as_is_promised(start_app):
    """As long as a person needs to turn from the app to the tray."""
    app = start_app("--demo")
    app.turn_on()

    def make(number):
        app.ask("POST", "/api/copy", source="openai/gpt-4o-mini", destination=f"mine-{number}")
        app.menu.wait_for(f"Models/mine-{number}:latest → openai/gpt-4o-mini")

    assert any(seconds(make, number) <= MENU_S for number in range(TRIES))


def test_quitting_takes_no_longer_than_is_promised(start_app):
    def quit_one_that_runs():
        app = start_app("--demo")
        app.turn_on()
        return seconds(app.quit)

    assert any(quit_one_that_runs() <= QUIT_S for _ in range(TRIES))


def test_quit_leaves_nothing_behind(start_app):
    app = start_app("--demo")
    app.turn_on()
    before = psutil.Process(app.process.pid).children(recursive=True)

    assert app.quit() == 0

    assert app.closed()
    assert [child for child in before if child.is_running()] == []


def test_quit_while_an_answer_streams_tells_the_client_and_openrouter(start_app, stage, upstream):
    app = start_app(env={"OPENROUTER_BASE_URL": stage.url})
    app.turn_on()
    body = CHAT | {"messages": [{"role": "user", "content": "#fault:endless"}], "stream": True}

    with httpx.stream("POST", f"{app.url}/api/chat", json=body, trust_env=False, timeout=30) as answer:
        lines = answer.iter_lines()
        next(lines)
        app.menu.click("Quit")
        *_, last = lines

    assert json.loads(last)["error"].startswith("Tray Proxy was turned off")
    assert upstream.wait_for(lambda seen: [chat.outcome for chat in seen.chats] == ["dropped"], 15)
    assert app.process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_like_quit(start_app, number):
    app = start_app("--demo")
    app.turn_on()

    app.process.send_signal(number)

    assert app.process.wait(PATIENCE_S) == 0
    assert app.closed()


def test_without_a_tray_host_it_says_so_starts_and_opens_the_page(open_desktop, tmp_path, free_port):
    """There is no menu to do either by."""
    bare = open_desktop(tray_host=False)

    process = bare.start(
        [sys.executable, "-m", "tray_proxy", "--demo", "--port", str(free_port)],
        env={"TRAY_PROXY_HOME": str(tmp_path)},
    )

    wait_for(bare.opened_addresses, "the page to be opened")
    wait_for(bare.notifications, "a notification")
    wait_for(lambda: answers(free_port), "the port to answer")
    assert bare.output(process) == (
        "Nothing on this desktop shows tray icons: Tray Proxy runs without one, and its page opens. On GNOME the "
        "extension “AppIndicator and KStatusNotifierItem Support” shows them.\n"
    )
    assert [title for title, _ in bare.notifications()] == ["Tray Proxy runs without an icon"]
    process.terminate()
    assert process.wait(PATIENCE_S) == 0
