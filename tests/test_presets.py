"""The owner's own names: in force at once, kept in the user's file, and restored while the program runs."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tray_proxy import presets as presets_module
from tray_proxy.catalogue import CatalogueCache
from tray_proxy.errors import BodyTooLarge, ModelNotFound, SettingsInvalid
from tray_proxy.presets import MENU_LENGTH, OwnName, Presets, listed_name
from tray_proxy.translate.names import AllowList
from tray_proxy.translate.presets import Preset
from tray_proxy.wire.ollama import CreateRequest, FunctionCall, Message, ToolCall

type Start = Callable[..., Presets]

ALIAS = Preset(model="v/a", created_s=5)
BRIEF = {
    "model": "v/b",
    "system": "Be brief.",
    "parameters": {"temperature": 0.5, "stop": ["END"]},
    "messages": [{"role": "user", "content": "Grüße", "images": ["aGk="]}, {"role": "assistant", "content": "Hi"}],
    "template": "{{ .Prompt }}",
    "license": "MIT",
    "created_s": 7,
}


class Lists:
    """Stands in for the client: serves a model list."""

    async def fetch_models(self, path: str) -> bytes:
        ids = ("v/a", "v/b") if path == "/models" else ()
        return json.dumps({"data": [{"id": model_id} for model_id in ids]}).encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The user's settings file, with a setting of its own."""
    file = tmp_path / "settings.json"
    file.write_text('{"port": 1001}')
    return file


@pytest.fixture
def cache(tmp_path: Path) -> CatalogueCache:
    """A catalogue that is loaded."""
    cache = CatalogueCache(Lists(), tmp_path / "catalogue.json", "https://openrouter.ai", AllowList())
    asyncio.run(cache.refresh())
    return cache


@pytest.fixture
def start(cache: CatalogueCache, file: Path) -> Start:
    """Begin with what the file holds, or with other content in it."""

    def make(stored: dict[str, Any] | None = None) -> Presets:
        if stored is not None:
            file.write_text(json.dumps({"port": 1001, "presets": stored}))
        return Presets(cache, json.loads(file.read_text(encoding="utf-8")).get("presets", {}), file)

    return make


def stands_for(cache: CatalogueCache, name: str) -> str:
    assert cache.snapshot is not None
    return cache.snapshot.resolve(name).model.id


def kept(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8")).get("presets")


def overview(presets: Presets) -> dict[str, bool]:
    return {own.name: own.kept for own in presets.overview()}


def test_an_alias_is_in_force_at_once_and_in_the_file(start: Start, cache: CatalogueCache, file: Path) -> None:
    start().store("fast", ALIAS)

    assert stands_for(cache, "fast") == "v/a"
    assert json.loads(file.read_text(encoding="utf-8")) == {
        "port": 1001,
        "presets": {"fast:latest": {"model": "v/a", "created_s": 5}},
    }


def test_a_whole_preset_survives_a_restart(start: Start, file: Path) -> None:
    """With every field, and no field more in the file."""
    stored = start({"brief:v1": BRIEF}).get("brief:v1")
    assert stored is not None

    start({}).store("brief:v1", stored.preset)

    assert kept(file) == {"brief:v1": BRIEF}
    again = start().get("brief:v1")
    assert again is not None
    assert (again.preset.system, again.preset.parameters) == ("Be brief.", {"temperature": 0.5, "stop": ["END"]})
    assert [(message.role, message.content) for message in again.preset.messages] == [
        ("user", "Grüße"),
        ("assistant", "Hi"),
    ]


def test_names_are_in_force_from_the_start(start: Start, cache: CatalogueCache) -> None:
    start({"brief": BRIEF})

    assert stands_for(cache, "brief") == "v/b"


@pytest.mark.parametrize("spelling", ["Fast", "fast:latest", " FAST:LATEST ", "registry.ollama.ai/library/fast"])
def test_a_name_is_found_in_every_spelling(spelling: str, start: Start) -> None:
    presets = start()
    presets.store("fast", ALIAS)

    assert presets.get(spelling) == OwnName("fast:latest", ALIAS, kept=True)


@pytest.mark.parametrize(
    ("asked", "listed"),
    [
        ("fast", "fast:latest"),
        ("Fast:v1", "Fast:v1"),
        (" me/fast ", "me/fast:latest"),
        ("registry.ollama.ai/library/fast", "fast:latest"),
        ("https://registry.ollama.ai/me/fast:v1", "me/fast:v1"),
        ("library/fast", "fast:latest"),
    ],
)
def test_a_name_is_listed_as_ollama_lists_it(asked: str, listed: str) -> None:
    assert listed_name(asked) == listed


def test_a_name_that_is_stored_again_takes_the_place_of_the_first(start: Start, file: Path) -> None:
    """Two names that Ollama holds for one must not stand side by side."""
    presets = start()
    presets.store("fast", ALIAS)

    presets.store("FAST:latest", Preset(model="v/b"))

    assert kept(file) == {"FAST:latest": {"model": "v/b"}}
    assert overview(presets) == {"FAST:latest": True}


def test_a_removed_name_is_gone_and_the_others_stay(start: Start, cache: CatalogueCache, file: Path) -> None:
    presets = start()
    presets.store("fast", ALIAS)
    presets.store("slow", Preset(model="v/b"))

    presets.remove("Fast:latest")

    assert kept(file) == {"slow:latest": {"model": "v/b"}}
    with pytest.raises(ModelNotFound):
        stands_for(cache, "fast")


def test_when_the_last_name_is_removed_nothing_is_left_of_it(start: Start, file: Path) -> None:
    presets = start()
    presets.store("fast", ALIAS)

    presets.remove("fast")

    assert json.loads(file.read_text(encoding="utf-8")) == {"port": 1001}


def test_a_removed_name_stays_in_sight_until_the_program_ends(start: Start) -> None:
    presets = start({"brief": BRIEF, "fast": {"model": "v/a"}})
    presets.remove("brief")

    assert overview(presets) == {"brief:latest": False, "fast:latest": True}
    assert overview(start()) == {"fast:latest": True}


def test_a_removed_name_can_be_restored_whole(start: Start, cache: CatalogueCache, file: Path) -> None:
    presets = start({"brief": BRIEF})
    presets.remove("brief")

    presets.restore("brief")

    assert kept(file) == {"brief:latest": BRIEF}
    assert overview(presets) == {"brief:latest": True}
    assert stands_for(cache, "brief") == "v/b"


def test_a_name_made_anew_is_not_restored_over(start: Start) -> None:
    """What was removed under this name is forgotten then."""
    presets = start({"brief": BRIEF})
    presets.remove("brief")
    presets.store("brief", ALIAS)

    with pytest.raises(ModelNotFound):
        presets.restore("brief")

    assert presets.named == {"brief:latest": ALIAS}


@pytest.mark.parametrize("kept_before", [True, False])
def test_a_tick_removes_and_restores(kept_before: bool, start: Start) -> None:
    presets = start({"brief": BRIEF})
    if not kept_before:
        presets.remove("brief")

    presets.keep("brief:latest", kept=not kept_before)

    assert overview(presets) == {"brief:latest": not kept_before}


@pytest.mark.parametrize("way", [Presets.remove, Presets.restore])
def test_what_there_is_not_is_neither_removed_nor_restored(way: Callable[[Presets, str], None], start: Start) -> None:
    with pytest.raises(ModelNotFound, match="model 'nope' not found"):
        way(start(), "nope")


@pytest.mark.parametrize(
    "bad",
    [
        1,
        None,
        "v/a",
        {},
        {"model": ""},
        {"model": 5},
        {"model": "v/a", "system": ["x"]},
        {"model": "v/a", "messages": [{"content": "no role"}]},
    ],
)
def test_an_entry_that_cannot_be_read_is_left_out_and_stays_in_the_file(bad: object, start: Start, file: Path) -> None:
    """A newer version's, or one that was written by hand: the program starts, and nothing is lost."""
    presets = start({"odd": bad, "brief": BRIEF})
    assert list(presets.named) == ["brief:latest"]

    presets.store("fast", ALIAS)
    presets.remove("brief")

    assert kept(file) == {"odd": bad, "fast:latest": {"model": "v/a", "created_s": 5}}


@pytest.mark.parametrize("name", ["", "two words", "a//b", "a:b:", "x" * 400])
def test_an_entry_with_an_impossible_name_is_left_out(name: str, start: Start) -> None:
    assert start({name: {"model": "v/a"}}).named == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda presets: presets.store("fast", ALIAS),
        lambda presets: presets.store("brief", ALIAS),
        lambda presets: presets.remove("brief"),
        lambda presets: presets.restore("gone"),
    ],
    ids=["store", "overwrite", "remove", "restore"],
)
def test_a_change_that_cannot_be_saved_changes_nothing(
    change: Callable[[Presets], None], start: Start, cache: CatalogueCache, file: Path
) -> None:
    """Here something else has the file's name."""
    presets = start({"brief": BRIEF, "gone": {"model": "v/a"}})
    presets.remove("gone")
    before = overview(presets)
    file.unlink()
    (file / "folder").mkdir(parents=True)

    with pytest.raises(SettingsInvalid, match=r"^The settings could not be saved: .+\.$"):
        change(presets)

    assert overview(presets) == before
    assert stands_for(cache, "brief") == "v/b"
    with pytest.raises(ModelNotFound):
        stands_for(cache, "fast")


def test_all_names_together_have_a_limit(start: Start, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are read whole at every start; a library of pictures has no place in them."""
    monkeypatch.setattr(presets_module, "MAX_BYTES", 1000)
    presets = start()
    presets.store("fast", ALIAS)

    with pytest.raises(BodyTooLarge, match=r"^names of one's own may hold 0 MiB together: remove some"):
        presets.store("long", Preset(model="v/a", system="x" * 1000))

    assert overview(presets) == {"fast:latest": True}
    assert list(kept(file)) == ["fast:latest"]


def test_what_counts_is_what_is_written(start: Start, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each level is indented in the file: a small request could otherwise fill the disk."""
    monkeypatch.setattr(presets_module, "MAX_BYTES", 10_000)
    arguments: dict[str, object] = {}
    for _ in range(100):
        arguments = {"a": arguments}
    call = ToolCall(function=FunctionCall(name="f", arguments=arguments))

    with pytest.raises(BodyTooLarge):
        start().store("deep", Preset(model="v/a", messages=[Message(role="assistant", tool_calls=[call])]))

    assert kept(file) is None


def test_there_are_only_so_many_names(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets_module, "MAX_NAMES", 1)
    presets = start()
    presets.store("fast", ALIAS)

    with pytest.raises(BodyTooLarge, match=r"^there are 1 names of one's own already: remove some$"):
        presets.store("slow", ALIAS)
    presets.store("fast", Preset(model="v/b"))

    assert overview(presets) == {"fast:latest": True}


def test_only_the_last_ones_removed_can_be_restored(start: Start) -> None:
    """An app that makes and removes names in a loop must not fill the memory."""
    presets = start()
    for number in range(MENU_LENGTH + 2):
        presets.store(f"n{number:02}", ALIAS)
        presets.remove(f"n{number:02}")

    assert list(overview(presets)) == [f"n{number:02}:latest" for number in range(2, MENU_LENGTH + 2)]


def test_what_is_too_large_for_the_file_is_not_kept_for_restoring(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = start({"long": BRIEF})
    monkeypatch.setattr(presets_module, "MAX_BYTES", 10)

    presets.remove("long")

    assert overview(presets) == {}


def test_what_is_beyond_the_limit_can_still_be_removed(
    start: Start, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody wrote it into the file by hand."""
    presets = start({"long": BRIEF, "longer": BRIEF})
    monkeypatch.setattr(presets_module, "MAX_BYTES", 10)

    presets.remove("longer")

    assert list(kept(file)) == ["long:latest"]


def test_the_menu_is_drawn_from_the_new_names(start: Start, cache: CatalogueCache) -> None:
    """The tray draws it while the names are put in force, not later."""
    presets = start()
    drawn: list[dict[str, bool]] = []
    cache._changed = lambda _: drawn.append({own.name: own.kept for own in presets.menu()})

    presets.store("fast", ALIAS)
    presets.remove("fast")

    assert drawn == [{"fast:latest": True}, {"fast:latest": False}]


def test_a_long_menu_holds_what_was_removed_and_the_youngest(start: Start) -> None:
    presets = start()
    for number in range(20):
        presets.store(f"n{number:02}", Preset(model="v/a", created_s=number))
    presets.remove("n00")

    shown = [own.name for own in presets.menu()]

    assert shown == ["n00:latest", *(f"n{number:02}:latest" for number in range(21 - MENU_LENGTH, 20))]


def test_a_stored_picture_does_not_hold_the_request_it_came_in(start: Start) -> None:
    """A body may have 100 MiB; what is kept of it has bytes of its own."""
    body = bytearray(b'{"messages": [{"role": "user", "images": ["aGk="]}]}')
    request = msgspec.json.decode(body, type=CreateRequest)
    presets = start()

    presets.store("seen", Preset(model="v/a", messages=request.messages or []))
    body[:] = b" " * len(body)

    own = presets.get("seen")
    assert own is not None
    (message,) = own.preset.messages
    assert isinstance(message, Message)
    assert [bytes(picture) for picture in message.images or []] == [b'"aGk="']
