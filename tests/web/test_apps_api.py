"""The lamps of apps, lit by the requests that those apps send, against a running proxy."""

import json
import logging
import re
import time
from pathlib import Path

import pytest
import structlog

from desktop.waiting import wait_for
from tray_proxy import errors, limits, logs
from tray_proxy.activity import Activity
from tray_proxy.callers import Caller, identify
from tray_proxy.catalogue import Catalogue
from tray_proxy.secret_str import SecretStr
from tray_proxy.server.same_user import AnotherUser
from tray_proxy.setting_list import Settings
from tray_proxy.texts import table
from tray_proxy.translate.names import AllowList
from tray_proxy.web.apps_api import AppsDesk

FIXTURES = Path(__file__).parents[1] / "fixtures" / "clients"
# Which card each recorded client lights, and which of its lamps: listed, shown, answered.
LIT = {
    "continue": ("continue", (True, True, True)),
    "enchanted": ("enchanted", (True, True, True)),
    "home-assistant": ("home-assistant", (True, False, True)),
    "jetbrains": ("jetbrains", (True, False, True)),
    "obsidian-copilot": ("obsidian-copilot", (True, False, True)),
    "vscode-copilot": ("vscode-copilot", (True, True, True)),
    "xcode": ("xcode", (True, False, True)),
    "zed": ("zed", (True, True, True)),
}
NOW_S = 1_800_000_000.0
JETBRAINS = identify("ktor-client")


class Shelf:
    """A catalogue cache with what a test puts on it."""

    def __init__(self, entries=(), allowed=None) -> None:
        self.snapshot = Catalogue(tuple(entries), AllowList(None, allowed), fetched_s=1)


class Scene:
    """A desk whose clock a test moves, and what it is told of."""

    def __init__(self, cache=None, **settings) -> None:
        self.now_s = NOW_S
        self.activity = Activity(now_s=lambda: self.now_s, later=lambda _pause_s, _what: None)
        self.desk = AppsDesk(
            self.activity, cache or Shelf(), lambda: Settings(**settings), lambda: self.now_s
        )  # fmt: skip

    def request(self, path, *, caller=JETBRAINS, method="POST", asked=False, models=None, **facts) -> None:
        entry = self.activity.begin("id", caller, method, path)
        for name, value in ({"outcome": "done", "status": 200, "ms": 0.0} | facts).items():
            setattr(entry, name, value)
        self.activity.end(entry, route=path, asked=asked, models=models)

    def app(self, app_id="jetbrains"):
        return next(app for app in self.desk.state().apps if app.id == app_id)


def cards(running):
    """Give the cards as the page gets them."""
    state = running.program.apps_desk.state()
    return {app.id: app for app in state.apps}


def replay(running, recorded, model):
    """Send what a client was recorded to send; what it asks of each model, it asks of one."""
    for exchange in recorded["exchanges"]:
        request = exchange["request"]
        body = json.dumps(request["body"]).replace('"$each"', json.dumps(model)) if "body" in request else None
        # An empty key ends in a blank, which this library does not send.
        headers = {name: value.strip() for name, value in (recorded["headers"] | request.get("headers", {})).items()}
        running.http.request(request["method"], request["path"], headers=headers, content=body)


def ended(running):
    """Return once what was asked is noted: an answer arrives a moment before that."""
    wait_for(lambda: running.program.activity.running == 0, "the end of all requests")


def lamps(app):
    return tuple(at_s is not None for at_s in (app.listed_s, app.shown_s, app.answered_s))


@pytest.fixture
def running(proxies, tmp_path):
    return proxies.start(tmp_path / "home")


@pytest.mark.parametrize("client", LIT)
def test_a_clients_own_requests_light_its_lamps(running, client):
    recorded = json.loads((FIXTURES / f"{client}.json").read_text(encoding="utf-8"))
    card, expected = LIT[client]
    before_s = time.time()
    models = [model["name"] for model in running.http.get("/api/tags").json()["models"]]
    dark = {name for name, app in cards(running).items() if lamps(app) != (False, False, False)}

    replay(running, recorded, models[0])

    ended(running)
    lit = cards(running)[card]
    assert dark == set()
    assert lamps(lit) == expected
    assert lit.answered_s >= before_s


@pytest.fixture
def log_in_home(tmp_path):
    """Write the log where a program with this home has it."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    logs.set_up(tmp_path / "home" / "logs", "INFO", echo=False)
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()


def test_lamps_are_lit_again_after_a_new_start(proxies, tmp_path, log_in_home):
    home = tmp_path / "home"
    first = proxies.start(home)
    first.http.get("/api/tags", headers={"User-Agent": "ktor-client"})
    first.http.post(
        "/api/chat",
        headers={"User-Agent": "ktor-client"},
        json={"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": False},
    )
    ended(first)

    second = proxies.start(home, wait_for_models=False)

    assert lamps(cards(second)["jetbrains"]) == (True, False, True)
    [asked] = [entry for entry in second.program.activity.entries if entry.app_id == "jetbrains"]
    assert (asked.path, asked.outcome, asked.model) == ("/api/chat", "done", "openai/gpt-4o-mini")


def test_every_recorded_client_is_tried():
    assert set(LIT) == {path.stem for path in FIXTURES.glob("*.json")}


def test_an_app_that_reads_the_list_and_does_no_more_gets_a_hint_after_20_s():
    scene = Scene()
    scene.request("/api/tags", method="GET", models=8)
    scene.now_s += 19.9
    assert scene.app().hint is None

    scene.now_s += 0.1

    assert scene.app().hint == (
        "JetBrains AI Assistant saw 8 models. If none shows, reopen its settings page."
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/api/show", "/api/chat"])
def test_one_that_goes_on_gets_none(path):
    scene = Scene()
    scene.request("/api/tags", method="GET", models=1)
    scene.request(path, asked=path == "/api/chat")
    scene.now_s += 100

    assert scene.app().hint is None


def test_calls_that_may_be_a_scripts_give_no_hint():
    """Home Assistant calls by a library that scripts call by, too."""
    scene = Scene()
    scene.request("/api/tags", method="GET", models=8, caller=identify("ollama-python/0.6.3"))
    scene.now_s += 100

    card = scene.app("home-assistant")
    assert (card.hint, card.listed_s) == (None, NOW_S)
    assert card.note == (
        "It calls itself ollama-python, as other programs do: what the lamps show may be another program's doing."
    )


@pytest.mark.parametrize(
    ("card", "note"),
    [
        ("zed", None),
        ("python", None),
        ("other", None),
        (
            "jetbrains",
            "It calls itself ktor-client, as other programs do: what the lamps show may be another program's doing.",
        ),
        ("obsidian-copilot", "Its calls cannot be told from those of: Obsidian, plugin Smart Connections."),
        ("vscode-ollama", "How it calls itself is not known here: look for it among the other programs below."),
    ],
)
def test_a_card_says_whose_doing_its_lamps_may_be(card, note):
    assert Scene().app(card).note == note


def test_an_empty_list_is_explained(running):
    do = running.loop.submit
    do(running.program.models_desk.allow(())).result(15)
    running.http.get("/api/tags", headers={"User-Agent": "ktor-client"})

    none = wait_for(lambda: cards(running)["jetbrains"].hint, "the hint")
    do(running.program.models_desk.allow(("openai/gpt-4o-mini",))).result(15)
    later = cards(running)["jetbrains"].hint

    assert none == "You allowed no models yet, so its list was empty. Choose models, and let it read the list again."
    assert later == (
        "Its list was empty when it asked. Let it read the list again: reopen its settings page, or start it again."
    )


def test_agents_of_vs_code_are_offered_models_with_tools_alone(running):
    listed = running.program.cache.snapshot.allowed
    able = [entry for entry in listed if "tools" in entry.supported_parameters]

    lines = {app.id: app.models_line for app in cards(running).values() if app.models_line}

    sentence = f"Agent mode lists only models with tools: {len(able)} of your {len(listed)}."
    assert lines == {"vscode-copilot": sentence, "vscode-ollama": sentence}


def test_a_failure_is_told_in_words_of_people(running, upstream):
    upstream.arrange("status-402")
    running.http.post(
        "/api/chat",
        headers={"User-Agent": "ktor-client"},
        json={"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]},
    )

    assert wait_for(lambda: cards(running)["jetbrains"].last_error, "the failure") == (
        "The credit at OpenRouter, or the key's own limit, was used up."
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("llama99", "It asked for llama99, which does not exist."),
        ("openai/gpt-4o", "It asked for openai/gpt-4o, which you did not allow."),
    ],
)
def test_a_model_that_an_app_does_not_get_is_named(running, name, words):
    """That is the word to look for in its settings."""
    running.loop.submit(running.program.models_desk.allow(("openai/gpt-4o-mini",))).result(15)
    running.http.post("/api/chat", headers={"User-Agent": "ktor-client"}, json={"model": name, "messages": []})

    assert wait_for(lambda: cards(running)["jetbrains"].last_error, "the failure") == words


def test_every_failure_that_an_app_can_meet_has_its_words():
    """Whoever adds an error finds out here."""
    never_an_apps = {"ProxyError", "PortInUse", "SettingsInvalid", "SettingsNotSaved"}
    known = {**vars(errors), **{each.__name__: each for each in limits.NotBought.__subclasses__()}}
    raised = {name for name, each in known.items() if isinstance(each, type) and issubclass(each, Exception)}
    raised.add(AnotherUser.__name__)

    told = {key.removeprefix("apps.error.") for key in table() if key.startswith("apps.error.")}

    assert raised - told - never_an_apps == set()
    assert {name.removesuffix(".named") for name in told if name[0].isupper()} - raised == set()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "It was turned away: it is a web page or a browser extension. You can allow it under Settings."),
        (404, "It asked for something that is not here; see whether its address is right."),
        (418, "A request failed; the log says more."),
    ],
)
def test_a_refusal_without_an_error_is_told_by_its_status(status, words):
    scene = Scene()
    scene.request("/nope", outcome="failed", status=status)

    assert scene.app().last_error == words


def test_programs_without_a_card_stand_below_the_last_one_first():
    scene = Scene()
    scene.request("/api/tags", method="GET", caller=Caller(None, "Msty/1.9", "Msty/1.9"))
    scene.now_s += 1
    scene.request("/api/chat", caller=identify("curl/8.0"), asked=True)
    scene.request("/api/chat", caller=identify("Tray-Proxy-Page"), asked=True)

    others = [(each.agent, each.listed_s, each.answered_s) for each in scene.desk.state().others]

    assert others == [("curl/8.0", None, NOW_S + 1), ("Msty/1.9", NOW_S, None)]


def test_steps_are_filled_in_with_the_address_in_force():
    scene = Scene(port=11500)

    copied = {app.id: [step.copy for step in app.steps] for app in scene.desk.state().apps}

    assert copied["xcode"] == [None, "11500"]
    assert copied["obsidian-copilot"][2:] == ["http://127.0.0.1:11500/v1/", "http://127.0.0.1:11500"]
    assert copied["ollama"][1:] == ["OLLAMA_HOST=http://127.0.0.1:11500", "ollama run openai/gpt-4o-mini"]
    assert "http://127.0.0.1:11434" not in json.dumps(copied)
    assert [each for steps in copied.values() for each in steps if each and re.search(r"\{[a-z]+\}", each)] == []


@pytest.mark.parametrize(
    ("more", "key"),
    [({}, "ollama"), ({"proxy_api_key": SecretStr("an-access-key-of-nobody")}, "the-value-of-PROXY_API_KEY")],
)
def test_steps_say_which_key_an_app_has_to_send(more, key):
    """Where the owner has set one, a made-up one would be refused; that one itself is not for the page."""
    state = Scene(**more).desk.state()

    copied = {app.id: [step.copy for step in app.steps] for app in state.apps}
    assert copied["other"][2] == key
    assert f"export ANTHROPIC_AUTH_TOKEN={key}\n" in copied["claude-code"][0]
    assert f'"ANTHROPIC_AUTH_TOKEN": "{key}"' in copied["claude-code"][1]
    assert [f'api_key="{key}"' in each for each in copied["python"]] == [False, False, True, True]
    assert "an-access-key-of-nobody" not in json.dumps(copied)


def test_at_the_usual_address_there_is_less_to_do():
    steps = {app.id: [step.text for step in app.steps] for app in Scene().desk.state().apps}

    assert steps["raycast"] == ["There is nothing to enter: its server “Local” is this address."]


def test_the_example_is_a_model_that_the_owner_allows(running):
    running.loop.submit(running.program.models_desk.allow(("anthropic/claude-sonnet-4",))).result(15)

    assert cards(running)["ollama"].steps[-1].copy == "ollama run anthropic/claude-sonnet-4"
