"""The Windows installer as far as its script tells; it is built and run by `make windows-installer-test`."""

import re
from pathlib import Path

import pytest
from PIL import Image

from tray_proxy import paths
from tray_proxy.autostart import APPROVED_KEY, RUN_KEY

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "packaging" / "windows"
SCRIPT = (PICTURES / "installer.nsi").read_text(encoding="utf-8")
DEFINED = dict(re.findall(r'^!define (\w+) "(.*)"$', SCRIPT, re.MULTILINE))
# What the installer itself made, or PyInstaller's folder within the program's.
OWN = {'"${NEW}"', '"${OLD}"', '"$INSTDIR\\_internal"', '"$R0\\${Part}"'}


def test_it_asks_for_no_administrator():
    assert re.findall(r"^RequestExecutionLevel (\w+)$", SCRIPT, re.MULTILINE) == ["user"]
    assert re.findall(r"\bHK(?!CU\b)\w+", SCRIPT) == []


def test_it_removes_what_the_program_writes_into_the_registry():
    written = {name: DEFINED[name] for name in ("NAME", "RUN_KEY", "APPROVED_KEY")}

    assert written == {"NAME": paths.APP_NAME, "RUN_KEY": RUN_KEY, "APPROVED_KEY": APPROVED_KEY}


def test_no_folder_is_removed_whole_but_its_own():
    """Somebody may install it among other files."""
    removed = set(re.findall(r"^ *RMDir /r (.+)$", SCRIPT, re.MULTILINE))

    assert (removed, DEFINED["NEW"], DEFINED["OLD"]) == (OWN, "$INSTDIR\\_new", "$INSTDIR\\_old")


def test_no_program_is_ended_by_its_name():
    assert "taskkill" not in SCRIPT.lower()
    assert re.findall(r'\$9 == "(.+)"', SCRIPT) == ["$R0\\${EXE}", "$R0\\${CONSOLE_EXE}"]


def test_a_silent_run_asks_nothing():
    """Each box has the answer that it gets where nobody is asked; but one that comes after a tick only."""
    boxes = re.findall(r"MessageBox .+$", re.sub(r"\\\n *", "", SCRIPT), re.MULTILINE)

    assert [box for box in boxes if "/SD ID" not in box] == [
        'MessageBox MB_OK|MB_ICONEXCLAMATION "Not all of your settings could be deleted.$\\r$\\n$\\r$\\n$1"'
    ]


@pytest.mark.parametrize(
    ("name", "size"),
    [("side-1x", (164, 314)), ("side-2x", (328, 628)), ("header-1x", (150, 57)), ("header-2x", (300, 114))],
)
def test_the_pictures_have_the_sizes_that_windows_shows(name, size):
    with Image.open(PICTURES / f"{name}.bmp") as picture:
        assert (picture.format, picture.size) == ("BMP", size)
