"""The way that every conversation takes, whichever dialect asks."""

import gc
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tray_proxy.catalogue import Found
from tray_proxy.errors import UnsupportedRequest
from tray_proxy.server.asgi import Record
from tray_proxy.server.conversation import Question, prepared, to_question
from tray_proxy.server.endpoint import Call
from tray_proxy.server.reasoning_memory import ReasoningMemory
from tray_proxy.translate.chat import Translated
from tray_proxy.translate.presets import Preset
from tray_proxy.translate.reasoning_details import BEGINNING, turn_keys
from tray_proxy.wire import anthropic, ollama, openai, responses
from tray_proxy.wire.ollama import ChatRequest, Message
from tray_proxy.wire.openrouter import ModelEntry, ReasoningFacts

MODEL = ModelEntry(id="vendor/one", supported_parameters=("tools",), reasoning=ReasoningFacts())
PRESET = Preset(
    model="vendor/one",
    system="Be brief.",
    parameters={"temperature": 0.5, "seed": 7},
    messages=[Message(role="user", content="Who?")],
)
HELLO = Message(role="user", content="Hi")


def call(memory: ReasoningMemory | None = None) -> Call:
    deps: Any = SimpleNamespace(memory=memory or ReasoningMemory())
    return Call(deps, {}, None, None, Record("id"))  # type: ignore[arg-type]  nobody is heard or told anything


def found(preset: Preset | None = None, model: ModelEntry = MODEL) -> Found:
    return Found("One", "vendor/one", model, preset)


def sent(question: Question) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(question.completion))


def test_a_question_is_what_goes_out_and_the_options_it_was_made_of() -> None:
    asked = Translated(ChatRequest(messages=[HELLO], options={"num_predict": 5, "stop": ["a"]}))

    question = prepared(call(), found(), asked)

    assert sent(question) == {
        "model": "vendor/one",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "max_tokens": 5,
        "stop": ["a"],
    }
    assert question.options == {"num_predict": 5, "stop": ["a"]}


def test_a_preset_is_put_into_a_request_and_into_its_options() -> None:
    """Stop strings are watched for by them, and unknown ones named in the log."""
    question = prepared(call(), found(PRESET), Translated(ChatRequest(messages=[HELLO], options={"temperature": 0.1})))

    assert sent(question) == {
        "model": "vendor/one",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Who?"},
            {"role": "user", "content": "Hi"},
        ],
        "stream": True,
        "temperature": 0.1,
        "seed": 7,
    }
    assert question.options == {"temperature": 0.1, "seed": 7}


def test_a_preset_is_not_put_into_a_request_that_is_whole() -> None:
    """One for a completion has it already."""
    question = to_question(call(), found(PRESET), Translated(ChatRequest(messages=[HELLO])))

    assert sent(question) == {
        "model": "vendor/one",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
    }
    assert question.options is None


@pytest.mark.parametrize("make", [prepared, to_question])
def test_what_other_dialects_say_beside_it_goes_out_too(make: Any) -> None:
    asked = Translated(ChatRequest(messages=[HELLO], think=True), {"user": "ann", "n": 2}, budget=2000)

    body = sent(make(call(), found(), asked))

    assert (body["user"], body["n"], body["reasoning"]) == ("ann", 2, {"max_tokens": 2000})


def test_what_stands_beside_a_request_is_not_lost_for_a_preset() -> None:
    asked = Translated(ChatRequest(messages=[HELLO], think=True), {"user": "ann"}, budget=2000)

    body = sent(prepared(call(), found(PRESET), asked))

    assert (body["user"], body["reasoning"], body["seed"]) == ("ann", {"max_tokens": 2000}, 7)


@pytest.mark.parametrize("make", [prepared, to_question])
def test_what_was_thought_before_goes_back(make: Any) -> None:
    memory = ReasoningMemory()
    detail = {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln"}
    memory.remember(turn_keys("vendor/one", BEGINNING, "Yes.", []), [detail])
    turn = Message(role="assistant", content="Yes.", thinking="changed")

    body = sent(make(call(memory), found(), Translated(ChatRequest(messages=[turn, HELLO]))))

    assert body["messages"][0] == {"role": "assistant", "content": "Yes.", "reasoning_details": [detail]}


@pytest.mark.parametrize("make", [prepared, to_question])
def test_a_model_that_knows_no_format_is_not_asked_for_one(make: Any) -> None:
    """OpenRouter would drop it without a word. The name is the one that was asked."""
    asked = Translated(ChatRequest(messages=[HELLO]), {"response_format": {"type": "json_object"}})

    with pytest.raises(UnsupportedRequest) as caught:
        make(call(), found(), asked)

    assert caught.value.message == '"One" does not support structured output (format)'


QUESTION = [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": QUESTION}),
        ("/v1/completions", {"prompt": "hello"}),
        ("/v1/responses", {"input": QUESTION}),
        ("/v1/messages", {"messages": QUESTION, "max_tokens": 100}),
    ],
)
def test_no_request_is_held_while_its_answer_comes(proxy, upstream, path, body):
    """It may hold megabytes of pictures, and an answer may take minutes."""
    kinds = (
        openai.ChatCompletionRequest,
        openai.CompletionRequest,
        responses.ResponsesRequest,
        anthropic.MessagesRequest,
        ollama.ChatRequest,
        ollama.GenerateRequest,
    )
    upstream.arrange("endless")
    before = held(kinds)

    with proxy.http.stream("POST", path, json=body | {"model": "openai/gpt-4o-mini", "stream": True}) as answer:
        next(answer.iter_lines())
        during = held(kinds)

    assert during - before == set()


def held(kinds):
    """Name the objects of these kinds that are in use; some are what other tests are made of."""
    gc.collect()
    return {(type(each).__name__, id(each)) for each in gc.get_objects() if isinstance(each, kinds)}
