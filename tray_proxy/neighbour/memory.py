"""
Which names are local: every one that Ollama ever listed, kept on disk.

A name that was local once must not become the cloud's because Ollama is away, or lost its folder: what an app sends to
a local model is meant to stay on this computer. So a name is forgotten only where the owner says so.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import structlog

from tray_proxy.neighbour.client import Listed, read_row
from tray_proxy.paths import read_file, replace_file
from tray_proxy.translate.names import folded

log = structlog.get_logger(__name__)


class _Saved(msgspec.Struct):
    """The file: names as `spelled` gives them, and the rows of the last list as they came."""

    names: list[str]
    rows: list[msgspec.Raw]


def spelled(name: str) -> str:
    """
    Return what all spellings of a local name have in common.

    Source: Ollama's `internal/modelref` for `:local`, which says where a model is and is no part of its name.
    """
    return folded(folded(name).removesuffix(":local"))


class LocalNames:
    """
    The names, and the list as it last was. `ever_heard` tells whether there ever was one.

    Args:
        file: Where they are kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._names: set[str] = set()
        self._last: list[Listed] = []
        self.ever_heard = False
        try:
            saved = msgspec.json.decode(read_file(file), type=_Saved)
            self._names = set(saved.names)
            self._last = [listed for row in saved.rows if (listed := read_row(bytes(row)))]
            self.ever_heard = True
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("local names unusable", error=type(error).__name__)

    @property
    def last(self) -> list[Listed]:
        """The rows of the last list that Ollama gave."""
        return list(self._last)

    def knows(self, name: str) -> bool:
        """Say whether a name is a local model's, in whatever spelling."""
        return bool(self._names) and spelled(name) in self._names

    def learn(self, rows: Iterable[Listed]) -> None:
        """Take in a list that Ollama gave."""
        rows, self.ever_heard = list(rows), True
        self._put(self._names.union(spelled(listed.name) for listed in rows), rows)

    def forget(self, name: str) -> None:
        """Give up a name whose model the owner removed."""
        wanted = spelled(name)
        self._put(self._names - {wanted}, [listed for listed in self._last if spelled(listed.name) != wanted])

    def forget_all(self) -> None:
        """Give up all names: the owner has turned it off."""
        self._names, self._last, self.ever_heard = set(), [], False
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("local names not removed", error=type(error).__name__)

    def _put(self, names: set[str], rows: list[Listed]) -> None:
        if names == self._names and rows == self._last and self._file.exists():
            return
        self._names, self._last = names, rows
        try:
            saved = _Saved(sorted(names), [msgspec.Raw(listed.row) for listed in rows])
            replace_file(self._file, msgspec.json.encode(saved))
        except OSError as error:
            log.warning("local names not written", error=type(error).__name__)
