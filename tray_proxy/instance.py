"""
One copy at a time: who runs holds a lock in the settings folder, and says in a file beside it how it can be asked.

The lock is the system's own, and ends with the process, however that ends; so what the file says counts only while
the lock is held. The file is readable by its owner alone: with its token the running copy can be ended.
"""

import contextlib
import http.client
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import filelock
import msgspec
import structlog

from tray_proxy import paths
from tray_proxy.errors import ProxyError
from tray_proxy.texts import text

if TYPE_CHECKING:
    import psutil

LOCK_NAME = "instance.lock"
FILE_NAME = "instance.json"

type Request = Literal["open", "quit"]

# What the running copy is asked, on the page's own port.
CONTROL_PATHS: dict[Request, str] = {"open": "/control/open", "quit": "/control/quit"}

# Whether nobody runs is found out by holding the lock for a moment, and a start must not stumble over that.
ACQUIRE_TIMEOUT_S = 0.3
ANSWER_TIMEOUT_S = 3.0
# How long a copy may take from its lock to its file.
START_TIMEOUT_S = 10.0
END_TIMEOUT_S = 10.0
POLL_S = 0.05
# The same moment, read twice, may differ by rounding.
SAME_START_S = 1.0
MAX_ANSWER_BYTES = 4096

log = structlog.get_logger(__name__)


class Answer(msgspec.Struct, frozen=True):
    """What the running copy says to who asked it; None where there is nothing to say."""

    message: str | None = None


class _Record(msgspec.Struct, frozen=True):
    """What lies in the file; `started_s` is when the process was made, as the system counts it."""

    pid: int
    started_s: float
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    token: str


class NotRunning(ProxyError):
    """No copy runs on this folder."""

    def __init__(self) -> None:
        super().__init__(text("instance.not-running"))


class AlreadyRuns(ProxyError):
    """Another copy runs on the same folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(text("instance.already-runs", process=_named(_read(folder))))
        self.hint = text("instance.already-runs-hint")


class NoAnswer(ProxyError):
    """The copy that runs does not do what it is asked."""

    def __init__(self, key: str, record: _Record | None) -> None:
        super().__init__(text(key, process=_named(record)))
        self.hint = text("instance.no-answer-hint")


class Instance:
    """
    This copy, as the one that runs on its folder.

    Args:
        lock: None where the folder cannot hold one; the copy runs all the same.
    """

    def __init__(self, folder: Path, lock: filelock.BaseFileLock | None) -> None:
        self._folder = folder
        self._lock = lock

    @classmethod
    def acquire(cls, folder: Path) -> "Instance | None":
        """Become the one that runs on this folder; None where another is."""
        try:
            paths.ensure(folder)
            lock = _lock(folder)
            lock.acquire(ACQUIRE_TIMEOUT_S)
        except filelock.Timeout:
            return None
        except OSError:
            # A folder that cannot be written, or a file system without locks, is no reason not to run.
            return cls(folder, None)
        # Left behind by a copy that was killed.
        _remove_file(folder)
        return cls(folder, lock)

    def publish(self, port: int, token: str) -> None:
        """
        Say how this copy can be asked.

        Args:
            port: The page's own, on loopback.
            token: What has to be shown there.
        """
        if self._lock is None:
            log.warning("no lock: a second start will not find this one", folder=str(self._folder))
            return
        record = _Record(os.getpid(), _created_s(), port, token)
        try:
            paths.replace_file(self._folder / FILE_NAME, msgspec.json.encode(record))
        except OSError as error:
            log.warning("a second start will not reach this one", reason=type(error).__name__)

    def release(self) -> None:
        """Let another copy be the one."""
        if self._lock is not None:
            _remove_file(self._folder)
            self._lock.release()


def ask(folder: Path, what: Request, *, timeout_s: float = START_TIMEOUT_S) -> str | None:
    """
    Ask the running copy to show its page, or to end.

    Args:
        timeout_s: How long it may take to answer; one that has just been started is not ready at once.

    Returns:
        What it has to say.

    Raises:
        NotRunning: none runs.
        NoAnswer: one runs, and gave no answer in time.
    """
    deadline_s = time.monotonic() + timeout_s
    while is_held(folder):
        record = _read(folder)
        answer = None if record is None else _post(record, what)
        if answer is not None:
            return answer.message
        if time.monotonic() >= deadline_s:
            raise NoAnswer("instance.no-answer", record)
        time.sleep(POLL_S)
    raise NotRunning


def end(folder: Path, *, timeout_s: float = END_TIMEOUT_S) -> bool:
    """
    End the running copy, and wait until it is gone; False where none runs.

    Raises:
        NoAnswer: it does not answer, or still runs after that time.
    """
    if not is_held(folder):
        return False
    record = _read(folder)
    process = None if record is None else _process(record)
    deadline_s = time.monotonic() + timeout_s
    # It may be gone before its answer is here.
    with contextlib.suppress(NotRunning):
        ask(folder, "quit", timeout_s=timeout_s)
    # Whoever replaces the program's files waits for the process, not for its lock.
    while is_held(folder) or _is_alive(process):
        if time.monotonic() >= deadline_s:
            raise NoAnswer("instance.still-runs", record)
        time.sleep(POLL_S)
    return True


def is_held(folder: Path) -> bool:
    """Whether a copy runs on this folder."""
    if not (folder / LOCK_NAME).exists():
        return False
    lock = _lock(folder)
    try:
        lock.acquire(0)
    except filelock.Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def _created_s() -> float:
    """Return when this process was made, as psutil has it; on Linux without psutil, which weighs a megabyte."""
    if sys.platform == "linux":
        # Behind the name, which may hold anything, the 20th field; source: proc_pid_stat(5), proc_stat(5).
        ticks = int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19])
        booted = next(line for line in Path("/proc/stat").read_bytes().splitlines() if line.startswith(b"btime "))
        return ticks / os.sysconf("SC_CLK_TCK") + int(booted.split()[1])
    import psutil

    return psutil.Process().create_time()


def _process(record: _Record) -> "psutil.Process | None":
    """Find the process; None where it cannot be seen from here, and its number is another's, as from a container."""
    import psutil

    try:
        process = psutil.Process(record.pid)
        return process if abs(process.create_time() - record.started_s) < SAME_START_S else None
    except psutil.Error:
        return None


def _is_alive(process: "psutil.Process | None") -> bool:
    import psutil

    try:
        # One that has ended, and that nobody has asked about yet, is still in the list.
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _lock(folder: Path) -> filelock.BaseFileLock:
    # The fallback would be a file that a killed copy leaves behind, and that blocks the next one.
    return filelock.FileLock(folder / LOCK_NAME, mode=0o600, thread_local=False, fallback_to_soft=False)


def _remove_file(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / FILE_NAME).unlink(missing_ok=True)


def _read(folder: Path) -> _Record | None:
    try:
        return msgspec.json.decode(paths.read_file(folder / FILE_NAME), type=_Record)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _post(record: _Record, what: Request) -> Answer | None:
    connection = http.client.HTTPConnection("127.0.0.1", record.port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("POST", CONTROL_PATHS[what], headers={"Authorization": f"Bearer {record.token}"})
        response = connection.getresponse()
        body = response.read(MAX_ANSWER_BYTES)
        return msgspec.json.decode(body, type=Answer) if response.status == http.client.OK else None
    except (OSError, ValueError, http.client.HTTPException):
        # Also a file that was changed by hand.
        return None
    finally:
        connection.close()


def _named(record: _Record | None) -> str:
    return "" if record is None else text("instance.process", pid=record.pid)
