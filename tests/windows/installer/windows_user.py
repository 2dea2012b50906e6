"""A user's Windows for the tests of the installer, and what `scripts/wine-package` built to be installed there."""

import contextlib
import getpass
import json
import shutil

import httpx

from desktop.waiting import wait_for
from windows.wine_desktop import ARTIFACTS, PREFIX, ROOT, SIGNED_IN, START_S, free_port

BUILT = ROOT / "build" / "windows"
OLDER, NEWER = BUILT / "tray-proxy-older-setup.exe", BUILT / "tray-proxy-setup.exe"
USER = PREFIX / "drive_c" / "users" / getpass.getuser()
LOCAL = USER / "AppData" / "Local"
PROGRAM = LOCAL / "Programs" / "Tray Proxy"
SETTINGS = LOCAL / "Tray Proxy"
SHORTCUT = USER / "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Tray Proxy.lnk"
ELSEWHERE = PREFIX / "drive_c" / "Elsewhere"
UNINSTALL_KEY = r"Software\Microsoft\Windows\CurrentVersion\Uninstall\Tray Proxy"
CHAT = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": False}


class WindowsUser:
    """A user's Windows, and what is installed in it."""

    def __init__(self, wine):
        self.wine = wine
        self.port = free_port()
        self.env = dict(SIGNED_IN)
        SETTINGS.mkdir()
        (SETTINGS / "settings.json").write_text(json.dumps({"port": self.port}))

    def start(self, program, *arguments):
        """Start a program of Windows', as with a double-click."""
        # Output goes through a pipe, as in .wine/py.
        line = 'exec wine "$@" > >(exec cat) 2>&1'
        return self.wine.desktop.start(["bash", "-c", line, "wine", program, *arguments], env=self.env)

    def run(self, program, *arguments, timeout_s=100):
        """Run a program of Windows' to its end; give its status and what it printed."""
        process = self.start(program, *arguments)
        status = process.wait(timeout_s)
        return status, self.wine.desktop.output(process)

    def install(self, installer, *arguments):
        """Install without a question; give the status."""
        return self.run(installer, "/S", *arguments)[0]

    def uninstall(self, folder=PROGRAM):
        """Uninstall without a question, and wait: the uninstaller goes on by itself, from another folder."""
        assert self.run(folder / "uninstall-tray-proxy.exe", "/S")[0] == 0
        wait_for(lambda: self.entry() is None and not folder.exists(), "the uninstaller to be done", START_S)

    def entry(self):
        """What Windows' list of installed apps tells of it; None where it is not in there."""
        return self.wine.ask("subkey", UNINSTALL_KEY)

    def version(self):
        return self.entry()["DisplayVersion"]

    def start_app(self, folder=PROGRAM):
        """Start the demo, and wait until it answers."""
        self.start(folder / "tray-proxy.exe", "--demo", "--background")
        self.wait_until_it_answers()

    def pid(self):
        """The process of the demo; None while it has not said so."""
        with contextlib.suppress(FileNotFoundError):
            return json.loads((SETTINGS / "demo" / "instance.json").read_bytes())["pid"]

    def answers(self):
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.port}/api/version", trust_env=False, timeout=1).is_success
        return False

    def wait_until_it_answers(self):
        wait_for(self.answers, "the port to open", START_S)

    def chat(self):
        return httpx.post(f"http://127.0.0.1:{self.port}/api/chat", json=CHAT, trust_env=False, timeout=20).json()

    def path(self, path):
        """Name a file as Windows programs see it, on its own disk."""
        return "C:\\" + str(path.relative_to(PREFIX / "drive_c")).replace("/", "\\")

    def shows(self, words):
        """The places of the controls with these words on the screen."""
        return [(x, y) for text, x, y in self.wine.ask("controls") if words in text]

    def see(self, words, picture=None):
        """Wait until these words are on the screen; `picture` is where that is put."""
        wait_for(lambda: self.shows(words), f"{words!r} on the screen", START_S)
        if picture is not None:
            self.wine.desktop.screenshot(ARTIFACTS / picture)

    def click(self, words):
        """Click the control that has these words for its first ones; a button's are whole."""
        self.see(words)
        places = [(text == words, x, y) for text, x, y in self.wine.ask("controls") if text.startswith(words)]
        self.wine.xdotool("mousemove", *max(places)[1:], "click", 1)


def files(folder):
    """Each file below, its size and when it was written."""
    return {
        file.relative_to(folder).as_posix(): (file.stat().st_size, file.stat().st_mtime)
        for file in folder.rglob("*")
        if file.is_file()
    }


def remove_traces():
    for folder in (PROGRAM, SETTINGS, ELSEWHERE):
        shutil.rmtree(folder, ignore_errors=True)
    SHORTCUT.unlink(missing_ok=True)
