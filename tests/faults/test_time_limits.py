"""Each time limit ends in an error that names it; whoever hangs holds nobody else up."""

import asyncio
import base64
import contextlib
import socket
import time

import pytest

from faults.asking import DIALECTS, WAYS, Told, all_of, ask, until
from faults.scripted import (
    CHUNKED,
    DONE,
    FINISH,
    LAST_CHUNK,
    TEXT_MODEL,
    VECTOR_MODEL,
    as_json,
    chunk,
    chunked,
    sends,
    word,
)

HINT = "Try again, or choose a faster model."
FIRST = f"OpenRouter was silent for 0.5 s while we waited for the first byte of the answer. {HINT}"
NEXT = f"OpenRouter was silent for 0.5 s while we waited for the next piece of the answer. {HINT}"
HELLO = chunked(word("Hello"), FINISH, DONE)
WHOLE = Told(200, "Hello", done=True)
COMMENT = chunk(b": OPENROUTER PROCESSING\n\n")
LIMITS = {"first_byte_timeout_s": 0.5, "idle_timeout_s": 0.5, "connect_timeout_s": 0.5}


@pytest.fixture(scope="session")
def hasty(field, shared_proxies, tmp_path_factory):
    """A proxy that waits for nothing longer than a moment."""
    home = tmp_path_factory.mktemp("home")
    return field.before(shared_proxies.start(home, openrouter_base_url=field.upstream.url, **LIMITS))


def hangs_after(beginning):
    """Make the script that falls silent after these bytes."""

    async def script(line):
        await line.send(beginning)
        await line.left()
        line.close()

    return script


SILENCES = {
    "no answer": (b"", FIRST),
    "half a head": (CHUNKED[:-9], FIRST),
    "a head": (CHUNKED, FIRST),
    "half a word": (CHUNKED + chunk(word("Hello")[:20]), NEXT),
    "a word": (CHUNKED + chunk(word("Hello")), NEXT),
    "a word and its finish": (CHUNKED + chunk(word("Hello")) + chunk(FINISH), NEXT),
    "a comment": (CHUNKED + COMMENT, NEXT),
    "half a refusal": (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Le", FIRST),
}


@pytest.mark.parametrize("silence", SILENCES)
def test_a_silence_is_told_with_what_was_waited_for(hasty, silence):
    beginning, error = SILENCES[silence]

    told = hasty.run(
        all_of(hasty.tell(hangs_after(beginning), path, stream=stream) for path, stream in WAYS), within_s=30
    )

    said = word("Hello") in beginning
    wanted = [Told(200, "Hello", [error]) if said and stream else Told(504, errors=[error]) for _, stream in WAYS]
    assert told == [(each, 1) for each in wanted]


@pytest.mark.parametrize(("beginning", "error"), [(b"", FIRST), (as_json(b" " * 99)[:-9], NEXT)])
def test_vectors_that_do_not_come_are_told_too(hasty, beginning, error):
    async def vectors():
        case = hasty.upstream.case(hangs_after(beginning))
        return await ask(hasty.port, "/v1/embeddings", {"model": VECTOR_MODEL, "input": f"case {case}."})

    answered = hasty.run(vectors())
    assert (answered.status, DIALECTS["/v1/completions"].error_of(answered)) == (504, error)


def test_a_request_that_is_not_taken_is_told_too(field, proxies, tmp_path):
    """Connected, and then nobody reads: a picture does not fit into what lies on the way."""
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24 * 2**20)).decode()
    body = {"model": TEXT_MODEL, "messages": [{"role": "user", "content": "look", "images": [picture]}]}

    proxy = proxies.start(tmp_path, openrouter_base_url=field.upstream.url, idle_timeout_s=0.5)
    impatient = field.before(proxy)

    async def not_taken():
        over = asyncio.Event()

        async def stall(_reader, _length, _writer):
            await over.wait()

        field.upstream.stall = stall
        answered = await ask(impatient.port, "/api/chat", body)
        over.set()
        return answered.status, DIALECTS["/api/chat"].error_of(answered)

    assert field.run(not_taken()) == (
        504,
        f"OpenRouter was silent for 0.5 s while we waited for it to take the request. {HINT}",
    )


def test_comments_count_as_life(hasty):
    """OpenRouter sends them while a model thinks, for minutes; altogether there is no limit."""

    async def script(line):
        await line.send(CHUNKED)
        until_s = time.monotonic() + 3 * LIMITS["idle_timeout_s"]
        while time.monotonic() < until_s:
            await line.send(COMMENT)
            await asyncio.sleep(0.02)
        await line.send(chunk(word("Hello")) + chunk(FINISH) + chunk(DONE) + LAST_CHUNK)
        line.close()

    told = hasty.run(all_of(hasty.tell(script, path, stream=stream) for path, stream in WAYS))

    assert told == [(WHOLE, 1)] * len(WAYS)


@pytest.mark.parametrize(("path", "stream"), WAYS)
def test_what_hangs_after_its_end_mark_is_whole(hasty, path, stream):
    """An app has all of it, and waits for nothing more."""
    beginning = CHUNKED + chunk(word("Hello")) + chunk(FINISH) + chunk(DONE)

    assert hasty.run(hasty.tell(hangs_after(beginning), path, stream=stream)) == (WHOLE, 1)


@contextlib.contextmanager
def full_queue():
    """A port whose queue is full: a connection to it is never made, as to an address that swallows everything."""
    with contextlib.ExitStack() as open_sockets:
        server = open_sockets.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = open_sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_a_connection_that_is_never_made_is_told(field, proxies, tmp_path):
    with full_queue() as port:
        proxy = proxies.start(
            tmp_path, openrouter_base_url=f"http://127.0.0.1:{port}/api/v1", wait_for_models=False, **LIMITS
        )
        told = ask_about_models(field, proxy)

    assert told == "OpenRouter could not be reached within 0.5 s."


def test_a_handshake_that_is_never_made_is_told(field, proxies, tmp_path):
    """Connected, and then nothing: not even a certificate."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = proxies.start(
            tmp_path,
            openrouter_base_url=f"https://127.0.0.1:{server.getsockname()[1]}/api/v1",
            wait_for_models=False,
            **LIMITS,
        )
        told = ask_about_models(field, proxy)

    assert told == "OpenRouter could not be reached within 0.5 s."


def ask_about_models(field, proxy):
    """Ask for the list; give what was in the way, as the program tells it."""

    async def noticed():
        await until(lambda: proxy.program.client.connection.error is not None)
        return proxy.program.client.connection.problem

    return proxy.loop.submit(noticed()).result(20)


def test_two_hundred_that_hang_hold_nobody_up(field):
    """There is no pool that they could use up."""

    async def crowd():
        hung = asyncio.Event()
        waiting, before = [], field.cancelled

        async def script(line):
            waiting.append(line.number)
            if len(waiting) == 200:
                hung.set()
            await line.left()
            line.close()

        tasks = [asyncio.create_task(field.tell(script, *WAYS[at % len(WAYS)][:1], stream=True)) for at in range(200)]
        await hung.wait()
        good = await all_of(field.tell(sends(HELLO), path, stream=stream) for path, stream in WAYS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await until(lambda: field.cancelled == before + 200)
        return good

    assert field.run(crowd()) == [(WHOLE, 1)] * len(WAYS)
