"""
OpenRouter's errors, told as ours.

They come as an HTTP status, as a body with status 200, or as an event inside a stream; `code` may be a
number, a word, or missing. The message that OpenRouter gave is always kept.

Source: OpenRouter docs, "Errors and Debugging"; its OpenAPI file.
"""

import math
import re

import msgspec

from tray_proxy.errors import (
    KeyRejected,
    ModelNotFound,
    OutOfCredits,
    ProxyError,
    RateLimited,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tray_proxy.wire.openrouter import CompletionChunk, ErrorBody, ErrorReply

_NO_SUCH_MODEL = re.compile(r"not a valid model id|^no endpoints found for\b|model not found", re.IGNORECASE)
_TIMEOUTS = (408, 504, 524)
NOT_OPENROUTER = (
    "The answer did not come from OpenRouter: this network may want you to sign in first, or OPENROUTER_BASE_URL "
    "points elsewhere."
)


def from_answer(status: int, body: bytes, retry_after: str | None, asked: str) -> ProxyError:
    """
    Tell what an HTTP answer without a stream means.

    Args:
        status: The HTTP status; with 200 the body says that it is an error all the same.
        retry_after: The header's text, seconds.
        asked: The model's name as the app wrote it.
    """
    try:
        error = msgspec.json.decode(body, type=ErrorReply).error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        error = None
    if error is None and status < 400:
        # A login page in the way, or a redirect: none of it is OpenRouter's JSON.
        return UpstreamUnreachable(f"{NOT_OPENROUTER} (HTTP status {status})")
    error = error or ErrorBody()  # a gateway's own page: its status is all that can be told of it
    return from_error(error, status, asked, _seconds(retry_after))


def from_chunk(chunk: CompletionChunk, asked: str) -> ProxyError | None:
    """Tell the error that a stream's event carries; None when it carries none."""
    error = chunk.error
    for choice in chunk.choices or ():
        error = error or choice.error
        if error is None and choice.finish_reason == "error":
            error = ErrorBody(message="The model's provider failed while it was answering.")
    return None if error is None else from_error(error, 200, asked, None)


def from_error(error: ErrorBody | str, status: int, asked: str, retry_after_s: float | None) -> ProxyError:
    """Choose the class for an error, and write its message."""
    if isinstance(error, str):
        error = ErrorBody(message=error)
    if status < 400:
        # Inside a stream or a 200: the number stands in the body, if anywhere.
        inner = error.code if isinstance(error.code, int) else error.http_status
        status = inner if isinstance(inner, int) and 400 <= inner <= 599 else 502
    message = _message(error, status)
    if status in (400, 404) and _NO_SUCH_MODEL.search(error.message or ""):
        return ModelNotFound(asked)
    if status == 401:
        return KeyRejected(f"OpenRouter does not accept the key: {message}")
    if status == 402:
        return OutOfCredits(f"OpenRouter says that there is not enough credit: {message}")
    if status == 429:
        return RateLimited(message, retry_after_s=retry_after_s)
    if status in _TIMEOUTS:
        return UpstreamTimeout(message, status=status)
    return UpstreamError(message, status=status, retry_after_s=retry_after_s)


def _message(error: ErrorBody, status: int) -> str:
    message = error.message or f"OpenRouter answered with status {status} and no reason."
    metadata = error.metadata if isinstance(error.metadata, dict) else {}
    detail, provider = metadata.get("raw"), metadata.get("provider_name")
    if isinstance(detail, str) and detail and detail not in message:
        return f"{message} ({provider}: {detail[:500]})" if provider else f"{message} ({detail[:500]})"
    return message


def _seconds(text: str | None) -> float | None:
    try:
        seconds = max(float(text), 0.0) if text else None
    except ValueError:
        return None
    return seconds if seconds is None or math.isfinite(seconds) else None
