"""The page "Activity": what apps did, the end of the log, and what a helper wants to know."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tray_proxy import paths
from tray_proxy.activity import Activity, Entry, Totals, tail
from tray_proxy.budget import Budget
from tray_proxy.limits import Today
from tray_proxy.redaction import strike_out
from tray_proxy.setting_list import Settings
from tray_proxy.web.diagnostics import Diagnostics
from tray_proxy.web.http import Request, Response, Route, done, reply
from tray_proxy.web.state_api import PageState

LOG_LINES = 200
LOG_BYTES = 256 * 1024
LINE_LENGTH = 2000


class ActivityState(msgspec.Struct, frozen=True):
    """
    The requests of late, the newest first; how many are being answered; what this day has cost.

    `today` is this computer's day, `spending` that of the limit, which is OpenRouter's.
    """

    entries: list[Entry]
    running: int
    today: Totals
    spending: Today


class LogTail(msgspec.Struct, frozen=True):
    """The end of the log, the oldest line first; no lines where there is no log."""

    file: str
    lines: list[str]


@dataclass(frozen=True)
class ActivityDesk:
    """
    Tells what went on.

    Args:
        page_state: Gives what every part of the page shows.
        budget: What may be spent.
        settings: Gives the settings in force.
        log_file: Where the log is, whether or not it could be written.
        show: Opens a folder in the system's file manager.
    """

    activity: Activity
    page_state: Callable[[], PageState]
    budget: Budget
    settings: Callable[[], Settings]
    log_file: Path
    show: Callable[[Path], None]

    def state(self) -> ActivityState:
        """Tell what there is to show."""
        return ActivityState(self.activity.entries, self.activity.running, self.activity.today, self.budget.today)

    def log(self) -> LogTail:
        """Give the end of the log; what an older version wrote is searched for keys once more."""
        lines = (line.decode(errors="replace")[:LINE_LENGTH] for line in tail(self.log_file, LOG_BYTES)[-LOG_LINES:])
        return LogTail(str(self.log_file), [strike_out(line) for line in lines])

    def diagnostics(self) -> str:
        """Write what a helper wants to know."""
        return Diagnostics(self.page_state, self.settings, self.activity, self.log_file).text()

    def open_logs(self) -> None:
        """
        Show the folder of the logs.

        Raises:
            ProxyError: there is no program for it; the message names the folder.
        """
        self.show(paths.ensure(self.log_file.parent))


class _Diagnosis(msgspec.Struct, frozen=True):
    text: str


def routes(desk: ActivityDesk) -> list[Route]:
    """Return what the page asks for about it."""

    async def state(_request: Request) -> Response:
        return reply(desk.state())

    async def log(_request: Request) -> Response:
        return reply(desk.log())

    async def diagnostics(_request: Request) -> Response:
        return reply(_Diagnosis(desk.diagnostics()))

    async def open_logs(_request: Request) -> Response:
        desk.open_logs()
        return done()

    return [
        Route("/api/activity", state),
        Route("/api/log", log),
        Route("/api/diagnostics", diagnostics),
        Route("/api/logs/open", open_logs, methods=["POST"]),
    ]
