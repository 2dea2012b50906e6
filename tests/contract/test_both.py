"""Ollama's own client beside a real Ollama: both are listed, and both answer, through the one address."""

import ollama
import pytest

from stand_in_ollama import NAMES, StandInOllama

MESSAGES = [{"role": "user", "content": "hello"}]
OURS, LOCAL, LOCAL_EMBEDDING = "openai/gpt-4o-mini", NAMES[0], NAMES[1]


@pytest.fixture(scope="module")
def stand_in(loop):
    stand_in = StandInOllama(loop).start()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def beside(proxies, upstream, stand_in, tmp_path):
    """A proxy beside the stand-in."""
    return proxies.start(tmp_path, local_ollama=stand_in.start().url)


@pytest.fixture
def client(beside):
    with ollama.Client(beside.url, trust_env=False) as client:
        yield client


def test_both_are_listed(client):
    names = {model.model for model in client.list().models}

    assert {OURS, *NAMES} <= names


def test_both_chat_through_one_address(client):
    local, ours = (client.chat(model=name, messages=MESSAGES) for name in (LOCAL, OURS))

    assert local.message.content == "local words"
    assert "hello" in ours.message.content
    assert (local.done, ours.done) == (True, True)


def test_both_stream(client):
    for name, words in ((LOCAL, "local words"), (OURS, None)):
        parts = list(client.chat(model=name, messages=MESSAGES, stream=True))

        said = "".join(part.message.content or "" for part in parts)
        assert said == words if words else "hello" in said
        assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]


def test_a_local_model_generates_embeds_and_is_shown(client):
    assert client.generate(model=LOCAL, prompt="hello").response == "local words"
    assert client.embed(model=LOCAL_EMBEDDING, input="hello").embeddings == [[1.0, 0.0]]
    assert client.show(LOCAL).details.family == "llama"
    assert client.ps().models[0].model == LOCAL


def test_a_local_model_is_pulled_copied_and_deleted_at_ollama(client, stand_in):
    assert [step.status for step in client.pull("qwen3:8b", stream=True)] == ["pulling manifest", "success"]
    client.copy("mistral", "mine")
    client.delete("mistral")

    assert {"qwen3:8b", "mine:latest"} <= {row["name"] for row in stand_in.models}
    assert "mistral:latest" not in {model.model for model in client.list().models}


def test_while_ollama_is_away_its_client_is_told_so_and_openrouter_still_answers(client, stand_in, upstream):
    client.list()
    stand_in.stop()
    upstream.received.clear()

    with pytest.raises(ollama.ResponseError) as caught:
        client.chat(model=LOCAL, messages=MESSAGES)

    assert caught.value.status_code == 503
    assert "never sent to the cloud" in caught.value.error
    assert upstream.received == []
    assert client.chat(model=OURS, messages=MESSAGES).done is True
    assert LOCAL in {model.model for model in client.list().models}
