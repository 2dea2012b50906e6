"""
The one stateful translator: completion chunks in, `Delta`s out, an `Outcome` at the end.

It knows nothing of the dialect that asked; `translate.chat` and its siblings write `Delta`s and `Outcome`
in theirs.
"""

from dataclasses import dataclass, field

import msgspec

from tray_proxy.errors import UpstreamError
from tray_proxy.wire.openrouter import ChunkDelta, CompletionChunk, TokenLogprob, ToolCallDelta

# Where arguments that are no JSON object are shown, rather than dropped: the app's tool then says what it misses.
UNPARSED = "_unparsed"


@dataclass(frozen=True)
class Call:
    """A whole tool call."""

    index: int
    id: str | None
    name: str
    arguments: dict[str, object]


@dataclass(frozen=True)
class Delta:
    """What one chunk adds to the answer."""

    content: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How the answer ended. Durations in ns, each at least 1; the parts never exceed the total."""

    done_reason: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    total_ns: int
    load_ns: int
    prompt_eval_ns: int
    eval_ns: int


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

    def whole(self, index: int) -> Call:
        return Call(index=index, id=self.id, name=self.name, arguments=parse_arguments("".join(self.arguments)))


def parse_arguments(text: str) -> dict[str, object]:
    """Read a call's arguments; what is no JSON object is kept as text under `_unparsed`."""
    if not text.strip():
        return {}
    try:
        arguments = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {UNPARSED: text}
    return arguments if isinstance(arguments, dict) else {UNPARSED: text}


class ReplyStream:
    """
    Translates one answer.

    Args:
        started_ns: When the request came in, on a clock that never jumps.
    """

    def __init__(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self._opened_ns: int | None = None
        self._first_ns: int | None = None
        self._calls: list[tuple[int, _Fragments]] = []
        self._given_calls = 0
        self._finish: str | None = None
        self._deltas = 0
        self._prompt_tokens: int | None = None
        self._completion_tokens: int | None = None
        self._cost_usd: float | None = None

    def opened(self, now_ns: int) -> None:
        """Note when OpenRouter began to answer; the time until then counts as loading."""
        self._opened_ns = now_ns

    def feed(self, chunk: CompletionChunk, now_ns: int) -> list[Delta]:
        """
        Take in a chunk.

        Returns:
            What it adds to the answer: nothing, text, or the tool calls that it completes.
        """
        if chunk.usage is not None:
            self._prompt_tokens = chunk.usage.prompt_tokens
            self._completion_tokens = chunk.usage.completion_tokens
            self._cost_usd = chunk.usage.cost
        deltas = []
        for choice in chunk.choices or []:
            likelihoods = tuple((choice.logprobs.content or ()) if choice.logprobs else ())
            delta = self._take(choice.delta or ChunkDelta(), likelihoods)
            if delta is not None:
                deltas.append(delta)
            if choice.finish_reason:
                self._finish = choice.finish_reason
                deltas += self._completed_calls()
        if deltas:
            self._deltas += len(deltas)
            self._first_ns = self._first_ns or now_ns
        return deltas

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
        if self._finish is None and not marked:
            raise UpstreamError("The answer broke off: OpenRouter ended the stream before the answer was complete.")
        left = self._completed_calls()
        total = max(now_ns - self._started_ns, 4)
        opened = min(max((self._opened_ns or now_ns) - self._started_ns, 1), total - 2)
        first = min(max((self._first_ns or now_ns) - self._started_ns, opened + 1), total - 1)
        return left, Outcome(
            done_reason=DONE_REASONS.get(self._finish or "stop", "stop"),
            # Clients divide by these. Without usage the least that can be true is one token, and one per piece.
            prompt_tokens=self._prompt_tokens or 1,
            completion_tokens=self._completion_tokens or max(self._deltas, 1),
            cost_usd=self._cost_usd,
            total_ns=total,
            load_ns=opened,
            prompt_eval_ns=first - opened,
            eval_ns=total - first,
        )

    def _take(self, delta: ChunkDelta, likelihoods: tuple[TokenLogprob, ...]) -> Delta | None:
        for piece in delta.tool_calls or ():
            self._fragments_of(piece).add(piece)
        thinking = delta.reasoning or ""
        if not thinking:
            # Some models give only the long form. Never both: it is the same text.
            thinking = "".join(detail.text or detail.summary or "" for detail in delta.reasoning_details or ())
        if delta.content or thinking or likelihoods:
            return Delta(content=delta.content or "", thinking=thinking, logprobs=likelihoods)
        return None

    def _fragments_of(self, piece: ToolCallDelta) -> _Fragments:
        index = piece.index or 0
        same = [fragments for at, fragments in self._calls if at == index]
        # Some providers number every call 0: another id is another call.
        if same and not (piece.id and same[-1].id and piece.id != same[-1].id):
            return same[-1]
        self._calls.append((index, _Fragments()))
        return self._calls[-1][1]

    def _completed_calls(self) -> list[Delta]:
        if not self._calls:
            return []
        start = self._given_calls
        in_order = sorted(self._calls, key=lambda call: call[0])
        calls = tuple(fragments.whole(start + offset) for offset, (_, fragments) in enumerate(in_order))
        self._given_calls += len(calls)
        self._calls.clear()
        return [Delta(calls=calls)]
