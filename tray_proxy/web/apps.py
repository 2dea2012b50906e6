"""
The apps on the page "Apps": a card for each, with its steps and what is to be copied into it.

Facts are those of docs/clients.md. The sentences are texts (`apps.name.…`, `apps.step.…`, `apps.needs.…`); what is to
be copied stands here, with `{address}`, `{port}`, `{model}` and `{key}` to be filled in.
"""

from dataclasses import dataclass, field
from typing import Literal

# Where the model in an example comes from if the owner allows it: the one of docs/clients.md.
EXAMPLE_MODEL = "openai/gpt-4o-mini"
# What stands for an app's key: any word where none is asked for, else the owner's own, which is never shown.
ANY_KEY, ACCESS_KEY = "ollama", "the-value-of-PROXY_API_KEY"
USUAL_ADDRESSES = ("http://127.0.0.1:11434", "http://localhost:11434")

_ADDRESS = "{address}"
_CONTINUE = """\
name: Tray Proxy
version: 0.0.1
schema: v1
models:
  - name: Tray Proxy
    provider: ollama
    model: {model}
    apiBase: {address}
    roles: [chat, edit, apply]
"""
_ZED = """\
{
  "language_models": {
    "ollama": {
      "api_url": "{address}",
      "context_window": 128000
    }
  }
}
"""
_CLAUDE_SHELL = """\
export ANTHROPIC_BASE_URL={address}
export ANTHROPIC_AUTH_TOKEN={key}
export ANTHROPIC_API_KEY=
export ANTHROPIC_DEFAULT_OPUS_MODEL={model}
export ANTHROPIC_DEFAULT_SONNET_MODEL={model}
export ANTHROPIC_DEFAULT_HAIKU_MODEL={model}
export CLAUDE_CODE_SUBAGENT_MODEL={model}
claude --model {model}
"""
_CLAUDE_FILE = """\
{
  "env": {
    "ANTHROPIC_BASE_URL": "{address}",
    "ANTHROPIC_AUTH_TOKEN": "{key}",
    "ANTHROPIC_API_KEY": "",
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "{model}",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "{model}",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "{model}",
    "CLAUDE_CODE_SUBAGENT_MODEL": "{model}"
  }
}
"""
_CODEX = """\
model = "{model}"
model_provider = "tray-proxy"

[model_providers.tray-proxy]
name = "Tray Proxy"
base_url = "{address}/v1"
wire_api = "responses"
"""


@dataclass(frozen=True)
class Step:
    """
    One step.

    Args:
        key: Its sentence: `apps.step.<id>.<key>`.
        copy: What is to be copied, None where there is nothing.
        where: "usual" for a step of the usual address alone, "moved" for one of any other; "" for both.
    """

    key: str
    copy: str | None = None
    where: Literal["", "usual", "moved"] = ""

    def applies(self, address: str) -> bool:
        """Say whether it is a step at this address."""
        return not self.where or (self.where == "usual") == (address in USUAL_ADDRESSES)


@dataclass(frozen=True)
class App:
    """
    One app.

    Args:
        row: How its row in docs/clients.md begins; "" has none.
        steps: In their order.
        programs: Rows of `callers.PROGRAMS` whose calls are its own.
        needs: The key of a sentence about what it takes.
        tools_only: Whether its agents are offered only models with tools.
    """

    id: str
    row: str
    steps: tuple[Step, ...]
    programs: tuple[str, ...] = ()
    needs: str = ""
    tools_only: bool = field(default=False, kw_only=True)


APPS: tuple[App, ...] = (
    App(
        "vscode-copilot", "VS Code Copilot",
        (
            Step("command", "Chat: Manage Language Models"),
            Step("add", _ADDRESS),
            Step("older", "github.copilot.chat.byok.ollamaEndpoint", "moved"),
        ),
        ("vscode-copilot",), "tools", tools_only=True,
    ),
    App(
        "vscode-ollama", "VS Code, the extension *Ollama*",
        (
            Step("install"),
            Step("usual", where="usual"),
            Step("setting", "ollama.endpoint", "moved"),
            Step("address", _ADDRESS, "moved"),
        ),
        needs="tools", tools_only=True,
    ),
    App("jetbrains", "JetBrains AI Assistant", (Step("open"), Step("address", _ADDRESS)), ("jetbrains",)),
    App("xcode", "Xcode", (Step("open"), Step("port", "{port}")), ("xcode",), "xcode"),
    App(
        "home-assistant", "Home Assistant", (Step("open"), Step("address", _ADDRESS), Step("model")),
        ("ollama-python",), "here",
    ),
    App(
        "raycast", "Raycast",
        (Step("usual", where="usual"), Step("open", where="moved"), Step("address", _ADDRESS, "moved")),
        ("node-fetch",),
    ),
    App(
        "obsidian-copilot", "Obsidian, plugin *Copilot*, version 4",
        (
            Step("open"),
            Step("model", "{model}"),
            Step("address", "{address}/v1/"),
            Step("older", _ADDRESS),
        ),
        ("obsidian",), "obsidian",
    ),
    App(
        "smart-connections", "Obsidian, plugin *Smart Connections*",
        (Step("open"), Step("usual", where="usual"), Step("moved", _ADDRESS, "moved")),
        ("obsidian",),
    ),
    App("n8n", "n8n", (Step("open"), Step("address", _ADDRESS)), ("ollama-js",), "here"),
    App("open-webui", "Open WebUI", (Step("open"), Step("address", _ADDRESS)), ("aiohttp",), "here"),
    App("enchanted", "Enchanted", (Step("address", _ADDRESS),), ("enchanted",)),
    App(
        "page-assist", "Page Assist",
        (Step("usual", where="usual"), Step("open", where="moved"), Step("address", _ADDRESS, "moved")),
        ("page-assist",),
    ),
    App("continue", "Continue", (Step("file", _CONTINUE),), ("node-fetch",)),
    App(
        "zed", "Zed",
        (Step("open", "agent: open settings"), Step("address", _ADDRESS), Step("context", _ZED)),
        ("zed",), "zed",
    ),
    App("cline", "Cline", (Step("open"), Step("address", _ADDRESS, "moved")), ("ai-sdk",), "cline"),
    App(
        "ollama", "The `ollama` command",
        (Step("first"), Step("host", "OLLAMA_HOST={address}", "moved"), Step("run", "ollama run {model}")),
        ("ollama",),
    ),
    App(
        "claude-code", "Claude Code", (Step("shell", _CLAUDE_SHELL), Step("file", _CLAUDE_FILE)),
        ("claude-code",), "claude-code",
    ),
    App(
        "codex", "Codex",
        (
            Step("port", "CODEX_OSS_PORT={port}", "moved"),
            Step("run", "codex --oss --local-provider ollama -m {model}"),
            Step("profile", _CODEX),
            Step("use-profile", "codex --profile tray-proxy"),
        ),
        ("codex",), "codex",
    ),
    App(
        "python", "LangChain",
        (
            Step("langchain", 'ChatOllama(model="{model}", base_url="{address}")'),
            Step("ollama", 'Client(host="{address}")'),
            Step("openai", 'OpenAI(base_url="{address}/v1", api_key="{key}")'),
            Step("anthropic", 'Anthropic(base_url="{address}", api_key="{key}")'),
        ),
        ("ollama-python", "openai-python", "anthropic-python", "pydantic-ai"),
    ),
    App(
        "other", "",
        (
            Step("ollama", _ADDRESS),
            Step("openai", "{address}/v1"),
            Step("key", "{key}"),
            Step("model", "{model}"),
        ),
    ),
)  # fmt: skip


def filled(copy: str, *, address: str, port: int, model: str, key: str) -> str:
    """Fill in what is to be copied; other braces belong to it."""
    for name, value in (("address", address), ("port", str(port)), ("model", model), ("key", key)):
        copy = copy.replace(f"{{{name}}}", value)
    return copy
