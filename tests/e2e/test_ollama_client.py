"""The official Python client, unmodified, against a running proxy: plain and asynchronous, test by test."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

import ollama
import pytest

MODEL = "openai/gpt-4o-mini"
EMBEDDING_MODEL = "openai/text-embedding-3-small"
QUESTION = [{"role": "user", "content": "hello"}]
ANSWER = "[demo] You asked openai/gpt-4o-mini: “hello”. No model was called and nothing was charged."
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
CITY = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["name", "population"],
}


class Waited:
    """The asynchronous client, called like the other: each call waits for its answer."""

    def __init__(self, client: ollama.AsyncClient) -> None:
        self._client = client
        self._runner = asyncio.Runner()

    def __getattr__(self, name):
        def call(*args, **more):
            answer = self._runner.run(getattr(self._client, name)(*args, **more))
            return self._parts(answer) if isinstance(answer, AsyncIterator) else answer

        return call

    def _parts(self, stream):
        async def following():
            return await anext(stream, None)

        while (part := self._runner.run(following())) is not None:
            yield part

    def close(self):
        self._runner.run(self._client._client.aclose())
        self._runner.close()


@pytest.fixture(params=["plain", "asynchronous"])
def connect(request):
    """Connect a client of either kind to an address."""
    with contextlib.ExitStack() as closing:

        def connect_one(url):
            if request.param == "plain":
                client = ollama.Client(host=url, trust_env=False)
                closing.callback(client._client.close)
            else:
                client = Waited(ollama.AsyncClient(host=url, trust_env=False))
                closing.callback(client.close)
            return client

        yield connect_one


@pytest.fixture
def client(connect, proxy):
    """A client of the proxy that all tests share."""
    return connect(proxy.url)


@pytest.fixture
def own_client(connect, proxies, tmp_path):
    """A client of a proxy that the test may change."""
    return connect(proxies.start(tmp_path).url)


def listed(client):
    """The names of all models."""
    return {model.model for model in client.list().models}


def test_list_gives_every_model(client):
    models = {model.model: model for model in client.list().models}

    assert len(models) == 17
    assert models["openai/gpt-4o"].details.family == "gpt"


def test_show_gives_what_a_model_can_do(client):
    shown = client.show("openai/gpt-4o")

    assert shown.capabilities == ["completion", "tools", "vision"]
    assert shown.modelinfo["gpt.context_length"] == 128000


def test_a_streamed_chat_arrives_in_pieces_with_counts_at_the_end(client):
    parts = list(client.chat(MODEL, QUESTION, stream=True))

    assert len(parts) > 3
    assert "".join(part.message.content for part in parts) == ANSWER
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert (parts[-1].prompt_eval_count, parts[-1].eval_count) == (5, 19)
    assert min(parts[-1].total_duration, parts[-1].load_duration, parts[-1].eval_duration) > 0


def test_a_plain_chat_arrives_whole(client):
    answer = client.chat(MODEL, QUESTION)

    assert answer.message.content == ANSWER
    assert (answer.prompt_eval_count, answer.eval_count, answer.done_reason) == (5, 19, "stop")


def test_thinking_is_apart_from_the_answer(client):
    answer = client.chat("deepseek/deepseek-r1", QUESTION, think=True)

    assert answer.message.thinking.startswith("[demo] I read")
    assert answer.message.content.startswith("[demo] You asked")


def test_an_answer_fits_a_schema(client, upstream):
    answer = client.chat(MODEL, QUESTION, format=CITY)

    assert answer.message.content == '{"name":"demo name","population":1}'
    assert upstream.chats[-1].body["response_format"]["json_schema"]["schema"] == CITY


def test_options_reach_the_model(client, upstream):
    """`Options` knows more than a model can follow."""
    options = ollama.Options(temperature=0.5, num_predict=5, num_ctx=8000, repeat_penalty=1.1, mirostat=1, seed=7)

    answer = client.chat("mistralai/mistral-small-3.2-24b-instruct", QUESTION, options=options, keep_alive=-1)

    body = upstream.chats[-1].body
    assert {key: body[key] for key in body.keys() - {"model", "messages", "stream"}} == {
        "temperature": 0.5,
        "max_tokens": 5,
        "repetition_penalty": 1.1,
        "seed": 7,
    }
    assert (answer.done_reason, answer.eval_count) == ("length", 5)


def test_likelihoods_arrive(client):
    first = client.chat(MODEL, QUESTION, logprobs=True, top_logprobs=2).logprobs[0]

    assert (first.token, len(first.top_logprobs)) == ("[demo]", 2)


def add(a: int, b: int) -> int:
    """
    Add two numbers.

    Args:
        a: The first number
        b: The second number
    """
    return a + b


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_goes_there_and_back(client, stream):
    """The client's own loop: it sends neither ids nor anything but the tool's name."""
    history = [{"role": "user", "content": "use the tool add"}]
    answer = client.chat(MODEL, history, tools=[add], stream=stream)
    first = next(part for part in answer if part.message.tool_calls) if stream else answer
    [call] = first.message.tool_calls
    result = add(**call.function.arguments)
    history += [first.message, {"role": "tool", "content": f"it is {result}", "tool_name": "add"}]

    second = client.chat(MODEL, history, tools=[add])

    assert call.function.name == "add"
    assert f"it is {result}" in second.message.content


def test_an_unknown_model_is_a_response_error(client):
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("nope", QUESTION)

    assert (caught.value.status_code, caught.value.error) == (404, "model 'nope' not found")


def test_a_refusal_before_the_stream_is_a_response_error(client, upstream):
    upstream.arrange("status-402")

    with pytest.raises(ollama.ResponseError) as caught:
        list(client.chat(MODEL, QUESTION, stream=True))

    assert caught.value.status_code == 402
    assert caught.value.error.startswith("OpenRouter says that there is not enough credit: ")


def test_a_failure_inside_the_stream_is_a_response_error_after_the_text(client, upstream):
    upstream.arrange("error-mid-stream")
    parts = client.chat(MODEL, QUESTION, stream=True)
    first = next(parts)

    with pytest.raises(ollama.ResponseError):
        list(parts)

    assert first.message.content.startswith("[demo]")


@pytest.mark.parametrize("picture", [PNG, base64.b64encode(PNG).decode()], ids=["bytes", "base64"])
def test_a_picture_reaches_the_model(client, upstream, picture):
    message = {"role": "user", "content": "look", "images": [picture]}

    answer = client.chat("openai/gpt-4o", [message])

    assert "I was given 1 image." in answer.message.content
    assert upstream.chats[-1].body["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")


def test_a_completion_arrives_whole(client, upstream):
    answer = client.generate(MODEL, "hello", system="be brief")

    assert (answer.response, answer.done_reason, answer.eval_count) == (ANSWER, "stop", 19)
    assert upstream.chats[-1].body["messages"] == [{"role": "system", "content": "be brief"}, *QUESTION]


def test_a_streamed_completion_arrives_in_pieces(client):
    parts = list(client.generate(MODEL, "hello", stream=True))

    assert "".join(part.response for part in parts) == ANSWER
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]


def test_a_completion_continues_the_one_before(client, upstream):
    before = client.generate(MODEL, "hello")

    client.generate(MODEL, "and then?", context=before.context)

    assert [message["content"] for message in upstream.chats[-1].body["messages"]] == ["hello", ANSWER, "and then?"]


def test_a_loaded_model_is_listed_and_an_unloaded_one_is_not(own_client, upstream):
    loaded = own_client.generate(MODEL, keep_alive="5m")
    while_loaded = [model.model for model in own_client.ps().models]
    unloaded = own_client.generate(MODEL, keep_alive=0)

    assert (loaded.done_reason, while_loaded) == ("load", [MODEL])
    assert (unloaded.done_reason, own_client.ps().models) == ("unload", [])
    assert upstream.chats == []


def test_texts_become_vectors_of_length_one(client):
    answer = client.embed("baai/bge-m3", ["one", "two"])

    assert [len(vector) for vector in answer.embeddings] == [1024, 1024]
    assert [sum(value * value for value in vector) for vector in answer.embeddings] == [pytest.approx(1.0)] * 2
    assert client.embed("baai/bge-m3", "two").embeddings == [answer.embeddings[1]]


def test_vectors_can_be_shorter(client):
    assert len(client.embed(EMBEDDING_MODEL, "one", dimensions=256).embeddings[0]) == 256


def test_the_old_way_gives_one_vector(client):
    assert len(client.embeddings(EMBEDDING_MODEL, "one").embedding) == 1536


def test_an_unknown_embedding_model_is_a_response_error(client):
    with pytest.raises(ollama.ResponseError) as caught:
        client.embed("nope", "one")

    assert (caught.value.status_code, caught.value.error) == (404, 'model "nope" not found, try pulling it first')


def test_a_copy_answers_as_its_model_until_it_is_deleted(own_client):
    assert own_client.copy(MODEL, "my-copy").status == "success"
    assert own_client.chat("my-copy", QUESTION).message.content == ANSWER

    assert own_client.delete("my-copy").status == "success"

    with pytest.raises(ollama.ResponseError) as caught:
        own_client.chat("my-copy", QUESTION)
    assert caught.value.status_code == 404


def test_a_created_model_brings_its_system_prompt_and_parameters(own_client, upstream):
    progress = list(
        own_client.create("my-model", from_=MODEL, system="be brief", parameters={"temperature": 0.5}, stream=True)
    )

    answer = own_client.chat("my-model", QUESTION)

    assert progress[-1].status == "success"
    assert answer.message.content == ANSWER
    assert upstream.chats[-1].body["messages"] == [{"role": "system", "content": "be brief"}, *QUESTION]
    assert upstream.chats[-1].body["temperature"] == 0.5


def test_a_deleted_model_comes_back_with_a_pull(own_client):
    own_client.delete(MODEL)
    while_deleted = listed(own_client)

    progress = [part.status for part in own_client.pull(MODEL, stream=True)]

    assert MODEL not in while_deleted
    assert (progress[0], progress[-1]) == ("pulling manifest", "success")
    assert MODEL in listed(own_client)


def test_a_pull_of_an_unknown_model_is_a_response_error(client):
    with pytest.raises(ollama.ResponseError) as caught:
        client.pull("nope")

    assert "file does not exist" in caught.value.error


def test_a_push_is_a_response_error(client):
    """There is nowhere to push to, and a success would be a lie."""
    with pytest.raises(ollama.ResponseError):
        client.push(MODEL)


def test_a_stream_that_is_given_up_ends_the_upstream_call(proxy, upstream):
    """While the client lives on: it is the cancelled task that stops the bill, not the end of the program."""
    upstream.arrange("endless")

    async def give_up():
        client = ollama.AsyncClient(host=proxy.url, trust_env=False)
        arrived = asyncio.Event()

        async def read():
            async for _ in await client.chat(MODEL, QUESTION, stream=True):
                arrived.set()

        reading = asyncio.create_task(read())
        await arrived.wait()
        reading.cancel()
        await asyncio.wait([reading])
        is_dropped = await asyncio.to_thread(upstream.wait_for, lambda seen: seen.chats[-1].outcome == "dropped", 5)
        await client._client.aclose()
        return is_dropped

    assert asyncio.run(give_up()) is True


def test_many_chats_on_one_event_loop_are_answered_each_to_its_own(proxy, upstream):
    async def ask_all():
        client = ollama.AsyncClient(host=proxy.url, trust_env=False)
        questions = [[{"role": "user", "content": f"number {number}"}] for number in range(20)]
        answers = await asyncio.gather(*(client.chat(MODEL, question) for question in questions))
        await client._client.aclose()
        return [answer.message.content for answer in answers]

    assert asyncio.run(ask_all()) == [ANSWER.replace("hello", f"number {number}") for number in range(20)]
