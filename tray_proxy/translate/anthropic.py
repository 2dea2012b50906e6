"""
`/v1/messages`: Anthropic's request to Ollama's chat request. `translate.anthropic_events` writes the answer.

Translated, not relayed: Claude Code sends system messages among the others and fields that OpenRouter's own
`/messages` refuses, and that one ends its stream with a mark on which Anthropic's SDK dies.

Source: Ollama's `anthropic/anthropic.go` (FromMessagesRequest); Anthropic's API reference, "Messages".
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tray_proxy.errors import BadRequest, ThreadNotKept, UnsupportedRequest
from tray_proxy.translate.chat import Translated
from tray_proxy.translate.parts import text_of
from tray_proxy.translate.prices import PICTURE_TOKENS
from tray_proxy.wire import anthropic, ollama
from tray_proxy.wire.anthropic import ContentBlock, MessagesRequest, ResultBlock, Source
from tray_proxy.wire.ollama import ContentPart

# Anthropic's words for how hard to try, as `think`. Source: Ollama's `anthropic/anthropic.go`.
EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "max"}
TOOL_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
# A rule of thumb, as Ollama's.
CHARACTERS_PER_TOKEN = 4

# Claude Code writes this line before its prompt, and a part of it changes with each request. Anthropic takes it out;
# to everybody else the whole conversation behind it is then new, is found in no cache, and costs its full price again.
# Source: Claude Code's docs, "Gateway protocol reference" (System prompt attribution block); ollama/ollama#14918.
_ATTRIBUTION = "x-anthropic-billing-header:"

# For a provider's cache: what stands before it is to be kept.
type Mark = dict[str, Any] | None

_encode = msgspec.json.Encoder().encode


def check(request: MessagesRequest, *, counts: bool = False) -> None:
    """
    Refuse what cannot be meant, before the model is looked for.

    Args:
        counts: Whether tokens are only to be counted, which needs no limit.

    Raises:
        BadRequest: in Ollama's words.
        ThreadNotKept: it goes on with a conversation of which it sends only the end.
    """
    if not request.model or not request.model.strip():
        raise BadRequest("model is required")
    if not counts and (request.max_tokens is None or request.max_tokens <= 0):
        raise BadRequest("max_tokens is required and must be positive")
    if not request.messages:
        raise BadRequest("messages is required")
    if request.thread and request.thread.type == "continue":
        raise ThreadNotKept


def to_chat(request: MessagesRequest, *, thinks: bool, sees: bool = True) -> Translated:
    """
    Translate a request that passed `check`.

    Args:
        thinks: Whether the model can; where it cannot, what is said about thinking is passed over, on this route alone.
        sees: Whether the model can; where it cannot, it is told of the pictures that a tool gave back.

    Raises:
        BadRequest: a message or a tool in it is none.
        UnsupportedRequest: it holds something that cannot be sent on, and that the answer would depend on.
    """
    messages = list(_system(request.system))
    for message in request.messages or ():
        messages += to_messages(message, sees=sees)
    tools = _tools(request.tools or [], request.tool_choice)
    translated = ollama.ChatRequest(
        model=request.model,
        messages=messages,
        stream=bool(request.stream),
        options=_options(request),
        think=_think(request) if thinks else None,
        tools=tools,
    )
    return Translated(translated, _more(request, has_tools=bool(tools)), _budget(request))


def to_messages(message: anthropic.Message, *, sees: bool = True) -> Iterator[ollama.Message]:
    """
    Translate one turn: the results of tools become messages of their own, before what a user says beside them.

    Args:
        sees: As `to_chat`.

    Raises:
        BadRequest, UnsupportedRequest: as `to_chat`.
    """
    if not isinstance(message.content, list):
        yield ollama.Message(role=message.role, content=message.content)
        return
    results = [_result(block, sees=sees) for block in message.content if _is_result(block)]
    turn = ollama.Message(
        role=message.role,
        content=_content(_said(message.content)),
        thinking="".join(block.thinking or "" for block in message.content if block.type == "thinking") or None,
        tool_calls=[_call(block) for block in message.content if block.type in _CALLS] or None,
    )
    says_something = bool(turn.content or turn.thinking or turn.tool_calls)
    role = message.role.lower()
    if role == "user":
        yield from results
    # A word of the system without words only changes settings of Anthropic's.
    if says_something or not (results or role == "system"):
        yield turn
    if role != "user":
        # A tool that Anthropic ran in the middle of a turn: its call is the turn's, its result follows.
        yield from results


def estimate(request: ollama.ChatRequest) -> int:
    """Estimate how many tokens a request has: nobody tells, and an app wants to know how full its context is."""
    characters = sum(len(memoryview(tool)) for tool in request.tools or ())
    pictures = 0
    for message in request.messages or ():
        characters += len(message.role) + len(text_of(message)) + len(message.thinking or "")
        characters += sum(len(_encode(call.function)) for call in message.tool_calls or ())
        if isinstance(message.content, list):
            pictures += sum(part.type == "image_url" for part in message.content)
    return max(characters // CHARACTERS_PER_TOKEN, 1) + pictures * PICTURE_TOKENS


_CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")
# For a tool that failed and said nothing: an empty result is taken for success.
_FAILED = "The tool failed."


def _is_result(block: ContentBlock) -> bool:
    """Say whether a block is what a tool gave back: the app's, or one that Anthropic ran (`web_search_tool_result`)."""
    return block.type.endswith("tool_result")


def _system(system: str | list[ContentBlock] | None) -> Iterator[ollama.Message]:
    blocks = [ContentBlock(type="text", text=system)] if isinstance(system, str) else system or ()
    if content := _content(_said(_without_attribution(block) for block in blocks)):
        yield ollama.Message(role="system", content=content)


def _without_attribution(block: ContentBlock) -> ContentBlock:
    if block.text is None or not block.text.startswith(_ATTRIBUTION):
        return block
    return msgspec.structs.replace(block, text=block.text.partition("\n")[2])


def _said(blocks: Iterable[ContentBlock]) -> Iterator[tuple[Iterable[ContentPart], Mark]]:
    """Give what is said and shown in blocks, with their marks; the results of tools have messages of their own."""
    return ((_parts(block), block.cache_control) for block in blocks if not _is_result(block))


def _content(said: Iterable[tuple[Iterable[ContentPart], Mark]]) -> str | list[ContentPart]:
    """
    Give what is said and shown: one text, as long as nothing stands between its pieces and no mark is in them.

    Texts are joined up to each mark. So a turn stays the same prompt when the mark has moved on to a later one, and is
    found in the provider's cache.

    Args:
        said: Pieces, each with the mark that stands at its end.
    """
    joined: list[ContentPart] = []
    texts: list[str] = []
    for part in _marked(said):
        if part.type == "text":
            texts.append(part.text or "")
        if texts and (part.type != "text" or part.cache_control is not None):
            joined.append(ContentPart(type="text", text="".join(texts), cache_control=part.cache_control))
            texts = []
        if part.type != "text":
            joined.append(part)
    if not joined:
        return "".join(texts)
    return [*joined, ContentPart(type="text", text="".join(texts))] if texts else joined


def _marked(said: Iterable[tuple[Iterable[ContentPart], Mark]]) -> list[ContentPart]:
    """
    Set each mark on the last text so far, unless that has one.

    OpenRouter knows marks on texts alone, and providers take none on an empty one; apps also set them on pictures and
    calls.
    """
    parts: list[ContentPart] = []
    last = None
    for piece, mark in said:
        for part in piece:
            parts.append(part)
            last = part if part.text else last
        if last is not None and last.cache_control is None:
            last.cache_control = _mark(mark)
    return parts


def _parts(block: ContentBlock) -> Iterator[ContentPart]:
    match block.type:
        case "text":
            yield ContentPart(type="text", text=block.text)
        case "image":
            yield ContentPart(type="image_url", image_url=_picture(block.source))
        case "document":
            yield ContentPart(type="text", text=_document(block))


def _mark(cache_control: Mark) -> Mark:
    """Keep of a mark for the provider's cache what OpenRouter knows; None where that is nothing."""
    known = {name: value for name, value in (cache_control or {}).items() if name in ("type", "ttl")}
    return {name: value for name, value in known.items() if value is not None} or None


def _picture(source: Source | None) -> msgspec.Raw:
    """Give a picture's base64, or its address, as it lies in the request; its type is told by its bytes."""
    kind = source.type if source else None
    if source and kind in ("base64", "url"):
        written = source.data if kind == "base64" else source.url
        if bytes(memoryview(written)[:1]) == b'"':
            return written
        raise BadRequest(f"invalid image source: {'data' if kind == 'base64' else 'url'} must be a text")
    raise BadRequest(f"invalid image source type: {kind}. Send base64 or an http(s) url.")


def _document(block: ContentBlock) -> str:
    """Give a document's text; Ollama passes documents over, and the answer would be made without them."""
    source = block.source
    if source is None or source.type != "text":
        kind = source.type if source else None
        raise UnsupportedRequest(
            f"a document of source type {kind} cannot be sent on: send its text, or pictures of its pages"
        )
    try:
        text = msgspec.json.decode(source.data, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest("invalid document source: data must be a text") from None
    return f"{block.title}\n{text}" if block.title else text


def _call(block: ContentBlock) -> ollama.ToolCall:
    if not block.id:
        raise BadRequest("tool_use block missing required 'id' field")
    if not block.name:
        raise BadRequest("tool_use block missing required 'name' field")
    return ollama.ToolCall(id=block.id, function=ollama.FunctionCall(name=block.name, arguments=block.input or {}))


def _result(block: ContentBlock, *, sees: bool) -> ollama.Message:
    """Translate what a tool gave back; that it failed its text says, or nothing would."""
    pieces = _pieces(block.content or (_FAILED if block.is_error else None))
    # Agents set their mark at the end of what they have sent so far, which is mostly a result.
    said = ((_result_parts(piece, sees=sees), piece.cache_control) for piece in pieces)
    content = _content([*said, ((), block.cache_control)])
    return ollama.Message(role="tool", content=content, tool_call_id=block.tool_use_id)


def _pieces(content: str | list[ResultBlock] | ResultBlock | None) -> list[ResultBlock]:
    if isinstance(content, str):
        return [ResultBlock(type="text", text=content)]
    if isinstance(content, ResultBlock):
        return [content]
    return content or []


def _result_parts(piece: ResultBlock, *, sees: bool) -> Iterator[ContentPart]:
    """
    Give what a tool gave back; of what cannot be sent on the model is told.

    Nobody chose to show it, and refused it would be in every request of the conversation from now on.
    """
    if piece.type == "image" and not sees:
        yield ContentPart(type="text", text="[a picture, which this model cannot see]")
    elif piece.type == "image":
        yield ContentPart(type="image_url", image_url=_picture(piece.source))
    elif piece.type == "document" and (piece.source is None or piece.source.type != "text"):
        yield ContentPart(type="text", text="[a document, which cannot be passed on: read its text by other means]")
    elif piece.type == "document":
        yield ContentPart(type="text", text=_document(ContentBlock(type="document", source=piece.source)))
    elif piece.text:
        yield ContentPart(type="text", text=piece.text)
    elif piece.url:
        yield ContentPart(type="text", text=f"- {piece.title or ''}: {piece.url}\n")
    elif piece.tool_name:
        yield ContentPart(type="text", text=f"- {piece.tool_name}: this tool can be called now\n")
    elif piece.error_code:
        yield ContentPart(type="text", text=f"{piece.type}: {piece.error_code}")


def _options(request: MessagesRequest) -> dict[str, Any]:
    given = {
        "num_predict": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop": request.stop_sequences or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _think(request: MessagesRequest) -> bool | str | None:
    effort = EFFORTS.get((request.output_config.effort or "").strip().lower()) if request.output_config else None
    match request.thinking.type if request.thinking else None:
        case "enabled":
            return True
        case "disabled":
            return False
        case "adaptive":
            # The model decides how much; without this, Claude would not think at all.
            return effort or True
        case _:
            return effort


def _budget(request: MessagesRequest) -> int | None:
    return request.thinking.budget_tokens if request.thinking and request.thinking.type == "enabled" else None


def _more(request: MessagesRequest, *, has_tools: bool) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if (mark := _mark(request.cache_control)) is not None:
        more["cache_control"] = mark
    wanted = (request.output_config.format if request.output_config else None) or request.output_format or {}
    if wanted.get("type") == "json_schema":
        more["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "response", "schema": wanted.get("schema") or {}},
        }
    choice = request.tool_choice
    if choice is not None and has_tools:
        if choice.disable_parallel_tool_use:
            more["parallel_tool_calls"] = False
        more["tool_choice"] = _choice(choice)
    return more


def _choice(choice: anthropic.ToolChoice) -> object:
    if choice.type == "tool":
        return {"type": "function", "function": {"name": choice.name or ""}}
    if choice.type not in TOOL_CHOICES:
        raise BadRequest(f'invalid tool_choice type: "{choice.type}" (must be "auto", "any", "tool" or "none")')
    return TOOL_CHOICES[choice.type]


def _tools(tools: list[anthropic.Tool], choice: anthropic.ToolChoice | None) -> list[msgspec.Raw] | None:
    """
    Translate the app's own tools, and leave out those that Anthropic runs, or that only its models know.

    Raises:
        UnsupportedRequest: there is no other, or one of these is what the app wants called.
    """
    offered = [tool for tool in tools if tool.type in (None, "custom")]
    left_out = [tool.name for tool in tools if tool.type not in (None, "custom")]
    wanted = choice.name if choice and choice.type == "tool" else None
    if left_out and (not offered or wanted in left_out):
        raise UnsupportedRequest(
            f"the tool {wanted or left_out[0]} runs at Anthropic, or is known to its models alone: offer tools of "
            "your own, with an input_schema"
        )
    return [_tool(tool) for tool in offered] or None


def _tool(tool: anthropic.Tool) -> msgspec.Raw:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if bytes(memoryview(tool.input_schema)) != b"null":
        function["parameters"] = tool.input_schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    written: dict[str, Any] = {"type": "function", "function": function}
    if (mark := _mark(tool.cache_control)) is not None:
        written["cache_control"] = mark
    return msgspec.Raw(_encode(written))
