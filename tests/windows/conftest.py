"""
What the tests in Windows need: a desktop for each of them, on which programs and their icons end with it.

They take minutes and need Wine, so they run where they are asked for by name only: `make windows-test`.
"""

import pytest

from windows.wine_desktop import App, WineDesktop


@pytest.fixture
def wine(tmp_path_factory):
    """A desktop on which Windows programs run, with one icon at most."""
    with WineDesktop(tmp_path_factory.mktemp("wine")) as desktop:
        yield desktop


@pytest.fixture
def start_app(wine, tmp_path):
    """Start the demo with its tray, each time on the same folders."""

    def start(*arguments, env=None):
        return App(wine, tmp_path / "home", *arguments, env=env)

    return start
