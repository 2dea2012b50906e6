"""
The content of a message, which is text, or a list of parts as OpenAI's clients write it.

Ollama's own server takes text alone; such a list would be refused there.

Source: Ollama's `api/types.go` (Message) and `openai/openai.go` (FromChatRequest); OpenRouter's OpenAPI file,
`ChatContentItems`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from tray_proxy.errors import BadRequest
from tray_proxy.wire.ollama import ContentPart, Message

DETAILS = ("auto", "low", "high", "original")
_WEB = (b'"http:', b'"https:')


@dataclass(frozen=True)
class Text:
    """What is said; `cache_control` marks the end of what the provider is to keep for the next request."""

    text: str
    cache_control: dict[str, Any] | None = None


@dataclass(frozen=True)
class Picture:
    """A picture: a JSON string of base64, or of a `data:` URI. Or sound, in Ollama's `images`."""

    data: msgspec.Raw
    detail: str | None = None


@dataclass(frozen=True)
class Link:
    """The address of a picture, which OpenRouter fetches."""

    url: str
    detail: str | None = None


@dataclass(frozen=True)
class Sound:
    """Sound: a JSON string of base64, and the name of its format."""

    data: msgspec.Raw
    format: str


type Piece = Text | Picture | Link | Sound


class _ImageUrl(Struct):
    url: msgspec.Raw
    detail: str | None = None


class _InputAudio(Struct):
    data: msgspec.Raw
    format: str


def text_of(message: Message) -> str:
    """Give a message's text, and nothing of its other parts."""
    if isinstance(message.content, list):
        return "\n".join(part.text or "" for part in message.content if part.type == "text")
    return message.content or ""


def is_plain(message: Message) -> bool:
    """
    Say whether a message is nothing but its text, without a mark in it that must not be lost.

    One on an empty text is none: such a text is not sent, and a content without any part would be refused.
    """
    if message.images:
        return False
    return not isinstance(message.content, list) or all(
        part.type == "text" and (part.cache_control is None or not part.text) for part in message.content
    )


def pieces_of(message: Message) -> list[Piece]:
    """
    Give what a message holds, in its order; what is in `images` stands behind the rest.

    Raises:
        BadRequest: a part is of another type, or has no address.
    """
    if isinstance(message.content, list):
        said = list(_pieces(message.content))
    else:
        said = [Text(message.content)] if message.content else []
    return said + [Picture(image) for image in message.images or ()]


def has_address(part: ContentPart) -> bool:
    """
    Say whether a picture's part names it by a `data:` URI or a web address, as OpenAI's clients do.

    Raises:
        BadRequest: it has no url.
    """
    start = bytes(memoryview(_url_of(part)[0])[:8]).lower()
    return start.startswith((b'"data:', *_WEB))


def labelled(message: Message, label: str) -> Message:
    """Put a line before what a message says."""
    if isinstance(message.content, list):
        return msgspec.structs.replace(message, content=[ContentPart(type="text", text=label), *message.content])
    return msgspec.structs.replace(message, content=f"{label}\n{message.content or ''}")


def _pieces(parts: list[ContentPart]) -> Iterator[Piece]:
    for part in parts:
        match part.type:
            case "text":
                # Providers refuse an empty text beside others.
                if part.text:
                    yield Text(part.text, part.cache_control)
            case "image_url":
                yield _picture(part)
            case "input_audio":
                yield _sound(part)
            case kind:
                raise BadRequest(
                    f'invalid message format: a content part of type "{kind}" cannot be sent (send "text", "image_url" '
                    'or "input_audio")'
                )


def _picture(part: ContentPart) -> Picture | Link:
    url, detail = _url_of(part)
    start = bytes(memoryview(url)[:8]).lower()
    if start.startswith(_WEB):
        return Link(_decoded(url), detail)
    return Picture(url, detail)


def _url_of(part: ContentPart) -> tuple[msgspec.Raw, str | None]:
    if bytes(memoryview(part.image_url)[:1]) == b'"':
        return part.image_url, part.detail if part.detail in DETAILS else None
    try:
        image = msgspec.json.decode(part.image_url, type=_ImageUrl)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("invalid message format: image_url must hold a url") from None
    return image.url, image.detail if image.detail in DETAILS else None


def _sound(part: ContentPart) -> Sound:
    try:
        sound = msgspec.json.decode(part.input_audio, type=_InputAudio)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("invalid message format: input_audio must hold data and format") from None
    return Sound(sound.data, sound.format)


def _decoded(url: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(url, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest("invalid message format: the url is no text") from None
