"""
Everything that can go wrong at OpenRouter or on the way to it, on request.

A test calls `DemoUpstream.arrange(FAULTS["cut"])`; a person types `#fault:cut`, or `#fault:idle=20` with
seconds, into any chat. `status-NNN` works for every status. A row is a name, its steps and what it means.

Source: OpenRouter docs, "Errors and Debugging", "Streaming"; the rest is what networks do.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from tray_proxy.demo import dialect
from tray_proxy.demo.refusals import (
    STATUS_ERRORS,
    RefusedError,
    availability,
    error_body,
    status_error,
)
from tray_proxy.demo.steps import Cut, End, Exchange, Pause, Start, Step, Write, json_steps, plain, stream_of

Door = Literal["chat", "embeddings", "models", "key", "auth"]

ODD_TEXT = "[demo] line\u2028para\u2029next\u0085vt\x0bff\x0cend 😀 Zoë 👩‍👩‍👧 中文."
ENDLESS_PAUSE_S = 0.05
COMMENT_PAUSE_S = 0.2
HTML = b"<!doctype html><html><head><title>Sign in</title></head><body><h1>Welcome (demo)</h1></body></html>"
_TYPED = re.compile(r"#fault:(?P<name>[a-z0-9-]+)(?:=(?P<seconds>\d+(?:\.\d+)?))?")


@dataclass(frozen=True)
class Fault:
    """One way to fail. `seconds` is for those that wait; `on` is the endpoint that fails."""

    name: str
    steps: Callable[[Exchange, float], Iterable[Step]]
    about: str
    seconds: float = 0.0
    on: Door = "chat"

    def lasting(self, seconds: float) -> "Fault":
        """Give the same fault with another duration."""
        return replace(self, seconds=seconds)

    def perform(self, exchange: Exchange) -> Iterable[Step]:
        """Give the steps of the answer that goes wrong."""
        return self.steps(exchange, self.seconds)


def status_fault(status: int, *, retry_after_s: int | None = None) -> Fault:
    """Make the fault that answers with an error status before anything else."""
    headers: tuple[tuple[str, str], ...] = ()
    if retry_after_s is not None:
        headers += (("Retry-After", str(retry_after_s)),)
    if status == 429:
        headers += (
            ("X-RateLimit-Limit", "20"),
            ("X-RateLimit-Remaining", "0"),
            ("X-RateLimit-Reset", "1767225600000"),
        )
    return Fault(
        f"status-{status}",
        lambda _exchange, _seconds: json_steps(status_error(status), status=status, headers=headers),
        f"HTTP {status} before the stream",
    )


def find_fault(text: str) -> Fault | None:
    """
    Find the fault that a person typed into a message.

    Raises:
        RefusedError: if there is no fault of this name; the message lists them.
    """
    found = _TYPED.search(text)
    if found is None:
        return None
    fault = FAULTS.get(found["name"])
    if fault is None and re.fullmatch("status-[2-5][0-9]{2}", found["name"]):
        fault = status_fault(int(found["name"].removeprefix("status-")))
    if fault is None:
        raise RefusedError(f"Unknown demo fault '{found['name']}'; known are: {', '.join(FAULTS)}")
    return fault.lasting(float(found["seconds"])) if found["seconds"] else fault


def _halves(exchange: Exchange) -> tuple[list[Step], list[Step]]:
    """Split a good answer in its middle: between two chunks, or inside the only document."""
    steps = list(plain(exchange))
    if not exchange.streams:
        body = msgspec.json.encode(exchange.result)
        middle = len(body) // 2
        return [steps[0], Write(body[:middle])], [Write(body[middle:]), End()]
    middle = len(steps) // 2
    return steps[:middle], steps[middle:]


def _rewritten(exchange: Exchange, rewrite: Callable[[bytes], list[bytes]]) -> Iterator[Step]:
    """Send the whole body anew, in the pieces that `rewrite` makes of it."""
    body = b"".join(step.data for step in plain(exchange) if isinstance(step, Write))
    yield exchange.start()
    for piece in rewrite(body):
        yield Write(piece)
        yield Pause(0.001)  # lets the piece leave before the next one follows
    yield End()


def _availability_error(status: int, code: str, **more: Any) -> Callable[[Exchange, float], list[Step]]:
    """Answer as the docs' samples do: without `code`, type and status directly under `error`."""

    def steps(_exchange: Exchange, _seconds: float) -> list[Step]:
        error = {
            "message": f"The request could not be served: {code} (demo)",
            "error_type": "not_found" if status == 404 else "provider_unavailable",
            "http_status": status,
            "availability": availability(code, "demo/model", **more),
        }
        return json_steps({"error": error}, status=status)

    return steps


def _error_mid_stream(code: object) -> Callable[[Exchange, float], Iterator[Step]]:
    def steps(exchange: Exchange, _seconds: float) -> Iterator[Step]:
        error = {
            "code": code,
            "message": "Provider disconnected (demo)",
            "metadata": {"error_type": "provider_unavailable", "provider_code": "500"},
        }
        if not exchange.streams:
            yield from _error_in_choice(exchange, error)
            return
        yield from _halves(exchange)[0]
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        yield Write(dialect.event({**exchange.chunks()[0], "error": error, "choices": [choice]}))
        yield End()

    return steps


def _error_in_choice(exchange: Exchange, error: dict[str, Any]) -> Iterator[Step]:
    """Without a stream a late error sits in the choice of an HTTP 200, beside the partial text."""
    choice = exchange.result["choices"][0]
    failed = {**choice, "finish_reason": "error", "native_finish_reason": "error", "error": error}
    yield from json_steps({**exchange.result, "choices": [failed]})


def _error_in_200(_exchange: Exchange, _seconds: float) -> list[Step]:
    return json_steps(status_error(502))


def _echo_key(exchange: Exchange, _seconds: float) -> list[Step]:
    message = f"The key {exchange.key} may not do this (demo)"
    return json_steps(error_body(400, message, "invalid_request"), status=400)


def _cut(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    yield from _halves(exchange)[0]
    yield Cut()


def _no_bytes(_exchange: Exchange, _seconds: float) -> list[Step]:
    return [Cut()]


def _no_done(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    yield from _halves(exchange)[0]
    yield End()


def _silence(exchange: Exchange, seconds: float) -> Iterator[Step]:
    yield Pause(seconds)
    yield from plain(exchange)


def _headers_then_silence(exchange: Exchange, seconds: float) -> Iterator[Step]:
    start, *rest = plain(exchange)
    yield from (start, Pause(seconds), *rest)


def _comments_only(exchange: Exchange, seconds: float) -> Iterator[Step]:
    start, *rest = plain(exchange)
    yield start
    for _ in range(max(int(seconds / COMMENT_PAUSE_S), 1) if exchange.streams else 0):
        yield Write(dialect.COMMENT)
        yield Pause(COMMENT_PAUSE_S)
    yield from rest


def _idle(exchange: Exchange, seconds: float) -> Iterator[Step]:
    before, after = _halves(exchange)
    yield from (*before, Pause(seconds), *after)


def _captive_portal(_exchange: Exchange, _seconds: float) -> list[Step]:
    return [Start(200, "text/html; charset=utf-8"), Write(HTML), End()]


def _html_error(_exchange: Exchange, _seconds: float) -> list[Step]:
    return [Start(502, "text/html; charset=utf-8"), Write(HTML), End()]


def _redirect(_exchange: Exchange, _seconds: float) -> list[Step]:
    location = ("Location", "https://login.example.com/")
    return [Start(302, "text/html; charset=utf-8", (location,)), Write(HTML), End()]


def _not_json(exchange: Exchange, _seconds: float) -> list[Step]:
    return [replace(exchange.start(), content_type="application/json"), Write(b"upstream said no"), End()]


def _malformed_chunk(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    before, after = _halves(exchange)
    yield from (*before, Write(b'data: {"id":"gen-demo","choices":[{"del\n\n'), *after)


def _odd_text(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    if exchange.answer is None:
        return plain(exchange)
    answer = replace(exchange.answer, text=ODD_TEXT, calls=[], finish_reason="stop")
    result = dialect.result(answer, exchange.generation_id, exchange.created)
    return _rewritten(replace(exchange, answer=answer, result=result), _cut_inside_characters)


def _cut_inside_characters(body: bytes) -> list[bytes]:
    """Cut before each byte that continues a character."""
    places = [0, *(at for at, byte in enumerate(body) if byte & 0xC0 == 0x80), len(body)]
    return [body[here:there] for here, there in itertools.pairwise(places)]


def _crlf(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    return _rewritten(exchange, lambda body: body.replace(b"\n", b"\r\n").splitlines(keepends=True))


def _one_write(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    return _rewritten(exchange, lambda body: [body])


def _many_writes(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    return _rewritten(exchange, lambda body: [body[at : at + 7] for at in range(0, len(body), 7)])


def _finish_with_text(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    if not exchange.streams:
        return plain(exchange)
    *chunks, last, finish, usage = exchange.chunks()
    reason = finish["choices"][0]["finish_reason"]
    all_in_one = {
        **last,
        "choices": [{**last["choices"][0], "finish_reason": reason}],
        "usage": usage["usage"],
    }
    return stream_of(exchange, [*chunks, all_in_one])


def _empty_finish_reason(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    if not exchange.streams:
        return plain(exchange)
    chunks = exchange.chunks()
    for chunk in chunks:
        for choice in chunk["choices"]:
            choice["finish_reason"] = choice["finish_reason"] or ""
    return stream_of(exchange, chunks)


def _no_usage(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    if not exchange.streams:
        return iter(json_steps({key: value for key, value in exchange.result.items() if key != "usage"}))
    return stream_of(exchange, exchange.chunks()[:-1])


def _details_only(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    """Leave the short form of the reasoning null; the text stands in `reasoning_details` alone."""
    chunks = exchange.chunks()
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        if "reasoning" in choice["delta"]:
            choice["delta"]["reasoning"] = None
    return stream_of(exchange, chunks) if exchange.streams else plain(exchange)


def _broken_arguments(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    """End each call's arguments with a comma too many, as small models do."""
    if exchange.answer is None:
        return plain(exchange)
    calls = [replace(call, arguments=call.arguments[:-1] + ",") for call in exchange.answer.calls]
    answer = replace(exchange.answer, calls=calls)
    result = dialect.result(answer, exchange.generation_id, exchange.created)
    return plain(replace(exchange, answer=answer, result=result))


def _endless(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    if not exchange.streams:
        yield Pause(float("inf"))
    head = exchange.chunks()[0]
    yield exchange.start()
    while True:
        delta = {"role": "assistant", "content": "demo "}
        yield Write(dialect.event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}))
        yield Pause(ENDLESS_PAUSE_S)


def _too_long(_exchange: Exchange, _seconds: float) -> list[Step]:
    """Refuse as OpenRouter does where the provider's own words are all there is to go by."""
    metadata = {"provider_name": "Demo", "raw": "The input is longer than the maximum context length (demo)."}
    return json_steps(error_body(400, "Provider returned error", "invalid_request", metadata=metadata), status=400)


def _unordered(exchange: Exchange, _seconds: float) -> Iterator[Step]:
    data = list(reversed(exchange.result.get("data", [])))
    return plain(replace(exchange, result={**exchange.result, "data": data}))


_ROWS = (
    *(status_fault(status, retry_after_s=1 if status == 429 else None) for status in STATUS_ERRORS),
    Fault("availability-400", _availability_error(400, "model_not_found"), "an error without `code`"),
    Fault(
        "availability-404",
        _availability_error(404, "privacy_restricted", excluded_by=["data_policy:training"]),
        "the account's data policy leaves no provider",
    ),
    Fault(
        "availability-429",
        _availability_error(429, "capacity_exhausted", retryable=True, retry_after=1),
        "all providers are busy; the hint stands in the body only",
    ),
    Fault("error-in-200", _error_in_200, "HTTP 200 whose body is an error"),
    Fault("error-mid-stream", _error_mid_stream(502), "an error after the first words"),
    Fault("error-mid-stream-text-code", _error_mid_stream("server_error"), "the same with `code` as a text"),
    Fault("echo-key", _echo_key, "an error that repeats the key it was sent"),
    Fault("cut", _cut, "the connection breaks in the middle of the answer"),
    Fault("no-bytes", _no_bytes, "the connection closes before any answer"),
    Fault("no-done", _no_done, "a clean end without finish_reason and [DONE]"),
    Fault("silence", _silence, "nothing at all for a while", seconds=30),
    Fault("headers-then-silence", _headers_then_silence, "headers, then nothing for a while", seconds=30),
    Fault("comments-only", _comments_only, "only comments for a while", seconds=5),
    Fault("idle", _idle, "silence in the middle of the answer", seconds=30),
    Fault("captive-portal", _captive_portal, "a hotel's sign-in page with status 200"),
    Fault("html-error", _html_error, "a gateway's error page with status 502"),
    Fault("redirect", _redirect, "a redirect to a sign-in page"),
    Fault("not-json", _not_json, "status 200 with text that is not JSON"),
    Fault("malformed-chunk", _malformed_chunk, "one chunk whose JSON breaks off"),
    Fault("odd-text", _odd_text, "line separators and emoji, cut inside characters"),
    Fault("crlf", _crlf, "lines that end in CR LF"),
    Fault("one-write", _one_write, "the whole stream in one piece"),
    Fault("many-writes", _many_writes, "the stream in pieces of seven bytes"),
    Fault("finish-with-text", _finish_with_text, "text, finish_reason and usage in one chunk"),
    Fault("empty-finish-reason", _empty_finish_reason, "an empty text instead of null until the finish"),
    Fault("no-usage", _no_usage, "an answer without usage"),
    Fault("reasoning-details-only", _details_only, "reasoning in its long form only"),
    Fault("broken-arguments", _broken_arguments, "tool arguments that are not JSON"),
    Fault("endless", _endless, "about twenty chunks a second until the caller leaves"),
    Fault("embeddings-unordered", _unordered, "vectors in another order than the texts", on="embeddings"),
    Fault("embeddings-too-long", _too_long, "a provider that finds the text too long", on="embeddings"),
    replace(status_fault(503), name="catalogue-down", about="no model list", on="models"),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in _ROWS}
