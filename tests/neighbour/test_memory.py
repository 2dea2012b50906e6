"""Names that were local once: remembered until the owner gives them up."""

import json

import pytest

from stand_in_ollama import model
from tray_proxy.neighbour.client import read_row
from tray_proxy.neighbour.memory import LocalNames


@pytest.fixture
def file(tmp_path):
    return tmp_path / "cache" / "local-models.json"


def rows(*names):
    return [read_row(json.dumps(model(name)).encode()) for name in names]


@pytest.mark.parametrize(
    "spelling", ["a", "A", "a:latest", " a ", "library/a", "registry.ollama.ai/library/a:latest", "a:local", "http://a"]
)
def test_a_name_is_known_in_every_spelling(file, spelling):
    names = LocalNames(file)
    names.learn(rows("a:latest"))

    assert names.knows(spelling)


@pytest.mark.parametrize("other", ["a:8b", "b", "vendor/a", "a:latest:nitro", ""])
def test_another_name_is_not(file, other):
    names = LocalNames(file)
    names.learn(rows("a:latest"))

    assert not names.knows(other)


def test_a_name_stays_known_when_ollama_no_longer_lists_it(file):
    """Ollama may have been started with another folder; what is asked of the name is still not the cloud's."""
    names = LocalNames(file)
    names.learn(rows("a:latest", "b:8b"))
    names.learn(rows("b:8b"))

    again = LocalNames(file)

    assert (again.knows("a"), again.knows("b:8b")) == (True, True)
    assert again.last == rows("b:8b")


def test_a_name_is_forgotten_where_its_owner_removed_the_model(file):
    names = LocalNames(file)
    names.learn(rows("a:latest", "b:8b"))

    names.forget("A")

    assert (names.knows("a"), names.last) == (False, rows("b:8b"))
    assert not LocalNames(file).knows("a")


def test_all_names_are_forgotten_at_once(file):
    names = LocalNames(file)
    names.learn(rows("a:latest"))

    names.forget_all()

    assert (names.knows("a"), names.last, names.ever_heard) == (False, [], False)
    assert not file.exists()


def test_a_list_that_has_not_changed_is_not_written_again(file):
    names = LocalNames(file)
    names.learn(rows("a:latest"))
    written = file.stat().st_ino

    names.learn(rows("a:latest"))

    assert file.stat().st_ino == written


def test_an_ollama_without_models_was_heard_too(file):
    assert LocalNames(file).ever_heard is False

    LocalNames(file).learn([])

    assert LocalNames(file).ever_heard is True


@pytest.mark.parametrize("content", [b"", b"[]", b'{"names": 5}', b"\xff", b'{"names":[],"rows":[5]}'])
def test_a_damaged_file_counts_as_empty(file, content):
    file.parent.mkdir()
    file.write_bytes(content)

    assert LocalNames(file).last == []


def test_names_are_known_although_they_cannot_be_written(tmp_path):
    (tmp_path / "cache").write_text("no folder")
    names = LocalNames(tmp_path / "cache" / "local-models.json")

    names.learn(rows("a:latest"))

    assert names.knows("a")
