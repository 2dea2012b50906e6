"""Memory that is free, given back to the system: glibc keeps it, and a list of models leaves several megabytes."""

import contextlib
import ctypes
import gc
import sys

# Until what a change of the list sets off is done.
AFTER_S = 3.0


def settle() -> None:
    """
    Have Python look through what the start has left no more: nearly all of it stays until the end.

    Each look would hold up every answer under way, for tens of milliseconds.
    """
    gc.freeze()
    give_back()


def give_back() -> None:
    """Have the C library return what it does not use; other systems' libraries do by themselves. Takes milliseconds."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # Alpine's library, too, does it by itself
            ctypes.CDLL(None).malloc_trim(0)
