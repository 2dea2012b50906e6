"""Tools on their way to OpenRouter: looked at, not touched."""

import msgspec
import pytest

from tray_proxy.errors import BadRequest, UnsupportedRequest
from tray_proxy.translate.tools import to_tools


def raw(*tools):
    return msgspec.json.decode(b"[%s]" % b",".join(tools), type=list[msgspec.Raw])


def test_a_tool_is_sent_as_it_was_written():
    """Order, blanks and numbers of any length."""
    tools = [
        b'{"z": 1.0,  "x": 100000000000000000000000000000, "type" : "function"}',
        b'{"type":"function","x":"\\u00fc"}',
        b"{}",
    ]

    assert [bytes(tool) for tool in to_tools(raw(*tools))] == tools


def test_a_tool_without_a_type_is_a_function():
    """Ollama does not ask for the type; OpenRouter refuses a tool without it."""
    (tool,) = to_tools(raw(b'{ "function": {"name": "now",  "x": 1.0}}'))

    assert bytes(tool) == b'{"type":"function", "function": {"name": "now",  "x": 1.0}}'


@pytest.mark.parametrize("tool", [b"null", b'"x"', b"5", b"[]", b"true"])
def test_a_tool_that_is_no_object_is_refused(tool):
    with pytest.raises(BadRequest, match=r"^json: cannot unmarshal a tool: Expected `object`"):
        to_tools(raw(tool))


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"1" + b"0" * 5000])
def test_a_number_that_nobody_can_hold_is_refused(number):
    with pytest.raises(BadRequest, match=r"^json: cannot unmarshal a tool: .*out of range"):
        to_tools(raw(b'{"parameters": {"maximum": %s}}' % number))


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(BadRequest, match=r"^invalid JSON in a tool: 'utf-8' codec can't decode"):
        to_tools(raw(b'{"name": "\xff\xfe"}'))


@pytest.mark.parametrize("kind", ["openrouter:advisor", "openrouter:web_search", "web_search_20250305", "custom", ""])
def test_what_openrouter_would_do_itself_is_refused(kind):
    """It costs beside the model, and could ask models that the owner did not allow."""
    tools = raw(b'{"type":"function"}', b'{"type":"%s","parameters":{"model":"a/dear"}}' % kind.encode())

    with pytest.raises(UnsupportedRequest) as caught:
        to_tools(tools)
    assert caught.value.message == f"tools: {kind} cannot be called here: offer functions, or none"


def test_of_two_types_the_last_one_counts_as_it_does_for_openrouter():
    with pytest.raises(UnsupportedRequest):
        to_tools(raw(b'{"type":"function","type":"openrouter:advisor"}'))
