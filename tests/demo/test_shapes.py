"""The strict shapes against OpenRouter's schema, field by field."""

import json
from pathlib import Path

import msgspec
import pytest

from tray_proxy.demo import shapes

SCHEMAS = json.loads((Path(__file__).parents[1] / "fixtures" / "openrouter-schemas.json").read_text(encoding="utf-8"))[
    "$defs"
]

# In the schema, but nothing that a proxy for Ollama's clients would send; accepted unchecked.
UNCHECKED = {
    "debug", "image_config", "prediction", "prompt_cache_options", "route", "stop_server_tools_when",
}  # fmt: skip

# Documented in prose only. Source: OpenRouter docs, "API Reference".
DOCS_ONLY = {"include_reasoning", "verbosity"}

# Not OpenRouter's, and so the provider's. Source: OpenRouter docs, "Parameters".
PROVIDERS_OWN = {"n"}


def fields_of(shape) -> set[str]:
    """Name the fields of a struct as they stand in JSON."""
    return {field.encode_name for field in msgspec.structs.fields(shape)}


def test_every_field_of_the_request_is_known() -> None:
    """A field that OpenRouter adds shows up here with the next OpenAPI file."""
    documented = set(SCHEMAS["ChatRequest"]["properties"])

    assert fields_of(shapes.ChatRequest) == documented - UNCHECKED | DOCS_ONLY | PROVIDERS_OWN


@pytest.mark.parametrize(
    ("shape", "schema"),
    [
        (shapes.ProviderPreferences, "ProviderPreferences"),
        (shapes.ToolCall, "ChatToolCall"),
        (shapes.ToolMessage, "ChatToolMessage"),
        (shapes.UserMessage, "ChatUserMessage"),
    ],
)
def test_objects_have_the_documented_fields(shape, schema) -> None:
    """The discriminator (`role`) is not a field of a struct."""
    assert fields_of(shape) == set(SCHEMAS[schema]["properties"]) - {"role"}


@pytest.mark.parametrize("name", sorted(SCHEMAS["ChatRequest"]["properties"].keys() - UNCHECKED))
def test_null_is_allowed_exactly_where_the_schema_allows_it(name, body, conforms) -> None:
    """Null instead of leaving a field out is the commonest slip of a translation."""
    request = body(**{name: None})

    assert accepts(lambda: msgspec.convert(request, shapes.ChatRequest)) == accepts(
        lambda: conforms("chat-request", request)
    )


def accepts(check) -> bool:
    """Tell whether a check passes."""
    try:
        check()
    except Exception:  # noqa: BLE001 - two libraries with an error class each
        return False
    return True
