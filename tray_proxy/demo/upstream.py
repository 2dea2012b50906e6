"""
A stand-in for OpenRouter: catalogue, key, chat and embeddings under `/api/v1`, faults on request; and the page that
asks the owner to sign an app in.

A plain ASGI application without a framework, so that it notices at once when the caller leaves. Every answer
is labelled as demo. Nothing leaves the computer.

Source: OpenRouter's OpenAPI file, paths `/models`, `/embeddings/models`, `/key`, `/auth/keys`, `/chat/completions`
and `/embeddings`; docs, "Streaming", "Errors and Debugging" and "OAuth PKCE".
"""

import asyncio
import contextlib
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope, Send

from tray_proxy.demo import answers, catalogue, dialect, keys, strict, vectors
from tray_proxy.demo.faults import FAULTS, Door, Fault, find_fault
from tray_proxy.demo.journal import Journal, Received
from tray_proxy.demo.keys import DEMO_KEY
from tray_proxy.demo.refusals import RefusedError, error_body
from tray_proxy.demo.sign_in import SignInDesk
from tray_proxy.demo.steps import Cut, End, Exchange, Pause, Start, Step, Write, json_steps, plain

PREFIX = "/api/v1"


class DemoUpstream:
    """
    The demo upstream; `app` is what a server runs.

    Args:
        key: The key that is accepted, besides those for special cases and those that were made by signing in.
        chunk_delay_s: Pause before each chunk of a stream.
        now_s: A clock that never goes back, in seconds.
    """

    def __init__(
        self, *, key: str = DEMO_KEY, chunk_delay_s: float = 0.03, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.key = key
        self.chunk_delay_s = chunk_delay_s
        self._journal = Journal()
        self._arranged: deque[tuple[Door, Fault]] = deque()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._desk = SignInDesk(now_s)
        self._routes: dict[tuple[str, str], Callable[[Received], Iterable[Step]]] = {
            ("GET", "/models"): self._models,
            ("GET", "/embeddings/models"): self._embedding_models,
            ("GET", "/key"): self._key,
            ("POST", "/auth/keys"): self._exchange_code,
            ("GET", "/auth/keys"): self._method_not_allowed,
            ("POST", "/chat/completions"): self._chat,
            ("POST", "/embeddings"): self._embeddings,
        }

        # A function, not a bound method: uvicorn would take that for an application of the old kind.
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await self._serve(scope, receive, send)

        self.app = app

    @property
    def received(self) -> list[Received]:
        """All requests so far, the oldest first."""
        return self._journal.received

    @property
    def chats(self) -> list[Received]:
        """The requests for a chat."""
        return [one for one in self.received if one.path == f"{PREFIX}/chat/completions"]

    def arrange(self, fault: Fault | str, *, times: int = 1, on: Door | None = None) -> None:
        """
        Let a coming request go wrong; arranged faults are used up in their order. Callable from any thread.

        Args:
            fault: A row of `FAULTS`, its name, or a fault of your own.
            on: The endpoint that fails; None leaves it to the fault.
        """
        fault = FAULTS[fault] if isinstance(fault, str) else fault
        with self._lock:
            self._arranged.extend([(on or fault.on, fault)] * times)

    def wait_for(self, predicate: Callable[["DemoUpstream"], bool], timeout_s: float) -> bool:
        """Wait from another thread until the predicate holds of what was received; False if it never did."""
        return self._journal.wait_for(lambda: predicate(self), timeout_s)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = self._journal.open(_received(scope))
        has_answered = False
        try:
            body = await _read_body(receive)
            if body is not None:
                self._journal.read(seen, _decoded(body))
                has_answered = await _perform(self._steps(seen, body), receive, send)
        finally:
            self._journal.close(seen, "answered" if has_answered else "dropped")

    def _steps(self, seen: Received, body: bytes) -> Iterable[Step]:
        page = self._desk.page(seen)
        if page is not None:
            return page
        route = self._routes.get((seen.method, seen.path.removeprefix(PREFIX)))
        if route is None or not seen.path.startswith(PREFIX):
            return _refused(404, f"Not Found: {seen.path} (demo)", "not_found")
        if seen.method == "POST" and seen.body is None:
            return _refused(400, f"Invalid JSON in the request body of {len(body)} bytes", "invalid_request")
        try:
            return route(seen)
        except RefusedError as refusal:
            return json_steps(refusal.body(), status=refusal.status)

    def _take_fault(self, door: Door) -> Fault | None:
        with self._lock:
            for position, (on, fault) in enumerate(self._arranged):
                if on == door:
                    del self._arranged[position]
                    return fault
        return None

    def _answer(self, door: Door, exchange: Exchange, typed: Fault | None = None) -> Iterable[Step]:
        """Answer well, unless a fault was arranged or typed."""
        fault = self._take_fault(door) or typed
        return plain(exchange) if fault is None else fault.perform(exchange)

    def _exchange(self, seen: Received) -> Exchange:
        created = int(time.time())
        return Exchange(
            key=seen.headers.get("authorization", "").removeprefix("Bearer "),
            generation_id=f"gen-{created}-demo{next(self._numbers):06d}",
            created=created,
            delay_s=self.chunk_delay_s,
            result={},
        )

    def _authorise(self, seen: Received) -> str:
        return keys.authorise(seen.headers.get("authorization"), self.key)

    def _models(self, seen: Received) -> Iterable[Step]:
        models = catalogue.models_with_output(seen.query.get("output_modalities"))
        exchange = replace(self._exchange(seen), result=catalogue.list_response(models))
        return self._answer("models", exchange)

    def _embedding_models(self, seen: Received) -> Iterable[Step]:
        models = catalogue.models_with_output("embeddings")
        exchange = replace(self._exchange(seen), result=catalogue.list_response(models))
        return self._answer("models", exchange)

    def _key(self, seen: Received) -> Iterable[Step]:
        key = self._authorise(seen)
        return self._answer("key", replace(self._exchange(seen), result={"data": keys.key_data(key)}))

    def _exchange_code(self, seen: Received) -> Iterable[Step]:
        fault = self._take_fault("auth")
        exchange = self._exchange(seen)
        if fault is not None:
            return fault.perform(exchange)
        return plain(replace(exchange, result=self._desk.exchange(seen)))

    def _method_not_allowed(self, seen: Received) -> Iterable[Step]:
        raise RefusedError(f"Method {seen.method} Not Allowed", status=405)

    def _chat(self, seen: Received) -> Iterable[Step]:
        key = self._authorise(seen)
        request, model = strict.read_chat(seen.body)
        keys.charge(key, model)
        typed = find_fault(answers.last_user_text(request))
        if typed is not None and typed.on != "chat":
            self.arrange(typed)
            typed = None
        answer = answers.compose(request, model)
        exchange = self._exchange(seen)
        result = dialect.result(answer, exchange.generation_id, exchange.created)
        exchange = replace(exchange, answer=answer, result=result, streams=request.stream)
        return self._answer("chat", exchange, typed)

    def _embeddings(self, seen: Received) -> Iterable[Step]:
        key = self._authorise(seen)
        request, model = strict.read_embeddings(seen.body)
        keys.charge(key, model)
        exchange = self._exchange(seen)
        result = vectors.embed(request, model, exchange.generation_id)
        return self._answer("embeddings", replace(exchange, result=result))


def _refused(status: int, message: str, error_type: str) -> list[Step]:
    return json_steps(error_body(status, message, error_type), status=status)


def _received(scope: Scope) -> Received:
    client = scope.get("client")
    return Received(
        method=scope["method"],
        path=scope["path"],
        query=dict(parse_qsl(scope["query_string"].decode())),
        headers={name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]},
        connection=client[1] if client else 0,
    )


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body) if body else None
    except msgspec.DecodeError:
        return None


async def _read_body(receive: Receive) -> bytes | None:
    """Read the whole request; None if the caller leaves meanwhile."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


async def _perform(steps: Iterable[Step], receive: Receive, send: Send) -> bool:
    """Perform an answer; False if the caller left before its end."""
    gone = asyncio.ensure_future(_disconnect(receive))
    try:
        for step in steps:
            await _perform_step(step, receive, send, gone)
            if isinstance(step, End | Cut):
                return True
            if gone.done():
                return False
    finally:
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone
    return True


async def _perform_step(step: Step, receive: Receive, send: Send, gone: asyncio.Future[None]) -> None:
    match step:
        case Start(status, content_type, headers):
            lines = [("Content-Type", content_type), *headers]
            encoded = [(name.lower().encode(), value.encode()) for name, value in lines]
            await send({"type": "http.response.start", "status": status, "headers": encoded})
        case Write(data):
            await send({"type": "http.response.body", "body": data, "more_body": True})
            await asyncio.wait({gone}, timeout=0)
        case Pause(seconds):
            await asyncio.wait({gone}, timeout=None if math.isinf(seconds) else seconds)
        case End():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        case Cut():
            _close_connection(receive)
            await gone


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _close_connection(receive: Receive) -> None:
    """
    Close the socket under the server's feet: ASGI has no word for an answer that breaks off.

    uvicorn's `receive` is a method of the request's cycle, which holds the transport.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionAbortedError("The demo upstream cuts this connection off on request")
    transport.close()
