"""Opening folders and addresses, with real child processes that write down what they were given."""

import os
import select
import shlex
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tray_proxy.errors import ProxyError
from tray_proxy.tray import opener

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="xdg-open is Linux's; the others are imitated here")

KEY = "sk-or-v1-0123456789abcdef"
URL = "http://127.0.0.1:40000/open?token=secret"
PATIENCE_S = 10.0


class Recorder:
    """A program that writes its first argument and its environment into a pipe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        pipe = path.with_suffix(".pipe")
        os.mkfifo(pipe)
        self._pipe = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        target = shlex.quote(str(pipe))
        path.write_text(f'#!/bin/sh\nexec >{target}\nprintf "%s\\n" "$1"\nexec /usr/bin/env\n')
        path.chmod(0o755)

    def heard(self) -> tuple[str, dict[str, str]]:
        """The argument and the environment, once the program has ended."""
        assert select.select([self._pipe], [], [], PATIENCE_S)[0], f"{self.path.name} was not started"
        os.set_blocking(self._pipe, True)
        with os.fdopen(self._pipe) as pipe:
            argument, *lines = pipe.read().splitlines()
        return argument, dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.fixture(autouse=True)
def owners_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner has no browser of choice."""
    monkeypatch.delenv("BROWSER", raising=False)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that programs are found in; empty at first."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def record(programs: Path) -> Callable[[str], Recorder]:
    """Put a recorder under a name where programs are found."""
    return lambda name: Recorder(programs / name)


def test_a_folder_is_shown_by_the_desktops_own_program(record, tmp_path: Path) -> None:
    desktop = record("xdg-open")

    opener.open_folder(tmp_path / "my logs")

    assert desktop.heard()[0] == str(tmp_path / "my logs")


def test_an_address_is_shown_by_the_desktops_own_program(record) -> None:
    desktop = record("xdg-open")

    opener.open_address(URL)

    assert desktop.heard()[0] == URL


def test_the_browser_that_the_owner_has_set_is_taken_first(record, monkeypatch: pytest.MonkeyPatch) -> None:
    record("xdg-open")
    browser = record("my-browser")
    monkeypatch.setenv("BROWSER", "my-browser")

    opener.open_address(URL)

    assert browser.heard()[0] == URL


def test_a_set_browser_that_is_not_there_is_passed_over(record, monkeypatch: pytest.MonkeyPatch) -> None:
    desktop = record("xdg-open")
    monkeypatch.setenv("BROWSER", "gone-browser")

    opener.open_address(URL)

    assert desktop.heard()[0] == URL


def test_the_rest_of_the_environment_reaches_the_child(record, monkeypatch: pytest.MonkeyPatch) -> None:
    """The desktop is found by it: display, session bus, language."""
    desktop = record("xdg-open")
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "XFCE")

    opener.open_address(URL)

    assert desktop.heard()[1]["XDG_CURRENT_DESKTOP"] == "XFCE"


def test_a_missing_file_manager_is_told_with_the_folder(programs: Path, tmp_path: Path) -> None:
    """The owner can go there by hand."""
    with pytest.raises(ProxyError) as caught:
        opener.open_folder(tmp_path / "logs")

    assert caught.value.message == f"No file manager could be started. The folder is {tmp_path / 'logs'}."


def test_a_missing_browser_is_told_without_the_address(programs: Path) -> None:
    """Whoever has the address is let in, and messages are kept in logs."""
    with pytest.raises(ProxyError) as caught:
        opener.open_address(URL)

    assert caught.value.message == ("No browser could be started. Set one up for this desktop, and try again.")


def test_a_browser_that_cannot_be_run_is_told_like_a_missing_one(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = programs / "broken-browser"
    broken.write_bytes(b"\x7fELF, but not really")
    broken.chmod(0o755)
    monkeypatch.setenv("BROWSER", "broken-browser")

    with pytest.raises(ProxyError, match=r"^No browser could be started"):
        opener.open_address(URL)


def test_an_error_does_not_carry_the_address_in_its_chain(programs: Path) -> None:
    """A log shows the chain."""
    with pytest.raises(ProxyError) as caught:
        opener.open_address(URL)

    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)


def test_a_program_that_has_ended_leaves_nothing_behind(record) -> None:
    """Unheard of, each click on Settings… would leave a zombie."""
    desktop = record("xdg-open")
    opener.open_address(URL)

    desktop.heard()

    for thread in threading.enumerate():
        if thread.name == "opener":
            thread.join(PATIENCE_S)
    assert [child.pid for child in psutil.Process().children()] == []


@pytest.mark.parametrize(
    ("given", "handed_on"),
    [
        ({"LD_LIBRARY_PATH": "/bundle:/own", "LD_LIBRARY_PATH_ORIG": "/own"}, {"LD_LIBRARY_PATH": "/own"}),
        ({"LD_LIBRARY_PATH": "/bundle"}, {}),
        ({"GTK_PATH": "/bundle", "GIO_MODULE_DIR": "/bundle/gio_modules", "_PYI_ARCHIVE_FILE": "/p/tray-proxy"}, {}),
        ({"XDG_DATA_DIRS": "/bundle/share:/usr/share"}, {"XDG_DATA_DIRS": "/usr/share"}),
        ({"GTK_PATH": "/bundle-of-another", "EMPTY": ""}, {"GTK_PATH": "/bundle-of-another", "EMPTY": ""}),
    ],
)
def test_a_frozen_program_hands_on_the_environment_that_it_was_given(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], handed_on: dict[str, str]
) -> None:
    """A browser that loads the bundle's libraries instead of its own crashes."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", "/bundle", raising=False)
    monkeypatch.setattr(os, "environ", given)

    assert opener.child_environment() == handed_on


def test_from_source_the_library_path_is_the_owners_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/own")

    assert opener.child_environment()["LD_LIBRARY_PATH"] == "/own"


def test_on_a_mac_open_opens(record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mac = record("open")
    monkeypatch.setattr(sys, "platform", "darwin")

    opener.open_folder(tmp_path)

    assert mac.heard()[0] == str(tmp_path)


def test_on_windows_the_system_chooses_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(os, "startfile", opened.append, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")

    opener.open_address(URL)

    assert opened == [URL]


def test_on_windows_a_failure_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_what: str) -> None:
        raise OSError("no association")

    monkeypatch.setattr(os, "startfile", fail, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")

    with pytest.raises(ProxyError, match=r"^No file manager could be started"):
        opener.open_folder(tmp_path)
