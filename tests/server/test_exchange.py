"""What stops the bill: the client leaves, or the proxy is turned off, and the upstream connection is closed at once."""

import itertools
import json
import queue
import socket
import threading
from types import SimpleNamespace

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from server.leaving import asked, connect, dropped
from tray_proxy.demo import dialect
from tray_proxy.demo.dialect import DONE
from tray_proxy.demo.faults import FAULTS, Fault
from tray_proxy.demo.steps import Cut, Write, stream_of
from tray_proxy.demo.thoughts import sign
from tray_proxy.server.asgi import JSON, Record
from tray_proxy.server.deal import Deal
from tray_proxy.server.exchange import Exchange
from tray_proxy.server.ollama_api import ChatDialect
from tray_proxy.wire.openrouter import TextChunk

CHAT = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(autouse=True)
def little_grace(monkeypatch):
    """No test waits for as long as the proxy lets answers end by themselves."""
    monkeypatch.setattr("tray_proxy.proxy.GRACE_S", 1.0)


def test_a_client_that_leaves_with_a_reset_ends_the_upstream_call(proxy, upstream):
    upstream.arrange("endless")
    client = connect(proxy, "/api/chat", CHAT)
    assert b"200 OK" in client.recv(65536)

    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    client.close()

    assert upstream.wait_for(dropped, 15)


def test_a_half_sent_request_never_goes_upstream(proxy, upstream):
    port = int(proxy.url.rpartition(":")[2])
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b'POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{"model":')

    client.close()

    assert proxy.chat().status_code == 200
    assert len(upstream.chats) == 1


def test_the_upstream_connection_is_used_again(proxies, upstream, tmp_path):
    """Breaking off at the end mark would cost a new connection per request."""
    running = proxies.start(tmp_path)
    counts = queue.Queue()
    running.program.deps.in_flight.changed = counts.put

    for stream in (False, True, False):
        running.chat(stream=stream)
        assert [counts.get(timeout=15), counts.get(timeout=15)] == [1, 0]

    assert len({chat.connection for chat in upstream.chats}) == 1


def test_each_answer_is_bought_once(proxy, upstream):
    upstream.arrange("cut")

    proxy.http.post("/api/chat", json=CHAT)

    assert len(upstream.chats) == 1


def test_turning_off_ends_a_stream_with_an_error_that_says_so(proxies, upstream, tmp_path):
    running = proxies.start(tmp_path)
    upstream.arrange("endless")
    lines = []

    with running.http.stream("POST", "/api/chat", json=CHAT) as answer:
        received = answer.iter_lines()
        lines.append(next(received))
        stopping = running.loop.submit(running.program.proxy.stop())
        lines += received

    stopping.result(15)
    assert json.loads(lines[-1]) == {
        "error": "Tray Proxy was turned off before the answer was complete; turn it on and ask again."
    }
    assert upstream.wait_for(dropped, 15)


def test_turning_off_answers_a_plain_request_with_503(proxies, upstream, tmp_path):
    running = proxies.start(tmp_path)
    upstream.arrange(FAULTS["silence"].lasting(30))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(running.chat()))
    asking.start()
    assert upstream.wait_for(asked, 15)

    running.loop.submit(running.program.proxy.stop()).result(15)

    asking.join(15)
    assert answers[0].status_code == 503
    assert upstream.wait_for(dropped, 15)


def test_turning_off_after_the_last_word_is_no_failure(proxies, raw_upstream, tmp_path):
    """The client has it all; only the upstream's body has not ended yet."""
    held = threading.Event()

    def answer(connection, _number):
        request = connection.recv(65536)
        if request.startswith(b"GET"):
            models = b'{"data":[{"id":"a/one"}]}'
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(models) + models
            )
            connection.close()
            return
        event = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"%x\r\n" % len(event) + event + b"\r\n")
        held.wait(15)
        connection.close()

    running = proxies.start(tmp_path, openrouter_base_url=raw_upstream(answer))
    failures = queue.Queue()
    running.program.deps.in_flight.troubled = failures.put

    said = running.chat(model="a/one").json()
    running.loop.submit(running.program.proxy.stop()).result(15)

    held.set()
    assert (said["message"]["content"], said["done"]) == ("hi", True)
    assert failures.empty()


def test_turning_off_lets_a_short_answer_finish(proxies, upstream, tmp_path):
    running = proxies.start(tmp_path)
    upstream.chunk_delay_s = 0.02
    answers = []
    asking = threading.Thread(target=lambda: answers.append(running.chat()))
    asking.start()
    assert upstream.wait_for(asked, 15)

    running.loop.submit(running.program.proxy.stop()).result(15)

    asking.join(15)
    assert answers[0].json()["done"] is True


def test_a_client_that_does_not_read_cannot_hold_up_the_end(proxies, upstream, tmp_path):
    running = proxies.start(tmp_path)
    upstream.arrange("endless")
    client = connect(running, "/api/chat", CHAT)
    assert upstream.wait_for(asked, 15)

    running.loop.submit(running.program.proxy.stop()).result(15)

    client.close()
    assert upstream.wait_for(dropped, 15)


def test_the_upstreams_silence_is_named_with_its_limit(proxies, upstream, tmp_path):
    running = proxies.start(tmp_path, first_byte_timeout_s=0.2)
    upstream.arrange(FAULTS["headers-then-silence"].lasting(30))

    answer = running.chat()

    assert (answer.status_code, answer.json()) == (
        504,
        {
            "error": "OpenRouter was silent for 0.2 s while we waited for the first byte of the answer. "
            "Try again, or choose a faster model."
        },
    )


def test_silence_in_the_middle_is_named_with_its_limit(proxies, upstream, tmp_path):
    running = proxies.start(tmp_path, idle_timeout_s=0.2)
    upstream.arrange(FAULTS["idle"].lasting(30))

    lines = running.http.post("/api/chat", json=CHAT).text.splitlines()

    assert json.loads(lines[-1]) == {
        "error": "OpenRouter was silent for 0.2 s while we waited for the next piece of the answer. "
        "Try again, or choose a faster model."
    }


def test_comments_count_as_life(proxies, upstream, tmp_path):
    """A model that thinks for minutes sends nothing but `: OPENROUTER PROCESSING`."""
    running = proxies.start(tmp_path, idle_timeout_s=1.0, first_byte_timeout_s=1.0)
    upstream.arrange(FAULTS["comments-only"].lasting(1.5))

    assert running.chat().json()["done"] is True


def test_many_streams_at_once_arrive_whole(proxy, upstream):
    upstream.chunk_delay_s = 0.005
    texts = []

    def ask():
        with httpx.Client(base_url=proxy.url, trust_env=False, timeout=20) as http:
            lines = http.post("/api/chat", json=CHAT).text.splitlines()
            texts.append("".join(json.loads(line)["message"]["content"] for line in lines))

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert texts == ["[demo] You asked openai/gpt-4o-mini: “hello”. No model was called and nothing was charged."] * 30


def test_how_many_answers_are_under_way_is_told(proxies, tmp_path):
    """The tray's icon works while answers are under way."""
    running = proxies.start(tmp_path)
    counts = queue.Queue()
    running.program.deps.in_flight.changed = counts.put

    running.chat()

    assert [counts.get(timeout=15), counts.get(timeout=15)] == [1, 0]


SIX_STOPS = ["no1", "no2", "no3", "no4", "no5", "demo demo demo"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_stop_beyond_the_first_four_ends_the_upstream_call_at_once(proxy, upstream, stream):
    """The upstream would go on for ever, and be paid for it."""
    upstream.arrange("endless")

    answer = proxy.http.post("/api/chat", json=CHAT | {"stream": stream, "options": {"stop": ["x", *SIX_STOPS]}})

    lines = lines_of(answer)
    assert upstream.wait_for(dropped, 15)
    assert upstream.chats[-1].body["stop"] == ["x", "no1", "no2", "no3"]
    assert "".join(line["message"]["content"] for line in lines) == ""
    assert (lines[-1]["done"], lines[-1]["done_reason"], lines[-1]["eval_count"]) == (True, "stop", 3)
    assert_metrics(lines[-1])


def stopped_at(proxy, stop, **more):
    """Ask with five stop strings, of which only the last occurs, and give the lines."""
    body = CHAT | {"options": {"stop": ["no1", "no2", "no3", "no4", stop]}} | more
    return lines_of(proxy.http.post("/api/chat", json=body))


def lines_of(answer):
    return [json.loads(line) for line in answer.text.strip("\n").split("\n")]


def text_of(lines):
    return "".join(line["message"]["content"] for line in lines)


def test_a_watched_stop_is_found_across_pieces(proxy):
    """The upstream sends three tokens at a time."""
    lines = stopped_at(proxy, "-4o-mini: “hel")

    assert text_of(lines) == "[demo] You asked openai/gpt"
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]


def test_text_that_only_began_like_a_stop_is_delivered(proxy, upstream):
    lines = stopped_at(proxy, "was charged. Or was it?")

    assert text_of(lines).endswith("nothing was charged.")
    assert upstream.wait_for(lambda seen: seen.chats[-1].outcome == "answered", 15)


def test_text_that_was_held_back_is_delivered_before_an_error(proxy, upstream):
    """It was paid for."""

    def broken_off(exchange, _seconds):
        chunk = exchange.chunks()[1]
        chunk["choices"][0]["delta"]["content"] = "Good ##"
        yield from itertools.takewhile(lambda step: step != Write(DONE), stream_of(exchange, [chunk]))
        yield Cut()

    upstream.arrange(Fault("broken-off", broken_off, ""))

    lines = stopped_at(proxy, "###")

    assert [line.get("message", {}).get("content") for line in lines] == ["Good ", "##", None]
    assert list(lines[-1]) == ["error"]


@pytest.mark.parametrize("stream", [True, False])
def test_an_error_behind_a_watched_stop_is_none_of_the_answer(proxy, upstream, stream):
    """It came in the same bytes; the answer was complete before it."""

    def stopped_and_failed(exchange, _seconds):
        chunk = exchange.chunks()[1]
        chunk["choices"][0]["delta"]["content"] = "Good ### bad"
        *before, said = itertools.takewhile(lambda step: step != Write(DONE), stream_of(exchange, [chunk]))
        failed = dialect.event({"error": {"code": 502, "message": "gone"}, "choices": []})
        yield from (*before, Write(said.data + failed), Cut())

    upstream.arrange(Fault("stopped-and-failed", stopped_and_failed, ""))

    lines = stopped_at(proxy, "###", stream=stream)

    assert text_of(lines) == "Good "
    assert (lines[-1]["done"], lines[-1]["done_reason"]) == (True, "stop")


def test_a_thought_is_not_searched_for_stops(proxy):
    lines = stopped_at(proxy, "I read the question", model="deepseek/deepseek-r1")

    thinking = "".join(line["message"].get("thinking", "") for line in lines)
    assert thinking.startswith("[demo] I read the question, find")
    assert text_of(lines).endswith("nothing was charged.")


def test_four_stops_hold_nothing_back(proxy, upstream):
    """The upstream watches for them."""
    upstream.arrange("endless")
    options = {"stop": ["demo demo", "no1", "no2", "no3"]}

    with proxy.http.stream("POST", "/api/chat", json=CHAT | {"options": options}) as answer:
        received = answer.iter_lines()
        first, second = json.loads(next(received)), json.loads(next(received))

    assert [first["message"]["content"], second["message"]["content"]] == ["demo ", "demo "]


def assert_metrics(last):
    """All durations and counts are there, whole and positive, and the parts do not exceed the whole."""
    names = ("load_duration", "prompt_eval_duration", "eval_duration")
    parts = [last[name] for name in names]
    counts = [last["prompt_eval_count"], last["eval_count"]]
    assert all(type(value) is int and value > 0 for value in [*parts, *counts, last["total_duration"]])
    assert sum(parts) <= last["total_duration"]


def nothing_said(exchange, _seconds):
    *_, finish, usage = exchange.chunks()
    return stream_of(exchange, [finish, usage | {"usage": {"prompt_tokens": 0, "completion_tokens": 0}}])


def content_filter(exchange, _seconds):
    chunks = exchange.chunks()
    chunks[-2]["choices"][0]["finish_reason"] = "content_filter"
    return stream_of(exchange, chunks)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        *(FAULTS[name] for name in ("no-usage", "finish-with-text", "empty-finish-reason", "one-write", "odd-text")),
        Fault("nothing-said", nothing_said, ""),
        Fault("content-filter", content_filter, ""),
    ],
    ids=lambda fault: fault.name,
)
def test_the_end_of_every_whole_answer_carries_metrics_and_a_reason_that_ollama_knows(proxy, upstream, fault, stream):
    upstream.arrange(fault)

    last = lines_of(proxy.http.post("/api/chat", json=CHAT | {"stream": stream}))[-1]

    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert_metrics(last)


def test_an_answer_that_was_too_long_says_so(proxy):
    last = proxy.chat(options={"num_predict": 3}).json()

    assert (last["message"]["content"], last["done_reason"], last["eval_count"]) == ("[demo] You asked", "length", 3)
    assert_metrics(last)


CLAUDE = "anthropic/claude-sonnet-4"
THOUGHT = "[demo] I read the question, find that no model stands behind me, and say so."


@pytest.mark.parametrize("think", [True, "low", "high", "max"])
@pytest.mark.parametrize("limit", [1, 100, 1024, 1025, 4000])
def test_claude_thinks_whatever_the_limit_of_the_answer(proxy, upstream, think, limit):
    """It refuses a limit that its thinking does not fit into."""
    answer = proxy.chat(model=CLAUDE, think=think, options={"num_predict": limit})

    assert answer.status_code == 200
    assert answer.json()["message"]["thinking"].startswith("[demo] I read")
    assert upstream.chats[-1].body["max_tokens"] == (limit + 1024 if limit <= 1024 else limit)


@pytest.mark.parametrize(
    ("model", "think", "reasoning"),
    [
        (CLAUDE, None, None),
        (CLAUDE, False, {"effort": "none"}),
        ("openai/o4-mini", False, {"effort": "low", "exclude": True}),
        ("openai/o4-mini", None, None),
        ("perplexity/deepseek-r1", False, {"effort": "minimal", "exclude": True}),
        ("openai/gpt-4o-mini", False, None),
    ],
)
def test_no_model_is_told_what_it_refuses(proxy, upstream, model, think, reasoning):
    answer = proxy.chat(model=model, think=think, options={"num_predict": 100})

    assert answer.status_code == 200
    assert upstream.chats[-1].body.get("reasoning") == reasoning


NOW_TOOL = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}


def ask_for_tool(proxy, model, text="use the tool now"):
    """Let a thinking model call a tool; gives the conversation up to the tool's result."""
    question = {"role": "user", "content": text}
    turn = proxy.chat(model=model, messages=[question], tools=[NOW_TOOL], think=True).json()["message"]
    return [question, turn, {"role": "tool", "content": "noon", "tool_name": "now"}]


def signed(text):
    return {
        "type": "reasoning.text",
        "text": text,
        "format": "anthropic-claude-v1",
        "index": 0,
        "signature": sign(text),
    }


def without_id(turn):
    calls = [{"function": call["function"]} for call in turn["tool_calls"]]
    return turn | {"tool_calls": calls}


@pytest.mark.parametrize(
    "as_kept",
    [
        lambda turn: turn,
        without_id,  # ollama-python's calls have no ids
        lambda turn: {key: value for key, value in turn.items() if key != "thinking"},
        lambda turn: turn | {"content": "cut away by the app", "thinking": "rewritten"},
    ],
    ids=["as it came", "without ids", "without thinking", "changed"],
)
def test_what_claude_thought_goes_back_signed_with_the_tools_result(proxy, upstream, as_kept):
    """Claude insists on it, and no Ollama client can keep it."""
    question, turn, result = ask_for_tool(proxy, CLAUDE)

    answer = proxy.chat(model=CLAUDE, messages=[question, as_kept(turn), result], tools=[NOW_TOOL], think=True)

    sent = upstream.chats[-1].body["messages"][1]
    assert answer.status_code == 200
    assert sent["reasoning_details"] == [signed(THOUGHT)]
    assert "reasoning" not in sent


def test_what_openai_encrypted_goes_back_too(proxy, upstream):
    history = ask_for_tool(proxy, "openai/o4-mini")

    proxy.chat(model="openai/o4-mini", messages=history, tools=[NOW_TOOL])

    form = {"format": "openai-responses-v1", "index": 0}
    assert upstream.chats[-1].body["messages"][1]["reasoning_details"] == [
        {"type": "reasoning.summary", "summary": THOUGHT, **form},
        {"type": "reasoning.encrypted", "data": sign(THOUGHT), "id": "rs_demo", **form},
    ]


def test_a_streamed_thought_goes_back_too(proxy, upstream):
    question = {"role": "user", "content": "Why a stream?"}
    body = {"model": CLAUDE, "messages": [question], "think": True}
    lines = lines_of(proxy.http.post("/api/chat", json=body))
    turn = {"role": "assistant", "content": text_of(lines)}

    proxy.chat(model=CLAUDE, messages=[question, turn, question])

    assert upstream.chats[-1].body["messages"][1]["reasoning_details"] == [signed(THOUGHT)]


def test_another_model_never_sees_the_details(proxy, upstream):
    """It is told the text of the thought, where the app kept that."""
    history = ask_for_tool(proxy, CLAUDE, "use the tool now, for me alone")

    proxy.chat(model="openai/o4-mini", messages=history, tools=[NOW_TOOL])

    sent = upstream.chats[-1].body["messages"][1]
    assert (sent["reasoning"], "reasoning_details" in sent) == (THOUGHT, False)


def test_a_turn_that_was_never_made_here_has_no_details(proxy, upstream):
    history = [*CHAT["messages"], {"role": "assistant", "content": "made up", "thinking": "Hm."}, *CHAT["messages"]]

    proxy.chat(model=CLAUDE, messages=history)

    sent = upstream.chats[-1].body["messages"][1]
    assert sent == {"role": "assistant", "content": "made up", "reasoning": "Hm."}


@pytest.mark.parametrize("fault", ["cut", "no-done", "error-mid-stream"])
def test_a_thought_of_an_answer_that_broke_off_is_not_kept(proxy, upstream, fault):
    question = {"role": "user", "content": f"Why {fault}?"}
    upstream.arrange(fault)
    body = {"model": CLAUDE, "messages": [question], "think": True}
    lines = lines_of(proxy.http.post("/api/chat", json=body))
    turn = {"role": "assistant", "content": text_of(lines[:-1])}

    proxy.chat(model=CLAUDE, messages=[question, turn, question])

    assert "reasoning_details" not in upstream.chats[-1].body["messages"][1]


def test_the_thoughts_of_a_routers_choice_are_not_kept(proxies, upstream, tmp_path):
    """The next answer may be another model's."""
    running = proxies.start(tmp_path)

    def thinking(exchange, _seconds):
        first, *chunks = exchange.chunks()
        first["choices"][0]["delta"]["reasoning_details"] = [signed("Hm.")]
        return stream_of(exchange, [first, *chunks])

    upstream.arrange(Fault("thinking", thinking, ""))
    question = {"role": "user", "content": "Who answers?"}
    turn = running.chat(model="openrouter/auto", messages=[question]).json()["message"]

    running.chat(model="openrouter/auto", messages=[question, turn, question])

    assert turn["thinking"] == "Hm."
    assert "reasoning_details" not in upstream.chats[-1].body["messages"][1]


TOOLS_FIRST = {"messages": [{"role": "user", "content": "call both tools in parallel"}], "tools": [NOW_TOOL]}


def test_parallel_calls_each_stand_on_a_line_before_the_last(proxy):
    """Of several calls in one line, Zed performs the first and forgets the others."""
    answer = proxy.http.post("/api/chat", json=CHAT | TOOLS_FIRST)

    lines = lines_of(answer)
    calls = [call for line in lines[-3:-1] for call in line["message"]["tool_calls"]]
    assert [call["function"]["index"] for call in calls] == [0, 1]
    assert len({call["id"] for call in calls}) == 2
    assert [(line["done"], line["message"]["content"]) for line in lines[-3:-1]] == [(False, "")] * 2
    assert [len(line["message"].get("tool_calls", [])) for line in lines[-3:]] == [1, 1, 0]
    assert (lines[-1]["done_reason"], lines[-1]["message"]) == ("stop", {"role": "assistant", "content": ""})
    assert_metrics(lines[-1])


def test_a_plain_answer_holds_all_calls(proxy):
    message = proxy.chat(**TOOLS_FIRST).json()["message"]

    assert [call["function"]["name"] for call in message["tool_calls"]] == ["now", "now"]
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == [{}, {}]


def test_broken_arguments_are_shown(proxy, upstream):
    upstream.arrange("broken-arguments")

    message = proxy.chat(**TOOLS_FIRST).json()["message"]

    assert message["tool_calls"][0]["function"]["arguments"] == {"_unparsed": "{,"}


def test_unknown_options_are_named_in_the_log_once(proxies, tmp_path):
    running = proxies.start(tmp_path)

    with capture_logs() as lines:
        for _ in range(2):
            assert running.chat(options={"temprature": 0.1, "num_gpu": 1}).status_code == 200

    assert [line["names"] for line in lines if "names" in line] == [["temprature"]]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"model": "nope", "keep_alive": "soon", "think": "x"}, 'time: invalid duration "soon"'),
        (
            {"model": "nope", "think": "x"},
            'invalid think value: "x" (must be "high", "medium", "low", "max", true, or false)',
        ),
        ({"model": "nope", "top_logprobs": 21}, "top_logprobs must be between 0 and 20"),
        ({"messages": [], "keep_alive": "10"}, 'time: invalid duration "10": missing unit'),
        ({"messages": [], "keep_alive": False}, "Unsupported type: 'bool'"),
        ({"messages": [], "think": True}, '"openai/gpt-4o-mini" does not support thinking'),
        ({"messages": [], "options": {"seed": "x"}}, 'option "seed" must be of type integer'),
        ({"format": "xml"}, 'invalid format: "xml"; expected "json" or a valid JSON Schema object'),
        (
            {"messages": [{"role": "user", "content": [{"type": "file"}]}]},
            (
                'invalid message format: a content part of type "file" cannot be sent (send "text", "image_url" or '
                '"input_audio")'
            ),
        ),
    ],
)
def test_what_is_refused_is_never_bought(proxy, upstream, wrong, error):
    answer = proxy.http.post("/api/chat", json=CHAT | wrong)

    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert upstream.received == []


def test_an_unload_asks_nothing_else_of_the_request(proxy, upstream):
    """Ollama unloads before it looks at what the model can do."""
    body = {"model": "openai/gpt-4o-mini", "keep_alive": "0m", "think": True, "options": {"seed": "x"}}

    assert proxy.http.post("/api/chat", json=body).json()["done_reason"] == "unload"
    assert upstream.received == []


def test_contents_in_parts_are_understood(proxy, upstream):
    parts = [{"type": "text", "text": "What is"}, {"type": "text", "text": "this?"}]

    proxy.chat(messages=[{"role": "User", "content": parts}])

    assert upstream.chats[-1].body["messages"] == [{"role": "user", "content": "What is\nthis?"}]


def test_likelihoods_stand_at_the_top_of_each_line(proxy):
    body = CHAT | {"logprobs": True, "top_logprobs": 2}
    lines = lines_of(proxy.http.post("/api/chat", json=body))

    tokens = [token for line in lines for token in line.get("logprobs", [])]
    assert "".join(token["token"] for token in tokens) == text_of(lines)
    assert {len(token["top_logprobs"]) for token in tokens} == {2}
    assert "logprobs" not in lines[-1]


WORD = msgspec.json.decode(b'{"choices":[{"delta":{"content":"Hi"}}]}', type=TextChunk)


def passing_on(*, has_room, marked=False):
    """An exchange whose answer has been opened, and what it puts; `has_room` says whether the client reads."""
    put = []
    record = Record("id")
    exchange = Exchange(None, {}, None, None, record, "one", ChatDialect("one"), JSON, Deal(None, None))
    exchange._answer = SimpleNamespace(marked=marked)
    exchange._put = lambda lines: (put.append(lines[:12]), has_room)[1]
    return exchange, put, record


def test_the_first_word_leaves_in_the_moment_it_comes_and_so_do_the_others():
    """No task has to be woken for it: there is none here."""
    exchange, put, record = passing_on(has_room=True)

    assert record.status is None
    wants_more = [exchange._pass_on([WORD]), exchange._pass_on([WORD])]

    assert (wants_more, put, record.status) == ([True, True], [b'{"model":"on'] * 2, 200)


def test_for_a_client_that_does_not_read_the_next_word_is_not_fetched():
    exchange, put, _ = passing_on(has_room=False)

    wants_more = exchange._pass_on([WORD])

    assert (wants_more, put) == (False, [b'{"model":"on'])


def test_what_the_dialect_has_no_word_for_is_no_beginning():
    exchange, put, record = passing_on(has_room=True)
    exchange.dialect = SimpleNamespace(deltas=lambda _deltas: b"")

    wants_more = exchange._pass_on([WORD])

    assert (wants_more, put, record.status) == (True, [], None)


def test_a_word_that_comes_with_the_end_is_kept_for_it():
    exchange, put, record = passing_on(has_room=True, marked=True)

    wants_more = exchange._pass_on([WORD])

    assert (wants_more, put, record.status) == (False, [], None)


def test_what_comes_together_leaves_together(proxies, raw_upstream, tmp_path):
    """The last word, and why the answer ends: one write, which is one chunk here."""
    events = b"".join(
        b"data: %b\n\n" % each
        for each in (b'{"choices":[{"delta":{"content":"Hi"}}]}', b'{"choices":[{"finish_reason":"stop"}]}', b"[DONE]")
    )

    def answer(connection, _number):
        request = connection.recv(65536)
        kind, body = (b"application/json", b'{"data":[{"id":"a/one"}]}') if request.startswith(b"GET") else (
            b"text/event-stream", events
        )  # fmt: skip
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        connection.sendall(head % (kind, len(body)) + body)

    running = proxies.start(tmp_path, openrouter_base_url=raw_upstream(answer))
    received = b""
    with connect(running, "/api/chat", CHAT | {"model": "a/one"}) as client:
        while not received.endswith(b"0\r\n\r\n"):
            received += client.recv(65536)

    size, _, lines = received.partition(b"\r\n\r\n")[2].partition(b"\r\n")
    word, last, *rest = lines[: int(size, 16)].splitlines()
    assert (json.loads(word)["message"]["content"], json.loads(last)["done"], rest) == ("Hi", True, [])
    assert lines[int(size, 16) :] == b"\r\n0\r\n\r\n"
