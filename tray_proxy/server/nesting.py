"""
How deeply a request's JSON is nested, and of how many values it is made, told before it is read into objects.

msgspec takes a thousand levels and more, which others stumble over; and a few bytes of JSON (`[],`) become an object of
a hundred. Pictures are most of the requests that have any, so they are passed over here, by the megabyte.
"""

import re
from collections.abc import Iterable
from typing import Any, TypeGuard

import msgspec

# Ten are many, and a schema that refers to nothing may have thirty.
MAX_DEPTH = 128
# An answer's `context` are the most that an honest request has: a number for each few letters of a conversation.
MAX_VALUES = 4_000_000
# Objects and lists take far more memory than numbers, and time.
MAX_CONTAINERS = 250_000

_PIECE_BYTES = 64 * 1024
# So few are counted through faster than they are looked through.
_SMALL_BYTES = 4 * 1024
# Where none of them stands, there is nothing but the middle of a string, or numbers and blanks.
_MARKS = b'"[]{},:\\'
_IRRELEVANT = bytes(set(range(256)) - set(b'"[]{},'))
# Objects are lists here, of keys and values: of two values of one key, reading would keep the second alone.
_AS_LISTS = bytes.maketrans(b"{}:", b"[],")
_ALL_OPENING = re.compile(rb"\[{%d}" % (MAX_DEPTH + 1))

_read = msgspec.json.Decoder().decode

type Body = bytes | bytearray | memoryview


def is_small_and_flat(body: Body) -> TypeGuard[bytes | bytearray]:
    """Say at a glance of a small body that it can neither be nested too deeply nor be made of too many values."""
    if len(body) > _SMALL_BYTES or isinstance(body, memoryview):
        return False
    return body.count(b"[") + body.count(b"{") <= MAX_DEPTH


def outline(body: Body) -> bytes | bytearray:
    """
    Return a body without the long middles of its strings, each of which becomes a blank; a small one as it is.

    What is left is no JSON that says the same, but of the same structure, with the same keys.
    """
    if len(body) <= 4 * _PIECE_BYTES:
        return bytes(body) if isinstance(body, memoryview) else body
    view = memoryview(body)
    pieces = (bytes(view[at : at + _PIECE_BYTES]) for at in range(0, len(view), _PIECE_BYTES))
    return b"".join(piece if any(mark in piece for mark in _MARKS) else b" " for piece in pieces)


def has_too_many_values(outlined: bytes | bytearray) -> bool:
    """Say whether the JSON of this outline would take far more memory than its bytes do."""
    if len(outlined) <= 2 * MAX_CONTAINERS:
        return False
    containers, values = _count(outlined)
    # Texts have commas and brackets, too: only where there are that many is it worth telling them apart.
    if containers > MAX_CONTAINERS or values > MAX_VALUES:
        containers, values = _count(_structure(outlined))
    return containers > MAX_CONTAINERS or values > MAX_VALUES


def is_too_deep(outlined: bytes | bytearray) -> bool:
    """Say of valid JSON, by its outline, whether lists and objects lie in it more than `MAX_DEPTH` deep."""
    if not _has_many_openings(outlined):
        return False
    try:
        level = _lists([_read(outlined.translate(_AS_LISTS))])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Cut in the middle of an escape, say, or with a number that nobody can hold. Rare, for this takes longer.
        return _is_too_deep(_structure(outlined))
    for _ in range(MAX_DEPTH):
        level = _lists(inner for each in level for inner in each)
        if not level:
            return False
    return True


def _lists(values: Iterable[Any]) -> list[list[Any]]:
    return [value for value in values if type(value) is list]


def _is_too_deep(structure: bytes) -> bool:
    left = structure.translate(_AS_LISTS, b",")
    if _ALL_OPENING.search(left):
        return True
    for _ in range(MAX_DEPTH):
        # The innermost ones, all at once.
        left = left.replace(b"[]", b"")
        if not left:
            return False
    return True


def _count(written: bytes | bytearray) -> tuple[int, int]:
    containers = written.count(b"[") + written.count(b"{")
    return containers, containers + written.count(b",")


def _has_many_openings(outlined: bytes | bytearray) -> bool:
    """Say whether there are enough to be too deep, if only they lay in one another."""
    if len(outlined) <= _SMALL_BYTES:
        return outlined.count(b"[") + outlined.count(b"{") > MAX_DEPTH
    found = 0
    for opening in b"[{":
        # Not by counting all: most requests have few, and finding the next one takes no time.
        at = outlined.find(opening)
        while at != -1:
            found += 1
            if found > MAX_DEPTH:
                return True
            at = outlined.find(opening, at + 1)
    return False


def _structure(outlined: bytes | bytearray) -> bytes:
    """Leave nothing but the brackets, braces and commas that are in no string."""
    if b"\\" in outlined:
        # In this order: of two backslashes the second escapes nothing.
        outlined = outlined.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(outlined.translate(None, _IRRELEVANT).split(b'"')[::2])
