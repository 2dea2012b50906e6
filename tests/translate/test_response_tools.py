"""Tools of `/v1/responses`: how they are sent, which may be called, and what a call of them was meant for."""

import json
from typing import Any

import pytest

from tray_proxy.errors import BadRequest, ProxyError, UnsupportedRequest
from tray_proxy.translate.response_tools import Offer, Origin, offer, sent_name

SCHEMA = {"type": "object", "properties": {"z": {"type": ["string", "null"]}, "a": {"$ref": "#"}}}
WEATHER = {"type": "function", "name": "weather", "description": "Tells it", "parameters": SCHEMA, "strict": True}
NOW = {"type": "function", "name": "now"}
MAIL = {
    "type": "namespace",
    "name": "mail",
    "description": "Letters",
    "tools": [NOW, {"type": "custom", "name": "send"}],
}
SEARCH = {"type": "web_search", "external_web_access": True}


def sent(*tools: dict[str, Any], choice: Any = None) -> list[dict[str, Any]]:
    return functions(offer(tools, choice))


def functions(offered: Offer) -> list[dict[str, Any]]:
    read = [json.loads(bytes(tool)) for tool in offered.tools]
    assert {tool["type"] for tool in read} <= {"function"}
    return [tool["function"] for tool in read]


def refusal(*tools: dict[str, Any], choice: Any = None) -> ProxyError:
    with pytest.raises(ProxyError) as caught:
        offer(tools, choice)
    return caught.value


def test_a_flat_function_becomes_a_nested_one_with_its_schema_untouched() -> None:
    assert functions(offer([WEATHER], None)) == [
        {"name": "weather", "description": "Tells it", "parameters": SCHEMA, "strict": True}
    ]
    assert json.dumps(SCHEMA, separators=(",", ":")).encode() in bytes(offer([WEATHER], None).tools[0])


@pytest.mark.parametrize("open_fields", [{}, {"description": None, "parameters": None, "strict": None}])
def test_what_a_function_leaves_open_stays_open(open_fields: dict[str, Any]) -> None:
    assert sent(NOW | open_fields) == [{"name": "now"}]


def test_a_tool_with_a_name_and_no_type_is_a_function() -> None:
    assert sent({"name": "now"}) == [{"name": "now"}]


def test_a_group_is_sent_as_its_tools_under_names_that_can_be_mapped_back() -> None:
    offered = offer([WEATHER, MAIL], None)

    assert [function["name"] for function in functions(offered)] == ["weather", "mail__now", "mail__send"]
    assert offered.names == {
        "weather": Origin("weather"),
        "mail__now": Origin("now", "mail"),
        "mail__send": Origin("send", "mail", takes_text=True),
    }


def test_a_group_in_a_group_is_left_out() -> None:
    assert sent(NOW, {"type": "namespace", "name": "outer", "tools": [MAIL]}) == [{"name": "now"}]


def test_a_tool_that_takes_any_text_is_sent_with_that_text_as_its_argument() -> None:
    """Codex offers `apply_patch` so. Nobody can enforce its grammar; the model can be told."""
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: patch"}

    (function,) = sent({"type": "custom", "name": "apply_patch", "description": "Patches.", "format": grammar})

    assert function["name"] == "apply_patch"
    assert function["description"] == "Patches.\n\nThe input must match this lark grammar:\nstart: patch"
    assert function["parameters"]["required"] == ["input"]
    assert function["parameters"]["properties"]["input"]["type"] == "string"


@pytest.mark.parametrize("form", [None, {"type": "text"}])
def test_a_tool_without_a_grammar_keeps_its_description(form: Any) -> None:
    (function,) = sent({"type": "custom", "name": "note", "description": "Writes.", "format": form})

    assert function["description"] == "Writes."


@pytest.mark.parametrize(
    ("name", "namespace", "known_as"),
    [
        ("now", None, "now"),
        ("now", "clock", "clock__now"),
        ("fs.read/all", None, "fs_read_all"),
        ("größe", "maß", "ma___gr__e"),
        ("n" * 64, None, "n" * 64),
    ],
)
def test_a_name_is_one_that_openrouter_takes(name: str, namespace: str | None, known_as: str) -> None:
    assert sent_name(name, namespace) == known_as


def test_long_names_are_cut_and_stay_different() -> None:
    names = {sent_name("tool", "n" * 80), sent_name("other", "n" * 80), sent_name("n" * 80 + "tool")}

    assert {len(name) for name in names} == {64}
    assert len(names) == 3
    assert sent_name("tool", "n" * 80) in names


def test_a_tool_that_is_offered_again_is_offered_once() -> None:
    """Codex adds tools in the middle of a conversation; the last word counts."""
    assert sent(NOW, WEATHER, NOW | {"description": "Better"}) == [
        {"name": "now", "description": "Better"},
        sent(WEATHER)[0],
    ]


def test_two_tools_that_could_not_be_told_apart_are_refused() -> None:
    error = refusal(MAIL, {"type": "function", "name": "mail__now"})

    assert type(error) is BadRequest
    assert error.message == "tools: two of them would both be sent as 'mail__now': give one another name"


def test_tools_that_run_at_openai_are_left_out_beside_others() -> None:
    """They would cost beside the model, and nobody asked the owner."""
    assert sent(SEARCH, NOW, {"type": "code_interpreter", "container": {"type": "auto"}}) == [{"name": "now"}]


def test_nothing_but_such_tools_is_refused() -> None:
    error = refusal(SEARCH, {"type": "local_shell"})

    assert type(error) is UnsupportedRequest
    assert error.message == (
        "tools: local_shell, web_search cannot be called here: offer functions or custom tools, or none"
    )


def test_nothing_but_such_tools_is_well_where_none_is_to_be_called() -> None:
    assert offer([SEARCH], "none") == Offer()


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        ({"type": "function"}, "tools: a tool of type function needs a name"),
        ({"type": "custom", "name": ""}, "tools: a tool of type custom needs a name"),
        ({"type": "namespace", "tools": [NOW]}, "tools: a tool of type namespace needs a name"),
        ({}, "tools: a tool of type function needs a name"),
        (
            {"type": "function", "name": 5},
            "json: cannot unmarshal tools[0]: Expected `str | null`, got `int` - at `$.name`",
        ),
    ],
)
def test_what_is_no_tool_is_refused(tool: dict[str, Any], message: str) -> None:
    assert refusal(tool).message == message


@pytest.mark.parametrize("choice", [None, "auto", "none", "required"])
def test_a_choice_in_one_word_is_sent_as_it_is(choice: str | None) -> None:
    assert offer([NOW], choice).choice == choice


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ({"type": "function", "name": "weather"}, "weather"),
        ({"type": "function", "name": "now", "namespace": "mail"}, "mail__now"),
        ({"type": "custom", "name": "send", "namespace": "mail"}, "mail__send"),
    ],
)
def test_a_tool_that_is_to_be_called_is_named_as_it_was_sent(choice: dict[str, Any], name: str) -> None:
    assert offer([WEATHER, MAIL], choice).choice == {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_of_allowed_tools_only_these_are_sent(mode: str) -> None:
    allowed = {"type": "allowed_tools", "mode": mode, "tools": [{"type": "function", "name": "now"}, SEARCH]}

    offered = offer([WEATHER, NOW], allowed)

    assert (functions(offered), offered.choice) == ([{"name": "now"}], mode)


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_without_tools_there_is_nothing_to_choose(choice: str) -> None:
    """Providers refuse a choice among none."""
    assert offer([], choice) == Offer()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"type": "function", "name": "never"}, 'tool_choice names "never", which is not among the tools'),
        ({"type": "function"}, "tool_choice names null, which is not among the tools"),
        ({"type": "custom", "name": "now", "namespace": 5}, 'tool_choice names "now", which is not among the tools'),
        ({"type": "web_search"}, "tool_choice: web_search cannot be called here: functions can, and custom tools"),
        (5, 'invalid tool_choice: it is "auto", "none" or "required", or names a tool'),
        ("any", 'invalid tool_choice: it is "auto", "none" or "required", or names a tool'),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [SEARCH]},
            "tool_choice is required, but there are no tools",
        ),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "x"}]},
            'tool_choice names "x", which is not among the tools',
        ),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(choice: Any, message: str) -> None:
    error = refusal(NOW, choice=choice)

    assert (error.status, error.message) == (400, message)


def test_a_call_that_is_required_needs_a_tool() -> None:
    assert refusal(choice="required").message == "tool_choice is required, but there are no tools"
