"""One copy at a time on a folder: the lock, the file beside it, and what a second start asks."""

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from starlette.applications import Starlette

from tray_proxy import instance
from tray_proxy.instance import AlreadyRuns, Instance, NoAnswer, NotRunning
from tray_proxy.listener import Listener, LoopThread, bind
from tray_proxy.web import control_api
from tray_proxy.web.app import mounted
from tray_proxy.web.gate import PageGate

# A process that holds the lock of the folder it is told, until it is killed.
HOLDER = """
import sys, time
from pathlib import Path
from tray_proxy.instance import Instance
held = Instance.acquire(Path(sys.argv[1]))
held.publish(1, "token")
print("held", flush=True)
sys.stdin.read()
"""


class Copy:
    """A copy that runs in this process: its lock, its page, and what it was asked."""

    def __init__(self, loop: LoopThread, folder: Path) -> None:
        self.loop = loop
        self.asked: list[str] = []
        self.told: str | None = None
        self.on_quit: Callable[[], None] = lambda: None
        acquired = Instance.acquire(folder)
        assert acquired is not None
        self.instance = acquired
        sockets = bind("127.0.0.1", 0)
        self.gate = PageGate(sockets[0].getsockname()[1])
        app = self.gate.protect(Starlette(routes=mounted(control_api.routes(self._show, self._end))))
        self.listener = Listener(app, sockets)
        self.port = self.listener.port
        loop.submit(self.listener.start()).result(15)

    def publish(self) -> None:
        self.instance.publish(self.port, self.gate.control_token)

    def _show(self) -> str | None:
        self.asked.append("open")
        return self.told

    def _end(self) -> None:
        self.asked.append("quit")
        self.on_quit()

    def close(self) -> None:
        self.instance.release()
        self.loop.submit(self.listener.stop()).result(15)


def tell(folder: Path, **change: object) -> None:
    """Change what the file says."""
    record = json.loads((folder / "instance.json").read_bytes()) | change
    (folder / "instance.json").write_text(json.dumps(record))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "settings"


@pytest.fixture
def copy(loop: LoopThread, folder: Path) -> Iterator[Copy]:
    """A copy that runs, and does not say so yet."""
    copy = Copy(loop, folder)
    yield copy
    copy.close()


@pytest.fixture
def holder(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that runs on the folder, and answers nobody."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait(15)
    process.stdin.close()
    process.stdout.close()


def test_the_first_one_gets_the_folder_and_the_second_does_not(folder: Path) -> None:
    first = Instance.acquire(folder)

    assert first is not None
    assert Instance.acquire(folder) is None
    first.release()


def test_after_the_first_one_has_ended_the_next_one_gets_it(folder: Path) -> None:
    first = Instance.acquire(folder)
    assert first is not None
    first.publish(1, "token")
    first.release()

    second = Instance.acquire(folder)

    assert second is not None
    assert not (folder / "instance.json").exists()
    second.release()


def test_the_lock_can_be_let_go_in_another_thread(folder: Path) -> None:
    """The tray's end comes where it comes."""
    first = Instance.acquire(folder)
    assert first is not None
    thread = threading.Thread(target=first.release)
    thread.start()
    thread.join(15)

    assert not instance.is_held(folder)


def test_two_folders_are_two_copies(tmp_path: Path) -> None:
    """The demo has its own."""
    first, second = Instance.acquire(tmp_path), Instance.acquire(tmp_path / "demo")

    assert first is not None
    assert second is not None
    first.release()
    second.release()


def test_a_copy_that_was_killed_blocks_nobody(folder: Path, holder: "subprocess.Popen[str]") -> None:
    """Its file is still there; its lock went with it."""
    assert Instance.acquire(folder) is None
    holder.kill()
    holder.wait(15)
    assert (folder / "instance.json").exists()

    next_one = Instance.acquire(folder)

    assert next_one is not None
    assert not (folder / "instance.json").exists()
    next_one.release()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes; the folder is the user's own there")
def test_the_file_is_for_the_owners_eyes_only(copy: Copy, folder: Path) -> None:
    """Whoever has the token can end the program."""
    copy.publish()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"instance.lock": 0o600, "instance.json": 0o600}
    assert json.loads((folder / "instance.json").read_bytes()) == {
        "pid": os.getpid(),
        "started_s": psutil.Process().create_time(),
        "port": copy.port,
        "token": copy.gate.control_token,
    }


def test_a_folder_that_holds_no_lock_keeps_nobody_from_running(tmp_path: Path) -> None:
    """A disk that is full or read-only is no reason to refuse."""
    (tmp_path / "file").write_text("in the way")

    alone = Instance.acquire(tmp_path / "file")

    assert alone is not None
    alone.publish(1, "token")
    alone.release()
    assert (tmp_path / "file").read_text() == "in the way"


def test_who_is_asked_to_open_opens_and_may_say_something(copy: Copy, folder: Path) -> None:
    copy.publish()
    copy.told = "No tray here."

    assert instance.ask(folder, "open") == "No tray here."
    assert copy.asked == ["open"]


def test_nobody_is_asked_where_nobody_runs(folder: Path) -> None:
    """Least of all the program that has the port now: a file was left behind."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        folder.mkdir()
        record = {"pid": 1, "started_s": 0.0, "port": other.getsockname()[1], "token": "x"}
        (folder / "instance.json").write_text(json.dumps(record))
        (folder / "instance.lock").touch()

        with pytest.raises(NotRunning, match=r"^Tray Proxy is not running\.$"):
            instance.ask(folder, "open")
        with pytest.raises(BlockingIOError):
            other.accept()


def test_asking_leaves_no_folder_behind(folder: Path) -> None:
    assert not instance.end(folder)
    assert not folder.exists()


def test_one_that_has_just_been_started_is_waited_for(copy: Copy, folder: Path) -> None:
    """Two double-clicks in a row: the second comes before the first is ready."""
    asked = threading.Event()

    def read_and_note(folder: Path) -> object:
        record = read(folder)
        asked.set()
        return record

    read, instance._read = instance._read, read_and_note
    try:
        asking = threading.Thread(target=instance.ask, args=(folder, "open"))
        asking.start()
        assert asked.wait(15)
        assert copy.asked == []
        copy.publish()
        asking.join(15)
    finally:
        instance._read = read

    assert copy.asked == ["open"]


def test_one_that_does_not_answer_is_named(folder: Path, holder: "subprocess.Popen[str]") -> None:
    with pytest.raises(NoAnswer) as told:
        instance.ask(folder, "open", timeout_s=0.1)

    assert told.value.message == f"Tray Proxy is already running (process {holder.pid}), but it does not answer."
    assert told.value.hint == "End the process with your system's own means, and try again."


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"pid": "x", "port": 1, "token": 2}', b"[]"])
def test_a_file_that_cannot_be_read_is_no_file(copy: Copy, folder: Path, content: bytes) -> None:
    (folder / "instance.json").write_bytes(content)

    with pytest.raises(NoAnswer, match=r"^Tray Proxy is already running, but it does not answer\.$"):
        instance.ask(folder, "open", timeout_s=0.0)


@pytest.mark.parametrize("change", [{"port": 0}, {"port": 70_000}, {"token": "x\r\nX: y"}, {"token": "\u2603"}])
def test_a_file_that_was_meddled_with_is_no_file(copy: Copy, folder: Path, change: dict[str, object]) -> None:
    copy.publish()
    tell(folder, **change)

    with pytest.raises(NoAnswer):
        instance.ask(folder, "open", timeout_s=0.0)


def test_a_wrong_token_is_no_answer(copy: Copy, folder: Path) -> None:
    copy.instance.publish(copy.port, "wrong")

    with pytest.raises(NoAnswer):
        instance.ask(folder, "quit", timeout_s=0.0)
    assert copy.asked == []


def test_ending_waits_until_the_folder_is_free(copy: Copy, folder: Path) -> None:
    """An installer goes on to replace the program's files."""
    copy.publish()
    # It runs in this process, whose end would not come: no process has this number.
    tell(folder, pid=2**22 + 1)
    copy.on_quit = copy.instance.release

    assert instance.end(folder)
    assert not instance.is_held(folder)
    assert copy.asked == ["quit"]


def test_a_process_that_only_has_the_same_number_is_not_waited_for(copy: Copy, folder: Path) -> None:
    """From outside a container its process number is another program's."""
    copy.publish()
    tell(folder, started_s=psutil.Process().create_time() - 60)
    copy.on_quit = copy.instance.release

    assert instance.end(folder)


def test_one_that_lets_go_of_its_folder_and_lives_on_is_told(copy: Copy, folder: Path) -> None:
    """Its files could not be replaced."""
    copy.publish()
    copy.on_quit = copy.instance.release

    with pytest.raises(NoAnswer, match=r"^Tray Proxy was asked to end, and still runs \(process \d+\)\.$"):
        instance.end(folder, timeout_s=0.2)


def test_one_that_does_not_end_is_told(copy: Copy, folder: Path) -> None:
    copy.publish()

    with pytest.raises(NoAnswer) as told:
        instance.end(folder, timeout_s=0.1)

    assert told.value.message == f"Tray Proxy was asked to end, and still runs (process {os.getpid()})."


def test_nothing_to_end_is_no_failure(folder: Path) -> None:
    assert instance.end(folder) is False


def test_who_refuses_to_run_twice_says_which_one_runs(copy: Copy, folder: Path) -> None:
    copy.publish()

    refusal = AlreadyRuns(folder)

    assert refusal.message == f"Tray Proxy is already running (process {os.getpid()}) with the same settings."
    assert refusal.hint == (
        "The same command with --quit ends it. To run a second one beside it, give that a folder and a port of its own "
        "(--tray-proxy-home, or the setting TRAY_PROXY_HOME, and --port)."
    )
