"""What a client is told that comes while there are too many connections; see `http_protocol`, which counts them."""

import time
from collections.abc import Awaitable

import structlog

from tray_proxy.errors import ProxyError
from tray_proxy.http_protocol import CROWDED
from tray_proxy.server import refusals
from tray_proxy.server.asgi import App, Receive, Reply, Scope, Send, send_reply

RETRY_AFTER_S = 1
# A line for each would fill the log, and take the time that is short.
LOG_EVERY_S = 60.0

log = structlog.get_logger(__name__)


class TooManyConnections(ProxyError):
    """More connections are open than we are willing to hold."""

    status = 503
    hint = "Wait a moment. If it goes on, some app opens connections without closing them."

    def __init__(self) -> None:
        super().__init__("Tray Proxy holds too many connections: wait a moment, and close some.")


class Crowd:
    """Middleware: 503 in the dialect of the path, at once, where there are too many connections already."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._logged_s = -LOG_EVERY_S

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer a client that is one too many, without a look at what it asks; pass the others on."""
        limit: int | None = scope.get(CROWDED)
        return self._app(scope, receive, send) if limit is None else self._turn_away(limit, scope, send)

    async def _turn_away(self, limit: int, scope: Scope, send: Send) -> None:
        now_s = time.monotonic()
        if now_s - self._logged_s >= LOG_EVERY_S:
            self._logged_s = now_s
            log.warning("too many connections", limit=limit)
        reply = refusals.refusal(TooManyConnections(), scope["path"], "")
        headers = (*reply.headers, ("retry-after", str(RETRY_AFTER_S)), ("connection", "close"))
        await send_reply(send, Reply(reply.status, reply.body, reply.content_type, headers))
