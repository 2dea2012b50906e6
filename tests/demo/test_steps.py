"""An answer as a list of steps."""

from tray_proxy.demo.answers import compose
from tray_proxy.demo.dialect import COMMENT, DONE
from tray_proxy.demo.steps import End, Exchange, Pause, Start, Write, json_steps, plain
from tray_proxy.demo.strict import read_chat


def test_one_document_is_start_body_and_end() -> None:
    """With the generation's id among the headers."""
    exchange = Exchange(key="k", generation_id="gen-1", created=0, result={"a": 1})

    assert list(plain(exchange)) == [
        Start(200, "application/json", (("X-Generation-Id", "gen-1"),)),
        Write(b'{"a":1}'),
        End(),
    ]
    assert exchange.chunks() == []


def test_a_stream_pauses_before_each_chunk(body) -> None:
    """So that a person sees it grow."""

    answer = compose(*read_chat(body(max_tokens=1)))
    exchange = Exchange(key="k", generation_id="gen-1", created=0, delay_s=0.5, streams=True, answer=answer, result={})
    steps = list(plain(exchange))

    assert steps[:4] == [exchange.start(), Write(COMMENT), Write(COMMENT), Pause(0.5)]
    assert steps[-2:] == [Write(DONE), End()]
    assert steps.count(Pause(0.5)) == len(exchange.chunks()) == 4


def test_an_error_is_a_document_with_a_status() -> None:
    """And with headers of its own."""
    assert json_steps({}, status=429, headers=(("Retry-After", "1"),)) == [
        Start(429, "application/json", (("Retry-After", "1"),)),
        Write(b"{}"),
        End(),
    ]
