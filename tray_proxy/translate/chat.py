"""
`/api/chat`: the request to a completion request, and `Delta`s and `Outcome` to response lines.

Source: Ollama's `server/routes.go` (ChatHandler) and `api/types.go`; OpenRouter docs, "Parameters".
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tray_proxy.errors import BadRequest, UnsupportedRequest
from tray_proxy.translate.keep_alive import to_seconds
from tray_proxy.translate.messages import to_messages
from tray_proxy.translate.model_info import uses_tools, writes
from tray_proxy.translate.options import to_parameters
from tray_proxy.translate.reasoning import check_think, check_thinks, to_reasoning
from tray_proxy.translate.reasoning_details import Recall, recall_nothing
from tray_proxy.translate.stream import Call, Delta, Outcome
from tray_proxy.translate.tools import to_tools
from tray_proxy.wire.ollama import (
    ChatRequest,
    ChatResponse,
    FunctionCall,
    GenerateRequest,
    Logprob,
    ResponseMessage,
    ToolCall,
)
from tray_proxy.wire.openrouter import CompletionRequest, ModelEntry, TokenLogprob

_encode = msgspec.json.Encoder().encode

# A line that carries text alone, in pieces: what stands before, between and behind the model, the time and the text.
_EXAMPLE = ChatResponse(model="MODEL", created_at="TIME", message=ResponseMessage(content="TEXT"), done=False)
_BEFORE_MODEL, _BEFORE_TIME, _BEFORE_TEXT, _LINE_END = re.split(rb'"(?:MODEL|TIME|TEXT)"', _encode(_EXAMPLE) + b"\n")


class Translated(Struct, frozen=True):
    """
    A request of another dialect as a chat request, and what Ollama's has no word for.

    Args:
        more: Fields of a completion request.
        budget: How many tokens the model may think.
    """

    request: ChatRequest
    more: dict[str, Any] = {}
    budget: int | None = None


def is_load(request: ChatRequest) -> bool:
    """Say whether the request only loads or unloads the model: it has no messages, and must cost nothing."""
    return not request.messages


def check_fields(request: ChatRequest | GenerateRequest) -> float | None:
    """
    Refuse what no model could do, which Ollama finds before it looks for the model.

    Returns:
        For how long the model is to be kept, as `to_seconds` reads it.

    Raises:
        BadRequest: a field has a value that Ollama does not take.
    """
    keep_alive_s = to_seconds(request.keep_alive)
    check_think(request.think)
    if request.top_logprobs is not None and not 0 <= request.top_logprobs <= 20:
        raise BadRequest("top_logprobs must be between 0 and 20")
    return keep_alive_s


def check(request: ChatRequest, model: ModelEntry, asked: str) -> None:
    """
    Refuse what `check_fields` and `check_abilities` do, in Ollama's order.

    Raises:
        BadRequest: a field has a value that Ollama does not take.
        UnsupportedRequest: the model lacks the ability.
    """
    check_fields(request)
    check_abilities(request, model, asked)


def check_abilities(request: ChatRequest, model: ModelEntry, asked: str, *, ability: str = "chat") -> None:
    """
    Refuse what the model cannot do, in Ollama's order and words.

    Args:
        ability: What is asked of the model: "chat" or "generate".

    Raises:
        UnsupportedRequest: the model lacks the ability.
    """
    if request.think:
        check_thinks(request.think, model, asked)
    if not writes(model):
        raise UnsupportedRequest(f'"{asked}" does not support {ability}')
    if request.tools and not uses_tools(model):
        raise UnsupportedRequest(f"{full_name(asked)} does not support tools")
    if (request.logprobs or request.top_logprobs) and "logprobs" not in model.supported_parameters:
        # OpenRouter would leave them out without a word.
        raise UnsupportedRequest(f'"{asked}" does not support logprobs')


def check_load(request: ChatRequest) -> None:
    """
    Refuse the options of a request that only loads; those of all others are translated.

    Raises:
        BadRequest: one is of the wrong type.
    """
    to_parameters(request.options)


def to_completion_request(
    request: ChatRequest,
    model: ModelEntry,
    asked: str,
    recall: Recall = recall_nothing,
    more: Mapping[str, Any] | None = None,
    budget: int | None = None,
) -> CompletionRequest:
    """
    Translate a chat request that passed `check`.

    Args:
        asked: The model's name as the app wrote it, for error texts.
        recall: Gives what the model thought in a turn that comes back.
        more: See `Translated`.
        budget: See `Translated`.

    Raises:
        BadRequest, UnsupportedRequest: as `check`, for messages, options and format.
    """
    parameters = to_parameters(request.options)
    parameters |= to_reasoning(request.think, model, parameters.get("max_tokens"), budget)
    parameters["response_format"] = to_response_format(request.format, model, asked)
    if more:
        if "response_format" in more:
            check_formats(model, asked)
        parameters |= more
    return CompletionRequest(
        model=model.id,
        messages=to_messages(request.messages or [], model, asked, recall),
        stream=True,
        tools=to_tools(request.tools) if request.tools else UNSET,
        logprobs=True if request.logprobs or request.top_logprobs else UNSET,
        top_logprobs=request.top_logprobs or UNSET,
        **parameters,
    )


def to_response_format(wanted: object, model: ModelEntry, asked: str) -> dict[str, Any] | UnsetType:
    """Translate `format`: absent or empty, "json", or a JSON Schema."""
    if wanted is None or wanted == "":
        return UNSET
    if wanted != "json" and not isinstance(wanted, dict):
        shown = msgspec.json.encode(wanted).decode()
        raise BadRequest(f'invalid format: {shown}; expected "json" or a valid JSON Schema object')
    check_formats(model, asked)
    if isinstance(wanted, dict):
        return {"type": "json_schema", "json_schema": {"name": "response", "schema": wanted}}
    return {"type": "json_object"}


def check_formats(model: ModelEntry, asked: str) -> None:
    """
    Refuse a format for a model that knows none: OpenRouter would drop it without a word.

    Raises:
        UnsupportedRequest: in Ollama's words.
    """
    if {"response_format", "structured_outputs"}.isdisjoint(model.supported_parameters):
        raise UnsupportedRequest(f'"{asked}" does not support structured output (format)')


def loaded(asked: str, created_at: str, reason: str) -> ChatResponse:
    """Return the answer to a request without messages; `reason` is "load" or "unload"."""
    return ChatResponse(model=asked, created_at=created_at, message=ResponseMessage(), done=True, done_reason=reason)


def line(asked: str, delta: Delta, created_at: str) -> ChatResponse:
    """Return the line that carries one `Delta`."""
    return ChatResponse(
        model=asked,
        created_at=created_at,
        message=_message([delta]),
        done=False,
        logprobs=_logprobs([delta]),
    )


class Lines:
    """
    Writes the lines that carry `Delta`s.

    Nearly all lines carry text alone, and differ in nothing but it and the time: what is around it is written once.

    Args:
        asked: The model's name as the app wrote it.
    """

    def __init__(self, asked: str) -> None:
        self._asked = asked
        self._before = _BEFORE_MODEL + _encode(asked) + _BEFORE_TIME

    def write(self, deltas: list[Delta], created_at: str) -> bytes:
        """Write one line per delta; JSON, each with its end."""
        head = self._before + _encode(created_at) + _BEFORE_TEXT
        return b"".join(
            [
                head + _encode(delta.content) + _LINE_END
                if delta.content and not (delta.thinking or delta.calls or delta.logprobs)
                else _encode(line(self._asked, delta, created_at)) + b"\n"
                for delta in deltas
            ]
        )


def last(asked: str, outcome: Outcome, created_at: str, gathered: Iterable[Delta] = ()) -> ChatResponse:
    """
    Return the object that ends an answer.

    Args:
        gathered: For a plain answer everything that was said; for a stream nothing, it has been sent.
    """
    deltas = list(gathered)
    return ChatResponse(
        model=asked,
        created_at=created_at,
        message=_message(deltas),
        done=True,
        done_reason=outcome.done_reason,
        logprobs=_logprobs(deltas),
        total_duration=outcome.total_ns,
        load_duration=outcome.load_ns,
        prompt_eval_count=outcome.prompt_tokens,
        prompt_eval_duration=outcome.prompt_eval_ns,
        eval_count=outcome.completion_tokens,
        eval_duration=outcome.eval_ns,
    )


def _message(deltas: list[Delta]) -> ResponseMessage:
    if not deltas:
        return ResponseMessage()
    calls = [_tool_call(call) for delta in deltas for call in delta.calls]
    return ResponseMessage(
        content="".join(delta.content for delta in deltas),
        thinking="".join(delta.thinking for delta in deltas) or UNSET,
        tool_calls=calls or UNSET,
    )


def _tool_call(call: Call) -> ToolCall:
    return ToolCall(
        id=call.id,
        function=FunctionCall(index=call.index, name=call.name, arguments=call.arguments),
    )


def _logprobs(deltas: list[Delta]) -> list[Logprob] | UnsetType:
    return _in_ollamas_form([token for delta in deltas for token in delta.logprobs]) or UNSET


def _in_ollamas_form(tokens: Iterable[TokenLogprob]) -> list[Logprob]:
    return [
        Logprob(
            token=token.token,
            logprob=token.logprob,
            bytes=list(token.token.encode()) if token.bytes is None else token.bytes,
            top_logprobs=_in_ollamas_form(token.top_logprobs or ()) or UNSET,
        )
        for token in tokens
        if token.logprob is not None
    ]


def full_name(asked: str) -> str:
    """Return the name as Ollama writes it in some of its errors, with registry and tag."""
    name = asked if "/" in asked else f"library/{asked}"
    return f"registry.ollama.ai/{name if ':' in name else name + ':latest'}"
