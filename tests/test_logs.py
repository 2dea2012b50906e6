"""The log: whole lines of JSON, and never the key or a prompt in them."""

import io
import json
import logging
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tray_proxy import logs, redaction

KEY = "sk-or-v1-0123456789abcdef"
ODD_KEY = "a-key-that-looks-like-none"
LIBRARIES = ("httpx", "httpcore", "asyncio", "PIL", "keyring", "uvicorn", "hpack", "secretstorage")

type Records = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def own_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put everything back that `set_up` changes for the whole process."""
    root = logging.getLogger()
    levels = {logger: logger.level for logger in (root, *map(logging.getLogger, LIBRARIES))}
    handlers, config = root.handlers[:], structlog.get_config()
    monkeypatch.setattr(redaction, "_known", [])
    yield
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
        handler.close()
    for logger, level in levels.items():
        logger.setLevel(level)
    structlog.configure(**config)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A log that takes everything."""
    file = logs.set_up(tmp_path / "logs", "DEBUG", echo=False)
    assert file is not None
    return file


@pytest.fixture
def records(file: Path) -> Records:
    """Read the log: one record per line, or this fails."""
    return lambda: [json.loads(line) for line in file.read_text(encoding="ascii").splitlines()]


def fail_with(secret: str) -> None:
    held_in_a_variable = secret
    raise ValueError(held_in_a_variable)


def test_a_record_is_a_line_of_json(records: Records) -> None:
    structlog.get_logger("ours").info("proxy started", port=11434, demo=False, cost_usd=None, models=("a", "b"))

    (record,) = records()
    assert record.pop("time").endswith("Z")
    assert record == {
        "event": "proxy started",
        "level": "info",
        "logger": "ours",
        "port": 11434,
        "demo": False,
        "cost_usd": None,
        "models": ["a", "b"],
    }


def test_a_librarys_record_has_the_same_form(records: Records) -> None:
    logging.getLogger("theirs").warning("%d streams, %s", 3, "all well")

    (record,) = records()
    del record["time"]
    assert record == {"event": "3 streams, all well", "level": "warning", "logger": "theirs"}


@pytest.mark.parametrize(
    "text",
    [
        "one\ntwo",
        'one\r\n{"event": "forged"}',
        "bell \x07 and escape \x1b[2J",
        "delete \x7f",
        "turned \u202e around \u2066",
        "line \u2028 separator \x85",
        "Grüße, 世界",
        "\ud800",
    ],
)
@pytest.mark.parametrize("get_logger", [structlog.get_logger, logging.getLogger])
def test_nobody_outside_can_forge_a_line(get_logger: Callable[[str], Any], text: str, file: Path) -> None:
    get_logger("any").info(text)

    (line,) = file.read_bytes().splitlines(keepends=True)
    assert line.removesuffix(os.linesep.encode()).decode("ascii").isprintable()
    assert json.loads(line)["event"] == text


@pytest.mark.parametrize("value", [KEY, f"Bearer {KEY}", [KEY], {"key": KEY}, ValueError(KEY), KEY.encode()])
def test_what_looks_like_a_key_is_struck_out(value: object, file: Path) -> None:
    """Also one that we never saw: an upstream may echo it."""
    structlog.get_logger("ours").info("echoed", value=value)

    assert KEY not in file.read_text()
    assert redaction.STRUCK_OUT in file.read_text()


@pytest.mark.parametrize("value", [ODD_KEY, f"<{ODD_KEY}>", [ODD_KEY], {"key": ODD_KEY}, ValueError(ODD_KEY)])
def test_the_key_itself_is_struck_out_whatever_it_looks_like(value: object, file: Path) -> None:
    redaction.keep_out(ODD_KEY)

    structlog.get_logger("ours").info("echoed", value=value)

    assert ODD_KEY not in file.read_text()
    assert redaction.STRUCK_OUT in file.read_text()


def test_a_librarys_words_are_cleaned_too(records: Records) -> None:
    redaction.keep_out(ODD_KEY)

    logging.getLogger("theirs").info("sending %s", {"Authorization": f"Bearer {ODD_KEY}"})

    assert records()[0]["event"] == "sending {'Authorization': 'Bearer [key removed]'}"


def test_an_exception_leaves_only_its_outline(records: Records) -> None:
    """Its text and its variables may hold a prompt."""
    try:
        fail_with("my secret prompt")
    except ValueError:
        structlog.get_logger("ours").exception("it failed")

    (record,) = records()
    del record["time"]
    here = f"{Path(__file__).name}:"
    assert [place.rpartition(" ")[2] for place in record["at"] if place.startswith(here)] == [
        "test_an_exception_leaves_only_its_outline",
        "fail_with",
    ]
    assert {name: value for name, value in record.items() if name != "at"} == {
        "event": "it failed",
        "level": "error",
        "logger": "ours",
        "exception": "ValueError",
    }


@pytest.mark.parametrize("get_logger", [structlog.get_logger, logging.getLogger])
@pytest.mark.parametrize("secret", ["my secret prompt", KEY, ODD_KEY])
def test_nothing_that_an_exception_says_is_kept(get_logger: Callable[[str], Any], secret: str, file: Path) -> None:
    """Whoever logs it, and in whichever of logging's ways."""
    try:
        fail_with(secret)
    except ValueError as error:
        get_logger("any").warning("it failed", exc_info=True)
        caught = error
    get_logger("any").warning("it failed", exc_info=caught)

    assert file.read_text().count('"exception": "ValueError"') == 2
    assert secret not in file.read_text()


def test_asking_for_an_exception_where_there_is_none_does_no_harm(records: Records) -> None:
    structlog.get_logger("ours").info("well", exc_info=True)

    assert [record["event"] for record in records()] == ["well"]


@pytest.mark.parametrize("name", [*LIBRARIES, "httpcore.connection", "uvicorn.error"])
def test_a_librarys_debugging_is_silenced(name: str, records: Records) -> None:
    """It holds headers and bodies: the key and the prompt."""
    logging.getLogger(name).debug("sent everything")
    logging.getLogger(name).info("sent something")
    logging.getLogger(name).warning("trouble")
    structlog.get_logger("ours").debug("details")

    assert [record["event"] for record in records()] == ["trouble", "details"]


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        ("DEBUG", ["debug", "info", "warning", "error"]),
        ("INFO", ["info", "warning", "error"]),
        ("WARNING", ["warning", "error"]),
        ("ERROR", ["error"]),
    ],
)
def test_the_level_decides_what_is_kept(level: str, kept: list[str], tmp_path: Path) -> None:
    file = logs.set_up(tmp_path, level, echo=False)
    log = structlog.get_logger("ours")

    for each in ("debug", "info", "warning", "error"):
        getattr(log, each)(each)

    assert [json.loads(line)["event"] for line in file.read_text().splitlines()] == kept


@pytest.mark.usefixtures("file")
def test_the_log_takes_up_thirty_megabytes_at_most() -> None:
    (handler,) = [each for each in logging.getLogger().handlers if isinstance(each, logs._Handler)]

    assert (handler.maxBytes, handler.backupCount + 1) == (10_000_000, 3)


def test_a_full_file_makes_room_and_the_oldest_goes(file: Path) -> None:
    (handler,) = [each for each in logging.getLogger().handlers if isinstance(each, logs._Handler)]
    handler.maxBytes = 200

    for number in range(9):
        structlog.get_logger("ours").info("x" * 100, number=number)

    newest_first = (file, file.with_suffix(".log.1"), file.with_suffix(".log.2"))
    assert sorted(file.parent.iterdir()) == sorted(newest_first)
    assert [json.loads(each.read_text())["number"] for each in newest_first] == [8, 7, 6]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_every_file_of_the_log_is_its_owners_alone(file: Path) -> None:
    """The ones that begin later too."""
    (handler,) = [each for each in logging.getLogger().handlers if isinstance(each, logs._Handler)]
    handler.doRollover()

    assert [stat.S_IMODE(each.stat().st_mode) for each in (file.parent, *file.parent.iterdir())] == [
        0o700,
        0o600,
        0o600,
    ]


def test_setting_up_again_does_not_write_twice(file: Path, records: Records) -> None:
    logs.set_up(file.parent, "DEBUG", echo=False)

    structlog.get_logger("ours").info("once")

    assert [record["event"] for record in records()] == ["once"]


@pytest.mark.parametrize("in_the_way", ["logs", "logs/tray-proxy.log/folder"])
def test_a_log_that_cannot_be_written_does_not_stop_the_program(
    in_the_way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one that a `sudo` left behind, say, or a disk that can only be read."""
    (tmp_path / in_the_way).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / in_the_way).touch()

    file = logs.set_up(tmp_path / "logs", "INFO", echo=True)
    structlog.get_logger("ours").info("still here")

    assert file is None
    assert json.loads(capsys.readouterr().out)["event"] == "still here"


def test_without_a_log_and_without_a_terminal_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A windowed program has no standard output."""
    (tmp_path / "logs").touch()
    monkeypatch.setattr(sys, "stdout", None)

    logs.set_up(tmp_path / "logs", "INFO", echo=True)
    structlog.get_logger("ours").error("nobody hears")

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("echo", "heard"), [(True, ["hello"]), (False, [])])
def test_a_server_also_says_it_on_standard_output(
    echo: bool, heard: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(tmp_path, "INFO", echo=echo)

    structlog.get_logger("ours").info("hello")

    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == heard


def test_a_person_at_a_terminal_reads_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without what is not known, and without what could play with the terminal; the file holds JSON all the same."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    file = logs.set_up(tmp_path, "INFO", echo=True)

    structlog.get_logger("ours").warning("odd \x1b[2J", port=1, model=None, name="é\n\x7f")

    said = capsys.readouterr().out
    assert re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", said) == (
        'WARNING odd \\u001b[2J port=1 name="\\u00e9\\n\\u007f"\n'
    )
    assert file is not None
    assert json.loads(file.read_text())["event"] == "odd \x1b[2J"


def test_a_reader_that_goes_ends_no_answer_and_is_told_nothing_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in `serve | head`: logging's own complaint would hold the record with its secrets."""
    redaction.keep_out(ODD_KEY)
    read, write = os.pipe()
    os.close(read)
    # Unbuffered, so that nothing is left for the end.
    gone = io.TextIOWrapper(io.FileIO(write, "w"), write_through=True)
    monkeypatch.setattr(sys, "stdout", gone)
    file = logs.set_up(tmp_path, "INFO", echo=True)

    logging.getLogger("theirs").info("hello %s", ODD_KEY)

    gone.close()
    assert capsys.readouterr().err == ""
    assert file is not None
    assert json.loads(file.read_text())["event"] == "hello [key removed]"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell whether a pipe is full")
def test_a_reader_that_reads_no_more_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `serve | less`: the file has what was not read there, and it is told again once somebody reads."""
    read, write = os.pipe()
    full = io.TextIOWrapper(io.FileIO(write, "w"), write_through=True)
    os.set_blocking(read, False)
    monkeypatch.setattr(sys, "stdout", full)
    file = logs.set_up(tmp_path, "INFO", echo=True)
    log = structlog.get_logger("ours")

    for number in range(2000):
        log.info("unread", number=number)
    heard = os.read(read, 2**20).decode().splitlines()
    log.info("read again")
    last = os.read(read, 2**20).decode()

    full.close()
    os.close(read)
    assert file is not None
    assert len(file.read_text().splitlines()) == 2001
    assert [json.loads(line)["number"] for line in heard] == list(range(len(heard)))
    assert len(heard) < 2000
    assert json.loads(last)["event"] == "read again"


def test_a_disk_that_fills_up_later_ends_no_answer(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The system itself refuses to write on, as on a full disk."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        structlog.get_logger("ours").info("x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (file.read_text(), capsys.readouterr().err) == ("", "")
