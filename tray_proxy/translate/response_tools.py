"""
The tools of `/v1/responses` as functions of a chat: flat functions, groups of them, and such as take any text.

Upstream a function has a plain name and a schema. So a tool in a group (`namespace`) is sent as `group__tool`, and
one that takes any text (`custom`: Codex's `apply_patch`) with that text as its only argument; `names` tells what a
call of it was meant for. Other tools are left out: they run at OpenAI and cost beside the model, and you are not asked;
or its own models alone know how to call them.

Source: OpenAI's API reference, "Responses" (tools, tool_choice); OpenRouter docs, "Tool & Function Calling".
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tray_proxy.errors import BadRequest, UnsupportedRequest

MAX_NAME = 64
# What a tool that takes any text has for its only argument.
INPUT = "input"

_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")
_DIGEST_DIGITS = 8
_TEXT_SCHEMA = {
    "type": "object",
    "properties": {INPUT: {"type": "string", "description": "The whole input of the tool, as it is."}},
    "required": [INPUT],
    "additionalProperties": False,
}

_encode = msgspec.json.Encoder().encode


class Origin(NamedTuple):
    """
    What the app calls a tool that it offers.

    Args:
        namespace: The group that it is in; None for none.
        takes_text: Whether it takes any text instead of arguments.
    """

    name: str
    namespace: str | None = None
    takes_text: bool = False


# By the name that a tool is sent with.
type Names = Mapping[str, Origin]


class _Grammar(Struct):
    type: str | None = None
    syntax: str | None = None
    definition: str | None = None


class _Tool(Struct, kw_only=True):
    type: str | None = None
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    format: _Grammar | None = None
    tools: list["_Tool"] | None = None


class _Function(Struct, kw_only=True):
    name: str
    description: str | UnsetType = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


class _Sent(Struct, tag_field="type", tag="function"):
    function: _Function


@dataclass(frozen=True)
class Offer:
    """
    The tools as they are sent.

    Args:
        choice: `tool_choice` of a completion request; None where there is nothing to choose.
    """

    tools: list[msgspec.Raw] = field(default_factory=list)
    choice: Any = None
    names: Names = field(default_factory=dict)


def sent_name(name: str, namespace: str | None = None) -> str:
    """Give the name that a tool has upstream, the same each time: letters, digits, `_` and `-`, 64 at most."""
    joined = f"{namespace}__{name}" if namespace else name
    legal = _ILLEGAL.sub("_", joined)
    if len(legal) <= MAX_NAME:
        return legal
    digest = hashlib.sha256(joined.encode()).hexdigest()[:_DIGEST_DIGITS]
    return f"{legal[: MAX_NAME - _DIGEST_DIGITS - 1]}_{digest}"


def offer(tools: Iterable[dict[str, Any]], choice: Any) -> Offer:
    """
    Translate tools, and which of them is to be called.

    Args:
        choice: `tool_choice` of the request.

    Raises:
        BadRequest: a tool is none, two are not to be told apart, or the one that is to be called is not among them.
        UnsupportedRequest: none of them can be offered, or the one that is to be called cannot.
    """
    given = [_read(index, tool) for index, tool in enumerate(tools)]
    functions: dict[str, _Function] = {}
    names: dict[str, Origin] = {}
    for origin, function in _functions(given):
        if names.setdefault(function.name, origin) != origin:
            raise BadRequest(f"tools: two of them would both be sent as {function.name!r}: give one another name")
        functions[function.name] = function
    if given and not functions and choice != "none":
        raise UnsupportedRequest(
            f"tools: {', '.join(sorted({str(tool.type) for tool in given}))} cannot be called here: offer functions or "
            "custom tools, or none"
        )
    allowed, chosen = _chosen(choice, names)
    sent = [msgspec.Raw(_encode(_Sent(function))) for name, function in functions.items() if name in allowed]
    return Offer(sent, chosen if sent else None, names)


def _read(index: int, tool: dict[str, Any]) -> _Tool:
    try:
        return msgspec.convert(tool, _Tool)
    except (msgspec.ValidationError, RecursionError) as error:
        raise BadRequest(f"json: cannot unmarshal tools[{index}]: {error}") from None


def _functions(tools: Iterable[_Tool], group: _Tool | None = None) -> Iterator[tuple[Origin, _Function]]:
    namespace = group.name if group else None
    for tool in tools:
        match tool.type:
            case "namespace" if group is None:
                if not tool.name:
                    raise BadRequest("tools: a tool of type namespace needs a name")
                yield from _functions(tool.tools or [], tool)
            case "function" | "custom" | None:
                if not tool.name:
                    raise BadRequest(f"tools: a tool of type {tool.type or 'function'} needs a name")
                origin = Origin(tool.name, namespace, tool.type == "custom")
                yield origin, _function(tool, origin)


def _function(tool: _Tool, origin: Origin) -> _Function:
    name = sent_name(origin.name, origin.namespace)
    if origin.takes_text:
        return _Function(name=name, description=_with_grammar(tool) or UNSET, parameters=_TEXT_SCHEMA)
    return _Function(
        name=name,
        description=UNSET if tool.description is None else tool.description,
        parameters=UNSET if tool.parameters is None else tool.parameters,
        strict=UNSET if tool.strict is None else tool.strict,
    )


def _with_grammar(tool: _Tool) -> str:
    """Put into words what nobody can enforce: which texts a tool takes."""
    description = tool.description or ""
    if tool.format is None or not tool.format.definition:
        return description
    return f"{description}\n\nThe input must match this {tool.format.syntax or ''} grammar:\n{tool.format.definition}"


def _chosen(choice: Any, names: Names) -> tuple[Iterable[str], Any]:
    """Give the names of the tools that may be called, and `tool_choice` for them."""
    match choice:
        case None | "auto" | "none":
            return names, choice
        case "required":
            if not names:
                raise BadRequest("tool_choice is required, but there are no tools")
            return names, choice
        case {"type": "allowed_tools", "tools": list(entries)}:
            allowed = {name: names[name] for name in map(partial(_named, names), filter(_is_ours, entries))}
            return _chosen("required" if choice.get("mode") == "required" else "auto", allowed)
        case {"type": "function" | "custom"}:
            return names, {"type": "function", "function": {"name": _named(names, choice)}}
        case {"type": str(kind)}:
            raise UnsupportedRequest(f"tool_choice: {kind} cannot be called here: functions can, and custom tools")
        case _:
            raise BadRequest('invalid tool_choice: it is "auto", "none" or "required", or names a tool')


def _is_ours(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("type") in ("function", "custom")


def _named(names: Names, entry: dict[str, Any]) -> str:
    name, namespace = entry.get("name"), entry.get("namespace")
    if isinstance(name, str) and (namespace is None or isinstance(namespace, str)):
        sent = sent_name(name, namespace)
        if sent in names:
            return sent
    raise BadRequest(f"tool_choice names {_encode(name).decode()}, which is not among the tools")
