"""`/api/chat` as its readers rely on it, from the first byte of an answer to the last."""

import pytest

from contract.reading import is_just_now, lines_of
from tray_proxy.demo.faults import Fault
from tray_proxy.demo.steps import stream_of

ASKED = "OpenAI/GPT-4o-mini:latest"
CHAT = {"model": ASKED, "messages": [{"role": "user", "content": "hello"}]}
# It has no tools, and sees and hears nothing.
PLAIN = "gryphe/mythomax-l2-13b"
SCHEMELESS = "perplexity/deepseek-r1"
THINKER = "deepseek/deepseek-r1"
TOOL = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="

LINE = ["model", "created_at", "message", "done"]
LAST = [
    *LINE,
    "done_reason",
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
]


@pytest.mark.parametrize("fault", ["none", "odd-text", "many-writes", "one-write", "finish-with-text"])
def test_a_stream_is_lines_of_one_object_each_and_the_done_one_is_the_last(proxy, upstream, fault):
    """ollama-python crashes on a blank line, ollama-js where the last object is not done."""
    if fault != "none":
        upstream.arrange(fault)

    *lines, last = lines_of(proxy.http.post("/api/chat", json=CHAT))

    assert {tuple(line) for line in lines} == {tuple(LINE)}
    assert list(last) == LAST
    assert [line["done"] for line in lines] == [False] * len(lines)
    assert last["done"] is True


def test_every_line_repeats_the_name_that_was_asked(proxy):
    """OpenRouter answers with its own, often a dated one."""
    assert {line["model"] for line in lines_of(proxy.http.post("/api/chat", json=CHAT))} == {ASKED}


def test_a_name_is_repeated_with_its_blanks(proxy):
    assert proxy.chat(model=f"  {ASKED} ").json()["model"] == f"  {ASKED} "


def test_every_line_is_the_assistants_and_has_a_content(proxy):
    """Also where it carries a thought alone: strict readers want both fields."""
    messages = [line["message"] for line in lines_of(proxy.http.post("/api/chat", json=CHAT | {"model": THINKER}))]

    assert {message["role"] for message in messages} == {"assistant"}
    assert {type(message["content"]) for message in messages} == {str}
    assert {message["content"] for message in messages if "thinking" in message} == {""}


@pytest.mark.parametrize(("model", "thinks"), [(ASKED, False), (THINKER, True)])
def test_a_plain_answer_has_a_thought_only_where_there_was_one(proxy, model, thinks):
    answer = proxy.chat(model=model).json()

    assert list(answer) == LAST
    assert list(answer["message"]) == ["role", "content", *["thinking"] * thinks]


def test_each_line_has_the_time_in_utc(far_from_utc, proxy):
    lines = lines_of(proxy.http.post("/api/chat", json=CHAT))

    times = [line["created_at"] for line in lines]
    assert all(map(is_just_now, times))
    assert times == sorted(times)


@pytest.mark.parametrize("messages", [{}, {"messages": None}, {"messages": []}])
@pytest.mark.parametrize("stream", [{}, {"stream": True}, {"stream": False}])
@pytest.mark.parametrize(("keep_alive", "reason"), [({}, "load"), ({"keep_alive": 0}, "unload")])
def test_a_load_is_one_plain_object_even_where_a_stream_was_asked_for(
    proxy, upstream, messages, stream, keep_alive, reason
):
    answer = proxy.http.post("/api/chat", json={"model": ASKED} | messages | stream | keep_alive)

    loaded = answer.json()
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert is_just_now(loaded.pop("created_at"))
    assert loaded == {
        "model": ASKED,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": reason,
    }
    assert upstream.received == []


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("model", "fields", "error"),
    [
        (PLAIN, {"tools": [TOOL]}, f"registry.ollama.ai/{PLAIN}:latest does not support tools"),
        (PLAIN, {"messages": [], "tools": [TOOL]}, f"registry.ollama.ai/{PLAIN}:latest does not support tools"),
        (
            PLAIN,
            {"messages": [{"role": "user", "content": "look", "images": [PNG]}]},
            f'"{PLAIN}" does not support images: this model is missing data required for image input',
        ),
        (
            PLAIN,
            {"messages": [{"role": "user", "content": "listen", "images": [WAV]}]},
            f'"{PLAIN}" does not support audio input',
        ),
        (SCHEMELESS, {"format": {"type": "object"}}, f'"{SCHEMELESS}" does not support structured output (format)'),
    ],
    ids=["tools", "tools of a load", "pictures", "sound", "schema"],
)
def test_what_a_model_lacks_is_told_before_anything_is_bought(proxy, upstream, stream, model, fields, error):
    answer = proxy.http.post("/api/chat", json=CHAT | {"model": model, "stream": stream} | fields)

    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert upstream.received == []


@pytest.mark.parametrize("messages", [CHAT["messages"], []], ids=["chat", "load"])
@pytest.mark.parametrize("outputs", [["image"], ["speech"], ["embeddings"]], ids=lambda outputs: outputs[0])
def test_a_model_without_words_is_not_asked_for_any(start_with_models, upstream, outputs, messages):
    proxy = start_with_models(mute=outputs)

    answer = proxy.chat(model="vendor/mute", messages=messages)

    assert (answer.status_code, answer.json()) == (400, {"error": '"vendor/mute" does not support chat'})
    assert upstream.chats == []


def test_a_model_that_makes_pictures_beside_words_can_chat(start_with_models, upstream):
    """The request gets as far as the upstream, which does not know this one."""
    proxy = start_with_models(illustrator=["image", "text"])

    answer = proxy.chat(model="vendor/illustrator")

    assert answer.json()["error"].startswith("model 'vendor/illustrator' not found")
    assert [request.body["model"] for request in upstream.chats] == ["vendor/illustrator"]


def test_fields_without_a_counterpart_are_taken_and_not_sent_on(proxy, upstream):
    """Such as those about a context that Ollama may cut or shift, and those of a later version."""
    more = {"truncate": False, "shift": False, "_debug_render_only": True, "of_a_later_version": {"a": [1]}}

    answer = proxy.http.post("/api/chat", json=CHAT | more)

    assert lines_of(answer)[-1]["done"] is True
    assert upstream.chats[-1].body == {
        "model": "openai/gpt-4o-mini",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
    }


def without_finish_reason(exchange, _seconds):
    *said, _finish, usage = exchange.chunks()
    return stream_of(exchange, [*said, usage])


@pytest.mark.parametrize("stream", [True, False])
def test_a_call_is_not_lost_where_the_answer_ends_without_a_reason(proxy, upstream, stream):
    """Some providers leave it at the mark that ends a stream."""
    upstream.arrange(Fault("without-finish-reason", without_finish_reason, ""))
    question = {"role": "user", "content": "use the tool now"}

    answer = proxy.http.post("/api/chat", json=CHAT | {"messages": [question], "tools": [TOOL], "stream": stream})

    objects = lines_of(answer) if stream else [answer.json()]
    calls = [call["function"] for each in objects for call in each["message"].get("tool_calls", [])]
    assert calls == [{"index": 0, "name": "now", "arguments": {}}]
    assert (objects[-1]["done"], objects[-1]["done_reason"]) == (True, "stop")
