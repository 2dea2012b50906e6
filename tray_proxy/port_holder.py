"""
Who holds a port: asked of the port itself, and of the system.

A person whose port is taken must hear by whom; a port that Windows keeps back is held by nobody, and looks the same.
"""

import contextlib
import errno
import http.client
import json
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any, Literal

from tray_proxy.errors import Holder, PortInUse
from tray_proxy.texts import text

# Both are on this computer: who does not answer by then will not.
ANSWER_TIMEOUT_S = 1.0
MAX_ANSWER_BYTES = 4096
# Windows' own number for "forbidden by its access permissions". Source: Microsoft, "Windows Sockets Error Codes".
WSAEACCES = 10013


def trouble(host: str, port: int, error: OSError, *, platform: str = sys.platform) -> PortInUse:
    """
    Say why a port could not be had.

    Args:
        error: What binding it raised.
        platform: As `sys.platform`.
    """
    if error.errno in (errno.EACCES, WSAEACCES):
        return _forbidden(host, port, platform)
    if error.errno == errno.EADDRINUSE:
        return _taken(port, find_holder(host, port))
    reason = error.strerror or type(error).__name__
    return PortInUse(text("port.not-opened", port=port, reason=reason))


def _forbidden(host: str, port: int, platform: str) -> PortInUse:
    if platform != "win32":
        return _kept(port, "forbidden")
    # Windows also says this of a port that a program holds in its own way.
    holder = find_holder(host, port)
    return _kept(port, "reserved") if holder.kind == "unknown" else _taken(port, holder)


def _kept(port: int, kind: Literal["reserved", "forbidden"]) -> PortInUse:
    return PortInUse(text(f"port.{kind}", port=port), holder=Holder(kind), hint=text(f"port.hint.{kind}"))


def _taken(port: int, holder: Holder) -> PortInUse:
    hint = text(f"port.hint.{'program' if holder.kind == 'unknown' else holder.kind}")
    return PortInUse(text("port.held-by", port=port, holder=described(holder)), holder=holder, hint=hint)


def described(holder: Holder) -> str:
    """Name a holder, such as "Ollama 0.17.6 (ollama, process 4312)"."""
    process = ""
    if holder.process is not None and holder.pid is not None:
        process = text("port.holder.process", name=holder.process, pid=holder.pid)
    if holder.kind == "ollama":
        unversioned = "port.holder.ollama-unversioned"
        server = text("port.holder.ollama", version=holder.version) if holder.version else text(unversioned)
    elif holder.kind == "ours":
        server = text("port.holder.ours")
    else:
        return process or text("port.holder.unknown")
    return text("port.holder.with-process", holder=server, process=process) if process else server


def find_holder(host: str, port: int) -> Holder:
    """Find out who holds a port; takes up to a few seconds where it accepts connections and does not answer."""
    kind, version = _server_on(host, port)
    name, pid = _process_on(port)
    if kind is None:
        return Holder("unknown" if pid is None else "program", process=name, pid=pid)
    return Holder(kind, version, name, pid)


def _server_on(host: str, port: int) -> tuple[Literal["ours", "ollama"] | None, str | None]:
    """Ask whether another copy of us, or Ollama, answers there; give its version too, where it tells one."""
    with contextlib.suppress(ValueError, RecursionError):
        health = json.loads(_get(host, port, "/health"))
        if isinstance(health, dict) and health.get("app") == "Tray Proxy":
            return "ours", _version_in(health)
    # In this order: we say that Ollama is running, too.
    if _get(host, port, "/").strip() != b"Ollama is running":
        return None, None
    with contextlib.suppress(ValueError, RecursionError):
        return "ollama", _version_in(json.loads(_get(host, port, "/api/version")))
    return "ollama", None


def _version_in(answer: object) -> str | None:
    version = answer.get("version") if isinstance(answer, dict) else None
    # It becomes part of a sentence, and anybody may answer there.
    return version[:40] if isinstance(version, str) and version.isprintable() else None


def _get(host: str, port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.connect()
        with _ending(connection.sock, ANSWER_TIMEOUT_S):
            connection.request("GET", path)
            return connection.getresponse().read(MAX_ANSWER_BYTES)
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()


@contextlib.contextmanager
def _ending(sock: socket.socket, after_s: float) -> Iterator[None]:
    """End a connection after a while: its own limit is for each read, and who answers byte by byte never exceeds it."""

    def end() -> None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(after_s, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _process_on(port: int) -> tuple[str | None, int | None]:
    """Return name and number of the process that listens there; of other people's the system does not tell."""
    import psutil

    for connection, pid in _connections():
        at = connection.laddr
        if connection.status == psutil.CONN_LISTEN and at and at.port == port and pid:
            with contextlib.suppress(psutil.Error, OSError):
                return psutil.Process(pid).name(), pid
    return None, None


def _connections() -> Iterator[tuple[Any, int | None]]:
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            yield connection, connection.pid
    except (psutil.Error, OSError):
        # macOS tells of all of them at once to its administrator alone; of a user's own, process by process.
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                for own in process.net_connections("tcp"):
                    yield own, process.pid
