"""
Embeddings of the demo: the same text always has the same vector, and no two texts are alike.

Source: OpenRouter's OpenAPI file, answer of `/embeddings`.
"""

import base64
import hashlib
import math
import struct
from typing import Any

import msgspec

from tray_proxy.demo import shapes
from tray_proxy.demo.answers import tokens
from tray_proxy.demo.catalogue import DemoModel
from tray_proxy.demo.refusals import RefusedError

# Not every provider normalises; the second model's vectors are three long.
NORMS = {"baai/bge-m3": 3.0}


def embed(request: shapes.EmbeddingsRequest, model: DemoModel, generation_id: str) -> dict[str, Any]:
    """
    Answer a request that has passed `strict.read_embeddings`.

    Raises:
        RefusedError: a text is longer than the model's context.
    """
    texts = inputs_of(request)
    counts = [len(tokens(text)) for text in texts]
    if max(counts) > model.context:
        raise RefusedError(
            f"This model's maximum context length is {model.context} tokens, however you requested "
            f"{max(counts)} tokens.",
            error_type="context_length_exceeded",
        )
    length = request.dimensions if isinstance(request.dimensions, int) else model.vector_length
    vectors = [vector_of(text, length, NORMS.get(model.id, 1.0)) for text in texts]
    is_base64 = request.encoding_format == "base64"
    prompt_tokens = max(sum(counts), 1)
    return {
        "id": generation_id,
        "object": "list",
        "model": model.canonical_slug,
        "data": [
            {"object": "embedding", "index": index, "embedding": to_base64(vector) if is_base64 else vector}
            for index, vector in enumerate(vectors)
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "total_tokens": prompt_tokens,
            "cost": model.cost_usd(prompt_tokens, 0),
            "is_byok": False,
        },
    }


def inputs_of(request: shapes.EmbeddingsRequest) -> list[str]:
    """Give one text for each vector; a plain list of tokens is one input."""
    if isinstance(request.input, str):
        return [request.input]
    if isinstance(request.input[0], int):
        return [str(request.input)]
    return [item if isinstance(item, str) else msgspec.json.encode(item).decode() for item in request.input]


def vector_of(text: str, length: int, norm: float = 1.0) -> list[float]:
    """Make up a vector of the given length and Euclidean norm."""
    noise = struct.unpack(f"<{length}h", hashlib.shake_256(text.encode()).digest(2 * length))
    size = math.sqrt(sum(value * value for value in noise)) or 1.0
    return [value / size * norm for value in noise]


def to_base64(vector: list[float]) -> str:
    """Pack a vector as OpenAI does: little-endian 32-bit floats in base64."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
