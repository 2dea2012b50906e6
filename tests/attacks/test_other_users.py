"""Other users of this computer, each in a process of its own, against a server that is one user's alone."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from e2e.conftest import said_first
from tray_proxy.demo.upstream import DEMO_KEY

ROOT, SOMEBODY, NOBODY = 0, 1234, 65534
CANNOT_BE_OTHERS = sys.platform != "linux" or os.geteuid() != ROOT or shutil.which("setpriv") is None
pytestmark = pytest.mark.skipif(CANNOT_BE_OTHERS, reason="only root can start programs as other users, with setpriv")

# Host, port, a port of the client's own or 0, and how many requests to send on one connection. Says how each was
# answered, and from which port.
CLIENT = """
import json, re, socket, sys
host, port, own, times = sys.argv[1], *map(int, sys.argv[2:5])
body = b'{"model":"openai/gpt-4o-mini","messages":[{"role":"user","content":"hi"}],"stream":false}'
asked = b"POST /api/chat HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: %d\\r\\n\\r\\n%b" % (len(body), body)
statuses = []
with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, own))
    sock.connect((host, port))
    with sock.makefile("rb") as answers:
        for _ in range(times):
            # In one piece: who is refused before all is there may not go on.
            sock.sendall(asked)
            statuses.append(int(answers.readline().split()[1]))
            head = b"".join(iter(answers.readline, b"\\r\\n"))
            answers.read(int(re.search(rb"(?i)content-length: (\\d+)", head)[1]))
    print(json.dumps([statuses, sock.getsockname()[1]]))
    # Broken off, so that the port is free at once.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
"""

# Sends a question and is gone, again and again, in each way that there is to go.
HIT_AND_RUN = """
import socket, sys
port = int(sys.argv[1])
body = b'{"model":"openai/gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}'
asked = b"POST /api/chat HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: %d\\r\\n\\r\\n%b" % (len(body), body)
for number in range(300):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        if number % 3 == 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        sock.sendall(asked)
        if number % 3 == 1:
            sock.shutdown(socket.SHUT_WR)
"""


def as_user(number, *command):
    """Have a command run as somebody else, who may read this Python and these sources wherever they lie."""
    reading = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search") if number != ROOT else ()
    return ["setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups", *reading, *command]


@pytest.fixture
def start(stage, upstream, tmp_path, free_port):
    """Start the program as a user; give the process, once it has said something, or has ended."""
    started = []

    def start(user, *arguments, wrapped=()):
        home = tmp_path / "home"
        home.mkdir()
        os.chown(home, user, user)
        environment = {
            "TRAY_PROXY_HOME": str(home), "OPENROUTER_BASE_URL": stage.url, "OPENROUTER_API_KEY": DEMO_KEY,
            **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        }  # fmt: skip
        command = [sys.executable, "-m", "tray_proxy", "serve", "--port", str(free_port), *arguments]
        with (tmp_path / "stderr").open("wb") as errors:
            process = subprocess.Popen(
                [*wrapped, *command] if wrapped else as_user(user, *command),
                env=environment,
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        started.append(process)
        return process, said_first(process)

    yield start
    for process in started:
        process.send_signal(signal.SIGKILL)
        process.wait(15)
        process.stdout.close()


@pytest.fixture
def ask(free_port):
    """Ask as a user; give the statuses, and the port that was asked from."""

    def ask(user, host="127.0.0.1", *, own_port=0, times=1):
        arguments = (host, str(free_port), str(own_port), str(times))
        run = subprocess.run(
            as_user(user, sys.executable, "-I", "-S", "-c", CLIENT, *arguments),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert run.stderr == ""
        return json.loads(run.stdout)

    return ask


@pytest.mark.parametrize("owner", [ROOT, NOBODY])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_of_three_users_only_the_owner_is_answered(start, ask, upstream, owner, host):
    """Root's programs are refused, too: some of them pass on what others ask."""
    start(owner, "--same-user-only", "on")

    statuses = {user: ask(user, host)[0] for user in (ROOT, SOMEBODY, NOBODY)}

    assert statuses == {user: [200 if user == owner else 403] for user in (ROOT, SOMEBODY, NOBODY)}
    assert len(upstream.chats) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_on_a_kept_connection_each_stays_who_he_is(start, ask, upstream, host):
    start(NOBODY, "--same-user-only", "on")

    assert [ask(user, host, times=3)[0] for user in (SOMEBODY, NOBODY, ROOT)] == [[403] * 3, [200] * 3, [403] * 3]
    assert len(upstream.chats) == 3


def test_a_port_that_the_owner_had_a_moment_ago_helps_nobody_else(start, ask, upstream):
    start(NOBODY, "--same-user-only", "on")
    answers = [ask(NOBODY)]
    port = answers[0][1]

    answers += [ask(user, own_port=port) for user in (SOMEBODY, ROOT, NOBODY)]

    assert answers == [[[200], port], [[403], port], [[403], port], [[200], port]]
    assert len(upstream.chats) == 2


def test_who_asks_and_is_gone_before_anybody_looks_has_nothing_asked_for_him(start, ask, upstream, free_port):
    """Of a socket that was closed Linux tells that it is root's; so it is root's server that is tried."""
    start(ROOT, "--same-user-only", "on")

    run = subprocess.run(
        as_user(SOMEBODY, sys.executable, "-I", "-S", "-c", HIT_AND_RUN, str(free_port)), timeout=60, check=False
    )

    # Answered after all of theirs: the port's connections are taken one after another.
    assert (run.returncode, ask(ROOT)[0]) == (0, [200])
    assert len(upstream.chats) == 1


@pytest.mark.parametrize("given", [(), ("--same-user-only", "off")])
def test_where_it_is_off_all_users_are_answered(start, ask, upstream, given):
    start(NOBODY, *given)

    assert [ask(user)[0] for user in (ROOT, SOMEBODY, NOBODY)] == [[200]] * 3
    assert len(upstream.chats) == 3


def test_by_a_network_address_of_this_computer_it_is_the_same(start, ask, upstream, free_port):
    """Open to other computers it is this one's users that are told apart, whichever way they take."""
    start(NOBODY, "--host", "0.0.0.0", "--insecure", "--same-user-only", "on")
    line = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    hosts = ["127.0.0.1", *(each for each in line if not each.startswith("fe80"))]

    answers = {host: [ask(user, host)[0] for user in (SOMEBODY, NOBODY)] for host in hosts}

    assert answers == {host: [[403], [200]] for host in hosts}


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not there")
def test_where_users_cannot_be_told_apart_it_does_not_start(start, tmp_path):
    """In a list of users without any, all of them are the same one."""
    trial = subprocess.run(["unshare", "--user", "true"], capture_output=True, check=False)
    if trial.returncode != 0:
        # Some systems keep it from all but root.
        missing = pytest.fail if os.environ.get("CI") and os.geteuid() == 0 else pytest.skip
        missing("this system makes no lists of users")

    process, said = start(ROOT, "--same-user-only", "on", wrapped=("unshare", "--user"))

    assert (said, process.wait(15)) == ("", 1)
    assert (tmp_path / "stderr").read_text() == (
        "tray-proxy: This system does not tell whose a connection is: the port stays closed, for SAME_USER_ONLY could "
        "not be kept. Turn SAME_USER_ONLY off, and set an access key (PROXY_API_KEY) instead.\n"
    )
