"""What is written for an answer, and in how many writes; what is read of a body."""

import asyncio

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from tray_proxy.http_cycle import HELD, Cycle


class Wire:
    """A connection that keeps what is written to it."""

    def __init__(self):
        self.writes = []

    def write(self, data):
        self.writes.append(bytes(data))

    def is_closing(self):
        return False

    def pause_reading(self):
        pass

    resume_reading = pause_reading


def start(*headers, status=200):
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content=b"", *, more=True):
    return {"type": "http.response.body", "body": content, "more_body": more}


def cycle_on(wire, **more):
    scope = {"method": "POST", "http_version": "1.1"} | more.pop("scope", {})
    values = {"expect_100_continue": False, "keep_alive": True, "on_response": lambda: None}
    cycle = Cycle(scope, wire, FlowControl(wire), None, **values | more)
    cycle.more_body = False
    return cycle


def written(*steps, **more):
    """Answer with these messages, None among them for a turn of the loop; give the writes."""

    async def run():
        wire = Wire()
        cycle = cycle_on(wire, **more)
        for step in steps:
            await (asyncio.sleep(0) if step is None else cycle.send(step))
        return wire.writes

    return asyncio.run(run())


HEAD = b"HTTP/1.1 200 OK\r\n"


def test_a_whole_answer_leaves_in_one_write():
    assert written(start((b"content-length", b"2")), body(b"ab", more=False)) == [HEAD + b"content-length: 2\r\n\r\nab"]


def test_so_do_the_head_and_the_first_word_of_a_stream():
    assert written(start((b"a", b"b")), body(b"first"), body(b"second"), body(more=False)) == [
        HEAD + b"a: b\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n",
        b"6\r\nsecond\r\n",
        b"0\r\n\r\n",
    ]


def test_so_they_do_where_the_word_is_put():
    async def run():
        wire = Wire()
        cycle = cycle_on(wire)
        await cycle.send(start())
        has_room = [cycle.put(b"first"), cycle.put(b"second")]
        await asyncio.sleep(0)
        return has_room, wire.writes

    assert asyncio.run(run()) == (
        [True, True],
        [HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n", b"6\r\nsecond\r\n"],
    )


def test_the_last_word_takes_the_end_along():
    assert written(start(), body(b"all", more=False)) == [
        HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\nall\r\n0\r\n\r\n"
    ]


def test_a_head_does_not_wait_for_a_word():
    """A browser's page waits for it, to know that it is connected."""
    assert written(start(), None, body(b"later")) == [
        HEAD + b"transfer-encoding: chunked\r\n\r\n",
        b"5\r\nlater\r\n",
    ]


HELD_START = start((b"a", b"b")) | {HELD: True}


def test_a_head_that_is_held_waits_for_the_first_word():
    assert written(HELD_START, None, body(b"later"), body(more=False)) == [
        HEAD + b"a: b\r\ntransfer-encoding: chunked\r\n\r\n5\r\nlater\r\n",
        b"0\r\n\r\n",
    ]


def test_a_failure_takes_the_place_of_a_head_that_is_held():
    failure = start((b"content-length", b"2"), status=502), body(b"no", more=False)

    assert written(HELD_START, None, *failure) == [b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 2\r\n\r\nno"]


def test_no_head_takes_the_place_of_one_that_has_left():
    with pytest.raises(RuntimeError):
        written(HELD_START, body(b"first"), start(status=502))


def test_an_empty_piece_is_no_end():
    assert written(start(), body(b""), body(b"a")) == [HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n"]


def test_an_empty_piece_that_is_put_is_no_end_either():
    """Of a chunk without a byte, an app would think that the answer is over, and of what follows nothing good."""

    async def run():
        wire = Wire()
        cycle = cycle_on(wire)
        await cycle.send(HELD_START)
        has_room = [cycle.put(b""), cycle.put(b"a")]
        await asyncio.sleep(0)
        return has_room, wire.writes

    head = HEAD + b"a: b\r\ntransfer-encoding: chunked\r\n\r\n"
    assert asyncio.run(run()) == ([True, True], [head + b"1\r\na\r\n"])


@pytest.mark.parametrize(
    ("scope", "status", "headers", "sent"),
    [
        ({}, 204, (), b"HTTP/1.1 204 No Content\r\n\r\n"),
        ({"method": "HEAD"}, 200, ((b"content-length", b"5"),), HEAD + b"content-length: 5\r\n\r\n"),
    ],
)
def test_some_answers_have_no_body(scope, status, headers, sent):
    content = b"12345" if scope else b""

    assert written(start(*headers, status=status), body(content, more=False), scope=scope) == [sent]


def test_a_connection_that_is_not_kept_is_said_to_be_closed_once():
    ended = HEAD + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"

    assert written(start(), body(more=False), keep_alive=False) == [ended]
    assert written(start((b"connection", b"close")), body(more=False)) == [ended]


@pytest.mark.parametrize(
    "header", [(b"a", b"b\r\nc: d"), (b"a\nb", b"c"), (b"a", b"b\rc"), (b"a", b"b\0"), (b"a\r", b"")]
)
def test_no_header_makes_another_one(header):
    with pytest.raises(RuntimeError, match=r"^Invalid HTTP header\.$"):
        written(start(header))


@pytest.mark.parametrize("content", [b"a", b"abc"])
def test_a_body_is_as_long_as_was_said(content):
    with pytest.raises(RuntimeError, match="not as long"):
        written(start((b"content-length", b"2")), body(content, more=False))


@pytest.mark.parametrize(
    "steps", [[body()], [start(), start()], [start(), body(more=False), body()], [{"type": "http.response.push"}]]
)
def test_what_is_out_of_order_is_a_fault_of_ours(steps):
    with pytest.raises(RuntimeError, match=r"^Unexpected ASGI message"):
        written(*steps)


def test_nothing_is_written_for_who_has_left():
    async def run():
        wire = Wire()
        cycle = cycle_on(wire)
        await cycle.send(start())
        cycle.disconnected = True
        await cycle.send(body(b"a"))
        await asyncio.sleep(0)
        return wire.writes

    assert asyncio.run(run()) == []


def received(parts, **more):
    async def run():
        cycle = cycle_on(Wire(), **more)
        cycle.parts += parts
        cycle.wake()
        return (await cycle.receive())["body"]

    return asyncio.run(run())


def test_a_part_of_a_body_is_handed_on_as_it_is():
    """It may be a quarter of a megabyte, and there may be many."""
    part = b"x" * 1000

    assert received([part]) is part


def test_parts_that_came_together_are_joined():
    assert received([b"ab", b"c"]) == b"abc"


@pytest.mark.parametrize("more", [True, False])
def test_behind_the_last_part_of_a_body_the_connection_is_read_again(more):
    """That it was too much to be held at once must not keep us from noticing that the client leaves."""

    async def run():
        cycle = cycle_on(Wire())
        receiving = asyncio.create_task(cycle.receive())
        await asyncio.sleep(0)
        cycle.parts, cycle.more_body = [b"x"], more
        cycle.flow.pause_reading()
        cycle.wake()
        await receiving
        return cycle.flow.read_paused

    assert asyncio.run(run()) is more


def test_who_waits_to_be_asked_for_the_body_is_asked():
    async def run():
        wire = Wire()
        cycle = cycle_on(wire, expect_100_continue=True)
        cycle.wake()
        await cycle.receive()
        return wire.writes

    assert asyncio.run(run()) == [b"HTTP/1.1 100 Continue\r\n\r\n"]


def test_what_comes_too_late_is_told():
    async def run():
        cycle = cycle_on(Wire())
        cycle.late = True
        cycle.wake()
        await cycle.receive()

    with pytest.raises(TimeoutError):
        asyncio.run(run())


@pytest.mark.parametrize("left_before", [True, False])
def test_whoever_asked_is_told_that_the_client_has_left(left_before):
    told = []

    async def run():
        cycle = cycle_on(Wire())
        cycle.disconnected = left_before
        cycle.when_left(lambda: told.append(True))
        cycle.disconnected = True
        cycle.left()
        cycle.left()

    asyncio.run(run())
    assert told == [True]


def test_who_has_the_whole_answer_may_leave():
    told = []

    async def run():
        cycle = cycle_on(Wire())
        cycle.when_left(lambda: told.append(True))
        await cycle.send(start())
        await cycle.send(body(more=False))
        cycle.left()

    asyncio.run(run())
    assert told == []
