"""One list of OpenRouter's models and of the real Ollama's, in which each can be told from the other."""

from stand_in_ollama import NAMES, model


def names(answer):
    return [row["name"] for row in answer.json()["models"]]


def by_name(answer):
    return {row["name"]: row for row in answer.json()["models"]}


def test_both_are_listed_newest_first(both, ollama):
    answer = both.http.get("/api/tags")

    rows = answer.json()["models"]
    assert set(NAMES) < set(names(answer))
    assert "openai/gpt-4o-mini" in names(answer)
    # The stand-in's models are of 2026, the demo's older.
    assert names(answer)[: len(NAMES)] == list(NAMES)
    assert [row["name"] for row in rows if "remote_host" not in row] == list(NAMES)


def test_a_local_row_is_ollamas_own(both, ollama):
    assert by_name(both.http.get("/api/tags"))["mistral:latest"] == model("mistral:latest")


def test_every_model_of_openrouters_names_its_host(both, ollama):
    """As real Ollama does for its own cloud's: `ollama list` then shows no size for them."""
    rows = by_name(both.http.get("/api/tags"))

    assert all(row["remote_host"] for name, row in rows.items() if name not in NAMES)


def test_the_other_list_has_the_same_names(both, ollama):
    listed = both.http.get("/v1/models").json()

    assert listed["object"] == "list"
    assert {row["id"] for row in listed["data"]} == set(names(both.http.get("/api/tags")))
    assert next(row for row in listed["data"] if row["id"] == "mistral:latest") == {
        "id": "mistral:latest",
        "object": "model",
        "created": 1795165872,
        "owned_by": "library",
    }


def test_the_owner_of_a_local_model_is_its_namespace(both, ollama):
    ollama.models.append(model("hf.co/someone/model:Q4"))

    rows = both.http.get("/v1/models").json()["data"]

    assert {row["id"]: row["owned_by"] for row in rows}["hf.co/someone/model:Q4"] == "someone"


def test_each_name_stands_there_once_and_the_local_one_stays(both, ollama):
    ollama.models.append(model("openai/gpt-4o-mini"))

    answer = both.http.get("/api/tags")

    assert names(answer).count("openai/gpt-4o-mini") == 1
    assert "remote_host" not in by_name(answer)["openai/gpt-4o-mini"]


def test_while_ollama_is_away_its_models_are_listed_and_marked(both, ollama):
    both.http.get("/api/tags")
    ollama.stop()

    assert by_name(both.http.get("/api/tags"))["mistral:latest"] == model("mistral:latest", offline=True)
    rows = both.http.get("/v1/models").json()["data"]
    assert {row["id"]: row.get("offline") for row in rows}["mistral:latest"] is True


def test_an_ollama_that_is_away_from_the_start_costs_the_list_nothing(both, ollama):
    ollama.stop()

    assert "openai/gpt-4o-mini" in names(both.http.get("/api/tags"))
    assert "mistral:latest" not in names(both.http.get("/api/tags"))
    assert both.http.get("/api/ps").json() == {"models": []}


def test_an_ollama_that_does_not_answer_holds_nothing_up(both, ollama):
    ollama.silent = True

    assert "openai/gpt-4o-mini" in names(both.http.get("/api/tags"))


def test_what_runs_is_told_of_both(both, ollama):
    both.chat()

    rows = both.http.get("/api/ps").json()["models"]

    assert [(row["name"], row["size_vram"]) for row in rows] == [(NAMES[0], 2019393189), ("openai/gpt-4o-mini", 0)]


def test_local_models_are_listed_although_openrouters_list_is_not_to_be_had(proxies, ollama, tmp_path):
    offline = proxies.start(
        tmp_path, wait_for_models=False, local_ollama=ollama.url, openrouter_base_url="http://127.0.0.1:9/api/v1"
    )

    assert names(offline.http.get("/api/tags")) == list(NAMES)
    ollama.stop()
    offline.program.deps.local.names.forget_all()
    assert offline.http.get("/api/tags").status_code == 503
