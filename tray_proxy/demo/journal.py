"""
What the demo upstream saw, for tests that run in another thread.

Every change wakes those who wait, so that a test waits for a condition and never for a while.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

type Outcome = Literal["open", "answered", "dropped"]


@dataclass
class Received:
    """One request. Only the journal writes to it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    connection: int  # the caller's port: the same for requests on one connection
    body: Any = None  # the decoded JSON; None if there was none, or no JSON
    outcome: Outcome = "open"  # "dropped": the caller closed the connection before the answer's end
    opened_s: float = field(default_factory=time.monotonic)
    ended_s: float | None = None


class Journal:
    """The requests in their order, and a way to wait for one."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._changed = threading.Condition()

    def open(self, received: Received) -> Received:
        """Note that a request began."""
        with self._changed:
            self.received.append(received)
            self._changed.notify_all()
        return received

    def read(self, received: Received, body: Any) -> None:
        """Note what stood in the request."""
        with self._changed:
            received.body = body
            self._changed.notify_all()

    def close(self, received: Received, outcome: Outcome) -> None:
        """Note how a request ended."""
        with self._changed:
            received.outcome = outcome
            received.ended_s = time.monotonic()
            self._changed.notify_all()

    def wait_for(self, predicate: Callable[[], bool], timeout_s: float) -> bool:
        """Wait, from any thread but the server's own, until the predicate holds; False if it never did."""
        with self._changed:
            return self._changed.wait_for(predicate, timeout_s)
