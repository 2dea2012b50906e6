"""
The access key: who does not show it gets a 401, before anything of the request's body is read.

Ollama's clients send none by themselves, so it is asked for only where the owner has set one; then of everyone, on
this computer too. It ends here: what is passed on to OpenRouter or to a real Ollama has headers of our own.
"""

import hmac

import structlog

from tray_proxy.errors import AccessDenied
from tray_proxy.secret_str import SecretStr
from tray_proxy.server import refusals
from tray_proxy.server.asgi import App, Receive, Record, Reply, Scope, Send, send_reply

# What a health check may see: whether we are well, and nothing that costs.
OPEN_PATHS = ("/", "/health")
_CHALLENGE = ("www-authenticate", "Bearer")

log = structlog.get_logger(__name__)


class Access:
    """Middleware: 401 in the words of the path's dialect for who does not show the key. CORS is settled before."""

    def __init__(self, app: App, key: SecretStr) -> None:
        self._app = app
        self._key = key.get_secret_value().encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or not."""
        shown = _shown(scope)
        # Each is compared in full: how long that takes tells nothing of the key.
        if any(hmac.compare_digest(each, self._key) for each in shown) or is_open(scope):
            await self._app(scope, receive, send)
            return
        record: Record = scope["record"]
        error = AccessDenied(wrong=any(shown))
        record.error = type(error).__name__
        if any(shown):
            client = scope.get("client")
            log.warning("wrong access key", request_id=record.request_id, address=client and client[0])
        body = refusals.told(error.status, error.message, scope["path"], record.request_id)
        await send_reply(send, Reply(error.status, body, headers=(_CHALLENGE,)))


def _shown(scope: Scope) -> list[bytes]:
    """Return what a request shows as its key; apps that were given none often send an empty one."""
    found = []
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            found.append(value.strip())
        elif name == b"authorization":
            scheme, _, token = value.strip().partition(b" ")
            found.append(token.strip() if scheme.lower() == b"bearer" else b"")
    return found


def is_open(scope: Scope) -> bool:
    """Say whether a request is one that everybody may make who reaches the port."""
    return scope["path"] in OPEN_PATHS and scope["method"] in ("GET", "HEAD")
