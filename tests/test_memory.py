"""What is free goes back to the system."""

import ctypes
import gc
import platform
import sys
from pathlib import Path

import pytest

from tray_proxy import memory

BLOCK = 100_000
BLOCKS = 300


def heap_kb() -> int:
    """How much of the heap that the C library grows block by block is in memory."""
    lines = iter(Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines())
    return next(
        int(next(line for line in lines if line.startswith("Rss:")).split()[1])
        for line in lines
        if line.endswith("[heap]")
    )


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries give back by themselves")
def test_free_memory_below_memory_in_use_goes_back_to_the_system():
    """Without being told, glibc keeps 30 MB of blocks for good when a single one above them is in use."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    blocks = [libc.malloc(BLOCK) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK)
    for block in blocks[:-1]:
        libc.free(block)
    kept_kb = heap_kb()

    memory.give_back()

    assert kept_kb - heap_kb() > BLOCKS * BLOCK // 1024 - 2_000
    libc.free(blocks[-1])


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", None)

    memory.give_back()


def test_what_the_start_has_left_is_looked_through_no_more():
    before = gc.get_freeze_count()
    try:
        memory.settle()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
