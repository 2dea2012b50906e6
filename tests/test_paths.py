"""Where things lie, and that a crash leaves whole files."""

import errno
import os
import stat
import sys
from collections.abc import Callable
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


@POSIX
@pytest.mark.usefixtures("usual_umask")
@pytest.mark.parametrize("demo", [False, True])
def test_what_was_open_to_others_is_closed_again(demo: bool, tmp_path: Path) -> None:
    """An older version, an editor or an archive may have left it so."""
    folders = paths.folders(tmp_path / "home")
    folders = folders.demo() if demo else folders
    files = [
        folders.settings / "settings.json",
        folders.settings / "settings.damaged-1.json",
        folders.settings / "instance.lock",
        folders.settings / "instance.json",
        folders.cache / "catalogue.json",
        folders.logs / "tray-proxy.log",
        folders.logs / "tray-proxy.log.1",
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o777)
        file.touch()
        file.chmod(0o666)

    folders.keep_private()

    assert {mode(file) for file in files} == {"0o600"}
    assert {mode(folders.cache), mode(folders.logs)} == {"0o700"}


@POSIX
@pytest.mark.usefixtures("usual_umask")
def test_a_folder_that_was_chosen_keeps_its_own_rights(tmp_path: Path) -> None:
    """It may be a shared one, or `/tmp`; what else lies in it is not ours."""
    tmp_path.chmod(0o777)
    (tmp_path / "other.json").touch(mode=0o644)

    paths.folders(tmp_path).keep_private()

    assert (mode(tmp_path), mode(tmp_path / "other.json")) == ("0o777", "0o644")


@POSIX
@pytest.mark.usefixtures("usual_umask")
def test_what_a_link_leads_to_keeps_its_rights(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch(mode=0o644)
    (tmp_path / "settings.json").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "logs").symlink_to(tmp_path / "open")

    paths.folders(tmp_path).keep_private()

    assert (mode(tmp_path / "elsewhere"), mode(tmp_path / "open")) == ("0o644", "0o755")


def test_folders_that_are_not_there_are_no_trouble(tmp_path: Path) -> None:
    paths.folders(tmp_path / "home").keep_private()

    assert list(tmp_path.iterdir()) == []


@POSIX
def test_the_new_name_is_on_the_disk_before_anybody_relies_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First what the file holds, then the file in its place, then its folder."""
    done: list[str] = []

    def sync(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")

    replace = Path.replace
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", lambda self, to: (done.append("renamed"), replace(self, to))[1])

    paths.replace_file(tmp_path / "settings.json", b"new")

    assert done == ["file", "renamed", "folder"]


@POSIX
def test_a_folder_that_cannot_be_synced_has_the_file_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on some network file systems."""

    def refuse(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not here")

    monkeypatch.setattr(os, "fsync", refuse)

    paths.replace_file(tmp_path / "settings.json", b"new")

    assert (tmp_path / "settings.json").read_bytes() == b"new"


@POSIX
def test_a_link_of_the_owners_making_is_written_through(tmp_path: Path) -> None:
    """People keep their settings among others that they look after together."""
    dotfiles, file = tmp_path / "dotfiles" / "proxy.json", tmp_path / "home" / "settings.json"
    for folder in (dotfiles.parent, file.parent):
        folder.mkdir(mode=0o700)
    dotfiles.write_bytes(b"old")
    file.symlink_to(dotfiles)

    paths.replace_file(file, b"new")

    assert (file.is_symlink(), dotfiles.is_symlink(), dotfiles.read_bytes()) == (True, False, b"new")
    assert [path.name for path in dotfiles.parent.iterdir()] == ["proxy.json"]


@POSIX
@pytest.mark.parametrize("rights", [0o777, 0o1777, 0o770])
def test_a_link_that_another_could_have_made_is_replaced(rights: int, tmp_path: Path) -> None:
    """In a shared folder it may lead to any file of ours."""
    shared, precious = tmp_path / "shared", tmp_path / "precious"
    shared.mkdir()
    shared.chmod(rights)
    precious.write_bytes(b"old")
    (shared / "settings.json").symlink_to(precious)

    paths.replace_file(shared / "settings.json", b"new")

    assert precious.read_bytes() == b"old"
    assert ((shared / "settings.json").is_symlink(), (shared / "settings.json").read_bytes()) == (False, b"new")


@POSIX
def test_a_link_that_another_did_make_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder may have been open to others until a moment ago."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"old")
    tmp_path.chmod(0o700)
    (tmp_path / "settings.json").symlink_to(precious)
    seen = Path.lstat
    others = os.geteuid() + 1

    def lstat(path: Path) -> os.stat_result:
        found = seen(path)
        return os.stat_result((*found[:4], others, *found[5:])) if path.name == "settings.json" else found

    monkeypatch.setattr(Path, "lstat", lstat)
    paths.replace_file(tmp_path / "settings.json", b"new")

    assert (precious.read_bytes(), (tmp_path / "settings.json").is_symlink()) == (b"old", False)


@POSIX
@pytest.mark.parametrize("target", ["/dev/null", "nowhere", "settings.json", "folder"])
def test_a_link_to_no_file_is_replaced(target: str, tmp_path: Path) -> None:
    """Never what it leads to: as root that would be the device itself."""
    (tmp_path / "folder").mkdir()
    tmp_path.chmod(0o700)
    (tmp_path / "settings.json").symlink_to(target)

    paths.replace_file(tmp_path / "settings.json", b"new")

    assert ((tmp_path / "settings.json").is_symlink(), (tmp_path / "settings.json").read_bytes()) == (False, b"new")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "settings.json"}


@POSIX
def test_another_name_of_a_file_keeps_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"old")
    (tmp_path / "settings.json").hardlink_to(tmp_path / "other")
    (tmp_path / "log").hardlink_to(tmp_path / "other")

    paths.replace_file(tmp_path / "settings.json", b"new")
    with os.fdopen(paths.open_to_append(tmp_path / "log"), "wb") as log:
        log.write(b"line")

    assert [(tmp_path / name).read_bytes() for name in ("other", "settings.json", "log")] == [b"old", b"new", b"line"]


def test_a_file_grows(tmp_path: Path) -> None:
    for line in (b"one\n", b"two\n"):
        with os.fdopen(paths.open_to_append(tmp_path / "log"), "wb") as log:
            log.write(line)

    assert paths.read_file(tmp_path / "log") == b"one\ntwo\n"


@POSIX
@pytest.mark.usefixtures("usual_umask")
def test_a_file_that_grows_is_its_owners_alone(tmp_path: Path) -> None:
    """A new one, and one that others could read before."""
    (tmp_path / "before").touch(mode=0o644)

    for name in ("before", "new"):
        os.close(paths.open_to_append(tmp_path / name))

    assert [mode(tmp_path / name) for name in ("before", "new")] == ["0o600", "0o600"]


@POSIX
def test_nothing_is_written_through_a_link_to_what_grows(tmp_path: Path) -> None:
    """Whoever made it: a log is nobody's dotfile."""
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match=r"Too many levels|symbolic link"):
        paths.open_to_append(tmp_path / "log")

    assert not (tmp_path / "elsewhere").exists()


@POSIX
@pytest.mark.parametrize("use", [paths.read_file, paths.open_to_append])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(use: Callable[[Path], object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")

    with pytest.raises(OSError, match=r"Not a file|No such device"):
        use(tmp_path / "file")


@POSIX
def test_a_device_in_place_of_a_file_is_not_read(tmp_path: Path) -> None:
    """It would have no end."""
    (tmp_path / "file").symlink_to("/dev/zero")

    with pytest.raises(OSError, match="Not a file"):
        paths.read_file(tmp_path / "file")


def test_a_file_that_is_larger_than_any_of_ours_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MAX_FILE_BYTES", 10)
    (tmp_path / "file").write_bytes(bytes(10))
    assert paths.read_file(tmp_path / "file") == bytes(10)

    (tmp_path / "file").write_bytes(bytes(11))
    with pytest.raises(OSError, match="too large"):
        paths.read_file(tmp_path / "file")
