"""
Where things lie: the user's folders, and the files that ship with the program.

What lies in the user's folders is for its owner only, and what lies there in place of a file of ours harms nobody: a
pipe or a device is not waited for, and through a link that somebody else may have made nothing is written.
"""

import contextlib
import errno
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import platformdirs

APP_NAME = "Tray Proxy"

# More than any file of ours has: the lists of models are the largest.
MAX_FILE_BYTES = 256 * 2**20

# Windows has none of them, and neither pipes nor devices among files.
_NOT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Folders:
    """The folders of one installation. None of them need exist yet; `ensure` makes one."""

    settings: Path
    cache: Path
    logs: Path

    @property
    def settings_file(self) -> Path:
        """The user's own settings (JSON)."""
        return self.settings / "settings.json"

    def keep_private(self) -> None:
        """
        Take from others what older versions, an editor or an archive let them do with what is here.

        A folder that was chosen to hold everything (`TRAY_PROXY_HOME`) keeps its own rights: others may have business
        in it, as in a container.
        """
        for folder in (self.settings, self.cache, self.logs):
            if folder not in self.cache.parents:
                _tighten(folder)
        for folder, names in (
            (self.settings, ("settings*.json", "spending*.json", "instance.*")),
            (self.cache, ("*.json",)),
        ):
            for name in names:
                for file in folder.glob(name):
                    _tighten(file)
        for file in self.logs.glob("*.log*"):
            _tighten(file)

    def demo(self) -> "Folders":
        """The same folders for `--demo`, apart from the real ones: made-up models must not mix with real ones."""
        return Folders(
            settings=self.settings / "demo",
            cache=self.cache / "demo",
            logs=self.logs,
        )


def folders(home: Path | None) -> Folders:
    """
    Find the user's folders.

    Args:
        home: One folder to hold everything (`TRAY_PROXY_HOME`); None for the system's usual places.
    """
    if home is not None:
        home = home.expanduser().absolute()
        return Folders(settings=home, cache=home / "cache", logs=home / "logs")
    # On Linux the usual names are lower-case with a dash; elsewhere people see the product's own name.
    name = "tray-proxy" if sys.platform == "linux" else APP_NAME
    dirs = platformdirs.PlatformDirs(name, appauthor=False)
    return Folders(
        settings=Path(dirs.user_config_dir),
        cache=Path(dirs.user_cache_dir),
        logs=Path(dirs.user_log_dir),
    )


def ensure(folder: Path) -> Path:
    """Make a folder, and those above it that are missing, for its owner only; return it."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True, mode=0o700)
    return folder


def replace_file(path: Path, content: bytes) -> None:
    """
    Write a file so that a crash leaves either the old or the new one, readable by its owner only.

    Raises:
        OSError: the folder cannot be written; the old file is untouched.
    """
    ensure(path.parent)
    path = _meant(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp opens with 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def read_file(path: Path) -> bytes:
    """
    Read a file of ours; what is none, such as a pipe, is not waited for.

    Raises:
        OSError: it cannot be read, is no file, or is larger than any of ours.
    """
    with open_file(path) as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content


def open_file(path: Path) -> BinaryIO:
    """Open a file of ours to read a part of it; raises `OSError` as `read_file` does."""
    return os.fdopen(_open(path, os.O_RDONLY), "rb")


def open_to_append(path: Path) -> int:
    """
    Open a file of ours that grows, and make it where it is missing; it is then its owner's only. Gives its descriptor.

    Raises:
        OSError: it cannot be written, is a link, or is no file.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINK
    handle = _open(path, flags)
    if os.fstat(handle).st_nlink > 1:
        # It has another name, and what is written here would stand there: the other keeps what there is.
        os.close(handle)
        path.unlink()
        handle = _open(path, flags)
    _tighten_open(handle)
    return handle


def _open(path: Path, flags: int) -> int:
    handle = os.open(path, flags | _NOT_WAITING | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o600)
    kind = os.fstat(handle).st_mode
    if stat.S_ISREG(kind):
        return handle
    os.close(handle)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "Not a file", str(path))


def _meant(path: Path) -> Path:
    """
    Return what is to be written: a link of the owner's to a file, where nobody else can put one, is the owner's wish.

    People keep their settings among others that they look after together. Any other link is replaced.
    """
    try:
        if path.is_symlink() and _is_mine(path) and (target := path.resolve(strict=True)).is_file():
            return target
    except (OSError, RuntimeError):
        pass
    return path


def _is_mine(link: Path) -> bool:
    if sys.platform == "win32":
        return True  # the user's folders are theirs there
    folder, mine = link.parent.stat(), os.geteuid()
    # Both: a folder may have been open to others until a moment ago.
    return link.lstat().st_uid == folder.st_uid == mine and not folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _tighten(path: Path) -> None:
    """Let nobody but its owner at a file or folder; what is a link, somebody else's or no file at all stays."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | _NO_LINK | _NOT_WAITING | getattr(os, "O_CLOEXEC", 0))
        try:
            _tighten_open(handle)
        finally:
            os.close(handle)


def _tighten_open(handle: int) -> None:
    if sys.platform == "win32":
        return
    about = os.fstat(handle)
    if about.st_mode & _OTHERS and about.st_uid == os.geteuid():
        with contextlib.suppress(OSError):  # some file systems know no such rights
            os.fchmod(handle, stat.S_IMODE(about.st_mode) & ~_OTHERS)


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk too, before anybody relies on it."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):  # not every file system can
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def asset(name: str) -> Path:
    """Return the path of a file below `assets/`, from a checkout, a wheel or a frozen bundle."""
    package = Path(__file__).parent
    roots = (
        Path(getattr(sys, "_MEIPASS", package)) / "assets",  # frozen: PyInstaller's bundle folder
        package / "assets",  # wheel
        package.parent / "assets",  # checkout
    )
    for root in roots:
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"Tray Proxy's file assets/{name} is missing: install the program again.")
