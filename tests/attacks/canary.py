"""A secret that must turn up nowhere, and where it is looked for."""

import base64
import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

KEY = "sk-or-v1-CANARY7f3a9c5e1b2d4f60718293a4b5c6d7e8f90a1b2c3d4e5f6071829"
ACCESS_KEY = "CANARY-access_key.of~nobody/0+9"
PROMPT = "CANARY-prompt-0f9e8d7c6b5a"
ANSWER = "CANARY-answer-1a2b3c4d5e6f"
MODEL = "openai/gpt-4o-mini"


def forms(secret: str) -> dict[str, bytes]:
    """Write a secret in the ways in which it may stand somewhere, but for upper and lower case."""
    raw = secret.encode()
    escaped = {
        "as it is": secret,
        "percent-encoded": quote(secret, safe=""),
        "percent-encoded wholly": "".join(f"%{byte:02x}" for byte in raw),
        "escaped for JSON": "".join(f"\\u{byte:04x}" for byte in raw),
        "escaped for HTML": "".join(f"&#{byte};" for byte in raw),
        "in hex": raw.hex(),
    }
    for before in range(3):
        sure = slice(-(-before * 8 // 6), (before + len(raw)) * 8 // 6)
        escaped[f"in base64 at {before}"] = base64.b64encode(bytes(before) + raw).decode()[sure]
    # Half of it is bad enough.
    escaped["the middle of it"] = secret[len(secret) // 3 : len(secret) // 3 * 2]
    return {name: text.lower().encode() for name, text in escaped.items()}


def found(secret: str, where: dict[str, bytes]) -> list[str]:
    """Tell where a secret stands, and in which form."""
    level = {name: content.lower() for name, content in where.items()}
    return [
        f"{name}: {form} (…{content[max(0, content.find(written) - 60) : content.find(written)]!r})"
        for name, content in level.items()
        for form, written in forms(secret).items()
        if written in content
    ]


def ask(
    port: int, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Ask, and give the status and every byte that was answered: the line, the headers, the body as it came."""
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    own = {"Content-Type": "application/json", "Connection": "close"} | (headers or {})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, content, own)
        answer = connection.getresponse()
        head = f"{answer.status} {answer.reason}\n{answer.headers.as_string()}\n".encode()
        return answer.status, head + answer.read()
    finally:
        connection.close()


def body_of(answered: bytes) -> Any:
    """Read the JSON of an answer."""
    return json.loads(answered.partition(b"\n\n")[2])


def questions(model: str = MODEL, prompt: str = PROMPT) -> Iterator[tuple[str, object, dict[str, str]]]:
    """Give a request for each way to spend money: its path, its body, and its headers."""
    turn = [{"role": "user", "content": prompt}]
    for stream in (True, False):
        yield "/api/chat", {"model": model, "messages": turn, "stream": stream}, {}
        yield "/api/generate", {"model": model, "prompt": prompt, "stream": stream}, {}
        yield "/v1/chat/completions", {"model": model, "messages": turn, "stream": stream}, {}
        yield "/v1/completions", {"model": model, "prompt": prompt, "stream": stream}, {}
        yield "/v1/responses", {"model": model, "input": prompt, "stream": stream}, {}
        yield "/v1/messages", {"model": model, "messages": turn, "stream": stream, "max_tokens": 9}, {}
    for path in ("/api/embed", "/v1/embeddings"):
        yield path, {"model": "openai/text-embedding-3-small", "input": prompt}, {}
    yield "/api/embeddings", {"model": "openai/text-embedding-3-small", "prompt": prompt}, {}
    hearing = "google/gemini-2.5-flash" if model == MODEL else model
    form = (
        f'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n{hearing}\r\n'
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="{prompt}.wav"\r\n\r\nRIFF{prompt}\r\n--b--\r\n'
    )
    yield "/v1/audio/transcriptions", form.encode(), {"Content-Type": "multipart/form-data; boundary=b"}
