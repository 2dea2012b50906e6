"""llama-index-llms-ollama and llama-index-embeddings-ollama, at the address in OLLAMA_HOST."""

import base64
import os

from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.ollama import OllamaEmbedding
from llama_index.llms.ollama import Ollama
from pydantic import BaseModel
from telling import PICTURE, step, tell

ADDRESS = os.environ["OLLAMA_HOST"]
MODEL = "openai/gpt-4o-mini"
model = Ollama(model=MODEL, base_url=ADDRESS)
thinker = Ollama(model="deepseek/deepseek-r1", base_url=ADDRESS, thinking=True)
embeddings = OllamaEmbedding(model_name="openai/text-embedding-3-small", base_url=ADDRESS)


class City(BaseModel):
    """A city."""

    name: str
    population: int


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def asked(text):
    """A history of one question."""
    return [ChatMessage(role="user", content=text)]


@step
def shown():
    """The library reads the context length from the model's details."""
    return Ollama(model="openai/gpt-4o", base_url=ADDRESS).metadata.context_window


@step
def plain():
    """A chat in one piece, and its tokens."""
    answer = model.chat(asked("say it whole"))
    return [answer.message.content, answer.raw["done_reason"], answer.raw["usage"]]


@step
async def plain_async():
    """The same on the event loop."""
    return (await model.achat(asked("say it whole, later"))).message.content


@step
def streamed():
    """A chat in pieces."""
    return [part.delta for part in model.stream_chat(asked("say it in pieces"))]


@step
async def streamed_async():
    """The same on the event loop."""
    return [part.delta async for part in await model.astream_chat(asked("say it in pieces, later"))]


@step
def options():
    """The class's own options, and one that is passed on."""
    tuned = Ollama(
        model=MODEL,
        base_url=ADDRESS,
        temperature=0.5,
        context_window=8000,
        keep_alive="5m",
        additional_kwargs={"num_predict": 5, "mirostat": 1},
    )
    return tuned.complete("mind the options").text


@step
def completion():
    """A completion, which the library makes a chat of."""
    return model.complete("complete it").text


@step
def completion_streamed():
    """The same in pieces."""
    return [part.delta for part in model.stream_complete("complete it in pieces")]


@step
def tools():
    """A tool call, its result, and the answer to it."""
    tool = FunctionTool.from_defaults(add)
    history = asked("use the tool add")
    first = model.chat_with_tools([tool], chat_history=list(history))
    [call] = model.get_tool_calls_from_response(first)
    result = tool(**call.tool_kwargs).content
    more = {"tool_call_id": call.tool_id}
    history += [first.message, ChatMessage(role="tool", content=f"it is {result}", additional_kwargs=more)]
    return [call.tool_name, call.tool_kwargs, model.chat_with_tools([tool], chat_history=history).message.content]


@step
def structured():
    """An answer that fits a class: the schema is sent as `format`."""
    return model.structured_predict(City, PromptTemplate("name a city")).model_dump()


@step
def structured_streamed():
    """The same in pieces; the last one is whole."""
    *_, last = model.stream_structured_predict(City, PromptTemplate("name a city in pieces"))
    return last.model_dump()


@step
def json_mode():
    """An answer in JSON without a schema."""
    return Ollama(model=MODEL, base_url=ADDRESS, json_mode=True).complete("name a city as JSON").text


@step
def picture():
    """A picture beside the text."""
    seeing = Ollama(model="openai/gpt-4o", base_url=ADDRESS)
    blocks = [TextBlock(text="look at it"), ImageBlock(image=base64.b64decode(PICTURE))]
    return seeing.chat([ChatMessage(role="user", blocks=blocks)]).message.content


@step
def thinking():
    """Thinking apart from the answer."""
    return [block.content if block.block_type == "thinking" else block.text for block in thought().message.blocks]


@step
def thinking_sent_back():
    """The thinking goes back with the history."""
    return thinker.chat([*asked("think first"), thought().message, *asked("go on thinking")]).message.content


def thought():
    """An answer that was thought about."""
    return thinker.chat(asked("think first"))


@step
def embedded():
    """Two texts at once, then the first of them alone."""
    first, second = embeddings.get_text_embedding_batch(["one", "two"])
    return [len(first), sum(value * value for value in second), embeddings.get_query_embedding("one") == first]


@step
async def embedded_async():
    """The same on the event loop."""
    return await embeddings.aget_text_embedding("one") == embeddings.get_text_embedding("one")


@step
def unknown_model():
    """A model that is not there: the library asks for its details first."""
    return Ollama(model="nope", base_url=ADDRESS).complete("hello").text


@step
def unknown_model_in_a_chat():
    """The same where the context length is given, so that the chat is the first that is asked."""
    return Ollama(model="nope", base_url=ADDRESS, context_window=8000).complete("hello").text


@step
def unknown_embedding_model():
    """A vector from one."""
    return OllamaEmbedding(model_name="nope", base_url=ADDRESS).get_query_embedding("hello")


@step
def no_credit():
    """The upstream wants money first."""
    return model.complete("#fault:status-402").text


@step
def too_many():
    """The upstream wants us to wait."""
    return model.complete("#fault:status-429").text


tell()
