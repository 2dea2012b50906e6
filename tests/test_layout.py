"""House rules that no single module can keep by itself."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tray_proxy.setting_list import FIELDS
from tray_proxy.settings import flag_of

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tray_proxy"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = ROOT / "packaging"
CLIENTS = ROOT / "tests" / "clients"
LINES_AT_MOST = 400

# name==version, perhaps "; marker", then one hash or more on lines of their own.
PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;]+)(?: ; [^\\\n]*)?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})*)$",
    re.MULTILINE,
)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fail_for(offenders: list[str]) -> None:
    """Fail with the whole list, one a line; pytest would cut it short."""
    if offenders:
        pytest.fail("\n".join(offenders), pytrace=False)


def test_each_module_has_its_test_file():
    """Who changes a module finds its tests without searching: the same place below tests/."""
    expected = {path: ROOT / "tests" / path.relative_to(PACKAGE).with_name(f"test_{path.name}") for path in MODULES}

    missing = [f"{named(path)} has no {named(test)}" for path, test in expected.items() if not test.exists()]

    fail_for(missing)


def test_no_module_is_longer_than_a_person_can_hold():
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}

    too_long = [f"{name} has {lines} lines" for name, lines in lengths.items() if lines > LINES_AT_MOST]

    fail_for(too_long)


def test_imports_keep_to_the_contracts():
    """Layers point downwards, what thinks does no I/O, each heavy library has one door: see pyproject.toml."""
    program = (
        "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    )

    check = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    if check.returncode != 0:
        pytest.fail(check.stdout + check.stderr, pytrace=False)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout: nothing is tracked")
def test_no_lock_file_with_index_addresses_is_tracked():
    tracked = subprocess.run(
        ["git", "ls-files", "--", "uv.lock", "*/uv.lock"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert tracked.stdout == ""


@pytest.mark.parametrize(
    ("file", "extras"),
    [
        ("requirements.txt", ["linux-tray"]),
        ("docker/requirements.txt", []),
        ("requirements-build.txt", ["linux-tray", "build"]),
        ("requirements-dev.txt", ["linux-tray", "dev"]),
    ],
)
def test_everything_the_project_asks_for_is_pinned_with_hashes(file, extras):
    """What is released is what was tested; `make lock` brings the pins in step."""
    asked_for = PROJECT["dependencies"] + [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]

    fail_for(out_of_step(asked_for, PINS / file))


@pytest.mark.parametrize("name", ["requirements", "requirements-litellm"])
def test_every_client_library_is_pinned_with_hashes(name):
    lines = (CLIENTS / f"{name}.in").read_text(encoding="utf-8").splitlines()
    asked_for = [line for line in lines if line and not line.startswith("#")]

    fail_for(out_of_step(asked_for, CLIENTS / f"{name}.txt"))


def test_what_builds_the_wheel_is_pinned_with_hashes():
    """As `build-system` in pyproject.toml asks for it, where pip takes whatever is newest."""
    asked_for = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    lines = (PINS / "wheel" / "requirements.in").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if not line.startswith("#")] == asked_for
    fail_for(out_of_step(asked_for, PINS / "wheel" / "requirements.txt"))


def out_of_step(asked_for: list[str], file: Path) -> list[str]:
    """Name what is asked for and not pinned within its bounds, and what is pinned without a hash."""
    pins = {canonicalize_name(pin["name"]): pin for pin in PIN.finditer(file.read_text(encoding="utf-8"))}
    return [
        f"{line} is not in {named(file)}; run `make lock`"
        for line in asked_for
        if (pin := pins.get(canonicalize_name(Requirement(line).name))) is None
        or pin["version"] not in Requirement(line).specifier
    ] + [f"{name} has no hash in {named(file)}" for name, pin in pins.items() if not pin["hashes"]]


@pytest.mark.parametrize(
    "file",
    [
        PINS / "requirements.txt",
        PINS / "docker" / "requirements.txt",
        PINS / "requirements-build.txt",
        PINS / "requirements-dev.txt",
        PINS / "wheel" / "requirements.txt",
        CLIENTS / "requirements.txt",
        CLIENTS / "requirements-litellm.txt",
    ],
    ids=named,
)
def test_pins_hold_nothing_but_pins(file):
    """No index address, no option: where packages come from is the business of who installs them."""
    text = file.read_text(encoding="utf-8")

    rest = [line for line in PIN.sub("", text).splitlines() if line and not line.lstrip().startswith("#")]

    assert rest == []
    assert "://" not in text


def test_every_npm_package_is_pinned_with_a_hash_and_without_an_address():
    """`make lock` leaves out where a package came from."""
    asked = json.loads((CLIENTS / "package.json").read_text(encoding="utf-8"))
    kinds = ("dependencies", "optionalDependencies")
    packages = json.loads((CLIENTS / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    root = packages.pop("")

    assert [root[kind] for kind in kinds] == [asked[kind] for kind in kinds]
    for kind in kinds:
        assert {name: packages[f"node_modules/{name}"]["version"] for name in asked[kind]} == asked[kind]
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []


@pytest.mark.parametrize("file", ["requirements-build.txt", "requirements-dev.txt"])
def test_what_is_released_is_what_was_tested_and_built_from(file):
    released, pinned = (
        {(pin["name"], pin["version"]) for pin in PIN.finditer((PINS / each).read_text(encoding="utf-8"))}
        for each in ("requirements.txt", file)
    )

    assert released - pinned == set()


def test_each_setting_and_flag_is_documented():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [
        f"| `{name.upper()}` | `{flag_of(name)}` |" if field.knob.flag else f"| `{name.upper()}` | none: "
        for name, field in FIELDS.items()
    ]

    assert [row for row in rows if row not in readme] == []


def test_each_module_has_its_row_in_the_architecture():
    table = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    names = [path.relative_to(PACKAGE).as_posix() for path in MODULES if path.parent.name != "demo"]

    assert [name for name in names if f"`{name}`" not in table] == []
