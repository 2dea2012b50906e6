"""Bytes in, payloads out, however the network cut them."""

import pytest

from tray_proxy.openrouter import sse
from tray_proxy.openrouter.sse import LineTooLong, SSEDecoder


def decoded(*received):
    decoder = SSEDecoder()
    return [payload for part in received for payload in decoder.feed(part)] + decoder.finish()


@pytest.mark.parametrize(
    ("stream", "payloads"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data:a\r\n\r\n", [b"a"]),
        (b": OPENROUTER PROCESSING\n\ndata: a\n\n", [b"a"]),
        (b"event: x\nid: 1\nretry: 5\ndata: a\n\n", [b"a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data:  two blanks\n\n", [b" two blanks"]),
        (b"data: cut short", [b"cut short"]),
        (b"\n\n\n", []),
        (b"data: [DONE]\n\n", [b"[DONE]"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data: \xef\xbb\xbf\n\n", [b"\xef\xbb\xbf"]),
    ],
)
def test_events_are_read_as_the_standard_says(stream, payloads):
    assert decoded(stream) == payloads


ODD = 'data: {"a":"\u2028\u2029\u0085\x0b\x0c 😀"}\n\n'.encode()


def test_only_line_feeds_end_a_line():
    """Splitters that know Unicode also split at U+2028 and others: ordinary characters inside an answer."""
    assert decoded(ODD) == [ODD[6:-2]]


def test_bytes_may_be_cut_anywhere():
    assert decoded(*(ODD[index : index + 1] for index in range(len(ODD)))) == [ODD[6:-2]]


@pytest.mark.parametrize("beginning", [[], [b"data: {}\n\n"], [b": a comment\n\n"]])
def test_an_event_that_comes_alone_on_one_line_is_told_at_a_glance(beginning):
    decoder = SSEDecoder()
    for part in beginning:
        decoder.feed(part)

    assert (decoder.alone(b'data: {"a":1}\n\n'), decoder.finish()) == (b'{"a":1}\n\n', [])


@pytest.mark.parametrize(
    "received",
    [
        b"", b"\n\n", b"data: {}", b"data: {}\n", b"data: {}\n\n\n", b"data: {}\n\ndata: {}\n\n",
        b"data: {}\ndata: {}\n\n",
        b"data: {}\r\n\r\n", b"data: {}\n\r", b"data: {}\n ", b"data:{}\n\n", b": {}\n\n", b"\xef\xbb\xbfdata: {}\n\n",
    ],
)  # fmt: skip
def test_whatever_else_comes_is_to_be_fed(received):
    decoder = SSEDecoder()

    assert decoder.alone(received) is None
    assert decoder.feed(received) + decoder.finish() == decoded(received)


@pytest.mark.parametrize("before", [b"data: ", b"data: {}\n", b"d"])
def test_what_ends_an_event_that_has_begun_is_no_event_alone(before):
    decoder = SSEDecoder()
    decoder.feed(before)

    assert decoder.alone(b"data: {}\n\n") is None


def test_a_mark_of_byte_order_is_passed_over_at_the_beginning_only():
    decoder = SSEDecoder()
    decoder.alone(b"data: {}\n\n")

    assert decoder.feed(b"\xef\xbb\xbfdata: {}\n\n") == []


def test_an_event_of_lines_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(sse, "MAX_LINE_BYTES", 30)
    decoder = SSEDecoder()

    assert [decoder.feed(b"data: 4567\n") for _ in range(2)] == [[], []]
    assert decoder.feed(b"\n") == [b"4567\n4567"]
    assert [decoder.feed(b"data: 4567\n") for _ in range(3)] == [[], [], []]
    with pytest.raises(LineTooLong):
        decoder.feed(b"data: 4567\n")


def test_a_line_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(sse, "MAX_LINE_BYTES", 10)

    with pytest.raises(LineTooLong):
        SSEDecoder().feed(b"data: far too long")
