"""Whatever an upstream answers: an app gets one end or one error in its own API, and never a failure of ours."""

import itertools
import json

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from faults.asking import DIALECTS, WAYS, ask
from faults.conftest import few_words, field, outside, the_scripted_upstream  # noqa: F401  fixtures
from faults.scripted import (
    CHUNKED,
    DONE,
    FINISH,
    LAST_CHUNK,
    VECTOR_MODEL,
    as_json,
    chunk,
    error_event,
    sends,
    word,
)

EVERY_TIME = settings(derandomize=True, database=None, deadline=None, phases=[Phase.generate, Phase.shrink])

scalars = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        1.5,
        10**30,
        1e308,
        "",
        "x",
        "stop",
        "tool_calls",
        "error",
        "{}",
        "é\u2028",
        [],
        {},
        [None],
    ]
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["content", "text", "name", "id", "index", "type", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
texts = st.sampled_from(["", "Hello", " world", "{", '"}', "<think>", "\u2028", "👩‍👩‍👧", "\0", "STOP"]) | st.text(
    max_size=8
)


def some_of(**members):
    """Make an object with some of these members, and now and then anything in a member's place."""
    return st.fixed_dictionaries({}, optional={name: value | anything for name, value in members.items()})


indexes = st.sampled_from([0, 0, 0, 1, 2, None, -1])
calls = some_of(
    index=indexes,
    id=st.sampled_from(["call_1", "call_2", None]),
    type=st.just("function"),
    function=some_of(
        name=st.sampled_from(["f", "get_weather", ""]), arguments=st.sampled_from(["{", "}", '{"a":1}', "x"])
    ),
)
details = some_of(
    type=st.sampled_from(["reasoning.text", "reasoning.summary", "reasoning.encrypted"]),
    text=texts,
    summary=texts,
    data=texts,
    signature=texts,
    id=texts,
    index=indexes,
    format=st.just("anthropic-claude-v1"),
)
deltas = some_of(
    role=st.just("assistant"),
    content=texts,
    reasoning=texts,
    reasoning_details=st.lists(details, max_size=2),
    tool_calls=st.lists(calls, max_size=2),
    refusal=texts,
    images=st.just([{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]),
)
likelihoods = some_of(content=st.lists(some_of(token=texts, logprob=st.just(-0.5), bytes=st.just([1])), max_size=2))
choices = some_of(
    index=indexes,
    delta=deltas,
    finish_reason=st.sampled_from([None, None, "", "stop", "length", "tool_calls", "content_filter", "error", "new"]),
    native_finish_reason=texts,
    logprobs=likelihoods,
    error=some_of(code=scalars, message=texts),
)
usages = some_of(
    prompt_tokens=st.integers(-1, 100),
    completion_tokens=st.integers(-1, 100),
    cost=st.sampled_from([0, 0.01, "0.01", -1]),
    completion_tokens_details=some_of(reasoning_tokens=st.integers(0, 9)),
)
chunks = some_of(id=texts, model=texts, choices=st.lists(choices, max_size=2), usage=usages, provider=texts)
events = (
    chunks.map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n")
    | texts.map(word)
    | st.sampled_from(
        [FINISH, DONE, b": OPENROUTER PROCESSING\n\n", error_event(502, "fell over"), b"data:\n\n", b"data: x\n\n",
         b"event: error\ndata: {}\n\n", b"\xff\xfe\n\n", b"data: " + b"[" * 9000 + b"\n\n"]
    )
)  # fmt: skip
bodies = st.lists(texts.map(word) | texts.map(word) | events, max_size=8)


@st.composite
def answers(draw):
    """Mostly events in chunks, cut anywhere, with an end as it should be; or without one."""
    body = b"".join(draw(bodies)) + draw(st.sampled_from([FINISH + DONE, FINISH + DONE, DONE, FINISH, b""]))
    cuts = sorted(draw(st.sets(st.integers(1, max(len(body) - 1, 1)), max_size=5)))
    pieces = [body[here:there] for here, there in itertools.pairwise([0, *cuts, len(body)])]
    return CHUNKED + b"".join(chunk(piece) for piece in pieces if piece) + LAST_CHUNK


def ends_of(answered):
    """Tell how often an answer's events say that it failed, and how often that it is at its end."""
    if answered.headers["content-type"] == "application/x-ndjson":
        *lines, behind = answered.body.split(b"\n")
    else:
        *blocks, behind = answered.body.split(b"\n\n")
        lines = [block.rpartition(b"data: ")[2] for block in blocks]
    assert behind == b""
    told = [("", "[DONE]") if line == b"[DONE]" else kind_of(msgspec.json.decode(line)) for line in lines]
    assert all(kind == "" for kind, _ in told[:-1]) or told[-1] == ("", "[DONE]"), answered.body
    return [kind or end for kind, end in told if kind or end]


def kind_of(event):
    """Tell whether an event is an error or an end."""
    kind = str(event.get("type", "")).removeprefix("response.")
    if kind in ("error", "failed") or (kind == "" and "error" in event):
        return "error", ""
    return "", "end" if event.get("done") is True or kind in ("completed", "incomplete", "message_stop") else ""


@pytest.mark.parametrize(("path", "stream"), WAYS)
def test_whatever_is_answered_ends_once_in_an_end_or_an_error(field, path, stream):  # noqa: F811  the fixture
    @settings(EVERY_TIME, max_examples=60)
    @given(wire=answers())
    def answer(wire):
        case = field.upstream.case(sends(wire))
        answered = field.run(ask(field.port, path, DIALECTS[path].request(case, stream=stream)))
        assert answered.whole, (wire, answered)
        assert answered.status != 500, (wire, answered)
        assert field.upstream.asked[case] == 1
        if answered.status != 200:
            assert DIALECTS[path].error_of(answered), (wire, answered)
        elif stream:
            assert len(ends_of(answered)) == 1, (wire, answered)
        else:
            assert "error" not in msgspec.json.decode(answered.body) or path == "/v1/responses", (wire, answered)

    answer()


availabilities = some_of(
    code=st.sampled_from(["model_not_found", "privacy_restricted", "capacity_exhausted", "new"]),
    retryable=st.booleans(),
    retry_after=st.sampled_from([1, "2", 1e300, -1, "soon"]),
    excluded_by=st.lists(texts, max_size=2),
    fallback_models=st.lists(texts, max_size=2),
    affected_providers=st.lists(texts, max_size=2),
    constraint=some_of(field=texts, detail=texts),
)
errors = some_of(
    code=st.sampled_from([400, "429", "server_error", 200, 99]),
    http_status=st.sampled_from([404, "503"]),
    error_type=st.sampled_from(["rate_limit_exceeded", "context_length_exceeded", "new"]),
    message=texts,
    metadata=some_of(provider_name=texts, raw=texts | st.just('{"error":{"message":"no"}}'), reasons=st.lists(texts)),
    availability=availabilities,
)
refusals = (
    some_of(error=errors | texts).map(lambda value: json.dumps(value).encode())
    | anything.map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b"", b"<html>no</html>", b"\xff", b"{", b"[" * 90_000, b"null", b'"no"'])
)
waits = st.sampled_from(
    [b"0", b"7", b"-1", b"1e9", b"soon", b"Thu, 01 Jan 1970 00:00:00 GMT", b"Thu, 99 Foo 9999", b""]
)


@pytest.mark.parametrize("path", [*DIALECTS, "/api/embed", "/v1/embeddings"])
def test_whatever_is_refused_is_told_in_the_apps_own_api(field, path):  # noqa: F811  the fixture
    """A refusal has a status of its own, and any shape."""
    reads = DIALECTS.get(path) or DIALECTS["/v1/completions" if path.startswith("/v1") else "/api/chat"]

    @settings(EVERY_TIME, max_examples=60)
    @given(
        body=refusals, status=st.sampled_from([200, 300, 400, 401, 402, 403, 404, 418, 429, 503, 511, 599]), wait=waits
    )
    def refuse(body, status, wait):
        case = field.upstream.case(sends(as_json(body, status, b"Retry-After: " + wait)))
        asked = {"model": VECTOR_MODEL, "input": f"case {case}."}
        content = reads.request(case, stream=True) if path in DIALECTS else asked
        answered = field.run(ask(field.port, path, content))
        assert answered.whole, (body, answered)
        assert answered.status >= 400, (body, answered)
        assert answered.status != 500 or status == 500, (body, answered)
        assert reads.error_of(answered).strip(), (body, answered)
        assert field.upstream.asked[case] == 1

    refuse()


vectors = some_of(
    data=st.lists(
        some_of(
            embedding=st.lists(st.floats(-1, 1), max_size=3) | st.lists(scalars, max_size=3),
            index=indexes,
            object=st.just("embedding"),
        ),
        max_size=2,
    ),
    usage=usages,
    model=texts,
)


@pytest.mark.parametrize("path", ["/api/embed", "/api/embeddings", "/v1/embeddings"])
def test_whatever_vectors_are_answered_they_are_vectors_or_an_error(field, path):  # noqa: F811  the fixture
    reads = DIALECTS["/v1/completions" if path.startswith("/v1") else "/api/chat"]

    @settings(EVERY_TIME, max_examples=150)
    @given(answer=vectors)
    def answer_with(answer):
        case = field.upstream.case(sends(as_json(json.dumps(answer).encode())))
        name = "prompt" if path == "/api/embeddings" else "input"
        answered = field.run(ask(field.port, path, {"model": VECTOR_MODEL, name: f"case {case}."}))
        assert answered.whole, (answer, answered)
        told = msgspec.json.decode(answered.body)
        if answered.status == 200:
            found = told.get("embedding") or told.get("embeddings") or told["data"][0]["embedding"]
            assert found, (answer, answered)
        else:
            assert (answered.status, bool(reads.error_of(answered))) == (502, True), (answer, answered)

    answer_with()
