"""Pictures, sound, video and files in the forms that are documented for them."""

import base64

import pytest

from tray_proxy.demo import shapes
from tray_proxy.demo.media import check_part
from tray_proxy.demo.refusals import RefusedError


def uri(mime: str, data: bytes) -> str:
    """Write a data URI."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def image(url: str) -> shapes.ImagePart:
    """Write a picture part."""
    return shapes.ImagePart(shapes.ImageUrl(url))


def audio(data: str, form: str) -> shapes.AudioPart:
    """Write a sound part."""
    return shapes.AudioPart(shapes.InputAudio(data, form))


PNG = b"\x89PNG\r\n\x1a\n"

GOOD = [
    image(uri("image/png", PNG)),
    image(uri("image/jpeg", b"\xff\xd8\xff\xe0")),
    image(uri("image/gif", b"GIF89a")),
    image(uri("image/webp", b"RIFF\n\0\0\0WEBPVP8 ")),
    image("https://example.com/cat"),
    audio("UklGRg==", "wav"),
    shapes.VideoPart(shapes.VideoUrl("https://example.com/a.mp4")),
    shapes.LegacyVideoPart(shapes.VideoUrl(uri("video/mp4", b"x"))),
    shapes.FilePart(shapes.FileBody(file_data=uri("application/pdf", b"%PDF"))),
    shapes.FilePart(shapes.FileBody(file_id="file_1")),
    shapes.TextPart("hello"),
]

BAD = [
    (image(base64.b64encode(PNG).decode()), "Invalid image URL", "invalid_image"),
    (image("file:///cat.png"), "Invalid image URL", "invalid_image"),
    (image("data:image/png,abc"), "Invalid image URL", "invalid_image"),
    (image("data:image/png;base64,iVBOR=w0KGgo"), "Invalid base64 in image", "invalid_request"),
    (image("data:image/png;base64,iVBORw0KGgo=\n"), "Invalid base64 in image", "invalid_request"),
    (image(uri("image/jpeg", PNG)), "The image is not image/jpeg", "invalid_image"),
    (image(uri("image/bmp", b"BM")), "Unsupported image format: image/bmp", "unsupported_image_format"),
    (audio(uri("audio/wav", b"RIFF"), "wav"), "Invalid base64 in audio", "invalid_request"),
    (audio("", "wav"), "The audio is empty", "invalid_request"),
    (audio("UklGRg==", "midi"), "Unsupported audio format: midi", "invalid_request"),
    (shapes.VideoPart(shapes.VideoUrl("AAAA")), "Invalid video URL", "invalid_request"),
    (shapes.FilePart(shapes.FileBody(filename="a.pdf")), "A file needs file_data or", "invalid_request"),
]


@pytest.mark.parametrize("part", GOOD)
def test_documented_forms_pass(part) -> None:
    """Web addresses, data URIs, raw base64 for sound only."""
    check_part(part)


@pytest.mark.parametrize(("part", "message", "error_type"), BAD)
def test_other_forms_are_refused(part, message, error_type) -> None:
    """Down to the first bytes of a picture."""
    with pytest.raises(RefusedError) as caught:
        check_part(part)

    assert caught.value.message.startswith(message)
    assert caught.value.error_type == error_type
