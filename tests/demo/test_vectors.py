"""Embeddings that are made up, yet always the same."""

import math

import pytest

from tray_proxy.demo.refusals import RefusedError
from tray_proxy.demo.strict import read_embeddings
from tray_proxy.demo.vectors import embed, vector_of


@pytest.mark.parametrize(
    ("model", "length", "norm"), [("openai/text-embedding-3-small", 1536, 1.0), ("baai/bge-m3", 1024, 3.0)]
)
def test_each_model_has_its_length_and_norm(model, length, norm, conforms) -> None:
    """One of them does not normalise: whoever promises unit vectors has to do it."""
    answer = embed(*read_embeddings({"model": model, "input": "one"}), "gen-1")
    vector = answer["data"][0]["embedding"]

    conforms("embeddings", answer)
    assert len(vector) == length
    assert math.hypot(*vector) == pytest.approx(norm)


def test_dimensions_are_kept() -> None:
    """As asked for."""
    request = {"model": "openai/text-embedding-3-small", "input": ["a", "b"], "dimensions": 3}
    answer = embed(*read_embeddings(request), "gen-1")

    assert [len(row["embedding"]) for row in answer["data"]] == [3, 3]
    assert [row["index"] for row in answer["data"]] == [0, 1]
    assert answer["usage"]["prompt_tokens"] == 2


@pytest.mark.parametrize(("given", "count"), [("a b", 1), ([1, 2, 3], 1), ([[1], [2]], 2), (["a", "b", "c"], 3)])
def test_each_input_has_a_vector(given, count) -> None:
    """A plain list of tokens is one input."""
    answer = embed(*read_embeddings({"model": "baai/bge-m3", "input": given}), "gen-1")

    assert len(answer["data"]) == count


def test_texts_are_told_apart() -> None:
    """And the same one is always the same."""
    assert vector_of("a", 8) == vector_of("a", 8)
    assert vector_of("a", 8) != vector_of("b", 8)


def test_a_text_as_long_as_the_context_passes_and_a_longer_one_is_refused() -> None:
    """With the error's type, and the whole list with it."""
    fits, too_long = "x" + " x" * 8191, "x" + " x" * 8192
    embed(*read_embeddings({"model": "baai/bge-m3", "input": fits}), "gen-1")

    with pytest.raises(RefusedError) as caught:
        embed(*read_embeddings({"model": "baai/bge-m3", "input": [fits, too_long]}), "gen-1")

    assert (caught.value.status, caught.value.error_type) == (400, "context_length_exceeded")
    assert caught.value.message == (
        "This model's maximum context length is 8192 tokens, however you requested 8193 tokens."
    )
