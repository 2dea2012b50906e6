"""Anthropic's Python library, at the address in OLLAMA_HOST: `/v1/messages` and the count of its tokens."""

import os

from anthropic import Anthropic, AsyncAnthropic, beta_tool
from pydantic import BaseModel
from telling import PICTURE, step, tell

ADDRESS = os.environ["OLLAMA_HOST"]
# It tries again by itself; here each refusal is to be seen at once.
client = Anthropic(base_url=ADDRESS, api_key="ollama", max_retries=0)
client_async = AsyncAnthropic(base_url=ADDRESS, api_key="ollama", max_retries=0)
MODEL = "openai/gpt-4o-mini"
THINKER = "deepseek/deepseek-r1"
ADD = {
    "name": "add",
    "description": "Add two numbers",
    "input_schema": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
}
THINKING = {"type": "enabled", "budget_tokens": 1024}


class City(BaseModel):
    """A city."""

    name: str
    population: int


def asked(text, **more):
    """The arguments of one question."""
    return {"model": MODEL, "max_tokens": 2000, "messages": [{"role": "user", "content": text}], **more}


def ask(text, **more):
    """Ask one question."""
    return client.messages.create(**asked(text, **more))


def shown(message):
    """What stands in each block of an answer."""
    return [[block.type, getattr(block, block.type, None) or block.input] for block in message.content]


@step
def plain():
    """An answer in one piece, and its tokens."""
    message = ask("say it whole")
    usage = message.usage
    return [shown(message), message.stop_reason, usage.input_tokens, usage.output_tokens, message.model]


@step
async def plain_async():
    """The same on the event loop."""
    return shown(await client_async.messages.create(**asked("say it whole, later")))


@step
def events():
    """The events of a stream, as they come."""
    return [event.type for event in ask("say it in events", stream=True)]


@step
def streamed():
    """An answer in pieces, and the message that the library puts together."""
    with client.messages.stream(**asked("say it in pieces")) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    return [pieces, message.stop_reason, message.usage.input_tokens, message.usage.output_tokens]


@step
async def streamed_async():
    """The same on the event loop."""
    async with client_async.messages.stream(**asked("say it in pieces, later")) as stream:
        return [piece async for piece in stream.text_stream]


@step
def options():
    """The parameters of a message."""
    message = ask(
        "mind the options",
        model="anthropic/claude-sonnet-4",
        system=[{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
        max_tokens=5,
        stop_sequences=["STOP"],
        metadata={"user_id": "somebody"},
        # The library has these no more; who needs them adds them so.
        extra_body={"temperature": 0.5, "top_p": 0.8, "top_k": 20},
    )
    return [shown(message), message.stop_reason]


@step
def stopped():
    """An answer that one of the request's own words ends; so many of them that the proxy watches for it itself."""
    message = ask("stop before it", stop_sequences=["A", "B", "C", "D", "No model"])
    return [shown(message), message.stop_reason, message.stop_sequence]


@step
def tools():
    """A tool call, its result, and the answer to it."""
    history = asked("use the tool add")["messages"]
    first = client.messages.create(**asked("", messages=history, tools=[ADD]))
    [call] = [block for block in first.content if block.type == "tool_use"]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": f"it is {call.input['a'] + call.input['b']}"}
    history += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = client.messages.create(**asked("", messages=history, tools=[ADD]))
    return [first.stop_reason, call.name, call.input, shown(second)]


@step
def tools_streamed():
    """Two calls at once, put together by the library."""
    with client.messages.stream(**asked("use the tool add, both in parallel", tools=[ADD])) as stream:
        message = stream.get_final_message()
    return [message.stop_reason, shown(message)]


@step
def tools_by_themselves():
    """The library's own loop: it calls the function, sends the result, and goes on until there is an answer."""

    @beta_tool
    def add(a: int, b: int) -> str:
        """Add two numbers."""
        return f"it is {a + b}"

    return shown(client.beta.messages.tool_runner(**asked("use the tool add by itself"), tools=[add]).until_done())


@step
def tool_forced():
    """A tool that the question does not speak of, and that must be called."""
    return shown(ask("hello", tools=[ADD], tool_choice={"type": "tool", "name": "add"}))


@step
def structured():
    """An answer that fits a class."""
    return client.messages.parse(**asked("name a city"), output_format=City).parsed_output.model_dump()


@step
def picture():
    """A picture beside the text."""
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    parts = [{"type": "text", "text": "look at it"}, {"type": "image", "source": source}]
    return shown(ask(parts, model="openai/gpt-4o"))


@step
def thinking():
    """Thinking in a block before the answer."""
    return shown(ask("think first", model=THINKER, thinking=THINKING))


@step
def thinking_streamed():
    """The same in pieces."""
    with client.messages.stream(**asked("think in pieces", model=THINKER, thinking=THINKING)) as stream:
        return shown(stream.get_final_message())


@step
def thinking_sent_back():
    """The thinking goes back with the history."""
    history = asked("think, then wait")["messages"]
    first = client.messages.create(**asked("", model=THINKER, thinking=THINKING, messages=history))
    history += [{"role": "assistant", "content": first.content}, {"role": "user", "content": "go on thinking"}]
    return shown(client.messages.create(**asked("", model=THINKER, thinking=THINKING, messages=history)))


@step
def no_thinking():
    """Thinking turned off."""
    return shown(ask("do not think", model=THINKER, thinking={"type": "disabled"}))


@step
def counted():
    """How many tokens a question has."""
    asked_for = {"model": MODEL, "system": "be brief", "tools": [ADD]}
    return client.messages.count_tokens(messages=asked("count it")["messages"], **asked_for).input_tokens


@step
def unknown_model():
    """A question to a model that is not there."""
    return shown(ask("hello", model="nope"))


@step
def unknown_model_in_a_stream():
    """The same in pieces."""
    return list(ask("hello", model="nope", stream=True))


@step
def no_question():
    """A request without a message."""
    return shown(ask("", messages=[]))


@step
def no_credit():
    """The upstream wants money first."""
    return shown(ask("#fault:status-402"))


@step
def too_many():
    """The upstream wants us to wait."""
    return list(ask("#fault:status-429", stream=True))


@step
def broken_off():
    """The upstream fails in the middle of a plain answer."""
    return shown(ask("#fault:error-mid-stream"))


@step
def broken_off_in_a_stream():
    """The same in the middle of a stream."""
    return [event.type for event in ask("#fault:error-mid-stream", stream=True)]


tell()
