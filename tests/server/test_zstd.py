"""Bodies packed with zstd: unpacked on the routes under `/v1`, and never more of them than the limit."""

import json
import subprocess
import sys
import tracemalloc

import pytest

from contract.reading import openais_error
from tray_proxy.errors import BadRequest, BodyTooLarge
from tray_proxy.server.zstd import MAX_FRAMES, MAX_UNPACKED_BYTES, Unpacked

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1024 * 1024
NEVER_ENDING = [zstd.compress(bytes(10 * MIB))] * 100
CHAT = json.dumps({"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}).encode()
TOO_LARGE = "The request is larger than 20 MiB when it is unpacked: send it uncompressed, or less at once."


def unpacked(*parts):
    body = Unpacked()
    for part in parts:
        body.add(part)
    return body.whole()


def with_window(content, log):
    options = {zstd.CompressionParameter.window_log: log, zstd.CompressionParameter.content_size_flag: False}
    packer = zstd.ZstdCompressor(options=options)
    return packer.compress(content) + packer.flush()


def damaged(content):
    packed = zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: True})
    return packed[:-1] + bytes([packed[-1] ^ 1])


def skippable(content):
    return b"\x50\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content


@pytest.mark.parametrize("content", [b"", b"a", CHAT * 1000, bytes(MAX_UNPACKED_BYTES)], ids=len)
def test_what_was_packed_comes_out(content):
    assert unpacked(zstd.compress(content)) == content


def test_a_body_that_comes_byte_by_byte_is_unpacked():
    assert unpacked(*(bytes([byte]) for byte in zstd.compress(CHAT))) == CHAT


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_several_frames_are_one_body(size):
    """Wherever the network cuts them. A skippable frame holds nothing of the body."""
    packed = zstd.compress(b"one ") + skippable(b"note") + zstd.compress(b"") + zstd.compress(b"body")

    assert unpacked(*(packed[at : at + size] for at in range(0, len(packed), size))) == b"one body"


def test_no_body_at_all_is_an_empty_one():
    assert unpacked(b"") == b""


def test_a_bomb_is_in_memory_no_further_than_the_limit():
    """A hundred bytes a megabyte stand for a gigabyte here."""
    tracemalloc.start()
    with pytest.raises(BodyTooLarge) as caught:
        unpacked(*NEVER_ENDING)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert caught.value.message == TOO_LARGE
    assert peak < MAX_UNPACKED_BYTES + 4 * MIB


def test_one_byte_beyond_the_limit_is_too_much():
    with pytest.raises(BodyTooLarge):
        unpacked(zstd.compress(bytes(MAX_UNPACKED_BYTES)), zstd.compress(b"x"))


def test_a_packed_body_beyond_the_limit_is_refused_whatever_it_holds():
    """It holds nothing, so no limit of what it holds would end it."""
    with pytest.raises(BodyTooLarge):
        unpacked(*[skippable(bytes(MIB))] * 21)


def test_frames_without_end_are_refused():
    """Each costs time, and adds nothing to what is counted otherwise."""
    with pytest.raises(BadRequest) as caught:
        unpacked(zstd.compress(b"") * (MAX_FRAMES + 1))

    assert caught.value.message == "The request cannot be unpacked as zstd: it has more than 1000 frames."


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (b"hello world", "Unknown frame descriptor"),
        (zstd.compress(CHAT) + b"garbage", "Unknown frame descriptor"),
        (damaged(CHAT), "Restored data doesn't match checksum"),
        (with_window(bytes(10 * MIB), 24), "Frame requires too much memory for decoding"),
    ],
    ids=["no zstd", "more behind it", "damaged", "a window of 16 MiB"],
)
def test_what_cannot_be_unpacked_is_refused_with_the_reason(packed, reason):
    with pytest.raises(BadRequest) as caught:
        unpacked(packed)

    assert caught.value.message == f"The request cannot be unpacked as zstd: {reason}. Send it uncompressed."


def test_the_largest_window_of_the_web_is_taken():
    assert unpacked(with_window(bytes(10 * MIB), 23)) == bytes(10 * MIB)


@pytest.mark.parametrize("missing", [1, 10, len(zstd.compress(CHAT)) - 1])
def test_a_body_without_its_end_is_refused(missing):
    with pytest.raises(BadRequest) as caught:
        unpacked(zstd.compress(CHAT)[:-missing])

    assert caught.value.message == "The request cannot be unpacked as zstd: its end is missing. Send it again."


def test_the_library_is_not_read_before_it_is_needed():
    """The port opens before what the first chat does not need."""
    program = "import sys; import tray_proxy.program; print([name for name in sys.modules if name.endswith('zstd')])"

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert told.stdout == "[]\n"


# -- over a socket ---------------------------------------------------------------------------------


def post(proxy, path, packed, encoding="zstd"):
    return proxy.http.post(path, content=packed, headers={"content-encoding": encoding})


@pytest.mark.parametrize("encoding", ["zstd", "ZSTD"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1//chat/completions/"])
def test_a_packed_chat_is_answered(proxy, upstream, path, encoding):
    answer = post(proxy, path, zstd.compress(CHAT), encoding)

    assert answer.status_code == 200, answer.text
    assert answer.json()["object"] == "chat.completion"
    assert upstream.chats[-1].body == json.loads(CHAT) | {"stream": True}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/completions", {"prompt": "hello"}),
        ("/v1/embeddings", {"model": "baai/bge-m3", "input": "hello"}),
        ("/v1/messages", {"max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}),
        ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "hello"}]}),
    ],
)
def test_every_route_of_v1_that_reads_json_unpacks(proxy, path, fields):
    answer = post(proxy, path, zstd.compress(json.dumps({"model": "openai/gpt-4o-mini"} | fields).encode()))

    assert answer.status_code == 200, answer.text


def test_a_bomb_is_told_in_openais_shape(proxy, upstream):
    answer = post(proxy, "/v1/chat/completions", b"".join(NEVER_ENDING))

    assert openais_error(answer) == (413, "api_error", TOO_LARGE)
    assert upstream.received == []


def test_a_bomb_is_told_in_anthropics_shape(proxy, upstream):
    answer = post(proxy, "/v1/messages", b"".join(NEVER_ENDING))

    assert answer.status_code == 413
    assert answer.json()["error"] == {"type": "request_too_large", "message": TOO_LARGE}
    assert upstream.received == []


def test_half_a_body_is_told_in_openais_shape(proxy, upstream):
    answer = post(proxy, "/v1/chat/completions", zstd.compress(CHAT)[:-10])

    assert openais_error(answer) == (
        400,
        "invalid_request_error",
        "The request cannot be unpacked as zstd: its end is missing. Send it again.",
    )
    assert upstream.received == []


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd, gzip"])
def test_other_packing_is_refused_in_openais_shape(proxy, upstream, encoding):
    answer = post(proxy, "/v1/chat/completions", b"\x1f\x8b", encoding)

    assert openais_error(answer) == (
        415,
        "api_error",
        f"Content-Encoding '{encoding}' is not supported: send the request uncompressed.",
    )
    assert upstream.received == []


def test_ollamas_own_routes_unpack_nothing(proxy, upstream):
    answer = post(proxy, "/api/chat", zstd.compress(CHAT))

    assert (answer.status_code, answer.json()) == (
        415,
        {"error": "Content-Encoding 'zstd' is not supported: send the request uncompressed."},
    )
    assert upstream.received == []
