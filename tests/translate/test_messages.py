"""Conversations on their way to OpenRouter."""

import base64
import tracemalloc
from typing import Any

import msgspec
import pytest

from tray_proxy.errors import BadRequest, UnsupportedRequest
from tray_proxy.translate.messages import to_messages
from tray_proxy.translate.splice import encode as encode_request
from tray_proxy.wire import ollama
from tray_proxy.wire.openrouter import Architecture, ModelEntry

TEXT_ONLY = ModelEntry(id="vendor/reader")
SEEING = ModelEntry(id="vendor/viewer", architecture=Architecture(input_modalities=("text", "image")))
HEARING = ModelEntry(id="vendor/listener", architecture=Architecture(input_modalities=("text", "audio")))

# It holds plus signs, slashes and padding.
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0\xfb\xef\xff" + bytes(14)).decode()
WAV = base64.b64encode(b"RIFF\x00\x00\x00\x00WAVEfmt ").decode()


def translate(*messages: dict[str, Any], model: ModelEntry = TEXT_ONLY) -> list[dict[str, Any]]:
    """Read the messages as the server does, and give what would be sent."""
    return translate_json(msgspec.json.encode(messages), model)


def translate_json(body: bytes, model: ModelEntry) -> list[dict[str, Any]]:
    read = msgspec.json.decode(body, type=list[ollama.Message])
    return msgspec.json.decode(b"".join(encode_request(to_messages(read, model, "short-name"))))


def picture(encoded: str) -> dict[str, Any]:
    return {"role": "user", "images": [encoded]}


def encode(start: bytes) -> str:
    return base64.b64encode(start + b"the rest of the file").decode()


def call(name: str, call_id: str | None = None, **arguments: object) -> dict[str, Any]:
    return {"id": call_id, "function": {"name": name, "arguments": arguments}}


def calls(*tool_calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": list(tool_calls)}


def results(messages: list[dict[str, Any]]) -> dict[str, str]:
    """Which call each result was paired with, by the result's text."""
    return {message["content"]: message["tool_call_id"] for message in messages if message["role"] == "tool"}


def ids(messages: list[dict[str, Any]]) -> list[str]:
    return [call["id"] for message in messages for call in message.get("tool_calls", ())]


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_a_role_is_sent_in_lower_case(role: str) -> None:
    assert translate({"role": role.title(), "content": "Hello"}) == [{"role": role, "content": "Hello"}]


def test_an_unknown_role_is_refused() -> None:
    """OpenRouter would refuse it in words that say less."""
    with pytest.raises(BadRequest) as caught:
        translate({"role": "wizard", "content": "Hello"})

    assert caught.value.message == "invalid role: 'wizard'; expected one of system, developer, user, assistant, tool"


@pytest.mark.parametrize("message", [{"role": "user"}, {"role": "user", "content": None, "images": []}])
def test_a_message_without_text_is_sent_with_an_empty_one(message: dict[str, Any]) -> None:
    assert translate(message) == [{"role": "user", "content": ""}]


def test_what_the_model_thought_goes_back_as_reasoning() -> None:
    """Never glued into the text."""
    assert translate({"role": "assistant", "content": "4", "thinking": "2 + 2"}) == [
        {"role": "assistant", "content": "4", "reasoning": "2 + 2"}
    ]


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_a_picture_becomes_a_data_uri_of_its_own_type(start: bytes, kind: str) -> None:
    """Ollama's clients do not say what it is; the bytes do."""
    encoded = encode(start)

    assert translate(picture(encoded), model=SEEING) == [
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": f"data:{kind};base64,{encoded}"}}],
        }
    ]


def test_a_picture_is_not_copied() -> None:
    """Not even for a moment, neither to look at it nor to send it: large ones must fit into small computers."""
    encoded = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8_000_000))
    body = b'[{"role": "user", "content": "Look", "images": ["%s"]}]' % encoded

    tracemalloc.start()
    read = msgspec.json.decode(memoryview(body), type=list[ollama.Message])
    pieces = encode_request(to_messages(read, SEEING, "short-name"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [len(piece) for piece in pieces if len(piece) > 1000] == [len(encoded)]
    assert peak < len(encoded) / 100


def test_text_stands_before_the_pictures_in_their_order() -> None:
    gif = encode(b"GIF89a")

    sent = translate({"role": "user", "content": "Which is older?", "images": [PNG, gif]}, model=SEEING)

    assert sent[0]["content"] == [
        {"type": "text", "text": "Which is older?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{gif}"}},
    ]


@pytest.mark.parametrize(
    "written",
    [
        f"data:image/png;base64,{PNG}",
        f"data:image/jpeg;base64,{PNG}",  # what it says of itself is not believed
        f"{PNG[:8]}\n{PNG[8:]}\n",  # as the program base64 breaks its lines
        f"{PNG[:8]}\r\n{PNG[8:]}",
    ],
)
def test_other_ways_to_write_a_picture_are_understood(written: str) -> None:
    sent = translate(picture(written), model=SEEING)

    assert sent[0]["content"] == [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]


@pytest.mark.parametrize(
    "written",
    [
        PNG.replace("/", "\\/").replace("+", "\\u002b"),  # as .NET and PHP write base64
        "".join(f"\\u{ord(letter):04x}" for letter in PNG),
        f"data:image\\/png;base64,{PNG}",
        f"{PNG[:8]}\\r\\n{PNG[8:]}\\n",
    ],
)
def test_a_picture_may_be_written_with_jsons_escapes(written: str) -> None:
    body = b'[{"role": "user", "images": ["%s"]}]' % written.encode()

    sent = translate_json(body, SEEING)

    assert sent[0]["content"] == [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]


@pytest.mark.parametrize("written", [b"null", b"5", b"[]", b'{"data": ""}'])
def test_a_picture_that_is_no_text_is_refused(written: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        translate_json(b'[{"role": "user", "images": [%s]}]' % written, SEEING)

    assert caught.value.message == "json: cannot unmarshal: each of the images must be a string of base64"


@pytest.mark.parametrize(
    "written",
    [
        "not base64!",
        "ünïcode",
        "data:image/svg+xml,<svg/>",
        "data:" + PNG,
        PNG[:-1],  # one `=` too few
        PNG + "=",
        PNG[:-4] + "====",
        PNG[:8] + "=" + PNG[9:],
        PNG.replace("/", "_"),  # the alphabet for addresses
        PNG[:8] + " " + PNG[8:],
        PNG[:8] + "\0" + PNG[8:],
    ],
)
def test_a_picture_that_is_not_base64_is_refused(written: str) -> None:
    with pytest.raises(BadRequest) as caught:
        translate(picture(written), model=SEEING)

    assert (caught.value.status, caught.value.message) == (400, "illegal base64 data in images")


def test_bytes_that_are_no_text_are_no_picture() -> None:
    with pytest.raises(BadRequest) as caught:
        translate_json(b'[{"role": "user", "images": ["\xff\xfe"]}]', SEEING)

    assert caught.value.message == "illegal base64 data in images"


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"BM\x36\x84\x03\x00\x00\x00\x00\x00\x36\x00", "BMP"),
        (b"II*\x00\x08\x00", "TIFF"),
        (b"MM\x00*\x00\x00", "TIFF"),
        (b"\x00\x00\x00\x1cftypheic", "HEIC"),
        (b"\x00\x00\x00\x1cftypmif1", "HEIC"),
        (b"\x00\x00\x00\x1cftypavif", "AVIF"),
        (b"%PDF-1.7", "PDF"),
        (b"<svg xmlns=", "text such as SVG or HTML"),
        (b"\xef\xbb\xbf\n<?xml version", "text such as SVG or HTML"),
        (b"<!DOCTYPE html>", "text such as SVG or HTML"),
        (b"\x00\x00\x01\x00\x01\x00", "icons (ICO)"),
        (b"PK\x03\x04\x14", "ZIP archives"),
    ],
)
@pytest.mark.parametrize("before", ["", "data:image/png;base64,"])
@pytest.mark.parametrize(
    "model",
    [SEEING, ModelEntry(id="vendor/all", architecture=Architecture(input_modalities=("text", "image", "audio")))],
)
def test_a_picture_of_another_type_is_refused(start: bytes, kind: str, before: str, model: ModelEntry) -> None:
    """An iPhone's HEIC shares its box with M4A sound, and must not be sent as sound."""
    with pytest.raises(BadRequest) as caught:
        translate(picture(before + encode(start)), model=model)

    assert caught.value.message == f"invalid image: only PNG, JPEG, GIF and WebP pictures can be sent, not {kind}"


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        ("", "application/octet-stream"),
        ("data:image/png;base64,", "image/png"),
        ("data:IMAGE/WEBP;charset=x;base64,", "image/webp"),
    ],
)
@pytest.mark.parametrize("start", [b"\x12\x34\x56\x78", b"hello", b"RIFF\x00\x00\x00\x00AVI ", b"BM"])
def test_bytes_that_nobody_knows_are_judged_by_openrouter(start: bytes, before: str, kind: str) -> None:
    """What their app says of them goes with them. A refusal costs nothing."""
    sent = translate(picture(before + encode(start)), model=SEEING)

    assert sent[0]["content"][0]["image_url"] == {"url": f"data:{kind};base64,{encode(start)}"}


@pytest.mark.parametrize("kind", ["image\\/png", "image/png"])
def test_so_it_is_where_the_type_is_written_with_escapes(kind: str) -> None:
    body = b'[{"role": "user", "images": ["data:%s;base64,aGk="]}]' % kind.encode()

    sent = translate_json(body, SEEING)

    assert sent[0]["content"][0]["image_url"] == {"url": "data:image/png;base64,aGk="}


@pytest.mark.parametrize("declared", ["image/bmp", "application/pdf", "text/plain", "", ";base64"])
def test_bytes_that_nobody_knows_are_refused_if_their_app_says_they_are_something_else(declared: str) -> None:
    with pytest.raises(BadRequest) as caught:
        translate(picture(f"data:{declared},aGk="), model=SEEING)

    assert caught.value.message == "invalid image: only PNG, JPEG, GIF and WebP pictures can be sent"


def test_an_empty_picture_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        translate(picture(""), model=SEEING)

    assert caught.value.message == "invalid image: it is empty"


@pytest.mark.parametrize("place", [0, 1, 65_535, 65_536, 131_071, 131_072, 199_997, 199_998, 199_999])
@pytest.mark.parametrize("letter", ["!", "-", "_", "=", " ", "\t", "\x7f", "\x00", "é", "😀"])
def test_one_letter_that_is_not_base64_is_found_wherever_it_stands(place: int, letter: str) -> None:
    """Pictures are looked through in pieces."""
    encoded = "A" * place + letter + "A" * (199_999 - place)
    if letter == "=" and place >= 199_999:
        encoded = encoded[:-1] + "!"

    with pytest.raises(BadRequest) as caught:
        translate(picture(encoded), model=SEEING)

    assert caught.value.message == "illegal base64 data in images"


@pytest.mark.parametrize("padding", ["", "=", "=="])
def test_padding_at_the_end_is_base64(padding: str) -> None:
    encoded = PNG[:12] + "A" * (200_000 - len(padding)) + padding

    assert translate(picture(encoded), model=SEEING)[0]["content"][0]["image_url"]["url"].endswith(encoded)


@pytest.mark.parametrize("encoded", ["====", "A===", "AAA", "AA=A", "=AAA", "AAAA=", "AAAA==", "AAAA==AA"])
def test_padding_elsewhere_is_none(encoded: str) -> None:
    with pytest.raises(BadRequest) as caught:
        translate(picture(encoded), model=SEEING)

    assert caught.value.message == "illegal base64 data in images"


def test_a_text_model_refuses_pictures() -> None:
    with pytest.raises(UnsupportedRequest) as caught:
        translate(picture(PNG))

    assert (caught.value.status, caught.value.message) == (
        400,
        '"short-name" does not support images: this model is missing data required for image input',
    )


@pytest.mark.parametrize("role", ["system", "developer", "assistant"])
def test_only_users_and_tools_may_show_pictures(role: str) -> None:
    """OpenRouter takes them nowhere else, and dropping one would go unnoticed."""
    with pytest.raises(UnsupportedRequest) as caught:
        translate({"role": role, "images": [PNG]}, model=SEEING)

    assert caught.value.message == f"images are not supported in {role} messages"


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "wav"),
        (b"ID3\x04", "mp3"),
        (b"\xff\xfb\x90", "mp3"),
        (b"\xff\xf3\x90", "mp3"),
        (b"\xff\xf2\x90", "mp3"),
        (b"fLaC", "flac"),
        (b"OggS", "ogg"),
        (b"\x00\x00\x00\x1cftypM4A ", "m4a"),
        (b"\x00\x00\x00\x18ftypmp42", "m4a"),
    ],
)
def test_sound_among_the_images_is_sent_as_sound(start: bytes, name: str) -> None:
    encoded = encode(start)

    assert translate(picture(encoded), model=HEARING) == [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": encoded, "format": name}}]}
    ]


def test_a_model_that_cannot_hear_refuses_sound() -> None:
    with pytest.raises(UnsupportedRequest) as caught:
        translate(picture(WAV), model=SEEING)

    assert (caught.value.status, caught.value.message) == (400, '"short-name" does not support audio input')


def test_a_calls_arguments_become_json_text_in_their_own_order() -> None:
    sent = translate(calls(call("search", "call_1", zeta=1, alpha={"b": [True, None], "a": "ü"})), {"role": "tool"})

    assert sent[0] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "search", "arguments": '{"zeta":1,"alpha":{"b":[true,null],"a":"ü"}}'},
            }
        ],
    }


@pytest.mark.parametrize("function", [{"name": "now"}, {"name": "now", "arguments": None}])
def test_a_call_without_arguments_has_none(function: dict[str, Any]) -> None:
    sent = translate(calls({"id": "call_1", "function": function}))

    assert sent[0]["tool_calls"][0]["function"] == {"name": "now", "arguments": "{}"}


def test_text_beside_a_call_is_kept() -> None:
    sent = translate({**calls(call("now", "call_1")), "content": "Let me look."})

    assert sent[0]["content"] == "Let me look."


def test_an_assistant_without_text_and_without_calls_says_nothing() -> None:
    """Only beside calls is there no text at all; elsewhere OpenRouter wants one."""
    assert translate({"role": "assistant"}) == [{"role": "assistant", "content": ""}]


TWO_CALLS = calls(call("weather", "call_w", city="Oslo"), call("time", "call_t"))


@pytest.mark.parametrize(
    ("answers", "pairs"),
    [
        pytest.param(
            [{"tool_call_id": "call_t", "content": "noon"}, {"tool_call_id": "call_w", "content": "rain"}],
            {"noon": "call_t", "rain": "call_w"},
            id="by id",
        ),
        pytest.param(
            [{"tool_name": "time", "content": "noon"}, {"tool_name": "weather", "content": "rain"}],
            {"noon": "call_t", "rain": "call_w"},
            id="by name",
        ),
        pytest.param(
            [{"content": "rain"}, {"content": "noon"}],
            {"rain": "call_w", "noon": "call_t"},
            id="by order, as ollama-python and Home Assistant send them",
        ),
        pytest.param(
            [{"tool_call_id": "call_unknown", "content": "rain"}, {"tool_call_id": "another", "content": "noon"}],
            {"rain": "call_w", "noon": "call_t"},
            id="unknown id, as LiteLLM sends it",
        ),
        pytest.param(
            [{"tool_call_id": "call_unknown", "tool_name": "time", "content": "noon"}, {"content": "rain"}],
            {"noon": "call_t", "rain": "call_w"},
            id="unknown id with a name",
        ),
        pytest.param(
            [{"tool_call_id": "call_w", "tool_name": "time", "content": "rain"}, {"content": "noon"}],
            {"rain": "call_w", "noon": "call_t"},
            id="a known id counts more than the name",
        ),
        pytest.param(
            [{"tool_name": "unheard of", "content": "rain"}, {"content": "noon"}],
            {"rain": "call_w", "noon": "call_t"},
            id="unknown name",
        ),
    ],
)
def test_a_result_finds_its_call(answers: list[dict[str, Any]], pairs: dict[str, str]) -> None:
    sent = translate(TWO_CALLS, *({"role": "tool", **answer} for answer in answers))

    assert results(sent) == pairs


def test_results_of_the_same_tool_are_paired_in_order() -> None:
    sent = translate(
        calls(call("weather", "first", city="Oslo"), call("weather", "second", city="Rome")),
        {"role": "tool", "tool_name": "weather", "content": "rain"},
        {"role": "tool", "tool_name": "weather", "content": "sun"},
    )

    assert results(sent) == {"rain": "first", "sun": "second"}


def test_a_result_belongs_to_the_last_turn_not_to_an_earlier_one() -> None:
    sent = translate(
        calls(call("weather", "old")),
        {"role": "tool", "content": "rain"},
        calls(call("weather", "new")),
        {"role": "tool", "content": "sun"},
    )

    assert results(sent) == {"rain": "old", "sun": "new"}


def test_ids_are_made_up_where_the_app_sends_none() -> None:
    """ollama-python has no field for them; OpenRouter insists."""
    sent = translate(calls(call("weather", city="Oslo"), call("time", "")), {"role": "tool", "content": "rain"})

    made_up = ids(sent)
    assert [len(call_id) for call_id in made_up] == [13, 13]
    assert all(call_id.startswith("call_") for call_id in made_up)
    assert results(sent)["rain"] == made_up[0]


def test_made_up_ids_are_the_same_every_time() -> None:
    """The history is sent again each turn; other ids would cost the prompt cache."""
    history = [calls(call("weather", city="Oslo")), {"role": "tool", "content": "rain"}]

    assert translate(*history) == translate(*history, {"role": "user", "content": "Thanks"})[:2]


def test_equal_calls_get_ids_of_their_own() -> None:
    """Within a turn, and from turn to turn."""
    twice = calls(call("roll"), call("roll"))

    sent = translate(twice, {"role": "tool"}, {"role": "tool"}, twice)

    assert len(set(ids(sent))) == 4


@pytest.mark.parametrize("after", [[], [{"role": "user", "content": "Never mind."}], [calls(call("time", "call_2"))]])
def test_a_call_that_was_never_answered_is_closed(after: list[dict[str, Any]]) -> None:
    """Ollama does not mind an app that was stopped half-way; providers refuse the whole conversation."""
    sent = translate(TWO_CALLS, {"role": "tool", "content": "rain"}, *after)

    assert sent[1:3] == [
        {"role": "tool", "tool_call_id": "call_w", "content": "rain"},
        {"role": "tool", "tool_call_id": "call_t", "content": ""},
    ]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"tool_name": "weather", "content": "rain"}, "Result of the tool weather:\nrain"),
        ({"content": "rain"}, "Result of a tool:\nrain"),
        ({"tool_call_id": "call_gone"}, "Result of a tool:\n"),
    ],
)
def test_a_result_without_a_call_is_told_by_the_user(message: dict[str, Any], told: str) -> None:
    """The app cut its history after the call; the result is worth keeping."""
    assert translate({"role": "tool", **message}) == [{"role": "user", "content": told}]


def test_more_results_than_calls_are_told_by_the_user() -> None:
    sent = translate(calls(call("roll", "call_1")), {"role": "tool", "content": "4"}, {"role": "tool", "content": "2"})

    assert sent[1:] == [
        {"role": "tool", "tool_call_id": "call_1", "content": "4"},
        {"role": "user", "content": "Result of a tool:\n2"},
    ]


@pytest.mark.parametrize(
    ("before", "text"), [([calls(call("photo", "call_1"))], "Here."), ([], "Result of a tool:\nHere.")]
)
def test_a_tool_may_answer_with_a_picture(before: list[dict[str, Any]], text: str) -> None:
    """Also where the call was cut from the history."""
    sent = translate(*before, {"role": "tool", "content": "Here.", "images": [PNG]}, model=SEEING)

    assert sent[-1]["content"] == [
        {"type": "text", "text": text},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ]


def calling(*calls: tuple[str | None, str]) -> dict[str, Any]:
    """An assistant's turn with calls, each with its id (or none) and its name."""
    return {
        "role": "assistant",
        "tool_calls": [
            ({"id": call_id} if call_id else {}) | {"function": {"name": name, "arguments": {}}}
            for call_id, name in calls
        ],
    }


def test_an_explicit_id_is_not_taken_by_a_result_without_one() -> None:
    sent = translate(
        calling(("x", "f"), ("y", "f")),
        {"role": "tool", "content": "for the other"},
        {"role": "tool", "content": "for x", "tool_call_id": "x"},
    )

    assert [(message["tool_call_id"], message["content"]) for message in sent[1:]] == [
        ("y", "for the other"),
        ("x", "for x"),
    ]


def test_a_system_message_between_call_and_result_comes_after_them() -> None:
    sent = translate(calling(("x", "f")), {"role": "system", "content": "note"}, {"role": "tool", "content": "done"})

    assert [(message["role"], message["content"]) for message in sent[1:]] == [("tool", "done"), ("system", "note")]


def test_two_calls_with_one_id_are_told_apart() -> None:
    sent = translate(
        calling(("x", "f"), ("x", "g")), {"role": "tool", "content": "a"}, {"role": "tool", "content": "b"}
    )

    first, second = (call["id"] for call in sent[0]["tool_calls"])
    assert first == "x"
    assert second != "x"
    assert [message["tool_call_id"] for message in sent[1:]] == [first, second]
