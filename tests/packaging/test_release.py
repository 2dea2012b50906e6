"""The texts and lists of a release, as far as they can be made anywhere."""

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from tray_proxy import releases
from tray_proxy.notices import Work, works

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "release"
_spec = importlib.util.spec_from_loader("release", SourceFileLoader("release", str(SCRIPT)))
release = importlib.util.module_from_spec(_spec)
sys.dont_write_bytecode, _before = True, sys.dont_write_bytecode  # it would lie beside the script
_spec.loader.exec_module(release)
sys.dont_write_bytecode = _before

CHANGELOG = """\
# Changelog

## Unreleased

### Added

- Not yet.

## 1.2.0 - 2026-12-01

### Added

- A switch, `LOOK`, that **helps**;
  see [the page](docs/x.md).
- A second thing.

### Fixed

- A fault.

## 1.1.0 - 2026-11-01

- The first.
"""


def test_the_notes_are_the_chapter_of_the_version() -> None:
    notes = release.chapter(CHANGELOG, "1.2.0")

    assert notes == (
        "### Added\n\n- A switch, `LOOK`, that **helps**;\n  see [the page](docs/x.md).\n- A second thing.\n\n"
        "### Fixed\n\n- A fault.\n"
    )


def test_the_last_chapter_ends_with_the_file() -> None:
    assert release.chapter(CHANGELOG, "1.1.0") == "- The first.\n"


@pytest.mark.parametrize(
    ("tag", "version", "why"),
    [
        ("v1.2.1", "1.2.0", "The tag is v1.2.1, and the version in tray_proxy/__init__.py is 1.2.0."),
        ("v1.3.0", "1.3.0", 'CHANGELOG.md has no chapter "## 1.3.0 - YEAR-MONTH-DAY".'),
        ("v1.2rc1", "1.2rc1", "1.2rc1 is no version that running copies can compare: three numbers, and nothing more."),
    ],
)  # fmt: skip
def test_a_tag_that_does_not_fit_is_not_released(tag: str, version: str, why: str) -> None:
    with pytest.raises(SystemExit, match=f"^{re.escape(why)}$"):
        release.check(tag, version, CHANGELOG)


def test_a_tag_that_fits_is_released() -> None:
    assert release.check("v1.2.0", "1.2.0", CHANGELOG) is None


def test_an_empty_chapter_is_no_release() -> None:
    with pytest.raises(SystemExit, match=r"^CHANGELOG\.md tells nothing of 1\.3\.0\.$"):
        release.check("v1.3.0", "1.3.0", CHANGELOG.replace("## 1.2.0", "## 1.3.0 - 2027-01-01\n\n## 1.2.0"))


def test_running_copies_read_what_the_release_tells_them() -> None:
    told = releases.read(release.latest("1.2.0", CHANGELOG).encode())

    assert told == releases.Release(
        "1.2.0", ("A switch, LOOK, that helps; see the page.", "A second thing.", "A fault.")
    )


def test_a_long_chapter_is_cut_to_what_running_copies_read() -> None:
    points = "".join(f"- {'word ' * 100}{number}.\n" for number in range(30))

    told = releases.read(release.latest("2.0.0", f"## 2.0.0 - 2027-01-01\n\n{points}").encode())

    assert len(told.changes) == 20
    assert {len(change) for change in told.changes} <= set(range(290, 301))
    assert told.changes[0].endswith("word …")


def test_a_copy_reads_where_it_came_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "release.json").write_text(release.repository("some-one/tray.proxy"))
    monkeypatch.setattr(releases.paths, "asset", lambda name: tmp_path / name)

    assert releases.source().page == "https://github.com/some-one/tray.proxy/releases/latest"


@pytest.mark.parametrize("name", ["tray-proxy", "a/b/c", "a/b;id", "https://example.org/a/b", ""])
def test_what_is_no_repository_is_written_nowhere(name: str) -> None:
    with pytest.raises(SystemExit, match=r"is not OWNER/NAME\.$"):
        release.repository(name)


PARTS = [
    Work("httpx", "0.28.1", "BSD-3-Clause", "https://www.python-httpx.org", ()),
    Work("Preact", "11.2.0", "MIT", "", ()),
    Work("Python", "3.13.5", "PSF-2.0", "", ()),
]


def test_the_list_of_parts_names_each_with_version_and_licence() -> None:
    told = json.loads(release.sbom("1.2.0", PARTS))

    assert (told["bomFormat"], told["specVersion"], told["version"]) == ("CycloneDX", "1.6", 1)
    assert told["metadata"]["component"] == {
        "type": "application",
        "bom-ref": "tray-proxy@1.2.0",
        "name": "Tray Proxy",
        "version": "1.2.0",
        "licenses": [{"license": {"id": "MIT"}}],
    }
    assert told["components"][0] == {
        "type": "library",
        "bom-ref": "pkg:pypi/httpx@0.28.1",
        "name": "httpx",
        "version": "0.28.1",
        "purl": "pkg:pypi/httpx@0.28.1",
        "licenses": [{"license": {"name": "BSD-3-Clause"}}],
        "externalReferences": [{"type": "website", "url": "https://www.python-httpx.org"}],
    }
    assert [part["purl"] for part in told["components"][1:]] == ["pkg:npm/preact@11.2.0", "pkg:generic/python@3.13.5"]
    assert told["components"][2]["cpe"] == "cpe:2.3:a:python:python:3.13.5:*:*:*:*:*:*:*"


def test_every_part_hangs_on_the_program() -> None:
    told = json.loads(release.sbom("1.2.0", PARTS))

    assert told["dependencies"] == [
        {
            "ref": "tray-proxy@1.2.0",
            "dependsOn": ["pkg:generic/python@3.13.5", "pkg:npm/preact@11.2.0", "pkg:pypi/httpx@0.28.1"],
        }
    ]


def test_the_same_parts_give_the_same_list() -> None:
    assert release.sbom("1.2.0", PARTS) == release.sbom("1.2.0", PARTS)
    assert release.sbom("1.2.0", PARTS) != release.sbom("1.2.1", PARTS)


def test_a_part_from_an_unknown_place_is_not_passed_over() -> None:
    with pytest.raises(
        SystemExit, match=r"^no-such-thing comes from where this script does not know: see ELSEWHERE in it\.$"
    ):
        release.sbom("1.2.0", [*PARTS, Work("no-such-thing", "1", "MIT", "", ())])


def test_what_is_installed_here_can_be_listed() -> None:
    """The real packages: none is passed over, and none stands there twice."""
    parts = works()[1:]

    components = json.loads(release.sbom("1.2.0", parts))["components"]

    assert [part["name"] for part in components] == [part.name for part in parts]
    assert len({part["bom-ref"] for part in components}) == len(components) > 20


def test_sums_are_as_sha256sum_writes_them(tmp_path: Path) -> None:
    (tmp_path / "b.dmg").write_bytes(b"two")
    (tmp_path / "a.exe").write_bytes(b"one")

    assert release.sums(tmp_path) == (
        f"{hashlib.sha256(b'one').hexdigest()}  a.exe\n{hashlib.sha256(b'two').hexdigest()}  b.dmg\n"
    )


def test_the_command_line_says_no_by_its_status() -> None:
    """The workflow stops there."""
    ended = subprocess.run(
        [sys.executable, SCRIPT, "check", "v0.0.0"], capture_output=True, text=True, check=False
    )  # fmt: skip

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("The tag is v0.0.0, and the version in tray_proxy/__init__.py is ")
