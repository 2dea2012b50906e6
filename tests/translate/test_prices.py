"""What a request costs, estimated before it is asked: near enough for a limit, and never from a picture's base64."""

import msgspec
import pytest
from msgspec import UNSET

from tray_proxy.translate import prices
from tray_proxy.wire.openrouter import (
    AudioPart,
    CompletionRequest,
    FunctionCall,
    ImagePart,
    ImageUrl,
    InputAudio,
    Message,
    ModelEntry,
    Spliced,
    TextPart,
    ToolCall,
)


def model(model_id="a/one", **pricing):
    return ModelEntry(id=model_id, pricing=pricing)


def asked(*messages, **more):
    return CompletionRequest(model="a/one", messages=list(messages), **more)


def user(content):
    return Message(role="user", content=content)


def test_a_price_is_read_from_the_list():
    found = prices.prices(model(prompt="0.0000025", completion="0.00001", request="0.001"))

    assert found.of(1000, 100) == pytest.approx(0.0045)
    assert found.is_free is False


def test_a_free_model_costs_nothing():
    found = prices.prices(model("a/one:free", prompt="0", completion="0"))

    assert (found.is_free, found.of(10**6, 10**6)) == (True, 0.0)


@pytest.mark.parametrize("kind", ["image", "web_search", "request", "internal_reasoning", "of_a_later_version"])
@pytest.mark.parametrize("price", ["0.04", "-1", "soon", "", [], {}])
def test_a_model_is_free_only_where_nothing_of_it_has_a_price(kind, price):
    assert prices.prices(model(prompt="0", completion="0", **{kind: price})).is_free is False


def test_prices_of_nothing_and_a_discount_keep_a_model_free():
    found = prices.prices(model(prompt="0", completion="0", image="0", request=0, web_search=None, discount=0.5))

    assert found.is_free is True


def test_a_predicted_text_counts():
    predicted = {"type": "content", "content": "x" * 4000}

    assert prices.prompt_tokens(asked(user(""), prediction=predicted)) == (4000 + 31) // 4 + 1


def test_a_search_is_charged_for_with_a_free_model_too():
    found = prices.prices(model("a/one:free:online", prompt="0", completion="0"))

    assert (found.is_free, found.of(10, 10)) == (False, prices.SEARCH_USD)


@pytest.mark.parametrize("price", ["-1", None, "", "soon", "1e999", "1e300", "nan", [], {}, "inf"])
def test_what_is_no_price_is_taken_for_that_of_a_good_model(price):
    """A router that bills whatever it chooses must not pass for free."""
    found = prices.prices(model("openrouter/auto", prompt=price, completion=price))

    assert found.of(1_000_000, 1_000_000) == pytest.approx(18)
    assert prices.prices(model()).is_free is False


def test_prices_of_a_newer_list_are_read_anew():
    assert prices.prices(model(prompt="0.1", completion="0")).of(1, 0) == 0.1
    assert prices.prices(model(prompt="0.2", completion="0")).of(1, 0) == 0.2


def test_the_same_list_is_read_once_and_no_endless_variants_are_kept():
    entry = model(prompt="0.1", completion="0")

    assert prices.prices(entry) is prices.prices(entry)
    for number in range(prices.MAX_KNOWN + 10):
        prices.prices(model(f"a/one:{number}", prompt="0.1", completion="0"))
    assert len(prices._KNOWN) <= prices.MAX_KNOWN


def test_texts_are_counted_by_their_bytes():
    assert prices.prompt_tokens(asked(user("x" * 4000))) == 1001
    assert prices.prompt_tokens(asked(user("字" * 4000))) == 3001
    assert prices.prompt_tokens(asked(user([TextPart("x" * 400), TextPart("x" * 400)]))) == 201
    assert prices.text_tokens(["x" * 40, "é" * 40]) == 32


def test_a_picture_counts_the_same_however_large_it_is():
    """A megabyte of base64 would be a quarter of a million tokens, and no picture would be let through."""
    picture = ImagePart(ImageUrl(Spliced("data:image/png;base64,", memoryview(b"A" * 10**6))))

    assert prices.prompt_tokens(asked(user([TextPart("x" * 40), picture, picture]))) == 3211


def test_sound_counts_by_its_length():
    recording = AudioPart(InputAudio(Spliced("", memoryview(b"A" * 500_000)), "mp3"))
    short = AudioPart(InputAudio("A" * 5000, "mp3"))

    assert prices.prompt_tokens(asked(user([recording, short]))) == 1011


def test_tools_calls_and_thoughts_count():
    call = ToolCall(id="1", function=FunctionCall("f", "x" * 400))
    turn = Message(role="assistant", tool_calls=[call], reasoning_details=msgspec.Raw(b"x" * 400), reasoning="same")
    thought = Message(role="assistant", content=None, reasoning="x" * 40)

    assert prices.prompt_tokens(asked(turn, thought, tools=[msgspec.Raw(b"x" * 800)])) == 200 + 10 + 200 + 2
    assert prices.prompt_tokens(asked(Message(role="user", content=UNSET))) == 1
