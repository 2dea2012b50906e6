"""Each fault as a caller meets it on the wire."""

import json

import httpx
import pytest

from tray_proxy.demo.faults import FAULTS, ODD_TEXT, find_fault, status_fault
from tray_proxy.demo.refusals import STATUS_ERRORS, RefusedError
from tray_proxy.demo.upstream import DEMO_KEY

QUICK_S = 0.2
BY_STATUS = [f"status-{status}" for status in STATUS_ERRORS]


@pytest.fixture
def raw(client, upstream, body):
    """Arrange a fault, ask for a stream, and give the answer with its whole body."""

    def ask(name: str, **more) -> httpx.Response:
        upstream.arrange(FAULTS[name].lasting(QUICK_S))
        return client.post("/chat/completions", json=body(stream=True, **more))

    return ask


def chunks(answer: httpx.Response) -> list:
    """Decode the chunks of a stream."""
    lines = answer.content.decode().replace("\r\n", "\n").split("\n\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def text_of(answer: httpx.Response) -> str:
    """Join the text of a stream."""
    return "".join(choice["delta"].get("content") or "" for chunk in chunks(answer) for choice in chunk["choices"])


@pytest.mark.parametrize("name", BY_STATUS)
def test_a_status_comes_before_the_stream(raw, conforms, name) -> None:
    """With the body that OpenRouter documents for it."""
    answer = raw(name)
    status = int(name.removeprefix("status-"))

    assert answer.status_code == status
    conforms(f"error-{status}", answer.json())
    assert answer.json()["error"]["code"] == status


def test_a_rate_limit_says_how_long(client, upstream, body) -> None:
    """The hint is a header."""
    upstream.arrange(status_fault(429, retry_after_s=120))
    answer = client.post("/chat/completions", json=body())

    assert answer.headers["Retry-After"] == "120"
    assert answer.headers["X-RateLimit-Remaining"] == "0"


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("availability-400", 400, "model_not_found"),
        ("availability-404", 404, "privacy_restricted"),
        ("availability-429", 429, "capacity_exhausted"),
    ],
)
def test_an_availability_error_has_no_code_of_its_own(raw, name, status, code) -> None:
    """The docs' samples put type and status directly under `error`."""
    answer = raw(name)
    error = answer.json()["error"]

    assert answer.status_code == error["http_status"] == status
    assert "code" not in error
    assert error["availability"]["code"] == code


def test_an_error_can_hide_in_a_200(raw) -> None:
    """Only the body tells."""
    answer = raw("error-in-200")

    assert answer.status_code == 200
    assert answer.json()["error"]["message"] == "Provider returned error"


@pytest.mark.parametrize(("name", "code"), [("error-mid-stream", 502), ("error-mid-stream-text-code", "server_error")])
def test_an_error_after_the_first_words_is_the_last_chunk(raw, name, code) -> None:
    """Top-level `error`, and a finish_reason that says so."""
    answer = raw(name)
    last = chunks(answer)[-1]

    assert text_of(answer).startswith("[demo] You")
    assert last["error"]["code"] == code
    assert last["choices"][0]["finish_reason"] == "error"
    assert b"[DONE]" not in answer.content


def test_a_late_error_fits_the_schema(raw, conforms) -> None:
    """The one with a number; a text is a contradiction within the docs."""
    for chunk in chunks(raw("error-mid-stream")):
        conforms("chat-chunk", chunk)


def test_a_late_error_without_a_stream_sits_in_the_choice(client, upstream, body) -> None:
    """Status 200, partial text, finish_reason error."""
    upstream.arrange("error-mid-stream")
    answer = client.post("/chat/completions", json=body())

    assert answer.status_code == 200
    assert answer.json()["choices"][0]["error"]["code"] == 502
    assert answer.json()["choices"][0]["finish_reason"] == "error"


def test_an_error_can_repeat_the_key(raw) -> None:
    """Whoever shows messages has to take the key out."""
    answer = raw("echo-key")

    assert answer.status_code == 400
    assert DEMO_KEY in answer.json()["error"]["message"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_cut_breaks_the_body_off(client, upstream, body, stream) -> None:
    """The end of the chunked body never comes."""
    upstream.arrange("cut")

    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        client.post("/chat/completions", json=body(stream=stream))


def test_no_bytes_means_none(client, upstream, body) -> None:
    """The connection closes before a status line."""
    upstream.arrange("no-bytes")

    with pytest.raises(httpx.RemoteProtocolError, match="Server disconnected without sending a response"):
        client.post("/chat/completions", json=body(stream=True))
    assert upstream.wait_for(lambda seen: seen.chats[0].outcome == "answered", 15)


def test_an_end_without_done_is_clean(raw) -> None:
    """No finish_reason, no usage, no `[DONE]`, yet no broken connection."""
    answer = raw("no-done")

    assert b"[DONE]" not in answer.content
    assert {choice["finish_reason"] for chunk in chunks(answer) for choice in chunk["choices"]} == {None}


@pytest.mark.parametrize("name", ["silence", "headers-then-silence", "comments-only", "idle"])
def test_a_pause_passes(raw, upstream, name) -> None:
    """After it the answer is complete."""
    answer = raw(name)
    seen = upstream.chats[0]

    assert text_of(answer).endswith("nothing was charged.")
    assert upstream.wait_for(lambda _: seen.ended_s is not None, 15)
    assert seen.ended_s - seen.opened_s >= QUICK_S


@pytest.mark.parametrize(("name", "status"), [("captive-portal", 200), ("html-error", 502), ("redirect", 302)])
def test_a_stranger_answers_in_html(raw, name, status) -> None:
    """A hotel's sign-in page, a gateway's error page."""
    answer = raw(name)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!doctype html>")


def test_a_redirect_leads_elsewhere(raw) -> None:
    """A key must not follow it."""
    assert raw("redirect").headers["Location"] == "https://login.example.com/"


def test_a_200_can_be_no_json(raw) -> None:
    """In spite of what its header says."""
    answer = raw("not-json")

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.content == b"upstream said no"


def test_a_chunk_can_be_malformed(raw) -> None:
    """The chunks around it are whole."""
    answer = raw("malformed-chunk")

    with pytest.raises(json.JSONDecodeError):
        chunks(answer)
    assert answer.content.endswith(b"data: [DONE]\n\n")


def test_odd_text_arrives_whole(raw) -> None:
    """Line separators inside the text are no ends of lines."""
    assert text_of(raw("odd-text")) == ODD_TEXT


@pytest.mark.parametrize("name", ["crlf", "one-write", "many-writes"])
def test_another_framing_says_the_same(raw, name) -> None:
    """Bytes may come in any pieces."""
    assert text_of(raw(name)).endswith("nothing was charged.")


def test_crlf_ends_every_line(raw) -> None:
    """None is left out."""
    content = raw("crlf").content

    assert content.count(b"\n") == content.count(b"\r\n") > 10


def test_the_last_chunk_can_hold_everything(raw, conforms) -> None:
    """Text, finish_reason and usage at once."""
    last = chunks(raw("finish-with-text"))[-1]

    conforms("chat-chunk", last)
    assert last["choices"][0]["delta"]["content"].endswith("charged.")
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"]["total_tokens"] > 0


def test_a_finish_reason_can_be_empty(raw) -> None:
    """Some providers say "" where the schema has null."""
    reasons = [choice["finish_reason"] for chunk in chunks(raw("empty-finish-reason")) for choice in chunk["choices"]]

    assert reasons == [""] * (len(reasons) - 1) + ["stop"]


def test_usage_can_be_missing(raw) -> None:
    """Everything else is there."""
    answer = raw("no-usage")

    assert [chunk for chunk in chunks(answer) if "usage" in chunk] == []
    assert answer.content.endswith(b"data: [DONE]\n\n")


def test_reasoning_can_come_in_its_long_form_only(raw) -> None:
    """`reasoning` is null then."""
    deltas = [
        choice["delta"]
        for chunk in chunks(raw("reasoning-details-only", model="deepseek/deepseek-r1"))
        for choice in chunk["choices"]
    ]
    thoughts = [delta for delta in deltas if "reasoning_details" in delta]

    assert {delta["reasoning"] for delta in thoughts} == {None}
    assert "".join(delta["reasoning_details"][0]["text"] for delta in thoughts).startswith("[demo] I read")


def test_tool_arguments_can_be_broken(client, upstream, body) -> None:
    """Small models do not always write JSON."""
    upstream.arrange("broken-arguments")
    tool = {"type": "function", "function": {"name": "get_time", "parameters": {}}}
    answer = client.post("/chat/completions", json=body("use get_time", tools=[tool])).json()

    assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == "{,"


def test_vectors_can_come_in_another_order(client, upstream) -> None:
    """Their `index` says where they belong."""
    upstream.arrange("embeddings-unordered")
    answer = client.post("/embeddings", json={"model": "baai/bge-m3", "input": ["a", "b", "c"]}).json()

    assert [row["index"] for row in answer["data"]] == [2, 1, 0]


def test_a_provider_can_find_a_text_too_long(client, upstream) -> None:
    """Its own words are all there is to tell it by."""
    upstream.arrange("embeddings-too-long")
    answer = client.post("/embeddings", json={"model": "baai/bge-m3", "input": "a"})

    assert answer.status_code == 400
    assert answer.json()["error"]["metadata"]["raw"] == "The input is longer than the maximum context length (demo)."


def test_every_fault_has_a_name_and_a_meaning() -> None:
    """The table is what a person is shown."""
    assert [name for name, fault in FAULTS.items() if fault.name != name or not fault.about] == []


def test_a_duration_can_be_typed() -> None:
    """A demonstration need not take half a minute."""
    fault = find_fault("tell me #fault:idle=2.5 please")

    assert fault is not None
    assert (fault.name, fault.seconds) == ("idle", 2.5)


def test_any_status_can_be_typed() -> None:
    """Also one that is in no table."""
    fault = find_fault("#fault:status-418")

    assert fault is not None
    assert fault.name == "status-418"


def test_no_fault_is_the_rule() -> None:
    """An ordinary text asks for none."""
    assert find_fault("what is a fault: a break?") is None


def test_an_unknown_fault_is_refused() -> None:
    """Instead of being answered as if all were well."""
    with pytest.raises(RefusedError, match="Unknown demo fault 'no-such'"):
        find_fault("#fault:no-such")
