"""Which models are local: asked of Ollama, and remembered where it is away."""

import asyncio

import pytest

from stand_in_ollama import NAMES, model
from tray_proxy.errors import OllamaAway
from tray_proxy.neighbour import client
from tray_proxy.neighbour.client import OllamaClient
from tray_proxy.neighbour.memory import LocalNames
from tray_proxy.neighbour.models import FILE_NAME, PAUSE_S, LocalModels, beside


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def local(loop, ollama, tmp_path, clock):
    async def make():
        return LocalModels(OllamaClient(ollama.url), LocalNames(tmp_path / FILE_NAME), clock=clock)

    return loop.submit(make()).result(15)


def known(loop, local):
    found = loop.submit(local.known()).result(15)
    return [listed.name for listed in found.rows], found.fresh


def test_the_list_is_ollamas(loop, local):
    assert known(loop, local) == (list(NAMES), True)


def test_while_ollama_is_away_the_last_list_is_told_and_marked(loop, local, ollama):
    known(loop, local)
    ollama.stop()

    assert known(loop, local) == (list(NAMES), False)


def test_an_ollama_that_comes_back_is_found_at_once(loop, local, ollama):
    ollama.stop()
    assert known(loop, local) == ([], False)
    ollama.start()

    assert known(loop, local) == (list(NAMES), True)


def test_one_that_says_nothing_holds_no_list_up(loop, local, ollama):
    known(loop, local)
    ollama.silent = True

    assert known(loop, local) == (list(NAMES), False)


def test_what_took_long_to_learn_nothing_is_not_asked_again_so_soon(loop, local, ollama, clock, monkeypatch):
    """Windows takes two seconds to refuse a connection; every call would take that much longer."""
    asked = []

    async def slow_refusal():
        asked.append(True)
        clock.now_s += 2
        raise OllamaAway("Ollama does not answer.")

    monkeypatch.setattr(local.client, "models", slow_refusal)

    for _ in range(3):
        assert known(loop, local) == ([], False)
    clock.now_s += PAUSE_S
    known(loop, local)

    assert len(asked) == 2


def test_many_who_ask_at_once_share_one_answer(loop, local, ollama):
    async def many():
        return await asyncio.gather(*(local.known() for _ in range(50)))

    answers = loop.submit(many()).result(15)

    assert {answer.fresh for answer in answers} == {True}
    assert ollama.lists == 1


def test_one_who_gives_up_takes_the_answer_from_nobody(loop, local):
    async def two():
        impatient, patient = asyncio.create_task(local.known()), asyncio.create_task(local.known())
        await asyncio.sleep(0)
        impatient.cancel()
        return await patient

    assert loop.submit(two()).result(15).fresh is True


def test_a_known_name_needs_no_question(loop, local, ollama):
    known(loop, local)
    asked = ollama.lists

    assert loop.submit(local.is_local("mistral")).result(15) is True
    assert ollama.lists == asked


def test_an_unknown_name_is_looked_for_in_a_fresh_list(loop, local, ollama):
    known(loop, local)
    ollama.models.append(model("new:8b"))

    assert loop.submit(local.is_local("new:8b")).result(15) is True
    assert loop.submit(local.is_local("other")).result(15) is False


def test_a_name_is_openrouters_where_ollama_is_away_and_never_had_it(loop, local, ollama):
    known(loop, local)
    ollama.stop()

    assert loop.submit(local.is_local("other")).result(15) is False


def test_nothing_is_guessed_before_ollama_was_heard(loop, local, ollama):
    """At the first start nothing is remembered, and the name may well be a local model's."""
    ollama.stop()

    with pytest.raises(OllamaAway) as caught:
        loop.submit(local.is_local("mistral")).result(15)

    assert caught.value.message == (
        f"It cannot be told just now whether 'mistral' is a local model. Ollama does not answer at {ollama.url}. "
        "Models of OpenRouter's can be asked by their whole name (vendor/model)."
    )


def test_nothing_is_guessed_while_ollama_is_there_and_says_nothing(loop, local, ollama, monkeypatch):
    """It may have got the model a moment ago."""
    known(loop, local)
    ollama.silent = True
    monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 0.4)

    with pytest.raises(OllamaAway):
        loop.submit(local.is_local("other")).result(15)
    assert loop.submit(local.is_local("mistral")).result(15) is True


def test_a_name_that_can_only_be_openrouters_is_held_up_by_nothing(loop, local, ollama):
    ollama.stop()

    assert loop.submit(local.is_local("vendor/model", else_certain=True)).result(15) is False


def test_without_an_address_there_is_none(tmp_path):
    assert beside(None, tmp_path) is None


def test_names_are_kept_in_the_cache_folder(loop, ollama, tmp_path):
    async def ask():
        return await beside(ollama.url, tmp_path / "cache").known()

    loop.submit(ask()).result(15)

    assert LocalNames(tmp_path / "cache" / FILE_NAME).knows("mistral")
