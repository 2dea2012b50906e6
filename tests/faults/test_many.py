"""Hundreds at once, each with its own words; and what is told where the system allows no more."""

import asyncio

from faults.asking import DIALECTS, WAYS, Told, all_of, ask, request, until
from faults.scripted import CHUNKED, DONE, FINISH, LAST_CHUNK, chunk, chunked, sends, word

HELLO = chunked(word("Hello"), FINISH, DONE)
NO_MORE = (
    "No connection to OpenRouter could be opened: this computer allows Tray Proxy no more open files. "
    "Wait until other answers have ended, or raise the limit of open files (ulimit -n)."
)
STREAMS, WORDS = 500, 40


def numbered(number):
    """Give the words of an answer that is nobody else's."""
    return [f"{number}-{at} " for at in range(WORDS)]


def test_five_hundred_streams_at_once_are_whole_and_unmixed(field, serve):
    """The process may have as many files open as a desktop allows at first."""
    served = serve(open_files=(1024, 8192)).with_models()

    async def crowd():
        all_there = asyncio.Event()
        there = []

        async def one(number):
            path, stream = WAYS[number % len(WAYS)]

            async def script(line):
                there.append(number)
                if len(there) == STREAMS:
                    all_there.set()
                await line.send(CHUNKED)
                for at, each in enumerate(numbered(number)):
                    if at == 2:
                        await all_there.wait()
                    await line.send(chunk(word(each)))
                    await asyncio.sleep(0)
                await line.send(chunk(FINISH) + chunk(DONE) + LAST_CHUNK)
                line.close()

            case = field.upstream.case(script)
            answered = await ask(served.port, path, DIALECTS[path].request(case, stream=stream))
            return DIALECTS[path].read(answered, stream=stream), field.upstream.asked[case]

        return await all_of(map(one, range(STREAMS)), at_once=STREAMS)

    told = field.run(crowd(), within_s=100)

    assert told == [(Told(200, "".join(numbered(number)), done=True), 1) for number in range(STREAMS)]
    assert served.get("/health").json()["status"] == "ok"


def test_without_descriptors_for_the_way_out_that_is_told_and_passes(field, serve):
    """The system takes some back; those that ask are told, and when some have left, all is well again."""
    served = serve(open_files=(256, 256)).with_models()
    hung = []

    async def hang(line):
        hung.append(line)
        await line.left()
        line.close()

    async def run_out():
        held = []
        for _ in range(20):
            before = served.open_files
            held.append(await asyncio.open_connection("127.0.0.1", served.port))
            await until(lambda: served.open_files > before)  # noqa: B023  it is over before the next turn
        limit = served.open_files
        served.allow_files(limit)
        answers = []
        for reader, writer in held[-4:]:
            # Those that were opened ahead are there for somebody still.
            before = len(hung)
            case = field.upstream.case(hang)
            writer.write(
                request("/v1/messages", DIALECTS["/v1/messages"].request(case, stream=True), Connection="close")
            )
            answer = asyncio.create_task(reader.read(-1))
            await until(lambda: answer.done() or len(hung) > before)  # noqa: B023  it is over before the next turn
            answers.append(answer)
        told = [each.result() for each in answers if each.done()]
        for _, writer in held:
            writer.close()
        await asyncio.gather(*answers, return_exceptions=True)
        await until(lambda: served.open_files < limit - 15)
        path = "/api/chat"
        answered = await ask(served.port, path, DIALECTS[path].request(field.upstream.case(sends(HELLO)), stream=True))
        return told, DIALECTS[path].read(answered, stream=True)

    told, after = field.run(run_out())

    assert told
    assert [NO_MORE.encode() in each and each.startswith(b"HTTP/1.1 503 ") for each in told] == [True] * len(told)
    assert after == Told(200, "Hello", done=True)


def test_of_more_clients_than_there_are_descriptors_for_each_is_told(field, serve):
    """Left to the system, they would be cut off without a word."""
    served = serve(open_files=(128, 128)).with_models()
    room = 38

    async def crowd():
        held = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(room)]
        # Once the last of them is answered, all are counted.
        held[-1][1].write(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        last = await held[-1][0].readuntil(b"}")
        path = "/api/chat"
        told = [
            await ask(served.port, path, DIALECTS[path].request(field.upstream.case(sends(HELLO)), stream=True))
            for _ in range(20)
        ]
        for _, writer in held:
            writer.close()

        async def is_answered():
            answered = await ask(
                served.port, path, DIALECTS[path].request(field.upstream.case(sends(HELLO)), stream=True)
            )
            return answered.status == 200

        while not await is_answered():
            pass
        return last, {(each.status, each.body) for each in told}

    last, told = field.run(crowd())

    full = b'{"error":"Tray Proxy holds too many connections: wait a moment, and close some."}'
    assert (last.endswith(b'{"version":"0.33.0"}'), told) == (True, {(503, full)})
