"""The n-th byte of an answer is its last, for all n: every word that arrived, then one error; and nothing twice."""

import contextlib
import json

import pytest

from faults.asking import DIALECTS, WAYS, Told, all_of, ask
from faults.scripted import (
    CHUNKED,
    DONE,
    EVENTS,
    FINISH,
    LAST_CHUNK,
    VECTOR_MODEL,
    Upstream,
    as_json,
    chunk,
    chunked,
    sends,
    word,
)
from tray_proxy.errors import ProxyError

WORDS = ("Zoë", " 中", "!")
SAID = [word(each) for each in WORDS]
PIECES = [b": OPENROUTER PROCESSING\n\n", *SAID, FINISH, DONE]
CURE = "Check the internet connection, and try again."
NOTHING = f"The connection to OpenRouter broke off before anything was answered. {CURE}"
BROKE_OFF = f"The connection to OpenRouter broke off before the answer was complete. {CURE}"
ENDED = (
    "The answer broke off: OpenRouter ended the stream before the answer was complete. "
    "Try again in a moment, or choose another model."
)
UNREADABLE = (
    "OpenRouter sent an event that cannot be read; the answer was cut. Try again in a moment, or choose another model."
)


def expected(arrived, error, *, stream):
    """Tell what an app is to be told of so much of the events, and an error."""
    complete = arrived.split(b"\n\n")[:-1]
    if DONE.strip() in complete:
        return Told(200, "".join(WORDS), done=True)
    words = "".join(text for text, event in zip(WORDS, SAID, strict=True) if event.strip() in complete)
    if stream and words:
        return Told(200, words, [error])
    return Told(502, errors=[error])


def after_each_byte():
    """Give each beginning of an answer in chunks, and the part of its events that has arrived with it."""
    wire, events = bytearray(CHUNKED), {}
    for at in range(len(wire) + 1):
        events[at] = None if at < len(wire) else b""
    arrived = b""
    for piece in PIECES:
        framed = chunk(piece)
        begins = framed.index(piece)
        for at in range(1, len(framed) + 1):
            events[len(wire) + at] = arrived + piece[: max(at - begins, 0)]
        wire += framed
        arrived += piece
    for at in range(1, len(LAST_CHUNK) + 1):
        events[len(wire) + at] = arrived
    return bytes(wire + LAST_CHUNK), events


@pytest.mark.parametrize(
    ("path", "stream", "resets"),
    [
        # In both ways for Ollama's own chats, and in turn for the others: they differ in words alone.
        *((path, stream, resets) for path, stream in WAYS[:2] for resets in ((True, True), (False, False))),
        *((path, stream, (True, False)) for path, stream in WAYS[2:]),
    ],
)
def test_an_answer_that_is_cut_after_any_byte_gives_all_its_words_and_one_error(field, path, stream, resets):
    wire, arrived = after_each_byte()
    assert wire == chunked(*PIECES)

    async def cut(at):
        return at, await field.tell(sends(wire[:at], reset=resets[at % 2]), path, stream=stream)

    told = field.run(all_of(cut(at) for at in range(1, len(wire) + 1)))

    wanted = [
        (at, (expected(arrived[at] or b"", NOTHING if arrived[at] is None else BROKE_OFF, stream=stream), 1))
        for at in range(1, len(wire) + 1)
    ]
    assert told == wanted


@pytest.mark.parametrize(("path", "stream"), WAYS)
def test_an_answer_that_only_its_connection_ends_is_whole_only_with_its_own_end(field, path, stream):
    """Such a body has no length: its end and a cut look the same, but for what was said."""
    body = b"".join(PIECES)

    async def cut(at):
        return at, await field.tell(sends(EVENTS + b"\r\n" + body[:at]), path, stream=stream)

    told = field.run(all_of(cut(at) for at in range(len(body) + 1)))

    assert told == [(at, (read_by_the_standard(body[:at], stream=stream), 1)) for at in range(len(body) + 1)]


def read_by_the_standard(body, *, stream):
    """Tell what an app is to be told of a body that ended there; the last event's blank line may be missing."""
    words, error = "", ENDED
    for event in body.split(b"\n\n"):
        payload = event.removeprefix(b"data:").strip()
        if not event.startswith(b"data:"):
            continue
        if payload == b"[DONE]":
            return Told(200, words, done=True)
        try:
            choice = json.loads(payload)["choices"][0]
        except ValueError:
            error = UNREADABLE
            break
        words += choice.get("delta", {}).get("content", "")
        error = None if "finish_reason" in choice else error
    if error is None:
        return Told(200, words, done=True)
    return Told(200, words, [error]) if stream and words else Told(502, errors=[error])


@pytest.mark.parametrize(("path", "stream"), WAYS)
def test_a_reset_is_no_end_of_a_body_without_length(field, path, stream):
    body = b"".join(PIECES[:-1])

    async def cut():
        return await field.tell(sends(EVENTS + b"\r\n" + body, reset=True), path, stream=stream)

    assert field.run(cut()) == (expected(body, BROKE_OFF, stream=stream), 1)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize(("path", "stream"), WAYS)
def test_a_new_connection_that_answers_nothing_is_an_error_and_not_tried_again(field, path, stream, reset):
    field.drop_connections()

    async def nothing():
        return await field.tell(sends(b"", reset=reset), path, stream=stream)

    assert field.run(nothing()) == (Told(502, errors=[NOTHING]), 1)


@pytest.mark.parametrize("resets", [(True, False), (False, True)])
def test_an_encrypted_answer_that_is_cut_after_any_byte_is_told_in_the_same_way(encrypted_field, resets):
    """As OpenRouter's are: another layer, which has an end of its own."""
    wire, arrived = after_each_byte()

    async def cut(at):
        return at, await encrypted_field.tell(sends(wire[:at], reset=resets[at % 2]), "/api/chat", stream=True)

    told = encrypted_field.run(all_of(cut(at) for at in range(1, len(wire) + 1)))

    assert told == [
        (at, (expected(arrived[at] or b"", NOTHING if arrived[at] is None else BROKE_OFF, stream=True), 1))
        for at in range(1, len(wire) + 1)
    ]


VECTORS = b'{"data":[{"embedding":[0.6,0.8],"index":0}],"usage":{"prompt_tokens":1}}'
VECTORS_IN_CHUNKS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(chunk(VECTORS[at : at + 30]) for at in range(0, len(VECTORS), 30))
    + LAST_CHUNK
)


@pytest.mark.parametrize("wire", [as_json(VECTORS), VECTORS_IN_CHUNKS], ids=["with a length", "in chunks"])
@pytest.mark.parametrize("path", ["/api/embed", "/v1/embeddings"])
def test_vectors_that_are_cut_after_any_byte_are_one_error_and_not_asked_for_again(field, path, wire):
    read = DIALECTS["/v1/completions" if path.startswith("/v1") else "/api/chat"]

    async def cut(at):
        case = field.upstream.case(sends(wire[:at], reset=at % 2 == 0))
        answered = await ask(field.port, path, {"model": VECTOR_MODEL, "input": f"case {case}."})
        error = None if answered.status == 200 else read.error_of(answered)
        return answered.status, error, field.upstream.asked[case]

    told = field.run(all_of(cut(at) for at in range(1, len(wire) + 1)))

    head = wire.index(b"\r\n\r\n") + 4
    cuts = [(502, NOTHING if at < head else BROKE_OFF, 1) for at in range(1, len(wire))]
    assert told == [*cuts, (200, None, 1)]


def test_a_list_of_models_that_is_cut_after_any_byte_costs_nobody_the_last_good_one(field, proxies, tmp_path):
    """However the cut looks: such a body may have a length, or none."""
    upstream = Upstream()
    field.run(upstream.start())
    proxy = proxies.start(tmp_path, openrouter_base_url=upstream.url)
    names = proxy.http.get("/v1/models").json()
    body = json.dumps({"data": [{"id": "some/model", "name": "Some", "architecture": {"output_modalities": ["text"]}}]})
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    wires = as_json(body.encode()), head + b"\r\n" + body.encode()

    async def refresh():
        with contextlib.suppress(ProxyError):
            await proxy.program.cache.refresh()

    for wire in wires:
        for at in range(1, len(wire)):
            upstream.lists = wire[:at]
            proxy.loop.submit(refresh()).result(15)
            assert proxy.http.get("/v1/models").json() == names

    upstream.lists = wires[0]
    proxy.loop.submit(refresh()).result(15)
    assert [model["id"] for model in proxy.http.get("/v1/models").json()["data"]] == ["some/model"]
    field.run(upstream.stop())
