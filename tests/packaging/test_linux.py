"""What installs the program on Linux, as far as it can be read; `make package-linux` runs it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "packaging" / "linux"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's own checker")
def test_the_entry_of_the_menu_is_as_desktops_want_it() -> None:
    checker = shutil.which("desktop-file-validate")
    assert checker is not None, "`make install-dev` installs desktop-file-utils"

    checked = subprocess.run([checker, HERE / "tray-proxy.desktop"], capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stdout) == (0, "")
