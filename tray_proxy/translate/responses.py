"""
`/v1/responses`: OpenAI's items to Ollama's chat request. `translate.response_events` writes the answer.

Translated, not relayed: OpenRouter's own `/responses` refuses what Codex sends, and ends its stream with a mark that
OpenAI's does not have.

Source: Ollama's `openai/responses.go` (FromResponsesRequest); OpenAI's API reference, "Responses".
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tray_proxy.errors import BadRequest, UnsupportedRequest
from tray_proxy.translate.chat import Translated
from tray_proxy.translate.openai import check_picture, to_arguments
from tray_proxy.translate.reasoning import think_of
from tray_proxy.translate.response_tools import INPUT, MAX_NAME, Names, offer, sent_name
from tray_proxy.wire import ollama
from tray_proxy.wire.responses import ContentPart, InputItem, ResponsesRequest, Text

# The request's field, and Ollama's option for it.
OPTIONS = {
    "max_output_tokens": "num_predict",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
# These mean the same to OpenRouter as to OpenAI, and nothing to Ollama.
SENT_ON = ("service_tier", "user", "metadata", "prompt_cache_key", "provider")
LOGPROBS = "message.output_text.logprobs"

# What OpenAI's own tools did in earlier turns. A chat has no place for it, and the answer tells what came of it.
PASSED_OVER = frozenset({
    "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
    "computer_call", "computer_call_output", "local_shell_call", "local_shell_call_output",
    "shell_call", "shell_call_output", "apply_patch_call", "apply_patch_call_output",
    "mcp_list_tools", "mcp_call", "mcp_approval_request", "mcp_approval_response",
    "tool_search_call", "tool_search_output", "program", "program_output",
})  # fmt: skip

_ILLEGAL_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


def to_chat(request: ResponsesRequest) -> tuple[Translated, Names]:
    """
    Translate a request.

    Returns:
        The chat request, and what the app calls the tools in it.

    Raises:
        BadRequest: something in it cannot be meant, in Ollama's words where it has some.
        UnsupportedRequest: it holds something that cannot be sent on, and that the answer would depend on.
    """
    items = [InputItem(role="user", content=request.input)] if isinstance(request.input, str) else request.input or []
    messages = list(to_messages(items)) if request.input else []
    if not messages:
        raise BadRequest("input is required: a text, or a list of items that hold one")
    if request.instructions:
        messages.insert(0, ollama.Message(role="system", content=request.instructions))
    added = [tool for item in items if item.type == "additional_tools" for tool in item.tools or ()]
    offered = offer([*(request.tools or ()), *added], request.tool_choice)
    translated = ollama.ChatRequest(
        model=request.model,
        messages=messages,
        stream=bool(request.stream),
        options=_given(request, OPTIONS),
        think=think_of(request.reasoning.effort if request.reasoning else None),
        tools=offered.tools or None,
        logprobs=LOGPROBS in (request.include or ()) or None,
        top_logprobs=request.top_logprobs,
    )
    more = _given(request, {name: name for name in SENT_ON}) | _form(request.text or Text())
    if offered.tools:
        # Without tools, providers refuse both.
        more |= {"tool_choice": offered.choice, "parallel_tool_calls": request.parallel_tool_calls}
    return Translated(translated, {name: value for name, value in more.items() if value is not None}), offered.names


def to_messages(items: Iterable[InputItem]) -> Iterator[ollama.Message]:
    """
    Translate a conversation: what the model thought, said and called in one turn becomes one message.

    Of two texts without anything between them, each is a turn; a single answer never holds such.

    Raises:
        BadRequest: an item is of no known type, or lacks what its type needs.
        UnsupportedRequest: it refers to something that is not kept here.
    """
    turn = _Turn()
    for index, item in enumerate(items):
        if turn.ends_in_text and _is_spoken(item):
            yield from turn.end()
        try:
            message = _read(item, turn)
        except BadRequest as error:
            raise type(error)(f"input[{index}]: {error.message}") from None
        if message is not None:
            yield from turn.end()
            yield message
    yield from turn.end()


@dataclass
class _Turn:
    """A turn of the model's, while its items are read."""

    thoughts: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    calls: list[ollama.ToolCall] = field(default_factory=list)
    ends_in_text: bool = False

    def think(self, thought: str) -> None:
        self.thoughts += [thought] if thought else []
        self.ends_in_text = False

    def speak(self, text: str) -> None:
        self.said.append(text)
        self.ends_in_text = True

    def call(self, item: InputItem, arguments: dict[str, Any]) -> None:
        if not item.name:
            raise BadRequest(f"{item.type} needs a name")
        name = sent_name(item.name, item.namespace)
        self.calls.append(
            ollama.ToolCall(id=item.call_id, function=ollama.FunctionCall(name=name, arguments=arguments))
        )
        self.ends_in_text = False

    def end(self) -> Iterator[ollama.Message]:
        """Give the turn, and begin a new one. A thought that led to nothing broke off, and is left out."""
        if self.said or self.calls:
            yield ollama.Message(
                role="assistant",
                content="".join(self.said),
                thinking="\n".join(self.thoughts) or None,
                tool_calls=self.calls or None,
            )
        self.thoughts, self.said, self.calls, self.ends_in_text = [], [], [], False


def _read(item: InputItem, turn: _Turn) -> ollama.Message | None:
    """Read an item into the model's turn, or give the message of another speaker, which ends the turn."""
    match _kind(item):
        case "message" if _is_spoken(item):
            turn.speak(_spoken(item.content))
        case "message":
            return _message(item)
        case "reasoning":
            turn.think(item.encrypted_content or _text(item.summary) or _text(item.content))
        case "function_call":
            turn.call(item, _arguments(item.arguments))
        case "custom_tool_call":
            turn.call(item, {INPUT: item.input or ""})
        case "function_call_output" | "custom_tool_call_output":
            return ollama.Message(role="tool", content=_output(item.output), tool_call_id=item.call_id)
        case "item_reference":
            raise UnsupportedRequest("items are not kept between requests: send the item itself")
        case None:
            raise BadRequest("input item missing required 'type' field")
        case kind if kind != "additional_tools" and kind not in PASSED_OVER:
            raise BadRequest(f'unknown input item type: "{kind}"')
    return None


def _kind(item: InputItem) -> str | None:
    return item.type or ("message" if item.role else None)


def _is_spoken(item: InputItem) -> bool:
    """Say whether an item is what the model said."""
    return _kind(item) == "message" and (item.role or "").lower() == "assistant"


def _message(item: InputItem) -> ollama.Message:
    if not item.role:
        raise BadRequest("a message needs a role: user, assistant, system or developer")
    content = item.content
    return ollama.Message(role=item.role, content=_parts(content) if isinstance(content, list) else content or "")


def _spoken(content: str | list[ContentPart] | None) -> str:
    """Give what the model said; all of it is one text, by which what it thought is found again."""
    if not isinstance(content, list):
        return content or ""
    parts = _parts(content)
    if any(part.type != "text" for part in parts):
        raise UnsupportedRequest("images are not supported in assistant messages")
    return "".join(part.text or "" for part in parts)


def _arguments(given: Any) -> dict[str, Any]:
    if given is None or isinstance(given, str):
        return to_arguments(given)
    if isinstance(given, dict):
        return given
    raise BadRequest("invalid tool call arguments")


def _output(output: str | list[ContentPart] | dict[str, Any] | None) -> str | list[ollama.ContentPart]:
    """Give what a tool gave back."""
    if isinstance(output, list):
        return _parts(output)
    return msgspec.json.encode(output).decode() if isinstance(output, dict) else output or ""


def _text(parts: str | list[ContentPart] | None) -> str:
    return "\n".join(part.text or "" for part in parts) if isinstance(parts, list) else parts or ""


def _parts(parts: list[ContentPart]) -> list[ollama.ContentPart]:
    return [_part(part) for part in parts]


def _part(part: ContentPart) -> ollama.ContentPart:
    match part.type:
        case "input_text" | "output_text" | "text":
            return ollama.ContentPart(type="text", text=part.text or "")
        case "refusal":
            return ollama.ContentPart(type="text", text=part.refusal or "")
        case "input_image":
            if bytes(memoryview(part.image_url)[:5]) == b"null":
                raise UnsupportedRequest("files are not kept here: send a picture as image_url, not by its file_id")
            picture = ollama.ContentPart(type="image_url", image_url=part.image_url, detail=part.detail)
            check_picture(picture)
            return picture
        case "input_audio":
            return ollama.ContentPart(type="input_audio", input_audio=part.input_audio)
        case "input_file":
            raise UnsupportedRequest(
                "file inputs are not currently supported: send the file's text, or pictures of its pages"
            )
        case kind:
            raise BadRequest(f"unknown content type: {kind}")


def _form(text: Text) -> dict[str, Any]:
    """
    Translate the form that the text is to have.

    Raises:
        BadRequest: a schema is wanted, and there is none.
    """
    verbosity = {"verbosity": text.verbosity} if isinstance(text.verbosity, str) else {}
    wanted = text.format
    if wanted is None or wanted.type not in ("json_object", "json_schema"):
        return verbosity
    if wanted.type == "json_object":
        return verbosity | {"response_format": {"type": "json_object"}}
    if not isinstance(wanted.schema, dict):
        raise BadRequest("text.format: json_schema needs a schema")
    named = wanted.name if isinstance(wanted.name, str) else ""
    schema = {
        "name": _ILLEGAL_IN_NAMES.sub("_", named)[:MAX_NAME] or "response",
        "description": wanted.description,
        "schema": wanted.schema,
        "strict": wanted.strict,
    }
    given = {name: value for name, value in schema.items() if value is not None and value is not msgspec.UNSET}
    return verbosity | {"response_format": {"type": "json_schema", "json_schema": given}}


def _given(request: ResponsesRequest, names: dict[str, str]) -> dict[str, Any]:
    """Give what the request sets, under other names; what it leaves open stays open."""
    values = ((name, getattr(request, field)) for field, name in names.items())
    return {name: value for name, value in values if value is not None}
