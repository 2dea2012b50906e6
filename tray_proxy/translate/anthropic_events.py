"""
`/v1/messages`: `Delta`s and `Outcome` to Anthropic's events, or to one message.

Source: Ollama's `anthropic/anthropic.go` (StreamConverter, ToMessagesResponse); Anthropic's API reference, "Streaming
Messages".
"""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import UNSET

from tray_proxy.errors import ProxyError, full_text
from tray_proxy.translate.stream import Call, Delta, Finish, Outcome
from tray_proxy.wire.anthropic import (
    AnswerBlock,
    BlockDelta,
    BlockStart,
    BlockStop,
    ErrorCase,
    ErrorDetail,
    ErrorResponse,
    InputDelta,
    MessageDelta,
    MessagesResponse,
    MessageStart,
    MessageStop,
    StopDelta,
    TextBlock,
    TextDelta,
    ThinkingBlock,
    ThinkingDelta,
    ToolUseBlock,
    Usage,
)

# For the statuses that are not here, `api_error`.
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}

_encode = msgspec.json.Encoder().encode


class MessageWriter:
    """
    Writes an answer as `/v1/messages` does. Blocks never overlap: one ends where another begins.

    Args:
        request_id: By which the request is found in the log.
        asked: The model's name as the app wrote it.
        input_tokens: An estimate, which the first event tells.
        stops: The request's stop sequences.
    """

    content_type = "text/event-stream"

    def __init__(self, request_id: str, asked: str, *, input_tokens: int, stops: Sequence[str] = ()) -> None:
        self._request_id = request_id
        self._asked = asked
        self._input_tokens = input_tokens
        self._stops = stops
        self._has_begun = False
        self._open: type[AnswerBlock] | None = None
        self._index = -1
        self._called = False

    def deltas(self, deltas: list[Delta]) -> bytes:
        """Write what was just said, and before the first of it the beginning."""
        written = self._beginning()
        for delta in deltas:
            written += self._more(ThinkingBlock(""), ThinkingDelta(delta.thinking)) if delta.thinking else b""
            written += self._more(TextBlock(""), TextDelta(delta.content)) if delta.content else b""
            written += b"".join(self._call(call) for call in delta.calls)
        return written

    def end(self, outcome: Outcome) -> bytes:
        """Write the end: why, what was counted, and the last event. No `[DONE]` follows."""
        reason, stop = self._reason(outcome, called=self._called)
        last = MessageDelta(StopDelta(reason, stop), to_usage(outcome))
        return self._beginning() + self._close() + _event(last) + _event(MessageStop())

    def whole(self, deltas: list[Delta], outcome: Outcome) -> bytes:
        """Write a plain answer."""
        content = list(_blocks(deltas))
        called = any(isinstance(block, ToolUseBlock) for block in content)
        reason, stop = self._reason(outcome, called=called)
        return _encode(self._message(content, to_usage(outcome), reason, stop))

    def failure(self, error: ProxyError) -> bytes:
        """Write the event that tells of a failure; nothing follows it."""
        return b"event: error\ndata: " + told(error.status, full_text(error), self._request_id) + b"\n\n"

    def _beginning(self) -> bytes:
        if self._has_begun:
            return b""
        self._has_begun = True
        return _event(MessageStart(self._message([], Usage(input_tokens=self._input_tokens, output_tokens=0))))

    def _message(
        self, content: list[AnswerBlock], usage: Usage, reason: str | None = None, stop: str | None = None
    ) -> MessagesResponse:
        return MessagesResponse(
            id=f"msg_{self._request_id}",
            model=self._asked,
            content=content,
            stop_reason=reason,
            stop_sequence=stop,
            usage=usage,
        )

    def _more(self, empty: AnswerBlock, delta: TextDelta | ThinkingDelta) -> bytes:
        opening = b"" if self._open is type(empty) else self._close() + self._start(empty)
        return opening + _event(BlockDelta(self._index, delta))

    def _call(self, call: Call) -> bytes:
        self._called = True
        opening = self._close() + self._start(ToolUseBlock(call.id, call.name, {}))
        return opening + _event(BlockDelta(self._index, InputDelta(_encode(call.arguments).decode()))) + self._close()

    def _start(self, block: AnswerBlock) -> bytes:
        self._open = type(block)
        self._index += 1
        return _event(BlockStart(self._index, block))

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        return _event(BlockStop(self._index))

    def _reason(self, outcome: Outcome, *, called: bool) -> tuple[str, str | None]:
        """Say why the answer ended, and at which stop sequence."""
        finish = outcome.finishes.get(0, Finish())
        if finish.reason == "length":
            return "max_tokens", None
        if finish.reason == "content_filter":
            return "refusal", None
        if called:
            return "tool_use", None
        if finish.stop is not None and self._stops:
            # The provider tells that it was one of them; which, is known where there is but one.
            return "stop_sequence", finish.stop or (self._stops[0] if len(self._stops) == 1 else None)
        return "end_turn", None


def to_usage(outcome: Outcome) -> Usage:
    """
    Tell what was counted.

    OpenRouter counts what lies in a provider's cache among the prompt's tokens, Anthropic beside them.
    """
    details = outcome.usage.prompt_tokens_details
    read = (details.cached_tokens if details else None) or 0
    written = (details.cache_write_tokens if details else None) or 0
    return Usage(
        input_tokens=max(outcome.prompt_tokens - read - written, 0),
        output_tokens=outcome.completion_tokens,
        cache_creation_input_tokens=written or UNSET,
        cache_read_input_tokens=read or UNSET,
    )


def told(status: int, message: str, request_id: str, code: str | None = None) -> bytes:
    """
    Write an error in Anthropic's shape.

    Args:
        code: What its clients know a case by that they can mend themselves.
    """
    details = UNSET if code is None else ErrorCase(code)
    detail = ErrorDetail(ERROR_TYPES.get(status, "api_error"), message, details)
    return _encode(ErrorResponse(detail, f"req_{request_id}"))


def _event(event: msgspec.Struct) -> bytes:
    kind = event.__struct_config__.tag
    return f"event: {kind}\ndata: ".encode() + _encode(event) + b"\n\n"


def _blocks(deltas: list[Delta]) -> Iterator[AnswerBlock]:
    """Give an answer's blocks, in the order in which they were said."""
    kind: type[ThinkingBlock | TextBlock] | None = None
    said: list[str] = []
    for delta in deltas:
        for part, text in ((ThinkingBlock, delta.thinking), (TextBlock, delta.content)):
            if text and part is not kind:
                if kind is not None:
                    yield kind("".join(said))
                kind, said = part, []
            if text:
                said.append(text)
        if delta.calls and kind is not None:
            yield kind("".join(said))
            kind, said = None, []
        yield from (ToolUseBlock(call.id, call.name, call.arguments) for call in delta.calls)
    if kind is not None:
        yield kind("".join(said))
