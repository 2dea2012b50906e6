"""OpenRouter's lists of models, as they are read: partly broken, unchanged, and each word once."""

import json

import pytest

from tray_proxy.model_list import ModelList
from tray_proxy.wire.openrouter import Architecture, ModelEntry, ReasoningFacts, TopProvider

WHOLE = {
    "id": "a/b",
    "canonical_slug": "a/b-1",
    "name": "B",
    "created": 5,
    "description": "words",
    "context_length": 8192,
    "hugging_face_id": "A/B",
    "architecture": {"input_modalities": ["text"], "output_modalities": ["text"], "tokenizer": "GPT"},
    "top_provider": {"context_length": 4096, "max_completion_tokens": 100},
    "pricing": {"prompt": "0"},
    "supported_parameters": ["tools"],
    "default_parameters": {"temperature": None},
    "reasoning": {"mandatory": True, "supported_efforts": ["high"], "default_effort": "high"},
}


def read(row):
    page = '{"data":[%s]}' % (row if isinstance(row, str) else json.dumps(row))
    return ModelList.read(page.encode()).entries


@pytest.mark.parametrize("field", [field for field in WHOLE if field != "id"])
@pytest.mark.parametrize("value", [None, "odd", 1.5, -7, 10**40, [None, 1], {"odd": None}, True])
def test_a_field_that_cannot_be_read_costs_no_model(field, value):
    [entry] = read(WHOLE | {field: value})

    [whole] = read(WHOLE)
    others = [name for name in ModelEntry.__struct_fields__ if name != field]
    assert [getattr(entry, name) for name in others] == [getattr(whole, name) for name in others]


def test_nulls_are_read_as_not_told():
    [entry] = read(dict.fromkeys(WHOLE) | {"id": "a/b"})

    assert entry == ModelEntry(id="a/b")


def test_what_can_be_read_inside_a_broken_field_is_kept():
    [entry] = read(
        WHOLE
        | {
            "created": 5.0,
            "architecture": {"input_modalities": ["text", None, "image"], "output_modalities": None, "tokenizer": 7},
            "top_provider": {"context_length": 4096.0, "max_completion_tokens": "many"},
            "reasoning": {"mandatory": True, "supported_efforts": "all"},
        }
    )

    assert entry.created == 5
    assert entry.architecture == Architecture(input_modalities=("text", "image"))
    assert entry.top_provider == TopProvider(context_length=4096)
    assert entry.reasoning == ReasoningFacts(mandatory=True)


def test_a_number_that_no_float_can_hold_costs_only_itself():
    [entry] = read('{"id":"a/b","context_length":1e999,"created":5}')

    assert (entry.context_length, entry.created) == (None, 5)


@pytest.mark.parametrize("row", ["null", "[]", "7", "{}", '{"id":null}', '{"id":""}', '{"id":"a b"}', '{"id":"a//b"}'])
def test_a_row_without_a_name_is_left_out(row):
    """It could not be called."""
    assert read(row) == ()


def test_what_several_models_have_in_common_is_in_memory_once():
    """The words that say what four hundred models take would weigh as much as all else about them."""
    rows = [WHOLE | {"id": f"a/{name}", "supported_parameters": words} for name, words in (
        ("one", ["tools", "stop"]), ("two", ["tools", "stop"]), ("three", ["stop"]),
    )]  # fmt: skip

    one, two, three = ModelList.read(json.dumps({"data": rows}).encode()).entries

    assert one.supported_parameters == ("tools", "stop")
    assert one.supported_parameters is two.supported_parameters
    assert one.supported_parameters[1] is three.supported_parameters[0]
    assert one.architecture is three.architecture
    assert one.top_provider is three.top_provider


def test_only_an_answer_that_has_changed_is_read():
    first = ModelList.read(b'{"data":[{"id":"a/b"}]}')

    assert ModelList.read(b'{"data":[{"id":"a/b"}]}', first) is first
    assert ModelList.read(b'{"data":[{"id":"a/c"}]}', first).entries == (ModelEntry(id="a/c"),)
