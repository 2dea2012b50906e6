"""A request on its way out."""

import asyncio

import httpx
import pytest

from tray_proxy.openrouter.upload import SLICE_BYTES, Asking, Target, from_httpx

URL = httpx.URL("https://openrouter.test/api/v1/chat/completions?a=b")
LIMITS = {"connect": 1.0, "write": 2.0, "read": 3.0}


def asking(pieces=(b"one", b"two"), headers=((b"X-One", b"1"),)):
    target = Target("POST", URL, [(b"Host", b"openrouter.test")])
    return Asking(target, list(headers), list(pieces), connect_s=1.0, write_s=2.0, read_s=3.0)


def test_a_head_holds_what_all_have_in_common_and_then_what_is_its_own():
    assert asking().target.head([(b"X-One", b"1")]) == (
        b"POST /api/v1/chat/completions?a=b HTTP/1.1\r\nHost: openrouter.test\r\nX-One: 1\r\n\r\n"
    )


@pytest.mark.parametrize("value", [b"a\r\nX-Evil: 1", b"a\nb", b"a\rb", b"a\0b"])
def test_no_header_can_break_out_of_its_line(value):
    with pytest.raises(httpx.LocalProtocolError):
        Target("GET", URL, [(b"X-One", value)])
    with pytest.raises(httpx.LocalProtocolError):
        Target("GET", URL, []).head([(b"X-One", value)])


def test_a_large_piece_goes_out_in_slices():
    body = bytes(2 * SLICE_BYTES + 1)

    assert [len(part) for part in asking([b"head", memoryview(body)]).slices()] == [4, SLICE_BYTES, SLICE_BYTES, 1]


def test_it_can_be_sent_again():
    sent = asking()

    assert list(sent.slices()) == list(sent.slices()) == [b"one", b"two"]


def test_what_it_shows_of_itself_holds_no_header():
    assert "X-One" not in repr(asking())


def test_httpx_takes_it_as_one_of_its_own():
    async def read():
        request = asking().as_httpx()
        return request, [piece async for piece in request.stream]

    request, pieces = asyncio.run(read())

    assert (request.method, request.url, pieces) == ("POST", URL, [b"one", b"two"])
    assert request.headers.raw == [(b"Host", b"openrouter.test"), (b"X-One", b"1")]
    assert request.extensions["timeout"] == LIMITS


def test_one_of_httpxs_own_is_taken_as_it_is():
    request = httpx.Request("PUT", URL, headers={"X-One": "1"}, content=b"body", extensions={"timeout": LIMITS})

    taken = asyncio.run(from_httpx(request))

    assert taken.target.head(taken.headers) == (
        b"PUT /api/v1/chat/completions?a=b HTTP/1.1\r\nHost: openrouter.test\r\nX-One: 1\r\nContent-Length: 4\r\n\r\n"
    )
    assert list(taken.slices()) == [b"body"]
    assert (taken.connect_s, taken.write_s, taken.read_s) == (1.0, 2.0, 3.0)
