"""A client that left before OpenRouter was asked: it buys nothing, not even on a connection that lies ready."""

from types import SimpleNamespace

import pytest

from openrouter.reading import chunks_of
from tray_proxy.http_protocol import CYCLE
from tray_proxy.server.asgi import JSON, ClientLeft, Record
from tray_proxy.server.deal import Deal
from tray_proxy.server.exchange import Exchange, Purchase
from tray_proxy.wire.openrouter import CompletionRequest, Message

REQUEST = CompletionRequest(
    model="openai/gpt-4o-mini", messages=[Message(role="user", content="nobody waits for this")], stream=True
)


def test_a_client_that_left_while_its_model_was_looked_for_buys_nothing(proxy, upstream):
    """The first model list may take seconds, and people lose patience."""
    proxy.chat()  # leaves a connection on which the request would go out at once

    async def receive():
        return {"type": "http.disconnect"}

    async def send(_message):
        raise AssertionError("nobody is there")

    async def buy():
        deps = proxy.program.deps
        purchase = Purchase(deps, {}, receive, send, Record("id"), "gpt-4o-mini")

        async def ask():
            async with deps.client.stream(REQUEST, "gpt-4o-mini") as answer:
                async for _ in chunks_of(answer):
                    pass

        await purchase.buy(ask())

    with pytest.raises(ClientLeft):
        proxy.loop.submit(buy()).result(15)
    proxy.chat("the next one")

    assert [chat.body["messages"][0]["content"] for chat in upstream.chats] == ["hello", "the next one"]


def test_one_that_left_while_its_question_was_made_has_it_not_even_begun(proxy, upstream):
    proxy.chat()
    scope = {CYCLE: SimpleNamespace(disconnected=True, when_left=lambda call: call())}

    async def buy():
        deps = proxy.program.deps
        deal = Deal(None, deps.client.stream(REQUEST, "gpt-4o-mini"))
        deal.begin(scope)
        exchange = Exchange(deps, scope, None, None, Record("id"), "gpt-4o-mini", None, JSON, deal)
        await exchange.run(REQUEST, stream=True)

    with pytest.raises(ClientLeft):
        proxy.loop.submit(buy()).result(15)
    proxy.chat("the next one")

    assert [chat.body["messages"][0]["content"] for chat in upstream.chats] == ["hello", "the next one"]
