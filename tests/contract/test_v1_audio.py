"""`/v1/audio/transcriptions` as OpenAI's clients rely on it: a form in, a transcript out."""

import base64
from typing import Any

import httpx
import pytest

from contract.reading import events_of, openais_error, told
from tray_proxy.demo.faults import Fault
from tray_proxy.demo.steps import stream_of
from tray_proxy.server.audio_api import MAX_FORM_BYTES
from tray_proxy.translate.transcription import INSTRUCTION

PATH = "/v1/audio/transcriptions"
HEARER = "google/gemini-2.5-flash"
WAV = base64.b64decode("UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=")
FILE = ("talk.wav", WAV, "audio/wav")
SAID = (
    f"[demo] You asked {HEARER}: “{INSTRUCTION[:200]}…”. I was given 1 sound. "
    "No model was called and nothing was charged."
)
DEAF = (
    "does not support audio input: choose a model that does, such as Gemini; "
    '/api/tags lists them with the capability "audio"'
)
TOO_LARGE = (
    "The request is larger than 25 MiB: send less at once, for example a shorter recording, or one in a smaller format."
)
BROKEN = (
    "The answer broke off: OpenRouter ended the stream before the answer was complete. "
    "Try again in a moment, or choose another model."
)
CUT = (
    "The transcript is longer than the model's answer may be, and would be cut: send a shorter recording, "
    "or choose another model."
)
WITHHELD = "The provider's filter withheld a part of the transcript: send another recording, or choose another model."


def ask(proxy: Any, file: Any = FILE, **fields: Any) -> httpx.Response:
    return proxy.http.post(PATH, data={"model": HEARER} | fields, files={"file": file})


def sent_with(proxy: Any, upstream: Any, file: Any = FILE, **fields: Any) -> dict[str, Any]:
    """What OpenRouter is sent on account of a form."""
    answer = ask(proxy, file, **fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = upstream.chats[-1].body
    return body


def parts_sent(*args: Any, **fields: Any) -> tuple[dict[str, str], str]:
    """The sound that OpenRouter is sent, and the text behind it."""
    [message] = sent_with(*args, **fields)["messages"]
    sound, text = message["content"]
    return sound["input_audio"], text["text"]


# -- the answer ------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [{}, {"response_format": ""}, {"response_format": "json"}])
def test_a_transcript_is_an_object_with_its_text(proxy, wanted):
    answer = ask(proxy, **wanted)

    assert (answer.status_code, answer.json()) == (200, {"text": SAID})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_a_transcript_can_be_the_bare_text(proxy):
    answer = ask(proxy, response_format="text")

    assert (answer.status_code, answer.text) == (200, SAID)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("wanted", ["json", "text"])
def test_a_stream_is_openais_events(proxy, wanted):
    """A done event ends it, and no `[DONE]`."""
    *deltas, done = events_of(ask(proxy, stream="true", response_format=wanted))

    assert {event["type"] for event in deltas} == {"transcript.text.delta"}
    assert [set(event) for event in deltas] == [{"type", "delta"}] * len(deltas)
    assert "".join(event["delta"] for event in deltas) == SAID
    assert done == {"type": "transcript.text.done", "text": SAID}


# -- what is sent on -------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", ["true", "false"])
def test_a_transcription_is_a_chat_with_the_sound_and_bought_as_a_stream(proxy, upstream, stream):
    sound = {"data": base64.b64encode(WAV).decode(), "format": "wav"}
    content = [{"type": "input_audio", "input_audio": sound}, {"type": "text", "text": INSTRUCTION}]

    assert sent_with(proxy, upstream, stream=stream) == {
        "model": HEARER,
        "messages": [{"role": "user", "content": content}],
        "stream": True,
        "temperature": 0.0,
    }


def test_language_and_prompt_are_worked_into_what_is_asked(proxy, upstream):
    _, text = parts_sent(proxy, upstream, language="de", prompt="Zürich, ZKB")

    assert text == (
        f"{INSTRUCTION}\n\nThe language that is spoken: de"
        "\n\nThis may help with names and spelling, and is no part of the answer:\nZürich, ZKB"
    )


def test_the_temperature_is_sent_on(proxy, upstream):
    assert sent_with(proxy, upstream, temperature="0.25")["temperature"] == 0.25


@pytest.mark.parametrize(
    ("file", "form"),
    [
        (("talk.mp3", WAV), "wav"),
        (("blob", WAV), "wav"),
        (("talk.AAC", b"\xff\xf1\x50\x80"), "aac"),
        (("talk.m4a", b"\0\0\0\x20ftypM4A \0\0\0\0"), "m4a"),
        (("Übung.aiff", b"FORM\0\0\0\0AIFF"), "aiff"),
    ],
)
def test_the_format_is_told_by_the_sound_itself_and_else_by_its_name(proxy, upstream, file, form):
    sound, _ = parts_sent(proxy, upstream, file)

    assert sound == {"data": base64.b64encode(file[1]).decode(), "format": form}


def test_a_file_may_come_without_a_name(proxy, upstream):
    sound, _ = parts_sent(proxy, upstream, (None, WAV))

    assert sound["format"] == "wav"


def test_what_only_openais_models_know_is_passed_over(proxy, upstream):
    plain = sent_with(proxy, upstream)

    more = {"timestamp_granularities[]": ["word"], "include[]": ["logprobs"], "chunking_strategy": "auto"}

    assert sent_with(proxy, upstream, **more) == plain


def test_a_recording_of_many_megabytes_is_taken(proxy, upstream):
    content = WAV + bytes(range(256)) * 4 * 1024 * 20

    sound, _ = parts_sent(proxy, upstream, ("talk.wav", content))

    assert base64.b64decode(sound["data"]) == content


@pytest.mark.parametrize("name", [f"{HEARER}:latest", "Google/Gemini-2.5-Flash", "gemini-2.5-flash"])
def test_a_model_goes_by_all_of_its_names(proxy, upstream, name):
    assert sent_with(proxy, upstream, model=name)["model"] == HEARER


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "files", "message"),
    [
        ({}, {}, "failed to parse multipart form: the Content-Type must be multipart/form-data, with a boundary"),
        ({"model": HEARER}, {"x": b"x"}, "file is required: send the recording as the form's field `file`"),
        ({}, {"x": b"x"}, "model is required"),
        ({"model": " "}, {"file": FILE}, "model is required"),
        ({"model": HEARER}, {"file": ("a.wav", b"")}, "audio file is empty"),
        ({"model": "nobody/nothing"}, {"file": ("a.wav", b"")}, "audio file is empty"),
        (
            {"model": HEARER},
            {"file": ("a.webm", b"\x1aE\xdf\xa3")},
            "the audio file is of no format that can be sent: send aac, aiff, flac, m4a, mp3, ogg or wav",
        ),
        (
            {"model": HEARER, "response_format": "verbose_json"},
            {"file": FILE},
            "response_format 'verbose_json' is not supported: a chat model tells no times; ask for json or text",
        ),
        (
            {"model": HEARER, "temperature": "hot"},
            {"file": FILE},
            "invalid form: temperature must be a number, and stream true or false",
        ),
        (
            {"model": "openai/gpt-4o-mini"},
            {"file": FILE},
            f'"openai/gpt-4o-mini" {DEAF}',
        ),
        (
            {"model": "openai/text-embedding-3-small"},
            {"file": FILE},
            f'"openai/text-embedding-3-small" {DEAF}',
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_transcribed_is_refused_and_costs_nothing(proxy, upstream, data, files, message):
    assert openais_error(proxy.http.post(PATH, data=data, files=files)) == (400, "invalid_request_error", message)
    assert upstream.received == []


def test_a_model_that_is_not_there_is_not_found(proxy, upstream):
    answer = ask(proxy, model="nobody/nothing")

    assert openais_error(answer) == (404, "not_found_error", "model 'nobody/nothing' not found")
    assert upstream.received == []


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data", "audio/wav"])
def test_what_is_no_form_is_refused(proxy, upstream, content_type):
    answer = proxy.http.post(PATH, content=WAV, headers={"content-type": content_type})

    assert openais_error(answer) == (
        400,
        "invalid_request_error",
        "failed to parse multipart form: the Content-Type must be multipart/form-data, with a boundary",
    )
    assert upstream.received == []


def test_a_form_that_breaks_off_is_refused(proxy, upstream):
    """Half a recording would be bought as a whole one."""
    whole = httpx.Request("POST", proxy.url, data={"model": HEARER}, files={"file": FILE})

    answer = proxy.http.post(PATH, content=whole.read()[:-10], headers={"content-type": whole.headers["content-type"]})

    assert openais_error(answer) == (
        400,
        "invalid_request_error",
        "failed to parse multipart form: its end is missing",
    )
    assert upstream.received == []


def test_a_recording_beyond_25_mib_is_refused(proxy, upstream):
    answer = ask(proxy, ("talk.wav", WAV + bytes(MAX_FORM_BYTES)))

    assert openais_error(answer) == (
        413,
        "api_error",
        TOO_LARGE,
    )
    assert upstream.received == []


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_packed_form_is_refused(proxy, upstream, encoding):
    """Sound is packed already; Ollama unpacks JSON alone."""
    answer = proxy.http.post(PATH, files={"file": FILE}, headers={"content-encoding": encoding})

    assert openais_error(answer) == (
        415,
        "api_error",
        f"Content-Encoding '{encoding}' is not supported: send the request uncompressed.",
    )
    assert upstream.received == []


# -- what fails ------------------------------------------------------------------------------------


def test_a_refusal_of_openrouters_keeps_its_status(proxy, upstream):
    upstream.arrange("status-402")

    assert openais_error(ask(proxy))[:2] == (402, "api_error")


def test_a_failure_half_way_is_told_and_nothing_that_looks_like_an_end_follows(proxy, upstream):
    upstream.arrange("no-done", times=2)

    *deltas, last = events_of(ask(proxy, stream="true"))
    plain = ask(proxy)

    assert {event["type"] for event in deltas} == {"transcript.text.delta"}
    assert told(last) == ("api_error", BROKEN)
    assert openais_error(plain) == (502, "api_error", BROKEN)


@pytest.mark.parametrize(
    ("reason", "message"),
    [("length", CUT), ("content_filter", WITHHELD)],
)
@pytest.mark.parametrize("wanted", ["json", "text"])
def test_a_transcript_that_was_cut_never_looks_whole(proxy, upstream, wanted, reason, message):
    """Its shape has no place to say so."""

    def cut(exchange, _seconds):
        chunks = [{"choices": [{"index": 0, "delta": {"content": "Good mor"}, "finish_reason": None}]}]
        return stream_of(exchange, [*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}])

    upstream.arrange(Fault("cut-answer", cut, ""), times=2)

    *deltas, last = events_of(ask(proxy, stream="true", response_format=wanted))
    plain = ask(proxy, response_format=wanted)

    assert [event["delta"] for event in deltas] == ["Good mor"]
    assert told(last) == ("invalid_request_error", message)
    assert openais_error(plain) == (400, "invalid_request_error", message)
