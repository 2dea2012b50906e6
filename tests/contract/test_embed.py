"""`/api/embed` and `/api/embeddings` where there is no text: what is loaded, and what it says."""

import pytest


def test_a_load_repeats_the_name_that_was_asked(proxy):
    answer = proxy.http.post("/api/embed", json={"model": " BAAI/BGE-m3:latest "})

    assert (answer.status_code, answer.json()) == (200, {"model": " BAAI/BGE-m3:latest ", "embeddings": []})


@pytest.mark.parametrize("path", ["/api/embed", "/api/embeddings"])
def test_without_a_text_a_model_is_loaded_and_unloaded(proxies, upstream, tmp_path, path):
    proxy = proxies.start(tmp_path)
    upstream.received.clear()

    proxy.http.post(path, json={"model": "bge-m3"})
    between = proxy.http.get("/api/ps").json()["models"]
    proxy.http.post(path, json={"model": "baai/bge-m3", "keep_alive": 0})

    assert [entry["name"] for entry in between] == ["baai/bge-m3"]
    assert proxy.http.get("/api/ps").json() == {"models": []}
    assert upstream.received == []


def test_the_old_way_does_not_know_the_new_ways_field(proxy, upstream):
    """It then has no text, and nothing is bought."""
    answer = proxy.http.post("/api/embeddings", json={"model": "baai/bge-m3", "input": "hello"})

    assert (answer.status_code, answer.json()) == (200, {"embedding": []})
    assert upstream.received == []
