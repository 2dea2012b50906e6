"""Pydantic AI with its provider for Ollama, which asks `/v1` of the address in OLLAMA_HOST."""

import os
from base64 import b64decode

from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, NativeOutput, ToolOutput
from pydantic_ai.messages import TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models.ollama import OllamaModel
from pydantic_ai.providers.ollama import OllamaProvider
from telling import PICTURE, step, tell

# Its client tries again by itself; here each refusal is to be seen at once.
client = AsyncOpenAI(base_url=f"{os.environ['OLLAMA_HOST']}/v1", api_key="ollama", max_retries=0)
provider = OllamaProvider(openai_client=client)
model = OllamaModel("openai/gpt-4o-mini", provider=provider)
thinker = OllamaModel("deepseek/deepseek-r1", provider=provider)
agent = Agent(model)


class City(BaseModel):
    """A city."""

    name: str
    population: int


def adding():
    """An agent that can add."""
    adding_agent = Agent(model)

    @adding_agent.tool_plain
    def add(a: int, b: int) -> str:
        """Add two numbers."""
        return f"it is {a + b}"

    return adding_agent


def parts_of(result, kind):
    """The parts of a kind in all answers of a run."""
    return [part for message in result.all_messages() for part in message.parts if isinstance(part, kind)]


@step
async def plain():
    """A run, and its tokens."""
    result = await agent.run("say it whole")
    return [result.output, result.response.finish_reason, result.usage.input_tokens, result.usage.output_tokens]


@step
async def streamed():
    """The same in pieces."""
    async with agent.run_stream("say it in pieces") as result:
        pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
        return [pieces, result.usage.input_tokens, result.usage.output_tokens]


@step
async def options():
    """The settings of a run."""
    settings = {"temperature": 0.5, "top_p": 0.8, "max_tokens": 5, "seed": 7, "stop_sequences": ["STOP"]}
    result = await agent.run("mind the options", model_settings=settings)
    return [result.output, result.response.finish_reason]


@step
async def instructed():
    """Words to the model before the question."""
    return (await Agent(model, instructions="be brief").run("who are you")).output


@step
async def conversation():
    """A second question that knows the first and its answer."""
    first = await agent.run("begin it")
    return (await agent.run("carry it on", message_history=first.all_messages())).output


@step
async def tools():
    """A tool call, its result, and the answer to it."""
    result = await adding().run("use the tool add")
    return [[[call.tool_name, call.args_as_dict()] for call in parts_of(result, ToolCallPart)], result.output]


@step
async def tools_streamed():
    """The same in pieces, two calls at once."""
    async with adding().run_stream("use the tool add, both in parallel, in pieces") as result:
        text = await result.get_output()
        return [[[call.tool_name, call.args_as_dict()] for call in parts_of(result, ToolCallPart)], text]


@step
async def structured():
    """An answer that fits a class, by way of a tool that must be called: the library's own choice."""
    return (await Agent(model, output_type=ToolOutput(City)).run("name a city by tool")).output.model_dump()


@step
async def structured_streamed():
    """The same in pieces; the last one is whole."""
    async with Agent(model, output_type=City).run_stream("name a city in pieces") as result:
        *_, last = [city async for city in result.stream_output(debounce_by=None)]
        return last.model_dump()


@step
async def structured_by_schema():
    """The same by the schema that answers have to fit."""
    return (await Agent(model, output_type=NativeOutput(City)).run("name a city")).output.model_dump()


@step
async def picture():
    """A picture beside the text."""
    seeing = Agent(OllamaModel("openai/gpt-4o", provider=provider))
    return (await seeing.run(["look at it", BinaryContent(b64decode(PICTURE), media_type="image/png")])).output


@step
async def thinking():
    """Thinking in a part of its own."""
    result = await Agent(thinker).run("think first")
    return [part.content for part in parts_of(result, ThinkingPart) + parts_of(result, TextPart)]


@step
async def thinking_streamed():
    """The same in pieces."""
    async with Agent(thinker).run_stream("think in pieces") as result:
        await result.get_output()
        return [part.content for part in parts_of(result, ThinkingPart) + parts_of(result, TextPart)]


@step
async def thinking_sent_back():
    """The thinking goes back with the history."""
    first = await Agent(thinker).run("think, then wait")
    return (await Agent(thinker).run("go on thinking", message_history=first.all_messages())).output


@step
async def unknown_model():
    """A run with a model that is not there."""
    return (await Agent(OllamaModel("nope", provider=provider)).run("hello")).output


@step
async def no_credit():
    """The upstream wants money first."""
    return (await agent.run("#fault:status-402")).output


@step
async def broken_off():
    """The upstream fails in the middle of a stream."""
    async with agent.run_stream("#fault:error-mid-stream") as result:
        return [piece async for piece in result.stream_text(delta=True)]


tell()
