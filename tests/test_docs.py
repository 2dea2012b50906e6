"""What the documentation names is there: links, headings, files, targets, flags, settings. Its examples can be read."""

import json
import re
import subprocess
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from tray_proxy.cli import parser
from tray_proxy.setting_list import FIELDS

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
IMAGES = sorted(path for path in (ROOT / "docs" / "images").iterdir() if path.is_file())
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

# Variables of other programs.
OF_OTHERS = {
    *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_DEFAULT_HAIKU_MODEL"),
    *("ANTHROPIC_DEFAULT_OPUS_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL", "CLAUDE_CODE_SUBAGENT_MODEL", "CODEX_OSS_PORT"),
    *("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE"),
    *("OLLAMA_API_KEY", "OLLAMA_BASE_URL", "OLLAMA_CONTEXT_LENGTH", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"),
}
# The setting that docs/development.md adds.
EXAMPLES = {"CONFIRM_QUIT"}
# What a build or a release makes, and a checkout does not have.
MADE = ("assets/release.json", "assets/notices.txt", "dist/", "build/")
# A path of ours in full; "tests/test_….py" and "docs/images/page-*.png" stand for several.
OUR_PATH = re.compile(r"(?:assets|benchmarks|docs|packaging|scripts|tests|tray_proxy)/[\w./-]*\w")
OUR_COMMAND = re.compile(r"\s*(?:[A-Z_]+=\S+ )*(?:\S*/)?tray-proxy(?=\s)")
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """The page without its blocks of code, where a bracket is no link and a # no heading."""
    return FENCE.sub("", text_of(page))


def blocks(language: str) -> list[object]:
    """Each block in a language, known by its page and line."""
    found = [
        (page, block) for page in PAGES for block in FENCE.finditer(text_of(page)) if block["language"] == language
    ]
    return [
        pytest.param(
            textwrap.dedent(block["body"]), id=f"{page.name}:{text_of(page).count('\n', 0, block.start()) + 1}"
        )
        for page, block in found
    ]


def commands(page: Path) -> Iterator[str]:
    """Each span of code, and each line of a block of bash without what is said behind it."""
    yield from re.findall(r"`([^`\n]+)`", prose(page))
    for found in FENCE.finditer(text_of(page)):
        if found["language"] == "bash":
            yield from (line.partition("#")[0] for line in found["body"].splitlines())


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page; the second one of a name ends in -1."""
    given: set[str] = set()
    for heading in re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = next(number for number in range(100) if (f"{slug}-{number}" if number else slug) not in given)
        given.add(f"{slug}-{number}" if number else slug)
    return given


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page):
    """To a file of ours, and to a heading that is there; addresses on the internet are not asked."""
    links = re.findall(r"\]\(([^)\s]+)\)", prose(page))

    astray = []
    for link in links:
        if re.match(r"https?:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            astray.append(link)

    assert astray == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_file_that_is_named_is_there(page):
    named = {span for span in re.findall(r"`([^`\n]+)`", prose(page)) if OUR_PATH.fullmatch(span)}

    assert sorted(path for path in named if not path.startswith(MADE) and not (ROOT / path).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_target_that_is_named_is_there(page):
    named = {target for command in commands(page) for target in re.findall(r"(?:^|\s)make ([a-z][a-z-]+)", command)}

    assert named - TARGETS == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_flag_of_ours_is_there(page):
    known = set(re.findall(r"--[a-z-]+", parser().format_help()))

    ours = [command for command in commands(page) if OUR_COMMAND.match(command)]

    assert {flag for command in ours for flag in re.findall(r"(?<=\s)--[a-z-]+", command)} - known == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_setting_that_is_named_is_there(page):
    spans = re.findall(r"`([^`\n]+)`", prose(page))
    named = {name for span in spans if (name := span.partition("=")[0]) and re.fullmatch(r"[A-Z]+(?:_[A-Z]+)+", name)}

    missing = named - OF_OTHERS - EXAMPLES - {name.upper() for name in FIELDS} - names_in_code()

    assert missing == set()


def names_in_code() -> set[str]:
    """Constants and secrets that the development pages name: they are found where they are used."""
    places = [*(ROOT / "tray_proxy").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "packaging").rglob("*")]
    texts = [path.read_text(encoding="utf-8") for path in places if path.suffix in (".py", "") and path.is_file()]
    return {name for text in texts for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text)}


def test_each_picture_is_shown_somewhere():
    everything = "\n".join(map(text_of, PAGES))

    assert [path.name for path in IMAGES if f"images/{path.name}" not in everything] == []


@pytest.mark.parametrize("script", blocks("bash"))
def test_each_command_can_be_read_by_a_shell(script):
    read = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)

    assert (read.returncode, read.stderr) == (0, "")


@pytest.mark.parametrize("document", blocks("json"))
def test_each_example_in_json_can_be_read(document):
    assert json.loads(document)


@pytest.mark.parametrize("document", blocks("toml"))
def test_each_example_in_toml_can_be_read(document):
    assert tomllib.loads(document)


@pytest.mark.parametrize("document", blocks("yaml"))
def test_each_example_in_yaml_can_be_read(document):
    assert yaml.safe_load(document)


@pytest.mark.parametrize("program", blocks("python"))
def test_each_example_in_python_can_be_read(program):
    compile(program, "example", "exec")


def test_each_threat_and_each_failure_names_a_test_that_is_there():
    """A promise that nobody attacks is a hope."""
    rows = re.findall(r"^\| ([TR]\d+) \|(.*)$", text_of(ROOT / "docs" / "threats.md"), re.MULTILINE)
    named = {row: re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", told) for row, told in rows}
    defined = {
        path: set(re.findall(r"^(?:async )?def (test_\w+)", text_of(ROOT / path), re.MULTILINE))
        for path in {path for tests in named.values() for path, _ in tests}
    }

    assert list(named) == [*(f"T{number}" for number in range(1, 27)), *(f"R{number}" for number in range(1, 21))]
    assert [row for row, tests in named.items() if not tests] == []
    assert [
        f"{row}: {path}::{test}"
        for row, tests in named.items()
        for path, test in tests
        if test and test not in defined[path]
    ] == []
