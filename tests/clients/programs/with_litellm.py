"""LiteLLM, at the address in OLLAMA_HOST: `ollama_chat/` for chats, `ollama/` for completions and embeddings."""

import json
import os

import litellm
from litellm.llms.ollama.common_utils import OllamaModelInfo
from telling import CITY, PICTURE, step, tell

ADDRESS = os.environ["OLLAMA_HOST"]
MODEL = "ollama_chat/openai/gpt-4o-mini"
EMBEDDING_MODEL = "ollama/openai/text-embedding-3-small"
THINKER = "ollama_chat/deepseek/deepseek-r1"
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


def ask(text, *, model=MODEL, **more):
    """Ask one question."""
    messages = [{"role": "user", "content": text}]
    return litellm.completion(model=model, messages=messages, api_base=ADDRESS, **more)


def said(answer):
    """The text of an answer."""
    return answer.choices[0].message.content


def pieces(answer):
    """The pieces of a streamed answer, and why it ended."""
    choices = [part.choices[0] for part in answer]
    return [[choice.delta.content or "" for choice in choices], choices[-1].finish_reason]


@step
def listed():
    """The models, with LiteLLM's own word before each."""
    return OllamaModelInfo().get_models(api_base=ADDRESS)


@step
def shown():
    """What LiteLLM gathers from a model's details."""
    details = OllamaModelInfo().get_model_info("ollama/google/gemini-2.5-flash", api_base=ADDRESS)
    return {key: details[key] for key in ("supports_function_calling", "max_tokens", "max_input_tokens")}


@step
def plain():
    """A chat in one piece, and its tokens."""
    answer = ask("say it whole")
    usage = answer.usage
    return [said(answer), answer.choices[0].finish_reason, usage.prompt_tokens, usage.completion_tokens]


@step
async def plain_async():
    """The same on the event loop."""
    messages = [{"role": "user", "content": "say it whole, later"}]
    return said(await litellm.acompletion(model=MODEL, messages=messages, api_base=ADDRESS))


@step
def streamed():
    """A chat in pieces."""
    return pieces(ask("say it in pieces", stream=True))


@step
async def streamed_async():
    """The same on the event loop."""
    messages = [{"role": "user", "content": "say it in pieces, later"}]
    parts = await litellm.acompletion(model=MODEL, messages=messages, api_base=ADDRESS, stream=True)
    return [part.choices[0].delta.content or "" async for part in parts]


@step
def options():
    """The parameters that LiteLLM makes Ollama's options of."""
    return said(
        ask("mind the options", temperature=0.5, top_p=0.8, max_tokens=5, seed=7, stop=["STOP"], frequency_penalty=0.1)
    )


@step
def tools():
    """A tool call, its result under the id that LiteLLM knows, and the answer to it."""
    messages = [{"role": "user", "content": "use the tool add"}]
    first = ask("use the tool add", tools=[ADD]).choices[0].message
    [call] = first.tool_calls
    arguments = json.loads(call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": f"it is {arguments['a'] + arguments['b']}"}
    messages += [first.model_dump(), result]
    second = litellm.completion(model=MODEL, messages=messages, tools=[ADD], api_base=ADDRESS)
    return [call.function.name, arguments, said(second)]


@step
def tools_streamed():
    """A tool call that comes in a stream."""
    calls = [
        call.function
        for part in ask("use the tool add in pieces", tools=[ADD], stream=True)
        for call in part.choices[0].delta.tool_calls or []
    ]
    return [[call.name for call in calls], "".join(call.arguments for call in calls)]


@step
def structured():
    """An answer that fits a schema."""
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}
    return json.loads(said(ask("name a city", response_format=wanted)))


@step
def json_mode():
    """An answer in JSON without a schema."""
    return json.loads(said(ask("name a city as JSON", response_format={"type": "json_object"})))


@step
def picture():
    """A picture beside the text."""
    parts = [
        {"type": "text", "text": "look at it"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
    ]
    return said(ask(parts, model="ollama_chat/openai/gpt-4o"))


@step
def thinking():
    """Thinking apart from the answer."""
    message = ask("think first", model=THINKER, reasoning_effort="high").choices[0].message
    return [message.reasoning_content, message.content]


@step
def thinking_streamed():
    """The same in pieces."""
    deltas = [part.choices[0].delta for part in ask("think in pieces", model=THINKER, stream=True)]
    thought = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    return [thought, "".join(delta.content or "" for delta in deltas)]


@step
def completion():
    """A question by way of /api/generate."""
    answer = ask("complete it", model="ollama/openai/gpt-4o-mini")
    return [said(answer), answer.usage.prompt_tokens, answer.usage.completion_tokens]


@step
def completion_streamed():
    """The same in pieces."""
    return pieces(ask("complete it in pieces", model="ollama/openai/gpt-4o-mini", stream=True))


@step
def embedded():
    """Two texts at once."""
    answer = litellm.embedding(model=EMBEDDING_MODEL, input=["one", "two"], api_base=ADDRESS)
    vectors = [row["embedding"] for row in answer.data]
    return [[len(vector) for vector in vectors], sum(value * value for value in vectors[0]), answer.usage.prompt_tokens]


@step
async def embedded_async():
    """The same on the event loop, shorter."""
    answer = await litellm.aembedding(model=EMBEDDING_MODEL, input=["one"], dimensions=256, api_base=ADDRESS)
    return len(answer.data[0]["embedding"])


@step
def unknown_model():
    """A chat with a model that is not there."""
    return said(ask("hello", model="ollama_chat/nope"))


@step
def unknown_embedding_model():
    """A vector from one."""
    return len(litellm.embedding(model="ollama/nope", input=["one"], api_base=ADDRESS).data)


@step
def no_credit():
    """The upstream wants money first."""
    return said(ask("#fault:status-402"))


@step
def too_many():
    """The upstream wants us to wait."""
    return said(ask("#fault:status-429"))


@step
def too_many_before_a_stream():
    """The same where a stream was asked for."""
    return pieces(ask("#fault:status-429", stream=True))


tell()
