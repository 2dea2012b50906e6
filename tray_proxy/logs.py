"""
The log: one JSON object per line, in rotating files, with neither key nor prompt in it.

A server tells it on standard output as well: as JSON to whatever collects it, in short lines to a person at a terminal.
Every record, ours or a library's, passes the same chain: known secrets are struck out, and everything that
is not plain ASCII (control characters, line ends, marks that turn the reading direction) is escaped, so
that nobody outside can forge a line.
"""

import contextlib
import json
import logging
import logging.handlers
import os
import select
import sys
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import msgspec
import structlog

from tray_proxy import paths, secrecy
from tray_proxy.redaction import strike_out

MAX_BYTES = 10_000_000
FILES = 3
FILE_NAME = "tray-proxy.log"
# Who tells of the requests.
REQUESTS = "tray_proxy.server.journal"

_encode = msgspec.json.Encoder().encode


def _strike_out_everywhere(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: _clean(value) for key, value in event.items()}


def _clean(value: object) -> object:
    if isinstance(value, str):
        return strike_out(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return strike_out(repr(value))


def _keep_outline_of_exception(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace an exception by its type and the places it went through: its text and locals may hold a prompt."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, tuple):
        info = info[1]
    if isinstance(info, BaseException):
        event["exception"] = type(info).__name__
        event["at"] = secrecy.outline(info)
    return event


def _keep_first_line_of_asyncio(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Leave out what asyncio tells below its words: the task that failed, and with it the exception's text."""
    if event.get("logger") == "asyncio":
        event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _as_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """Write a record for a person to read, with what it holds besides its words behind them."""
    time, level, words, _ = (str(event.pop(name, "")) for name in ("time", "level", "event", "logger"))
    facts = [f"{name}={_escaped(value)}" for name, value in event.items() if value is not None]
    # Words may come from outside, and control characters would play with the terminal.
    return " ".join([time[:19].replace("T", " "), f"{level.upper():7}", _escaped(words)[1:-1], *facts])


def _escaped(value: object, **how: Any) -> str:
    """Write as JSON what can be printed, and nothing else: one control character (DEL) JSON leaves as it is."""
    return json.dumps(value, **how).replace("\x7f", "\\u007f")


def set_level(level: str) -> None:
    """Log as much as this level says from now on."""
    logging.getLogger().setLevel(level)


def is_read_by_people() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


class _Forgiving(logging.Handler):
    """A full disk, a vanished folder or a reader that has gone must not end an answer."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's own name
        """Drop the record: logging itself would print it as it is, with what was not struck out yet."""


class _Handler(_Forgiving, logging.handlers.RotatingFileHandler):
    """For the owner's eyes only, each new file too."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802, ARG002  logging's own name
        """Say whether the file is full; logging itself would write each record twice to know it a line sooner."""
        return self.stream is not None and self.stream.tell() >= self.maxBytes

    def _open(self) -> TextIOWrapper:
        return os.fdopen(paths.open_to_append(Path(self.baseFilename)), "a", encoding=self.encoding)


class _Echo(_Forgiving, logging.StreamHandler[TextIO]):
    """Standard output, which may be a pipe that somebody closes, or does not read any more."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._takes_more: Callable[[], bool] = lambda: True
        if sys.platform != "win32":
            with contextlib.suppress(OSError, ValueError):  # a stream of Python's own, in a test
                watch = select.poll()
                watch.register(stream.fileno(), select.POLLOUT)
                self._takes_more = lambda: bool(watch.poll(0))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless the pipe is full: waiting for its reader, we would answer nobody."""
        if self._takes_more():
            super().emit(record)


def tell_request(facts: dict[str, Any]) -> None:
    """
    Tell of a request that has ended.

    It comes to the same as `get_logger(…).info("request", …)`, and takes a tenth of its time: there is one for each.

    Args:
        facts: What the line holds.
    """
    logger = logging.getLogger(REQUESTS)
    if not logger.isEnabledFor(logging.INFO):
        return
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    told = {name: strike_out(fact) if type(fact) is str else fact for name, fact in facts.items()}
    line = _encode(told | {"event": "request", "level": "info", "logger": REQUESTS, "time": now}).decode()
    if not (line.isascii() and line.isprintable()) or not all(
        isinstance(each.formatter, _Once) for each in logging.getLogger().handlers
    ):
        # What is not plain is escaped, and what people read is written in another way.
        structlog.get_logger(REQUESTS).info("request", **facts)
        return
    record = logging.LogRecord(REQUESTS, logging.INFO, "", 0, line, None, None)
    record.written = line
    logger.handle(record)


class _Once(logging.Formatter):
    """Writes a record once, for all handlers."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        if "written" not in record.__dict__:
            record.written = self._formatter.format(record)
        return str(record.__dict__["written"])


def set_up(folder: Path, level: str, *, echo: bool) -> Path | None:
    """
    Send everything logged to the rotating file, and with `echo` to standard output as well.

    Returns:
        The file, or None if it cannot be written; then only the echo is left.
    """
    chain: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.stdlib.PositionalArgumentsFormatter(),
        _keep_outline_of_exception,
        _keep_first_line_of_asyncio,
        _strike_out_everywhere,
    ]

    def formatter(render: Any) -> logging.Formatter:
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )

    as_json = _Once(formatter(structlog.processors.JSONRenderer(_escaped, ensure_ascii=True)))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *chain,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handlers: list[logging.Handler] = []
    file: Path | None = folder / FILE_NAME
    try:
        paths.ensure(folder)
        handlers.append(_Handler(folder / FILE_NAME, maxBytes=MAX_BYTES, backupCount=FILES - 1, encoding="ascii"))
        handlers[0].setFormatter(as_json)
    except OSError:
        file = None
    # A windowed program has no standard output at all.
    if echo and sys.stdout is not None:
        handlers.append(_Echo(sys.stdout))
        handlers[-1].setFormatter(formatter(_as_line) if is_read_by_people() else as_json)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers or [logging.NullHandler()]:
        root.addHandler(handler)
    set_level(level)
    # None of it is told, and to find it out costs as much as a line. Source: Python docs, "Logging HOWTO".
    logging._srcfile = None  # noqa: SLF001  as documented there
    logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False
    # Their DEBUG lines hold headers and bodies, that is, the key and the prompt.
    for name in ("httpx", "httpcore", "asyncio", "PIL", "keyring", "uvicorn", "hpack", "secretstorage"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return file
