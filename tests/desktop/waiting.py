"""Wait for a condition, never for a length of time."""

import time
from collections.abc import Callable


def wait_for[T](condition: Callable[[], T | None], what: str, timeout_s: float = 30.0) -> T:
    """Ask until the answer is true, and return it; raise TimeoutError naming `what` after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.02)
