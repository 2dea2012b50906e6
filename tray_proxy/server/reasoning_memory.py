"""
What models thought in the turns of late, to be put back when a turn returns in a conversation's history.

Only in memory, and only so much of it; what was forgotten is replaced by the text that the app kept, if any.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import msgspec

from tray_proxy.translate.reasoning_details import Keys

MAX_BYTES = 16 * 1024 * 1024
MAX_TURNS = 4096
# What a turn costs beside its details, roughly: dictionary entries and objects.
_BYTES_PER_KEY = 200


@dataclass(frozen=True)
class _Kept:
    """A turn's details, encoded."""

    keys: Keys
    encoded: bytes

    @property
    def size(self) -> int:
        return len(self.encoded) + _BYTES_PER_KEY * len(self.keys)


class ReasoningMemory:
    """
    Keeps the details of the turns used last.

    Args:
        max_bytes: How much may be kept; a turn that is larger by itself is not.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, max_turns: int = MAX_TURNS) -> None:
        self._max_bytes = max_bytes
        self._max_turns = max_turns
        self._bytes = 0
        self._turns: OrderedDict[bytes, _Kept] = OrderedDict()
        self._turn_of: dict[bytes, bytes] = {}

    def remember(self, keys: Keys, details: list[dict[str, Any]]) -> None:
        """
        Keep the details of a turn.

        Args:
            keys: As `turn_keys` gives them. The first one stands for the turn; what was kept under it goes.
        """
        kept = _Kept(keys, msgspec.json.encode(details))
        self._forget(keys[0])
        if kept.size > self._max_bytes:
            return
        self._turns[keys[0]] = kept
        self._turn_of.update(dict.fromkeys(keys, keys[0]))
        self._bytes += kept.size
        while self._bytes > self._max_bytes or len(self._turns) > self._max_turns:
            self._forget(next(iter(self._turns)))

    def recall(self, keys: Keys) -> bytes | None:
        """Give the details, encoded, of the turn that the first known key stands for."""
        turn = next((self._turn_of[key] for key in keys if key in self._turn_of), None)
        if turn is None:
            return None
        self._turns.move_to_end(turn)
        return self._turns[turn].encoded

    def _forget(self, turn: bytes) -> None:
        kept = self._turns.pop(turn, None)
        if kept is None:
            return
        self._bytes -= kept.size
        for key in kept.keys:
            # A later turn may have taken the key over.
            if self._turn_of.get(key) == turn:
                del self._turn_of[key]
