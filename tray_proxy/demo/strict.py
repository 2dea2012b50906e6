"""
What the demo upstream refuses: all that OpenRouter's documentation does not allow.

The types are settled by `demo.shapes`; here are the rules between fields, one small function each. A request
passes all of them or raises `RefusedError`, which knows its HTTP status and body.

Source: OpenRouter's OpenAPI file; docs, "Errors and Debugging", "Tool Calling", "Reasoning Tokens", "Images".
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tray_proxy.demo import shapes
from tray_proxy.demo.catalogue import DemoModel, find_model
from tray_proxy.demo.media import check_part
from tray_proxy.demo.refusals import RefusedError, availability
from tray_proxy.demo.thoughts import check_returned

# Fields of Ollama's that must never reach OpenRouter, by the object they would stand in.
OLLAMA_FIELDS: dict[str, frozenset[str]] = {
    "request": frozenset(
        {
            "options", "keep_alive", "num_ctx", "num_predict", "repeat_penalty", "format", "think", "images",
            "template", "raw", "suffix", "context", "system", "prompt", "truncate", "shift",
        }
    ),
    "message": frozenset({"thinking", "tool_name"}),
    "user message": frozenset({"images"}),  # an assistant's message may have some, of another form
    "function call": frozenset({"index"}),
    "embeddings request": frozenset({"options", "keep_alive", "truncate", "prompt"}),
}  # fmt: skip

# Where a provider takes a budget, an effort is this share of `max_tokens`. Source: docs, "Reasoning Tokens".
BUDGET_SHARES = {"max": 0.95, "xhigh": 0.95, "high": 0.8, "medium": 0.5, "low": 0.2, "minimal": 0.1}
MIN_BUDGET, MAX_BUDGET = 1024, 128_000


def read_chat(body: object) -> tuple[shapes.ChatRequest, DemoModel]:
    """
    Read a chat request and the model it names.

    Raises:
        RefusedError: for everything that the documentation does not allow.
    """
    refuse_ollama_fields(body)
    request = _convert(body, shapes.ChatRequest)
    model = _resolve(request)
    for rule in CHAT_RULES:
        rule(request, model)
    return request, model


def read_embeddings(body: object) -> tuple[shapes.EmbeddingsRequest, DemoModel]:
    """Read an embeddings request; raises `RefusedError` as `read_chat` does."""
    _refuse_fields(body, "embeddings request")
    request = _convert(body, shapes.EmbeddingsRequest)
    model = _known(request.model)
    if not model.is_embedding:
        raise _wrong_endpoint(request.model, "/api/v1/chat/completions")
    if isinstance(request.input, list):
        _check_input_list(request.input)
    return request, model


def _convert[T](body: object, shape: type[T]) -> T:
    try:
        return msgspec.convert(body, shape)
    except msgspec.ValidationError as exc:
        raise RefusedError(f"Invalid request: {exc}") from exc


def _refuse_fields(value: object, place: str) -> None:
    if isinstance(value, dict):
        leaked = sorted(OLLAMA_FIELDS[place].intersection(value))
        if leaked:
            raise RefusedError(f"Unrecognized fields in {place}: {', '.join(leaked)}")


def refuse_ollama_fields(body: object) -> None:
    """Find Ollama's own fields anywhere in the body, before the shapes would overlook them."""
    _refuse_fields(body, "request")
    messages = body.get("messages") if isinstance(body, dict) else None
    for message in messages if isinstance(messages, list) else []:
        _refuse_fields(message, "message")
        if isinstance(message, dict) and message.get("role") == "user":
            _refuse_fields(message, "user message")
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        for call in calls if isinstance(calls, list) else []:
            _refuse_fields(call.get("function") if isinstance(call, dict) else None, "function call")


def _known(slug: str) -> DemoModel:
    model = find_model(slug)
    if model is None:
        raise RefusedError(f"{slug} is not a valid model ID", availability=availability("model_not_found", slug))
    return model


def _wrong_endpoint(slug: str, right_one: str) -> RefusedError:
    constraint = {"field": "model", "detail": right_one}
    return RefusedError(
        f"{slug} cannot be used on this endpoint; use {right_one}",
        availability=availability("wrong_endpoint", slug, constraint=constraint),
    )


def _resolve(request: shapes.ChatRequest) -> DemoModel:
    named = [] if isinstance(request.model, msgspec.UnsetType) else [request.model]
    fallbacks = [] if isinstance(request.models, msgspec.UnsetType) else request.models
    if not named + fallbacks:
        raise RefusedError("No models provided")
    models = [_known(slug) for slug in named + fallbacks]
    if models[0].is_embedding:
        raise _wrong_endpoint((named + fallbacks)[0], "/api/v1/embeddings")
    return models[0]


def check_tool_turns(request: shapes.ChatRequest, _model: DemoModel) -> None:
    """Each call is answered right after the turn that made it, and nothing else is."""
    waiting: set[str] = set()
    for message in request.messages:
        if isinstance(message, shapes.ToolMessage):
            if message.tool_call_id not in waiting:
                raise RefusedError(f"No tool call found for tool_call_id '{message.tool_call_id}'")
            waiting.discard(message.tool_call_id)
            continue
        if waiting:
            raise RefusedError(f"Tool calls without a result: {', '.join(sorted(waiting))}")
        if isinstance(message, shapes.AssistantMessage):
            waiting = _call_ids(message)
    if waiting:
        raise RefusedError(f"Tool calls without a result: {', '.join(sorted(waiting))}")


def _call_ids(message: shapes.AssistantMessage) -> set[str]:
    if isinstance(message.tool_calls, msgspec.UnsetType):
        return set()
    ids = [call.id for call in message.tool_calls]
    if len(ids) != len(set(ids)):
        raise RefusedError("Two tool calls of one message share an id")
    for call in message.tool_calls:
        _check_arguments(call)
    return set(ids)


def _check_arguments(call: shapes.ToolCall) -> None:
    try:
        arguments = msgspec.json.decode(call.function.arguments)
    except msgspec.DecodeError as exc:
        raise RefusedError(f"Arguments of tool call '{call.id}' are not JSON") from exc
    if not isinstance(arguments, dict):
        raise RefusedError(f"Arguments of tool call '{call.id}' are not a JSON object")


def parts_of(request: shapes.ChatRequest) -> list[shapes.Part]:
    """Give the content parts of all messages, in their order."""
    return [part for message in request.messages if isinstance(message.content, list) for part in message.content]


def check_parts(request: shapes.ChatRequest, _model: DemoModel) -> None:
    """Pictures, sound, video and files come in the forms that are documented for each."""
    for part in parts_of(request):
        check_part(part)


def check_logprobs(request: shapes.ChatRequest, _model: DemoModel) -> None:
    """`top_logprobs` means nothing alone."""
    if request.top_logprobs is not None and request.logprobs is not True:
        raise RefusedError("top_logprobs requires logprobs to be true")


def check_reasoning(request: shapes.ChatRequest, model: DemoModel) -> None:
    """Effort and budget exclude each other; who must think cannot be told not to."""
    reasoning = reasoning_of(request)
    if reasoning.effort is not None and reasoning.max_tokens is not None:
        raise RefusedError("Only one of reasoning.effort and reasoning.max_tokens can be given")
    if request.reasoning_effort not in (None, reasoning.effort):
        raise RefusedError("reasoning_effort and reasoning.effort differ")
    is_off = reasoning.effort == "none" or reasoning.enabled is False
    # On an alias the effort is raised instead of refused.
    if is_off and model.alias_of is None and model.reasoning is not None and model.reasoning["mandatory"]:
        raise RefusedError("Reasoning is mandatory for this endpoint and cannot be disabled.")


def reasoning_of(request: shapes.ChatRequest) -> shapes.Reasoning:
    """Give the reasoning asked for, the shorthand unfolded."""
    if isinstance(request.reasoning, shapes.Reasoning):
        return request.reasoning
    return shapes.Reasoning(effort=request.reasoning_effort)


def check_thinking_budget(request: shapes.ChatRequest, model: DemoModel) -> None:
    """Claude must have room left for the answer after thinking."""
    limit = request.max_completion_tokens or request.max_tokens
    budget = _claude_budget(reasoning_of(request), limit, thinks=model.thinks)
    if "anthropic/" not in model.id or budget is None:
        return
    if budget < MIN_BUDGET:
        raise RefusedError(f"reasoning.max_tokens must be at least {MIN_BUDGET}")
    if limit is not None and limit <= budget:
        raise RefusedError("`max_tokens` must be greater than `thinking.budget_tokens`")


def _claude_budget(reasoning: shapes.Reasoning, limit: int | None, *, thinks: bool) -> int | None:
    if reasoning.max_tokens is not None:
        return reasoning.max_tokens
    effort = reasoning.effort or ("medium" if thinks or reasoning.enabled is True else None)
    if effort in (None, "none") or reasoning.enabled is False or limit is None:
        return None
    return min(max(int(limit * BUDGET_SHARES[effort]), MIN_BUDGET), MAX_BUDGET)


def check_thoughts(request: shapes.ChatRequest, _model: DemoModel) -> None:
    """What was thought in earlier turns comes back as it was sent, or not at all."""
    for message in request.messages:
        if isinstance(message, shapes.AssistantMessage) and isinstance(message.reasoning_details, list):
            check_returned(message.reasoning_details)


def functions_of(request: shapes.ChatRequest) -> list[shapes.FunctionSpec]:
    """Give the caller's own tools; OpenRouter's server tools are left out."""
    tools = [] if isinstance(request.tools, msgspec.UnsetType) else request.tools
    return [tool.function for tool in tools if isinstance(tool.function, shapes.FunctionSpec)]


def check_tools(request: shapes.ChatRequest, model: DemoModel) -> None:
    """Tools are complete, their choice names one of them, and the model can use them."""
    tools = [] if isinstance(request.tools, msgspec.UnsetType) else request.tools
    if any(tool.type == "function" and isinstance(tool.function, msgspec.UnsetType) for tool in tools):
        raise RefusedError("Invalid request: Object missing required field `function` - at `$.tools[...]`")
    choice = request.tool_choice
    if isinstance(choice, shapes.ToolChoice) and choice.type == "function":
        _check_named_choice(choice, functions_of(request))
    if tools and not model.has_tools:
        raise RefusedError("No endpoints found that support tool use", status=404, error_type="not_found")


def _check_named_choice(choice: shapes.ToolChoice, functions: Sequence[shapes.FunctionSpec]) -> None:
    if isinstance(choice.function, msgspec.UnsetType):
        raise RefusedError("tool_choice of type function needs a function")
    if choice.function.name not in {function.name for function in functions}:
        raise RefusedError(f"tool_choice names '{choice.function.name}', which is not among the tools")


def check_modalities(request: shapes.ChatRequest, model: DemoModel) -> None:
    """Pictures, sound and video go only to models that take them; files go to every one."""
    needs = {
        shapes.ImagePart: "image",
        shapes.AudioPart: "audio",
        shapes.VideoPart: "video",
        shapes.LegacyVideoPart: "video",
    }
    for part in parts_of(request):
        modality = needs.get(type(part), "text")
        if modality not in model.inputs:
            raise RefusedError(f"No endpoints found that support {modality} input", status=404, error_type="not_found")


def _check_input_list(items: list[Any]) -> None:
    """Texts, tokens, lists of tokens or objects with `content`, but not mixed."""
    forms: tuple[Any, ...] = (
        list[str],
        list[int],
        list[list[int]],
        list[shapes.EmbeddingContent],
    )
    if any(item in ("", []) for item in items):
        raise RefusedError("Invalid request: input must not contain empty items - at `$.input`")
    for form in forms:
        try:
            msgspec.convert(items, form)
        except msgspec.ValidationError:
            continue
        return
    raise RefusedError("Invalid request: input is none of the documented forms - at `$.input`")


CHAT_RULES: tuple[Callable[[shapes.ChatRequest, DemoModel], None], ...] = (
    check_tool_turns,
    check_parts,
    check_logprobs,
    check_reasoning,
    check_thinking_budget,
    check_thoughts,
    check_tools,
    check_modalities,
)
