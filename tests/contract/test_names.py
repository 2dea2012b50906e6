"""Names of models, from the request to what OpenRouter is asked."""

import pytest

MINI = "openai/gpt-4o-mini"
BGE = "baai/bge-m3"
WAYS = {
    "/api/chat": {"messages": [{"role": "user", "content": "hello"}], "stream": False},
    "/api/generate": {"prompt": "hello", "stream": False},
    "/api/embed": {"input": "hello"},
    "/api/embeddings": {"prompt": "hello"},
}
ASKED = ["{}", "{}:latest", " {} ", "registry.ollama.ai/{}"]


def ask(proxy, path, model):
    return proxy.http.post(path, json={"model": model, **WAYS[path]})


@pytest.mark.parametrize("spelling", ASKED)
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("path", WAYS)
def test_openrouter_is_asked_by_its_own_id_and_the_app_answered_by_its_own_word(proxy, upstream, path, upper, spelling):
    model_id = BGE if "embed" in path else MINI
    asked = spelling.format(model_id.upper() if upper else model_id)

    answer = ask(proxy, path, asked)

    [sent] = upstream.received
    assert sent.body["model"] == model_id
    assert answer.json().get("model") == (None if path == "/api/embeddings" else asked)


@pytest.mark.parametrize("variant", ["free", "thinking", "extended"])
@pytest.mark.parametrize("more", ["", ":latest"])
def test_a_variant_with_an_entry_of_its_own_is_no_tag(start_with_models, upstream, variant, more):
    proxy = start_with_models(**{"m": ["text"], f"m:{variant}": ["text"]})

    ask(proxy, "/api/chat", f"vendor/m:{variant}{more}")

    assert [chat.body["model"] for chat in upstream.chats] == [f"vendor/m:{variant}"]


@pytest.mark.parametrize("variant", ["online", "nitro", "floor", "exacto"])
@pytest.mark.parametrize("more", ["", ":latest"])
def test_a_variant_that_any_model_takes_is_no_tag(proxy, upstream, variant, more):
    ask(proxy, "/api/chat", f"{MINI}:{variant}{more}")

    assert [chat.body["model"] for chat in upstream.chats] == [f"{MINI}:{variant}"]


@pytest.mark.parametrize("variant", ["free", "thinking", "extended", "8b"])
def test_what_no_entry_has_is_not_asked_for_without_it(proxy, upstream, variant):
    """`:free` cut off would cost money."""
    answer = ask(proxy, "/api/chat", f"{MINI}:{variant}")

    assert answer.status_code == 404
    assert answer.json()["error"].startswith(f"model '{MINI}:{variant}' not found")
    assert upstream.chats == []


@pytest.mark.parametrize("name", ["~anthropic/claude-sonnet-latest", "deepseek/deepseek-r1:free", "openrouter/auto"])
def test_ids_beyond_ollamas_grammar_are_names(proxy, upstream, name):
    ask(proxy, "/api/chat", name)

    assert upstream.chats[-1].body["model"] == name


def test_every_listed_name_is_shown_under_that_name_and_without_its_latest(proxies, tmp_path):
    proxy = proxies.start(tmp_path, presets={"mine": {"model": MINI}}, library_names="list")
    names = [model["name"] for model in proxy.http.get("/api/tags").json()["models"]]

    spellings = [spelling for name in names for spelling in {name, name.removesuffix(":latest")}]

    assert "mine:latest" in names
    assert "llama3.3:70b" in names
    answers = {name: proxy.http.post("/api/show", json={"model": name}).status_code for name in spellings}
    assert set(answers.values()) == {200}, answers
