"""
The content of a message, which is text, or a list of parts as OpenAI's clients write it.

Ollama's own server takes text alone; such a list would be refused there.

Source: Ollama's `api/types.go` (Message) and `openai/openai.go` (FromChatRequest).
"""

from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from tray_proxy.errors import BadRequest
from tray_proxy.wire.ollama import ContentPart, Message


@dataclass(frozen=True)
class Content:
    """
    What a message says and shows.

    Args:
        pictures: JSON strings of base64, or of `data:` URIs.
        links: Addresses of pictures, which OpenRouter fetches.
    """

    text: str
    pictures: list[msgspec.Raw] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


class _ImageUrl(Struct):
    url: msgspec.Raw


def text_of(message: Message) -> str:
    """Give a message's text, and nothing of its other parts."""
    if isinstance(message.content, list):
        return "\n".join(part.text or "" for part in message.content if part.type == "text")
    return message.content or ""


def content_of(message: Message) -> Content:
    """
    Tell text and pictures apart, in whichever form they came.

    Raises:
        BadRequest: a part is of another type, or has no address.
    """
    content = Content(text_of(message), list(message.images or ()))
    for part in message.content if isinstance(message.content, list) else ():
        if part.type == "image_url":
            _add_picture(part, content)
        elif part.type != "text":
            raise BadRequest(f'invalid content part: "{part.type}" (must be "text" or "image_url")')
    return content


def labelled(message: Message, label: str) -> Message:
    """Put a line before what a message says."""
    if isinstance(message.content, list):
        return msgspec.structs.replace(message, content=[ContentPart(type="text", text=label), *message.content])
    return msgspec.structs.replace(message, content=f"{label}\n{message.content or ''}")


def _add_picture(part: ContentPart, content: Content) -> None:
    url = _url_of(part)
    start = bytes(memoryview(url)[:8]).lower()
    if start.startswith((b'"http:', b'"https:')):
        content.links.append(_decoded(url))
    else:
        content.pictures.append(url)


def _url_of(part: ContentPart) -> msgspec.Raw:
    if bytes(memoryview(part.image_url)[:1]) == b'"':
        return part.image_url
    try:
        return msgspec.json.decode(part.image_url, type=_ImageUrl).url
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("invalid content part: image_url must hold a url") from None


def _decoded(url: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(url, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest("invalid content part: the url is no text") from None
