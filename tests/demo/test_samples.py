"""Made-up values fit the schemas they are made from."""

import jsonschema
import pytest

from tray_proxy.demo.samples import sample_value

CITY = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}

SCHEMAS = {
    "text": {"type": "string", "minLength": 30},
    "short text": {"type": "string", "maxLength": 3},
    "date": {"type": "string", "format": "date"},
    "integer": {"type": "integer", "minimum": 5, "maximum": 9},
    "number below zero": {"type": "number", "maximum": -2},
    "number above": {"type": "number", "exclusiveMinimum": 3},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "enum": {"enum": ["b", "a"]},
    "const": {"const": 4},
    "nullable": {"type": ["null", "integer"]},
    "array": {"type": "array", "items": {"type": "integer"}, "minItems": 2},
    "object": {
        "type": "object",
        "properties": {"a": CITY, "b": {"type": "array", "items": CITY}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    "anyOf": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    "allOf": {"allOf": [CITY, {"properties": {"size": {"type": "integer"}}, "required": ["size"]}]},
    "reference": {"$defs": {"City": CITY}, "type": "object", "properties": {"c": {"$ref": "#/$defs/City"}}},
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_the_value_is_accepted(schema) -> None:
    """By an independent validator."""
    jsonschema.validate(sample_value(schema), schema)


def test_only_required_properties_are_filled() -> None:
    """Arguments stay short."""
    schema = {"type": "object", "properties": {"a": {}, "b": {"type": "integer"}}, "required": ["b"]}

    assert sample_value(schema) == {"b": 1}


def test_all_are_filled_where_none_is_required() -> None:
    """An empty object would show nothing."""
    assert sample_value({"properties": {"a": {"type": "boolean"}, "b": {}}}) == {"a": True, "b": "demo b"}


def test_a_schema_within_itself_comes_to_an_end() -> None:
    """Trees are legal schemas."""
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}}}

    assert list(sample_value(tree)) == ["child"]


def test_no_schema_accepts_anything() -> None:
    """`true` is a schema too."""
    assert sample_value(True, "thing") == "demo thing"
