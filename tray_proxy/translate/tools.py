"""
Tools that an app offers, checked and otherwise left as they were written: their order counts.

Source: Ollama's `api/types.go` (Tool); OpenRouter docs, "Tool & Function Calling".
"""

from typing import Any

import msgspec

from tray_proxy.errors import BadRequest, UnsupportedRequest

_read = msgspec.json.Decoder(dict[str, Any]).decode


def to_tools(tools: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """
    Check that each tool is an object that can be sent on, and say of one without a type that it is a function.

    Ollama knows no other type and does not ask for it; OpenRouter does.

    What OpenRouter would do itself (`openrouter:…`, `web_search…`) is refused: it costs beside the model, with free
    ones too, and may ask models that the owner did not allow.

    What stays raw in a request was only skipped over: bytes that are no text may still be in it, and numbers
    that are too large for everyone.

    Raises:
        BadRequest: it is not.
        UnsupportedRequest: it is no function.
    """
    return [_checked(tool) for tool in tools]


def _checked(tool: msgspec.Raw) -> msgspec.Raw:
    try:
        fields = _read(tool)
    except msgspec.ValidationError as error:
        raise BadRequest(f"json: cannot unmarshal a tool: {error}") from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"invalid JSON in a tool: {error}") from None
    if not fields:
        return tool
    if "type" in fields:
        if fields["type"] != "function":
            raise UnsupportedRequest(f"tools: {fields['type']} cannot be called here: offer functions, or none")
        return tool
    return msgspec.Raw(b'{"type":"function",' + bytes(tool)[1:])
