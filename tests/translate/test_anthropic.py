"""`/v1/messages`: what of Anthropic's request becomes what of a chat."""

import json
from typing import Any

import msgspec
import pytest

from tray_proxy.errors import BadRequest, ProxyError, UnsupportedRequest
from tray_proxy.translate import chat
from tray_proxy.translate.anthropic import check, estimate, to_chat, to_messages
from tray_proxy.translate.splice import encode
from tray_proxy.wire.anthropic import ContentBlock, Message, MessagesRequest, Source
from tray_proxy.wire.openrouter import Architecture, ModelEntry, ReasoningFacts

GIF = "R0lGODlhAQABAAAAACw="
LINK = "https://example.com/cat.png"
EPHEMERAL = {"type": "ephemeral"}
PICTURE = {"type": "image", "source": {"type": "url", "url": LINK}}
SENT_PICTURE = {"type": "image_url", "image_url": {"url": LINK}}
ATTRIBUTION = "x-anthropic-billing-header: cc_version=2.1.117.48f; cc_entrypoint=cli; cch="
TOOL = {"name": "now", "description": "The time", "input_schema": {"type": "object", "properties": {"b": {}, "a": {}}}}
MODEL = ModelEntry(
    id="v/m",
    architecture=Architecture(input_modalities=("text", "image")),
    supported_parameters=("tools", "response_format"),
    reasoning=ReasoningFacts(),
)


def request(**fields: Any) -> MessagesRequest:
    """Read a request as the server does."""
    body = {"model": "v/m", "max_tokens": 5000, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return msgspec.json.decode(json.dumps(body), type=MessagesRequest)


def sent(*, thinks: bool = True, **fields: Any) -> dict[str, Any]:
    """What would go to OpenRouter, but for what every request holds."""
    asked = to_chat(request(**fields), thinks=thinks)
    completion = chat.to_completion_request(asked.request, MODEL, "m", more=asked.more, budget=asked.budget)
    whole = json.loads(b"".join(encode(completion)))
    assert (whole.pop("model"), whole.pop("stream")) == ("v/m", True)
    return whole


def sent_messages(*messages: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    return sent(messages=list(messages), **fields)["messages"]


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def call(call_id: str = "toolu_1", **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "now", "input": given}


def result(content: Any, call_id: str = "toolu_1", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}


def image(source: dict[str, Any]) -> dict[str, Any]:
    return {"type": "image", "source": source}


def refusal(**fields: Any) -> ProxyError:
    with pytest.raises(ProxyError) as caught:
        to_chat(request(**fields), thinks=True)
    return caught.value


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": None}, "model is required"),
        ({"model": " "}, "model is required"),
        ({"max_tokens": None}, "max_tokens is required and must be positive"),
        ({"max_tokens": 0}, "max_tokens is required and must be positive"),
        ({"max_tokens": -1}, "max_tokens is required and must be positive"),
        ({"messages": None}, "messages is required"),
        ({"messages": []}, "messages is required"),
    ],
)
def test_what_every_request_needs_is_told_in_ollamas_words(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check(request(**fields))

    assert caught.value.message == words


def test_what_is_missing_is_told_in_ollamas_order() -> None:
    with pytest.raises(BadRequest, match="max_tokens"):
        check(request(max_tokens=None, messages=[]))


def test_counting_needs_no_limit() -> None:
    check(request(max_tokens=None), counts=True)


def test_nothing_is_sent_that_was_not_said() -> None:
    assert sent() == {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5000}


def test_sampling_goes_under_openrouters_names() -> None:
    fields = {"temperature": 0.5, "top_p": 0.9, "top_k": 7, "stop_sequences": ["a", "b"]}

    assert {name: value for name, value in sent(**fields).items() if name not in ("messages", "max_tokens")} == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 7,
        "stop": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("system", "content"),
    [
        ("Be brief", "Be brief"),
        ([text("Be "), text("brief")], "Be brief"),
        (
            [text("Be ", cache_control=EPHEMERAL), text("brief")],
            [text("Be ", cache_control=EPHEMERAL), text("brief")],
        ),
    ],
)
def test_a_system_prompt_stands_before_all(system: Any, content: Any) -> None:
    """Its blocks are joined without anything between them, as Ollama does, unless a mark must keep its place."""
    assert sent(system=system)["messages"][0] == {"role": "system", "content": content}


@pytest.mark.parametrize("system", ["", [], [text("")], [{"type": "text"}]])
def test_an_empty_system_prompt_is_none(system: Any) -> None:
    assert [message["role"] for message in sent(system=system)["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("system", "content"),
    [
        ([text(f"{ATTRIBUTION}71fea;"), text("Be "), text("brief")], "Be brief"),
        ([text(f"{ATTRIBUTION}71fea;\nBe brief")], "Be brief"),
        (f"{ATTRIBUTION}71fea;\nBe\nbrief", "Be\nbrief"),
        (f"Do not write {ATTRIBUTION}", f"Do not write {ATTRIBUTION}"),
    ],
)
def test_the_line_that_claude_code_changes_with_each_request_is_left_out(system: Any, content: str) -> None:
    """Behind it nothing would be found in a provider's cache, and all of it would be paid anew."""
    assert sent(system=system)["messages"][0] == {"role": "system", "content": content}


def test_a_system_prompt_of_that_line_alone_is_none() -> None:
    assert [message["role"] for message in sent(system=[text(f"{ATTRIBUTION}71fea;")])["messages"]] == ["user"]


def test_a_system_message_among_the_others_stays_there() -> None:
    """Claude Code sends its kinds of agents so, after the prompt."""
    told = sent_messages({"role": "user", "content": "Hi"}, {"role": "system", "content": [text("Agents: none")]})

    assert told[1] == {"role": "system", "content": "Agents: none"}


@pytest.mark.parametrize("content", [[], [text("")]])
def test_a_system_message_without_words_is_none(content: Any) -> None:
    """So settings are changed at Anthropic in the middle of a conversation; other providers refuse an empty text."""
    told = sent_messages(
        user(text("Hi")), {"role": "system", "content": content, "output_config": {"effort": "low"}}, user(text("Ho"))
    )

    assert [message["role"] for message in told] == ["user", "user"]


def test_texts_of_a_message_are_joined() -> None:
    assert sent_messages(user(text("a"), text("b"))) == [{"role": "user", "content": "ab"}]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (EPHEMERAL, EPHEMERAL),
        ({"type": "ephemeral", "ttl": "1h", "scope": "global"}, {"type": "ephemeral", "ttl": "1h"}),
    ],
)
def test_a_mark_for_the_cache_goes_with_its_text(given: dict[str, Any], kept: dict[str, Any]) -> None:
    """An agent's next request costs a tenth up to there; OpenRouter knows no `scope`."""
    assert sent_messages(user(text("a", cache_control=given), text("b")))[0]["content"] == [
        text("a", cache_control=kept),
        text("b"),
    ]


@pytest.mark.parametrize("given", [None, {}, {"type": None}, {"scope": "global"}])
def test_a_mark_of_which_nothing_is_known_is_none(given: dict[str, Any] | None) -> None:
    assert sent_messages(user(text("a", cache_control=given)))[0]["content"] == "a"


def test_a_turn_is_the_same_prompt_when_the_mark_has_moved_on() -> None:
    """Agents mark the end of the last turn; in two pieces once and in one later, it would not be found in the cache."""
    marked = sent_messages(user(text("a"), text("b", cache_control=EPHEMERAL)))
    later = sent_messages(user(text("a"), text("b")))

    assert marked[0]["content"] == [text("ab", cache_control=EPHEMERAL)]
    assert later[0]["content"] == "ab"


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        ([text("a"), text("", cache_control=EPHEMERAL)], [text("a", cache_control=EPHEMERAL)]),
        ([text("a"), PICTURE | {"cache_control": EPHEMERAL}], [text("a", cache_control=EPHEMERAL), SENT_PICTURE]),
        (
            [text("a"), PICTURE | {"cache_control": EPHEMERAL}, text("b"), text("c")],
            [text("a", cache_control=EPHEMERAL), SENT_PICTURE, text("bc")],
        ),
        (
            [text("a", cache_control={"type": "ephemeral", "ttl": "1h"}), PICTURE | {"cache_control": EPHEMERAL}],
            [text("a", cache_control={"type": "ephemeral", "ttl": "1h"}), SENT_PICTURE],
        ),
        ([PICTURE | {"cache_control": EPHEMERAL}], [SENT_PICTURE]),
        ([text("", cache_control=EPHEMERAL)], ""),
    ],
)
def test_a_mark_that_cannot_stand_where_it_is_goes_to_the_text_before_it(blocks: Any, told: Any) -> None:
    """OpenRouter knows none on pictures, providers none on empty texts. There are never more than the app set."""
    assert sent_messages(user(*blocks))[0]["content"] == told


def test_a_mark_on_a_call_goes_to_what_was_said_before_it() -> None:
    told = sent_messages(user(text("Hi")), assistant(text("a"), call() | {"cache_control": EPHEMERAL}))

    assert told[1]["content"] == [text("a", cache_control=EPHEMERAL)]


def test_an_empty_system_prompt_with_a_mark_is_none() -> None:
    assert [message["role"] for message in sent(system=[text("", cache_control=EPHEMERAL)])["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("ab", [text("ab", cache_control=EPHEMERAL)]),
        ([text("a"), text("b")], [text("ab", cache_control=EPHEMERAL)]),
        ([text("a"), PICTURE], [text("a", cache_control=EPHEMERAL), SENT_PICTURE]),
        ("", ""),
        ([], ""),
    ],
)
def test_a_mark_on_a_result_goes_with_the_end_of_it(content: Any, told: Any) -> None:
    """That is where agents set it: at the end of what they have sent so far."""
    messages = sent_messages(
        user(text("Hi")), assistant(call()), user(text("b"), result(content, cache_control=EPHEMERAL))
    )

    assert messages[2:] == [
        {"role": "tool", "tool_call_id": "toolu_1", "content": told},
        {"role": "user", "content": "b"},
    ]


def test_a_mark_in_a_result_stays_in_its_place() -> None:
    content = [text("a", cache_control=EPHEMERAL), text("b")]

    assert sent_messages(user(text("Hi")), assistant(call()), user(result(content)))[2]["content"] == content


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ({"type": "base64", "media_type": "image/png", "data": GIF}, f"data:image/gif;base64,{GIF}"),
        ({"type": "url", "url": LINK}, LINK),
    ],
)
def test_a_picture_goes_in_its_place(source: dict[str, Any], url: str) -> None:
    """Ollama takes base64 alone; OpenRouter fetches what has an address. The type is told by the bytes."""
    assert sent_messages(user(text("a"), image(source), text("b")))[0]["content"] == [
        text("a"),
        {"type": "image_url", "image_url": {"url": url}},
        text("b"),
    ]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"type": "file", "file_id": "f"}, "invalid image source type: file. Send base64 or an http(s) url."),
        ({}, "invalid image source type: None. Send base64 or an http(s) url."),
        ({"type": "base64"}, "invalid image source: data must be a text"),
        ({"type": "url", "url": 7}, "invalid image source: url must be a text"),
        (None, "invalid image source type: None. Send base64 or an http(s) url."),
    ],
)
def test_a_picture_from_nowhere_is_refused(source: Any, words: str) -> None:
    assert refusal(messages=[user(image(source))]).message == words
    assert refusal(messages=[user(result([image(source)]))]).message == words


def test_a_documents_text_is_read_and_its_title_stands_before_it() -> None:
    document = {"type": "document", "title": "Rules", "source": {"type": "text", "data": 'Be "brief"'}}

    assert sent_messages(user(document, text("!")))[0]["content"] == 'Rules\nBe "brief"!'


@pytest.mark.parametrize("source", [{"type": "base64", "data": "JVBERi0="}, {"type": "url", "url": LINK}, {}, None])
def test_a_document_that_cannot_be_sent_is_refused(source: Any) -> None:
    """Passed over, the answer would be made without it."""
    error = refusal(messages=[user({"type": "document", "source": source})])

    assert type(error) is UnsupportedRequest
    kind = (source or {}).get("type")
    assert error.message == (
        f"a document of source type {kind} cannot be sent on: send its text, or pictures of its pages"
    )


@pytest.mark.parametrize("data", [b"7", b"null", b"[]", b'"\xff"', b'"\\ud800"'])
def test_a_document_that_is_no_text_is_refused(data: bytes) -> None:
    """It was skipped over as it was read, so whatever bytes may stand there."""
    source = Source(type="text", data=msgspec.Raw(data))
    message = Message(role="user", content=[ContentBlock(type="document", source=source)])

    with pytest.raises(BadRequest, match="invalid document source: data must be a text"):
        list(to_messages(message))


def test_a_turn_with_thought_text_and_call_is_one_message() -> None:
    thought = {"type": "thinking", "thinking": "Hm", "signature": "sig"}
    told = sent_messages(user(text("Hi")), assistant(thought, text("Let me see"), call(b=1, a=2)), user(result("noon")))

    assert told[1:] == [
        {
            "role": "assistant",
            "content": "Let me see",
            "reasoning": "Hm",
            "tool_calls": [
                {"id": "toolu_1", "type": "function", "function": {"name": "now", "arguments": '{"b":1,"a":2}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "toolu_1", "content": "noon"},
    ]


@pytest.mark.parametrize("role", ["user", "User"])
def test_results_stand_before_what_the_user_says_beside_them(role: str) -> None:
    """Each with the id of its call: in another order they would answer the wrong one."""
    told = sent_messages(
        user(text("Hi")),
        assistant(call("toolu_1"), call("toolu_2")),
        user(text("both"), result("two", "toolu_2"), result("one", "toolu_1")) | {"role": role},
    )

    assert [(message["role"], message.get("tool_call_id"), message["content"]) for message in told[2:]] == [
        ("tool", "toolu_2", "two"),
        ("tool", "toolu_1", "one"),
        ("user", None, "both"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, ""),
        ("noon", "noon"),
        ([text("no"), text("on")], "noon"),
        ([], ""),
        ([{"type": "novelty", "novelty": "x"}], ""),
        ([{"type": "document", "source": {"type": "text", "data": "noon"}}], "noon"),
        (
            [text("see"), image({"type": "base64", "data": GIF})],
            [text("see"), {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{GIF}"}}],
        ),
    ],
)
def test_a_result_may_come_in_blocks(content: Any, told: Any) -> None:
    assert sent_messages(user(text("Hi")), assistant(call()), user(result(content)))[2]["content"] == told


@pytest.mark.parametrize(
    ("content", "told"),
    [("", "The tool failed."), (None, "The tool failed."), ([], "The tool failed."), ("exit 1", "exit 1")],
)
def test_a_tool_that_failed_without_a_word_does_not_look_as_if_it_had_not(content: Any, told: str) -> None:
    messages = sent_messages(user(text("Hi")), assistant(call()), user(result(content, is_error=True)))

    assert messages[2]["content"] == told


@pytest.mark.parametrize("source", [{"type": "base64", "data": "JVBERi0="}, {"type": "file", "file_id": "f"}, None])
def test_of_a_document_that_a_tool_gave_back_the_model_is_told(source: Any) -> None:
    """Claude Code reads PDFs so: refused, no later request of the conversation would pass either."""
    content = [text("PDF file read"), {"type": "document", "source": source}]
    told = sent_messages(user(text("Hi")), assistant(call()), user(result(content)))

    assert told[2]["content"] == ("PDF file read[a document, which cannot be passed on: read its text by other means]")


def test_of_a_picture_that_a_tool_gave_back_a_model_without_eyes_is_told() -> None:
    """One that the user shows is refused: it may be what is asked about."""
    blind = to_chat(
        request(messages=[assistant(call()), user(result([text("See: "), PICTURE]), PICTURE)]), thinks=True, sees=False
    )

    _, returned, shown = blind.request.messages
    assert returned.content == "See: [a picture, which this model cannot see]"
    assert [part.type for part in shown.content] == ["image_url"]


def test_a_search_that_anthropic_made_stays_in_the_history() -> None:
    found = [
        {"type": "web_search_result", "title": "Rain", "url": "https://example.com/rain", "encrypted_content": "x"}
    ]
    told = sent_messages(
        user(text("Hi")),
        assistant(
            {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "rain"}},
            {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": found},
            text("It rains"),
        ),
        user(text("And now?")),
    )

    assert [message["role"] for message in told] == ["user", "assistant", "tool", "user"]
    assert told[2]["content"] == "- Rain: https://example.com/rain\n"


def test_a_search_for_tools_tells_which_it_found() -> None:
    """Claude Code loads tools so when they are wanted; without a word the model would take it that there are none."""
    found = [{"type": "tool_reference", "tool_name": name} for name in ("WebFetch", "WebSearch")]
    told = sent_messages(user(text("Hi")), assistant(call()), user(result(found, cache_control=EPHEMERAL)))

    words = "- WebFetch: this tool can be called now\n- WebSearch: this tool can be called now\n"
    assert told[2]["content"] == [text(words, cache_control=EPHEMERAL)]


def test_a_server_that_anthropic_called_stays_in_the_history() -> None:
    told = sent_messages(
        user(text("Hi")),
        assistant(
            {"type": "mcp_tool_use", "id": "mcp_1", "name": "now", "server_name": "clock", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "mcp_1", "is_error": False, "content": [text("noon")]},
            text("It is noon"),
        ),
        user(text("And now?")),
    )

    assert [(message["role"], message["content"]) for message in told] == [
        ("user", "Hi"),
        ("assistant", "It is noon"),
        ("tool", "noon"),
        ("user", "And now?"),
    ]


def test_a_search_that_failed_says_so() -> None:
    failed = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    told = sent_messages(
        user(text("Hi")),
        assistant(
            {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}},
            {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": failed},
        ),
    )

    assert told[2]["content"] == "web_search_tool_result_error: max_uses_exceeded"


def test_blocks_that_nobody_knows_are_passed_over() -> None:
    """As Ollama does; Anthropic's apps send back what only Anthropic can read."""
    told = sent_messages(user(text("Hi")), assistant({"type": "redacted_thinking", "data": "x"}, text("Yes")))

    assert told[1] == {"role": "assistant", "content": "Yes"}


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "tool_use", "name": "now", "input": {}}, "tool_use block missing required 'id' field"),
        ({"type": "tool_use", "id": "", "name": "now"}, "tool_use block missing required 'id' field"),
        ({"type": "tool_use", "id": "toolu_1", "input": {}}, "tool_use block missing required 'name' field"),
    ],
)
def test_a_call_without_id_or_name_is_told_in_ollamas_words(block: dict[str, Any], words: str) -> None:
    assert refusal(messages=[assistant(block)]).message == words


def test_tools_keep_their_schemas_untouched() -> None:
    tools = [TOOL | {"cache_control": EPHEMERAL, "strict": True}, {"name": "stop", "type": "custom"}]

    assert sent(tools=tools)["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "now",
                "description": "The time",
                "parameters": TOOL["input_schema"],
                "strict": True,
            },
            "cache_control": EPHEMERAL,
        },
        {"type": "function", "function": {"name": "stop"}},
    ]


def test_a_schemas_order_is_kept() -> None:
    translated = to_chat(request(tools=[TOOL]), thinks=True).request

    assert b'{"b":{},"a":{}}' in bytes(memoryview(translated.tools[0])).replace(b" ", b"")


SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


def test_tools_that_run_at_anthropic_are_left_out() -> None:
    """A model that is not offered them does not pretend to have searched."""
    assert [tool["function"]["name"] for tool in sent(tools=[SEARCH, TOOL])["tools"]] == ["now"]


@pytest.mark.parametrize(
    "fields", [{"tools": [SEARCH]}, {"tools": [TOOL, SEARCH], "tool_choice": {"type": "tool", "name": "web_search"}}]
)
def test_where_nothing_else_could_be_called_they_are_refused(fields: dict[str, Any]) -> None:
    """Claude Code's search asks so; an answer from memory would be taken for what was found."""
    assert refusal(**fields).message == (
        "the tool web_search runs at Anthropic, or is known to its models alone: offer tools of your own, with an "
        "input_schema"
    )


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "tool", "name": "now"}, {"tool_choice": {"type": "function", "function": {"name": "now"}}}),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            {"tool_choice": "auto", "parallel_tool_calls": False},
        ),
    ],
)
def test_the_choice_of_tools_is_sent_in_openais_words(choice: dict[str, Any], expected: dict[str, Any]) -> None:
    whole = sent(tools=[TOOL], tool_choice=choice)

    assert {name: whole[name] for name in whole if name in ("tool_choice", "parallel_tool_calls")} == expected


def test_without_tools_there_is_no_choice() -> None:
    assert "tool_choice" not in sent(tool_choice={"type": "auto"})


def test_another_choice_is_refused() -> None:
    assert refusal(tools=[TOOL], tool_choice={"type": "some"}).message == (
        'invalid tool_choice type: "some" (must be "auto", "any", "tool" or "none")'
    )


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, {"max_tokens": 2000}),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, {"enabled": True}),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, {"enabled": True}),
        ({"thinking": {"type": "enabled"}}, {"enabled": True}),
        ({"thinking": {"type": "disabled"}}, {"effort": "none"}),
        ({"thinking": {"type": "disabled", "budget_tokens": 2000}}, {"effort": "none"}),
        ({"thinking": {"type": "adaptive"}}, {"enabled": True}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, {"effort": "low"}),
        ({"thinking": {"type": "enabled"}, "output_config": {"effort": "low"}}, {"enabled": True}),
        ({"output_config": {"effort": "medium"}}, {"effort": "medium"}),
        ({"output_config": {"effort": " XHigh "}}, {"effort": "high"}),
        ({"output_config": {"effort": "max"}}, {"effort": "max"}),
        ({"output_config": {"effort": "whatever"}}, None),
        ({}, None),
    ],
)
def test_thinking_is_sent_as_reasoning(fields: dict[str, Any], reasoning: dict[str, Any] | None) -> None:
    """A budget that leaves no room for an answer, or is less than providers take, is none."""
    assert sent(**fields).get("reasoning") == reasoning


def test_thinking_on_a_model_that_cannot_is_passed_over() -> None:
    """On this route alone, as with Ollama: Claude Code always asks for it."""
    assert to_chat(request(thinking={"type": "adaptive"}), thinks=False).request.think is None


@pytest.mark.parametrize("place", ["output_config", "output_format"])
def test_a_form_of_the_answer_is_sent_as_response_format(place: str) -> None:
    """Under its older name too: passed over, an app that reads JSON would get prose."""
    schema = {"type": "object", "properties": {"b": {}, "a": {}}}
    form = {"type": "json_schema", "schema": schema}

    assert sent(**{place: {"format": form} if place == "output_config" else form})["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": schema},
    }


def test_a_mark_for_the_whole_request_is_sent_on() -> None:
    assert sent(cache_control={"type": "ephemeral", "scope": "global"})["cache_control"] == EPHEMERAL


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, 1),
        ({"messages": [user(text("a" * 396))]}, 100),
        ({"system": "a" * 388}, 100),
        ({"messages": [assistant({"type": "thinking", "thinking": "a" * 391})]}, 100),
    ],
)
def test_four_characters_are_about_a_token(fields: dict[str, Any], tokens: int) -> None:
    assert estimate(to_chat(request(**fields), thinks=True).request) == tokens


def test_pictures_count_too() -> None:
    """Taken for nothing, a context would seem to have room that it has not."""
    shown = [PICTURE, text("a" * 396), image({"type": "base64", "data": GIF * 1000})]
    returned = result([PICTURE], "toolu_2")

    assert estimate(to_chat(request(messages=[user(*shown)]), thinks=True).request) == 100 + 2 * 1600
    assert estimate(to_chat(request(messages=[user(returned)]), thinks=True).request) == 1 + 1600


def test_tools_and_calls_count_too() -> None:
    plain = estimate(to_chat(request(messages=[assistant(text("a"))]), thinks=True).request)
    with_call = estimate(to_chat(request(messages=[assistant(text("a"), call(b="x" * 400))]), thinks=True).request)
    with_tools = estimate(to_chat(request(messages=[assistant(text("a"))], tools=[TOOL]), thinks=True).request)

    assert with_call - plain > 100
    assert with_tools - plain > 20
