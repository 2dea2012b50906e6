"""Programs that use client libraries, unmodified, in processes of their own against a running proxy."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tray_proxy.demo.upstream import DemoUpstream

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".clients"
PROGRAMS = HERE / "programs"
LEFT_OUT = pytest.StashKey[list[str]]()

# What a library may ask for beyond the proxy (prices, models' files, news of itself) fails at once: nothing listens
# on that port. So the tests need no network, and tell nobody that they run.
NO_NETWORK = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if reasons := config.stash.get(LEFT_OUT, []):
        terminalreporter.section("LEFT OUT: tests with client libraries", red=True, bold=True)
        for reason in reasons:
            terminalreporter.line(reason)


@pytest.fixture(scope="session")
def interpreter(pytestconfig: pytest.Config) -> Callable[[str], str]:
    """Find the interpreter of an environment; without it a test is left out, loudly, and in CI it fails."""

    def find(environment: str) -> str:
        if environment == "node":
            installed = ENVIRONMENTS / "node" / "node_modules"
            # Its own Node.js where npm has one for this machine, else the system's.
            folders = [*map(str, installed.glob("node-linux-*/bin")), os.environ["PATH"]]
            found = shutil.which("node", path=os.pathsep.join(folders)) if installed.exists() else None
        else:
            found = shutil.which("python", path=ENVIRONMENTS / environment / "bin")
        if found is not None:
            return found
        reason = f"Not installed: .clients/{environment}. `make install-dev` installs it, with the system's Node.js."
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        reasons = pytestconfig.stash.setdefault(LEFT_OUT, [])
        if reason not in reasons:
            reasons.append(reason)
        pytest.skip(reason)

    return find


def environment_of(url: str, home: Path) -> dict[str, str]:
    """The whole environment of a client program: the rest could be a developer's key or setting."""
    # Claude Code leaves folders among the temporary files.
    folders = {"HOME": str(home), "TMPDIR": str(home), "NODE_PATH": str(ENVIRONMENTS / "node" / "node_modules")}
    return {"PATH": os.environ["PATH"], "OLLAMA_HOST": url, **folders, **NO_NETWORK}


@dataclass(frozen=True)
class Told:
    """What a client program told, step by step, and the demo upstream behind the proxy that it asked."""

    steps: dict[str, Any]
    upstream: DemoUpstream

    def __getitem__(self, step: str) -> Any:
        return self.steps[step]

    def sent(self, question: str) -> list[Any]:
        """The bodies of the requests upstream in which the user asks this, the oldest first."""
        return [chat.body for chat in self.upstream.chats if question in questions_of(chat.body)]


def questions_of(body: Any) -> list[str]:
    """All texts of the user in a completion request."""
    contents = [message["content"] for message in body["messages"] if message["role"] == "user"]
    parts = [[{"text": content}] if isinstance(content, str) else content for content in contents]
    return [part["text"].strip() for content in parts for part in content if "text" in part]


@pytest.fixture(scope="module")
def run_program(interpreter, shared_proxies, stage, tmp_path_factory) -> Callable[[str, str], Told]:
    """Run a program to its end against a proxy of its own: `run_program("python", "with_llm.py")`."""

    def run(environment: str, program: str) -> Told:
        command = [interpreter(environment), str(PROGRAMS / program)]
        upstream = DemoUpstream(chunk_delay_s=0)
        stage.app = upstream.app
        proxy = shared_proxies.start(tmp_path_factory.mktemp("home"))
        env = environment_of(proxy.url, tmp_path_factory.mktemp("client"))
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False)
        if done.returncode != 0:
            pytest.fail(f"{program} ended with {done.returncode}:\n{done.stderr}", pytrace=False)
        return Told(json.loads(done.stdout), upstream)

    return run


@pytest.fixture
def start_program(interpreter, proxy, tmp_path) -> Callable[[str, str], subprocess.Popen[str]]:
    """Start a program that lives until its standard input ends; use what it gives as a context manager."""

    def start(environment: str, program: str) -> subprocess.Popen[str]:
        command = [interpreter(environment), str(PROGRAMS / program)]
        env = environment_of(proxy.url, tmp_path)
        return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    return start
