"""The folder of a program that is started for real: what others put there, and what they could read; a full disk."""

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attacks.canary import ask, body_of
from tray_proxy.errors import SettingsNotSaved

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has neither such files nor such rights")

CHAT = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": False}
FILES = ("demo/instance.json", "demo/instance.lock", "logs/tray-proxy.log", "cache/demo/catalogue.json")

type Start = Callable[..., tuple[Any, list[dict[str, Any]]]]


@pytest.fixture
def start(tmp_path: Path, free_port: int) -> Iterator[Start]:
    """Start the demo by a shell that first does as it is told; give the process, and what it said until it served."""
    started = []

    def begin(first: str = ":") -> tuple[Any, list[dict[str, Any]]]:
        program = (sys.executable, "-m", "tray_proxy", "serve", "--demo", "--port", str(free_port))
        process = subprocess.Popen(
            ["sh", "-c", f'{first}; exec "$@"', "sh", *program],
            env=os.environ | {"TRAY_PROXY_HOME": str(tmp_path / "home")},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        said = []
        for line in process.stdout:
            said.append(json.loads(line))
            if said[-1]["event"].startswith("Tray Proxy serves "):
                break
        return process, said

    yield begin
    for process in started:
        process.kill()
        process.wait(15)
        process.stdout.close()


def end(process: Any) -> list[dict[str, Any]]:
    """End a program; give what it said on the way."""
    process.terminate()
    assert process.wait(20) == 0
    return [json.loads(line) for line in process.stdout]


def pipe(path: Path, _elsewhere: Path) -> None:
    os.mkfifo(path)


def link(path: Path, elsewhere: Path) -> None:
    path.symlink_to(elsewhere)


def dangling(path: Path, elsewhere: Path) -> None:
    path.symlink_to(elsewhere.with_name("nowhere"))


def device(path: Path, _elsewhere: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path, _elsewhere: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("put", [pipe, link, dangling, device, folder])
def test_what_stands_in_place_of_its_files_holds_no_start_up(
    put: Callable[[Path, Path], None], start: Start, free_port: int, tmp_path: Path
) -> None:
    """It serves as ever, and what a link leads to stays as it was."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    # The owner's own link to a file is written through where what is behind it is replaced as a whole.
    for name in FILES[:3] if put is link else FILES:
        (tmp_path / "home" / name).parent.mkdir(parents=True, exist_ok=True)
        put(tmp_path / "home" / name, elsewhere)

    process, said = start()
    status, _ = ask(free_port, "POST", "/api/chat", CHAT)
    end(process)

    assert next(each["event"] for each in said if each["level"] == "warning") == (
        "the log file cannot be written: the log is told here alone"
    )
    assert said[-1]["event"].startswith("Tray Proxy serves ")
    assert (status, elsewhere.read_text()) == (200, "precious")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("put", [pipe, device])
def test_settings_that_are_no_file_are_refused_in_a_sentence(
    put: Callable[[Path, Path], None], start: Start, tmp_path: Path
) -> None:
    """Where a server's settings are wrong it ends, and somebody mends them; it must not wait for ever."""
    (tmp_path / "home").mkdir()
    put(tmp_path / "home" / "settings.json", tmp_path)

    program = subprocess.run(
        [sys.executable, "-m", "tray_proxy", "serve", "--demo"],
        env=os.environ | {"TRAY_PROXY_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert program.returncode == 2
    assert program.stderr == (
        f"tray-proxy: The settings file cannot be opened: {tmp_path}/home/settings.json (Not a file).\n"
    )


def test_everything_that_it_keeps_is_its_owners_alone(start: Start, free_port: int, tmp_path: Path) -> None:
    """Whatever the umask, and also what was open to others before."""
    home = tmp_path / "home"
    for name in ("logs/tray-proxy.log.1", "cache/demo/updates.json", "demo/settings.damaged-1.json", *FILES[2:]):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).touch()
        (home / name).chmod(0o666)
        (home / name).parent.chmod(0o777)

    process, _ = start("umask 0")
    ask(free_port, "POST", "/api/copy", {"source": "openai/gpt-4o-mini", "destination": "mine"})
    while_it_runs = list((home / "demo").iterdir())
    end(process)

    rights = {str(path.relative_to(home)): stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*")}
    assert {path.name for path in while_it_runs} >= {"instance.json", "instance.lock", "settings.json"}
    # The folder above those of the demo is the cache of the real program, which did not run.
    assert {name: oct(mode) for name, mode in rights.items() if mode & 0o077 and name != "cache"} == {}


def test_a_full_disk_costs_no_settings_and_no_answer(start: Start, free_port: int, tmp_path: Path) -> None:
    """The system refuses every byte that is written to a file, as on a full disk."""
    settings = tmp_path / "home" / "demo" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"presets": {"kept": {"model": "openai/gpt-4o-mini"}}}')

    process, _ = start("ulimit -f 0")
    refused, told = ask(free_port, "POST", "/api/copy", {"source": "openai/gpt-4o-mini", "destination": "mine"})
    answered = [ask(free_port, "POST", "/api/chat", CHAT | {"model": name})[0] for name in (CHAT["model"], "kept")]
    said = end(process)

    assert answered == [200, 200]
    assert (refused, body_of(told)["error"]) == (
        500,
        f"The settings could not be saved: {os.strerror(errno.EFBIG)}. {SettingsNotSaved.hint}",
    )
    assert json.loads(settings.read_text()) == {"presets": {"kept": {"model": "openai/gpt-4o-mini"}}}
    assert [path.name for path in settings.parent.iterdir() if path.name.startswith(".")] == []
    assert [each for each in said if each["level"] in ("error", "critical")] == []
