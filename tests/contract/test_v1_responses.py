"""`/v1/responses` as Codex and OpenAI's SDKs rely on it, over a socket."""

import itertools
import json
import time
from typing import Any

import httpx
import pytest

from tray_proxy.demo.faults import Fault
from tray_proxy.demo.steps import stream_of

ASKED = "OpenAI/GPT-4o-mini:latest"
RESPONSE = {"model": ASKED, "input": "hello"}
PLAIN = "gryphe/mythomax-l2-13b"
SCHEMELESS = "perplexity/deepseek-r1"
THINKER = "deepseek/deepseek-r1"
SAID = "[demo] You asked openai/gpt-4o-mini: “hello”. No model was called and nothing was charged."
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "name": "weather", "description": "Tells it", "parameters": CITY, "strict": False}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Patches files"}
GROUP = {"type": "namespace", "name": "clock", "description": "Time", "tools": [TOOL | {"name": "now"}]}
SEARCH = {"type": "web_search", "external_web_access": False}

EMPTY_PART = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}


def ask(proxy: Any, **fields: Any) -> httpx.Response:
    return proxy.http.post("/v1/responses", json=RESPONSE | fields)


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    """Read a stream: each event is named twice and numbered from 0 without gaps; no mark of the end follows them."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream"
    *blocks, behind = answer.content.split(b"\n\n")
    assert behind == b""
    read = []
    for number, block in enumerate(blocks):
        name, data = block.split(b"\n")
        event = json.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        assert event["sequence_number"] == number
        read.append(event)
    return read


def kinds(stream: list[dict[str, Any]]) -> list[str]:
    """Name the events, as often as one follows itself but once."""
    return [kind.removeprefix("response.") for kind, _ in itertools.groupby(event["type"] for event in stream)]


def error(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, type and text of an error, which must have OpenAI's shape and no other field."""
    body = answer.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["message", "type", "param", "code"]
    assert (body["error"]["param"], body["error"]["code"]) == (None, None)
    assert answer.headers["content-type"].startswith("application/json")
    return answer.status_code, body["error"]["type"], body["error"]["message"]


def refused(proxy: Any, upstream: Any, **fields: Any) -> str:
    """Text of a 400 for which nothing was bought."""
    status, kind, message = error(ask(proxy, **fields))
    assert (status, kind) == (400, "invalid_request_error")
    assert upstream.received == []
    return message


def sent(proxy: Any, upstream: Any, **fields: Any) -> dict[str, Any]:
    """What went to OpenRouter."""
    answer = ask(proxy, **fields)
    assert answer.status_code == 200, answer.text
    return upstream.chats[-1].body


def test_a_plain_answer_has_every_key(proxy):
    before = int(time.time())

    answer = ask(proxy)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    request_id = answer.headers["x-request-id"]
    assert before <= body["created_at"] <= body["completed_at"] <= time.time()
    assert body == {
        "id": f"resp_{request_id}",
        "object": "response",
        "created_at": body["created_at"],
        "completed_at": body["completed_at"],
        "status": "completed",
        "incomplete_details": None,
        "model": ASKED,
        "previous_response_id": None,
        "instructions": None,
        "output": [
            {
                "type": "message",
                "id": f"msg_{request_id}_0",
                "role": "assistant",
                "status": "completed",
                "content": [EMPTY_PART | {"text": SAID}],
            }
        ],
        "error": None,
        "tools": [],
        "tool_choice": "auto",
        "truncation": "disabled",
        "parallel_tool_calls": True,
        "text": {"format": {"type": "text"}},
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "top_logprobs": 0,
        "temperature": 1.0,
        "reasoning": None,
        "usage": {
            "input_tokens": 5,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 19,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 24,
            "cost": 1.215e-05,
        },
        "max_output_tokens": None,
        "max_tool_calls": None,
        "store": False,
        "background": False,
        "service_tier": "default",
        "metadata": {},
        "safety_identifier": None,
        "prompt_cache_key": None,
    }


@pytest.mark.parametrize("stream", [{}, {"stream": False}, {"stream": None}])
def test_an_answer_is_plain_unless_a_stream_is_asked_for(proxy, stream):
    assert ask(proxy, **stream).json()["object"] == "response"


@pytest.mark.parametrize("fault", ["none", "odd-text", "many-writes", "one-write", "finish-with-text", "no-usage"])
def test_a_text_is_streamed_in_these_events(proxy, upstream, fault):
    """Also however OpenRouter's bytes arrive."""
    if fault != "none":
        upstream.arrange(fault)

    assert kinds(events(ask(proxy, stream=True))) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_a_text_has_the_same_id_and_words_in_every_event(proxy):
    stream = events(ask(proxy, stream=True))

    last = stream[-1]["response"]
    (item,) = last["output"]
    assert {event["item_id"] for event in stream if "item_id" in event} == {item["id"]}
    assert {event["item"]["id"] for event in stream if "item" in event} == {item["id"]}
    assert {event["output_index"] for event in stream if "output_index" in event} == {0}
    assert "".join(event["delta"] for event in stream if "delta" in event) == SAID
    assert [event["text"] for event in stream if "text" in event] == [SAID]
    assert [event["part"]["text"] for event in stream if "part" in event] == ["", SAID]
    assert item["content"][0]["text"] == SAID


def test_the_first_two_events_hold_the_response_without_output_and_the_last_one_all_of_it(proxy):
    first, second, *_, last = events(ask(proxy, stream=True))
    whole = ask(proxy).json()

    assert first["response"] == second["response"]
    assert list(first["response"]) == list(last["response"]) == list(whole)
    assert (first["response"]["status"], first["response"]["output"], first["response"]["usage"]) == (
        "in_progress",
        [],
        None,
    )
    assert first["response"]["completed_at"] is None
    assert (last["response"]["status"], last["response"]["usage"]) == ("completed", whole["usage"])
    assert last["response"]["id"] == first["response"]["id"]


def test_every_event_repeats_the_name_that_was_asked(proxy):
    stream = events(ask(proxy, stream=True))

    assert {event["response"]["model"] for event in stream if "response" in event} == {ASKED}


def test_a_thought_is_an_item_before_the_text(proxy):
    stream = events(ask(proxy, stream=True, model=THINKER))

    assert kinds(stream) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    thought, message = stream[-1]["response"]["output"]
    text = "[demo] I read the question, find that no model stands behind me, and say so."
    assert thought == {
        "type": "reasoning",
        "id": thought["id"],
        "summary": [{"type": "summary_text", "text": text}],
        "encrypted_content": text,
    }
    assert message["type"] == "message"
    assert [event["summary_index"] for event in stream if "summary_index" in event].count(0) > 1
    assert stream[-1]["response"]["usage"]["output_tokens_details"]["reasoning_tokens"] > 0


def test_a_plain_answer_holds_its_thought_first(proxy):
    assert [item["type"] for item in ask(proxy, model=THINKER).json()["output"]] == ["reasoning", "message"]


def test_calls_are_streamed_one_after_the_other(proxy):
    stream = events(ask(proxy, stream=True, input="use both tools at once: weather", tools=[TOOL]))

    a_call = [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert kinds(stream) == ["created", "in_progress", *a_call, *a_call, "completed"]
    output = stream[-1]["response"]["output"]
    assert [event["output_index"] for event in stream[2:-1]] == [0] * 4 + [1] * 4
    assert len({item["call_id"] for item in output}) == len({item["id"] for item in output}) == 2
    for item in output:
        assert item == {
            "type": "function_call",
            "id": item["id"],
            "call_id": item["call_id"],
            "name": "weather",
            "arguments": '{"city":"demo city"}',
            "status": "completed",
        }
    assert [event["item"] for event in stream if event["type"] == "response.output_item.done"] == output


def text_and_call(exchange, _seconds):
    """Say something before the call, as most models do."""
    role, *rest = exchange.chunks()
    text = {**role, "choices": [{"index": 0, "delta": {"content": "Let me see."}, "finish_reason": None}]}
    return stream_of(exchange, [text, role, *rest])


@pytest.mark.parametrize("stream", [True, False])
def test_a_text_before_a_call_is_not_lost(proxy, upstream, stream):
    upstream.arrange(Fault("text-and-call", text_and_call, ""))

    answer = ask(proxy, stream=stream, input="use the tool weather", tools=[TOOL])

    body = events(answer)[-1]["response"] if stream else answer.json()
    assert [item["type"] for item in body["output"]] == ["message", "function_call"]
    assert body["output"][0]["content"][0]["text"] == "Let me see."


def test_a_tool_that_takes_any_text_is_called_with_a_text(proxy, upstream):
    """Codex's `apply_patch`, which Ollama leaves out."""
    stream = events(ask(proxy, stream=True, input="use apply_patch", tools=[PATCH]))

    assert kinds(stream)[2:-1] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    (item,) = stream[-1]["response"]["output"]
    assert (item["type"], item["name"], item["status"]) == ("custom_tool_call", "apply_patch", "completed")
    assert isinstance(item["input"], str)
    assert upstream.chats[-1].body["tools"][0]["function"]["parameters"]["required"] == ["input"]


@pytest.mark.parametrize("tool", [TOOL, PATCH])
def test_a_calls_result_goes_back_to_it(proxy, upstream, tool):
    question = {"role": "user", "content": f"use {tool['name']}"}
    (call,) = ask(proxy, input=[question], tools=[tool]).json()["output"]
    result = {"type": f"{call['type']}_output", "call_id": call["call_id"], "output": "sunny"}

    answer = ask(proxy, input=[question, call, result], tools=[tool])

    assert answer.json()["output"][0]["content"][0]["text"].startswith("[demo] The tool answered: “sunny”.")
    _, turn, told = upstream.chats[-1].body["messages"]
    assert turn["tool_calls"][0]["id"] == told["tool_call_id"] == call["call_id"]
    assert turn["tool_calls"][0]["function"]["name"] == tool["name"]


def test_parallel_calls_and_their_results_belong_to_one_turn(proxy, upstream):
    """Providers refuse a call whose result does not follow, and a result whose call does not precede."""
    question = {"role": "user", "content": "use weather for both"}
    calls = ask(proxy, input=[question], tools=[TOOL]).json()["output"]
    results = [
        {"type": "function_call_output", "call_id": call["call_id"], "output": f"result {number}"}
        for number, call in enumerate(calls)
    ]

    messages = sent(proxy, upstream, input=[question, *calls, *results], tools=[TOOL])["messages"]

    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool"]
    assert [call["id"] for call in messages[1]["tool_calls"]] == [message["tool_call_id"] for message in messages[2:]]


def test_a_tool_in_a_group_is_offered_and_called_by_both_names(proxy, upstream):
    """As Codex groups the tools of an MCP server; a name with a dot would be refused upstream."""
    (call,) = ask(proxy, input="use clock__now", tools=[GROUP]).json()["output"]

    assert (call["type"], call["namespace"], call["name"]) == ("function_call", "clock", "now")
    assert [tool["function"]["name"] for tool in upstream.chats[-1].body["tools"]] == ["clock__now"]


def test_a_flat_function_is_sent_nested(proxy, upstream):
    function = {key: value for key, value in TOOL.items() if key != "type"}

    assert sent(proxy, upstream, tools=[TOOL])["tools"] == [{"type": "function", "function": function}]


@pytest.mark.parametrize(
    ("choice", "becomes"),
    [
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "name": "weather"}, {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_which_tool_is_to_be_called_is_sent_on_and_repeated(proxy, upstream, choice, becomes):
    answer = ask(proxy, tools=[TOOL], tool_choice=choice, parallel_tool_calls=False).json()

    body = upstream.chats[-1].body
    assert (body["tool_choice"], body["parallel_tool_calls"]) == (becomes, False)
    assert (answer["tool_choice"], answer["parallel_tool_calls"], answer["tools"]) == (choice, False, [TOOL])


def test_tools_that_would_run_at_openai_are_left_out_beside_others(proxy, upstream):
    """Codex always offers a web search."""
    body = sent(proxy, upstream, tools=[SEARCH, TOOL, {"type": "image_generation", "output_format": "png"}])

    assert [tool["function"]["name"] for tool in body["tools"]] == ["weather"]


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [SEARCH]},
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]},
        {"tools": [{"type": "local_shell"}]},
        {"tools": [TOOL], "tool_choice": {"type": "web_search"}},
    ],
)
def test_a_request_for_such_tools_alone_is_refused(proxy, upstream, fields):
    assert "cannot be called here" in refused(proxy, upstream, **fields)


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "hello"},
        {"type": "message", "role": "user", "content": "hello"},
        {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
    ],
)
def test_a_message_may_be_written_short(proxy, upstream, item):
    assert sent(proxy, upstream, input=[item]) == sent(proxy, upstream)


@pytest.mark.parametrize("role", ["user", "system", "developer", "assistant"])
def test_every_role_is_heard(proxy, upstream, role):
    items = [{"role": role, "content": "one"}, {"role": "user", "content": "two"}]

    assert sent(proxy, upstream, input=items)["messages"][0] == {"role": role, "content": "one"}


def test_instructions_are_a_system_message_in_front(proxy, upstream):
    assert sent(proxy, upstream, instructions="Be brief.")["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hello"},
    ]


@pytest.mark.parametrize("url", [f"data:image/png;base64,{PNG}", "https://example.com/cat.png"])
def test_a_picture_is_sent_by_its_bytes_or_its_address(proxy, upstream, url):
    """Ollama refuses addresses."""
    picture = {"type": "input_image", "image_url": url, "detail": "low"}

    body = sent(proxy, upstream, input=[{"role": "user", "content": [picture]}])

    assert body["messages"][0]["content"] == [{"type": "image_url", "image_url": {"url": url, "detail": "low"}}]


def test_a_result_may_show_a_picture(proxy, upstream):
    call = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"}
    output = [{"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}]

    body = sent(proxy, upstream, input=[call, {"type": "function_call_output", "call_id": "call_1", "output": output}])

    assert [part["type"] for part in body["messages"][1]["content"]] == ["image_url"]


@pytest.mark.parametrize(
    "thought",
    [
        {"type": "reasoning", "summary": [], "encrypted_content": "Hm."},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
    ],
)
def test_a_thought_belongs_to_the_turn_behind_it(proxy, upstream, thought):
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "So."}]}

    body = sent(proxy, upstream, input=[thought, said, {"role": "user", "content": "And?"}])

    assert body["messages"][0] == {"role": "assistant", "content": "So.", "reasoning": "Hm."}


def test_a_search_in_an_earlier_turn_is_passed_over(proxy, upstream):
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }

    assert sent(proxy, upstream, input=[search, {"role": "user", "content": "hello"}]) == sent(proxy, upstream)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"content": "x"}, "input[1]: input item missing required 'type' field"),
        ({"type": "x"}, 'input[1]: unknown input item type: "x"'),
        (
            {"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]},
            "input[1]: file inputs are not currently supported: send the file's text, or pictures of its pages",
        ),
    ],
)
def test_an_item_that_cannot_be_read_is_named(proxy, upstream, item, message):
    assert refused(proxy, upstream, input=[{"role": "user", "content": "hello"}, item]) == message


@pytest.mark.parametrize("nothing", [None, "", []])
def test_without_input_nothing_is_bought(proxy, upstream, nothing):
    assert refused(proxy, upstream, input=nothing) == "input is required: a text, or a list of items that hold one"


def test_an_empty_body_is_refused_in_gos_words(proxy):
    assert error(proxy.http.post("/v1/responses")) == (400, "invalid_request_error", "EOF")


def test_a_model_must_be_named(proxy, upstream):
    assert refused(proxy, upstream, model="") == "model is required"


def test_a_model_that_is_not_there_is_not_found(proxy, upstream):
    answer = ask(proxy, model="nobody/nothing", stream=True)

    assert error(answer) == (404, "not_found_error", "model 'nobody/nothing' not found")
    assert upstream.received == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": PLAIN, "tools": [TOOL]}, f"registry.ollama.ai/{PLAIN}:latest does not support tools"),
        ({"model": PLAIN, "reasoning": {"effort": "low"}}, f'"{PLAIN}" does not support thinking'),
        (
            {"model": SCHEMELESS, "text": {"format": {"type": "json_schema", "name": "n", "schema": CITY}}},
            f'"{SCHEMELESS}" does not support structured output (format)',
        ),
        ({"model": PLAIN, "top_logprobs": 1}, f'"{PLAIN}" does not support logprobs'),
    ],
)
def test_what_a_model_lacks_is_told_before_anything_is_bought(proxy, upstream, fields, message):
    assert refused(proxy, upstream, **fields) == message


def test_the_usual_knobs_are_sent_on_and_repeated(proxy, upstream):
    knobs = {
        "temperature": 0.25,
        "top_p": 0.5,
        "max_output_tokens": 50,
        "prompt_cache_key": "k",
        "metadata": {"a": "b"},
    }

    answer = ask(proxy, **knobs).json()

    assert {name: answer[name] for name in knobs} == knobs
    body = upstream.chats[-1].body
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.25, 0.5, 50)
    assert (body["prompt_cache_key"], body["metadata"]) == ("k", {"a": "b"})


def test_what_the_app_leaves_open_stays_open(proxy, upstream):
    assert set(sent(proxy, upstream)) == {"model", "messages", "stream"}


@pytest.mark.parametrize(
    ("effort", "becomes"), [("minimal", "low"), ("low", "low"), ("high", "high"), ("xhigh", "high")]
)
def test_how_much_to_think_is_sent_on(proxy, upstream, effort, becomes):
    body = sent(proxy, upstream, model="openai/o4-mini", reasoning={"effort": effort, "summary": "auto"})

    assert body["reasoning"] == {"effort": becomes}


def test_a_schema_is_sent_whole_and_repeated(proxy, upstream):
    form = {"type": "json_schema", "name": "place", "schema": CITY, "strict": True}

    answer = ask(proxy, text={"format": form}).json()

    assert json.loads(answer["output"][0]["content"][0]["text"]) == {"city": "demo city"}
    assert answer["text"] == {"format": form}
    assert upstream.chats[-1].body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "place", "schema": CITY, "strict": True},
    }


def test_fields_about_what_is_kept_are_taken_and_not_sent_on(proxy, upstream):
    """Codex sends some of them with every request."""
    more = {
        "previous_response_id": "resp_0",
        "conversation": {"id": "conv_1"},
        "background": False,
        "store": True,
        "truncation": "auto",
        "include": ["reasoning.encrypted_content"],
        "client_metadata": {"a": "b"},
        "stream_options": {"include_obfuscation": False},
        "of_a_later_version": {"a": [1]},
    }

    answer = ask(proxy, **more).json()

    assert (answer["store"], answer["previous_response_id"]) == (False, None)
    assert set(upstream.chats[-1].body) == {"model", "messages", "stream"}


@pytest.mark.parametrize("asked", [{"top_logprobs": 2}, {"include": ["message.output_text.logprobs"]}])
def test_likelihoods_stand_beside_the_text(proxy, asked):
    stream = events(ask(proxy, stream=True, **asked))

    (part,) = stream[-1]["response"]["output"][0]["content"]
    assert "".join(each["token"] for each in part["logprobs"]) == SAID
    assert {len(each["top_logprobs"]) for each in part["logprobs"]} == {asked.get("top_logprobs", 0)}
    assert [each for event in stream if event["type"].endswith("text.delta") for each in event["logprobs"]] == (
        part["logprobs"]
    )


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_was_cut_by_its_limit_does_not_look_whole(proxy, stream):
    answer = ask(proxy, stream=stream, max_output_tokens=3)

    body = events(answer)[-1]["response"] if stream else answer.json()
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert body["output"][0]["status"] == "incomplete"
    if stream:
        assert events(answer)[-1]["type"] == "response.incomplete"


def says_nothing(exchange, _seconds):
    *_said, finish, usage = exchange.chunks()
    return stream_of(exchange, [finish, usage])


def test_an_answer_without_anything_in_it_has_a_beginning_and_an_end(proxy, upstream):
    upstream.arrange(Fault("says-nothing", says_nothing, ""))

    stream = events(ask(proxy, stream=True))

    assert kinds(stream) == ["created", "in_progress", "completed"]
    assert stream[-1]["response"]["output"] == []


@pytest.mark.parametrize(("fault", "status"), [("status-429", 429), ("status-402", 402), ("status-503", 503)])
def test_a_refusal_before_the_first_word_is_a_status(proxy, upstream, fault, status):
    upstream.arrange(fault)

    answer = ask(proxy, stream=True)

    assert error(answer)[0] == status


@pytest.mark.parametrize("fault", ["error-mid-stream", "cut", "no-done", "malformed-chunk"])
def test_a_failure_half_way_is_one_event_and_the_last_one(proxy, upstream, fault):
    """Ollama says nothing; Codex then reports that the stream was closed."""
    upstream.arrange(fault)

    stream = events(ask(proxy, stream=True))

    assert kinds(stream) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "failed",
    ]
    response = stream[-1]["response"]
    assert list(response) == list(ask(proxy).json())
    assert (response["status"], response["usage"], response["error"]["code"]) == ("failed", None, "server_error")
    assert response["error"]["message"]
    assert response["output"][0]["status"] == "incomplete"


def test_a_failure_half_way_of_a_plain_answer_is_a_status(proxy, upstream):
    upstream.arrange("error-mid-stream")

    assert error(ask(proxy)) == (
        502,
        "api_error",
        "Provider disconnected (demo). Wait a moment and try again, or choose another model.",
    )


def test_keys_may_be_written_in_any_case(proxy, upstream):
    body = {"Model": ASKED, "Input": [{"Role": "user", "Content": [{"Type": "input_text", "Text": "hello"}]}]}

    answer = proxy.http.post("/v1/responses", json=body)

    assert answer.json()["output"][0]["content"][0]["text"] == SAID
