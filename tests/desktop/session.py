"""
A desktop for the tests: screen, session bus, window manager, tray, notifications, keyring, file manager, browser.

Everything is real except the web browser, which writes down the addresses it is asked to open. Each session has
a display, a bus and a home of its own, so sessions run side by side and leave the developer's desktop alone.
"""

import contextlib
import importlib.util
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import psutil
from jeepney import DBusAddress, DBusErrorResponse, Properties, message_bus, new_method_call
from jeepney.io.blocking import open_dbus_connection
from PIL import Image, ImageGrab

from desktop.tray_menu import WATCHER, TrayMenu, call
from desktop.waiting import wait_for

WIDTH, HEIGHT = 1280, 800
# Set in the environment of every process of a session: it is how those are found that have cut themselves loose.
MARKER = "DESKTOP_TEST_SESSION"

# Program or Python module -> the Debian package it comes in.
NEEDED = {
    "Xvfb": "xvfb",
    "dbus-daemon": "dbus",
    "dunst": "dunst",
    "file": "file",
    "gnome-keyring-daemon": "gnome-keyring",
    "openbox": "openbox",
    "pcmanfm": "pcmanfm",
    "secret-tool": "libsecret-tools",
    "xdg-open": "xdg-utils",
    "xdotool": "xdotool",
    "xfce4-panel": "xfce4-panel",
    "xprop": "x11-utils",
}
# What may be started by being called on the bus. Anything else that is installed, a keyring above all, stays out.
ACTIVATABLE = ["org.xfce.Xfconf", "org.gnome.keyring.SystemPrompter", "org.gnome.keyring.PrivatePrompter"]
# What a child process gets from the environment of the tests; the rest could be a developer's key or setting.
INHERITED = ("PATH", "TZ", "TMPDIR", "CI", "COVERAGE_", "COV_", "SSL_CERT_")

NOTIFICATIONS = "org.freedesktop.Notifications"
PRINTED_NOTIFICATION = re.compile(r"^\tsummary: '(.*?)'\n\tbody: '(.*?)'\n\ticon:", re.MULTILINE | re.DOTALL)
SECRETS = DBusAddress("/org/freedesktop/secrets", "org.freedesktop.secrets", "org.freedesktop.Secret.Service")
LOGIN_KEYRING = DBusAddress(
    "/org/freedesktop/secrets/collection/login", SECRETS.bus_name, "org.freedesktop.Secret.Collection"
)

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <servicedir>{services}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""
# One panel along the bottom edge: a stretching gap, then the tray at its right end.
PANEL_CONFIG = f"""<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array"><value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=8;x={WIDTH // 2};y={HEIGHT - 15}"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="32"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/><value type="int" value="2"/></property>
    </property></property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/><property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray"/>
  </property>
</channel>
"""
BROWSER_ENTRY = """[Desktop Entry]
Type=Application
Name=Address recorder
Exec={script} %u
MimeType=x-scheme-handler/http;x-scheme-handler/https;text/html;
"""
MIME_DEFAULTS = """[Default Applications]
inode/directory=pcmanfm.desktop
x-scheme-handler/http=address-recorder.desktop
x-scheme-handler/https=address-recorder.desktop
text/html=address-recorder.desktop
"""


class ProgramsMissing(RuntimeError):
    """A desktop cannot be started here; the message names the Debian packages to install."""


def missing_parts() -> list[str]:
    """The Debian packages that have to be installed before a session can start; empty when none is missing."""
    missing = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if importlib.util.find_spec("gi") is None:
        missing.append("PyGObject (the linux-tray extra)")
    return sorted(missing)


class DesktopSession:
    """
    A running desktop, as a context manager.

    Args:
        folder: Where home, settings and logs are put; the caller removes it.
        tray_host: Whether a tray is there to show icons. Without one it is like plain GNOME.
        keyring: "locked" has a keyring that asks for its password, so reading blocks; "absent" has none at all.

    Attributes:
        env: The whole environment for programs that shall run on this desktop.

    Raises:
        ProgramsMissing: on entering, when a needed program is not installed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tray_host: bool = True,
        keyring: Literal["unlocked", "locked", "absent"] = "unlocked",
    ) -> None:
        self.folder = folder
        self.tray_host = tray_host
        self.keyring = keyring
        self.home = folder / "home"
        self.env: dict[str, str] = {}
        self._id = uuid.uuid4().hex
        self._closing = contextlib.ExitStack()
        self._logs: dict[int, Path] = {}

    def __enter__(self) -> Self:
        if missing := missing_parts():
            raise ProgramsMissing(f"not installed: {', '.join(missing)}; `make install-dev` installs it all")
        try:
            self._open()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def _open(self) -> None:
        # Paths of sockets have room for 107 characters, which pytest's folders can use up.
        runtime = Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="tp-")))
        self._closing.callback(self._end_strays)
        self.env = self._environment(runtime)
        self._write_settings()
        self.env["DISPLAY"] = self._start_screen()
        self.bus_address = self.env["DBUS_SESSION_BUS_ADDRESS"] = self._start_bus(runtime)
        self.bus = open_dbus_connection(self.bus_address)
        self._closing.callback(self.bus.close)
        if self.keyring != "absent":
            self._start_keyring()
        self.start(["openbox"])
        self._dunst = self.start(["dunst", "-print"])
        if self.tray_host:
            self._panel = self.start(["xfce4-panel", "--disable-wm-check"])
        wait_for(self._has_window_manager, "openbox")
        wait_for(lambda: self.is_owned(NOTIFICATIONS), "dunst")
        if self.tray_host:
            self._wait_for_tray_host()

    def _wait_for_tray_host(self) -> None:
        wait_for(lambda: self.is_owned(WATCHER.bus_name), "xfce4-panel's tray")
        wait_for(lambda: self._get(WATCHER, "IsStatusNotifierHostRegistered"), "xfce4-panel's tray")

    def ensure_tray_host(self) -> None:
        """Start the panel again if its tray has crashed: after a second crash it stays away by itself."""
        if not self.is_owned(WATCHER.bus_name):
            _end(self._panel)
            self._panel = self.start(["xfce4-panel", "--disable-wm-check"])
            self._wait_for_tray_host()

    def _environment(self, runtime: Path) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if name.startswith(INHERITED)}
        env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])
        return env | {
            MARKER: self._id,
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_DATA_HOME": str(self.home / ".local/share"),
            "XDG_STATE_HOME": str(self.home / ".local/state"),
            "XDG_RUNTIME_DIR": str(runtime),
            "LC_ALL": "C.UTF-8",
            "PYSTRAY_BACKEND": "appindicator",
            "GSETTINGS_BACKEND": "memory",
            "GTK_THEME": "Adwaita",
            # No accessibility bus: nobody listens, and GTK waits for it.
            "NO_AT_BRIDGE": "1",
        }

    def _write_settings(self) -> None:
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
            Path(self.env[name]).mkdir(parents=True)
        config, data = Path(self.env["XDG_CONFIG_HOME"]), Path(self.env["XDG_DATA_HOME"])
        panel = config / "xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml"
        panel.parent.mkdir(parents=True)
        panel.write_text(PANEL_CONFIG)
        # gnome-keyring makes its folder readable for others when it has to make it itself.
        (data / "keyrings").mkdir(mode=0o700)

        self._addresses = self.folder / "opened-addresses"
        script = self.folder / "address-recorder"
        script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >>{shlex.quote(str(self._addresses))}\n')
        script.chmod(0o755)
        (data / "applications").mkdir()
        (data / "applications/address-recorder.desktop").write_text(BROWSER_ENTRY.format(script=script))
        (config / "mimeapps.list").write_text(MIME_DEFAULTS)

    def _start_screen(self) -> str:
        read_end, write_end = os.pipe()
        screen = ["-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp", "-noreset"]
        with os.fdopen(read_end, "rb") as numbers:
            try:
                self.start(["Xvfb", "-displayfd", str(write_end), *screen], pass_fds=[write_end])
            finally:
                os.close(write_end)
            return ":" + _first_line(numbers, "Xvfb")

    def _start_bus(self, runtime: Path) -> str:
        services = self.folder / "services"
        services.mkdir()
        for name in ACTIVATABLE:
            (services / f"{name}.service").symlink_to(f"/usr/share/dbus-1/services/{name}.service")
        config = self.folder / "bus.conf"
        config.write_text(BUS_CONFIG.format(socket=runtime / "bus", services=services))
        read_end, write_end = os.pipe()
        with os.fdopen(read_end, "rb") as addresses:
            try:
                self.start(
                    ["dbus-daemon", f"--config-file={config}", "--nofork", f"--print-address={write_end}"],
                    pass_fds=[write_end],
                )
            finally:
                os.close(write_end)
            return _first_line(addresses, "dbus-daemon")

    def _start_keyring(self) -> None:
        # The password comes on standard input; it makes a keyring "login" and unlocks it.
        password = self.folder / "keyring-password"
        password.write_text("test")
        with password.open() as stdin:
            self.start(["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"], stdin=stdin)
        wait_for(lambda: self.is_owned(SECRETS.bus_name), "gnome-keyring")
        wait_for(lambda: self._get(LOGIN_KEYRING, "Locked") is False, "the keyring to be unlocked")
        if self.keyring == "locked":
            self.lock_keyring()

    def lock_keyring(self) -> None:
        """Lock the keyring, as a screen saver may do: from now on, reading a secret waits for a person."""
        call(self.bus, new_method_call(SECRETS, "Lock", "ao", ([LOGIN_KEYRING.object_path],)))
        wait_for(lambda: self._get(LOGIN_KEYRING, "Locked") is True, "the keyring to be locked")

    def start(
        self,
        argv: Sequence[str | Path],
        *,
        env: dict[str, str] | None = None,
        stdin: IO[Any] | int = subprocess.DEVNULL,
        pass_fds: Iterable[int] = (),
    ) -> subprocess.Popen[bytes]:
        """
        Start a program on this desktop; it and what it starts are ended with the session.

        Args:
            env: Variables to set besides those in `self.env`.
        """
        log = self.folder / f"{len(self._logs):02}-{Path(argv[0]).name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv,
                env=self.env | (env or {}),
                cwd=self.home,
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=tuple(pass_fds),
                start_new_session=True,
            )
        self._logs[process.pid] = log
        self._closing.callback(_end, process)
        return process

    def run(self, argv: Sequence[str | Path], *, timeout_s: float = 30.0) -> str:
        """Run a program to its end and return what it printed; raises CalledProcessError if it failed."""
        return subprocess.run(
            argv, env=self.env, cwd=self.home, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=True, timeout=timeout_s,
        ).stdout  # fmt: skip

    def output(self, process: subprocess.Popen[bytes]) -> str:
        """What a program begun by `start` has printed so far, on both streams."""
        return self._logs[process.pid].read_text(errors="replace")

    def tray_menu(self, *, pid: int | None = None, timeout_s: float = 30.0) -> TrayMenu:
        """The menu of the tray icon of process `pid` (None: of the only icon there is), once it shows."""
        menu = TrayMenu(self.bus_address, pid=pid, timeout_s=timeout_s)
        self._closing.callback(menu.close)
        return menu

    def screenshot(self, path: Path) -> Image.Image:
        """Write the whole screen to `path` and return it."""
        image = ImageGrab.grab(xdisplay=self.env["DISPLAY"])
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
        return image

    def window_titles(self) -> list[str]:
        """The titles of all visible windows, the panel's among them."""
        found = self._try(["xdotool", "search", "--onlyvisible", "--name", "."])
        return [title for window in found.split() if (title := self._try(["xdotool", "getwindowname", window]))]

    def wait_for_window(self, part_of_title: str, timeout_s: float = 30.0) -> str:
        """The title of the first window with these words in it, once there is one."""

        def matching() -> str | None:
            return next((title for title in self.window_titles() if part_of_title in title), None)

        return wait_for(matching, f"a window {part_of_title!r}", timeout_s)

    def opened_addresses(self) -> list[str]:
        """The web addresses that programs have asked the desktop to open, oldest first."""
        return self._addresses.read_text().splitlines() if self._addresses.exists() else []

    def notifications(self) -> list[tuple[str, str]]:
        """Summary and body of each notification shown so far, oldest first."""
        return PRINTED_NOTIFICATION.findall(self.output(self._dunst))

    def is_owned(self, name: str) -> bool:
        """Whether some program answers to this name on the session bus."""
        return bool(call(self.bus, message_bus.NameHasOwner(name))[0])

    def _has_window_manager(self) -> bool:
        return "window id" in self._try(["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"])

    def _get(self, address: DBusAddress, name: str) -> Any:
        try:
            return call(self.bus, Properties(address).get(name))[0][1]
        except DBusErrorResponse:
            return None

    def _try(self, argv: list[str]) -> str:
        # A window can be gone between the search and the question about it.
        answer = subprocess.run(argv, check=False, env=self.env, capture_output=True, text=True, timeout=30)
        return answer.stdout.strip() if answer.returncode == 0 else ""

    def _end_strays(self) -> None:
        strays = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARKER) == self._id:
                    process.kill()
                    strays.append(process)
        psutil.wait_procs(strays, timeout=5)


def _first_line(stream: IO[bytes], program: str, timeout_s: float = 30.0) -> str:
    if not select.select([stream], [], [], timeout_s)[0]:
        raise TimeoutError(f"{program} did not say within {timeout_s:g} s where it can be reached")
    line = stream.readline().decode().strip()
    if not line:
        raise RuntimeError(f"{program} ended at once")
    return line


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
