"""The verbs for the store of models, where they all do the same."""

import pytest

MINI = "openai/gpt-4o-mini"
QWEN = "qwen/qwen3-30b-a3b"


@pytest.fixture
def start(proxies, tmp_path):
    return lambda **settings: proxies.start(tmp_path, **settings)


def listed(running):
    return {model["name"] for model in running.http.get("/api/tags").json()["models"]}


def test_pull_takes_the_new_word_before_the_old(start):
    running = start(allowed_models=(MINI,))

    running.http.post("/api/pull", json={"model": QWEN, "name": "openai/gpt-4o"})

    assert listed(running) == {MINI, QWEN}


def test_delete_takes_the_new_word_before_the_old(start):
    running = start(allowed_models=(MINI, QWEN))

    running.http.request("DELETE", "/api/delete", json={"model": QWEN, "name": MINI})

    assert listed(running) == {MINI}


def test_create_takes_the_new_word_before_the_old(start):
    running = start(allowed_models=(MINI,))

    running.http.post("/api/create", json={"model": "new", "name": "old", "from": MINI})

    assert listed(running) == {MINI, "new:latest"}


@pytest.mark.parametrize("body", [{"name": MINI}, {"model": "", "name": MINI}, {"model": MINI, "insecure": True}])
@pytest.mark.parametrize("stream", [True, False, None])
def test_push_is_refused_before_any_stream_under_either_word(proxy, body, stream):
    answer = proxy.http.post("/api/push", json=body | {"stream": stream})

    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "nothing can be pushed: models run at OpenRouter and there are no weights here"},
    )


@pytest.mark.parametrize("given", ["MIT", ["MIT"]])
def test_a_licence_may_be_one_text_or_several(start, given):
    running = start()

    running.http.post("/api/create", json={"model": "mine", "from": MINI, "license": given})

    assert running.http.post("/api/show", json={"model": "mine"}).json()["license"] == "MIT"


def test_a_preset_is_honoured_by_list_show_chat_and_generate(start, upstream):
    running = start()
    parameters = {"temperature": 0.5, "stop": ["END"]}
    running.http.post(
        "/api/create", json={"model": "mine", "from": MINI, "system": "Be brief.", "parameters": parameters}
    )

    shown = running.http.post("/api/show", json={"model": "mine"}).json()
    running.chat(model="mine")
    running.http.post("/api/generate", json={"model": "mine", "prompt": "hello", "stream": False})

    assert "mine:latest" in listed(running)
    assert shown["system"] == "Be brief."
    assert [line.split() for line in shown["parameters"].split("\n")] == [["stop", '"END"'], ["temperature", "0.5"]]
    for chat in upstream.chats:
        assert (chat.body["model"], chat.body["temperature"], chat.body["stop"]) == (MINI, 0.5, ["END"])
        assert chat.body["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hello"},
        ]
    assert len(upstream.chats) == 2
