"""What goes out, in pieces: pictures as views, everything else as JSON of its own."""

import json

import msgspec
import pytest

from tray_proxy.errors import BadRequest
from tray_proxy.translate.splice import encode
from tray_proxy.wire.openrouter import (
    AudioPart,
    CompletionRequest,
    ImagePart,
    ImageUrl,
    InputAudio,
    Message,
    Spliced,
    TextPart,
)


def request(*parts, **more):
    return CompletionRequest(model="vendor/model", messages=[Message(role="user", content=list(parts))], **more)


def picture(tail):
    return ImagePart(image_url=ImageUrl(url=Spliced("data:image/png;base64,", memoryview(tail))))


def test_a_request_without_pictures_is_one_piece():
    plain = request(TextPart(text="Hi"))

    assert encode(plain) == [msgspec.json.encode(plain)]


def test_pictures_and_sound_stand_in_their_places():
    sound = AudioPart(input_audio=InputAudio(data=Spliced("", memoryview(b"c291bmQ=")), format="wav"))

    pieces = encode(request(picture(b"Zmlyc3Q="), TextPart(text="and"), sound))

    assert json.loads(b"".join(pieces))["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,Zmlyc3Q="}},
        {"type": "text", "text": "and"},
        {"type": "input_audio", "input_audio": {"data": "c291bmQ=", "format": "wav"}},
    ]


def test_a_picture_is_the_very_memory_it_came_in():
    tail = memoryview(b"cGljdHVyZQ==")

    assert encode(request(picture(b"Zmlyc3Q="), ImagePart(image_url=ImageUrl(url=Spliced("", tail)))))[3] is tail


def test_a_nul_of_the_client_is_no_place_for_a_picture():
    """In a text it is an escape; in what stays raw it is no JSON, and refused when it comes in."""
    tools = msgspec.json.decode(b'[{"name": "\\u0000"}]', type=list[msgspec.Raw])
    schema = {"\0": "\0"}

    sent = json.loads(
        b"".join(encode(request(TextPart(text="\0"), picture(b"cA=="), tools=tools, response_format=schema)))
    )

    assert sent["messages"][0]["content"][0]["text"] == "\0"
    assert sent["messages"][0]["content"][1]["image_url"]["url"] == "data:image/png;base64,cA=="
    assert sent["tools"] == [{"name": "\0"}]
    assert sent["response_format"] == schema


@pytest.mark.parametrize("tool", [b'{"name": "\0"}', b'{"name":\0"x"}', b'{"\0": 1}', b"\0", b'{"a": [1,\0 2]}'])
def test_a_nul_that_is_no_escape_never_comes_in(tool):
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(b"[%s]" % tool, type=list[msgspec.Raw])


def test_what_is_nested_too_deeply_to_be_sent_is_refused():
    """It could just be read, and gains a few levels on its way."""
    schema = {}
    for _ in range(100_000):
        schema = {"items": schema}

    with pytest.raises(BadRequest, match=r"^invalid JSON: it is nested too deeply$"):
        encode(request(response_format=schema))


def test_what_cannot_be_sent_is_our_own_mistake():
    with pytest.raises(TypeError, match=r"^object cannot be sent$"):
        encode(request(response_format={"schema": object()}))
