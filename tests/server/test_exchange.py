"""What stops the bill: the client leaves, or the proxy is turned off, and the upstream connection is closed at once."""

import json
import queue
import socket
import threading

import httpx
import pytest

from tray_proxy.demo.faults import FAULTS

CHAT = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}


def connect(proxy, body):
    """Send a chat over a bare socket, so that it can be left at any moment."""
    port = int(proxy.url.rpartition(":")[2])
    client = socket.create_connection(("127.0.0.1", port))
    content = json.dumps(body).encode()
    head = f"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n"
    client.sendall(head.encode() + content)
    return client


def asked(upstream):
    return bool(upstream.chats) and upstream.chats[-1].body is not None


def dropped(upstream):
    return bool(upstream.chats) and upstream.chats[-1].outcome == "dropped"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", ["silence", "headers-then-silence", "comments-only"])
def test_a_client_that_leaves_before_the_first_word_ends_the_upstream_call(proxy, upstream, fault, stream):
    upstream.arrange(FAULTS[fault].lasting(30))
    client = connect(proxy, CHAT | {"stream": stream})
    assert upstream.wait_for(asked, 5)

    client.close()

    assert upstream.wait_for(dropped, 1)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_in_the_middle_ends_the_upstream_call(proxy, upstream, stream):
    upstream.arrange("endless")
    client = connect(proxy, CHAT | {"stream": stream})
    assert upstream.wait_for(asked, 5)
    if stream:
        assert b"200 OK" in client.recv(65536)

    client.close()

    assert upstream.wait_for(dropped, 1)


def test_a_client_that_leaves_with_a_reset_ends_the_upstream_call(proxy, upstream):
    upstream.arrange("endless")
    client = connect(proxy, CHAT)
    assert b"200 OK" in client.recv(65536)

    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    client.close()

    assert upstream.wait_for(dropped, 1)


def test_a_half_sent_request_never_goes_upstream(proxy, upstream):
    port = int(proxy.url.rpartition(":")[2])
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b'POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{"model":')

    client.close()

    assert proxy.chat().status_code == 200
    assert len(upstream.chats) == 1


def test_the_upstream_connection_is_used_again(proxies, upstream, tmp_path):
    """Breaking off at the end mark would cost a new connection per request."""
    running = proxies.start(tmp_path)
    counts = queue.Queue()
    running.program.deps.in_flight.changed = counts.put

    for stream in (False, True, False):
        running.chat(stream=stream)
        assert [counts.get(timeout=5), counts.get(timeout=5)] == [1, 0]

    assert len({chat.connection for chat in upstream.chats}) == 1


def test_each_answer_is_bought_once(proxy, upstream):
    upstream.arrange("cut")

    proxy.http.post("/api/chat", json=CHAT)

    assert len(upstream.chats) == 1


def test_turning_off_ends_a_stream_with_an_error_that_says_so(proxies, upstream, tmp_path):
    running = proxies.start(tmp_path)
    upstream.arrange("endless")
    lines = []

    with running.http.stream("POST", "/api/chat", json=CHAT) as answer:
        received = answer.iter_lines()
        lines.append(next(received))
        stopping = running.loop.submit(running.program.stop_proxy())
        lines += received

    stopping.result(3)
    assert json.loads(lines[-1]) == {
        "error": "Tray Proxy was turned off before the answer was complete; turn it on and ask again."
    }
    assert upstream.wait_for(dropped, 1)


def test_turning_off_answers_a_plain_request_with_503(proxies, upstream, tmp_path):
    running = proxies.start(tmp_path)
    upstream.arrange(FAULTS["silence"].lasting(30))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(running.chat()))
    asking.start()
    assert upstream.wait_for(asked, 5)

    running.loop.submit(running.program.stop_proxy()).result(3)

    asking.join(5)
    assert answers[0].status_code == 503
    assert upstream.wait_for(dropped, 1)


def test_turning_off_after_the_last_word_is_no_failure(proxies, raw_upstream, tmp_path):
    """The client has it all; only the upstream's body has not ended yet."""
    held = threading.Event()

    def answer(connection, _number):
        request = connection.recv(65536)
        if request.startswith(b"GET"):
            models = b'{"data":[{"id":"a/one"}]}'
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(models) + models
            )
            connection.close()
            return
        event = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"%x\r\n" % len(event) + event + b"\r\n")
        held.wait(10)
        connection.close()

    running = proxies.start(tmp_path, openrouter_base_url=raw_upstream(answer))
    failures = queue.Queue()
    running.program.deps.in_flight.troubled = failures.put

    said = running.chat(model="a/one").json()
    running.loop.submit(running.program.stop_proxy()).result(3)

    held.set()
    assert (said["message"]["content"], said["done"]) == ("hi", True)
    assert failures.empty()


def test_turning_off_lets_a_short_answer_finish(proxies, upstream, tmp_path):
    running = proxies.start(tmp_path)
    upstream.chunk_delay_s = 0.02
    answers = []
    asking = threading.Thread(target=lambda: answers.append(running.chat()))
    asking.start()
    assert upstream.wait_for(asked, 5)

    running.loop.submit(running.program.stop_proxy()).result(3)

    asking.join(5)
    assert answers[0].json()["done"] is True


def test_a_client_that_does_not_read_cannot_hold_up_the_end(proxies, upstream, tmp_path):
    running = proxies.start(tmp_path)
    upstream.arrange("endless")
    client = connect(running, CHAT)
    assert upstream.wait_for(asked, 5)

    running.loop.submit(running.program.stop_proxy()).result(4)

    client.close()
    assert upstream.wait_for(dropped, 1)


def test_the_upstreams_silence_is_named_with_its_limit(proxies, upstream, tmp_path):
    running = proxies.start(tmp_path, first_byte_timeout_s=0.2)
    upstream.arrange(FAULTS["headers-then-silence"].lasting(30))

    answer = running.chat()

    assert (answer.status_code, answer.json()) == (
        504,
        {"error": "OpenRouter was silent for 0.2 s while we waited for the first byte of the answer."},
    )


def test_silence_in_the_middle_is_named_with_its_limit(proxies, upstream, tmp_path):
    running = proxies.start(tmp_path, idle_timeout_s=0.2)
    upstream.arrange(FAULTS["idle"].lasting(30))

    lines = running.http.post("/api/chat", json=CHAT).text.splitlines()

    assert json.loads(lines[-1]) == {
        "error": "OpenRouter was silent for 0.2 s while we waited for the next piece of the answer."
    }


def test_comments_count_as_life(proxies, upstream, tmp_path):
    """A model that thinks for minutes sends nothing but `: OPENROUTER PROCESSING`."""
    running = proxies.start(tmp_path, idle_timeout_s=0.4, first_byte_timeout_s=0.4)
    upstream.arrange(FAULTS["comments-only"].lasting(1.0))

    assert running.chat().json()["done"] is True


def test_many_streams_at_once_arrive_whole(proxy, upstream):
    upstream.chunk_delay_s = 0.005
    texts = []

    def ask():
        with httpx.Client(base_url=proxy.url, trust_env=False, timeout=20) as http:
            lines = http.post("/api/chat", json=CHAT).text.splitlines()
            texts.append("".join(json.loads(line)["message"]["content"] for line in lines))

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert texts == ["[demo] You asked openai/gpt-4o-mini: “hello”. No model was called and nothing was charged."] * 30


def test_how_many_answers_are_under_way_is_told(proxies, tmp_path):
    """The tray's icon works while answers are under way."""
    running = proxies.start(tmp_path)
    counts = queue.Queue()
    running.program.deps.in_flight.changed = counts.put

    running.chat()

    assert [counts.get(timeout=5), counts.get(timeout=5)] == [1, 0]
