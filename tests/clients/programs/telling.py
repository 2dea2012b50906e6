"""The steps of a client program, and how it prints what its library returned: as one JSON document."""

import asyncio
import contextlib
import inspect
import json
import sys
from collections.abc import Callable
from typing import Any

# One white point.
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC"
CITY = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["name", "population"],
}
STEPS: list[Callable[[], Any]] = []


def step(function: Callable[[], Any]) -> Callable[[], Any]:
    """Mark a function as a step; its name is the key of what it returns."""
    STEPS.append(function)
    return function


def tell() -> None:
    """
    Run the steps in their order, coroutines all on one loop, and print what each returned.

    A step that raises is told by the error's class, text and status, where it has one.
    """
    told: dict[str, Any] = {}
    # Some libraries print: what they say belongs beside the document, not into it.
    with contextlib.redirect_stdout(sys.stderr), asyncio.Runner() as runner:
        for function in STEPS:
            try:
                told[function.__name__] = (
                    runner.run(function()) if inspect.iscoroutinefunction(function) else function()
                )
            except Exception as error:  # noqa: BLE001  what a library raises is what it tells
                told[function.__name__] = {
                    "raised": f"{type(error).__module__}.{type(error).__name__}",
                    "text": str(error),
                    "status": getattr(error, "status_code", None),
                }
    json.dump(told, sys.stdout)
