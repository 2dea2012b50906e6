"""What the demo upstream refuses, and what it lets pass."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from tray_proxy.demo.catalogue import find_model
from tray_proxy.demo.refusals import RefusedError
from tray_proxy.demo.strict import check_thinking_budget, read_chat, read_embeddings
from tray_proxy.demo.thoughts import sign

PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}
USER = {"role": "user", "content": "hello"}


def call(call_id: str = "call_1", arguments: Any = "{}") -> dict[str, Any]:
    """Write a tool call as an assistant message carries it."""
    return {"id": call_id, "type": "function", "function": {"name": "get_weather", "arguments": arguments}}


def asking(*calls: Any) -> dict[str, Any]:
    """Write an assistant turn that calls tools."""
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def result(call_id: str = "call_1") -> dict[str, Any]:
    """Write a tool's answer."""
    return {"role": "tool", "tool_call_id": call_id, "content": "22 degrees"}


def parts(*items: Any) -> dict[str, Any]:
    """Write a user message made of parts."""
    return {"messages": [{"role": "user", "content": list(items)}]}


def image(url: str) -> dict[str, Any]:
    """Write a picture part."""
    return {"type": "image_url", "image_url": {"url": url}}


def refusal(body: Any) -> tuple[int, str]:
    """Give status and message of the refusal of a body."""
    with pytest.raises(RefusedError) as caught:
        read_chat(body)
    return caught.value.status, caught.value.message


GOOD: dict[str, dict[str, Any]] = {
    "sampling": {
        "temperature": 2,
        "top_p": 1,
        "top_k": 0,
        "min_p": 0.1,
        "seed": -1,
        "frequency_penalty": -2,
        "presence_penalty": 2.0,
        "repetition_penalty": 1.1,
        "max_tokens": 1,
        "stop": ["a", "b", "c", "d"],
    },
    "nulls where the schema has them": {"temperature": None, "stop": None, "max_tokens": None},
    "logprobs": {"logprobs": True, "top_logprobs": 20},
    "a picture": parts({"type": "text", "text": "what is this?"}, image(PNG)),
    "a picture on the web": parts(image("https://example.com/cat.png")),
    "a tool round": {"messages": [USER, asking(call()), result()], "tools": [WEATHER]},
    "two calls answered in another order": {
        "messages": [USER, asking(call("a"), call("b")), result("b"), result("a"), USER]
    },
    "a choice of tool": {
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    },
    "a server tool": {"tools": [{"type": "openrouter:web_search"}]},
    "json": {"response_format": {"type": "json_object"}},
    "json by schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "city-1", "schema": {}}}},
    "prefill": {"messages": [USER, {"role": "assistant", "content": "The sky"}]},
    "reasoning sent back": {"messages": [USER, {"role": "assistant", "reasoning": "hm", "content": "x"}, USER]},
    "routing": {"provider": {"sort": "price", "data_collection": "deny", "max_price": {"prompt": "1"}}},
    "fallbacks": {"models": ["deepseek/deepseek-r1"]},
    "a field of some provider": {"mirostat_mode_of_some_provider": 2},
}


@pytest.mark.parametrize("more", GOOD.values(), ids=GOOD.keys())
def test_what_the_schema_allows_passes(more, body, conforms) -> None:
    """Being stricter than OpenRouter would forbid right translations."""
    request = body(**more)

    conforms("chat-request", request)
    assert read_chat(request)[1].id == "openai/gpt-4o-mini"


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no messages": ({"messages": []}, "Expected `array` of length >= 1 - at `$.messages`"),
    "unknown role": ({"messages": [{"role": "human", "content": "x"}]}, "Invalid value 'human'"),
    "content null": ({"messages": [{"role": "user", "content": None}]}, "Expected `str | array`, got `null`"),
    "temperature text": ({"temperature": "0.7"}, "got `str` - at `$.temperature`"),
    "temperature 2.1": ({"temperature": 2.1}, "<= 2.0 - at `$.temperature`"),
    "top_p 1.1": ({"top_p": 1.1}, "<= 1.0 - at `$.top_p`"),
    "top_k float": ({"top_k": 40.0}, "got `float` - at `$.top_k`"),
    "top_k negative": ({"top_k": -1}, ">= 0 - at `$.top_k`"),
    "penalty 2.5": ({"presence_penalty": 2.5}, "<= 2.0 - at `$.presence_penalty`"),
    "repetition 2.5": ({"repetition_penalty": 2.5}, "<= 2.0 - at `$.repetition_penalty`"),
    "seed float": ({"seed": 1.0}, "got `float` - at `$.seed`"),
    "max_tokens 0": ({"max_tokens": 0}, ">= 1 - at `$.max_tokens`"),
    "max_tokens -1": ({"max_tokens": -1}, ">= 1 - at `$.max_tokens`"),
    "max_tokens 100.0": ({"max_tokens": 100.0}, "got `float` - at `$.max_tokens`"),
    "max_completion_tokens 0": ({"max_completion_tokens": 0}, ">= 1 - at `$.max_completion_tokens`"),
    "five stops": ({"stop": ["1", "2", "3", "4", "5"]}, "length <= 4 - at `$.stop`"),
    "stream null": ({"stream": None}, "got `null` - at `$.stream`"),
    "stream 1": ({"stream": 1}, "got `int` - at `$.stream`"),
    "tools null": ({"tools": None}, "got `null` - at `$.tools`"),
    "21 logprobs": ({"logprobs": True, "top_logprobs": 21}, "<= 20 - at `$.top_logprobs`"),
    "top_logprobs alone": ({"top_logprobs": 3}, "top_logprobs requires logprobs to be true"),
    "format name": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}},
        "at `$.response_format.json_schema.name`",
    ),
    "format type": ({"response_format": {"type": "json"}}, "Invalid value 'json'"),
    "format text": ({"response_format": "json"}, "Expected `object`, got `str`"),
    "effort": ({"reasoning": {"effort": "extreme"}}, "Invalid enum value 'extreme'"),
    "reasoning true": ({"reasoning": True}, "Expected `object`, got `bool`"),
    "reasoning key": ({"reasoning": {"level": "high"}}, "unknown field `level`"),
    "effort and budget": (
        {"reasoning": {"effort": "low", "max_tokens": 2000}},
        "Only one of reasoning.effort and reasoning.max_tokens can be given",
    ),
    "two efforts": ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, "differ"),
    "provider key": ({"provider": {"sorting": "price"}}, "unknown field `sorting`"),
    "arguments object": ({"messages": [USER, asking(call(arguments={}))]}, "Expected `str`, got `object`"),
    "arguments no json": (
        {"messages": [USER, asking(call(arguments="city=Oslo")), result()]},
        "Arguments of tool call 'call_1' are not JSON",
    ),
    "arguments a list": (
        {"messages": [USER, asking(call(arguments="[]")), result()]},
        "Arguments of tool call 'call_1' are not a JSON object",
    ),
    "call without id": (
        {"messages": [USER, asking({"type": "function", "function": {"name": "a", "arguments": "{}"}})]},
        "missing required field `id`",
    ),
    "call without type": (
        {"messages": [USER, asking({"id": "1", "function": {"name": "a", "arguments": "{}"}})]},
        "missing required field `type`",
    ),
    "result without id": (
        {"messages": [USER, asking(call()), {"role": "tool", "content": "x"}]},
        "missing required field `tool_call_id`",
    ),
    "result of no call": ({"messages": [USER, result()]}, "No tool call found for tool_call_id 'call_1'"),
    "result twice": (
        {"messages": [USER, asking(call()), result(), result()]},
        "No tool call found for tool_call_id 'call_1'",
    ),
    "result too late": ({"messages": [USER, asking(call()), USER]}, "Tool calls without a result: call_1"),
    "result missing": (
        {"messages": [USER, asking(call("a"), call("b")), result("a")]},
        "Tool calls without a result: b",
    ),
    "one id twice": ({"messages": [USER, asking(call(), call()), result()]}, "share an id"),
    "tool name": (
        {"tools": [{"type": "function", "function": {"name": "x" * 65}}]},
        "length <= 64 - at `$.tools[0].function.name`",
    ),
    "tool without function": ({"tools": [{"type": "function"}]}, "missing required field `function`"),
    "choice of no tool": (
        {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "b"}}},
        "tool_choice names 'b', which is not among the tools",
    ),
    "bare base64": (parts(image(PNG.partition(",")[2])), "Invalid image URL"),
    "images of Ollama": (
        {"messages": [{**USER, "images": ["iVBORw0KGgo="]}]},
        "Unrecognized fields in user message: images",
    ),
    "thinking of Ollama": (
        {"messages": [USER, {"role": "assistant", "content": "x", "thinking": "hm"}]},
        "Unrecognized fields in message: thinking",
    ),
    "system picture": (
        {"messages": [{"role": "system", "content": [image(PNG)]}]},
        "Invalid value 'image_url'",
    ),
    "part form": (parts({"type": "image_url", "image_url": PNG}), "Expected `object`, got `str`"),
    "call index": (
        {"messages": [USER, asking({"id": "1", "type": "function", "function": {"index": 0, "name": "a"}})]},
        "Unrecognized fields in function call: index",
    ),
    "model null": ({"model": None}, "got `null` - at `$.model`"),
    "model unknown": ({"model": "openai/gpt-9"}, "openai/gpt-9 is not a valid model ID"),
    "fallback unknown": ({"models": ["openai/gpt-9"]}, "openai/gpt-9 is not a valid model ID"),
}


@pytest.mark.parametrize(("more", "message"), BAD.values(), ids=BAD.keys())
def test_what_the_schema_forbids_is_refused_with_its_place(more, message, body) -> None:
    """A wrong translation is to fail here and not at a customer's."""
    status, said = refusal(body(**more))

    assert status == 400
    assert message in said


OLLAMA = [
    "options", "keep_alive", "num_ctx", "num_predict", "repeat_penalty", "format", "think", "images", "template",
    "raw", "suffix", "context", "system", "prompt", "truncate", "shift",
]  # fmt: skip


@pytest.mark.parametrize("field", OLLAMA)
def test_a_field_of_ollamas_does_not_slip_through(field, body) -> None:
    """OpenRouter would ignore it in silence, and the setting would be lost."""
    assert refusal(body(**{field: 1})) == (400, f"Unrecognized fields in request: {field}")


def test_a_missing_model_is_refused(body) -> None:
    """The demo account has no default model."""
    request = body()
    del request["model"]

    assert refusal(request) == (400, "No models provided")


def test_a_body_that_is_no_object_is_refused() -> None:
    """Also the outermost type counts."""
    assert refusal([]) == (400, "Invalid request: Expected `object`, got `array`")


def test_tools_need_a_model_that_has_them(body) -> None:
    """OpenRouter finds no endpoint then, which is a 404."""
    request = body(model="gryphe/mythomax-l2-13b", tools=[WEATHER])

    assert refusal(request) == (404, "No endpoints found that support tool use")


@pytest.mark.parametrize(
    ("part", "modality"),
    [
        (image(PNG), "image"),
        ({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}, "audio"),
        ({"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}, "video"),
    ],
)
def test_media_need_a_model_that_takes_them(part, modality, body) -> None:
    """Each kind of input has its own way of finding no endpoint."""
    request = body(**{"model": "deepseek/deepseek-r1", **parts(part)})

    assert refusal(request) == (404, f"No endpoints found that support {modality} input")


@pytest.mark.parametrize("off", [{"effort": "none"}, {"enabled": False}])
def test_a_model_that_must_think_cannot_be_told_not_to(off, body) -> None:
    """`think: false` has to become the lowest effort instead."""
    request = body(model="openai/o4-mini", reasoning=off)

    assert refusal(request) == (400, "Reasoning is mandatory for this endpoint and cannot be disabled.")


@pytest.mark.parametrize(
    ("reasoning", "max_tokens", "message"),
    [
        ({"max_tokens": 1000}, 4000, "reasoning.max_tokens must be at least 1024"),
        ({"max_tokens": 4000}, 4000, "`max_tokens` must be greater than `thinking.budget_tokens`"),
        ({"effort": "high"}, 1024, "`max_tokens` must be greater than `thinking.budget_tokens`"),
        ({"enabled": True}, 100, "`max_tokens` must be greater than `thinking.budget_tokens`"),
    ],
)
def test_claude_needs_room_beyond_its_thoughts(reasoning, max_tokens, message, body) -> None:
    """A small `num_predict` with thinking on fails at Anthropic."""
    request = body(model="anthropic/claude-sonnet-4", reasoning=reasoning, max_tokens=max_tokens)

    assert refusal(request) == (400, message)


def test_claude_that_thinks_unasked_needs_room_too(body) -> None:
    """Newer ones do; a limit alone is then too small."""
    model = find_model("anthropic/claude-sonnet-4")
    thinking = replace(model, reasoning={**model.reasoning, "default_enabled": True})
    request, _ = read_chat(body(model=model.id, max_tokens=100))

    with pytest.raises(RefusedError) as caught:
        check_thinking_budget(request, thinking)

    assert caught.value.message == "`max_tokens` must be greater than `thinking.budget_tokens`"


def test_a_changed_thought_is_refused(body) -> None:
    """The signature no longer fits."""
    detail = {"type": "reasoning.text", "text": "hm!", "signature": sign("hm"), "format": "anthropic-claude-v1"}
    turn = {"role": "assistant", "content": "x", "reasoning_details": [detail]}

    assert refusal(body(messages=[USER, turn, USER])) == (400, "Invalid `signature` in `thinking` block")


@pytest.mark.parametrize(
    "more",
    [
        {"reasoning": {"effort": "high"}},
        {"reasoning": {"effort": "high"}, "max_tokens": 4000},
        {"reasoning": {"effort": "none"}, "max_tokens": 10},
        {"max_tokens": 10},
    ],
)
def test_claude_with_room_is_let_pass(more, body) -> None:
    """Without a limit, or without thinking, there is nothing to exceed."""
    assert read_chat(body(model="anthropic/claude-sonnet-4", **more))[1].id == "anthropic/claude-sonnet-4"


def test_an_embedding_model_is_sent_to_its_endpoint(body) -> None:
    """The availability object names the right one."""
    with pytest.raises(RefusedError) as caught:
        read_chat(body(model="openai/text-embedding-3-small"))

    assert caught.value.availability is not None
    assert caught.value.availability["code"] == "wrong_endpoint"
    assert caught.value.availability["constraint"] == {"field": "model", "detail": "/api/v1/embeddings"}


@pytest.mark.parametrize(
    "given", ["one", ["one", "two"], [1, 2], [[1], [2, 3]], [{"content": [{"type": "text", "text": "one"}]}]]
)
def test_every_documented_form_of_input_passes(given) -> None:
    """Texts, tokens and content lists."""
    assert read_embeddings({"model": "baai/bge-m3", "input": given})[1].id == "baai/bge-m3"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"input": ""}, "Expected `str` of length >= 1 - at `$.input`"),
        ({"input": []}, "Expected `array` of length >= 1 - at `$.input`"),
        ({"input": ["a", ""]}, "input must not contain empty items"),
        ({"input": ["a", 1]}, "input is none of the documented forms"),
        ({"dimensions": 0}, ">= 1 - at `$.dimensions`"),
        ({"encoding_format": "int8"}, "Invalid enum value 'int8'"),
        ({"truncate": True}, "Unrecognized fields in embeddings request: truncate"),
        ({"model": "no/such"}, "no/such is not a valid model ID"),
        ({"model": "openai/gpt-4o"}, "openai/gpt-4o cannot be used on this endpoint"),
    ],
)
def test_a_wrong_embeddings_request_is_refused(more, message) -> None:
    """The same strictness as for chats."""
    with pytest.raises(RefusedError) as caught:
        read_embeddings({"model": "baai/bge-m3", "input": "one", **more})

    assert caught.value.status == 400
    assert message in caught.value.message


def test_refusals_fit_the_schema(body, conforms) -> None:
    """Also an error is an answer that must be readable."""
    with pytest.raises(RefusedError) as caught:
        read_chat(body(model="no/such"))

    conforms("error-400", json.loads(json.dumps(caught.value.body())))
    assert caught.value.body()["error"]["code"] == 400
