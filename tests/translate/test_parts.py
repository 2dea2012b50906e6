"""Contents that are lists, as OpenAI's clients write them."""

import json
import tracemalloc
from typing import Any

import msgspec
import pytest

from tray_proxy.errors import BadRequest, ProxyError, UnsupportedRequest
from tray_proxy.translate.messages import to_messages
from tray_proxy.translate.parts import content_of, labelled, text_of
from tray_proxy.translate.splice import encode
from tray_proxy.wire.ollama import ContentPart, Message
from tray_proxy.wire.openrouter import Architecture, ModelEntry

SEEING = ModelEntry(id="v/eye", architecture=Architecture(input_modalities=("text", "image")))
PLAIN = ModelEntry(id="v/m")
GIF = "R0lGODlhAQABAAAAACw="
DATA_URI = f"data:image/png;base64,{GIF}"
LINK = "https://example.com/cat.png"


def message(content: object, role: str = "user", **more: Any) -> Message:
    """Read a message as the server does."""
    return msgspec.json.decode(json.dumps({"role": role, "content": content, **more}), type=Message)


def image(url: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": url}


def text(words: str | None) -> dict[str, Any]:
    return {"type": "text", "text": words}


def sent(*messages: Message, model: ModelEntry = SEEING) -> list[dict[str, Any]]:
    """What would go to OpenRouter."""
    return json.loads(b"".join(encode(to_messages(list(messages), model, "eye"))))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Hi", "Hi"),
        ("", ""),
        (None, ""),
        ([], ""),
        ([text("Hi")], "Hi"),
        ([text("Hi"), text("there")], "Hi\nthere"),
        ([text(None)], ""),
        ([text("See"), image(LINK), text("this")], "See\nthis"),
    ],
)
def test_texts_are_joined(content: object, said: str) -> None:
    assert text_of(message(content)) == said


@pytest.mark.parametrize("role", ["system", "user", "assistant", "developer"])
def test_every_speaker_may_speak_in_parts(role: str) -> None:
    assert sent(message([text("a"), text("b")], role)) == [{"role": role, "content": "a\nb"}]


@pytest.mark.parametrize("url", [{"url": DATA_URI}, {"url": DATA_URI, "detail": "high"}, DATA_URI, {"url": GIF}])
def test_a_picture_in_a_part_is_sent_as_those_in_images_are(url: object) -> None:
    """With the type that its bytes tell, whatever is written before them."""
    assert sent(message([image(url), text("See?")])) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "See?"},
                {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{GIF}"}},
            ],
        }
    ]


@pytest.mark.parametrize("url", [LINK, "http://example.com/a", "HTTPS://example.com/ä", "https:\\/\\/example.com\\/a"])
def test_a_picture_on_the_web_is_sent_as_its_address(url: str) -> None:
    """OpenRouter fetches it; nobody here does."""
    content = json.loads(f'["{url}"]')[0]

    assert sent(message([image({"url": content})]))[0]["content"] == [
        {"type": "image_url", "image_url": {"url": content}}
    ]


def test_pictures_of_both_kinds_go_together() -> None:
    both = message([text("See?"), image(LINK), image(DATA_URI)], images=[GIF])

    kinds = [part["type"] for part in sent(both)[0]["content"]]
    assert kinds == ["text", "image_url", "image_url", "image_url"]


def test_a_tools_result_may_come_in_parts() -> None:
    call = {"id": "call_1", "function": {"name": "look", "arguments": {}}}
    history = [
        message("Look", "user"),
        message(None, "assistant", tool_calls=[call]),
        message([text("a cat")], "tool", tool_call_id="call_1"),
    ]

    assert sent(*history)[2] == {"role": "tool", "content": "a cat", "tool_call_id": "call_1"}


def test_a_result_without_a_call_keeps_its_parts() -> None:
    told = sent(message([text("a cat"), image(LINK)], "tool", tool_name="look"))

    assert told[0]["content"] == [
        {"type": "text", "text": "Result of the tool look:\na cat"},
        {"type": "image_url", "image_url": {"url": LINK}},
    ]


def refusal(*messages: Message, model: ModelEntry = SEEING) -> ProxyError:
    with pytest.raises(ProxyError) as caught:
        to_messages(list(messages), model, "eye")
    return caught.value


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "input_audio"}, 'invalid content part: "input_audio" (must be "text" or "image_url")'),
        ({"type": "file", "text": "x"}, 'invalid content part: "file" (must be "text" or "image_url")'),
        ({"type": ""}, 'invalid content part: "" (must be "text" or "image_url")'),
        ({"type": "image_url"}, "invalid content part: image_url must hold a url"),
        (image({}), "invalid content part: image_url must hold a url"),
        (image(7), "invalid content part: image_url must hold a url"),
        (image({"url": None}), "json: cannot unmarshal: each of the images must be a string of base64"),
        (image({"url": "ftp://example.com/a"}), "illegal base64 data in images"),
        (image({"url": ""}), "invalid image: only PNG, JPEG, GIF and WebP pictures can be sent"),
    ],
)
def test_another_part_is_refused(part: dict[str, Any], words: str) -> None:
    """Passing over it would answer another question."""
    error = refusal(message([text("See?"), part]))

    assert (type(error), error.message) == (BadRequest, words)


@pytest.mark.parametrize("part", [image(LINK), image(DATA_URI)])
def test_a_model_that_does_not_see_is_not_shown_a_picture(part: dict[str, Any]) -> None:
    error = refusal(message([part]), model=PLAIN)

    assert (type(error), error.message) == (
        UnsupportedRequest,
        '"eye" does not support images: this model is missing data required for image input',
    )


@pytest.mark.parametrize("role", ["system", "assistant", "developer"])
def test_only_users_and_tools_show_pictures(role: str) -> None:
    assert refusal(message([image(LINK)], role)).message == f"images are not supported in {role} messages"


@pytest.mark.parametrize("content", [7, {"type": "text"}, ["Hi"], [{"text": "Hi"}], [None]])
def test_a_content_of_another_shape_cannot_be_read(content: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        message(content)


def test_a_picture_stays_where_it_lies_in_the_request() -> None:
    """It is large, and copies of it larger."""
    body = json.dumps({"role": "user", "content": [image({"url": "data:," + "A" * 4_000_000})]}).encode()
    tracemalloc.start()
    try:
        (picture,) = content_of(msgspec.json.decode(body, type=Message)).pictures
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(memoryview(picture)) > 4_000_000
    assert peak < 100_000


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("b", "a\nb"),
        (None, "a\n"),
        ([text("b")], [ContentPart(type="text", text="a"), ContentPart(type="text", text="b")]),
    ],
)
def test_a_label_stands_before_what_is_said(content: object, expected: object) -> None:
    assert labelled(message(content), "a").content == expected
