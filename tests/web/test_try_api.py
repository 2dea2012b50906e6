"""“Try it here”: one small question, the way an app's question goes."""

import asyncio

import pytest

from tray_proxy.errors import ModelNotFound
from tray_proxy.server.app import create_app
from tray_proxy.web.try_api import NotAnswered, TryDesk


def do(running, work):
    return running.loop.submit(work).result(10)


@pytest.fixture
def desk(proxies, tmp_path):
    running = proxies.start(tmp_path)
    return running, TryDesk(running.program.cache, lambda: create_app(lambda: running.program.deps))


async def never():
    """Tell that the person is still there."""
    await asyncio.Event().wait()


def test_without_a_model_a_free_one_is_asked(desk, upstream):
    running, trying = desk

    answered = do(running, trying.ask(None, never))

    assert answered.model.endswith(":free")
    assert answered.answer.startswith("[demo]")
    assert upstream.chats[-1].body["model"] == answered.model


def test_the_answer_comes_with_what_it_cost(desk):
    running, trying = desk

    answered = do(running, trying.ask("openai/gpt-4o-mini", never))

    assert answered.cost_usd > 0
    assert answered.completion_tokens > 0


def test_it_works_while_the_port_is_closed(desk):
    """Somebody else may hold it: that is when a person wants to know what is wrong."""
    running, trying = desk
    do(running, running.program.proxy.stop())

    assert do(running, trying.ask("openai/gpt-4o-mini", never)).answer.startswith("[demo]")


def test_nothing_that_costs_is_asked_unasked(desk, upstream):
    running, trying = desk
    do(running, running.program.models_desk.allow(("openai/gpt-4o",)))
    asked = len(upstream.chats)

    with pytest.raises(ModelNotFound) as refused:
        do(running, trying.ask(None, never))

    assert refused.value.message == ("No free model is allowed: allow one under Models, or choose which model to ask.")
    assert len(upstream.chats) == asked


def test_a_failure_is_told_in_the_words_that_apps_get(desk, upstream):
    running, trying = desk
    upstream.arrange("status-402")

    with pytest.raises(NotAnswered) as refused:
        do(running, trying.ask("openai/gpt-4o-mini", never))

    assert refused.value.status == 402
    assert refused.value.message.endswith("openrouter.ai/settings/keys.")


def test_who_leaves_pays_for_nothing_more(desk, upstream):
    running, trying = desk

    async def gone():
        return {"type": "http.disconnect"}

    with pytest.raises(NotAnswered):
        do(running, trying.ask("openai/gpt-4o-mini", gone))

    assert not upstream.chats
