"""An upstream that repeats the key it is sent, wherever an answer has room for it, byte by byte."""

import base64
import gzip
import json
import socket
import threading
from collections.abc import Callable
from urllib.parse import quote

from attacks.canary import ANSWER
from tray_proxy.demo import catalogue

type Answer = Callable[[str, str], bytes]


def echo(key: str) -> str:
    """Write the key in every form that a gateway may give it."""
    return " ".join(
        (
            key,
            f"Bearer {key}",
            quote(key, safe=""),
            "".join(f"%{ord(each):02X}" for each in key),
            "".join(f"\\u{ord(each):04x}" for each in key),
            "".join(f"&#{ord(each)};" for each in key),
            base64.b64encode(f"Authorization: Bearer {key}".encode()).decode(),
            base64.b64encode(key.encode()).decode(),
            base64.b64encode(f"x{key}".encode()).decode(),
            key.encode().hex(),
            "\r\n ".join(key[at : at + 16] for at in range(0, len(key), 16)),
        )
    )


def whole(status: str, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    """Write an answer; it asks to be left alone for a minute, so that nothing is asked twice."""
    lines = (f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Retry-After: 60", "Connection: close", *headers)
    return f"HTTP/1.1 {status}\r\n".encode() + "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def refusal(status: int, **more: object) -> Answer:
    """Refuse with OpenRouter's own kind of error."""
    return lambda key, _: whole(
        f"{status} Refused", json.dumps({"error": {"code": status, "message": echo(key), **more}}).encode()
    )


def stream(*events: object, head: str = "", end: bytes = b"data: [DONE]\n\n") -> bytes:
    """Write an answer that is a stream, to the end of the connection."""
    told = (event if isinstance(event, bytes) else f"data: {json.dumps(event)}\n\n".encode() for event in events)
    first = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n{head}\r\n".encode()
    return first + b"".join(told) + end


def words(text: str, **more: object) -> dict[str, object]:
    """Write an event with some words."""
    return {"id": "1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}], **more}


def _redirect(status: int) -> Answer:
    return lambda key, elsewhere: whole(
        f"{status} Elsewhere", echo(key).encode(), f"Location: {elsewhere}/{quote(key)}?key={key}#{key}"
    )


def _fine(_key: str, _elsewhere: str) -> bytes:
    done = {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return stream(words(ANSWER), {**done, "usage": {"prompt_tokens": 1, "completion_tokens": 1}})


def _all_fields(key: str, _elsewhere: str) -> bytes:
    said, names = echo(key), ("id", "model", "provider", "system_fingerprint", "object", "service_tier")
    choice = {"index": 0, "delta": {"content": "hi"}, "native_finish_reason": said, "finish_reason": "stop"}
    return stream(dict.fromkeys(names, said) | {"choices": [choice], "usage": {"prompt_tokens": 1, key: key}})


ANSWERS: dict[str, Answer] = {
    "fine": _fine,
    **{f"status {status}": refusal(status) for status in (400, 401, 402, 403, 404, 408, 413, 429, 500, 502, 503, 529)},
    "404 of a model": lambda key, _: whole(
        "404 No", json.dumps({"error": {"code": 404, "message": f"{key} is not a valid model ID"}}).encode()
    ),
    "a provider's words": lambda key, _: refusal(400, metadata={"raw": echo(key), "provider_name": key})(key, _),
    "a provider's words in JSON": lambda key, _: refusal(
        400, metadata={"raw": json.dumps({"error": {"message": echo(key)}}), "reasons": [key], "patterns": [echo(key)]}
    )(key, _),
    "availability": lambda key, _: refusal(
        404, availability={"code": key, "excluded_by": [key], "fallback_models": [key], "constraint": {"field": key}}
    )(key, _),
    "an error code that is the key": lambda key, _: refusal(400, code=key, type=key, error_type=key)(key, _),
    "an error with status 200": refusal(200),
    "an error that is cut": lambda key, _: refusal(400, message="x" * 970 + key + echo(key))(key, _),
    "a page with status 200": lambda key, _: whole("200 OK", f"<html>{echo(key)}".encode(), kind="text/html"),
    "a page with status 502": lambda key, _: whole("502 Bad", f"<html>{echo(key)}".encode(), kind="text/html"),
    "plain text": lambda key, _: whole("200 OK", echo(key).encode(), kind="text/plain"),
    "JSON of another kind": lambda key, _: whole("200 OK", json.dumps([echo(key)]).encode()),
    "sign-in of a network": lambda key, _: whole("511 Login", echo(key).encode(), f"Location: http://{key}.example/"),
    **{f"redirect {status}": _redirect(status) for status in (301, 302, 303, 307, 308)},
    "a redirect to a host of that name": lambda key, _: whole(
        "302 Away", b"", f"Location: https://{key}.example/{key}"
    ),
    "packed": lambda key, _: whole(
        "400 Bad", gzip.compress(json.dumps({"error": {"message": echo(key)}}).encode()), "Content-Encoding: gzip"
    ),
    "headers": lambda key, _: stream(
        words("hi"),
        head=f"X-Echo: {key}\r\nSet-Cookie: key={key}\r\nServer: {key}\r\nDate: {key}\r\nX-Request-Id: {key}\r\n",
    ),
    "a content type": lambda key, _: whole("200 OK", b"{}", kind=f"text/{key}; charset={key}"),
    "when to come back": lambda key, _: whole("400 Slow", b"{}").replace(
        b"Retry-After: 60", b"Retry-After: " + key.encode()
    ),
    "the reason phrase": lambda key, _: whole(f"500 {key}", b""),
    "no HTTP at all": lambda key, _: f"{key}\r\n\r\n".encode(),
    "a header without a colon": lambda key, _: f"HTTP/1.1 200 OK\r\n{key}\r\n\r\n".encode(),
    "a header with a control character": lambda key, _: f"HTTP/1.1 200 OK\r\nX: {key}\x00\r\n\r\n".encode(),
    "a length that is none": lambda key, _: f"HTTP/1.1 200 OK\r\nContent-Length: {key}\r\n\r\n".encode(),
    "a chunk's length that is none": lambda key, _: stream(
        head="Transfer-Encoding: chunked\r\n", end=f"{key}\r\n".encode()
    ),
    "a chunk's extension": lambda key, _: stream(
        head="Transfer-Encoding: chunked\r\n", end=f"3;{key}={key}\r\n: \n\r\n0\r\nX-Trailer: {key}\r\n\r\n".encode()
    ),
    "an error event": lambda key, _: stream({"error": {"code": 502, "message": echo(key)}}),
    "an error after words": lambda key, _: stream(
        words(ANSWER), {"error": {"code": "server_error", "message": echo(key)}}
    ),
    "an error in a choice": lambda key, _: stream(
        words(ANSWER),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"message": echo(key)}}]},
    ),
    "an event that is no JSON": lambda key, _: stream(words(ANSWER), f'data: {{"{echo(key)}\n\n'.encode()),
    "an event of another shape": lambda key, _: stream(words(ANSWER), {"choices": echo(key)}),
    "figures that are none": lambda key, _: stream(words(ANSWER, usage={"prompt_tokens": key, "cost": key})),
    "comments": lambda key, _: stream(
        f": {echo(key)}\n\n".encode(), words(ANSWER), f"event: {key}\nid: {key}\n\n".encode()
    ),
    "every field that is not passed on": _all_fields,
    "a stream that breaks off": lambda key, _: stream(words(ANSWER), end=f'data: {{"choices": [{{"{key}'.encode()),
    "nothing": lambda _key, _elsewhere: b"",
}


class Hostile:
    """Answers as it is told, in a thread for each connection; the lists of models are always there."""

    def __init__(self) -> None:
        self.answer = "fine"
        self.url = self.elsewhere = ""
        self.stranger = Stranger()
        self.keys: set[str] = set()

    def talk(self, connection: socket.socket, _number: int) -> None:
        """Read one request, and answer it."""
        with connection, connection.makefile("rb") as reading:
            first = reading.readline()
            if not first:
                return  # opened ahead, and not needed
            method, path, _ = first.decode().split(" ")
            headers = {}
            while line := reading.readline().strip().decode():
                name, _, value = line.partition(": ")
                headers[name.lower()] = value
            reading.read(int(headers.get("content-length", 0)))
            if "authorization" in headers:
                self.keys.add(headers["authorization"].removeprefix("Bearer "))
            connection.sendall(self._answer(method, path))
            connection.shutdown(socket.SHUT_WR)
            # Closed at once, what was not read yet would be lost with the connection.
            reading.read()

    def _answer(self, method: str, path: str) -> bytes:
        if method == "GET" and "/models" in path and self.answer == "fine":
            models = catalogue.models_with_output("embeddings" if "/embeddings/" in path else None)
            return whole("200 OK", json.dumps(catalogue.list_response(models)).encode())
        key = next(iter(self.keys), "")
        return ANSWERS[self.answer](key, self.elsewhere)


class Stranger:
    """Somebody who is never to be called, and counts who calls."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._lock = threading.Lock()

    def talk(self, connection: socket.socket, _number: int) -> None:
        """Take what comes."""
        with self._lock:
            self.heard.append(connection.recv(65536))
