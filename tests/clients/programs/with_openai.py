"""OpenAI's Python library, at `/v1` of the address in OLLAMA_HOST."""

import os
import struct
from base64 import b64decode

from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel
from telling import PICTURE, step, tell

ADDRESS = f"{os.environ['OLLAMA_HOST']}/v1"
# It tries again by itself; here each refusal is to be seen at once.
client = OpenAI(base_url=ADDRESS, api_key="ollama", max_retries=0)
client_async = AsyncOpenAI(base_url=ADDRESS, api_key="ollama", max_retries=0)
MODEL = "openai/gpt-4o-mini"
THINKER = "deepseek/deepseek-r1"
EMBEDDING_MODEL = "openai/text-embedding-3-small"
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}


class City(BaseModel):
    """A city."""

    name: str
    population: int


def asked(text):
    """A history of one question."""
    return [{"role": "user", "content": text}]


def ask(text, *, model=MODEL, **more):
    """Ask one question."""
    return client.chat.completions.create(model=model, messages=asked(text), **more)


def counts(usage):
    """The tokens that were taken."""
    return [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens]


@step
def listed():
    """The names of all models."""
    return [model.id for model in client.models.list()]


@step
def retrieved():
    """One model; the library writes the slash in its name as `%2F`."""
    model = client.models.retrieve(MODEL)
    return [model.id, model.object, model.owned_by]


@step
def plain():
    """A chat in one piece, and its tokens."""
    answer = ask("say it whole")
    [choice] = answer.choices
    return [choice.message.content, choice.finish_reason, counts(answer.usage), answer.model, answer.object]


@step
async def plain_async():
    """The same on the event loop."""
    answer = await client_async.chat.completions.create(model=MODEL, messages=asked("say it whole, later"))
    return answer.choices[0].message.content


@step
def streamed():
    """A chat in pieces; each has one choice."""
    parts = list(ask("say it in pieces", stream=True))
    choices = [choice for part in parts for choice in part.choices]
    return {
        "pieces": [choice.delta.content for choice in choices],
        "reasons": [choice.finish_reason for choice in choices],
        "choices": {len(part.choices) for part in parts} == {1},
        "usages": [part.usage for part in parts if part.usage],
        "ids": len({part.id for part in parts}),
    }


@step
async def streamed_async():
    """The same on the event loop."""
    parts = await client_async.chat.completions.create(
        model=MODEL, messages=asked("say it in pieces, later"), stream=True
    )
    return "".join([part.choices[0].delta.content or "" async for part in parts])


@step
def streamed_with_usage():
    """A chat in pieces, and at its end a piece without a choice that tells the tokens."""
    *parts, last = ask("say it in pieces and count", stream=True, stream_options={"include_usage": True})
    return ["".join(part.choices[0].delta.content or "" for part in parts), last.choices, counts(last.usage)]


@step
def options():
    """The parameters of a chat."""
    answer = ask(
        "mind the options",
        temperature=0.5,
        top_p=0.8,
        max_tokens=5,
        seed=7,
        stop=["STOP"],
        frequency_penalty=0.1,
        presence_penalty=0.2,
        user="somebody",
    )
    return [answer.choices[0].message.content, answer.choices[0].finish_reason]


@step
def several():
    """Two answers to one question."""
    return [[choice.index, choice.message.content] for choice in ask("say it twice", n=2).choices]


@step
def several_streamed():
    """The same in pieces, which come mixed."""
    texts = ["", ""]
    for part in ask("say it twice in pieces", n=2, stream=True):
        for choice in part.choices:
            texts[choice.index] += choice.delta.content or ""
    return texts


@step
def tools():
    """A tool call, its result, and the answer to it."""
    messages = asked("use the tool add")
    choice = client.chat.completions.create(model=MODEL, messages=messages, tools=[ADD]).choices[0]
    [call] = choice.message.tool_calls
    messages += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "it is 2"}]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[ADD])
    return [choice.finish_reason, call.function.name, call.function.arguments, second.choices[0].message.content]


@step
def tools_streamed():
    """Two calls at once, put together by the library's own helper for streams."""
    messages = asked("use the tool add, both in parallel, in pieces")
    with client.chat.completions.stream(model=MODEL, messages=messages, tools=[ADD]) as stream:
        choice = stream.get_final_completion().choices[0]
    calls = choice.message.tool_calls
    return [choice.finish_reason, [[call.function.name, call.function.arguments] for call in calls]]


@step
def tool_forced():
    """A tool that the question does not speak of, and that must be called."""
    answer = ask("hello", tools=[ADD], tool_choice={"type": "function", "function": {"name": "add"}})
    return answer.choices[0].message.tool_calls[0].function.name


@step
def structured():
    """An answer that fits a class; the library makes its schema a strict one."""
    message = client.chat.completions.parse(model=MODEL, messages=asked("name a city"), response_format=City)
    return message.choices[0].message.parsed.model_dump()


@step
def json_mode():
    """An answer in JSON without a schema."""
    return ask("name a city as JSON", response_format={"type": "json_object"}).choices[0].message.content


@step
def picture():
    """A picture beside the text."""
    parts = [
        {"type": "text", "text": "look at it"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}", "detail": "low"}},
    ]
    return ask(parts, model="openai/gpt-4o").choices[0].message.content


@step
def thinking():
    """Thinking in a field that the library does not know and keeps."""
    message = ask("think first", model=THINKER, reasoning_effort="high").choices[0].message
    return [message.reasoning, message.content]


@step
def thinking_streamed():
    """The same in pieces."""
    deltas = [part.choices[0].delta for part in ask("think in pieces", model=THINKER, stream=True)]
    thought = "".join(getattr(delta, "reasoning", None) or "" for delta in deltas)
    return [thought, "".join(delta.content or "" for delta in deltas)]


@step
def no_thinking():
    """Thinking turned off."""
    message = ask("do not think", model=THINKER, reasoning_effort="none").choices[0].message
    return [message.model_extra, message.content]


@step
def logprobs():
    """How likely each token was."""
    answer = ask("say how sure", logprobs=True, top_logprobs=2).choices[0]
    tokens = answer.logprobs.content
    return ["".join(token.token for token in tokens) == answer.message.content, len(tokens[0].top_logprobs)]


@step
def completion():
    """A completion of a text."""
    answer = client.completions.create(model=MODEL, prompt="complete it")
    return [answer.choices[0].text, answer.choices[0].finish_reason, counts(answer.usage), answer.object]


@step
def completion_streamed():
    """The same in pieces."""
    return [part.choices[0].text for part in client.completions.create(model=MODEL, prompt="go on", stream=True)]


@step
def embedded():
    """Two texts at once; the library asks for base64 and reads it by itself."""
    answer = client.embeddings.create(model=EMBEDDING_MODEL, input=["one", "two"])
    vectors = [row.embedding for row in answer.data]
    return [[len(vector) for vector in vectors], sum(value * value for value in vectors[1]), answer.usage.prompt_tokens]


@step
def embedded_in_numbers():
    """The same vector in numbers, in base64 as it comes, and by default."""
    numbers, text, default = (
        client.embeddings.create(model=EMBEDDING_MODEL, input="one", **more).data[0].embedding
        for more in ({"encoding_format": "float"}, {"encoding_format": "base64"}, {})
    )
    unpacked = list(struct.unpack(f"<{len(numbers)}f", b64decode(text)))
    return [isinstance(text, str), unpacked == default, max(abs(a - b) for a, b in zip(numbers, unpacked, strict=True))]


@step
def embedded_shorter():
    """A vector of a length that is asked for."""
    return len(client.embeddings.create(model=EMBEDDING_MODEL, input="one", dimensions=256).data[0].embedding)


@step
def unknown_model():
    """A chat with a model that is not there."""
    return ask("hello", model="nope").choices[0].message.content


@step
def unknown_model_in_a_stream():
    """The same in pieces."""
    return list(ask("hello", model="nope", stream=True))


@step
def unknown_model_retrieved():
    """A look at it."""
    return client.models.retrieve("some/nope").id


@step
def unknown_embedding_model():
    """A vector from one."""
    return client.embeddings.create(model="nope", input="one").data


@step
def no_question():
    """A chat without a message."""
    return client.chat.completions.create(model=MODEL, messages=[]).choices


@step
def no_credit():
    """The upstream wants money first."""
    return ask("#fault:status-402").choices[0].message.content


@step
def too_many():
    """The upstream wants us to wait."""
    return ask("#fault:status-429").choices[0].message.content


@step
def too_many_in_a_stream():
    """The same before the first piece."""
    return list(ask("#fault:status-429", stream=True))


@step
def broken_off():
    """The upstream fails in the middle of a plain answer."""
    return ask("#fault:error-mid-stream").choices[0].message.content


@step
def broken_off_in_a_stream():
    """The same in the middle of a stream."""
    return [part.choices[0].delta.content for part in ask("#fault:error-mid-stream", stream=True)]


tell()
