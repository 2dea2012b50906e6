"""`tray-proxy doctor` on desktops where something is amiss."""

import subprocess
import sys


def test_a_locked_key_store_and_a_missing_tray_are_told_and_hold_nothing_up(open_desktop, tmp_path, free_port):
    """A locked key store answers nobody until a person has typed the password."""
    desktop = open_desktop(tray_host=False, keyring="locked")

    run = subprocess.run(
        [sys.executable, "-m", "tray_proxy", "doctor", "--demo", "--port", str(free_port)],
        env=desktop.env | {"TRAY_PROXY_HOME": str(tmp_path)},
        cwd=desktop.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    bad = [line for line in run.stdout.splitlines() if line.startswith("[!!]")]
    assert (run.returncode, run.stderr) == (1, "")
    assert bad == [
        "[!!] Key store: The system's key store does not answer; it may be locked and waiting for your password.",
        "[!!] Tray: Nothing on this desktop shows tray icons.",
    ]
