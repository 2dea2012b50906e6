"""Whose libraries a program for Linux takes along, asked of the system that the tests run on."""

import importlib.util
import shutil
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tray_proxy import __version__, notices
from tray_proxy.notices import Work, compose

ROOT = Path(__file__).parents[2]
FILE = ROOT / "packaging" / "system_works.py"
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


# -- the licence of the whole ------------------------------------------------------------------------


def work(name):
    return Work(name, "1", "see below", "", ("G.\n",))


@pytest.fixture
def built_on(system_works, monkeypatch, tmp_path):
    """Build on a certain system, from a folder of its own; returns that."""
    monkeypatch.setattr(system_works.platform, "freedesktop_os_release", lambda: {"PRETTY_NAME": "Debian 12"})
    monkeypatch.setattr(system_works, "ROOT", tmp_path)
    (tmp_path / "assets").mkdir()
    return tmp_path


def test_what_is_under_the_gpl_alone_puts_the_whole_under_it_and_the_sources_are_named(system_works, built_on):
    said = system_works.of_the_whole(map(work, ("libdbusmenu", "libayatana-indicator", "ayatana-ido")))

    assert said == (
        "The download for Linux as a whole is under the GNU General Public License, version 3, because it\n"
        "holds these, which are under that licence alone:\n\n"
        "* ayatana-ido: most of its library\n"
        "* libayatana-indicator: all of its library\n\n"
        "You may hand it on, as it is or changed, under that licence, whose text is below. Tray Proxy's own\n"
        "code is and stays under the MIT licence.\n\n"
        "Where the sources are:\n\n"
        f"* Tray Proxy: the project's page of releases, version {__version__}\n"
        "* a package of the system that it was built on, Debian 12:\n"
        "  `apt-get source NAME=VERSION`, the line that stands with it below\n"
        "* Python, its packages, Preact and htm: the home page that stands with it below, in that version\n"
    )


def test_a_release_names_its_own_page_for_the_source(system_works, built_on):
    (built_on / "assets" / "release.json").write_text('{"repository": "ann/tray"}')

    said = system_works.of_the_whole([work("libayatana-indicator")])

    assert f"* Tray Proxy: https://github.com/ann/tray/releases/tag/v{__version__}\n" in said


def test_without_such_parts_nothing_is_said_of_the_whole(system_works):
    assert system_works.of_the_whole([work("libdbusmenu"), work("glib2.0")]) == ""


@pytest.mark.parametrize("file", ["packaging/linux/COPYING.txt", "docs/install.md"])
def test_who_reads_elsewhere_finds_the_same_parts(system_works, file):
    told = (ROOT / file).read_text(encoding="utf-8")

    assert sorted(name for name in system_works.GPL_3_ALONE if name in told) == sorted(system_works.GPL_3_ALONE)


# -- the notices that are written --------------------------------------------------------------------


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
    assert {"starlette", "PyGObject", "pystray", "pyinstaller"} - set(names) == set()
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
