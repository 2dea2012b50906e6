"""`/v1/messages` as Claude Code and Anthropic's SDKs rely on it, over a socket."""

import http.client
import json
from typing import Any

import httpx
import pytest

from tray_proxy.demo.thoughts import sign

ASKED = "OpenAI/GPT-4o-mini:latest"
MESSAGE = {"model": ASKED, "max_tokens": 300, "messages": [{"role": "user", "content": "hello"}]}
PLAIN = "gryphe/mythomax-l2-13b"
THINKER = "deepseek/deepseek-r1"
CLAUDE = "anthropic/claude-sonnet-4"
TOOL = {"name": "now", "description": "The time", "input_schema": {"type": "object", "properties": {}}}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SAID = "[demo] You asked openai/gpt-4o-mini: “hello”. No model was called and nothing was charged."


def ask(proxy: Any, **fields: Any) -> httpx.Response:
    return proxy.http.post("/v1/messages", json=MESSAGE | fields)


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    """Read a stream: each event has a name, one line of data that names it too, and a blank line behind it."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream"
    *blocks, behind = answer.content.split(b"\n\n")
    assert behind == b""
    read = []
    for block in blocks:
        name, data = block.split(b"\n")
        event = json.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        read.append(event)
    return read


def error(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, type and text of an error, which must have Anthropic's shape and no other field."""
    body = answer.json()
    assert (list(body), body["type"], list(body["error"])) == (
        ["type", "error", "request_id"],
        "error",
        ["type", "message"],
    )
    assert body["request_id"] == f"req_{answer.headers['x-request-id']}"
    return answer.status_code, body["error"]["type"], body["error"]["message"]


def test_a_plain_answer_has_every_field(proxy):
    answer = ask(proxy)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {
        "type": "message",
        "id": f"msg_{answer.headers['x-request-id']}",
        "role": "assistant",
        "model": ASKED,
        "content": [{"type": "text", "text": SAID}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 19},
    }


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages?beta=true", "//v1/messages", "/v1/v1/messages"])
def test_a_stream_has_its_events_in_order(proxy, path):
    """Claude Code adds a query; a base address with `/v1` at its end doubles the path."""
    answer = proxy.http.post(proxy.url + path, json=MESSAGE | {"stream": True})
    first, *rest = events(answer)

    assert first["message"]["model"] == ASKED
    assert first["message"]["usage"] == {"input_tokens": 2, "output_tokens": 0}
    kinds = [event["type"] for event in rest]
    pieces = kinds.count("content_block_delta")
    assert pieces > 1
    assert kinds == [
        "content_block_start",
        *["content_block_delta"] * pieces,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert "".join(event["delta"]["text"] for event in rest[1 : 1 + pieces]) == SAID
    assert rest[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"input_tokens": 5, "output_tokens": 19},
    }


@pytest.mark.parametrize("fault", ["odd-text", "many-writes", "one-write", "finish-with-text", "crlf"])
def test_however_the_upstream_cuts_its_stream_events_stay_whole(proxy, upstream, fault):
    upstream.arrange(fault)

    assert events(ask(proxy, stream=True))[-1] == {"type": "message_stop"}


@pytest.mark.parametrize("stream", [False, None])
def test_without_stream_the_answer_is_plain(proxy, upstream, stream):
    """Bought as a stream all the same: only that can be stopped."""
    assert ask(proxy, stream=stream).json()["type"] == "message"
    assert upstream.chats[-1].body["stream"] is True


def test_thinking_stands_before_the_text_in_a_block_of_its_own(proxy):
    content = ask(proxy, model=THINKER).json()["content"]

    assert [block["type"] for block in content] == ["thinking", "text"]
    assert content[0]["thinking"].startswith("[demo] I read the question")


def test_a_budget_for_thinking_is_sent_on(proxy, upstream):
    ask(proxy, model=CLAUDE, max_tokens=5000, thinking={"type": "enabled", "budget_tokens": 2000})

    assert upstream.chats[-1].body["reasoning"] == {"max_tokens": 2000}


@pytest.mark.parametrize("thinking", [{"type": "enabled", "budget_tokens": 2000}, {"type": "adaptive"}])
def test_thinking_on_a_model_that_cannot_is_dropped(proxy, upstream, thinking):
    """On this route alone."""
    assert ask(proxy, thinking=thinking).status_code == 200
    assert "reasoning" not in upstream.chats[-1].body


def test_a_call_comes_with_its_whole_input(proxy):
    question = [{"role": "user", "content": "use the tool now"}]

    plain = ask(proxy, tools=[TOOL], messages=question).json()
    streamed = events(ask(proxy, tools=[TOOL], messages=question, stream=True))

    assert plain["stop_reason"] == "tool_use"
    [block] = plain["content"]
    assert block == {"type": "tool_use", "id": block["id"], "name": "now", "input": {}}
    assert block["id"]
    start, delta, stop, message_delta, _ = streamed[1:]
    assert start["content_block"] == block
    assert delta["delta"] == {"type": "input_json_delta", "partial_json": "{}"}
    assert stop == {"type": "content_block_stop", "index": 0}
    assert message_delta["delta"]["stop_reason"] == "tool_use"


def test_parallel_calls_are_blocks_that_do_not_overlap(proxy):
    tools = [TOOL, TOOL | {"name": "later"}]
    streamed = events(
        ask(proxy, tools=tools, messages=[{"role": "user", "content": "both tools: now, later"}], stream=True)
    )

    marks = [(event["type"], event["index"]) for event in streamed if "index" in event]
    assert marks == [(f"content_block_{what}", index) for index in (0, 1) for what in ("start", "delta", "stop")]


def test_a_tools_result_is_answered(proxy, upstream):
    """Results go before what stands beside them, as tool messages with their call's id."""
    history = [
        {"role": "user", "content": "use the tool now"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Well?"},
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "noon"}]},
            ],
        },
    ]

    assert ask(proxy, tools=[TOOL], messages=history).status_code == 200
    assert upstream.chats[-1].body["messages"][-2:] == [
        {"role": "tool", "content": "noon", "tool_call_id": "toolu_1"},
        {"role": "user", "content": "Well?"},
    ]


def test_what_claude_thought_goes_back_signed_with_its_call(proxy, upstream):
    """Anthropic's clients could send the signature back; ours is kept here, and theirs is empty."""
    question = {"role": "user", "content": "use the tool now"}
    thinking = {"type": "enabled", "budget_tokens": 2000}
    fields = {"model": CLAUDE, "max_tokens": 5000, "tools": [TOOL], "thinking": thinking}
    first = ask(proxy, messages=[question], **fields).json()
    call = first["content"][-1]

    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "noon"}
    again = [question, {"role": "assistant", "content": first["content"]}, {"role": "user", "content": [result]}]
    assert ask(proxy, messages=again, **fields).status_code == 200

    turn = upstream.chats[-1].body["messages"][1]
    thought = first["content"][0]["thinking"]
    assert turn["reasoning_details"] == [
        {
            "type": "reasoning.text",
            "text": thought,
            "format": "anthropic-claude-v1",
            "index": 0,
            "signature": sign(thought),
        }
    ]


def test_pictures_go_as_they_are_and_from_the_web(proxy, upstream):
    sources = [
        {"type": "base64", "media_type": "image/png", "data": PNG},
        {"type": "url", "url": "https://a.example/b"},
    ]
    content = [{"type": "image", "source": source} for source in sources]

    assert ask(proxy, model="openai/gpt-4o", messages=[{"role": "user", "content": content}]).status_code == 200
    sent = upstream.chats[-1].body["messages"][0]["content"]
    assert [part["image_url"]["url"] for part in sent] == [f"data:image/png;base64,{PNG}", "https://a.example/b"]


def test_a_picture_that_a_tool_gave_back_ends_no_conversation(proxy, upstream):
    """Claude Code reads files for models that cannot see, and would be refused from then on; a user's is refused."""
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    history = [
        {"role": "user", "content": "use the tool now"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [picture]}]},
    ]
    shown = [{"role": "user", "content": [picture]}]

    answer = ask(proxy, model=PLAIN, messages=history)
    counted = proxy.http.post("/v1/messages/count_tokens", json=MESSAGE | {"model": PLAIN, "messages": history})

    assert answer.status_code == 200, answer.text
    [sent] = upstream.chats
    assert sent.body["messages"][-1]["content"] == "[a picture, which this model cannot see]"
    assert counted.json() == {"input_tokens": 25}
    assert error(ask(proxy, model=PLAIN, messages=shown))[:2] == (400, "invalid_request_error")


def test_what_claude_code_sends_is_understood(proxy, upstream):
    """Marks in system blocks, a system message among the others, fields that OpenRouter's own route refuses."""
    mark = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
    answer = ask(
        proxy,
        model=CLAUDE,
        max_tokens=32000,
        stream=True,
        system=[{"type": "text", "text": "You are"}, {"type": "text", "text": " Claude Code", "cache_control": mark}],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}]},
            {"role": "system", "content": "Available agents: none"},
        ],
        tools=[TOOL | {"eager_input_streaming": True}],
        metadata={"user_id": "user_canary"},
        thinking={"type": "adaptive", "display": "omitted"},
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        output_config={"effort": "high"},
    )

    assert events(answer)[-1] == {"type": "message_stop"}
    sent = upstream.chats[-1].body
    kept = {"type": "ephemeral", "ttl": "1h"}
    assert sent["messages"] == [
        {
            "role": "system",
            "content": [
                {"type": "text", "text": "You are Claude Code", "cache_control": kept},
            ],
        },
        {"role": "user", "content": [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}]},
        {"role": "system", "content": "Available agents: none"},
    ]
    assert sent["reasoning"] == {"effort": "high"}
    assert "canary" not in json.dumps(sent)


@pytest.mark.parametrize("max_tokens", [5, 3])
def test_an_answer_that_the_limit_cut_says_so(proxy, max_tokens):
    answer = ask(proxy, max_tokens=max_tokens).json()

    assert (answer["stop_reason"], answer["usage"]["output_tokens"]) == ("max_tokens", max_tokens)


def test_a_stop_sequence_is_named(proxy):
    """Claude's provider tells that it was one."""
    answer = ask(proxy, model=CLAUDE, stop_sequences=["No model"]).json()

    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "No model")


def test_of_many_stop_sequences_the_one_that_was_said_is_named(proxy):
    """OpenRouter takes four; the others are watched for here."""
    answer = ask(proxy, stop_sequences=["a!", "b!", "c!", "d!", "No model"]).json()

    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "No model")
    assert answer["content"] == [{"type": "text", "text": SAID.partition("No model")[0]}]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": None}, "model is required"),
        ({"max_tokens": None}, "max_tokens is required and must be positive"),
        ({"max_tokens": 0}, "max_tokens is required and must be positive"),
        ({"messages": []}, "messages is required"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "name": "now"}]}]},
            "tool_use block missing required 'id' field",
        ),
        ({"model": PLAIN, "tools": [TOOL]}, f"registry.ollama.ai/{PLAIN}:latest does not support tools"),
        ({"model": "baai/bge-m3"}, '"baai/bge-m3" does not support chat'),
    ],
)
def test_what_cannot_be_done_is_told_in_anthropics_shape(proxy, upstream, fields, words):
    for stream in (False, True):
        assert error(ask(proxy, stream=stream, **fields)) == (400, "invalid_request_error", words)
    assert upstream.chats == []


def test_an_unknown_model_is_not_found(proxy):
    assert error(ask(proxy, model="zzqx")) == (404, "not_found_error", "model 'zzqx' not found")


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize(("body", "words"), [(b"", "EOF"), (b" ", "EOF")])
def test_an_empty_body_is_told(proxy, path, body, words):
    assert error(proxy.http.post(path, content=body)) == (400, "invalid_request_error", words)


@pytest.mark.parametrize(
    ("method", "path", "status", "kind", "words"),
    [
        ("GET", "/v1/messages", 405, "api_error", "405 method not allowed"),
        ("POST", "/v1/messages/batches", 404, "not_found_error", "404 page not found"),
    ],
)
def test_what_no_handler_was_found_for_is_told_in_the_same_shape(proxy, method, path, status, kind, words):
    assert error(proxy.http.request(method, path)) == (status, kind, words)


def test_too_large_a_body_is_told_in_the_same_shape(proxy):
    """Told as soon as its length is announced: nobody has to send it first."""
    connection = http.client.HTTPConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]), timeout=10)
    connection.putrequest("POST", "/v1/messages")
    connection.putheader("Content-Length", str(101 * 1024 * 1024))
    connection.endheaders()
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()

    assert (answer.status, body["type"], body["error"]["type"]) == (413, "error", "request_too_large")


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("status-401", 401, "authentication_error"),
        ("status-402", 402, "billing_error"),
        ("status-403", 403, "permission_error"),
        ("status-429", 429, "rate_limit_error"),
        ("status-503", 503, "overloaded_error"),
        ("status-529", 529, "overloaded_error"),
        ("error-in-200", 502, "api_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_before_the_first_word_has_its_true_status(proxy, upstream, fault, status, kind, stream):
    upstream.arrange(fault)

    answer = ask(proxy, stream=stream)

    assert error(answer)[:2] == (status, kind)
    assert answer.headers.get("retry-after") == ("1" if status == 429 else None)


@pytest.mark.parametrize(
    "fault", ["error-mid-stream", "error-mid-stream-text-code", "cut", "no-done", "malformed-chunk"]
)
def test_a_failure_in_the_middle_is_the_last_event(proxy, upstream, fault):
    """A cut answer must not look complete."""
    upstream.arrange(fault)

    *before, last = events(ask(proxy, stream=True))

    assert (last["type"], last["error"]["type"]) == ("error", "api_error")
    assert [event["type"] for event in before if event["type"].startswith("message")] == ["message_start"]


def test_a_failure_in_the_middle_of_a_plain_answer_has_its_status(proxy, upstream):
    upstream.arrange("error-mid-stream")

    assert error(ask(proxy))[:2] == (502, "api_error")


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_whatever_key_an_app_sends_only_the_owners_goes_out(proxy, upstream, path):
    mine = {"authorization": "Bearer canary", "x-api-key": "canary", "anthropic-version": "canary", "cookie": "canary"}

    assert proxy.http.post(path, json=MESSAGE, headers=mine).status_code == 200
    assert "canary" not in json.dumps([[sent.headers, sent.query, sent.body] for sent in upstream.received])


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, 2),
        ({"max_tokens": None}, 2),
        ({"system": "a" * 385}, 100),
        ({"tools": [TOOL]}, 31),
    ],
)
def test_tokens_are_counted_without_asking_anyone(proxy, upstream, fields, tokens):
    answer = proxy.http.post("/v1/messages/count_tokens", json=MESSAGE | fields)

    assert (answer.status_code, answer.json()) == (200, {"input_tokens": tokens})
    assert upstream.received == []


def test_counting_for_an_unknown_model_says_so(proxy):
    answer = proxy.http.post("/v1/messages/count_tokens", json=MESSAGE | {"model": "zzqx"})

    assert error(answer) == (404, "not_found_error", "model 'zzqx' not found")


def test_a_preset_stands_before_the_conversation(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)
    proxy.http.post("/api/create", json={"model": "mine", "from": CLAUDE, "system": "Be", "parameters": {"top_k": 3}})

    answer = ask(proxy, model="mine").json()

    assert answer["model"] == "mine"
    sent = upstream.chats[-1].body
    assert (sent["model"], sent["messages"][0], sent["top_k"]) == (CLAUDE, {"role": "system", "content": "Be"}, 3)


def test_a_thread_is_begun_and_never_gone_on_with(proxy, upstream):
    """Anthropic's library then sends the whole conversation; an answer to its end alone would be paid for and wrong."""
    assert ask(proxy, thread={"type": "create"}).status_code == 200

    answer = ask(proxy, thread={"type": "continue", "previous_message_id": "msg_1"})

    assert (answer.status_code, answer.json()["error"]) == (
        404,
        {
            "type": "not_found_error",
            "message": "thread not found: nothing is kept between requests, so send the whole conversation",
            "details": {"error_code": "thread_not_found"},
        },
    )
    assert len(upstream.chats) == 1


def test_what_a_preset_adds_is_counted(proxies, upstream, tmp_path):
    """By the count, and by what a stream says at its beginning."""
    proxy = proxies.start(tmp_path)
    proxy.http.post("/api/create", json={"model": "mine", "from": CLAUDE, "system": "a" * 385})

    counted = proxy.http.post("/v1/messages/count_tokens", json=MESSAGE | {"model": "mine"})
    [first, *_] = events(ask(proxy, model="mine", stream=True))

    assert counted.json() == {"input_tokens": 100}
    assert first["message"]["usage"] == {"input_tokens": 100, "output_tokens": 0}
