"""What the demo says, before it is put into chunks."""

import json

import jsonschema
import pytest

from tray_proxy.demo.answers import Answer, compose, tokens
from tray_proxy.demo.strict import read_chat

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TIME = {"type": "function", "function": {"name": "get_time"}}
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


@pytest.fixture
def answer(body):
    """Compose the answer to a chat request."""

    def ask(text: str = "Why?", **more) -> Answer:
        return compose(*read_chat(body(text, **more)))

    return ask


def test_the_text_begins_with_the_label(answer) -> None:
    """Nobody may take it for a model's words."""
    assert answer().text == (
        "[demo] You asked openai/gpt-4o-mini: “Why?”. No model was called and nothing was charged."
    )


def test_a_long_question_is_shortened(answer) -> None:
    """The answer stays readable."""
    assert f"“{'x' * 200}…”" in answer("x" * 300).text


def test_a_question_is_repeated_on_one_line(answer) -> None:
    """However it was laid out."""
    assert "“why is it so?”" in answer(" why\n\n  is it\tso? ").text


def test_images_are_counted(answer) -> None:
    """A lost picture shows in the answer."""
    part = {"type": "image_url", "image_url": {"url": PIXEL}}
    said = answer(messages=[{"role": "user", "content": [{"type": "text", "text": "See?"}, part, part]}])

    assert "“See?”. I was given 2 images." in said.text
    assert said.prompt_tokens > 2 * 258


def test_sounds_are_counted_beside_images(answer) -> None:
    """A transcript of the demo's says what it was made of."""
    sound = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    image = {"type": "image_url", "image_url": {"url": PIXEL}}
    parts = [{"type": "text", "text": "Hear?"}, sound, sound, image]
    said = answer(model="google/gemini-2.5-flash", messages=[{"role": "user", "content": parts}])

    assert "“Hear?”. I was given 1 image and 2 sounds." in said.text


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_length_is_kept(answer, field) -> None:
    """And the reason says why the text ends."""
    said = answer(**{field: 3})

    assert (said.text, said.finish_reason) == ("[demo] You asked", "length")
    assert said.completion_tokens == 3


def test_thinking_counts_towards_the_length(answer) -> None:
    """A small limit can leave nothing for the answer itself."""
    said = answer(model="deepseek/deepseek-r1", max_tokens=4)

    assert (said.text, said.finish_reason, said.reasoning_tokens) == ("", "length", 4)


@pytest.mark.parametrize("stop", ["asked", ["nowhere", "asked", "openai"]])
def test_a_stop_ends_the_text(answer, stop) -> None:
    """The stop itself is not said."""
    said = answer(stop=stop)

    assert (said.text, said.finish_reason) == ("[demo] You ", "stop")


@pytest.mark.parametrize(
    ("text", "more", "names"),
    [
        ("use a tool", {}, ["get_weather"]),
        ("call get_time", {}, ["get_time"]),
        ("get_weather and get_time", {}, ["get_weather", "get_time"]),
        ("tools in parallel", {}, ["get_weather", "get_time"]),
        ("both tools", {"parallel_tool_calls": False}, ["get_weather"]),
        ("hello", {}, []),
        ("hello", {"tool_choice": "required"}, ["get_weather"]),
        ("hello", {"tool_choice": {"type": "function", "function": {"name": "get_time"}}}, ["get_time"]),
        ("use a tool", {"tool_choice": "none"}, []),
    ],
)
def test_tools_are_called_when_spoken_of(answer, text, more, names) -> None:
    """The rules are simple enough to be typed on purpose."""
    said = answer(text, tools=[WEATHER, TIME], **more)

    assert [call.name for call in said.calls] == names
    assert said.finish_reason == ("tool_calls" if names else "stop")
    assert (said.text == "") == bool(names)


def test_calls_have_ids_of_their_own(answer) -> None:
    """Two calls of one tool too, and again the same for the same request."""
    first = [call.id for call in answer("both tools", tools=[WEATHER]).calls]

    assert len(set(first)) == 2
    assert [call.id for call in answer("both tools", tools=[WEATHER]).calls] == first


def test_arguments_are_json_text(answer) -> None:
    """Made up from the schema."""
    assert answer("use a tool", tools=[WEATHER]).calls[0].arguments == '{"city":"demo city"}'


@pytest.mark.parametrize("role", ["system", "developer"])
def test_words_of_the_system_at_the_end_change_nothing(answer, role) -> None:
    """Claude Code has them after the user's question."""
    messages = [{"role": "user", "content": "use a tool"}, {"role": role, "content": "Be brief."}]

    assert [call.name for call in answer(messages=messages, tools=[WEATHER]).calls] == ["get_weather"]


DICTATED = """Use both tools.
#call:get_time {"zone": "UTC"}
#call:get_moon {}"""


def test_a_dictated_call_is_made_as_it_was_written(answer) -> None:
    """It and no other, though the text speaks of more; nor one that is not offered."""
    calls = answer(DICTATED, tools=[WEATHER, TIME]).calls

    assert [(call.name, call.arguments) for call in calls] == [("get_time", '{"zone": "UTC"}')]


def test_a_conversation_with_a_dictated_call_has_no_others(answer) -> None:
    """An agent adds words of its own to each result, and some of them name its tools."""
    messages = [
        {"role": "user", "content": DICTATED},
        {"role": "assistant", "content": "It is noon."},
        {"role": "user", "content": "Reminder: get_weather is a tool."},
    ]

    assert answer(messages=messages, tools=[WEATHER, TIME]).calls == []


def test_json_is_answered_where_json_is_asked_for(answer) -> None:
    """Labelled inside, since the text itself must be JSON."""
    said = json.loads(answer(response_format={"type": "json_object"}).text)

    assert said["demo"] is True
    assert said["answer"].startswith("[demo] You asked")


def test_json_fits_the_schema_asked_for(answer) -> None:
    """Structured output can be tried without a model."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 7}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    said = json.loads(answer(response_format=form).text)

    jsonschema.validate(said, schema)
    assert said == {"n": 7}


@pytest.mark.parametrize(
    ("model", "reasoning", "thinks"),
    [
        ("deepseek/deepseek-r1", {}, True),
        ("deepseek/deepseek-r1", {"effort": "none"}, False),
        ("deepseek/deepseek-r1", {"enabled": False}, False),
        ("anthropic/claude-sonnet-4", {}, False),
        ("anthropic/claude-sonnet-4", {"effort": "high"}, True),
        ("anthropic/claude-sonnet-4", {"enabled": True}, True),
        ("anthropic/claude-sonnet-4", {"max_tokens": 2000}, True),
        ("openai/o4-mini", {"effort": "low"}, True),
        ("openai/gpt-4o", {"effort": "high"}, False),
    ],
)
def test_models_think_by_default_or_on_request(answer, model, reasoning, thinks) -> None:
    """As their `reasoning` object in the catalogue says."""
    assert bool(answer(model=model, reasoning=reasoning).reasoning) is thinks


def test_an_alias_lets_its_target_answer(answer) -> None:
    """The answer names the model that served."""
    assert answer(model="openrouter/auto").model.id == "openai/gpt-4o-mini"


@pytest.mark.parametrize("text", ["", " ", "one two  three\n", "x" * 20, "Zoë 😀\u2028b"])
def test_tokens_make_up_the_text(text) -> None:
    """Nothing is lost between the pieces."""
    assert "".join(tokens(text)) == text


@pytest.mark.parametrize(
    ("model", "n", "copies"),
    [
        ("openai/gpt-4o-mini", None, 1),
        ("openai/gpt-4o-mini", 1, 1),
        ("openai/gpt-4o-mini", 3, 3),
        ("deepseek/deepseek-r1", 3, 1),
        ("anthropic/claude-sonnet-4", 3, 1),
    ],
)
def test_openais_models_give_as_many_answers_as_are_asked_for_and_others_one(answer, model, n, copies) -> None:
    """As it is: the field goes to the provider, who knows it or does not."""
    assert answer(model=model, n=n).copies == copies


def test_every_copy_is_counted(answer) -> None:
    """Each is paid for."""
    assert answer(n=3).completion_tokens == 3 * answer().completion_tokens


def test_a_length_is_kept_by_each_copy(answer) -> None:
    """A limit is that of one answer."""
    said = answer(n=2, max_tokens=3)

    assert (said.text, said.completion_tokens) == ("[demo] You asked", 6)


@pytest.mark.parametrize("more", [{}, {"tools": [WEATHER], "tool_choice": "required"}])
def test_an_answer_that_fits_is_not_cut_for_the_others_sake(answer, more) -> None:
    """Two of nineteen tokens are longer together than either may be."""
    alone = answer(**more)

    said = answer(n=2, max_tokens=alone.completion_tokens, **more)

    assert (said.text, said.calls, said.finish_reason) == (alone.text, alone.calls, alone.finish_reason)


@pytest.mark.parametrize(
    ("more", "stopped"),
    [({}, False), ({"stop": "nowhere"}, False), ({"stop": "asked"}, True), ({"max_tokens": 3}, False)],
)
def test_an_answer_knows_whether_a_stop_ended_it(answer, more, stopped) -> None:
    """Anthropic tells that from the end of a turn."""
    assert answer(**more).stopped is stopped
