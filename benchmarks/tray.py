"""
Measures what a person notices of the tray, and what it takes of a computer on which nothing happens.

The desktop of the desktop tests is started (see `tests/desktop/session.py` for what it needs), a real tray on it in a
process of its own, and the demo upstream in this one.
"""

import argparse
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright

from tray_proxy.demo.upstream import DEMO_KEY, DemoUpstream
from tray_proxy.listener import Listener, LoopThread, bind

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from desktop.session import DesktopSession
from desktop.tray_menu import TrayMenu
from desktop.waiting import wait_for

MEGABYTE = 1_000_000
SETTLE_S = 5.0
CLICKS = 10
# What is promised; None where a figure is only to be known.
TARGETS: dict[str, float | None] = {
    "start to icon, s": 1.5,
    "start to serving, s": 2.0,
    "memory when idle, MB": 90.0,
    "of that shared with no other program, MB": None,
    "memory with the page open, MB": None,
    "wake-ups a minute when idle": 2.0,
    "wake-ups a minute with the page open": None,
    "click on Turn off to a closed port, s": 0.5,
    "click on Turn on to an open port, s": 0.5,
}


def is_open(port: int) -> bool:
    """Say whether something listens at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def took_s(condition: Callable[[], object], since_s: float | None = None) -> float:
    """Wait for a condition; return how many seconds it took."""
    begun_s = time.monotonic() if since_s is None else since_s
    wait_for(condition, "what is measured", 30)
    return time.monotonic() - begun_s


def wake_ups(process: psutil.Process) -> dict[str, int]:
    """Count how often each thread has waited for something, by its number; Linux keeps the figure."""
    counts = {}
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (task / "status").read_text(), re.MULTILINE)
        counts[task.name] = int(found[1]) if found else 0
    return counts


def wake_ups_a_minute(process: psutil.Process, seconds: float) -> float:
    """Watch a process for a while."""
    before = wake_ups(process)
    time.sleep(seconds)
    after = wake_ups(process)
    return sum(count - before.get(task, 0) for task, count in after.items()) * 60 / seconds


def start(
    desktop: DesktopSession, home: str, upstream_url: str, port: int
) -> tuple[psutil.Process, TrayMenu, float, float]:
    """Start a tray; return its process, its menu, and how long icon and port took."""
    own = {"TRAY_PROXY_HOME": home, "OPENROUTER_BASE_URL": upstream_url, "OPENROUTER_API_KEY": DEMO_KEY}
    begun_s = time.monotonic()
    process = desktop.start([sys.executable, "-m", "tray_proxy", "--background", "--port", str(port)], env=own)
    menu = desktop.tray_menu(pid=process.pid)
    icon_s = time.monotonic() - begun_s
    return psutil.Process(process.pid), menu, icon_s, took_s(lambda: is_open(port), begun_s)


def clicks_s(menu: TrayMenu, label: str, back: str, port: int, *, opens: bool) -> float:
    """Click a line and back again a few times; return the median time until it shows at the port."""
    times = []
    for _ in range(CLICKS):
        menu.wait_for(label, that=lambda item: item.enabled)
        menu.click(label)
        times.append(took_s(lambda: is_open(port) is opens))
        menu.wait_for(back, that=lambda item: item.enabled)
        menu.click(back)
    menu.wait_for(label, that=lambda item: item.enabled)
    return sorted(times)[CLICKS // 2]


def measure(desktop: DesktopSession, home: str, upstream_url: str, port: int, idle_s: float) -> dict[str, float]:
    """Take all figures of one tray."""
    # The first start reads everything from the disk, as after a restart of the computer; it is not measured.
    process, menu, _, _ = start(desktop, home, upstream_url, port)
    menu.click("Quit")
    psutil.wait_procs([process], 10)
    process, menu, icon_s, serving_s = start(desktop, home, upstream_url, port)
    figures = {"start to icon, s": icon_s, "start to serving, s": serving_s}
    time.sleep(SETTLE_S)
    figures["memory when idle, MB"] = process.memory_info().rss / MEGABYTE
    figures["of that shared with no other program, MB"] = process.memory_full_info().uss / MEGABYTE
    figures["wake-ups a minute when idle"] = wake_ups_a_minute(process, idle_s)
    figures["click on Turn off to a closed port, s"] = clicks_s(menu, "Turn off", "Turn on", port, opens=False)
    menu.click("Turn off")
    figures["click on Turn on to an open port, s"] = clicks_s(menu, "Turn on", "Turn off", port, opens=True)
    menu.click("Activity…")
    address = wait_for(desktop.opened_addresses, "the page to be opened")[-1]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        browser.new_page().goto(address)
        time.sleep(SETTLE_S)
        figures["memory with the page open, MB"] = process.memory_info().rss / MEGABYTE
        figures["wake-ups a minute with the page open"] = wake_ups_a_minute(process, idle_s)
        browser.close()
    menu.click("Quit")
    psutil.wait_procs([process], 10)
    return figures


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "idle_s", nargs="?", type=float, default=30.0, help="how long to watch for wake-ups, in seconds"
    )
    idle_s = options.parse_args().idle_s
    loop = LoopThread()
    upstream = Listener(DemoUpstream(chunk_delay_s=0).app, bind("127.0.0.1", 0))
    url = loop.submit(upstream.start()).result(10)
    free = bind("127.0.0.1", 0)
    port = free[0].getsockname()[1]
    for sock in free:
        sock.close()
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as home,
        DesktopSession(Path(folder)) as desktop,
    ):
        figures = measure(desktop, home, f"{url}/api/v1", port, idle_s)
    loop.submit(upstream.stop()).result(10)
    loop.stop(10)
    print("| Figure | Measured | Target |\n|---|---|---|")
    for name, target in TARGETS.items():
        print(f"| {name} | {figures[name]:.2f} | {'' if target is None else f'{target:g}'} |")


if __name__ == "__main__":
    main()
