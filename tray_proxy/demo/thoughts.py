"""
Thoughts that only their author can have had: Claude signs them, OpenAI encrypts them; whoever changes one is refused.

Source: OpenRouter docs, "Reasoning Tokens" (Preserving Reasoning); Anthropic's docs, "Extended Thinking".
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

from tray_proxy.demo.refusals import RefusedError

CLAUDE = "anthropic-claude-v1"
OPENAI = "openai-responses-v1"
TYPES = ("reasoning.text", "reasoning.summary", "reasoning.encrypted", "reasoning.server_tool_call")


def sign(thought: str) -> str:
    """Sign a thought; the same text has the same signature."""
    return base64.b64encode(hashlib.sha256(thought.encode()).digest()).decode()


def closing_details(vendor: str, thought: str) -> list[dict[str, Any]]:
    """Give what a vendor sends after a thought: a signature, the thought encrypted, or nothing."""
    match vendor:
        case "anthropic":
            return [{"type": "reasoning.text", "signature": sign(thought), "format": CLAUDE, "index": 0}]
        case "openai":
            sealed = {"type": "reasoning.encrypted", "data": sign(thought), "id": "rs_demo"}
            return [{**sealed, "format": OPENAI, "index": 0}]
        case _:
            return []


def check_returned(details: Iterable[dict[str, Any]]) -> None:
    """
    Check the details of a turn that comes back.

    Raises:
        RefusedError: one is of no known type, or is not what was sent.
    """
    summaries: dict[object, str] = {}
    for detail in details:
        kind, form, index = detail.get("type"), detail.get("format"), detail.get("index")
        if kind not in TYPES:
            raise RefusedError(f"Invalid request: reasoning_details of type {kind!r}")
        if kind == "reasoning.summary":
            summaries[index] = str(detail.get("summary"))
        if kind == "reasoning.text" and form == CLAUDE and detail.get("signature") != sign(str(detail.get("text"))):
            raise RefusedError("Invalid `signature` in `thinking` block")
        if kind == "reasoning.encrypted" and form == OPENAI and detail.get("data") != sign(summaries.get(index, "")):
            raise RefusedError("The encrypted content of a reasoning item could not be verified.")
