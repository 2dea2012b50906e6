"""
Conversations, from Ollama's form to OpenRouter's: messages, pictures, sound, tool calls and their results.

Ollama's clients mostly leave out the ids that tie a tool's result to its call; OpenRouter insists on them.
Missing ids are made up in a way that gives the same id for the same history every time, and results are
paired with calls by id, then by name, then by order.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET, UnsetType

from tray_proxy.errors import BadRequest, UnsupportedRequest
from tray_proxy.translate.model_info import hears, sees
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
    TextPart,
    ToolCall,
)

# HEIC and AVIF pictures come in the same box as M4A sound.
_PICTURES_IN_MP4 = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")

ROLES = ("system", "developer", "user", "assistant", "tool")


@dataclass
class _OpenCalls:
    """The calls of the last assistant turn that have no result yet: id to name, in order."""

    names: dict[str, str] = field(default_factory=dict)

    def answer(self, message: ollama.Message) -> str | None:
        """Take out the call that a tool message answers; None when there is no call left."""
        call_id = message.tool_call_id
        if call_id not in self.names:
            fitting = (key for key, name in self.names.items() if message.tool_name == name)
            call_id = next(fitting, None) or next(iter(self.names), None)
        if call_id is not None:
            del self.names[call_id]
        return call_id

    def close(self) -> list[Message]:
        """
        Give every call that was never answered an empty result.

        Ollama does not mind an unanswered call (an app that was stopped half-way, say); OpenRouter's
        providers refuse the whole conversation for it.
        """
        results = [Message(role="tool", tool_call_id=call_id, content="") for call_id in self.names]
        self.names.clear()
        return results


def to_messages(messages: list[ollama.Message], model: ModelEntry, asked: str) -> list[Message]:
    """
    Translate a conversation.

    Args:
        model: Decides whether pictures and sound can be taken.
        asked: The model's name as the app wrote it, for error texts.

    Raises:
        BadRequest: an unknown role, or a picture that is not base64.
        UnsupportedRequest: a picture or sound for a model that cannot take it.
    """
    result: list[Message] = []
    calls = _OpenCalls()
    for position, message in enumerate(messages):
        role = message.role.lower()
        if role not in ROLES:
            raise BadRequest(f"invalid role: {message.role!r}; expected one of {', '.join(ROLES)}")
        if message.images and role not in ("user", "tool"):
            raise UnsupportedRequest(f"images are not supported in {role} messages")
        if role != "tool":
            result += calls.close()
        if role == "tool":
            result.append(_tool_result(message, calls, model, asked))
        elif role == "assistant":
            result.append(_assistant_turn(message, position, calls))
        else:
            result.append(Message(role=role, content=_content(message, model, asked)))
    return result + calls.close()


def _tool_result(message: ollama.Message, calls: _OpenCalls, model: ModelEntry, asked: str) -> Message:
    call_id = calls.answer(message)
    if call_id is None:
        # The app cut its history after the call. The result is worth keeping, but only a user may speak unasked.
        label = f"Result of the tool {message.tool_name}:" if message.tool_name else "Result of a tool:"
        told = msgspec.structs.replace(message, content=f"{label}\n{message.content or ''}")
        return Message(role="user", content=_content(told, model, asked))
    return Message(role="tool", tool_call_id=call_id, content=_content(message, model, asked))


def _assistant_turn(message: ollama.Message, position: int, calls: _OpenCalls) -> Message:
    tool_calls: list[ToolCall] | UnsetType = UNSET
    if message.tool_calls:
        tool_calls = []
        for index, call in enumerate(message.tool_calls):
            arguments = msgspec.json.encode(call.function.arguments or {}).decode()
            call_id = call.id or _made_up_id(position, index, call.function.name, arguments)
            calls.names[call_id] = call.function.name
            tool_calls.append(ToolCall(id=call_id, function=FunctionCall(name=call.function.name, arguments=arguments)))
    content = message.content or (None if tool_calls else "")
    return Message(role="assistant", content=content, tool_calls=tool_calls, reasoning=message.thinking or UNSET)


def _made_up_id(position: int, index: int, name: str, arguments: str) -> str:
    digest = hashlib.sha256(f"{position} {index} {name} {arguments}".encode())
    return f"call_{digest.hexdigest()[:8]}"


def _content(message: ollama.Message, model: ModelEntry, asked: str) -> str | list[Part]:
    text = message.content or ""
    if not message.images:
        return text
    parts: list[Part] = [TextPart(text=text)] if text else []
    return parts + [_attachment(image, model, asked) for image in message.images]


def _attachment(encoded: str, model: ModelEntry, asked: str) -> Part:
    if encoded.startswith("data:"):
        encoded = encoded.partition(",")[2]
    # `base64` breaks its lines, and Ollama does not mind; a data URI may hold no line ends.
    encoded = encoded.replace("\n", "").replace("\r", "")
    try:
        start = base64.b64decode(encoded, validate=True)[:16]
    except (binascii.Error, ValueError):
        raise BadRequest("illegal base64 data in images") from None
    if sound := sound_format(start):
        if not hears(model):
            raise UnsupportedRequest(f'"{asked}" does not support audio input')
        return AudioPart(input_audio=InputAudio(data=encoded, format=sound))
    if not sees(model):
        raise UnsupportedRequest(
            f'"{asked}" does not support images: this model is missing data required for image input'
        )
    kind = picture_type(start)
    if kind is None:
        raise BadRequest("invalid image: only PNG, JPEG, GIF and WebP pictures can be sent")
    return ImagePart(image_url=ImageUrl(url=f"data:{kind};base64,{encoded}"))


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
