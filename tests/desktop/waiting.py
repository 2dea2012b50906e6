"""Wait for a condition, never for a length of time."""

import asyncio
import time
from collections.abc import Callable

from tray_proxy.listener import LoopThread


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


def wait_for_requests(loop: LoopThread) -> None:
    """Wait until the servers of a loop answer nobody any more, and have accounted for all that they answered."""

    def all_ended() -> bool:
        under_way = [task.get_coro() for task in asyncio.all_tasks(loop.loop)]
        return not any(each is not None and "run_asgi" in each.__qualname__ for each in under_way)

    wait_for(all_ended, "the end of all requests")
