"""The `/api` endpoints over a real socket, as an app meets them."""

import gc
import json
from datetime import UTC, datetime, timedelta

import pytest

from tray_proxy.wire import ollama

CHAT = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}


def lines(response):
    """Return the NDJSON lines; a blank one would not decode."""
    assert response.text.endswith("\n")
    return [json.loads(line) for line in response.text[:-1].split("\n")]


def test_version_is_that_of_a_recent_ollama(proxy):
    assert proxy.http.get("/api/version").json() == {"version": "0.33.0"}


def test_tags_list_every_model_newest_first(proxy):
    models = proxy.http.get("/api/tags").json()["models"]

    dates = [datetime.fromisoformat(model["modified_at"]) for model in models]
    assert len(models) == 17
    assert dates == sorted(dates, reverse=True)


def test_show_takes_the_old_word_for_the_model(proxy):
    """The command line, Continue and Raycast send `name`."""
    shown = proxy.http.post("/api/show", json={"name": "openai/gpt-4o"}).json()

    assert shown["capabilities"] == ["completion", "tools", "vision"]
    assert shown["model_info"]["gpt.context_length"] == 128000


def test_show_tells_copilot_the_name_it_asked_for(proxy):
    headers = {"user-agent": "GitHubCopilotChat/0.30"}

    shown = proxy.http.post("/api/show", json={"model": "gpt-4o"}, headers=headers).json()

    assert shown["model_info"]["general.basename"] == "gpt-4o"


def test_chat_streams_unless_told_otherwise(proxy):
    response = proxy.http.post("/api/chat", json=CHAT)

    answer = lines(response)
    assert response.headers["content-type"] == "application/x-ndjson"
    assert [line["done"] for line in answer[:-1]] == [False] * (len(answer) - 1)
    assert answer[-1]["done"] is True
    assert "".join(line["message"]["content"] for line in answer) == (
        "[demo] You asked openai/gpt-4o-mini: “hello”. No model was called and nothing was charged."
    )


def test_the_last_line_carries_true_counts_and_durations(proxy):
    """A client divides by them, and shows tokens a second."""
    last = lines(proxy.http.post("/api/chat", json=CHAT))[-1]

    parts = last["load_duration"], last["prompt_eval_duration"], last["eval_duration"]
    assert last["done_reason"] == "stop"
    assert (last["prompt_eval_count"], last["eval_count"]) == (5, 19)
    assert min(parts) > 0
    assert sum(parts) == last["total_duration"]


def test_the_answer_echoes_the_name_that_was_asked(proxy):
    answer = proxy.chat(model="GPT-4o-Mini:latest").json()

    assert answer["model"] == "GPT-4o-Mini:latest"


def test_a_plain_answer_is_bought_as_a_stream(proxy, upstream):
    """A plain request upstream runs on when the client leaves, and is charged whole."""
    proxy.chat()

    assert upstream.chats[-1].body["stream"] is True


def test_thinking_comes_in_its_own_field_and_first(proxy):
    answer = lines(proxy.http.post("/api/chat", json=CHAT | {"model": "deepseek/deepseek-r1"}))

    kinds = ["thinking" if "thinking" in line["message"] else "content" for line in answer[:-1]]
    assert kinds == sorted(kinds, reverse=True)
    assert kinds[0] == "thinking"
    assert "".join(line["message"].get("thinking", "") for line in answer).startswith("[demo] I read")


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def test_a_tool_call_comes_whole_with_its_arguments_as_an_object(proxy):
    question = {"role": "user", "content": "use the tool get_weather"}

    answer = lines(proxy.http.post("/api/chat", json=CHAT | {"messages": [question], "tools": [WEATHER]}))

    [carrier] = [line for line in answer if "tool_calls" in line["message"]]
    [call] = carrier["message"]["tool_calls"]
    assert carrier["done"] is False
    assert call["function"]["index"] == 0
    assert call["function"]["name"] == "get_weather"
    assert list(call["function"]["arguments"]) == ["city"]
    assert answer[-1]["done_reason"] == "stop"


def test_a_tool_result_without_any_id_reaches_its_call(proxy, upstream):
    """ollama-python's messages have no field for an id."""
    history = [
        {"role": "user", "content": "weather in Oslo?"},
        {"role": "assistant", "tool_calls": [{"function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}]},
        {"role": "tool", "content": "rain", "tool_name": "get_weather"},
    ]

    answer = proxy.http.post("/api/chat", json=CHAT | {"messages": history, "tools": [WEATHER], "stream": False})

    sent = upstream.chats[-1].body["messages"]
    assert answer.status_code == 200
    assert sent[1]["tool_calls"][0]["function"]["arguments"] == '{"city":"Oslo"}'
    assert sent[2]["tool_call_id"] == sent[1]["tool_calls"][0]["id"]


@pytest.mark.parametrize(
    ("keep_alive", "reason"), [(None, "load"), ("5m", "load"), (-1, "load"), (0, "unload"), ("0s", "unload")]
)
def test_loading_and_unloading_cost_nothing(proxy, upstream, keep_alive, reason):
    body = {"model": "openai/gpt-4o", "messages": [], "keep_alive": keep_alive}

    answer = proxy.http.post("/api/chat", json=body)

    assert {key: answer.json()[key] for key in ("model", "message", "done", "done_reason")} == {
        "model": "openai/gpt-4o",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": reason,
    }
    assert upstream.received == []


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "missing request body"),
        (b"  \n", 400, "missing request body"),
        (b'{"model":', 400, "invalid JSON: Input data was truncated"),
        (b"not json", 400, "invalid JSON: JSON is malformed: invalid character (byte 4)"),
        (b"[]", 400, "json: cannot unmarshal: Expected `object`, got `array`"),
        (b'{"model":7}', 400, "json: cannot unmarshal: Expected `str | null`, got `int` - at `$.model`"),
        (
            b'{"model":"openai/gpt-4o","messages":"hi"}',
            400,
            "json: cannot unmarshal: Expected `array | null`, got `str` - at `$.messages`",
        ),
        (b"[" * 100_000, 400, "json: cannot unmarshal: Expected `object`, got `array`"),
        (
            b'{"options":' + b"[" * 100_000,
            400,
            "json: cannot unmarshal: Expected `object | null`, got `array` - at `$.options`",
        ),
        (b'{"format":' + b"[" * 100_000, 400, "invalid JSON: it is nested too deeply, with more than 128 levels"),
        (
            b'{"model":"\xff"}',
            400,
            "invalid JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (b"{}", 400, "model is required"),
        (b'{"model":""}', 400, "model is required"),
        (b'{"model":"nope"}', 404, "model 'nope' not found"),
        (b'{"model":"../../etc/passwd"}', 404, "model '../../etc/passwd' not found"),
        (
            b'{"model":"deepseek-r1"}',
            400,
            "model name 'deepseek-r1' is ambiguous: it could be deepseek/deepseek-r1, perplexity/deepseek-r1",
        ),
        (
            b'{"model":"openai/gpt-4o","messages":[{"role":"user"}],"options":{"temperature":"hot"}}',
            400,
            'option "temperature" must be of type float32',
        ),
        (
            b'{"model":"openai/gpt-4o","messages":[{"role":"user"}],"think":true}',
            400,
            '"openai/gpt-4o" does not support thinking',
        ),
        (
            b'{"model":"openai/text-embedding-3-small","messages":[{"role":"user"}]}',
            400,
            '"openai/text-embedding-3-small" does not support chat',
        ),
    ],
)
def test_bad_input_is_told_in_ollamas_shape_and_never_goes_upstream(proxy, upstream, body, status, error):
    answer = proxy.http.post("/api/chat", content=body)

    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert upstream.received == []


def test_nothing_of_the_callers_headers_goes_upstream(proxy, upstream):
    mine = {"authorization": "Bearer canary", "cookie": "canary=1", "referer": "http://canary", "x-api-key": "canary"}

    proxy.http.post("/api/chat", json=CHAT, headers=mine)

    sent = upstream.chats[-1].headers
    assert "canary" not in json.dumps(sent)
    assert (sent["http-referer"], sent["x-openrouter-title"]) == ("http://localhost:11434", "Tray Proxy")


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ("status-402", 402, "OpenRouter says that there is not enough credit: "),
        ("status-429", 429, ""),
        ("status-503", 503, ""),
        ("error-in-200", 502, ""),
        ("captive-portal", 502, "A web page came in place of OpenRouter's answer"),
        ("redirect", 502, "This network wants you to sign in first, at login.example.com"),
        ("cut-before-the-first-word", 502, "The connection to OpenRouter broke off"),
    ],
)
def test_a_failure_before_the_first_word_is_a_real_status(proxy, upstream, fault, status, error):
    upstream.arrange("no-bytes" if fault.startswith("cut") else fault, times=2)

    answer = proxy.http.post("/api/chat", json=CHAT)

    assert answer.status_code == status
    assert answer.json()["error"].startswith(error)


def test_how_long_to_wait_is_passed_on(proxy, upstream):
    upstream.arrange("status-429")

    assert proxy.http.post("/api/chat", json=CHAT).headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "fault", ["error-mid-stream", "error-mid-stream-text-code", "cut", "no-done", "malformed-chunk"]
)
def test_a_failure_inside_the_stream_is_one_error_line_and_no_end(proxy, upstream, fault):
    """A cut answer must not look complete."""
    upstream.arrange(fault)

    answer = lines(proxy.http.post("/api/chat", json=CHAT))

    assert list(answer[-1]) == ["error"]
    assert isinstance(answer[-1]["error"], str)
    assert [line["done"] for line in answer[:-1]] == [False] * (len(answer) - 1)
    assert answer[0]["message"]["content"].startswith("[demo]")


@pytest.mark.parametrize("fault", ["cut", "no-done", "error-mid-stream"])
def test_a_plain_answer_that_was_cut_is_an_error(proxy, upstream, fault):
    upstream.arrange(fault)

    answer = proxy.chat()

    assert answer.status_code == 502
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("fault", ["crlf", "one-write", "many-writes", "odd-text", "comments-only", "finish-with-text"])
def test_odd_but_legal_streams_arrive_whole(proxy, upstream, fault):
    from tray_proxy.demo.faults import FAULTS, ODD_TEXT

    upstream.arrange(FAULTS[fault].lasting(0.1) if fault == "comments-only" else fault)

    answer = lines(proxy.http.post("/api/chat", json=CHAT))

    text = "".join(line["message"]["content"] for line in answer)
    expected = ODD_TEXT if fault == "odd-text" else "[demo] You asked openai/gpt-4o-mini: “hello”. No model was called"
    assert expected in text
    assert answer[-1]["done"] is True
    assert answer[-1]["eval_count"] > 1


def test_a_key_that_the_upstream_echoes_is_struck_out(proxy, upstream):
    from tray_proxy.demo.upstream import DEMO_KEY

    upstream.arrange("echo-key")

    answer = proxy.chat()

    assert DEMO_KEY not in answer.text
    assert "[key removed]" in answer.text


GENERATE = {"model": "openai/gpt-4o-mini", "prompt": "hello"}
ANSWER = "[demo] You asked openai/gpt-4o-mini: “hello”. No model was called and nothing was charged."
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def generated(proxy, **fields):
    """The answer to a plain generate."""
    answer = proxy.http.post("/api/generate", json=GENERATE | {"stream": False} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def sent_turns(upstream):
    return [(message["role"], message["content"]) for message in upstream.chats[-1].body["messages"]]


def test_generate_streams_unless_told_otherwise(proxy):
    response = proxy.http.post("/api/generate", json=GENERATE)

    answer = lines(response)
    assert response.headers["content-type"] == "application/x-ndjson"
    assert {tuple(line) for line in answer[:-1]} == {("model", "created_at", "response", "done")}
    assert "".join(line["response"] for line in answer) == ANSWER
    assert list(answer[-1]) == [
        "model",
        "created_at",
        "response",
        "done",
        "done_reason",
        "context",
        "total_duration",
        "load_duration",
        "prompt_eval_count",
        "prompt_eval_duration",
        "eval_count",
        "eval_duration",
    ]


def test_a_plain_generate_is_one_object(proxy, upstream):
    answer = generated(proxy)

    assert (answer["model"], answer["response"], answer["done"]) == ("openai/gpt-4o-mini", ANSWER, True)
    assert (answer["done_reason"], answer["prompt_eval_count"], answer["eval_count"]) == ("stop", 5, 19)
    assert upstream.chats[-1].body["stream"] is True


def test_generates_thinking_comes_in_its_own_field_and_first(proxy):
    answer = lines(proxy.http.post("/api/generate", json=GENERATE | {"model": "deepseek/deepseek-r1"}))

    kinds = ["thinking" if "thinking" in line else "response" for line in answer[:-1]]
    assert kinds == sorted(kinds, reverse=True)
    assert "".join(line.get("thinking", "") for line in answer).startswith("[demo] I read")
    assert all(line["response"] == "" for line in answer if "thinking" in line)


@pytest.mark.parametrize("stream", [True, False])
def test_logprobs_come_with_generate(proxy, stream):
    answer = lines_or_object(proxy.http.post("/api/generate", json=GENERATE | {"logprobs": True, "stream": stream}))

    tokens = [token["token"] for line in answer for token in line.get("logprobs", [])]
    assert "".join(tokens) == ANSWER


def lines_or_object(response):
    return lines(response) if response.headers["content-type"] == "application/x-ndjson" else [response.json()]


def test_system_prompt_picture_format_and_options_go_upstream(proxy, upstream):
    generated(
        proxy,
        model="openai/gpt-4o",
        system="Be brief.",
        images=[PNG],
        options={"temperature": 0.5, "num_predict": 100},
        template="{{ .Prompt }}",
    )

    sent = upstream.chats[-1].body
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hello"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ],
        },
    ]
    assert (sent["temperature"], sent["max_tokens"]) == (0.5, 100)


@pytest.mark.parametrize("stream", [True, False])
def test_a_context_continues_the_conversation(proxy, upstream, stream):
    first = lines_or_object(proxy.http.post("/api/generate", json=GENERATE | {"system": "Be kind.", "stream": stream}))

    second = generated(proxy, prompt="and now?", context=first[-1]["context"])

    assert sent_turns(upstream) == [
        ("system", "Be kind."),
        ("user", "hello"),
        ("assistant", ANSWER),
        ("user", "and now?"),
    ]
    assert len(second["context"]) > len(first[-1]["context"])


def test_a_context_goes_on_for_as_many_turns_as_one_likes(proxy, upstream):
    context = None
    for prompt in ("one", "two", "three"):
        context = generated(proxy, prompt=prompt, context=context)["context"]

    assert [content for role, content in sent_turns(upstream) if role == "user"] == ["one", "two", "three"]


@pytest.mark.parametrize("context", [[], [128006, 882, 128007], [-1, 2**63], [0.5, 1e300]])
def test_a_real_ollamas_context_is_no_error(proxy, upstream, context):
    generated(proxy, context=context)

    assert sent_turns(upstream) == [("user", "hello")]


def test_raw_sends_the_prompt_alone_and_gives_no_context(proxy, upstream):
    answer = generated(proxy, raw=True)

    assert sent_turns(upstream) == [("user", "hello")]
    assert "context" not in answer


@pytest.mark.parametrize(
    ("keep_alive", "reason"),
    [(None, "load"), ("5m", "load"), (-1, "load"), ("-1m", "load"), (0, "unload"), (0.0, "unload"), ("0s", "unload")],
)
@pytest.mark.parametrize("prompt", [None, ""])
def test_loading_and_unloading_by_generate_cost_nothing(proxy, upstream, prompt, keep_alive, reason):
    answer = proxy.http.post("/api/generate", json=GENERATE | {"prompt": prompt, "keep_alive": keep_alive})

    assert answer.headers["content-type"].startswith("application/json")
    assert {key: value for key, value in answer.json().items() if key != "created_at"} == {
        "model": "openai/gpt-4o-mini",
        "response": "",
        "done": True,
        "done_reason": reason,
    }
    assert upstream.received == []


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"model": None}, 404, "model '' not found"),
        ({"model": ""}, 404, "model '' not found"),
        ({"model": "nope"}, 404, "model 'nope' not found"),
        ({"raw": True, "system": "x"}, 400, "raw mode does not support template, system, or context"),
        ({"raw": True, "template": "x"}, 400, "raw mode does not support template, system, or context"),
        ({"raw": True, "context": [1]}, 400, "raw mode does not support template, system, or context"),
        ({"suffix": "end"}, 400, "registry.ollama.ai/openai/gpt-4o-mini:latest does not support insert"),
        ({"prompt": "", "suffix": "end"}, 400, "registry.ollama.ai/openai/gpt-4o-mini:latest does not support insert"),
        ({"think": True}, 400, '"openai/gpt-4o-mini" does not support thinking'),
        ({"prompt": "", "think": True}, 400, '"openai/gpt-4o-mini" does not support thinking'),
        (
            {"model": "openai/text-embedding-3-small"},
            400,
            '"openai/text-embedding-3-small" does not support generate',
        ),
        (
            {"model": "openai/text-embedding-3-small", "prompt": ""},
            400,
            '"openai/text-embedding-3-small" does not support generate',
        ),
        ({"top_logprobs": 21}, 400, "top_logprobs must be between 0 and 20"),
        ({"keep_alive": "10"}, 400, 'time: invalid duration "10": missing unit'),
        ({"options": {"temperature": "hot"}}, 400, 'option "temperature" must be of type float32'),
        ({"images": ["?"]}, 400, "illegal base64 data in images"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_what_generate_cannot_do_is_told_in_ollamas_words_and_never_goes_upstream(
    proxy, upstream, stream, fields, status, error
):
    answer = proxy.http.post("/api/generate", json=GENERATE | {"stream": stream} | fields)

    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert upstream.received == []


def test_an_embedding_model_can_be_unloaded_by_generate(proxy):
    """`ollama stop` asks for it without looking at what the model can do."""
    body = {"model": "openai/text-embedding-3-small", "keep_alive": 0}

    assert proxy.http.post("/api/generate", json=body).json()["done_reason"] == "unload"


def test_generate_fails_inside_the_stream_as_chat_does(proxy, upstream):
    upstream.arrange("cut")

    answer = lines(proxy.http.post("/api/generate", json=GENERATE))

    assert list(answer[-1]) == ["error"]
    assert [line["done"] for line in answer[:-1]] == [False] * (len(answer) - 1)


def test_generate_fails_with_a_real_status_before_the_first_word(proxy, upstream):
    upstream.arrange("status-429")

    answer = proxy.http.post("/api/generate", json=GENERATE)

    assert (answer.status_code, list(answer.json()), answer.headers["retry-after"]) == (429, ["error"], "1")


def running(proxy):
    """What `/api/ps` lists."""
    return proxy.http.get("/api/ps").json()["models"]


def seconds_left(entry):
    return (datetime.fromisoformat(entry["expires_at"]) - datetime.now(UTC)).total_seconds()


@pytest.fixture
def fresh(proxies, tmp_path):
    """A proxy that nobody has asked anything yet."""
    return proxies.start(tmp_path)


def test_at_first_nothing_is_running(fresh):
    assert fresh.http.get("/api/ps").json() == {"models": []}


def test_ps_works_without_any_list_of_models(proxies, tmp_path):
    """Open WebUI polls it, and takes a failure for a server that is away."""
    running = proxies.start(tmp_path, wait_for_models=False, openrouter_base_url="http://127.0.0.1:1/api/v1")

    assert running.http.get("/api/ps").json() == {"models": []}


def test_a_model_that_was_asked_is_running_under_its_listed_name(fresh):
    fresh.chat(model="GPT-4o-Mini:latest")

    [entry] = running(fresh)
    [listed] = [
        model for model in fresh.http.get("/api/tags").json()["models"] if model["name"] == "openai/gpt-4o-mini"
    ]
    assert list(entry) == ["name", "model", "size", "digest", "details", "expires_at", "size_vram", "context_length"]
    assert entry["name"] == entry["model"] == "openai/gpt-4o-mini"
    about = {key: value for key, value in listed["details"].items() if key != "context_length"}
    assert (entry["digest"], entry["details"]) == (listed["digest"], about)
    assert (entry["size"], entry["size_vram"], entry["context_length"]) == (0, 0, 128000)
    assert timedelta(minutes=4).total_seconds() < seconds_left(entry) <= 300


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_a_model_that_was_loaded_is_running_until_it_is_unloaded(fresh, upstream, path):
    fresh.http.post(path, json={"model": "openai/gpt-4o", "keep_alive": "30m"})
    [entry] = running(fresh)

    fresh.http.post(path, json={"model": "gpt-4o", "keep_alive": 0})

    assert 1700 < seconds_left(entry) <= 1800
    assert running(fresh) == []
    assert upstream.chats == []


def test_a_model_may_be_kept_for_ever(fresh):
    generated(fresh, keep_alive=-1)

    [entry] = running(fresh)
    assert datetime.fromisoformat(entry["expires_at"]).year - datetime.now(UTC).year in (292, 293)


def test_a_call_that_keeps_nothing_leaves_nothing(fresh):
    generated(fresh)
    generated(fresh, keep_alive=0)

    assert running(fresh) == []


def test_a_model_is_running_while_it_answers(fresh, upstream):
    upstream.arrange("endless")

    with fresh.http.stream("POST", "/api/generate", json=GENERATE | {"keep_alive": 0}) as answer:
        received = answer.iter_lines()
        next(received)
        during = running(fresh)

    assert [entry["name"] for entry in during] == ["openai/gpt-4o-mini"]


def test_what_is_no_longer_allowed_runs_no_longer(fresh):
    generated(fresh)
    fresh.http.post("/api/copy", json={"source": "openai/gpt-4o", "destination": "mine"})
    fresh.http.post("/api/chat", json={"model": "mine"})
    before = {entry["name"] for entry in running(fresh)}

    fresh.http.request("DELETE", "/api/delete", json={"model": "mine"})
    fresh.http.request("DELETE", "/api/delete", json={"model": "openai/gpt-4o-mini"})

    assert (before, running(fresh)) == ({"openai/gpt-4o-mini", "mine:latest"}, [])


def test_a_refused_request_loads_nothing(fresh):
    fresh.http.post("/api/generate", json=GENERATE | {"suffix": "end"})
    fresh.http.post("/api/chat", json=CHAT | {"options": {"seed": "x"}})

    assert running(fresh) == []


def test_those_that_stay_longest_come_first(fresh):
    for model, keep_alive in (("openai/gpt-4o", 60), ("deepseek/deepseek-r1", -1), ("openai/gpt-4o-mini", "1h")):
        fresh.http.post("/api/generate", json={"model": model, "keep_alive": keep_alive})

    assert [entry["name"] for entry in running(fresh)] == [
        "deepseek/deepseek-r1",
        "openai/gpt-4o-mini",
        "openai/gpt-4o",
    ]


PIRATE = {
    "model": "openai/gpt-4o-mini",
    "system": "Talk like a pirate.",
    "parameters": {"temperature": 0.2, "seed": 7},
    "messages": [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "Arr!"}],
}


def test_a_presets_prompt_messages_and_parameters_go_with_every_chat(proxies, upstream, tmp_path):
    mine = proxies.start(tmp_path, presets={"pirate": PIRATE})

    answer = mine.chat(model="pirate", options={"temperature": 1})

    sent = upstream.chats[-1].body
    assert answer.json()["model"] == "pirate"
    assert sent_turns(upstream) == [
        ("system", "Talk like a pirate."),
        ("user", "Who are you?"),
        ("assistant", "Arr!"),
        ("user", "hello"),
    ]
    assert (sent["model"], sent["temperature"], sent["seed"]) == ("openai/gpt-4o-mini", 1, 7)


def test_a_preset_goes_with_generate_and_its_context_too(proxies, upstream, tmp_path):
    mine = proxies.start(tmp_path, presets={"pirate": PIRATE})

    context = generated(mine, model="pirate")["context"]
    generated(mine, model="pirate", prompt="and now?", context=context)

    assert [content for _, content in sent_turns(upstream)] == [
        "Talk like a pirate.",
        "Who are you?",
        "Arr!",
        "hello",
        ANSWER,
        "and now?",
    ]
    assert upstream.chats[-1].body["seed"] == 7


def test_a_preset_is_loaded_without_asking_anyone(proxies, upstream, tmp_path):
    """Its first messages are no question."""
    mine = proxies.start(tmp_path, presets={"pirate": PIRATE})

    answer = mine.http.post("/api/chat", json={"model": "pirate"})

    assert answer.json()["done_reason"] == "load"
    assert [entry["name"] for entry in running(mine)] == ["pirate:latest"]
    assert upstream.chats == []


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [("/api/chat", CHAT, ollama.ChatRequest), ("/api/generate", GENERATE, ollama.GenerateRequest)],
)
def test_the_request_is_not_held_while_its_answer_comes(proxy, upstream, path, body, kind):
    """It may hold megabytes of pictures, and an answer may take minutes."""
    upstream.arrange("endless")

    with proxy.http.stream("POST", path, json=body | {"options": {"seed": 1}}) as answer:
        received = answer.iter_lines()
        next(received)
        gc.collect()
        held = [each for each in gc.get_objects() if isinstance(each, kind)]

    assert held == []
