"""`/api/generate` as its readers rely on it, beyond what it shares with a chat."""

import pytest

from contract.reading import is_just_now, lines_of

ASKED = "OpenAI/GPT-4o-mini:latest"
GENERATE = {"model": ASKED, "prompt": "hello"}


def test_a_stream_ends_with_the_one_object_that_is_done(proxy):
    *lines, last = lines_of(proxy.http.post("/api/generate", json=GENERATE))

    assert [line["done"] for line in lines] == [False] * len(lines)
    assert (last["done"], last["done_reason"], last["response"]) == (True, "stop", "")


@pytest.mark.parametrize("stream", [True, False])
def test_the_name_that_was_asked_is_repeated_throughout(proxy, stream):
    answer = proxy.http.post("/api/generate", json=GENERATE | {"stream": stream})

    objects = lines_of(answer) if stream else [answer.json()]
    assert {each["model"] for each in objects} == {ASKED}


def test_each_line_has_the_time_in_utc(far_from_utc, proxy):
    lines = lines_of(proxy.http.post("/api/generate", json=GENERATE))

    times = [line["created_at"] for line in lines]
    assert all(map(is_just_now, times))
    assert times == sorted(times)


@pytest.mark.parametrize(("keep_alive", "reason"), [(None, "load"), (0, "unload")])
@pytest.mark.parametrize("more", [{}, {"system": "Be brief."}, {"images": ["?"]}, {"stream": True}])
def test_without_a_prompt_the_model_is_only_loaded(proxy, upstream, more, keep_alive, reason):
    """Whatever else the request holds: without a prompt there is nothing to answer."""
    answer = proxy.http.post("/api/generate", json={"model": ASKED, "keep_alive": keep_alive} | more)

    loaded = answer.json()
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert is_just_now(loaded.pop("created_at"))
    assert loaded == {"model": ASKED, "response": "", "done": True, "done_reason": reason}
    assert upstream.received == []


def test_an_unload_asks_nothing_else_of_the_request(proxy, upstream):
    body = {"model": ASKED, "keep_alive": 0, "raw": True, "context": [1], "suffix": "end", "think": True}

    assert proxy.http.post("/api/generate", json=body).json()["done_reason"] == "unload"
    assert upstream.received == []


@pytest.mark.parametrize(
    ("model", "fields", "sent"),
    [
        (
            "qwen/qwen3-30b-a3b",
            {"think": "low", "format": "json"},
            {"reasoning": {"effort": "low"}, "response_format": {"type": "json_object"}},
        ),
        ("openai/gpt-4o", {"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
    ],
)
def test_think_and_format_and_likelihoods_go_the_way_of_a_chat(proxy, upstream, model, fields, sent):
    proxy.http.post("/api/generate", json={"model": model, "prompt": "hello"} | fields)

    hello = {"model": model, "messages": [{"role": "user", "content": "hello"}], "stream": True}
    assert upstream.chats[-1].body == hello | sent


def test_an_invalid_format_is_a_plain_error_even_where_a_stream_was_asked_for(proxy, upstream):
    answer = proxy.http.post("/api/generate", json=GENERATE | {"format": "xml"})

    error = 'invalid format: "xml"; expected "json" or a valid JSON Schema object'
    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert upstream.received == []


def test_fields_without_a_counterpart_are_taken_and_not_sent_on(proxy, upstream):
    """There are no tools here, and a template need not even be one."""
    more = {"template": "{{ if", "truncate": False, "shift": False, "tools": [{}], "messages": "?", "width": 512}

    answer = proxy.http.post("/api/generate", json=GENERATE | more)

    assert lines_of(answer)[-1]["done"] is True
    assert upstream.chats[-1].body == {
        "model": "openai/gpt-4o-mini",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
    }


@pytest.mark.parametrize("prompt", ["a cat", ""], ids=["generate", "load"])
@pytest.mark.parametrize(
    ("outputs", "error"),
    [
        (["image"], "image generation models are not currently supported"),
        (["speech"], '"vendor/mute" does not support generate'),
    ],
    ids=["image", "speech"],
)
def test_a_model_without_words_is_not_asked_for_any(start_with_models, upstream, outputs, error, prompt):
    proxy = start_with_models(mute=outputs)

    answer = proxy.http.post("/api/generate", json={"model": "vendor/mute", "prompt": prompt})

    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert upstream.chats == []
