"""A real Ollama's stand-in: it speaks the true dialect on a port of its own, and notes what it is asked."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tray_proxy.listener import Listener, LoopThread, bind

VERSION = "0.17.6"
# Ollama's own words for an answer's last line.
METRICS = {
    "total_duration": 5_000_000,
    "load_duration": 1_000_000,
    "prompt_eval_count": 3,
    "prompt_eval_duration": 1_000_000,
    "eval_count": 2,
    "eval_duration": 2_000_000,
}
NDJSON = "application/x-ndjson"
# OpenRouter serves the first two under other names, and answers by these where no Ollama has them.
NAMES = ("llama3.3:70b", "bge-m3:latest", "mistral:latest")
# A prompt that is answered by one word, and then by nothing until who asked leaves.
ENDLESS = "for ever"
# One that is not answered at all: a large model is loading.
LOADING = "loading"


def model(name: str, **more: Any) -> dict[str, Any]:
    """Make a row of `/api/tags`, as Ollama writes it."""
    return {
        "name": name,
        "model": name,
        "modified_at": "2026-11-20T10:11:12.123456789+01:00",
        "size": 2019393189,
        "digest": "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72",
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": "llama",
            "families": ["llama"],
            "parameter_size": "3.2B",
            "quantization_level": "Q4_K_M",
        },
        **more,
    }


@dataclass
class Asked:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class StandInOllama:
    """
    The stand-in. `models` are the rows that it lists, and `asked` the requests that named a model; lists and versions
    are asked for at any time. While it is `silent`, it lets whoever wants a list wait.
    """

    loop: LoopThread
    models: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    lists: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    silent: bool = False
    port: int = 0
    _listener: Listener | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "StandInOllama":
        """Listen, as new; at the port that it had if it was stopped in between."""
        self.models = [model(name) for name in NAMES]
        self.asked, self.lists, self.silent, self.left = [], 0, False, asyncio.Event()
        if self._listener is not None:
            return self
        self._listener = Listener(self._app(), bind("127.0.0.1", self.port))
        self.port = self._listener.port
        self.loop.submit(self._listener.start()).result(15)
        return self

    def stop(self) -> None:
        """Close the port."""
        if self._listener is not None:
            self.loop.submit(self._listener.stop()).result(15)
            self._listener = None

    def _app(self) -> Starlette:
        posts = {
            "/api/show": self._show,
            "/api/chat": self._chat,
            "/api/generate": self._generate,
            "/api/embed": self._embed,
            "/api/embeddings": self._embeddings,
            "/api/pull": self._pull,
            "/api/push": self._pull,
            "/api/create": self._pull,
            "/api/copy": self._copy,
            "/v1/chat/completions": self._openai_chat,
            "/v1/completions": self._echo,
            "/v1/embeddings": self._echo,
            "/v1/responses": self._echo,
            "/v1/messages": self._echo,
            "/v1/audio/transcriptions": self._echo,
        }
        return Starlette(
            routes=[
                Route("/", lambda _: PlainTextResponse("Ollama is running")),
                Route("/api/version", lambda _: JSONResponse({"version": VERSION})),
                Route("/api/tags", self._tags),
                Route("/api/ps", self._ps),
                Route("/v1/models/{name}", self._openai_model),
                Route("/api/delete", self._delete, methods=["DELETE"]),
                *(Route(path, handler, methods=["POST"]) for path, handler in posts.items()),
            ]
        )

    def _knows(self, name: str) -> bool:
        return any(row["name"] in (name, f"{name}:latest") for row in self.models)

    async def _note(self, request: Request) -> dict[str, Any]:
        body = await request.body()
        self.asked.append(Asked(request.method, request.url.path, dict(request.headers), body))
        try:
            return dict(json.loads(body))
        except ValueError:
            return {}

    async def _tags(self, _request: Request) -> Response:
        self.lists += 1
        if self.silent:
            await asyncio.Event().wait()
        return JSONResponse({"models": self.models})

    async def _ps(self, _request: Request) -> Response:
        if self.silent:
            await asyncio.Event().wait()
        row = {key: value for key, value in self.models[0].items() if key != "modified_at"}
        return JSONResponse({"models": [row | {"expires_at": "2096-11-20T10:11:12.5+01:00", "size_vram": 2019393189}]})

    async def _show(self, request: Request) -> Response:
        asked = await self._note(request)
        if not self._knows(asked.get("model") or asked.get("name") or ""):
            return JSONResponse({"error": f"model '{asked['model']}' not found"}, 404)
        return JSONResponse({"details": self.models[0]["details"], "model_info": {}, "capabilities": ["completion"]})

    async def _chat(self, request: Request) -> Response:
        asked = await self._note(request)
        if LOADING in str(asked.get("messages")):
            while (await request.receive())["type"] != "http.disconnect":
                pass
            self.left.set()
        return self._answer(
            asked, lambda text: {"message": {"role": "assistant", "content": text}}, str(asked.get("messages"))
        )

    async def _generate(self, request: Request) -> Response:
        asked = await self._note(request)
        return self._answer(asked, lambda text: {"response": text}, str(asked.get("prompt")))

    def _answer(self, asked: dict[str, Any], said: Any, prompt: str) -> Response:
        if not self._knows(asked["model"]):
            return JSONResponse({"error": f"model '{asked['model']}' not found"}, 404)
        head = {"model": asked["model"], "created_at": "2026-11-25T19:49:24.123456789Z"}
        last = {**head, **said(""), "done": True, "done_reason": "stop", **METRICS}
        if asked.get("stream") is False:
            return JSONResponse({**last, **said("local words")})

        async def lines() -> Any:
            for word in ("local ", "words"):
                yield json.dumps({**head, **said(word), "done": False}) + "\n"
                if ENDLESS in prompt:
                    try:
                        await asyncio.Event().wait()
                    finally:
                        self.left.set()
            yield json.dumps(last) + "\n"

        return StreamingResponse(lines(), media_type=NDJSON)

    async def _embed(self, request: Request) -> Response:
        return JSONResponse({"model": (await self._note(request))["model"], "embeddings": [[1.0, 0.0]]})

    async def _embeddings(self, request: Request) -> Response:
        await self._note(request)
        return JSONResponse({"embedding": [1.0, 0.0]})

    async def _pull(self, request: Request) -> Response:
        asked = await self._note(request)
        name = asked.get("model") or asked.get("name") or ""
        if not self._knows(name):
            self.models.append(model(name if ":" in name else f"{name}:latest"))
        return StreamingResponse(iter(['{"status":"pulling manifest"}\n', '{"status":"success"}\n']), media_type=NDJSON)

    async def _copy(self, request: Request) -> Response:
        self.models.append(model(f"{(await self._note(request))['destination']}:latest"))
        return Response()

    async def _delete(self, request: Request) -> Response:
        asked = await self._note(request)
        name = asked.get("model") or asked.get("name") or ""
        if not self._knows(name):
            return JSONResponse({"error": f"model '{name}' not found"}, 404)
        self.models = [row for row in self.models if row["name"] not in (name, f"{name}:latest")]
        return Response()

    async def _openai_chat(self, request: Request) -> Response:
        asked = await self._note(request)
        choice = {"index": 0, "message": {"role": "assistant", "content": "local words"}, "finish_reason": "stop"}
        return JSONResponse(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1764099264,
                "model": asked.get("model"),
                "system_fingerprint": "fp_ollama",
                "choices": [choice],
                "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
            }
        )

    async def _openai_model(self, request: Request) -> Response:
        await self._note(request)
        name = request.path_params["name"]
        return JSONResponse({"id": name, "object": "model", "created": 1764099264, "owned_by": "library"})

    async def _echo(self, request: Request) -> Response:
        await self._note(request)
        return JSONResponse({"from": "Ollama", "path": request.url.path})
