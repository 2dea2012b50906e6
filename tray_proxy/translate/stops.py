"""
Stop strings that OpenRouter does not take, watched for here: it takes four, Ollama any number.

Source: Ollama's `runner/common/stop.go`; OpenRouter docs, "Parameters".
"""

from collections import deque
from collections.abc import Iterable, Sequence

from tray_proxy.wire.openrouter import TokenLogprob

type Piece = tuple[str, tuple[TokenLogprob, ...]]


class StopWatch:
    """
    Ends a text at the first stop string that is complete in it, however the text is cut into pieces.

    `stopped` is true once that was found, and `found` says which it was; the stop string itself is not let through.

    Args:
        stops: Texts, none of them empty.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.stopped = False
        self.found = ""
        self._stops = stops
        self._held = ""
        self._tokens: deque[TokenLogprob] = deque()
        self._uncovered = 0

    def feed(self, text: str, tokens: Iterable[TokenLogprob] = ()) -> Piece:
        """
        Take in a piece of the text, and the likelihoods of its tokens.

        Returns:
            What can be let through: all but the end that may be the beginning of a stop string.
        """
        if self.stopped:
            return "", ()
        self._tokens.extend(tokens)
        text = self._held + text
        # Of two that end together the longer one began first.
        found = min(((at + len(stop), at, stop) for stop in self._stops if (at := text.find(stop)) >= 0), default=None)
        self.stopped = found is not None
        end = self._first_beginning(text) if found is None else found[1]
        self.found = "" if found is None else found[2]
        self._held = "" if self.stopped else text[end:]
        return text[:end], self._tokens_of(end)

    def release(self) -> Piece:
        """Give what was held back, when no more text comes."""
        held, tokens = self._held, tuple(self._tokens)
        self._held = ""
        self._tokens.clear()
        return held, tokens

    def _first_beginning(self, text: str) -> int:
        """Find where the longest end of the text begins that a stop string may go on from."""
        first = len(text)
        for stop in self._stops:
            at = text.find(stop[0], max(len(text) - len(stop) + 1, 0), first)
            while at >= 0:
                if stop.startswith(text[at:]):
                    first = at
                    break
                at = text.find(stop[0], at + 1, first)
        return first

    def _tokens_of(self, length: int) -> tuple[TokenLogprob, ...]:
        """Give the tokens that lie whole in the text let through."""
        if self.stopped or self._held:
            self._uncovered += length
            given = []
            while self._tokens and len(self._tokens[0].token) <= self._uncovered:
                self._uncovered -= len(self._tokens[0].token)
                given.append(self._tokens.popleft())
            if self.stopped:
                self._tokens.clear()
            return tuple(given)
        self._uncovered = 0
        given = list(self._tokens)
        self._tokens.clear()
        return tuple(given)
