"""`/v1/models` as OpenAI's clients, and apps that know no other list, rely on it."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest

from contract.reading import openais_error

MINI = "openai/gpt-4o-mini"


def listed(proxy: Any) -> list[dict[str, Any]]:
    return proxy.http.get("/v1/models").json()["data"]


def tags(proxy: Any) -> list[dict[str, Any]]:
    return proxy.http.get("/api/tags").json()["models"]


def one(proxy: Any, name: str) -> Any:
    answer = proxy.http.get(f"/v1/models/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def with_own_names(proxies, tmp_path):
    """A proxy that also lists names of the owner's own, and those of Ollama's library."""
    return proxies.start(tmp_path, presets={"mine": {"model": MINI, "created_s": 1_700_000_000}}, library_names="list")


def test_the_list_has_every_field_and_no_other(proxy, upstream):
    answer = proxy.http.get("/v1/models")

    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert list(answer.json()) == ["object", "data"]
    assert answer.json()["object"] == "list"
    assert {tuple(row) for row in listed(proxy)} == {("id", "object", "created", "owned_by")}
    assert {row["object"] for row in listed(proxy)} == {"model"}
    assert {type(row["created"]) for row in listed(proxy)} == {int}
    assert upstream.received == []


def test_the_list_is_that_of_ollamas_apps_in_the_same_order(with_own_names):
    proxy = with_own_names

    rows = listed(proxy)

    assert [row["id"] for row in rows] == [entry["name"] for entry in tags(proxy)]
    assert {"mine:latest", "llama3.3:70b", "baai/bge-m3"} <= {row["id"] for row in rows}
    assert [row["created"] for row in rows] == [
        int(datetime.fromisoformat(entry["modified_at"]).timestamp()) for entry in tags(proxy)
    ]
    assert [row["created"] for row in rows] == sorted((row["created"] for row in rows), reverse=True)


def test_a_model_belongs_to_its_author_and_names_of_other_kinds_to_the_library(with_own_names):
    owners = {row["id"]: row["owned_by"] for row in listed(with_own_names)}

    assert {
        name: owners[name] for name in (MINI, "~anthropic/claude-sonnet-latest", "mine:latest", "llama3.3:70b")
    } == {
        MINI: "openai",
        "~anthropic/claude-sonnet-latest": "anthropic",
        "mine:latest": "library",
        "llama3.3:70b": "library",
    }


def test_where_no_model_is_allowed_the_list_is_empty_and_no_null(proxies, tmp_path):
    """Ollama gives `null` there, which apps try to walk through."""
    answer = proxies.start(tmp_path, allowed_models=()).http.get("/v1/models")

    assert (answer.status_code, answer.content) == (200, b'{"object":"list","data":[]}')


def test_only_what_the_owner_allows_is_listed(proxies, tmp_path):
    proxy = proxies.start(tmp_path, allowed_models=(MINI,))

    assert [row["id"] for row in listed(proxy)] == [MINI]
    assert openais_error(proxy.http.get("/v1/models/openai/gpt-4o")) == (
        404,
        "not_found_error",
        "model 'openai/gpt-4o' not found, for it is not allowed: tick it under Models in Tray Proxy",
    )


def test_a_name_that_was_made_is_listed_at_once(proxies, tmp_path):
    proxy = proxies.start(tmp_path)

    proxy.http.post("/api/copy", json={"source": MINI, "destination": "gpt-3.5-turbo"})

    assert "gpt-3.5-turbo:latest" in [row["id"] for row in listed(proxy)]
    assert one(proxy, "gpt-3.5-turbo")["owned_by"] == "library"


def test_every_listed_model_can_be_looked_at_plain_and_encoded(with_own_names):
    """Ollama's own route ends at a slash; libraries write it in either way."""
    proxy = with_own_names

    for row in listed(proxy):
        assert one(proxy, row["id"]) == row
        assert one(proxy, quote(row["id"], safe="")) == row


@pytest.mark.parametrize("asked", ["OpenAI/GPT-4o-mini", "gpt-4o-mini", f"{MINI}:latest", f"{MINI}:nitro"])
def test_a_model_is_told_under_the_name_that_was_asked(proxy, asked):
    assert one(proxy, asked) == {"id": asked, "object": "model", "created": 1_721_260_800, "owned_by": "openai"}


@pytest.mark.parametrize("asked", ["mine", "Mine:latest"])
def test_a_name_of_ones_own_is_told_too(with_own_names, asked):
    assert one(with_own_names, asked) == {
        "id": asked,
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "library",
    }


@pytest.mark.parametrize("path", ["/v1/models/", "//v1/models", "/v1/v1/models", "/api/v1/models"])
def test_the_list_is_found_by_an_address_typed_with_too_much(proxy, path):
    assert proxy.http.get(proxy.url + path).json() == proxy.http.get("/v1/models").json()


@pytest.mark.parametrize("path", [f"/v1/models/{MINI}/", f"//v1//models//{MINI}", f"/v1/v1/models/{MINI}"])
def test_a_model_is_found_by_such_an_address_too(proxy, path):
    assert proxy.http.get(proxy.url + path).json()["id"] == MINI


def test_an_unknown_model_is_not_found(proxy):
    assert openais_error(proxy.http.get("/v1/models/nobody/nothing")) == (
        404,
        "not_found_error",
        "model 'nobody/nothing' not found",
    )


def test_what_is_no_name_is_refused(proxy):
    assert openais_error(proxy.http.get("/v1/models/two%20words")) == (
        400,
        "invalid_request_error",
        "invalid model name",
    )


def test_a_name_of_several_models_names_them(proxy):
    assert openais_error(proxy.http.get("/v1/models/deepseek-r1")) == (
        400,
        "invalid_request_error",
        "model name 'deepseek-r1' is ambiguous: it could be deepseek/deepseek-r1, perplexity/deepseek-r1",
    )


def test_without_a_list_of_models_that_is_told(proxies, tmp_path):
    proxy = proxies.start(tmp_path, wait_for_models=False, openrouter_base_url="http://127.0.0.1:9/api/v1")

    words = (
        "The model list could not be loaded yet: OpenRouter could not be reached: there seems to be no internet "
        "connection. Check the internet connection; Tray Proxy keeps trying by itself."
    )
    for path in ("/v1/models", f"/v1/models/{MINI}"):
        assert openais_error(proxy.http.get(path)) == (503, "api_error", words)


def test_models_are_listed_while_openrouter_is_away(proxies, upstream, tmp_path):
    """From the saved copy, and at once."""
    before = proxies.start(tmp_path).http.get("/v1/models").json()

    upstream.arrange("catalogue-down", times=10)
    away = proxies.start(tmp_path)

    assert away.http.get("/v1/models").json() == before
