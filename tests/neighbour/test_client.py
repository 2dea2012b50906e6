"""The way to a real Ollama on this computer: its lists within a limit, and every other request as it is."""

import json
import ssl

import pytest

from stand_in_ollama import NAMES, VERSION, model
from tray_proxy.errors import OllamaAway
from tray_proxy.neighbour.client import Listed, OllamaClient, read_row


@pytest.fixture
def client(loop, ollama):
    async def make():
        return OllamaClient(ollama.url)

    return loop.submit(make()).result(15)


def test_it_lists_its_models_and_tells_its_version(loop, client):
    assert [listed.name for listed in loop.submit(client.models()).result(15)] == list(NAMES)
    assert [listed.name for listed in loop.submit(client.processes(1.0)).result(15)] == [NAMES[0]]
    assert loop.submit(client.version()).result(15) == VERSION
    assert loop.submit(client.is_tray_proxy()).result(15) is False


def test_it_reads_no_certificates(loop, monkeypatch):
    """That takes the loop longer than a word of an answer, and a page looks for Ollama each time it reads the state."""
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", None)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", None)

    async def make():
        return OllamaClient("http://127.0.0.1:1").url

    assert loop.submit(make()).result(15) == "http://127.0.0.1:1"


def test_another_copy_of_us_is_no_ollama(loop, proxy):
    async def ask():
        client = OllamaClient(proxy.url)
        return await client.is_tray_proxy(), await client.models()

    assert loop.submit(ask()).result(15) == (True, [])


@pytest.mark.parametrize("what", ["models", "version", "is_tray_proxy"])
def test_an_ollama_that_is_away_is_told_so(loop, client, ollama, what):
    ollama.stop()

    with pytest.raises(OllamaAway) as caught:
        loop.submit(getattr(client, what)()).result(15)

    assert caught.value.message == f"Ollama does not answer at {ollama.url}."
    assert caught.value.silent is False


def test_a_list_is_not_waited_for_long(loop, client, ollama):
    ollama.silent = True

    with pytest.raises(OllamaAway) as caught:
        loop.submit(client.processes(0.05)).result(15)

    assert caught.value.silent is True


@pytest.mark.parametrize("answer", [b"no JSON", b'"text"', b'{"models": {}}', b'{"models": [5]}', b"\xff"])
def test_a_list_that_cannot_be_read_is_none(loop, stage, answer):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer})

    stage.app = app

    async def ask():
        return await OllamaClient(stage.url.removesuffix("/api/v1")).models()

    with pytest.raises(OllamaAway):
        loop.submit(ask()).result(15)


def test_what_is_asked_goes_as_it_is_and_comes_back_as_it_is(loop, client, ollama):
    body = json.dumps({"model": NAMES[0], "messages": [], "stream": False}, indent=2).encode()

    async def ask():
        async with client.ask("POST", "/api/chat", {"accept": "x/y"}, body) as answer:
            return answer.status, answer.headers["content-type"], b"".join([piece async for piece in answer.pieces])

    status, kind, answered = loop.submit(ask()).result(15)

    assert (status, kind, json.loads(answered)["message"]["content"]) == (200, "application/json", "local words")
    assert (ollama.asked[0].body, ollama.asked[0].headers["accept"]) == (body, "x/y")


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("", True), ("https://ollama.com:443", True), ("ollama.com", True), ("https://openrouter.ai", False)],
)
def test_a_row_that_names_another_cloud_is_no_model_of_ollamas(host, is_one):
    """Another copy of us lists such rows, and would be paid for what is asked of it."""
    row = json.dumps(model("a:latest", remote_host=host)).encode()

    listed = Listed("a:latest", "2026-11-20T10:11:12.123456789+01:00", row)
    assert read_row(row) == (listed if is_one else None)


def test_a_row_without_a_name_is_no_model():
    assert read_row(b"{}") is None
