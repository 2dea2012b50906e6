"""Whose libraries a program for Linux takes along, asked of the system that the tests run on."""

import importlib.util
import shutil
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tray_proxy import __version__, notices
from tray_proxy.notices import Work, compose

FILE = Path(__file__).parents[2] / "packaging" / "system_works.py"
DPKG = shutil.which("dpkg-query")

on_debian = pytest.mark.skipif(DPKG is None, reason="neither Debian nor one of its children")


@pytest.fixture(scope="module")
def system_works():
    spec = importlib.util.spec_from_file_location("system_works", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@on_debian
def test_a_file_of_the_system_is_its_packages_with_the_texts_that_are_named(system_works):
    dpkg, *common = system_works.of_files([DPKG, DPKG, sys.executable])

    assert (dpkg.name, dpkg.licence) == ("dpkg", "see below")
    source, text = dpkg.texts
    assert source == f"Source: apt-get source dpkg={dpkg.version}\n"
    assert "/usr/share/common-licenses/GPL-2" in text
    texts = {work.name: work.texts[0] for work in common}
    assert "GNU GENERAL PUBLIC LICENSE\n                       Version 2" in texts["/usr/share/common-licenses/GPL-2"]


@on_debian
def test_a_file_that_is_nobodys_ends_the_build(system_works, tmp_path):
    stray = tmp_path / "libstray.so"
    stray.touch()

    with pytest.raises(SystemExit, match=f"No package of this system holds {stray}: their licence is not known"):
        system_works.of_files([DPKG, str(stray)])


def test_where_nothing_is_the_systems_nobody_is_asked(system_works, monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert system_works.of_files([pytest.__file__, str(FILE)]) == []


@pytest.fixture
def others(monkeypatch):
    """Works of others that make up the program, besides which there are none; gives what was asked for."""
    asked = []

    def listed(asked_for, more):
        asked.extend([*asked_for, *more])
        return works

    works = [Work("thing", "1", "MIT", "", ("T.\n",))]
    monkeypatch.setattr(notices, "others", listed)
    return works, asked


def test_the_notices_of_a_build_are_written_without_what_it_made_itself(system_works, others, tmp_path):
    made = tmp_path / "base_library.zip"
    made.touch()

    system_works.write_notices(tmp_path / "notices.txt", [str(made)])

    written = (tmp_path / "notices.txt").read_text(encoding="utf-8")
    own = Work("tray-proxy", __version__, "MIT", "", ((system_works.ROOT / "LICENSE").read_text(encoding="utf-8"),))
    assert written == compose([own, *others[0]])


def test_what_a_build_consists_of_is_what_the_project_asks_for_and_its_starter(system_works, others, tmp_path):
    system_works.write_notices(tmp_path / "notices.txt", [])

    names = [line.partition(">")[0].partition("<")[0] for line in others[1]]
    assert {"fastapi", "PyGObject", "pystray", "pyinstaller"} - set(names) == set()
    assert {"pytest", "ruff"} & set(names) == set()


def test_a_work_without_a_licence_ends_the_build_by_its_name(system_works, others, tmp_path):
    others[0].append(Work("secretive", "1", "MIT", "", ()))

    with pytest.raises(SystemExit, match="No text of a licence comes with secretive: "):
        system_works.write_notices(tmp_path / "notices.txt", [])


def test_a_package_that_is_not_there_ends_the_build_by_its_name(system_works, monkeypatch, tmp_path):
    def listed(_asked_for, _more):
        raise PackageNotFoundError("pyinstaller")

    monkeypatch.setattr(notices, "others", listed)

    with pytest.raises(SystemExit, match="pyinstaller is not installed here: its licence is not known"):
        system_works.write_notices(tmp_path / "notices.txt", [])
