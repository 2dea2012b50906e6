"""`/v1/completions` as OpenAI's clients rely on it."""

import time
from typing import Any

import httpx
import pytest

from contract.reading import events_of, openais_error, told
from tray_proxy.demo.faults import ODD_TEXT

ASKED = "OpenAI/GPT-4o-mini:latest"
MINI = "openai/gpt-4o-mini"
COMPLETION = {"model": ASKED, "prompt": "hello"}
SENT = {"model": MINI, "messages": [{"role": "user", "content": "hello"}], "stream": True}
SAID = "[demo] You asked openai/gpt-4o-mini: “hello”. No model was called and nothing was charged."
USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 19,
    "total_tokens": 24,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
    "cost": 0.00001215,
}
NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
# It knows no likelihoods.
PLAIN = "gryphe/mythomax-l2-13b"
THINKER = "deepseek/deepseek-r1"


def ask(proxy: Any, **fields: Any) -> httpx.Response:
    return proxy.http.post("/v1/completions", json=COMPLETION | fields)


def sent_with(proxy: Any, upstream: Any, **fields: Any) -> dict[str, Any]:
    """What OpenRouter is sent on account of some fields."""
    answer = ask(proxy, **fields)
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in upstream.chats[-1].body.items() if name not in SENT}


def text_of(events: list[Any]) -> str:
    return "".join(event["choices"][0]["text"] for event in events)


@pytest.mark.parametrize("stream", [{}, {"stream": None}, {"stream": False}])
def test_a_plain_answer_has_every_field_and_no_other(proxy, upstream, stream):
    before = int(time.time())

    answer = ask(proxy, **stream)

    whole = answer.json()
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert before <= whole.pop("created") <= time.time()
    assert whole == {
        "id": f"cmpl-{answer.headers['x-request-id']}",
        "object": "text_completion",
        "model": ASKED,
        "system_fingerprint": "fp_ollama",
        "choices": [{"text": SAID, "index": 0, "finish_reason": "stop"}],
        "usage": USAGE,
    }
    assert upstream.chats[-1].body == SENT


def test_a_stream_is_events_of_one_answer_and_the_mark_of_its_end(proxy):
    before = int(time.time())

    answer = ask(proxy, stream=True)

    *events, end = events_of(answer)
    assert end == "[DONE]"
    assert {tuple(event) for event in events} == {("id", "object", "created", "model", "system_fingerprint", "choices")}
    assert {event["id"] for event in events} == {f"cmpl-{answer.headers['x-request-id']}"}
    assert {(event["object"], event["model"]) for event in events} == {("text_completion", ASKED)}
    [created] = {event["created"] for event in events}
    assert before <= created <= time.time()
    choices = [choice for event in events for choice in event["choices"]]
    assert {tuple(choice) for choice in choices} == {("text", "index", "finish_reason")}
    assert [choice["finish_reason"] for choice in choices] == [*[None] * 7, "stop"]
    assert (text_of(events), choices[-1]["text"]) == (SAID, "")


@pytest.mark.parametrize("fault", ["none", "finish-with-text"])
def test_who_asked_for_the_usage_gets_zeros_with_each_event_and_the_sums_once(proxy, upstream, fault):
    if fault != "none":
        upstream.arrange(fault)

    *events, last, end = events_of(ask(proxy, stream=True, stream_options={"include_usage": True}))

    assert end == "[DONE]"
    assert [event["usage"] for event in events] == [NO_USAGE] * len(events)
    assert [len(event["choices"]) for event in events] == [1] * len(events)
    assert (last["choices"], last["usage"], last["id"]) == ([], USAGE, events[0]["id"])
    assert text_of(events) == SAID


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}])
def test_who_did_not_ask_for_the_usage_gets_no_event_without_choices(proxy, options):
    *events, _ = events_of(ask(proxy, stream=True, stream_options=options))

    assert [event for event in events if "usage" in event or not event["choices"]] == []


@pytest.mark.parametrize("stream", [True, False])
def test_a_thought_has_no_place_here(proxy, stream):
    answer = ask(proxy, model=THINKER, stream=stream)

    events = events_of(answer)[:-1] if stream else [answer.json()]
    assert text_of(events) == SAID.replace(MINI, THINKER)
    assert {tuple(event["choices"][0]) for event in events} == {("text", "index", "finish_reason")}
    assert "I read the question" not in answer.text


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_was_too_long_says_so(proxy, stream):
    answer = ask(proxy, max_tokens=3, stream=stream)

    events = events_of(answer)[:-1] if stream else [answer.json()]
    assert (text_of(events), events[-1]["choices"][0]["finish_reason"]) == ("[demo] You asked", "length")


@pytest.mark.parametrize("fault", ["crlf", "one-write", "many-writes", "odd-text"])
def test_however_the_upstream_cuts_its_stream_events_stay_whole(proxy, upstream, fault):
    upstream.arrange(fault)

    *events, end = events_of(ask(proxy, stream=True))

    assert (text_of(events), end) == (ODD_TEXT if fault == "odd-text" else SAID, "[DONE]")


@pytest.mark.parametrize("fault", ["error-mid-stream", "cut", "no-done", "malformed-chunk"])
def test_a_failure_half_way_is_told_and_nothing_that_looks_like_an_end_follows(proxy, upstream, fault):
    upstream.arrange(fault, times=2)

    *events, last = events_of(ask(proxy, stream=True))
    plain = ask(proxy)

    kind, words = told(last)
    assert kind == "api_error"
    assert [event["choices"][0]["finish_reason"] for event in events] == [None] * len(events)
    assert (SAID.startswith(text_of(events)), len(events) > 0) == (True, True)
    assert openais_error(plain) == (502, "api_error", words)


# -- what is asked ---------------------------------------------------------------------------------


def test_what_was_not_given_is_left_to_the_model(proxy, upstream):
    assert sent_with(proxy, upstream) == {}


SENT_ON = {
    "temperature": 0.5,
    "top_p": 0.9,
    "seed": 7,
    "stop": ["END"],
    "frequency_penalty": 0.2,
    "presence_penalty": 0.1,
    "max_tokens": 100,
    "n": 2,
    "logit_bias": {"50256": -100},
    "user": "ann",
}


def test_what_openrouter_knows_is_sent_on_as_it_is(proxy, upstream):
    assert sent_with(proxy, upstream, **SENT_ON) == SENT_ON


@pytest.mark.parametrize("name", [*SENT_ON, "suffix", "logprobs", "echo", "best_of"])
def test_null_is_the_same_as_nothing(proxy, upstream, name):
    assert sent_with(proxy, upstream, **{name: None}) == {}


@pytest.mark.parametrize(
    "fields",
    [{"echo": True}, {"best_of": 3}, {"suffix": ""}, {"messages": []}, {"system": "x"}, {"models": [THINKER]}],
)
def test_what_has_no_counterpart_is_passed_over(proxy, upstream, fields):
    assert sent_with(proxy, upstream, **fields) == {}


@pytest.mark.parametrize(("stop", "sent"), [("END", ["END"]), (["a", "b"], ["a", "b"]), ([], None), ("", None)])
def test_stop_is_one_text_or_several(proxy, upstream, stop, sent):
    assert sent_with(proxy, upstream, stop=stop).get("stop") == sent


@pytest.mark.parametrize("stream", [True, False])
def test_a_fifth_stop_ends_the_text_too(proxy, upstream, stream):
    answer = ask(proxy, stop=["no1", "no2", "no3", "no4", "-4o-mini: “hel"], stream=stream)

    events = events_of(answer)[:-1] if stream else [answer.json()]
    assert (text_of(events), events[-1]["choices"][0]["finish_reason"]) == ("[demo] You asked openai/gpt", "stop")
    assert upstream.chats[-1].body["stop"] == ["no1", "no2", "no3", "no4"]


@pytest.mark.parametrize("stream", [True, False])
def test_several_texts_stand_side_by_side(proxy, stream):
    answer = ask(proxy, n=2, max_tokens=3, stream=stream)

    events = events_of(answer)[:-1] if stream else [answer.json()]
    texts = {0: "", 1: ""}
    for choice in (choice for event in events for choice in event["choices"]):
        texts[choice["index"]] += choice["text"]
    assert texts == {0: "[demo] You asked", 1: "[demo] You asked"}


@pytest.mark.parametrize("stream", [True, False])
def test_likelihoods_are_lists_of_one_length_that_cover_the_text(proxy, upstream, stream):
    answer = ask(proxy, logprobs=2, stream=stream)

    events = events_of(answer)[:-1] if stream else [answer.json()]
    told_of = [event["choices"][0]["logprobs"] for event in events if "logprobs" in event["choices"][0]]
    assert {tuple(each) for each in told_of} == {("tokens", "token_logprobs", "top_logprobs", "text_offset")}
    tokens = [token for each in told_of for token in each["tokens"]]
    offsets = [offset for each in told_of for offset in each["text_offset"]]
    assert "".join(tokens) == SAID
    assert offsets == [len("".join(tokens[:at])) for at in range(len(tokens))]
    assert {len(others) for each in told_of for others in each["top_logprobs"]} == {2}
    assert [len(each["token_logprobs"]) for each in told_of] == [len(each["tokens"]) for each in told_of]
    assert (upstream.chats[-1].body["logprobs"], upstream.chats[-1].body["top_logprobs"]) == (True, 2)


def test_likelihoods_of_the_tokens_alone_can_be_had(proxy, upstream):
    answer = ask(proxy, logprobs=0, max_tokens=2).json()

    assert answer["choices"][0]["logprobs"]["top_logprobs"] == [{}, {}]
    assert "top_logprobs" not in upstream.chats[-1].body


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("fields", "status", "kind", "words"),
    [
        ({"model": ""}, 400, "invalid_request_error", "model is required"),
        ({"model": None}, 400, "invalid_request_error", "model is required"),
        ({"model": "two words"}, 400, "invalid_request_error", "invalid model name"),
        ({"model": "nobody/nothing"}, 404, "not_found_error", "model 'nobody/nothing' not found"),
        ({"prompt": None}, 400, "invalid_request_error", "prompt is required"),
        ({"prompt": ""}, 400, "invalid_request_error", "prompt is required"),
        ({"n": 0}, 400, "invalid_request_error", "n must be between 1 and 128"),
        ({"logprobs": 21}, 400, "invalid_request_error", "top_logprobs must be between 0 and 20"),
        ({"suffix": "!"}, 400, "invalid_request_error", f"registry.ollama.ai/{ASKED} does not support insert"),
        ({"model": PLAIN, "logprobs": 1}, 400, "invalid_request_error", f'"{PLAIN}" does not support logprobs'),
        ({"model": "baai/bge-m3"}, 400, "invalid_request_error", '"baai/bge-m3" does not support generate'),
        (
            {"prompt": ["hello"]},
            400,
            "invalid_request_error",
            "json: cannot unmarshal: Expected `str | null`, got `array` - at `$.prompt`",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_bought(proxy, upstream, stream, fields, status, kind, words):
    assert openais_error(ask(proxy, stream=stream, **fields)) == (status, kind, words)
    assert upstream.received == []


def test_a_request_without_a_prompt_is_refused(proxy):
    answer = proxy.http.post("/v1/completions", json={"model": MINI})

    assert openais_error(answer) == (400, "invalid_request_error", "prompt is required")


def test_only_what_the_owner_allows_is_there(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, allowed_models=(MINI,))

    assert openais_error(ask(proxy, model=THINKER)) == (
        404,
        "not_found_error",
        f"model '{THINKER}' not found, for it is not allowed: tick it under Models in Tray Proxy",
    )
    assert upstream.chats == []


def test_a_preset_is_honoured(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)
    parameters = {"temperature": 0.5, "num_predict": 50}
    first = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}]
    proxy.http.post(
        "/api/create",
        json={"model": "mine", "from": MINI, "system": "Be brief.", "parameters": parameters, "messages": first},
    )

    answer = ask(proxy, model="mine", temperature=0.1)

    assert answer.json()["model"] == "mine"
    assert upstream.chats[-1].body == {
        "model": MINI,
        "messages": [{"role": "system", "content": "Be brief."}, *first, {"role": "user", "content": "hello"}],
        "stream": True,
        "temperature": 0.1,
        "max_tokens": 50,
    }
