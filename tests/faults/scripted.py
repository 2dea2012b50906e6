"""An upstream whose every byte a test decides, on a real socket: for what no web server would do."""

import asyncio
import contextlib
import re
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec

from tray_proxy.demo.catalogue import list_response, models_with_output

TEXT_MODEL, VECTOR_MODEL = "openai/gpt-4o-mini", "baai/bge-m3"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = EVENTS + b"Transfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"
FINISH = b'data: {"choices":[{"finish_reason":"stop"}]}\n\n'
LARGE = 8 * 2**20
_CASE = re.compile(rb"case (\d+)[.]")


def word(text: str) -> bytes:
    """Write the event that says a word."""
    return b"data: " + msgspec.json.encode({"choices": [{"delta": {"content": text}}]}) + b"\n\n"


def error_event(code: int, message: str) -> bytes:
    """Write the event that tells of an error after the first words, as OpenRouter documents it."""
    choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    told = {"error": {"code": code, "message": message}, "choices": [choice]}
    return b"data: " + msgspec.json.encode(told) + b"\n\n"


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    """Frame a piece of a body as HTTP's chunked coding does."""
    return b"%x%b\r\n%b\r\n" % (len(data), extension, data)


def chunked(*pieces: bytes) -> bytes:
    """Write a whole answer, each piece in a chunk of its own."""
    return CHUNKED + b"".join(map(chunk, pieces)) + LAST_CHUNK


def refusal(status: int, message: str = "not now", *headers: bytes) -> bytes:
    """Write OpenRouter's answer to what it refuses."""
    body = msgspec.json.encode({"error": {"code": status, "message": message}})
    return as_json(body, status, *headers)


def as_json(body: bytes, status: int = 200, *headers: bytes) -> bytes:
    """Write a JSON answer."""
    lines = [b"HTTP/1.1 %d Said" % status, b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*lines, *headers, b"", body])


class Line:
    """The upstream's end of a connection on which something was asked. `number` counts the case's requests from 1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self._reader = reader
        self._writer = writer
        self.number = number

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        """End the connection in order, with FIN."""
        self._writer.close()

    def reset(self) -> None:
        """Break the connection off, with RST."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def left(self) -> None:
        """Wait until the other side has closed the connection, or broken it off."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(65536):
                pass

    @property
    def closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._writer.is_closing()


type Script = Callable[[Line], Awaitable[None]]


def sends(data: bytes, *, reset: bool = False, stay: bool = False) -> Script:
    """Make the script that sends these bytes and ends the connection, or stays on it for another request."""

    async def script(line: Line) -> None:
        with contextlib.suppress(ConnectionError):
            await line.send(data)
        if reset:
            line.reset()
        elif not stay:
            line.close()

    return script


class Upstream:
    """
    Lists the demo's models, and answers each request by the script of the case that its text names ("case 7.").

    `asked` counts a case's requests that arrived whole, `connections` all that were ever accepted.
    """

    def __init__(self) -> None:
        self.scripts: dict[int, Script] = {}
        self.asked: Counter[int] = Counter()
        self.connections = 0
        # What is sent in place of each list of models, before the connection is closed.
        self.lists: bytes | None = None
        # Takes what is too large to be read at once off its connection, and answers it.
        self.stall: Callable[[asyncio.StreamReader, int, asyncio.StreamWriter], Awaitable[None]] | None = None
        self._numbers = iter(range(1, 10**9))
        self._server: asyncio.Server | None = None
        # Nothing else holds on to one whose client sends more than is read of it.
        self._serving: set[asyncio.Task[None] | None] = set()
        self._models = {
            b"/api/v1/models": as_json(msgspec.json.encode(list_response(models_with_output("text")))),
            b"/api/v1/embeddings/models": as_json(msgspec.json.encode(list_response(models_with_output("embeddings")))),
        }

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Where it is to be reached."""
        return f"http://127.0.0.1:{self.port}/api/v1"

    async def start(self, port: int = 0, encrypted: ssl.SSLContext | None = None) -> None:
        """Listen, encrypted where its certificate is given."""
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", port, backlog=1024, limit=2**20, ssl=encrypted
        )

    async def stop(self) -> None:
        """Close the port; connections go on."""
        assert self._server is not None
        self._server.close()

    async def close(self) -> None:
        """Close the port and all connections."""
        await self.stop()
        for task in tuple(filter(None, self._serving)):
            task.cancel()

    def case(self, script: Script) -> int:
        """Take a script; give the number that a request has to name."""
        number = next(self._numbers)
        self.scripts[number] = script
        return number

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._serving.add(asyncio.current_task())
        try:
            while not writer.is_closing():
                await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side has left
        finally:
            self._serving.discard(asyncio.current_task())
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].partition(b"?")[0]
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        size = int(length[1]) if length else 0
        if size > LARGE and self.stall is not None:
            await self.stall(reader, size, writer)
            writer.close()
            return
        body = await reader.readexactly(size)
        if path in self._models:
            writer.write(self.lists or self._models[path])
            if self.lists is not None:
                writer.close()
            return
        found = _CASE.search(body)
        assert found is not None, body
        case = int(found[1])
        self.asked[case] += 1
        await self.scripts[case](Line(reader, writer, self.asked[case]))
