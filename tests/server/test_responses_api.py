"""What is around `/v1/responses`: the bill, the memory of what was thought, presets, the log."""

import pytest

from tray_proxy.demo.thoughts import sign

ASK = {"model": "openai/gpt-4o-mini", "input": "hello"}
CLAUDE = "anthropic/claude-sonnet-4"
TOOL = {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}}


def test_a_plain_answer_is_bought_as_a_stream(proxy, upstream):
    """A plain request upstream runs on when the client leaves, and is charged whole."""
    proxy.http.post("/v1/responses", json=ASK)

    assert upstream.chats[-1].body["stream"] is True


def test_what_is_wrong_with_a_request_is_told_before_the_model_is_looked_for(proxy):
    answer = proxy.http.post("/v1/responses", json={"model": "nobody/nothing", "input": []})

    assert answer.json()["error"]["message"] == "input is required: a text, or a list of items that hold one"


@pytest.mark.parametrize("kept", ["whole", "without ids", "without thoughts"])
def test_a_signed_thought_goes_back_with_its_turn_whatever_the_app_kept_of_it(proxy, upstream, kept):
    """Claude refuses a call whose thought comes back without its signature; Codex keeps no ids of items."""
    question = {"role": "user", "content": "use the tool now"}
    body = {"model": CLAUDE, "tools": [TOOL], "reasoning": {"effort": "high"}}
    output = proxy.http.post("/v1/responses", json=body | {"input": [question]}).json()["output"]
    thought = output[0]["summary"][0]["text"]
    if kept == "without ids":
        output = [{key: value for key, value in item.items() if key != "id"} for item in output]
    if kept == "without thoughts":
        output = [item for item in output if item["type"] != "reasoning"]
    result = {"type": "function_call_output", "call_id": output[-1]["call_id"], "output": "noon"}

    answer = proxy.http.post("/v1/responses", json=body | {"input": [question, *output, result]})

    assert answer.status_code == 200, answer.text
    (detail,) = upstream.chats[-1].body["messages"][1]["reasoning_details"]
    assert (detail["text"], detail["signature"]) == (thought, sign(thought))


def test_a_thought_that_is_not_known_here_goes_back_as_text(proxy, upstream):
    turn = [
        {"type": "reasoning", "summary": [], "encrypted_content": "Hm."},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "So."}]},
    ]

    proxy.http.post("/v1/responses", json=ASK | {"input": [*turn, {"role": "user", "content": "And?"}]})

    assert upstream.chats[-1].body["messages"][0] == {"role": "assistant", "content": "So.", "reasoning": "Hm."}


def test_a_preset_adds_what_it_holds(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)
    preset = {"model": "mine", "from": "openai/gpt-4o-mini", "system": "Be brief.", "parameters": {"temperature": 0.5}}
    proxy.http.post("/api/create", json=preset)

    answer = proxy.http.post("/v1/responses", json={"model": "mine", "input": "hello"})

    assert answer.json()["model"] == "mine"
    body = upstream.chats[-1].body
    assert (body["model"], body["temperature"]) == ("openai/gpt-4o-mini", 0.5)
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}


def test_instructions_take_the_place_of_a_presets_own(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)
    proxy.http.post("/api/create", json={"model": "mine", "from": "openai/gpt-4o-mini", "system": "Be brief."})

    proxy.http.post("/v1/responses", json={"model": "mine", "input": "hello", "instructions": "Be long."})

    assert [message["content"] for message in upstream.chats[-1].body["messages"]] == ["Be long.", "hello"]


def test_the_log_line_tells_what_was_bought_and_not_what_was_said(proxy, log_lines):
    answer = proxy.http.post("/v1/responses", json=ASK)

    [line] = log_lines("/v1/responses")
    assert answer.json()["id"] == f"resp_{line['request_id']}"
    assert (line["path"], line["model"], line["prompt_tokens"], line["completion_tokens"], line["cost_usd"]) == (
        "/v1/responses",
        "openai/gpt-4o-mini",
        5,
        19,
        1.215e-05,
    )
    assert "hello" not in str(line)


def test_a_model_that_was_asked_is_in_use(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)

    proxy.http.post("/v1/responses", json=ASK)

    assert [model["name"] for model in proxy.http.get("/api/ps").json()["models"]] == ["openai/gpt-4o-mini"]
