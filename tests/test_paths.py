"""Where things lie, and that a crash leaves whole files."""

import os
import stat
import sys
from pathlib import Path

import pytest

from tray_proxy import paths
from tray_proxy.paths import Folders

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has other permissions")


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


@pytest.fixture
def usual_umask():
    """The one under which files become readable for everyone."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_one_folder_can_hold_everything(tmp_path: Path) -> None:
    assert paths.folders(tmp_path) == Folders(settings=tmp_path, cache=tmp_path / "cache", logs=tmp_path / "logs")


@pytest.mark.parametrize(
    ("written", "meant"), [("~/proxy", "home/proxy"), ("here", "here"), ("a/../b", "a/../b"), ("~", "home")]
)
def test_a_home_may_be_written_short(written: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tray changes no folder later, but a shell may start it anywhere."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))

    assert paths.folders(Path(written)).settings == tmp_path / meant


@pytest.mark.skipif(sys.platform != "linux", reason="these are Linux's places")
def test_on_linux_the_desktops_standard_places_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "CACHE", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))

    assert paths.folders(None) == Folders(
        settings=tmp_path / "config" / "tray-proxy",
        cache=tmp_path / "cache" / "tray-proxy",
        logs=tmp_path / "state" / "tray-proxy" / "log",
    )


def test_the_settings_file_lies_in_the_settings_folder(tmp_path: Path) -> None:
    assert paths.folders(tmp_path).settings_file == tmp_path / "settings.json"


def test_the_demo_shares_nothing_but_the_log(tmp_path: Path) -> None:
    """Made-up models and ticks must not mix with real ones."""
    assert paths.folders(tmp_path).demo() == Folders(
        settings=tmp_path / "demo",
        cache=tmp_path / "cache" / "demo",
        logs=tmp_path / "logs",
    )


def test_asking_where_things_lie_makes_nothing(tmp_path: Path) -> None:
    paths.folders(tmp_path / "home").demo()

    assert list(tmp_path.iterdir()) == []


@POSIX
@pytest.mark.usefixtures("usual_umask")
def test_new_folders_are_their_owners_alone(tmp_path: Path) -> None:
    """Those above it too."""
    made = paths.ensure(tmp_path / "a" / "b")

    assert [mode(folder) for folder in (made, made.parent)] == ["0o700", "0o700"]


@POSIX
def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    assert mode(paths.ensure(tmp_path)) == "0o755"


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_file_is_written(before: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "settings.json"
    if before is not None:
        paths.ensure(file.parent)
        file.write_bytes(before)

    paths.replace_file(file, b"new")

    assert file.read_bytes() == b"new"


@POSIX
@pytest.mark.usefixtures("usual_umask")
def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Also where the one before was not."""
    file = tmp_path / "settings.json"
    file.touch(mode=0o644)

    paths.replace_file(file, b"new")

    assert mode(file) == "0o600"


def test_writing_leaves_nothing_else_behind(tmp_path: Path) -> None:
    paths.replace_file(tmp_path / "settings.json", b"new")

    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_a_disk_that_is_full_leaves_the_old_file(tmp_path: Path) -> None:
    """The system itself refuses to write on, as on a full disk."""
    resource = pytest.importorskip("resource")
    file = tmp_path / "settings.json"
    file.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            paths.replace_file(file, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"settings.json": b"old"}


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    """A folder stands where the file should be."""
    in_the_way = tmp_path / "settings.json"
    in_the_way.mkdir()
    (in_the_way / "kept").touch()

    with pytest.raises(OSError):  # noqa: PT011  each system has its own words and class
        paths.replace_file(in_the_way, b"new")

    assert [path.name for path in tmp_path.rglob("*")] == ["settings.json", "kept"]


def test_what_ships_with_the_program_is_found() -> None:
    assert paths.asset("icons/app.svg").read_bytes().endswith(b"</svg>\n")


def test_a_frozen_programs_own_folder_is_looked_into_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyInstaller says in `sys._MEIPASS` where it put things."""
    bundled = tmp_path / "assets" / "icons" / "app.svg"
    bundled.parent.mkdir(parents=True)
    bundled.touch()
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)

    assert paths.asset("icons/app.svg") == bundled


def test_a_file_that_does_not_ship_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"^Tray Proxy's file assets/icons/none\.svg is missing: install"):
        paths.asset("icons/none.svg")
