"""
The program for Linux that was built, as people get it: unpacked, started, used, installed and removed again.

`make package-linux` builds it first.
"""

import json
import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import httpx
import psutil
import pytest

from desktop.session import DesktopSession
from desktop.waiting import wait_for
from tray_proxy import __version__
from tray_proxy.demo.keys import DEMO_KEY

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "test-artifacts"
TARBALL_BYTES = 25_000_000
CHAT = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
# What glibc itself brings, and X's own protocol library and what belongs to a graphics driver: each desktop has them,
# and ours would not fit its driver.
OF_THE_SYSTEM = {"ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1"} | {
    "libresolv.so.2", "libutil.so.1", "libxcb.so.1", "libwayland-client.so.0", "libwayland-cursor.so.0",
    "libwayland-egl.so.1",
}  # fmt: skip


@pytest.fixture(scope="module")
def tarball() -> Path:
    """The file that was built last."""
    found = list((ROOT / "dist").glob(f"tray-proxy-{__version__}-linux-*.tar.xz"))
    assert len(found) == 1, "`make package-linux` builds it"
    return found[0]


@pytest.fixture(scope="module")
def unpacked(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in it."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(tarball) as packed:
        packed.extractall(folder, filter="tar")
    (inside,) = folder.iterdir()
    return inside


@pytest.fixture(scope="module")
def program(unpacked: Path) -> Path:
    """The program in it."""
    return unpacked / "program" / "tray-proxy"


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory):
    """A desktop with a tray and a keyring; what is missing for it fails the tests."""
    with DesktopSession(tmp_path_factory.mktemp("desktop")) as session:
        yield session


def seen(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the size and the time of change of all that lies in a folder."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")
    }


def get(port: int, path: str) -> httpx.Response | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=2)
    except httpx.HTTPError:
        return None


def answers(port: int) -> bool:
    answer = get(port, "/api/version")
    return answer is not None and answer.status_code == 200


def chat(port: int) -> list[dict[str, object]]:
    """Ask as an app does; return the lines of the streamed answer."""
    with httpx.stream("POST", f"http://127.0.0.1:{port}/api/chat", json=CHAT, trust_env=False, timeout=10) as answer:
        return [json.loads(line) for line in answer.iter_lines()]


def run(program: Path, *arguments: str, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    given = {"env": env, "stdin": subprocess.DEVNULL, "timeout": 30}
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, **given)


def test_it_is_small_enough(tarball: Path) -> None:
    assert tarball.stat().st_size <= TARBALL_BYTES


def test_it_brings_each_library_that_it_needs(program: Path) -> None:
    """On the machine that builds, the system's own would hide that one is missing."""
    inside = [path for path in program.parent.rglob("*") if path.is_file()]
    brought = {path.name for path in inside}
    missing = {}
    for path in inside:
        with path.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                continue
        told = subprocess.run(["objdump", "-p", path], capture_output=True, text=True, check=True).stdout
        needed = {line.split()[1] for line in told.splitlines() if line.startswith("  NEEDED")}
        if lacking := needed - brought - OF_THE_SYSTEM:
            missing[path.name] = lacking

    assert missing == {}


def test_it_says_under_which_licence_it_is_as_a_whole(unpacked: Path, program: Path) -> None:
    copying = (unpacked / "COPYING.txt").read_text(encoding="utf-8")
    notices = (unpacked / "program/_internal/assets/notices.txt").read_text(encoding="utf-8")
    brought = {path.name for path in program.parent.rglob("libayatana-*")}

    assert brought == {
        "libayatana-appindicator3.so.1", "libayatana-ido3-0.4.so.0", "libayatana-indicator3.so.7",
    }  # fmt: skip
    assert "program/_internal/assets/notices.txt" in copying
    whole, _, rest = notices.partition("\n* anyio ")
    assert "as a whole is under the GNU General Public License, version 3" in whole
    for name in ("ayatana-ido", "libayatana-appindicator", "libayatana-indicator"):
        assert f"\n* {name}: " in whole
        assert rest.count(f"\nSource: apt-get source {name}=") == 1
    assert "GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007" in rest


def test_it_prints_where_there_is_a_terminal(program: Path, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}

    version = run(program, "--version", env=env)
    wrong = run(program, "--colour", env=env)
    checked = run(program, "doctor", "--demo", env=env)

    assert (version.returncode, version.stdout) == (0, f"tray-proxy {__version__}\n")
    assert (wrong.returncode, wrong.stderr) == (
        2, "tray-proxy: there is no option --colour. `tray-proxy --help` shows what there is.\n",
    )  # fmt: skip
    assert checked.stdout.splitlines()[-1] == "All is well."


def test_it_serves_without_a_tray_and_with_all_streams_closed(program: Path, tmp_path: Path, free_port: int) -> None:
    env = {"TRAY_PROXY_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", program, "serve", "--demo", "--port", str(free_port)]

    process = subprocess.Popen(closed, env=env)
    try:
        wait_for(lambda: answers(free_port), "the port to answer")
        lines = chat(free_port)
        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0
    finally:
        process.kill()
    assert (lines[0]["done"], lines[-1]["done"]) == (False, True)


def test_the_tray_of_the_program_that_was_built(program: Path, desktop, tmp_path: Path, free_port: int) -> None:
    """One start for the whole story: icon, menu, page, an app, a second start, the end. Nothing is written there."""
    env = {
        "TRAY_PROXY_HOME": str(tmp_path / "home"),
        "OPENROUTER_API_KEY": DEMO_KEY,
        "BROWSER": str(tmp_path / "browser"),
    }
    Path(env["BROWSER"]).write_text(
        f"#!/bin/sh\n/usr/bin/env >{tmp_path}/new && mv {tmp_path}/new {tmp_path}/environment\n"
    )
    Path(env["BROWSER"]).chmod(0o755)
    before = seen(program.parent)

    began_s = time.monotonic()
    process = desktop.start([program, "--demo", "--port", str(free_port)], env=env)
    wait_for(lambda: answers(free_port), "the port to answer")
    started_s = time.monotonic() - began_s
    menu = desktop.tray_menu(pid=process.pid)
    menu.wait_for("Turn off", that=lambda item: item.enabled)
    desktop.screenshot(ARTIFACTS / "package-tray.png")
    lines = chat(free_port)
    memory = psutil.Process(process.pid).memory_full_info()
    figures = f"start {started_s:.2f} s; RSS {memory.rss / 1e6:.0f} MB, of its own {memory.uss / 1e6:.0f} MB\n"
    (ARTIFACTS / "package-figures.txt").write_text(figures)

    menu.click("Turn off")
    wait_for(lambda: not answers(free_port), "the port to close")
    menu.wait_for("Turn on", that=lambda item: item.enabled)
    menu.click("Turn on")
    wait_for(lambda: answers(free_port), "the port to answer")
    (tmp_path / "environment").unlink(missing_ok=True)
    again = run(program, "--demo", env=desktop.env | env)
    handed_on = wait_for(
        lambda: (tmp_path / "environment").exists() and (tmp_path / "environment").read_text(), "a browser"
    )
    ending = run(program, "--demo", "--quit", env=desktop.env | env)

    assert "".join(line["message"]["content"] for line in lines).startswith("[demo]")
    assert (again.returncode, again.stdout) == (0, "Tray Proxy is already running, and opens its page.\n")
    assert (ending.returncode, ending.stdout, process.wait(5)) == (0, "Tray Proxy has ended.\n", 0)
    assert [line for line in handed_on.splitlines() if str(program.parent) in line or line.startswith("_PYI")] == []
    assert seen(program.parent) == before


def test_install_upgrade_and_uninstall(unpacked: Path, desktop, free_port: int) -> None:
    """For one user, over a copy that runs, and nothing of the program is left."""
    home = desktop.home
    env = desktop.env | {"OPENROUTER_API_KEY": DEMO_KEY}
    link = home / ".local/bin/tray-proxy"
    data = Path(env["XDG_DATA_HOME"])
    before = seen(home / ".local") | seen(Path(env["XDG_CONFIG_HOME"]))

    install = [unpacked / "install.sh"]
    subprocess.run(install, env=env, check=True, capture_output=True, timeout=60)
    subprocess.run(["desktop-file-validate", data / "applications/tray-proxy.desktop"], check=True)
    running = desktop.start([link, "--demo", "--background", "--port", str(free_port)], env=env)
    wait_for(lambda: answers(free_port), "the port to answer")
    menu = desktop.tray_menu(pid=running.pid)
    menu.click("Start when I log in")
    entry = Path(env["XDG_CONFIG_HOME"]) / "autostart/tray-proxy.desktop"
    wait_for(entry.exists, "the entry for the login")
    started = entry.read_text()
    subprocess.run(install, env=env, check=True, capture_output=True, timeout=60)
    upgraded = (running.wait(5), run(link, "--version", env=env).stdout, entry.exists())
    removed = subprocess.run(
        [data / "tray-proxy/uninstall.sh", "--forget"], env=env, check=True, capture_output=True, text=True, timeout=60
    )

    assert f"Exec={data}/tray-proxy/program/tray-proxy --demo" in started
    assert upgraded == (0, f"tray-proxy {__version__}\n", True)
    assert removed.stdout.splitlines()[-1] == "Tray Proxy is removed."
    left = set(seen(home / ".local") | seen(Path(env["XDG_CONFIG_HOME"]))) - set(before)
    assert [name for name in left if "tray-proxy" in name] == []
