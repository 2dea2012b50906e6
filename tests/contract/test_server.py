"""What holds on every route: how a request is read, and what a refusal looks like."""

import base64
import json

import msgspec
import pytest

from tray_proxy.wire import ollama

MINI = "openai/gpt-4o-mini"
QUESTION = [{"role": "user", "content": "hello"}]
# Routes that read a body: the method, the shape it is read into, and a request that is well and changes nothing.
ROUTES = {
    "/api/chat": ("POST", ollama.ChatRequest, {"model": MINI, "messages": QUESTION, "stream": False}),
    "/api/generate": ("POST", ollama.GenerateRequest, {"model": MINI, "prompt": "hello", "stream": False}),
    "/api/embed": ("POST", ollama.EmbedRequest, {"model": "baai/bge-m3", "input": "hello"}),
    "/api/embeddings": ("POST", ollama.EmbeddingsRequest, {"model": "baai/bge-m3", "prompt": "hello"}),
    "/api/show": ("POST", ollama.ShowRequest, {"model": MINI}),
    "/api/pull": ("POST", ollama.ModelRequest, {"model": MINI}),
}
CHANGING = {
    "/api/push": ("POST", ollama.ModelRequest),
    "/api/delete": ("DELETE", ollama.ModelRequest),
    "/api/copy": ("POST", ollama.CopyRequest),
    "/api/create": ("POST", ollama.CreateRequest),
}
READING = {path: (method, shape) for path, (method, shape, _) in ROUTES.items()} | CHANGING


def send(proxy, path, content, **headers):
    return proxy.http.request(READING[path][0], path, content=content, headers=headers)


@pytest.mark.parametrize("path", READING)
def test_an_empty_body_is_told_in_ollamas_words(proxy, upstream, path):
    answer = send(proxy, path, b"")

    assert (answer.status_code, answer.json()) == (400, {"error": "missing request body"})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert upstream.received == []


@pytest.mark.parametrize("body", [b"x", b'{"model"', b"[]", b'{"model": 7, "source": 7}'])
@pytest.mark.parametrize("path", READING)
def test_a_body_that_cannot_be_read_is_told_as_a_sentence(proxy, upstream, path, body):
    answer = send(proxy, path, body)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith(("invalid JSON: ", "json: cannot unmarshal: "))
    assert upstream.received == []


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "image/png"])
@pytest.mark.parametrize("path", ROUTES)
def test_a_body_is_json_whatever_its_content_type_says(proxy, path, content_type):
    answer = send(proxy, path, json.dumps(ROUTES[path][2]).encode(), **{"content-type": content_type})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ROUTES)
def test_null_for_a_field_means_that_it_was_not_given(proxy, path):
    _, shape, body = ROUTES[path]
    nulls = dict.fromkeys(field.encode_name for field in msgspec.structs.fields(shape))

    answer = send(proxy, path, json.dumps(nulls | body).encode())

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", READING)
def test_all_fields_null_is_the_same_as_none_given(proxy, path):
    nulls = dict.fromkeys(field.encode_name for field in msgspec.structs.fields(READING[path][1]))

    with_nulls, without = send(proxy, path, json.dumps(nulls).encode()), send(proxy, path, b"{}")

    assert (with_nulls.status_code, with_nulls.json()) == (without.status_code, without.json())


@pytest.mark.parametrize("path", ROUTES)
def test_fields_that_nobody_knows_are_passed_over(proxy, path):
    body = {"novelty": {"model": 7}, "": None, **ROUTES[path][2]}

    assert send(proxy, path, json.dumps(body).encode()).status_code == 200


@pytest.mark.parametrize("path", ROUTES)
def test_keys_count_in_any_case_and_what_follows_the_body_does_not(proxy, path):
    """As Go reads them, whose programs write `{"Model": …}` without noticing."""
    body = {key.title(): value for key, value in ROUTES[path][2].items()}

    answer = send(proxy, path, json.dumps(body).encode() + b"\n{more}")

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/embed", "/api/embeddings"])
def test_whatever_key_an_app_sends_only_the_owners_goes_out(proxy, upstream, path):
    mine = {"authorization": "Bearer canary", "x-api-key": "canary", "cookie": "canary=1", "api-key": "canary"}

    answer = send(proxy, path, json.dumps(ROUTES[path][2]).encode(), **mine)

    assert answer.status_code == 200
    [sent] = upstream.received
    assert "canary" not in json.dumps([sent.headers, sent.query, sent.body])


def test_pictures_of_tens_of_megabytes_are_taken(proxy, upstream):
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24 * 1024 * 1024)).decode()

    answer = proxy.chat(model="openai/gpt-4o", messages=[{"role": "user", "content": "look", "images": [picture]}])

    assert answer.status_code == 200
    [_, part] = upstream.chats[-1].body["messages"][0]["content"]
    assert part["image_url"]["url"] == f"data:image/png;base64,{picture}"


@pytest.mark.parametrize("path", ["/api/chat", "/api/embed", "/api/pull"])
def test_a_packed_body_is_refused_with_what_to_do(proxy, upstream, path):
    answer = send(proxy, path, b"\x1f\x8b", **{"content-encoding": "gzip"})

    assert (answer.status_code, answer.json()) == (
        415,
        {"error": "Content-Encoding 'gzip' is not supported: send the request uncompressed."},
    )
    assert upstream.received == []


def test_an_answer_without_content_has_no_length(proxy):
    """HTTP forbids it, and strict readers wait for what is announced."""
    answer = proxy.http.options("/api/chat", headers={"host": "localhost"})

    assert answer.status_code == 204
    assert "content-length" not in answer.headers
