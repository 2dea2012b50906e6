"""The measuring stand: the two C programs, the candidates while they run, and one run of the load generator."""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme

from benchmarks.speed.candidates import TLS_FRONT, Candidate
from benchmarks.speed.processes import bound_to, cpu_s, fetch, free_port, machine_busy_s, memory_mib, spawn, stop

HERE = Path(__file__).parent
POLL_S = 0.001
SAMPLE_S = 0.05
# The machine's own clock counts hundredths of a second: of shorter runs it cannot be said what others took.
TELLING_S = 0.3

# What one run showed, by the names of the load generator and of this module.
Run = dict[str, Any]


class DidNotStart(Exception):
    """A candidate ended, or was not ready in time; the message holds the end of its log."""


class Running:
    """A candidate that runs; `pid` is None for the upstream, which counts as no proxy."""

    def __init__(self, candidate: Candidate, port: int, process: subprocess.Popen[bytes] | None, folder: Path) -> None:
        self.candidate = candidate
        self.port = port
        self.folder = folder
        self.process = process
        self.pid = process.pid if process else None

    def memory_mib(self) -> float:
        """Give what it has in memory; 0 for the upstream."""
        return memory_mib(self.pid) if self.pid else 0.0

    def cpu_s(self) -> float:
        """Give what it took of a processor since it began; 0 for the upstream."""
        return cpu_s(self.pid) if self.pid else 0.0

    def stop(self) -> None:
        """End it."""
        if self.process:
            stop(self.process)


class Rig:
    """
    The stand. A context manager: on leaving, all that was started is ended and every file is gone.

    Proxies have the first processor for themselves, load generator and upstream the others.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="speed-"))
        count = os.cpu_count() or 1
        self.proxy_on = frozenset({0}) if count > 1 else None
        self.load_on = frozenset(range(1, count)) if count > 1 else None
        self._stack = contextlib.ExitStack()
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._tls: Running | None = None

    def __enter__(self) -> Self:
        for name in ("upstream", "load"):
            command = [os.environ.get("CC", "cc"), "-O2", "-o", str(self.folder / name), str(HERE / f"{name}.c"), "-lm"]
            subprocess.run(command, check=True)
        with bound_to(self.load_on):
            self._upstream = subprocess.Popen([str(self.folder / "upstream"), "0"], stdout=subprocess.PIPE)
        self._stack.callback(stop, self._upstream)
        if self._upstream.stdout is None:
            raise RuntimeError("A pipe was asked for.")
        self._stack.callback(self._upstream.stdout.close)
        self.upstream_port = int(self._upstream.stdout.readline().split()[1])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def configure(self, **values: int) -> None:
        """Tell the upstream how to answer; see `upstream.c`. What is not named is as when it began."""
        given = {"n": 100, "delay_us": 0, "first_us": 0, "burst": 1, "jitter_pct": 0, "conn_us": 0} | values
        fetch(self.upstream_port, "/__config?" + "&".join(f"{name}={value}" for name, value in given.items()))

    def statistics(self, *, reset: bool = False) -> dict[str, int]:
        """Ask the upstream what it saw since the last reset."""
        answer: dict[str, int] = json.loads(fetch(self.upstream_port, "/__stats" + ("?reset=1" if reset else ""))[1])
        return answer

    def _tls_port(self) -> int:
        """Give the port at which the same upstream speaks TLS; it is set up when first wanted."""
        if self._tls is None:
            authority = trustme.CA()
            certificate = authority.issue_cert("127.0.0.1")
            authority.cert_pem.write_to_path(str(self.folder / "ca"))
            certificate.private_key_pem.write_to_path(str(self.folder / "ca.key"))
            for blob in certificate.cert_chain_pems:
                blob.write_to_path(str(self.folder / "ca.chain"), append=True)
            front = self._tls = self.start(TLS_FRONT, processors=self.load_on, wait=False)
            self.wait_for(front, lambda: is_open(front.port))
        return self._tls.port

    def _filled(self, text: str, port: int, folder: Path) -> str:
        if "{tls_" in text:
            text = text.replace("{tls_upstream}", f"https://127.0.0.1:{self._tls_port()}/api/v1")
            text = text.replace("{tls_port}", str(self._tls_port()))
        values = {
            "port": str(port),
            "upstream": f"http://127.0.0.1:{self.upstream_port}/api/v1",
            "upstream_port": str(self.upstream_port),
            "certificates": str(self.folder / "ca"),
            "folder": str(folder),
            "python": sys.executable,
        }
        return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)

    def start(self, candidate: Candidate, *, processors: frozenset[int] | None = None, wait: bool = True) -> Running:
        """
        Start a candidate, and wait until it answers.

        Raises:
            DidNotStart: it ended, or did not answer in time.
        """
        folder = self.folder / re.sub(r"\W+", "-", candidate.name)
        folder.mkdir(exist_ok=True)
        if not candidate.command:
            return Running(candidate, self.upstream_port, None, folder)
        port = free_port()
        for name, text in candidate.files.items():
            (folder / name).write_text(self._filled(text, port, folder))
        process = spawn(
            [self._filled(word, port, folder) for word in candidate.command],
            environment={name: self._filled(text, port, folder) for name, text in candidate.environment.items()},
            folder=folder,
            processors=processors or self.proxy_on,
        )
        self._stack.callback(stop, process)
        running = Running(candidate, port, process, folder)
        if wait:
            self.wait_for(running, lambda: answers(running))
        return running

    def wait_for(self, running: Running, condition: Any) -> float:
        """Wait for something of a candidate that has just been started; give the seconds it took."""
        begun = time.monotonic()
        while not condition():
            late = time.monotonic() - begun > running.candidate.ready_within_s
            if late or (running.process and running.process.poll() is not None):
                running.stop()
                log = (running.folder / "log").read_text(errors="replace")
                raise DidNotStart(f"{running.candidate.name} did not start: {log[-1500:]}")
            time.sleep(POLL_S)
        return time.monotonic() - begun

    def load(
        self,
        running: Running,
        *,
        body: bytes | None,
        clients: int = 1,
        requests: int = 1_000_000,
        for_ms: int = 0,
        path: str | None = None,
        chunks: int | None = None,
        end: str | None = None,
        warm: int = 0,
        ramp_ms: int = 0,
        timeout_s: int = 60,
    ) -> Run:
        """
        Run the load generator against a candidate.

        Args:
            running: The candidate.
            body: What is posted; None asks with GET.
            clients: Number of connections, each with one request at a time.
            requests: Number of requests in all.
            for_ms: Milliseconds after which none begins any more; 0 for no such limit.
            path: Where to ask; where conversations are, unless given.
            chunks: Number of markers that each answer must hold, in order; None where there are none.
            end: How an answer must end; as the candidate's streams do, unless given.
            warm: Number of requests on each connection that are not counted.
            ramp_ms: Milliseconds over which the connections begin.
            timeout_s: When to give up.

        Returns:
            What `load.c` printed; and `cpu_ms_per_request`, `cpu_ms_per_1k` (upstream chunks), `core_pct`,
            `memory_peak_mib`, `upstream_connections` (new ones), `last_body` (bytes), and `other_pct`, the share of one
            processor that other programs took, or None where the run was too short to tell.
        """
        candidate = running.candidate
        command = [str(self.folder / "load"), "--port", str(running.port), "--path", path or candidate.chat_path]
        command += ["--method", "GET" if body is None else "POST", "--conc", str(clients), "--requests", str(requests)]
        command += ["--warm", str(warm), "--ramp-ms", str(ramp_ms), "--timeout-s", str(timeout_s)]
        command += ["--for-ms", str(for_ms), "--end", end or candidate.end]
        if body is not None:
            (self.folder / "body").write_bytes(body)
            command += ["--body", str(self.folder / "body")]
        if chunks is not None:
            command += ["--n", str(chunks)]
        for header in candidate.headers:
            command += ["--header", header]
        self.statistics(reset=True)
        with peak_of(running) as peak:
            before = machine_busy_s(), cpu_s(self._upstream.pid), self._front_cpu_s(), running.cpu_s()
            begun = time.monotonic()
            with bound_to(self.load_on):
                done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            took_s = time.monotonic() - begun
            after = machine_busy_s(), cpu_s(self._upstream.pid), self._front_cpu_s(), running.cpu_s()
        run: Run = json.loads(done.stdout)
        seen = self.statistics()
        machine, upstream, front, own = (later - earlier for later, earlier in zip(after, before, strict=True))
        other_s = machine - upstream - front - own - run["load_cpu_s"]
        return run | {
            "cpu_ms_per_request": own * 1e3 / max(1, run["requests"]),
            "cpu_ms_per_1k": own * 1e6 / max(1, seen["chunks"]),
            "core_pct": 100 * own / took_s,
            "memory_peak_mib": peak[0],
            # The question for the figures is one.
            "upstream_connections": seen["accepts"] - 1,
            "last_body": seen["last_body"],
            "bytes_per_request": run["bytes"] / max(1, run["ok"]),
            "other_pct": max(0.0, 100 * other_s / took_s) if took_s >= TELLING_S else None,
        }

    def _front_cpu_s(self) -> float:
        return self._tls.cpu_s() if self._tls else 0.0


@contextlib.contextmanager
def peak_of(running: Running) -> Iterator[list[float]]:
    """Watch a candidate's memory; the list's one entry is the most it had, in MiB."""
    peak = [running.memory_mib()]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLE_S):
            peak[0] = max(peak[0], running.memory_mib())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield peak
    ended.set()
    thread.join()
    peak[0] = max(peak[0], running.memory_mib())


def is_open(port: int) -> bool:
    """Say whether something listens at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(running: Running) -> bool:
    """Say whether a candidate answers that it is there."""
    try:
        return fetch(running.port, running.candidate.ready)[0] == 200
    except (OSError, http.client.HTTPException):
        return False
