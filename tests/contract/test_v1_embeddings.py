"""`/v1/embeddings` as OpenAI's clients rely on it."""

import base64
import math
import struct
from typing import Any

import httpx
import pytest

from contract.reading import openais_error
from tray_proxy.demo.faults import Fault
from tray_proxy.demo.steps import json_steps
from tray_proxy.demo.vectors import vector_of

OPENAI = "openai/text-embedding-3-small"
# The demo's vectors of this model are three long.
BGE = "baai/bge-m3"


def embed(proxy: Any, **fields: Any) -> httpx.Response:
    return proxy.http.post("/v1/embeddings", json={"model": BGE, "input": "hello"} | fields)


def vectors(proxy: Any, **fields: Any) -> list[Any]:
    answer = embed(proxy, **fields)
    assert answer.status_code == 200, answer.text
    return [row["embedding"] for row in answer.json()["data"]]


def numbers(packed: str) -> list[float]:
    """Unpack a vector as OpenAI's library does: four bytes a number, the lowest first."""
    content = base64.b64decode(packed, validate=True)
    return list(struct.unpack(f"<{len(content) // 4}f", content))


def test_an_answer_has_every_field_and_no_other(proxy, upstream):
    asked = " BAAI/BGE-m3:latest "

    answer = embed(proxy, model=asked, input=["one two", "three"])

    [[first, second], whole] = [answer.json()["data"], answer.json() | {"data": None}]
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert whole == {
        "object": "list",
        "data": None,
        "model": asked,
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }
    assert [list(first), list(second)] == [["object", "embedding", "index"]] * 2
    assert [(row["object"], row["index"]) for row in (first, second)] == [("embedding", 0), ("embedding", 1)]
    assert [received.body for received in upstream.received] == [{"model": BGE, "input": ["one two", "three"]}]


@pytest.mark.parametrize("given", ["hello", ["hello"]])
@pytest.mark.parametrize("encoding", [{}, {"encoding_format": None}, {"encoding_format": "float"}])
def test_a_text_has_one_vector_of_numbers_that_is_one_long(proxy, encoding, given):
    [vector] = vectors(proxy, input=given, **encoding)

    assert vector == pytest.approx(vector_of("hello", 1024))
    assert math.hypot(*vector) == pytest.approx(1)


@pytest.mark.parametrize("model", [BGE, OPENAI])
@pytest.mark.parametrize("spelling", ["base64", "BASE64"])
def test_base64_holds_the_same_numbers(proxy, upstream, spelling, model):
    """OpenAI's library for Python asks for it unless told otherwise."""
    texts = ["one", "two"]

    plain, packed = (
        vectors(proxy, model=model, input=texts),
        vectors(proxy, model=model, input=texts, encoding_format=spelling),
    )

    assert [numbers(vector) for vector in packed] == [pytest.approx(vector, abs=1e-7) for vector in plain]
    assert [received.body for received in upstream.received] == [{"model": model, "input": texts}] * 2


def test_vectors_stand_in_the_order_of_the_texts(proxy, upstream):
    upstream.arrange("embeddings-unordered")

    assert vectors(proxy, input=["one", "two", "three"]) == [
        pytest.approx(vector_of(text, 1024)) for text in ("one", "two", "three")
    ]


def test_more_texts_than_a_provider_takes_are_bought_in_portions_and_counted_together(proxy, upstream):
    answer = embed(proxy, input=[f"text{number}" for number in range(97)], dimensions=1).json()

    assert [len(received.body["input"]) for received in upstream.received] == [96, 1]
    assert [row["index"] for row in answer["data"]] == list(range(97))
    assert answer["usage"] == {"prompt_tokens": 97, "total_tokens": 97}


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_dimensions_cut_the_vectors_which_are_one_long_again(proxy, upstream, encoding):
    """They are not sent on: a model that cannot shorten its vectors refuses them."""
    [vector] = vectors(proxy, dimensions=3, encoding_format=encoding)

    short = numbers(vector) if encoding == "base64" else vector
    length = math.hypot(*vector_of("hello", 1024)[:3])
    assert short == pytest.approx([number / length for number in vector_of("hello", 1024)[:3]])
    assert upstream.received[-1].body == {"model": BGE, "input": ["hello"]}


@pytest.mark.parametrize("dimensions", [None, 0, -1, 1024, 5000])
def test_no_dimensions_and_more_than_there_are_change_nothing(proxy, dimensions):
    [vector] = vectors(proxy, dimensions=dimensions)

    assert vector == pytest.approx(vector_of("hello", 1024))


@pytest.mark.parametrize("given", ["", [""]])
def test_an_empty_text_has_a_vector_too(proxy, upstream, given):
    """As with Ollama. OpenRouter takes no empty one; a blank is the same to a tokenizer."""
    assert len(vectors(proxy, input=given)) == 1
    assert upstream.received[-1].body["input"] == [" "]


@pytest.mark.parametrize("given", [None, []])
def test_without_a_text_the_request_is_refused(proxy, upstream, given):
    """Under `/api` it would load the model."""
    assert openais_error(embed(proxy, input=given)) == (400, "invalid_request_error", "invalid input")
    assert upstream.received == []


def test_a_request_that_does_not_name_its_texts_is_refused(proxy):
    answer = proxy.http.post("/v1/embeddings", json={"model": BGE})

    assert openais_error(answer) == (400, "invalid_request_error", "invalid input")


@pytest.mark.parametrize("given", [7, {"text": "x"}, [1, 2], [[1, 2]], ["x", 7], ["x", None], True])
def test_what_is_no_text_is_refused(proxy, upstream, given):
    """Numbers of tokens among it: they are those of one model alone."""
    assert openais_error(embed(proxy, input=given)) == (400, "invalid_request_error", "invalid input type")
    assert upstream.received == []


def test_more_texts_than_an_answer_should_hold_are_refused_with_the_number(proxy, upstream):
    assert openais_error(embed(proxy, input=["x"] * 50_001)) == (
        400,
        "invalid_request_error",
        "input holds 50001 texts: send at most 50000 at once",
    )
    assert upstream.received == []


@pytest.mark.parametrize("encoding", ["hex", "float32", " "])
def test_another_way_to_write_vectors_is_refused(proxy, upstream, encoding):
    assert openais_error(embed(proxy, encoding_format=encoding)) == (
        400,
        "invalid_request_error",
        f"Invalid value for 'encoding_format' = {encoding}. Supported values: ['float', 'base64'].",
    )
    assert upstream.received == []


@pytest.mark.parametrize(
    ("model", "status", "kind", "words"),
    [
        (None, 400, "invalid_request_error", "model is required"),
        ("", 400, "invalid_request_error", "model is required"),
        ("two words", 400, "invalid_request_error", "invalid model name"),
        ("nobody/nothing", 404, "not_found_error", "model 'nobody/nothing' not found"),
        ("openai/gpt-4o-mini", 400, "invalid_request_error", "this model does not support embeddings"),
    ],
)
def test_a_model_that_cannot_be_asked_buys_nothing(proxy, upstream, model, status, kind, words):
    assert openais_error(embed(proxy, model=model)) == (status, kind, words)
    assert upstream.received == []


def test_only_what_the_owner_allows_is_there(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, allowed_models=(OPENAI,))
    upstream.received.clear()

    assert openais_error(embed(proxy)) == (
        404,
        "not_found_error",
        f"model '{BGE}' not found, for it is not allowed: tick it under Models in Tray Proxy",
    )
    assert upstream.received == []


def test_an_alias_is_a_model(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)
    proxy.http.post("/api/copy", json={"source": BGE, "destination": "text-embedding-ada-002"})

    answer = embed(proxy, model="text-embedding-ada-002").json()

    assert (answer["model"], upstream.received[-1].body["model"]) == ("text-embedding-ada-002", BGE)


def test_a_text_that_is_too_long_is_cut(proxy, upstream):
    """As with Ollama, which cuts unless it is told not to; this dialect has no word for that."""
    assert len(vectors(proxy, input="a" * 50_000)) == 1
    assert [len(received.body["input"][0]) for received in upstream.received] == [50_000, 4 * 8192]


def test_who_asks_is_not_told_to_openrouter(proxy, upstream):
    """A vector does not depend on it."""
    assert len(vectors(proxy, user="ann", of_a_later_version=1)) == 1
    assert upstream.received[-1].body == {"model": BGE, "input": ["hello"]}


def test_what_was_not_counted_is_told_as_one(proxy, upstream):
    """Clients divide by it."""
    result = {"data": [{"embedding": [3.0, 4.0], "index": 0}]}
    upstream.arrange(Fault("uncounted", lambda _exchange, _seconds: json_steps(result), "", on="embeddings"))

    answer = embed(proxy).json()

    assert (answer["data"][0]["embedding"], answer["usage"]) == ([0.6, 0.8], {"prompt_tokens": 1, "total_tokens": 1})
