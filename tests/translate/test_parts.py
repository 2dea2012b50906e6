"""Contents that are lists, as OpenAI's clients write them."""

import json
import tracemalloc
from typing import Any

import msgspec
import pytest

from tray_proxy.errors import BadRequest, ProxyError, UnsupportedRequest
from tray_proxy.translate.messages import to_messages
from tray_proxy.translate.parts import labelled, pieces_of, text_of
from tray_proxy.translate.splice import encode
from tray_proxy.wire.ollama import ContentPart, Message
from tray_proxy.wire.openrouter import Architecture, ModelEntry

SEEING = ModelEntry(id="v/eye", architecture=Architecture(input_modalities=("text", "image")))
PLAIN = ModelEntry(id="v/m")
GIF = "R0lGODlhAQABAAAAACw="
DATA_URI = f"data:image/png;base64,{GIF}"
LINK = "https://example.com/cat.png"
NO_SUCH_PART = (
    'invalid message format: a content part of type "{}" cannot be sent (send "text", "image_url" or "input_audio")'
)


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


@pytest.mark.parametrize("url", [{"url": DATA_URI}, {"url": DATA_URI, "detail": "much"}, DATA_URI, {"url": GIF}])
def test_a_picture_in_a_part_is_sent_as_those_in_images_are(url: object) -> None:
    """With the type that its bytes tell, whatever is written before them, and in its place."""
    assert sent(message([image(url), text("See?")])) == [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{GIF}"}},
                {"type": "text", "text": "See?"},
            ],
        }
    ]


@pytest.mark.parametrize("detail", ["auto", "low", "high", "original"])
@pytest.mark.parametrize("url", [LINK, DATA_URI])
def test_how_closely_a_picture_is_looked_at_is_sent_on(url: str, detail: str) -> None:
    """It decides what the picture costs."""
    assert sent(message([image({"url": url, "detail": detail})]))[0]["content"][0]["image_url"]["detail"] == detail


def test_so_it_is_where_it_stands_beside_the_address() -> None:
    """As OpenAI's Responses have it; what is none of its words is left out."""
    parts = [image(LINK) | {"detail": "high"}, image(LINK) | {"detail": "much"}]

    assert sent(message(parts))[0]["content"] == [
        {"type": "image_url", "image_url": {"url": LINK, "detail": "high"}},
        {"type": "image_url", "image_url": {"url": LINK}},
    ]


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_a_mark_for_the_providers_cache_keeps_its_place(role: str) -> None:
    """Claude's prompts are read again at a tenth of the price up to there."""
    marked = text("b") | {"cache_control": {"type": "ephemeral"}}

    assert sent(message([text("a"), marked, text("c")], role)) == [
        {
            "role": role,
            "content": [text("a"), {**text("b"), "cache_control": {"type": "ephemeral"}}, text("c")],
        }
    ]


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_a_mark_on_an_empty_text_leaves_no_content_without_parts(role: str) -> None:
    """Providers refuse an empty text, and OpenRouter a list of nothing."""
    told = sent(message([text("") | {"cache_control": {"type": "ephemeral"}}], role))

    assert told == [{"role": role, "content": ""}]


def test_an_empty_text_beside_others_is_left_out() -> None:
    """Anthropic refuses it."""
    assert sent(message([text(""), image(LINK)]))[0]["content"] == [{"type": "image_url", "image_url": {"url": LINK}}]


def test_sound_in_a_part_is_sent_in_the_format_it_names() -> None:
    hearing = ModelEntry(id="v/ear", architecture=Architecture(input_modalities=("text", "audio")))
    part = {"type": "input_audio", "input_audio": {"data": "UklGRgAAAAA=", "format": "WAV"}}

    assert sent(message([text("Hear"), part]), model=hearing)[0]["content"] == [
        text("Hear"),
        {"type": "input_audio", "input_audio": {"data": "UklGRgAAAAA=", "format": "wav"}},
    ]


def test_a_speakers_name_is_sent_on() -> None:
    assert sent(message("Hi", name="Ann"))[0]["name"] == "Ann"


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
        {"type": "text", "text": "Result of the tool look:"},
        {"type": "text", "text": "a cat"},
        {"type": "image_url", "image_url": {"url": LINK}},
    ]


def refusal(*messages: Message, model: ModelEntry = SEEING) -> ProxyError:
    with pytest.raises(ProxyError) as caught:
        to_messages(list(messages), model, "eye")
    return caught.value


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "input_audio"}, "invalid message format: input_audio must hold data and format"),
        ({"type": "file", "text": "x"}, NO_SUCH_PART.format("file")),
        ({"type": ""}, NO_SUCH_PART.format("")),
        ({"type": "image_url"}, "invalid message format: image_url must hold a url"),
        (image({}), "invalid message format: image_url must hold a url"),
        (image(7), "invalid message format: image_url must hold a url"),
        (image({"url": None}), "json: cannot unmarshal: each of the images must be a string of base64"),
        (image({"url": "ftp://example.com/a"}), "illegal base64 data in images"),
        (image({"url": ""}), "invalid image: it is empty"),
    ],
)
def test_another_part_is_refused(part: dict[str, Any], words: str) -> None:
    """Passing over it would answer another question."""
    error = refusal(message([text("See?"), part]))

    assert (type(error), error.message) == (BadRequest, words)


@pytest.mark.parametrize("form", [b"%s", b'{"url": %s}'], ids=["text", "object"])
def test_an_address_that_is_no_text_is_refused(form: bytes) -> None:
    """What stays raw in a request was only skipped over."""
    url = form % b'"https://example.com/\xff"'
    body = b'{"role": "user", "content": [{"type": "image_url", "image_url": %s}]}' % url

    error = refusal(msgspec.json.decode(body, type=Message))

    assert (type(error), error.message[:24]) == (BadRequest, "invalid message format: ")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (b'"image_url": {"url": "", "detail": "\xff"}', "image_url must hold a url"),
        (b'"input_audio": {"data": "", "format": "\xff"}', "input_audio must hold data and format"),
    ],
    ids=["picture", "sound"],
)
def test_what_stands_beside_it_must_be_text_too(part: bytes, words: str) -> None:
    kind = part.split(b'"')[1]
    body = b'{"role": "user", "content": [{"type": "%s", %s}]}' % (kind, part)

    error = refusal(msgspec.json.decode(body, type=Message))

    assert (type(error), error.message) == (BadRequest, f"invalid message format: {words}")


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
        (picture,) = pieces_of(msgspec.json.decode(body, type=Message))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(memoryview(picture.data)) > 4_000_000
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
