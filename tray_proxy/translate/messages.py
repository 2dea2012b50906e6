"""
Conversations, from Ollama's form to OpenRouter's: messages, pictures, sound, tool calls and their results.

Ollama's clients mostly leave out the ids that tie a tool's result to its call; OpenRouter insists on them.
Missing ids are made up in a way that gives the same id for the same history every time, and results are
paired with calls by id, then by name, then by order.
"""

import binascii
import hashlib
import itertools
import re
from collections import defaultdict, deque
from collections.abc import Callable

import msgspec
from msgspec import UNSET

from tray_proxy.errors import BadRequest, UnsupportedRequest
from tray_proxy.translate.model_info import hears, sees
from tray_proxy.translate.parts import Link, Picture, Piece, Sound, Text, is_plain, labelled, pieces_of, text_of
from tray_proxy.translate.reasoning_details import BEGINNING, Place, Recall, place_after, recall_nothing, turn_keys
from tray_proxy.wire import ollama
from tray_proxy.wire.openrouter import (
    AudioPart,
    FunctionCall,
    ImagePart,
    ImageUrl,
    InputAudio,
    Message,
    ModelEntry,
    Part,
    Spliced,
    TextPart,
    ToolCall,
)

# HEIC and AVIF pictures come in the same box as M4A sound.
_PICTURES_IN_MP4 = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")
PICTURE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
# What is known, and yet not taken: by the first 16 bytes.
_NOT_TAKEN = {
    "BMP": re.compile(rb"BM.{4}\0{4}", re.DOTALL),
    "TIFF": re.compile(rb"II\*\0|MM\0\*"),
    "AVIF": re.compile(rb".{4}ftypavi[fs]", re.DOTALL),
    "HEIC": re.compile(rb".{4}ftyp(?:%b)" % b"|".join(_PICTURES_IN_MP4), re.DOTALL),
    "PDF": re.compile(rb"%PDF"),
    "text such as SVG or HTML": re.compile(rb"(?:\xef\xbb\xbf)?\s*<[?!A-Za-z]"),
    "icons (ICO)": re.compile(rb"\x00\x00\x01\x00"),
    "ZIP archives": re.compile(rb"PK\x03\x04"),
}
# The type of bytes of which nobody has said anything.
_UNKNOWN_TYPE = "application/octet-stream"

ROLES = ("system", "developer", "user", "assistant", "tool")

_DATA_URI = re.compile(rb"data:([^,]*),")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# All that is not in the alphabet becomes a NUL. Looked through in pieces that the processor has at hand, this takes
# half as long as a regular expression does.
_ONLY_ALPHABET = bytes(each if each in _ALPHABET else 0 for each in range(256))
_PIECE_BYTES = 32 * 1024
_ILLEGAL = "illegal base64 data in images"


def to_messages(
    messages: list[ollama.Message], model: ModelEntry, asked: str, recall: Recall = recall_nothing
) -> list[Message]:
    """
    Translate a conversation.

    Args:
        model: Decides whether pictures and sound can be taken.
        asked: The model's name as the app wrote it, for error texts.
        recall: Gives what the model thought in a turn that comes back.

    Raises:
        BadRequest: an unknown role, a part of no known type, or a picture that is not base64.
        UnsupportedRequest: a picture or sound for a model that cannot take it.
    """
    roles = [_checked_role(message) for message in messages]
    result: list[Message] = []
    place, placed = BEGINNING, 0
    position = 0
    while position < len(messages):
        message, role = messages[position], roles[position]
        position += 1
        match role:
            case "assistant":
                # Not before: most conversations begin with a question, whose digest nobody asks for.
                place, placed = place_after(result[placed:], place), len(result)
                turn = _assistant_turn(message, position)
                turn = _with_thoughts(turn, message, recall(_keys(message, model, place)))
                between = _until_next_speaker(messages, position)
                position += len(between)
                result += [turn, *_tool_results(turn, between, model, asked)]
            case "tool":
                result.append(_told_by_user(message, model, asked))
            case _:
                result.append(Message(role=role, content=_content(message, model, asked), name=message.name or UNSET))
    return result


def _checked_role(message: ollama.Message) -> str:
    role = message.role.lower()
    if role not in ROLES:
        raise BadRequest(f"invalid role: {message.role!r}; expected one of {', '.join(ROLES)}")
    # An assistant may have heard or seen nothing, nor does a system prompt show anything.
    if role in ("user", "tool") or is_plain(message):
        return role
    if not all(isinstance(piece, Text) for piece in pieces_of(message)):
        raise UnsupportedRequest(f"images are not supported in {role} messages")
    return role


def _until_next_speaker(messages: list[ollama.Message], position: int) -> list[ollama.Message]:
    # Not a slice: one for each turn would copy a long conversation as many times as it has turns.
    following = (messages[at] for at in range(position, len(messages)))
    return list(itertools.takewhile(lambda message: message.role.lower() not in ("user", "assistant"), following))


def _assistant_turn(message: ollama.Message, position: int) -> Message:
    tool_calls: dict[str, ToolCall] = {}
    for index, call in enumerate(message.tool_calls or ()):
        name, arguments = call.function.name, msgspec.json.encode(call.function.arguments or {}).decode()
        call_id = call.id or ""
        if not call_id or call_id in tool_calls:
            call_id = _made_up_id(position, index, name, arguments)
        tool_calls[call_id] = ToolCall(id=call_id, function=FunctionCall(name=name, arguments=arguments))
    return Message(
        role="assistant",
        content=_spoken(message) or (None if tool_calls else ""),
        tool_calls=list(tool_calls.values()) or UNSET,
        name=message.name or UNSET,
    )


def _keys(message: ollama.Message, model: ModelEntry, place: Place) -> tuple[bytes, ...]:
    calls = [(call.id or None, call.function.name, call.function.arguments or {}) for call in message.tool_calls or ()]
    return turn_keys(model.id, place, text_of(message), calls)


def _with_thoughts(turn: Message, message: ollama.Message, details: bytes | None) -> Message:
    """Put back what the model thought: all of it where that is known, else the text that the app kept."""
    if details is not None:
        return msgspec.structs.replace(turn, reasoning_details=msgspec.Raw(details))
    return msgspec.structs.replace(turn, reasoning=message.thinking) if message.thinking else turn


def _tool_results(turn: Message, between: list[ollama.Message], model: ModelEntry, asked: str) -> list[Message]:
    """
    Answer every call of a turn, and put what stands between the results behind them.

    A call that was never answered (in an app that was stopped half-way, say) gets an empty result: Ollama does
    not mind, but OpenRouter's providers refuse the whole conversation for it.
    """
    calls = {call.id: call.function.name for call in turn.tool_calls or ()}
    results = [message for message in between if message.role.lower() == "tool"]
    answered = _pair(calls, results)
    heard = set(answered.values())
    told = [
        Message(role="tool", tool_call_id=call_id, content=_content(results[index], model, asked))
        for index, call_id in answered.items()
    ]
    told += [Message(role="tool", tool_call_id=call_id, content="") for call_id in calls if call_id not in heard]
    told += [_told_by_user(message, model, asked) for index, message in enumerate(results) if index not in answered]
    return told + [
        Message(role=message.role.lower(), content=_content(message, model, asked), name=message.name or UNSET)
        for message in between
        if message.role.lower() != "tool"
    ]


def _pair(calls: dict[str, str], results: list[ollama.Message]) -> dict[int, str]:
    """
    Find the call that each result answers: by id first, then by name, then by order.

    Returns:
        Indexes into `results`, in their order, and the calls' ids; results beyond the calls are left out.
    """
    marks: tuple[tuple[Callable[[str], str], Callable[[ollama.Message], str | None]], ...] = (
        (lambda call_id: call_id, lambda message: message.tool_call_id),
        (lambda call_id: calls[call_id], lambda message: message.tool_name),
        (lambda _call_id: "", lambda _message: ""),
    )
    left, found = list(calls), dict[int, str]()
    for of_call, of_result in marks:
        waiting: dict[str | None, deque[str]] = defaultdict(deque)
        for call_id in left:
            waiting[of_call(call_id)].append(call_id)
        for index, message in enumerate(results):
            if index not in found and (candidates := waiting.get(of_result(message))):
                found[index] = candidates.popleft()
        answered = set(found.values())
        left = [call_id for call_id in left if call_id not in answered]
    return dict(sorted(found.items()))


def _told_by_user(message: ollama.Message, model: ModelEntry, asked: str) -> Message:
    """
    Keep a result without a call: the app cut its history after the call.

    The result is worth keeping, but only a user may speak unasked.
    """
    label = f"Result of the tool {message.tool_name}:" if message.tool_name else "Result of a tool:"
    return Message(role="user", content=_content(labelled(message, label), model, asked))


def _made_up_id(position: int, index: int, name: str, arguments: str) -> str:
    digest = hashlib.sha256(f"{position} {index} {name} {arguments}".encode())
    return f"call_{digest.hexdigest()[:8]}"


def _content(message: ollama.Message, model: ModelEntry, asked: str) -> str | list[Part]:
    content = message.content
    if isinstance(content, str) and not message.images:
        # As below: nearly all are such, and a conversation has hundreds.
        return content
    if is_plain(message):
        return text_of(message)
    return [_part(piece, model, asked) for piece in pieces_of(message)]


def _spoken(message: ollama.Message) -> str | list[Part]:
    """Give what an assistant said; that it showed nothing was checked before."""
    if is_plain(message):
        return text_of(message)
    return [_text_part(piece) for piece in pieces_of(message) if isinstance(piece, Text)]


def _part(piece: Piece, model: ModelEntry, asked: str) -> Part:
    match piece:
        case Text():
            return _text_part(piece)
        case Picture(data, detail):
            return _attachment(data, detail, model, asked)
        case Link(url, detail):
            _check_sight(model, asked)
            return ImagePart(image_url=ImageUrl(url=url, detail=detail or UNSET))
        case Sound(data, form):
            _check_hearing(model, asked)
            return AudioPart(input_audio=InputAudio(data=Spliced("", _base64(data)), format=form.lower()))


def _text_part(piece: Text) -> TextPart:
    return TextPart(text=piece.text, cache_control=UNSET if piece.cache_control is None else piece.cache_control)


def _check_hearing(model: ModelEntry, asked: str) -> None:
    if not hears(model):
        raise UnsupportedRequest(f'"{asked}" does not support audio input')


def _check_sight(model: ModelEntry, asked: str) -> None:
    if not sees(model):
        raise UnsupportedRequest(
            f'"{asked}" does not support images: this model is missing data required for image input'
        )


def _attachment(image: msgspec.Raw, detail: str | None, model: ModelEntry, asked: str) -> Part:
    encoded = _base64(image)
    start = binascii.a2b_base64(encoded[:24])[:16]
    if sound := sound_format(start):
        _check_hearing(model, asked)
        return AudioPart(input_audio=InputAudio(data=Spliced("", encoded), format=sound))
    _check_sight(model, asked)
    kind = picture_type(start) or _declared_type(image, start)
    return ImagePart(image_url=ImageUrl(url=Spliced(f"data:{kind};base64,", encoded), detail=detail or UNSET))


def _declared_type(image: msgspec.Raw, start: bytes) -> str:
    """
    Give the media type of a picture that its bytes do not tell: what it says of itself, if it does.

    Raises:
        BadRequest: it is of a kind that OpenRouter does not take, or says so itself.
    """
    words = "invalid image: only PNG, JPEG, GIF and WebP pictures can be sent"
    for name, pattern in _NOT_TAKEN.items():
        if pattern.match(start):
            raise BadRequest(f"{words}, not {name}")
    if not start:
        raise BadRequest("invalid image: it is empty")
    prefix = _DATA_URI.match(memoryview(image)[1:-1])
    if prefix is None:
        return _UNKNOWN_TYPE
    declared = prefix[1].decode("latin-1").replace("\\", "").partition(";")[0].lower()
    if declared not in PICTURE_TYPES:
        raise BadRequest(words)
    return declared


def _base64(image: msgspec.Raw) -> memoryview:
    """
    Find a picture's base64 in its JSON, and leave it there: pictures are large.

    Returns:
        Standard base64 with its padding, and nothing else.
    """
    written = memoryview(image)
    if bytes(written[:1]) != b'"':
        raise BadRequest("json: cannot unmarshal: each of the images must be a string of base64")
    encoded = _behind_data_uri(written[1:-1])
    if not _is_base64(encoded):
        # JSON may write `/` and `+` as escapes, and .NET does. `base64` breaks its lines, and Ollama does not mind.
        # Only such a picture is written anew.
        try:
            text = msgspec.json.decode(image, type=str)
        except UnicodeDecodeError:
            raise BadRequest(_ILLEGAL) from None
        encoded = _behind_data_uri(memoryview(text.replace("\n", "").replace("\r", "").encode()))
        if not _is_base64(encoded):
            raise BadRequest(_ILLEGAL)
    return encoded


def _behind_data_uri(encoded: memoryview) -> memoryview:
    prefix = _DATA_URI.match(encoded)
    return encoded[prefix.end() :] if prefix else encoded


def _is_base64(encoded: memoryview) -> bool:
    if len(encoded) % 4:
        return False
    last = bytes(encoded[-2:])
    end = len(encoded) - len(last) + len(last.rstrip(b"="))
    return all(
        0 not in bytes(encoded[at : min(at + _PIECE_BYTES, end)]).translate(_ONLY_ALPHABET)
        for at in range(0, end, _PIECE_BYTES)
    )


def picture_type(start: bytes) -> str | None:
    """Tell a picture's media type by its first 16 bytes; None when it is none that OpenRouter takes."""
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if start.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "image/webp"
    return None


def sound_format(start: bytes) -> str | None:
    """Tell OpenRouter's name of a sound's format by its first 16 bytes; None when it is no sound."""
    if start.startswith(b"RIFF") and start[8:12] == b"WAVE":
        return "wav"
    if start.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")):
        return "mp3"
    if start.startswith(b"fLaC"):
        return "flac"
    if start.startswith(b"OggS"):
        return "ogg"
    return "m4a" if start[4:8] == b"ftyp" and start[8:12] not in _PICTURES_IN_MP4 else None
