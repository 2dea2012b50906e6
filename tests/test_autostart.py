"""Start at login: what is written for each system, and what is read when the person changed it there."""

import plistlib
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tray_proxy import autostart
from tray_proxy.autostart import (
    APPROVED_KEY,
    RUN_KEY,
    AutostartFailed,
    AutostartState,
    LaunchAgent,
    WindowsRun,
    XdgAutostart,
)

COMMAND = ("/opt/Tray Proxy/tray-proxy", "--background")
WINDOWS_COMMAND = (r"C:\Program Files\Tray Proxy\Tray Proxy.exe", "--tray-proxy-home", r"D:\my home", "--background")
WINDOWS_LINE = r'"C:\Program Files\Tray Proxy\Tray Proxy.exe" --tray-proxy-home "D:\my home" --background'
# As Task Manager writes them: a number, and the time of the click.
SWITCHED_OFF = bytes([3, 0, 0, 0, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0xDB, 1])
SWITCHED_ON = bytes([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
ODD_ARGUMENTS = (
    '/opt/my "apps"/100%/tray-proxy',
    "--tray-proxy-home",
    "/home/a b/$HOME/`x`/back\\slash/ü",
    "--background",
)


@dataclass
class FakeRegistry:
    """The user's part of a registry, as a table."""

    values: dict[tuple[str, str], str | bytes] = field(default_factory=dict)
    failure: OSError | None = None

    def _may(self) -> None:
        if self.failure is not None:
            raise self.failure

    def read(self, key: str, name: str) -> str | bytes | None:
        self._may()
        return self.values.get((key, name))

    def write(self, key: str, name: str, value: str) -> None:
        self._may()
        self.values[key, name] = value

    def delete(self, key: str, name: str) -> None:
        self._may()
        self.values.pop((key, name), None)


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def run_value(registry: FakeRegistry) -> WindowsRun:
    return WindowsRun(WINDOWS_COMMAND, registry)


@pytest.fixture
def agent(tmp_path: Path) -> LaunchAgent:
    return LaunchAgent(COMMAND, tmp_path / "LaunchAgents")


@pytest.fixture
def entry(tmp_path: Path) -> XdgAutostart:
    return XdgAutostart(COMMAND, tmp_path / "autostart")


# -- the command -----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has a Python without a console window")
def test_from_source_the_command_is_this_python_with_the_package() -> None:
    assert autostart.command(None) == (sys.executable, "-m", "tray_proxy", "--background")


def test_a_frozen_program_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/tray-proxy/tray-proxy")

    assert autostart.command(None) == ("/opt/tray-proxy/tray-proxy", "--background")


def test_the_home_that_was_given_is_given_again(tmp_path: Path) -> None:
    """The login knows nothing of the environment of this run, and would find other settings."""
    started = autostart.command(tmp_path, demo=True)

    assert started[3:] == ("--demo", "--tray-proxy-home", str(tmp_path), "--background")


def test_a_relative_home_becomes_a_whole_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A login begins in another folder."""
    monkeypatch.chdir(tmp_path)

    assert str(tmp_path / "home") in autostart.command(Path("home"))


def test_on_windows_python_without_a_console_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A black window at each login would be the first thing that a person turns off."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python.exe"))
    (tmp_path / "pythonw.exe").touch()

    assert autostart.command(None)[0] == str(tmp_path / "pythonw.exe")


# -- Windows ---------------------------------------------------------------------------------------


def test_on_windows_it_is_off_until_someone_asks(run_value: WindowsRun, registry: FakeRegistry) -> None:
    assert run_value.state() == AutostartState(enabled=False)
    assert registry.values == {}


def test_on_windows_the_program_stands_in_quotes(run_value: WindowsRun, registry: FakeRegistry) -> None:
    """Unquoted, Windows would look for `C:\\Program.exe` first."""
    run_value.enable()

    assert registry.values == {(RUN_KEY, "Tray Proxy"): WINDOWS_LINE}
    assert run_value.state() == AutostartState(enabled=True)


def test_on_windows_switching_off_leaves_nothing(run_value: WindowsRun, registry: FakeRegistry) -> None:
    run_value.enable()
    registry.values[APPROVED_KEY, "Tray Proxy"] = SWITCHED_ON

    run_value.disable()

    assert registry.values == {}
    assert run_value.state() == AutostartState(enabled=False)


@pytest.mark.parametrize(
    ("mark", "enabled"),
    [(SWITCHED_ON, True), (bytes([6]) + SWITCHED_ON[1:], True), (SWITCHED_OFF, False), (b"\x07", False), (b"", True)],
)
def test_what_task_manager_says_is_what_is_shown(
    run_value: WindowsRun, registry: FakeRegistry, mark: bytes, enabled: bool
) -> None:
    run_value.enable()
    registry.values[APPROVED_KEY, "Tray Proxy"] = mark

    assert run_value.state() == AutostartState(enabled=enabled)


def test_switching_on_again_takes_task_managers_mark_away(run_value: WindowsRun, registry: FakeRegistry) -> None:
    """Or the tick would go on and nothing would start."""
    registry.values = {(RUN_KEY, "Tray Proxy"): WINDOWS_LINE, (APPROVED_KEY, "Tray Proxy"): SWITCHED_OFF}

    run_value.enable()

    assert registry.values == {(RUN_KEY, "Tray Proxy"): WINDOWS_LINE}
    assert run_value.state() == AutostartState(enabled=True)


def test_another_program_in_our_place_is_told(run_value: WindowsRun, registry: FakeRegistry) -> None:
    """For example the old one, after the program was moved."""
    registry.values[RUN_KEY, "Tray Proxy"] = '"C:\\old\\Tray Proxy.exe"'

    assert run_value.state() == AutostartState(
        enabled=True,
        problem='At login something else is started: "C:\\old\\Tray Proxy.exe". Turn “Start when I log in” off and on '
        "again to start this program.",
    )


def test_a_registry_that_refuses_is_told_with_a_hint(run_value: WindowsRun, registry: FakeRegistry) -> None:
    registry.failure = PermissionError(13, "Access is denied")

    for act in (run_value.enable, run_value.disable):
        with pytest.raises(AutostartFailed, match=r"could not be changed: Access is denied\.$") as failed:
            act()
        assert failed.value.hint.startswith("See whether you may change what starts at login")
    assert run_value.state() == AutostartState(
        enabled=False, problem="Whether Tray Proxy starts at login could not be read: Access is denied."
    )


def test_a_command_that_windows_would_cut_off_is_refused(registry: FakeRegistry) -> None:
    run_value = WindowsRun(("C:\\" + "x" * 256 + ".exe", "--background"), registry)

    with pytest.raises(AutostartFailed, match="no command longer than 260 characters"):
        run_value.enable()
    assert registry.values == {}


# -- macOS -----------------------------------------------------------------------------------------


def test_on_macos_it_is_off_until_someone_asks(agent: LaunchAgent) -> None:
    assert agent.state() == AutostartState(enabled=False)
    assert not agent.path.parent.exists()


@pytest.mark.parametrize(
    "program",
    [
        "/Volumes/Tray Proxy/Tray Proxy.app/Contents/MacOS/tray-proxy",
        "/private/var/folders/ab/T/AppTranslocation/0A1B-2C/d/Tray Proxy.app/Contents/MacOS/tray-proxy",
    ],
)
def test_on_macos_a_copy_that_will_be_gone_is_not_started_at_login(program: str, tmp_path: Path) -> None:
    """Run from the disk image, or from where the browser put it; macOS would look for it in vain, and say nothing."""
    passing = LaunchAgent((program, "--background"), tmp_path)

    with pytest.raises(AutostartFailed) as refused:
        passing.enable()

    assert refused.value.message == "This copy of Tray Proxy is not there any more at the next login."
    assert refused.value.hint.startswith("Drag Tray Proxy into the Applications folder, open it there")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "program",
    [
        "/Applications/Tray Proxy.app/Contents/MacOS/tray-proxy",
        "/Users/me/Applications/Tray Proxy.app/Contents/MacOS/tray-proxy",
        "/Volumes/Second disk/Applications/Tray Proxy.app/Contents/MacOS/tray-proxy",
    ],
)
def test_on_macos_a_copy_that_stays_is_started_at_login(program: str, tmp_path: Path) -> None:
    agent = LaunchAgent((program, "--background"), tmp_path)

    agent.enable()

    assert agent.state() == AutostartState(enabled=True)


def test_on_macos_a_launch_agent_starts_it_once_where_there_is_a_screen(agent: LaunchAgent) -> None:
    """No KeepAlive: who quits it from the menu must not see it come back."""
    agent.enable()

    assert plistlib.loads(agent.path.read_bytes()) == {
        "Label": "tray-proxy",
        "ProgramArguments": list(COMMAND),
        "RunAtLoad": True,
        "LimitLoadToSessionType": "Aqua",
        "ProcessType": "Interactive",
    }
    assert agent.path.name == "tray-proxy.plist"
    assert agent.state() == AutostartState(enabled=True)


def test_on_macos_switching_off_takes_the_file_away(agent: LaunchAgent) -> None:
    agent.enable()

    agent.disable()

    assert list(agent.path.parent.iterdir()) == []
    assert agent.state() == AutostartState(enabled=False)


def test_a_launch_agent_that_was_disabled_by_hand_is_off(agent: LaunchAgent) -> None:
    agent.enable()
    content = plistlib.loads(agent.path.read_bytes())
    agent.path.write_bytes(plistlib.dumps(content | {"Disabled": True}))

    assert agent.state() == AutostartState(enabled=False)


def test_a_launch_agent_of_an_older_place_is_told(agent: LaunchAgent, tmp_path: Path) -> None:
    LaunchAgent(("/Applications/Old.app/x", "--background"), agent.path.parent).enable()

    state = agent.state()

    assert state.enabled
    assert state.problem is not None
    assert "/Applications/Old.app/x --background" in state.problem


@pytest.mark.parametrize("content", [b"", b"<plist>", b"no plist", b"bplist00", b"<?xml version='1.0'?><a>"])
def test_a_damaged_launch_agent_is_told_and_mended(agent: LaunchAgent, content: bytes) -> None:
    agent.path.parent.mkdir()
    agent.path.write_bytes(content)

    assert agent.state() == AutostartState(
        enabled=False,
        problem=f"The file {agent.path} cannot be read. Turn “Start when I log in” on again to write it anew.",
    )
    agent.enable()
    assert agent.state() == AutostartState(enabled=True)


# -- Linux -----------------------------------------------------------------------------------------


def test_on_linux_it_is_off_until_someone_asks(entry: XdgAutostart) -> None:
    assert entry.state() == AutostartState(enabled=False)
    assert not entry.path.parent.exists()


def test_on_linux_a_desktop_entry_starts_it(entry: XdgAutostart) -> None:
    entry.enable()

    assert entry.path.name == "tray-proxy.desktop"
    assert entry.path.read_text() == (
        "[Desktop Entry]\n"
        "Type=Application\n"
        "Name=Tray Proxy\n"
        "Comment=Puts OpenRouter's models behind the Ollama API\n"
        'Exec="/opt/Tray Proxy/tray-proxy" --background\n'
        "Terminal=false\n"
        "StartupNotify=false\n"
        "X-GNOME-Autostart-enabled=true\n"
    )
    assert entry.state() == AutostartState(enabled=True)


def test_on_linux_switching_off_takes_the_file_away(entry: XdgAutostart) -> None:
    entry.enable()

    entry.disable()
    entry.disable()

    assert list(entry.path.parent.iterdir()) == []
    assert entry.state() == AutostartState(enabled=False)


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_what_the_desktops_own_tool_switched_off_is_off(entry: XdgAutostart, line: str) -> None:
    entry.enable()
    name = line.partition("=")[0]
    kept = [each for each in entry.path.read_text().splitlines() if not each.startswith(name)]
    entry.path.write_text("\n".join([*kept, line]))

    assert entry.state() == AutostartState(enabled=False)


def test_an_entry_that_another_tool_has_rewritten_is_still_ours(entry: XdgAutostart) -> None:
    entry.enable()
    entry.path.write_text(entry.path.read_text() + "# a remark\nIcon=x\n\n[Desktop Action x]\nExec=other\nName=x\n")

    assert entry.state() == AutostartState(enabled=True)


def test_an_entry_of_an_older_place_is_told(entry: XdgAutostart) -> None:
    XdgAutostart(("/old/tray-proxy", "--background"), entry.path.parent).enable()

    assert entry.state() == AutostartState(
        enabled=True,
        problem="At login something else is started: /old/tray-proxy --background. Turn “Start when I log in” off and "
        "on again to start this program.",
    )


@pytest.mark.parametrize("content", [b"", b"Exec=x\n", b"[Other]\nExec=x\n", b"\xff\xfe"])
def test_a_damaged_entry_is_told_and_mended(entry: XdgAutostart, content: bytes) -> None:
    entry.path.parent.mkdir()
    entry.path.write_bytes(content)

    assert entry.state().enabled is False
    assert str(entry.path) in (entry.state().problem or "")
    entry.enable()
    assert entry.state() == AutostartState(enabled=True)


@pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="desktop-file-validate is not installed")
@pytest.mark.parametrize("command", [COMMAND, ODD_ARGUMENTS])
def test_the_systems_own_tool_finds_no_fault_in_the_entry(tmp_path: Path, command: tuple[str, ...]) -> None:
    entry = XdgAutostart(command, tmp_path)
    entry.enable()

    check = subprocess.run(["desktop-file-validate", entry.path], capture_output=True, text=True, check=False)

    assert (check.returncode, check.stdout + check.stderr) == (0, "")


def test_odd_characters_reach_the_program_as_they_are(tmp_path: Path) -> None:
    """GLib is what most desktops read the line with; its rules are those of a shell."""
    gio = pytest.importorskip("gi.repository.GLib", reason="PyGObject is not installed")
    entry = XdgAutostart(ODD_ARGUMENTS, tmp_path)
    entry.enable()

    keys = gio.KeyFile()
    keys.load_from_file(str(entry.path), 0)
    _, arguments = gio.shell_parse_argv(keys.get_string("Desktop Entry", "Exec"))

    # "%%" is a percent sign to who expands the field codes, which comes after the shell's rules.
    assert tuple(argument.replace("%%", "%") for argument in arguments) == ODD_ARGUMENTS
    assert entry.state() == AutostartState(enabled=True)


def test_a_file_where_the_folder_should_be_is_told(entry: XdgAutostart) -> None:
    entry.path.parent.write_text("in the way")

    with pytest.raises(AutostartFailed, match="What starts at login could not be changed: "):
        entry.enable()
    assert entry.state().enabled is False


# -- which of them ---------------------------------------------------------------------------------


def test_linux_looks_where_the_desktop_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    found = autostart.of_system(COMMAND, platform="linux")

    assert isinstance(found, XdgAutostart)
    assert found.path == tmp_path / "autostart" / "tray-proxy.desktop"


@pytest.mark.parametrize("value", ["", "relative/folder"])
def test_a_config_home_that_is_no_whole_path_does_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", value)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))

    found = autostart.of_system(COMMAND, platform="linux")

    assert isinstance(found, XdgAutostart)
    assert found.path == tmp_path / ".config" / "autostart" / "tray-proxy.desktop"


def test_macos_looks_in_the_users_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))

    found = autostart.of_system(COMMAND, platform="darwin")

    assert isinstance(found, LaunchAgent)
    assert found.path == tmp_path / "Library" / "LaunchAgents" / "tray-proxy.plist"
