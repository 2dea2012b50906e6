"""
The notices of a program that is built. Also of what one for Linux takes along from the system (GTK and its kin).

Debian and its children keep a file `copyright` for each package, which names texts that many have by their place.
"""

import json
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from tray_proxy import __version__, notices
from tray_proxy.notices import Work, read

ROOT = Path(__file__).resolve().parent.parent
DOC = Path("/usr/share/doc")
COMMON = Path("/usr/share/common-licenses")
_COMMON_TEXT = re.compile(rf"{COMMON.as_posix()}/([A-Za-z0-9.+-]*[A-Za-z0-9])")
# Sources whose libraries have parts under the GPL, version 3, with no other licence to choose, by Debian's copyright
# files, and what these parts are. Others have that licence for tools and tests only, which we do not hand on, as
# libdbusmenu has.
GPL_3_ALONE = {
    "ayatana-ido": "most of its library",
    "libayatana-appindicator": "`generate-id.c` in its library",
    "libayatana-indicator": "all of its library",
}
_UNDER_GPL_3 = """\
The download for Linux as a whole is under the GNU General Public License, version 3, because it
holds these, which are under that licence alone:

{parts}
You may hand it on, as it is or changed, under that licence, whose text is below. Tray Proxy's own
code is and stays under the MIT licence.

Where the sources are:

* Tray Proxy: {own}
* a package of the system that it was built on, {system}:
  `apt-get source NAME=VERSION`, the line that stands with it below
* Python, its packages, Preact and htm: the home page that stands with it below, in that version
"""
_OWNER = re.compile(r"(?P<packages>[^ /][^:]*(?::\w+)?): (?P<file>/.+)")


def write_notices(file: Path, inside: Iterable[str]) -> None:
    """
    Write the notices of a program.

    Args:
        inside: The files that are taken along as they are.

    Raises:
        SystemExit: one of the works has no text of its licence, or it cannot be told whose it is.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (line for name in notices.EXTRAS for line in project["optional-dependencies"][name])
    try:
        # Its starter is PyInstaller's.
        works = notices.others([*project["dependencies"], *extras], ["pyinstaller"])
    except PackageNotFoundError as error:
        sys.exit(f"{error.name} is not installed here: its licence is not known.")
    own = Work(project["name"], __version__, project["license"], "", (read(ROOT / "LICENSE"),))
    if sys.platform == "linux":
        # What was made by the build itself lies beside its notices.
        works += of_files(each for each in inside if not Path(each).is_relative_to(file.parent))
    if nameless := [work.name for work in works if not work.texts]:
        sys.exit(f"No text of a licence comes with {', '.join(nameless)}: see TEXT_OF_OURS in tray_proxy/notices.py.")
    file.write_text(notices.compose([own, *works], of_the_whole(works)), encoding="utf-8", newline="\n")


def of_the_whole(works: Iterable[Work]) -> str:
    """Say under which licence a program made of these works is as a whole; nothing where that is for us to choose."""
    parts = sorted(work.name for work in works if work.name in GPL_3_ALONE)
    if not parts:
        return ""
    return _UNDER_GPL_3.format(
        parts="".join(f"* {name}: {GPL_3_ALONE[name]}\n" for name in parts),
        own=_own_source(),
        system=platform.freedesktop_os_release()["PRETTY_NAME"],
    )


def _own_source() -> str:
    built = ROOT / "assets" / "release.json"
    if not built.is_file():
        return f"the project's page of releases, version {__version__}"
    repository = json.loads(built.read_text(encoding="utf-8"))["repository"]
    return f"https://github.com/{repository}/releases/tag/v{__version__}"


def of_files(files: Iterable[str]) -> list[Work]:
    """
    Give the system's packages that files belong to, and the licences which those name.

    Args:
        files: What is taken along; files of this Python and of its packages have their licences elsewhere.

    Raises:
        SystemExit: it cannot be told to which package a file belongs, or that has no licence.
    """
    taken = {Path(file).resolve() for file in files}
    foreign = sorted(file for file in taken if not _is_pythons(file))
    if not foreign:
        return []
    if shutil.which("dpkg-query") is None:
        sys.exit(f"Only Debian and its children tell whose licence goes with {foreign[0]}: build there.")
    owners = _owners(foreign)
    missing = [str(file) for file in foreign if file not in owners]
    if missing:
        sys.exit(f"No package of this system holds {', '.join(missing)}: their licence is not known.")
    found = {work.name: work for work in map(_of_package, sorted(set(owners.values())))}
    packages = sorted(found.values(), key=lambda work: work.name)
    named = {_common(name) for work in packages for text in work.texts for name in _COMMON_TEXT.findall(text)}
    return [
        *packages,
        *(Work(str(file), "", "a text that others name", "", (read(file),)) for file in sorted(named)),
    ]


def _is_pythons(file: Path) -> bool:
    homes = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()} - {Path("/usr")}
    return any(file.is_relative_to(home) for home in (*homes, ROOT))


def _owners(files: list[Path]) -> dict[Path, str]:
    """Say to which package each file belongs. Where /lib is /usr/lib, packages may know a file by either place."""
    spelled = {}
    for file in files:
        spelled[str(file)] = file
        spelled[str(file).removeprefix("/usr")] = file
    # It fails when one of them is not known, and tells of the others.
    told = subprocess.run(["dpkg-query", "-S", *spelled], capture_output=True, text=True, check=False)  # noqa: S607  the system's
    found = filter(None, map(_OWNER.fullmatch, told.stdout.splitlines()))
    return {spelled[row["file"]]: row["packages"].split(",")[0].partition(":")[0].strip() for row in found}


def _of_package(name: str) -> Work:
    """Tell of the source that a package is made of: several are of one."""
    facts = subprocess.run(
        ["dpkg-query", "-W", "-f", "${source:Package}\t${source:Version}\t${Homepage}\n", name],  # noqa: S607  as above
        capture_output=True,
        text=True,
        check=True,
    )
    source, version, home = facts.stdout.splitlines()[0].split("\t")
    file = DOC / name / "copyright"
    if not file.is_file():
        sys.exit(f"{name} has no {file}: its licence is not known.")
    # What it lists is about all of the source, of which a library is a part: no word for the whole would be true.
    return Work(source, version, "see below", home, (f"Source: apt-get source {source}={version}\n", read(file)))


def _common(name: str) -> Path:
    """Find a text by the name that a package has for it; some write GPL-2.0 for GPL-2."""
    for spelled in (name, name.removesuffix(".0")):
        if (COMMON / spelled).is_file():
            return (COMMON / spelled).resolve()
    sys.exit(f"{COMMON / name} is named for a licence, and is not there.")
