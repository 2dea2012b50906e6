"""langchain-ollama, at the address in OLLAMA_HOST: its chat model, its completion model and its embeddings."""

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from pydantic import BaseModel
from telling import CITY, PICTURE, step, tell

MODEL = "openai/gpt-4o-mini"
chat_model = ChatOllama(model=MODEL)
thinker = ChatOllama(model="deepseek/deepseek-r1", reasoning=True)
completion_model = OllamaLLM(model=MODEL)
embeddings = OllamaEmbeddings(model="openai/text-embedding-3-small")


class City(BaseModel):
    """A city."""

    name: str
    population: int


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@step
def listed():
    """The library looks for the model in the list when it is told to."""
    return ChatOllama(model=MODEL, validate_model_on_init=True).model


@step
def not_listed():
    """The same for a model that is not there."""
    return ChatOllama(model="nope", validate_model_on_init=True).model


def whole_of(message):
    """What stands in a message: text, why it ended, and the tokens it took."""
    return [message.content, message.response_metadata["done_reason"], message.usage_metadata]


@step
def plain():
    """A chat without a stream from the program's side; the library streams all the same."""
    return whole_of(chat_model.invoke("say it whole"))


@step
async def plain_async():
    """The same on the event loop."""
    return whole_of(await chat_model.ainvoke("say it whole, later"))


@step
def not_streamed():
    """A chat that the library asks for in one piece."""
    return whole_of(ChatOllama(model=MODEL, disable_streaming=True).invoke("say it at once"))


@step
def streamed():
    """A chat in pieces."""
    return [part.content for part in chat_model.stream("say it in pieces")]


@step
async def streamed_async():
    """The same on the event loop."""
    return [part.content async for part in chat_model.astream("say it in pieces, later")]


@step
def options():
    """Each option the class has that a model can follow."""
    model = ChatOllama(
        model="mistralai/mistral-small-3.2-24b-instruct",
        temperature=0.5,
        top_k=20,
        top_p=0.8,
        num_predict=12,
        num_ctx=4096,
        repeat_penalty=1.1,
        seed=7,
        stop=["STOP"],
        mirostat=1,
        tfs_z=1.0,
        keep_alive="5m",
    )
    return whole_of(model.invoke("mind the options"))


@step
def tools():
    """A tool call, its result, and the answer to it."""
    model = chat_model.bind_tools([add])
    history = [HumanMessage("use the tool add")]
    first = model.invoke(history)
    [call] = first.tool_calls
    history += [first, ToolMessage(f"it is {add.invoke(call['args'])}", tool_call_id=call["id"])]
    return [call["name"], call["args"], model.invoke(history).content]


@step
def parallel_tools():
    """Two calls at once, and a result for each."""
    model = chat_model.bind_tools([add])
    history = [HumanMessage("use the tool add, both in parallel")]
    first = model.invoke(history)
    results = [ToolMessage(f"result {place}", tool_call_id=call["id"]) for place, call in enumerate(first.tool_calls)]
    return [len(first.tool_calls), model.invoke([*history, first, *results]).content]


@step
def structured():
    """An answer that fits a class: the schema is sent as `format`."""
    return chat_model.with_structured_output(City).invoke("name a city").model_dump()


@step
def structured_by_tool():
    """The same by a tool call."""
    return chat_model.with_structured_output(City, method="function_calling").invoke("name a City by tool").model_dump()


@step
def structured_by_json_mode():
    """The same without a schema."""
    return chat_model.with_structured_output(CITY, method="json_mode").invoke("name a city as JSON")


@step
def picture():
    """A picture beside the text."""
    parts = [
        {"type": "text", "text": "look at it"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
    ]
    return ChatOllama(model="openai/gpt-4o").invoke([HumanMessage(parts)]).content


@step
def thinking():
    """Thinking apart from the answer."""
    message = thinker.invoke("think first")
    return [message.additional_kwargs["reasoning_content"], message.content]


@step
def thinking_sent_back():
    """The thinking goes back with the history."""
    history = [HumanMessage("think, then wait")]
    history += [thinker.invoke(history), HumanMessage("go on thinking")]
    return thinker.invoke(history).content


@step
def no_thinking():
    """Thinking turned off."""
    message = ChatOllama(model="deepseek/deepseek-r1", reasoning=False).invoke("do not think")
    return [message.additional_kwargs, message.content]


@step
def logprobs():
    """How likely each token was."""
    message = ChatOllama(model=MODEL, logprobs=True, top_logprobs=2).invoke("say how sure")
    first = message.response_metadata["logprobs"][0]
    return [first["token"], len(first["top_logprobs"])]


@step
def completion():
    """The completion model, which asks /api/generate."""
    return completion_model.invoke("complete it")


@step
def completion_streamed():
    """The same in pieces."""
    return list(completion_model.stream("complete it in pieces"))


@step
async def completion_async():
    """The same on the event loop."""
    return await completion_model.ainvoke("complete it later")


@step
def embedded():
    """Two texts at once, then the first of them alone."""
    first, second = embeddings.embed_documents(["one", "two"])
    return [len(first), sum(value * value for value in second), embeddings.embed_query("one") == first]


@step
async def embedded_async():
    """The same on the event loop."""
    return await embeddings.aembed_query("one") == embeddings.embed_query("one")


@step
def embedded_shorter():
    """Vectors of a length that is asked for."""
    return len(OllamaEmbeddings(model="openai/text-embedding-3-small", dimensions=256).embed_query("one"))


@step
def unknown_model():
    """A chat with a model that is not there."""
    return ChatOllama(model="nope").invoke("hello").content


@step
def unknown_completion_model():
    """A completion by one."""
    return OllamaLLM(model="nope").invoke("hello")


@step
def unknown_embedding_model():
    """A vector from one."""
    return OllamaEmbeddings(model="nope").embed_query("hello")


@step
def no_credit():
    """The upstream wants money first."""
    return chat_model.invoke("#fault:status-402").content


@step
def too_many():
    """The upstream wants us to wait."""
    return chat_model.invoke("#fault:status-429").content


@step
def broken_off():
    """The upstream fails in the middle."""
    return chat_model.invoke("#fault:error-mid-stream").content


tell()
