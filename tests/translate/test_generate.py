"""`/api/generate`: what is refused, which conversation is sent, and how the answer is written."""

import json
from typing import Any

import msgspec
import pytest

from tray_proxy.errors import BadRequest, ProxyError, UnsupportedRequest
from tray_proxy.translate import generate
from tray_proxy.translate.context import to_context
from tray_proxy.translate.presets import Preset
from tray_proxy.translate.stream import Delta, Outcome
from tray_proxy.wire.ollama import GenerateRequest, Message
from tray_proxy.wire.openrouter import Architecture, ModelEntry, ReasoningFacts, TokenLogprob

PLAIN = ModelEntry(id="vendor/plain")
THINKER = ModelEntry(id="vendor/thinker", reasoning=ReasoningFacts())
EMBEDDING = ModelEntry(id="vendor/vectors", architecture=Architecture(output_modalities=("embeddings",)))
SPEAKER = ModelEntry(id="vendor/speaker", architecture=Architecture(output_modalities=("speech",)))
PAINTER = ModelEntry(id="vendor/painter", architecture=Architecture(output_modalities=("image",)))
PAINTS_AND_WRITES = ModelEntry(id="vendor/both", architecture=Architecture(output_modalities=("image", "text")))
NOW = "2026-08-21T10:00:00.5Z"
OUTCOME = Outcome("length", 11, 22, 0.5, 1000, 100, 300, 600)
PIRATE = Preset(
    model="vendor/plain",
    system="Talk like a pirate.",
    parameters={"temperature": 0.2, "top_k": 40},
    messages=[Message(role="user", content="Who are you?"), Message(role="assistant", content="Arr!")],
)
CONTEXT = to_context(
    [
        Message(role="system", content="Be brief."),
        Message(role="user", content="I am Ann."),
        Message(role="assistant", content="Hello, Ann."),
    ]
)
TOKENS_OF_A_REAL_OLLAMA = [128006, 882, 128007, 271, 15339]


def request(**fields: Any) -> GenerateRequest:
    """Read a request as the server does."""
    fields = {"model": "plain", "prompt": "Hi", **fields}
    return msgspec.json.decode(json.dumps(fields), type=GenerateRequest)


def refusal(model: ModelEntry = PLAIN, **fields: Any) -> tuple[type[ProxyError], str]:
    """What `check` raises."""
    with pytest.raises(ProxyError) as caught:
        generate.check(request(**fields), model, "plain")
    return type(caught.value), caught.value.message


def turns(preset: Preset | None = None, **fields: Any) -> list[tuple[str, str | None]]:
    """Who says what in the chat that the request becomes."""
    chat = generate.to_chat_request(request(**fields), preset)
    return [(message.role, message.content) for message in chat.messages or []]


def sent(answer: object) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(answer))


@pytest.mark.parametrize("prompt", [None, ""])
def test_a_request_without_prompt_only_loads(prompt: str | None) -> None:
    assert generate.is_load(request(prompt=prompt)) is True


@pytest.mark.parametrize("prompt", ["Hi", " "])
def test_a_request_with_a_prompt_is_bought(prompt: str) -> None:
    assert generate.is_load(request(prompt=prompt)) is False


@pytest.mark.parametrize("other", [{"template": "{{ .Prompt }}"}, {"system": "Be brief."}, {"context": [1]}])
def test_raw_goes_with_nothing_that_ollama_would_put_around_the_prompt(other: dict[str, Any]) -> None:
    assert refusal(raw=True, **other) == (BadRequest, "raw mode does not support template, system, or context")


@pytest.mark.parametrize("other", [{}, {"template": ""}, {"system": ""}, {"context": []}, {"context": None}])
def test_raw_goes_with_empty_fields(other: dict[str, Any]) -> None:
    generate.check(request(raw=True, **other), PLAIN, "plain")


@pytest.mark.parametrize(
    ("fields", "model", "kind", "words"),
    [
        ({"top_logprobs": 21}, PLAIN, BadRequest, "top_logprobs must be between 0 and 20"),
        (
            {"think": "deeply"},
            THINKER,
            BadRequest,
            'invalid think value: "deeply" (must be "high", "medium", "low", "max", true, or false)',
        ),
        ({"think": True}, PLAIN, UnsupportedRequest, '"plain" does not support thinking'),
        ({}, EMBEDDING, UnsupportedRequest, '"plain" does not support generate'),
        ({}, SPEAKER, UnsupportedRequest, '"plain" does not support generate'),
        ({}, PAINTER, UnsupportedRequest, "image generation models are not currently supported"),
        (
            {"suffix": "end"},
            PLAIN,
            UnsupportedRequest,
            "registry.ollama.ai/library/plain:latest does not support insert",
        ),
    ],
)
def test_what_the_model_cannot_do_is_refused_in_ollamas_words(
    fields: dict[str, Any], model: ModelEntry, kind: type[ProxyError], words: str
) -> None:
    assert refusal(model, **fields) == (kind, words)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"raw": True, "system": "x", "think": True, "suffix": "end"},
            "raw mode does not support template, system, or context",
        ),
        ({"think": True, "suffix": "end"}, '"plain" does not support thinking'),
        ({"suffix": "end", "options": {"seed": "x"}}, '"plain" does not support generate'),
    ],
)
def test_of_several_mistakes_ollamas_first_is_told(fields: dict[str, Any], words: str) -> None:
    assert refusal(EMBEDDING, **fields)[1] == words


def test_a_model_that_paints_and_writes_can_be_asked_to_write() -> None:
    generate.check(request(), PAINTS_AND_WRITES, "plain")


def test_what_the_model_cannot_do_is_told_before_a_wrong_option() -> None:
    words = "registry.ollama.ai/library/plain:latest does not support insert"

    assert refusal(suffix="end", options={"seed": "x"}) == (UnsupportedRequest, words)


def test_a_wrong_option_is_refused_even_where_the_model_is_only_loaded() -> None:
    assert refusal(prompt="", options={"seed": "x"}) == (BadRequest, 'option "seed" must be of type integer')


@pytest.mark.parametrize("suffix", [None, ""])
def test_an_empty_suffix_asks_for_nothing(suffix: str | None) -> None:
    generate.check(request(suffix=suffix), PLAIN, "plain")


def test_a_prompt_is_what_the_user_says() -> None:
    assert turns() == [("user", "Hi")]


def test_the_system_prompt_comes_first() -> None:
    assert turns(system="Be brief.") == [("system", "Be brief."), ("user", "Hi")]


def test_pictures_go_with_the_prompt() -> None:
    chat = generate.to_chat_request(request(system="Look.", images=["aGk="]))

    assert [[bytes(image) for image in message.images or []] for message in chat.messages or []] == [[], [b'"aGk="']]


def test_a_template_is_passed_over() -> None:
    """A hosted model has its own, which nobody can replace."""
    assert turns(template="{{ .Prompt }} and more") == [("user", "Hi")]


def test_a_context_of_ours_goes_on() -> None:
    assert turns(context=CONTEXT) == [
        ("system", "Be brief."),
        ("user", "I am Ann."),
        ("assistant", "Hello, Ann."),
        ("user", "Hi"),
    ]


def test_a_new_system_prompt_replaces_that_of_the_context() -> None:
    assert turns(context=CONTEXT, system="Be long.")[:2] == [("system", "Be long."), ("user", "I am Ann.")]


@pytest.mark.parametrize("context", [[], TOKENS_OF_A_REAL_OLLAMA, [-1], [2**64], [0.5]])
def test_a_foreign_context_starts_afresh(context: list[float]) -> None:
    assert turns(context=context, system="Be brief.") == [("system", "Be brief."), ("user", "Hi")]


def test_a_preset_stands_before_the_prompt() -> None:
    assert turns(PIRATE) == [
        ("system", "Talk like a pirate."),
        ("user", "Who are you?"),
        ("assistant", "Arr!"),
        ("user", "Hi"),
    ]


def test_the_requests_system_prompt_replaces_the_presets() -> None:
    assert turns(PIRATE, system="Be plain.")[:2] == [("system", "Be plain."), ("user", "Who are you?")]


def test_a_context_replaces_the_presets_messages_and_system_prompt() -> None:
    """They are in it already."""
    assert turns(PIRATE, context=CONTEXT) == turns(context=CONTEXT)


def test_a_context_without_system_prompt_gets_the_presets() -> None:
    context = to_context([Message(role="user", content="I am Ann.")])

    assert turns(PIRATE, context=context) == [("system", "Talk like a pirate."), ("user", "I am Ann."), ("user", "Hi")]


def test_raw_takes_the_prompt_alone() -> None:
    assert turns(PIRATE, raw=True) == [("user", "Hi")]


@pytest.mark.parametrize("raw", [True, False])
def test_a_presets_parameters_are_overridden_one_by_one(raw: bool) -> None:
    chat = generate.to_chat_request(request(raw=raw, options={"temperature": 1}), PIRATE)

    assert chat.options == {"temperature": 1, "top_k": 40}


def test_everything_else_goes_as_it_is() -> None:
    chat = generate.to_chat_request(
        request(format="json", think="low", logprobs=True, top_logprobs=2, stream=False, keep_alive="5m")
    )

    assert (chat.format, chat.think, chat.logprobs, chat.top_logprobs) == ("json", "low", True, 2)
    assert (chat.model, chat.stream, chat.keep_alive) == ("plain", False, "5m")


def test_a_line_carries_what_was_just_said() -> None:
    answer = generate.line("plain", Delta(content="Hel"), NOW)

    assert list(sent(answer).items()) == [
        ("model", "plain"),
        ("created_at", NOW),
        ("response", "Hel"),
        ("done", False),
    ]


def test_thinking_comes_in_its_own_field_beside_an_empty_response() -> None:
    answer = generate.line("plain", Delta(thinking="Hm"), NOW)

    assert list(sent(answer).items())[2:] == [("response", ""), ("thinking", "Hm"), ("done", False)]


def test_the_last_line_carries_context_counts_and_durations() -> None:
    answer = generate.last("plain", OUTCOME, NOW, [1, 2, 3])

    assert list(sent(answer).items()) == [
        ("model", "plain"),
        ("created_at", NOW),
        ("response", ""),
        ("done", True),
        ("done_reason", "length"),
        ("context", [1, 2, 3]),
        ("total_duration", 1000),
        ("load_duration", 100),
        ("prompt_eval_count", 11),
        ("prompt_eval_duration", 300),
        ("eval_count", 22),
        ("eval_duration", 600),
    ]


def test_a_plain_answer_holds_all_that_was_said() -> None:
    token = TokenLogprob(token="Hi", logprob=-0.5)
    gathered = [Delta(thinking="Hm"), Delta(content="Hi", logprobs=(token,)), Delta(content="!")]

    answer = sent(generate.last("plain", OUTCOME, NOW, [], gathered))

    assert (answer["response"], answer["thinking"]) == ("Hi!", "Hm")
    assert "context" not in answer
    assert list(answer)[-1] == "logprobs"
    assert answer["logprobs"] == [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105]}]


def test_loading_says_so_and_nothing_else() -> None:
    assert list(sent(generate.loaded("plain", NOW, "load")).items()) == [
        ("model", "plain"),
        ("created_at", NOW),
        ("response", ""),
        ("done", True),
        ("done_reason", "load"),
    ]
