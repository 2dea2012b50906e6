"""The count by which a dead connection is told from one that answered."""

import asyncio
import socket
import ssl

import httpcore
import pytest

from tray_proxy.openrouter.counting import CountingBackend, CountingStream, Tally, tally


class Inner(httpcore.AsyncNetworkStream):
    """Gives what it was told to, or breaks."""

    def __init__(self, *parts):
        self.parts = list(parts)
        self.written = b""
        self.closed = False

    async def read(self, max_bytes, timeout=None):  # noqa: ASYNC109  httpcore's own
        part = self.parts.pop(0)
        if isinstance(part, Exception):
            raise part
        return part

    async def write(self, buffer, timeout=None):  # noqa: ASYNC109  httpcore's own
        self.written += buffer

    async def aclose(self):
        self.closed = True

    async def start_tls(self, ssl_context, server_hostname=None, timeout=None):  # noqa: ASYNC109  httpcore's own
        return Inner(b"sealed")

    def get_extra_info(self, info):
        return f"about {info}"


def counted(work):
    """Run work with a tally of its own; return the tally."""

    async def run():
        mine = Tally()
        tally.set(mine)
        await work()
        return mine

    return asyncio.run(run())


def test_every_byte_read_is_counted():
    stream = CountingStream(Inner(b"abc", b"", b"de"))

    async def read_all():
        for _ in range(3):
            await stream.read(10)

    assert counted(read_all) == Tally(counted=True, received=5)


def test_a_connection_that_breaks_before_the_first_byte_counts_none():
    stream = CountingStream(Inner(httpcore.ReadError()))

    async def read():
        with pytest.raises(httpcore.ReadError):
            await stream.read(10)

    assert counted(read) == Tally(counted=True, received=0)


def test_encryption_goes_on_counting():
    stream = CountingStream(Inner())

    async def read():
        sealed = await stream.start_tls(ssl.create_default_context())
        await sealed.write(b"x")
        await sealed.read(10)

    assert counted(read) == Tally(counted=True, received=6)


def test_all_else_is_passed_on():
    inner = Inner(b"")
    stream = CountingStream(inner)

    async def use():
        await stream.write(b"out")
        await stream.aclose()

    asyncio.run(use())
    assert (inner.written, inner.closed, stream.get_extra_info("it")) == (b"out", True, "about it")


def test_connections_are_opened_counting():
    server = socket.create_server(("127.0.0.1", 0))

    async def greet():
        backend = CountingBackend(httpcore.AnyIOBackend())
        await backend.sleep(0)
        stream = await backend.connect_tcp("127.0.0.1", server.getsockname()[1])
        other, _ = await asyncio.to_thread(server.accept)
        other.sendall(b"hello")
        await stream.read(10)
        other.close()
        await stream.aclose()

    mine = counted(greet)
    server.close()
    assert mine == Tally(counted=True, received=5)
