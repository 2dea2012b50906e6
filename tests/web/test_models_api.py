"""Models and names on the page: what goes over the socket, and what becomes of it."""

from dataclasses import replace

import pytest

from tray_proxy.errors import CatalogueUnavailable, ModelNotFound
from tray_proxy.web.http import FormInvalid
from web.fakes import XSS_NAME, Served, name_row


def test_the_models_are_told_one_by_one(served: Served) -> None:
    models = served.visitor().get("/api/models").json()

    assert models.pop("entries")[0] == {
        "id": "anthropic/claude-sonnet-4.5",
        "name": "Anthropic: Claude Sonnet 4.5",
        "allowed": True,
        "free": False,
        "context_length": 1_000_000,
        "capabilities": ["completion", "vision", "tools", "thinking"],
        "prompt_usd_per_million": "3",
        "completion_usd_per_million": "15",
        "created_s": 0,
        "description": "",
        "listed": True,
    }
    assert models == {
        "all_allowed": False,
        "hidden": [],
        "filter_file": None,
        "age_s": 300.0,
        "names": [],
        "recommended": ["anthropic/claude-sonnet-4.5", "anthropic/claude-haiku-4.5"],
        "free": ["deepseek/deepseek-r1:free"],
    }


def test_the_owners_own_names_are_told(served: Served) -> None:
    served.backend.names = (name_row("brief:latest", adds="“Be brief.”", answers=False, kept=False),)

    assert served.visitor().get("/api/models").json()["names"] == [
        {"name": "brief:latest", "model": "openai/gpt-4o", "adds": "“Be brief.”", "answers": False, "kept": False}
    ]


def test_a_name_that_is_markup_goes_out_as_json(served: Served) -> None:
    """Whoever names a model must not write into our page."""
    answer = served.visitor().get("/api/models")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["entries"][3]["name"] == XSS_NAME


@pytest.mark.parametrize("allowed", [["openai/gpt-5.1", "x"], [], None])
def test_models_are_allowed_as_sent(served: Served, allowed: list[str] | None) -> None:
    """An empty list allows none; null allows every one."""
    answer = served.visitor().post("/api/models", json={"allowed": allowed})

    assert answer.status_code == 204
    assert served.backend.calls == [("allow_models", None if allowed is None else tuple(allowed))]


@pytest.mark.parametrize("kept", [True, False])
def test_a_name_is_removed_and_restored_as_sent(served: Served, kept: bool) -> None:
    answer = served.visitor().post("/api/names", json={"name": "fast:latest", "kept": kept})

    assert answer.status_code == 204
    assert served.backend.calls == [("keep_name", ("fast:latest", kept))]


def test_a_name_that_is_gone_is_told(served: Served) -> None:
    """Removed twice, from two pages, or restored after a restart."""
    served.backend.fault = ModelNotFound("fast:latest")

    answer = served.visitor().post("/api/names", json={"name": "fast:latest", "kept": True})

    assert (answer.status_code, answer.json()["error"]) == (404, "model 'fast:latest' not found")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"name": "x"}', b'{"name": 1, "kept": true}', b'{"name": "x", "kept": 1}']
)
def test_a_name_that_cannot_be_read_changes_nothing(served: Served, content: bytes) -> None:
    answer = served.visitor().post("/api/names", content=content)

    assert (answer.status_code, served.backend.calls) == (400, [])


def test_models_that_cannot_be_saved_are_told(served: Served) -> None:
    """With what to do about it."""
    served.backend.fault = CatalogueUnavailable("The list is not there yet.")

    answer = served.visitor().post("/api/models", json={"allowed": []})

    assert answer.status_code == 503
    assert answer.json() == {
        "error": "The list is not there yet.",
        "hint": "Check the internet connection; Tray Proxy keeps trying by itself.",
    }


def do(running, work):
    return running.loop.submit(work).result(10)


def test_the_list_holds_only_what_the_filter_file_admits(proxies, tmp_path):
    file = tmp_path / "filter.txt"
    file.write_text("# mine\nopenai/*\n", encoding="utf-8")
    running = proxies.start(tmp_path, models_filter=file)

    models = running.program.models_desk.state()

    assert {row.id.partition("/")[0] for row in models.entries} == {"openai"}
    assert models.filter_file == str(file)
    assert models.all_allowed is True


def test_ticks_are_in_force_at_once_and_after_a_restart(proxies, tmp_path):
    running = proxies.start(tmp_path)
    do(running, running.program.models_desk.allow(("openai/gpt-4o",)))

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
    desk = running.program.models_desk
    before = desk.state()

    do(running, desk.allow(None))

    after = desk.state()
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

    names = {row.name: row for row in running.program.models_desk.state().names}

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
    desk = running.program.models_desk
    running.http.post("/api/copy", json={"source": "gpt-4o", "destination": "fast"})
    made = [(row.name, row.kept) for row in desk.state().names]
    running.http.request("DELETE", "/api/delete", json={"model": "fast"})
    removed = [(row.name, row.kept) for row in desk.state().names]

    do(running, desk.keep_name("fast:latest", kept=True))

    assert (made, removed) == ([("fast:latest", True)], [("fast:latest", False)])
    assert running.chat(model="fast").status_code == 200
    do(running, desk.keep_name("fast:latest", kept=False))
    assert running.chat(model="fast").status_code == 404


def test_prices_and_abilities_are_told_per_model(proxies, tmp_path):
    running = proxies.start(tmp_path)

    rows = {row.id: row for row in running.program.models_desk.state().entries}

    row = rows["openai/gpt-4o"]
    assert (row.prompt_usd_per_million, row.completion_usd_per_million) == ("2.5", "10")
    assert row.capabilities == ("completion", "tools", "vision")
    assert rows["openrouter/auto"].prompt_usd_per_million is None
    assert rows["deepseek/deepseek-r1:free"].free is True


def test_a_pasted_list_is_found_as_apps_names_are(proxies, tmp_path):
    running = proxies.start(tmp_path)
    pasted = "# mine\nopenai/gpt-4o, OpenAI/GPT-4o-mini:latest\n\nopenai/gpt-4o\nno/such-model # gone\n"

    found = do(running, running.program.models_desk.find(pasted))

    assert found.found == ("openai/gpt-4o", "openai/gpt-4o-mini")
    assert found.unknown == ("no/such-model",)


def test_a_name_of_ones_own_is_made_and_answers(proxies, tmp_path, upstream):
    running = proxies.start(tmp_path)

    do(running, running.program.models_desk.add_name("polite", "gpt-4o", " Be polite. "))

    row = running.program.models_desk.state().names[0]
    assert (row.name, row.model, row.adds, row.answers) == ("polite:latest", "openai/gpt-4o", "“Be polite.”", True)
    assert running.chat(model="polite").status_code == 200
    assert upstream.chats[-1].body["messages"][0] == {"role": "system", "content": "Be polite."}


def test_what_is_wrong_with_a_new_name_is_told_beside_its_field(proxies, tmp_path):
    running = proxies.start(tmp_path, presets={"taken": {"model": "openai/gpt-4o"}})
    desk = running.program.models_desk

    wrong = []
    asked = (
        ("two words", "gpt-4o"),
        ("taken", "openai/gpt-4o"),
        ("OpenAI/gpt-4o-mini", "openai/gpt-4o"),
        ("new", "no/such-model"),
    )
    for name, model in asked:
        with pytest.raises(FormInvalid) as refused:
            do(running, desk.add_name(name, model, None))
        wrong.append(refused.value.fields)

    assert wrong == [
        {"name": "Letters, digits and . : / - _ make a name; blanks do not."},
        {"name": "There is a name like this already: remove it first."},
        {"name": "OpenRouter has a model of this name, and yours would hide it."},
        {"model": "OpenRouter has no model of this name."},
    ]
    assert [row.name for row in desk.state().names] == ["taken:latest"]


def test_the_list_can_be_fetched_anew(proxies, tmp_path, upstream):
    running = proxies.start(tmp_path)
    asked = sum(one.path == "/api/v1/models" for one in upstream.received)

    do(running, running.program.models_desk.refresh())

    assert sum(one.path == "/api/v1/models" for one in upstream.received) == asked + 1


def test_a_name_of_ones_own_hides_no_local_model(proxies, tmp_path):
    """Whoever calls it means the one on this computer, and would never reach the other."""
    running = proxies.start(tmp_path)
    desk = replace(running.program.models_desk, is_local=lambda name: name == "llama3.3:70b")

    with pytest.raises(FormInvalid) as refused:
        do(running, desk.add_name("llama3.3:70b", "openai/gpt-4o", None))

    assert refused.value.fields == {"name": "A model of your Ollama has this name, and yours would hide it."}
