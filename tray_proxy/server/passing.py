"""
A request for a local model, passed to the real Ollama as it is, and its answer passed back as it comes.

Nothing is translated, and nothing is bought. As with OpenRouter, the client's connection is watched: when it leaves,
Ollama's is closed at once, which ends the work there.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from tray_proxy.errors import ProxyError, full_text
from tray_proxy.neighbour.client import OllamaAnswer, OllamaClient
from tray_proxy.server import refusals
from tray_proxy.server.asgi import NDJSON, Scope
from tray_proxy.server.exchange import Purchase

# What Ollama reads of a request's headers. Nothing else goes out: a key that an app sends is not for Ollama.
SENT_HEADERS = ("accept", "content-encoding", "content-type", "user-agent")
# What clients read of an answer's. Whose port it is, and who may read it in a browser, is told by us.
RETURNED_HEADERS = ("content-length", "content-type", "retry-after")


@dataclass
class Passing(Purchase):
    """
    One request's way to Ollama.

    Args:
        asks: Whether a model is to answer something, and not only to be shown or dealt with.
        answered: Told the answer's status, before the client can know it.
        ending: Called when the answer is complete, before a client that reads a stream can know it.
    """

    asks: bool
    answered: Callable[[int], None]
    ending: Callable[[], Awaitable[object]]
    _returned: dict[str, str] = field(default_factory=dict, init=False)

    async def run(self, ollama: OllamaClient, body: bytes | bytearray) -> None:
        """
        Pass the request on, and its answer back.

        Raises:
            OllamaAway: Ollama could not be reached, or broke off before it answered anything.
            ClientLeft: the client left before anything was asked.
        """
        await self.buy(self._pass(ollama, body))

    async def _pass(self, ollama: OllamaClient, body: bytes | bytearray) -> None:
        self.record.asked, self.record.local = self.asks, True
        asked = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]}
        async with ollama.ask(self.scope["method"], _target(self.scope), _only(SENT_HEADERS, asked), body) as answer:
            self.answered(answer.status)
            self._returned = _only(RETURNED_HEADERS, answer.headers)
            if "content-length" in self._returned:
                await self._return_whole(answer)
            else:
                await self._return_stream(answer)
        self._ended = True

    async def _return_whole(self, answer: OllamaAnswer) -> None:
        # Sent in one go: its reader knows where it ends, and asks the next thing at once.
        body = b"".join([piece async for piece in answer.pieces])
        await self.ending()
        await self._start(answer.status)
        await self.send({"type": "http.response.body", "body": body})

    async def _return_stream(self, answer: OllamaAnswer) -> None:
        await self._start(answer.status)
        async for piece in answer.pieces:
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
        await self.ending()
        await self.send({"type": "http.response.body", "body": b""})

    async def _start(self, status: int) -> None:
        self._begun = True
        raw = [(name.encode(), value.encode("latin-1")) for name, value in self._returned.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": raw})

    def delivered(self) -> None:
        """Tell nobody: that Ollama answered says nothing of the way to OpenRouter."""

    async def last_words(self, error: ProxyError) -> None:
        """Tell of an answer that broke off, where its form leaves room for that; else it just ends too early."""
        kind = self._returned.get("content-type", "")
        path = self.scope["path"]
        told = refusals.told(error.status, full_text(error), path, self.record.request_id)
        if kind.startswith(NDJSON):
            line = told + b"\n"
        elif kind.startswith("text/event-stream"):
            line = (b"event: error\n" if path.startswith("/v1/messages") else b"") + b"data: " + told + b"\n\n"
        else:
            return
        await self.send_last(line)


def _only(names: tuple[str, ...], headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in names if name in headers}


def _target(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return quote(scope["path"]) + (f"?{query}" if query else "")
