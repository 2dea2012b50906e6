"""How deep JSON goes, and how much of it there is."""

import json

import pytest

from tray_proxy.server import nesting
from tray_proxy.server.nesting import MAX_CONTAINERS, MAX_DEPTH, MAX_VALUES, has_too_many_values, is_too_deep, outline

PICTURE = "iVBORw0KGgo" * 100_000
# Much that looks like JSON, in a text.
CODE = 'if x == {"a": [1, 2]}:\n\tprint("\\\\")' * 10_000


def lists(depth, inside="1"):
    return "[" * depth + inside + "]" * depth


def objects(depth, inside="1"):
    return '{"a":' * depth + inside + "}" * depth


def mixed(depth, inside="1"):
    return '[{"a":' * (depth // 2) + inside + "}]" * (depth // 2)


def beside_others(depth, inside="1"):
    """Each level has other lists before and after the one that goes on, the last one too."""
    return '[[],{},"}",' * (depth - 1) + "[" + inside + "]" + ',{},"]"]' * (depth - 1)


@pytest.mark.parametrize("nested", [lists, objects, mixed, beside_others])
@pytest.mark.parametrize(
    "inside", ["1", '"\\\\\\"[[[["', json.dumps(PICTURE), json.dumps(CODE), '"\\u00e9"', "9" * 5000]
)
def test_depth_is_told_to_the_level(nested, inside):
    assert not is_too_deep(outline(nested(MAX_DEPTH, inside).encode()))
    assert is_too_deep(outline(nested(MAX_DEPTH + 2, inside).encode()))


@pytest.mark.parametrize("nested", [lists, objects])
def test_one_level_too_many_is_too_many(nested):
    assert is_too_deep(nested(MAX_DEPTH + 1).encode())


@pytest.mark.parametrize("nested", [lists, objects, mixed, beside_others])
@pytest.mark.parametrize("place", range(65_520, 65_560))
def test_what_is_cut_in_the_middle_of_an_escape_is_told_too(nested, place):
    """The long middles of strings are left out in pieces, wherever these begin and end."""
    text = '"' + "x" * place + '\\"\\u00e9\\\\' + "x" * 300_000 + '"'

    assert not is_too_deep(outline(nested(MAX_DEPTH, text).encode()))
    assert is_too_deep(outline(nested(MAX_DEPTH + 2, text).encode()))


@pytest.mark.parametrize("inside", ["1", '"\\\\"', "9" * 5000])
def test_a_value_is_deep_whose_key_comes_once_more(inside):
    """Who reads it keeps the second one, and what is only passed on holds both."""
    assert not is_too_deep(('{"a":' + lists(MAX_DEPTH - 1, inside) + ',"a":1}').encode())
    assert is_too_deep(('{"a":' + lists(MAX_DEPTH, inside) + ',"a":1}').encode())


def test_much_beside_one_another_is_not_deep():
    assert not is_too_deep(json.dumps([[{"a": [1]}]] * 10_000).encode())


def test_a_small_body_is_its_own_outline():
    body = bytearray(b'{"model": "m"}')

    assert outline(body) is body


def test_pictures_are_left_out_of_an_outline():
    body = json.dumps({"model": "m", "images": [PICTURE], "Model": "n"}).encode()

    outlined = outline(memoryview(body))

    assert len(outlined) < len(body) / 5
    assert outlined.endswith(b'"], "Model": "n"}')


@pytest.mark.parametrize(
    ("body", "too_many"),
    [
        (b"[" + b"0," * (MAX_VALUES - 1) + b"0]", False),
        (b"[" + b"0," * (MAX_VALUES + 1) + b"0]", True),
        (b"[" + b"[]," * (MAX_CONTAINERS - 2) + b"[]]", False),
        (b"[" + b"[]," * MAX_CONTAINERS + b"[]]", True),
        (b'["' + b"{a[b,c" * MAX_VALUES + b'"]', False),
        (b'["' + b'\\"' * MAX_VALUES + b'","' + b"{a[b,c" * MAX_VALUES + b'"]', False),
    ],
    ids=["numbers", "too many numbers", "lists", "too many lists", "a text", "a text with quotes"],
)
def test_what_would_take_far_more_memory_than_it_has_bytes_is_told(body, too_many):
    assert has_too_many_values(outline(body)) is too_many


def test_most_requests_are_not_read_a_second_time(monkeypatch):
    monkeypatch.setattr(nesting, "_read", None)

    assert not is_too_deep(b"[" + b"{}," * (MAX_DEPTH - 2) + b"{}]")
