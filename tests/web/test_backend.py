"""What the settings page is told, and what its buttons do, on the program's real parts."""

import pytest
from pydantic import SecretStr

from tray_proxy.errors import KeyRejected
from tray_proxy.web.app import KeyUnusable
from tray_proxy.web.backend import sentence
from tray_proxy.wire.openrouter import KeyInfo


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (KeyInfo(), "The key works."),
        (KeyInfo(limit=5.0, limit_remaining=3.5), "The key works; $3.50 of its limit of $5.00 is left."),
        (KeyInfo(limit=5.0, limit_remaining=0.0), "The key works, but its limit of $5.00 is used up."),
        (
            KeyInfo(is_free_tier=True),
            "The key works, but no credit was ever bought for this account: free models only.",
        ),
    ],
)
def test_a_key_is_told_in_plain_words(info, said):
    assert sentence(info) == said


@pytest.fixture
def keyless(proxies, tmp_path, memory_keyring):
    """A program without a key, and with an empty key store."""
    return proxies.start(tmp_path, openrouter_api_key=None)


def do(running, work):
    return running.loop.submit(work).result(10)


def test_a_key_is_checked_stored_used_and_forgotten(keyless, upstream, memory_keyring):
    backend = keyless.program._backend()

    said = do(keyless, backend.store_key(f"  {upstream.key}\n"))

    assert said.endswith("It is kept in your system's key store.")
    assert list(memory_keyring.values()) == [upstream.key]
    assert (backend.state().key.present, backend.state().key.source) == (True, "keyring")
    assert keyless.chat().status_code == 200
    do(keyless, backend.forget_key())
    assert memory_keyring == {}
    assert (backend.state().key.present, backend.state().key.source) == (False, "")
    assert keyless.chat().json()["error"] == (
        "No OpenRouter key is set: open Tray Proxy's Settings from the tray icon and paste your key there, "
        "or start it with the environment variable OPENROUTER_API_KEY."
    )


def test_a_key_that_openrouter_does_not_know_is_not_kept(keyless, memory_keyring):
    backend = keyless.program._backend()

    with pytest.raises(KeyRejected):
        do(keyless, backend.store_key("sk-or-v1-wrong-key-of-nobody"))

    assert memory_keyring == {}
    assert backend.state().key.present is False


@pytest.mark.parametrize("pasted", ["", "   ", "two words", "schlüssel", "a\nb"])
def test_what_cannot_be_a_key_is_refused_without_asking_anyone(keyless, upstream, pasted):
    asked = len(upstream.received)

    with pytest.raises(KeyUnusable):
        do(keyless, keyless.program._backend().store_key(pasted))

    assert len(upstream.received) == asked


def test_a_key_from_the_environment_cannot_be_changed_on_the_page(proxies, tmp_path):
    running = proxies.start(tmp_path)
    backend = running.program._backend()

    with pytest.raises(KeyUnusable):
        do(running, backend.forget_key())

    assert backend.state().key.source == "environment"
    assert running.chat().status_code == 200


def test_a_key_can_be_tested_before_it_is_kept(keyless, upstream, memory_keyring):
    said = do(keyless, keyless.program._backend().test_key(upstream.key))

    assert said.startswith("The key works")
    assert memory_keyring == {}


def test_the_list_holds_only_what_the_filter_file_admits(proxies, tmp_path):
    file = tmp_path / "filter.txt"
    file.write_text("# mine\nopenai/*\n", encoding="utf-8")
    running = proxies.start(tmp_path, models_filter=file)

    models = running.program._backend().state().models

    assert {row.id.partition("/")[0] for row in models.entries} == {"openai"}
    assert models.filter_file == str(file)
    assert models.all_allowed is True


def test_ticks_are_in_force_at_once_and_after_a_restart(proxies, tmp_path):
    running = proxies.start(tmp_path)
    do(running, running.program._backend().allow_models(("openai/gpt-4o",)))

    listed = [model["name"] for model in running.http.get("/api/tags").json()["models"]]
    refused = running.chat(model="openai/gpt-4o-mini")

    assert listed == ["openai/gpt-4o"]
    assert (refused.status_code, refused.json()) == (
        404,
        {"error": "model 'openai/gpt-4o-mini' not found, for it is not allowed: tick it under Models in Tray Proxy"},
    )
    assert (tmp_path / "settings.json").read_text() == '{\n  "allowed_models": [\n    "openai/gpt-4o"\n  ]\n}\n'


def test_hidden_models_are_told_and_every_model_shows_them_again(proxies, tmp_path):
    running = proxies.start(tmp_path, hidden_models=("openai/gpt-4o",))
    backend = running.program._backend()
    before = backend.state().models

    do(running, backend.allow_models(None))

    after = backend.state().models
    assert (before.all_allowed, before.hidden) == (False, ("openai/gpt-4o",))
    assert [row.id for row in before.entries if not row.allowed] == ["openai/gpt-4o"]
    assert (after.all_allowed, after.hidden, all(row.allowed for row in after.entries)) == (True, (), True)


PRESETS = {
    "fast": {"model": "openai/gpt-4o-mini"},
    "brief": {
        "model": "openai/gpt-4o",
        "system": "Be\n brief.",
        "parameters": {"top_p": 1, "temperature": 0},
        "messages": [{"role": "user", "content": "Hi"}],
    },
    "chatty": {"model": "openai/gpt-4o", "system": "So many words. " * 20},
    "lost": {"model": "gone/model", "messages": [{"role": "user", "content": "Hi"}] * 2},
}


def test_the_owners_own_names_are_told_with_what_they_stand_for(proxies, tmp_path):
    running = proxies.start(tmp_path, presets=PRESETS)

    names = {row.name: row for row in running.program._backend().state().models.names}

    told = {name: (row.model, row.adds, row.answers, row.kept) for name, row in names.items()}
    chatty = f"“{('So many words. ' * 20)[:99]}…”"
    assert told == {
        "brief:latest": (
            "openai/gpt-4o", "“Be brief.” · sets temperature, top_p · begins with 1 message", True, True,
        ),
        "chatty:latest": ("openai/gpt-4o", chatty, True, True),
        "fast:latest": ("openai/gpt-4o-mini", "", True, True),
        "lost:latest": ("gone/model", "begins with 2 messages", False, True),
    }  # fmt: skip


def test_what_an_app_does_is_on_the_page_and_can_be_undone_there(proxies, tmp_path):
    running = proxies.start(tmp_path)
    backend = running.program._backend()
    running.http.post("/api/copy", json={"source": "gpt-4o", "destination": "fast"})
    made = [(row.name, row.kept) for row in backend.state().models.names]
    running.http.request("DELETE", "/api/delete", json={"model": "fast"})
    removed = [(row.name, row.kept) for row in backend.state().models.names]

    do(running, backend.keep_name("fast:latest", kept=True))

    assert (made, removed) == ([("fast:latest", True)], [("fast:latest", False)])
    assert running.chat(model="fast").status_code == 200
    do(running, backend.keep_name("fast:latest", kept=False))
    assert running.chat(model="fast").status_code == 404


def test_prices_and_abilities_are_told_per_model(proxies, tmp_path):
    running = proxies.start(tmp_path)

    rows = {row.id: row for row in running.program._backend().state().models.entries}

    row = rows["openai/gpt-4o"]
    assert (row.prompt_usd_per_million, row.completion_usd_per_million) == ("2.5", "10")
    assert row.capabilities == ("completion", "tools", "vision")
    assert rows["openrouter/auto"].prompt_usd_per_million is None
    assert rows["deepseek/deepseek-r1:free"].free is True


def test_the_state_says_whether_it_runs(proxies, tmp_path):
    running = proxies.start(tmp_path)
    on = running.program._backend().state()
    do(running, running.program.stop_proxy())

    assert (on.running, on.status) == (True, f"On: apps reach it at {running.url}")
    assert running.program._backend().state().status == "Off: apps get no answer"


def test_a_secret_in_settings_has_no_text_form(proxies, tmp_path):
    running = proxies.start(tmp_path, openrouter_api_key=SecretStr("sk-or-v1-secret-of-nobody"))

    assert "secret-of-nobody" not in repr(running.program.settings) + str(running.program.deps)
