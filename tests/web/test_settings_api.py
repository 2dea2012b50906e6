"""Settings on the page: every one of them, checked, saved and put in force."""

import json

import httpx
import pytest

from tray_proxy.errors import PortInUse, SettingsNotSaved
from tray_proxy.listener import bind
from tray_proxy.setting_list import FIELDS
from tray_proxy.settings import stored_names
from tray_proxy.web.http import FormInvalid
from tray_proxy.web.settings_api import ELSEWHERE, GROUPS
from web.opening import page_headers


def do(running, work):
    return running.loop.submit(work).result(10)


def fields(running):
    return {each.name: each for group in running.program.settings_desk.state().groups for each in group.fields}


@pytest.fixture
def running(proxies, tmp_path, monkeypatch, free_port):
    """A program whose values come from its file and the defaults, as at most people's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAY_PROXY_HOME", str(tmp_path))
    (tmp_path / "settings.json").write_text(json.dumps({"novelty": 1, "port": free_port}))
    return proxies.start(tmp_path, port=free_port)


def port_that_is_free():
    sockets = bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    for sock in sockets:
        sock.close()
    return port


def stored(running):
    return json.loads((running.home / "settings.json").read_text())


def test_every_setting_that_can_be_stored_stands_on_the_page():
    """Whoever adds one finds out here that it needs a group and a label."""
    shown = [name for _, names in GROUPS for name in names]

    assert sorted(shown) == sorted(name for name in stored_names() if name not in ELSEWHERE)


def test_a_setting_is_told_with_its_help_its_bounds_and_its_source(running):
    field = fields(running)["idle_timeout_s"]

    assert (field.label, field.kind, field.unit, field.min, field.max) == (
        "For the next word",
        "number",
        "seconds",
        0,
        3600,
    )
    assert (field.value, field.default, field.source, field.fixed) == (120.0, 120.0, "default", False)
    assert field.help == FIELDS["idle_timeout_s"].knob.description
    assert field.allowed == FIELDS["idle_timeout_s"].knob.allowed


def test_a_copy_that_never_looks_for_newer_versions_says_so_beside_the_switch(running):
    noted = {name: field.note for name, field in fields(running).items() if field.note}

    assert noted == {
        "check_for_updates": (
            "This copy was not built by a release, so it does not know where to look, and never does."
        )
    }


def test_each_kind_of_setting_has_its_kind_of_field(running):
    kinds = {name: (field.kind, field.choices) for name, field in fields(running).items()}

    assert kinds["log_level"] == ("choice", ("DEBUG", "INFO", "WARNING", "ERROR"))
    assert kinds["port"] == ("number", None)
    assert kinds["models_filter"] == ("path", None)
    assert kinds["ollama_origins"] == ("text", None)


def test_what_is_saved_is_in_force_and_in_the_file(running, free_port):
    later = do(running, running.program.settings_desk.save({"idle_timeout_s": 7, "library_names": "list"}))

    assert later is False
    assert (running.program.settings.idle_timeout_s, running.program.deps.settings.library_names) == (7.0, "list")
    assert stored(running) == {
        "novelty": 1,
        "port": free_port,
        "idle_timeout_s": 7,
        "library_names": "list",
    }
    assert fields(running)["idle_timeout_s"].source == "file"


def test_names_of_the_library_are_listed_as_soon_as_that_is_wanted(running):
    before = {model["name"] for model in running.http.get("/api/tags").json()["models"]}

    do(running, running.program.settings_desk.save({"library_names": "list"}))

    after = {model["name"] for model in running.http.get("/api/tags").json()["models"]}
    assert before < after


def test_a_value_goes_back_to_its_default(running):
    do(running, running.program.settings_desk.save({"idle_timeout_s": 7}))

    do(running, running.program.settings_desk.save({"idle_timeout_s": None}))

    assert running.program.settings.idle_timeout_s == 120.0
    assert "idle_timeout_s" not in stored(running)


def test_another_port_is_opened_at_once(running):
    another = port_that_is_free()

    do(running, running.program.settings_desk.save({"port": another}))

    assert httpx.get(f"http://127.0.0.1:{another}/api/version", trust_env=False).status_code == 200
    assert running.program.page_state().address == f"http://127.0.0.1:{another}"


def test_a_port_that_is_taken_is_told_and_can_be_left_again(running, free_port):
    others = bind("127.0.0.1", 0)

    with pytest.raises(PortInUse):
        do(running, running.program.settings_desk.save({"port": others[0].getsockname()[1]}))
    problem = running.program.page_state().problem
    do(running, running.program.settings_desk.save({"port": free_port}))
    for sock in others:
        sock.close()

    assert " is used by " in problem.message
    assert running.program.settings.port == free_port


def test_what_is_wrong_is_told_beside_its_field_and_nothing_is_saved(running):
    changes = {"port": 0, "idle_timeout_s": 7, "allowed_models": [], "no_such": 1}

    with pytest.raises(FormInvalid) as refused:
        do(running, running.program.settings_desk.save(changes))

    assert refused.value.fields == {
        "port": "Allowed is a whole number from 1 to 65535.",
        "allowed_models": "This setting cannot be changed here.",
        "no_such": "This setting cannot be changed here.",
    }
    assert sorted(stored(running)) == ["novelty", "port"]
    assert running.program.settings.idle_timeout_s == 120.0


def test_a_default_that_does_not_go_with_another_setting_is_told_beside_its_field(running, free_port):
    """The Ollama beside us would be passed over in silence, and its models' names would be the cloud's."""
    beside = f"http://127.0.0.1:{FIELDS['port'].default}"
    do(running, running.program.settings_desk.save({"local_ollama": beside}))

    with pytest.raises(FormInvalid) as refused:
        do(running, running.program.settings_desk.save({"port": None}))

    assert refused.value.fields == {"port": "Allowed is a port other than that of LOCAL_OLLAMA."}
    assert (stored(running)["port"], running.program.settings.local_ollama) == (free_port, beside)


def test_a_file_of_models_that_is_gone_admits_none_whatever_else_is_saved(running):
    """It was the ceiling, and without it every model would be allowed."""
    file = running.home / "models.txt"
    file.write_text("openai/*")
    do(running, running.program.settings_desk.save({"models_filter": str(file)}))
    file.unlink()

    do(running, running.program.settings_desk.save({"idle_timeout_s": 7}))

    assert (running.program.settings.idle_timeout_s, running.program.cache.snapshot.allowed) == (7.0, ())


def test_what_was_given_from_outside_cannot_be_changed_here(running, monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")

    field = fields(running)["log_level"]
    with pytest.raises(FormInvalid) as refused:
        do(running, running.program.settings_desk.save({"log_level": "ERROR"}))

    assert (field.source, field.fixed) == ("environment", True)
    assert refused.value.fields == {
        "log_level": "This was given from outside (environment), so it cannot be changed here."
    }


def test_what_needs_a_restart_is_saved_and_says_so(running):
    later = do(running, running.program.settings_desk.save({"openrouter_base_url": "https://openrouter.ai/api/v2"}))

    assert later is True
    assert running.program.settings_desk.state().pending_restart is True
    assert fields(running)["openrouter_base_url"].value == "https://openrouter.ai/api/v2"
    assert running.chat().status_code == 200


def test_settings_that_cannot_be_saved_are_not_in_force(running, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tray_proxy.paths.replace_file", full)

    with pytest.raises(SettingsNotSaved):
        do(running, running.program.settings_desk.save({"idle_timeout_s": 7}))

    assert running.program.settings.idle_timeout_s == 120.0


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"idle_timeout_s": 7}, {"message": "Saved, and in force.", "restart": False}),
        (
            {"openrouter_base_url": "https://openrouter.ai/api/v2"},
            {"message": "Saved. It comes into force when Tray Proxy starts again.", "restart": True},
        ),
    ],
)
def test_the_page_is_told_when_what_it_saved_comes_into_force(running, changes, answer):
    entry = do(running, running.program.page.url(""))
    with httpx.Client(trust_env=False) as page:
        page.headers.update(page_headers(page.get(entry)))

        told = page.post(entry.partition("/open")[0] + "/api/settings", json={"changes": changes})

    assert (told.status_code, told.json()) == (200, answer)
