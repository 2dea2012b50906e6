"""The list and what is shown of each model: every name once, made once, and for everyone who asks at once."""

import asyncio
import json
import time

import pytest

from tray_proxy.catalogue import Catalogue
from tray_proxy.demo.catalogue import list_response, models_with_output
from tray_proxy.server.listing import Listing, Listings, with_own_words
from tray_proxy.translate.names import AllowList
from tray_proxy.translate.presets import Preset
from tray_proxy.wire.ollama import ShowRequest
from tray_proxy.wire.openrouter import Architecture, ModelEntry

BASE_URL = "https://openrouter.ai/api/v1"
ENTRIES = (
    ModelEntry(id="a/old", created=1_700_000_000),
    ModelEntry(id="a/new", created=1_750_000_000, hugging_face_id="Qwen/QwQ-32B"),
    ModelEntry(id="a/vectors", architecture=Architecture(output_modalities=("embeddings",)), created=1_600_000_000),
)
MINE = Preset(model="a/old", system="Be brief.", parameters={"temperature": 0.5}, created_s=1_720_000_000)


def catalogue(**more):
    return Catalogue(ENTRIES, AllowList(), 1_763_900_000, presets={"mine": MINE}, **more)


def listing(**more):
    return Listing(catalogue(**more), BASE_URL, {})


def models(body):
    return json.loads(body)["models"]


def shown(body):
    return json.loads(body)


def test_every_name_is_listed_newest_first():
    assert [model["name"] for model in models(listing().tags)] == ["a/new", "mine:latest", "a/old", "a/vectors"]


def test_library_names_are_listed_where_the_owner_wants_that():
    names = {model["name"]: model["remote_model"] for model in models(listing(library="list").tags)}

    assert names["qwq:latest"] == names["qwq:32b"] == "a/new"


def test_no_two_names_share_a_digest():
    """llm-ollama takes them for one model."""
    digests = [model["digest"] for model in models(listing(library="list").tags)]

    assert len(set(digests)) == len(digests) == 6


def test_an_empty_list_is_a_list():
    nothing = Catalogue((), AllowList(), 1)

    assert Listing(nothing, BASE_URL, {}).tags == b'{"models":[]}'


def test_a_show_is_made_once():
    answers = listing()
    found = catalogue().resolve("a/old")

    assert answers.show(found) is answers.show(catalogue().resolve("A/Old:latest"))


@pytest.mark.parametrize("name", ["a/old", "mine", "a/vectors"])
def test_what_is_shown_agrees_with_the_list(name):
    answers = listing()
    found = catalogue().resolve(name)

    [row] = [model for model in models(answers.tags) if model["name"] == found.name]
    show = shown(answers.show(found))
    length = row["details"].pop("context_length")
    assert show["details"] == row["details"]
    assert show["model_info"][f"{show['model_info']['general.architecture']}.context_length"] == length
    for field in ("capabilities", "modified_at", "remote_model", "remote_host"):
        assert show[field] == row[field]


def test_a_variant_shows_what_its_model_shows():
    show = shown(listing().show(catalogue().resolve("a/old:nitro")))

    assert show["remote_model"] == "a/old:nitro"
    assert show["capabilities"] == ["completion"]


def test_variants_do_not_fill_the_memory():
    """Any number of them can be made up."""
    answers = listing()

    answers.show(catalogue().resolve("a/old:nitro"))
    answers.show(catalogue().resolve("a/old"), label="something")

    assert answers._shown == {}


def test_a_label_stands_in_for_the_display_name():
    show = shown(listing().show(catalogue().resolve("a/old"), label="old"))

    assert show["model_info"]["general.basename"] == "old"


def test_a_show_may_bring_its_own_system_prompt_and_options():
    found = catalogue().resolve("mine")

    show = shown(listing().show(with_own_words(found, ShowRequest(system="Be long.", options={"seed": 7}))))

    assert show["system"] == "Be long."
    assert show["parameters"].split() == ["seed", "7", "temperature", "0.5"]
    assert shown(listing().show(found))["system"] == "Be brief."


def test_a_show_without_words_of_its_own_is_the_kept_one():
    found = catalogue().resolve("a/old")

    assert with_own_words(found, ShowRequest(model="a/old", system="", options={})) is found


def test_answers_are_kept_for_one_catalogue_and_made_anew_for_another():
    listings, present = Listings(), catalogue()

    first = listings.of(present, BASE_URL)

    assert listings.of(present, BASE_URL) is first
    assert listings.of(present, BASE_URL).tags is first.tags
    assert listings.of(catalogue(), BASE_URL) is not first


def test_another_upstream_means_another_host():
    listings, present = Listings(), catalogue()
    listings.of(present, BASE_URL)

    [first, *_] = models(listings.of(present, "http://127.0.0.1:4000/api/v1").tags)

    assert first["remote_host"] == "http://127.0.0.1:4000"


def test_the_length_of_vectors_is_told_as_soon_as_it_is_known():
    listings, present = Listings(), catalogue()
    found = present.resolve("a/vectors")
    before = listings.of(present, BASE_URL)
    assert "a.embedding_length" not in shown(before.show(found))["model_info"]

    listings.learn_vector_length("a/vectors", 1024)

    after = listings.of(present, BASE_URL)
    assert shown(after.show(found))["model_info"]["a.embedding_length"] == 1024
    [row] = [model for model in models(after.tags) if model["name"] == "a/vectors"]
    assert row["details"]["embedding_length"] == 1024


def test_what_was_known_already_costs_nothing():
    listings, present = Listings(), catalogue()
    listings.learn_vector_length("a/vectors", 1024)
    first = listings.of(present, BASE_URL)

    listings.learn_vector_length("a/vectors", 1024)

    assert listings.of(present, BASE_URL) is first


# -- over a socket ---------------------------------------------------------------------------------


def saved_copy(home, base_url, count):
    """Write the copy of a list with so many models, as the program would have left it yesterday."""
    rows = list_response(models_with_output("text"))["data"]
    many = [rows[number % len(rows)] | {"id": f"vendor/model-{number}"} for number in range(count)]
    content = {
        "base_url": base_url,
        "fetched_s": int(time.time()) - 86_400,
        "models": {"data": many},
        "embeddings": list_response(models_with_output("embeddings")),
    }
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "catalogue.json").write_text(json.dumps(content))


@pytest.fixture
def offline(proxies, tmp_path, free_port):
    """A proxy whose upstream is away, with yesterday's list of 450 models."""
    base_url = f"http://127.0.0.1:{free_port}/api/v1"
    saved_copy(tmp_path / "offline", base_url, 448)
    return proxies.start(tmp_path / "offline", wait_for_models=False, openrouter_base_url=base_url)


def test_everything_is_listed_and_shown_while_openrouter_is_away(offline):
    listed = offline.http.get("/api/tags").json()["models"]

    assert len(listed) == 450
    assert {model["remote_host"] for model in listed} == {offline.program.settings.openrouter_base_url[:-7]}
    for model in listed[:20]:
        assert offline.http.post("/api/show", json={"model": model["name"]}).json()["capabilities"]


def test_every_model_can_be_shown_at_once(offline):
    """AnythingLLM and Roo Code ask like this when they start, and one that fails empties their list."""
    names = [model["name"] for model in offline.http.get("/api/tags").json()["models"]]

    async def show(name):
        reader, writer = await asyncio.open_connection("127.0.0.1", offline.program.settings.port)
        body = json.dumps({"model": name}).encode()
        head = f"POST /api/show HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.read()
        writer.close()
        return answer

    async def show_all():
        return await asyncio.gather(*map(show, names))

    answers = asyncio.run(show_all())

    assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
    assert [shown(answer.partition(b"\r\n\r\n")[2])["remote_model"] for answer in answers] == names


def test_a_change_of_what_is_allowed_changes_the_list_at_once(proxies, tmp_path):
    running = proxies.start(tmp_path)
    assert len(running.http.get("/api/tags").json()["models"]) == 17

    running.loop.submit(running.program.models_desk.allow_one("openai/gpt-4o", allowed=False)).result(15)

    assert "openai/gpt-4o" not in {model["name"] for model in running.http.get("/api/tags").json()["models"]}


def test_a_name_of_ollamas_library_is_called_and_answered_by_that_name(proxy, upstream):
    answer = proxy.chat(model="Llama3.3:latest").json()

    assert answer["model"] == "Llama3.3:latest"
    assert upstream.chats[-1].body["model"] == "meta-llama/llama-3.3-70b-instruct"


@pytest.mark.parametrize(("setting", "listed"), [("off", False), ("call", False), ("list", True)])
def test_the_owner_rules_what_becomes_of_ollamas_names(proxies, tmp_path, setting, listed):
    running = proxies.start(tmp_path, library_names=setting)

    names = {model["name"] for model in running.http.get("/api/tags").json()["models"]}

    assert {"llama3.3:70b", "llama3.3:latest", "bge-m3:latest"} <= names if listed else "llama3.3:latest" not in names
    assert running.chat(model="llama3.3").status_code == (404 if setting == "off" else 200)


def test_listing_and_showing_ask_nobody(proxy, upstream):
    for model in proxy.http.get("/api/tags").json()["models"]:
        proxy.http.post("/api/show", json={"model": model["name"]})

    assert upstream.received == []
