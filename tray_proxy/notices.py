"""
Third-party notices: the works that Tray Proxy is made with, under which licence each is, and the licences' texts.

A program that was built has them as a file; from source they are gathered from the packages that are installed.
"""

import importlib.metadata
import platform
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from tray_proxy import __version__
from tray_proxy.paths import asset

PROGRAM = "tray-proxy"
# What our packages for people are made with; of the others, `build` and `dev`, nothing is handed on.
EXTRAS = frozenset(("linux-tray",))
FILE_NAME = "notices.txt"
VENDOR = Path(__file__).parent / "web" / "static" / "vendor"

# Packages that bring no text of their licence, and where it is: a file of ours, copied from what their authors publish
# with the source, or another package out of the same hands.
TEXT_OF_OURS = {"pycairo": "LGPL-2.1.txt", "pygobject": "LGPL-2.1.txt"}
TEXT_OF_ANOTHER = {"pyobjc-core": "pyobjc-framework-cocoa"}

_REQUIREMENT = re.compile(r"\s*(?P<name>[\w.-]+)\s*(?:\[(?P<extras>[^]]*)\])?[^;]*(?:;(?P<marker>.*))?")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w.-]+)['"]""")
_A_TEXT = re.compile(r"licen[cs]e|copying|notice|copyright", re.IGNORECASE)
_HOME_LABELS = ("homepage", "home", "source", "repository", "source code", "github", "documentation")
_LINE = "=" * 80

_INTRODUCTION = """\
Tray Proxy itself is under the MIT licence, whose text comes first. It is made with the works of
others, which are listed here, each with its licence; the licences' texts are below.
"""
_LESSER = """\
These works are under the GNU Lesser General Public License: {names}.
You may change them, put versions of your own in their place, and take Tray Proxy apart as far as
it takes to find out whether it works with them. Their sources are to be had from their home pages,
and Tray Proxy's own source holds all that is needed to build the program anew.

In the program that is downloaded each lies as files of its own in the folder `_internal` (on macOS
in the application's folder `Contents`), and so do the system's libraries that the one for Linux
brings along: put yours there by the same names, and start it again. Where Tray Proxy was installed
from source, install yours into its environment. On macOS the application is then to be signed anew:

    codesign --force --deep --sign - "Tray Proxy.app"
"""


@dataclass(frozen=True)
class Work:
    """Something made by others that is part of the program; `texts` are those of its licence."""

    name: str
    version: str
    licence: str
    home: str
    texts: tuple[str, ...]


def text() -> str:
    """
    Give the notices of this copy.

    Raises:
        PackageNotFoundError: neither was it built, nor is it installed with all that it needs.
    """
    try:
        return asset(FILE_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return compose(works())


def works() -> list[Work]:
    """
    Give all works in a copy that is installed, our own first.

    Raises:
        PackageNotFoundError: it is not installed, or something that it needs is not.
    """
    own = importlib.metadata.distribution(PROGRAM)
    return [_of_package(own), *others(own.requires or ())]


def others(asked_for: Iterable[str], more: Iterable[str] = ()) -> list[Work]:
    """
    Give the works of others in a copy that is made of packages installed here, by name.

    Args:
        asked_for: The packages that it needs, as in `Requires-Dist`; with them comes what they need.
        more: Names of packages that are part of it without what they need.

    Raises:
        PackageNotFoundError: one of them is not installed.
    """
    packages = [*_reached(asked_for), *map(importlib.metadata.distribution, more)]
    return sorted([*map(_of_package, packages), *_page_libraries(), _python()], key=lambda work: work.name.casefold())


def compose(works: Sequence[Work], whole: str = "") -> str:
    """
    Write the notices; a text that several works have stands there once.

    Args:
        works: Our own first.
        whole: What is to be said of the program as a whole, with its last line's end.
    """
    own, *rest = works
    parts = [f"Third-party notices of Tray Proxy {__version__}\n", _INTRODUCTION, *([whole] if whole else ())]
    parts.append("".join(f"* {_title(work)}: {work.licence}\n" for work in rest))
    lesser = [work.name for work in rest if "LGPL" in work.licence or "Lesser" in work.licence]
    if lesser:
        parts.append(_LESSER.format(names=", ".join(lesser)))
    first: dict[str, str] = {}
    for work in (own, *rest):
        facts = [_LINE, _title(work), f"Licence: {work.licence}", *([f"Home page: {work.home}"] if work.home else ())]
        parts.append("\n".join([*facts, _LINE, ""]))
        for each in work.texts or ("It comes without a text of its licence.\n",):
            same = first.setdefault(each, work.name)
            parts.append(each if same == work.name else f"The text is the one that stands under {same}.\n")
    return "\n".join(parts)


def _title(work: Work) -> str:
    return f"{work.name} {work.version}".rstrip()


def _reached(asked_for: Iterable[str]) -> Iterator[Distribution]:
    """Give each package that is asked for, and what those ask for."""
    waiting = [wanted for line in asked_for if (wanted := _wanted(line, EXTRAS))]
    seen, given = set(waiting), set[str]()
    while waiting:
        name, extras = waiting.pop()
        distribution = importlib.metadata.distribution(name)
        if name not in given:
            given.add(name)
            yield distribution
        for line in distribution.requires or ():
            wanted = _wanted(line, extras)
            if wanted is not None and wanted not in seen:
                seen.add(wanted)
                waiting.append(wanted)


def _wanted(line: str, extras: Iterable[str]) -> tuple[str, frozenset[str]] | None:
    """
    Read a line of `Requires-Dist`: the package and its extras, or None where it is not part of this copy.

    What is for certain systems or versions of Python only is part of it where it is installed: pip has judged that.
    """
    parts = _REQUIREMENT.fullmatch(line)
    assert parts is not None, line  # noqa: S101  pip has read it before us
    marker = parts["marker"] or ""
    of_extras = _EXTRA.findall(marker)
    if of_extras and not set(map(_canonical, of_extras)) & set(map(_canonical, extras)):
        return None
    name = _canonical(parts["name"])
    if marker and not _is_installed(name):
        return None
    return name, frozenset(_canonical(extra) for extra in (parts["extras"] or "").split(",") if extra.strip())


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _of_package(distribution: Distribution) -> Work:
    metadata = distribution.metadata
    return Work(
        metadata["Name"], distribution.version, _licence(metadata.json), _home(metadata.json), _texts(distribution)
    )


def _licence(facts: dict[str, str | list[str]]) -> str:
    """Say which licence it is: the expression, or the older field, or the classifiers, whichever is there first."""
    for name in ("license_expression", "license"):
        told = str(facts.get(name, "")).strip()
        if told and told != "UNKNOWN" and "\n" not in told:
            return told
    kinds = [str(each) for each in facts.get("classifier", ()) if str(each).startswith("License ::")]
    return " or ".join(kind.rpartition(" :: ")[2] for kind in kinds) or "see below"


def _home(facts: dict[str, str | list[str]]) -> str:
    links = dict(str(link).split(", ", 1) for link in facts.get("project_url", ()))
    by_label = {label.strip().lower(): url for label, url in links.items()}
    return str(facts.get("home_page", "")) or next((by_label[each] for each in _HOME_LABELS if each in by_label), "")


def _texts(distribution: Distribution) -> tuple[str, ...]:
    files = sorted(
        file
        for file in distribution.files or ()
        if file.parts[0].endswith(".dist-info") and ("licenses" in file.parts[1:-1] or _A_TEXT.search(file.name))
    )
    if files:
        return tuple(read(Path(str(file.locate()))) for file in files)
    name = _canonical(distribution.metadata["Name"])
    if name in TEXT_OF_OURS:
        return (read(asset(f"licences/{TEXT_OF_OURS[name]}")),)
    if name in TEXT_OF_ANOTHER:
        return _texts(importlib.metadata.distribution(TEXT_OF_ANOTHER[name]))
    return ()


def read(path: Path) -> str:
    """Read a licence, without what is at the ends of its lines and pages."""
    lines = path.read_text(encoding="utf-8", errors="replace").replace("\f", "\n").splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def _page_libraries() -> list[Work]:
    """Give what the settings page is made with; `scripts/vendor-page` fetches it."""
    return [
        Work("Preact", "11.2.0", "MIT", "https://preactjs.com", (read(VENDOR / "preact-LICENSE.txt"),)),
        Work("htm", "3.1.1", "Apache-2.0", "https://github.com/developit/htm", (read(VENDOR / "htm-LICENSE.txt"),)),
    ]


def _python() -> Work:
    # On Windows beside the interpreter, elsewhere in its library; Debian keeps all such texts in one place.
    places = (
        Path(sysconfig.get_path("stdlib")) / "LICENSE.txt",
        Path(sys.base_prefix) / "LICENSE.txt",
        Path(f"/usr/share/doc/python{sys.version_info.major}.{sys.version_info.minor}/copyright"),
    )
    found = next((place for place in places if place.is_file()), None)
    texts = () if found is None else (read(found),)
    return Work("Python", platform.python_version(), "PSF-2.0", "https://www.python.org", texts)
