"""
`/v1/responses`: `Delta`s and `Outcome` to OpenAI's events, or to one response.

Source: Ollama's `openai/responses.go` (ResponsesStreamConverter, ToResponse); OpenAI's API reference, "Responses" and
its streaming events.
"""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from tray_proxy.errors import ContextExceeded, ProxyError, full_text
from tray_proxy.translate.openai import likelihoods
from tray_proxy.translate.response_tools import INPUT, Names, Origin
from tray_proxy.translate.stream import UNPARSED, Call, Delta, Finish, Outcome
from tray_proxy.wire import responses as wire
from tray_proxy.wire.openai import TokenLogprob

# For the statuses that are not here, `server_error`. Codex does not ask again after `insufficient_quota`.
ERROR_CODES = {400: "invalid_prompt", 402: "insufficient_quota", 429: "rate_limit_exceeded"}
# OpenRouter's reasons for which an answer is cut, in OpenAI's words.
CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}

_encode = msgspec.json.Encoder().encode


def begun(request: wire.ResponsesRequest, request_id: str, created_at: int, asked: str) -> wire.Response:
    """
    Give the response as it is before anything was said.

    Args:
        request_id: By which the request is found in the log.
        created_at: Unix time.
        asked: The model's name as the app wrote it.
    """
    text = request.text or wire.Text()
    return wire.Response(
        id=f"resp_{request_id}",
        created_at=created_at,
        model=asked,
        instructions=request.instructions,
        tools=msgspec.Raw(_encode(request.tools or [])),
        tool_choice=msgspec.Raw(_encode("auto" if request.tool_choice is None else request.tool_choice)),
        parallel_tool_calls=request.parallel_tool_calls is not False,
        text=msgspec.Raw(_encode(replace(text, format=text.format or wire.TextFormat()))),
        top_p=1.0 if request.top_p is None else request.top_p,
        presence_penalty=request.presence_penalty or 0.0,
        frequency_penalty=request.frequency_penalty or 0.0,
        top_logprobs=request.top_logprobs or 0,
        temperature=1.0 if request.temperature is None else request.temperature,
        reasoning=request.reasoning,
        max_output_tokens=request.max_output_tokens,
        service_tier=request.service_tier or "default",
        metadata=request.metadata or {},
        prompt_cache_key=request.prompt_cache_key,
    )


class ResponseWriter:
    """
    Writes an answer as `/v1/responses` does. Items never overlap: one ends where another begins.

    Args:
        response: As it is before anything was said.
        names: What the app calls the tools that were sent.
    """

    content_type = "text/event-stream"

    def __init__(self, response: wire.Response, names: Names) -> None:
        self._response = response
        self._names = names
        self._sequence_number = 0
        self._output: list[wire.OutputItem] = []
        self._open: type[wire.ReasoningItem | wire.MessageItem] | None = None
        self._said: list[str] = []
        self._logprobs: list[TokenLogprob] = []

    def deltas(self, deltas: list[Delta]) -> bytes:
        """Write what was just said, and before the first of it the beginning."""
        return self._beginning() + self._written(self._events(deltas))

    def end(self, outcome: Outcome) -> bytes:
        """Write the end of the last item, and the response. No `[DONE]` follows."""
        beginning, rest = self._beginning(), self._written(self._close(_status(outcome)))
        response = self._ended(outcome)
        last = wire.Completed if response.incomplete_details is None else wire.Incomplete
        return beginning + rest + self._line(last(response=response))

    def whole(self, deltas: list[Delta], outcome: Outcome) -> bytes:
        """Write a plain answer: the response at the end of the stream that it would have been."""
        self._pass_over(self._events(deltas))
        self._pass_over(self._close(_status(outcome)))
        return _encode(self._ended(outcome))

    def failure(self, error: ProxyError) -> bytes:
        """Write the event that tells of a failure, with what was said until then; nothing follows it."""
        beginning = self._beginning()
        self._pass_over(self._close("incomplete"))
        code = "context_length_exceeded" if isinstance(error, ContextExceeded) else ERROR_CODES.get(error.status)
        told = wire.ResponseError(code or "server_error", full_text(error))
        response = replace(self._response, status="failed", error=told, output=self._output)
        return beginning + self._line(wire.Failed(response=response))

    def _beginning(self) -> bytes:
        if self._sequence_number:
            return b""
        return self._written([wire.Created(response=self._response), wire.InProgress(response=self._response)])

    def _written(self, events: Iterable[wire.Event]) -> bytes:
        return b"".join(map(self._line, events))

    def _line(self, event: wire.Event) -> bytes:
        event.sequence_number = self._sequence_number
        self._sequence_number += 1
        return f"event: {event.__struct_config__.tag}\ndata: ".encode() + _encode(event) + b"\n\n"

    def _pass_over(self, events: Iterable[wire.Event]) -> None:
        """Go on without a word; the items are gathered all the same."""
        for _ in events:
            continue

    def _events(self, deltas: list[Delta]) -> Iterator[wire.Event]:
        for delta in deltas:
            if delta.thinking:
                yield from self._think(delta.thinking)
            # A likelihood without a text may be that of a call, which has no place for it.
            if delta.content or (delta.logprobs and self._open is wire.MessageItem):
                yield from self._speak(delta)
            for call in delta.calls:
                yield from self._call(call)

    def _think(self, thinking: str) -> Iterator[wire.Event]:
        if self._open is not wire.ReasoningItem:
            yield from self._close()
            self._open = wire.ReasoningItem
            yield self._added(wire.ReasoningItem(id=self._id("rs"), summary=[]))
        self._said.append(thinking)
        yield wire.SummaryDelta(item_id=self._id("rs"), output_index=self._index, delta=thinking)

    def _speak(self, delta: Delta) -> Iterator[wire.Event]:
        item_id, logprobs = self._id("msg"), list(likelihoods(delta.logprobs))
        if self._open is not wire.MessageItem:
            yield from self._close()
            item_id = self._id("msg")
            self._open = wire.MessageItem
            yield self._added(wire.MessageItem(id=item_id, status="in_progress", content=[]))
            yield wire.PartAdded(item_id=item_id, output_index=self._index, part=wire.OutputText(text=""))
        self._said.append(delta.content)
        self._logprobs += logprobs
        yield wire.TextDelta(item_id=item_id, output_index=self._index, delta=delta.content, logprobs=logprobs)

    def _close(self, status: str = "completed") -> Iterator[wire.Event]:
        """End the item that is open, if one is."""
        text, index = "".join(self._said), self._index
        if self._open is wire.ReasoningItem:
            item_id = self._id("rs")
            yield wire.SummaryDone(item_id=item_id, output_index=index, text=text)
            thought = wire.ReasoningItem(id=item_id, summary=[wire.SummaryText(text)], encrypted_content=text)
            yield self._done(thought)
        elif self._open is wire.MessageItem:
            item_id = self._id("msg")
            part = wire.OutputText(text=text, logprobs=self._logprobs)
            yield wire.TextDone(item_id=item_id, output_index=index, text=text, logprobs=self._logprobs)
            yield wire.PartDone(item_id=item_id, output_index=index, part=part)
            yield self._done(wire.MessageItem(id=item_id, status=status, content=[part]))
        self._open, self._said, self._logprobs = None, [], []

    def _call(self, call: Call) -> Iterator[wire.Event]:
        """Write a call, which is whole when it comes."""
        yield from self._close()
        origin = self._names.get(call.name, Origin(call.name))
        yield from self._with_text(call, origin) if origin.takes_text else self._with_arguments(call, origin)

    def _with_arguments(self, call: Call, origin: Origin) -> Iterator[wire.Event]:
        item_id, index, arguments = self._id("fc"), self._index, _encode(call.arguments).decode()
        item = wire.FunctionCallItem(
            id=item_id,
            call_id=call.id,
            namespace=origin.namespace or UNSET,
            name=origin.name,
            arguments=arguments,
            status="completed",
        )
        yield self._added(replace(item, arguments="", status="in_progress"))
        yield wire.ArgumentsDelta(item_id=item_id, output_index=index, delta=arguments)
        yield wire.ArgumentsDone(item_id=item_id, output_index=index, name=origin.name, arguments=arguments)
        yield self._done(item)

    def _with_text(self, call: Call, origin: Origin) -> Iterator[wire.Event]:
        item_id, index, text = self._id("ctc"), self._index, _text_for(call)
        item = wire.CustomToolCallItem(
            id=item_id,
            call_id=call.id,
            namespace=origin.namespace or UNSET,
            name=origin.name,
            input=text,
            status="completed",
        )
        yield self._added(replace(item, input="", status="in_progress"))
        yield wire.InputDelta(item_id=item_id, output_index=index, delta=text)
        yield wire.InputDone(item_id=item_id, output_index=index, input=text)
        yield self._done(item)

    @property
    def _index(self) -> int:
        """Where the item stands that is open, or that begins next."""
        return len(self._output)

    def _id(self, kind: str) -> str:
        return f"{kind}_{self._response.id.removeprefix('resp_')}_{self._index}"

    def _added(self, item: wire.OutputItem) -> wire.Event:
        return wire.ItemAdded(output_index=self._index, item=item)

    def _done(self, item: wire.OutputItem) -> wire.Event:
        self._output.append(item)
        return wire.ItemDone(output_index=self._index - 1, item=item)

    def _ended(self, outcome: Outcome) -> wire.Response:
        reason = _cut(outcome)
        return replace(
            self._response,
            status=_status(outcome),
            completed_at=None if reason else self._response.created_at + outcome.total_ns // 10**9,
            incomplete_details=wire.IncompleteDetails(reason) if reason else None,
            output=self._output,
            usage=to_usage(outcome),
        )


def to_usage(outcome: Outcome) -> wire.Usage:
    """Tell what was counted; what OpenRouter did not tell counts as 0, for every number has to be there."""
    kept = outcome.usage.prompt_tokens_details
    thought = outcome.usage.completion_tokens_details
    return wire.Usage(
        input_tokens=outcome.prompt_tokens,
        input_tokens_details=wire.InputTokensDetails(
            (kept.cached_tokens if kept else None) or 0, (kept.cache_write_tokens if kept else None) or 0
        ),
        output_tokens=outcome.completion_tokens,
        output_tokens_details=wire.OutputTokensDetails((thought.reasoning_tokens if thought else None) or 0),
        total_tokens=outcome.prompt_tokens + outcome.completion_tokens,
        cost=UNSET if outcome.cost_usd is None else outcome.cost_usd,
    )


def _cut(outcome: Outcome) -> str | None:
    """Say why the answer was cut; None where it is whole."""
    return CUT.get(outcome.finishes.get(0, Finish()).reason)


def _status(outcome: Outcome) -> str:
    return "incomplete" if _cut(outcome) else "completed"


def _text_for(call: Call) -> str:
    """Give the text that a tool is given; where the model wrote something else, that."""
    given = call.arguments.get(INPUT, call.arguments.get(UNPARSED))
    return given if isinstance(given, str) else _encode(call.arguments).decode()
