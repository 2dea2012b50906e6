"""Bodies: whole, too large, too slow, and not at all."""

import asyncio

import msgspec
import pytest

from tray_proxy.errors import BadRequest, BodyTooLarge
from tray_proxy.server import asgi


class Shape(msgspec.Struct):
    name: str | None = None


def receiving(*messages):
    queue = list(messages)

    async def receive():
        return queue.pop(0) if queue else await asyncio.Event().wait()

    return receive


def part(body, *, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_parts_is_joined():
    assert asyncio.run(asgi.read_body({"headers": []}, receiving(part(b"a"), part(b"b", more=False)))) == b"ab"


def test_a_body_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(asgi, "MAX_BODY_BYTES", 3)

    with pytest.raises(BodyTooLarge):
        asyncio.run(asgi.read_body({"headers": []}, receiving(part(b"ab"), part(b"cd"))))


def test_a_body_that_trickles_is_given_up(monkeypatch):
    monkeypatch.setattr(asgi, "BODY_TIMEOUT_S", 0.01)

    with pytest.raises(BadRequest, match=r"did not arrive within 0\.01 s"):
        asyncio.run(asgi.read_body({"headers": []}, receiving(part(b"a"))))


def test_a_client_that_leaves_while_sending_is_noticed():
    with pytest.raises(asgi.ClientLeft):
        asyncio.run(asgi.read_body({"headers": []}, receiving(part(b"a"), {"type": "http.disconnect"})))


@pytest.mark.parametrize(
    "body", [b'{"name":"x"} {"name":"y"}', b'{"name":"x"}garbage', b'{"name":"x"}\n\n', b' {"name":"x"}']
)
def test_the_first_json_value_counts(body):
    assert asgi.BodyDecoder(Shape)(body).name == "x"


@pytest.mark.parametrize(
    "body", [b'{"name":"\\ud800"}', b'{"name":NaN}', b'{"name":1e999}', b'{"name":' + b"9" * 5000 + b"}"]
)
def test_what_python_alone_would_take_is_refused(body):
    """Lone surrogates and NaN parse elsewhere, and become a 500 when they are sent on."""
    with pytest.raises(BadRequest):
        asgi.BodyDecoder(Shape)(body)
