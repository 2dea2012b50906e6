"""Whatever stands in a request's head, its method, its path, its query: an answer, never a failure of ours."""

import socket
import string

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from faults.asking import read_answer
from tray_proxy.demo.upstream import DemoUpstream
from tray_proxy.server.app import ROUTES

DIGEST = "sha256:" + "0" * 64
ALL = [(method, path) for methods, path, _ in ROUTES for method in methods.split(",")]
EVERY_TIME = settings(derandomize=True, database=None, deadline=None, phases=[Phase.generate, Phase.shrink])
TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"

names = st.sampled_from(
    [
        "Accept", "Accept-Encoding", "Authorization", "Cookie", "Content-Type", "Content-Encoding", "Expect",
        "Forwarded", "If-None-Match", "Origin", "Range", "Referer", "Sec-Fetch-Site", "TE", "Upgrade", "User-Agent",
        "X-Api-Key", "X-Forwarded-For", "X-Forwarded-Host", "X-HTTP-Method-Override", "anthropic-version",
        "x-stainless-os",
    ]
) | st.text(TOKEN, min_size=1, max_size=12)  # fmt: skip
values = st.sampled_from(
    [
        "", "*", "null", "gzip", "zstd", "identity", "application/json", "text/event-stream", "multipart/form-data",
        "multipart/form-data; boundary=", "bytes=0-1", "trailers", "websocket", "h2c", "DELETE", "Bearer x",
        "Basic eA==", "http://localhost", "https://evil.example", "chrome-extension://abcdefgh", "127.0.0.1, 10.0.0.1",
        "same-origin",
    ]
) | st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)  # fmt: skip
heads = st.lists(st.tuples(names, values), max_size=6).filter(
    # What frames the request is not random: another test's affair.
    lambda head: not {name.lower() for name, _ in head} & {"host", "connection", "content-length", "transfer-encoding"}
)
queries = st.text(string.printable[:94], max_size=40).map(lambda text: text.replace("#", "")) | st.sampled_from(
    ["", "?", "beta=true", "model=x&model=y", "%", "%00", "%ff%fe", "a[]=1", "=&=&", "stream=true", "x" * 4000]
)
segments = st.sampled_from(
    ["api", "v1", "chat", "models", "..", ".", "%2e%2e", "%2f", "%00", "%ff", "", "tags", "blobs", "http:", "*", "a:b"]
) | st.text(string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@%", max_size=12)
paths = st.lists(segments, max_size=6).map(lambda parts: "/" + "/".join(parts))
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "A"])


@pytest.fixture(scope="module")
def own(shared_proxies, stage, tmp_path_factory):
    """A proxy whose models may be changed, and its upstream."""
    demo = DemoUpstream(chunk_delay_s=0)
    stage.app = demo.app
    return shared_proxies.start(tmp_path_factory.mktemp("home")), demo


@pytest.fixture(autouse=True)
def the_upstream_of_these_tests(own, stage):
    stage.app = own[1].app


def ask(own, method, target, head=(), body=b"{}"):
    """Send a request whose every byte is given; nothing that it asks for can be bought."""
    proxy, demo = own
    before = len(demo.received)
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in head]

    received = b""
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=15) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        while part := connection.recv(65536):
            received += part
    answered = read_answer(received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"))

    assert 200 <= answered.status < 500, answered
    assert len(demo.received) == before, answered
    return answered


@pytest.mark.parametrize(("method", "path"), ALL)
def test_whatever_stands_in_a_head_or_a_query_is_answered(own, method, path):
    address = path.partition("{")[0] + (DIGEST if "{" in path else "")

    @settings(EVERY_TIME, max_examples=25)
    @given(head=heads, query=queries)
    def send(head, query):
        ask(own, method, f"{address}?{query}".replace(" ", "+"), head)

    send()


def test_whatever_path_is_asked_for_is_answered(own):
    @settings(EVERY_TIME, max_examples=300)
    @given(path=paths, method=methods)
    def send(path, method):
        ask(own, method, path)

    send()
