"""“Check everything”, for a program that is built: which of its parts the doctor looks at."""

import asyncio
import os
import sys
from collections.abc import MutableMapping
from typing import Any

from tray_proxy import doctor
from tray_proxy.basis import program_folders
from tray_proxy.listener import bind
from tray_proxy.program import Program
from tray_proxy.server.app import create_app
from tray_proxy.tray.platforms import present_platform
from tray_proxy.web.try_api import TryDesk


async def examine(program: Program, *, is_program: bool) -> doctor.Report:
    """
    Check everything.

    Args:
        is_program: Whether this process is the program; False where it was started for the check alone.
    """
    desk = TryDesk(program.cache, lambda: create_app(lambda: program.deps, for_ourselves=True))

    async def ask_free() -> doctor.Answered:
        answered = await desk.ask(None, _never_leaves)
        return doctor.Answered(answered.model, answered.ms / 1000)

    parts = doctor.Parts(
        settings=lambda: program.settings,
        folders=program_folders(program.settings, demo=program.demo),
        client=program.client,
        keychain=program.keychain,
        cache=program.cache,
        budget=program.spending.budget,
        running=lambda: program.page_state().running,
        is_program=is_program,
        bind=bind,
        ask_free=ask_free,
        has_tray_host=has_tray_host,
        is_shared=is_shared,
    )
    return await doctor.examine(parts)


def has_tray_host() -> bool | None:
    """Say whether anything shows tray icons; None where there is no display. May take a moment."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None
    return present_platform().has_tray_host()


def is_shared() -> bool:
    """
    Say whether this computer is a person's, and others have accounts on it: by their numbers, and that they may log in.

    Windows is not asked. A service's user shares nothing: whoever calls it is another.
    """
    if sys.platform == "win32":
        return False
    import pwd

    people = range(501 if sys.platform == "darwin" else 1000, 60_000)
    return os.getuid() in people and any(
        user.pw_uid in people and user.pw_uid != os.getuid() and not user.pw_shell.endswith(("/nologin", "/false"))
        for user in pwd.getpwall()
    )


async def _never_leaves() -> MutableMapping[str, Any]:
    """Stand for a client that stays: who gives the question up is the doctor."""
    await asyncio.Event().wait()
    return {"type": "http.disconnect"}
