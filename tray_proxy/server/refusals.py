"""How an error is told: in the dialect of the path that was asked, also where no handler was found for it."""

import math
from collections.abc import Callable

from msgspec import UNSET, UnsetType

from tray_proxy.errors import ProxyError, UpstreamError, full_text
from tray_proxy.limits import NotBought
from tray_proxy.server.asgi import Reply, encode
from tray_proxy.translate import anthropic_events, openai
from tray_proxy.wire import ollama

# Writes an error's body from its status, its text, the request's id, and perhaps a code for its case.
type Teller = Callable[[int, str, str, str | None], bytes]


def _openai(status: int, text: str, _request_id: str, _code: str | None) -> bytes:
    return openai.told(status, text)


# By the beginning of the path, the longest first. All other paths are Ollama's.
TELLERS: tuple[tuple[str, Teller], ...] = (("/v1/messages/", anthropic_events.told), ("/v1/", _openai))


def teller(path: str) -> Teller | None:
    """Find who tells of errors on a path; None for Ollama's own."""
    return next((tell for prefix, tell in TELLERS if f"{path}/".startswith(prefix)), None)


def refusal(error: ProxyError, path: str, request_id: str, signin_url: str | UnsetType = UNSET) -> Reply:
    """
    Write an error: its status, what is to be said of it, and when to come back.

    Args:
        signin_url: Where a key can be given. Only Ollama's dialect has a field for it.
    """
    retry_s = error.retry_after_s if isinstance(error, UpstreamError | NotBought) else None
    headers = () if retry_s is None else (("retry-after", str(math.ceil(retry_s))),)
    text = full_text(error)
    tell = teller(path)
    if tell is None:
        body = encode(ollama.ErrorResponse(text, signin_url))
    else:
        body = tell(error.status, text, request_id, error.anthropic_code)
    return Reply(error.status, body, headers=headers)


def told(status: int, text: str, path: str, request_id: str) -> bytes:
    """Write an error's body in the dialect of a path, where there is nothing but its text."""
    tell = teller(path)
    return encode(ollama.ErrorResponse(text)) if tell is None else tell(status, text, request_id, None)
