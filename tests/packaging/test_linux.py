"""What installs the program on Linux, run with a program that does nothing; `make package-linux` has the real one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "packaging" / "linux"
ODD_NAME = 'Jürgen\'s "home" $HOME 100% `x` \\b'

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's own")


class User:
    """Somebody with a home of their own, and the unpacked archive."""

    def __init__(self, folder: Path, name: str) -> None:
        self.home = folder / name
        self.home.mkdir()
        self.env = {"HOME": str(self.home), "PATH": os.environ["PATH"]}
        self.data = self.home / ".local/share"
        self.installed = self.data / "tray-proxy"
        self.link = self.home / ".local/bin/tray-proxy"
        self.unpacked = folder / "unpacked"
        write(self.unpacked / "program/tray-proxy", f'#!/bin/sh\necho "$*" >>"{folder}/told"\n')
        write(self.unpacked / "icons/hicolor/scalable/apps/tray-proxy.svg", "<svg/>")
        for file in ("install.sh", "uninstall.sh", "tray-proxy.desktop"):
            shutil.copy(HERE / file, self.unpacked)
        shutil.copy(HERE.parents[1] / "LICENSE", self.unpacked)

    def run(self, script: Path, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
        given = {"env": self.env | env, "stdin": subprocess.DEVNULL, "timeout": 30}
        return subprocess.run([script, *words], capture_output=True, text=True, check=False, **given)

    def install(self, **env: str) -> "subprocess.CompletedProcess[str]":
        return self.run(self.unpacked / "install.sh", **env)

    def uninstall(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.run(self.installed / "uninstall.sh", *words)


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path, "ann")


def write(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    file.chmod(0o755)


def left(folder: Path) -> list[str]:
    """The files and links in a folder, but for the list that a desktop keeps of its own."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in found if path.name != "mimeinfo.cache")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_entry_of_the_menu_is_as_desktops_want_it() -> None:
    checker = shutil.which("desktop-file-validate")
    assert checker is not None, "`make install-dev` installs desktop-file-utils"

    checked = subprocess.run([checker, HERE / "tray-proxy.desktop"], capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stdout) == (0, "")


def test_what_is_installed_is_removed(user: User) -> None:
    installed = user.install()

    assert (installed.returncode, installed.stderr) == (0, "")
    assert user.link.resolve() == user.installed / "program/tray-proxy"
    removed = user.uninstall("--forget")
    assert (removed.returncode, removed.stdout, removed.stderr) == (0, "Tray Proxy is removed.\n", "")
    assert left(user.home) == []
    assert not user.installed.exists()
    told = (user.home.parent / "told").read_text().splitlines()
    assert told == ["--version", "--quit", "--quit --demo", "--forget"]


def test_the_menus_entry_names_the_program_wherever_the_home_is(tmp_path: Path) -> None:
    """Read as a desktop does: the file's escapes, then those of the command."""
    user = User(tmp_path, ODD_NAME)

    assert user.install().returncode == 0

    rows = (user.data / "applications/tray-proxy.desktop").read_text().splitlines()
    (value,) = [row.removeprefix("Exec=") for row in rows if row.startswith("Exec=")]
    command = value.replace("\\\\", "\\")
    assert "\\" not in value.replace("\\\\", ""), "no other escape of the file's"
    written = subprocess.run(["sh", "-c", f"printf %s {command}"], capture_output=True, text=True, check=True).stdout
    assert written.replace("%%", "%") == str(user.installed / "program/tray-proxy")


def test_what_somebody_else_has_put_beside_it_stays(user: User) -> None:
    """`TRAY_PROXY_HOME`, or all folders of one name in one place, may have the settings there."""
    user.install()
    write(user.installed / "settings.json", "{}")
    write(user.installed / "letter.txt", "Dear Ben")

    assert user.uninstall("--keep").returncode == 0

    assert left(user.home) == [".local/share/tray-proxy/letter.txt", ".local/share/tray-proxy/settings.json"]


def test_a_command_of_the_same_name_stays(user: User) -> None:
    write(user.link, "#!/bin/sh\n")

    installed = user.install()

    assert installed.returncode == 0
    assert f"{user.link} is something else, as from pipx, and stays as it is.\n" in installed.stdout
    assert f"or as {user.installed}/program/tray-proxy.\n" in installed.stdout
    user.uninstall("--keep")
    assert user.link.read_text() == "#!/bin/sh\n"


def test_a_copy_that_does_not_end_is_left_as_it_is(user: User) -> None:
    user.install()
    old = user.installed / "program/tray-proxy"
    write(old, "#!/bin/sh\nexit 1\n")

    upgraded, removed = user.install(), user.uninstall("--forget")

    assert (upgraded.returncode, removed.returncode) == (1, 1)
    assert old.read_text() == "#!/bin/sh\nexit 1\n"
    assert names(user.installed) == ["LICENSE", "program", "uninstall.sh"]


def test_a_disk_that_is_full_ends_it_before_the_copy_that_runs_is_ended(user: User) -> None:
    user.install()
    (user.home.parent / "told").unlink()
    write(user.home.parent / "tools/cp", "#!/bin/sh\nexit 1\n")

    upgraded = user.install(PATH=f"{user.home.parent}/tools:{user.env['PATH']}")

    assert (upgraded.returncode, upgraded.stderr) == (1, f"install.sh: {user.installed} cannot hold it\n")
    assert (user.home.parent / "told").read_text() == "--version\n"
    assert names(user.installed) == ["LICENSE", "program", "uninstall.sh"]


def test_removing_it_from_where_it_is_not_is_said(user: User) -> None:
    elsewhere = user.home / "data"
    assert user.install(XDG_DATA_HOME=str(elsewhere)).returncode == 0

    removed = user.run(elsewhere / "tray-proxy/uninstall.sh", "--keep")

    assert (removed.returncode, removed.stdout) == (1, "")
    assert removed.stderr.startswith(f"uninstall.sh: it is not installed in {user.installed}.")
    assert (elsewhere / "tray-proxy/program/tray-proxy").exists()
