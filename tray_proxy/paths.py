"""Where things lie: the user's folders, and the files that ship with the program."""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP_NAME = "Tray Proxy"


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
