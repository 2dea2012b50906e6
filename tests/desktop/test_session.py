"""The desktop that the other tests stand on is there, and is what a person's desktop would be."""

import os
import subprocess
import sys
import textwrap

import psutil
import pytest
from jeepney import DBusAddress, new_method_call

from desktop.session import HEIGHT, MARKER, WIDTH, DesktopSession
from desktop.tray_menu import WATCHER, call
from desktop.waiting import wait_for

# A program with a tray icon that takes itself down when "Leave" is chosen.
LITTLE_TRAY_PROGRAM = textwrap.dedent("""
    import pystray
    from PIL import Image

    state = {"on": False}

    def flip(icon, item):
        state["on"] = not state["on"]
        icon.update_menu()

    icon = pystray.Icon("little", Image.new("RGB", (32, 32), "red"), "Little program", pystray.Menu(
        pystray.MenuItem("Switch_me", flip, checked=lambda item: state["on"]),
        pystray.MenuItem("More", pystray.Menu(pystray.MenuItem("Greyed out", flip, enabled=False))),
        pystray.Menu.SEPARATOR,
        pystray.MenuItem("Leave", lambda icon, item: icon.stop()),
    ))
    icon.run()
""")


def store_and_read_a_secret(desktop: DesktopSession) -> str:
    return desktop.run([sys.executable, "-c", textwrap.dedent("""
        import keyring
        keyring.set_password("A service", "a name", "a secret")
        print(keyring.get_password("A service", "a name"))
    """)])  # fmt: skip


def test_a_tray_host_waits_for_icons(desktop):
    assert desktop.is_owned(WATCHER.bus_name)


def test_a_secret_put_into_the_keyring_can_be_read_by_another_program(desktop):
    """It is the operating system's keyring, not something inside our own process."""
    assert store_and_read_a_secret(desktop) == "a secret\n"

    assert desktop.run(["secret-tool", "lookup", "service", "A service", "username", "a name"]) == "a secret"


def test_the_menu_of_a_tray_icon_can_be_read_and_clicked(desktop):
    program = desktop.start([sys.executable, "-c", LITTLE_TRAY_PROGRAM])
    menu = desktop.tray_menu(pid=program.pid)

    assert menu.labels() == ["Switch_me", "More", "More/Greyed out", "Leave"]
    assert menu.find("Switch_me").checked is False
    assert menu.find("More/Greyed out").enabled is False
    menu.click("Switch_me")
    assert menu.wait_for("Switch_me", that=lambda item: item.checked is True).enabled is True
    menu.click("Leave")
    menu.wait_gone()
    assert program.wait(timeout=10) == 0, desktop.output(program)


def test_an_icon_in_the_tray_shows_on_the_screenshot(desktop, tmp_path):
    """The red square of the little program stands at the right end of the panel."""
    program = desktop.start([sys.executable, "-c", LITTLE_TRAY_PROGRAM])
    desktop.tray_menu(pid=program.pid)

    def red_pixels() -> int:
        screen = desktop.screenshot(tmp_path / "screen.png").convert("RGB")
        return screen.crop((WIDTH - 60, HEIGHT - 40, WIDTH, HEIGHT)).tobytes().count(b"\xff\x00\x00")

    wait_for(lambda: red_pixels() > 100, "the icon to be drawn")


def test_a_folder_opens_in_the_file_manager(desktop, tmp_path):
    folder = tmp_path / "folder to look into"
    folder.mkdir()

    desktop.start(["xdg-open", folder])

    assert desktop.wait_for_window("folder to look into") == "folder to look into"


def test_a_web_address_that_a_program_opens_is_written_down(desktop):
    address = "http://127.0.0.1:9/?token=a%20b&c=d"

    desktop.run([sys.executable, "-c", f"import webbrowser; assert webbrowser.open({address!r})"])

    assert wait_for(desktop.opened_addresses, "the address") == [address]


def test_a_notification_can_be_read(desktop):
    server = DBusAddress(
        "/org/freedesktop/Notifications", "org.freedesktop.Notifications", "org.freedesktop.Notifications"
    )
    message = ("A program", 0, "", "Something happened", "It's\nthis.", [], {}, -1)

    call(desktop.bus, new_method_call(server, "Notify", "susssasa{sv}i", message))

    assert wait_for(desktop.notifications, "the notification") == [("Something happened", "It's\nthis.")]


def test_a_locked_keyring_lets_a_program_wait(open_desktop):
    """The reader hangs until a person answers the prompt: what the product must survive."""
    desktop = open_desktop(tray_host=False, keyring="locked")

    reader = desktop.start([sys.executable, "-c", "import keyring; keyring.get_password('A service', 'a name')"])

    # The prompt is up, so the reader is where a person would leave it.
    assert wait_for(lambda: desktop.is_owned("org.gnome.keyring.SystemPrompter"), "the prompt")
    assert reader.poll() is None


def test_without_a_keyring_python_finds_none(open_desktop):
    desktop = open_desktop(tray_host=False, keyring="absent")

    with pytest.raises(subprocess.CalledProcessError) as failure:
        store_and_read_a_secret(desktop)

    assert "keyring.errors.NoKeyringError" in failure.value.stderr


def test_without_a_tray_host_nobody_watches_for_icons(open_desktop):
    desktop = open_desktop(tray_host=False)

    assert not desktop.is_owned(WATCHER.bus_name)


def test_programs_get_nothing_of_the_developers_settings(desktop_is_possible, tmp_path, monkeypatch):
    """A key in the developer's shell must neither be spent nor make a test pass."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-of-the-developer")

    with DesktopSession(tmp_path, tray_host=False, keyring="absent") as session:
        names = session.run(["env"])

    assert "OPENROUTER" not in names
    assert f"HOME={tmp_path}/home\n" in names


def test_nothing_is_left_running_after_the_session(desktop_is_possible, tmp_path):
    """Not even a program that has cut itself loose from the one that started it."""
    with DesktopSession(tmp_path) as session:
        session.run(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 &"])
        marker = session.env[MARKER]
        assert len(marked(marker)) > 5

    assert marked(marker) == []


def marked(marker: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER) == marker and process.pid != os.getpid():
                found.append(process.name())
        except psutil.Error:
            continue  # ended meanwhile, or somebody else's
    return found
