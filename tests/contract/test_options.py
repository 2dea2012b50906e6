"""Options on their whole way, from an app's request to what OpenRouter is sent."""

import pytest

MODEL = "openai/gpt-4o-mini"
QUESTIONS = {
    "/api/chat": {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]},
    "/api/generate": {"model": MODEL, "prompt": "hello"},
}
PATHS = list(QUESTIONS)
WITHOUT_OPTIONS = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "stream": True}


def sent_with(proxy, upstream, path, **options):
    """What OpenRouter is sent on account of options."""
    answer = proxy.http.post(path, json=QUESTIONS[path] | {"options": options})
    assert answer.status_code == 200, answer.text
    body = upstream.chats[-1].body
    return {name: value for name, value in body.items() if name not in WITHOUT_OPTIONS}


@pytest.mark.parametrize("path", PATHS)
def test_each_option_goes_by_openrouters_name_and_no_other_goes_at_all(proxy, upstream, path):
    sent = sent_with(
        proxy,
        upstream,
        path,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        min_p=0.05,
        seed=7,
        num_predict=100,
        stop=["END"],
        repeat_penalty=1.1,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        typical_p=1.0,
        repeat_last_n=64,
        num_keep=4,
        num_ctx=8192,
        num_batch=512,
        num_gpu=1,
        main_gpu=0,
        num_thread=8,
        draft_num_predict=4,
        use_mmap=True,
        mirostat=1,
        tfs_z=1,
        numa=True,
        low_vram=True,
        penalize_newline=True,
        of_a_later_version=1,
    )

    assert sent == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.05,
        "seed": 7,
        "max_tokens": 100,
        "stop": ["END"],
        "repetition_penalty": 1.1,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
    }


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "options", [None, {}, dict.fromkeys(["temperature", "seed", "stop", "num_predict", "num_ctx"])]
)
def test_what_was_not_given_is_left_to_the_model(proxy, upstream, path, options):
    """Ollama's own defaults are never sent."""
    answer = proxy.http.post(path, json=QUESTIONS[path] | {"options": options})

    assert answer.status_code == 200
    assert upstream.chats[-1].body == WITHOUT_OPTIONS


@pytest.mark.parametrize(
    ("given", "field", "whole"),
    [
        ({"seed": 1.0}, "seed", 1),
        ({"top_k": 40.9}, "top_k", 40),
        ({"num_predict": 100.0}, "max_tokens", 100),
        ({"num_predict": 3.7}, "max_tokens", 3),
    ],
)
def test_a_whole_number_is_one_on_the_wire(proxy, upstream, given, field, whole):
    """Home Assistant's sliders send 100.0, and providers refuse it."""
    sent = sent_with(proxy, upstream, "/api/chat", **given)

    assert (sent, type(sent[field])) == ({field: whole}, int)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("option", "kind"),
    [
        ({"temperature": "hot"}, "of type float32"),
        ({"seed": "lucky"}, "of type integer"),
        ({"num_ctx": "large"}, "of type integer"),
        ({"use_mmap": "yes"}, "of type boolean"),
        ({"stop": 7}, "of type array"),
        ({"stop": ["END", 7]}, "of an array of strings"),
    ],
)
def test_a_value_of_another_type_is_a_plain_error_before_anything_is_bought(
    proxy, upstream, path, stream, option, kind
):
    answer = proxy.http.post(path, json=QUESTIONS[path] | {"options": option, "stream": stream})

    [name] = option
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert (answer.status_code, answer.json()) == (400, {"error": f'option "{name}" must be {kind}'})
    assert upstream.received == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("keep_alive", [600, 0.5, -1, "5m", "-1m", "1h30m", "0"])
def test_however_long_a_model_is_to_stay_openrouter_is_not_told(proxy, upstream, path, keep_alive):
    answer = proxy.http.post(path, json=QUESTIONS[path] | {"keep_alive": keep_alive})

    assert answer.status_code == 200
    assert upstream.chats[-1].body == WITHOUT_OPTIONS
