"""
Attacks by what stands in a request's body: refused in the words of the dialect, with nothing sent on, or harmless.

Each is thrown at every route that reads JSON, in every place where something of the app's own may stand.
"""

import json
import socket

import msgspec
import pytest

from tray_proxy.demo.upstream import DemoUpstream
from tray_proxy.server.nesting import MAX_DEPTH

CHAT = "openai/gpt-4o-mini"

# Where an app may put what it likes (`%s`), by route. Around it is the rest of a request that would be well.
PLACES = {
    "/api/chat": (
        '"messages":[{"role":"user","content":%s}]',
        '"messages":[{"role":"user","content":"hi"}],"options":{"temperature":%s}',
        '"messages":[{"role":"user","content":"hi"}],"options":{"unknown":%s}',
        '"messages":[{"role":"user","content":"hi"}],"format":{"type":%s}',
        '"messages":[{"role":"user","content":"hi"}],"tools":[{"function":{"name":"f","parameters":%s}}]',
        '"messages":[{"role":"user","content":"hi"}],"keep_alive":%s',
        '"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"a":%s}}}]}]',
    ),
    "/api/generate": ('"prompt":%s', '"prompt":"hi","options":{"seed":%s}', '"prompt":"hi","format":{"enum":[%s]}'),
    "/api/embed": ('"input":%s', '"input":["a",%s]'),
    "/api/embeddings": ('"prompt":%s',),
    "/api/show": ('"options":{"a":%s}',),
    "/api/create": ('"from":"openai/gpt-4o-mini","parameters":{"temperature":%s}',),
    "/api/copy": ('"source":"openai/gpt-4o-mini","destination":%s',),
    "/api/pull": ('"name":%s',),
    "/api/push": ('"name":%s',),
    "/v1/chat/completions": (
        '"messages":[{"role":"user","content":%s}]',
        '"messages":[{"role":"user","content":"hi"}],"temperature":%s',
        '"messages":[{"role":"user","content":"hi"}],"metadata":{"a":%s}',
        '"messages":[{"role":"user","content":"hi"}],"logit_bias":{"1":%s}',
        '"messages":[{"role":"user","content":"hi"}],"provider":{"order":%s}',
        '"messages":[{"role":"user","content":"hi"}],"prediction":%s',
        '"messages":[{"role":"user","content":"hi"}],"tools":[{"function":{"name":"f","parameters":%s}}]',
        '"messages":[{"role":"user","content":"hi"}],"response_format":{"json_schema":{"schema":%s}}',
        '"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"a":%s}}]}]',
        '"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":%s}}]}]',
    ),
    "/v1/completions": ('"prompt":%s',),
    "/v1/embeddings": ('"input":%s',),
    "/v1/messages": (
        '"messages":[{"role":"user","content":%s}]',
        '"messages":[{"role":"user","content":"hi"}],"system":%s',
        '"messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f","input_schema":%s}]',
        '"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{"a":%s}}]}]',
        '"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":%s}}]}]',
    ),
    "/v1/messages/count_tokens": ('"messages":[{"role":"user","content":%s}]',),
    "/v1/responses": (
        '"input":%s',
        '"input":"hi","tools":[{"type":"function","name":"f","parameters":%s}]',
        '"input":"hi","metadata":{"a":%s}',
        '"input":"hi","text":{"format":{"type":"json_schema","name":"n","schema":%s}}',
    ),
}


def around(path, place, inside):
    """Put something into its place in a request."""
    model = "openai/text-embedding-3-small" if "embed" in path else CHAT
    return b'{"model":"%s","max_tokens":9,%s}' % (model.encode(), place.encode() % inside)


CASES = [(path, place) for path, places in PLACES.items() for place in places]

# What no strict reader takes, wherever it stands.
NO_JSON = {
    "lone surrogate": b'"a\\ud800b"',
    "surrogates the wrong way round": b'"\\udc00\\ud800 and more"',
    "bad UTF-8": b'"\xff\xfe"',
    "cut UTF-8": b'"\xe2\x82"',
    "surrogate in UTF-8": b'"\xed\xa0\x80"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "NUL": b'"a\0b"',
    "raw line end": b'"a\nb"',
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "minus Infinity": b"-Infinity",
    "beyond all numbers": b"1e400",
    "5,000 digits": b"9" * 5000,
    "5,000 digits below": b"-" + b"9" * 5000,
    "leading zero": b"00",
    "hexadecimal": b"0x10",
    "single quotes": b"'a'",
    "a comment": b"1/*1*/",
    "trailing comma": b"[1,]",
    "too deep": b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
    "far too deep": b'{"a":' * 9_000 + b"1" + b"}" * 9_000,
    "deep without end": b"[" * 200_000,
}


@pytest.fixture(scope="module")
def target(shared_proxies, stage, tmp_path_factory):
    """A proxy whose models some of this may change."""
    stage.app = DemoUpstream(chunk_delay_s=0).app
    return shared_proxies.start(tmp_path_factory.mktemp("home"))


def send(target, path, body, **headers):
    return target.http.post(path, content=body, headers=headers)


def text_of_error(path, answer):
    """The error's text, found where the dialect has it."""
    told = answer.json()
    if path.startswith("/v1/messages"):
        assert told["type"] == "error"
        return told["error"]["message"]
    return told["error"]["message"] if path.startswith("/v1/") else told["error"]


@pytest.mark.parametrize("attack", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_strict_json_is_refused_everywhere(target, upstream, attack):
    for path, place in CASES:
        answer = send(target, path, around(path, place, attack))

        assert (answer.status_code, path, place) == (400, path, place)
        assert text_of_error(path, answer)
    assert upstream.received == []


WHOLE = {
    "a byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "UTF-16": lambda body: body.decode().encode("utf-16"),
    "UTF-32": lambda body: body.decode().encode("utf-32"),
    "Latin-1": lambda body: body.replace(b'"hi"', b'"\xe9"'),
    "a NUL before it": lambda body: b"\0" + body,
    "its first half": lambda body: body[: len(body) // 2],
    "in a list": lambda body: b"[" + body + b"]",
}


@pytest.mark.parametrize("spoil", WHOLE.values(), ids=WHOLE)
def test_a_body_that_is_written_otherwise_is_refused_everywhere(target, upstream, spoil):
    for path, place in CASES:
        answer = send(target, path, spoil(around(path, place, b'"hi"')))

        assert (answer.status_code, path, place) == (400, path, place)
        assert text_of_error(path, answer)
    assert upstream.received == []


# What Python or Go would take as well, and what becomes of it upstream.
HARMLESS = {
    "5,000 digits behind the point": (b"0.5" + b"0" * 5000, 0.5),
    "a fraction with an exponent": (b"5e-1", 0.5),
    "nearly nothing": (b"1e-4000", 0.0),
    "minus nothing": (b"-0.0", 0.0),
}


@pytest.mark.parametrize(("written", "sent"), HARMLESS.values(), ids=HARMLESS)
def test_a_number_in_an_odd_form_is_sent_in_a_plain_one(target, upstream, written, sent):
    path = "/v1/chat/completions"

    assert send(target, path, around(path, PLACES[path][1], written)).status_code == 200

    assert upstream.chats[-1].body["temperature"] == sent


DUPLICATES = {
    "twice": b'"model":"openai/gpt-4o","model":"openai/gpt-4o-mini"',
    "in another case first": b'"MODEL":"openai/gpt-4o","model":"openai/gpt-4o-mini"',
    "in another case last": b'"model":"openai/gpt-4o","Model":"openai/gpt-4o-mini"',
    "by an escape last": b'"model":"openai/gpt-4o","mod\\u0065l":"openai/gpt-4o-mini"',
    "three times": b'"model":"a","MODEL":"b","model":"openai/gpt-4o-mini"',
}


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("members", DUPLICATES.values(), ids=DUPLICATES)
def test_of_two_equal_keys_the_last_counts(target, upstream, path, members):
    """As in Go: whoever else reads the body, to decide about it, must not see another one than we do."""
    body = b'{%s,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}' % members

    assert send(target, path, body).status_code == 200

    assert upstream.chats[-1].body["model"] == CHAT


@pytest.mark.parametrize("first", [b'"options":{"seed":1}', b'"OPTIONS":{"seed":1}', b'"options":{"seed":5,"seed":1}'])
def test_so_it_is_with_what_is_in_them(target, upstream, first):
    body = b'{"model":"openai/gpt-4o-mini",%s,"options":{"seed":2,"seed":3},"messages":[{"content":"x","role":"user"}]}'

    assert send(target, "/api/chat", body % first).status_code == 200

    assert upstream.chats[-1].body["seed"] == 3


def test_what_is_passed_on_as_it_was_written_is_strict_json(target, upstream):
    """Tools are, and pictures: JavaScript, Go and Python would else read different things in them."""
    schema = b'{"type":"object","title":"\\u2028 \\ud83d\\ude00 </script>\\u0000"}'

    assert send(target, "/api/chat", around("/api/chat", PLACES["/api/chat"][4], schema)).status_code == 200

    assert upstream.chats[-1].body["tools"][0]["function"]["parameters"] == json.loads(schema)


ENCODINGS = [
    [("content-encoding", "gzip")],
    [("content-encoding", "GZIP")],
    [("content-encoding", "br")],
    [("content-encoding", "identity, gzip")],
    [("content-encoding", "gzip, identity")],
    [("content-encoding", "identity"), ("content-encoding", "gzip")],
    [("content-encoding", ""), ("content-encoding", "deflate")],
    [("content-encoding", "zstd, zstd")],
    [("content-encoding", "zstd"), ("content-encoding", "gzip")],
    [("content-encoding", "x-unheard-of")],
    [("Content-Encoding", "aws-chunked")],
]


@pytest.mark.parametrize("headers", ENCODINGS, ids=lambda headers: " and ".join(value for _, value in headers))
def test_a_packed_body_is_refused_everywhere(target, upstream, headers):
    for path in [*PLACES, "/v1/audio/transcriptions"]:
        answer = target.http.post(path, content=b"{}", headers=headers)

        assert (answer.status_code, path) == (415, path)
        assert "send the request uncompressed" in text_of_error(path, answer)
    assert upstream.received == []


@pytest.mark.parametrize("encoding", ["identity", "IDENTITY", ""])
def test_a_body_that_says_it_is_not_packed_is_read(target, encoding):
    body = around("/api/chat", PLACES["/api/chat"][0], b'"hi"')

    assert target.http.post("/api/chat", content=body, headers={"content-encoding": encoding}).status_code == 200


def test_zstd_is_for_v1_alone(target, upstream):
    """It is unpacked there as Ollama does, within limits of its own; see `test_zstd.py`."""
    answer = target.http.post("/api/chat", content=b"{}", headers={"content-encoding": "zstd"})

    assert answer.status_code == 415
    assert upstream.received == []


def raw(target, head, body_parts):
    """Send a request byte by byte, as far as it is taken, and read the answer's head."""
    with socket.create_connection(("127.0.0.1", int(target.url.rpartition(":")[2])), timeout=10) as client:
        client.sendall(head)
        try:
            for part in body_parts:
                client.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of it was sent, which is what is wanted
        return client.recv(65536)


def test_a_body_in_chunks_beyond_the_limit_is_refused(target, upstream, monkeypatch):
    monkeypatch.setattr("tray_proxy.server.asgi.MAX_BODY_BYTES", 2**20)
    head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"

    answer = raw(target, head, [chunk] * 17)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert upstream.received == []


@pytest.mark.parametrize(
    "length",
    [b"-1", b"+5", b"0x10", b"5 5", b"5, 6", b"1e3", b"9" * 30, b"9" * 5000, b"\xb2", b""],
    ids=lambda x: x[:9],
)
def test_a_length_that_is_none_is_refused(target, upstream, length):
    head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %s\r\n\r\n" % length

    assert raw(target, head, [b"{}"]).startswith(b"HTTP/1.1 400 ")
    assert upstream.received == []


def test_a_body_that_is_longer_than_was_said_ends_the_connection(target, upstream):
    """What follows is another request, before the first was answered, and none that can be read."""
    body = around("/api/chat", PLACES["/api/chat"][0], b'"hi"')
    head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (len(body) - 5)

    assert raw(target, head, [body]) == b""
    assert upstream.received == []


def test_a_body_of_a_hundred_thousand_small_lists_costs_no_more_memory_than_that(target, upstream):
    body = b'{"model":"openai/gpt-4o-mini","messages":[],"options":{"a":[%s[]]}}' % (b"[]," * 300_000)

    answer = send(target, "/api/chat", body)

    assert (answer.status_code, answer.json()) == (400, {"error": "invalid JSON: it is made of too many values"})
    assert upstream.received == []


def test_depth_as_it_may_be_is_passed_on(target, upstream):
    schema = b'{"items":' * (MAX_DEPTH - 10) + b"{}" + b"}" * (MAX_DEPTH - 10)

    assert send(target, "/api/chat", around("/api/chat", PLACES["/api/chat"][4], schema)).status_code == 200

    assert msgspec.json.encode(upstream.chats[-1].body["tools"][0]["function"]["parameters"]) == schema


FORM = b'--cut\r\nContent-Disposition: form-data; name="model"\r\n\r\ngoogle/gemini-2.5-flash\r\n'
FORMS = {
    "no boundary": (b"multipart/form-data", FORM + b"--cut--\r\n"),
    "a boundary of 10,000 letters": (b"multipart/form-data; boundary=" + b"x" * 10_000, FORM + b"--cut--\r\n"),
    "no end": (b"multipart/form-data; boundary=cut", FORM),
    "no file": (b"multipart/form-data; boundary=cut", FORM + b"--cut--\r\n"),
    "JSON": (b"application/json", b"{}"),
    "a header without end": (b"multipart/form-data; boundary=cut", b"--cut\r\n" + b"A" * 100_000),
    "a hundred thousand fields": (b"multipart/form-data; boundary=cut", FORM * 1000 + b"--cut--\r\n"),
}


@pytest.mark.parametrize(("kind", "form"), FORMS.values(), ids=FORMS)
def test_a_form_that_is_none_is_refused(target, upstream, kind, form):
    answer = target.http.post("/v1/audio/transcriptions", content=form, headers={"content-type": kind.decode()})

    assert answer.status_code == 400
    assert text_of_error("/v1/audio/transcriptions", answer)
    assert upstream.received == []
