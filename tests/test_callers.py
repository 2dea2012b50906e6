"""Who calls: each recorded client is known, and nobody else is taken for one."""

import json
from pathlib import Path

import pytest

from tray_proxy.callers import PROGRAMS, Caller, identify, product

FIXTURES = Path(__file__).parent / "fixtures" / "clients"
RECORDED = {path.stem: json.loads(path.read_text(encoding="utf-8"))["headers"] for path in FIXTURES.glob("*.json")}
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"


def known(user_agent, origin=""):
    return identify(user_agent, origin).id


def test_each_recorded_client_is_known():
    """Two of them name only the library that they call by."""
    ids = {name: known(headers["User-Agent"], headers.get("Origin", "")) for name, headers in RECORDED.items()}

    assert ids == {
        "continue": "node-fetch",
        "enchanted": "enchanted",
        "home-assistant": "ollama-python",
        "jetbrains": "jetbrains",
        "obsidian-copilot": "obsidian",
        "vscode-copilot": "vscode-copilot",
        "xcode": "xcode",
        "zed": "zed",
    }


@pytest.mark.parametrize(
    ("user_agent", "program"),
    [
        ("ollama/0.33.0 (amd64 linux) Go/go1.24.1", "ollama"),
        ("ollama-js/0.6.4 (x64 linux Node.js/v22.23.3)", "ollama-js"),
        ("claude-cli/2.1.332 (external, sdk-cli)", "claude-code"),
        ("codex_exec/0.169.0 (Debian 12.0.0; x86_64) unknown (codex_exec; 0.169.0)", "codex"),
        ("codex_cli_rs/0.169.0 (Debian 12.0.0; x86_64) xterm-256color", "codex"),
        ("OpenAI/Python 3.57.0", "openai-python"),
        ("AsyncOpenAI/Python 3.57.0", "openai-python"),
        ("OpenAI/JS 7.57.0", "openai-js"),
        ("Anthropic/Python 2.14.0", "anthropic-python"),
        ("AsyncAnthropic/Python 2.14.0", "anthropic-python"),
        ("pydantic-ai/2.68.0", "pydantic-ai"),
        ("ai/7.0.173 ai-sdk-provider-utils/5.0.81 node.js/22", "ai-sdk"),
        ("ai-sdk-provider-utils/5.0.81 node.js/22", "ai-sdk"),
        ("Python/3.11 aiohttp/3.12.15", "aiohttp"),
        ("Tray-Proxy-Page", "page"),
        ("Ktor client", "jetbrains"),
        ("curl/8.0", None),
        ("Mozilla/5.0 ollama-js/0.6.4", None),
        (BROWSER, None),
        ("", None),
    ],
)
def test_a_program_is_known_by_its_user_agent(user_agent, program):
    assert known(user_agent) == program


@pytest.mark.parametrize(
    ("user_agent", "origin", "program"),
    [
        (BROWSER, "http://127.0.0.1", "page-assist"),
        (BROWSER, "chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo", "page-assist"),
        (BROWSER, "chrome-extension://abcdefghijklmnop", None),
        (BROWSER, "http://127.0.0.1:8080", None),
        (BROWSER, "app://obsidian.md", "obsidian"),
        ("curl/8.0", "http://127.0.0.1", None),
    ],
)
def test_what_runs_in_a_browser_is_known_by_its_origin(user_agent, origin, program):
    assert known(user_agent, origin) == program


def test_an_unknown_program_keeps_the_name_it_gives_itself():
    assert identify("Msty/1.9 (mac)") == Caller(None, "Msty/1.9", "Msty/1.9")


def test_an_unknown_page_is_called_by_its_address_where_that_can_be_shown():
    assert identify(BROWSER, "https://example.org").name == "https://example.org"
    assert identify(BROWSER, "https://<b>.example").name == "Mozilla/5.0"


def test_a_very_long_header_names_nobody_and_costs_little():
    assert identify("x" * 100_000, "y" * 100_000).name == "x" * 40


def test_each_row_says_where_it_was_seen_and_has_something_to_be_known_by():
    assert [row.id for row in PROGRAMS if not row.source or not (row.user_agent or row.origin)] == []


@pytest.mark.parametrize(
    ("user_agent", "app"),
    [
        ("ollama-python/0.6.3 (x86_64 linux) Python/3.13", "ollama-python/0.6.3"),
        ("GitHubCopilotChat/0.30", "GitHubCopilotChat/0.30"),
        ("curl/8.0", "curl/8.0"),
        ("", "unknown"),
        ("<script>", "unknown"),
        ("\u202eevil", "unknown"),
    ],
)
def test_the_app_is_named_by_its_user_agent(user_agent, app):
    assert product(user_agent) == app
