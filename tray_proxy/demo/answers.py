"""
What the demo answers: a plainly labelled text, tool calls or JSON, the same for the same request.

No model is called. `compose()` decides what is said; `demo.dialect` puts it into OpenRouter's words.

A person or a test dictates a call by typing it on a line: `#call:read_file {"path": "notes.txt"}`. An agent's own words
to the model name many of its tools; a conversation with a dictated call has no others.
"""

import hashlib
import math
import re
from dataclasses import dataclass, field, replace

import msgspec

from tray_proxy.demo import shapes
from tray_proxy.demo.catalogue import DemoModel, serving_model
from tray_proxy.demo.samples import sample_value
from tray_proxy.demo.strict import functions_of, parts_of, reasoning_of

LABEL = "[demo]"
DISCLAIMER = "No model was called and nothing was charged."
MAX_QUOTE = 200  # characters of the question or tool result that are repeated
IMAGE_TOKENS = 258

# About four characters, a space belonging to the word after it: roughly what tokenizers do.
_TOKEN = re.compile(r"\s*\S{1,6}|\s+")
_DICTATED = re.compile(r"#call:(?P<name>[\w.-]+) (?P<arguments>\{.*\})")


@dataclass(frozen=True)
class Call:
    """A tool call; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All that is said, before it is put into chunks."""

    model: DemoModel
    text: str = ""
    reasoning: str = ""
    shows_reasoning: bool = True
    calls: list[Call] = field(default_factory=list)
    finish_reason: str = "stop"
    stopped: bool = False  # by one of the request's stop strings
    copies: int = 1  # how many answers were asked for and given
    prompt_tokens: int = 1
    top_logprobs: int | None = None  # None: no logprobs asked for

    @property
    def reasoning_tokens(self) -> int:
        """Tokens spent on thinking, shown or not."""
        return len(tokens(self.reasoning))

    @property
    def completion_tokens(self) -> int:
        """All tokens of the answers; thinking is among them. Never 0."""
        said = len(tokens(self.text)) + sum(len(tokens(call.name + call.arguments)) for call in self.calls)
        return max(said + self.reasoning_tokens, 1) * self.copies


def tokens(text: str) -> list[str]:
    """Cut a text into pieces of token size; together they are the text."""
    return _TOKEN.findall(text)


def compose(request: shapes.ChatRequest, model: DemoModel) -> Answer:
    """Say what is answered to a request that has passed `strict.read_chat`."""
    reasoning = reasoning_of(request)
    calls = _tool_calls(request)
    answer = Answer(
        model=serving_model(model),
        text="" if calls else _text(request, model),
        reasoning=_reasoning(request, model),
        shows_reasoning=reasoning.exclude is not True and request.include_reasoning is not False,
        calls=calls,
        finish_reason="tool_calls" if calls else "stop",
        # As it is: OpenAI's own models give several answers, most others one whatever is asked.
        copies=(request.n or 1) if model.id.startswith("openai/") else 1,
        prompt_tokens=_prompt_tokens(request),
        top_logprobs=(request.top_logprobs or 0) if request.logprobs else None,
    )
    return _cut_to_length(_cut_at_stop(answer, request), request)


def last_user_text(request: shapes.ChatRequest) -> str:
    """Give the text of the last turn if it is the user's, else nothing."""
    last = _last_turn(request)
    return text_of(last.content) if isinstance(last, shapes.UserMessage) else ""


def _turns(request: shapes.ChatRequest) -> list[shapes.Message]:
    """Leave out the words of the system: some agents have them at the end."""
    of_system = (shapes.SystemMessage, shapes.DeveloperMessage)
    return [message for message in request.messages if not isinstance(message, of_system)]


def _last_turn(request: shapes.ChatRequest) -> shapes.Message | None:
    return next(reversed(_turns(request)), None)


def text_of(content: str | list[shapes.Part] | list[shapes.TextPart] | None) -> str:
    """Join the texts of a message's content."""
    if isinstance(content, list):
        return "\n".join(part.text for part in content if isinstance(part, shapes.TextPart))
    return content or ""


def _prompt_tokens(request: shapes.ChatRequest) -> int:
    texts = sum(len(tokens(text_of(message.content))) + 4 for message in request.messages)
    images = sum(isinstance(part, shapes.ImagePart) for part in parts_of(request))
    tools = sum(len(tokens(str(function))) for function in functions_of(request))
    return max(texts + images * IMAGE_TOKENS + tools, 1)


def _reasoning(request: shapes.ChatRequest, model: DemoModel) -> str:
    asked = reasoning_of(request)
    is_off = asked.effort == "none" or asked.enabled is False
    is_on = asked.effort is not None or asked.enabled is True or asked.max_tokens is not None
    if model.reasoning is None or (is_off and not model.reasoning["mandatory"]):
        return ""
    if not (model.thinks or is_on):
        return ""
    return f"{LABEL} I read the question, find that no model stands behind me, and say so."


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    return f"“{text[:MAX_QUOTE]}…”" if len(text) > MAX_QUOTE else f"“{text}”"


def _text(request: shapes.ChatRequest, model: DemoModel) -> str:
    match request.response_format:
        case shapes.JsonObjectFormat():
            return _json({"demo": True, "answer": _plain_text(request, model)})
        case shapes.JsonSchemaFormat(json_schema=config):
            schema = {"type": "object"} if isinstance(config.schema, msgspec.UnsetType) else config.schema
            return _json(sample_value(schema))
        case _:
            return _plain_text(request, model)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _plain_text(request: shapes.ChatRequest, model: DemoModel) -> str:
    results: list[str] = []
    for message in reversed(_turns(request)):
        if not isinstance(message, shapes.ToolMessage):
            break
        results.insert(0, _quoted(text_of(message.content)))
    if results:
        return f"{LABEL} The tool answered: {', '.join(results)}. {DISCLAIMER}"
    seen = _counted(request)
    asked = next(
        (text_of(turn.content) for turn in reversed(request.messages) if isinstance(turn, shapes.UserMessage)),
        "",
    )
    return f"{LABEL} You asked {model.id}: {_quoted(asked)}.{seen} {DISCLAIMER}"


def _counted(request: shapes.ChatRequest) -> str:
    kinds = [type(part) for part in parts_of(request)]
    counts = [("image", kinds.count(shapes.ImagePart)), ("sound", kinds.count(shapes.AudioPart))]
    given = [f"{count} {word}{'s' if count > 1 else ''}" for word, count in counts if count]
    return f" I was given {' and '.join(given)}." if given else ""


def _tool_calls(request: shapes.ChatRequest) -> list[Call]:
    """Call tools where the user speaks of them, or where the request leaves no choice."""
    functions = functions_of(request)
    question = last_user_text(request)
    if not functions or request.tool_choice == "none":
        return []
    if any(_DICTATED.search(text_of(message.content)) for message in request.messages):
        return _dictated(request, functions, question)
    named = [function for function in functions if function.name in question]
    chosen = _forced(request, functions) or named
    if not chosen and re.search(r"\btools?\b", question, re.IGNORECASE):
        chosen = functions[:1]
    if chosen and len(chosen) == 1 and re.search(r"\b(parallel|both)\b", question, re.IGNORECASE):
        chosen = functions[:2] if len(functions) > 1 else functions * 2
    if request.parallel_tool_calls is False:
        chosen = chosen[:1]
    return [
        Call(_call_id(request, number), function.name, _arguments(function)) for number, function in enumerate(chosen)
    ]


def _dictated(request: shapes.ChatRequest, functions: list[shapes.FunctionSpec], question: str) -> list[Call]:
    names = {function.name for function in functions}
    wanted = [call for call in _DICTATED.finditer(question) if call["name"] in names]
    return [Call(_call_id(request, number), call["name"], call["arguments"]) for number, call in enumerate(wanted)]


def _forced(request: shapes.ChatRequest, functions: list[shapes.FunctionSpec]) -> list[shapes.FunctionSpec]:
    choice = request.tool_choice
    # After a result the answer may follow: a loop that asks for "required" each time would never end.
    if isinstance(_last_turn(request), shapes.ToolMessage):
        return []
    if isinstance(choice, shapes.ToolChoice) and isinstance(choice.function, shapes.NamedFunction):
        return [function for function in functions if function.name == choice.function.name]
    return functions[:1] if choice == "required" else []


def _arguments(function: shapes.FunctionSpec) -> str:
    if isinstance(function.parameters, msgspec.UnsetType):
        return "{}"
    return _json(sample_value({"type": "object", **function.parameters}))


def _call_id(request: shapes.ChatRequest, number: int) -> str:
    """Give the same id for the same conversation, another one for each of its turns."""
    digest = hashlib.sha256(msgspec.json.encode([request.messages, number])).hexdigest()
    return f"call_demo{digest[:16]}"


def _cut_at_stop(answer: Answer, request: shapes.ChatRequest) -> Answer:
    stops = [request.stop] if isinstance(request.stop, str) else request.stop or []
    places = [answer.text.find(stop) for stop in stops if stop and stop in answer.text]
    if not places:
        return answer
    return replace(answer, text=answer.text[: min(places)], stopped=True)


def _cut_to_length(answer: Answer, request: shapes.ChatRequest) -> Answer:
    """Keep what fits into `max_tokens`, of each copy: thinking first, then text, then calls; half a call is none."""
    limit = request.max_completion_tokens or request.max_tokens
    if limit is None or answer.completion_tokens <= limit * answer.copies:
        return answer
    thought = tokens(answer.reasoning)[:limit]
    text = tokens(answer.text)[: limit - len(thought)]
    return replace(answer, reasoning="".join(thought), text="".join(text), calls=[], finish_reason="length")


def logprob_of(token: str) -> float:
    """Make up a likelihood, always the same for the same token."""
    return -round(math.log1p(hashlib.sha256(token.encode()).digest()[0] / 64), 6)
