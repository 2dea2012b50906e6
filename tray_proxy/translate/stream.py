"""
The one stateful translator: completion chunks in, `Delta`s out, an `Outcome` at the end.

It knows nothing of the dialect that asked; `translate.chat` and its siblings write `Delta`s and `Outcome`
in theirs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from tray_proxy.errors import UpstreamError
from tray_proxy.translate.reasoning_details import Details, text_of
from tray_proxy.translate.stops import StopWatch
from tray_proxy.wire.openrouter import (
    ChunkChoice,
    ChunkDelta,
    CompletionChunk,
    TextChunk,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)

# Where arguments that are no JSON object are shown, rather than dropped: the app's tool then says what it misses.
UNPARSED = "_unparsed"
# Stands for a tool's name that did not come; OpenRouter takes no empty one back.
UNNAMED = "_unnamed"


class Call(Struct, frozen=True):
    """A whole tool call. The id is OpenRouter's, or one made up where it gave none, or the same twice."""

    index: int
    id: str
    name: str
    arguments: dict[str, object]


class Delta(Struct, frozen=True):
    """What one chunk adds to the answer, or to one of several (`choice`)."""

    content: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    choice: int = 0


class Finish(Struct, frozen=True):
    """
    Why an answer ended.

    Args:
        reason: OpenRouter's word: "stop", "length", "tool_calls" or "content_filter".
        stop: The stop string that ended it; "" where it was one, and is not known; None where it was none.
    """

    reason: str = "stop"
    stop: str | None = None


class Outcome(Struct, frozen=True):
    """
    How the answer ended. Durations in ns, each at least 1; the parts never exceed the total.

    Args:
        done_reason: The first choice's reason, in Ollama's words.
        finishes: Each choice's, by its number.
        usage: What OpenRouter counted; the fields of it are None where it did not.
    """

    done_reason: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    total_ns: int
    load_ns: int
    prompt_eval_ns: int
    eval_ns: int
    finishes: dict[int, Finish] = msgspec.field(default_factory=lambda: {0: Finish()})
    usage: Usage = Usage()


class Turn(Struct, frozen=True):
    """All that was said, for knowing it again; `details` are what the model thought, in OpenRouter's long form."""

    content: str
    calls: tuple[Call, ...]
    details: list[dict[str, Any]]


# OpenRouter's words for the end, in Ollama's: it knows no others than these two for an answer.
DONE_REASONS = {"stop": "stop", "tool_calls": "stop", "content_filter": "stop", "length": "length"}


@dataclass
class _Fragments:
    """A tool call while its pieces arrive."""

    id: str | None = None
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def add(self, piece: ToolCallDelta) -> None:
        self.id = piece.id or self.id
        if piece.function is not None:
            self.name = piece.function.name or self.name
            self.arguments.append(piece.function.arguments or "")

    def is_call(self) -> bool:
        """Say whether anything was said; some models open a call and leave it at that."""
        return bool(self.id or self.name or any(self.arguments))

    def is_whole(self) -> bool:
        """Say whether the arguments are complete, judged by themselves."""
        text = "".join(self.arguments)
        return bool(text.strip()) and UNPARSED not in parse_arguments(text)

    def whole(self, index: int, call_id: str) -> Call:
        return Call(
            index=index, id=call_id, name=self.name or UNNAMED, arguments=parse_arguments("".join(self.arguments))
        )


def parse_arguments(text: str) -> dict[str, object]:
    """Read a call's arguments; what is no JSON object is kept as text under `_unparsed`."""
    if not text.strip():
        return {}
    try:
        arguments = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {UNPARSED: text}
    return arguments if isinstance(arguments, dict) else {UNPARSED: text}


class _Choice:
    """
    One answer while it arrives: the only one, unless the app asked for several.

    Args:
        stops: Stop strings that OpenRouter does not watch for.
    """

    def __init__(self, index: int, stops: Sequence[str]) -> None:
        self.index = index
        self.finish: Finish | None = None
        self.content: list[str] = []
        self.calls: list[Call] = []
        self.details = Details()
        # Without stop strings nothing is held back.
        self._watch = StopWatch(stops) if stops else None
        self._fragments: list[tuple[int, _Fragments]] = []

    @property
    def stopped(self) -> bool:
        """Whether one of the watched stop strings was said."""
        return self._watch is not None and self._watch.stopped

    def take(self, choice: ChunkChoice, likelihoods: tuple[TokenLogprob, ...], generation_id: str) -> list[Delta]:
        """Take in what a chunk says; nothing more once it has stopped."""
        if self.stopped:
            return []
        deltas = self._say(choice.delta or ChunkDelta(), likelihoods)
        if self._watch is not None and self._watch.stopped:
            self.finish = Finish("stop", self._watch.found)
            deltas += self.completed_calls(generation_id)
        elif choice.finish_reason:
            # Anthropic's word, which OpenRouter passes on beside its own.
            stop = "" if choice.native_finish_reason == "stop_sequence" else None
            self.finish = Finish(choice.finish_reason, stop)
            deltas += self.release() + self.completed_calls(generation_id)
        return deltas

    def release(self) -> list[Delta]:
        """Give the text that was held back because a stop string could have begun in it; no more follows it."""
        return [] if self._watch is None else self._delta(*self._watch.release())

    def completed_calls(self, generation_id: str) -> list[Delta]:
        """Give the calls that have arrived; where a stop string cut the answer, only those that are whole."""
        if not self._fragments:
            return []
        in_order = [fragments for _, fragments in sorted(self._fragments, key=lambda call: call[0])]
        self._fragments.clear()
        before = len(self.calls)
        for fragments in in_order:
            if fragments.is_whole() if self.stopped else fragments.is_call():
                self.calls.append(fragments.whole(len(self.calls), self._id_of(fragments, generation_id)))
        # Each for itself: of several calls in one line, Zed performs the first and forgets the others.
        return [Delta(calls=(call,), choice=self.index) for call in self.calls[before:]]

    def _say(self, delta: ChunkDelta, likelihoods: tuple[TokenLogprob, ...]) -> list[Delta]:
        for piece in delta.tool_calls or ():
            self._fragments_of(piece).add(piece)
        if delta.reasoning_details:
            self.details.add(delta.reasoning_details)
        content = delta.content or ""
        if self._watch is not None:
            content, likelihoods = self._watch.feed(content, likelihoods)
        return self._delta(content, likelihoods, thinking_of(delta))

    def _delta(self, content: str, likelihoods: tuple[TokenLogprob, ...], thinking: str = "") -> list[Delta]:
        if not (content or thinking or likelihoods):
            return []
        if content:
            self.content.append(content)
        return [Delta(content=content, thinking=thinking, logprobs=likelihoods, choice=self.index)]

    def _fragments_of(self, piece: ToolCallDelta) -> _Fragments:
        index = piece.index or 0
        same = [fragments for at, fragments in self._fragments if at == index]
        # Some providers number every call 0: another id is another call.
        if same and not (piece.id and same[-1].id and piece.id != same[-1].id):
            return same[-1]
        self._fragments.append((index, _Fragments()))
        return self._fragments[-1][1]

    def _id_of(self, fragments: _Fragments, generation_id: str) -> str:
        if fragments.id and all(call.id != fragments.id for call in self.calls):
            return fragments.id
        digest = hashlib.sha256(f"{generation_id} {self.index or ''}{len(self.calls)}".encode())
        return f"call_{digest.hexdigest()[:8]}"


def thinking_of(delta: ChunkDelta) -> str:
    """Give what was thought. Some models give only the long form; never both, for it is the same text."""
    return delta.reasoning or (text_of(delta.reasoning_details) if delta.reasoning_details else "")


class ReplyStream:
    """
    Translates one answer.

    Args:
        started_ns: When the request came in, on a clock that never jumps.
    """

    def __init__(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self._stops: Sequence[str] = ()
        self._asked = 1
        self._opened_ns: int | None = None
        self._first_ns: int | None = None
        self._generation_id = ""
        self._choices: dict[int, _Choice] = {}
        self._pieces = 0
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        """What OpenRouter has counted so far; the fields of it are None where it did not."""
        return self._usage

    def said_tokens(self) -> int:
        """Say about how many tokens have come; a piece has one or more of them."""
        said = sum(len(piece) for choice in self._choices.values() for piece in choice.content)
        return max(self._pieces, said // 4)

    @property
    def opened_s(self) -> float | None:
        """Seconds until OpenRouter began to answer; None while it has not."""
        return self._seconds_until(self._opened_ns)

    @property
    def first_s(self) -> float | None:
        """Seconds until something was said, thought or called; None while nothing was."""
        return self._seconds_until(self._first_ns)

    def _seconds_until(self, moment_ns: int | None) -> float | None:
        return None if moment_ns is None else (moment_ns - self._started_ns) / 1e9

    @property
    def stopped(self) -> bool:
        """Whether one of the watched stop strings was said: the answer is at its end, whatever comes."""
        if not self._stops:
            return False
        # Of several answers the others are still to come.
        return self._asked == 1 and any(choice.stopped for choice in self._choices.values())

    def watch_for(self, stops: Sequence[str], *, choices: int = 1) -> None:
        """
        Watch for stop strings that OpenRouter does not watch for; without any, nothing is held back.

        Args:
            choices: How many answers the app asked for.
        """
        self._stops, self._asked = stops, choices

    def opened(self, now_ns: int) -> None:
        """Note when OpenRouter began to answer; the time until then counts as loading."""
        self._opened_ns = now_ns
        # Now already: there is more time than there will be with its first word.
        self._choice(0)

    def feed(self, chunk: CompletionChunk | TextChunk, now_ns: int) -> list[Delta]:
        """
        Take in a chunk.

        Returns:
            What it adds to the answer: nothing, text, or the tool calls that it completes.
        """
        self._generation_id = chunk.id or self._generation_id
        if isinstance(chunk, TextChunk):
            # Nearly all are such, so this is written in one piece.
            text = chunk.choices[0].delta.content
            if not text:
                return []
            self._pieces += 1
            if self._first_ns is None:
                self._first_ns = now_ns
            only = self._choices.get(0) or self._choice(0)
            if self._stops:
                return only.take(ChunkChoice(delta=ChunkDelta(content=text)), (), self._generation_id)
            only.content.append(text)
            return [Delta(text)]
        if chunk.usage is not None:
            self._usage = chunk.usage
        deltas: list[Delta] = []
        for choice in chunk.choices or ():
            said = choice.delta
            likelihoods = tuple(choice.logprobs.content or ()) if choice.logprobs else ()
            if likelihoods or (said is not None and (said.content or said.tool_calls or thinking_of(said))):
                self._pieces += 1
                self._first_ns = self._first_ns or now_ns
            deltas += self._choice(choice.index or 0).take(choice, likelihoods, self._generation_id)
        return deltas

    def release(self) -> list[Delta]:
        """Give the text that was held back because a stop string could have begun in it; no more follows it."""
        return [delta for choice in self._choices.values() for delta in choice.release()]

    def finish(self, now_ns: int, *, marked: bool) -> tuple[list[Delta], Outcome]:
        """
        Take in the end of the stream.

        Args:
            marked: Whether OpenRouter's end mark (`[DONE]`) was seen.

        Returns:
            Tool calls that were still open, and how the answer ended.

        Raises:
            UpstreamError: the stream ended without saying so; a cut answer must not look complete.
        """
        first_choice = self._choice(0)
        if not marked and any(choice.finish is None for choice in self._choices.values()):
            raise UpstreamError("The answer broke off: OpenRouter ended the stream before the answer was complete.")
        left = self.release()
        for choice in self._choices.values():
            left += choice.completed_calls(self._generation_id)
        finishes = {index: choice.finish or Finish() for index, choice in sorted(self._choices.items())}
        total = max(now_ns - self._started_ns, 4)
        opened = min(max((self._opened_ns or now_ns) - self._started_ns, 1), total - 2)
        first = min(max((self._first_ns or now_ns) - self._started_ns, opened + 1), total - 1)
        return left, Outcome(
            done_reason=DONE_REASONS.get(finishes[first_choice.index].reason, "stop"),
            # Clients divide by these. Without usage the least that can be true is one token, and one per piece.
            prompt_tokens=self._usage.prompt_tokens or 1,
            completion_tokens=self._usage.completion_tokens or max(self._pieces, 1),
            cost_usd=self._usage.cost,
            total_ns=total,
            load_ns=opened,
            prompt_eval_ns=first - opened,
            eval_ns=total - first,
            finishes=finishes,
            usage=self._usage,
        )

    def turn(self) -> Turn:
        """Give all that was said, once the answer is at its end; of several answers the first."""
        choice = self._choice(0)
        return Turn("".join(choice.content), tuple(choice.calls), choice.details.whole())

    def _choice(self, index: int) -> _Choice:
        if index not in self._choices:
            self._choices[index] = _Choice(index, self._stops)
        return self._choices[index]
