"""What is copied for a helper: enough to help, and nothing that is the owner's alone."""

import json
import platform
from pathlib import PureWindowsPath

import pytest

from desktop.waiting import wait_for
from tray_proxy import __version__, logs
from tray_proxy.activity import Activity
from tray_proxy.callers import identify
from tray_proxy.demo.keys import DEMO_KEY
from tray_proxy.redaction import STRUCK_OUT
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import Settings
from tray_proxy.web.diagnostics import Diagnostics


@pytest.fixture
def running(proxies, tmp_path):
    return proxies.start(tmp_path / "home")


def ended(running):
    """Return once what was asked is noted: an answer arrives a moment before that."""
    wait_for(lambda: running.program.activity.running == 0, "the end of all requests")


def written(running):
    return running.program.activity_desk.diagnostics()


def under(text, heading):
    """Give the lines under a heading."""
    lines = text.splitlines()
    found = []
    for line in lines[lines.index(heading) + 1 :]:
        if not line.startswith("  "):
            break
        found.append(line.strip())
    return found


def test_it_says_what_runs_where_and_how(running):
    lines = written(running).splitlines()

    listed = len(running.program.cache.snapshot.entries)
    free = running.program.page_state().models.free
    assert lines[:5] == [
        f"Tray Proxy {__version__}",
        f"System: {platform.platform()}",
        f"Python {platform.python_version()}",
        f"State: on, {running.url}",
        "Key: there, from: environment",
    ]
    assert lines[5].startswith(f"Models: {listed}, of them allowed {listed}, free {free}; list ")


def test_neither_the_key_nor_a_part_of_it_is_in_it(running, upstream):
    """Wherever it has got to: here an error echoes it, and an older log holds it."""
    upstream.arrange("echo-key")
    running.chat()
    ended(running)
    folder = running.home / "logs"
    folder.mkdir()
    line = {"level": "error", "event": f"failed with {DEMO_KEY}"}
    (folder / logs.FILE_NAME).write_text(json.dumps(line))

    text = written(running)

    middle = len(DEMO_KEY) // 2
    assert DEMO_KEY not in text
    assert DEMO_KEY[middle - 5 : middle + 5] not in text
    assert under(text, "Last warnings in the log:") == [
        json.dumps({"level": "error", "event": f"failed with {STRUCK_OUT}"})
    ]


def test_nothing_that_was_asked_or_answered_is_in_it(running):
    answer = running.chat(text="canary prompt")
    ended(running)

    text = written(running)

    assert "canary" not in text
    assert answer.json()["message"]["content"] not in text
    [line] = under(text, "Last requests (app, what was asked, model, answer):")
    assert " python-httpx/0.28.1 | POST /api/chat | openai/gpt-4o-mini | 200 | done | " in line


def test_only_settings_that_were_changed_are_in_it(running):
    names = [line.partition("=")[0] for line in under(written(running), "Settings that are not as they come:")]

    assert names == ["PORT", "OPENROUTER_BASE_URL", "TRAY_PROXY_HOME", "DAILY_LIMIT_USD", "PAID_REQUESTS_PER_MINUTE"]


def alone(tmp_path, running, **settings):
    """A text of its own, about settings and requests of a test."""
    activity = Activity(later=lambda _pause_s, _what: None)
    chosen = Settings(**settings)
    about = Diagnostics(running.program.page_state, lambda: chosen, activity, tmp_path / logs.FILE_NAME)
    return activity, about


def test_what_the_owner_wrote_or_chose_stays_here(running, tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    _, about = alone(
        tmp_path,
        running,
        openrouter_api_key=SecretStr("canary-key-canary-key"),
        allowed_models=("canary/model",),
        presets={"canary": {"model": "a/b", "system": "canary"}},
        tray_proxy_home=tmp_path / "proxy",
    )

    text = about.text()

    assert "canary" not in text
    assert under(text, "Settings that are not as they come:") == ["TRAY_PROXY_HOME=~/proxy"]


def test_the_owners_name_in_a_path_stays_here(running, tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.home", lambda: PureWindowsPath(r"C:\Users\Canary"))
    _, about = alone(tmp_path, running)
    (tmp_path / logs.FILE_NAME).write_text(json.dumps({"level": "error", "file": r"C:\Users\Canary\x.json"}))

    assert under(about.text(), "Last warnings in the log:") == [r'{"level": "error", "file": "~\\x.json"}']


def test_a_path_from_outside_ends_no_line(running, tmp_path):
    activity, about = alone(tmp_path, running)
    entry = activity.begin("id", identify("curl/8.0"), "GET", "/x\nforged\u202e")
    entry.outcome, entry.status = "failed", 404
    activity.end(entry, route=entry.path, asked=False, models=None)

    [line] = under(about.text(), "Last requests (app, what was asked, model, answer):")

    assert line.endswith("curl/8.0 | GET /x\\nforged\\u202e | 404 | failed")


def test_the_last_20_requests_and_warnings_are_in_it_the_newest_last(running, tmp_path):
    activity, about = alone(tmp_path, running)
    lines = [json.dumps({"level": "info", "event": "request"}), "damaged"]
    for number in range(30):
        entry = activity.begin("id", identify("curl/8.0"), "POST", f"/api/chat?{number}")
        entry.outcome = "failed"
        activity.end(entry, route=entry.path, asked=True, models=None)
        lines.append(json.dumps({"level": "warning", "event": f"warning {number}"}))
    (tmp_path / logs.FILE_NAME).write_text("\n".join(lines))

    text = about.text()

    requests = under(text, "Last requests (app, what was asked, model, answer):")
    warnings = under(text, "Last warnings in the log:")
    assert (len(requests), "/api/chat?10 " in requests[0], "/api/chat?29 " in requests[-1]) == (20, True, True)
    assert (len(warnings), warnings[-1]) == (20, '{"level": "warning", "event": "warning 29"}')


def test_where_there_is_nothing_to_tell_it_says_so(running, tmp_path):
    _, about = alone(tmp_path, running, tray_proxy_home=None)

    assert about.text().splitlines()[6:] == [
        "Settings: all as they come",
        "Last requests: none",
        "Last warnings in the log: none",
    ]
