"""Embeddings: what goes out in how many requests, and what becomes of the vectors."""

import math

import pytest

from tray_proxy.errors import BadRequest, UnsupportedRequest, UpstreamError
from tray_proxy.translate import embed
from tray_proxy.wire.openrouter import Architecture, Embedding, EmbeddingReply, EmbeddingRequest, ModelEntry

MODEL = ModelEntry(id="vendor/vectors", context_length=10, architecture=Architecture(output_modalities=("embeddings",)))
CHAT = ModelEntry(id="vendor/chat")


def reply(*vectors: list[float], indexes: list[int | None]) -> EmbeddingReply:
    return EmbeddingReply(data=[Embedding(vector, at) for vector, at in zip(vectors, indexes, strict=True)])


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        (None, []),
        ("", []),
        ([], []),
        ("one", ["one"]),
        (" ", [" "]),
        (["one"], ["one"]),
        (["one", "", "two"], ["one", "", "two"]),
    ],
)
def test_input_is_a_text_or_a_list_of_them(given, texts) -> None:
    assert embed.to_texts(given) == texts


@pytest.mark.parametrize("given", [0, 1, 1.5, True, False, {}, {"text": "one"}, [1], ["one", None], [["one"]]])
def test_other_inputs_are_refused_in_ollamas_words(given) -> None:
    """Also those that Python takes for nothing at all."""
    with pytest.raises(BadRequest, match=r"^invalid input type$"):
        embed.to_texts(given)


def test_a_model_that_writes_text_is_refused() -> None:
    with pytest.raises(UnsupportedRequest, match=r"^this model does not support embeddings$"):
        embed.check(CHAT)


def test_an_embedding_model_is_not_refused() -> None:
    assert embed.check(MODEL) is None


def test_no_portion_has_more_texts_than_every_provider_takes() -> None:
    texts = [str(number) for number in range(200)]

    sizes = [len(portion) for portion in embed.portions(texts)]

    assert sizes == [96, 96, 8]
    assert [text for portion in embed.portions(texts) for text in portion] == texts


def test_no_portion_is_larger_than_a_provider_takes_at_once() -> None:
    """OpenAI takes too many tokens at once for a text that is too long; it would be cut without need."""
    third = "x" * (embed.MAX_TEXT_BYTES // 3)

    assert [len(portion) for portion in embed.portions([third] * 7)] == [3, 3, 1]


def test_texts_are_measured_in_bytes() -> None:
    """A Chinese character is three of them, and often two tokens."""
    half = "字" * (embed.MAX_TEXT_BYTES // 6 + 1)

    assert [len(portion) for portion in embed.portions([half, half])] == [1, 1]


def test_a_text_larger_than_a_portion_stands_alone() -> None:
    large = "x" * (embed.MAX_TEXT_BYTES + 1)

    assert [len(portion) for portion in embed.portions(["a", large, "b", "c"])] == [1, 1, 2]


def test_no_texts_make_no_portion() -> None:
    assert list(embed.portions([])) == []


def test_a_text_becomes_ever_shorter() -> None:
    assert [len(text) for [text] in embed.ever_shorter(["x" * 50], MODEL)] == [50, 40, 20, 10]


def test_of_several_texts_only_those_are_cut_that_are_too_long_by_any_count() -> None:
    """The others may fit: for them to lose their end it does not suffice that one beside them is too long."""
    attempts = embed.ever_shorter(["x" * 50, "y" * 15, "short"], MODEL)

    assert [[len(text) for text in texts] for texts in attempts] == [[50, 15, 5], [40, 15, 5]]


def test_the_same_texts_are_not_sent_twice() -> None:
    """They would only be refused again."""
    assert list(embed.ever_shorter(["x" * 15], MODEL)) == [["x" * 15], ["x" * 10]]
    assert list(embed.ever_shorter(["short"], MODEL)) == [["short"]]


def test_a_character_is_never_cut_in_two() -> None:
    *_, shortest = embed.ever_shorter(["😀" * 30], MODEL)

    assert shortest == ["😀" * 10]


def test_a_request_holds_model_and_texts_and_nothing_else() -> None:
    assert embed.to_embedding_request(["one", "two"], MODEL) == EmbeddingRequest(
        model="vendor/vectors", input=["one", "two"]
    )


def test_an_empty_text_among_others_is_sent_as_a_blank() -> None:
    """OpenRouter refuses empty ones, and with them the whole list; Ollama gives them a vector."""
    assert embed.to_embedding_request(["one", ""], MODEL).input == ["one", " "]


def test_vectors_stand_in_the_order_of_their_texts() -> None:
    given = reply([2.0], [0.0], [1.0], indexes=[2, 0, 1])

    assert embed.to_vectors(given, 3) == [[0.0], [1.0], [2.0]]


def test_vectors_without_an_index_stand_in_the_order_they_came() -> None:
    given = reply([0.0], [1.0], indexes=[None, None])

    assert embed.to_vectors(given, 2) == [[0.0], [1.0]]


@pytest.mark.parametrize("indexes", [[0], [0, 1, 2], [0, 0], [0, 2], [1, 2], [-1, 0], [1, None]])
def test_a_vector_that_may_belong_to_another_text_is_an_error(indexes) -> None:
    """A wrong one would stay in somebody's index for good."""
    given = reply(*([1.0] for _ in indexes), indexes=indexes)

    with pytest.raises(UpstreamError, match=r"^OpenRouter's \d vectors do not belong to the 2 texts one by one\.$"):
        embed.to_vectors(given, 2)


def test_an_answer_without_vectors_is_an_error() -> None:
    with pytest.raises(UpstreamError, match=r"^OpenRouter's 0 vectors do not belong to the 1 texts one by one\.$"):
        embed.to_vectors(EmbeddingReply(), 1)


@pytest.mark.parametrize("vectors", [([1.0], [1.0, 2.0]), ([], [])])
def test_vectors_that_nobody_could_compare_are_an_error(vectors) -> None:
    with pytest.raises(UpstreamError, match=r"^OpenRouter sent vectors of different lengths, or empty ones\.$"):
        embed.to_vectors(reply(*vectors, indexes=[0, 1]), 2)


def test_a_vector_becomes_one_long() -> None:
    assert embed.to_unit([3.0, 4.0], None) == [0.6, 0.8]


def test_a_vector_that_is_one_long_keeps_its_digits() -> None:
    """They are short, as the provider wrote them; a division would make each of them seventeen long."""
    vector = [0.6, -0.8000001]

    assert embed.to_unit(vector, None) is vector


def test_a_vector_without_direction_stays_as_it_is() -> None:
    assert embed.to_unit([0.0, 0.0, 0.0], None) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e200, 1.7e308])
def test_no_size_becomes_a_number_that_json_does_not_know(size) -> None:
    """Squares of such numbers are 0 or infinite."""
    assert embed.to_unit([size, 0.0], None) == [1.0, 0.0]


def test_a_shortened_vector_is_one_long_again() -> None:
    whole = embed.to_unit([3.0, 4.0, 12.0], None)

    cut = embed.to_unit([3.0, 4.0, 12.0], 2)

    assert cut == [0.6, 0.8]
    assert math.hypot(*whole) == pytest.approx(1)


@pytest.mark.parametrize("dimensions", [None, 0, -1, 2, 3, 10**9])
def test_dimensions_that_leave_nothing_to_cut_are_passed_over(dimensions) -> None:
    assert embed.to_unit([3.0, 4.0], dimensions) == [0.6, 0.8]


def test_more_texts_than_one_answer_should_hold_are_refused():
    with pytest.raises(BadRequest, match=r"^input holds 50001 texts: send at most 50000 at once$"):
        embed.to_texts(["x"] * 50_001)
