"""`/api/chat`: what is refused, what is sent, and how the answer is written."""

import json
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from tray_proxy.errors import BadRequest, ProxyError, UnsupportedRequest
from tray_proxy.translate import chat
from tray_proxy.translate.reasoning_details import place_after, turn_keys
from tray_proxy.translate.stream import Call, Delta, Outcome
from tray_proxy.wire.ollama import ChatRequest, ChatResponse
from tray_proxy.wire.openrouter import Architecture, Message, ModelEntry, ReasoningFacts, TokenLogprob

PLAIN = ModelEntry(id="vendor/plain")
ABLE = ModelEntry(
    id="vendor/able", supported_parameters=("tools", "reasoning", "response_format"), reasoning=ReasoningFacts()
)
EMBEDDING = ModelEntry(id="vendor/vectors", architecture=Architecture(output_modalities=("embeddings",)))
PAINTER = ModelEntry(id="vendor/painter", architecture=Architecture(output_modalities=("image",)))

TOOL = {
    "type": "function",
    "function": {"name": "now", "parameters": {"type": ["object", "null"], "z": 1, "a": {"$ref": "#"}}},
}
NOW = "2026-08-21T10:00:00.5Z"
OUTCOME = Outcome("stop", 11, 22, 0.5, 1000, 100, 300, 600)


def request(**fields: Any) -> ChatRequest:
    """Read a request as the server does."""
    fields = {"model": "able", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return msgspec.json.decode(json.dumps(fields), type=ChatRequest)


def refusal(model: ModelEntry = ABLE, **fields: Any) -> ProxyError:
    """What is raised by `check`, or by what follows it."""
    asked = request(**fields)
    with pytest.raises(ProxyError) as caught:  # noqa: PT012  one after the other, as each way does it
        chat.check(asked, model, "able")
        chat.to_completion_request(asked, model, "able")
    return caught.value


def sent(model: ModelEntry = ABLE, **fields: Any) -> dict[str, Any]:
    """What would go to OpenRouter."""
    return written(chat.to_completion_request(request(**fields), model, "able"))


def written(answer: object) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(answer))


@pytest.mark.parametrize("messages", [None, []])
def test_a_request_without_messages_only_loads(messages: list[Any] | None) -> None:
    assert chat.is_load(request(messages=messages)) is True


def test_a_request_with_a_message_is_bought() -> None:
    assert chat.is_load(request()) is False


@pytest.mark.parametrize(
    ("fields", "model", "kind", "words"),
    [
        ({"top_logprobs": 21}, ABLE, BadRequest, "top_logprobs must be between 0 and 20"),
        ({"top_logprobs": -1}, ABLE, BadRequest, "top_logprobs must be between 0 and 20"),
        ({"keep_alive": "soon"}, ABLE, BadRequest, 'time: invalid duration "soon"'),
        ({"keep_alive": True}, ABLE, BadRequest, "Unsupported type: 'bool'"),
        ({"options": {"top_k": "many"}}, ABLE, BadRequest, 'option "top_k" must be of type integer'),
        (
            {"think": "deeply"},
            ABLE,
            BadRequest,
            'invalid think value: "deeply" (must be "high", "medium", "low", "max", true, or false)',
        ),
        (
            {"think": ""},
            ABLE,
            BadRequest,
            'invalid think value: "" (must be "high", "medium", "low", "max", true, or false)',
        ),
        (
            {"think": 1},
            ABLE,
            BadRequest,
            'think must be a boolean or string ("high", "medium", "low", "max", true, or false)',
        ),
        (
            {"think": {"budget": 1}},
            ABLE,
            BadRequest,
            'think must be a boolean or string ("high", "medium", "low", "max", true, or false)',
        ),
        ({"think": True}, PLAIN, UnsupportedRequest, '"able" does not support thinking'),
        ({"think": "low"}, PLAIN, UnsupportedRequest, '"able" does not support thinking'),
        ({}, EMBEDDING, UnsupportedRequest, '"able" does not support chat'),
        ({}, PAINTER, UnsupportedRequest, '"able" does not support chat'),
        (
            {"tools": [TOOL]},
            PLAIN,
            UnsupportedRequest,
            "registry.ollama.ai/library/able:latest does not support tools",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_in_ollamas_words(
    fields: dict[str, Any], model: ModelEntry, kind: type[ProxyError], words: str
) -> None:
    error = refusal(model, **fields)

    assert (type(error), error.status, error.message) == (kind, 400, words)


@pytest.mark.parametrize(
    ("asked", "full"),
    [
        ("vendor/plain", "registry.ollama.ai/vendor/plain:latest"),
        ("vendor/plain:free", "registry.ollama.ai/vendor/plain:free"),
        ("plain", "registry.ollama.ai/library/plain:latest"),
        ("plain:latest", "registry.ollama.ai/library/plain:latest"),
    ],
)
def test_a_model_without_tools_is_named_in_full(asked: str, full: str) -> None:
    """Clients search for these words."""
    with pytest.raises(UnsupportedRequest) as caught:
        chat.check(request(tools=[TOOL]), PLAIN, asked)

    assert caught.value.message == f"{full} does not support tools"


def test_the_ability_that_is_missing_is_named() -> None:
    """`/api/generate` takes the same way."""
    with pytest.raises(UnsupportedRequest) as caught:
        chat.check_abilities(request(), EMBEDDING, "able", ability="generate")

    assert caught.value.message == '"able" does not support generate'


EVERYTHING_WRONG: dict[str, Any] = {
    "keep_alive": "soon",
    "think": "deeply",
    "top_logprobs": 99,
    "tools": [TOOL],
    "options": {"seed": "one"},
}


@pytest.mark.parametrize(
    ("put_right", "words"),
    [
        ({}, 'time: invalid duration "soon"'),
        (
            {"keep_alive": "5m"},
            'invalid think value: "deeply" (must be "high", "medium", "low", "max", true, or false)',
        ),
        ({"keep_alive": "5m", "think": "high"}, "top_logprobs must be between 0 and 20"),
        ({"keep_alive": "5m", "think": "high", "top_logprobs": 2}, '"able" does not support thinking'),
        ({"keep_alive": "5m", "think": False, "top_logprobs": 2}, '"able" does not support chat'),
    ],
)
def test_the_first_of_several_complaints_is_ollamas_first(put_right: dict[str, Any], words: str) -> None:
    assert refusal(EMBEDDING, **(EVERYTHING_WRONG | put_right)).message == words


@pytest.mark.parametrize(
    ("put_right", "words"),
    [
        ({}, "registry.ollama.ai/library/able:latest does not support tools"),
        ({"tools": []}, 'option "seed" must be of type integer'),
    ],
)
def test_what_the_model_can_do_is_asked_before_the_options_are_read(put_right: dict[str, Any], words: str) -> None:
    fields = EVERYTHING_WRONG | {"keep_alive": None, "think": None, "top_logprobs": None}

    assert refusal(PLAIN, **(fields | put_right)).message == words


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"think": False},
        {"think": None},
        {"tools": []},
        {"tools": None},
        {"top_logprobs": 0},
        {"format": ""},
        {"keep_alive": -1},
        {"keep_alive": "5m"},
        {"options": None},
    ],
)
def test_what_clients_send_without_meaning_it_passes(fields: dict[str, Any]) -> None:
    """ollama-python always sends `tools: []`, Zed null for all that is not set, others `think: false`."""
    chat.check(request(**fields), PLAIN, "plain")


@pytest.mark.parametrize("fields", [{"logprobs": True}, {"top_logprobs": 20}])
def test_likelihoods_are_refused_where_the_model_has_none(fields: dict[str, Any]) -> None:
    """OpenRouter would leave them out without a word."""
    able = msgspec.structs.replace(PLAIN, supported_parameters=("logprobs",))

    chat.check(request(**fields), able, "able")
    with pytest.raises(UnsupportedRequest, match=r'^"plain" does not support logprobs$'):
        chat.check(request(**fields), PLAIN, "plain")


def test_a_request_sends_what_was_set_and_nothing_else() -> None:
    assert sent(PLAIN) == {
        "model": "vendor/plain",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
    }


def test_everything_that_was_set_is_sent() -> None:
    whole = sent(
        ABLE,
        stream=False,  # always bought as a stream: a plain request cannot be cancelled
        options={"temperature": 0.5, "num_predict": 10, "num_ctx": 4096},
        think="low",
        format="json",
        tools=[TOOL],
        logprobs=True,
        top_logprobs=3,
        keep_alive="5m",
    )

    assert whole == {
        "model": "vendor/able",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "temperature": 0.5,
        "max_tokens": 10,
        "logprobs": True,
        "top_logprobs": 3,
        "response_format": {"type": "json_object"},
        "reasoning": {"effort": "low"},
        "tools": [TOOL],
    }


def test_a_small_limit_still_leaves_claude_room_to_think() -> None:
    claude = ModelEntry(id="anthropic/claude", supported_parameters=("reasoning",))

    whole = sent(claude, think=True, options={"num_predict": 100})

    assert (whole["max_tokens"], whole["reasoning"]) == (1124, {"max_tokens": 1024})


def test_of_many_stops_the_first_four_are_sent() -> None:
    assert sent(PLAIN, options={"stop": list("abcdef")})["stop"] == list("abcd")


def test_what_the_model_thought_goes_back_with_its_turn() -> None:
    """Of this model, and asked for by what was said."""
    history = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!", "thinking": "Hm."}]
    place = place_after([Message(role="user", content="Hi")])
    known = {turn_keys("vendor/able", place, "Hello!", []): b'[{"type":"reasoning.text","text":"Hm."}]'}

    completion = chat.to_completion_request(request(messages=history), ABLE, "able", known.get)

    assert written(completion)["messages"][1] == {
        "role": "assistant",
        "content": "Hello!",
        "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}],
    }


def test_a_tools_schema_is_not_touched() -> None:
    """Not even its order: Zed's tools broke where a proxy understood too much."""
    text = b'{"type":"function","function":{"name":"now","parameters":{"z":1.0,"a":{"type":["string","null"]}}}}'
    asked = msgspec.json.decode(b'{"messages":[{"role":"user"}],"tools":[' + text + b"]}", type=ChatRequest)

    completion = chat.to_completion_request(asked, ABLE, "able")

    assert b'"tools":[' + text + b"]" in msgspec.json.encode(completion)


@pytest.mark.parametrize(
    ("fields", "likelihoods"),
    [
        ({}, {}),
        ({"logprobs": False}, {}),
        ({"logprobs": True}, {"logprobs": True}),
        ({"logprobs": True, "top_logprobs": 0}, {"logprobs": True}),
        ({"top_logprobs": 5}, {"logprobs": True, "top_logprobs": 5}),  # OpenRouter refuses the one without the other
    ],
)
def test_likelihoods_are_asked_for(fields: dict[str, Any], likelihoods: dict[str, Any]) -> None:
    asked_for = {name: value for name, value in sent(**fields).items() if "logprobs" in name}

    assert asked_for == likelihoods


SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}}


@pytest.mark.parametrize("parameter", ["response_format", "structured_outputs"])
@pytest.mark.parametrize(
    ("wanted", "response_format"),
    [
        (None, UNSET),
        ("", UNSET),
        ("json", {"type": "json_object"}),
        (SCHEMA, {"type": "json_schema", "json_schema": {"name": "response", "schema": SCHEMA}}),
        ({}, {"type": "json_schema", "json_schema": {"name": "response", "schema": {}}}),
    ],
)
def test_a_format_is_translated(wanted: object, response_format: object, parameter: str) -> None:
    model = ModelEntry(id="vendor/model", supported_parameters=(parameter,))

    assert chat.to_response_format(wanted, model, "able") == response_format


@pytest.mark.parametrize(
    ("wanted", "shown"), [("xml", '"xml"'), (7, "7"), (True, "true"), (["json"], '["json"]'), ("JSON", '"JSON"')]
)
def test_another_format_is_refused_in_ollamas_words(wanted: object, shown: str) -> None:
    with pytest.raises(BadRequest) as caught:
        chat.to_response_format(wanted, ABLE, "able")

    assert caught.value.message == f'invalid format: {shown}; expected "json" or a valid JSON Schema object'


@pytest.mark.parametrize("wanted", ["json", SCHEMA])
def test_a_format_that_the_model_would_not_keep_is_refused(wanted: object) -> None:
    """OpenRouter would drop it without a word, and the app would fail on the text."""
    with pytest.raises(UnsupportedRequest) as caught:
        chat.to_response_format(wanted, PLAIN, "plain")

    assert caught.value.message == '"plain" does not support structured output (format)'


@pytest.mark.parametrize("reason", ["load", "unload"])
def test_loading_is_answered_without_metrics(reason: str) -> None:
    assert written(chat.loaded("able", NOW, reason)) == {
        "model": "able",
        "created_at": NOW,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": reason,
    }


@pytest.mark.parametrize(
    ("delta", "message"),
    [
        (Delta("Hi"), {"role": "assistant", "content": "Hi"}),
        (Delta(thinking="Hm."), {"role": "assistant", "content": "", "thinking": "Hm."}),
        (
            Delta("Let me look.", calls=(Call(0, "call_1", "now", {}),)),
            {
                "role": "assistant",
                "content": "Let me look.",
                "tool_calls": [{"id": "call_1", "function": {"index": 0, "name": "now", "arguments": {}}}],
            },
        ),
        (
            Delta(calls=(Call(0, "call_1", "now", {"b": 1, "a": 2}), Call(1, "call_2", "then", {}))),
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "call_1", "function": {"index": 0, "name": "now", "arguments": {"b": 1, "a": 2}}},
                    {"id": "call_2", "function": {"index": 1, "name": "then", "arguments": {}}},
                ],
            },
        ),
    ],
)
def test_a_line_carries_what_was_just_said(delta: Delta, message: dict[str, Any]) -> None:
    """With a content in every line, and no metrics before the end."""
    assert written(chat.line("able", delta, NOW)) == {
        "model": "able",
        "created_at": NOW,
        "message": message,
        "done": False,
    }


def test_the_last_line_of_a_stream_carries_the_metrics() -> None:
    assert written(chat.last("able", OUTCOME, NOW)) == {
        "model": "able",
        "created_at": NOW,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "total_duration": 1000,
        "load_duration": 100,
        "prompt_eval_count": 11,
        "prompt_eval_duration": 300,
        "eval_count": 22,
        "eval_duration": 600,
    }


def test_a_plain_answer_holds_everything_that_was_said() -> None:
    gathered = [
        Delta(thinking="H"),
        Delta(thinking="m."),
        Delta("Let me "),
        Delta("look."),
        Delta(calls=(Call(0, "call_1", "now", {}),)),
        Delta(calls=(Call(1, "call_2", "then", {}),)),
    ]

    answer = written(chat.last("able", OUTCOME, NOW, gathered))

    assert answer["message"] == {
        "role": "assistant",
        "content": "Let me look.",
        "thinking": "Hm.",
        "tool_calls": [
            {"id": "call_1", "function": {"index": 0, "name": "now", "arguments": {}}},
            {"id": "call_2", "function": {"index": 1, "name": "then", "arguments": {}}},
        ],
    }


FIRST = TokenLogprob("é", -0.5, [195, 169], [TokenLogprob("é", -0.5, [195, 169]), TokenLogprob("e", -1.5, None)])
SECOND = TokenLogprob("!", -0.25)
LIKELIHOODS = [
    {
        "token": "é",
        "logprob": -0.5,
        "bytes": [195, 169],
        "top_logprobs": [
            {"token": "é", "logprob": -0.5, "bytes": [195, 169]},
            {"token": "e", "logprob": -1.5, "bytes": [101]},
        ],
    },
    {"token": "!", "logprob": -0.25, "bytes": [33]},
]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(chat.line("able", Delta("é!", logprobs=(FIRST, SECOND)), NOW), id="line"),
        pytest.param(
            chat.last("able", OUTCOME, NOW, [Delta("é", logprobs=(FIRST,)), Delta("!", logprobs=(SECOND,))]), id="plain"
        ),
    ],
)
def test_likelihoods_stand_beside_the_message_with_their_bytes(answer: ChatResponse) -> None:
    assert written(answer)["logprobs"] == LIKELIHOODS
