"""The document for users of apps names no route that is not served, and claims no more than is tested."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tray_proxy.server.app import ROUTES

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
HEAD = "| App | Where | Enter | Routes | Known |"
SERVED = {(method, path) for methods, path, _ in ROUTES for method in methods.split(",")}
ROUTE = re.compile(r"`(GET|HEAD|POST|PUT|PATCH|DELETE) ([^`]+)`")
# How a row can be known. The first two are followed by the files that show it.
RUN, REPLAYED, READ = "run in our tests", "replayed in our tests", "from its documentation, not run here"
PROOFS = re.compile(r"\((`[^`]+`(?:, `[^`]+`)*)\)")

APPS = (
    "JetBrains AI Assistant",
    "VS Code Copilot",
    "Xcode",
    "Zed",
    "Cline",
    "Roo Code",
    "Continue",
    "Home Assistant",
    "Raycast",
    "Obsidian",
    "n8n",
    "Open WebUI",
    "Page Assist",
    "Enchanted",
    "Claude Code",
    "Codex",
    "The `ollama` command",
    "OpenAI SDK, Python",
    "OpenAI SDK, JavaScript",
    "Anthropic SDK, Python",
    "Anthropic SDK, JavaScript",
    "LangChain",
    "Pydantic AI",
    "AI SDK",
)


class Row(NamedTuple):
    """What the document says of an app."""

    app: str
    where: str
    enter: str
    routes: str
    known: str

    @property
    def proofs(self) -> list[str]:
        """The files that show it, below the repository's root."""
        _, _, files = self.known.partition("tests (")
        return re.findall(r"`([^`]+)`", files)


@cache
def rows() -> list[Row]:
    found = []
    for block in TEXT.split("\n\n"):
        head, *lines = block.splitlines() or [""]
        if head == HEAD:
            found += [Row(*(cell.strip() for cell in line.strip("|").split("|"))) for line in lines[1:]]
    return found


@pytest.mark.parametrize("app", APPS)
def test_each_app_has_its_row(app):
    assert [row.app for row in rows() if row.app.startswith(app)] != []


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.app)
def test_a_row_says_where_and_what_to_enter_and_names_routes(row):
    assert row.where != ""
    assert row.enter != ""
    assert ROUTE.findall(row.routes) != []


def test_each_route_that_is_named_is_served():
    """Outside the table too: a path that was renamed must not live on in a paragraph."""
    named = set(ROUTE.findall(TEXT))

    assert named - SERVED == set()


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.app)
def test_a_row_says_how_it_is_known(row):
    """Who claims a test names it; who has none says so, in the same words as everybody."""
    if row.known == READ:
        return
    words, _, files = row.known.partition(" (")
    assert words in (RUN, REPLAYED)
    assert PROOFS.fullmatch(f"({files}")
    assert [file for file in row.proofs if not (ROOT / file).is_file()] == []


def test_what_is_run_is_shown_by_a_test():
    """A record alone shows what was sent, not that the client read the answer."""
    shown = [proof for row in rows() if row.known.startswith(RUN) for proof in row.proofs]

    assert [proof for proof in shown if not Path(proof).match("test_*.py")] == []


@pytest.mark.parametrize("pattern", ["tests/clients/test_*.py", "tests/fixtures/clients/*.json"])
def test_each_client_that_is_tested_is_named(pattern):
    """A client that begins to run here gets its row, or a better word in it, with its test."""
    tested = {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)}

    assert tested - {proof for row in rows() for proof in row.proofs} == set()


def test_links_lead_to_a_heading_or_a_file():
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-")
        for line in re.findall(r"^#+ (.*)", TEXT, re.MULTILINE)
    }
    links = re.findall(r"\]\(([^)]+)\)", TEXT)

    assert {link for link in links if link.startswith("#")} - {f"#{heading}" for heading in headings} == set()
    files = {link.partition("#")[0] for link in links if not link.startswith(("#", "http"))}
    assert {file for file in files if not (ROOT / "docs" / file).exists()} == set()
