"""The model list: fresh, saved, stale, partly broken; and which of it may be used."""

import asyncio
import json

import msgspec
import pytest

from tray_proxy.catalogue import Catalogue, CatalogueCache
from tray_proxy.errors import (
    CatalogueUnavailable,
    ModelNameAmbiguous,
    ModelNotAllowed,
    ModelNotFound,
    UpstreamUnreachable,
)
from tray_proxy.translate.names import AllowList
from tray_proxy.wire.openrouter import ModelEntry

ENTRIES = tuple(ModelEntry(id=each) for each in ("openai/gpt-4o", "deepseek/r1", "perplexity/r1", "meta/llama:free"))
EVERYTHING = AllowList()


def catalogue(*, ceiling=None, ticks=None):
    return Catalogue(ENTRIES, AllowList(ceiling, ticks), fetched_s=1)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("openai/gpt-4o", "openai/gpt-4o"),
        ("OpenAI/GPT-4o:latest", "openai/gpt-4o"),
        ("gpt-4o", "openai/gpt-4o"),
        (" gpt-4o ", "openai/gpt-4o"),
        ("meta/llama:free", "meta/llama:free"),
        ("llama:free", "meta/llama:free"),
        ("openai/gpt-4o:nitro", "openai/gpt-4o:nitro"),
        ("meta/llama:free:online", "meta/llama:free:online"),
    ],
)
def test_a_model_is_found_by_each_of_its_names(asked, sent):
    assert catalogue().resolve(asked).id == sent


@pytest.mark.parametrize("asked", ["nope", "meta/llama", "openai/gpt-4o:free", "", "openai/"])
def test_an_unknown_name_is_not_guessed(asked):
    with pytest.raises(ModelNotFound) as caught:
        catalogue().resolve(asked)
    assert caught.value.message == f"model '{asked}' not found"


def test_a_model_that_is_not_allowed_is_told_like_an_unknown_one():
    with pytest.raises(ModelNotAllowed) as caught:
        catalogue(ticks=["deepseek/r1"]).resolve("gpt-4o")
    assert caught.value.message == "model 'gpt-4o' not found"


def test_a_short_name_of_two_vendors_is_refused_with_both():
    with pytest.raises(ModelNameAmbiguous) as caught:
        catalogue().resolve("r1")
    assert caught.value.candidates == ("deepseek/r1", "perplexity/r1")


def test_the_allow_list_settles_a_short_name():
    assert catalogue(ticks=["deepseek/r1"]).resolve("r1").id == "deepseek/r1"


# -- the cache -------------------------------------------------------------------------------------

GOOD = b'{"data":[{"id":"a/one","created":5},{"id":7},{"id":"b/two"}]}'
VECTORS = b'{"data":[{"id":"e/vectors"}]}'


class Client:
    """Stands in for OpenRouter: each path gives bytes, or raises."""

    def __init__(self, models=GOOD, embeddings=VECTORS):
        self.answers = {"/models": models, "/embeddings/models": embeddings}

    async def fetch_models(self, path):
        answer = self.answers[path]
        if isinstance(answer, Exception):
            raise answer
        return answer


AWAY = UpstreamUnreachable("no network")


def cached(tmp_path, client, **more):
    return CatalogueCache(client, tmp_path / "catalogue.json", "https://x", EVERYTHING, **more)


def ids(cache):
    return [entry.id for entry in cache.snapshot.entries]


def test_both_lists_are_one_and_a_bad_entry_costs_only_itself(tmp_path):
    cache = cached(tmp_path, Client())

    asyncio.run(cache.refresh())

    assert ids(cache) == ["a/one", "b/two", "e/vectors"]
    assert cache.snapshot.entries[2].architecture.output_modalities == ("embeddings",)


def test_a_model_in_both_lists_can_chat(tmp_path):
    cache = cached(tmp_path, Client(embeddings=b'{"data":[{"id":"a/one"}]}'))

    asyncio.run(cache.refresh())

    assert [entry.architecture.output_modalities for entry in cache.snapshot.entries] == [("text",), ("text",)]


def test_the_last_good_list_survives_a_restart_without_network(tmp_path):
    asyncio.run(cached(tmp_path, Client(), clock=lambda: 1000.0).refresh())
    later = cached(tmp_path, Client(models=AWAY), clock=lambda: 4600.0)

    later.load_copy()

    assert ids(later) == ["a/one", "b/two", "e/vectors"]
    assert later.age_s == 3600.0


def test_a_failing_refresh_keeps_the_present_list(tmp_path):
    client = Client()
    cache = cached(tmp_path, client)
    asyncio.run(cache.refresh())
    client.answers["/models"] = AWAY

    with pytest.raises(UpstreamUnreachable):
        asyncio.run(cache.refresh())

    assert ids(cache) == ["a/one", "b/two", "e/vectors"]


def test_chat_does_not_wait_for_the_embedding_models(tmp_path):
    """Their list may be slow, or away for good."""
    client = Client()
    silent = asyncio.Event()

    async def fetch_models(path):
        if path == "/embeddings/models":
            await silent.wait()
        return client.answers[path]

    client.fetch_models = fetch_models
    cache = cached(tmp_path, client)

    async def ask():
        keeping = asyncio.create_task(cache.keep_fresh())
        found = (await cache.catalogue()).resolve("one").id
        keeping.cancel()
        return found

    assert asyncio.run(ask()) == "a/one"


def test_embedding_models_survive_their_own_lists_failure(tmp_path):
    client = Client()
    cache = cached(tmp_path, client)
    asyncio.run(cache.refresh())
    client.answers["/embeddings/models"] = AWAY

    asyncio.run(cache.refresh())

    assert ids(cache) == ["a/one", "b/two", "e/vectors"]


@pytest.mark.parametrize("answer", [b"<html>", b'{"data":[]}', b'{"data":[{"id":1}]}', b'{"other":1}'])
def test_a_list_that_holds_nothing_never_replaces_a_good_one(tmp_path, answer):
    client = Client()
    cache = cached(tmp_path, client)
    asyncio.run(cache.refresh())
    client.answers |= {"/models": answer, "/embeddings/models": b'{"data":[]}'}

    with pytest.raises(CatalogueUnavailable):
        asyncio.run(cache.refresh())

    assert ids(cache) == ["a/one", "b/two", "e/vectors"]


def test_a_copy_from_elsewhere_is_not_used(tmp_path):
    """The demo's made-up models must not show up among real ones."""
    asyncio.run(cached(tmp_path, Client()).refresh())
    other = CatalogueCache(Client(), tmp_path / "catalogue.json", "https://other", EVERYTHING)

    other.load_copy()

    assert other.snapshot is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"base_url":1}', b"\xff"])
def test_a_damaged_copy_is_passed_over(tmp_path, content):
    (tmp_path / "catalogue.json").write_bytes(content)
    cache = cached(tmp_path, Client())

    cache.load_copy()

    assert cache.snapshot is None


def test_the_copy_is_for_its_owner_only(tmp_path):
    asyncio.run(cached(tmp_path, Client()).refresh())

    assert (tmp_path / "catalogue.json").stat().st_mode & 0o777 == 0o600
    assert msgspec.json.decode((tmp_path / "catalogue.json").read_bytes())["base_url"] == "https://x"


def test_a_disk_that_cannot_be_written_does_not_matter(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = CatalogueCache(Client(), tmp_path / "file" / "catalogue.json", "https://x", EVERYTHING)

    asyncio.run(cache.refresh())

    assert ids(cache) == ["a/one", "b/two", "e/vectors"]


def test_a_change_of_what_is_allowed_is_told_and_in_force_at_once(tmp_path):
    told = []
    cache = cached(tmp_path, Client(), changed=lambda new: told.append([entry.id for entry in new.allowed]))
    asyncio.run(cache.refresh())

    cache.restrict(AllowList(None, ["b/two"]))

    assert told == [["a/one", "b/two"], ["a/one", "b/two", "e/vectors"], ["b/two"]]
    with pytest.raises(ModelNotAllowed):
        cache.snapshot.resolve("a/one")


def test_the_first_request_waits_for_the_first_list_only_until_it_failed(tmp_path):
    cache = cached(tmp_path, Client(models=AWAY))

    async def ask():
        keeping = asyncio.create_task(cache.keep_fresh())
        try:
            await cache.catalogue()
        finally:
            keeping.cancel()

    with pytest.raises(CatalogueUnavailable) as caught:
        asyncio.run(ask())
    assert caught.value.message == "The model list could not be loaded yet: no network"


def test_it_keeps_trying_until_the_network_is_back(tmp_path, monkeypatch):
    monkeypatch.setattr("tray_proxy.catalogue.FIRST_RETRY_S", 0.01)
    client = Client(models=AWAY)
    arrived = asyncio.Event()
    cache = cached(tmp_path, client, changed=lambda new: len(new.entries) == 3 and arrived.set())

    async def wait():
        keeping = asyncio.create_task(cache.keep_fresh())
        with pytest.raises(CatalogueUnavailable):
            await cache.catalogue()
        client.answers["/models"] = GOOD
        await asyncio.wait_for(arrived.wait(), 5)
        keeping.cancel()

    asyncio.run(wait())
    assert ids(cache) == ["a/one", "b/two", "e/vectors"]


def test_the_copy_holds_openrouters_answers_as_they_came(tmp_path):
    asyncio.run(cached(tmp_path, Client()).refresh())

    assert json.loads((tmp_path / "catalogue.json").read_text())["models"] == json.loads(GOOD)
