"""`context`: what is written is read back; anything else is somebody else's, and no error."""

import json
import zlib
from typing import Any

import pytest

from tray_proxy.translate import context
from tray_proxy.wire.ollama import Message

TALK = [
    Message(role="system", content="Be brief."),
    Message(role="user", content="Wie heißt du? 名前は? 🦙\x00\n"),
    Message(role="assistant", content=""),
]
NUMBERS = context.to_context(TALK)


def packed(text: bytes, behind: bytes = b"") -> list[int]:
    """Numbers with a true mark and checksum around any content."""
    data = zlib.compress(text) + behind
    data += bytes(-len(data) % 3)
    numbers = [int.from_bytes(data[at : at + 3]) for at in range(0, len(data), 3)]
    return [context.MARK, zlib.crc32(data) & 0xFFFFFF, *numbers]


def test_a_conversation_comes_back_as_it_was() -> None:
    assert context.from_context(NUMBERS) == TALK


def test_it_survives_being_written_as_json() -> None:
    assert context.from_context(json.loads(json.dumps(NUMBERS))) == TALK


def test_each_number_fits_where_clients_keep_tokens() -> None:
    """JavaScript and 32-bit integers hold them exactly."""
    assert min(NUMBERS) >= 0
    assert max(NUMBERS) < 2**24


def test_pictures_thinking_and_tools_are_not_carried_along() -> None:
    talk = [
        Message(role="user", content="what is this?", images=["aGk="]),
        Message(role="tool", content="meow"),
        Message(role="Assistant", content="A cat.", thinking="Hm."),
    ]

    assert context.from_context(context.to_context(talk)) == [
        Message(role="user", content="what is this?"),
        Message(role="assistant", content="A cat."),
    ]


@pytest.mark.parametrize(
    "numbers",
    [
        None,
        [],
        [0],
        [1, 2, 3],
        [128000, 128006, 9125, 128007, 271],
        [-1, -2, -3],
        [2**70, 2**70, 2**70],
        [1.5, 2.5, 3.5],
        [context.MARK],
        [context.MARK, 1, 2, 3],
        [context.MARK, 0],
        [context.MARK, NUMBERS[1], *NUMBERS[2:-2]],
        [context.MARK, NUMBERS[1] ^ 1, *NUMBERS[2:]],
        [context.MARK, NUMBERS[1], -1, *NUMBERS[3:]],
        [context.MARK, NUMBERS[1], 2**24, *NUMBERS[3:]],
        [context.MARK, NUMBERS[1], 0.5, *NUMBERS[3:]],
        NUMBERS[1:],
        NUMBERS[::-1],
        packed(b""),
        packed(b"[]"),
        packed(b"{}"),
        packed(b"[1]"),
        packed(b"not json"),
        packed(b'[["user","\xff"]]'),
        packed(b'[["tool","x"]]'),
        packed(b"[" * 100_000),
    ],
)
def test_foreign_numbers_start_afresh(numbers: Any) -> None:
    assert context.from_context(numbers) is None


def test_what_unpacks_to_more_than_a_conversation_is_not_unpacked() -> None:
    """A few kilobytes must not fill the memory."""
    bomb = packed(b'[["user","' + b"a" * (context.MAX_TEXT_BYTES + 1) + b'"]]')

    assert len(bomb) < 5000
    assert context.from_context(bomb) is None


def test_more_numbers_than_we_ever_write_are_not_looked_at() -> None:
    text = b'[["user","hi"]]'

    assert context.from_context(packed(text, bytes(3))) == [Message(role="user", content="hi")]
    assert context.from_context(packed(text, bytes(context.MAX_PACKED_BYTES + 3))) is None


def test_a_conversation_as_long_as_a_book_is_carried() -> None:
    book = [Message(role="user", content="It was a dark and stormy night. " * 100_000)]

    assert context.from_context(context.to_context(book)) == book


def test_a_conversation_beyond_all_models_is_not_carried() -> None:
    assert context.to_context([Message(role="user", content="a" * context.MAX_TEXT_BYTES)]) == []
