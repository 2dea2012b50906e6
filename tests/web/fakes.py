"""A hand-written backend for the settings page, and what a test needs to talk to it."""

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx
import msgspec

from tray_proxy.activity import Entry, Totals
from tray_proxy.autostart import AutostartState
from tray_proxy.doctor import Report
from tray_proxy.errors import ProxyError
from tray_proxy.limits import Today
from tray_proxy.origins import Visitor
from tray_proxy.web import (
    activity_api,
    apps_api,
    autostart_api,
    control_api,
    doctor_api,
    key_api,
    models_api,
    notices_api,
    port_api,
    settings_api,
    sign_in_api,
    state_api,
    try_api,
    updates_api,
    visitors_api,
)
from tray_proxy.web.activity_api import ActivityState, LogTail
from tray_proxy.web.apps_api import AppShown, AppsState, OtherProgram, StepShown
from tray_proxy.web.events import Events
from tray_proxy.web.gate import PageGate
from tray_proxy.web.http import Route
from tray_proxy.web.key_api import KeyState
from tray_proxy.web.models_api import FoundModels, ModelRow, ModelsState, NameRow
from tray_proxy.web.port_api import OllamaSeen, PortState
from tray_proxy.web.settings_api import SettingField, SettingGroup, SettingsState
from tray_proxy.web.sign_in_api import SignInState
from tray_proxy.web.state_api import ModelCounts, Notices, PageState, Trouble
from tray_proxy.web.try_api import Answered
from tray_proxy.web.updates_api import NewVersion
from tray_proxy.web.visitors_api import VisitorRow, VisitorsState
from web.opening import page_headers

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


def visitor_row(origin: str, name: str = "") -> VisitorRow:
    """Somebody who wants to call."""
    return VisitorRow(origin, name, Visitor(origin).site, extension=not origin.startswith("http"))


def app(app_id: str, name: str, **facts: object) -> AppShown:
    """An app with one step that has not called yet, unless told otherwise."""
    usual: dict[str, object] = {
        "steps": (StepShown("Enter this address:", "http://127.0.0.1:11434"),),
        "needs": None,
        "note": None,
        "listed_s": None,
        "shown_s": None,
        "answered_s": None,
        "last_error": None,
        "hint": None,
        "models_line": None,
    }
    return AppShown(id=app_id, name=name, **{**usual, **facts})


def entry(request_id: str, **facts: object) -> Entry:
    """A question that was answered, unless told otherwise."""
    usual: dict[str, object] = {
        "time_s": 1_700_000_000.0,
        "app": "Zed",
        "app_id": "zed",
        "method": "POST",
        "path": "/api/chat",
        "model": "openai/gpt-4o-mini",
        "status": 200,
        "outcome": "done",
        "prompt_tokens": 1200,
        "completion_tokens": 56,
        "cost_usd": 0.00042,
        "ms": 850.0,
    }
    return Entry(request_id=request_id, **{**usual, **facts})


def setting(name: str, **facts: object) -> SettingField:
    """A number that was never changed, unless told otherwise."""
    usual: dict[str, object] = {
        "label": name.capitalize(),
        "help": f"What {name} is for.",
        "allowed": "a number above 0",
        "kind": "number",
        "value": 10,
        "default": 10,
        "source": "default",
        "fixed": False,
        "restart": False,
    }
    return SettingField(name=name, **{**usual, **facts})


def taken(kind: str, sentence: str, **facts: object) -> PortState:
    """A port that could not be had, with another one that is free."""
    usual: dict[str, object] = {
        "hint": "",
        "port": 11434,
        "address": "http://127.0.0.1:11434",
        "waiting": False,
        "suggested_url": "http://127.0.0.1:11435",
        "suggested_port": 11436,
    }
    return PortState(kind=kind, sentence=sentence, **{**usual, **facts})


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
    """All desks of the page in one: keeps what the page asked for; answers as a test sets it."""

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
    phase: str = ""
    status: str = "On: apps reach it at 127.0.0.1:11434"
    problem: Trouble | None = None
    key_problem: str | None = None
    sign_in: SignInState = field(default_factory=SignInState)
    answer: str = "This key works: $4.20 of credit left."
    autostart: bool = False
    autostart_problem: str | None = None
    answered: bool = False
    system: str = "linux"
    key_label: str | None = None
    key_about: str | None = None
    key_link: str | None = None
    port: PortState | None = None
    ollama: OllamaSeen = field(default_factory=lambda: OllamaSeen(url="http://127.0.0.1:11435"))
    settings: tuple[SettingGroup, ...] = ()
    pending_restart: bool = False
    said: Answered | None = None
    told: str | None = None
    new_version: NewVersion | None = None
    visitors: VisitorsState = field(default_factory=lambda: VisitorsState(waiting=(), allowed=(), refused=()))
    report: Report = field(default_factory=lambda: Report((), ""))
    apps: tuple[AppShown, ...] = ()
    others: tuple[OtherProgram, ...] = ()
    entries_told: list[Entry] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    spending: Today = field(
        default_factory=lambda: Today(spent_usd=0.0, limit_usd=0.0, ends_s=1_800_000_000.0, reached=False)
    )
    log_lines: list[str] = field(default_factory=list)
    fault: ProxyError | None = None
    calls: list[tuple[str, object]] = field(default_factory=list)
    models_changed: threading.Event = field(default_factory=threading.Event)
    events: Events = field(default_factory=Events)
    notices: Notices = field(default_factory=lambda: Notices((), changed=lambda: None))

    def routes(self) -> list[Route]:
        """The real routes, with this behind them."""
        return [
            *self.events.routes(),
            *state_api.routes(self.page_state, lambda on: self.note("turn", on), self.notices),
            *key_api.routes(FakeKeyDesk(self)),
            *models_api.routes(FakeModelsDesk(self)),
            *apps_api.routes(FakeAppsDesk(self)),
            *activity_api.routes(FakeActivityDesk(self)),
            *control_api.routes(self.show, lambda: self.note("quit", None)),
            *doctor_api.routes(self.examine),
            *sign_in_api.routes(FakeSignInDesk(self)),
            *autostart_api.routes(FakeAutostartDesk(self)),
            *port_api.routes(FakePortDesk(self)),
            *settings_api.routes(FakeSettingsDesk(self)),
            *try_api.routes(FakeTryDesk(self)),
            *updates_api.routes(FakeUpdates(self)),
            *visitors_api.routes(FakeVisitorsDesk(self)),
            *notices_api.routes(lambda: "Works of others, each with its licence"),
        ]

    async def examine(self) -> Report:
        self.note("check", None)
        return self.report

    def show(self) -> str | None:
        self.note("open", None)
        return self.told

    def page_state(self) -> PageState:
        return PageState(
            version="0.1.0",
            demo=self.demo,
            system=self.system,
            phase=self.phase or ("attention" if self.problem else "on" if self.running else "off"),
            running=self.running,
            status=self.status,
            address="http://127.0.0.1:11434",
            problem=self.problem,
            key=KeyState(
                present=self.key is not None,
                source=self.source if self.key else "",
                problem=self.key_problem,
                link=self.key_link,
                label=self.key_label,
                about=self.key_about,
            ),
            sign_in=self.sign_in,
            models=ModelCounts(
                total=len(self.rows),
                allowed=sum(row.allowed for row in self.entries()),
                free=sum(row.free for row in self.rows),
                age_s=self.age_s,
            ),
            visitors=len(self.visitors.waiting),
            answered=self.answered,
            autostart=AutostartState(enabled=self.autostart, problem=self.autostart_problem),
            port=self.port,
            notices=self.notices.shown,
            new_version=self.new_version,
        )

    def entries(self) -> tuple[ModelRow, ...]:
        return tuple(
            msgspec.structs.replace(
                row, allowed=row.id not in self.hidden if self.allowed is None else row.id in self.allowed
            )
            for row in self.rows
        )

    def note(self, name: str, argument: object) -> None:
        """Keep what was asked for, and fail where a test wants that."""
        self.calls.append((name, argument))
        if self.fault is not None:
            raise self.fault


@dataclass
class FakeKeyDesk:
    backend: FakeBackend

    async def test(self, key: str | None) -> str:
        self.backend.note("test_key", key)
        return self.backend.answer

    async def store(self, key: str) -> str:
        self.backend.note("store_key", key)
        self.backend.key = key
        self.backend.events.tell("state")
        return "The key works and is kept in your system's key store."

    async def forget(self) -> None:
        self.backend.note("forget_key", None)
        self.backend.key = None
        self.backend.events.tell("state")


@dataclass
class FakeModelsDesk:
    backend: FakeBackend

    def state(self) -> ModelsState:
        backend = self.backend
        return ModelsState(
            all_allowed=backend.allowed is None and not backend.hidden,
            hidden=backend.hidden,
            filter_file=backend.filter_file,
            age_s=backend.age_s,
            entries=backend.entries(),
            names=backend.names,
            recommended=tuple(row.id for row in backend.rows[:2]),
            free=tuple(row.id for row in backend.rows if row.free),
        )

    async def allow(self, allowed: tuple[str, ...] | None) -> None:
        self.backend.note("allow_models", allowed)
        self.backend.allowed, self.backend.hidden = allowed, ()
        self.backend.models_changed.set()
        self.backend.events.tell("models")

    async def find(self, text: str) -> FoundModels:
        self.backend.note("find", text)
        known = {row.id for row in self.backend.rows}
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        found = tuple(line for line in lines if line in known)
        return FoundModels(found, tuple(line for line in lines if line not in known))

    async def refresh(self) -> None:
        self.backend.note("refresh", None)
        self.backend.age_s = 0.0
        self.backend.events.tell("models")

    async def keep_name(self, name: str, *, kept: bool) -> None:
        self.backend.note("keep_name", (name, kept))
        names = self.backend.names
        self.backend.names = tuple(
            msgspec.structs.replace(row, kept=kept) if row.name == name else row for row in names
        )
        self.backend.events.tell("models")

    async def add_name(self, name: str, model: str, system: str | None) -> None:
        self.backend.note("add_name", (name, model, system))
        self.backend.names = (*self.backend.names, name_row(f"{name}:latest", model))
        self.backend.events.tell("models")


@dataclass
class FakeAppsDesk:
    backend: FakeBackend

    def state(self) -> AppsState:
        return AppsState(address="http://127.0.0.1:11434", apps=self.backend.apps, others=self.backend.others)


@dataclass
class FakeActivityDesk:
    backend: FakeBackend

    def state(self) -> ActivityState:
        entries = self.backend.entries_told
        running = sum(entry.outcome == "running" for entry in entries)
        return ActivityState(list(entries), running, self.backend.totals, self.backend.spending)

    def log(self) -> LogTail:
        self.backend.note("log", None)
        return LogTail("/home/someone/tray-proxy.log", self.backend.log_lines)

    def diagnostics(self) -> str:
        self.backend.note("diagnostics", None)
        return "Tray Proxy 0.1.0\nKey: present"

    def open_logs(self) -> None:
        self.backend.note("open_logs", None)


@dataclass
class FakeSignInDesk:
    backend: FakeBackend

    def state(self) -> SignInState:
        return self.backend.sign_in

    def begin(self, port: int | None) -> str:
        """Wait, with an address of our own: no test may lead a browser elsewhere."""
        self.backend.note("begin_sign_in", "on screen" if port is None else "in the browser")
        url = f"/static/icon.svg?{'code' if port is None else 'back'}"
        self._show(SignInState(waiting=True, on_screen=port is None, url=url))
        return url

    async def come_back(self, query: Mapping[str, str]) -> str:
        self.backend.note("come_back", query["code"])
        return "It is kept."

    async def finish(self, code: str) -> str:
        self.backend.note("finish_sign_in", code)
        self.backend.key = KEY
        self._show(SignInState())
        return "The key works."

    def cancel(self) -> None:
        self.backend.note("cancel_sign_in", None)
        self._show(SignInState())

    def _show(self, state: SignInState) -> None:
        self.backend.sign_in = state
        self.backend.events.tell("state")


@dataclass
class FakeAutostartDesk:
    backend: FakeBackend

    async def switch(self, on: bool) -> None:
        self.backend.note("autostart", on)
        self.backend.autostart = on
        self.backend.events.tell("state")


@dataclass
class FakePortDesk:
    backend: FakeBackend

    @property
    def watch(self) -> "FakePortDesk":
        return self

    async def use(self, port: int) -> None:
        self.backend.note("use_port", port)
        self._show(None)

    def wait(self) -> None:
        self.backend.note("wait", None)
        self._change(waiting=True)

    def give_up(self) -> None:
        self.backend.note("stop_waiting", None)
        self._change(waiting=False)

    async def use_both(self, url: str) -> None:
        self.backend.note("use_both", url)
        self._change(waiting=True, both=self.backend.ollama)

    async def use_no_other(self) -> None:
        self.backend.note("use_no_other", None)
        self._change(both=None)

    async def check(self, url: str) -> OllamaSeen:
        self.backend.note("check_port", url)
        return self.backend.ollama

    def _change(self, **facts: object) -> None:
        assert self.backend.port is not None
        self._show(msgspec.structs.replace(self.backend.port, **facts))

    def _show(self, port: PortState | None) -> None:
        self.backend.port = port
        self.backend.events.tell("state")


@dataclass
class FakeSettingsDesk:
    backend: FakeBackend

    def state(self) -> SettingsState:
        backend = self.backend
        return SettingsState(
            file="/home/someone/settings.json", groups=backend.settings, pending_restart=backend.pending_restart
        )

    async def save(self, changes: dict[str, object]) -> bool:
        self.backend.note("save_settings", changes)
        self.backend.settings = tuple(
            SettingGroup(
                group.title,
                tuple(
                    msgspec.structs.replace(
                        each, value=each.default if changes[each.name] is None else changes[each.name]
                    )
                    if each.name in changes
                    else each
                    for each in group.fields
                ),
            )
            for group in self.backend.settings
        )
        return self.backend.pending_restart


@dataclass
class FakeTryDesk:
    backend: FakeBackend

    async def ask(self, model: str | None, _receive: object) -> Answered:
        self.backend.note("try", model)
        assert self.backend.said is not None
        self.backend.answered = True
        return self.backend.said


@dataclass
class FakeUpdates:
    backend: FakeBackend

    def put_off(self, version: str) -> None:
        self.backend.note("put_off", version)
        self.backend.new_version = None
        self.backend.events.tell("state")


@dataclass
class FakeVisitorsDesk:
    backend: FakeBackend

    def state(self) -> VisitorsState:
        return self.backend.visitors

    async def answer(self, origin: str, allowed: bool | None) -> None:
        self.backend.note("answer_visitor", (origin, allowed))
        before = self.backend.visitors
        everybody = (*before.waiting, *before.allowed, *before.refused)
        lists = {
            name: tuple(row for row in getattr(before, name) if row.origin != origin)
            for name in ("waiting", "allowed", "refused")
        }
        if allowed is not None:
            lists["allowed" if allowed else "refused"] += tuple(row for row in everybody if row.origin == origin)
        self.backend.visitors = VisitorsState(**lists)
        self.backend.events.tell("visitors", "state")


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
    call_soon: Callable[..., object]

    def is_heard(self) -> bool:
        """Say whether any page listens for news."""
        return bool(self.backend.events._pages)

    def news(self, topic: str) -> None:
        """Tell open pages that a topic has changed."""
        self.call_soon(self.backend.events.tell, topic)

    def stranger(self) -> httpx.Client:
        """A client that was never let in."""
        return self.open_clients.enter_context(httpx.Client(base_url=self.url, trust_env=False))

    def visitor(self) -> httpx.Client:
        """A client that came in by the front door, and sends what our page sends."""
        client = self.stranger()
        client.headers.update(page_headers(client.get(self.gate.new_path())))
        return client
