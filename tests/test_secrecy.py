"""What crashes leave behind holds neither the key nor a prompt."""

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from tray_proxy import secrecy

KEY = "sk-or-v1-CANARY0123456789abcdef"
PROMPT = "canary prompt"
ROOT = Path(__file__).parents[1]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux shows environments as files")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")


def run(program: str, tmp_path: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program that keeps its secrets, with its log below `tmp_path`."""
    begin = f"""
        import asyncio, gc, os, sys, threading, warnings
        from pathlib import Path
        from tray_proxy import logs, redaction, secrecy
        secrecy.keep()
        KEY, PROMPT = {KEY!r}, {PROMPT!r}
        if "LOG" in os.environ:
            logs.set_up(Path(os.environ["LOG"]), "INFO", echo=False)

        def fail():
            held = PROMPT
            raise ValueError(f"{{KEY}} {{held}}")
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(begin) + textwrap.dedent(program)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | more,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


CRASHES = {
    "the main thread": ("fail()", "the program broke off: ValueError"),
    "another thread": (
        "thread = threading.Thread(target=fail, name='loop'); thread.start(); thread.join()",
        "the thread loop broke off: ValueError",
    ),
    "an object that is cleared away": (
        "type('Thing', (), {'__del__': lambda self: fail(), '__repr__': lambda self: KEY + PROMPT})(); gc.collect()",
        "an error while clearing away: ValueError",
    ),
}


@pytest.mark.parametrize("logged", [False, True], ids=["before the log is set up", "with a log"])
@pytest.mark.parametrize(("program", "told"), CRASHES.values(), ids=CRASHES)
def test_a_crash_tells_an_outline_and_no_more(program: str, told: str, logged: bool, tmp_path: Path) -> None:
    ended = run(program, tmp_path, **({"LOG": str(tmp_path)} if logged else {}))

    first, *places = ended.stderr.splitlines()
    assert first == f"tray-proxy: {told}"
    assert places[-1].startswith("  <string>:")
    assert places[-1].endswith(" fail")
    log = (tmp_path / "tray-proxy.log").read_text() if logged else ""
    assert log.count('"exception": "ValueError"') == logged
    for secret in (KEY, PROMPT, "Traceback"):
        assert secret not in ended.stdout + ended.stderr + log


def test_a_task_that_nobody_asks_about_tells_its_outline(tmp_path: Path) -> None:
    """asyncio itself would write down the exception as it is."""
    program = """
        async def main():
            asyncio.ensure_future(asyncio.to_thread(fail))
            await asyncio.sleep(0)
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0)
            gc.collect()
        asyncio.run(main())
    """
    ended = run(program, tmp_path, LOG=str(tmp_path))

    log = (tmp_path / "tray-proxy.log").read_text()
    assert '"event": "Task exception was never retrieved"' in log
    assert '"exception": "ValueError"' in log
    for secret in (KEY, PROMPT):
        assert secret not in ended.stdout + ended.stderr + log


def test_a_warning_is_one_line_without_the_key(tmp_path: Path) -> None:
    ended = run("warnings.warn(f'odd: {KEY}')", tmp_path, LOG=str(tmp_path))

    assert ended.stderr == "tray-proxy: UserWarning: odd: [key removed] (<string>:13)\n"
    assert KEY not in (tmp_path / "tray-proxy.log").read_text()


def test_without_standard_error_a_crash_is_silent(tmp_path: Path) -> None:
    """As in a windowed program."""
    ended = run("sys.stderr = None; fail()", tmp_path)

    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "")


@POSIX
def test_a_person_who_breaks_it_off_sees_nothing(tmp_path: Path) -> None:
    ended = run("raise KeyboardInterrupt", tmp_path)

    assert (ended.stdout, ended.stderr) == ("", "")


@POSIX
def test_a_crash_leaves_no_image_of_the_memory(tmp_path: Path) -> None:
    """Though it is allowed by whoever started the program."""
    resource = pytest.importorskip("resource")
    program = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE)); sys.stdout.flush(); os.abort()"
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)

    ended = subprocess.run(
        [sys.executable, "-c", f"import os, sys\nfrom tray_proxy import secrecy\nsecrecy.keep()\n{program}"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.stdout == f"({1 if hard else 0}, {hard})\n"
    assert ended.returncode == -signal.SIGABRT
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("reports", [True, False], ids=["Windows", "Wine"])
def test_windows_shows_no_box_and_reports_no_heap(reports: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked of it before, for this process or the one that started it, stays."""
    asked: list[tuple[str, int]] = []
    kernel = SimpleNamespace(GetErrorMode=lambda: 0x8000, SetErrorMode=lambda mode: asked.append(("mode", mode)))
    if reports:
        kernel.WerSetFlags = lambda flags: asked.append(("reports", flags))
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)

    secrecy.leave_no_image()

    assert asked == [("mode", 0x8003), *([("reports", 1)] if reports else [])]


@LINUX
def test_the_environment_that_it_was_started_with_holds_no_key_any_more(tmp_path: Path) -> None:
    """Whoever lists processes with their environments sees blanks; what is started from here on is handed nothing."""
    program = """
        secrecy.take_out_of_environment("OPENROUTER_API_KEY")
        print(os.environ.get("OPENROUTER_API_KEY"), os.environ["BESIDE"])
        print(Path("/proc/self/environ").read_bytes())
        sys.stdout.flush()
        os.system("env")
    """
    ended = run(program, tmp_path, OPENROUTER_API_KEY=KEY, BESIDE="beside")

    assert ended.stdout.startswith("None beside\n")
    assert f"OPENROUTER_API_KEY={' ' * len(KEY)}\\x00" in ended.stdout
    assert KEY not in ended.stdout


def test_a_variable_that_is_not_there_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)

    secrecy.take_out_of_environment("OPENROUTER_API_KEY")

    assert "OPENROUTER_API_KEY" not in os.environ
