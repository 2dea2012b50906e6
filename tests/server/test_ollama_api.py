"""The `/api` endpoints over a real socket, as an app meets them."""

import json
from datetime import datetime

import pytest

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
        (b'{"format":' + b"[" * 100_000, 400, "invalid JSON: it is nested too deeply"),
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


def test_the_content_type_does_not_matter(proxy):
    """`curl -d` sends a form's type, as Ollama's own documentation does."""
    headers = {"content-type": "application/x-www-form-urlencoded"}

    answer = proxy.http.post("/api/chat", content=json.dumps(CHAT | {"stream": False}), headers=headers)

    assert answer.json()["done"] is True


def test_only_the_first_json_value_is_read(proxy):
    answer = proxy.http.post("/api/chat", content=json.dumps(CHAT | {"stream": False}) + " trailing")

    assert answer.json()["done"] is True


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
        ("captive-portal", 502, "The answer did not come from OpenRouter"),
        ("redirect", 502, "The answer did not come from OpenRouter"),
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
