"""Bodies: whole, too large, too slow, and not at all."""

import asyncio
import tracemalloc
from typing import Any

import msgspec
import pytest

from tray_proxy.errors import BadRequest, BodyTooLarge, UnsupportedEncoding
from tray_proxy.server import asgi


class Shape(msgspec.Struct):
    name: str | None = None
    anything: Any = None
    picture: msgspec.Raw = msgspec.Raw()


def receiving(*messages):
    """Give what has come, and then tell that the rest did not come in time."""
    queue = list(messages)

    async def receive():
        if not queue:
            raise TimeoutError
        return queue.pop(0)

    return receive


def part(body, *, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


def with_header(name, value):
    return {"headers": [(name.encode(), value.encode())]}


@pytest.mark.parametrize("scope", [{"headers": []}, with_header("content-length", "5")])
def test_a_body_in_parts_is_joined(scope):
    assert asyncio.run(asgi.read_body(scope, receiving(part(b"ab"), part(b""), part(b"cde", more=False)))) == b"abcde"


def test_a_body_that_was_announced_is_in_memory_once():
    """Growing step by step would have two copies in memory at each step."""
    size, length = 65536, 8_000_000
    parts = [part(bytes(size)) for _ in range(length // size)] + [part(bytes(length % size), more=False)]
    scope = with_header("content-length", str(length))

    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    body = asyncio.run(asgi.read_body(scope, receiving(*parts)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(body) == length
    assert peak - before < 1.2 * length


def test_a_client_that_announces_much_and_sends_little_gets_little_memory():
    tracemalloc.start()
    with pytest.raises(BadRequest):
        asyncio.run(asgi.read_body(with_header("content-length", "50000000"), receiving(part(bytes(1000)))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("path", "encoding"),
    [
        ("/v1/messages", "gzip"),
        ("/v1/messages", "br"),
        ("/v1/messages", "deflate, gzip"),
        ("/v1/messages", "zstd, zstd"),
        ("/api/chat", "zstd"),
        ("/v1/audio/transcriptions", "zstd"),
    ],
)
def test_a_compressed_body_is_refused(path, encoding):
    """Ollama unpacks zstd under `/v1`, where the body is JSON; `test_zstd.py` has that."""
    with pytest.raises(UnsupportedEncoding) as caught:
        asyncio.run(asgi.read_body({"path": path} | with_header("content-encoding", encoding), receiving()))

    assert caught.value.message == f"Content-Encoding '{encoding}' is not supported: send the request uncompressed."


def test_a_body_that_says_it_is_not_compressed_is_read():
    scope = with_header("content-encoding", "Identity")

    assert asyncio.run(asgi.read_body(scope, receiving(part(b"a", more=False)))) == b"a"


@pytest.mark.parametrize("scope", [{"headers": []}, with_header("content-length", "1048577")])
def test_a_body_beyond_the_limit_is_refused(monkeypatch, scope):
    monkeypatch.setattr(asgi, "MAX_BODY_BYTES", 2**20)

    with pytest.raises(BodyTooLarge) as caught:
        asyncio.run(asgi.read_body(scope, receiving(part(bytes(2**20)), part(b"x"))))

    assert caught.value.message == (
        "The request is larger than 1 MiB: send less at once, for example fewer or smaller pictures."
    )


def test_a_body_that_trickles_is_given_up():
    """The protocol has the clock: one for a whole request."""
    with pytest.raises(BadRequest, match=r"did not arrive within 60 s"):
        asyncio.run(asgi.read_body({"headers": []}, receiving(part(b"a"))))


def test_a_client_that_leaves_while_sending_is_noticed():
    with pytest.raises(asgi.ClientLeft):
        asyncio.run(asgi.read_body({"headers": []}, receiving(part(b"a"), {"type": "http.disconnect"})))


@pytest.mark.parametrize(
    "body", [b'{"name":"x"} {"name":"y"}', b'{"name":"x"}garbage', b'{"name":"x"}\n\n', b' {"name":"x"}']
)
def test_the_first_json_value_counts(body):
    assert asgi.BodyDecoder(Shape)(body).name == "x"


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t  "])
def test_no_body_is_named_in_ollamas_words(body):
    with pytest.raises(BadRequest, match=r"^missing request body$"):
        asgi.BodyDecoder(Shape)(body)


@pytest.mark.parametrize("body", [b'{"Name":"x"}', b'{"NAME":"x"} {"name":"y"}', b'{"nAmE" : "x"}garbage'])
def test_keys_are_read_in_any_case(body):
    assert asgi.BodyDecoder(Shape)(body).name == "x"


@pytest.mark.parametrize("body", [b'{"Name":5}', b'{"NAME":"x"', b'{"Name":"\xff"}', b'{"Name":' + b"[" * 100_000])
def test_a_bad_request_in_other_case_is_refused_like_any(body):
    with pytest.raises(BadRequest):
        asgi.BodyDecoder(Shape)(body)


@pytest.mark.parametrize(
    "value",
    [
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\xff\xfe"',
        b'"\xed\xa0\x80"',  # a lone surrogate in UTF-8
        b'"\0"',
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e400",
        b"9" * 5000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xef\xbb\xbf1",
    ],
    ids=lambda value: value[:10],
)
@pytest.mark.parametrize("field", ["name", "anything"])
def test_what_python_alone_would_take_is_refused(field, value):
    """Some of it parses elsewhere, and becomes a 500 when it is sent on."""
    with pytest.raises(BadRequest):
        asgi.BodyDecoder(Shape)(b'{"%s":%s}' % (field.encode(), value))


@pytest.mark.parametrize(
    "body", [b'\xef\xbb\xbf{"name":"x"}', b"\xff\xfe{\0", b"\0", b"[]", b'"x"', b"5", b"null", b"{"]
)
def test_what_is_no_json_object_is_refused(body):
    with pytest.raises(BadRequest):
        asgi.BodyDecoder(Shape)(body)


def test_the_last_of_two_equal_keys_counts():
    assert asgi.BodyDecoder(Shape)(b'{"name":"first","name":"last"}').name == "last"


def test_what_stays_raw_is_a_view_of_the_body():
    """A copy of a picture would be large; and the body lives as long as the view does."""
    body = bytearray(b'{"picture":"%s"}' % (b"x" * 1000))

    picture = asgi.BodyDecoder(Shape)(body).picture

    body[12] = ord("y")
    assert bytes(picture)[:3] == b'"yx'
    with pytest.raises(BufferError):
        body.clear()
