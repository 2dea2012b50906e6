"""How a client reads a stream, NDJSON or OpenAI's events; an error; and the times in an answer."""

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


def events_of(answer: httpx.Response) -> list[Any]:
    """
    Decode each event of one of OpenAI's streams, which must be one line of data, and a blank line behind it.

    The bytes are cut at line feeds alone: other characters that end lines may stand in the text.

    Returns:
        Objects, and at the end a text: what stands there for the end of the stream.
    """
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream"
    *events, behind = answer.content.split(b"\n\n")
    assert behind == b""
    assert [event for event in events if b"\n" in event or not event.startswith(b"data: ")] == []
    texts = [event.removeprefix(b"data: ") for event in events]
    return ["[DONE]" if text == b"[DONE]" else json.loads(text) for text in texts]


def openais_error(answer: httpx.Response) -> tuple[int, str, str]:
    """Return status, type and text of an error, which must have OpenAI's shape and no other field."""
    assert answer.headers["content-type"].startswith("application/json")
    return answer.status_code, *told(answer.json())


def told(event: Any) -> tuple[str, str]:
    """Return type and text of an error in OpenAI's shape, which must have no other field."""
    assert list(event) == ["error"]
    assert list(event["error"]) == ["message", "type", "param", "code"]
    assert (event["error"]["param"], event["error"]["code"]) == (None, None)
    return event["error"]["type"], event["error"]["message"]


def is_just_now(text: str) -> bool:
    """Say whether a `created_at` is the present time, in UTC, whatever the computer's own zone."""
    if not _TIME.fullmatch(text):
        return False
    return timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(text) < timedelta(minutes=1)
