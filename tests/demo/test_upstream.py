"""The demo upstream over a real socket: what it answers, what it remembers, how it notices that a caller left."""

import base64
import struct

import httpx
import pytest

from tray_proxy.demo.upstream import DEMO_KEY, DemoUpstream

WAIT_S = 5.0

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Say what the weather is like",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "hourly": {"type": "boolean"}},
            "required": ["city", "days"],
        },
    },
}
TIME = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}


def test_the_catalogue_is_open(client, conforms) -> None:
    """It loads without a key, as at OpenRouter."""
    answer = client.get("/models", headers={"Authorization": ""})

    assert answer.status_code == 200
    conforms("models", answer.json())
    assert answer.json()["total_count"] == 15


def test_embedding_models_have_their_own_list(client, conforms) -> None:
    """Both ways to ask for them give the same rows."""
    answer = client.get("/embeddings/models")

    conforms("embeddings-models", answer.json())
    assert [row["id"] for row in answer.json()["data"]] == ["openai/text-embedding-3-small", "baai/bge-m3"]
    assert client.get("/models?output_modalities=embeddings").json() == answer.json()


def test_the_key_tells_about_itself(client, conforms) -> None:
    """The settings page shows limit and usage from here."""
    answer = client.get("/key")

    conforms("key", answer.json())
    assert answer.json()["data"]["label"] == "sk-or-v1-dem...ing (demo)"
    assert answer.json()["data"]["limit_remaining"] == 8.75


@pytest.mark.parametrize(("method", "path"), [("GET", "/key"), ("POST", "/chat/completions"), ("POST", "/embeddings")])
def test_a_wrong_key_is_refused(client, conforms, method, path) -> None:
    """Also before the body is looked at."""
    answer = client.request(method, path, json={}, headers={"Authorization": "Bearer sk-or-v1-other"})

    assert answer.status_code == 401
    conforms("error-401", answer.json())
    assert answer.json()["error"]["message"] == "User not found."


def test_a_missing_key_is_refused(stage, upstream, conforms) -> None:
    """Its words differ from those for a wrong one."""
    answer = httpx.get(f"{stage['url']}/key", trust_env=False)

    assert answer.status_code == 401
    conforms("error-401", answer.json())
    assert answer.json()["error"]["message"] == "No cookie auth credentials found"


@pytest.mark.parametrize("path", ["/chat", "/models/user", "/../../models"])
def test_an_unknown_path_is_a_json_404(client, conforms, path) -> None:
    """A misspelt path is to be seen as such."""
    answer = client.get(path)

    assert answer.status_code == 404
    conforms("error-404", answer.json())


def test_a_body_that_is_no_json_is_refused(client, conforms) -> None:
    """The shape of the error is the same as ever."""
    answer = client.post("/chat/completions", content=b"{")

    assert answer.status_code == 400
    conforms("error-400", answer.json())
    assert answer.json()["error"]["message"] == "Invalid JSON in the request body of 1 bytes"


def test_a_plain_answer_is_labelled_and_fits_the_schema(client, body, conforms) -> None:
    """Without `stream` there is one document."""
    answer = client.post("/chat/completions", json=body())

    assert answer.status_code == 200
    conforms("chat", answer.json())
    assert answer.json()["model"] == "openai/gpt-4o-mini-2024-07-18"
    assert answer.json()["id"] == answer.headers["X-Generation-Id"]
    assert answer.json()["choices"][0]["message"]["content"] == (
        "[demo] You asked openai/gpt-4o-mini: “Why is the sky blue?”. No model was called and nothing was charged."
    )


def test_a_stream_follows_the_documented_dialect(stream, conforms) -> None:
    """Comments, chunks, the finish, usage with empty `choices`, `[DONE]`."""
    events = stream()
    chunks = [event for event in events if isinstance(event, dict)]

    assert events[:2] == [": OPENROUTER PROCESSING"] * 2
    assert events[-1] == "[DONE]"
    for chunk in chunks:
        conforms("chat-chunk", chunk)
    assert [chunk["choices"] == [] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert [chunk for chunk in chunks if "usage" in chunk] == chunks[-1:]
    assert {chunk["model"] for chunk in chunks} == {"openai/gpt-4o-mini-2024-07-18"}
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert text_of(events).endswith("nothing was charged.")


def test_stream_and_plain_answer_say_the_same(client, stream, body) -> None:
    """The same request always has the same answer and the same count of tokens."""
    plain = client.post("/chat/completions", json=body()).json()
    events = stream()

    assert text_of(events) == plain["choices"][0]["message"]["content"]
    assert events[-2]["usage"] == plain["usage"]


def text_of(events) -> str:
    """Join the text of a stream."""
    return "".join(delta.get("content") or "" for delta in deltas_of(events))


def deltas_of(events) -> list:
    """Collect what the chunks of a stream add."""
    return [choice["delta"] for event in events if isinstance(event, dict) for choice in event["choices"]]


def test_a_reasoner_thinks_before_it_speaks(stream, conforms) -> None:
    """`reasoning` and `reasoning_details` carry the same text."""
    events = stream(model="deepseek/deepseek-r1")
    thoughts = [delta for delta in deltas_of(events) if delta.get("reasoning")]
    first_word = next(i for i, delta in enumerate(deltas_of(events)) if delta["content"])

    for event in events[2:-1]:
        conforms("chat-chunk", event)
    assert thoughts == deltas_of(events)[1:first_word]
    assert "".join(delta["reasoning"] for delta in thoughts) == "".join(
        delta["reasoning_details"][0]["text"] for delta in thoughts
    )
    assert events[-2]["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0


@pytest.mark.parametrize("reasoning", [{"effort": "none"}, {"enabled": False}, {"exclude": True}])
def test_reasoning_can_be_left_out(stream, reasoning) -> None:
    """Disabled it is not made, excluded it is not shown."""
    events = stream(model="deepseek/deepseek-r1", reasoning=reasoning)

    assert [delta for delta in deltas_of(events) if "reasoning" in delta] == []


def test_tool_calls_come_in_fragments(stream, conforms) -> None:
    """Id and name first, then the arguments piece by piece."""
    events = stream("Use get_weather for Oslo", tools=[WEATHER, TIME])
    fragments = [delta["tool_calls"][0] for delta in deltas_of(events) if "tool_calls" in delta]

    for event in events[2:-1]:
        conforms("chat-chunk", event)
    assert fragments[0]["function"] == {"name": "get_weather", "arguments": ""}
    assert [fragment for fragment in fragments[1:] if "id" in fragment] == []
    assert len(fragments) > 2
    assert "".join(piece["function"]["arguments"] for piece in fragments) == '{"city":"demo city","days":1}'
    assert events[-3]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_tool_round_ends_with_the_result_quoted(client, body, conforms) -> None:
    """What went out as a call can be sent back and is understood."""
    tools = {"tools": [WEATHER, TIME]}
    question = {"role": "user", "content": "both tools, please"}
    first = client.post("/chat/completions", json=body(messages=[question], **tools)).json()
    said = first["choices"][0]["message"]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"result {number}"}
        for number, call in enumerate(said["tool_calls"])
    ]
    second = client.post("/chat/completions", json=body(messages=[question, said, *results], **tools)).json()

    conforms("chat", first)
    assert [call["function"]["name"] for call in said["tool_calls"]] == ["get_weather", "get_time"]
    assert second["choices"][0]["message"]["content"] == (
        "[demo] The tool answered: “result 0”, “result 1”. No model was called and nothing was charged."
    )


def test_embeddings_are_the_same_in_both_encodings(client, conforms) -> None:
    """Base64 holds little-endian 32-bit floats."""
    request = {"model": "openai/text-embedding-3-small", "input": ["one", "two"], "dimensions": 8}
    floats = client.post("/embeddings", json=request).json()
    packed = client.post("/embeddings", json={**request, "encoding_format": "base64"}).json()

    conforms("embeddings", floats)
    conforms("embeddings", packed)
    for plain, coded in zip(floats["data"], packed["data"], strict=True):
        unpacked = struct.unpack("<8f", base64.b64decode(coded["embedding"]))
        assert unpacked == pytest.approx(plain["embedding"], abs=1e-6)


def test_every_request_is_remembered(client, upstream, body) -> None:
    """Tests of the proxy look here for what really went out."""
    client.post("/chat/completions?a=b", json=body(), headers={"X-Title": "Tray Proxy"})
    client.get("/models")
    chat, models = upstream.received

    assert (chat.method, chat.path, chat.query) == ("POST", "/api/v1/chat/completions", {"a": "b"})
    assert chat.body == body()
    assert chat.headers["x-title"] == "Tray Proxy"
    assert chat.headers["authorization"] == f"Bearer {DEMO_KEY}"
    assert upstream.wait_for(lambda seen: seen.received[1].ended_s is not None, WAIT_S)
    assert (chat.outcome, models.outcome) == ("answered", "answered")
    assert chat.connection == models.connection
    assert chat.ended_s is not None
    assert chat.ended_s >= chat.opened_s
    assert models.body is None
    assert upstream.chats == [chat]


@pytest.mark.parametrize("fault", ["silence", "headers-then-silence", "idle"])
def test_a_caller_who_gives_up_is_noticed_at_once(client, upstream, body, fault) -> None:
    """Whatever the answer is doing just then: this is what stops the bill."""
    upstream.arrange(fault)

    with pytest.raises(httpx.ReadTimeout):
        client.post("/chat/completions", json=body(stream=True), timeout=httpx.Timeout(5, read=0.2))

    assert upstream.wait_for(lambda seen: seen.chats[0].outcome == "dropped", WAIT_S)


def test_a_caller_who_leaves_ends_the_endless(client, upstream, body) -> None:
    """The chunks would never stop by themselves."""
    upstream.arrange("endless")

    with client.stream("POST", "/chat/completions", json=body(stream=True)) as answer:
        lines = answer.iter_lines()
        heard = [next(lines) for _ in range(5)]

    assert '"content":"demo "' in heard[-1]
    assert upstream.wait_for(lambda seen: seen.chats[0].outcome == "dropped", WAIT_S)


def test_a_fault_leaves_no_complaint_in_the_servers_log(client, upstream, body, caplog) -> None:
    """A connection that is cut on purpose is no error of the server's."""
    for name in ("cut", "no-bytes"):
        upstream.arrange(name)
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/chat/completions", json=body(stream=True))
    assert upstream.wait_for(lambda seen: [one.outcome for one in seen.chats] == ["answered"] * 2, WAIT_S)

    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_waiting_for_what_never_happens_ends(upstream) -> None:
    """A test fails with a word instead of hanging."""
    assert upstream.wait_for(lambda seen: bool(seen.received), 0.01) is False


def test_arranged_faults_are_used_up_in_their_order(client, upstream, body) -> None:
    """Then all is well again."""
    upstream.arrange("status-503", times=2)
    upstream.arrange("status-402")

    statuses = [client.post("/chat/completions", json=body()).status_code for _ in range(4)]

    assert statuses == [503, 503, 402, 200]


def test_a_fault_waits_for_its_own_endpoint(client, upstream, body) -> None:
    """A catalogue that is down does not touch a chat."""
    upstream.arrange("catalogue-down")
    upstream.arrange("status-500", on="embeddings")

    assert client.post("/chat/completions", json=body()).status_code == 200
    assert client.get("/models").status_code == 503
    assert client.get("/models").status_code == 200
    assert client.post("/embeddings", json={"model": "baai/bge-m3", "input": "a"}).status_code == 500


def test_a_person_can_type_a_fault(client, body, conforms) -> None:
    """The demo shows what the proxy does when things go wrong."""
    answer = client.post("/chat/completions", json=body("please #fault:status-429 now"))

    assert answer.status_code == 429
    conforms("error-429", answer.json())
    assert answer.headers["Retry-After"] == "1"


def test_a_typed_fault_of_another_endpoint_comes_later(client, body) -> None:
    """`#fault:catalogue-down` is typed into a chat, which itself is answered."""
    assert client.post("/chat/completions", json=body("#fault:catalogue-down")).status_code == 200
    assert client.get("/models").status_code == 503


def test_a_mistyped_fault_lists_the_known_ones(client, body) -> None:
    """Nobody has to look into the source for their names."""
    answer = client.post("/chat/completions", json=body("#fault:catt"))

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Unknown demo fault 'catt'; known are: status-400,")


def test_another_key_can_be_set(stage) -> None:
    """A test of key changes needs two."""
    stage["app"] = DemoUpstream(key="sk-or-v1-other").app

    answer = httpx.get(f"{stage['url']}/key", headers={"Authorization": "Bearer sk-or-v1-other"}, trust_env=False)

    assert answer.status_code == 200
