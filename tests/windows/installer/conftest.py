"""
What the tests of the installer need: a Windows in which Tray Proxy was never installed.

They take minutes, and need Wine and a build, so they run where they are asked for by name only:
`make windows-installer-test`.
"""

import pytest

from windows.installer.windows_user import WindowsUser, remove_traces
from windows.wine_desktop import WineDesktop


@pytest.fixture
def windows(tmp_path_factory):
    """A desktop of a user who has settings, and no Tray Proxy."""
    remove_traces()
    with WineDesktop(tmp_path_factory.mktemp("wine")) as wine:
        yield WindowsUser(wine)
    remove_traces()
