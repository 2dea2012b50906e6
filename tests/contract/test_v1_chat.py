"""`/v1/chat/completions` as OpenAI's clients rely on it, from the first byte of an answer to the last."""

import json
import time
from typing import Any

import httpx
import pytest

from contract.reading import events_of, openais_error, told
from tray_proxy.demo.faults import FAULTS, ODD_TEXT, Fault
from tray_proxy.demo.steps import stream_of
from tray_proxy.demo.thoughts import sign

ASKED = "OpenAI/GPT-4o-mini:latest"
MINI = "openai/gpt-4o-mini"
CHAT = {"model": ASKED, "messages": [{"role": "user", "content": "hello"}]}
SENT = {"model": MINI, "messages": CHAT["messages"], "stream": True}
SAID = "[demo] You asked openai/gpt-4o-mini: “hello”. No model was called and nothing was charged."
THOUGHT = "[demo] I read the question, find that no model stands behind me, and say so."
USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 19,
    "total_tokens": 24,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
    "cost": 0.00001215,
}
# It has no tools, and sees and hears nothing.
PLAIN = "gryphe/mythomax-l2-13b"
SCHEMELESS = "perplexity/deepseek-r1"
THINKER = "deepseek/deepseek-r1"
HEARER = "google/gemini-2.5-flash"
TOOL = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
WAIT = "Wait a moment and try again, or choose another model."
CONNECTION = "Check the internet connection, and try again."
TRY_AGAIN = "Try again in a moment, or choose another model."
# How OpenAI's clients write how much is to be thought, and how OpenRouter's do.
EFFORT_FORMS = [lambda word: {"reasoning_effort": word}, lambda word: {"reasoning": {"effort": word}}]
CALLS = {"messages": [{"role": "user", "content": "use both tools"}], "tools": [TOOL]}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="


def ask(proxy: Any, **fields: Any) -> httpx.Response:
    return proxy.http.post("/v1/chat/completions", json=CHAT | fields)


def message_of(proxy: Any, **fields: Any) -> dict[str, Any]:
    answer = ask(proxy, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]["message"]


def sent_with(proxy: Any, upstream: Any, **fields: Any) -> dict[str, Any]:
    """What OpenRouter is sent on account of some fields."""
    answer = ask(proxy, **fields)
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in upstream.chats[-1].body.items() if name not in SENT}


def deltas_of(chunks: list[Any]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks]


def text_of(chunks: list[Any]) -> str:
    return "".join(delta.get("content", "") for delta in deltas_of(chunks))


# -- the plain answer ------------------------------------------------------------------------------


def test_a_plain_answer_has_every_field_and_no_other(proxy):
    before = int(time.time())

    answer = ask(proxy)

    whole = answer.json()
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert before <= whole.pop("created") <= time.time()
    assert whole == {
        "id": f"chatcmpl-{answer.headers['x-request-id']}",
        "object": "chat.completion",
        "model": ASKED,
        "system_fingerprint": "fp_ollama",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}],
        "usage": USAGE,
    }


@pytest.mark.parametrize("stream", [{}, {"stream": None}, {"stream": False}])
def test_without_stream_the_answer_is_plain(proxy, upstream, stream):
    """Unlike under `/api`. It is bought as a stream all the same: only that can be stopped."""
    answer = ask(proxy, **stream)

    assert answer.json()["object"] == "chat.completion"
    assert upstream.chats[-1].body == SENT


def test_no_two_answers_share_an_id(proxy):
    assert ask(proxy).json()["id"] != ask(proxy).json()["id"]


def test_a_thought_stands_beside_the_text_and_is_counted(proxy):
    answer = ask(proxy, model=THINKER).json()

    message = answer["choices"][0]["message"]
    assert message == {"role": "assistant", "content": SAID.replace(MINI, THINKER), "reasoning": THOUGHT}
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 16}


def test_calls_are_whole_and_their_arguments_are_text(proxy):
    answer = ask(proxy, **CALLS).json()

    [choice] = answer["choices"]
    calls = choice["message"].pop("tool_calls")
    ids = [call.pop("id") for call in calls]
    assert choice == {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "tool_calls"}
    assert calls == [
        {"index": 0, "type": "function", "function": {"name": "now", "arguments": "{}"}},
        {"index": 1, "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ]
    assert len(set(ids)) == 2


def test_arguments_are_json(proxy):
    properties = {"city": {"type": "string"}, "days": {"type": "integer"}}
    parameters = {"type": "object", "properties": properties, "required": ["city", "days"]}
    weather = {"name": "weather", "parameters": parameters}
    question = [{"role": "user", "content": "weather, please"}]

    [call] = message_of(proxy, messages=question, tools=[{"type": "function", "function": weather}])["tool_calls"]

    assert call["function"] == {"name": "weather", "arguments": '{"city":"demo city","days":1}'}


def test_arguments_that_cannot_be_read_are_shown_as_an_object(proxy, upstream):
    """Clients call `JSON.parse` on them without a second thought."""
    upstream.arrange("broken-arguments")

    call, _ = message_of(proxy, **CALLS)["tool_calls"]

    assert call["function"]["arguments"] == '{"_unparsed":"{,"}'


def test_what_was_not_counted_is_not_told(proxy, upstream):
    """But for the tokens, which clients divide by: one for the prompt, and one a piece."""
    upstream.arrange("no-usage")

    assert ask(proxy).json()["usage"] == {"prompt_tokens": 1, "completion_tokens": 7, "total_tokens": 8}


# -- the stream ------------------------------------------------------------------------------------


def test_a_stream_is_chunks_of_one_answer_and_the_mark_of_its_end(proxy):
    before = int(time.time())

    answer = ask(proxy, stream=True)

    *chunks, end = events_of(answer)
    assert end == "[DONE]"
    assert {tuple(chunk) for chunk in chunks} == {
        ("id", "object", "created", "model", "system_fingerprint", "choices"),
    }
    assert {chunk["id"] for chunk in chunks} == {f"chatcmpl-{answer.headers['x-request-id']}"}
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk["model"] for chunk in chunks} == {ASKED}
    assert {chunk["system_fingerprint"] for chunk in chunks} == {"fp_ollama"}
    [created] = {chunk["created"] for chunk in chunks}
    assert before <= created <= time.time()


def test_the_role_stands_in_the_first_delta_and_the_last_one_is_empty(proxy):
    *chunks, _ = events_of(ask(proxy, stream=True))

    assert {tuple(chunk["choices"][0]) for chunk in chunks} == {("index", "delta", "finish_reason")}
    assert [list(delta) for delta in deltas_of(chunks)] == [["role", "content"], *[["content"]] * 6, []]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert text_of(chunks) == SAID
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [*[None] * 7, "stop"]


@pytest.mark.parametrize("options", [{}, {"stream_options": None}, {"stream_options": {}}])
@pytest.mark.parametrize("fault", ["none", "finish-with-text", "no-usage"])
def test_who_did_not_ask_for_the_usage_gets_no_chunk_without_choices(proxy, upstream, fault, options):
    """OpenRouter always sends one, and apps that read `choices[0]` crash on it."""
    if fault != "none":
        upstream.arrange(fault)

    *chunks, end = events_of(ask(proxy, stream=True, **options))

    assert end == "[DONE]"
    assert [len(chunk["choices"]) for chunk in chunks] == [1] * len(chunks)
    assert [chunk for chunk in chunks if "usage" in chunk] == []


@pytest.mark.parametrize("include", [False, None])
def test_who_wants_no_usage_gets_none(proxy, include):
    *chunks, _ = events_of(ask(proxy, stream=True, stream_options={"include_usage": include}))

    assert [chunk for chunk in chunks if "usage" in chunk or not chunk["choices"]] == []


@pytest.mark.parametrize("fault", ["none", "finish-with-text"])
def test_the_usage_comes_once_in_a_chunk_without_choices_for_who_asked(proxy, upstream, fault):
    if fault != "none":
        upstream.arrange(fault)

    *chunks, last, end = events_of(ask(proxy, stream=True, stream_options={"include_usage": True}))

    assert end == "[DONE]"
    assert list(last) == ["id", "object", "created", "model", "system_fingerprint", "choices", "usage"]
    assert (last["choices"], last["usage"]) == ([], USAGE)
    assert (last["id"], last["created"], last["model"]) == (chunks[0]["id"], chunks[0]["created"], ASKED)
    assert [chunk for chunk in chunks if "usage" in chunk or not chunk["choices"]] == []
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert text_of(chunks) == SAID


def test_a_plain_answer_takes_no_notice_of_what_a_stream_is_to_have(proxy):
    assert ask(proxy, stream_options={"include_usage": False}).json()["usage"] == USAGE


def test_thoughts_come_before_the_text_and_apart_from_it(proxy):
    *chunks, _ = events_of(ask(proxy, model=THINKER, stream=True))

    first, *others = deltas_of(chunks)
    assert first == {"role": "assistant", "content": "", "reasoning": "[demo] I read"}
    assert [list(delta) for delta in others] == [*[["reasoning"]] * 5, *[["content"]] * 7, []]
    assert first["reasoning"] + "".join(delta.get("reasoning", "") for delta in others) == THOUGHT
    assert text_of(chunks) == SAID.replace(MINI, THINKER)


@pytest.mark.parametrize("stream", [True, False])
def test_a_thought_in_its_long_form_alone_is_told_too(proxy, upstream, stream):
    upstream.arrange("reasoning-details-only")

    answer = ask(proxy, model=THINKER, stream=stream)

    said = deltas_of(events_of(answer)[:-1]) if stream else [answer.json()["choices"][0]["message"]]
    assert "".join(each.get("reasoning", "") for each in said) == THOUGHT
    assert {name for each in said for name in each} == {"role", "content", "reasoning"}


def test_a_streamed_call_is_never_in_pieces_and_the_reason_is_the_call(proxy):
    *chunks, _ = events_of(ask(proxy, stream=True, **CALLS))

    first, second, last = deltas_of(chunks)
    [[first_call], [second_call]] = first.pop("tool_calls"), second.pop("tool_calls")
    assert (first, second, last) == ({"role": "assistant", "content": ""}, {}, {})
    assert first_call.pop("id") != second_call.pop("id")
    assert [first_call, second_call] == [
        {"index": at, "type": "function", "function": {"name": "now", "arguments": "{}"}} for at in (0, 1)
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "tool_calls"]


def without_finish_reason(exchange, _seconds):
    *said, _finish, usage = exchange.chunks()
    return stream_of(exchange, [*said, usage])


@pytest.mark.parametrize("stream", [True, False])
def test_a_call_is_not_lost_where_the_answer_ends_without_a_reason(proxy, upstream, stream):
    """Some providers leave it at the mark that ends a stream."""
    upstream.arrange(Fault("without-finish-reason", without_finish_reason, ""))

    answer = ask(proxy, stream=stream, **CALLS)

    choices = [chunk["choices"][0] for chunk in (events_of(answer)[:-1] if stream else [answer.json()])]
    said = [choice["delta" if stream else "message"] for choice in choices]
    assert sum(len(each.get("tool_calls", ())) for each in said) == 2
    assert choices[-1]["finish_reason"] == "tool_calls"


def nothing_said(exchange, _seconds):
    *_, finish, usage = exchange.chunks()
    return stream_of(exchange, [finish, usage])


def test_an_answer_without_a_word_is_one_all_the_same(proxy, upstream):
    upstream.arrange(Fault("nothing-said", nothing_said, ""), times=2)

    *chunks, end = events_of(ask(proxy, stream=True))

    assert (deltas_of(chunks), end) == ([{"role": "assistant", "content": ""}, {}], "[DONE]")
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, "stop"]
    assert message_of(proxy) == {"role": "assistant", "content": ""}


@pytest.mark.parametrize(
    "fault", ["crlf", "one-write", "many-writes", "odd-text", "empty-finish-reason", "comments-only"]
)
def test_however_the_upstream_cuts_its_stream_chunks_stay_whole(proxy, upstream, fault):
    upstream.arrange(FAULTS[fault].lasting(0.1))

    *chunks, end = events_of(ask(proxy, stream=True))

    assert (text_of(chunks), end) == (ODD_TEXT if fault == "odd-text" else SAID, "[DONE]")


def test_lines_are_the_same_for_readers_that_cut_at_more_than_line_feeds(proxy, upstream):
    """Many Python programs read a stream by httpx's `iter_lines`."""
    upstream.arrange("odd-text")

    lines = list(ask(proxy, stream=True).iter_lines())

    assert {line[:6] for line in lines} == {"data: ", ""}
    texts = [line.removeprefix("data: ") for line in lines if line]
    assert text_of([json.loads(text) for text in texts[:-1]]) == ODD_TEXT


@pytest.mark.parametrize("stream", [True, False])
def test_a_limit_and_a_filter_are_named_as_reasons(proxy, upstream, stream):
    def filtered(exchange, _seconds):
        chunks = exchange.chunks()
        chunks[-2]["choices"][0]["finish_reason"] = "content_filter"
        return stream_of(exchange, chunks)

    limited = ask(proxy, stream=stream, max_tokens=3)
    upstream.arrange(Fault("filtered", filtered, ""))
    cut = ask(proxy, stream=stream)

    answers = [events_of(answer)[-2] if stream else answer.json() for answer in (limited, cut)]
    assert [answer["choices"][0]["finish_reason"] for answer in answers] == ["length", "content_filter"]


@pytest.mark.parametrize("limit", [{"max_tokens": 3}, {"max_completion_tokens": 3}])
def test_an_answer_is_no_longer_than_it_may_be(proxy, limit):
    answer = ask(proxy, **limit).json()

    assert answer["choices"][0]["message"]["content"] == "[demo] You asked"
    assert answer["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("error-mid-stream", f"Provider disconnected (demo). {WAIT}"),
        ("error-mid-stream-text-code", f"Provider disconnected (demo). {WAIT}"),
        ("cut", f"The connection to OpenRouter broke off before the answer was complete. {CONNECTION}"),
        ("no-done", f"The answer broke off: OpenRouter ended the stream before the answer was complete. {TRY_AGAIN}"),
        ("malformed-chunk", f"OpenRouter sent an event that cannot be read; the answer was cut. {TRY_AGAIN}"),
    ],
)
def test_a_failure_half_way_is_told_and_nothing_that_looks_like_an_end_follows(proxy, upstream, fault, words):
    """Ollama loses it there; who only waits for `[DONE]` notices too."""
    upstream.arrange(fault, times=2)

    *chunks, last = events_of(ask(proxy, stream=True, stream_options={"include_usage": True}))
    plain = ask(proxy)

    assert told(last) == ("api_error", words)
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * len(chunks)
    assert SAID.startswith(text_of(chunks))
    assert len(text_of(chunks)) > 0
    assert openais_error(plain) == (502, "api_error", words)


# -- several answers -------------------------------------------------------------------------------


def test_of_several_answers_each_has_its_role_its_text_and_its_end(proxy, upstream):
    *chunks, end = events_of(ask(proxy, stream=True, n=2, max_tokens=3))

    assert end == "[DONE]"
    assert [chunk["choices"] for chunk in chunks] == [
        [{"index": 0, "delta": {"role": "assistant", "content": "[demo] You asked"}, "finish_reason": None}],
        [{"index": 1, "delta": {"role": "assistant", "content": "[demo] You asked"}, "finish_reason": None}],
        [{"index": 0, "delta": {}, "finish_reason": "length"}],
        [{"index": 1, "delta": {}, "finish_reason": "length"}],
    ]
    assert upstream.chats[-1].body["n"] == 2


def test_several_plain_answers_stand_side_by_side(proxy):
    answer = ask(proxy, n=3).json()

    assert answer["choices"] == [
        {"index": at, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"} for at in range(3)
    ]
    assert answer["usage"]["completion_tokens"] == 3 * 19


def test_each_of_several_answers_has_its_calls(proxy):
    answer = ask(proxy, n=2, **CALLS).json()

    assert [len(choice["message"]["tool_calls"]) for choice in answer["choices"]] == [2, 2]
    assert [choice["finish_reason"] for choice in answer["choices"]] == ["tool_calls", "tool_calls"]


def test_a_model_that_gives_one_answer_whatever_is_asked_gives_one(proxy):
    assert [choice["index"] for choice in ask(proxy, model=THINKER, n=2).json()["choices"]] == [0]


@pytest.mark.parametrize("n", [0, -1, 129])
def test_no_answers_and_too_many_are_refused(proxy, upstream, n):
    """Each is paid for."""
    assert openais_error(ask(proxy, n=n)) == (400, "invalid_request_error", "n must be between 1 and 128")
    assert upstream.received == []


# -- what is asked ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [{"model": ""}, {"model": None}, {"model": "  "}])
def test_a_request_without_a_model_is_refused(proxy, upstream, model):
    assert openais_error(ask(proxy, **model)) == (400, "invalid_request_error", "model is required")
    assert upstream.received == []


@pytest.mark.parametrize("model", [{}, {"model": ""}, {"model": "nobody/nothing"}])
@pytest.mark.parametrize("messages", [{"messages": []}, {"messages": None}])
def test_a_request_without_messages_is_refused_first_of_all(proxy, upstream, messages, model):
    """It loads no model, as it would under `/api`."""
    answer = ask(proxy, **messages, **model)

    assert openais_error(answer) == (400, "invalid_request_error", "[] is too short - 'messages'")
    assert upstream.received == []


@pytest.mark.parametrize("spelling", ["{}", "{}:latest", " {} ", "gpt-4o-mini", "registry.ollama.ai/{}"])
def test_openrouter_is_asked_by_its_own_id_and_the_app_answered_by_its_own_word(proxy, upstream, spelling):
    asked = spelling.format(MINI)

    answer = ask(proxy, model=asked)

    assert upstream.chats[-1].body["model"] == MINI
    assert answer.json()["model"] == asked


@pytest.mark.parametrize("variant", ["online", "nitro", "floor", "exacto"])
def test_a_variant_is_no_tag(proxy, upstream, variant):
    assert ask(proxy, model=f"{MINI}:{variant}").json()["model"] == f"{MINI}:{variant}"
    assert upstream.chats[-1].body["model"] == f"{MINI}:{variant}"


@pytest.mark.parametrize(
    ("model", "status", "kind", "words"),
    [
        ("nobody/nothing", 404, "not_found_error", "model 'nobody/nothing' not found"),
        ("openai/gpt-4o-mino", 404, "not_found_error", f"model 'openai/gpt-4o-mino' not found, did you mean '{MINI}'"),
        (f"{MINI}:free", 404, "not_found_error", f"model '{MINI}:free' not found"),
        ("two words", 400, "invalid_request_error", "invalid model name"),
        ("deepseek-r1", 400, "invalid_request_error", "model name 'deepseek-r1' is ambiguous: it could be deepseek/"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_name_that_is_no_models_buys_nothing(proxy, upstream, stream, model, status, kind, words):
    told_status, told_kind, told_words = openais_error(ask(proxy, model=model, stream=stream))

    assert (told_status, told_kind, told_words[: len(words)]) == (status, kind, words)
    assert upstream.chats == []


def test_only_what_the_owner_allows_is_there(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, allowed_models=(MINI,))

    assert openais_error(ask(proxy, model=THINKER)) == (
        404,
        "not_found_error",
        f"model '{THINKER}' not found, for it is not allowed: tick it under Models in Tray Proxy",
    )
    assert upstream.chats == []
    assert ask(proxy).status_code == 200


def test_an_alias_that_ollama_cp_made_is_a_model(proxies, upstream, tmp_path):
    """So Ollama's documentation helps apps whose model's name is fixed."""
    proxy = proxies.start(tmp_path)
    proxy.http.post("/api/copy", json={"source": THINKER, "destination": "gpt-3.5-turbo"})

    answer = ask(proxy, model="gpt-3.5-turbo").json()

    assert upstream.chats[-1].body["model"] == THINKER
    assert (answer["model"], answer["choices"][0]["message"]["reasoning"]) == ("gpt-3.5-turbo", THOUGHT)


def test_a_preset_that_ollama_create_made_is_honoured(proxies, upstream, tmp_path):
    """And what the request says of itself counts before it."""
    proxy = proxies.start(tmp_path)
    parameters = {"temperature": 0.5, "num_predict": 50, "stop": ["END"]}
    first = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}]
    proxy.http.post(
        "/api/create",
        json={"model": "mine", "from": MINI, "system": "Be brief.", "parameters": parameters, "messages": first},
    )

    ask(proxy, model="Mine:latest", temperature=0.1, max_tokens=None)

    assert upstream.chats[-1].body == {
        "model": MINI,
        "messages": [{"role": "system", "content": "Be brief."}, *first, *CHAT["messages"]],
        "stream": True,
        "temperature": 0.1,
        "max_tokens": 50,
        "stop": ["END"],
    }


# -- messages --------------------------------------------------------------------------------------


def sent_messages(proxy: Any, upstream: Any, *messages: dict[str, Any], model: str = MINI) -> list[dict[str, Any]]:
    answer = ask(proxy, model=model, messages=list(messages))
    assert answer.status_code == 200, answer.text
    return upstream.chats[-1].body["messages"]


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def picture(url: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": url}


def test_every_role_is_taken_in_any_case(proxy, upstream):
    roles = ["system", "Developer", "USER", "assistant", "user"]

    sent = sent_messages(proxy, upstream, *({"role": role, "content": "x"} for role in roles))

    assert sent == [{"role": role.lower(), "content": "x"} for role in roles]


def test_another_role_is_refused(proxy, upstream):
    answer = ask(proxy, messages=[{"role": "wizard", "content": "x"}])

    assert openais_error(answer) == (
        400,
        "invalid_request_error",
        "invalid role: 'wizard'; expected one of system, developer, user, assistant, tool",
    )
    assert upstream.received == []


def test_texts_in_parts_are_one_text(proxy, upstream):
    parts = [{"type": "text", "text": "What is"}, {"type": "text", "text": "this?"}]

    assert sent_messages(proxy, upstream, user(*parts)) == [{"role": "user", "content": "What is\nthis?"}]


@pytest.mark.parametrize("kind", ["png", "jpeg", "jpg", "webp"])
@pytest.mark.parametrize("form", [lambda url: url, lambda url: {"url": url}], ids=["text", "object"])
def test_a_picture_in_a_data_uri_is_sent_with_the_type_of_its_bytes(proxy, upstream, form, kind):
    sent = sent_messages(proxy, upstream, user(picture(form(f"data:image/{kind};base64,{PNG}"))))

    assert sent == [user(picture({"url": f"data:image/png;base64,{PNG}"}))]


def test_a_data_uri_need_not_name_its_type(proxy, upstream):
    sent = sent_messages(proxy, upstream, user(picture({"url": f"data:;base64,{PNG}"})))

    assert sent == [user(picture({"url": f"data:image/png;base64,{PNG}"}))]


@pytest.mark.parametrize("url", ["https://example.com/cat.png", "http://example.com/cat.png"])
@pytest.mark.parametrize("form", [lambda url: url, lambda url: {"url": url}], ids=["text", "object"])
def test_a_picture_on_the_web_is_sent_as_its_address(proxy, upstream, form, url):
    """Ollama refuses it; OpenRouter fetches it."""
    assert sent_messages(proxy, upstream, user(picture(form(url)))) == [user(picture({"url": url}))]


def test_pictures_and_texts_keep_their_order_and_how_closely_one_is_looked_at(proxy, upstream):
    parts = [
        {"type": "text", "text": "First"},
        picture({"url": f"data:image/png;base64,{PNG}", "detail": "low"}),
        {"type": "text", "text": "then"},
        picture({"detail": "high", "url": "https://example.com/cat.png"}),
    ]

    assert sent_messages(proxy, upstream, user(*parts)) == [user(*parts)]


@pytest.mark.parametrize("url", ["ftp://example.com/a", "file:///etc/passwd", PNG, "", "example.com/cat.png"])
@pytest.mark.parametrize("form", [lambda url: url, lambda url: {"url": url}], ids=["text", "object"])
def test_an_address_of_another_kind_is_no_picture(proxy, upstream, form, url):
    answer = ask(proxy, messages=[user(picture(form(url)))])

    assert openais_error(answer) == (
        400,
        "invalid_request_error",
        "invalid image input: an image_url is a data: URI with base64, or an http(s) address",
    )
    assert upstream.received == []


def test_sound_is_sent_to_a_model_that_hears(proxy, upstream):
    sound = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}
    spoken = user({"type": "text", "text": "Listen"}, sound)

    assert sent_messages(proxy, upstream, spoken, model=HEARER) == [spoken]


NO_SUCH_PART = (
    'invalid message format: a content part of type "file" cannot be sent (send "text", "image_url" or "input_audio")'
)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "file", "file": {"file_id": "x"}}, NO_SUCH_PART),
        ({"type": "image_url"}, "invalid message format: image_url must hold a url"),
        ({"type": "input_audio"}, "invalid message format: input_audio must hold data and format"),
    ],
)
def test_a_part_that_cannot_be_sent_is_refused(proxy, upstream, part, words):
    """Passing over it would answer another question."""
    answer = ask(proxy, messages=[user({"type": "text", "text": "See?"}, part)])

    assert openais_error(answer) == (400, "invalid_request_error", words)
    assert upstream.received == []


CALL = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": '{"zone": "UTC"}'}}


def test_a_turn_with_calls_needs_no_content_and_its_results_find_it(proxy, upstream):
    sent = sent_messages(
        proxy,
        upstream,
        {"role": "user", "content": "When?", "name": "ann"},
        {"role": "assistant", "content": None, "reasoning": "Hm.", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
        {"role": "user", "content": "And now?"},
    )

    call = CALL | {"function": {"name": "now", "arguments": '{"zone":"UTC"}'}}
    assert sent == [
        {"role": "user", "content": "When?", "name": "ann"},
        {"role": "assistant", "content": None, "reasoning": "Hm.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
        {"role": "user", "content": "And now?"},
    ]


def test_results_in_another_order_find_their_calls(proxy, upstream):
    calls = [CALL, CALL | {"id": "call_2"}]
    results = [{"role": "tool", "tool_call_id": f"call_{at}", "content": f"result {at}"} for at in (2, 1)]

    sent = sent_messages(
        proxy, upstream, *CHAT["messages"], {"role": "assistant", "content": "", "tool_calls": calls}, *results
    )

    assert {message["tool_call_id"]: message["content"] for message in sent[2:]} == {
        "call_1": "result 1",
        "call_2": "result 2",
    }


def test_the_name_of_a_result_is_its_tools(proxy, upstream):
    """Where an app has lost the id."""
    calls = [CALL, CALL | {"id": "call_2", "function": {"name": "then", "arguments": ""}}]
    results = [{"role": "tool", "name": name, "content": name} for name in ("then", "now")]

    sent = sent_messages(
        proxy, upstream, *CHAT["messages"], {"role": "assistant", "content": "", "tool_calls": calls}, *results
    )

    assert {message["tool_call_id"]: message["content"] for message in sent[2:]} == {"call_1": "now", "call_2": "then"}
    assert [message for message in sent[2:] if "name" in message] == []
    assert sent[1]["tool_calls"][1]["function"] == {"name": "then", "arguments": "{}"}


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_what_was_thought_before_is_the_turns_reasoning(proxy, upstream, field):
    turn = {"role": "assistant", "content": "Yes.", field: "Hm."}

    sent = sent_messages(proxy, upstream, *CHAT["messages"], turn, *CHAT["messages"])

    assert sent[1] == {"role": "assistant", "content": "Yes.", "reasoning": "Hm."}


def test_an_answer_that_was_neither_text_nor_call_can_stand_in_the_history(proxy, upstream):
    """Ollama lets it pass, and a conversation should not end for it."""
    turn = {"role": "assistant", "content": None, "tool_calls": []}

    sent = sent_messages(proxy, upstream, *CHAT["messages"], turn, *CHAT["messages"])

    assert sent[1] == {"role": "assistant", "content": ""}


@pytest.mark.parametrize("role", ["user", "system", "assistant", "tool"])
@pytest.mark.parametrize("content", [{}, {"content": None}])
def test_a_message_that_says_nothing_is_refused(proxy, upstream, content, role):
    answer = ask(proxy, messages=[*CHAT["messages"], {"role": role} | content])

    assert openais_error(answer) == (400, "invalid_request_error", "invalid message content type: <nil>")
    assert upstream.received == []


@pytest.mark.parametrize("content", [None, "", "x"])
@pytest.mark.parametrize("arguments", ["x", "{", "[1]", '"x"', "7"])
def test_arguments_that_are_no_object_are_refused(proxy, upstream, arguments, content):
    call = CALL | {"function": {"name": "now", "arguments": arguments}}
    turn = {"role": "assistant", "content": content, "tool_calls": [call]}

    answer = ask(proxy, messages=[*CHAT["messages"], turn])

    assert openais_error(answer) == (400, "invalid_request_error", "invalid tool call arguments")
    assert upstream.received == []


def test_fields_of_a_message_without_a_counterpart_are_passed_over(proxy, upstream):
    old = {"refusal": None, "audio": {"id": "x"}, "function_call": {"name": "f", "arguments": "{}"}, "annotations": []}

    sent = sent_messages(
        proxy, upstream, *CHAT["messages"], {"role": "assistant", "content": "x"} | old, *CHAT["messages"]
    )

    assert sent[1] == {"role": "assistant", "content": "x"}


# -- fields ----------------------------------------------------------------------------------------


def test_what_was_not_given_is_left_to_the_model(proxy, upstream):
    """Ollama sets a temperature and a top_p of 1 here; OpenRouter's models know better."""
    assert sent_with(proxy, upstream) == {}


SENT_ON = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.05,
    "seed": 7,
    "stop": ["END"],
    "frequency_penalty": 0.2,
    "presence_penalty": 0.1,
    "repetition_penalty": 1.1,
    "max_tokens": 100,
    "logprobs": True,
    "top_logprobs": 2,
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "now"}},
    "parallel_tool_calls": False,
    "n": 2,
    "logit_bias": {"50256": -100},
    "prediction": {"type": "content", "content": "hello"},
    "verbosity": "low",
    "service_tier": "flex",
    "user": "ann",
    "metadata": {"a": "b"},
    "prompt_cache_key": "key",
    "cache_control": {"type": "ephemeral", "ttl": "1h"},
    "provider": {"only": ["azure"], "zdr": True},
    "response_format": {"type": "json_object"},
}


def test_what_openrouter_knows_is_sent_on_as_it_is(proxy, upstream):
    assert sent_with(proxy, upstream, **SENT_ON) == SENT_ON


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_how_tools_are_to_be_used_is_sent_on_where_there_are_some(proxy, upstream, choice):
    assert sent_with(proxy, upstream, tools=[TOOL], tool_choice=choice)["tool_choice"] == choice
    assert sent_with(proxy, upstream, tools=[], tool_choice=choice, parallel_tool_calls=True) == {}


@pytest.mark.parametrize("name", [*SENT_ON, "max_completion_tokens", "reasoning_effort", "reasoning", "stream_options"])
def test_null_is_the_same_as_nothing(proxy, upstream, name):
    assert sent_with(proxy, upstream, **{name: None}) == {}


NOT_SENT_ON = {
    "models": [THINKER],
    "route": "fallback",
    "preset": "mine",
    "plugins": [{"id": "web"}],
    "web_search_options": {},
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "store": True,
    "functions": [{"name": "f"}],
    "function_call": "auto",
    "safety_identifier": "x",
    "stream_options": {"include_usage": True},
    "options": {"temperature": 1},
    "keep_alive": "5m",
    "format": "json",
    "think": True,
    "of_a_later_version": {"a": [1]},
}


@pytest.mark.parametrize("name", NOT_SENT_ON)
def test_what_costs_unasked_or_means_nothing_is_not_sent_on(proxy, upstream, name):
    """Among it what could ask a model that the owner did not allow."""
    assert sent_with(proxy, upstream, **{name: NOT_SENT_ON[name]}) == {}


def test_one_answer_is_what_there_is_without_asking(proxy, upstream):
    """Not every provider knows the field, and editors send it with each request."""
    assert sent_with(proxy, upstream, n=1) == {}


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        ({"max_tokens": 10}, {"max_tokens": 10}),
        ({"max_completion_tokens": 20}, {"max_tokens": 20}),
        ({"max_tokens": 10, "max_completion_tokens": 20}, {"max_tokens": 20}),
        ({"max_completion_tokens": 20, "max_tokens": 10}, {"max_tokens": 20}),
        ({"max_tokens": 10, "max_completion_tokens": None}, {"max_tokens": 10}),
        ({"max_tokens": 10.0}, {"max_tokens": 10}),
        ({"max_tokens": 0}, {}),
        ({"max_tokens": -1}, {}),
    ],
)
def test_the_newer_word_for_the_limit_counts_before_the_older(proxy, upstream, given, limit):
    sent = sent_with(proxy, upstream, **given)

    assert sent == limit
    assert [type(value) for value in sent.values()] == [int] * len(limit)


@pytest.mark.parametrize(
    ("stop", "sent"),
    [("END", ["END"]), (["a", "b", "c", "d"], ["a", "b", "c", "d"]), (["a", "a", ""], ["a"]), ("", None), ([], None)],
)
def test_stop_is_one_text_or_several(proxy, upstream, stop, sent):
    assert sent_with(proxy, upstream, stop=stop).get("stop") == sent


@pytest.mark.parametrize("stream", [True, False])
def test_a_fifth_stop_ends_the_answer_too(proxy, upstream, stream):
    """OpenRouter takes four; the rest are watched for here, and what comes behind is not bought."""
    stops = ["no1", "no2", "no3", "no4", "-4o-mini: “hel"]

    answer = ask(proxy, stop=stops, stream=stream)

    assert upstream.chats[-1].body["stop"] == stops[:4]
    if stream:
        *chunks, end = events_of(answer)
        assert (text_of(chunks), chunks[-1]["choices"][0]["finish_reason"], end) == (
            "[demo] You asked openai/gpt",
            "stop",
            "[DONE]",
        )
    else:
        [choice] = answer.json()["choices"]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("[demo] You asked openai/gpt", "stop")


def test_the_fifth_stop_ends_each_of_several_answers(proxy):
    answer = ask(proxy, stop=["no1", "no2", "no3", "no4", "asked"], n=2).json()

    assert [choice["message"]["content"] for choice in answer["choices"]] == ["[demo] You ", "[demo] You "]


@pytest.mark.parametrize(
    ("effort", "reasoning"),
    [
        ("none", {"effort": "none"}),
        ("minimal", {"effort": "low"}),
        ("low", {"effort": "low"}),
        ("medium", {"effort": "medium"}),
        ("high", {"effort": "high"}),
        ("max", {"effort": "max"}),
        ("xhigh", {"effort": "max"}),
        ("ultra", {"effort": "max"}),
        ("", None),
    ],
)
@pytest.mark.parametrize(
    "form", [lambda word: {"reasoning_effort": word}, lambda word: {"reasoning": {"effort": word}}]
)
def test_effort_has_more_words_than_models_have_levels(proxy, upstream, form, effort, reasoning):
    assert sent_with(proxy, upstream, model=THINKER, **form(effort)).get("reasoning") == reasoning


def test_the_most_effort_is_the_most_that_the_model_has(proxy, upstream):
    assert sent_with(proxy, upstream, model="openai/o4-mini", reasoning_effort="xhigh") == {
        "reasoning": {"effort": "high"}
    }


@pytest.mark.parametrize(
    "form", [lambda word: {"reasoning_effort": word}, lambda word: {"reasoning": {"effort": word}}]
)
def test_another_word_for_effort_is_refused(proxy, upstream, form):
    words = '"none", "minimal", "low", "medium", "high", "max", "xhigh", "ultra"'

    assert openais_error(ask(proxy, model=THINKER, **form("deep"))) == (
        400,
        "invalid_request_error",
        f'invalid reasoning value: "deep" (must be one of {words})',
    )
    assert upstream.received == []


def test_who_cannot_think_need_not_be_told_not_to(proxy, upstream):
    assert sent_with(proxy, upstream, reasoning_effort="none") == {}


JSON_SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "city",
        "strict": True,
        "schema": {
            "type": "object",
            "required": ["z", "a"],
            "properties": {"z": {"type": "integer"}, "a": {"type": "string"}},
            "additionalProperties": False,
        },
    },
}


@pytest.mark.parametrize("wanted", [{"type": "json_object"}, JSON_SCHEMA])
def test_a_form_of_the_answer_is_sent_on_whole_and_in_its_order(proxy, upstream, wanted):
    sent = sent_with(proxy, upstream, response_format=wanted)

    assert json.dumps(sent["response_format"]) == json.dumps(wanted)


@pytest.mark.parametrize("wanted", [{"type": "text"}, {"type": "grammar", "grammar": "x"}, {}])
def test_other_forms_are_passed_over_as_with_ollama(proxy, upstream, wanted):
    assert sent_with(proxy, upstream, response_format=wanted) == {}


def test_an_answer_has_the_form_that_was_asked_for(proxy):
    assert json.loads(message_of(proxy, response_format=JSON_SCHEMA)["content"]) == {"z": 1, "a": "demo a"}


def test_tools_are_sent_on_untouched_and_in_their_order(proxy, upstream):
    schema = {"type": ["object", "null"], "z": 1, "a": {"$ref": "#"}, "oneOf": [{"const": 1.0}]}
    tools = [{"type": "function", "function": {"strict": True, "name": "b", "parameters": schema}}, TOOL]

    sent = sent_with(proxy, upstream, tools=tools)

    assert json.dumps(sent["tools"]) == json.dumps(tools)


@pytest.mark.parametrize("tools", [[], None])
def test_no_tools_are_none(proxy, upstream, tools):
    """Clients send an empty list with every request."""
    assert sent_with(proxy, upstream, model=PLAIN, tools=tools) == {}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("model", "fields", "words"),
    [
        (PLAIN, {"tools": [TOOL]}, f"registry.ollama.ai/{PLAIN}:latest does not support tools"),
        (PLAIN, {"reasoning_effort": "low"}, f'"{PLAIN}" does not support thinking'),
        (PLAIN, {"logprobs": True}, f'"{PLAIN}" does not support logprobs'),
        (SCHEMELESS, {"response_format": JSON_SCHEMA}, f'"{SCHEMELESS}" does not support structured output (format)'),
        ("baai/bge-m3", {}, '"baai/bge-m3" does not support chat'),
        (
            PLAIN,
            {"messages": [user(picture("https://example.com/a"))]},
            f'"{PLAIN}" does not support images: this model is missing data required for image input',
        ),
        (
            MINI,
            {"messages": [user({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}})]},
            f'"{MINI}" does not support audio input',
        ),
        (MINI, {"top_logprobs": 21}, "top_logprobs must be between 0 and 20"),
    ],
    ids=["tools", "thinking", "logprobs", "schema", "chat", "pictures", "sound", "top_logprobs"],
)
def test_what_a_model_lacks_is_told_before_anything_is_bought(proxy, upstream, stream, model, fields, words):
    answer = ask(proxy, model=model, stream=stream, **fields)

    assert openais_error(answer) == (400, "invalid_request_error", words)
    assert upstream.received == []


# -- likelihoods -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
def test_likelihoods_stand_in_the_choice_and_cover_the_text(proxy, stream):
    answer = ask(proxy, logprobs=True, top_logprobs=2, stream=stream)

    answers = events_of(answer)[:-1] if stream else [answer.json()]
    choices = [each["choices"][0] for each in answers]
    tokens = [token for choice in choices for token in choice.get("logprobs", {"content": []})["content"]]
    assert "".join(token["token"] for token in tokens) == SAID
    assert {tuple(token) for token in tokens} == {("token", "logprob", "bytes", "top_logprobs")}
    assert {len(token["top_logprobs"]) for token in tokens} == {2}
    assert {tuple(other) for token in tokens for other in token["top_logprobs"]} == {("token", "logprob", "bytes")}
    assert all(bytes(token["bytes"]).decode() == token["token"] for token in tokens)


def test_without_asking_there_are_no_likelihoods(proxy):
    assert "logprobs" not in ask(proxy).json()["choices"][0]


# -- thoughts that come back -----------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
def test_what_claude_thought_goes_back_signed_with_the_tools_result(proxy, upstream, stream):
    """Claude insists on it, and no client of OpenAI's dialect can keep it."""
    model, effort = "anthropic/claude-sonnet-4", {"reasoning_effort": "low"}
    question = {"role": "user", "content": f"use the tool now, {'bit by bit' if stream else 'at once'}"}
    answer = ask(proxy, model=model, messages=[question], tools=[TOOL], stream=stream, **effort)
    if stream:
        [call] = [call for delta in deltas_of(events_of(answer)[:-1]) for call in delta.get("tool_calls", ())]
    else:
        [call] = answer.json()["choices"][0]["message"]["tool_calls"]
    turn = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "noon"}

    answer = ask(proxy, model=model, messages=[question, turn, result], tools=[TOOL], **effort)

    assert answer.status_code == 200, answer.text
    assert upstream.chats[-1].body["messages"][1]["reasoning_details"] == [
        {
            "type": "reasoning.text",
            "text": THOUGHT,
            "format": "anthropic-claude-v1",
            "index": 0,
            "signature": sign(THOUGHT),
        }
    ]
