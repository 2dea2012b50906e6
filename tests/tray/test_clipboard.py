"""The clipboard by the system's own program."""

import pyperclip
import pytest

from tray_proxy.errors import ProxyError
from tray_proxy.tray.clipboard import copy_by_program


def test_without_a_clipboard_the_text_is_told(monkeypatch):
    def refuse(_text):
        raise pyperclip.PyperclipException("no clipboard")

    monkeypatch.setattr(pyperclip, "copy", refuse)

    with pytest.raises(ProxyError) as failure:
        copy_by_program("http://127.0.0.1:11434")

    assert failure.value.message == "The clipboard cannot be reached. The text is http://127.0.0.1:11434"
