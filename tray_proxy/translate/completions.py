"""
`/v1/completions`: OpenAI's text completion to Ollama's generate, and `Delta`s and `Outcome` to its answers.

As with Ollama, the prompt is a conversation of one turn: it goes through the model's own template.

Source: Ollama's `openai/openai.go` (FromCompleteRequest, ToCompletion) and `middleware/openai.go`; OpenAI's API
reference, "Completions".
"""

import msgspec
from msgspec import UNSET, UnsetType

from tray_proxy.errors import BadRequest, ProxyError, full_text
from tray_proxy.translate.openai import END, SSE, event, finish_reason, likelihoods, to_error, to_options, to_usage
from tray_proxy.translate.stream import Delta, Outcome
from tray_proxy.wire import ollama, openai

_encode = msgspec.json.Encoder().encode
_NOTHING = openai.Usage(prompt_tokens=0, completion_tokens=0, total_tokens=0)


def to_generate(request: openai.CompletionRequest) -> ollama.GenerateRequest:
    """
    Translate a request.

    Raises:
        BadRequest: there is no prompt; to Ollama that only loads the model, and OpenAI's clients want a text.
    """
    if not request.prompt:
        raise BadRequest("prompt is required")
    return ollama.GenerateRequest(
        model=request.model,
        prompt=request.prompt,
        suffix=request.suffix,
        stream=bool(request.stream),
        options=to_options(request),
        logprobs=None if request.logprobs is None else True,
        top_logprobs=request.logprobs,
    )


class TextWriter:
    """
    Writes an answer as `/v1/completions` does; it has no place for thoughts.

    Args:
        answer_id: The same in every event.
        created: Unix time, the same in every event.
        asked: The model's name as the app wrote it.
        tells_usage: Whether a stream ends with the usage; every event before then has one of zeros, as Ollama's.
    """

    content_type = SSE

    def __init__(self, answer_id: str, created: int, asked: str, *, tells_usage: bool) -> None:
        self._id = answer_id
        self._created = created
        self._asked = asked
        self._tells_usage = tells_usage
        self._lengths: dict[int, int] = {}

    def deltas(self, deltas: list[Delta]) -> bytes:
        """Write an event for each text."""
        return b"".join(self._said(delta) for delta in deltas if delta.content or delta.logprobs)

    def end(self, outcome: Outcome) -> bytes:
        """Write how each text ended, the usage for who asked for it, and the mark of the end."""
        lines = [
            self._event([openai.TextChoice(text="", index=index, finish_reason=finish_reason(finish, called=False))])
            for index, finish in outcome.finishes.items()
        ]
        if self._tells_usage:
            lines.append(self._event([], to_usage(outcome)))
        return b"".join((*lines, END))

    def whole(self, deltas: list[Delta], outcome: Outcome) -> bytes:
        """Write a plain answer."""
        choices = []
        for index, finish in outcome.finishes.items():
            said = [delta for delta in deltas if delta.choice == index]
            choices.append(
                openai.TextChoice(
                    text="".join(delta.content for delta in said),
                    index=index,
                    finish_reason=finish_reason(finish, called=False),
                    logprobs=to_logprobs(said, 0),
                )
            )
        return _encode(self._answer(choices, to_usage(outcome)))

    def failure(self, error: ProxyError) -> bytes:
        """Write the event that tells of a failure; no mark of the end follows it."""
        return event(to_error(error.status, full_text(error)))

    def _said(self, delta: Delta) -> bytes:
        offset = self._lengths.get(delta.choice, 0)
        self._lengths[delta.choice] = offset + len(delta.content)
        choice = openai.TextChoice(text=delta.content, index=delta.choice, logprobs=to_logprobs([delta], offset))
        return self._event([choice])

    def _event(self, choices: list[openai.TextChoice], usage: openai.Usage | None = None) -> bytes:
        shown = usage or (_NOTHING if self._tells_usage else UNSET)
        return event(self._answer(choices, shown))

    def _answer(self, choices: list[openai.TextChoice], usage: openai.Usage | UnsetType) -> openai.TextCompletion:
        return openai.TextCompletion(
            id=self._id, created=self._created, model=self._asked, choices=choices, usage=usage
        )


def to_logprobs(deltas: list[Delta], offset: int) -> openai.TextLogprobs | UnsetType:
    """
    Give likelihoods as lists of the same length.

    Args:
        offset: How many characters stand before the first token.
    """
    tokens = [each for delta in deltas for each in likelihoods(delta.logprobs)]
    if not tokens:
        return UNSET
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    return openai.TextLogprobs(
        tokens=[token.token for token in tokens],
        token_logprobs=[token.logprob for token in tokens],
        top_logprobs=[{other.token: other.logprob for other in token.top_logprobs} for token in tokens],
        text_offset=offsets,
    )
