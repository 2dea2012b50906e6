"""The program is told to end, or killed, while it answers: what apps read, and that it is gone and comes back."""

import asyncio
import contextlib
import logging
import time

import psutil

from faults.asking import DIALECTS, WAYS, Told, ask, request, until
from faults.scripted import CHUNKED, DONE, FINISH, LAST_CHUNK, chunk, chunked, sends, word

log = logging.getLogger(__name__)

HELLO = chunked(word("Hello"), FINISH, DONE)
OFF = "Tray Proxy was turned off before the answer was complete; turn it on and ask again."
END = chunk(FINISH) + chunk(DONE) + LAST_CHUNK


def test_answers_under_way_get_a_moment_and_what_does_not_end_is_told_why(field, serve):
    """Some end within the time they get, some never do, and one client does not read: all of that in one process."""
    served = serve().with_models()
    told_to_end, begun = asyncio.Event(), []
    left = []

    async def ends_soon(line):
        await line.send(CHUNKED + chunk(word("Hel")))
        begun.append(line)
        await told_to_end.wait()
        await asyncio.sleep(1.5)
        await line.send(chunk(word("lo")) + END)
        line.close()

    async def never_ends(line):
        await line.send(CHUNKED + chunk(word("Hello")))
        begun.append(line)
        await line.left()
        left.append(line)
        line.close()

    async def swamps(line):
        begun.append(line)
        with contextlib.suppress(ConnectionError):
            await line.send(CHUNKED)
            while True:
                await line.send(chunk(word("x" * 100_000)))
        left.append(line)

    async def tell(script, path, stream):
        case = field.upstream.case(script)
        answered = await ask(served.port, path, DIALECTS[path].request(case, stream=stream))
        return DIALECTS[path].read(answered, stream=stream)

    async def stop():
        ending = [asyncio.create_task(tell(ends_soon, *way)) for way in WAYS]
        endless = [asyncio.create_task(tell(never_ends, *way)) for way in WAYS]
        _, deaf = await asyncio.open_connection("127.0.0.1", served.port, limit=1)
        deaf.write(request("/api/chat", DIALECTS["/api/chat"].request(field.upstream.case(swamps), stream=True)))
        await until(lambda: len(begun) == 2 * len(WAYS) + 1)
        served.terminate()
        began_s = time.monotonic()
        await until(lambda: refused(served.port))
        told_to_end.set()
        told = await asyncio.gather(*ending), await asyncio.gather(*endless)
        status = await asyncio.to_thread(served.ended)
        took_s = time.monotonic() - began_s
        await until(lambda: len(left) == len(WAYS) + 1)
        deaf.close()
        return *told, status, took_s

    ended, cut, status, took_s = field.run(stop())

    log.info("gone %.1f s after it was told to end", took_s)
    assert ended == [Told(200, "Hello", done=True)] * len(WAYS)
    assert cut == [Told(200, "Hello", [OFF]) if stream else Told(503, errors=[OFF]) for _, stream in WAYS]
    assert status == 0


def refused(port):
    """Say whether nobody can begin anything new."""
    return not any(
        each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in psutil.net_connections("tcp")
    )


def test_killed_it_starts_again_at_once_on_its_port_with_all_it_had(field, serve):
    """Nothing was written half, and no lock stays behind."""
    first = serve().with_models()
    names = first.get("/v1/models").json()["data"]
    first.process.kill()
    first.process.wait(15)

    second = serve(port=first.port).wait_until_it_serves()

    assert second.get("/v1/models").json()["data"] == names
    assert field.run(ask_for_hello(field, second.port)) == Told(200, "Hello", done=True)


async def ask_for_hello(field, port):
    answered = await ask(
        port, "/api/chat", DIALECTS["/api/chat"].request(field.upstream.case(sends(HELLO)), stream=True)
    )
    return DIALECTS["/api/chat"].read(answered, stream=True)


def test_of_two_that_start_at_once_on_a_port_one_serves_and_one_says_why_not(field, serve, tmp_path):
    first = serve()
    second = serve(port=first.port, home=tmp_path / "other")

    field.run(until(lambda: None not in (first.process.poll(), second.process.poll()) or first.serves or second.serves))
    winner, loser = (first, second) if first.serves else (second, first)
    status = loser.ended()

    assert (status, winner.process.poll()) == (1, None)
    assert f"Port {first.port} is used by " in loser.errors
    assert field.run(ask_for_hello(field, winner.port)) == Told(200, "Hello", done=True)


def test_a_hundred_quick_restarts_leave_nothing_behind(field, proxies, tmp_path):
    """From the tray: off and on, off and on; four copies at a time, for each takes a moment."""
    each = [proxies.start(tmp_path / str(number), openrouter_base_url=field.upstream.url) for number in range(4)]
    me = psutil.Process()

    async def restart(times):
        async def one(part):
            for _ in range(times):
                await part.stop()
                await part.start()

        await asyncio.gather(*(one(proxy.program.proxy) for proxy in each))
        return len(asyncio.all_tasks())

    def asked():
        return [field.run(field.before(proxy).tell(sends(HELLO), "/api/chat", stream=True)) for proxy in each]

    before = each[0].loop.submit(restart(1)).result(15), me.num_fds()
    told = asked()
    after = each[0].loop.submit(restart(25)).result(30)
    told += asked()

    field.run(until(lambda: me.num_fds() <= before[1]))
    assert after == before[0]
    assert told == [(Told(200, "Hello", done=True), 1)] * 8


def test_a_start_and_a_stop_that_meet_end_in_what_was_asked_last(field, proxies, tmp_path):
    proxy = proxies.start(tmp_path, openrouter_base_url=field.upstream.url)

    async def both():
        part = proxy.program.proxy
        for _ in range(5):
            await asyncio.gather(part.start(), part.start(), part.stop(), part.stop(), part.start())
            await part.stop()
            await asyncio.gather(part.stop(), part.start(), part.start())
        return part.running

    assert proxy.loop.submit(both()).result(60) is True
    told = field.run(field.before(proxy).tell(sends(HELLO), "/api/chat", stream=True))
    assert told == (Told(200, "Hello", done=True), 1)
