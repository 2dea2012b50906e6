"""How a client reads an NDJSON stream, and the times in it."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

# RFC 3339 in UTC. Swift's date format fails without a fraction, and nobody reads more than nine digits of it.
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{1,9}Z")


def lines_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """
    Decode each line of a stream, which must be one object and end in a line feed; a blank line would not decode.

    The bytes are cut at line feeds alone: other characters that end lines may stand in the text.
    """
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    *lines, behind = answer.content.split(b"\n")
    assert behind == b""
    return [json.loads(line) for line in lines]


def is_just_now(text: str) -> bool:
    """Say whether a `created_at` is the present time, in UTC, whatever the computer's own zone."""
    if not _TIME.fullmatch(text):
        return False
    return timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(text) < timedelta(minutes=1)
