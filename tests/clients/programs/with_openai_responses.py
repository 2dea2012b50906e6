"""OpenAI's Python library, at `/v1/responses` of the address in OLLAMA_HOST."""

import os

from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel
from telling import PICTURE, step, tell

ADDRESS = f"{os.environ['OLLAMA_HOST']}/v1"
# It tries again by itself; here each refusal is to be seen at once.
client = OpenAI(base_url=ADDRESS, api_key="ollama", max_retries=0)
client_async = AsyncOpenAI(base_url=ADDRESS, api_key="ollama", max_retries=0)
MODEL = "openai/gpt-4o-mini"
THINKER = "deepseek/deepseek-r1"
ADD = {
    "type": "function",
    "name": "add",
    "description": "Add two numbers",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    "strict": True,
}


class City(BaseModel):
    """A city."""

    name: str
    population: int


def ask(question, *, model=MODEL, **more):
    """Ask one question: a text, or items."""
    return client.responses.create(model=model, input=question, **more)


def told_of(response):
    """What a response says, whether it is complete, and its tokens."""
    usage = response.usage
    return [response.output_text, response.status, usage.input_tokens, usage.output_tokens, usage.total_tokens]


def calls_of(response):
    """The calls in a response."""
    return [[item.name, item.arguments] for item in response.output if item.type == "function_call"]


def items_of(response):
    """The text in each item of a response, and the item's type."""
    parts = [(item.type, item.summary if item.type == "reasoning" else item.content) for item in response.output]
    return [[kind, "".join(part.text for part in texts)] for kind, texts in parts]


@step
def plain():
    """A response in one piece."""
    return told_of(ask("say it whole"))


@step
async def plain_async():
    """The same on the event loop."""
    return told_of(await client_async.responses.create(model=MODEL, input="say it whole, later"))


@step
def events():
    """The events of a stream: their types and numbers, and the response in the last of them."""
    events = list(ask("say it in events", stream=True))
    return [[event.type for event in events], [event.sequence_number for event in events], told_of(events[-1].response)]


@step
def streamed():
    """The same by the library's own helper, which puts the response together from the pieces and checks them."""
    with client.responses.stream(model=MODEL, input="say it in pieces") as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        return [pieces, told_of(stream.get_final_response())]


@step
def options():
    """The parameters of a response, which is cut by one of them."""
    response = ask(
        "mind the options", instructions="be brief", temperature=0.5, top_p=0.8, max_output_tokens=5, user="somebody"
    )
    return [response.output_text, response.status, response.incomplete_details.reason, response.instructions]


@step
def conversation():
    """A second question, with the first and what was answered before it, as the library gave it."""
    history = [{"role": "user", "content": "begin it"}]
    history += [*ask(history).output, {"role": "user", "content": "carry it on"}]
    return ask(history).output_text


@step
def tools():
    """A tool call, its result, and the answer to it."""
    history = [{"role": "user", "content": "use the tool add"}]
    first = ask(history, tools=[ADD])
    [call] = [item for item in first.output if item.type == "function_call"]
    history += [*first.output, {"type": "function_call_output", "call_id": call.call_id, "output": "it is 2"}]
    return [call.name, call.arguments, call.status, ask(history, tools=[ADD]).output_text]


@step
def tools_streamed():
    """Two calls at once, in pieces."""
    with client.responses.stream(model=MODEL, input="use the tool add, both in parallel", tools=[ADD]) as stream:
        pieces = [event.delta for event in stream if event.type == "response.function_call_arguments.delta"]
        return ["".join(pieces), calls_of(stream.get_final_response())]


@step
def tool_forced():
    """A tool that the question does not speak of, and that must be called."""
    return calls_of(ask("hello", tools=[ADD], tool_choice={"type": "function", "name": "add"}))


@step
def structured():
    """An answer that fits a class."""
    return client.responses.parse(model=MODEL, input="name a city", text_format=City).output_parsed.model_dump()


@step
def picture():
    """A picture beside the text."""
    parts = [
        {"type": "input_text", "text": "look at it"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}", "detail": "auto"},
    ]
    return ask([{"role": "user", "content": parts}], model="openai/gpt-4o").output_text


@step
def thinking():
    """Thinking in an item before the answer."""
    return items_of(ask("think first", model=THINKER, reasoning={"effort": "high", "summary": "auto"}))


@step
def thinking_streamed():
    """The same in pieces."""
    with client.responses.stream(model=THINKER, input="think in pieces", reasoning={"effort": "high"}) as stream:
        pieces = [event.delta for event in stream if event.type == "response.reasoning_summary_text.delta"]
        return ["".join(pieces), items_of(stream.get_final_response())]


@step
def thinking_sent_back():
    """The thinking goes back with the history."""
    history = [{"role": "user", "content": "think, then wait"}]
    first = ask(history, model=THINKER, reasoning={"effort": "high"}, include=["reasoning.encrypted_content"])
    history += [*first.output, {"role": "user", "content": "go on thinking"}]
    return ask(history, model=THINKER, reasoning={"effort": "high"}).output_text


@step
def unknown_model():
    """A question to a model that is not there."""
    return ask("hello", model="nope").output_text


@step
def unknown_model_in_a_stream():
    """The same in pieces."""
    return list(ask("hello", model="nope", stream=True))


@step
def no_credit():
    """The upstream wants money first."""
    return list(ask("#fault:status-402", stream=True))


@step
def too_many():
    """The upstream wants us to wait."""
    return ask("#fault:status-429").output_text


@step
def broken_off():
    """The upstream fails in the middle of a plain answer."""
    return ask("#fault:error-mid-stream").output_text


@step
def broken_off_in_a_stream():
    """The same in the middle of a stream, whose last event tells of it."""
    *_, last = ask("#fault:error-mid-stream", stream=True)
    return [last.type, last.response.status, last.response.error.message]


tell()
