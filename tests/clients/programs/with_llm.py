"""The `llm` tool with its plugin llm-ollama, at the address in OLLAMA_HOST."""

import base64

import llm
from telling import CITY, PICTURE, step, tell

model = llm.get_model("ollama/openai/gpt-4o-mini")
embeddings = llm.get_embedding_model("ollama/openai/text-embedding-3-small")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@step
def listed():
    """The chat models: all that can complete."""
    return sorted(one.model_id for one in llm.get_models() if one.model_id.startswith("ollama/"))


@step
def listed_embeddings():
    """The embedding models."""
    return sorted(one.model_id for one in llm.get_embedding_models() if one.model_id.startswith("ollama/"))


@step
def shown():
    """What a model is taken to be able to, after its details."""
    seeing = llm.get_model("ollama/openai/gpt-4o")
    deaf = llm.get_model("ollama/gryphe/mythomax-l2-13b")
    hearing = llm.get_model("ollama/google/gemini-2.5-flash")
    return {
        one.model_id: {
            "tools": one.supports_tools,
            "attachments": sorted(one.attachment_types),
            "thinks": "think" in one.Options.model_json_schema()["properties"],
        }
        for one in (seeing, deaf, hearing)
    }


@step
def plain():
    """A prompt in one piece, and its tokens."""
    answer = model.prompt("say it whole", stream=False)
    return [answer.text(), answer.usage().input, answer.usage().output]


@step
async def plain_async():
    """The same on the event loop."""
    return await llm.get_async_model("ollama/openai/gpt-4o-mini").prompt("say it whole, later", stream=False).text()


@step
def streamed():
    """A prompt in pieces."""
    return list(model.prompt("say it in pieces"))


@step
async def streamed_async():
    """The same on the event loop."""
    return [part async for part in llm.get_async_model("ollama/openai/gpt-4o-mini").prompt("say it in pieces, later")]


@step
def conversation():
    """A second prompt that goes with the first, and the system prompt."""
    talk = model.conversation()
    talk.prompt("first of two", system="be brief", stream=False).text()
    return talk.prompt("second of two", stream=False).text()


@step
def options():
    """Options, as they follow `-o`."""
    return model.prompt("mind the options", stream=False, temperature=0.5, num_ctx=8000, num_predict=5, seed=7).text()


@step
def tools():
    """The library's own loop: call, result, answer."""
    return [answer.text() for answer in model.chain("use the tool add", tools=[add]).responses()]


@step
def structured():
    """An answer that fits a schema."""
    return model.prompt("name a city", schema=CITY, stream=False).text()


@step
def picture():
    """A picture beside the text."""
    attachment = llm.Attachment(content=base64.b64decode(PICTURE), type="image/png")
    return llm.get_model("ollama/openai/gpt-4o").prompt("look at it", attachments=[attachment], stream=False).text()


@step
def thinking():
    """Thinking apart from the answer."""
    answer = llm.get_model("ollama/deepseek/deepseek-r1").prompt("think first", think=True)
    return [answer.text(), answer.response_json["message"]["thinking"]]


@step
def embedded():
    """Two texts at once, then the first of them alone."""
    first, second = embeddings.embed_multi(["one", "two"])
    return [len(first), sum(value * value for value in second), embeddings.embed("one") == first]


@step
def unknown_model():
    """A model that is not in the list is not known to the library at all."""
    return llm.get_model("ollama/nope").model_id


@step
def gone_model():
    """One that was in the list when the library read it, and is no more."""
    gone = llm.get_model("ollama/openai/gpt-4o")
    gone.ollama_name = "nope"
    return gone.prompt("hello").text()


@step
def no_credit():
    """The upstream wants money first."""
    return model.prompt("#fault:status-402").text()


@step
def too_many():
    """The upstream wants us to wait."""
    return model.prompt("#fault:status-429").text()


tell()
