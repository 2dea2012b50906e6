"""
The text of "Copy diagnostics": what a person who helps wants to know, and no more.

In it is no key, nothing that was asked or answered, no prompt of the owner's making, and in place of the owner's folder
only "~". Models are named as apps asked for them, which is what a helper wants to know. What is read from files passes
`strike_out` like every line of the log.
"""

import json
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tray_proxy.activity import Activity, Entry, tail
from tray_proxy.redaction import strike_out
from tray_proxy.setting_list import FIELDS, Settings
from tray_proxy.setting_sources import KEYS, OF_MODELS
from tray_proxy.texts import text
from tray_proxy.web.state_api import PageState

REQUESTS = 20
WARNINGS = 20
LOG_BYTES = 256 * 1024
# A whole outline of an exception fits; what is longer helps nobody.
LINE_LENGTH = 1000

# What others need not know: the keys, and what the owner chose or wrote.
_KEPT_BACK = frozenset((*KEYS, *OF_MODELS))
_NOTABLE = frozenset(("warning", "error", "critical"))


@dataclass(frozen=True)
class Diagnostics:
    """
    Writes the text.

    Args:
        state: Gives what the page shows.
        settings: Gives the settings in force.
        log_file: Where the log is, whether or not it could be written.
    """

    state: Callable[[], PageState]
    settings: Callable[[], Settings]
    activity: Activity
    log_file: Path

    def text(self) -> str:
        """Write it, with a line for each fact."""
        written = "\n".join(
            (*_facts(self.state()), *_settings(self.settings()), *self._requests(), *self._warnings(), "")
        )
        home = str(Path.home())
        # In the log a backslash is written twice.
        return strike_out(written).replace(json.dumps(home)[1:-1], "~").replace(home, "~")

    def _requests(self) -> Iterator[str]:
        return _under("requests", map(_request, reversed(self.activity.entries[:REQUESTS])))

    def _warnings(self) -> Iterator[str]:
        found = [line for each in tail(self.log_file, LOG_BYTES) if (line := _warning(each))]
        return _under("warnings", found[-WARNINGS:])


def _facts(state: PageState) -> Iterator[str]:
    yield text("diagnostics.program", version=state.version, demo=text("diagnostics.demo") if state.demo else "")
    yield text("diagnostics.system", system=platform.platform())
    yield text("diagnostics.python", python=platform.python_version())
    yield text("diagnostics.state", phase=state.phase, address=state.address)
    if state.problem is not None:
        yield text("diagnostics.problem", message=state.problem.message)
    key = text("diagnostics.key.present", source=state.key.source) if state.key.present else ""
    key = key or text("diagnostics.key.missing")
    if state.key.problem:
        key = text("diagnostics.key.problem", about=key, problem=state.key.problem)
    yield text("diagnostics.key", about=key)
    models, age_s = state.models, state.models.age_s
    age = text("diagnostics.models.none" if age_s is None else "diagnostics.models.age", age=round(age_s or 0))
    yield text("diagnostics.models", total=models.total, allowed=models.allowed, free=models.free, age=age)


def _settings(settings: Settings) -> Iterator[str]:
    fields = {name: about for name, about in FIELDS.items() if name not in _KEPT_BACK}
    changed = (
        f"{name.upper()}={getattr(settings, name)}"
        for name, about in fields.items()
        if getattr(settings, name) != about.default
    )
    return _under("settings", changed)


def _under(heading: str, lines: Iterable[str]) -> Iterator[str]:
    """Give lines under their heading, or say that there are none."""
    found = [f"  {line}" for line in lines]
    yield text(f"diagnostics.{heading}" if found else f"diagnostics.{heading}.none")
    yield from found


def _request(entry: Entry) -> str:
    at = datetime.fromtimestamp(entry.time_s, UTC).isoformat(timespec="seconds")
    facts = (
        entry.app,
        f"{entry.method} {entry.path}",
        entry.model,
        entry.status,
        entry.outcome,
        entry.error,
        None if entry.ms is None else f"{entry.ms:g} ms",
        None if entry.prompt_tokens is None else f"{entry.prompt_tokens} in",
        None if entry.completion_tokens is None else f"{entry.completion_tokens} out",
    )
    # Paths and names come from outside: no line may end where they want it to.
    return json.dumps(f"{at} " + " | ".join(str(fact) for fact in facts if fact is not None))[1:-1]


class _Levelled(msgspec.Struct):
    level: str = ""


def _warning(line: bytes) -> str | None:
    try:
        level = msgspec.json.decode(line, type=_Levelled).level
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return line.decode(errors="replace")[:LINE_LENGTH] if level in _NOTABLE else None
