"""`/v1/chat/completions`: what a request becomes, and how an answer is written."""

import json
from typing import Any

import msgspec
import pytest

from tray_proxy.errors import BadRequest, ModelNotFound, RateLimited
from tray_proxy.translate import model_info, openai
from tray_proxy.translate.chat import Translated
from tray_proxy.translate.model_info import Place
from tray_proxy.translate.openai import ChatWriter
from tray_proxy.translate.stream import Call, Delta, Finish, Outcome
from tray_proxy.wire import ollama
from tray_proxy.wire.openai import ChatCompletionRequest, CompletionRequest
from tray_proxy.wire.openrouter import CompletionTokens, ModelEntry, PromptTokens, TokenLogprob, Usage

HELLO = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "now"}}
CALL = Call(0, "call_1", "now", {"b": 1, "a": [2.0]})


def translated(**fields: Any) -> Translated:
    """Read a request as the server does, and translate it."""
    body = {"model": "mine", "messages": [HELLO], **fields}
    return openai.to_chat(msgspec.json.decode(json.dumps(body), type=ChatCompletionRequest))


def refusal(**fields: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        translated(**fields)
    return caught.value.message


def message(**fields: Any) -> ollama.Message:
    [only] = translated(messages=[{"role": "assistant", **fields}]).request.messages or []
    return only


def call(**function: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "now", **function}}


# -- requests --------------------------------------------------------------------------------------


def test_a_request_is_a_chat_request_and_nothing_that_was_not_said() -> None:
    assert translated() == Translated(
        ollama.ChatRequest(model="mine", messages=[ollama.Message(role="user", content="Hi")], stream=False, options={})
    )


@pytest.mark.parametrize(("stream", "streams"), [(None, False), (False, False), (True, True)])
def test_a_stream_is_one_only_where_it_was_asked_for(stream: bool | None, streams: bool) -> None:
    """Unlike in a chat request, where nothing said means a stream."""
    assert translated(stream=stream).request.stream is streams


@pytest.mark.parametrize("messages", [None, []])
def test_a_request_without_messages_is_refused(messages: list[Any] | None) -> None:
    assert refusal(messages=messages) == "[] is too short - 'messages'"


def test_options_go_by_ollamas_names() -> None:
    given = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.05,
        "seed": 7,
        "stop": ["END"],
        "frequency_penalty": 0.2,
        "presence_penalty": 0.1,
    }

    assert translated(**given, repetition_penalty=1.1, max_tokens=5).request.options == given | {
        "repeat_penalty": 1.1,
        "num_predict": 5,
    }


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        ({"max_completion_tokens": 9}, {"num_predict": 9}),
        ({"max_tokens": 5, "max_completion_tokens": 9}, {"num_predict": 9}),
        ({"max_tokens": 5, "max_completion_tokens": None}, {"num_predict": 5}),
    ],
)
def test_the_newer_word_for_the_limit_counts(given: dict[str, Any], limit: dict[str, int]) -> None:
    assert translated(**given).request.options == limit


def test_a_text_completions_options_are_those_of_a_chat_that_it_has() -> None:
    request = CompletionRequest(temperature=0.0, max_tokens=5, stop="END", logprobs=2)

    assert openai.to_options(request) == {"temperature": 0.0, "stop": "END", "num_predict": 5}


def test_likelihoods_and_tools_are_those_of_a_chat_request() -> None:
    request = translated(logprobs=True, top_logprobs=0, tools=[TOOL]).request

    assert (request.logprobs, request.top_logprobs) == (True, 0)
    assert [json.loads(bytes(memoryview(tool))) for tool in request.tools or ()] == [TOOL]


@pytest.mark.parametrize(
    ("fields", "think"),
    [
        ({}, None),
        ({"reasoning_effort": None, "reasoning": None}, None),
        ({"reasoning": {}}, None),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "minimal"}, "low"),
        ({"reasoning": {"effort": "xhigh"}}, "max"),
        ({"reasoning_effort": "high", "reasoning": {"effort": "low"}}, "high"),
    ],
)
def test_effort_is_thinking(fields: dict[str, Any], think: bool | str | None) -> None:
    assert translated(**fields).request.think == think


def test_what_ollama_has_no_word_for_goes_beside_the_request() -> None:
    more = {
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "n": 2,
        "logit_bias": {"7": -1.0},
        "prediction": {"type": "content", "content": ""},
        "verbosity": "low",
        "service_tier": "flex",
        "user": "",
        "metadata": {},
        "prompt_cache_key": "k",
        "cache_control": {"type": "ephemeral"},
        "provider": {"zdr": True},
    }

    assert translated(**more, tools=[TOOL]).more == more


@pytest.mark.parametrize("tools", [None, []])
def test_without_tools_nothing_is_said_of_them(tools: list[Any] | None) -> None:
    """OpenAI refuses a choice among none, which Ollama passes over."""
    assert translated(tools=tools, tool_choice="auto", parallel_tool_calls=True, user="ann").more == {"user": "ann"}


@pytest.mark.parametrize(("n", "more"), [(None, {}), (1, {}), (2, {"n": 2}), (128, {"n": 128})])
def test_one_answer_need_not_be_asked_for(n: int | None, more: dict[str, int]) -> None:
    assert translated(n=n).more == more


@pytest.mark.parametrize("n", [0, -1, 129])
def test_a_number_of_answers_has_bounds(n: int) -> None:
    assert refusal(n=n) == "n must be between 1 and 128"


@pytest.mark.parametrize(
    ("wanted", "more"),
    [
        ({"type": "json_object"}, {"response_format": {"type": "json_object"}}),
        (
            {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {}}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {}}}},
        ),
        ({"type": "text"}, {}),
        ({"type": 7}, {}),
        ({}, {}),
        (None, {}),
    ],
)
def test_two_forms_of_an_answer_are_known(wanted: dict[str, Any] | None, more: dict[str, Any]) -> None:
    """As with Ollama, which passes others over."""
    assert translated(response_format=wanted).more == more


def test_a_message_keeps_what_it_says() -> None:
    said = message(content="Yes.", reasoning="Hm.", name="ann", tool_calls=[call(arguments='{"z": 1, "a": 2}')])

    assert said == ollama.Message(
        role="assistant",
        content="Yes.",
        thinking="Hm.",
        name="ann",
        tool_calls=[ollama.ToolCall(id="call_1", function=ollama.FunctionCall(name="now", arguments={"z": 1, "a": 2}))],
    )


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        ({"reasoning_content": "Hm."}, "Hm."),
        ({"reasoning": "Hm.", "reasoning_content": "Oh."}, "Hm."),
        ({"reasoning": "", "reasoning_content": "Oh."}, "Oh."),
        ({}, None),
    ],
)
def test_reasoning_has_two_words(fields: dict[str, Any], thinking: str | None) -> None:
    assert message(content="Yes.", **fields).thinking == thinking


@pytest.mark.parametrize("role", ["tool", "TOOL"])
def test_the_name_of_a_result_is_its_tools(role: str) -> None:
    said = message(role=role, content="noon", name="now", tool_call_id="call_1")

    assert (said.tool_name, said.name, said.tool_call_id) == ("now", None, "call_1")


@pytest.mark.parametrize("fields", [{}, {"content": None}, {"content": None, "tool_calls": None}])
def test_a_message_that_says_nothing_is_refused(fields: dict[str, Any]) -> None:
    assert refusal(messages=[HELLO, {"role": "assistant", **fields}]) == "invalid message content type: <nil>"


@pytest.mark.parametrize("calls", [[call()], []])
def test_with_calls_a_content_may_be_null(calls: list[Any]) -> None:
    """Also with a list of none: some apps keep every turn with both fields."""
    assert message(content=None, tool_calls=calls).content is None


@pytest.mark.parametrize("arguments", ["", " \n", None, "{}", "null"])
def test_no_arguments_are_an_empty_object(arguments: str | None) -> None:
    """Go reads `null` so, and models write it."""
    [made] = message(tool_calls=[call(arguments=arguments)]).tool_calls or []

    assert made.function.arguments == {}


@pytest.mark.parametrize("arguments", ["x", "{", "[1]", '"x"', "7", "true", '{"a":' * 100_000])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    words = refusal(messages=[HELLO, {"role": "assistant", "tool_calls": [call(arguments=arguments)]}])

    assert words == "invalid tool call arguments"


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_the_address_of_every_picture_is_looked_at(role: str) -> None:
    parts = [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": "ftp://example.com"}}]

    assert refusal(messages=[{"role": role, "content": parts}]) == (
        "invalid image input: an image_url is a data: URI with base64, or an http(s) address"
    )


# -- models ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("openai/gpt-4o", "openai"),
        ("~anthropic/claude-sonnet-latest", "anthropic"),
        ("meta-llama/llama-3.3-70b-instruct:free", "meta-llama"),
        ("mine:latest", "library"),
        ("llama3.3:70b", "library"),
    ],
)
def test_a_model_belongs_to_its_author_and_a_name_of_ones_own_to_the_library(name: str, owner: str) -> None:
    entry = model_info.listed(ModelEntry(id="vendor/behind", created=1_715_558_400), Place("host", 0), name=name)

    model = openai.to_model(entry, "as asked")

    assert (model.id, model.object, model.created, model.owned_by) == ("as asked", "model", 1_715_558_400, owner)


# -- answers ---------------------------------------------------------------------------------------

HEAD = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1_700_000_000,
    "model": "mine",
    "system_fingerprint": "fp_ollama",
}


def writer(*, tells_usage: bool = False) -> ChatWriter:
    return ChatWriter("chatcmpl-1", 1_700_000_000, "mine", tells_usage=tells_usage)


def outcome(*finishes: Finish, cost_usd: float | None = None, usage: Usage | None = None) -> Outcome:
    return Outcome(
        done_reason="stop",
        prompt_tokens=3,
        completion_tokens=4,
        cost_usd=cost_usd,
        total_ns=4,
        load_ns=1,
        prompt_eval_ns=1,
        eval_ns=2,
        finishes=dict(enumerate(finishes or (Finish(),))),
        usage=usage or Usage(),
    )


def events(written: bytes) -> list[Any]:
    """Read events: one line of data each, and a blank line behind it."""
    *blocks, behind = written.decode().split("\n\n")
    assert behind == ""
    texts = [block.removeprefix("data: ") for block in blocks]
    return [text if text == "[DONE]" else json.loads(text) for text in texts]


def choices(written: bytes) -> list[Any]:
    """What stands under `choices` in each chunk, all else being as it must be."""
    chunks = [event for event in events(written) if event != "[DONE]"]
    assert [{name: value for name, value in chunk.items() if name != "choices"} for chunk in chunks] == [HEAD] * len(
        chunks
    )
    return [choice for chunk in chunks for choice in chunk["choices"]]


def choice(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": finish}


MADE = {"id": "call_1", "index": 0, "type": "function", "function": {"name": "now", "arguments": '{"b":1,"a":[2.0]}'}}


@pytest.mark.parametrize(
    ("delta", "first", "later"),
    [
        (Delta("Hi"), {"content": "Hi"}, {"content": "Hi"}),
        (Delta(thinking="Hm."), {"content": "", "reasoning": "Hm."}, {"reasoning": "Hm."}),
        (Delta("Hi", "Hm."), {"content": "Hi", "reasoning": "Hm."}, {"content": "Hi", "reasoning": "Hm."}),
        (Delta(calls=(CALL,)), {"content": "", "tool_calls": [MADE]}, {"tool_calls": [MADE]}),
    ],
    ids=["text", "thought", "both", "call"],
)
def test_a_delta_has_what_was_said_and_the_first_one_the_role(
    delta: Delta, first: dict[str, Any], later: dict[str, Any]
) -> None:
    assert choices(writer().deltas([delta, delta])) == [choice({"role": "assistant", **first}), choice(later)]


def test_each_of_several_answers_has_its_role() -> None:
    writing = writer()

    written = writing.deltas([Delta("a"), Delta("b", choice=1)]) + writing.deltas([Delta("c", choice=1), Delta("d")])

    assert choices(written) == [
        choice({"role": "assistant", "content": "a"}),
        choice({"role": "assistant", "content": "b"}, index=1),
        choice({"content": "c"}, index=1),
        choice({"content": "d"}),
    ]


def test_the_end_is_an_empty_delta_with_the_reason_and_the_mark() -> None:
    writing = writer()
    writing.deltas([Delta("Hi")])

    written = writing.end(outcome(Finish("length")))

    assert choices(written) == [choice({}, "length")]
    assert events(written)[-1] == "[DONE]"


def test_each_answer_ends_for_its_own_reason() -> None:
    """Only one that made a call waits for the result."""
    writing = writer()
    writing.deltas([Delta("a"), Delta(calls=(CALL,), choice=1), Delta(calls=(CALL,), choice=2)])

    written = writing.end(outcome(Finish("stop"), Finish("stop"), Finish("length")))

    assert choices(written) == [choice({}, "stop"), choice({}, "tool_calls", 1), choice({}, "length", 2)]


def test_an_answer_that_said_nothing_begins_before_it_ends() -> None:
    writing = writer()
    writing.deltas([Delta("a")])

    assert choices(writing.end(outcome(Finish(), Finish()))) == [
        choice({}, "stop"),
        choice({"role": "assistant", "content": ""}, index=1),
        choice({}, "stop", 1),
    ]


def test_the_usage_stands_in_a_chunk_of_its_own_before_the_mark() -> None:
    writing = writer(tells_usage=True)
    written = writing.deltas([Delta("Hi")]) + writing.end(outcome(cost_usd=0.5))

    text, finish, usage, mark = events(written)

    assert ("usage" in text, "usage" in finish, mark) == (False, False, "[DONE]")
    assert usage == {
        **HEAD,
        "choices": [],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "cost": 0.5},
    }


def test_a_failure_is_an_event_and_no_end() -> None:
    written = writer().failure(RateLimited("Slow down", retry_after_s=None, hint="Wait."))

    assert events(written) == [
        {"error": {"message": "Slow down. Wait.", "type": "rate_limit_error", "param": None, "code": None}}
    ]


ODD = "line\u2028para\u2029next\x85end 😀 Zoë\r\n"


def test_an_event_is_one_line_whatever_ends_a_line_for_its_reader() -> None:
    """For httpx's `iter_lines`, and so for many Python programs, more characters do than the line feed."""
    written = writer().deltas([Delta(ODD)]) + writer().failure(RateLimited(ODD, retry_after_s=None, hint="Wait."))

    assert [line[:6] for line in written.decode().splitlines()] == ["data: ", "", "data: ", ""]
    said, failed = events(written)
    assert said["choices"][0]["delta"]["content"] == ODD
    assert failed["error"]["message"].startswith(ODD.rstrip())


def test_a_plain_answer_gathers_all_that_was_said() -> None:
    deltas = [Delta(thinking="H"), Delta(thinking="m."), Delta("Let me "), Delta("look."), Delta(calls=(CALL,))]

    assert json.loads(writer().whole(deltas, outcome())) == {
        **HEAD,
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Let me look.",
                    "reasoning": "Hm.",
                    "tool_calls": [MADE],
                },
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }


def test_several_plain_answers_are_kept_apart() -> None:
    deltas = [Delta("a"), Delta("b", choice=1), Delta("A"), Delta(calls=(CALL,), choice=1)]

    told = json.loads(writer().whole(deltas, outcome(Finish("length"), Finish())))["choices"]

    assert [(each["index"], each["message"]["content"], each["finish_reason"]) for each in told] == [
        (0, "aA", "length"),
        (1, "b", "tool_calls"),
    ]
    assert "tool_calls" not in told[0]["message"]


def test_a_plain_answer_may_be_empty() -> None:
    [told] = json.loads(writer().whole([], outcome()))["choices"]

    assert told == {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}


OTHERS = [TokenLogprob("Ho", -1, [1, 2]), TokenLogprob("Ha"), TokenLogprob("x", 0.0)]
TOKENS = (TokenLogprob("Hé", -0.5, None, OTHERS), TokenLogprob("none"), TokenLogprob("!", 0.0, [33], None))
LIKELIHOODS = {
    "content": [
        {
            "token": "Hé",
            "logprob": -0.5,
            "bytes": [72, 195, 169],
            "top_logprobs": [
                {"token": "Ho", "logprob": -1, "bytes": [1, 2]},
                {"token": "x", "logprob": 0.0, "bytes": [120]},
            ],
        },
        {"token": "!", "logprob": 0.0, "bytes": [33], "top_logprobs": []},
    ]
}


def test_likelihoods_stand_beside_the_text_and_those_without_a_number_nowhere() -> None:
    said = Delta("Hé!", logprobs=TOKENS)

    [streamed] = choices(writer().deltas([said]))
    [plain] = json.loads(writer().whole([said], outcome()))["choices"]

    assert (streamed["logprobs"], plain["logprobs"]) == (LIKELIHOODS, LIKELIHOODS)


def test_likelihoods_of_no_text_are_told_with_an_empty_one() -> None:
    """A delta without a field would be an end to some readers."""
    writing = writer()
    writing.deltas([Delta("Hi")])

    [told] = choices(writing.deltas([Delta(logprobs=TOKENS)]))

    assert told["delta"] == {"content": ""}


@pytest.mark.parametrize(
    ("usage", "more"),
    [
        (Usage(), {}),
        (Usage(prompt_tokens_details=PromptTokens(), completion_tokens_details=CompletionTokens()), {}),
        (Usage(prompt_tokens_details=PromptTokens(cached_tokens=0)), {"prompt_tokens_details": {"cached_tokens": 0}}),
        (
            Usage(
                prompt_tokens_details=PromptTokens(cached_tokens=2, cache_write_tokens=1),
                completion_tokens_details=CompletionTokens(reasoning_tokens=1),
            ),
            {"prompt_tokens_details": {"cached_tokens": 2}, "completion_tokens_details": {"reasoning_tokens": 1}},
        ),
    ],
)
def test_details_of_the_usage_stand_there_where_they_are_known(usage: Usage, more: dict[str, Any]) -> None:
    told = json.loads(msgspec.json.encode(openai.to_usage(outcome(usage=usage))))

    assert told == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, **more}


def test_what_cost_nothing_is_told_as_such() -> None:
    assert json.loads(msgspec.json.encode(openai.to_usage(outcome(cost_usd=0.0))))["cost"] == 0.0


@pytest.mark.parametrize(
    ("reason", "plain", "called"),
    [
        ("stop", "stop", "tool_calls"),
        ("tool_calls", "stop", "tool_calls"),
        ("length", "length", "length"),
        ("content_filter", "content_filter", "content_filter"),
        ("something new", "stop", "tool_calls"),
    ],
)
def test_a_reason_is_one_of_openais(reason: str, plain: str, called: str) -> None:
    """Typed clients know no others. One of calls without a call would have an app wait for ever."""
    assert openai.finish_reason(Finish(reason), called=False) == plain
    assert openai.finish_reason(Finish(reason), called=True) == called


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (429, "rate_limit_error"),
        (402, "api_error"),
        (413, "api_error"),
        (500, "api_error"),
        (503, "api_error"),
    ],
)
def test_an_error_has_a_type_by_its_status(status: int, kind: str) -> None:
    assert json.loads(openai.told(status, "No.")) == {
        "error": {"message": "No.", "type": kind, "param": None, "code": None}
    }


def test_an_error_in_a_stream_is_told_without_a_cure_where_its_words_are_ollamas() -> None:
    [told] = events(writer().failure(ModelNotFound("m")))

    assert told["error"]["message"] == "model 'm' not found"
