"""
Whether there is a newer version: looked for once a day at most, and told until the owner has it or wants no look.

When it was last looked is kept on disk, and survives a restart. Failures are silent: who has no newer version misses
nothing, and the next look is tomorrow's.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from tray_proxy import __version__
from tray_proxy.paths import read_file, replace_file
from tray_proxy.releases import CannotLook, Release, Source

FILE_NAME = "updates.json"
DAY_S = 86_400.0
# The first chat comes first, and after a sleep the network. It also makes up for a clock that is slower than the timer.
CALM_S = 300.0

log = structlog.get_logger(__name__)


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """
    The file.

    Args:
        looked_s: When it was last looked, as Unix time.
        doubted_s: When that was first found to lie in the future.
        found: What was last found.
        told: The version that a notification told of.
        put_off: The version that the page shall not tell of.
    """

    looked_s: float = 0.0
    doubted_s: float = 0.0
    found: Release | None = None
    told: str = ""
    put_off: str = ""

    def due_in_s(self, now_s: float) -> float:
        """
        Say in how many seconds the next look is due; 0 for now.

        A clock that was put back, if only for a moment, brings no look forward, and puts none off by more than a day.
        """
        since_s = self.looked_s if self.looked_s <= now_s else self.doubted_s
        return max(0.0, since_s + DAY_S - now_s)

    def must_doubt(self, now_s: float) -> bool:
        """Say whether the last look lies in the future, and since when is not noted yet."""
        return self.looked_s > now_s and not 0 < self.doubted_s <= now_s


class Updates:
    """
    Looks, and knows what there is. To be used from one event loop.

    Args:
        source: Where releases are; None never looks.
        file: What is kept until the next start.
        changed: Told after each change of what there is to tell.
        now_s: Unix time.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        source: Source | None,
        file: Path,
        changed: Callable[[], None],
        *,
        now_s: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.source = source
        self._file = file
        self._changed = changed
        self._now_s = now_s
        self._sleep = sleep
        self._kept = _Kept()
        self._looking: asyncio.Task[None] | None = None

    @property
    def newer(self) -> Release | None:
        """The newer version, if one was found and the owner wants to know."""
        found = self._kept.found
        return found if self._looking is not None and found is not None and found.is_newer_than(__version__) else None

    @property
    def to_tell(self) -> Release | None:
        """The same, unless the owner has put it off."""
        newer = self.newer
        return None if newer is None or newer.version == self._kept.put_off else newer

    def use(self, *, on: bool) -> None:
        """Look from now on, or no more; returns at once."""
        if self.source is None or on == (self._looking is not None):
            return
        if on:
            self._load()
            self._looking = asyncio.create_task(self._look_daily(self.source))
        else:
            self.stop()
        self._changed()

    def nudge(self) -> None:
        """Reckon anew when the next look is due: timers stand still while the computer sleeps."""
        if self.source is not None and self._looking is not None:
            self._looking.cancel()
            self._looking = asyncio.create_task(self._look_daily(self.source))

    def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def put_off(self, version: str) -> None:
        """Have the page tell of this version no more; of a later one it does."""
        if self.newer is not None and self.newer.version == version:
            self._keep(put_off=version)
            self._changed()

    def tell_once(self) -> bool:
        """Say whether a notification is to tell of the newer version, and take it for told."""
        newer = self.newer
        if newer is None or newer.version == self._kept.told:
            return False
        return self._keep(told=newer.version)

    async def _look_daily(self, source: Source) -> None:
        while True:
            await self._sleep(CALM_S + self._due_in_s())
            # A look that cannot be noted would be made again at each start. One that fails counts, too.
            if self._due_in_s() == 0 and self._keep(looked_s=self._now_s(), doubted_s=0.0):
                await self._look(source)

    async def _look(self, source: Source) -> None:
        try:
            found = await source.latest()
        except CannotLook as error:
            log.debug("looked for a newer version in vain", reason=str(error))
            return
        log.info("looked for a newer version", newest=found.version)
        self._keep(found=found)
        self._changed()

    def _due_in_s(self) -> float:
        now_s = self._now_s()
        if self._kept.must_doubt(now_s):
            self._keep(doubted_s=now_s)
        return self._kept.due_in_s(now_s)

    def _load(self) -> None:
        try:
            self._kept = msgspec.json.decode(read_file(self._file), type=_Kept)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.info("notes on newer versions unusable", error=type(error).__name__)

    def _keep(self, **changes: object) -> bool:
        """Note something; returns whether it will be known after a restart."""
        self._kept = msgspec.structs.replace(self._kept, **changes)
        try:
            replace_file(self._file, msgspec.json.encode(self._kept))
        except OSError as error:
            log.info("notes on newer versions not written", error=type(error).__name__)
            return False
        return True
