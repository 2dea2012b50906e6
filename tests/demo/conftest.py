"""A demo upstream on a real server and a real port, and OpenRouter's schemas to hold its answers against."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from jsonschema import Draft202012Validator

from tray_proxy.demo.upstream import DEMO_KEY, DemoUpstream

SCHEMAS = json.loads((Path(__file__).parents[1] / "fixtures" / "openrouter-schemas.json").read_text(encoding="utf-8"))


@pytest.fixture
def conforms() -> Callable[[str, object], None]:
    """Fail where a value is not what OpenRouter's schema of that name describes."""

    def check(name: str, value: object) -> None:
        Draft202012Validator({**SCHEMAS, "$ref": f"#/$defs/{name}"}).validate(value)

    return check


@pytest.fixture(scope="session")
def stage() -> Iterator[dict[str, Any]]:
    """One server for all tests; each test puts its own upstream on it."""
    on_stage: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await on_stage["app"](scope, receive, send)

    sock = socket.create_server(("127.0.0.1", 0))
    on_stage["url"] = f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1"
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    yield on_stage
    server.should_exit = True
    thread.join()


@pytest.fixture
def upstream(stage: dict[str, Any]) -> DemoUpstream:
    """A fresh upstream without pauses."""
    demo = DemoUpstream(chunk_delay_s=0)
    stage["app"] = demo.app
    return demo


@pytest.fixture
def client(stage: dict[str, Any], upstream: DemoUpstream) -> Iterator[httpx.Client]:
    """A caller with the right key."""
    headers = {"Authorization": f"Bearer {DEMO_KEY}"}
    with httpx.Client(base_url=stage["url"], headers=headers, trust_env=False, timeout=15) as http:
        yield http


def chat_body(text: str = "Why is the sky blue?", **more: Any) -> dict[str, Any]:
    """Write the smallest chat request, and what is put over it."""
    return {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}


@pytest.fixture
def body() -> Callable[..., dict[str, Any]]:
    """Make chat requests."""
    return chat_body


@pytest.fixture
def stream(client: httpx.Client) -> Callable[..., list[Any]]:
    """Ask for a stream and read it to its end: comments and `[DONE]` as texts, chunks decoded."""

    def read(text: str = "Why is the sky blue?", **more: Any) -> list[Any]:
        with client.stream("POST", "/chat/completions", json=chat_body(text, stream=True, **more)) as answer:
            assert answer.status_code == 200
            raw = b"".join(answer.iter_raw()).decode()
        events = [event for event in raw.split("\n\n") if event]
        return [_event(event) for event in events]

    return read


def _event(text: str) -> Any:
    data = text.removeprefix("data: ")
    return json.loads(data) if data.startswith("{") else data
