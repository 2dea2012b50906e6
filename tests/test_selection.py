"""Which models are ticked: in force at once, kept in the user's file, and in sight in the menu."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tray_proxy.catalogue import Catalogue, CatalogueCache
from tray_proxy.errors import SettingsInvalid
from tray_proxy.selection import MENU_LENGTH, Selection
from tray_proxy.translate.names import AllowList

type Start = Callable[..., Selection]


class Lists:
    """Stands in for the client: serves a model list."""

    def __init__(self, *ids: str) -> None:
        self.ids = ids

    async def fetch_models(self, path: str) -> bytes:
        ids = self.ids if path == "/models" else ()
        return json.dumps({"data": [{"id": model_id} for model_id in ids]}).encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The user's settings file, with a setting of its own."""
    file = tmp_path / "settings.json"
    file.write_text('{"port": 1001}')
    return file


@pytest.fixture
def start(tmp_path: Path, file: Path) -> Start:
    """Make a selection over a catalogue that is loaded."""

    def make(
        *ids: str,
        ceiling: tuple[str, ...] | None = None,
        ticks: tuple[str, ...] | None = None,
        hidden: tuple[str, ...] = (),
        loaded: bool = True,
    ) -> Selection:
        allow = AllowList(ceiling, ticks, hidden)
        cache = CatalogueCache(Lists(*ids), tmp_path / "catalogue.json", "https://openrouter.ai", allow)
        if loaded:
            asyncio.run(cache.refresh())
        return Selection(cache, ceiling, ticks, file, hidden)

    return make


def snapshot(selection: Selection) -> Catalogue:
    catalogue = selection._cache.snapshot
    assert catalogue is not None
    return catalogue


def allowed(selection: Selection) -> list[str]:
    return [entry.id for entry in snapshot(selection).allowed]


def menu(selection: Selection) -> dict[str, bool]:
    return dict(selection.menu(snapshot(selection)))


def test_an_untick_where_every_model_is_allowed_hides_the_one(start: Start, file: Path) -> None:
    """The others stay allowed, and with them what OpenRouter adds tomorrow: no list of today's is made."""
    selection = start("v/a", "v/b", "v/c")

    selection.allow("v/b", allowed=False)

    assert (allowed(selection), selection.ticks, selection.hidden) == (["v/a", "v/c"], None, ("v/b",))
    assert json.loads(file.read_text()) == {"port": 1001, "hidden_models": ["v/b"]}


def test_a_hidden_model_that_is_ticked_is_hidden_no_more(start: Start, file: Path) -> None:
    selection = start("v/a", "v/b", "v/c", hidden=("V/B", "v/c"))

    selection.allow("v/b", allowed=True)

    assert (allowed(selection), selection.ticks, selection.hidden) == (["v/a", "v/b"], None, ("v/c",))
    assert json.loads(file.read_text())["hidden_models"] == ["v/c"]


def test_when_the_last_hidden_model_is_shown_again_nothing_is_left_of_it(start: Start, file: Path) -> None:
    """It is as if nothing had ever been hidden, in the file too."""
    selection = start("v/a", "v/b", hidden=("v/b",))

    selection.allow("v/b", allowed=True)

    assert selection.allows_all is True
    assert json.loads(file.read_text()) == {"port": 1001}


@pytest.mark.parametrize(
    ("ticks", "hidden", "all_of_them"),
    [(None, (), True), (None, ("v/a",), False), ((), (), False), (("v/a", "v/b"), (), False)],
)
def test_only_without_ticks_and_hidden_ones_every_model_is_allowed(
    ticks: tuple[str, ...] | None, hidden: tuple[str, ...], all_of_them: bool, start: Start
) -> None:
    assert start("v/a", "v/b", ticks=ticks, hidden=hidden).allows_all is all_of_them


@pytest.mark.parametrize(("ticks", "now_allowed"), [(None, ["v/a", "v/b"]), (("v/a",), ["v/a"])])
def test_a_choice_on_the_page_ends_the_hiding(
    ticks: tuple[str, ...] | None, now_allowed: list[str], start: Start, file: Path
) -> None:
    """Both "every model" and a list of ticks say it all by themselves."""
    selection = start("v/a", "v/b", hidden=("v/a",))

    selection.choose(ticks)

    assert (allowed(selection), selection.hidden) == (now_allowed, ())
    assert "hidden_models" not in json.loads(file.read_text())


def test_with_ticks_a_hidden_model_in_the_file_says_nothing(start: Start) -> None:
    """Somebody wrote both by hand."""
    selection = start("v/a", "v/b", ticks=("v/a",), hidden=("v/a",))

    assert (allowed(selection), selection.hidden) == (["v/a"], ())


def test_an_untick_takes_the_tick_in_whatever_case_it_was_written(start: Start) -> None:
    """By hand, into the settings file."""
    selection = start("v/a", "v/b", ticks=("V/A", "v/b"))

    selection.allow("v/a", allowed=False)

    assert selection.ticks == ("v/b",)


def test_a_tick_adds_a_model(start: Start, file: Path) -> None:
    selection = start("v/a", "v/b", "v/c", ticks=("v/c",))

    selection.allow("v/a", allowed=True)

    assert allowed(selection) == ["v/a", "v/c"]
    assert json.loads(file.read_text())["allowed_models"] == ["v/c", "v/a"]


def test_a_model_is_ticked_only_once(start: Start) -> None:
    selection = start("v/a", ticks=("v/a",))

    selection.allow("v/a", allowed=True)

    assert selection.ticks == ("v/a",)


def test_unticking_the_last_model_allows_none(start: Start, file: Path) -> None:
    """Not four hundred others."""
    selection = start("v/a", "v/b", ticks=("v/a",))

    selection.allow("v/a", allowed=False)

    assert allowed(selection) == []
    assert json.loads(file.read_text())["allowed_models"] == []


def test_every_model_can_be_allowed_again(start: Start, file: Path) -> None:
    selection = start("v/a", "v/b", ticks=("v/a",))

    selection.choose(None)

    assert (allowed(selection), selection.ticks) == (["v/a", "v/b"], None)
    assert json.loads(file.read_text()) == {"port": 1001}


def test_exactly_what_was_chosen_is_allowed(start: Start) -> None:
    """Also a model that is not in the list just now: it may come back."""
    selection = start("v/a", "v/b", "v/c", ticks=("v/a",))

    selection.choose(("v/c", "v/gone"))

    assert (allowed(selection), selection.ticks) == (["v/c"], ("v/c", "v/gone"))


@pytest.mark.parametrize(
    ("ticks", "model_id", "now_allowed"),
    [(None, "v/a", ["v/b"]), (None, "w/c", ["v/a", "v/b"]), (("v/a",), "w/c", ["v/a"])],
)
def test_ticks_choose_within_the_ceiling(
    ticks: tuple[str, ...] | None, model_id: str, now_allowed: list[str], start: Start
) -> None:
    """What the filter file keeps out stays out."""
    selection = start("v/a", "v/b", "w/c", ceiling=("v/*",), ticks=ticks)

    selection.allow(model_id, allowed=model_id == "w/c")

    assert allowed(selection) == now_allowed


def test_a_choice_before_the_list_is_loaded_is_in_force_when_it_comes(start: Start) -> None:
    selection = start("v/a", "v/b", loaded=False)
    selection.choose(("v/b",))

    asyncio.run(selection._cache.refresh())

    assert allowed(selection) == ["v/b"]


@pytest.mark.parametrize("tick", [True, False])
def test_a_choice_that_cannot_be_saved_changes_nothing(tick: bool, start: Start, file: Path) -> None:
    """Here something else has the file's name."""
    selection = start("v/a", "v/b", "v/c")
    selection.allow("v/b", allowed=False)
    before = (allowed(selection), selection.ticks, selection.hidden, menu(selection))
    file.unlink()
    (file / "folder").mkdir(parents=True)

    with pytest.raises(SettingsInvalid, match=r"^The settings could not be saved: .+\.$"):
        selection.allow("v/b" if tick else "v/a", allowed=tick)

    assert (allowed(selection), selection.ticks, selection.hidden, menu(selection)) == before


def test_the_menu_shows_the_allowed_models_with_their_ticks(start: Start) -> None:
    selection = start("v/a", "v/b", "v/c", ticks=("v/c", "v/a"))

    assert menu(selection) == {"v/a": True, "v/c": True}


def test_what_was_just_unticked_stays_in_the_menu(start: Start) -> None:
    """Or a slip of the mouse could not be undone there; and it keeps its place."""
    selection = start("v/a", "v/b", "v/c")

    selection.allow("v/b", allowed=False)

    assert list(menu(selection).items()) == [("v/a", True), ("v/b", False), ("v/c", True)]


def test_what_was_just_ticked_is_in_the_menu(start: Start) -> None:
    """An app allowed it, perhaps, and it comes late in the list: the owner sees it, and can take it back."""
    ids = [f"v/{number:02}" for number in range(30)]
    selection = start(*ids, ticks=tuple(ids[:20]))

    selection.allow("v/29", allowed=True)

    assert menu(selection) == dict.fromkeys([*ids[: MENU_LENGTH - 1], "v/29"], True)


def test_a_tick_taken_back_is_a_tick(start: Start) -> None:
    selection = start("v/a", "v/b")
    selection.allow("v/b", allowed=False)

    selection.allow("v/b", allowed=True)

    assert menu(selection) == {"v/a": True, "v/b": True}


def test_the_menu_is_drawn_from_the_new_choice(start: Start) -> None:
    """The tray draws it while the choice is put in force, not later."""
    drawn: list[dict[str, bool]] = []
    selection = start("v/a", "v/b")
    selection._cache._changed = lambda catalogue: drawn.append(dict(selection.menu(catalogue)))

    selection.allow("v/a", allowed=False)

    assert drawn == [{"v/a": False, "v/b": True}]


def test_the_menu_is_no_longer_than_fits(start: Start) -> None:
    ids = [f"v/{number:02}" for number in range(30)]
    selection = start(*ids)

    assert list(menu(selection)) == ids[:MENU_LENGTH]


def test_what_was_just_unticked_has_room_in_a_full_menu(start: Start) -> None:
    ids = [f"v/{number:02}" for number in range(30)]
    selection = start(*ids)

    selection.allow("v/03", allowed=False)
    selection.allow("v/20", allowed=False)

    assert menu(selection) == {
        **dict.fromkeys(ids[: MENU_LENGTH - 1], True),
        "v/03": False,
        "v/20": False,
    }
