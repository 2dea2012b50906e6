"""
`/api/generate`: the request to a chat request, and `Delta`s and `Outcome` to response lines.

A prompt is a conversation of one turn, or the next turn of the one in `context`; the rest of the way is that of
`/api/chat`.

Source: Ollama's `server/routes.go` (GenerateHandler) and `api/types.go`.
"""

from collections.abc import Iterable

from msgspec import UNSET

from tray_proxy.errors import BadRequest, UnsupportedRequest
from tray_proxy.translate import chat
from tray_proxy.translate.context import from_context
from tray_proxy.translate.model_info import paints, writes
from tray_proxy.translate.options import to_parameters
from tray_proxy.translate.parts import text_of
from tray_proxy.translate.presets import Preset, merged_options
from tray_proxy.translate.stream import Delta, Outcome
from tray_proxy.wire.ollama import ChatRequest, ChatResponse, GenerateRequest, GenerateResponse, Message
from tray_proxy.wire.openrouter import ModelEntry


def is_load(request: GenerateRequest) -> bool:
    """Say whether the request only loads or unloads the model: it has no prompt, and must cost nothing."""
    return not request.prompt


def check(request: GenerateRequest, model: ModelEntry, asked: str) -> None:
    """
    Refuse what cannot be done, in Ollama's order and words.

    Raises:
        BadRequest: a field has a value that Ollama does not take, or does not go with `raw`.
        UnsupportedRequest: the model lacks the ability.
    """
    if request.raw and (request.template or request.system or request.context):
        raise BadRequest("raw mode does not support template, system, or context")
    if paints(model) and not writes(model):
        raise UnsupportedRequest("image generation models are not currently supported")
    chat.check_fields(request)
    asking = _as_chat(request, [])
    asking.options = None
    chat.check_abilities(asking, model, asked, ability="generate")
    if request.suffix:
        # OpenRouter cannot fill in the middle, and without the suffix the answer would be to another question.
        raise UnsupportedRequest(f"{chat.full_name(asked)} does not support insert")
    to_parameters(request.options)


def to_chat_request(request: GenerateRequest, preset: Preset | None = None) -> ChatRequest:
    """
    Write the request as a chat.

    `template` is passed over: a hosted model is always asked through its own. So it is in `raw` mode too, but there
    nothing is put before the prompt. A `context` of any other origin than ours starts afresh.
    """
    before = [] if request.raw else _turns_before(request, preset)
    translated = _as_chat(request, [*before, Message(role="user", content=request.prompt, images=request.images)])
    translated.options = merged_options(preset, request.options)
    return translated


def spoken(request: ChatRequest) -> list[Message]:
    """Return who said what before the answer, without pictures: what `context` is made of."""
    return [Message(role=message.role, content=message.content) for message in request.messages or []]


def loaded(asked: str, created_at: str, reason: str) -> GenerateResponse:
    """Return the answer to a request without prompt; `reason` is "load" or "unload"."""
    return _response(chat.loaded(asked, created_at, reason))


def line(asked: str, delta: Delta, created_at: str) -> GenerateResponse:
    """Return the line that carries one `Delta`."""
    return _response(chat.line(asked, delta, created_at))


def last(
    asked: str, outcome: Outcome, created_at: str, context: list[int], gathered: Iterable[Delta] = ()
) -> GenerateResponse:
    """
    Return the object that ends an answer.

    Args:
        context: The conversation and its answer as numbers; empty where there is nothing to go on with.
        gathered: For a plain answer everything that was said; for a stream nothing, it has been sent.
    """
    response = _response(chat.last(asked, outcome, created_at, gathered))
    response.context = context or UNSET
    return response


def _turns_before(request: GenerateRequest, preset: Preset | None) -> list[Message]:
    system = request.system or (preset.system if preset else "")
    earlier = from_context(request.context)
    if earlier is None:
        earlier = preset.messages if preset else []
    elif earlier[0].role == "system":
        # What the conversation began with stays in force, unless the request brings another.
        system = request.system or text_of(earlier[0])
        earlier = earlier[1:]
    return [Message(role="system", content=system), *earlier] if system else earlier


def _as_chat(request: GenerateRequest, messages: list[Message]) -> ChatRequest:
    return ChatRequest(
        model=request.model,
        messages=messages,
        stream=request.stream,
        format=request.format,
        keep_alive=request.keep_alive,
        options=request.options,
        think=request.think,
        logprobs=request.logprobs,
        top_logprobs=request.top_logprobs,
    )


def _response(said: ChatResponse) -> GenerateResponse:
    return GenerateResponse(
        model=said.model,
        created_at=said.created_at,
        response=said.message.content,
        thinking=said.message.thinking,
        done=said.done,
        done_reason=said.done_reason,
        total_duration=said.total_duration,
        load_duration=said.load_duration,
        prompt_eval_count=said.prompt_eval_count,
        prompt_eval_duration=said.prompt_eval_duration,
        eval_count=said.eval_count,
        eval_duration=said.eval_duration,
        logprobs=said.logprobs,
    )
