"""
`context` of `/api/generate`: a conversation as a list of numbers, which the client sends back to go on with it.

Ollama's numbers are tokens, which say nothing to a hosted model. Ours hold the conversation itself, so that
nothing need be remembered here: a mark, a checksum, and then three bytes in each number.

Source: Ollama's `server/routes.go` (GenerateHandler) and `docs/api.md`.
"""

import zlib
from collections.abc import Sequence

import msgspec

from tray_proxy.translate.parts import text_of
from tray_proxy.wire.ollama import Message

MARK = 0x545001
BYTES_EACH = 3
# Larger than any model's context; what claims to be more is not of our making.
MAX_TEXT_BYTES = 8 * 1024 * 1024
# Written as decimal numbers it is three times that, and Ollama's own client takes no line above 8 MB.
MAX_PACKED_BYTES = 2 * 1024 * 1024

_ROLES = ("system", "developer", "user", "assistant")
_decode = msgspec.json.Decoder(list[tuple[str, str]]).decode


def to_context(messages: Sequence[Message]) -> list[int]:
    """
    Write a conversation as numbers, each below 2**24: who said what, without pictures, thinking and tools.

    Returns:
        An empty list where the conversation is too large to be carried.
    """
    spoken = ((message.role.lower(), text_of(message)) for message in messages)
    turns = [(role, content) for role, content in spoken if role in _ROLES]
    text = msgspec.json.encode(turns)
    if len(text) > MAX_TEXT_BYTES:
        return []
    packed = zlib.compress(text)
    if len(packed) > MAX_PACKED_BYTES:
        return []
    packed += bytes(-len(packed) % BYTES_EACH)
    numbers = (int.from_bytes(packed[at : at + BYTES_EACH]) for at in range(0, len(packed), BYTES_EACH))
    return [MARK, _checksum(packed), *numbers]


def from_context(numbers: Sequence[float] | None) -> list[Message] | None:
    """
    Read the conversation back.

    Returns:
        None for numbers of any other origin, such as a real Ollama's tokens: the conversation then starts afresh.
    """
    if not numbers or not 3 <= len(numbers) <= 3 + MAX_PACKED_BYTES // BYTES_EACH or numbers[0] != MARK:
        return None
    if not all(isinstance(number, int) and 0 <= number < 1 << 8 * BYTES_EACH for number in numbers):
        return None
    checksum, packed = numbers[1], b"".join(int(number).to_bytes(BYTES_EACH) for number in numbers[2:])
    if checksum != _checksum(packed):
        return None
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, MAX_TEXT_BYTES + 1)
        turns = _decode(text) if unpacking.eof else []
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not turns or any(role not in _ROLES for role, _ in turns):
        return None
    return [Message(role=role, content=content) for role, content in turns]


def _checksum(packed: bytes) -> int:
    return zlib.crc32(packed) & (1 << 8 * BYTES_EACH) - 1
