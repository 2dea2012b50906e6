"""`/v1/responses`: items in, a conversation out, and what else is sent with it."""

import json
from typing import Any

import msgspec
import pytest

from tray_proxy.errors import BadRequest, ProxyError, UnsupportedRequest
from tray_proxy.translate import chat
from tray_proxy.translate.response_tools import Origin
from tray_proxy.translate.responses import PASSED_OVER, to_chat
from tray_proxy.translate.splice import encode
from tray_proxy.wire.openrouter import Architecture, ModelEntry, ReasoningFacts
from tray_proxy.wire.responses import ResponsesRequest

ABLE = ModelEntry(
    id="v/able",
    architecture=Architecture(input_modalities=("text", "image", "audio")),
    supported_parameters=("tools", "reasoning", "response_format", "logprobs"),
    reasoning=ReasoningFacts(),
)
GIF = "R0lGODlhAQABAAAAACw="
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{GIF}"}}
TOOL = {"type": "function", "name": "now", "parameters": {"type": "object"}}
USER = {"role": "user", "content": "Hi"}
EFFORTS = '"none", "minimal", "low", "medium", "high", "max", "xhigh", "ultra"'


def read(**fields: Any) -> ResponsesRequest:
    """Read a request as the server does."""
    return msgspec.json.decode(json.dumps({"model": "able", "input": "Hi"} | fields), type=ResponsesRequest)


def sent(**fields: Any) -> dict[str, Any]:
    """What would go to OpenRouter."""
    translated, _ = to_chat(read(**fields))
    chat.check(translated.request, ABLE, "able")
    completion = chat.to_completion_request(translated.request, ABLE, "able", more=translated.more)
    return json.loads(b"".join(encode(completion)))


def messages(*items: dict[str, Any]) -> list[dict[str, Any]]:
    return sent(input=list(items))["messages"]


def refusal(**fields: Any) -> ProxyError:
    with pytest.raises(ProxyError) as caught:
        sent(**fields)
    return caught.value


def spoke(text: str, **more: Any) -> dict[str, Any]:
    """What our own answer holds, and comes back."""
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]} | more


def called(call_id: str, name: str = "now", arguments: str = "{}", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments} | more


def gave(call_id: str, output: Any = "noon") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def thought(text: str | None, *summary: str) -> dict[str, Any]:
    texts = [{"type": "summary_text", "text": each} for each in summary]
    return {"type": "reasoning", "id": "rs_1", "summary": texts, "encrypted_content": text}


def call_sent(call_id: str, name: str = "now", arguments: str = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_text_is_what_the_user_says() -> None:
    assert sent(input="Hi") == {"model": "v/able", "messages": [USER], "stream": True}


def test_instructions_stand_in_front() -> None:
    assert sent(instructions="Be brief.")["messages"] == [{"role": "system", "content": "Be brief."}, USER]


@pytest.mark.parametrize("nothing", [None, "", [], [thought("Hm.")], [{"type": "web_search_call", "id": "ws_1"}]])
def test_without_input_nothing_is_bought(nothing: Any) -> None:
    error = refusal(input=nothing, instructions="Be brief.")

    assert type(error) is BadRequest
    assert error.message == "input is required: a text, or a list of items that hold one"


@pytest.mark.parametrize("role", ["user", "system", "developer", "assistant"])
@pytest.mark.parametrize("kind", [{}, {"type": "message"}])
@pytest.mark.parametrize("content", ["Hi", [{"type": "input_text", "text": "Hi"}], [{"type": "text", "text": "Hi"}]])
def test_every_speaker_is_heard(role: str, kind: dict[str, str], content: Any) -> None:
    assert messages({"role": role, "content": content} | kind) == [{"role": role, "content": "Hi"}]


def test_what_a_user_says_and_shows_keeps_its_order() -> None:
    shown = {"type": "input_image", "image_url": f"data:image/png;base64,{GIF}"}

    (message,) = messages({"role": "user", "content": [shown, {"type": "input_text", "text": "See?"}]})

    assert message["content"] == [PICTURE, {"type": "text", "text": "See?"}]


@pytest.mark.parametrize(("detail", "kept"), [("high", {"detail": "high"}), ("much", {}), (None, {})])
@pytest.mark.parametrize("url", ["https://example.com/cat.png", f"data:image/gif;base64,{GIF}"])
def test_a_picture_is_looked_at_as_closely_as_was_asked(url: str, detail: str | None, kept: dict[str, str]) -> None:
    (message,) = messages({"role": "user", "content": [{"type": "input_image", "image_url": url, "detail": detail}]})

    assert message["content"] == [{"type": "image_url", "image_url": {"url": url} | kept}]


def test_sound_is_sent_on() -> None:
    part = {"type": "input_audio", "input_audio": {"data": GIF, "format": "wav"}}

    assert messages({"role": "user", "content": [part]})[0]["content"] == [part]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            {"type": "input_file", "file_data": "x"},
            "file inputs are not currently supported: send the file's text, or pictures of its pages",
        ),
        (
            {"type": "input_image", "file_id": "file_1"},
            "files are not kept here: send a picture as image_url, not by its file_id",
        ),
        (
            {"type": "input_image", "image_url": "cat.png"},
            "invalid image input: an image_url is a data: URI with base64, or an http(s) address",
        ),
        ({"type": "video"}, "unknown content type: video"),
        ({"text": "Hi"}, "unknown content type: None"),
    ],
)
def test_what_cannot_be_sent_is_refused_where_it_stands(part: dict[str, Any], message: str) -> None:
    error = refusal(input=[USER, {"role": "user", "content": [part]}])

    assert (error.status, error.message) == (400, f"input[1]: {message}")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"content": "Hi"}, "input item missing required 'type' field"),
        ({"type": "", "content": "Hi"}, "input item missing required 'type' field"),
        ({"type": "wish"}, 'unknown input item type: "wish"'),
        ({"type": "message", "content": "Hi"}, "a message needs a role: user, assistant, system or developer"),
        ({"type": "item_reference", "id": "msg_1"}, "items are not kept between requests: send the item itself"),
        (called("call_1", name=""), "function_call needs a name"),
        (called("call_1", arguments="[1]"), "invalid tool call arguments"),
        (called("call_1", arguments=5), "invalid tool call arguments"),  # type: ignore[arg-type]  # on purpose
        ({"type": "custom_tool_call", "call_id": "c", "input": "x"}, "custom_tool_call needs a name"),
        (
            {"role": "assistant", "content": [{"type": "input_image", "image_url": "data:,"}]},
            "images are not supported in assistant messages",
        ),
    ],
)
def test_an_item_that_is_none_is_refused_where_it_stands(item: dict[str, Any], message: str) -> None:
    error = refusal(input=[item, USER])

    assert (error.status, error.message) == (400, f"input[0]: {message}")


def test_a_role_that_nobody_has_is_refused() -> None:
    assert "invalid role: 'wizard'" in refusal(input=[{"role": "wizard", "content": "Hi"}]).message


def test_what_was_refused_is_repeated_to_the_model() -> None:
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "I won't."}]}

    assert messages(USER, refused, USER)[1] == {"role": "assistant", "content": "I won't."}


def test_a_turn_is_one_message_whatever_it_is_made_of() -> None:
    """Only so do calls that were made at once stand beside each other, with their results behind."""
    turn = [thought("Hm."), spoke("Let me see."), called("call_1"), called("call_2", "later", '{"in": 1}')]

    assert messages(USER, *turn, gave("call_2", "two"), gave("call_1", "one"), spoke("So.")) == [
        USER,
        {
            "role": "assistant",
            "content": "Let me see.",
            "reasoning": "Hm.",
            "tool_calls": [call_sent("call_1"), call_sent("call_2", "later", '{"in":1}')],
        },
        {"role": "tool", "tool_call_id": "call_2", "content": "two"},
        {"role": "tool", "tool_call_id": "call_1", "content": "one"},
        {"role": "assistant", "content": "So."},
    ]


def test_a_text_that_was_interrupted_by_a_thought_is_one_text_again() -> None:
    """By its text, what a model thought is found again: not a blank may be added."""
    (turn,) = messages(thought("A"), spoke("It is "), thought("B"), spoke("noon."))

    assert turn == {"role": "assistant", "content": "It is noon.", "reasoning": "A\nB"}


def test_two_texts_side_by_side_are_two_turns() -> None:
    assert messages(spoke("One."), spoke("Two."), USER) == [
        {"role": "assistant", "content": "One."},
        {"role": "assistant", "content": "Two."},
        USER,
    ]


@pytest.mark.parametrize(
    ("item", "read_as"),
    [
        (thought("whole", "summed up"), "whole"),
        (thought(None, "summed", "up"), "summed\nup"),
        (thought("", "summed up"), "summed up"),
        ({"type": "reasoning", "content": [{"type": "reasoning_text", "text": "in parts"}]}, "in parts"),
    ],
)
def test_a_thought_belongs_to_the_turn_that_follows_it(item: dict[str, Any], read_as: str) -> None:
    (_, turn) = messages(USER, item, spoke("So."))

    assert turn["reasoning"] == read_as


@pytest.mark.parametrize("empty", [thought(None), thought("")])
def test_a_thought_without_a_text_is_none(empty: dict[str, Any]) -> None:
    assert messages(USER, empty, spoke("So.")) == [USER, {"role": "assistant", "content": "So."}]


def test_a_thought_that_led_to_nothing_is_left_out() -> None:
    """It broke off; a turn that says nothing is refused by some providers."""
    assert messages(USER, thought("Hm."), USER, thought("Hm.")) == [USER, USER]


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("noon", "noon"),
        (None, ""),
        ([{"type": "input_text", "text": "noon"}], "noon"),
        ({"hour": 12}, '{"hour":12}'),
        ([{"type": "input_image", "image_url": f"data:image/gif;base64,{GIF}"}], [PICTURE]),
    ],
)
@pytest.mark.parametrize("kind", ["function_call_output", "custom_tool_call_output"])
def test_a_tools_result_is_told_in_any_form(kind: str, output: Any, told: Any) -> None:
    result = {"type": kind, "call_id": "call_1", "output": output}

    assert messages(USER, called("call_1"), result)[-1] == {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": told,
    }


@pytest.mark.parametrize("arguments", ["", "  ", None])
def test_a_call_without_arguments_has_empty_ones(arguments: Any) -> None:
    assert messages(called("call_1", arguments=arguments), gave("call_1"))[0]["tool_calls"] == [call_sent("call_1")]


def test_a_call_of_a_tool_in_a_group_has_the_name_that_the_tool_is_sent_with() -> None:
    group = {"type": "namespace", "name": "clock", "tools": [TOOL]}

    body = sent(input=[USER, called("call_1", namespace="clock"), gave("call_1")], tools=[group])

    assert body["messages"][1]["tool_calls"] == [call_sent("call_1", "clock__now")]
    assert [tool["function"]["name"] for tool in body["tools"]] == ["clock__now"]


def test_a_text_that_a_tool_was_given_comes_back_as_its_argument() -> None:
    patch = {"type": "custom_tool_call", "call_id": "call_1", "name": "apply_patch", "input": '*** Begin "x"\n'}
    result = {"type": "custom_tool_call_output", "call_id": "call_1", "output": "Done"}

    assert messages(USER, patch, result)[1]["tool_calls"] == [
        call_sent("call_1", "apply_patch", json.dumps({"input": '*** Begin "x"\n'}, separators=(",", ":")))
    ]


@pytest.mark.parametrize("kind", sorted(PASSED_OVER))
def test_what_openais_own_tools_did_is_passed_over(kind: str) -> None:
    """And does not part a turn."""
    assert messages(
        USER, spoke("Found."), {"type": kind, "id": "x", "status": "completed"}, called("call_1"), gave("call_1")
    ) == [
        USER,
        {"role": "assistant", "content": "Found.", "tool_calls": [call_sent("call_1")]},
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
    ]


def test_tools_that_come_in_between_are_offered_too() -> None:
    """So does Codex for some models."""
    added = {"type": "additional_tools", "role": "developer", "tools": [TOOL]}

    body = sent(input=[added, USER], tools=[TOOL | {"name": "later"}])

    assert [tool["function"]["name"] for tool in body["tools"]] == ["later", "now"]
    assert body["messages"] == [USER]


def test_tools_are_sent_with_the_choice_among_them() -> None:
    choice = {"type": "function", "name": "now"}

    translated, names = to_chat(read(tools=[TOOL], tool_choice=choice, parallel_tool_calls=False))

    assert translated.more == {
        "tool_choice": {"type": "function", "function": {"name": "now"}},
        "parallel_tool_calls": False,
    }
    assert names == {"now": Origin("now")}


def test_a_choice_without_tools_is_not_sent() -> None:
    assert sent(tools=[], tool_choice="auto", parallel_tool_calls=True) == sent()


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ({"max_output_tokens": 100}, {"max_tokens": 100}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"top_k": 40}, {"top_k": 40}),
        ({"presence_penalty": 0.5, "frequency_penalty": 1}, {"presence_penalty": 0.5, "frequency_penalty": 1}),
        ({"reasoning": {"effort": "minimal", "summary": "auto"}}, {"reasoning": {"effort": "low"}}),
        ({"reasoning": {"effort": "none"}}, {"reasoning": {"effort": "none"}}),
        ({"reasoning": {"summary": "auto"}}, {}),
        ({"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"include": ["reasoning.encrypted_content", "message.output_text.logprobs"]}, {"logprobs": True}),
        ({"include": ["reasoning.encrypted_content"]}, {}),
        ({"service_tier": "flex"}, {"service_tier": "flex"}),
        ({"user": "me", "metadata": {"a": "b"}}, {"user": "me", "metadata": {"a": "b"}}),
        ({"prompt_cache_key": "k"}, {"prompt_cache_key": "k"}),
        ({"provider": {"sort": "price"}}, {"provider": {"sort": "price"}}),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        ({"text": {"format": {"type": "text"}}}, {}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        ({"previous_response_id": "resp_1", "conversation": "c", "background": True, "store": True}, {}),
    ],
)
def test_what_openrouter_knows_is_sent_on(given: dict[str, Any], becomes: dict[str, Any]) -> None:
    assert sent(**given) == sent() | becomes


def test_a_schema_is_sent_whole() -> None:
    """Its order, and that it is strict, decide what a model may write."""
    schema = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "integer"}}}
    form = {"type": "json_schema", "name": "step", "description": "One", "schema": schema, "strict": True}

    given = sent(text={"format": form})["response_format"]

    assert given == {
        "type": "json_schema",
        "json_schema": {"name": "step", "description": "One", "schema": schema, "strict": True},
    }
    assert list(given["json_schema"]["schema"]["properties"]) == ["z", "a"]


@pytest.mark.parametrize(
    ("name", "known_as"), [("A step", "A_step"), (None, "response"), ("", "response"), ("n" * 70, "n" * 64)]
)
def test_a_schema_has_a_name_that_openrouter_takes(name: str | None, known_as: str) -> None:
    form = {"type": "json_schema", "name": name, "schema": {}, "strict": None}

    assert sent(text={"format": form})["response_format"]["json_schema"] == {"name": known_as, "schema": {}}


@pytest.mark.parametrize(
    ("fields", "kind", "message"),
    [
        ({"text": {"format": {"type": "json_schema"}}}, BadRequest, "text.format: json_schema needs a schema"),
        (
            {"reasoning": {"effort": "much"}},
            BadRequest,
            f'invalid reasoning value: "much" (must be one of {EFFORTS})',
        ),
        ({"top_logprobs": 21}, BadRequest, "top_logprobs must be between 0 and 20"),
        (
            {"tools": [{"type": "web_search"}]},
            UnsupportedRequest,
            "tools: web_search cannot be called here: offer functions or custom tools, or none",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(fields: dict[str, Any], kind: type[ProxyError], message: str) -> None:
    error = refusal(**fields)

    assert (type(error), error.message) == (kind, message)


def test_a_model_that_knows_no_schema_is_not_asked_for_one() -> None:
    translated, _ = to_chat(read(text={"format": {"type": "json_schema", "schema": {}}}))

    with pytest.raises(UnsupportedRequest, match="does not support structured output"):
        chat.to_completion_request(translated.request, ModelEntry(id="v/m"), "m", more=translated.more)
