"""The user's settings file: JSON that people may edit, too. Nothing they wrote is lost."""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tray_proxy import paths
from tray_proxy.errors import SettingsInvalid, SettingsNotSaved

NAME = "settings.json"


def read(path: Path, lost: Callable[[Path], None] | None = lambda _: None) -> dict[str, Any]:
    """
    Read the settings file; a damaged one is set aside under another name, and counts as empty.

    The copy is named `settings.damaged-<unix time>.json`. A file that cannot be opened counts as empty, too, and stays
    where it is: on Windows another program may hold it for a moment.

    Args:
        lost: Told where a file lies now whose content is not to be had. None refuses it, and leaves it where it is.

    Raises:
        SettingsInvalid: the file is damaged or cannot be opened, and is to be refused.
    """
    try:
        return _read(path, lost)
    except OSError as error:
        if lost is None:
            raise SettingsInvalid(f"The settings file cannot be opened: {path} ({error.strerror}).") from None
        lost(path)
        return {}


def _read(path: Path, lost: Callable[[Path], None] | None) -> dict[str, Any]:
    try:
        content = json.loads(paths.read_file(path).decode("utf-8-sig"))  # Windows' editor puts a mark at the beginning
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):
        return content
    if lost is None:
        raise SettingsInvalid(f"The settings file is damaged: {path}. Mend it, or move it away to begin anew.")
    lost(path.replace(path.with_name(f"settings.damaged-{int(time.time())}.json")))
    return {}


def save(path: Path, changes: Mapping[str, object]) -> None:
    """
    Write changed settings into the user's file; fields we do not know are kept.

    Args:
        changes: New values by setting name; None removes the setting from the file.

    Raises:
        SettingsInvalid: the file was damaged meanwhile, or cannot be read or written; it is untouched.
    """
    try:
        content = _read(path, None)
        for name, value in changes.items():
            if value is None:
                content.pop(name, None)
            else:
                content[name] = value
        paths.replace_file(path, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
    except OSError as error:
        raise SettingsNotSaved(f"The settings could not be saved: {error.strerror}.") from None


def told_lost(path: Path) -> str:
    """Say what became of a file whose content is not to be had; until the owner chooses anew, no model is allowed."""
    if path.name == NAME:
        return f"The settings file cannot be opened: {path}. Until it can, no model is allowed."
    with contextlib.suppress(SettingsInvalid):
        # The next start would not know that there was a choice.
        save(path.with_name(NAME), {"allowed_models": []})
    return (
        f"The settings file could not be read, and lies now beside it as {path.name}. "
        "No model is allowed until you choose anew."
    )
