"""The command line: what it takes, what it says, and the status it ends with."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tray_proxy import __version__, cli, instance, setting_list, settings, wiring
from tray_proxy.errors import PortInUse
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import Settings

ROOT = Path(__file__).parents[1]
KEY = "sk-or-v1-0123456789abcdef"
FLAGS = [settings.flag_of(name) for name, field in setting_list.FIELDS.items() if field.knob.flag] + [
    "--demo",
    "--quit",
    "--insecure",
    "--forget",
]
KEY_REFUSED = (
    "tray-proxy: a key is not taken from the command line, where everyone on this computer can see it. "
    "Set OPENROUTER_API_KEY, or paste that key on the settings page; set PROXY_API_KEY for the access key.\n"
)
SEE_HELP = "`tray-proxy --help` shows what there is.\n"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the `.env` of whoever runs it."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Settings, bool]]:
    """What would be run: the word, the settings, and whether it is the demo."""
    started: list[tuple[str, Settings, bool]] = []

    def note(word: str) -> Callable[..., None]:
        return lambda loaded, *, demo, **_: started.append((word, loaded, demo))

    monkeypatch.setattr(wiring, "serve", note("serve"))
    monkeypatch.setattr(wiring, "run_tray", note("tray"))
    return started


def status(*arguments: str) -> int:
    """Run the program in this process; give what it would end with."""
    try:
        return cli.main(arguments)
    except SystemExit as end:
        return int(end.code or 0)


def program(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the program as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "tray_proxy", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "word", "demo"),
    [
        ([], "tray", False),
        (["tray"], "tray", False),
        (["--demo"], "tray", True),
        (["serve"], "serve", False),
        (["serve", "--demo"], "serve", True),
        (["--demo", "serve"], "serve", True),
    ],
)
def test_without_a_word_the_tray_is_run(arguments: list[str], word: str, demo: bool, started: list[Any]) -> None:
    ended_with = status(*arguments)

    ((run, _, as_demo),) = started
    assert (ended_with, run, as_demo) == (0, word, demo)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "1001", "serve"],
        ["serve", "--port", "1001"],
        ["serve", "--port=1001"],
        ["--port=1", "serve", "--port=1001"],
    ],
)
def test_a_flag_may_stand_before_or_after_the_word(arguments: list[str], started: list[Any]) -> None:
    status(*arguments)

    ((_, loaded, _),) = started
    assert loaded.port == 1001


def test_every_flag_reaches_its_setting(started: list[Any], tmp_path: Path) -> None:
    (tmp_path / "filter.txt").touch()
    values: dict[str, tuple[str, object]] = {
        "host": ("::1", "::1"),
        "port": ("1001", 1001),
        "same_user_only": ("on", True),
        "log_level": ("error", "ERROR"),
        "turn_on_at_start": ("off", False),
        "notifications": ("no", False),
        "check_for_updates": ("off", False),
        "models_filter": ("filter.txt", tmp_path / "filter.txt"),
        "openrouter_base_url": ("http://localhost:1", "http://localhost:1"),
        "tray_proxy_home": (str(tmp_path / "other"), tmp_path / "other"),
        "allowed_hosts": ("ai.example.com", "ai.example.com"),
        "ollama_origins": ("chrome-extension://*", "chrome-extension://*"),
        "connect_timeout_s": ("1", 1.0),
        "first_byte_timeout_s": ("2", 2.0),
        "idle_timeout_s": ("3", 3.0),
        "daily_limit_usd": ("2.5", 2.5),
        "app_limits_usd": ("zed=1", "zed=1"),
        "request_limit_usd": ("0.5", 0.5),
        "paid_requests_per_minute": ("60", 60),
        "manage_models": ("deny", "deny"),
        "private_providers": ("on", True),
        "local_ollama": ("http://127.0.0.1:11435/", "http://127.0.0.1:11435"),
        "library_names": ("list", "list"),
    }

    status("serve", *(f"{settings.flag_of(name)}={written}" for name, (written, _) in values.items()))

    ((_, loaded, _),) = started
    assert {name: getattr(loaded, name) for name, field in setting_list.FIELDS.items() if field.knob.flag} == {
        name: read for name, (_, read) in values.items()
    }


def test_insecure_is_a_flag_without_a_value(started: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert status("serve", "--host", "0.0.0.0") == 2
    assert status("serve", "--host", "0.0.0.0", "--insecure") == 0

    assert [loaded.host for _, loaded, _ in started] == ["0.0.0.0"]
    assert capsys.readouterr().err.startswith("tray-proxy: --host has a value that is not allowed: '0.0.0.0'. ")


def test_what_reads_the_settings_anew_is_given_the_access_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no longer in the environment, and HOST may stand or fall by it."""
    monkeypatch.setenv("PROXY_API_KEY", "an-access-key-of-nobody")
    seen: list[object] = []
    monkeypatch.setattr(wiring, "serve", lambda _, *, given, **__: seen.append(settings.load(given).proxy_api_key))

    assert status("serve") == 0
    assert (seen, "PROXY_API_KEY" in os.environ) == ([SecretStr("an-access-key-of-nobody")], False)


@pytest.mark.parametrize(
    ("arguments", "hidden"), [([], False), (["--background"], True), (["tray", "--background"], True)]
)
def test_at_login_nothing_but_the_icon_is_to_show(
    arguments: list[str], hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(wiring, "run_tray", lambda _, *, background, **__: asked.append(background))

    assert status(*arguments) == 0
    assert asked == [hidden]


def test_a_server_shows_nothing_anyway(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("serve", "--background") == 2
    assert capsys.readouterr().err == f"tray-proxy: there is no option --background. {SEE_HELP}"


@pytest.mark.parametrize("arguments", [["--quit"], ["tray", "--quit"], ["serve", "--quit"], ["--quit", "serve"]])
def test_quit_where_nothing_runs_starts_nothing(
    arguments: list[str], started: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(*arguments) == 0
    assert capsys.readouterr() == ("Tray Proxy is not running.\n", "")
    assert started == []


@pytest.mark.parametrize(("arguments", "below"), [([], ""), (["--demo"], "demo")])
def test_quit_ends_the_copy_on_the_same_folder(
    arguments: list[str],
    below: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(instance, "end", lambda folder: asked.append(folder) is None)

    assert status(*arguments, "--quit", "--tray-proxy-home", str(tmp_path)) == 0
    assert asked == [tmp_path / below]
    assert capsys.readouterr().out == "Tray Proxy has ended.\n"


@pytest.mark.parametrize("content", ['{"port": "many"}', "{"])
def test_a_slip_in_the_settings_file_does_not_keep_it_from_ending(
    content: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Least of all for an installer; and the file is left to who runs the program next, and can be told of it."""
    (tmp_path / "settings.json").write_text(content)

    assert status("--quit", "--tray-proxy-home", str(tmp_path)) == 0
    assert capsys.readouterr() == ("Tray Proxy is not running.\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("OLLAMA_HOST", "0.0.0.0"), ("HOST", "mymachine"), ("PORT", "abc"), ("PROXY_API_KEY", "short")],
)
def test_a_variable_that_is_refused_does_not_keep_it_from_ending(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The copy that runs was started without it: from the Start menu, say."""
    monkeypatch.setenv(name, value)

    assert status("--quit") == 0
    assert capsys.readouterr() == ("Tray Proxy is not running.\n", "")


def test_a_folder_that_cannot_be_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("--quit", "--tray-proxy-home", "~nobody-of-that-name") == 2
    assert capsys.readouterr().err == (
        "tray-proxy: TRAY_PROXY_HOME has a value that is not allowed: '~nobody-of-that-name'. "
        "Allowed is the path of a folder.\n"
    )


@pytest.mark.parametrize(("well", "ended_with"), [(True, 0), (False, 1)])
def test_the_doctors_verdict_is_the_exit_status(
    well: bool, ended_with: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """And what is wrong with the settings file is told, too."""
    (tmp_path / "settings.json").write_text('{"port": "many"}')
    asked: list[tuple[int, bool]] = []

    def check(loaded: Settings, *, demo: bool, say: Callable[[str], None]) -> bool:
        asked.append((loaded.port, demo))
        say("A report.")
        return well

    monkeypatch.setattr(wiring, "check", check)

    assert status("doctor", "--demo", "--tray-proxy-home", str(tmp_path)) == ended_with
    told = capsys.readouterr()
    assert (asked, told.out) == ([(11434, True)], "A report.\n")
    assert (
        told.err
        == "tray-proxy: PORT has a value that is not allowed: 'many'. Allowed is a whole number from 1 to 65535.\n"
    )


def test_the_version_is_told() -> None:
    run = program("--version")

    assert (run.returncode, run.stdout, run.stderr) == (0, f"tray-proxy {__version__}\n", "")


def test_the_help_is_told() -> None:
    run = program("--help")

    assert (run.returncode, run.stderr) == (0, "")
    assert [flag for flag in [*FLAGS, "--version", "tray", "serve", "doctor"] if flag not in run.stdout] == []


@pytest.mark.parametrize("word", [[], ["tray"], ["serve"]])
def test_the_help_names_every_flag_and_what_is_allowed(
    word: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")

    ended_with = status(*word, "--help")

    told = capsys.readouterr().out
    expected = FLAGS + [field.knob.allowed for field in setting_list.FIELDS.values() if field.knob.flag]
    assert ended_with == 0
    assert [text for text in expected if text not in told] == []


def test_there_is_no_flag_for_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    status("--help")

    assert re.findall(r"--[a-z-]*key[a-z-]*", capsys.readouterr().out) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--openrouter-api-key", KEY],
        [f"--openrouter-api-key={KEY}"],
        ["serve", "--openrouter-api-key", KEY],
        ["--openrouter-api-key", KEY, "serve"],
        ["serve", f"--api-key={KEY}"],
        ["serve", f"--proxy-api-key={KEY}"],
        ["--API_KEY", KEY],
        ["--key", KEY, "--no-such-option"],
        ["-key", KEY],
    ],
)
def test_the_key_is_refused_on_the_command_line(
    arguments: list[str], started: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Everyone can see it there; and what was given is not shown once more."""
    ended_with = status(*arguments)

    assert (ended_with, started) == (2, [])
    assert capsys.readouterr() == ("", KEY_REFUSED)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--no-such-option"], "there is no option --no-such-option."),
        (["--no-such-option=5", "serve"], "there is no option --no-such-option."),
        (["serve", "--por", "5"], "there is no option --por."),
        (["-p", "5"], "argument {tray,serve,doctor}: invalid choice."),
        (["dance"], "argument {tray,serve,doctor}: invalid choice."),
        (["serve", "dance"], "there is no option like that."),
        (["--port"], "argument --port: expected one argument."),
        (["--port", "--demo"], "argument --port: expected one argument."),
        (["--demo=yes"], "argument --demo: ignored explicit argument."),
        ([KEY], "argument {tray,serve,doctor}: invalid choice."),
        (["it's " + KEY], "argument {tray,serve,doctor}: invalid choice."),
        (["serve", KEY], "there is no option like that."),
        ([f"-k{KEY}"], "there is no option like that."),
        ([f"--{KEY}"], "there is no option like that."),
        ([f"--demo={KEY}"], "argument --demo: ignored explicit argument."),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(
    arguments: list[str], complaint: str, started: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the option's name, but no value: it may be a key that was pasted into the wrong place."""
    ended_with = status(*arguments)

    assert (ended_with, started) == (2, [])
    assert capsys.readouterr() == ("", f"tray-proxy: {complaint} {SEE_HELP}")


def test_the_real_program_refuses_an_unknown_option() -> None:
    run = program("serve", "--no-such-option")

    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"tray-proxy: there is no option --no-such-option. {SEE_HELP}"


def test_a_value_that_is_not_allowed_is_told(started: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    ended_with = status("serve", "--port", "0")

    assert (ended_with, started) == (2, [])
    assert capsys.readouterr().err == (
        "tray-proxy: --port has a value that is not allowed: '0'. Allowed is a whole number from 1 to 65535.\n"
    )


@pytest.mark.parametrize(("word", "ended_with"), [("tray", 0), ("serve", 2)])
def test_a_slip_in_the_settings_file_ends_a_server_and_not_the_tray(
    word: str, ended_with: int, started: list[Any], tmp_path: Path
) -> None:
    """There is somebody who reads what a server says; who double-clicks must get to the page."""
    (tmp_path / "settings.json").write_text('{"port": "many"}')

    assert status(word, "--tray-proxy-home", str(tmp_path)) == ended_with

    assert [run for run, _, _ in started] == ([word] if ended_with == 0 else [])


@pytest.mark.parametrize("arguments", [["serve"], []])
def test_a_failure_is_told_with_what_to_do_about_it(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PortInUse("Port 11434 is used by Ollama.")

    monkeypatch.setattr(wiring, "serve", fail)
    monkeypatch.setattr(wiring, "run_tray", fail)

    ended_with = status(*arguments)

    assert ended_with == 1
    assert capsys.readouterr().err == f"tray-proxy: Port 11434 is used by Ollama. {PortInUse.hint}\n"


@pytest.mark.skipif(os.name != "posix", reason="Windows has other words for a port that is kept but not served")
def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))  # not served: who holds it cannot be found out, which differs by system
        port = holder.getsockname()[1]

        run = program("serve", "--demo", "--port", str(port))

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.splitlines()[-1] == (
        f"tray-proxy: Port {port} is used by another program. Quit the other program, or start Tray Proxy on "
        "another port (--port, or the setting PORT)."
    )


def test_a_windowed_program_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has neither output nor errors, and must not fail for it."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    cli.say("hello")

    assert status("--no-such-option") == 2


def test_what_runs_no_longer_has_the_key_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Browser, file manager and clipboard programs are handed the environment as it then is."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-canary-of-nobody")
    seen: list[tuple[str | None, str | None]] = []

    def run(loaded: setting_list.Settings, **_: Any) -> None:
        key = loaded.openrouter_api_key
        seen.append((key and key.get_secret_value(), os.environ.get("OPENROUTER_API_KEY")))

    monkeypatch.setattr(wiring, "serve", run)

    assert cli.main(["serve"]) == 0
    assert seen == [("sk-or-v1-canary-of-nobody", None)]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX's numbers")
def test_a_stream_that_was_closed_is_taken_by_nothing_else() -> None:
    """What a library of the tray's writes to standard error would otherwise go to some app, within its answer."""
    asking = (
        "import os; from tray_proxy import cli; cli.main(['--port', 'x']); "
        "os.write(int(os.environ['TO']), os.readlink('/proc/self/fd/2').encode())"
    )
    reading, writing = os.pipe()
    with os.fdopen(reading) as told:
        subprocess.run(
            ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", asking],
            env=os.environ | {"PYTHONPATH": str(ROOT), "TO": str(writing)},
            pass_fds=[writing],
            timeout=30,
            check=True,
        )
        os.close(writing)

        assert told.read() == "/dev/null"
