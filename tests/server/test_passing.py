"""A request passed on and its answer passed back; what becomes of it is told by `test_neighbour.py`."""

import pytest

from tray_proxy.errors import OllamaAway
from tray_proxy.server.asgi import NDJSON, Record
from tray_proxy.server.passing import RETURNED_HEADERS, SENT_HEADERS, Passing, _only, _target


def test_nothing_goes_out_that_could_be_a_key():
    headers = {"authorization": "Bearer secret", "cookie": "a=b", "x-api-key": "secret", "accept": "*/*"}

    assert _only(SENT_HEADERS, headers) == {"accept": "*/*"}


def test_who_may_read_an_answer_is_not_told_by_ollama():
    headers = {"access-control-allow-origin": "*", "content-type": NDJSON, "date": "now", "retry-after": "3"}

    assert _only(RETURNED_HEADERS, headers) == {"content-type": NDJSON, "retry-after": "3"}


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [
        ("/api/chat", b"", "/api/chat"),
        ("/v1/models/a b?", b"", "/v1/models/a%20b%3F"),
        ("/api/tags", b"a=1&b=%20", "/api/tags?a=1&b=%20"),
    ],
)
def test_the_address_is_written_as_it_must_be(path, query, target):
    assert _target({"path": path, "query_string": query}) == target


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/api/chat", NDJSON, b'{"error":"It broke off. Start Ollama'),
        ("/v1/chat/completions", "text/event-stream", b'data: {"error":{"message":"It broke off. Start Ollama'),
        ("/v1/messages", "text/event-stream; charset=utf-8", b'event: error\ndata: {"type":"error",'),
        ("/api/chat", "application/json", b""),
    ],
)
def test_a_stream_that_breaks_off_ends_with_an_error_in_its_own_shape(loop, path, kind, words):
    sent = []

    async def send(message):
        sent.append(message)

    async def nothing():
        pass

    passing = Passing(None, {"path": path}, nothing, send, Record("1"), "a", True, lambda _: None, nothing)
    passing._returned = {"content-type": kind}

    loop.submit(passing.last_words(OllamaAway("It broke off."))).result(15)

    assert b"".join(message["body"] for message in sent)[: len(words)] == words
    assert bool(sent) is bool(words)
