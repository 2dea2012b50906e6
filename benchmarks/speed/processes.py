"""Child processes on chosen processors, and what they take of it. Linux alone: its kernel does the counting."""

import http.client
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

STOP_S = 4.0


@contextmanager
def bound_to(processors: frozenset[int] | None) -> Iterator[None]:
    """Bind this thread, and so what it starts, to some processors; None leaves it free."""
    before = os.sched_getaffinity(0)
    if processors:
        os.sched_setaffinity(0, processors)
    yield
    os.sched_setaffinity(0, before)


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    processors: frozenset[int] | None,
) -> subprocess.Popen[bytes]:
    """Start a program that says what it has to say in the file `log` of its folder."""
    with (folder / "log").open("ab") as log, bound_to(processors):
        return subprocess.Popen(
            command,
            env=os.environ | dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def family(pid: int) -> set[int]:
    """Give a process and all that descends from it and lives."""
    found = {pid}
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found |= family(int(child))
    return found


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and its descendants: politely, then by force. One that has ended is left alone."""
    if process.poll() is not None:
        return
    members = family(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    for member in members - {process.pid}:
        with suppress(ProcessLookupError):
            os.kill(member, 9)
    process.kill()
    process.wait()


def cpu_s(pid: int) -> float:
    """Give the seconds of a processor that a process and its descendants took, from the scheduler's nanoseconds."""
    total_ns = 0
    for member in family(pid):
        with suppress(OSError):
            for task in Path(f"/proc/{member}/task").iterdir():
                total_ns += int((task / "schedstat").read_text().split()[0])
    return total_ns / 1e9


def memory_mib(pid: int) -> float:
    """Give the resident memory of a process and its descendants, in MiB."""
    total_kib = 0
    for member in family(pid):
        with suppress(OSError):
            found = re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{member}/status").read_text(), re.MULTILINE)
            total_kib += int(found[1]) if found else 0
    return total_kib / 1024


def machine_busy_s() -> float:
    """Give the seconds that all processors together have worked, whoever for; the kernel counts in hundredths."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle, waiting_for_disk = ticks[3], ticks[4]
    return (sum(ticks) - idle - waiting_for_disk) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Find a port that nobody listens at."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def fetch(port: int, path: str, timeout_s: float = 10) -> tuple[int, bytes]:
    """Ask for a path; give the answer's status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
