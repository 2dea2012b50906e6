"""
Whatever is sent to whatever route: an answer, never a failure of ours, and nothing bought for what was refused.

Bodies begin as requests that every route can make sense of, and are then spoiled.
"""

import base64
import json

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tray_proxy.demo import strict
from tray_proxy.demo.refusals import RefusedError
from tray_proxy.server.app import ROUTES
from tray_proxy.translate.options import OPTION_RULES
from tray_proxy.wire import anthropic, ollama, openai, responses

MODELS = ("openai/gpt-4o-mini", "openai/gpt-4o", "anthropic/claude-sonnet-4", "openai/text-embedding-3-small")
DIGEST = "sha256:" + "0" * 64
FIELDS = sorted(
    {
        field.encode_name
        for dialect in (ollama, openai, anthropic, responses)
        for name, shape in vars(dialect).items()
        if name.endswith("Request")
        for field in msgspec.structs.fields(shape)
    }
)
ALL = [(method, path) for methods, path, _ in ROUTES for method in methods.split(",")]
# A pull without a stream of what is not there: Ollama's own status and words, which its clients look for.
ON_PURPOSE = "pull model manifest: file does not exist"
# The same bodies on each run: what fails at one's desk fails everywhere.
EVERY_TIME = settings(derandomize=True, database=None, deadline=None, phases=[Phase.generate, Phase.shrink])


def written(value):
    """JSON with lone surrogates as escapes, as some clients write them."""
    return json.dumps(value).encode()


def array(items):
    return b"[" + b",".join(items) + b"]"


def an_object(members):
    return b"{" + b",".join(key + b":" + value for key, value in members) + b"}"


def nested(opening, inner, closing, times):
    return opening * times + inner + closing * times


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(100)).decode()

# What is JSON, is none, or is for one reader and not for the next.
ODDITIES = [
    b"null", b"true", b"0", b"-1", b"3.7", b"1e400", b"-1e400", b"1e308", b"9223372036854775808", b"9" * 400,
    b"9" * 5000, b"-0.0", b"NaN", b"Infinity", b"01", b'""', b'" "', b'"\\ud800"', b'"\\udc00 x"', b'"\\u0000"',
    b'"\0"', b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"', b"[]", b"{}", b"[null]", b'[""]', b"[[]]", b"[{}]", b'{"":null}',
    b"\xef\xbb\xbf1", b"", b'"json"', b'"5m"', b'"0"', b'"high"', b'"data:,"', b'"aGk="', b'{"a":1,"a":2}',
    nested(b"[", b"", b"]", 500), nested(b'{"a":', b"1", b"}", 9990), b"[" * 100_000, b'{"a":' * 100_000,
]  # fmt: skip

atoms = (
    st.sampled_from(ODDITIES)
    | st.text(max_size=20).map(written)
    | st.integers().map(written)
    | st.floats(allow_nan=False, allow_infinity=False).map(written)
)
keys = st.text(max_size=8).map(written) | st.sampled_from([written(name) for name in FIELDS])
anything = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=3).map(array) | st.lists(st.tuples(keys, inner), max_size=3).map(an_object),
    max_leaves=5,
)
texts = (st.just("hello") | st.text(max_size=20)).map(written)
roles = st.sampled_from([*["user", "assistant", "tool"] * 8, "system", "User", "wizard"]).map(written)
pictures = st.sampled_from([written(PNG), written(f"data:image/png;base64,{PNG}"), b'"iVBO\\u0052w0KGgo="', b'"aGk="'])
schemas = st.just(b'{"type":"object","properties":{"Model":{"type":"string"}}}')


WAYS = st.sampled_from(["well"] * 40 + ["other value", "other value", "other case", "other case", "twice", "missing"])


@st.composite
def spoiled(draw, members):
    """Make an object of members that are well, but for some: other values, other cases, none, two of them."""
    result = []
    for name, value in members.items():
        key = written(name)
        match draw(WAYS):
            case "well":
                result.append((key, draw(value)))
            case "other value":
                result.append((key, draw(anything)))
            case "other case":
                result.append((written(name.title()), draw(value)))
            case "twice":
                result += [(key, draw(anything)), (key, draw(value))]
            case "missing":
                continue
    return an_object(result)


calls = spoiled(
    {
        "id": st.sampled_from([b'"call_1"', b'""', b"null"]),
        "function": spoiled({"name": st.just(b'"get_weather"'), "arguments": anything | st.just(b'{"City":"Oslo"}')}),
    }
)
parts = spoiled({"type": st.just(b'"text"'), "text": texts}) | spoiled(
    {
        "type": st.just(b'"image_url"'),
        "image_url": spoiled({"url": pictures | st.just(b'"https://example.com/cat.png"')}) | pictures,
    }
)
sources = spoiled({"type": st.just(b'"base64"'), "data": pictures}) | spoiled(
    {"type": st.just(b'"url"'), "url": st.just(b'"https://example.com/cat.png"')}
)
blocks = (
    spoiled({"type": st.just(b'"text"'), "text": texts, "cache_control": st.just(b'{"type":"ephemeral"}')})
    | spoiled({"type": st.sampled_from([b'"image"', b'"document"']), "source": sources})
    | spoiled({"type": st.just(b'"thinking"'), "thinking": texts})
    | spoiled(
        {
            "type": st.just(b'"tool_use"'),
            "id": st.just(b'"call_1"'),
            "name": st.just(b'"get_weather"'),
            "input": anything | st.just(b'{"City":"Oslo"}'),
        }
    )
    | spoiled({"type": st.just(b'"tool_result"'), "tool_use_id": st.just(b'"call_1"'), "content": texts | anything})
)
messages = spoiled({"role": roles, "content": texts}) | spoiled(
    {
        "role": roles,
        "content": texts | st.lists(parts, max_size=2).map(array) | st.lists(blocks, max_size=3).map(array),
        "thinking": texts,
        "images": st.lists(pictures, max_size=2).map(array),
        "tool_calls": st.lists(calls, max_size=2).map(array),
        "tool_name": st.just(b'"get_weather"'),
        "tool_call_id": st.just(b'"call_1"'),
    }
)
pieces = spoiled({"type": st.sampled_from([b'"input_text"', b'"output_text"']), "text": texts}) | spoiled(
    {
        "type": st.just(b'"input_image"'),
        "image_url": pictures | st.just(b'"https://example.com/cat.png"'),
        "detail": st.just(b'"low"'),
    }
)
said = texts | st.lists(pieces, max_size=2).map(array)
items = (
    spoiled({"type": st.just(b'"message"'), "role": roles, "content": said})
    | spoiled({"type": st.just(b'"reasoning"'), "summary": st.lists(pieces, max_size=1).map(array)})
    | spoiled(
        {
            "type": st.sampled_from([b'"function_call"', b'"custom_tool_call"']),
            "call_id": st.just(b'"call_1"'),
            "namespace": st.just(b'"clock"') | st.just(b"null"),
            "name": st.just(b'"f"'),
            "arguments": st.just(b'"{}"') | texts,
            "input": texts,
        }
    )
    | spoiled(
        {
            "type": st.sampled_from([b'"function_call_output"', b'"custom_tool_call_output"']),
            "call_id": st.just(b'"call_1"'),
            "output": said | anything,
        }
    )
    | spoiled({"type": st.sampled_from([b'"web_search_call"', b'"additional_tools"', b'"x"']), "id": texts})
)
options = st.dictionaries(
    st.sampled_from(sorted(OPTION_RULES)).map(written), anything | st.integers(-2, 2).map(written), max_size=3
).map(lambda members: an_object(members.items()))
conversations = st.lists(messages, min_size=1, max_size=3).map(array)
tools = spoiled(
    {"type": st.just(b'"function"'), "function": spoiled({"name": st.just(b'"f"'), "parameters": schemas})}
) | spoiled({"name": st.just(b'"f"'), "input_schema": schemas, "description": texts})
flat_tools = spoiled(
    {
        "type": st.sampled_from([b'"function"', b'"function"', b'"custom"', b'"web_search"']),
        "name": st.just(b'"f"') | texts,
        "description": texts,
        "parameters": schemas,
        "strict": st.just(b"false"),
    }
)
grouped_tools = spoiled(
    {"type": st.just(b'"namespace"'), "name": st.just(b'"clock"'), "tools": st.lists(flat_tools, max_size=2).map(array)}
)
names = st.sampled_from([*MODELS * 5, "mine", "gpt-4o-mini", "nobody/nothing", " openai/gpt-4o ", "llama3.1:8b"]).map(
    written
)
flags = st.sampled_from([b"true", b"false", b"null"])

ALWAYS = {
    "model": names,
    "messages": conversations,
    "prompt": texts,
    "input": texts | st.lists(texts, max_size=3).map(array) | st.lists(items, min_size=1, max_size=4).map(array),
    "from": names,
    "source": names,
    "destination": st.just(b'"mine"') | names,
    "max_tokens": st.integers(-1, 50).map(written) | st.just(b"5000"),
}
SOMETIMES = {
    "options": options,
    "parameters": options,
    "tools": st.lists(tools, max_size=2).map(array) | st.lists(flat_tools | grouped_tools, max_size=3).map(array),
    "format": schemas | st.just(b'"json"'),
    "think": flags | st.just(b'"high"'),
    "images": st.lists(pictures, max_size=2).map(array),
    "context": st.lists(st.integers(0, 300).map(written), max_size=5).map(array),
    "keep_alive": st.sampled_from([b"0", b'"5m"', b"-1", b"1e400", b"9" * 400, b'"9999999999999999h"']),
    "name": names,
    "stream": flags,
    "raw": flags,
    "top_logprobs": st.integers(-1, 25).map(written),
    "dimensions": st.integers(-1, 3000).map(written),
    "license": texts | st.lists(texts, max_size=2).map(array),
    "stop": texts | st.lists(texts, max_size=6).map(array),
    "n": st.integers(-1, 3).map(written),
    "thinking": st.sampled_from([b'{"type":"adaptive"}', b'{"type":"enabled","budget_tokens":2000}', b'{"type":"x"}']),
    "system": texts | st.lists(blocks, max_size=2).map(array),
    "stop_sequences": st.lists(texts, max_size=6).map(array),
    "output_config": st.sampled_from([b'{"effort":"low"}', b'{"format":{"type":"json_schema","schema":{}}}']),
    "max_completion_tokens": st.integers(-1, 50).map(written),
    "max_output_tokens": st.integers(-1, 50).map(written),
    "text": st.sampled_from(
        [
            b'{"verbosity":"low"}',
            b'{"format":{"type":"json_schema","name":"a b","schema":{"type":"object"}}}',
            b'{"format":{"type":"json_object"}}',
            b'{"format":{"type":"json_schema"}}',
        ]
    ),
    "include": st.just(b'["message.output_text.logprobs"]'),
    "temperature": st.sampled_from([b"0", b"0.5", b"2", b"-1"]),
    "top_p": st.sampled_from([b"0", b"0.5", b"1", b"2"]),
    "seed": st.integers().map(written),
    "logprobs": flags | st.integers(-1, 25).map(written),
    "tool_choice": st.sampled_from(
        [
            b'{"type":"any"}',
            b'"auto"',
            b'"none"',
            b'"required"',
            b'{"type":"any"}',
            b'{"type":"function","function":{"name":"f"}}',
            b'{"type":"function","name":"f"}',
            b'{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]}',
            b'{"type":"web_search"}',
        ]
    ),
    "parallel_tool_calls": flags,
    "response_format": st.sampled_from([b'{"type":"json_object"}', b'{"type":"text"}', b'{"type":"x"}']),
    "reasoning_effort": st.sampled_from([b'"high"', b'"none"', b'"minimal"', b'"x"', b'""']),
    "reasoning": st.just(b'{"effort":"low"}'),
    "stream_options": st.just(b'{"include_usage":true}'),
    "encoding_format": st.sampled_from([b'"float"', b'"base64"', b'"hex"']),
}


@st.composite
def requests(draw):
    """A request with the fields of all shapes: what a route does not know, it passes over."""
    chosen = draw(st.lists(st.sampled_from(FIELDS), max_size=5, unique=True))
    return draw(spoiled(ALWAYS | {name: SOMETIMES.get(name, texts) for name in chosen if name not in ALWAYS}))


@st.composite
def bodies(draw):
    """Mostly a request; else a part of one, one with more around it, or something else altogether."""
    match draw(st.sampled_from(["request"] * 12 + ["part", "more", "other", "bytes"])):
        case "part":
            body = draw(requests())
            return body[: draw(st.integers(0, len(body)))]
        case "more":
            before = draw(st.sampled_from([b" ", b"\xef\xbb\xbf", b"\0", b""]))
            return before + draw(requests()) + draw(st.sampled_from([b"x", b" {}", b"\0", b"\xff"]))
        case "other":
            return draw(anything)
        case "bytes":
            return draw(st.binary(max_size=50))
        case _:
            return draw(requests())


SOUNDS = [b"RIFF$\0\0\0WAVEfmt ", b"ID3", b"\0\0\0 ftypM4A ", b"\x1aE\xdf\xa3", b"", b"RIFF", b"\r\n--cut"]
FORM_FIELDS = {
    b"model": st.sampled_from([b"google/gemini-2.5-flash"] * 5 + [b"openai/gpt-4o-mini", b"nobody/nothing"]),
    b"file": st.sampled_from(SOUNDS),
    b"language": st.sampled_from([b"de", b"en-GB", b"\xff"]),
    b"prompt": st.text(max_size=20).map(str.encode),
    b"response_format": st.sampled_from([b"json", b"text", b"srt", b"\xc3\xa9"]),
    b"temperature": st.sampled_from([b"0", b"0.5", b"2", b"9", b"-1", b"nan", b"1e400", b"x"]),
    b"stream": st.sampled_from([b"true", b"false", b"1", b"2"]),
}
DISPOSITIONS = st.sampled_from(
    [b'form-data; name="%b"'] * 5
    + [b'form-data; name="%b"; filename="a.aac"'] * 5
    + [b"form-data; name=%b; filename=\xff", b'attachment; NAME="%b', b"%b", b"form-data; name*=utf-8''%b; name=\"x\""]
)


@st.composite
def forms(draw):
    """Mostly a form with sound; else a part of one, or one with more in it."""
    body = b""
    for name, values in FORM_FIELDS.items():
        way = draw(WAYS)
        if way != "missing":
            value = draw(st.binary(max_size=30) | anything if way == "other value" else values)
            disposition = draw(DISPOSITIONS) % (name.title() if way == "other case" else name)
            field = b"--cut\r\nContent-Disposition: %b\r\n\r\n%b\r\n" % (disposition, value)
            body += field * (2 if way == "twice" else 1)
    body += b"--cut--\r\n"
    match draw(st.sampled_from(["form"] * 12 + ["part", "more", "bytes"])):
        case "part":
            return body[: draw(st.integers(0, len(body)))]
        case "more":
            at = draw(st.integers(0, len(body)))
            return body[:at] + draw(st.sampled_from([b"\r\n--cut", b"\r\n", b"\0", b"\xff", b"--"])) + body[at:]
        case "bytes":
            return draw(st.binary(max_size=50))
        case _:
            return body


def refused_by_upstream(received):
    """Say whether it was OpenRouter's own refusal: such a request had to be sent for it to be refused."""
    read = strict.read_embeddings if received.path.endswith("/embeddings") else strict.read_chat
    try:
        read(received.body)
    except RefusedError:
        return True
    return False


ANTHROPICS_ERROR = {"type": str, "error": {"type": str, "message": str}, "request_id": str}
OPENAIS_ERROR = {"error": {"message": str, "type": str, "param": type(None), "code": type(None)}}


def fields_of_error(told):
    """The types in an error, whatever it says."""
    return {name: fields_of_error(value) if isinstance(value, dict) else type(value) for name, value in told.items()}


def throw(proxy, upstream, method, path, body, **headers):
    """Send a body to a route, and look at what comes of it."""
    before = len(upstream.received)
    address = path.partition("{")[0] + (DIGEST if "{" in path else "")

    answer = proxy.http.request(method, address, content=body, headers=headers)

    sent = upstream.received[before:]
    assert answer.status_code < 500 or ON_PURPOSE in answer.text, answer.text
    assert all(one.body is not None for one in sent)
    if answer.status_code >= 400:
        assert all(refused_by_upstream(one) for one in sent)
    if answer.status_code >= 400 and method != "HEAD":
        shapes = (("/v1/messages", ANTHROPICS_ERROR), ("/v1/", OPENAIS_ERROR), ("/", {"error": str}))
        assert fields_of_error(answer.json()) == next(shape for door, shape in shapes if path.startswith(door))


@pytest.mark.parametrize(("method", "path"), [route for route in ALL if route[0] not in ("GET", "HEAD")])
def test_whatever_is_sent_is_answered(proxies, upstream, tmp_path, method, path):
    """Each route has a proxy of its own: some bodies are well, and change its models."""
    proxy = proxies.start(tmp_path / "home")

    @settings(EVERY_TIME, max_examples=80)
    @given(body=bodies())
    def send(body):
        throw(proxy, upstream, method, path, body)

    send()


def test_whatever_form_is_sent_is_answered(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path / "home")
    headers = {"content-type": "multipart/form-data; boundary=cut"}

    @settings(EVERY_TIME, max_examples=400)
    @given(body=forms())
    def send(body):
        throw(proxy, upstream, "POST", "/v1/audio/transcriptions", body, **headers)

    send()
    assert upstream.chats


def test_whatever_is_sent_where_nothing_is_read_is_answered(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path / "home")

    @settings(EVERY_TIME, max_examples=10)
    @given(body=bodies())
    def send(body):
        for method, path in ALL:
            if method in ("GET", "HEAD"):
                throw(proxy, upstream, method, path, body)

    send()
