"""
What apps did of late: the list of their requests, today's totals, and what each program has got so far.

All of it is in memory and bounded, and holds neither prompt nor answer. The log says the same, so that a new start
begins with what its end tells. Nothing here waits or wakes up by itself.
"""

import asyncio
import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from tray_proxy.callers import NAMES, Caller
from tray_proxy.paths import open_file

MAX_ENTRIES = 500
# Programs that are not in `callers.PROGRAMS` name themselves, and could do so in endless variety.
MAX_PROGRAMS = 60
LOG_TAIL_BYTES = 256 * 1024
# Where the day's spending has to be added up anew: a busy day's lines, read in a fraction of a second.
RECOUNTED_BYTES = 8 * 1024 * 1024
# No request costs so much: such a figure is none.
NO_BILL_USD = 1e6
# Open pages read the list again at each change; so they are told of many at once.
PAUSE_S = 0.25

LISTS = frozenset(("/api/tags", "/v1/models"))
ASKS = frozenset(
    (
        "/api/chat",
        "/api/generate",
        "/api/embed",
        "/api/embeddings",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/responses",
        "/v1/messages",
        "/v1/audio/transcriptions",
    )
)
CHANGES = frozenset(("/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete"))
# The kinds that are in the list of requests. Lists, shows and probes come by the hundred when an app starts, cost
# nothing, and would push the questions out: they are lamps on the page Apps, and in the list only where they failed.
LISTED_KINDS = ("ask", "change")
# What is refused here as a matter of course, and of no concern to the owner: who is signed in at Ollama, files that
# were never uploaded, a browser's icon for an address typed into it.
_REFUSED_AS_USUAL = ("/api/me", "/api/signout", "/api/blobs/", "/favicon.ico")


class Entry(msgspec.Struct, kw_only=True):
    """
    One request.

    `time_s` is the Unix time of its beginning; `outcome` is "running", "done", "failed" or "cancelled". What is None
    is not known, or not yet.
    """

    request_id: str
    time_s: float
    app: str
    app_id: str | None
    method: str
    path: str
    model: str | None = None
    status: int | None = None
    outcome: str = "running"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    ms: float | None = None
    error: str | None = None


class Totals(msgspec.Struct):
    """What was asked of models since midnight, in this computer's time."""

    requests: int = 0
    cost_usd: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Sighting(msgspec.Struct):
    """
    What a program has got so far, each with the Unix time of the last one; None is never.

    `models` is how many models it was told of last. `failure` is what went wrong last, unless the same thing has
    succeeded since.
    """

    name: str
    seen_s: float = 0.0
    listed_s: float | None = None
    models: int | None = None
    shown_s: float | None = None
    answered_s: float | None = None
    failure: "Failure | None" = None


class Failure(msgspec.Struct, frozen=True):
    """
    What went wrong, and with which model.

    `error` is the name of a `ProxyError`, None where none was raised; `kind` is of `kind_of`.
    """

    time_s: float
    kind: str
    error: str | None
    status: int | None
    model: str | None = None


class _Line(msgspec.Struct, kw_only=True):
    """A line of the log about a request, as `server.journal` writes it."""

    event: str
    time: datetime
    request_id: str
    method: str
    path: str
    app: str
    client: str | None = None
    demo: bool = False
    asked: bool = False
    models: int | None = None
    model: str | None = None
    status: int | None = None
    outcome: str = "done"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    ms: float = 0.0
    error: str | None = None

    def entry(self) -> Entry:
        """Tell it as the list does."""
        return Entry(
            request_id=self.request_id,
            time_s=self.time.timestamp() - self.ms / 1000,
            app=NAMES.get(self.client or "", self.app),
            app_id=self.client,
            method=self.method,
            path=self.path,
            model=self.model,
            status=self.status,
            outcome=self.outcome,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cost_usd=self.cost_usd,
            ms=self.ms,
            error=self.error,
        )


def kind_of(method: str, path: str) -> str:
    """Say what a request is about: "ask", "change", "list", "show", or "other"."""
    if method == "OPTIONS":
        return "other"  # a browser's question before the request itself
    if path in ASKS:
        return "ask"
    if path in CHANGES:
        return "change"
    if path in LISTS:
        return "list"
    return "show" if path == "/api/show" or path.startswith("/v1/models/") else "other"


def _call_later(pause_s: float, what: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(pause_s, what)


class Activity:
    """
    Keeps what apps did. To be used from the event loop.

    Args:
        changed: Told that something has changed: at once, and then at most once per `PAUSE_S`.
        now_s: The Unix time.
        later: Calls something after so many seconds.
    """

    def __init__(
        self,
        changed: Callable[[], None] = lambda: None,
        *,
        now_s: Callable[[], float] = time.time,
        later: Callable[[float, Callable[[], None]], object] = _call_later,
    ) -> None:
        self._changed = changed
        self._now_s = now_s
        self._later = later
        self._entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self._programs: dict[str, Sighting] = {}
        self._running = 0
        self._totals = Totals()
        self._day_s = (0.0, 0.0)
        self._pausing = False
        self._untold = False

    @property
    def entries(self) -> list[Entry]:
        """The requests, the newest first."""
        return list(reversed(self._entries))

    @property
    def running(self) -> int:
        """How many requests are being answered."""
        return self._running

    @property
    def today(self) -> Totals:
        """What this day has cost so far; of the time before the program's start only what the log's end tells."""
        now_s = self._now_s()
        if not self._day_s[0] <= now_s < self._day_s[1]:
            self._day_s, self._totals = _day_of(now_s), Totals()
        return self._totals

    @property
    def programs(self) -> dict[str, Sighting]:
        """What each program has got, by its id in `callers.PROGRAMS`, or by the name it gives itself."""
        return self._programs

    @property
    def answered(self) -> bool:
        """Whether any program ever got an answer of a model."""
        return any(program.answered_s is not None for program in self._programs.values())

    def begin(self, request_id: str, caller: Caller, method: str, path: str) -> Entry:
        """Note that a request has begun; it is in the list at once if it asks a model or changes the list of them."""
        entry = Entry(
            request_id=request_id, time_s=self._now_s(), app=caller.name, app_id=caller.id, method=method, path=path
        )
        if kind_of(method, path) in LISTED_KINDS:
            self._entries.append(entry)
            self._running += 1
            self._tell()
        return entry

    def name(self, entry: Entry, model: str) -> None:
        """Note which model a request is about, while it is under way."""
        entry.model = model
        if kind_of(entry.method, entry.path) in LISTED_KINDS:
            self._tell()

    def end(self, entry: Entry, *, route: str, asked: bool, models: int | None) -> None:
        """
        Note how a request has ended, as it stands in the entry by now.

        Args:
            route: The path without what a base address put before or behind it.
            asked: Whether a model was asked, and not only loaded.
            models: How many models it was told of, where it asked for the list.
        """
        listed = kind_of(entry.method, entry.path) in LISTED_KINDS
        entry.path = route
        self._keep(entry, listed=listed, asked=asked, models=models)
        self._running -= listed
        self._tell()

    def fill(self, log_file: Path, *, demo: bool) -> None:
        """
        Begin with what the end of the log tells; damaged lines, and a file that cannot be read, tell nothing.

        Args:
            demo: Whether this is the demo, which writes into the same file; each takes its own lines.
        """
        for line in _request_lines(log_file):
            if line.demo == demo:
                self._keep(line.entry(), listed=False, asked=line.asked, models=line.models)

    def _keep(self, entry: Entry, *, listed: bool, asked: bool, models: int | None) -> None:
        kind = kind_of(entry.method, entry.path)
        failed = entry.outcome == "failed" and not entry.path.startswith(_REFUSED_AS_USUAL)
        if not listed and (kind in LISTED_KINDS or failed):
            self._entries.append(entry)
        ended_s = entry.time_s + (entry.ms or 0.0) / 1000
        if asked:
            self._add_up(entry, ended_s)
        program = self._program(entry.app_id or entry.app, entry.app)
        program.seen_s = ended_s
        if failed:
            program.failure = Failure(ended_s, kind, entry.error, entry.status, entry.model)
        elif entry.outcome == "done":
            if program.failure is not None and program.failure.kind == kind:
                program.failure = None
            if kind == "list":
                program.listed_s, program.models = ended_s, models
            elif kind == "show":
                program.shown_s = ended_s
            elif asked:
                program.answered_s = ended_s

    def _add_up(self, entry: Entry, ended_s: float) -> None:
        totals = self.today
        if ended_s < self._day_s[0]:
            return
        totals.requests += 1
        totals.cost_usd += entry.cost_usd or 0.0
        totals.prompt_tokens += entry.prompt_tokens or 0
        totals.completion_tokens += entry.completion_tokens or 0

    def _program(self, key: str, name: str) -> Sighting:
        found = self._programs.get(key)
        if found is None:
            if len(self._programs) >= MAX_PROGRAMS:
                # Known ones stay: who calls by ever new names must not put out their lamps.
                del self._programs[min(self._programs, key=lambda each: (each in NAMES, self._programs[each].seen_s))]
            found = self._programs[key] = Sighting(name)
        return found

    def _tell(self) -> None:
        if self._pausing:
            self._untold = True
            return
        self._pausing = True
        self._later(PAUSE_S, self._end_pause)
        self._changed()

    def _end_pause(self) -> None:
        self._pausing = False
        if self._untold:
            self._untold = False
            self._tell()


def _day_of(now_s: float) -> tuple[float, float]:
    """Return when the day of this time begins and ends here, in Unix time; two of them have no 24 hours."""
    begin = datetime.fromtimestamp(now_s).astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    # Without a zone these are times of this place, whatever its clocks do in between.
    return begin.timestamp(), (begin + timedelta(days=1)).timestamp()


def spent_since(log_file: Path, since_s: float, *, demo: bool) -> dict[str, float]:
    """
    Add up what the log tells that each program has spent, in US dollars.

    Args:
        since_s: Unix time.
        demo: Whether the demo's lines count, or all others.
    """
    lines = list(_request_lines(log_file))
    if not lines or lines[0].time.timestamp() >= since_s:
        # It began earlier. Each start waits for this, and a log that is read as a whole takes a tenth of a second.
        files = log_file.with_name(f"{log_file.name}.1"), log_file
        lines = [line for file in files for line in _request_lines(file, RECOUNTED_BYTES)]
    spent: dict[str, float] = {}
    for line in lines:
        usd = line.cost_usd or 0.0
        if line.demo == demo and line.time.timestamp() >= since_s and 0 < usd < NO_BILL_USD:
            app = line.client or line.app
            spent[app] = spent.get(app, 0.0) + usd
    return spent


def _request_lines(log_file: Path, size: int = LOG_TAIL_BYTES) -> Iterator[_Line]:
    """Give what the end of the log tells of requests, the oldest first."""
    decode = msgspec.json.Decoder(_Line).decode
    for line in tail(log_file, size):
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            found = decode(line)
            if found.event == "request":
                yield found


def tail(file: Path, size: int) -> list[bytes]:
    """Return the whole lines among the last bytes of a file; none where it cannot be read."""
    try:
        with open_file(file) as opened:
            length = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, length - size))
            content = opened.read(size)
    except OSError:
        return []
    lines = content.splitlines()
    return lines if length <= size else lines[1:]
