"""One log line per request, and the request id that a person can quote from an answer to find it."""

import re
import time
import uuid

import structlog

from tray_proxy.server.asgi import App, Message, Receive, Record, Scope, Send, header

_PRODUCT = re.compile(r"[A-Za-z0-9._ -]{1,40}")
MAX_PATH = 200

log = structlog.get_logger(__name__)


class Journal:
    """Outermost middleware: gives each request its id and its line. The line holds neither key nor prompt."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and write its line when it has ended, however it ended."""
        if scope["type"] != "http":
            return
        record = Record(request_id=uuid.uuid4().hex)
        scope["record"] = record
        status: int | None = None
        started_ns = time.monotonic_ns()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                named = (b"x-request-id", record.request_id.encode())
                message = {**message, "headers": [*message.get("headers", ()), named]}
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            if status is not None and status >= 400 and record.outcome == "done":
                # Also where a handler wrote the refusal itself, or no handler was found.
                record.outcome = "failed"
            log.info(
                "request",
                request_id=record.request_id,
                method=scope["method"],
                path=scope["path"][:MAX_PATH],
                app=product(header(scope, "user-agent")),
                model=record.model,
                status=status,
                outcome=record.outcome,
                prompt_tokens=record.prompt_tokens,
                completion_tokens=record.completion_tokens,
                cost_usd=record.cost_usd,
                ms=round((time.monotonic_ns() - started_ns) / 1e6, 1),
                error=record.error,
            )


def product(user_agent: str) -> str:
    """Return the app's name and version from its User-Agent: a hint for people, never a proof."""
    found = _PRODUCT.match(user_agent.replace("/", " ", 1).split(" (")[0])
    words = found[0].split()[:2] if found else []
    return "/".join(words) or "unknown"
