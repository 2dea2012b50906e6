"""Whose the other end of a connection is: what Linux is asked and answers, and real sockets of several users."""

import contextlib
import ctypes
import errno
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tray_proxy import socket_owner
from tray_proxy.socket_owner import (
    CannotTell,
    Row,
    _is_our_process,
    _our_pairs,
    _owner_of,
    is_of_this_computer,
    is_ours,
)

ROOT = Path(__file__).parents[1]
NOBODY = 65534
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="what is tried is how Linux is asked")
by_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can make sockets of other users"
)

# What a kernel answered about a connection of user 1000's from 127.0.0.1:49570 to 127.0.0.1:36287, attributes and all.
ANSWER = bytes.fromhex(
    "7c00000014000000000000001b6b0000"
    "02010000c1a28dbf7f0000010000000000000000000000007f00000100000000000000000000000000000000010000000000000000000000"
    "0000000000000000e8030000b4ae0d00"
    "050008000000000008000f00000000000c00150001000000000000000600160052000000"
)
NO_SUCH_SOCKET = struct.pack("=IHHII", 36, 2, 0, 0, 0) + struct.pack("=i", -errno.ENOENT) + bytes(16)


@contextlib.contextmanager
def another_user(number: int = NOBODY) -> Iterator[None]:
    """Be another user for the sockets that this thread makes: the system call is a thread's, as threads are Linux's."""
    libc = ctypes.CDLL(None)
    libc.setfsuid(number)
    try:
        yield
    finally:
        libc.setfsuid(os.geteuid())


@contextlib.contextmanager
def connected(host: str = "127.0.0.1", *, client: socket.socket | None = None) -> Iterator[tuple[socket.socket, ...]]:
    """Give both ends of a connection, the client's first, and the server."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        caller = client or socket.socket(family)
        with caller:
            name = server.getsockname()
            caller.connect((f"::ffff:{host}", name[1]) if caller.family != family else name)
            with server.accept()[0] as accepted:
                yield caller, accepted, server


def reset(sock: socket.socket) -> None:
    """End a connection without a farewell: its addresses are free at once."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@on_linux
def test_linux_is_asked_for_one_socket_by_both_its_addresses() -> None:
    asked = socket_owner.question(socket.AF_INET, ("127.0.0.1", 49570), ("127.0.0.2", 11434))

    assert asked.hex(" ", 4) == (
        "48000000 14000100 00000000 00000000 "  # 72 bytes, SOCK_DIAG_BY_FAMILY, a request
        "02060000 ffffffff "  # IPv4, TCP, in any state
        "c1a22caa 7f000001 00000000 00000000 00000000 7f000002 00000000 00000000 00000000 "
        "00000000 ffffffff ffffffff"  # on any interface, whatever its cookie
    )


@on_linux
def test_it_is_asked_for_one_of_the_newer_kind_on_its_interface() -> None:
    asked = socket_owner.question(socket.AF_INET6, ("fe80::1", 1), ("fe80::2", 2), 7)

    assert asked[16:].hex(" ", 4) == (
        "0a060000 ffffffff 00010002 fe800000 00000000 00000000 00000001 fe800000 00000000 00000000 00000002 "
        "07000000 ffffffff ffffffff"
    )


def test_its_answer_names_the_owner() -> None:
    assert _owner_of(ANSWER) == 1000


@pytest.mark.parametrize(
    ("name", "state"),
    [("FIN_WAIT1", 4), ("FIN_WAIT2", 5), ("TIME_WAIT", 6), ("CLOSE", 7), ("CLOSE_WAIT", 8), ("LISTEN", 10)],
)
def test_what_is_closed_or_only_listens_is_nobodys(name: str, state: int) -> None:
    """Of a socket that its owner has closed Linux tells root's number, and where none is connected of who listens."""
    assert _owner_of(ANSWER[:17] + bytes([state]) + ANSWER[18:]) is None


@pytest.mark.parametrize("answer", [NO_SUCH_SOCKET, b"", ANSWER[:87], ANSWER[:16]])
def test_no_answer_and_half_an_answer_name_nobody(answer: bytes) -> None:
    assert _owner_of(answer) is None


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("127.0.0.5", marks=on_linux), "::1"])
def test_our_own_connection_is_ours(host: str) -> None:
    with connected(host) as (_, accepted, _server):
        assert is_ours(accepted) is True


def test_ours_is_also_one_that_speaks_ipv4_through_a_socket_of_the_newer_kind() -> None:
    """Java's programs do."""
    with connected(client=socket.socket(socket.AF_INET6)) as (_, accepted, _server):
        assert is_ours(accepted) is True


@by_root
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_another_users_is_not(host: str, family: int) -> None:
    with another_user():
        client = socket.socket(max(family, socket.AF_INET6 if ":" in host else socket.AF_INET))
    with connected(host, client=client) as (_, accepted, _server):
        assert is_ours(accepted) is False


@by_root
def test_root_is_another_user_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with connected() as (_, accepted, _server):
        assert is_ours(accepted) is False


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process open as many files as it may."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 5_000:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("this system lets nobody open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 5_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@on_linux
def test_among_thousands_it_is_found(many_files: None) -> None:
    with connected() as (_, first, server), contextlib.ExitStack() as others:
        for _ in range(2_000):
            others.enter_context(socket.create_connection(server.getsockname()))
            accepted = others.enter_context(server.accept()[0])

        assert [is_ours(first), is_ours(accepted)] == [True, True]


def test_what_was_closed_before_we_look_is_not_ours() -> None:
    with connected() as (client, accepted, _server):
        client.close()

        assert is_ours(accepted) is False


def test_what_was_broken_off_before_we_look_is_not_ours() -> None:
    with connected() as (client, accepted, _server):
        reset(client)

        assert is_ours(accepted) is False


@by_root
def test_whose_addresses_are_another_connections_by_now_is_not_let_in_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user breaks off, and in the midst of our look a program of ours gets the same port."""
    with another_user():
        stranger = socket.socket()
    with connected(client=stranger) as (client, accepted, server), contextlib.ExitStack() as later:
        port = client.getsockname()[1]

        def taken_over(asked: bytes) -> bytes:
            reset(client)
            ours = later.enter_context(
                socket.create_connection(server.getsockname(), source_address=("127.0.0.1", port))
            )
            later.enter_context(server.accept()[0])
            found.append(ours.getsockname())
            return really(asked)

        found: list[object] = []
        really = socket_owner._asked_of_linux
        monkeypatch.setattr(socket_owner, "_asked_of_linux", taken_over)

        assert is_ours(accepted) is False
        assert found == [("127.0.0.1", port)]


@on_linux
def test_where_the_system_does_not_answer_nobody_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_asked: bytes) -> bytes:
        raise PermissionError

    monkeypatch.setattr(socket_owner, "_asked_of_linux", refused)

    with connected() as (_, accepted, _server):
        assert is_ours(accepted) is False
    with pytest.raises(CannotTell) as caught:
        socket_owner.must_tell()
    assert (caught.value.message, caught.value.hint) == (
        "This system does not tell whose a connection is: the port stays closed, for SAME_USER_ONLY could not be kept.",
        "Turn SAME_USER_ONLY off, and set an access key (PROXY_API_KEY) instead.",
    )


@on_linux
@pytest.mark.parametrize("platform", ["freebsd14", "win32"])
def test_a_system_that_cannot_be_asked_lets_nobody_in(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    """Also where one is taken for another."""
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(socket_owner, "_windows_table", lambda _: bytes(4))

    with connected() as (_, accepted, _server):
        assert is_ours(accepted) is False
    with pytest.raises(CannotTell):
        socket_owner.must_tell()


def test_this_system_can_be_asked() -> None:
    socket_owner.must_tell()


@by_root
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not there")
@pytest.mark.parametrize(
    ("more", "says"), [([], "CannotTell\n"), (["--map-user", "1000"], "True\n"), (["--map-root-user"], "True\n")]
)
def test_who_shares_a_number_with_all_who_have_none_cannot_tell_himself(more: list[str], says: str) -> None:
    """In a container with its own list of users, all others have one and the same number there."""
    program = (
        "from tray_proxy import socket_owner\n"
        "try: print(socket_owner.must_tell() is None)\n"
        "except socket_owner.CannotTell as error: print(type(error).__name__)"
    )

    run = subprocess.run(
        ["unshare", "--user", *more, sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare failed" in run.stderr:
        # Some systems keep it from all but root.
        missing = pytest.fail if os.environ.get("CI") and os.geteuid() == 0 else pytest.skip
        missing("this system makes no lists of users")

    assert (run.stdout, run.stderr) == (says, "")


# -- where a connection is from ------------------------------------------------------------------------


class Elsewhere:
    """Our end of a connection from any address."""

    def __init__(self, family: int, peer: tuple[object, ...]) -> None:
        self.family, self.peer = family, peer

    def getpeername(self) -> tuple[object, ...]:
        return self.peer


@pytest.mark.parametrize(
    ("family", "peer", "here"),
    [
        (socket.AF_INET, ("127.0.0.1", 1), True),
        pytest.param(socket.AF_INET, ("127.9.9.9", 1), True, marks=on_linux),
        (socket.AF_INET6, ("::1", 1, 0, 0), True),
        (socket.AF_INET, ("198.51.100.7", 1), False),
        (socket.AF_INET6, ("2001:db8::7", 1, 0, 0), False),
        (socket.AF_INET, ("no address", 1), True),
    ],
)
def test_other_computers_have_addresses_that_we_have_not(family: int, peer: tuple[object, ...], here: bool) -> None:
    assert is_of_this_computer(Elsewhere(family, peer)) is here  # type: ignore[arg-type]


def _own_addresses() -> list[tuple[int, str]]:
    found = [(each.family, each.address) for addresses in psutil.net_if_addrs().values() for each in addresses]
    return [(int(family), host) for family, host in found if family in (socket.AF_INET, socket.AF_INET6)]


@by_root
@pytest.mark.parametrize(("family", "host"), _own_addresses())
def test_on_every_address_of_this_computer_users_are_told_apart(family: int, host: str) -> None:
    """Who goes by the network's address is no other computer."""
    (address,) = (each[4] for each in socket.getaddrinfo(host, 0, family, socket.SOCK_STREAM))
    with socket.socket(family) as server:
        server.bind(address)
        server.listen()
        told = []
        for user in (os.geteuid(), NOBODY):
            with another_user(user):
                client = socket.socket(family)
            with client:
                client.connect(server.getsockname())
                with server.accept()[0] as accepted:
                    told.append((is_ours(accepted), is_of_this_computer(accepted)))

    assert told == [(True, True), (False, True)]


# -- Windows and macOS, as far as they can be tried here -----------------------------------------------

# 2026-03-04 05:06:07.5 UTC.
MADE_S, MADE = 1_772_600_767.5, 134_170_743_675_000_000


def row_4(state: int, client: tuple[bytes, int], server: tuple[bytes, int], pid: int) -> bytes:
    """Write a row as `MIB_TCPROW_OWNER_MODULE` has it, ports in the network's order."""
    written = struct.pack("<I4s", state, client[0]) + client[1].to_bytes(2, "big") + b"\0\0"
    written += server[0] + server[1].to_bytes(2, "big") + b"\0\0"
    return written + struct.pack("<IQ", pid, MADE) + bytes(128)


def test_windows_table_names_who_made_a_connection_and_when() -> None:
    local = b"\x7f\0\0\1"
    table = struct.pack("<II", 3, 0)
    table += row_4(5, (local, 49570), (local, 11434), 4312)
    table += row_4(2, (local, 11434), (bytes(4), 0), 99)  # listens
    table += row_4(11, (local, 49571), (local, 11434), 0)  # ended a while ago
    table += row_4(5, (local, 1), (local, 2), 3)  # beyond the count

    assert list(socket_owner.rows(table, socket.AF_INET)) == [
        Row(("127.0.0.1", 49570), ("127.0.0.1", 11434), 4312, MADE_S)
    ]


def test_windows_table_of_the_newer_kind() -> None:
    ends = [bytes(15) + b"\1" + struct.pack("<I", 0) + port.to_bytes(2, "big") + b"\0\0" for port in (49570, 11434)]
    table = struct.pack("<II", 1, 0) + ends[0] + ends[1] + struct.pack("<IIQ", 5, 4312, MADE) + bytes(128)

    assert list(socket_owner.rows(table, socket.AF_INET6)) == [Row(("::1", 49570), ("::1", 11434), 4312, MADE_S)]


def test_a_process_is_ours_that_was_there_before_its_socket() -> None:
    began_s = psutil.Process().create_time()

    assert _is_our_process(os.getpid(), began_s + 1) is True


def test_a_process_that_began_after_the_socket_was_made_only_has_the_makers_number() -> None:
    """Whoever makes a socket, hands it on and ends leaves his number to any process that begins then."""
    began_s = psutil.Process().create_time()

    assert [_is_our_process(os.getpid(), began_s - 1), _is_our_process(os.getpid(), -1.0)] == [False, False]


def test_a_process_that_is_not_there_is_not_ours() -> None:
    assert _is_our_process(2**22 + 1, 1e10) is False


@by_root
def test_another_users_process_is_not_ours() -> None:
    with subprocess.Popen(["sleep", "60"], user=NOBODY, group=NOBODY, extra_groups=[]) as process:
        told = _is_our_process(process.pid, 1e10)
        process.kill()

    assert told is False


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has a table")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_our_own_processes_connections_are_listed_from_their_side(host: str) -> None:
    """As macOS shows them."""
    with connected(host) as (client, accepted, _server):
        pair = client.getsockname()[:2], accepted.getsockname()[:2]
        told = pair in _our_pairs()

    assert told is True
