"""What a start costs, and what a proxy weighs when nothing happens."""

import resource
import subprocess
import sys
import time

from benchmarks.speed import bodies
from benchmarks.speed.candidates import PRODUCT
from benchmarks.speed.processes import bound_to
from benchmarks.speed.rig import Rig, Run, Running, answers, is_open

# What a program of this kind is usually made of, read and no more.
IMPORTS = "import fastapi, uvicorn, httpx, pydantic_settings, keyring, PIL"
CONNECTION_US = 60_000
SETTLED_S = 2.0
LATER = 20


def pause(seconds: float) -> None:
    """Let time pass: what is measured here is what happens in it."""
    time.sleep(seconds)


def start(rig: Rig, running: Running) -> Run:
    """Start the candidate again; ask it once it has settled, and again."""
    rig.configure(n=3, conn_us=CONNECTION_US)
    running.stop()
    begun = time.monotonic()
    fresh = rig.start(running.candidate, wait=False)
    rig.wait_for(fresh, lambda: is_open(fresh.port))
    open_s, open_cpu_s = time.monotonic() - begun, fresh.cpu_s()
    rig.wait_for(fresh, lambda: answers(fresh))
    run: Run = {
        "open_ms": open_s * 1e3,
        "open_cpu_ms": open_cpu_s * 1e3,
        "start_ms": (time.monotonic() - begun) * 1e3,
        "start_cpu_ms": fresh.cpu_s() * 1e3,
    }
    take_over(running, fresh)
    pause(SETTLED_S)
    body = bodies.chat(fresh.candidate)
    first = rig.load(fresh, body=body, requests=1, chunks=3)
    later = rig.load(fresh, body=body, requests=LATER, chunks=3)
    pause(SETTLED_S)
    run |= {
        "first_ttft_ms": first["ttft_us"]["p50"] / 1e3,
        "later_ttft_ms": later["ttft_us"]["p50"] / 1e3,
        "first_over_later_ms": (first["ttft_us"]["p50"] - later["ttft_us"]["p50"]) / 1e3,
        "memory_idle_mib": fresh.memory_mib(),
        "errors": first["errors"] + later["errors"],
    }
    if fresh.candidate == PRODUCT:
        run["import_cpu_ms"] = import_cpu_s(rig) * 1e3
    return run


def at_once(rig: Rig, running: Running) -> Run:
    """Start the candidate again, and ask in the moment in which it answers."""
    rig.configure(n=3, conn_us=CONNECTION_US)
    running.stop()
    fresh = rig.start(running.candidate)
    take_over(running, fresh)
    first = rig.load(fresh, body=bodies.chat(fresh.candidate), requests=1, chunks=3)
    return {"first_ttft_ms": first["ttft_us"]["p50"] / 1e3, "errors": first["errors"]}


def take_over(running: Running, fresh: Running) -> None:
    """Let the candidate that was started again stand where the one before it stood."""
    running.port, running.process, running.pid = fresh.port, fresh.process, fresh.pid


def import_cpu_s(rig: Rig) -> float:
    """Give what reading the usual libraries takes of a processor, in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with bound_to(rig.proxy_on):
        subprocess.run([sys.executable, "-c", IMPORTS], check=True, cwd=rig.folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
