"""A request on its way out."""

import asyncio

import httpx
import pytest

from tray_proxy.openrouter.upload import SLICE_BYTES, Asking, Target, from_httpx

URL = httpx.URL("https://openrouter.test/api/v1/chat/completions?a=b")
LIMITS = {"connect": 1.0, "write": 2.0, "read": 3.0}


def asking(pieces=(b"one", b"two"), length=6):
    target = Target("POST", URL, [(b"Host", b"openrouter.test"), (b"Authorization", b"Bearer secret")])
    return Asking(target, list(pieces), length, 1.0, 2.0, 3.0)


def test_a_head_holds_what_all_have_in_common_and_the_length_of_its_body():
    head = b"POST /api/v1/chat/completions?a=b HTTP/1.1\r\nHost: openrouter.test\r\nAuthorization: Bearer secret\r\n"

    assert asking().head() == head + b"Content-Length: 6\r\n\r\n"
    assert asking((), None).head() == head + b"\r\n"


@pytest.mark.parametrize("value", [b"a\r\nX-Evil: 1", b"a\nb", b"a\rb", b"a\0b"])
def test_no_header_can_break_out_of_its_line(value):
    with pytest.raises(httpx.LocalProtocolError):
        Target("GET", URL, [(b"X-One", value)])


def test_a_large_piece_goes_out_in_slices():
    body = bytes(2 * SLICE_BYTES + 1)

    assert [len(part) for part in asking([b"head", memoryview(body)]).slices()] == [4, SLICE_BYTES, SLICE_BYTES, 1]


def test_it_can_be_sent_again():
    sent = asking()

    assert list(sent.slices()) == list(sent.slices()) == [b"one", b"two"]


def test_what_it_shows_of_itself_holds_no_header():
    sent = asking()

    assert "secret" not in repr(sent) + repr(sent.target)


def test_httpx_takes_it_as_one_of_its_own():
    async def read():
        request = asking().as_httpx()
        return request, [piece async for piece in request.stream]

    request, pieces = asyncio.run(read())

    assert (request.method, request.url, pieces) == ("POST", URL, [b"one", b"two"])
    assert request.headers.raw == [
        (b"Host", b"openrouter.test"),
        (b"Authorization", b"Bearer secret"),
        (b"Content-Length", b"6"),
    ]
    assert request.extensions["timeout"] == LIMITS


def test_one_of_httpxs_own_is_taken_as_it_is():
    request = httpx.Request("PUT", URL, headers={"X-One": "1"}, content=b"body", extensions={"timeout": LIMITS})

    taken = asyncio.run(from_httpx(request))

    assert taken.head() == (
        b"PUT /api/v1/chat/completions?a=b HTTP/1.1\r\nHost: openrouter.test\r\nX-One: 1\r\nContent-Length: 4\r\n\r\n"
    )
    assert list(taken.slices()) == [b"body"]
    assert (taken.connect_s, taken.write_s, taken.read_s) == (1.0, 2.0, 3.0)
