"""Installed, upgraded and removed without a question, as companies and scripts do it."""

import time

from desktop.waiting import wait_for
from tray_proxy import __version__
from tray_proxy.autostart import APPROVED_KEY, RUN_KEY
from windows.installer.windows_user import (
    BUILT,
    ELSEWHERE,
    NEWER,
    OLDER,
    PROGRAM,
    SETTINGS,
    SHORTCUT,
    UNINSTALL_KEY,
    files,
)
from windows.wine_desktop import ARTIFACTS, START_S

NAME = "Tray Proxy"
MB = 1_000_000
DONE, FAILED = 0, 2
# As Task Manager writes it: switched on.
SWITCHED_ON = [2, *[0] * 11]


def test_from_the_first_installation_to_the_last_file(windows, record_property):
    """It works as it is; a newer one takes its place while it runs; and nothing but the user's own is left."""
    begun_s = time.monotonic()
    assert windows.install(OLDER) == DONE
    windows.start_app()
    record_property("install_to_answer_s", round(time.monotonic() - begun_s, 1))
    assert windows.chat()["message"]["content"]
    windows.wine.icon()
    windows.wine.desktop.screenshot(ARTIFACTS / "windows-installed-tray.png")
    assert (windows.version(), (PROGRAM / "_internal" / "older.txt").exists()) == ("0.0.1", True)
    settings = (SETTINGS / "settings.json").read_bytes()
    first = windows.pid()

    assert windows.install(NEWER) == DONE

    wait_for(lambda: windows.pid() not in (None, first), "another process", START_S)
    windows.wait_until_it_answers()
    assert windows.chat()["message"]["content"]
    windows.wine.icon()
    assert windows.version() == __version__
    assert (SETTINGS / "settings.json").read_bytes() == settings
    assert names(PROGRAM) == sorted([*names(BUILT / "tray-proxy"), "uninstall-tray-proxy.exe"])

    line = f'"{windows.path(PROGRAM)}\\tray-proxy.exe" --background'
    windows.wine.ask("set_registry", RUN_KEY, NAME, line)
    windows.wine.ask("set_registry", APPROVED_KEY, NAME, SWITCHED_ON)
    windows.uninstall()

    assert not windows.answers()
    assert [place for place in (PROGRAM, SHORTCUT) if place.exists()] == []
    assert windows.wine.ask("registry", RUN_KEY, NAME) is None
    assert windows.wine.ask("registry", APPROVED_KEY, NAME) is None
    assert (SETTINGS / "settings.json").read_bytes() == settings


def names(folder):
    return sorted(files(folder))


def into(folder):
    """Give what says where to; as one word with a space in it, it would get quotes, and not be heard."""
    return f"/D={folder}".split(" ")


def test_windows_list_of_apps_tells_of_it(windows):
    assert windows.install(NEWER) == DONE

    entry, folder = windows.entry(), windows.path(PROGRAM)
    size_kb = sum(size for size, _ in files(PROGRAM).values()) / 1024
    assert abs(entry.pop("EstimatedSize") - size_kb) < 1000
    assert entry == {
        "DisplayName": NAME,
        "DisplayVersion": __version__,
        "DisplayIcon": rf"{folder}\tray-proxy.exe",
        "Publisher": NAME,
        "InstallLocation": folder,
        "UninstallString": rf'"{folder}\uninstall-tray-proxy.exe"',
        "QuietUninstallString": rf'"{folder}\uninstall-tray-proxy.exe" /S',
        "NoModify": 1,
        "NoRepair": 1,
    }
    assert SHORTCUT.exists()


def test_the_installer_is_small():
    assert NEWER.stat().st_size <= 25 * MB


def test_running_writes_nothing_into_the_programs_folder(windows):
    """So it may be one in which nobody may write."""
    assert windows.install(NEWER) == DONE
    before = files(PROGRAM)

    assert windows.run(PROGRAM / "tray-proxy-cli.exe", "--version") == (0, f"tray-proxy {__version__}\n")
    windows.start_app()
    assert windows.chat()["message"]["content"]
    assert windows.run(PROGRAM / "tray-proxy-cli.exe", "--demo", "--quit") == (0, "Tray Proxy has ended.\n")

    assert files(PROGRAM) == before


def test_a_file_in_use_leaves_the_old_version_at_work(windows):
    assert windows.install(OLDER) == DONE
    windows.start_app()
    before, first = files(PROGRAM), windows.pid()
    windows.wine.ask("hold", windows.path(PROGRAM / "_internal" / "base_library.zip"))
    windows.wine.ask("hold", windows.path(PROGRAM / "tray-proxy-cli.exe"))

    assert windows.install(NEWER) == FAILED

    assert (windows.version(), files(PROGRAM)) == ("0.0.1", before)
    wait_for(lambda: windows.pid() not in (None, first), "the old version to run again", START_S)
    windows.wait_until_it_answers()
    windows.wine.ask("let_go")
    assert windows.install(NEWER) == DONE
    assert windows.version() == __version__


def test_what_ran_goes_on_also_where_windows_does_not_know_of_it(windows):
    assert windows.install(OLDER) == DONE
    windows.start_app()
    before, first = files(PROGRAM), windows.pid()
    windows.wine.ask("set_registry", UNINSTALL_KEY, "InstallLocation", r"C:\Nowhere")
    windows.wine.ask("hold", windows.path(PROGRAM / "tray-proxy-cli.exe"))

    assert windows.install(NEWER, *into(windows.path(PROGRAM))) == FAILED

    assert files(PROGRAM) == before
    wait_for(lambda: windows.pid() not in (None, first), "the old version to run again", START_S)
    windows.wait_until_it_answers()


def test_the_same_folder_by_another_name_is_no_other_folder(windows):
    """What is installed stays there, by the name that it had, and all of it goes in the end."""
    link = ELSEWHERE / "link"
    ELSEWHERE.mkdir()
    link.symlink_to(PROGRAM)
    folder = windows.path(PROGRAM)
    line = f'"{folder}\\tray-proxy.exe" --background'
    assert windows.install(OLDER) == DONE
    before = files(PROGRAM)
    windows.wine.ask("set_registry", RUN_KEY, NAME, line)

    for same in (windows.path(link), folder.upper()):
        assert windows.install(NEWER, *into(same)) == DONE
        assert names(PROGRAM) == sorted([*names(BUILT / "tray-proxy"), "uninstall-tray-proxy.exe"])
        assert (windows.version(), windows.entry()["InstallLocation"]) == (__version__, folder)
        assert windows.wine.ask("registry", RUN_KEY, NAME) == line
        assert windows.install(OLDER, *into(same)) == DONE
        assert (windows.version(), files(PROGRAM).keys()) == ("0.0.1", before.keys())

    windows.uninstall()

    assert windows.wine.ask("registry", RUN_KEY, NAME) is None


def test_an_older_version_goes_over_a_newer_one(windows):
    assert [windows.install(installer) for installer in (NEWER, OLDER)] == [DONE, DONE]

    assert windows.version() == "0.0.1"


def test_it_stays_out_of_somebody_elses_folder_and_can_be_moved(windows):
    """What starts at login moves along; what lay there before stays."""
    letter = ELSEWHERE / "letter.txt"
    ELSEWHERE.mkdir()
    letter.write_text("Dear Ann")
    moved = ELSEWHERE / NAME
    assert windows.install(OLDER) == DONE
    line = f'"{windows.path(PROGRAM)}\\tray-proxy.exe" --background'
    windows.wine.ask("set_registry", RUN_KEY, NAME, line)

    assert windows.install(NEWER, *into(windows.path(ELSEWHERE))) == DONE

    assert not PROGRAM.exists()
    assert windows.entry()["InstallLocation"] == windows.path(moved)
    assert windows.wine.ask("registry", RUN_KEY, NAME) == f'"{windows.path(moved)}\\tray-proxy.exe" --background'
    # From now on it is there that it is installed.
    assert windows.install(OLDER) == DONE
    assert windows.entry()["InstallLocation"] == windows.path(moved)

    windows.uninstall(moved)

    assert list(files(ELSEWHERE)) == ["letter.txt"]
    assert not moved.exists()
    assert windows.wine.ask("registry", RUN_KEY, NAME) is None
