"""
Which program calls, by its User-Agent and Origin: a hint for people, never a proof.

Many programs name only the library that they call by; those rows are libraries, and who is behind one cannot be told.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_PRODUCT = re.compile(r"[A-Za-z0-9._ -]{1,40}")
_ORIGIN = re.compile(r"[a-z-]+://[A-Za-z0-9.:-]{1,100}")
# What is longer names nobody; it would only fill the memory of names.
MAX_HEADER = 400
KNOWN_AT_ONCE = 256


@dataclass(frozen=True)
class Program:
    """
    How a program, or the library it calls by, is known.

    Args:
        user_agent: What its User-Agent begins with.
        origin: What its Origin is, whole.
        source: Where that was seen.
        library: What it calls by, where others call by the same; "" where the name is its own.
    """

    id: str
    name: str
    user_agent: str = ""
    origin: str = ""
    source: str = ""
    library: str = ""

    def calls(self, user_agent: str, origin: str) -> bool:
        """Say whether these headers are its own; where the row gives both, both must fit."""
        return bool(re.match(self.user_agent, user_agent)) and (
            not self.origin or bool(re.fullmatch(self.origin, origin))
        )


# The first row that fits counts.
PROGRAMS: tuple[Program, ...] = (
    Program("page", "Tray Proxy", "Tray-Proxy-Page", source="our own page"),
    Program("vscode-copilot", "VS Code Copilot", "GitHubCopilotChat/",
            source="tests/fixtures/clients/vscode-copilot.json"),
    Program("jetbrains", "JetBrains AI Assistant", r"ktor-client|Ktor client", library="ktor-client",
            source="tests/fixtures/clients/jetbrains.json; the name is the library's, in its newer and older versions"),
    Program("xcode", "Xcode", "Xcode/", source="tests/fixtures/clients/xcode.json"),
    Program("zed", "Zed", "Zed/", source="tests/fixtures/clients/zed.json"),
    Program("enchanted", "Enchanted", "Enchanted/", source="tests/fixtures/clients/enchanted.json"),
    Program("obsidian", "Obsidian", origin=r"app://obsidian\.md",
            source="tests/fixtures/clients/obsidian-copilot.json"),
    Program("obsidian", "Obsidian", "Mozilla/.* obsidian/", source="tests/fixtures/clients/obsidian-copilot.json"),
    Program("page-assist", "Page Assist", origin="chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo",
            source="its id in the Chrome Web Store"),
    Program("page-assist", "Page Assist", "Mozilla/", r"http://(127\.0\.0\.1|localhost)",
            source="Page Assist: src/libs/runtime.ts, which writes this origin, without a port"),
    Program("claude-code", "Claude Code", "claude-cli/", source="seen in tests/clients/test_claude_code.py"),
    Program("codex", "Codex", "codex_", source="seen in tests/clients/test_codex.py"),
    Program("ollama", "ollama", "ollama/", source="Ollama: api/client.go"),
    Program("ollama-python", "ollama-python", "ollama-python/", library="ollama-python",
            source="tests/fixtures/clients/home-assistant.json; seen in tests/clients/test_langchain.py"),
    Program("ollama-js", "ollama-js", "ollama-js/", library="ollama-js",
            source="seen in tests/clients/test_ollama_js.py"),
    Program("openai-python", "openai-python", "(Async)?OpenAI/Python", library="openai-python",
            source="seen in tests/clients/test_openai.py"),
    Program("openai-js", "openai-node", "OpenAI/JS", library="openai-node",
            source="seen in tests/clients/test_openai_js.py"),
    Program("anthropic-python", "anthropic-sdk-python", "(Async)?Anthropic/Python", library="anthropic-sdk-python",
            source="seen in tests/clients/test_anthropic.py"),
    Program("pydantic-ai", "Pydantic AI", "pydantic-ai/", source="seen in tests/clients/test_pydantic_ai.py"),
    Program("ai-sdk", "AI SDK", r"ai/\S+ ai-sdk|ai-sdk", library="AI SDK",
            source="seen in tests/clients/test_ai_sdk.py"),
    Program("node-fetch", "node-fetch", "node-fetch", library="node-fetch",
            source="tests/fixtures/clients/continue.json; Raycast's extension: src/lib/ollama/ollama.ts"),
    Program("aiohttp", "aiohttp", r"Python/\S+ aiohttp/", library="aiohttp",
            source="aiohttp: aiohttp/http.py; Open WebUI: routers/ollama.py"),
)  # fmt: skip

NAMES = {program.id: program.name for program in PROGRAMS}


@dataclass(frozen=True)
class Caller:
    """
    Who calls.

    Args:
        id: The row of `PROGRAMS`; None for a program without one.
        name: What people are shown.
        product: Name and version as the program tells them itself.
    """

    id: str | None
    name: str
    product: str


@lru_cache(maxsize=KNOWN_AT_ONCE)
def identify(user_agent: str, origin: str = "") -> Caller:
    """Tell who sends these headers; "" is a header that is not there."""
    user_agent, origin = user_agent[:MAX_HEADER], origin[:MAX_HEADER]
    named = product(user_agent)
    for program in PROGRAMS:
        if program.calls(user_agent, origin):
            return Caller(program.id, program.name, named)
    # A page's own address says more than its browser.
    return Caller(None, origin if _ORIGIN.fullmatch(origin) else named, named)


def product(user_agent: str) -> str:
    """Return the program's name and version from its User-Agent, "unknown" where it has none that can be shown."""
    found = _PRODUCT.match(user_agent.replace("/", " ", 1).split(" (")[0])
    words = found[0].split()[:2] if found else []
    return "/".join(words) or "unknown"
