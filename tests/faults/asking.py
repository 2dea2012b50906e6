"""Clients that see every byte of an answer, and how each dialect tells words, an error, and the end."""

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from faults.scripted import TEXT_MODEL

AT_ONCE = 48
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]+)\r\n")


@dataclass(frozen=True)
class Answered:
    """An answer as it came; `whole` says whether its framing was complete."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool


@dataclass(frozen=True)
class Told:
    """What an app makes of an answer: its words, its errors, and whether it says to be at its end."""

    status: int
    text: str = ""
    errors: list[str] = field(default_factory=list)
    done: bool = False


async def ask(port: int, path: str, body: object, **headers: str) -> Answered:
    """Ask over a connection of its own, and read until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    try:
        writer.write(request(path, body, Connection="close", **headers))
        received = await reader.read(-1)
    finally:
        writer.close()
    return read_answer(received)


def request(path: str, body: object, **headers: str) -> bytes:
    """Write a request."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    own = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(content))} | headers
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in own.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + content


def read_answer(received: bytes) -> Answered:
    """Take an answer apart that was read to the end of its connection."""
    head, _, rest = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    assert status.startswith("HTTP/1.1 "), received[:100]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") != "chunked":
        return Answered(int(status[9:12]), headers, rest, len(rest) == int(headers.get("content-length", len(rest))))
    body, whole, at = bytearray(), False, 0
    while not whole and (size := _CHUNK_SIZE.match(rest, at)):
        length, begins = int(size[1], 16), size.end()
        whole = length == 0
        body += rest[begins : begins + length]
        at = begins + length + 2
    return Answered(int(status[9:12]), headers, bytes(body), whole)


@dataclass(frozen=True)
class Dialect:
    """
    A route on which words are asked for.

    Args:
        body: Makes the fields of a request of its text.
        stream: Tells one event of a stream: its words, its error, whether it is the end.
        plain: Finds the words in a plain answer.
        error: Finds the error's text in an answer that is one.
    """

    path: str
    body: Callable[[str], dict[str, Any]]
    stream: Callable[[Any], tuple[str, str | None, bool]]
    plain: Callable[[Any], str]
    error: Callable[[Any], str]

    def request(self, case: int, *, stream: bool) -> dict[str, Any]:
        """Make a request that names a case."""
        return {"model": TEXT_MODEL, "stream": stream} | self.body(f"case {case}.")

    def error_of(self, answered: Answered) -> str:
        """Read an answer that is an error."""
        return self.error(msgspec.json.decode(answered.body))

    def read(self, answered: Answered, *, stream: bool) -> Told:
        """Read an answer, of which nothing may be missing, and nothing follow its error or its end."""
        assert answered.whole, answered
        if answered.status != 200:
            return Told(answered.status, errors=[self.error_of(answered)])
        if not stream:
            return Told(200, self.plain(msgspec.json.decode(answered.body)), done=True)
        events = list(_events(answered))
        told = [self.stream(event) for event in events]
        for _, error, end in told[:-1]:
            assert (error, end) == (None, False), events
        errors = [error for _, error, _ in told if error is not None]
        return Told(200, "".join(text for text, _, _ in told), errors, told[-1][2])


def _events(answered: Answered) -> Iterable[Any]:
    if answered.headers["content-type"] == "application/x-ndjson":
        *lines, behind = answered.body.split(b"\n")
    else:
        assert answered.headers["content-type"] == "text/event-stream"
        *events, behind = answered.body.split(b"\n\n")
        lines = [event.rpartition(b"data: ")[2] for event in events]
    assert behind == b""
    return ("[DONE]" if line == b"[DONE]" else msgspec.json.decode(line) for line in lines)


def _ollama(words: Callable[[Any], str]) -> Callable[[Any], tuple[str, str | None, bool]]:
    return lambda line: ("", line["error"], False) if "error" in line else (words(line), None, line["done"])


def _openai(words: Callable[[Any], str]) -> Callable[[Any], tuple[str, str | None, bool]]:
    def tell(event: Any) -> tuple[str, str | None, bool]:
        if event == "[DONE]":
            return "", None, True
        if "error" in event:
            return "", event["error"]["message"], False
        return "".join(words(choice) or "" for choice in event["choices"]), None, False

    return tell


def _response(event: Any) -> tuple[str, str | None, bool]:
    kind = event["type"].removeprefix("response.")
    if kind == "output_text.delta":
        return event["delta"], None, False
    return "", event["response"]["error"]["message"] if kind == "failed" else None, kind == "completed"


def _message(event: Any) -> tuple[str, str | None, bool]:
    if event["type"] == "content_block_delta":
        return event["delta"]["text"], None, False
    return "", event["error"]["message"] if event["type"] == "error" else None, event["type"] == "message_stop"


def _conversation(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


DIALECTS = {
    dialect.path: dialect
    for dialect in (
        Dialect(
            "/api/chat",
            _conversation,
            _ollama(lambda line: line["message"]["content"]),
            lambda answer: answer["message"]["content"],
            lambda answer: answer["error"],
        ),
        Dialect(
            "/api/generate",
            lambda text: {"prompt": text},
            _ollama(lambda line: line["response"]),
            lambda answer: answer["response"],
            lambda answer: answer["error"],
        ),
        Dialect(
            "/v1/chat/completions",
            _conversation,
            _openai(lambda choice: choice["delta"].get("content")),
            lambda answer: answer["choices"][0]["message"]["content"],
            lambda answer: answer["error"]["message"],
        ),
        Dialect(
            "/v1/completions",
            lambda text: {"prompt": text},
            _openai(lambda choice: choice["text"]),
            lambda answer: answer["choices"][0]["text"],
            lambda answer: answer["error"]["message"],
        ),
        Dialect(
            "/v1/responses",
            lambda text: {"input": text},
            _response,
            lambda answer: answer["output"][0]["content"][0]["text"],
            lambda answer: answer["error"]["message"],
        ),
        Dialect(
            "/v1/messages",
            lambda text: _conversation(text) | {"max_tokens": 100},
            _message,
            lambda answer: answer["content"][0]["text"],
            lambda answer: answer["error"]["message"],
        ),
    )
}
# Each dialect, streamed and plain.
WAYS = [(path, stream) for path, stream in itertools.product(DIALECTS, (True, False))]


async def all_of[T](cases: Iterable[Awaitable[T]], at_once: int = AT_ONCE) -> list[T]:
    """Run many cases, some at a time; what one raises is raised."""
    room = asyncio.Semaphore(at_once)

    async def run(case: Awaitable[T]) -> T:
        async with room:
            return await case

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(case)) for case in cases]
    return [task.result() for task in tasks]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so that tells nobody; pytest's own limit ends what never is."""
    while not condition():  # noqa: ASYNC110  see above
        await asyncio.sleep(0.002)
