"""The way through a network's proxy server; what it does in all is tried in `test_connections`."""

import asyncio
import contextlib
import ssl

import httpx
import pytest

from tray_proxy.openrouter.counting import CountingBackend
from tray_proxy.openrouter.proxied import Proxied, use_our_dialling
from tray_proxy.openrouter.upload import Asking, Target

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.fixture
def through(monkeypatch):
    """Name a proxy server in the environment."""
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "https_proxy", "all_proxy", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    return lambda where: monkeypatch.setenv("HTTP_PROXY", where)


def request():
    target = Target("POST", httpx.URL("http://openrouter.test/api"), [(b"Host", b"openrouter.test")])
    return Asking(target, [b"body"], 4, 5.0, 5.0, 5.0)


async def ask(way):
    response = await way.send(request())
    return await response.aread()


def answering(asked, *, dies_after=None):
    """Play a proxy server: keep the first line of each request, answer it, and die when the n-th has come."""

    def talk(connection, _number):
        while data := connection.recv(65536):
            while not data.endswith(b"body"):
                data += connection.recv(65536)
            asked.append(data.split(b"\r\n")[0])
            if len(asked) == dies_after:
                connection.close()
                return
            connection.sendall(WHOLE)

    return talk


def test_a_request_goes_to_the_proxy_server_with_its_whole_address(through, raw_upstream):
    asked = []
    through(raw_upstream(answering(asked)).removesuffix("/api/v1"))

    async def run():
        async with contextlib.aclosing(Proxied(ssl.create_default_context())) as way:
            return await ask(way)

    assert asyncio.run(run()) == b"hi"
    assert asked == [b"POST http://openrouter.test/api HTTP/1.1"]


def test_a_kept_connection_that_is_dead_has_the_request_sent_once_more(through, raw_upstream):
    asked = []
    through(raw_upstream(answering(asked, dies_after=2)).removesuffix("/api/v1"))

    async def run():
        async with contextlib.aclosing(Proxied(ssl.create_default_context())) as way:
            return [await ask(way), await ask(way)]

    assert asyncio.run(run()) == [b"hi", b"hi"]
    assert len(asked) == 3


def test_a_new_connection_that_dies_has_nothing_sent_again(through, raw_upstream):
    asked = []
    through(raw_upstream(answering(asked, dies_after=1)).removesuffix("/api/v1"))

    async def run():
        async with contextlib.aclosing(Proxied(ssl.create_default_context())) as way:
            with pytest.raises(httpx.RemoteProtocolError):
                await ask(way)

    asyncio.run(run())
    assert len(asked) == 1


def test_a_retired_one_is_closed_when_its_last_answer_has_ended(through, raw_upstream):
    through(raw_upstream(answering([])).removesuffix("/api/v1"))

    async def run():
        way = Proxied(ssl.create_default_context())
        response = await way.send(request())
        way.retire()
        open_while_read = not way._kept.is_closed
        await response.aread()
        await response.aclose()
        await way._closing
        return open_while_read, way._kept.is_closed

    assert asyncio.run(run()) == (True, True)


def test_a_proxy_server_that_cannot_be_used_is_refused_at_once(through):
    through("nonsense://proxy")

    with pytest.raises(ValueError, match=r"."):
        Proxied(ssl.create_default_context())


def test_its_clients_connections_are_counted(through):
    through("http://127.0.0.1:1")
    client = httpx.AsyncClient()
    use_our_dialling(client)

    ways = [client._transport, *client._mounts.values()]
    assert [type(way._pool._network_backend) for way in ways if way] == [CountingBackend] * len([w for w in ways if w])
