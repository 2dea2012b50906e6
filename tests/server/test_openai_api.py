"""OpenAI's dialect where it meets the rest of the proxy: what stops the bill, what is remembered, shown and logged."""

import json
import queue
import threading

import pytest

from server.leaving import asked, connect, dropped
from tray_proxy import catalogue
from tray_proxy.demo.faults import FAULTS, Fault
from tray_proxy.demo.steps import json_steps, stream_of
from tray_proxy.demo.thoughts import sign
from tray_proxy.server import openai_api

MINI = "openai/gpt-4o-mini"
BGE = "baai/bge-m3"
QUESTION = [{"role": "user", "content": "hello"}]
CHAT = ("/v1/chat/completions", {"model": MINI, "messages": QUESTION})
COMPLETION = ("/v1/completions", {"model": MINI, "prompt": "hello"})
EMBEDDINGS = ("/v1/embeddings", {"model": BGE, "input": "hello"})
CONVERSATIONS = pytest.mark.parametrize(("path", "body"), [CHAT, COMPLETION], ids=["chat", "completion"])


def events_of(answer):
    texts = [event.removeprefix("data: ") for event in answer.text.split("\n\n") if event]
    return [json.loads(text) for text in texts if text != "[DONE]"]


# -- what stops the bill ---------------------------------------------------------------------------


@CONVERSATIONS
def test_words_are_sent_as_they_come(proxy, upstream, path, body):
    """Not gathered, and then sent in pieces."""
    upstream.arrange("endless")

    with proxy.http.stream("POST", path, json=body | {"stream": True}) as answer:
        received = answer.iter_lines()
        first, _, second = next(received), next(received), next(received)

    texts = [json.loads(line.removeprefix("data: "))["choices"][0] for line in (first, second)]
    assert [choice.get("delta", {}).get("content", choice.get("text")) for choice in texts] == ["demo ", "demo "]


@CONVERSATIONS
@pytest.mark.parametrize("stream", [True, False])
def test_a_fifth_stop_ends_the_upstream_call(proxy, upstream, stream, path, body):
    """What comes behind it nobody would read."""
    upstream.arrange("endless")
    stops = {"stop": ["no1", "no2", "no3", "no4", "demo demo"]}

    answer = proxy.http.post(path, json=body | stops | {"stream": stream})

    assert answer.status_code == 200
    assert upstream.wait_for(dropped, 15)


@CONVERSATIONS
def test_turning_off_ends_a_stream_with_an_error_that_says_so(proxies, upstream, tmp_path, path, body):
    running = proxies.start(tmp_path)
    upstream.arrange("endless")
    lines = []

    with running.http.stream("POST", path, json=body | {"stream": True}) as answer:
        received = answer.iter_lines()
        lines.append(next(received))
        stopping = running.loop.submit(running.program.proxy.stop())
        lines += received

    stopping.result(15)
    last = json.loads([line for line in lines if line][-1].removeprefix("data: "))
    assert last["error"] == {
        "message": "Tray Proxy was turned off before the answer was complete; turn it on and ask again.",
        "type": "api_error",
        "param": None,
        "code": None,
    }
    assert upstream.wait_for(dropped, 15)


@CONVERSATIONS
def test_turning_off_answers_a_plain_request_with_503(proxies, upstream, tmp_path, path, body):
    running = proxies.start(tmp_path)
    upstream.arrange(FAULTS["silence"].lasting(30))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(running.http.post(path, json=body)))
    asking.start()
    assert upstream.wait_for(asked, 15)

    running.loop.submit(running.program.proxy.stop()).result(15)

    asking.join(15)
    assert (answers[0].status_code, answers[0].json()["error"]["type"]) == (503, "api_error")


@CONVERSATIONS
def test_the_upstream_connection_is_used_again(proxies, upstream, tmp_path, path, body):
    running = proxies.start(tmp_path)
    counts = queue.Queue()
    running.program.deps.in_flight.changed = counts.put

    for stream in (False, True, False):
        running.http.post(path, json=body | {"stream": stream})
        assert [counts.get(timeout=15), counts.get(timeout=15)] == [1, 0]

    assert len({chat.connection for chat in upstream.chats}) == 1


# -- what is shown and logged ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [(*CHAT, MINI), (*COMPLETION, MINI), (*EMBEDDINGS, BGE)],
    ids=["chat", "completion", "embeddings"],
)
def test_a_model_that_was_asked_runs_for_a_while(proxies, tmp_path, path, body, name):
    """`ollama ps` shows it, as after a request under `/api`."""
    running = proxies.start(tmp_path)

    assert running.http.post(path, json=body).status_code == 200

    assert [entry["name"] for entry in running.http.get("/api/ps").json()["models"]] == [name]


@CONVERSATIONS
@pytest.mark.parametrize("stream", [True, False])
def test_a_model_runs_by_the_time_its_answer_is_complete(proxies, tmp_path, stream, path, body):
    """Apps ask then which one it is."""
    running = proxies.start(tmp_path, presets={"mine": {"model": MINI}})

    running.http.post(path, json=body | {"model": "mine", "stream": stream})

    assert [entry["name"] for entry in running.http.get("/api/ps").json()["models"]] == ["mine:latest"]


@pytest.mark.parametrize(
    ("path", "body", "facts"),
    [
        (*CHAT, {"model": MINI, "prompt_tokens": 5, "completion_tokens": 19, "cost_usd": 0.00001215}),
        (
            CHAT[0],
            CHAT[1] | {"stream": True},
            {"model": MINI, "prompt_tokens": 5, "completion_tokens": 19, "cost_usd": 0.00001215},
        ),
        (*COMPLETION, {"model": MINI, "prompt_tokens": 5, "completion_tokens": 19, "cost_usd": 0.00001215}),
        (*EMBEDDINGS, {"model": BGE, "prompt_tokens": 1, "completion_tokens": None, "cost_usd": 0.00000001}),
    ],
    ids=["chat", "streamed chat", "completion", "embeddings"],
)
def test_the_line_in_the_log_has_the_model_the_tokens_and_the_cost(proxy, path, body, facts, log_lines):
    answer = proxy.http.post(path, json=body)

    [line] = log_lines(path)

    assert {name: line[name] for name in facts} == facts
    assert {name: line[name] for name in ("path", "status", "outcome", "error", "request_id")} == {
        "path": path,
        "status": 200,
        "outcome": "done",
        "error": None,
        "request_id": answer.headers["x-request-id"],
    }


@pytest.mark.parametrize(
    ("fault", "body", "outcome", "status", "error"),
    [
        ("status-429", {}, "failed", 429, "RateLimited"),
        ("cut", {"stream": True}, "failed", 200, "UpstreamUnreachable"),
    ],
)
def test_the_line_of_what_failed_says_so(proxy, upstream, fault, body, outcome, status, error, log_lines):
    upstream.arrange(fault)

    proxy.http.post(CHAT[0], json=CHAT[1] | body)

    [line] = log_lines(CHAT[0])
    assert (line["outcome"], line["status"], line["error"]) == (outcome, status, error)


def test_the_line_of_a_client_that_left_says_so(proxy, upstream, log_lines):
    upstream.arrange("endless")

    client = connect(proxy, CHAT[0], CHAT[1] | {"stream": True})
    assert b"200 OK" in client.recv(65536)
    client.close()

    [line] = log_lines(CHAT[0])
    assert (line["outcome"], line["status"]) == ("cancelled", 200)


def test_no_option_of_this_dialect_is_called_unknown(proxies, upstream, tmp_path):
    """Each has its row in the table of Ollama's options."""
    options = {"temperature": 0.1, "top_k": 1, "min_p": 0.1, "repetition_penalty": 1.1, "max_completion_tokens": 5}

    proxy = proxies.start(tmp_path)

    assert proxy.http.post(CHAT[0], json=CHAT[1] | options).status_code == 200
    assert proxy.program.deps.unknown_options._named == set()


def test_a_list_is_not_waited_for_as_long_as_an_answer(proxies, tmp_path, monkeypatch, raw_upstream):
    """An app that lists gives up sooner than one that chats, and would call a timeout what is only a slow start."""
    monkeypatch.setattr(catalogue, "FIRST_LIST_S", 0.01)
    monkeypatch.setattr(catalogue, "FIRST_LOAD_S", 60)
    silent = raw_upstream(lambda connection, _: connection.recv(1))
    running = proxies.start(tmp_path, wait_for_models=False, openrouter_base_url=silent)

    answer = running.http.get("/v1/models")

    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "api_error")
    assert answer.json()["error"]["message"].startswith(
        "The model list could not be loaded yet: OpenRouter has not answered "
    )


# -- what models thought ---------------------------------------------------------------------------

THOUGHT = "[demo] I read the question, find that no model stands behind me, and say so."
OPENAIS = {"format": "openai-responses-v1", "index": 0}
DETAILS = {
    "anthropic/claude-sonnet-4": [
        {
            "type": "reasoning.text",
            "text": THOUGHT,
            "format": "anthropic-claude-v1",
            "index": 0,
            "signature": sign(THOUGHT),
        }
    ],
    "openai/o4-mini": [
        {"type": "reasoning.summary", "summary": THOUGHT, **OPENAIS},
        {"type": "reasoning.encrypted", "data": sign(THOUGHT), "id": "rs_demo", **OPENAIS},
    ],
    "deepseek/deepseek-r1": [{"type": "reasoning.text", "text": THOUGHT, "format": "unknown", "index": 0}],
    "google/gemini-2.5-flash": [{"type": "reasoning.text", "text": THOUGHT, "format": "google-gemini-v1", "index": 0}],
}
TOOL = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}


def turn_of(answer, *, stream):
    """The turn as an app keeps it that knows nothing of thoughts."""
    if not stream:
        message = answer.json()["choices"][0]["message"]
        return {name: message[name] for name in ("role", "content", "tool_calls") if name in message}
    deltas = [event["choices"][0]["delta"] for event in events_of(answer)]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    text = "".join(delta.get("content", "") for delta in deltas)
    return {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}


def ask(proxy, model, messages, **more):
    body = {"model": model, "messages": messages, "tools": [TOOL], "reasoning_effort": "low", **more}
    answer = proxy.http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("words", ["use the tool", "say something"])
@pytest.mark.parametrize("model", DETAILS)
def test_what_a_model_thought_goes_back_with_its_turn(proxy, upstream, model, words, stream):
    """Claude and OpenAI insist on theirs after a call, and no app can keep them."""
    question = {"role": "user", "content": f"{words}, {stream}"}
    turn = turn_of(ask(proxy, model, [question], stream=stream), stream=stream)
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in turn.get("tool_calls", ())]

    ask(proxy, model, [question, turn, *results, *QUESTION])

    sent = upstream.chats[-1].body["messages"][1]
    assert sent["reasoning_details"] == DETAILS[model]
    assert "reasoning" not in sent


def test_a_thought_is_known_again_in_the_other_dialect(proxy, upstream):
    model = "anthropic/claude-sonnet-4"
    question = {"role": "user", "content": "use the tool, whatever the door"}
    turn = turn_of(ask(proxy, model, [question]), stream=False)
    call = {"function": {"name": "now", "arguments": {}}}
    result = {"role": "tool", "content": "noon", "tool_name": "now"}

    history = [question, {"role": "assistant", "content": turn["content"], "tool_calls": [call]}, result]
    answer = proxy.chat(model=model, messages=history, tools=[TOOL], think=True)

    assert answer.status_code == 200
    assert upstream.chats[-1].body["messages"][1]["reasoning_details"] == DETAILS[model]


def test_another_model_is_told_the_text_alone(proxy, upstream):
    question = {"role": "user", "content": "use the tool, for me alone"}
    turn = ask(proxy, "anthropic/claude-sonnet-4", [question]).json()["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": turn["tool_calls"][0]["id"], "content": "noon"}

    ask(proxy, "openai/o4-mini", [question, turn, result])

    sent = upstream.chats[-1].body["messages"][1]
    assert (sent["reasoning"], "reasoning_details" in sent) == (THOUGHT, False)


def test_a_thought_that_broke_off_is_not_kept(proxy, upstream):
    model, question = "anthropic/claude-sonnet-4", {"role": "user", "content": "Why cut?"}
    upstream.arrange("cut")
    answer = proxy.http.post(
        "/v1/chat/completions",
        json={"model": model, "messages": [question], "reasoning_effort": "low", "stream": True},
    )
    said = "".join(event["choices"][0]["delta"].get("content", "") for event in events_of(answer)[:-1])

    ask(proxy, model, [question, {"role": "assistant", "content": said}, question])

    assert "reasoning_details" not in upstream.chats[-1].body["messages"][1]


def test_of_several_answers_the_first_ones_thought_is_kept(proxy, upstream):
    model, question = "openai/o4-mini", {"role": "user", "content": "Why two?"}

    def two_thoughts(exchange, _seconds):
        chunks = exchange.chunks()
        for choice in (choice for chunk in chunks for choice in chunk["choices"] if choice["index"] == 1):
            if choice["delta"].get("content"):
                choice["delta"] = {"content": "another "}
        return stream_of(exchange, chunks)

    upstream.arrange(Fault("two-thoughts", two_thoughts, ""))
    first, second = ask(proxy, model, [question], n=2).json()["choices"]

    ask(proxy, model, [question, first["message"], question])
    of_first = upstream.chats[-1].body["messages"][1]
    ask(proxy, model, [question, second["message"], question])
    of_second = upstream.chats[-1].body["messages"][1]

    assert of_first["reasoning_details"] == DETAILS[model]
    assert "reasoning_details" not in of_second


# -- what is unforeseen ----------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "body"), [CHAT, COMPLETION, EMBEDDINGS], ids=["chat", "completion", "embeddings"])
def test_a_failure_of_ours_is_told_with_where_to_look(proxy, monkeypatch, path, body):
    def broken(*_):
        raise RuntimeError("canary")

    monkeypatch.setattr("tray_proxy.catalogue.Catalogue.remembered", broken)

    answer = proxy.http.post(path, json=body)

    words = f"internal error; look for {answer.headers['x-request-id']} in Tray Proxy's log"
    assert (answer.status_code, answer.json()) == (
        500,
        {"error": {"message": words, "type": "api_error", "param": None, "code": None}},
    )


def test_packed_numbers_have_four_bytes_each(proxy, upstream):
    """The lowest first, whatever this computer's own order."""
    result = {"data": [{"embedding": [1.0, 0.0], "index": 0}], "usage": {"prompt_tokens": 1}}
    upstream.arrange(Fault("one", lambda _exchange, _seconds: json_steps(result), "", on="embeddings"))

    answer = proxy.http.post(EMBEDDINGS[0], json=EMBEDDINGS[1] | {"encoding_format": "base64"})

    assert answer.json()["data"][0]["embedding"] == "AACAPwAAAAA="


def test_where_numbers_lie_the_other_way_round_they_are_turned(monkeypatch):
    monkeypatch.setattr(openai_api, "byteorder", "big")

    # On this computer they lie as they should: turned, they begin with the highest byte.
    assert bytes(memoryview(openai_api._write_base64([1.0]))) == b'"P4AAAA=="'
