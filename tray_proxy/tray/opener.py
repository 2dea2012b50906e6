"""Open folders and addresses with the system's own programs."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from tray_proxy.errors import ProxyError
from tray_proxy.texts import text


def open_folder(folder: Path) -> None:
    """
    Show a folder in the system's file manager.

    Raises:
        ProxyError: there is no program for it; the message names the folder.
    """
    _open(str(folder), text("tray.no-file-manager", folder=folder))


def open_address(url: str) -> None:
    """
    Show an address in the browser.

    Raises:
        ProxyError: there is no browser. The message does not repeat the address: it opens the page for anyone.
    """
    browser = os.environ.get("BROWSER", "")
    chosen = browser if sys.platform == "linux" and shutil.which(browser) else None
    _open(url, text("tray.no-browser"), program=chosen)


def _open(what: str, failure: str, *, program: str | None = None) -> None:
    try:
        if sys.platform == "win32":
            os.startfile(what)  # type: ignore[attr-defined,unused-ignore]  # noqa: S606  our own folder or page
        else:
            _start([program or ("open" if sys.platform == "darwin" else "xdg-open"), what])
    except OSError:
        raise ProxyError(failure) from None


def child_environment() -> dict[str, str]:
    """
    Return the environment for child programs, without what the start of a frozen program has put into it.

    Those are the folders of its libraries, of GTK's parts and of its data, alone or before what was there. With them a
    browser would load our libraries instead of its own, and crash.
    """
    if not getattr(sys, "frozen", False):
        return dict(os.environ)
    bundle = str(getattr(sys, "_MEIPASS"))  # noqa: B009  nothing but a frozen program has it
    environment = {}
    for name, value in os.environ.items():
        parts = value.split(os.pathsep)
        others = [part for part in parts if not _is_within(part, bundle)]
        if others and name != "LD_LIBRARY_PATH_ORIG" and not name.startswith("_PYI_"):
            environment[name] = os.pathsep.join(others)
    return environment


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def _start(command: list[str]) -> None:
    """Start a program and let it go; a thread waits for its end, so that it leaves no zombie."""
    process = subprocess.Popen(  # noqa: S603  a fixed program and our own argument, without a shell
        command,
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=process.wait, name="opener", daemon=True).start()
