"""A form with sound becomes a chat, and what a model says a transcript, or an error where a part of it is missing."""

import base64
import json

import pytest

from tray_proxy.errors import BadRequest, UnsupportedRequest, UpstreamError
from tray_proxy.translate import transcription
from tray_proxy.translate.presets import Preset
from tray_proxy.translate.stream import Delta, Finish, Outcome
from tray_proxy.translate.transcription import INSTRUCTION, TranscriptWriter
from tray_proxy.wire.openai import TranscriptionRequest
from tray_proxy.wire.openrouter import Architecture, ModelEntry

WAV = b"RIFF\x24\0\0\0WAVEfmt "
FORM = {"model": b"vendor/ear", "file": WAV}
FORMATS = "the audio file is of no format that can be sent: send aac, aiff, flac, m4a, mp3, ogg or wav"


def read(**fields):
    given = {name: bytearray(value) for name, value in (FORM | fields).items() if value is not None}
    return transcription.to_request(given)


def to_chat(file_name="", preset=None, **fields):
    return transcription.to_chat(read(**fields), file_name, preset).request


def parts_of(request):
    [message] = request.messages
    assert message.role == "user"
    return message.content


def ended(reason="stop"):
    return Outcome("stop", 1, 1, None, 4, 1, 1, 1, finishes={0: Finish(reason)})


# -- the form --------------------------------------------------------------------------------------


def test_a_form_is_read():
    request = read(
        language=b"de", prompt="Züge".encode(), response_format=b"text", temperature=b"0.5", stream=b"true", other=b"x"
    )

    assert request == TranscriptionRequest(
        model="vendor/ear",
        file=bytearray(WAV),
        language="de",
        prompt="Züge",
        response_format="text",
        temperature=0.5,
        stream=True,
    )


def test_an_empty_text_is_not_given():
    """Forms in a browser send all of their fields."""
    empty = dict.fromkeys(["language", "prompt", "response_format", "temperature", "stream"], b"")

    assert read(**empty) == TranscriptionRequest(model="vendor/ear", file=bytearray(WAV))


@pytest.mark.parametrize(("text", "streams"), [(b"true", True), (b"True", True), (b"1", True), (b"false", False)])
def test_whether_to_stream_is_read_from_a_text(text, streams):
    assert read(stream=text).stream is streams


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": None, "file": None}, "model is required"),
        ({"model": b""}, "model is required"),
        ({"model": b"  "}, "model is required"),
        ({"file": None}, "file is required: send the recording as the form's field `file`"),
        ({"file": b""}, "audio file is empty"),
        ({"file": b"", "temperature": b"warm"}, "audio file is empty"),
        ({"temperature": b"warm"}, "invalid form: temperature must be a number, and stream true or false"),
        ({"temperature": b"1e400"}, "invalid form: temperature must be a number, and stream true or false"),
        ({"temperature": b"nan"}, "invalid form: temperature must be a number that is finite"),
        ({"temperature": b"-inf"}, "invalid form: temperature must be a number that is finite"),
        ({"stream": b"perhaps"}, "invalid form: temperature must be a number, and stream true or false"),
        ({"prompt": b"\xff"}, "invalid form: prompt is no UTF-8"),
    ],
)
def test_what_is_wrong_with_a_form_is_told_in_ollamas_order(fields, message):
    with pytest.raises(BadRequest) as caught:
        read(**fields)

    assert caught.value.message == message


@pytest.mark.parametrize("wanted", ["verbose_json", "srt", "vtt", "diarized_json", "x"])
def test_an_answer_that_a_chat_cannot_give_is_refused(wanted):
    with pytest.raises(BadRequest) as caught:
        read(response_format=wanted.encode())

    assert caught.value.message == (
        f"response_format '{wanted}' is not supported: a chat model tells no times; ask for json or text"
    )


# -- the chat --------------------------------------------------------------------------------------


def test_a_model_hears_the_sound_and_is_told_what_to_do():
    request = to_chat()

    sound, text = parts_of(request)
    assert (sound.type, json.loads(bytes(sound.input_audio))) == (
        "input_audio",
        {"data": base64.b64encode(WAV).decode(), "format": "wav"},
    )
    assert (text.type, text.text) == ("text", INSTRUCTION)
    assert (request.model, request.stream, request.options) == ("vendor/ear", False, {"temperature": 0.0})


def test_what_the_app_knows_of_the_sound_is_told_too():
    _, text = parts_of(to_chat(language=b"de", prompt="Züge nach Köln".encode()))

    assert text.text == (
        f"{INSTRUCTION}\n\nThe language that is spoken: de"
        "\n\nThis may help with names and spelling, and is no part of the answer:\nZüge nach Köln"
    )


@pytest.mark.parametrize(
    ("start", "name", "form"),
    [
        (WAV, "a.mp3", "wav"),
        (b"ID3\4", "", "mp3"),
        (b"fLaC", "", "flac"),
        (b"OggS", "a.opus", "ogg"),
        (b"\0\0\0\x20ftypM4A ", "", "m4a"),
        (b"\0\0\0\x20ftypisom", "a.mp4", "m4a"),
        (b"\xff\xf1P", "a.aac", "aac"),
        (b"FORM", "talk.of.today.AIFF", "aiff"),
        (b"FORM", "a.aif", "aiff"),
        (b"?", "a.mpga", "mp3"),
        (b"?", "a.mpeg", "mp3"),
        (b"?", "a.wave", "wav"),
        (b"?", "a.oga", "ogg"),
    ],
)
def test_the_format_is_told_by_the_first_bytes_and_else_by_the_name(start, name, form):
    sound, _ = parts_of(to_chat(name, file=start))

    assert json.loads(bytes(sound.input_audio))["format"] == form


@pytest.mark.parametrize("name", ["", "a", "a.webm", "a.txt", "wav.", "a.pcm"])
def test_a_format_that_nobody_takes_is_refused_with_those_that_are(name):
    with pytest.raises(BadRequest) as caught:
        to_chat(name, file=b"\x1a\x45\xdf\xa3")

    assert caught.value.message == FORMATS


@pytest.mark.parametrize("size", [17, 18, 19, 3 * 65536 - 1, 3 * 65536, 3 * 65536 + 1, 500_000])
def test_every_byte_arrives(size):
    """The base64 of a large recording is written in pieces."""
    content = (WAV + bytes(range(256)) * 2000)[:size]

    sound, _ = parts_of(to_chat(file=content))

    assert json.loads(bytes(sound.input_audio))["data"] == base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("given", "parameters", "temperature"),
    [
        (None, None, 0.0),
        (None, {"seed": 1}, 0.0),
        (None, {"temperature": 0.7}, None),  # the preset's own is put in later
        (b"0.2", {"temperature": 0.7}, 0.2),
        (b"0", None, 0.0),
    ],
)
def test_nothing_is_made_up_unless_somebody_wants_it(given, parameters, temperature):
    preset = None if parameters is None else Preset(model="vendor/ear", parameters=parameters)

    assert to_chat("", preset, temperature=given).options == {"temperature": temperature}


@pytest.mark.parametrize("takes", [("text",), ("text", "image"), ()])
def test_a_model_that_does_not_hear_is_refused_with_what_to_do(takes):
    with pytest.raises(UnsupportedRequest) as caught:
        transcription.check_hears(ModelEntry(id="v/m", architecture=Architecture(input_modalities=takes)), "mine")

    assert caught.value.message == (
        '"mine" does not support audio input: choose a model that does, such as Gemini; '
        '/api/tags lists them with the capability "audio"'
    )


def test_a_model_that_hears_is_well():
    transcription.check_hears(ModelEntry(id="v/m", architecture=Architecture(input_modalities=("audio",))), "mine")


# -- the transcript --------------------------------------------------------------------------------

CUT = (
    "The transcript is longer than the model's answer may be, and would be cut: send a shorter recording, "
    "or choose another model."
)
WITHHELD = "The provider's filter withheld a part of the transcript: send another recording, or choose another model."
SAID = [Delta(thinking="Hm."), Delta("\nGood "), Delta(""), Delta("morning.\n")]


def test_a_transcript_is_one_text_without_what_was_thought():
    """And without the blank lines that models put around it."""
    assert TranscriptWriter().whole(SAID, ended()) == b'{"text":"Good morning."}'


def test_a_bare_text_has_nothing_around_it():
    assert TranscriptWriter(as_text=True).whole(SAID, ended()) == b"Good morning."


def test_silence_is_an_empty_text():
    assert TranscriptWriter().whole([], ended()) == b'{"text":""}'


def test_a_stream_ends_with_the_whole_text():
    writer = TranscriptWriter()

    assert writer.deltas(SAID[:2]) == b'data: {"type":"transcript.text.delta","delta":"\\nGood "}\n\n'
    assert writer.deltas(SAID[2:]) == b'data: {"type":"transcript.text.delta","delta":"morning.\\n"}\n\n'
    assert writer.end(ended()) == b'data: {"type":"transcript.text.done","text":"\\nGood morning.\\n"}\n\n'


@pytest.mark.parametrize(
    ("reason", "message"),
    [("length", CUT), ("content_filter", WITHHELD)],
)
def test_a_transcript_that_is_cut_never_looks_whole(reason, message):
    """Its shape has no place to say so. 400, for after a 502 OpenAI's clients would buy it twice more."""
    for finish in (
        lambda: TranscriptWriter().whole(SAID, ended(reason)),
        lambda: TranscriptWriter(as_text=True).whole(SAID, ended(reason)),
        lambda: TranscriptWriter().end(ended(reason)),
    ):
        with pytest.raises(UnsupportedRequest) as caught:
            finish()
        assert (caught.value.status, caught.value.message) == (400, message)


def test_a_failure_in_a_stream_is_told_in_openais_shape():
    event = TranscriptWriter().failure(UpstreamError("It broke.", hint="Ask again."))

    assert event == (
        b'data: {"error":{"message":"It broke. Ask again.","type":"api_error","param":null,"code":null}}\n\n'
    )
