"""The way to one address: connections that are kept, opened ahead, dead or retired; TLS."""

import asyncio
import socket
import ssl

import httpx
import pytest

from openrouter.encrypted import NAME, Encrypted, authority
from openrouter.one_server import WHOLE, ask, closing, repeating, request, talk
from tray_proxy.openrouter import transport as transports
from tray_proxy.openrouter.transport import Transport
from tray_proxy.openrouter.upload import Asking, Target


def test_a_connection_is_used_again_once_its_answer_was_read():
    async def thrice(way, server):
        for _ in range(3):
            await ask(way, server)
        return server.connections

    assert talk(repeating(WHOLE), thrice) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        WHOLE + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    ],
)
def test_one_that_is_not_fit_for_it_is_not_used_again(answer):
    """What comes without a question would be taken for the next one's answer."""

    async def twice(way, server):
        return [await ask(way, server), await ask(way, server)], server.connections

    assert talk(repeating(answer), twice) == ([(200, b"hi"), (200, b"hi")], 2)


def test_an_answer_that_was_read_leaves_the_next_one_on_its_connection_alone():
    """Its client may still be taking its last words, and only then is it closed."""

    async def word_by_word(server, reader, writer, _number):
        for word in (b"hi", b"ho"):
            await server.request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            await server.may_speak.wait()
            writer.write(word)

    async def read_twice(way, server):
        server.may_speak = asyncio.Event()
        server.may_speak.set()
        first = await way.send(request(server))
        said = [await first.stream.part(10), await first.stream.part(10)]
        server.may_speak.clear()
        second = await way.send(request(server))
        said.append(await first.stream.part(10))
        said.append(await first.stream.pour(lambda _: True, 10, 10))
        await first.aclose()
        server.may_speak.set()
        return said, await second.aread(), server.connections

    assert talk(word_by_word, read_twice) == ([b"hi", None, None, False], b"ho", 1)


async def dead_after_one(server, reader, writer, number):
    """Answer one request on the first connection; the next one is read there, and the connection closed."""
    await server.request(reader)
    writer.write(WHOLE)
    while number > 1 or len(server.asked) < 2:
        await server.request(reader)
        if number > 1:
            writer.write(WHOLE)


def test_a_kept_connection_that_is_dead_has_the_request_sent_once_more():
    async def twice(way, server):
        return [await ask(way, server), await ask(way, server, "POST", (b"body",))], len(server.asked)

    assert talk(dead_after_one, twice) == ([(200, b"hi"), (200, b"hi")], 3)


def test_a_new_connection_that_dies_has_nothing_sent_again():
    async def die(server, reader, _writer, _number):
        await server.request(reader)

    async def once_only(way, server):
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(way, server)
        return server.connections

    assert talk(die, once_only) == 1


def test_one_that_has_answered_a_byte_has_nothing_sent_again():
    async def begin(server, reader, writer, _number):
        await server.request(reader)
        writer.write(WHOLE)
        await server.request(reader)
        writer.write(b"H")
        await writer.drain()

    async def twice(way, server):
        await ask(way, server)
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(way, server)
        return server.connections

    assert talk(begin, twice) == 1


def test_a_connection_that_the_other_side_closes_is_forgotten_at_once():
    async def twice(way, server):
        await ask(way, server)
        await server.closed.wait()
        await asyncio.sleep(0.01)
        await ask(way, server)
        return len(server.asked)

    assert talk(closing(WHOLE), twice) == 2


def test_after_minutes_without_a_request_another_connection_is_used(monkeypatch):
    async def twice(way, server):
        await ask(way, server)
        monkeypatch.setattr(transports, "KEEPALIVE_S", -1.0)
        await ask(way, server)
        return server.connections

    assert talk(repeating(WHOLE), twice) == 2


def test_a_connection_that_was_opened_ahead_is_the_next_ones():
    async def ahead(way, server):
        await way.open_ahead(10)
        await way.open_ahead(10)
        await ask(way, server)
        return server.connections

    assert talk(repeating(WHOLE), ahead) == 1


def test_a_request_that_has_begun_leaves_before_anybody_waits_for_its_answer():
    async def begin(way, server):
        server.has_come = asyncio.Event()
        await way.open_ahead(10)
        asking = request(server)
        way.begin(asking)
        await server.has_come.wait()
        response = await way.send(asking)
        return await response.aread(), len(server.asked), server.connections

    async def answer(server, reader, writer, _number):
        await server.request(reader)
        server.has_come.set()
        writer.write(WHOLE)

    assert talk(answer, begin) == (b"hi", 1, 1)


def test_without_a_connection_nothing_begins():
    async def begin(way, server):
        asking = request(server)
        way.begin(asking)
        return asking.kept, asking.fate.may_cost, server.connections

    assert talk(repeating(WHOLE), begin) == (None, False, 0)


def test_what_has_begun_and_is_dropped_is_broken_off():
    async def silent(server, reader, _writer, _number):
        await server.request(reader)
        server.ended = await reader.read() == b""

    async def begin(way, server):
        await way.open_ahead(10)
        asking = request(server)
        way.begin(asking)
        asking.drop()
        asking.drop()
        await server.closed.wait()
        return way.is_ready(), asking.fate.may_cost

    assert talk(silent, begin) == (False, True)


def test_what_cannot_begin_leaves_no_connection_behind():
    async def begin(way, server):
        await way.open_ahead(10)
        asking = request(server)
        asking.pieces = ["no bytes"]
        with pytest.raises(TypeError):
            way.begin(asking)
        return asking.kept, way.is_ready(), len(way._open)

    assert talk(repeating(WHOLE), begin) == (None, False, 0)


def test_what_has_begun_on_a_dead_connection_is_sent_once_more():
    async def deaf_at_first(server, reader, writer, number):
        if number == 1:
            await server.request(reader)
            return
        await repeating(WHOLE)(server, reader, writer, number)

    async def begin(way, server):
        await way.open_ahead(10)
        asking = request(server)
        way.begin(asking)
        await server.closed.wait()
        response = await way.send(asking)
        return await response.aread(), len(server.asked), server.connections

    assert talk(deaf_at_first, begin) == (b"hi", 2, 2)


def test_a_retired_one_ends_the_answer_under_way_and_keeps_nothing():
    async def half(server, reader, writer, _number):
        await server.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhi")
        await server.retired.wait()
        writer.write(b"ho")
        assert await reader.read() == b""

    async def retire(way, server):
        server.retired = asyncio.Event()
        response = await way.send(request(server))
        way.retire()
        server.retired.set()
        body = await response.aread()
        await server.closed.wait()
        return body

    assert talk(half, retire) == b"hiho"


def test_what_closing_cuts_is_not_sent_again():
    """It was read there, and is paid for."""

    async def answer_one(server, reader, writer, _number):
        await server.request(reader)
        writer.write(WHOLE)
        await server.request(reader)
        server.has_second.set()
        await reader.read()

    async def close(way, server):
        server.has_second = asyncio.Event()
        await ask(way, server)
        second = asyncio.create_task(way.send(request(server)))
        await server.has_second.wait()
        await way.aclose()
        with pytest.raises(httpx.CloseError):
            await second
        return server.connections

    assert talk(answer_one, close) == 1


def test_a_port_that_nobody_holds_refuses():
    async def refused():
        with socket.create_server(("127.0.0.1", 0)) as free:
            url = httpx.URL(f"http://127.0.0.1:{free.getsockname()[1]}/")
        async with Transport(url, ssl.create_default_context()) as way:
            with pytest.raises(httpx.ConnectError) as caught:
                await way.open_ahead(10)
            return type(caught.value.__cause__)

    assert asyncio.run(refused()) is ConnectionRefusedError


def test_a_handshake_that_is_not_answered_is_given_up():
    """The connection is there, and whoever took it says nothing."""

    async def hang():
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            url = httpx.URL(f"https://127.0.0.1:{deaf.getsockname()[1]}/")
            async with Transport(url, ssl.create_default_context()) as way:
                with pytest.raises(httpx.ConnectTimeout, match=r"^no encryption in time$"):
                    await way.open_ahead(0.05)

    asyncio.run(hang())


def test_a_client_of_httpxs_own_can_go_this_way_too():
    async def post(way, server):
        client = httpx.AsyncClient(transport=way, timeout=10.0)
        answer = await client.post(server.url.join("/path"), content=b"body")
        return answer.status_code, answer.content, server.asked[0].split(b"\r\n")[0]

    assert talk(repeating(WHOLE), post) == (200, b"hi", b"POST /path HTTP/1.1")


def test_over_tls_an_authority_of_ones_own_is_trusted_and_another_is_not(monkeypatch):
    ours = authority()
    trusted = ssl.create_default_context()
    ours.configure_trust(trusted)
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *more, **named: real("127.0.0.1" if host == NAME else host, *more, **named),
    )

    async def encrypted(server):
        url = httpx.URL(server.url)
        async with Transport(url, trusted) as way:
            sent = Asking(Target("POST", url, []), [bytes(600_000)], 600_000, 10.0, 10.0, 10.0)
            return await (await way.send(sent)).aread()

    came = []

    def answer(piece):
        came.append(len(piece))
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" if sum(came) > 600_000 else b""

    good, bad = Encrypted(ours, answer=answer), Encrypted(authority())
    assert asyncio.run(encrypted(good)) == b"hi"
    with pytest.raises(httpx.ConnectError) as caught:
        asyncio.run(encrypted(bad))
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    good.close()
    bad.close()
