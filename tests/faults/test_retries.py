"""What OpenRouter refuses for a moment is asked again, a few times and soon; everything else is told as it is."""

import time
from email.utils import formatdate

import pytest

from faults.asking import DIALECTS, WAYS, Told, all_of, ask
from faults.scripted import DONE, EVENTS, FINISH, VECTOR_MODEL, as_json, chunked, error_event, refusal, sends, word

NOTHING = (
    "The connection to OpenRouter broke off before anything was answered. Check the internet connection, and try again."
)
WHOLE = Told(200, "Hello", done=True)
HELLO = chunked(word("Hello"), FINISH, DONE)
VECTORS = as_json(b'{"data":[{"embedding":[0.5,0.5],"index":0}],"usage":{"prompt_tokens":1}}')
AGAIN = (429, 502, 503, 529)
NEVER = (400, 401, 402, 403, 404, 408, 413, 422, 500, 504, 524)


@pytest.fixture(autouse=True)
def soon(sent_again, monkeypatch):
    """No test waits for as long as people do."""
    monkeypatch.setattr("tray_proxy.openrouter.retries.PAUSE_S", 0.01)


def in_turn(*answers):
    """Answer each of a case's requests with the next of these; the last one stays."""

    async def script(line):
        await line.send(answers[min(line.number, len(answers)) - 1])

    return script


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("status", AGAIN)
def test_a_refusal_for_a_moment_is_not_seen_by_apps(field, status, times):
    told = field.run(
        all_of(field.tell(in_turn(*[refusal(status)] * times, HELLO), path, stream=stream) for path, stream in WAYS)
    )

    assert told == [(WHOLE, times + 1)] * len(WAYS)


@pytest.mark.parametrize("status", AGAIN)
def test_the_third_refusal_is_told_with_its_status(field, status):
    told = field.run(all_of(field.tell(in_turn(refusal(status)), path, stream=stream) for path, stream in WAYS))

    assert [(each.status, len(each.errors), asked) for each, asked in told] == [(status, 1, 3)] * len(WAYS)


@pytest.mark.parametrize("status", NEVER)
def test_what_another_try_would_not_change_is_asked_once(field, status):
    told = field.run(all_of(field.tell(in_turn(refusal(status), HELLO), path, stream=stream) for path, stream in WAYS))

    assert [(each.status, len(each.errors), asked) for each, asked in told] == [(status, 1, 1)] * len(WAYS)


def after(seconds):
    """Name a time by a date, which has whole seconds alone."""
    return formatdate(time.time() + seconds, usegmt=True).encode()


@pytest.mark.parametrize("status", AGAIN)
@pytest.mark.parametrize("wait", [b"6", b"60", b"86400", "a date"])
def test_a_long_wait_is_told_at_once_and_left_to_the_app(field, status, wait):
    """An app is told how long, instead of hanging for minutes."""
    header = b"Retry-After: " + (after(3600) if wait == "a date" else wait)

    async def refused(path, stream):
        case = field.upstream.case(in_turn(refusal(status, "not now", header), HELLO))
        answered = await ask(field.port, path, DIALECTS[path].request(case, stream=stream))
        waits_s = int(answered.headers["retry-after"])
        return answered.status, field.upstream.asked[case], waits_s if wait != "a date" else 3590 < waits_s <= 3600

    told = field.run(all_of(refused(*way) for way in WAYS))

    assert told == [(status, 1, True if wait == "a date" else int(wait))] * len(WAYS)


def test_a_short_wait_is_waited_for(field):
    """Never less than was asked for."""
    moments = []

    async def script(line):
        moments.append(time.monotonic())
        await line.send(refusal(429, "slow down", b"Retry-After: 1") if line.number == 1 else HELLO)

    assert field.run(field.tell(script, "/api/chat", stream=True)) == (WHOLE, 2)
    assert moments[1] - moments[0] >= 1.0


@pytest.mark.parametrize("path", ["/api/embed", "/v1/embeddings"])
@pytest.mark.parametrize("status", AGAIN)
def test_vectors_are_asked_for_again_too(field, status, path):
    async def vectors():
        case = field.upstream.case(in_turn(refusal(status), refusal(status), VECTORS))
        answered = await ask(field.port, path, {"model": VECTOR_MODEL, "input": f"case {case}."})
        return answered.status, field.upstream.asked[case]

    assert field.run(vectors()) == (200, 3)


# What has begun was perhaps charged.
BEGUN = {
    "an error in an answer": as_json(b'{"error":{"code":503,"message":"none available"}}'),
    "an error in a stream": chunked(error_event(503, "none available")),
    "an error after a word": chunked(word("Hel"), error_event(503, "none available")),
    "a cut after a word": EVENTS + b"\r\n" + word("Hel"),
    "a cut inside the head": b"HTTP/1.1 503 Service Unav",
}


@pytest.mark.parametrize("begun", BEGUN)
def test_an_answer_that_began_is_never_asked_for_again(field, begun):
    field.drop_connections()

    told = field.run(all_of(field.tell(sends(BEGUN[begun]), path, stream=stream) for path, stream in WAYS))

    assert [(each.done, len(each.errors), asked) for each, asked in told] == [(False, 1, 1)] * len(WAYS)


def test_a_refusal_whose_reason_is_cut_is_asked_again_all_the_same(field):
    """Its status says that nothing was bought."""
    cut = sends(refusal(503)[:-5])

    async def script(line):
        await (cut(line) if line.number == 1 else line.send(HELLO))

    told = field.run(all_of(field.tell(script, path, stream=stream) for path, stream in WAYS))

    assert told == [(WHOLE, 2)] * len(WAYS)


def test_many_that_are_refused_at_once_do_not_come_back_at_once(field, monkeypatch):
    monkeypatch.setattr("tray_proxy.openrouter.retries.PAUSE_S", 0.2)
    second = []

    async def script(line):
        if line.number == 2:
            second.append(time.monotonic())
        await line.send(refusal(503) if line.number == 1 else HELLO)

    told = field.run(all_of((field.tell(script, *WAYS[0][:1], stream=True) for _ in range(40)), at_once=40))

    assert told == [(WHOLE, 2)] * 40
    assert max(second) - min(second) > 0.1


def test_a_storm_of_refusals_ends_for_all_as_soon_as_it_ends(field):
    """Two hundred are refused; the next question is answered."""

    async def storm():
        refused = await all_of(field.tell(in_turn(refusal(429)), *WAYS[0][:1], stream=True) for _ in range(200))
        return {(told.status, asked) for told, asked in refused}, await field.tell(
            sends(HELLO), "/api/chat", stream=True
        )

    assert field.run(storm()) == ({(429, 3)}, (WHOLE, 1))


def dies(times):
    """Make the script that closes its first connections with not a byte, and answers on the next one."""

    async def script(line):
        if line.number > times:
            await line.send(HELLO)
        else:
            line.close()

    return script


@pytest.mark.parametrize(("times", "told"), [(1, (WHOLE, 2)), (2, (Told(502, errors=[NOTHING]), 2))])
def test_a_kept_connection_that_turns_out_to_be_dead_is_replaced_once(field, times, told):
    """It was closed while it lay idle: the first question after a sleep must not fail, and none is asked for ever."""

    async def one_after_the_other():
        answers = []
        for path, stream in WAYS:
            assert await field.tell(sends(HELLO, stay=True), path, stream=stream) == (WHOLE, 1)
            answers.append(await field.tell(dies(times), path, stream=stream))
        return answers

    field.drop_connections()
    assert field.run(one_after_the_other()) == [told] * len(WAYS)


def test_connections_that_were_closed_while_they_lay_idle_cost_nobody_anything(field):
    """Fifty of them, after a rush: nobody has to find out one by one."""

    async def rush_and_rest():
        lines = []

        async def script(line):
            await line.send(HELLO)
            lines.append(line)

        await all_of((field.tell(script, "/api/chat", stream=True) for _ in range(50)), at_once=50)
        for line in lines:
            line.close()
        return await all_of(field.tell(sends(HELLO), path, stream=stream) for path, stream in WAYS * 4)

    assert field.run(rush_and_rest()) == [(WHOLE, 1)] * len(WAYS) * 4
