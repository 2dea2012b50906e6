"""
Made-up values that fit a JSON schema: tool arguments and structured answers of the demo.

The same schema always gives the same value. Keywords that only narrow a text (`pattern`) are not met.

Source: json-schema.org, draft 2020-12, as far as tools and `response_format` use it.
"""

import math
from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 6  # a schema may refer to itself

_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "demo@example.com",
    "uri": "https://example.com/demo",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}


def sample_value(schema: Any, name: str = "value", *, root: Any = None, depth: int = 0) -> Any:
    """
    Make up a value that a schema accepts.

    Args:
        schema: A JSON schema; anything else counts as one that accepts everything.
        name: The property's name; texts mention it.
        root: The whole schema, to find `$ref`s in; None when `schema` is the whole.
        depth: How many objects and arrays stand around this value.
    """
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return f"demo {name}"
    root = schema if root is None else root
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if isinstance(schema.get("$ref"), str):
        return sample_value(_resolve(schema["$ref"], root), name, root=root, depth=depth + 1)
    for keyword in ("anyOf", "oneOf"):
        if schema.get(keyword):
            return sample_value(schema[keyword][0], name, root=root, depth=depth + 1)
    if schema.get("allOf"):
        return sample_value(_merged(schema), name, root=root, depth=depth + 1)
    return _sample_of_type(schema, name, root, depth)


def _sample_of_type(schema: Mapping[str, Any], name: str, root: Any, depth: int) -> Any:
    match _type_of(schema):
        case "object":
            return _sample_object(schema, root, depth)
        case "array":
            count = max(int(schema.get("minItems", 1)), 1)
            return [sample_value(schema.get("items", {}), name, root=root, depth=depth + 1)] * count
        case "integer":
            return int(_sample_number(schema, 1))
        case "number":
            return _sample_number(schema, 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _sample_text(schema, name)


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None and "properties" in schema:
        return "object"
    return str(kind or "string")


def _sample_object(schema: Mapping[str, Any], root: Any, depth: int) -> dict[str, Any]:
    """Fill the required properties, or all where none is required."""
    properties = schema.get("properties") or {}
    required = schema.get("required") or list(properties)
    return {key: sample_value(properties.get(key, {}), key, root=root, depth=depth + 1) for key in required}


def _sample_number(schema: Mapping[str, Any], default: float) -> float:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -math.inf) + 1)
    high = schema.get("maximum", schema.get("exclusiveMaximum", math.inf) - 1)
    return float(max(min(default, high), low))


def _sample_text(schema: Mapping[str, Any], name: str) -> str:
    text = _FORMATS.get(schema.get("format", ""), f"demo {name}")
    text = text.ljust(int(schema.get("minLength", 0)), "x")
    return text[: int(schema.get("maxLength", len(text)))]


def _resolve(reference: str, root: Any) -> Any:
    """Follow a reference inside the document, like `#/$defs/City`."""
    found = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        found = found.get(step) if step and isinstance(found, Mapping) else found
    return found


def _merged(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Put the parts of an `allOf` into one schema: objects and lists grow, the rest is overwritten."""
    merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        for key, value in part.items():
            match merged.get(key), value:
                case Mapping() as old, Mapping():
                    merged[key] = {**old, **value}
                case list() as old, list():
                    merged[key] = old + value
                case _:
                    merged[key] = value
    return merged
