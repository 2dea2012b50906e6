"""From a name to a connection, with addresses that answer when a test lets them."""

import asyncio
import socket
import sys
import threading

import httpcore
import pytest

from tray_proxy.openrouter import dialling
from tray_proxy.openrouter.counting import CountingBackend
from tray_proxy.openrouter.dialling import NameNotFound, dial, first, look_up


class Stream:
    """A connection to one address."""

    def __init__(self, address):
        self.address = address
        self.closed = False

    async def aclose(self):
        self.closed = True


class Addresses:
    """Answer, refuse or stay silent, as a test says; `tried` is in order."""

    def __init__(self, **outcomes):
        self.outcomes = outcomes
        self.tried = []
        self.cancelled = []
        self.opened = {}

    async def connect(self, address):
        self.tried.append(address)
        outcome = self.outcomes[address]
        if outcome == "silent":
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.append(address)
        if outcome == "refuses":
            raise ConnectionRefusedError(address)
        return self.opened.setdefault(address, Stream(address))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(dialling, "STAGGER_S", 0.01)


def test_the_first_address_that_answers_is_taken():
    addresses = Addresses(a="answers", b="answers")

    assert asyncio.run(first(addresses.connect, ["a", "b"])).address == "a"
    assert addresses.tried == ["a"]


def test_a_silent_address_holds_nothing_up():
    """A network may lead IPv6 nowhere."""
    addresses = Addresses(a="silent", b="answers")

    assert asyncio.run(first(addresses.connect, ["a", "b"])).address == "b"
    assert addresses.cancelled == ["a"]


def test_after_one_that_refuses_the_next_is_tried():
    addresses = Addresses(a="refuses", b="answers")

    assert asyncio.run(first(addresses.connect, ["a", "b"])).address == "b"


def test_where_all_refuse_the_last_refusal_is_told():
    addresses = Addresses(a="refuses", b="refuses")

    with pytest.raises(ConnectionRefusedError, match=r"^b$"):
        asyncio.run(first(addresses.connect, ["a", "b"]))


def test_two_that_answer_at_the_same_moment_leave_one_connection():
    addresses = Addresses(a="answers", b="answers")
    meet = asyncio.Event()
    both = []

    async def connect(address):
        both.append(address)
        if len(both) == 2:
            meet.set()
        await meet.wait()
        return await addresses.connect(address)

    taken = asyncio.run(first(connect, ["a", "b"]))

    assert [stream.closed for stream in addresses.opened.values() if stream is not taken] == [True]
    assert taken.closed is False


def test_who_gives_up_leaves_no_connection_behind():
    addresses = Addresses(a="silent", b="silent")

    async def give_up():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await first(addresses.connect, ["a", "b"])

    asyncio.run(give_up())
    assert sorted(addresses.cancelled) == ["a", "b"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_computer_is_looked_up_nowhere(host, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("looked up"))
    addresses = Addresses(**{host: "answers"})

    assert asyncio.run(dial(addresses.connect, host, 443)).address == host


def test_each_address_of_a_name_is_given_once_and_in_order(monkeypatch):
    rows = [(0, 0, 0, "", (address, 443)) for address in ("2001:db8::1", "192.0.2.1", "2001:db8::1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)

    assert asyncio.run(look_up("openrouter.test", 443)) == ["2001:db8::1", "192.0.2.1"]


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_a_name_that_nobody_knows_is_told_as_that(monkeypatch, error):
    def unknown(*_, **__):
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(NameNotFound):
        asyncio.run(look_up("openrouter.test", 443))


def test_a_look_up_that_hangs_is_given_up(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(dialling, "LOOK_UP_S", 0.01)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait(5))

    with pytest.raises(NameNotFound):
        asyncio.run(look_up("openrouter.test", 443))
    ended.set()


@pytest.mark.skipif(sys.platform != "linux", reason="the option is Linux's")
def test_a_connection_that_leads_nowhere_any_more_is_given_up_by_the_system():
    with socket.create_server(("127.0.0.1", 0)) as server:

        async def connect():
            stream = await CountingBackend(httpcore.AnyIOBackend()).connect_tcp(*server.getsockname())
            limit_ms = stream.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            await stream.aclose()
            return limit_ms

        assert asyncio.run(connect()) == 10_000


def test_where_the_system_does_not_know_the_option_all_stays_as_it_is(monkeypatch):
    with socket.socket() as sock:
        monkeypatch.setattr(dialling, "_UNHEARD", {sys.platform: (9999, 1)})

        dialling.limit_silence(sock)
        dialling.limit_silence(None)

        assert sock.fileno() > 0
