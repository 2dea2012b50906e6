"""Which models are local: asked of Ollama where it answers, remembered where it does not."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tray_proxy.errors import OllamaAway
from tray_proxy.neighbour.client import Listed, OllamaClient
from tray_proxy.neighbour.memory import LocalNames

# Lists do not wait longer for Ollama than this: apps give a list a second or two in all.
LIST_TIMEOUT_S = 0.3
# What it took long to learn nothing from is not asked again so soon: every call would take that much longer.
PAUSE_S = 5.0
FILE_NAME = "local-models.json"


@dataclass(frozen=True)
class Known:
    """The local models. `fresh` is False where Ollama does not answer, and this is what it last said."""

    rows: list[Listed]
    fresh: bool


class LocalModels:
    """
    The models of a real Ollama. To be used from the event loop.

    Args:
        clock: Gives seconds that only ever grow.
    """

    def __init__(self, client: OllamaClient, names: LocalNames, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.client = client
        self.names = names
        self._clock = clock
        self._asking: asyncio.Task[list[Listed]] | None = None
        self._failure: OllamaAway | None = None
        self._paused_until_s = 0.0

    async def known(self) -> Known:
        """Return the present list, or the last one; never waits longer than `LIST_TIMEOUT_S`."""
        try:
            return Known(await asyncio.wait_for(self._list(), LIST_TIMEOUT_S), fresh=True)
        except OllamaAway:
            return Known(self.names.last, fresh=False)
        except TimeoutError:
            # It goes on, and who waits for it longer still gets the answer.
            return Known(self.names.last, fresh=False)

    async def is_local(self, name: str, *, else_certain: bool = False) -> bool:
        """
        Say whether a name is a local model's.

        One that was never seen is looked for in a list that is fetched now: it may have been pulled a moment ago.

        Args:
            else_certain: Whether the name, where it is not known to be local, can only mean a model of OpenRouter's.

        Raises:
            OllamaAway: it cannot be told. Ollama is there and says nothing, or was never heard yet.
        """
        if self.names.knows(name) or (await self.known()).fresh or else_certain:
            return self.names.knows(name)
        try:
            await self._list()
        except OllamaAway as error:
            if error.silent or not self.names.ever_heard:
                raise OllamaAway(
                    f"It cannot be told just now whether '{name}' is a local model. {error.message} Models of "
                    "OpenRouter's can be asked by their whole name (vendor/model)."
                ) from None
        return self.names.knows(name)

    async def _list(self) -> list[Listed]:
        """
        Ask for the list; all who ask at once share one answer.

        Raises:
            OllamaAway: it did not come, or did not a moment ago.
        """
        if self._asking is None:
            if self._failure is not None and self._clock() < self._paused_until_s:
                raise OllamaAway(self._failure.message, silent=self._failure.silent)
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(self._asked)
        # Shielded: others wait for the same answer.
        return await asyncio.shield(self._asking)

    async def _ask(self) -> list[Listed]:
        began_s = self._clock()
        try:
            rows = await self.client.models()
        except OllamaAway as error:
            self._failure = error
            # A connection that is refused at once costs nothing, and one that comes back is found at once. Windows
            # takes two seconds to refuse one.
            if self._clock() - began_s >= LIST_TIMEOUT_S:
                self._paused_until_s = self._clock() + PAUSE_S
            raise
        self._failure = None
        self.names.learn(rows)
        return rows

    def _asked(self, task: "asyncio.Task[list[Listed]]") -> None:
        self._asking = None
        if not task.cancelled():
            # Whoever asked may be gone; nobody else must be told.
            task.exception()


def beside(url: str | None, cache: Path) -> LocalModels | None:
    """
    Make the local models of the Ollama at an address; None where there is none.

    Args:
        cache: The folder in which their names are kept.
    """
    return None if url is None else LocalModels(OllamaClient(url), LocalNames(cache / FILE_NAME))


def remembered(url: str | None, cache: Path) -> LocalNames | None:
    """
    Return the names of an Ollama that was beside us once and whose address is lost; None where there are none.

    They are kept back from the cloud until the owner says that it is not used any more.

    Args:
        url: Where one is now; then its names are no others' matter.
        cache: The folder in which they are kept.
    """
    names = LocalNames(cache / FILE_NAME) if url is None else None
    return names if names is not None and names.ever_heard else None
