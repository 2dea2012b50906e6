"""
`/v1/chat/completions`: OpenAI's chat request to Ollama's, and `Delta`s and `Outcome` to chunks or one answer.

Requests are translated, not relayed: so names, presets, options, tools, pictures and thoughts are what they are under
`/api`. So are answers, for Ollama's form differs from OpenRouter's in every chunk.

Source: Ollama's `openai/openai.go` and `middleware/openai.go`; OpenAI's API reference, "Chat".
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tray_proxy.errors import BadRequest, ProxyError, full_text
from tray_proxy.translate.chat import Translated
from tray_proxy.translate.lines import one_line
from tray_proxy.translate.parts import has_address
from tray_proxy.translate.reasoning import think_of
from tray_proxy.translate.stream import Call, Delta, Finish, Outcome
from tray_proxy.wire import ollama, openai
from tray_proxy.wire.openrouter import TokenLogprob

SSE = "text/event-stream"
END = b"data: [DONE]\n\n"
MAX_CHOICES = 128

# OpenAI's field, and Ollama's option for it.
OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "stop": "stop",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "repetition_penalty": "repeat_penalty",
    "max_tokens": "num_predict",
    "max_completion_tokens": "num_predict",  # the newer word, which counts where both are given
}
# These mean the same to OpenRouter as to OpenAI, and nothing to Ollama.
SENT_ON = (
    "tool_choice", "parallel_tool_calls", "n", "logit_bias", "prediction", "verbosity", "service_tier", "user",
    "metadata", "prompt_cache_key", "cache_control", "provider",
)  # fmt: skip
# OpenAI refuses them where there are no tools; Ollama passes them over, and apps send them with an empty list.
ABOUT_TOOLS = ("tool_choice", "parallel_tool_calls")
# For the types that are not here, `api_error`.
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}

_encode = msgspec.json.Encoder().encode


def to_chat(request: openai.ChatCompletionRequest) -> Translated:
    """
    Translate a request.

    Raises:
        BadRequest: something in it cannot be meant, in Ollama's words where it has some.
    """
    if not request.messages:
        raise BadRequest("[] is too short - 'messages'")
    effort = request.reasoning_effort or (request.reasoning.effort if request.reasoning else None)
    translated = ollama.ChatRequest(
        model=request.model,
        messages=[to_message(message) for message in request.messages],
        stream=bool(request.stream),
        options=to_options(request),
        think=think_of(effort),
        tools=request.tools,
        logprobs=request.logprobs,
        top_logprobs=request.top_logprobs,
    )
    more = sent_on(request)
    if not request.tools:
        more = {field: value for field, value in more.items() if field not in ABOUT_TOOLS}
    wanted = request.response_format or {}
    if wanted.get("type") in ("json_object", "json_schema"):
        more["response_format"] = wanted
    return Translated(translated, more)


def to_options(request: openai.ChatCompletionRequest | openai.CompletionRequest) -> dict[str, Any]:
    """Give what the request sets, under the names of Ollama's options; what it leaves open stays open."""
    given = ((option, getattr(request, field, None)) for field, option in OPTIONS.items())
    return {option: value for option, value in given if value is not None}


def sent_on(request: openai.ChatCompletionRequest | openai.CompletionRequest) -> dict[str, Any]:
    """
    Give the fields that OpenRouter takes as they are.

    Raises:
        BadRequest: `n` is out of bounds: each answer is paid for.
    """
    if request.n is not None and not 1 <= request.n <= MAX_CHOICES:
        raise BadRequest(f"n must be between 1 and {MAX_CHOICES}")
    given = ((field, getattr(request, field, None)) for field in SENT_ON)
    more = {field: value for field, value in given if value is not None}
    if more.get("n") == 1:
        # One answer is what there is without it, and not every provider knows the field.
        del more["n"]
    return more


def to_message(message: openai.ChatMessage) -> ollama.Message:
    """
    Translate one turn.

    Raises:
        BadRequest: it says nothing at all, or its calls are no calls.
    """
    if message.content is None and message.tool_calls is None:
        raise BadRequest("invalid message content type: <nil>")
    for part in message.content if isinstance(message.content, list) else ():
        check_picture(part)
    is_result = message.role.lower() == "tool"
    return ollama.Message(
        role=message.role,
        content=message.content,
        thinking=message.reasoning or message.reasoning_content,
        tool_calls=[to_tool_call(call) for call in message.tool_calls or ()] or None,
        tool_call_id=message.tool_call_id,
        tool_name=message.name if is_result else None,
        name=None if is_result else message.name,
    )


def to_tool_call(call: openai.ToolCall) -> ollama.ToolCall:
    """
    Read a call that comes back; its arguments are text here, and an object to Ollama.

    Raises:
        BadRequest: the arguments are no JSON object, in Ollama's words.
    """
    return ollama.ToolCall(
        id=call.id,
        function=ollama.FunctionCall(name=call.function.name, arguments=to_arguments(call.function.arguments)),
    )


def to_arguments(text: str | None) -> dict[str, Any]:
    """
    Read a call's arguments; none, and `null`, are an empty object.

    Raises:
        BadRequest: they are no JSON object, in Ollama's words.
    """
    if not text or not text.strip():
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any] | None) or {}
    except (msgspec.DecodeError, RecursionError):
        raise BadRequest("invalid tool call arguments") from None


def check_picture(part: ollama.ContentPart) -> None:
    """
    Refuse an address that is none, before its text is taken for base64.

    Raises:
        BadRequest: it is neither a `data:` URI nor a web address.
    """
    if part.type == "image_url" and not has_address(part):
        raise BadRequest("invalid image input: an image_url is a data: URI with base64, or an http(s) address")


def to_model(entry: ollama.ListedModel, name: str) -> openai.Model:
    """
    Tell of a model what `/v1/models` does.

    Args:
        name: As it was asked, or as it is listed.
    """
    author, slash, _ = entry.name.rpartition("/")
    created = int(datetime.fromisoformat(entry.modified_at).timestamp())
    # Ollama's own models belong to its library, and so do the owner's own names.
    return openai.Model(id=name, created=created, owned_by=author.lstrip("~") if slash else "library")


class ChatWriter:
    """
    Writes an answer as `/v1/chat/completions` does.

    Args:
        answer_id: The same in every chunk.
        created: Unix time, the same in every chunk.
        asked: The model's name as the app wrote it.
        tells_usage: Whether a stream ends with the usage.
    """

    content_type = SSE

    def __init__(self, answer_id: str, created: int, asked: str, *, tells_usage: bool) -> None:
        self._id = answer_id
        self._created = created
        self._asked = asked
        self._tells_usage = tells_usage
        self._begun: set[int] = set()
        self._called: set[int] = set()

    def deltas(self, deltas: list[Delta]) -> bytes:
        """Write a chunk for each delta."""
        return b"".join(self._chunk(delta) for delta in deltas)

    def end(self, outcome: Outcome) -> bytes:
        """Write how each answer ended, the usage for who asked for it, and the mark of the end."""
        lines = [self._finish(index, finish) for index, finish in outcome.finishes.items()]
        if self._tells_usage:
            lines.append(self._event([], to_usage(outcome)))
        return b"".join((*lines, END))

    def whole(self, deltas: list[Delta], outcome: Outcome) -> bytes:
        """Write a plain answer."""
        choices = [
            _choice(index, finish, [delta for delta in deltas if delta.choice == index])
            for index, finish in outcome.finishes.items()
        ]
        return _encode(
            openai.ChatCompletion(
                id=self._id, created=self._created, model=self._asked, choices=choices, usage=to_usage(outcome)
            )
        )

    def failure(self, error: ProxyError) -> bytes:
        """Write the event that tells of a failure; no mark of the end follows it."""
        return event(to_error(error.status, full_text(error)))

    def _chunk(self, delta: Delta) -> bytes:
        is_first = delta.choice not in self._begun
        self._begun.add(delta.choice)
        if delta.calls:
            self._called.add(delta.choice)
        said = openai.ChunkDelta(
            role="assistant" if is_first else None,
            content=delta.content or ("" if is_first or not (delta.thinking or delta.calls) else None),
            reasoning=delta.thinking or None,
            tool_calls=[_made(call) for call in delta.calls] or None,
        )
        return self._event([openai.ChunkChoice(index=delta.choice, delta=said, logprobs=_logprobs([delta]))])

    def _finish(self, index: int, finish: Finish) -> bytes:
        first = b"" if index in self._begun else self._chunk(Delta(choice=index))
        reason = finish_reason(finish, called=index in self._called)
        return first + self._event([openai.ChunkChoice(index=index, delta=openai.ChunkDelta(), finish_reason=reason)])

    def _event(self, choices: list[openai.ChunkChoice], usage: openai.Usage | UnsetType = UNSET) -> bytes:
        chunk = openai.ChatCompletionChunk(
            id=self._id, created=self._created, model=self._asked, choices=choices, usage=usage
        )
        return event(chunk)


def event(content: openai.ChatCompletionChunk | openai.TextCompletion | openai.ErrorResponse) -> bytes:
    """Write one event of a stream: its data is one line, for every reader."""
    return b"data: " + one_line(_encode(content)) + b"\n\n"


def to_usage(outcome: Outcome) -> openai.Usage:
    """Tell what was counted; in OpenRouter's words these are the same."""
    kept = outcome.usage.prompt_tokens_details
    thought = outcome.usage.completion_tokens_details
    cached = kept.cached_tokens if kept else None
    reasoning = thought.reasoning_tokens if thought else None
    return openai.Usage(
        prompt_tokens=outcome.prompt_tokens,
        completion_tokens=outcome.completion_tokens,
        total_tokens=outcome.prompt_tokens + outcome.completion_tokens,
        prompt_tokens_details=UNSET if cached is None else openai.PromptTokensDetails(cached),
        completion_tokens_details=UNSET if reasoning is None else openai.CompletionTokensDetails(reasoning),
        cost=UNSET if outcome.cost_usd is None else outcome.cost_usd,
    )


def finish_reason(finish: Finish, *, called: bool) -> str:
    """Give the reason in OpenAI's words; a turn with calls is one that waits for their results."""
    reason = finish.reason if finish.reason in ("length", "content_filter") else "stop"
    return "tool_calls" if called and reason == "stop" else reason


def told(status: int, message: str) -> bytes:
    """Write an error in OpenAI's shape."""
    return _encode(to_error(status, message))


def to_error(status: int, message: str) -> openai.ErrorResponse:
    """Give an error its type."""
    return openai.ErrorResponse(openai.ErrorDetail(message=message, type=ERROR_TYPES.get(status, "api_error")))


def likelihoods(tokens: Iterable[TokenLogprob]) -> Iterator[openai.TokenLogprob]:
    """Give likelihoods in OpenAI's shape; a token without one is left out."""
    for token in tokens:
        if token.logprob is not None:
            others = [other for other in token.top_logprobs or () if other.logprob is not None]
            tops = [openai.TopLogprob(other.token, other.logprob or 0.0, _bytes(other)) for other in others]
            yield openai.TokenLogprob(token.token, token.logprob, _bytes(token), tops)


def _bytes(token: TokenLogprob) -> list[int]:
    return list(token.token.encode()) if token.bytes is None else token.bytes


def _choice(index: int, finish: Finish, deltas: list[Delta]) -> openai.Choice:
    calls = [_made(call) for delta in deltas for call in delta.calls]
    return openai.Choice(
        index=index,
        message=openai.AnswerMessage(
            content="".join(delta.content for delta in deltas),
            reasoning="".join(delta.thinking for delta in deltas) or UNSET,
            tool_calls=calls or UNSET,
        ),
        finish_reason=finish_reason(finish, called=bool(calls)),
        logprobs=_logprobs(deltas),
    )


def _made(call: Call) -> openai.ToolCallMade:
    return openai.ToolCallMade(
        id=call.id,
        index=call.index,
        function=openai.CalledFunction(call.name, _encode(call.arguments).decode()),
    )


def _logprobs(deltas: list[Delta]) -> openai.ChoiceLogprobs | UnsetType:
    content = [each for delta in deltas for each in likelihoods(delta.logprobs)]
    return openai.ChoiceLogprobs(content) if content else UNSET
