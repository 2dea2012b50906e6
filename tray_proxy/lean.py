"""
Libraries import what makes them nicer where it happens to be installed, and which nothing of ours uses.

Beside our own dependencies, in an environment that others share, that would be half of the start and 10 MB: msgspec
reads typing_extensions, structlog reads rich, uvicorn reads watchfiles. The program that people download has none of
them. Everywhere, httpx and uvicorn read the command lines that they have themselves. This module is imported before any
other of ours.
"""

import contextlib
import sys
import types
from collections.abc import Iterator


@contextlib.contextmanager
def without(*names: str) -> Iterator[None]:
    """Have what is imported in here find none of these installed; who has one already keeps it."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # importlib's own word for "there is none"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def emptied(name: str) -> Iterator[None]:
    """
    Have what is imported in here find None in a module, whatever it takes from there; who has it already keeps it.

    For what a package always reads and hardly anybody uses. uvicorn's command line reads click and multiprocessing:
    a tenth of the start, and 1.5 MB.
    """
    if name in sys.modules:
        yield
        return
    empty = sys.modules[name] = types.ModuleType(name)
    vars(empty)["__getattr__"] = lambda _name: None
    try:
        yield
    finally:
        del sys.modules[name]


with without("typing_extensions"):
    import msgspec  # noqa: F401
