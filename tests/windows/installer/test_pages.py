"""The installer's pages, gone through with the mouse; each screen is put among the artifacts, to be looked at."""

from desktop.waiting import wait_for
from windows.installer.windows_user import NEWER, PROGRAM, SETTINGS, files
from windows.wine_desktop import KEYLESS, START_S

SERVICE, ACCOUNT = "Tray Proxy", "OpenRouter API key"
SECRET = "sk-or-v1-of-nobody-at-all"


def install(windows):
    """Go through all pages; the last one opens the program, and that its page where it has no key."""
    windows.env = KEYLESS
    windows.start(NEWER)
    windows.see("Where to", "windows-installer-where.png")
    windows.click("Install")
    windows.see("is installed", "windows-installer-done.png")
    windows.click("Finish")
    wait_for(windows.wine.desktop.opened_addresses, "the page to be opened", START_S)
    windows.wait_until_it_answers()


def test_two_clicks_install_and_open_it(windows):
    install(windows)

    assert windows.wine.icon()


def test_uninstalling_keeps_what_is_not_ticked(windows):
    install(windows)
    windows.wine.ask("store_credential", SERVICE, ACCOUNT, SECRET)
    windows.start(PROGRAM / "uninstall-tray-proxy.exe")
    windows.see("Delete my settings", "windows-uninstaller.png")

    windows.click("Uninstall")

    windows.see("Completed", "windows-uninstaller-done.png")
    assert windows.entry() is None
    assert not PROGRAM.exists()
    assert not windows.answers()
    assert "settings.json" in files(SETTINGS)
    assert windows.wine.ask("credential", SERVICE) == [ACCOUNT, SECRET]


def test_uninstalling_deletes_settings_and_key_where_it_is_ticked(windows):
    install(windows)
    windows.wine.ask("store_credential", SERVICE, ACCOUNT, SECRET)
    windows.start(PROGRAM / "uninstall-tray-proxy.exe")

    windows.click("Delete my settings")
    windows.see("Delete my settings", "windows-uninstaller-ticked.png")
    windows.click("Uninstall")

    windows.see("Completed")
    assert not SETTINGS.exists()
    assert windows.wine.ask("credential", SERVICE) is None


def test_a_file_in_use_is_told_with_what_to_do(windows):
    assert windows.install(NEWER) == 0
    windows.wine.ask("hold", windows.path(PROGRAM / "tray-proxy-cli.exe"))
    windows.start(NEWER)
    windows.click("Install")
    windows.see("Another program uses files", "windows-installer-in-use.png")
    windows.wine.ask("let_go")

    windows.click("Retry")

    windows.see("is installed")
