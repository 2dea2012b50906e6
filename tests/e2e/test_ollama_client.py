"""The official Python client, unmodified, against a running proxy."""

import ollama
import pytest

QUESTION = [{"role": "user", "content": "hello"}]
ANSWER = "[demo] You asked openai/gpt-4o-mini: “hello”. No model was called and nothing was charged."


@pytest.fixture
def client(proxy):
    client = ollama.Client(host=proxy.url, trust_env=False)
    yield client
    client._client.close()


def test_list_gives_every_model(client):
    models = {model.model: model for model in client.list().models}

    assert len(models) == 17
    assert models["openai/gpt-4o"].details.family == "gpt"


def test_show_gives_what_a_model_can_do(client):
    shown = client.show("openai/gpt-4o")

    assert shown.capabilities == ["completion", "tools", "vision"]
    assert shown.modelinfo["gpt.context_length"] == 128000


def test_a_streamed_chat_arrives_in_pieces_with_counts_at_the_end(client):
    parts = list(client.chat("openai/gpt-4o-mini", QUESTION, stream=True))

    assert len(parts) > 3
    assert "".join(part.message.content for part in parts) == ANSWER
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert (parts[-1].prompt_eval_count, parts[-1].eval_count) == (5, 19)
    assert min(parts[-1].total_duration, parts[-1].load_duration, parts[-1].eval_duration) > 0


def test_a_plain_chat_arrives_whole(client):
    answer = client.chat("openai/gpt-4o-mini", QUESTION)

    assert answer.message.content == ANSWER
    assert (answer.prompt_eval_count, answer.eval_count, answer.done_reason) == (5, 19, "stop")


def test_thinking_is_apart_from_the_answer(client):
    answer = client.chat("deepseek/deepseek-r1", QUESTION, think=True)

    assert answer.message.thinking.startswith("[demo] I read")
    assert answer.message.content.startswith("[demo] You asked")


def add(a: int, b: int) -> int:
    """
    Add two numbers.

    Args:
        a: The first number
        b: The second number
    """
    return a + b


def test_a_tool_goes_there_and_back(client):
    """The client's own loop: it sends neither ids nor anything but the tool's name."""
    history = [{"role": "user", "content": "use the tool add"}]
    first = client.chat("openai/gpt-4o-mini", history, tools=[add])
    [call] = first.message.tool_calls
    result = add(**call.function.arguments)
    history += [first.message, {"role": "tool", "content": f"it is {result}", "tool_name": "add"}]

    second = client.chat("openai/gpt-4o-mini", history, tools=[add])

    assert call.function.name == "add"
    assert f"it is {result}" in second.message.content


def test_an_unknown_model_is_a_response_error(client):
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("nope", QUESTION)

    assert (caught.value.status_code, caught.value.error) == (404, "model 'nope' not found")


def test_a_refusal_before_the_stream_is_a_response_error(client, upstream):
    upstream.arrange("status-402")

    with pytest.raises(ollama.ResponseError) as caught:
        list(client.chat("openai/gpt-4o-mini", QUESTION, stream=True))

    assert caught.value.status_code == 402
    assert caught.value.error.startswith("OpenRouter says that there is not enough credit: ")


def test_a_failure_inside_the_stream_is_a_response_error_after_the_text(client, upstream):
    upstream.arrange("error-mid-stream")
    parts = client.chat("openai/gpt-4o-mini", QUESTION, stream=True)
    first = next(parts)

    with pytest.raises(ollama.ResponseError):
        list(parts)

    assert first.message.content.startswith("[demo]")


def test_a_picture_reaches_the_model(client, upstream):
    png = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
    message = {"role": "user", "content": "look", "images": [png]}

    answer = client.chat("openai/gpt-4o", [message])

    assert "1 picture" in answer.message.content or "1 image" in answer.message.content
    assert upstream.chats[-1].body["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
