"""The user's settings file: JSON that people may edit, too. Nothing they wrote is lost."""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tray_proxy import paths
from tray_proxy.errors import SettingsNotSaved


def read(path: Path, set_aside: Callable[[Path], None] = lambda _: None) -> dict[str, Any]:
    """
    Read the settings file; a damaged one is set aside under another name, and counts as empty.

    The copy is named `settings.damaged-<unix time>.json`.

    Args:
        set_aside: Told where a damaged file lies now.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))  # Windows' editor puts a mark at the beginning
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        content = None
    if isinstance(content, dict):
        return content
    if path.is_file():
        with contextlib.suppress(OSError):
            set_aside(path.replace(path.with_name(f"settings.damaged-{int(time.time())}.json")))
    return {}


def save(path: Path, changes: Mapping[str, object]) -> None:
    """
    Write changed settings into the user's file; fields we do not know are kept.

    Args:
        changes: New values by setting name; None removes the setting from the file.

    Raises:
        SettingsNotSaved: the file cannot be written; the old one is untouched.
    """
    content = read(path)
    for name, value in changes.items():
        if value is None:
            content.pop(name, None)
        else:
            content[name] = value
    try:
        paths.replace_file(path, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
    except OSError as error:
        raise SettingsNotSaved(f"The settings could not be saved: {error.strerror}.") from None
