"""
One log line per request, and the request id that a person can quote from an answer to find it.

The same goes to the list on the page Activity, where a request stands while it is answered.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from tray_proxy import logs
from tray_proxy.activity import Activity, Entry
from tray_proxy.callers import Caller, identify
from tray_proxy.http_cycle import HELD
from tray_proxy.redaction import beginning
from tray_proxy.server.asgi import App, Message, Receive, Record, Scope, Send, give_way, header
from tray_proxy.translate.names import MAX_NAME_LENGTH

MAX_PATH = 200


class Journal:
    """
    Outermost middleware: gives each request its id and its line. The line holds neither key nor prompt.

    Args:
        ended: Told of each request that has ended: what is kept of it, the status (None where nothing was answered),
            and the seconds it took.
        demo: Whether these are the demo's requests, which are written into the same log.
    """

    def __init__(
        self, app: App, activity: Activity, ended: Callable[[Record, int | None, float], None], *, demo: bool = False
    ) -> None:
        self._app = app
        self._activity = activity
        self._ended = ended
        # Only there where it says something: nearly all lines are of no demo.
        self._mark: dict[str, Any] = {"demo": True} if demo else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and write its line when it has ended, however it ended."""
        if scope["type"] != "http":
            return
        request = _Request(scope, send, self._activity)
        scope["record"] = request.record
        # Nobody waits for that: first the question, as far as it goes by itself.
        asyncio.get_running_loop().call_soon(request.begin)
        started_ns = time.monotonic_ns()
        try:
            await self._app(scope, receive, request.send)
            await give_way(scope)
        finally:
            elapsed_s = ((request.record.answered_ns or time.monotonic_ns()) - started_ns) / 1e9
            facts = request.end(elapsed_s)
            self._ended(request.record, request.record.status, elapsed_s)
            logs.tell_request(facts | self._mark)


class _Request:
    """A request on its way: what is kept of it, and its entry in the list."""

    def __init__(self, scope: Scope, send: Send, activity: Activity) -> None:
        self.record = Record()
        self._scope = scope
        self._send = send
        self._activity = activity
        self._caller: Caller | None = None
        self._entry: Entry | None = None

    async def send(self, message: Message) -> None:
        """Pass on a message of the answer, with the request's id in its head."""
        if message["type"] == "http.response.start":
            if not message.get(HELD):
                self.record.status = message["status"]
            named = (b"x-request-id", self.record.request_id.encode())
            message = {**message, "headers": [*message.get("headers", ()), named]}
        await self._send(message)

    def begin(self) -> tuple[Caller, Entry]:
        """Put it into the list, if it is not there yet."""
        if self._caller is None or self._entry is None:
            scope = self._scope
            self._caller = identify(header(scope, "user-agent"), header(scope, "origin"))
            path = _cut(scope["path"], MAX_PATH)
            self._entry = self._activity.begin(self.record.request_id, self._caller, scope["method"], path)
            self.record.named = self._name
            if self.record.model is not None:
                self._entry.model = _cut(self.record.model, MAX_NAME_LENGTH)
        return self._caller, self._entry

    def _name(self, model: str) -> None:
        if self._entry is not None:
            self._activity.name(self._entry, _cut(model, MAX_NAME_LENGTH))

    def end(self, elapsed_s: float) -> dict[str, Any]:
        """Note in the list how it has ended, and give what its line is to hold."""
        record, status, usage = self.record, self.record.status, self.record.usage
        caller, entry = self.begin()
        if status is not None and status >= 400 and record.outcome == "done":
            # Also where a handler wrote the refusal itself, or no handler was found.
            record.outcome = "failed"
        # As an app wrote it, it may be megabytes: the list would keep them, and every page be sent them.
        entry.model = None if record.model is None else _cut(record.model, MAX_NAME_LENGTH)
        entry.status, entry.outcome, entry.error = status, record.outcome, record.error
        entry.prompt_tokens, entry.completion_tokens = usage.prompt_tokens, usage.completion_tokens
        entry.cost_usd = usage.cost
        entry.ms = round(elapsed_s * 1e3, 1)
        path = entry.path
        route = _cut(record.route, MAX_PATH) or path
        self._activity.end(entry, route=route, asked=record.asked, models=record.models)
        return {
            "request_id": record.request_id,
            "method": entry.method,
            "path": path,
            "app": caller.product,
            "client": caller.id,
            "model": entry.model,
            "models": record.models,
            "asked": record.asked,
            "local": record.local,
            "status": status,
            "outcome": record.outcome,
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "cost_usd": usage.cost,
            "ms": entry.ms,
            "error": record.error,
        }


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else beginning(text, length)
