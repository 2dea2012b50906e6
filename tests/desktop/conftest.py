"""Fixtures that give a test a desktop of its own, and the rule for machines where none can be started."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from desktop.session import DesktopSession, missing_parts

HERE = Path(__file__).parent
LEFT_OUT = pytest.StashKey[str]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.desktop)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if reason := config.stash.get(LEFT_OUT, ""):
        terminalreporter.section("LEFT OUT: the desktop tests", red=True, bold=True)
        terminalreporter.line(reason)


@pytest.fixture(scope="session")
def desktop_is_possible(pytestconfig: pytest.Config) -> None:
    """Without the programs for it a desktop test is left out, loudly; in CI it fails."""
    if sys.platform != "linux":
        reason = "They need Linux."
    elif missing := missing_parts():
        reason = f"Not installed: {', '.join(missing)}. `make install-dev` installs it all."
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
    else:
        return
    pytestconfig.stash[LEFT_OUT] = reason
    pytest.skip(reason)


@pytest.fixture(scope="module")
def desktop(desktop_is_possible: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DesktopSession]:
    """A desktop with a tray and an unlocked keyring, shared by the tests of one file."""
    with DesktopSession(tmp_path_factory.mktemp("desktop")) as session:
        yield session


@pytest.fixture
def open_desktop(
    desktop_is_possible: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., DesktopSession]]:
    """Open a desktop of another kind, for one test: `open_desktop(tray_host=False, keyring="locked")`."""
    with contextlib.ExitStack() as closing:

        def open_one(**kind: object) -> DesktopSession:
            return closing.enter_context(DesktopSession(tmp_path_factory.mktemp("desktop"), **kind))  # type: ignore[arg-type]  # the keywords of DesktopSession

        yield open_one
