"""
`/api/embed` and `/api/embeddings`: texts to embedding requests, and what comes back to unit vectors.

`options` are checked and knowingly left out: they are about sampling and hardware, and a vector needs neither.
`dimensions` is not sent on, for a model that cannot shorten its vectors refuses it; they are cut here, as Ollama does.

Source: Ollama's `server/routes.go` (EmbedHandler, EmbeddingsHandler); OpenRouter's OpenAPI file, `/embeddings`.
"""

import math
from collections.abc import Iterator

import msgspec

from tray_proxy.errors import BadRequest, UnsupportedRequest, UpstreamError
from tray_proxy.translate.model_info import context_length, is_embedding
from tray_proxy.wire.ollama import EmbedResponse
from tray_proxy.wire.openrouter import EmbeddingReply, EmbeddingRequest, ModelEntry

# OpenRouter names no limit for one request, its providers do: Cohere takes 96 texts, Gemini 100, OpenAI 2048.
MAX_TEXTS = 96
# OpenAI takes 300 000 tokens at once and answers more with the error of a single text that is too long. A token
# is seldom less than two bytes.
MAX_TEXT_BYTES = 512 * 1024

# What one answer is made of lies in memory until it is whole: 20 to 60 kB a vector.
MAX_INPUTS = 50_000

# How many characters of a text are kept per token of the context, while the model finds it too long: about what
# English has, then code and tables, then Chinese.
CHARACTERS_PER_TOKEN = (4, 2, 1)

# So near to a length of 1 are vectors that their provider normalised; their digits stay as they came.
_UNIT_TOLERANCE = 1e-6


def check(model: ModelEntry) -> None:
    """
    Refuse a model that writes text.

    Raises:
        UnsupportedRequest: in Ollama's words.
    """
    if not is_embedding(model):
        raise UnsupportedRequest("this model does not support embeddings")


def to_texts(given: object) -> list[str]:
    """
    Read `input`: one text, or a list of them; nothing and an empty text are no texts.

    Raises:
        BadRequest: it is something else, in Ollama's words; or more than one answer should hold.
    """
    match given:
        case None | "":
            return []
        case str():
            return [given]
        case list() if all(isinstance(text, str) for text in given):
            if len(given) > MAX_INPUTS:
                raise BadRequest(f"input holds {len(given)} texts: send at most {MAX_INPUTS} at once")
            return given
        case _:
            raise BadRequest("invalid input type")


def portions(texts: list[str]) -> Iterator[list[str]]:
    """Give the texts in portions that one request can hold; a text that is too large for that stands alone."""
    portion: list[str] = []
    size = 0
    for text in texts:
        text_size = len(text.encode())
        if portion and (len(portion) == MAX_TEXTS or size + text_size > MAX_TEXT_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(text)
        size += text_size
    if portion:
        yield portion


def ever_shorter(texts: list[str], model: ModelEntry) -> Iterator[list[str]]:
    """
    Give the texts as they are, and then cut ever shorter, for as long as the model finds one of them too long.

    Nobody tells how many tokens a text has, so characters are counted. A text that has no more of them than the
    context has tokens is never cut. Nor do several texts become as short as one: which of them is too long is not
    told, nor whether all of them are only too much together, and a text that fits must not lose its end for another's
    sake.
    """
    yield texts
    for each in CHARACTERS_PER_TOKEN if len(texts) == 1 else CHARACTERS_PER_TOKEN[:1]:
        limit = context_length(model) * each
        cut = [text[:limit] for text in texts]
        if cut != texts:
            yield cut
            texts = cut


def to_embedding_request(texts: list[str], model: ModelEntry) -> EmbeddingRequest:
    """Ask for the vectors of texts. OpenRouter refuses an empty one in a list; to a tokenizer a blank is the same."""
    return EmbeddingRequest(model=model.id, input=[text or " " for text in texts])


def to_vectors(reply: EmbeddingReply, count: int) -> list[list[float]]:
    """
    Return the vectors in the order of their texts, as they came.

    Args:
        count: How many texts there were.

    Raises:
        UpstreamError: a vector is missing, empty, there twice or of another length than the others. A vector that
            belongs to another text would spoil an index for good.
    """
    data = reply.data or []
    placed = {at if item.index is None else item.index: item.embedding for at, item in enumerate(data)}
    if len(data) != count or set(placed) != set(range(count)):
        raise UpstreamError(f"OpenRouter's {len(data)} vectors do not belong to the {count} texts one by one.")
    vectors = [placed[at] for at in range(count)]
    if len({len(vector) for vector in vectors}) != 1 or not vectors[0]:
        raise UpstreamError("OpenRouter sent vectors of different lengths, or empty ones.")
    return vectors


def to_unit(vector: list[float], dimensions: int | None) -> list[float]:
    """
    Return a vector of length 1 in the same direction; one without a direction stays as it is.

    Args:
        dimensions: How many numbers of it to keep; None, 0, a negative value and more than it has keep them all.
    """
    kept = vector[:dimensions] if dimensions is not None and dimensions > 0 else vector
    length = math.hypot(*kept)
    if length == 0 or abs(length - 1) < _UNIT_TOLERANCE:
        return kept
    return [value / length for value in kept]


def to_response(
    vectors: list[msgspec.Raw], asked: str, tokens: int, *, started_ns: int, loaded_ns: int, now_ns: int
) -> EmbedResponse:
    """
    Return the answer of `/api/embed`. Clients divide by what it counts: none of it is 0.

    Args:
        vectors: Each a list of numbers.
        asked: The model's name as the app wrote it.
        tokens: What OpenRouter counted; 0 where it did not.
        started_ns: When the request came in, on a clock that never jumps.
        loaded_ns: When OpenRouter could be asked.
        now_ns: When the last vector was there.
    """
    load_ns = max(loaded_ns - started_ns, 1)
    return EmbedResponse(
        model=asked,
        embeddings=vectors,
        total_duration=max(now_ns - started_ns, load_ns + 1),
        load_duration=load_ns,
        prompt_eval_count=max(tokens, 1),
    )
