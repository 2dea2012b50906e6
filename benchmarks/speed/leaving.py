"""How soon the upstream is left alone once the client has gone: what it goes on writing costs money."""

import socket
import time

from benchmarks.speed import bodies
from benchmarks.speed.rig import Rig, Run, Running
from benchmarks.speed.weight import pause

GIVEN_UP_S = 3.5
POLL_S = 0.001
# So long is waited once the upstream has the request, so that it is under way on every side.
UNDER_WAY_S = 0.05
FAR_AWAY_US = 10_000_000


def midway(rig: Rig, running: Running) -> Run:
    """Leave after three tokens."""
    rig.configure(n=1000, delay_us=10_000)
    return _leave(rig, running, bodies.chat(running.candidate), tokens=3)


def waiting(rig: Rig, running: Running) -> Run:
    """Leave while there is no token yet."""
    rig.configure(first_us=FAR_AWAY_US)
    return _leave(rig, running, bodies.chat(running.candidate))


def plain(rig: Rig, running: Running) -> Run:
    """Leave while an answer in one piece is waited for."""
    rig.configure(first_us=FAR_AWAY_US)
    return _leave(rig, running, bodies.chat(running.candidate, stream=False))


def _leave(rig: Rig, running: Running, body: bytes, tokens: int = 0) -> Run:
    rig.statistics(reset=True)
    headers = "".join(f"{header}\r\n" for header in running.candidate.headers)
    head = f"POST {running.candidate.chat_path} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n{headers}"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", running.port), timeout=GIVEN_UP_S) as client:
        client.sendall(head.encode() + body)
        read = b""
        while read.count(b"[[t=") < tokens:
            block = client.recv(65536)
            if not block:
                return {"errors": 1, "error_sample": f"it ended by itself: {read[:200]!r}"}
            read += block
        asked = time.monotonic()
        while not rig.statistics()["chats"]:
            if time.monotonic() - asked > GIVEN_UP_S:
                return {"errors": 1, "error_sample": "the request did not reach the upstream"}
            time.sleep(POLL_S)
        pause(UNDER_WAY_S)
    left = time.monotonic()
    while time.monotonic() - left < GIVEN_UP_S:
        if rig.statistics()["aborted"]:
            return {"abort_ms": (time.monotonic() - left) * 1e3, "errors": 0}
        time.sleep(POLL_S)
    return {"errors": 1, "error_sample": f"the upstream still wrote after {GIVEN_UP_S} s"}
