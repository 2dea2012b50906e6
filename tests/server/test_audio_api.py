"""What is around `/v1/audio/transcriptions`: the bill, presets, and the log."""

import json

import pytest

PATH = "/v1/audio/transcriptions"
HEARER = "google/gemini-2.5-flash"
WAV = b"RIFF\x24\0\0\0WAVEfmt "
CREATE = {"model": "scribe", "from": HEARER, "system": "Write in capitals.", "parameters": {"temperature": 0.5}}


def form(**fields):
    data = {"model": HEARER} | fields
    return {"data": data, "files": {"file": ("talk.wav", WAV)}}


def test_a_preset_adds_what_it_holds(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)
    proxy.http.post("/api/create", json=CREATE)

    answer = proxy.http.post(PATH, **form(model="scribe"))

    assert answer.status_code == 200
    body = upstream.chats[-1].body
    assert (body["model"], body["temperature"]) == (HEARER, 0.5)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][0]["content"] == "Write in capitals."


def test_a_temperature_of_the_apps_goes_before_a_presets(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)
    proxy.http.post("/api/create", json=CREATE)

    proxy.http.post(PATH, **form(model="scribe", temperature="0.1"))

    assert upstream.chats[-1].body["temperature"] == 0.1


def test_a_preset_that_limits_the_answer_cuts_no_transcript_in_silence(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)
    proxy.http.post("/api/create", json=CREATE | {"parameters": {"num_predict": 3}})

    answer = proxy.http.post(PATH, **form(model="scribe"))

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("The transcript is longer than the model's answer may be")


def test_an_alias_is_the_model_it_stands_for(proxies, upstream, tmp_path):
    """Apps with a built-in name ask for it."""
    proxy = proxies.start(tmp_path)
    proxy.http.post("/api/copy", json={"source": HEARER, "destination": "whisper-1"})

    answer = proxy.http.post(PATH, **form(model="whisper-1"))

    assert answer.status_code == 200
    assert upstream.chats[-1].body["model"] == HEARER


def test_the_log_line_tells_what_was_bought_and_not_what_was_said(proxy, log_lines):
    answer = proxy.http.post(PATH, **form(prompt="canary"))

    [line] = log_lines(PATH)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["path"], line["model"], line["outcome"]) == (PATH, HEARER, "done")
    assert line["prompt_tokens"] > 0
    assert line["cost_usd"] > 0
    assert "canary" not in str(line)


def test_a_model_that_was_asked_is_in_use(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)

    proxy.http.post(PATH, **form())

    assert [model["name"] for model in proxy.http.get("/api/ps").json()["models"]] == [HEARER]


CUT = [b'{"choices":[{"delta":{"content":"was said"}}]}', b'{"choices":[{"finish_reason":"length"}]}', b"[DONE]"]


@pytest.mark.parametrize("apart", [True, False], ids=["apart", "together"])
def test_what_was_said_of_a_transcript_that_is_cut_goes_before_the_error(proxies, raw_upstream, tmp_path, apart):
    """Also where all of it came in the same bytes: it was paid for."""
    events = [b"data: %b\n\n" % each for each in CUT]

    def answer(connection, _number):
        request = connection.recv(65536)
        body = b'{"data":[{"id":"a/one","architecture":{"input_modalities":["text","audio"]}}]}'
        kind = b"application/json"
        if not request.startswith(b"GET"):
            while not request.endswith(b"}"):
                request += connection.recv(65536)
            kind, body = b"text/event-stream", b"".join(events)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        said = head % (kind, len(body))
        if kind == b"text/event-stream" and apart:
            connection.sendall(said + events[0])
            said, body = b"", b"".join(events[1:])
        connection.sendall(said + body)

    proxy = proxies.start(tmp_path, openrouter_base_url=raw_upstream(answer))

    told = proxy.http.post(PATH, **form(model="a/one", stream="true"))

    said, failed = [json.loads(line[6:]) for line in told.text.split("\n\n") if line][:2]
    assert (told.status_code, said["delta"]) == (200, "was said")
    assert failed["error"]["message"].startswith("The transcript is longer than the model's answer may be")
