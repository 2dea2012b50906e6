"""
Whose the other end of a connection is, where that end is on this computer.

A port cannot tell users apart. The system can: the other end is a socket, too, and stands in the system's table with
its owner. Whoever cannot be told is nobody's, and so not ours.

Linux finds one socket by its addresses in no time, however many there are, and asks for no rights. Windows gives the
whole table, with the number of the process that made each socket; a process that we may not look into is another's.
macOS shows a process's sockets to its own user alone. On those two it was never seen at work by the tests, which run on
Linux: `must_tell` tries it on a connection of our own wherever the port is opened.

Source: Linux, `man 7 sock_diag` and `include/uapi/linux/inet_diag.h`; Microsoft, "GetExtendedTcpTable" and
"MIB_TCPROW_OWNER_MODULE"; psutil's documentation, `Process.net_connections`.
"""

import contextlib
import errno
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tray_proxy.errors import ProxyError
from tray_proxy.texts import text

# A host and a port.
type Address = tuple[str, int]

TIMEOUT_S = 2.0
# Whether it is told so quickly (25 µs) that a thread for it would take longer.
AT_ONCE = sys.platform == "linux"

_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST = 4, 20, 1
_HEAD = struct.Struct("=IHHII")
_ASKED = struct.Struct("=BBBBI")
_PAIR = struct.Struct("!HH16s16s")
# Which interface, and a cookie that is any socket's.
_REST = struct.Struct("=III")
_ANY_COOKIE, _ANY_STATE = 0xFFFFFFFF, 0xFFFFFFFF
# Family, state, timer, how often sent again; which socket; when, how much waits to be read, to be sent; owner, inode.
_ANSWER = struct.Struct("=BBBB48sIIIII")
_ESTABLISHED = 1

# Windows' table of connections, with who made each and when, in 100 ns since 1601: one row, and where the first begins.
_TABLE_OWNER_MODULE_ALL, _WINDOWS_ESTABLISHED, _FIRST_ROW = 8, 5, 8
_ROW_4 = struct.Struct("=I4s2s2x4s2s2xIQ128x")
_ROW_6 = struct.Struct("=16sI2s2x16sI2s2xIIQ128x")
_UNIX_EPOCH = 116_444_736_000_000_000


class CannotTell(ProxyError):
    """The system does not tell whose a connection is, and so the port stays shut that is to be one user's."""

    def __init__(self) -> None:
        super().__init__(text("port.owner-unknown"))
        self.hint = text("port.hint.owner-unknown")


def must_tell() -> None:
    """
    Try it on a connection of our own. May take as long as a look into the system's table.

    Raises:
        CannotTell: we would not know ourselves again, or would take others for us.
    """
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), timeout=TIMEOUT_S),
            server.accept()[0] as accepted,
        ):
            told = is_ours(accepted) and not _is_one_of_the_unknown()
    except OSError:
        told = False
    if not told:
        raise CannotTell


def is_ours(sock: socket.socket) -> bool:
    """
    Say whether the other end of a connection was opened on this computer by our own user.

    Root is another user, too: not to keep it out, which may read all we have anyway, but because its services pass on
    what others ask.

    Args:
        sock: Our end. It must stay open meanwhile, or what is looked up may be another connection's.
    """
    try:
        peer, here = sock.getpeername(), sock.getsockname()
        ours = _is_our_users(sock.family, peer, here)
        # Where it has ended meanwhile, another's connection may have its addresses now; it does not end unnoticed.
        return ours and sock.getpeername() == peer
    except OSError:
        return False


def is_of_this_computer(sock: socket.socket) -> bool:
    """Say whether the other end of a connection has an address of this computer's; where in doubt, it has."""
    try:
        host, _, *scope = sock.getpeername()
        with socket.socket(sock.family) as probe:
            # A socket cannot be bound to another's.
            probe.bind((host, 0, *scope))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def _is_our_users(family: int, peer: Any, here: Any) -> bool:
    client, server = _plain(peer), _plain(here)
    if sys.platform == "linux":
        # An address of a single interface counts there alone.
        interface = peer[3] if family == socket.AF_INET6 else 0
        return _owner_of(_asked_of_linux(question(family, client, server, interface))) == os.geteuid()
    if sys.platform == "win32":
        return any(
            (row.client, row.server) == (client, server) and _is_our_process(row.pid, row.made_s)
            for row in rows(_windows_table(family), family)
        )
    if sys.platform == "darwin":
        return (client, server) in _our_pairs()
    return False


def _plain(address: Any) -> Address:
    """Write an address in one way: that of a program which speaks IPv4 through a socket of the newer kind, too."""
    ip = ipaddress.ip_address(address[0].partition("%")[0])
    return str(getattr(ip, "ipv4_mapped", None) or ip), address[1]


def question(family: int, client: Address, server: Address, interface: int = 0) -> bytes:
    """Write what Linux is asked: for the socket that is bound to one address and connected to the other."""
    packed = (socket.inet_pton(family, host).ljust(16, b"\0") for host, _ in (client, server))
    asked = _ASKED.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE)
    asked += _PAIR.pack(client[1], server[1], *packed) + _REST.pack(interface, _ANY_COOKIE, _ANY_COOKIE)
    return _HEAD.pack(_HEAD.size + len(asked), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0) + asked


def _asked_of_linux(asked: bytes) -> bytes:
    # Named by its number: Python knows the name on Linux alone.
    with socket.socket(16, socket.SOCK_RAW, _SOCK_DIAG) as kernel:  # AF_NETLINK
        kernel.settimeout(TIMEOUT_S)
        kernel.sendto(asked, (0, 0))  # type: ignore[arg-type,unused-ignore]  # an address of this family
        return kernel.recv(8192)


def _owner_of(answer: bytes) -> int | None:
    """
    Return the user's number from Linux's answer; None where there is no such socket, or none that is connected.

    What was closed already is nobody's any more, and of such Linux tells root's number.
    """
    if len(answer) < _HEAD.size + _ANSWER.size or _HEAD.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        return None
    _, state, _, _, _, _, _, _, user, _ = _ANSWER.unpack_from(answer, _HEAD.size)
    return user if state == _ESTABLISHED else None


def _is_one_of_the_unknown() -> bool:
    """Say whether we share our number with everybody who has none: so it may be in a container's own list of users."""
    if sys.platform != "linux":
        return False
    unknown = int(Path("/proc/sys/kernel/overflowuid").read_text(encoding="ascii"))
    knows_all = Path("/proc/self/uid_map").read_text(encoding="ascii").split() == ["0", "0", "4294967295"]
    return os.geteuid() == unknown and not knows_all


class Row(NamedTuple):
    """A connection in Windows' table, seen from whoever made it; `made_s` is the Unix time."""

    client: Address
    server: Address
    pid: int
    made_s: float


def rows(table: bytes, family: int) -> Iterator[Row]:
    """Read Windows' table of connections: those that stand."""
    count = int.from_bytes(table[:4], "little")
    layout = _ROW_4 if family == socket.AF_INET else _ROW_6
    for row in layout.iter_unpack(table[_FIRST_ROW : _FIRST_ROW + count * layout.size]):
        if family == socket.AF_INET:
            state, client, client_port, server, server_port, pid, made = row
        else:
            client, _, client_port, server, _, server_port, state, pid, made = row
        if state == _WINDOWS_ESTABLISHED:
            yield Row(
                (str(ipaddress.ip_address(client)), int.from_bytes(client_port, "big")),
                (str(ipaddress.ip_address(server)), int.from_bytes(server_port, "big")),
                pid,
                (made - _UNIX_EPOCH) / 1e7,
            )


def _windows_table(family: int) -> bytes:
    """Ask Windows for its table, until it fits."""
    if sys.platform != "win32":
        return b""
    import ctypes

    size, insufficient = ctypes.c_ulong(0), 122
    while True:
        table = ctypes.create_string_buffer(size.value)
        failed = ctypes.windll.iphlpapi.GetExtendedTcpTable(
            table, ctypes.byref(size), False, int(family), _TABLE_OWNER_MODULE_ALL, 0
        )
        if not failed:
            return table.raw
        if failed != insufficient:
            raise OSError(failed, "GetExtendedTcpTable")


def _is_our_process(pid: int, made_s: float) -> bool:
    """
    Say whether a process is our user's.

    Args:
        made_s: When it made its socket. A process that began later is another one with the same number: Windows goes
            on naming who made a socket that was handed on.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        return process.create_time() <= made_s and process.username() == psutil.Process().username()
    except psutil.Error:  # Windows lets nobody look into another's
        return False


def _our_pairs() -> Iterator[tuple[Address, Address]]:
    """Give both addresses of each connection that our own user's processes have."""
    if sys.platform == "win32":
        return
    import psutil

    for process in psutil.process_iter():
        # macOS refuses others', and some of one's own, such as those with more rights.
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().effective == os.geteuid():
                for each in process.net_connections("tcp"):
                    if each.status == psutil.CONN_ESTABLISHED:
                        yield _plain(each.laddr), _plain(each.raddr)
