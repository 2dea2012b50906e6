"""Whose works Tray Proxy is made with, and that each comes with its licence."""

import re
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tray_proxy import __version__, notices
from tray_proxy.notices import Work, compose, others, works

ROOT = Path(__file__).parents[1]
OWN = Work("tray-proxy", "1.0", "MIT", "", ("Ours.\n",))


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install packages that are nothing but their metadata, and nothing else; `files` are what they bring along."""
    sysconfig.get_path("stdlib")  # read once, from where there will be nothing in a moment
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    def install(name, *lines, version="1.0", files=None):
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        head = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines]
        (folder / "METADATA").write_text("\n".join(head) + "\n")
        brought = {"licenses/LICENSE": f"The licence of {name}.\n"} if files is None else files
        for path, text in brought.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        (folder / "RECORD").write_text("".join(f"{folder.name}/{path},,\n" for path in ("METADATA", *brought)))

    return install


def names():
    return [work.name for work in works() if work.name not in ("Preact", "htm", "Python")]


def found(name):
    return next(work for work in works() if work.name == name)


# -- what is part of a copy --------------------------------------------------------------------------


def test_each_pinned_package_of_this_system_is_there_with_its_licence_and_no_tool_for_development():
    """The pins of a release hold what people are handed, with what is for other systems."""
    pins = (ROOT / "packaging" / "requirements.txt").read_text(encoding="utf-8")
    pinned = {notices._canonical(name) for name in re.findall(r"^([\w.-]+)==", pins, re.MULTILINE)}

    listed = works()

    theirs = {notices._canonical(work.name) for work in listed} - {"tray-proxy", "preact", "htm", "python"}
    assert theirs - pinned == set()
    assert {"starlette", "pystray", "msgspec", "prometheus-client"} - theirs == set()
    assert [work.name for work in listed if not work.texts] == []


def test_what_is_asked_for_in_turn_is_part_of_it(installed):
    installed("tray-proxy", "Requires-Dist: B.One>=1", 'Requires-Dist: c[more,s-t]<2; python_version >= "3.12"')
    installed("b_one", "Requires-Dist: d")
    installed("c", 'Requires-Dist: e; extra == "more"', 'Requires-Dist: f; extra == "S_T"', "Requires-Dist: d")
    for name in ("d", "e", "f"):
        installed(name)

    assert names() == ["tray-proxy", "b_one", "c", "d", "e", "f"]


def test_what_is_for_development_or_another_system_is_not(installed):
    installed(
        "tray-proxy",
        'Requires-Dist: linter; extra == "dev"',
        "Requires-Dist: PyObjC; sys_platform == 'darwin'",
        'Requires-Dist: PyGObject; sys_platform == "linux" and extra == "linux-tray"',
    )
    installed("linter")
    installed("PyGObject")

    assert names() == ["tray-proxy", "PyGObject"]


def test_what_is_needed_everywhere_and_is_not_there_is_an_error(installed):
    installed("tray-proxy", "Requires-Dist: gone")

    with pytest.raises(PackageNotFoundError, match="gone"):
        works()


def test_what_a_build_adds_is_part_of_it(installed):
    """The starter of a program is PyInstaller's; what PyInstaller itself needs is not inside."""
    installed("asked")
    installed("pyinstaller", "Requires-Dist: altgraph")

    listed = others(["asked>=1", "unheard; sys_platform == 'win32'"], ["pyinstaller"])

    assert [work.name for work in listed] == ["asked", "htm", "Preact", "pyinstaller", "Python"]


# -- what is told of each ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (["License-Expression: MIT OR Apache-2.0", "License: both"], "MIT OR Apache-2.0"),
        (["License: BSD-3-Clause", "Classifier: License :: OSI Approved :: BSD License"], "BSD-3-Clause"),
        (["License: UNKNOWN", "Classifier: License :: OSI Approved :: MIT License"], "MIT License"),
        (["License: Permission is hereby\n        granted"], "see below"),
        ([], "see below"),
    ],
)
def test_the_licence_is_named_as_the_package_names_it(installed, lines, licence):
    installed("tray-proxy", *lines)

    assert found("tray-proxy").licence == licence


@pytest.mark.parametrize(
    ("lines", "home"),
    [
        (["Home-page: https://a.example", "Project-URL: Source, https://b.example"], "https://a.example"),
        (["Project-URL: Changelog, https://c.example", "Project-URL: Source, https://b.example"], "https://b.example"),
        (["Project-URL: Source, https://b.example", "Project-URL: Homepage, https://a.example"], "https://a.example"),
        ([], ""),
    ],
)
def test_the_home_page_is_where_the_package_says(installed, lines, home):
    installed("tray-proxy", *lines)

    assert found("tray-proxy").home == home


def test_every_text_that_a_package_brings_is_there_wherever_it_keeps_them(installed):
    files = {"licenses/NOTICE": "Noted. \r\n", "licenses/AUTHORS.txt": "We.\n", "COPYING.LGPL": "\n\nLess.", "x.py": ""}
    installed("tray-proxy", files=files)

    assert found("tray-proxy").texts == ("Less.\n", "We.\n", "Noted.\n")


def test_a_package_that_brings_no_text_has_it_from_us_or_from_its_sister(installed):
    installed("tray-proxy", "Requires-Dist: pycairo", "Requires-Dist: pyobjc-core", "Requires-Dist: unknown")
    installed("pycairo", files={})
    installed("pyobjc-core", files={})
    installed("pyobjc_framework_cocoa")
    installed("unknown", files={})

    assert "GNU LESSER GENERAL PUBLIC LICENSE\n                       Version 2.1" in found("pycairo").texts[0]
    assert found("pyobjc-core").texts == ("The licence of pyobjc_framework_cocoa.\n",)
    assert found("unknown").texts == ()


def test_the_pages_libraries_are_those_that_were_fetched():
    script = (ROOT / "scripts" / "vendor-page").read_text(encoding="utf-8")
    fetched = re.findall(r'Package\(\n +"([a-z]+)",\n +"([0-9.]+)"', script)

    assert [(work.name.lower(), work.version) for work in notices._page_libraries()] == fetched


def test_python_itself_is_there_with_its_licence():
    python = found("Python")

    assert (python.version, python.licence) == (".".join(map(str, sys.version_info[:3])), "PSF-2.0")
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in python.texts[0]


# -- how it is written -------------------------------------------------------------------------------


def test_a_text_that_two_have_stands_there_once():
    two = [Work(name, "2", "MIT", f"https://{name}.example", ("Shared.\n",)) for name in ("a", "b")]

    line = "=" * 80
    assert compose([OWN, *two]).endswith(
        f"* a 2: MIT\n* b 2: MIT\n\n"
        f"{line}\ntray-proxy 1.0\nLicence: MIT\n{line}\n\nOurs.\n\n"
        f"{line}\na 2\nLicence: MIT\nHome page: https://a.example\n{line}\n\nShared.\n\n"
        f"{line}\nb 2\nLicence: MIT\nHome page: https://b.example\n{line}\n\nThe text is the one that stands under a.\n"
    )


def test_what_is_said_of_the_whole_stands_before_the_list():
    other = Work("a", "2", "MIT", "", ("Shared.\n",))

    told, plain = compose([OWN, other], "All of it is so.\n"), compose([OWN, other])

    introduced, rest = plain.split("* a 2: MIT\n")
    assert told == f"{introduced}All of it is so.\n\n* a 2: MIT\n{rest}"


def test_how_to_replace_a_library_is_told_where_its_licence_asks_for_it():
    lesser = [Work(name, "", licence, "", ("L.\n",)) for name, licence in (("x", "LGPLv3"), ("y", "GNU Lesser GPL"))]

    assert "General Public License" not in compose([OWN])
    assert "These works are under the GNU Lesser General Public License: x, y.\n" in compose([OWN, *lesser])


def test_the_libraries_under_the_lesser_licence_are_told_with_both_its_texts():
    """LGPL 3 is the GPL with more permissions: without that text it says nothing."""
    texts = "\n".join(found("pystray").texts)

    assert "GNU LESSER GENERAL PUBLIC LICENSE\n                       Version 3" in texts
    assert "GNU GENERAL PUBLIC LICENSE\n                       Version 3" in texts


def test_the_same_packages_make_the_same_text():
    assert compose(works()) == compose(works())


def test_a_copy_that_was_built_reads_what_the_build_wrote(tmp_path, monkeypatch):
    assert notices.text().startswith(f"Third-party notices of Tray Proxy {__version__}\n\n")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "notices.txt").write_text("Made by the build…", encoding="utf-8")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)

    assert notices.text() == "Made by the build…"
