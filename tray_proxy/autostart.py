"""
Start at login: read from the system, switched on and off there, and off until someone asks for it.

Each system has its own list of what it starts, which the person can also change with the system's own tools. So
nothing is noted here: what the system says is what is so.
"""

import configparser
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from tray_proxy import paths
from tray_proxy.errors import ProxyError
from tray_proxy.texts import text

RUN_KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
# Where Task Manager notes what it switched off: in the first byte of twelve, an odd number is off.
APPROVED_KEY = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
# Source: Microsoft, "Run and RunOnce Registry Keys".
MAX_RUN_LENGTH = 260
LABEL = "tray-proxy"
# macOS runs a program from a hidden copy while it lies where a browser put it, and from a disk image while it is open.
# Both are gone at the next login. Source: Apple, "Gatekeeper and runtime protection in macOS" (app translocation).
_PASSING = re.compile(r"/Volumes/[^/]+/[^/]+\.app/|.*/AppTranslocation/")
_ENTRY = "Desktop Entry"


class AutostartFailed(ProxyError):
    """The system's list of what starts at login could not be changed."""


@dataclass(frozen=True)
class AutostartState:
    """Whether the system starts us at login; `problem` says what is wrong with that."""

    enabled: bool
    problem: str | None = None


class Autostart(Protocol):
    """One system's list of what starts at login, and our place in it."""

    def state(self) -> AutostartState:
        """Read it from the system."""

    def enable(self) -> None:
        """
        Be started from the next login on.

        Raises:
            AutostartFailed: the system does not let us.
        """

    def disable(self) -> None:
        """
        Be started no more; nothing of ours is left in the list.

        Raises:
            AutostartFailed: the system does not let us.
        """


def command(home: Path | None, *, demo: bool = False) -> tuple[str, ...]:
    """
    Return the command that starts this very program in the background.

    Args:
        home: The folder that was given for everything (`TRAY_PROXY_HOME`): the login knows nothing of it.
    """
    program: tuple[str, ...] = (sys.executable, "-m", "tray_proxy")
    if getattr(sys, "frozen", False):
        program = (sys.executable,)
    elif sys.platform == "win32":
        # python.exe would open a console window at each login.
        windowed = Path(sys.executable).with_name("pythonw.exe")
        program = (str(windowed) if windowed.exists() else sys.executable, "-m", "tray_proxy")
    where = () if home is None else ("--tray-proxy-home", str(home.expanduser().absolute()))
    return (*program, *(("--demo",) if demo else ()), *where, "--background")


def of_system(command: tuple[str, ...], *, platform: str = sys.platform) -> Autostart:
    """
    Return the list of this system.

    Args:
        command: What is to be started: a program and its arguments.
        platform: As `sys.platform`; what is neither Windows nor macOS follows freedesktop.org.
    """
    if platform == "win32":
        return WindowsRun(command, WindowsRegistry())
    if platform == "darwin":
        return LaunchAgent(command, Path.home() / "Library" / "LaunchAgents")
    config = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    # A relative one counts as not set. Source: XDG Base Directory Specification.
    return XdgAutostart(command, (config if config.is_absolute() else Path.home() / ".config") / "autostart")


# -- Windows ---------------------------------------------------------------------------------------


class Registry(Protocol):
    """What is needed of the user's own part of the Windows registry; every method may raise OSError."""

    def read(self, key: str, name: str) -> str | bytes | None:
        """Return a value; None where there is none."""

    def write(self, key: str, name: str, value: str) -> None:
        """Set a text."""

    def delete(self, key: str, name: str) -> None:
        """Remove a value, if it is there."""


class WindowsRegistry:
    """HKEY_CURRENT_USER."""

    def __init__(self) -> None:
        # Late, and without types: only Windows has it.
        import winreg

        self._winreg = cast("Any", winreg)

    def read(self, key: str, name: str) -> str | bytes | None:
        """Return a value; None where there is none."""
        try:
            with self._winreg.OpenKey(self._winreg.HKEY_CURRENT_USER, key) as opened:
                value = self._winreg.QueryValueEx(opened, name)[0]
        except FileNotFoundError:
            return None
        return value if isinstance(value, str | bytes) else None

    def write(self, key: str, name: str, value: str) -> None:
        """Set a text."""
        with self._winreg.CreateKey(self._winreg.HKEY_CURRENT_USER, key) as opened:
            self._winreg.SetValueEx(opened, name, 0, self._winreg.REG_SZ, value)

    def delete(self, key: str, name: str) -> None:
        """Remove a value, if it is there."""
        access = self._winreg.KEY_SET_VALUE
        try:
            with self._winreg.OpenKey(self._winreg.HKEY_CURRENT_USER, key, 0, access) as opened:
                self._winreg.DeleteValue(opened, name)
        except FileNotFoundError:
            return


class WindowsRun:
    """A value under the user's Run key, and Task Manager's mark on it."""

    def __init__(self, command: tuple[str, ...], registry: Registry) -> None:
        # The program always in quotes: Windows would try each part of an unquoted path with blanks.
        self._line = " ".join([f'"{command[0]}"', *([subprocess.list2cmdline(command[1:])] if command[1:] else [])])
        self._registry = registry

    def state(self) -> AutostartState:
        """Read it from the system."""
        try:
            line = self._registry.read(RUN_KEY, paths.APP_NAME)
            mark = self._registry.read(APPROVED_KEY, paths.APP_NAME)
        except OSError as error:
            return AutostartState(False, _unreadable(error))
        switched_off = isinstance(mark, bytes) and bool(mark) and mark[0] % 2 == 1
        if line is None or switched_off:
            return AutostartState(False)
        return AutostartState(True, None if line == self._line else _other(str(line)))

    def enable(self) -> None:
        """Be started from the next login on, also where Task Manager had switched it off."""
        if len(self._line) > MAX_RUN_LENGTH:
            raise _failed(text("autostart.too-long", length=MAX_RUN_LENGTH))
        try:
            self._registry.write(RUN_KEY, paths.APP_NAME, self._line)
            self._registry.delete(APPROVED_KEY, paths.APP_NAME)
        except OSError as error:
            raise _failed(_reason(error)) from error

    def disable(self) -> None:
        """Be started no more."""
        try:
            self._registry.delete(RUN_KEY, paths.APP_NAME)
            self._registry.delete(APPROVED_KEY, paths.APP_NAME)
        except OSError as error:
            raise _failed(_reason(error)) from error


# -- macOS and the others: a file for each program --------------------------------------------------


class _File:
    """A file that stands for us in a folder that the system reads at login."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        self._content = content

    def read(self) -> bytes | None:
        """Return what it holds; None where it is not there."""
        try:
            return paths.read_file(self.path)
        except FileNotFoundError:
            return None

    def enable(self) -> None:
        """Be started from the next login on."""
        try:
            paths.replace_file(self.path, self._content)
        except OSError as error:
            raise _failed(_reason(error)) from error

    def disable(self) -> None:
        """Be started no more."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise _failed(_reason(error)) from error


class LaunchAgent(_File):
    """
    A launch agent of the user's. launchd reads it at the next login; nothing is started or ended now.

    Source: launchd.plist(5).
    """

    def __init__(self, command: tuple[str, ...], folder: Path) -> None:
        import plistlib

        self._command = list(command)
        agent = {
            "Label": LABEL,
            "ProgramArguments": self._command,
            "RunAtLoad": True,
            # Only where there is a menu bar: not for a login over ssh.
            "LimitLoadToSessionType": "Aqua",
            "ProcessType": "Interactive",
        }
        super().__init__(folder / f"{LABEL}.plist", plistlib.dumps(agent))

    def enable(self) -> None:
        """Be started from the next login on, where the program is at home."""
        if _PASSING.match(self._command[0]):
            passing = AutostartFailed(text("autostart.passing"))
            passing.hint = text("autostart.passing-hint")
            raise passing
        super().enable()

    def state(self) -> AutostartState:
        """Read it from the system."""
        import plistlib
        from xml.parsers.expat import ExpatError

        try:
            content = self.read()
            agent = None if content is None else plistlib.loads(content)
        except OSError as error:
            return AutostartState(False, _unreadable(error))
        except (ExpatError, ValueError, plistlib.InvalidFileException):
            return AutostartState(False, text("autostart.damaged", file=self.path))
        if not isinstance(agent, dict) or agent.get("Disabled") is True:
            return AutostartState(False)
        started = agent.get("ProgramArguments")
        if started == self._command:
            return AutostartState(True)
        return AutostartState(True, _other(" ".join(map(str, started)) if isinstance(started, list) else "?"))


class XdgAutostart(_File):
    """
    A desktop entry in the user's autostart folder.

    Source: freedesktop.org, "Desktop Application Autostart Specification" and "Desktop Entry Specification".
    """

    def __init__(self, command: tuple[str, ...], folder: Path) -> None:
        self._line = " ".join(map(_quoted, command))
        lines = {
            "Type": "Application",
            "Name": paths.APP_NAME,
            "Comment": text("autostart.comment"),
            "Exec": self._line,
            "Terminal": "false",
            "StartupNotify": "false",
            "X-GNOME-Autostart-enabled": "true",
        }
        entry = "".join(f"{name}={value}\n" for name, value in lines.items())
        super().__init__(folder / "tray-proxy.desktop", f"[{_ENTRY}]\n{entry}".encode())

    def state(self) -> AutostartState:
        """Read it from the system."""
        try:
            content = self.read()
        except OSError as error:
            return AutostartState(False, _unreadable(error))
        if content is None:
            return AutostartState(False)
        parser = configparser.RawConfigParser(strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # as configparser's own documentation does
        try:
            parser.read_string(content.decode())
            entry: Mapping[str, str] = parser[_ENTRY]
        except (configparser.Error, UnicodeDecodeError, KeyError):
            return AutostartState(False, text("autostart.damaged", file=self.path))
        if entry.get("Hidden") == "true" or entry.get("X-GNOME-Autostart-enabled") == "false":
            return AutostartState(False)
        line = entry.get("Exec", "?")
        return AutostartState(True, None if line == self._line else _other(line))


def _quoted(argument: str) -> str:
    """Write an argument as the Exec line of a desktop entry wants it: quoted, and that escaped as any string."""
    escaped = re.sub(r'(["`$\\])', r"\\\1", argument).replace("%", "%%")
    plain = re.fullmatch(r"[\w@+:,./=-]+", argument, re.ASCII)
    return argument if plain else f'"{escaped}"'.replace("\\", "\\\\")


def _other(started: str) -> str:
    return text("autostart.other", command=started)


def _unreadable(error: OSError) -> str:
    return text("autostart.unreadable", reason=_reason(error))


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _failed(reason: str) -> AutostartFailed:
    failed = AutostartFailed(text("autostart.failed", reason=reason.rstrip(".")))
    failed.hint = text("autostart.hint")
    return failed
