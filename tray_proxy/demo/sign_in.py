"""
The demo's side of signing in: the page that asks the owner, and the exchange of what it gave for a key.

The page lies at the root, as at OpenRouter; the exchange under `/api/v1`. A code is good once, for ten minutes, and
for who has the verifier.

Source: OpenRouter docs, "OAuth PKCE"; its OpenAPI file, path `/auth/keys`. That a refusal comes back as
`error=access_denied` is reported by others, and is the word of RFC 6749, section 4.1.2.1.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tray_proxy.demo.journal import Received
from tray_proxy.demo.keys import new_key
from tray_proxy.demo.refusals import RefusedError
from tray_proxy.demo.steps import End, Start, Step, Write

CODE_LIFE_S = 600.0
MAX_LABEL = 100
METHODS = ("S256", "plain")
# http is for the owner's own computer alone. Source: OpenRouter's OpenAPI file, `callback_url`.
LOOPBACK = ("localhost", "127.0.0.1")

_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>Demo OpenRouter</title>
    <style>
      :root {{ color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }}
      main {{ max-width: 34rem; margin: 12vh auto; padding: 0 1.5rem; }}
      form {{ display: inline-block; margin-right: 0.5rem; }}
      button {{ font: inherit; padding: 0.4rem 1.2rem; }}
      code {{ overflow-wrap: anywhere; }}
    </style>
  </head>
  <body><main><h1>Demo OpenRouter</h1>{content}</main></body>
</html>
"""


@dataclass(frozen=True)
class _Issued:
    challenge: str | None
    method: str
    issued_s: float


class SignInDesk:
    """
    Gives out codes and takes them back for keys.

    Args:
        now_s: A clock that never goes back, in seconds.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._issued: dict[str, _Issued] = {}

    def page(self, seen: Received) -> Iterable[Step] | None:
        """Answer what belongs to the website: `/auth`, the two buttons on it, a key's own page; None for the rest."""
        if seen.path.startswith("/keys/"):
            return _key_page(seen.path.removeprefix("/keys/"))
        if (seen.method, seen.path) not in (("GET", "/auth"), ("POST", "/auth/authorize"), ("POST", "/auth/cancel")):
            return None
        wrong = _what_is_wrong(seen.query)
        if wrong is not None:
            return _html(f"<p>This sign-in cannot be done: {escape(wrong)}</p>", status=400)
        callback = seen.query.get("callback_url")
        match seen.path, callback:
            case "/auth", _:
                return _question(seen.query)
            case "/auth/authorize", None:
                return _html(f'<p>Copy this code into the app: <code id="code">{self._issue(seen.query)}</code></p>')
            case "/auth/authorize", str(address):
                return _redirect(address, {"code": self._issue(seen.query)})
            case _, str(address):
                return _redirect(address, {"error": "access_denied", "error_description": "The owner said no."})
        return _html("<p>Cancelled.</p>")

    def exchange(self, seen: Received) -> dict[str, Any]:
        """
        Take a code back for a key.

        Raises:
            RefusedError: with what the documentation says of each case.
        """
        body = seen.body if isinstance(seen.body, dict) else {}
        code, verifier, method = body.get("code"), body.get("code_verifier"), body.get("code_challenge_method")
        if not isinstance(code, str) or not isinstance(verifier, str | None) or method not in (None, *METHODS):
            raise RefusedError("Invalid request parameters")
        issued = self._issued.pop(code, None)
        if issued is None:
            raise _forbidden("Invalid code or code_verifier")
        if self._now_s() - issued.issued_s > CODE_LIFE_S:
            raise _forbidden("Auth code expired")
        if (method or "plain") != issued.method:
            raise RefusedError("Invalid code_challenge_method")
        if issued.challenge is not None and not _fits(issued, verifier or ""):
            raise _forbidden("Invalid code or code_verifier")
        return {"key": new_key(), "user_id": "user_demo"}

    def _issue(self, query: dict[str, str]) -> str:
        code = f"demo-code-{secrets.token_hex(12)}"
        method = query.get("code_challenge_method", "plain")
        self._issued[code] = _Issued(query.get("code_challenge"), method, self._now_s())
        return code


def _what_is_wrong(query: dict[str, str]) -> str | None:
    callback = query.get("callback_url")
    if callback is not None and not _may_be_called(callback):
        return "callback_url must be https, or http on localhost."
    if query.get("code_challenge_method", "S256") not in METHODS:
        return "code_challenge_method must be S256 or plain."
    if callback is None and "code_challenge" not in query:
        return "without a callback_url a code_challenge is needed."
    if len(query.get("key_label", "")) > MAX_LABEL:
        return f"key_label has more than {MAX_LABEL} characters."
    return None


def _may_be_called(callback: str) -> bool:
    address = urlsplit(callback)
    return address.scheme == "https" or (address.scheme == "http" and address.hostname in LOOPBACK)


def _question(query: dict[str, str]) -> list[Step]:
    label = escape(query.get("key_label", "An app"))
    same = escape(urlencode(query))
    return _html(
        f"<p><b>{label}</b> asks for a key. This is the demo: nothing is sent to OpenRouter.</p>"
        f'<form method="post" action="/auth/authorize?{same}"><button>Authorize</button></form>'
        f'<form method="post" action="/auth/cancel?{same}"><button>Cancel</button></form>'
    )


def _key_page(name: str) -> list[Step]:
    return _html(
        f"<p>The page of the key <code>{escape(name)}</code>: its limit, what it spent, and how to revoke it.</p>"
    )


def _redirect(callback: str, more: dict[str, str]) -> list[Step]:
    address = urlsplit(callback)
    query = urlencode([*parse_qsl(address.query, keep_blank_values=True), *more.items()])
    location = urlunsplit(address._replace(query=query))
    return [Start(303, "text/html; charset=utf-8", (("Location", location),)), End()]


def _html(content: str, *, status: int = 200) -> list[Step]:
    return [Start(status, "text/html; charset=utf-8"), Write(_PAGE.format(content=content).encode()), End()]


def _fits(issued: _Issued, verifier: str) -> bool:
    """Source: RFC 7636, section 4.6."""
    made = verifier
    if issued.method == "S256":
        digest = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
        made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(made.encode("utf-8", "surrogatepass"), (issued.challenge or "").encode())


def _forbidden(message: str) -> RefusedError:
    return RefusedError(message, status=403, error_type="permission_denied")
