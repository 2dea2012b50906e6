"""What every part of the page shows."""

import pytest

from desktop.waiting import wait_for
from tray_proxy.secret_str import SecretStr
from tray_proxy.web import state_api
from tray_proxy.web.state_api import ModelCounts, Notice
from web.fakes import KEY, Served


def test_the_state_tells_everything_the_page_shows(served: Served) -> None:
    """But for the lists."""
    served.backend.key = KEY

    state = served.visitor().get("/api/state").json()

    assert state == {
        "version": "0.1.0",
        "demo": False,
        "system": "linux",
        "phase": "on",
        "running": True,
        "status": "On: apps reach it at 127.0.0.1:11434",
        "address": "http://127.0.0.1:11434",
        "problem": None,
        "key": {
            "present": True,
            "source": "keyring",
            "problem": None,
            "link": None,
            "label": None,
            "about": None,
        },
        "sign_in": {"waiting": False, "on_screen": False, "url": None, "problem": None},
        "models": {"total": 4, "allowed": 1, "free": 1, "age_s": 300.0},
        "visitors": 0,
        "answered": False,
        "autostart": {"enabled": False, "problem": None},
        "port": None,
        "notices": [],
        "new_version": None,
    }


def counted(total=9, allowed=2):
    return ModelCounts(total=total, allowed=allowed, free=0, age_s=1.0)


def do(running, work):
    return running.loop.submit(work).result(10)


def test_the_state_says_whether_an_app_was_ever_answered(proxies, tmp_path):
    """Until then a person wants to be shown how."""
    running = proxies.start(tmp_path)
    before = running.program.page_state().answered
    running.chat()

    wait_for(lambda: running.program.page_state().answered, "the answer to be noted")
    assert before is False


def test_models_that_were_never_loaded_are_none():
    assert state_api.count(None, None) == ModelCounts(total=0, allowed=0, free=0, age_s=None)


@pytest.mark.parametrize(
    ("how", "phase", "status"),
    [
        ({}, "on", "On: apps reach it at http://here"),
        (
            {"elsewhere": "http://there"},
            "on",
            "On: apps reach it at http://here, those on other computers at http://there",
        ),
        ({"in_trouble": True}, "attention", "On: apps reach it at http://here"),
        ({"needs_key": True, "in_trouble": True}, "attention", "Needs you: sign in"),
        ({"models": counted(total=9, allowed=0)}, "attention", "Needs you: choose models"),
        ({"models": counted(total=9, allowed=0), "in_trouble": True}, "attention", "On: apps reach it at http://here"),
        ({"models": counted(total=0, allowed=0)}, "on", "On: apps reach it at http://here"),
        ({"running": False, "needs_key": True}, "off", "Off: apps get no answer"),
        ({"running": False, "in_trouble": True}, "attention", "Off: apps get no answer"),
        ({"running": False, "in_trouble": True, "opening": True}, "starting", "Starting…"),
        ({"running": False, "in_trouble": True, "closing": True}, "stopping", "Stopping…"),
        ({"running": False, "closing": True, "opening": True}, "starting", "Starting…"),
        ({"closing": True}, "on", "On: apps reach it at http://here"),
    ],
)
def test_the_page_begins_with_what_the_tray_does(how, phase, status):
    """A page that says all is well below an icon that warns would help nobody."""
    well = {
        "running": True,
        "opening": False,
        "closing": False,
        "in_trouble": False,
        "needs_key": False,
        "models": counted(),
        "address": "http://here",
    }

    assert state_api.standing(**well | how) == (phase, status)


def test_credit_that_is_used_up_is_said_until_a_model_answers_again(proxies, tmp_path, upstream):
    """As in the tray."""
    running = proxies.start(tmp_path)
    upstream.arrange("status-402")

    refused = running.chat()
    without = running.program.page_state()
    running.chat()

    assert (refused.status_code, without.phase) == (402, "attention")
    assert without.problem.message.startswith("OpenRouter says that there is not enough credit")
    wait_for(lambda: running.program.page_state().phase == "on", "the page to say that it is on again")
    assert running.program.page_state().problem is None


def test_the_state_says_whether_it_runs(proxies, tmp_path):
    running = proxies.start(tmp_path)
    on = running.program.page_state()
    do(running, running.program.proxy.stop())

    assert (on.running, on.status) == (True, f"On: apps reach it at {running.url}")
    assert running.program.page_state().status == "Off: apps get no answer"


def test_a_secret_in_settings_has_no_text_form(proxies, tmp_path):
    running = proxies.start(tmp_path, openrouter_api_key=SecretStr("sk-or-v1-secret-of-nobody"))

    assert "secret-of-nobody" not in repr(running.program.settings) + str(running.program.deps)


def test_the_page_can_turn_the_proxy_off_and_on(served: Served) -> None:
    visitor = served.visitor()

    answers = [visitor.post("/api/proxy", json={"on": on}).status_code for on in (False, True)]

    assert answers == [204, 204]
    assert served.backend.calls == [("turn", False), ("turn", True)]


def test_a_notice_is_shown_until_it_was_read(served: Served) -> None:
    told: list[str] = []
    served.backend.notices._changed = lambda: told.append("state")
    served.backend.notices.shown = (Notice("0", "The settings file is damaged."), Notice("1", "And more."))
    visitor = served.visitor()

    assert visitor.post("/api/notices/dismiss", json={"id": "0"}).status_code == 204

    assert visitor.get("/api/state").json()["notices"] == [{"id": "1", "text": "And more."}]
    assert told == ["state"]
