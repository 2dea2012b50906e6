"""What is asked: requests in both dialects, as small or as large as a scenario wants them; pure."""

import base64
import json
from functools import cache
from typing import Any

from benchmarks.speed.candidates import EMBEDDING_MODEL, MODEL, Candidate

QUESTION = "Tell me about the sea."
# Signature, and the head of the first chunk: by these a program knows a PNG. What follows is noise, as in a photograph.
PNG_HEAD = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d4948445200000100000001000802000000d3103f31")
TOOL_SIZE = 4096


@cache
def picture(kib: int) -> str:
    """Make a picture that takes so many KiB as base64; the same one each time."""
    size = kib * 768
    noise = b"".join(number.to_bytes(8, "big") for number in _noise(size // 8 + 1))
    return base64.b64encode((PNG_HEAD + noise)[:size]).decode()


def _noise(count: int) -> list[int]:
    state, numbers = 88172645463325252, []
    for _ in range(count):
        state ^= (state << 13) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 7
        state ^= (state << 17) & 0xFFFFFFFFFFFFFFFF
        numbers.append(state)
    return numbers


def chat(candidate: Candidate, *, stream: bool = True, text_kib: int = 0, picture_kib: int = 0) -> bytes:
    """Ask a question in the candidate's dialect, with so much text and so large a picture."""
    text = f"{QUESTION} " * max(1, text_kib * 1024 // (len(QUESTION) + 1))
    message: dict[str, Any] = {"role": "user", "content": text}
    body: dict[str, Any] = {"model": MODEL, "messages": [message], "stream": stream}
    if candidate.dialect == "ollama":
        body["options"] = {"temperature": 0.7, "num_predict": 4096}
    if picture_kib and candidate.dialect == "ollama":
        message["images"] = [picture(picture_kib)]
    elif picture_kib:
        address = {"url": f"data:image/png;base64,{picture(picture_kib)}"}
        message["content"] = [{"type": "text", "text": text}, {"type": "image_url", "image_url": address}]
    return json.dumps(body).encode()


def chat_with_tool(candidate: Candidate) -> bytes:
    """Ask with a tool whose description alone takes `TOOL_SIZE` bytes."""
    body = json.loads(chat(candidate))
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    function = {"name": "weather", "description": "w" * TOOL_SIZE, "parameters": parameters}
    return json.dumps(body | {"tools": [{"type": "function", "function": function}]}).encode()


def embedding() -> bytes:
    """Ask for the vector of one text; both dialects write it alike."""
    return json.dumps({"model": EMBEDDING_MODEL, "input": QUESTION}).encode()
