"""The user's settings file: JSON that people may edit, too. Nothing they wrote is lost."""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from tray_proxy import paths
from tray_proxy.errors import SettingsInvalid, SettingsNotSaved

log = structlog.get_logger(__name__)


def read(path: Path, set_aside: Callable[[Path], None] | None = lambda _: None) -> dict[str, Any]:
    """
    Read the settings file; a damaged one is set aside under another name, and counts as empty.

    The copy is named `settings.damaged-<unix time>.json`. A file that cannot be opened counts as empty, too, and stays
    where it is: on Windows another program may hold it for a moment.

    Args:
        set_aside: Told where a damaged file lies now. None leaves it where it is, and refuses it.

    Raises:
        SettingsInvalid: the file is damaged, and is to be refused.
    """
    with contextlib.suppress(OSError):
        return _read(path, set_aside)
    return {}


def _read(path: Path, set_aside: Callable[[Path], None] | None) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))  # Windows' editor puts a mark at the beginning
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):
        return content
    if set_aside is None:
        raise SettingsInvalid(f"The settings file is damaged: {path}. Mend it, or move it away to begin anew.")
    set_aside(path.replace(path.with_name(f"settings.damaged-{int(time.time())}.json")))
    return {}


def save(path: Path, changes: Mapping[str, object]) -> None:
    """
    Write changed settings into the user's file; fields we do not know are kept.

    Args:
        changes: New values by setting name; None removes the setting from the file.

    Raises:
        SettingsNotSaved: the file cannot be read or written; the old one is untouched.
    """
    try:
        content = _read(path, lambda aside: log.warning("settings file damaged", set_aside=aside.name))
        for name, value in changes.items():
            if value is None:
                content.pop(name, None)
            else:
                content[name] = value
        paths.replace_file(path, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
    except OSError as error:
        raise SettingsNotSaved(f"The settings could not be saved: {error.strerror}.") from None
