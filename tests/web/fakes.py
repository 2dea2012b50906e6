"""A hand-written backend for the settings page, and what a test needs to talk to it."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx
import msgspec

from tray_proxy.errors import ProxyError
from tray_proxy.web.app import KeyState, ModelRow, ModelsState, NameRow, PageState
from tray_proxy.web.gate import PageGate

KEY = "sk-or-v1-0123456789abcdef0123456789abcdef"
XSS_NAME = "<img src=x onerror=document.title='owned'>"


def row(model_id: str, name: str = "", **facts: object) -> ModelRow:
    """A model with two prices and tools, unless told otherwise."""
    usual: dict[str, object] = {
        "allowed": False,
        "free": False,
        "context_length": 200_000,
        "capabilities": ("completion", "tools"),
        "prompt_usd_per_million": "3",
        "completion_usd_per_million": "15",
    }
    return ModelRow(id=model_id, name=name or model_id, **{**usual, **facts})


def name_row(name: str, model: str = "openai/gpt-4o", **facts: object) -> NameRow:
    """An alias that answers, unless told otherwise."""
    usual: dict[str, object] = {"adds": "", "answers": True, "kept": True}
    return NameRow(name=name, model=model, **{**usual, **facts})


def many_rows(count: int) -> tuple[ModelRow, ...]:
    """As many models as OpenRouter has, of 30 vendors."""
    return tuple(row(f"vendor-{n % 30}/model-{n}", f"Vendor {n % 30}: Model {n}") for n in range(count))


ROWS = (
    row(
        "anthropic/claude-sonnet-4.5",
        "Anthropic: Claude Sonnet 4.5",
        allowed=True,
        context_length=1_000_000,
        capabilities=("completion", "vision", "tools", "thinking"),
    ),
    row("anthropic/claude-haiku-4.5", "Anthropic: Claude Haiku 4.5"),
    row(
        "deepseek/deepseek-r1:free",
        "DeepSeek: R1 (free)",
        free=True,
        context_length=163_840,
        capabilities=("completion", "thinking"),
    ),
    row("evil/model", XSS_NAME, prompt_usd_per_million=None, completion_usd_per_million=None),
)


@dataclass
class FakeBackend:
    """Keeps what the page asked for; answers as a test sets it."""

    key: str | None = None
    source: str = "keyring"
    allowed: tuple[str, ...] | None = ("anthropic/claude-sonnet-4.5",)
    hidden: tuple[str, ...] = ()
    rows: tuple[ModelRow, ...] = ROWS
    names: tuple[NameRow, ...] = ()
    age_s: float | None = 300.0
    filter_file: str | None = None
    demo: bool = False
    running: bool = True
    status: str = "On: apps reach it at 127.0.0.1:11434"
    problem: str | None = None
    key_problem: str | None = None
    answer: str = "This key works: $4.20 of credit left."
    fault: ProxyError | None = None
    calls: list[tuple[str, object]] = field(default_factory=list)
    models_changed: threading.Event = field(default_factory=threading.Event)

    def state(self) -> PageState:
        entries = tuple(
            msgspec.structs.replace(
                row, allowed=row.id not in self.hidden if self.allowed is None else row.id in self.allowed
            )
            for row in self.rows
        )
        return PageState(
            version="0.1.0",
            demo=self.demo,
            running=self.running,
            status=self.status,
            address="http://127.0.0.1:11434",
            problem=self.problem,
            key=KeyState(
                present=self.key is not None, source=self.source if self.key else "", problem=self.key_problem
            ),
            models=ModelsState(
                all_allowed=self.allowed is None and not self.hidden,
                hidden=self.hidden,
                filter_file=self.filter_file,
                age_s=self.age_s,
                entries=entries,
                names=self.names,
            ),
        )

    async def test_key(self, key: str | None) -> str:
        self._note("test_key", key)
        return self.answer

    async def store_key(self, key: str) -> str:
        self._note("store_key", key)
        self.key = key
        return "The key works and is kept in your system's key store."

    async def forget_key(self) -> None:
        self._note("forget_key", None)
        self.key = None

    async def allow_models(self, allowed: tuple[str, ...] | None) -> None:
        self._note("allow_models", allowed)
        self.allowed, self.hidden = allowed, ()
        self.models_changed.set()

    async def keep_name(self, name: str, *, kept: bool) -> None:
        self._note("keep_name", (name, kept))
        self.names = tuple(msgspec.structs.replace(row, kept=kept) if row.name == name else row for row in self.names)

    def _note(self, name: str, argument: object) -> None:
        self.calls.append((name, argument))
        if self.fault is not None:
            raise self.fault


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Served:
    """The page at its address, and what stands behind it."""

    url: str
    port: int
    gate: PageGate
    backend: FakeBackend
    clock: Clock
    open_clients: ExitStack

    def stranger(self) -> httpx.Client:
        """A client that was never let in."""
        return self.open_clients.enter_context(httpx.Client(base_url=self.url, trust_env=False))

    def visitor(self) -> httpx.Client:
        """A client that came in by the front door, and sends what our page sends."""
        client = self.stranger()
        assert client.get(self.gate.new_path()).status_code == 303
        client.headers.update({"X-Tray-Proxy": "page", "Content-Type": "application/json"})
        return client
