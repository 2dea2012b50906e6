"""
What a process shows of itself by accident: its memory after a crash, a traceback, the environment it was started with.

Any of these may hold the key or a prompt, and is read by others: by who collects crashes, or is sent a screenshot. Of
an exception nobody foresaw its type is told, and the places it went through; never its text or its variables.
"""

import contextlib
import logging
import os
import sys
import threading
import warnings
from pathlib import Path
from types import TracebackType

from tray_proxy.redaction import strike_out

# Source: the kernel's fs/coredump.c: 0 keeps it from writing a file, but not from handing the memory to a program that
# collects crashes (systemd-coredump, Apport); 1 keeps it from both.
_NO_IMAGE = 1
# Source: Microsoft's documentation of SetErrorMode and WerSetFlags.
_SEM_FAILCRITICALERRORS, _SEM_NOGPFAULTERRORBOX, _WER_FAULT_REPORTING_FLAG_NOHEAP = 1, 2, 1

log = logging.getLogger(__name__)


def keep() -> None:
    """Keep this process's secrets when it crashes; to be called once, when the program begins."""
    leave_no_image()
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _uncaught_at_the_end
    warnings.showwarning = _warn


def leave_no_image() -> None:
    """Have the system write down nothing of this process's memory when it crashes."""
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        # No box, and with it no report; whatever is reported all the same has no heap in it.
        kernel.SetErrorMode(kernel.GetErrorMode() | _SEM_FAILCRITICALERRORS | _SEM_NOGPFAULTERRORBOX)
        with contextlib.suppress(AttributeError):  # Wine has it not everywhere
            kernel.WerSetFlags(_WER_FAULT_REPORTING_FLAG_NOHEAP)
    else:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        # The upper limit stays: what we start, a browser say, may decide for itself.
        resource.setrlimit(resource.RLIMIT_CORE, (_NO_IMAGE if hard == resource.RLIM_INFINITY or hard else 0, hard))


def take_out_of_environment(name: str) -> None:
    """
    Remove a variable, and blot it out where Linux shows what a process was started with (`/proc/…/environ`, `ps e`).

    That is shown to its owner and root alone, and may stand in what they send to somebody who helps.
    """
    if sys.platform == "linux" and os.environ.get(name):
        import ctypes

        getenv = ctypes.CDLL(None).getenv
        getenv.argtypes, getenv.restype = [ctypes.c_char_p], ctypes.c_void_p
        place = getenv(os.fsencode(name))
        if place:
            ctypes.memset(place, ord(" "), len(ctypes.string_at(place)))
    os.environ.pop(name, None)


def outline(error: BaseException) -> list[str]:
    """Return the places that an exception went through, the last one where it was raised: "file:line function"."""
    places, traceback = [], error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{Path(code.co_filename).name}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return places


def _uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _tell("the program broke off", error.with_traceback(traceback))


def _uncaught_in_thread(caught: threading.ExceptHookArgs) -> None:
    if caught.exc_value is not None and not issubclass(caught.exc_type, SystemExit):
        _tell(f"the thread {'' if caught.thread is None else caught.thread.name} broke off", caught.exc_value)


def _uncaught_at_the_end(caught: "sys.UnraisableHookArgs") -> None:
    # Where an object is cleared away; what it was is not told, for that would be its content.
    if caught.exc_value is not None:
        _tell("an error while clearing away", caught.exc_value)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,  # noqa: ARG001  Python's own signature
    line: str | None = None,  # noqa: ARG001
) -> None:
    # Without the line of source that Python shows below it.
    _say(logging.WARNING, f"{category.__name__}: {message} ({Path(filename).name}:{lineno})", None)


def _tell(what: str, error: BaseException) -> None:
    _say(logging.CRITICAL, what, error)


def _say(level: int, words: str, error: BaseException | None) -> None:
    """Tell the log, and who sees standard error; before the log is set up Python would print the text."""
    if logging.getLogger().handlers:
        log.log(level, "%s", words, exc_info=error)
    if sys.stderr is not None:
        places = [] if error is None else [f": {type(error).__name__}", *(f"\n  {place}" for place in outline(error))]
        sys.stderr.write(strike_out("".join((f"tray-proxy: {words}", *places))) + "\n")
