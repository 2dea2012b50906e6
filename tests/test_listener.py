"""Ports: bound exclusively, on both loopback addresses, and what listens there started and stopped."""

import asyncio
import contextlib
import queue
import socket
import sys
import threading

import httpx
import pytest

from tray_proxy.errors import PortInUse
from tray_proxy.listener import CLIENT_KEEPALIVE_S, NEAR, Listener, LoopThread, bind, free_port_near, is_free


async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
def bound():
    sockets = []

    def take(host="127.0.0.1", port=0):
        sockets.extend(bind(host, port))
        return sockets

    yield take
    for sock in sockets:
        sock.close()


def test_both_loopback_addresses_are_served(loop, free_port):
    listener = Listener(hello, bind("127.0.0.1", free_port))

    url = loop.submit(listener.start()).result(15)

    answers = [httpx.get(f"http://{host}:{free_port}", trust_env=False).text for host in ("127.0.0.1", "[::1]")]
    loop.submit(listener.stop()).result(15)
    assert url == f"http://127.0.0.1:{free_port}"
    assert answers == ["hello", "hello"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_both_wildcards_mean_every_address_of_both_kinds(bound, free_port, host):
    """As with Ollama."""
    sockets = bound(host, free_port)

    assert [sock.getsockname()[:2] for sock in sockets] == [("0.0.0.0", free_port), ("::", free_port)]
    for each in ("127.0.0.1", "::1"):
        socket.create_connection((each, free_port), timeout=5).close()


def test_every_address_is_not_to_be_had_where_one_is_taken(bound, free_port):
    bound(port=free_port)

    with pytest.raises(PortInUse, match=rf"^Port {free_port} is used by "):
        bind("0.0.0.0", free_port)


def test_one_address_is_served_where_only_it_was_asked_for(bound):
    assert [sock.getsockname()[0] for sock in bound("::1")] == ["::1"]


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_port_taken_on_either_address_is_taken(family, host, free_port):
    """Were one of the two left to others, `localhost` would reach them."""
    with socket.socket(family) as other:
        other.bind((host, free_port))
        other.listen()

        with pytest.raises(PortInUse, match=rf"^Port {free_port} is used by .*process \d+"):
            bind("127.0.0.1", free_port)


def test_a_failed_binding_leaves_nothing_bound(free_port):
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", free_port))
        other.listen()
        with pytest.raises(PortInUse):
            bind("127.0.0.1", free_port)

    for sock in bind("127.0.0.1", free_port):
        sock.close()


@pytest.mark.parametrize("host", ["203.0.113.1", "2001:db8::1", "no-such-name.invalid"])
def test_an_address_of_another_computer_is_told(host):
    """Another port would not help, nor would it to quit another program."""
    with pytest.raises(PortInUse) as told:
        bind(host, 0)

    assert told.value.message == f"This computer has no address {host}."
    assert (
        told.value.hint == "Use an address of this computer, or 0.0.0.0 for all of them (--host, or the setting HOST)."
    )


def test_a_port_near_a_taken_one_is_found_and_the_next_one_is_left_to_ollama(bound, free_port):
    found = free_port_near(free_port)

    assert found is not None
    assert found >= free_port + 2
    bound(port=found)


def test_a_port_is_looked_for_below_where_there_is_none_above():
    found = free_port_near(65535)

    assert found is not None
    assert 65535 - NEAR <= found < 65535


def test_whether_a_port_is_free_is_told_and_leaves_it_so(bound, free_port):
    assert is_free("127.0.0.1", free_port)
    bound(port=free_port)

    assert not is_free("127.0.0.1", free_port)
    assert not is_free("203.0.113.1", free_port)


def test_what_is_taken_is_not_suggested(bound, free_port):
    first = free_port_near(free_port)
    bound(port=first)

    assert free_port_near(free_port) != first


def test_what_is_written_leaves_at_once(loop):
    """Nagle's algorithm would hold each token back for 40 ms."""
    seen = []

    async def look(scope, receive, send):
        transports = [each.transport for each in listener._server.server_state.connections]
        seen.extend(
            each.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in transports
        )
        await hello(scope, receive, send)

    listener = Listener(look, bind("127.0.0.1", 0))
    url = loop.submit(listener.start()).result(15)
    httpx.get(url, trust_env=False)
    loop.submit(listener.stop()).result(15)

    assert seen == [1]


def test_an_idle_connection_is_kept_for_a_minute_and_more(loop):
    """Node's clients use it again; closed meanwhile, their next request fails."""
    listener = Listener(hello, bind("127.0.0.1", 0))
    url = loop.submit(listener.start()).result(15)

    async def seconds_until_closed():
        [connection] = listener._server.server_state.connections
        return connection._due - loop.loop.time()

    with httpx.Client(trust_env=False) as http:
        http.get(url)
        left_s = loop.submit(seconds_until_closed()).result(15)
    loop.submit(listener.stop()).result(15)
    assert 60 < left_s <= CLIENT_KEEPALIVE_S


def test_after_stop_the_port_is_free_again(loop, free_port):
    for _ in range(3):
        listener = Listener(hello, bind("127.0.0.1", free_port))
        loop.submit(listener.start()).result(15)
        assert httpx.get(f"http://127.0.0.1:{free_port}", trust_env=False).text == "hello"
        loop.submit(listener.stop()).result(15)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free_port))


def test_a_listener_that_ends_by_itself_tells_and_frees_its_port(loop, free_port):
    told = threading.Event()
    listener = Listener(hello, bind("127.0.0.1", free_port), died=lambda _error: told.set())
    loop.submit(listener.start()).result(15)

    loop.loop.call_soon_threadsafe(listener._serving.cancel)

    assert told.wait(15)
    for sock in bind("127.0.0.1", free_port):
        sock.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows shuts down no socket that only listens")
def test_a_port_that_the_system_takes_back_ends_the_listener(loop, free_port):
    """Accepting fails from then on; Windows does so after a sleep, and tells nobody else."""
    told = queue.Queue()
    listener = Listener(hello, bind("127.0.0.1", free_port), died=told.put)
    loop.submit(listener.start()).result(15)

    # The first is enough: the listener closes the other itself.
    listener._sockets[0].shutdown(socket.SHUT_RDWR)

    assert str(told.get(timeout=15)) == "a listening socket was closed"
    for sock in bind("127.0.0.1", free_port):
        sock.close()


def test_a_dead_listener_lets_go_of_connections_that_nothing_is_asked_on(loop, free_port):
    """Or an app could go on asking on one, when all is said to be off."""
    listener = Listener(hello, bind("127.0.0.1", free_port))
    url = loop.submit(listener.start()).result(15)

    with httpx.Client(trust_env=False) as http:
        http.get(url)
        loop.loop.call_soon_threadsafe(listener._serving.cancel)
        with pytest.raises(httpx.TransportError):
            ask_until_refused(http, url)


def ask_until_refused(http, url):
    while http.get(url).text == "hello":
        """It has not died yet."""


def test_what_goes_wrong_elsewhere_ends_no_listener(loop):
    """The loop reports every callback that fails, and each listener looks after itself alone."""
    listener = Listener(hello, bind("127.0.0.1", 0))
    url = loop.submit(listener.start()).result(15)

    loop.loop.call_soon_threadsafe(lambda: 1 / 0)
    loop.submit(asyncio.sleep(0)).result(15)

    assert httpx.get(url, trust_env=False).text == "hello"
    loop.submit(listener.stop()).result(15)


def test_an_idle_listener_wakes_nobody():
    """uvicorn looks around ten times a second: a laptop's processor would never sleep."""
    alone = LoopThread()  # in the loop that tests share, connections wait for their next question
    listener = Listener(hello, bind("127.0.0.1", 0))
    alone.submit(listener.start()).result(15)

    async def timers():
        return [handle for handle in alone.loop._scheduled if not handle.cancelled()]

    assert alone.submit(timers()).result(15) == []
    alone.submit(listener.stop()).result(15)
    alone.stop(5)


def test_a_broken_loop_is_run_again_and_goes_on_serving():
    """asyncio lets SystemExit out of the loop; nothing of ours calls for it, but a library may."""
    alone = LoopThread()
    listener = Listener(hello, bind("127.0.0.1", 0))
    url = alone.submit(listener.start()).result(15)

    alone.loop.call_soon_threadsafe(sys.exit)

    assert httpx.get(url, trust_env=False).text == "hello"
    alone.submit(listener.stop()).result(15)
    alone.stop(5)


def test_a_loop_that_breaks_again_and_again_is_given_up_and_says_so(free_port):
    told = queue.Queue()
    thread = LoopThread(died=told.put)
    thread.submit(Listener(hello, bind("127.0.0.1", free_port)).start()).result(15)

    for _ in range(4):
        thread.loop.call_soon_threadsafe(sys.exit, "broken")

    assert isinstance(told.get(timeout=15), SystemExit)
    assert thread.lives is False
    for sock in bind("127.0.0.1", free_port):
        sock.close()


def test_who_is_in_the_midst_of_a_request_when_it_stops_is_let_go(loop, free_port):
    """Nobody would answer, and the socket would stay open until Python came upon it."""
    begun = queue.Queue()

    async def waits(_scope, _receive, _send):
        begun.put("begun")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    listener = Listener(waits, bind("127.0.0.1", free_port))
    loop.submit(listener.start()).result(15)

    with socket.create_connection(("127.0.0.1", free_port), timeout=15) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        begun.get(timeout=15)
        loop.submit(listener.stop()).result(15)

        assert client.recv(1) == b""
    loop.submit(_cancelled()).result(15)


async def _cancelled():
    """End what the app above leaves behind."""
    others = [task for task in asyncio.all_tasks() if task.get_coro().__name__ == "run_asgi"]
    for task in others:
        task.cancel()
    await asyncio.wait(others)


def test_stopping_what_never_started_does_nothing(loop):
    listener = Listener(hello, bind("127.0.0.1", 0))

    assert loop.submit(listener.stop()).result(15) is None
    for sock in listener._sockets:
        sock.close()


def test_a_loop_thread_ends_with_what_still_runs_in_it():
    thread = LoopThread()
    ended = []

    async def forever():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    running = thread.submit(forever())
    thread.submit(asyncio.sleep(0)).result(15)

    thread.stop(5)
    thread.stop(5)

    assert ended == [True]
    assert running.cancelled()
    assert thread.loop.is_closed()
