"""What is around Anthropic's messages: the bill stops when the client leaves, and the log tells what was bought."""

import json
import socket

import pytest

from tray_proxy.demo.faults import FAULTS

MESSAGE = {"model": "openai/gpt-4o-mini", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}


def connect(proxy, body):
    """Send a message over a bare socket, so that it can be left at any moment."""
    client = socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])))
    content = json.dumps(body).encode()
    head = f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n"
    client.sendall(head.encode() + content)
    return client


def asked(upstream):
    return bool(upstream.chats) and upstream.chats[-1].body is not None


def dropped(upstream):
    return bool(upstream.chats) and upstream.chats[-1].outcome == "dropped"


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_before_the_first_word_ends_the_upstream_call(proxy, upstream, stream):
    upstream.arrange(FAULTS["silence"].lasting(30))
    client = connect(proxy, MESSAGE | {"stream": stream})
    assert upstream.wait_for(asked, 5)

    client.close()

    assert upstream.wait_for(dropped, 1)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_in_the_middle_ends_the_upstream_call(proxy, upstream, stream):
    upstream.arrange("endless")
    client = connect(proxy, MESSAGE | {"stream": stream})
    assert upstream.wait_for(asked, 5)
    if stream:
        assert b"200 OK" in client.recv(65536)

    client.close()

    assert upstream.wait_for(dropped, 1)


def test_the_log_line_tells_what_was_bought_and_not_what_was_said(proxy, log_lines):
    answer = proxy.http.post("/v1/messages", json=MESSAGE)

    [line] = log_lines("/v1/messages")
    assert answer.json()["id"] == f"msg_{line['request_id']}"
    assert (line["path"], line["model"], line["prompt_tokens"], line["completion_tokens"], line["cost_usd"]) == (
        "/v1/messages",
        "openai/gpt-4o-mini",
        5,
        19,
        1.215e-05,
    )
    assert "hello" not in str(line)


def test_a_model_that_was_asked_is_in_use(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)

    proxy.http.post("/v1/messages", json=MESSAGE)

    assert [model["name"] for model in proxy.http.get("/api/ps").json()["models"]] == ["openai/gpt-4o-mini"]


def test_counting_tokens_uses_no_model(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)

    proxy.http.post("/v1/messages/count_tokens", json=MESSAGE)

    assert proxy.http.get("/api/ps").json() == {"models": []}
