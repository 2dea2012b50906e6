"""
OpenRouter's errors, told as ours.

They come as an HTTP status, as a body with status 200, or as an event inside a stream; `code` may be a
number, a word, or missing. The message that OpenRouter gave is always kept, and what it says beside it of
providers and filters is added. What it quotes of the prompt (`flagged_input`) is left out.

Source: OpenRouter docs, "Errors and Debugging"; its OpenAPI file.
"""

import math
import re
from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from tray_proxy.errors import (
    ContextExceeded,
    KeyRejected,
    ModelNotFound,
    NetworkSignIn,
    OutOfCredits,
    ProxyError,
    RateLimited,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tray_proxy.openrouter.cures import Facts, cure, is_too_long, status_of
from tray_proxy.wire.openrouter import CompletionChunk, ErrorBody, ErrorReply

_NO_SUCH_MODEL = re.compile(r"not a valid model id|^no endpoints found for \S+$|model not found", re.IGNORECASE)
# The model is in the list, but gone; the message says since when.
_GONE = ("model_deprecated", "free_variant_ended")
_KEY_LIMIT = re.compile(r"key limit exceeded", re.IGNORECASE)
_KINDS: dict[int, type[UpstreamError]] = {
    401: KeyRejected,
    402: OutOfCredits,
    429: RateLimited,
    **dict.fromkeys((408, 504, 524), UpstreamTimeout),
}
# Source: RFC 6585, section 6, "511 Network Authentication Required".
SIGN_IN_NEEDED = 511
_INTRODUCTIONS = {
    KeyRejected: "OpenRouter does not accept the key: ",
    OutOfCredits: "OpenRouter says that there is not enough credit: ",
}
# Of a list, so much is told; and of a text, which may be megabytes, so much is looked at. Still less of it is told.
_LISTED = 5
_LOOKED_AT = 16 * 1024
# Longer than any wait that is meant.
_MAX_WAIT_S = 1e6


def from_answer(
    status: int,
    body: bytes,
    retry_after: str | None,
    asked: str,
    *,
    elsewhere: str | None = None,
    now_s: float | None = None,
) -> ProxyError:
    """
    Tell what an HTTP answer without a stream means.

    Args:
        status: The HTTP status; with 200 the body says that it is an error all the same.
        retry_after: The header's text, seconds or a date.
        asked: The model's name as the app wrote it.
        elsewhere: The host that a redirect leads to.
        now_s: The present time, in seconds since 1970; None where no date is to be read.
    """
    try:
        error = msgspec.json.decode(body, type=ErrorReply).error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        error = None
    if error is None and (status < 400 or status == SIGN_IN_NEEDED):
        # None of it is OpenRouter's JSON, and OpenRouter leads nobody elsewhere.
        page = body.lstrip().startswith(b"<")
        return network_sign_in(status, elsewhere) if page or status >= 300 else not_openrouter(status)
    error = error or ErrorBody()  # a gateway's own page: its status is all that can be told of it
    return from_error(error, status, asked, _wait_s(retry_after, now_s))


def network_sign_in(status: int, host: str | None) -> NetworkSignIn:
    """
    Make the error for the page that a hotel or a train shows in OpenRouter's place.

    Args:
        host: Where the page is to be found; None where it came by itself.
    """
    if host is not None:
        return NetworkSignIn(f"This network wants you to sign in first, at {host} (HTTP status {status}).")
    return NetworkSignIn(
        f"A web page came in place of OpenRouter's answer (HTTP status {status}): "
        "this network may want you to sign in first."
    )


def not_openrouter(status: int) -> UpstreamUnreachable:
    """Make the error for an answer that somebody else gave, such as a hotel's page."""
    return UpstreamUnreachable(
        f"The answer did not come from OpenRouter (HTTP status {status}).",
        hint="See in a browser whether this network wants you to sign in first, or correct OPENROUTER_BASE_URL.",
    )


def from_chunk(chunk: CompletionChunk, asked: str) -> ProxyError | None:
    """Tell the error that a stream's event carries; None when it carries none."""
    error = chunk.error
    for choice in chunk.choices or ():
        error = error or choice.error
        if error is None and choice.finish_reason == "error":
            error = ErrorBody(message="The model's provider failed while it was answering.")
    return None if error is None else from_error(error, 200, asked, None)


def from_error(error: ErrorBody | str, status: int, asked: str, retry_after_s: float | None) -> ProxyError:
    """
    Choose the class for an error, and write its message and its cure.

    Args:
        status: The HTTP status; below 400 the error's own counts, wherever it stands.
        retry_after_s: What the header says; None leaves it to the body.
    """
    if isinstance(error, str):
        error = ErrorBody(message=error)
    metadata, availability = _object(error.metadata), _object(error.availability)
    said = _text(error.message)
    facts = Facts(
        message=f"{said} {_provider_said(metadata)}",
        error_type=_text(error.error_type) or _text(metadata.get("error_type")) or _text(error.code),
        availability=_text(availability.get("code")),
        filters=(*_texts(availability.get("excluded_by")), _text(_object(availability.get("constraint")).get("field"))),
    )
    if status < 400:
        status = _number(error.code) or _number(error.http_status) or status_of(facts) or 502
    if retry_after_s is None:
        retry_after_s = _wait_s(availability.get("retry_after"))
    fallbacks = _texts(availability.get("fallback_models"))
    unknown = status in (400, 404) and not any(facts.filters) and _NO_SUCH_MODEL.search(said)
    if facts.availability == "model_not_found" or unknown:
        return ModelNotFound(asked, fallbacks)
    message = said or f"OpenRouter answered with status {status} and no reason."
    details = [detail for detail in _details(metadata, availability) if detail not in message]
    if details:
        message = f"{message} ({'; '.join(details)})"
    if facts.availability in _GONE:
        message = f"model '{asked}' not found: {message}"
    # A key's own limit comes as 403 too.
    kind = OutOfCredits if _KEY_LIMIT.search(said) else _KINDS.get(status, UpstreamError)
    if kind is UpstreamError and is_too_long(facts, status):
        kind = ContextExceeded
    return kind(
        _INTRODUCTIONS.get(kind, "") + message,
        status=status,
        retry_after_s=retry_after_s,
        hint=cure(facts, status, "a moment" if retry_after_s is None else f"{math.ceil(retry_after_s)} s"),
    )


def _details(metadata: dict[str, Any], availability: dict[str, Any]) -> Iterator[str]:
    """Give what stands beside the message and tells more."""
    listed = (
        ("reasons: ", metadata.get("reasons")),
        ("patterns: ", metadata.get("patterns")),
        ("excluded by ", availability.get("excluded_by")),
        ("affected: ", availability.get("affected_providers")),
        ("OpenRouter suggests ", availability.get("fallback_models")),
    )
    yield from (introduction + ", ".join(texts) for introduction, value in listed if (texts := _texts(value)))
    constraint = _object(availability.get("constraint"))
    pairs = (
        (_text(constraint.get("field")), _text(constraint.get("detail"))),
        (_text(metadata.get("provider_name")), _provider_said(metadata)),
    )
    yield from (": ".join(filter(None, pair)) for pair in pairs if any(pair))


def _provider_said(metadata: dict[str, Any]) -> str:
    """Return the provider's own words; they come as a text, which is often the JSON of its own error."""
    raw = metadata.get("raw")
    if isinstance(raw, str):
        try:
            raw = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return _text(raw)
    inner = _object(raw)
    error = inner.get("error")
    said = _text(_object(error).get("message")) or _text(error) or _text(inner.get("message"))
    return said or _text(metadata.get("raw")) or (_text(msgspec.json.encode(raw).decode()) if raw else "")


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value[:_LOOKED_AT].strip() if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in map(_text, values) if text][:_LISTED]


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) and 400 <= value <= 599 else None


def _wait_s(value: object, now_s: float | None = None) -> float | None:
    if isinstance(value, str):
        text = value
        try:
            value = max(float(text), 0.0)
        except ValueError:
            value = None if now_s is None else _seconds_until(text, now_s)
    return float(value) if isinstance(value, int | float) and 0 <= value <= _MAX_WAIT_S else None


def _seconds_until(date: str, now_s: float) -> float | None:
    try:
        then = parsedate_to_datetime(date)
        return max((then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - now_s, 0.0)
    except (ValueError, OverflowError):
        return None
