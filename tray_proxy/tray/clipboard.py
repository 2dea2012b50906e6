"""The clipboard, where the tray's own library has none."""

import pyperclip

from tray_proxy.errors import ProxyError
from tray_proxy.texts import text


def copy_by_program(words: str) -> None:
    """Put a text into the clipboard with the system's own program."""
    try:
        pyperclip.copy(words)
    except pyperclip.PyperclipException:
        raise ProxyError(text("tray.no-clipboard", text=words)) from None
