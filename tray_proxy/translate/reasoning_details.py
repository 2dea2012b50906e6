"""
What a model thought, in OpenRouter's long form: gathered from a stream, and known again when its turn comes back.

Ollama's clients send back the text of a thought at most. Between a tool's call and its result, providers want
more than that: Claude the signature, OpenAI and Gemini what they encrypted. So the details are kept here and put
back in their place, untouched.

Source: OpenRouter docs, "Reasoning Tokens" (Preserving Reasoning, Streaming).
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from tray_proxy.wire.openrouter import Message, TextPart

type Keys = tuple[bytes, ...]
# Gives the details of the turn that one of the keys stands for, as JSON; None where nothing is known of it.
type Recall = Callable[[Keys], bytes | None]

# Arrive in pieces, and are put together; of everything else the last that was said holds.
_GROWING = ("text", "summary", "data")
# Pieces without an index can be told to go on only where they are plain text.
_READABLE = ("reasoning.text", "reasoning.summary")


class Place(NamedTuple):
    """
    Where a turn stands in its conversation.

    Args:
        question: What the user said last before it, as a digest: it may be megabytes long, and many turns follow it.
        turns: How many turns of the model's came since. An agent makes the same call again, and thinks anew.
    """

    question: bytes = b""
    turns: int = 0


BEGINNING = Place()


def recall_nothing(_keys: Keys) -> None:
    """Know of no turn."""


def text_of(details: object) -> str:
    """Join what can be read of details."""
    pieces = details if isinstance(details, list) else []
    texts = ((piece.get("text") or piece.get("summary")) for piece in pieces if isinstance(piece, dict))
    return "".join(text for text in texts if isinstance(text, str))


class Details:
    """The details of one answer, in the order in which they began."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._open: dict[tuple[str, int], _Entry] = {}

    def add(self, details: object) -> None:
        """Take in what a chunk holds; what is no list of objects is passed over."""
        for piece in details if isinstance(details, list) else []:
            if isinstance(piece, dict):
                self._entry_of(piece).add(piece)

    def whole(self) -> list[dict[str, Any]]:
        """Give the details put together; nothing where there were none."""
        return [entry.whole() for entry in self._entries]

    def _entry_of(self, piece: dict[str, Any]) -> "_Entry":
        """Find what the piece goes on: the same index, type and id, of which any may be missing in later pieces."""
        kind, index = str(piece.get("type")), piece.get("index")
        if isinstance(index, int):
            last = self._open.get((kind, index))
        else:
            last = self._entries[-1] if self._entries and kind in _READABLE else None
        if last is None or not last.takes(kind, piece.get("id")):
            last = _Entry(kind)
            self._entries.append(last)
        if isinstance(index, int):
            self._open[kind, index] = last
        return last


class _Entry:
    """One detail while its pieces arrive."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._fields: dict[str, Any] = {}
        self._growing: dict[str, list[str]] = {}

    def takes(self, kind: str, call_id: object) -> bool:
        """Say whether a piece of this type and id may belong here."""
        return kind == self._kind and (not call_id or self._fields.get("id") in (None, "", call_id))

    def add(self, piece: dict[str, Any]) -> None:
        for name, value in piece.items():
            if name in _GROWING and isinstance(value, str):
                self._growing.setdefault(name, []).append(value)
                self._fields[name] = ""
            elif name not in self._fields or value not in (None, ""):
                self._fields[name] = value

    def whole(self) -> dict[str, Any]:
        return self._fields | {name: "".join(pieces) for name, pieces in self._growing.items()}


def turn_keys(
    model_id: str, place: Place, content: str, calls: Iterable[tuple[str | None, str, dict[str, Any]]]
) -> Keys:
    """
    Say by what an assistant's turn is known again, the most certain first.

    The first key is the turn's in its place. The others find it by its calls where the app has changed the rest; not
    before, for some models count the ids of their calls from 0 in every conversation.

    Args:
        model_id: Details are of no use to another model, and never shown to one.
        content: What the turn said.
        calls: Each call's id (None where the client sent none), name and arguments.
    """
    spelled = [(call_id, name, arguments) for call_id, name, arguments in calls]
    by_call = [_digest(model_id, call) for call in spelled if call[0]]
    # Apps like to trim what they show.
    turn = _digest(model_id, place, content.strip(), [call[1:] for call in spelled])
    return (turn, *by_call)


def place_after(messages: Iterable[Message], before: Place = BEGINNING) -> Place:
    """Give the place of the turn that follows messages; `before` is the place of the first of them."""
    question, turns = None, before.turns
    for message in messages:
        if message.role == "user":
            question, turns = message, 0
        elif message.role == "assistant":
            turns += 1
    return Place(before.question if question is None else _digest(_text(question)), turns)


def _text(message: Message) -> str:
    parts = message.content if isinstance(message.content, list) else [TextPart(text=message.content or "")]
    # Joined in several ways, or kept apart by a mark for the provider's cache, which wanders from turn to turn.
    return "".join(part.text for part in parts if isinstance(part, TextPart)).replace("\n", "")


def _digest(*facts: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode(facts, order="deterministic")).digest()
