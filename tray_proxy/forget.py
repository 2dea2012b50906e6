"""
What a user leaves behind, deleted in one place: settings, caches, logs and the stored key. Uninstallers ask for it.

Only files of the names that we give are deleted, and folders that are then empty: a folder of somebody's choosing
(`TRAY_PROXY_HOME`) may hold other things, too.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tray_proxy import catalogue, instance, ledger, logs, paths, updates, user_file
from tray_proxy.errors import KeychainUnavailable, ProxyError
from tray_proxy.keychain import Keychain
from tray_proxy.neighbour import models
from tray_proxy.texts import text


def _written(*names: str) -> tuple[str, ...]:
    """Return the names of files that are replaced, with those that are left where the program was killed meanwhile."""
    return (*names, *(f".{name}.{'?' * 8}" for name in names))


IN_SETTINGS = (*_written(user_file.NAME, instance.FILE_NAME), "settings.damaged-*.json", instance.LOCK_NAME)
IN_SETTINGS += (*_written(ledger.FILE_NAME), ledger.DAMAGED)
IN_CACHE = _written(catalogue.FILE_NAME, models.FILE_NAME, updates.FILE_NAME)
IN_LOGS = (logs.FILE_NAME, f"{logs.FILE_NAME}.[0-9]")
# Folders of these names are ours, too, where one of the others lies in them.
OUR_NAMES = (paths.APP_NAME, "tray-proxy")


class NotForgotten(ProxyError):
    """Something could not be deleted, and is still there."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(text("forget.failed", reasons="; ".join(reasons)))
        self.hint = text("forget.hint")


def forget(installations: Sequence[tuple[paths.Folders, Keychain]]) -> None:
    """
    Delete what is there; what fails does not keep the rest from being deleted.

    Args:
        installations: Folders and key of each; the demo's lie in the folders of the real one, and come first.

    Raises:
        AlreadyRuns: a copy runs on some of the folders; nothing is deleted.
        NotForgotten: something is left.
    """
    for folders, _ in installations:
        if instance.is_held(folders.settings):
            raise instance.AlreadyRuns(folders.settings)
    reasons = asyncio.run(_keys([keychain for _, keychain in installations]))
    for folders, _ in installations:
        reasons += _files(folders.cache, IN_CACHE) + _files(folders.logs, IN_LOGS)
        reasons += _files(folders.settings, IN_SETTINGS)
    if reasons:
        raise NotForgotten(reasons)


async def _keys(keychains: Sequence[Keychain]) -> list[str]:
    reasons = []
    for keychain in keychains:
        try:
            await keychain.forget()
        except KeychainUnavailable as error:
            reasons.append(error.message.rstrip("."))
    # Two entries of one store fail for one reason.
    return list(dict.fromkeys(reasons))


def _files(folder: Path, patterns: Sequence[str]) -> list[str]:
    """Delete the files in a folder that fit, and the folder if nothing else is in it; say what would not go."""
    try:
        found = list(folder.iterdir())
    except FileNotFoundError:
        found = []
    except OSError as error:
        return [f"{folder} ({error.strerror})"]
    reasons = []
    for file in found:
        if not any(fnmatchcase(file.name, pattern) for pattern in patterns):
            continue
        try:
            file.unlink()
        except OSError as error:
            reasons.append(f"{file} ({error.strerror})")
    with contextlib.suppress(OSError):
        folder.rmdir()
        while (folder := folder.parent).name in OUR_NAMES:
            folder.rmdir()
    return reasons
