"""The script that tries a built program, with the one that is not built: it must be able to say no."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "smoke-test"


def tried(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", SCRIPT, *command], capture_output=True, text=True, check=False)


def program(folder: Path, text: str) -> Path:
    file = folder / "program"
    file.write_text(f"#!{sys.executable}\nimport sys\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.mark.running
def test_a_program_that_works_passes(tmp_path: Path) -> None:
    ours = program(tmp_path, f"sys.path.insert(0, {str(ROOT)!r})\nfrom tray_proxy.cli import main\nsys.exit(main())")

    found = tried(ours, "serve")

    assert found.returncode == 0, found.stderr
    assert "It said: [demo] " in found.stdout
    assert "It has ended: 0, and what ended it: 0." in found.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="a text is no program for Windows")
def test_a_program_that_ends_at_once_does_not_pass(tmp_path: Path) -> None:
    found = tried(program(tmp_path, "sys.exit(7)"), "serve")

    assert (found.returncode, found.stderr) == (1, "It did not answer; its exit status is 7.\n")
