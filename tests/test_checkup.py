"""The check on a whole program, with the demo upstream behind it."""

import os
import sys

import pytest

from tray_proxy import checkup
from tray_proxy.secret_str import SecretStr
from tray_proxy.tray import platforms

ACCESS_KEY = "canary-access-key-of-nobody"


@pytest.fixture
def access_key(request):
    """What apps have to send; by itself nothing."""
    return getattr(request, "param", None)


@pytest.fixture
def examine(proxies, loop, tmp_path, memory_keyring, monkeypatch, access_key):
    """Start a proxy and check it, from within or from outside."""
    monkeypatch.setattr(checkup, "has_tray_host", lambda: None)
    monkeypatch.setattr(checkup, "is_shared", lambda: False)
    running = proxies.start(tmp_path / "home", proxy_api_key=access_key)

    def examine(*, is_program=True):
        return running, loop.submit(checkup.examine(running.program, is_program=is_program)).result(15)

    return examine


def test_a_program_that_runs_is_found_to_be_well(examine):
    running, report = examine()

    found = {line.name: line.text for line in report.lines}
    assert report.ok, report.text
    assert list(found) == ["Port", "Key", "Spending", "Network", "Models", "Key store", "Folders", "A question"]
    assert found["Port"] == f"Apps reach Tray Proxy at {running.url}."


def test_the_question_goes_to_a_free_model_and_to_no_other(examine, upstream):
    """It is the one call that could cost."""
    _, report = examine()

    asked = [chat.body["model"] for chat in upstream.chats]
    answered = next(line.text for line in report.lines if line.name == "A question")
    assert len(asked) == 1
    assert asked[0].endswith(":free")
    assert answered.startswith(f"{asked[0]} answered in ")


@pytest.mark.parametrize("access_key", [SecretStr(ACCESS_KEY)], indirect=True)
def test_the_check_needs_no_access_key_and_does_not_tell_it(examine):
    """Apps do, and it asks its question on the way that theirs take."""
    _, report = examine()

    assert report.ok, report.text
    assert report.lines[-1].name == "A question"
    assert ACCESS_KEY not in report.text


async def allow_alone(program, model_id):
    program.selection.choose((model_id,))


def test_the_question_goes_nowhere_where_no_free_model_is_allowed(examine, upstream, loop):
    running, _ = examine()
    before = len(upstream.chats)
    loop.submit(allow_alone(running.program, "openai/gpt-4o-mini")).result(15)

    _, report = examine()

    assert report.lines[-1].text == "Not asked: no free model is allowed."
    assert len(upstream.chats) == before


@pytest.mark.parametrize(
    ("environment", "shows"),
    [({}, None), ({"DISPLAY": ":99"}, True), ({"WAYLAND_DISPLAY": "wayland-0"}, True)],
)
def test_a_tray_is_looked_for_only_where_there_is_a_display(monkeypatch, environment, shows):
    monkeypatch.setattr(checkup.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(platforms.Linux, "has_tray_host", lambda _: True)

    assert checkup.has_tray_host() is shows


@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells of no users in this way")
@pytest.mark.parametrize(
    ("own_number", "number", "shell", "shared"),
    [
        (1001, 1000, "/bin/bash", True),
        (1001, 59_999, "/usr/bin/fish", True),
        (1001, 0, "/bin/bash", False),
        (1001, 999, "/bin/sh", False),
        (1001, 65_534, "/bin/sh", False),
        (1001, 1000, "/usr/sbin/nologin", False),
        (1001, 1000, "/bin/false", False),
        (0, 1000, "/bin/bash", False),
        (999, 1000, "/bin/bash", False),
    ],
)
def test_a_computer_is_shared_where_another_person_may_log_in(monkeypatch, own_number, number, shell, shared):
    import pwd

    others = pwd.struct_passwd(("other", "x", number, number, "", "/", shell))
    own = pwd.struct_passwd(("own", "x", own_number, own_number, "", "/", "/bin/bash"))
    monkeypatch.setattr(os, "getuid", lambda: own_number)
    monkeypatch.setattr(pwd, "getpwall", lambda: [own, others])

    assert checkup.is_shared() is shared
