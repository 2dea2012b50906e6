"""The model list: fresh, saved, stale, partly broken; and which of it may be used."""

import asyncio
import json
import os

import msgspec
import pytest

from tray_proxy import catalogue as catalogue_module
from tray_proxy.catalogue import Catalogue, CatalogueCache
from tray_proxy.errors import (
    CatalogueUnavailable,
    ModelNameAmbiguous,
    ModelNotAllowed,
    ModelNotFound,
    UpstreamUnreachable,
)
from tray_proxy.translate.names import AllowList
from tray_proxy.translate.presets import Preset
from tray_proxy.wire.openrouter import ModelEntry

ENTRIES = tuple(ModelEntry(id=each) for each in ("openai/gpt-4o", "deepseek/r1", "perplexity/r1", "meta/llama:free"))
EVERYTHING = AllowList()

NOT_ALLOWED = ", for it is not allowed: tick it under Models in Tray Proxy"


def catalogue(*, ceiling=None, ticks=None, entries=ENTRIES, **more):
    return Catalogue(entries, AllowList(ceiling, ticks), fetched_s=1, **more)


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
        ("llama:free:nitro:online", "meta/llama:free:nitro:online"),
        ("registry.ollama.ai/library/gpt-4o:latest", "openai/gpt-4o"),
    ],
)
def test_a_model_is_found_by_each_of_its_names(asked, sent):
    assert catalogue().resolve(asked).model.id == sent


def test_a_name_is_looked_for_once():
    """Apps ask for the same model again and again."""
    models = catalogue()

    assert models.resolve("GPT-4o") is models.resolve("GPT-4o")


def test_spellings_of_a_name_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(catalogue_module, "MAX_REMEMBERED", 2)
    models = catalogue()

    found = [models.resolve(asked) for asked in (f"{'x' * 1000}://deepseek/r1", "gpt-4o", "GPT-4o", "GPT-4O")]

    assert [each.model.id for each in found] == ["deepseek/r1", *["openai/gpt-4o"] * 3]
    assert list(models._found) == ["gpt-4o", "GPT-4o"]


@pytest.mark.parametrize("asked", ["nope", "", "/", "llama3.1:8b"])
def test_an_unknown_name_is_not_guessed(asked):
    with pytest.raises(ModelNotFound) as caught:
        catalogue().resolve(asked)
    assert type(caught.value) is ModelNotFound
    assert caught.value.message == f"model '{asked}' not found"


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("meta/llama", "'meta/llama:free'"),
        ("openai/gpt-4o:free", "'openai/gpt-4o'"),
        ("deepseek-r1", "'deepseek/r1'"),
        ("deepseek/r2", "'deepseek/r1'"),
    ],
)
def test_an_unknown_name_is_told_with_those_that_are_near(asked, meant):
    """Ollama's words stay in front: its command line and others look for them."""
    with pytest.raises(ModelNotFound) as caught:
        catalogue().resolve(asked)
    assert caught.value.message == f"model '{asked}' not found, did you mean {meant}?"


def test_a_model_that_is_not_allowed_is_not_found_and_it_is_said_why():
    with pytest.raises(ModelNotAllowed) as caught:
        catalogue(ticks=["deepseek/r1"]).resolve("gpt-4o")
    assert caught.value.message == f"model 'gpt-4o' not found{NOT_ALLOWED}"


def test_only_allowed_names_are_suggested():
    with pytest.raises(ModelNotFound) as caught:
        catalogue(ticks=["deepseek/r1"]).resolve("perplexity/r12")
    assert caught.value.near == ()


def test_a_short_name_of_two_vendors_is_refused_with_both():
    with pytest.raises(ModelNameAmbiguous) as caught:
        catalogue().resolve("r1")
    assert caught.value.candidates == ("deepseek/r1", "perplexity/r1")


def test_the_allow_list_settles_a_short_name():
    assert catalogue(ticks=["deepseek/r1"]).resolve("r1").model.id == "deepseek/r1"


def test_a_short_name_of_models_that_are_all_not_allowed_is_no_riddle():
    with pytest.raises(ModelNotAllowed):
        catalogue(ticks=["openai/gpt-4o"]).resolve("r1")


def test_a_model_is_known_whether_it_is_allowed_or_not():
    entry, variants = catalogue(ticks=[], presets={"mine": Preset(model="openai/gpt-4o")}).known("GPT-4o:nitro")

    assert (entry.id, variants) == ("openai/gpt-4o", ":nitro")
    with pytest.raises(ModelNotFound):
        catalogue(presets={"mine": Preset(model="openai/gpt-4o")}).known("mine")


# -- the owner's own names -------------------------------------------------------------------------

GPT = Preset(model="openai/gpt-4o", system="Be brief.")


def names(found):
    return [each.name for each in found]


@pytest.mark.parametrize("asked", ["mine", "Mine:latest", " MINE ", "library/mine"])
def test_an_own_name_is_found_in_any_spelling(asked):
    found = catalogue(presets={"Mine:latest": GPT}).resolve(asked)

    assert (found.asked, found.name, found.model.id, found.preset) == (asked, "Mine:latest", "openai/gpt-4o", GPT)


def test_an_own_name_goes_before_a_models_and_hides_it():
    """An app with a name of its own built in gets what the owner chose for it."""
    own = catalogue(presets={"openai/gpt-4o": Preset(model="deepseek/r1")})

    assert own.resolve("openai/gpt-4o").model.id == "deepseek/r1"
    assert names(own.listed()) == ["openai/gpt-4o:latest", "deepseek/r1", "perplexity/r1", "meta/llama:free"]


def test_an_own_name_may_stand_for_a_variant():
    found = catalogue(presets={"fast": Preset(model="openai/gpt-4o:nitro")}).resolve("fast")

    assert found.model.id == "openai/gpt-4o:nitro"


@pytest.mark.parametrize(
    ("model", "error", "more"), [("openai/gpt-4o", ModelNotAllowed, NOT_ALLOWED), ("openai/gone", ModelNotFound, "")]
)
def test_an_own_name_whose_model_cannot_be_had_stands_for_nothing(model, error, more):
    own = catalogue(ticks=["perplexity/r1"], presets={"mine": Preset(model=model)})

    with pytest.raises(error) as caught:
        own.resolve("mine")
    assert caught.value.message == f"model 'mine' not found{more}"
    assert names(own.listed()) == ["perplexity/r1"]


def test_an_own_name_written_by_hand_for_no_one_model_does_not_cost_the_list():
    own = catalogue(presets={"mine": Preset(model="r1")}, ticks=["deepseek/r1", "perplexity/r1"])

    assert names(own.listed()) == ["deepseek/r1", "perplexity/r1"]
    with pytest.raises(ModelNameAmbiguous):
        own.resolve("mine")


def test_own_names_are_suggested_too():
    with pytest.raises(ModelNotFound) as caught:
        catalogue(presets={"my-helper": GPT}).resolve("my-helpr")
    assert caught.value.near == ("my-helper:latest",)


# -- the names of Ollama's library -----------------------------------------------------------------

LLAMA = ModelEntry(id="meta-llama/llama-3.1-8b-instruct", hugging_face_id="meta-llama/Meta-Llama-3.1-8B-Instruct")
LLAMA_FREE = ModelEntry(id=f"{LLAMA.id}:free", hugging_face_id=LLAMA.hugging_face_id)
OPEN = (LLAMA_FREE, LLAMA)


@pytest.mark.parametrize("asked", ["llama3.1", "llama3.1:latest", "Llama3.1:8B", "llama3.1:8b-instruct-q4_K_M"])
def test_a_library_name_calls_the_same_open_model(asked):
    found = catalogue(entries=OPEN).resolve(asked)

    assert (found.asked, found.name, found.model) == (asked, LLAMA.id, LLAMA)


def test_a_library_name_calls_the_variant_where_only_that_is_allowed():
    assert catalogue(entries=OPEN, ticks=[LLAMA_FREE.id]).resolve("llama3.1").model == LLAMA_FREE


def test_a_library_name_of_a_model_that_is_not_allowed_calls_nothing():
    with pytest.raises(ModelNotAllowed):
        catalogue(entries=(*OPEN, *ENTRIES), ticks=["openai/gpt-4o"]).resolve("llama3.1")


def test_library_names_can_be_turned_off():
    with pytest.raises(ModelNotFound) as caught:
        catalogue(entries=OPEN, library="off").resolve("llama3.1")
    assert type(caught.value) is ModelNotFound


def test_library_names_are_listed_only_where_that_is_wanted():
    assert names(catalogue(entries=OPEN).listed()) == [LLAMA_FREE.id, LLAMA.id]
    assert names(catalogue(entries=OPEN, library="list").listed()) == [
        LLAMA_FREE.id,
        LLAMA.id,
        "llama3.1:8b",
        "llama3.1:latest",
    ]


def test_a_listed_library_name_is_the_models_name():
    """What the list shows and what is in use must be one name."""
    assert catalogue(entries=OPEN, library="list").resolve("Llama3.1").name == "llama3.1:latest"


def test_a_library_name_that_means_another_model_here_is_not_listed():
    """`deepseek-r1` is the id's own short name here, and a small distilled model in the library."""
    entries = (
        ModelEntry(id="deepseek/deepseek-r1", hugging_face_id="deepseek-ai/DeepSeek-R1"),
        ModelEntry(id="deepseek/r1-8b", hugging_face_id="deepseek-ai/DeepSeek-R1-0528-Qwen3-8B"),
    )

    listed = names(catalogue(entries=entries, library="list").listed())

    assert "deepseek-r1:latest" not in listed
    assert "deepseek-r1:8b" in listed


def test_an_own_name_goes_before_a_library_name():
    own = catalogue(entries=(*OPEN, *ENTRIES), presets={"llama3.1": GPT}, library="list")

    assert own.resolve("llama3.1:latest").model.id == "openai/gpt-4o"
    assert names(own.listed()).count("llama3.1:latest") == 1


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
        found = (await cache.catalogue()).resolve("one").model.id
        keeping.cancel()
        return found

    assert asyncio.run(ask()) == "a/one"


def test_embedding_models_survive_their_own_lists_failure(tmp_path):
    client = Client()
    cache = cached(tmp_path, client)
    asyncio.run(cache.refresh())
    client.answers |= {"/models": b'{"data":[{"id":"a/other"}]}', "/embeddings/models": AWAY}

    asyncio.run(cache.refresh())

    later = cached(tmp_path, client)
    later.load_copy()
    assert [ids(cache), ids(later)] == [["a/other", "e/vectors"]] * 2


def test_a_list_that_has_not_changed_is_not_read_again(tmp_path):
    """What stood beside the old one for a moment leaves holes in the memory, for good."""
    now_s = iter([1000.0, 1000.0, 4600.0, 4600.0])
    asyncio.run(cached(tmp_path, Client(), clock=lambda: next(now_s)).refresh())
    cache = cached(tmp_path, Client(), clock=lambda: next(now_s))
    cache.load_copy()
    before = cache.snapshot.entries

    asyncio.run(cache.refresh())

    # Those of the other list are marked anew each time.
    assert [entry is was for entry, was in zip(cache.snapshot.entries, before, strict=True)] == [True, True, False]
    assert cache.snapshot.fetched_s == 4600


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


@pytest.mark.skipif(os.name != "posix", reason="Windows has other permissions")
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


def test_own_names_are_in_force_at_once_and_stay_over_a_refresh(tmp_path):
    cache = cached(tmp_path, Client())
    cache.name({"mine": Preset(model="a/one")})
    asyncio.run(cache.refresh())

    assert cache.snapshot.resolve("mine").model.id == "a/one"
    cache.name({"other": Preset(model="b/two")})

    assert cache.snapshot.resolve("other").model.id == "b/two"
    with pytest.raises(ModelNotFound):
        cache.snapshot.resolve("mine")


def test_a_change_of_what_is_allowed_leaves_own_names_alone(tmp_path):
    cache = cached(tmp_path, Client(), library="off")
    asyncio.run(cache.refresh())
    cache.name({"mine": Preset(model="a/one")})

    cache.restrict(AllowList(None, ["a/one"]))

    assert names(cache.snapshot.listed()) == ["mine:latest", "a/one"]


def test_who_cannot_wait_for_the_first_list_is_told_that_it_is_not_there_yet(tmp_path):
    with pytest.raises(CatalogueUnavailable) as caught:
        asyncio.run(cached(tmp_path, Client(models=AWAY)).catalogue(wait_s=0))
    assert caught.value.message == "The model list could not be loaded yet: OpenRouter has not answered yet."


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
        await asyncio.wait_for(arrived.wait(), 15)
        keeping.cancel()

    asyncio.run(wait())
    assert ids(cache) == ["a/one", "b/two", "e/vectors"]


def test_the_copy_holds_openrouters_answers_as_they_came(tmp_path):
    asyncio.run(cached(tmp_path, Client()).refresh())

    assert json.loads((tmp_path / "catalogue.json").read_text())["models"] == json.loads(GOOD)


def test_as_soon_as_the_network_is_back_it_need_not_wait_for_the_next_try(tmp_path, monkeypatch):
    monkeypatch.setattr("tray_proxy.catalogue.FIRST_RETRY_S", 60.0)
    client = Client(models=AWAY)
    arrived = asyncio.Event()
    cache = cached(tmp_path, client, changed=lambda new: len(new.entries) == 3 and arrived.set())

    async def wait():
        keeping = asyncio.create_task(cache.keep_fresh())
        with pytest.raises(CatalogueUnavailable):
            await cache.catalogue()
        client.answers["/models"] = GOOD
        cache.nudge()
        await asyncio.wait_for(arrived.wait(), 15)
        keeping.cancel()

    asyncio.run(wait())
    assert ids(cache) == ["a/one", "b/two", "e/vectors"]


@pytest.mark.parametrize(("age_s", "fetches"), [(3600, 1), (3601, 2)])
def test_a_list_is_fetched_anew_after_a_sleep_only_when_it_is_old(tmp_path, age_s, fetches):
    client = Client()
    now_s = 0
    fetched = []
    fetch = client.fetch_models
    whole = asyncio.Event()
    cache = cached(tmp_path, client, clock=lambda: now_s, changed=lambda new: len(new.entries) == 3 and whole.set())

    async def fetch_models(path):
        fetched.append(path)
        return await fetch(path)

    client.fetch_models = fetch_models

    async def wake():
        nonlocal now_s
        keeping = asyncio.create_task(cache.keep_fresh())
        await whole.wait()
        await asyncio.sleep(0)
        now_s = age_s
        cache.nudge()
        for _ in range(20):
            await asyncio.sleep(0)
        keeping.cancel()

    asyncio.run(wake())
    assert fetched.count("/models") == fetches
