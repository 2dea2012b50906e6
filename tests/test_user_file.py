"""The user's settings file: what a person wrote stays."""

import errno
import json
import os
import re
from pathlib import Path

import pytest

from tray_proxy import paths, user_file
from tray_proxy.errors import SettingsNotSaved


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A settings file that a test writes first."""
    return tmp_path / "settings.json"


def test_a_damaged_file_is_set_aside_and_that_is_told(file: Path) -> None:
    file.write_text("{")
    told: list[Path] = []

    assert user_file.read(file, told.append) == {}

    assert [re.sub(r"\d+", "N", path.name) for path in told] == ["settings.damaged-N.json"]
    assert (told[0].read_text(), file.exists()) == ("{", False)


def test_saving_keeps_what_it_does_not_know(file: Path) -> None:
    """A newer version's settings survive an older one."""
    file.write_text('{"novelty": {"a": [1]}, "port": 1001, "host": "::1"}')

    user_file.save(file, {"port": 1002, "host": None, "allowed_models": ["vendor/modèle"]})

    assert file.read_text(encoding="utf-8") == (
        '{\n  "novelty": {\n    "a": [\n      1\n    ]\n  },\n  "port": 1002,\n'
        '  "allowed_models": [\n    "vendor/modèle"\n  ]\n}\n'
    )


def test_a_first_save_makes_the_file_and_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "new" / "settings.json"

    user_file.save(file, {"port": 1001})

    assert json.loads(file.read_text()) == {"port": 1001}


def test_a_save_that_fails_says_so_and_leaves_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file.write_text('{"port": 1001}')
    monkeypatch.setattr(user_file.paths, "replace_file", full)

    with pytest.raises(SettingsNotSaved) as caught:
        user_file.save(file, {"port": 1002})

    assert caught.value.message == "The settings could not be saved: No space left on device."
    assert file.read_text() == '{"port": 1001}'


def test_a_file_that_cannot_be_opened_is_neither_set_aside_nor_written_over(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows a virus scanner holds it for a moment: all that the owner chose would be lost."""
    file.write_text('{"allowed_models": ["openai/gpt-4o-mini"]}')

    def held(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patches:
        patches.setattr(paths, "read_file", held)
        found = user_file.read(file)
        with pytest.raises(SettingsNotSaved) as caught:
            user_file.save(file, {"port": 1002})

    assert (found, caught.value.message) == ({}, "The settings could not be saved: Permission denied.")
    assert {each.name: each.read_text() for each in file.parent.iterdir()} == {
        "settings.json": '{"allowed_models": ["openai/gpt-4o-mini"]}'
    }


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_not_waited_for_and_stays(kind: str, file: Path) -> None:
    """The start would wait for ever, or read without end."""
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")
    lost: list[Path] = []

    found = user_file.read(file, lost.append)
    with pytest.raises(SettingsNotSaved, match="Not a file"):
        user_file.save(file, {"port": 1})

    assert (found, lost) == ({}, [file])
    assert [path.name for path in file.parent.iterdir()] == [file.name]
