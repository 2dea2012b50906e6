"""
Windows for the tests: the prefix that `scripts/wine` makes, on the desktop of the desktop tests.

Its tray icons show in that desktop's panel, and its web addresses go to that desktop's browser, which writes them down.
"""

import contextlib
import json
import shutil
import subprocess
import time
from pathlib import Path, PurePosixPath

import httpx
from Xlib.display import Display
from Xlib.ext.shape import SK

from desktop.session import HEIGHT, WIDTH, DesktopSession
from desktop.waiting import wait_for
from tray_proxy.demo.keys import DEMO_KEY
from tray_proxy.listener import bind
from web.opening import page_headers

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "test-artifacts"
WINE = ROOT / ".wine"
PREFIX = WINE / "prefix"
THEME = r"Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"
SIGNED_IN, KEYLESS = {"OPENROUTER_API_KEY": DEMO_KEY}, {"OPENROUTER_API_KEY": ""}
# What is promised, as the longest that a test waits for it.
SWITCH_S = 1.0
QUIT_S = 2.0
# Programs start slowly here, and slower still beside others.
START_S = 60.0
# How long to wait for what the mouse brings about, before it is done again.
MOUSE_S = 2.0
PANEL_HEIGHT = 33
MENU_CLASS = "#32768"
TOOLTIP_CLASS = "tooltips_class32"
# The lines of the menu that can be walked to, from the top; the first three tell and change how things stand.
LINES = (
    "state", "spending", "switch", "Models", "Copy address", "Apps…", "Activity…", "Open logs", "Settings…",
    "Start when I log in", "Quit",
)  # fmt: skip


def windows_path(path):
    """Name a file as Windows programs see it."""
    return "Z:" + str(PurePosixPath(path)).replace("/", "\\")


class WineDesktop:
    """
    A desktop on which Windows programs run, as a context manager; its registry and keys are a new user's.

    Args:
        folder: Where home, settings and logs are put; the caller removes it.
    """

    def __init__(self, folder):
        self.desktop = DesktopSession(folder)
        self._closing = contextlib.ExitStack()

    def __enter__(self):
        try:
            self._open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        self._closing.close()

    def _open(self):
        self._closing.enter_context(self.desktop)
        self.env = self.desktop.env
        self.env.update(
            WINEPREFIX=str(PREFIX),
            WINEDEBUG="-all",
            PYSTRAY_BACKEND="win32",
            PYTHONPATH=windows_path(ROOT),
            # Not among those that Linux compiles: they would be thrown away in turns.
            PYTHONPYCACHEPREFIX=windows_path(WINE / "pycache"),
        )
        # What an interrupted run left behind would hold on to a screen that is gone.
        self._end_windows()
        shutil.copy(WINE / "user.reg", PREFIX / "user.reg")
        self._witness = subprocess.Popen(
            [WINE / "py", windows_path(Path(__file__).with_name("inside.py"))],
            env=self.env, cwd=self.desktop.home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._closing.enter_context(self._witness)
        # Windows' own services hold the same pipe, and would be waited for.
        self._closing.callback(self._end_windows)
        # The panel of this desktop is a light one.
        self.ask("set_registry", THEME, "SystemUsesLightTheme", 1)

    def _end_windows(self):
        subprocess.run(["wineserver", "-k"], env=self.env, check=False, capture_output=True, timeout=30)

    def ask(self, name, *arguments):
        """Have a function of `inside.py` called in Windows, and return its answer."""
        self._witness.stdin.write(json.dumps([name, arguments]) + "\n")
        self._witness.stdin.flush()
        return json.loads(self._witness.stdout.readline())

    def run(self, *arguments, env=None, cwd=None, timeout_s=START_S):
        """Run the Windows Python to its end; give its status and what it printed."""
        ran = subprocess.run(
            [WINE / "py", *arguments], env=self.env | (env or {}), cwd=cwd or self.desktop.home,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        return ran.returncode, ran.stdout

    def windows(self, class_name, pid=None):
        """The visible windows of this class, of one process or of all."""
        return [
            window
            for window, owner, name, visible in self.ask("windows")
            if name == class_name and visible and pid in (None, owner)
        ]

    def xdotool(self, *arguments):
        """Use mouse and keyboard, or look at the screen's windows."""
        return self.desktop.run(["xdotool", *map(str, arguments)])

    def icon(self):
        """Where the tray's icon can be clicked at this moment: what is transparent of it is not its own here."""
        return wait_for(self._find_icon, "the icon in the tray", START_S)

    def _find_icon(self):
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--class", "^explorer.exe$"],
            env=self.env, capture_output=True, text=True, check=False,
        ).stdout.split()  # fmt: skip
        for window in found:
            lines = self.xdotool("getwindowgeometry", "--shell", window).splitlines()
            place = {name: int(value) for name, _, value in (line.partition("=") for line in lines)}
            # Explorer's other windows are as wide as the screen.
            if place["Y"] >= HEIGHT - PANEL_HEIGHT and place["WIDTH"] < PANEL_HEIGHT:
                return self._solid(int(window), place["X"], place["Y"])
        return None

    def _solid(self, window, left, top):
        """The middle of the largest part of a window that is its own."""
        with contextlib.closing(Display(self.env["DISPLAY"])) as display:
            shape = display.create_resource_object("window", window).shape_get_rectangles(SK.Bounding)
        part = max(shape.rectangles, key=lambda part: part.width * part.height)
        return left + part.x + part.width // 2, top + part.y + part.height // 2

    def tooltip(self, picture=None):
        """What is shown while the mouse rests upon the icon; `picture` is where the screen of that moment is put."""

        def shown():
            x, y = self.icon()
            self.xdotool("mousemove", x, y, "mousemove", x - 1, y, "mousemove", x, y)
            found = _soon(lambda: self.windows(TOOLTIP_CLASS))
            text = self.ask("words", found[0]) if found else None
            if picture is not None:
                self.desktop.screenshot(picture)
            self.xdotool("mousemove", WIDTH // 2, HEIGHT // 2)
            if text is None:
                # Windows looks now and then where the mouse is, and must have seen it elsewhere.
                time.sleep(MOUSE_S)
            wait_for(lambda: not self.windows(TOOLTIP_CLASS), "the tooltip to vanish")
            return text

        return wait_for(shown, "the tooltip", START_S)


def _soon(condition):
    """A click or a move is lost where the icon changes its shape at that moment; None then, to have it done again."""
    with contextlib.suppress(TimeoutError):
        return wait_for(condition, "an effect", MOUSE_S)


class App:
    """
    The demo with its tray, started in Windows.

    It is signed in from the start; `env=KEYLESS` begins without a key, as a person does.
    """

    def __init__(self, wine, home, *arguments, env=None):
        self.wine, self.home = wine, home
        self.port = free_port()
        self.env = {"TRAY_PROXY_HOME": windows_path(home), "PORT": str(self.port)} | (env or SIGNED_IN)
        self.record = home / "demo" / "instance.json"
        self.process = wine.desktop.start([WINE / "py", "-m", "tray_proxy", "--demo", *arguments], env=self.env)
        self.find()

    def find(self):
        """Wait until the program and its icon are there."""
        self.pid = wait_for(self._find_pid, "the program to say that it runs", START_S)
        self.windows = wait_for(self._find_windows, "the windows behind icon and menu", START_S)
        self.wine.icon()

    def _find_pid(self):
        with contextlib.suppress(FileNotFoundError):
            return json.loads(self.record.read_bytes())["pid"]

    def _find_windows(self):
        """The two windows that pystray has, which nobody sees; None while they are not there yet."""
        all_windows = self.wine.ask("windows")
        found = [it for it, owner, name, _ in all_windows if owner == self.pid and name.endswith("SystemTrayIcon")]
        return found if len(found) == 2 else None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def tooltip(self, picture=None):
        return self.wine.tooltip(picture)

    def click(self):
        """Click the icon with the left button."""
        self.wine.xdotool("mousemove", *self.wine.icon(), "click", 1)

    def open_menu(self):
        """Open the menu with the right button."""

        def opened():
            self.wine.xdotool("mousemove", *self.wine.icon(), "click", 3)
            return _soon(self.menus)

        wait_for(opened, "the menu")
        # The window manager gives the keyboard to no window of a menu's kind; Windows would have done so.
        self.wine.xdotool("search", "--sync", "--onlyvisible", "--class", "^pythonw?.exe$", "windowfocus")

    def menus(self):
        """The open menu, and those that have come out of it."""
        return self.wine.windows(MENU_CLASS, self.pid)

    def choose(self, line, *keys):
        """Open the menu, walk down to a line, and press a key or more there."""
        self.open_menu()
        self.wine.xdotool("key", *["Down"] * (LINES.index(line) + 1), *(keys or ["Return"]))
        wait_for(lambda: not self.menus(), "the menu to close")

    @contextlib.contextmanager
    def page(self):
        """Come to the page as the tray leads; give a client that may do what the page may."""
        before = len(self.wine.desktop.opened_addresses())
        self.choose("Settings…")
        address = wait_for(lambda: self.wine.desktop.opened_addresses()[before:], "the page to be opened")[0]
        with httpx.Client(base_url=address.partition("/open")[0], trust_env=False, timeout=20) as page:
            page.headers.update(page_headers(page.get(address)))
            yield page

    def answers(self):
        try:
            return httpx.get(f"{self.url}/api/version", trust_env=False, timeout=1).status_code == 200
        except httpx.HTTPError:
            return False

    def models(self):
        listed = httpx.get(f"{self.url}/api/tags", trust_env=False, timeout=10).json()["models"]
        return [model["name"] for model in listed]

    def events(self):
        """What the log tells of, oldest first."""
        lines = (self.home / "logs" / "tray-proxy.log").read_text().splitlines()
        return [json.loads(line)["event"] for line in lines]


def free_port():
    sockets = bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    for sock in sockets:
        sock.close()
    return port
