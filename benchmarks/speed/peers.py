"""Other proxies, from the package index: each in an environment of its own, started as its own documents say."""

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.speed.candidates import EMBEDDING_MODEL, KEY, MODEL, Candidate

# They take part where their pace allows it in a bounded time.
SCENARIOS = frozenset({"start", "solo", "paced16", "plain", "tags", "image1m", "abort", "abort_waiting", "abort_plain"})
LITELLM_CONFIG = f"""
model_list:
  - model_name: {MODEL}
    litellm_params: {{model: {MODEL}, api_base: '{{upstream}}', api_key: {KEY}}}
  - model_name: {EMBEDDING_MODEL}
    litellm_params: {{model: {EMBEDDING_MODEL}, api_base: '{{upstream}}', api_key: {KEY}}}
"""


@dataclass(frozen=True)
class Peer:
    """A package as pip knows it, and how the program in it is run; `{bin}` is where it was installed."""

    requirement: str
    candidate: Candidate
    # A folder that the package's modules import from, and that was left out when it was built.
    lacking: str | None = None


PEERS = (
    Peer(
        "ollama-openai-proxy==0.7.0",
        Candidate(
            "ollama-openai-proxy",
            # Its own command listens to the whole network.
            ("{bin}/python", "-m", "uvicorn", "src.main:app", "--host", "127.0.0.1", "--port", "{port}"),
            environment={"OPENAI_API_BASE_URL": "{upstream}", "OPENAI_API_KEY": KEY, "LOG_LEVEL": "WARNING"},
            scenarios=SCENARIOS,
        ),
        lacking="src",
    ),
    Peer(
        "oai2ollama==1.2.8.4",
        Candidate(
            "oai2ollama",
            # Its own command takes no port.
            ("{bin}/python", "-m", "uvicorn", "oai2ollama:app", "--host", "127.0.0.1", "--port", "{port}"),
            environment={"OPENAI_BASE_URL": "{upstream}", "OPENAI_API_KEY": KEY},
            dialect="openai",
            prefix="/v1",
            scenarios=SCENARIOS,
        ),
    ),
    Peer(
        "litellm[proxy]==1.105.7",
        Candidate(
            "litellm",
            ("{bin}/litellm", "--config", "{folder}/config.yaml", "--host", "127.0.0.1", "--port", "{port}"),
            environment={
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_TELEMETRY": "False",
                "LITELLM_MASTER_KEY": KEY,
            },
            files={"config.yaml": LITELLM_CONFIG},
            dialect="openai",
            prefix="/v1",
            ready="/health/liveliness",
            ready_within_s=120.0,
            headers=(f"Authorization: Bearer {KEY}",),
            scenarios=SCENARIOS - {"tags"},
            at_most=1,
            # It lists what its own configuration names.
            unchecked=frozenset({"list of models"}),
        ),
    ),
)


def _home(folder: Path, peer: Peer) -> Path:
    return folder / peer.candidate.name


def install(folder: Path) -> None:
    """Install every peer anew below a folder; says which cannot be had."""
    for peer in PEERS:
        home = _home(folder, peer)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        pip = [str(home / "bin" / "pip"), "install", "--quiet", peer.requirement]
        if subprocess.run(pip, check=False).returncode:
            print(f"{peer.requirement} cannot be installed.")
        elif peer.lacking:
            packages = next((home / "lib").glob("python*/site-packages"))
            (packages / peer.lacking).symlink_to(packages)


def installed(folder: Path) -> list[Candidate]:
    """Give the peers that are installed below a folder."""
    found = []
    for peer in PEERS:
        binaries = (_home(folder, peer) / "bin").absolute()
        command = tuple(word.replace("{bin}", str(binaries)) for word in peer.candidate.command)
        if Path(command[0]).exists():
            found.append(replace(peer.candidate, command=command))
    return found
