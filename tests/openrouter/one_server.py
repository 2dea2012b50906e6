"""A server that answers byte for byte as a test says, and a transport that asks it; in one event loop."""

import asyncio
import contextlib
import ssl

import httpx

from tray_proxy.openrouter.transport import Transport
from tray_proxy.openrouter.upload import Asking, Target

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LIMITS = {"connect": 10.0, "write": 10.0, "read": 10.0}


class Server:
    """Answers as a test's coroutine says, which gets the number of the connection; keeps what it was asked."""

    def __init__(self, talk):
        self._talk = talk
        self.asked = []
        self.connections = 0
        self.closed = asyncio.Event()
        self._answering = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = httpx.URL(f"http://{host}:{port}/")
        return self

    async def __aexit__(self, *_error):
        self._server.close()
        # Who still waits for a question would leave its socket behind, for a later test to stumble over.
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        # And not before the last connection is gone.
        await asyncio.wait_for(self._server.wait_closed(), 20)

    async def request(self, reader):
        """Read a request whole; returns its body."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head)
        length = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        return await reader.readexactly(int(length[0])) if length else b""

    async def _answer(self, reader, writer):
        self.connections += 1
        self._answering.append(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._talk(self, reader, writer, self.connections)
        finally:
            writer.close()
            self.closed.set()


def repeating(answer):
    """Answer every request on every connection alike."""

    async def talk(server, reader, writer, _number):
        while True:
            await server.request(reader)
            writer.write(answer)

    return talk


def closing(answer):
    """Answer one request, and close the connection."""

    async def talk(server, reader, writer, _number):
        await server.request(reader)
        writer.write(answer)
        await writer.drain()

    return talk


def request(server, method="GET", pieces=(b"",), headers=()):
    return Asking(
        Target(method, server.url.join("/path"), [(b"Host", b"upstream"), *headers]),
        list(pieces),
        sum(map(len, pieces)) if method == "POST" else None,
        LIMITS["connect"],
        LIMITS["write"],
        LIMITS["read"],
    )


async def ask(way, server, *arguments, **more):
    """Send a request and read its answer; returns status and body."""
    response = await way.send(request(server, *arguments, **more))
    body = b"".join([part async for part in response.stream])
    await response.aclose()
    return response.status_code, body


def talk(serve, conversation):
    """Run a conversation between a transport and a server."""

    async def run():
        async with Server(serve) as server, Transport(server.url, ssl.create_default_context()) as way:
            return await asyncio.wait_for(conversation(way, server), 20)

    return asyncio.run(run())


def once(serve):
    """Ask once; returns status and body."""
    return talk(serve, ask)
