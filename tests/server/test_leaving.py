"""What stops the bill on every route that buys: the client leaves, and the upstream connection is closed at once."""

import json

import httpx
import pytest

from server.leaving import asked, connect, dropped, send
from tray_proxy.demo.faults import FAULTS

QUESTION = [{"role": "user", "content": "hello"}]
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28)
# Each route, and a request to it that is well.
BODIES = {
    "/api/chat": {"messages": QUESTION},
    "/api/generate": {"prompt": "hello"},
    "/v1/chat/completions": {"messages": QUESTION},
    "/v1/completions": {"prompt": "hello"},
    "/v1/responses": {"input": "hello"},
    "/v1/messages": {"messages": QUESTION, "max_tokens": 100},
}
SOUND = "/v1/audio/transcriptions"


def ask(proxy, path, *, stream):
    """Send a request to a route, in the form that it takes."""
    if path != SOUND:
        return connect(proxy, path, BODIES[path] | {"model": "openai/gpt-4o-mini", "stream": stream})
    form = {"model": "google/gemini-2.5-flash", "stream": json.dumps(stream)}
    request = httpx.Request("POST", proxy.url, data=form, files={"file": ("talk.wav", WAV)})
    return send(proxy, path, request.read(), **{"Content-Type": request.headers["content-type"]})


@pytest.mark.parametrize("path", [*BODIES, SOUND])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", ["silence", "headers-then-silence", "comments-only"])
def test_a_client_that_leaves_before_the_first_word_ends_the_upstream_call(proxy, upstream, fault, stream, path):
    upstream.arrange(FAULTS[fault].lasting(30))
    client = ask(proxy, path, stream=stream)
    assert upstream.wait_for(asked, 15)

    client.close()

    assert upstream.wait_for(dropped, 15)


@pytest.mark.parametrize("path", [*BODIES, SOUND])
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_in_the_middle_ends_the_upstream_call(proxy, upstream, stream, path):
    upstream.arrange("endless")
    client = ask(proxy, path, stream=stream)
    assert upstream.wait_for(asked, 15)
    if stream:
        assert b"200 OK" in client.recv(65536)

    client.close()

    assert upstream.wait_for(dropped, 15)


@pytest.mark.parametrize("path", ["/api/embed", "/v1/embeddings"])
def test_a_client_that_leaves_before_its_vectors_came_ends_the_upstream_call(proxy, upstream, path):
    upstream.arrange(FAULTS["silence"].lasting(30), on="embeddings")
    client = connect(proxy, path, {"model": "baai/bge-m3", "input": "hello"})
    assert upstream.wait_for(asked, 15)

    client.close()

    assert upstream.wait_for(dropped, 15)
