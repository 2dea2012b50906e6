"""All of it at once, at random moments: nothing is left over, and the next question is answered."""

import asyncio
import contextlib
import random

import psutil
import pytest

from faults.asking import DIALECTS, WAYS, Told, ask, request, until
from faults.scripted import CHUNKED, DONE, FINISH, LAST_CHUNK, chunk, chunked, error_event, refusal, sends, word

HELLO = chunked(word("Hello"), FINISH, DONE)
FAILS = sends(chunked(word("x"), error_event(502, "over")), stay=True)
REQUESTS = 400


def slowly(chance):
    """Make the script of an answer that comes in random pieces, and now and then breaks off at a random one."""
    pieces = [chunk(word(f"{at} ")) for at in range(20)] + [chunk(FINISH), chunk(DONE), LAST_CHUNK]
    breaks = chance.choice([None, None, chance.randrange(len(pieces))])
    ending = chance.choice(["close", "reset"])
    pauses = [chance.choice([0, 0, 0.001, 0.01]) for _ in pieces]

    async def script(line):
        with contextlib.suppress(ConnectionError):
            await line.send(CHUNKED)
            for at, piece in enumerate(pieces):
                if at == breaks:
                    getattr(line, ending)()
                    return
                await asyncio.sleep(pauses[at])
                await line.send(piece)

    return script


def hangs():
    async def script(line):
        await line.left()
        line.close()

    return script


@pytest.mark.parametrize("seed", range(3))
def test_after_a_storm_nothing_is_left_and_all_is_well(field, sent_again, monkeypatch, seed):
    monkeypatch.setattr("tray_proxy.openrouter.retries.PAUSE_S", 0.01)
    chance = random.Random(seed)
    me = psutil.Process()

    def script():
        return chance.choices(
            [
                slowly(chance), hangs(), sends(HELLO, stay=True), sends(refusal(503), stay=True), sends(b""),
                sends(b"", reset=True), sends(b"garbage"), FAILS,
            ],
            [8, 2, 4, 1, 1, 1, 1, 1],
        )[0]  # fmt: skip

    async def one(made, path, stream, leaves_after_s, begins_after_s):
        await asyncio.sleep(begins_after_s)
        content = request(path, DIALECTS[path].request(field.upstream.case(made), stream=stream), Connection="close")
        _, writer = await asyncio.open_connection("127.0.0.1", field.port)
        writer.write(content)
        await asyncio.sleep(leaves_after_s)
        if chance.random() < 0.5:
            writer.transport.abort()
        writer.close()

    async def storm():
        await asyncio.gather(
            *(
                one(script(), *chance.choice(WAYS), chance.choice([0, 0.001, 0.02, 0.2]), chance.random())
                for _ in range(REQUESTS)
            )
        )
        await until(lambda: field.proxy.program.deps.in_flight.count == 0)

    async def tasks():
        field.proxy.program.client._connections.drop()
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    before = field.proxy.loop.submit(tasks()).result(15)
    files = me.num_fds()
    field.run(storm())

    field.run(until(lambda: field.proxy.loop.submit(tasks()).result(15) <= before))
    field.run(until(lambda: me.num_fds() <= files))

    async def all_well():
        answered = [await ask(field.port, path, DIALECTS[path].request(hello, stream=stream)) for path, stream in WAYS]
        return [DIALECTS[path].read(each, stream=stream) for (path, stream), each in zip(WAYS, answered, strict=True)]

    hello = field.upstream.case(sends(HELLO))
    assert field.run(all_well()) == [Told(200, "Hello", done=True)] * len(WAYS)
