"""The connections to OpenRouter: over TLS, through proxies, after a sleep, and without a network."""

import asyncio
import socket
import threading
import time

import pytest

from openrouter.encrypted import ANSWER, NAME, Encrypted, ProxyServer, authority
from openrouter.reading import chunks_of
from tray_proxy.errors import CertificateRefused, NetworkProxyFailed, NetworkSignIn, Offline, UpstreamUnreachable
from tray_proxy.keychain import Keychain
from tray_proxy.openrouter import connections, dialling
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.openrouter.surroundings import Surroundings
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import Settings
from tray_proxy.wire.openrouter import CompletionRequest, Message

REQUEST = CompletionRequest(model="m/m", messages=[Message(role="user", content="hi")], stream=True)


class World:
    """Where the computer is, and how long it slept."""

    def __init__(self):
        self.way, self.slept_s = "192.0.2.7", 0.0
        self.told = []

    def surroundings(self):
        return Surroundings(lambda: self.slept_s, lambda: 0.0, lambda: (self.way, None))


@pytest.fixture
def world():
    return World()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def names(monkeypatch):
    """Let OpenRouter's test name lead to this computer; gives the names that were looked up."""
    real, asked = socket.getaddrinfo, []

    def look_up(host, *arguments, **more):
        name = host.decode() if isinstance(host, bytes) else host
        asked.append(name)
        return real("127.0.0.1" if name == NAME else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """An authority that this computer trusts."""
    made = authority()
    file = tmp_path / "authority.pem"
    made.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return made


@pytest.fixture
def serve():
    """Open encrypted servers; they are closed at the end."""
    opened = []

    def serve(*arguments, **more):
        opened.append(Encrypted(*arguments, **more))
        return opened[-1]

    yield serve
    for each in opened:
        each.close()


def talk_to(url, world, *questions):
    """Run questions against one client in one loop; one that raises gives its error."""

    async def run():
        client = OpenRouterClient(
            Settings(openrouter_base_url=url),
            Keychain(SecretStr("sk-or-v1-nobodys")),
            surroundings=world.surroundings,
            changed=world.told.append,
        )
        try:
            answers = []
            for question in questions:
                try:
                    answers.append(await question(client))
                except UpstreamUnreachable as error:
                    answers.append(error)
            return answers
        finally:
            await client.close()

    return asyncio.run(run())


async def models(client):
    return await client.fetch_models("/models")


def test_an_authority_that_the_system_trusts_is_trusted(world, names, trusted, serve):
    """A company that looks into its traffic puts its own authority on its computers."""
    assert talk_to(serve(trusted).url, world, models) == [b'{"data":[]}']


@pytest.mark.parametrize(
    ("certificate", "said", "cure"),
    [
        (
            {},
            (
                f"This network changes certificates: the certificate for {NAME} was issued by Example Company, "
                "whom this computer does not trust."
            ),
            "SSL_CERT_FILE",
        ),
        (
            {"ended": True},
            (
                f"The certificate for {NAME}, issued by Example Company, has expired by this computer's clock, "
                "which may be wrong."
            ),
            "date and time",
        ),
        (
            {"name": "hotel.test"},
            f"Somebody else answers for {NAME}: the certificate, issued by Example Company, is for another name.",
            "sign in",
        ),
    ],
)
def test_each_thing_that_is_wrong_with_a_certificate_is_told(world, names, trusted, serve, certificate, said, cure):
    vouching = trusted if certificate else authority()

    (error,) = talk_to(serve(vouching, **certificate).url, world, models)

    assert (type(error), error.message) == (CertificateRefused, said)
    assert cure in error.hint


def test_a_proxy_server_is_used_for_openrouter(world, names, trusted, serve, monkeypatch):
    server = serve(trusted)
    proxy = ProxyServer(server.port)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)

    assert talk_to(server.url, world, models) == [b'{"data":[]}']

    assert proxy.asked == [f"CONNECT {NAME}:{server.port} HTTP/1.1"]
    assert NAME not in names
    proxy.close()


def test_where_no_proxy_names_openrouter_it_is_reached_without_one(world, names, trusted, serve, monkeypatch):
    server = serve(trusted)
    proxy = ProxyServer(server.port)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", NAME)

    assert talk_to(server.url, world, models) == [b'{"data":[]}']

    assert proxy.asked == []
    proxy.close()


def test_a_proxy_server_leads_out_where_no_other_way_does(world, names, trusted, serve, monkeypatch):
    """In some companies nothing but the proxy server can be reached."""
    server = serve(trusted)
    proxy = ProxyServer(server.port)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    world.way = None

    assert talk_to(server.url, world, models) == [b'{"data":[]}']
    proxy.close()


def test_a_proxy_server_that_is_gone_is_told_without_its_password(world, names, trusted, serve, monkeypatch):
    proxy = ProxyServer(0)
    proxy.close()
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)

    (error,) = talk_to(serve(trusted).url, world, models)

    where = proxy.url.partition("@")[2]
    assert (type(error), error.message) == (
        NetworkProxyFailed,
        f"The network's proxy server {where} could not be reached.",
    )


def test_a_proxy_server_that_refuses_is_told_without_its_password(
    world, names, trusted, serve, monkeypatch, raw_upstream
):
    def refuse(connection, _number):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    where = raw_upstream(refuse).removeprefix("http://").removesuffix("/api/v1")
    monkeypatch.setenv("HTTPS_PROXY", f"http://somebody:secret-word@{where}")

    (error,) = talk_to(serve(trusted).url, world, models)

    assert (type(error), error.message) == (
        NetworkProxyFailed,
        f"The network's proxy server {where} refused to connect to OpenRouter.",
    )


def test_without_a_way_out_a_name_that_is_not_found_is_no_internet(world, monkeypatch):
    def unknown(*_arguments, **_more):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    world.way = None

    (error,) = talk_to(f"https://{NAME}/api/v1", world, models)

    assert (type(error), error.status) == (Offline, 503)
    assert error.message == "There is no internet connection: this computer is not on a network that leads there."


def test_it_goes_on_as_soon_as_there_is_a_way_again_and_tells_so(world, trusted, serve, monkeypatch):
    real = socket.getaddrinfo

    def look_up(host, *arguments, **more):
        if world.way is None:
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return real("127.0.0.1", *arguments, **more)

    async def connect_again(client):
        world.way = "192.0.2.8"
        return await models(client)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    world.way = None

    offline, again, answer = talk_to(serve(trusted).url, world, models, models, connect_again)

    assert (type(offline), type(again), answer) == (Offline, Offline, b'{"data":[]}')
    assert [(told.ok, told.problem) for told in world.told] == [(False, offline.message), (True, "")]


def test_a_login_page_is_no_model_list(world, names, trusted, serve):
    page = b"<html>Welcome</html>"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(page)

    (error,) = talk_to(serve(trusted, answer=head + page).url, world, models)

    assert type(error) is NetworkSignIn
    assert [told.ok for told in world.told] == [False]


def dated(date):
    body = b'{"data":[]}'
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (date, len(body)) + body


def test_openrouters_time_goes_on_by_a_clock_that_nobody_sets(world, names, trusted, serve, monkeypatch):
    clock_s = [1000.0]
    monkeypatch.setattr(connections, "through_sleep_s", lambda: clock_s[0])

    async def look(client):
        before = client.time_s
        await models(client)
        monkeypatch.setattr(time, "time", lambda: 5e9)
        clock_s[0] += 3600
        return before, client.time_s

    server = serve(trusted, answer=dated(b"Date: Thu, 01 Jan 1970 00:00:10 GMT\r\n"))

    assert talk_to(server.url, world, look) == [(None, 3610.0)]


@pytest.mark.parametrize(
    "date",
    [
        b"",
        b"Date: soon\r\n",
        b"Date: Thu, 01 Jan 99999999999999999999 00:00:10 GMT\r\n",
        b"Date: Fri, 31 Dec 9999 00:00:10 GMT\r\n",
        b"Date: Mon, 01 Jan 1900 00:00:10 GMT\r\n",
    ],
)
def test_an_answer_without_a_date_that_can_be_tells_no_time(world, names, trusted, serve, date):
    async def look(client):
        await models(client)
        return client.time_s

    assert talk_to(serve(trusted, answer=dated(date)).url, world, look) == [None]


def test_a_name_that_is_not_found_means_no_internet(world, monkeypatch):
    def unknown(*_arguments, **_more):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    (error,) = talk_to(f"https://{NAME}/api/v1", world, models)

    assert (type(error), error.status) == (Offline, 503)


def test_a_name_that_is_looked_up_for_ever_is_given_up(world, monkeypatch):
    given_up = threading.Event()

    def silent(*_arguments, **_more):
        given_up.wait(15)
        # Who still waited by now would be refused there, and be told something else.
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 1))]

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    monkeypatch.setattr(dialling, "LOOK_UP_S", 0.05)

    (error,) = talk_to(f"https://{NAME}/api/v1", world, models)
    given_up.set()

    assert type(error) is Offline
    assert error.message.startswith("OpenRouter's address could not be looked up")


def test_a_kept_connection_is_used_again(world, names, trusted, serve):
    server = serve(trusted)

    talk_to(server.url, world, models, models, models)

    assert server.connections == 1


@pytest.mark.parametrize("change", [{"slept_s": 60.0}, {"way": "198.51.100.4"}])
def test_after_a_sleep_or_on_another_network_a_new_connection_is_made(world, names, trusted, serve, change):
    """The old one is dead, and would be waited for."""
    server = serve(trusted)

    async def later(client):
        for name, value in change.items():
            setattr(world, name, value)
        return await models(client)

    assert talk_to(server.url, world, models, later) == [b'{"data":[]}'] * 2
    assert server.connections == 2


def test_an_answer_under_way_goes_on_when_connections_are_dropped(world, raw_upstream):
    """Whether it is alive nobody knows; that it ends is up to its own time limits."""
    dropped = threading.Event()
    word = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
    end = b"data: [DONE]\n\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"

    def answer(connection, number):
        connection.recv(65536)
        if number == 1:
            connection.sendall(head % (len(word) * 2 + len(end)) + word)
            assert dropped.wait(15)
            connection.sendall(word + end)
        else:
            connection.sendall(ANSWER)

    async def talk(client):
        words = []
        async with client.stream(REQUEST, "m") as reply:
            async for chunks in chunks_of(reply):
                words += [chunk.choices[0].delta.content for chunk in chunks]
                if not dropped.is_set():
                    client.drop_connections()
                    other = await models(client)
                    dropped.set()
        return words, other

    assert talk_to(raw_upstream(answer), world, talk) == [(["hi", "hi"], b'{"data":[]}')]


def test_a_client_that_left_has_nothing_sent_again(world, raw_upstream):
    """The dead connection is only found out when nobody wants the answer any more."""
    requests, asked, left = [], threading.Event(), threading.Event()

    def answer(connection, number):
        requests.append(connection.recv(65536))
        connection.sendall(ANSWER)
        if connection.recv(65536):
            requests.append(number)
            asked.set()
            assert left.wait(15)
            connection.close()

    async def leave(client):
        await models(client)
        task = asyncio.create_task(models(client))
        await asyncio.to_thread(asked.wait, 5)
        task.cancel()
        left.set()
        await asyncio.wait({task})
        await models(client)
        return task.cancelled()

    assert talk_to(raw_upstream(answer), world, leave) == [True]
    assert len(requests) == 3


def test_a_connection_for_what_seems_to_be_coming_is_opened_once(world, names, trusted, serve):
    """Who lists the models is about to ask one; the handshake need not wait for the question."""
    server = serve(trusted)

    async def expect(client):
        client.expect()
        client.expect()
        await client._connections._ahead
        before = server.connections
        client.expect()
        return before, await models(client), server.connections

    assert talk_to(server.url, world, expect) == [(1, b'{"data":[]}', 1)]


def test_what_cannot_be_opened_ahead_is_nobodys_trouble_yet(world, monkeypatch):
    def unknown(*_arguments, **_more):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    async def expect(client):
        client.expect()
        await client._connections._ahead
        return client.reachable

    assert talk_to(f"https://{NAME}/api/v1", world, expect) == [None]
