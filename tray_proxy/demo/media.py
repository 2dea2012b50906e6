"""
Whether pictures, sound, video and files come in the documented forms, down to the bytes.

Source: OpenRouter docs, "Images", "Audio", "PDF Inputs"; OpenAPI file, `ChatContentItems`.
"""

import base64
import binascii
import re

from tray_proxy.demo import shapes
from tray_proxy.demo.refusals import RefusedError

IMAGE_MAGIC: dict[str, re.Pattern[bytes]] = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
AUDIO_FORMATS = frozenset(["wav", "mp3", "aiff", "aac", "ogg", "flac", "m4a", "pcm16", "pcm24"])
DATA_URI = re.compile(r"data:(?P<mime>[a-z]+/[a-z0-9.+-]+);base64,(?P<data>.+)", re.DOTALL)
INVALID_TYPES = {"image": "invalid_image"}  # the vocabulary has a word for pictures only


def check_part(part: shapes.Part) -> None:
    """Refuse a content part whose payload is not what its type promises."""
    match part:
        case shapes.ImagePart():
            _check_image(part.image_url.url)
        case shapes.AudioPart():
            _check_audio(part.input_audio)
        case shapes.VideoPart() | shapes.LegacyVideoPart():
            _check_uri(part.video_url.url, "video")
        case shapes.FilePart():
            _check_file(part.file)
        case shapes.TextPart():
            pass


def _check_uri(url: str, kind: str) -> tuple[str, bytes] | None:
    """Give the mime type and bytes of a data URI, None for a web address."""
    if url.startswith(("https://", "http://")):
        return None
    found = DATA_URI.fullmatch(url)
    if found is None:
        raise RefusedError(
            f"Invalid {kind} URL: expected http(s) or data:<mime>;base64,",
            error_type=INVALID_TYPES.get(kind, "invalid_request"),
        )
    return found["mime"], _decoded(found["data"], kind)


def _decoded(data: str, kind: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise RefusedError(f"Invalid base64 in {kind}") from exc


def _check_image(url: str) -> None:
    content = _check_uri(url, "image")
    if content is None:
        return
    mime, data = content
    if mime not in IMAGE_MAGIC:
        raise RefusedError(f"Unsupported image format: {mime}", error_type="unsupported_image_format")
    if not IMAGE_MAGIC[mime].match(data):
        raise RefusedError(f"The image is not {mime}", error_type="invalid_image")


def _check_audio(audio: shapes.InputAudio) -> None:
    if audio.format not in AUDIO_FORMATS:
        raise RefusedError(f"Unsupported audio format: {audio.format}")
    if not _decoded(audio.data, "audio"):
        raise RefusedError("The audio is empty")


def _check_file(file: shapes.FileBody) -> None:
    if isinstance(file.file_data, str):
        _check_uri(file.file_data, "file")
    elif not isinstance(file.file_id, str):
        raise RefusedError("A file needs file_data or file_id")
