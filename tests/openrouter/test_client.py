"""The client on real sockets: what goes out, what comes of dead connections, and what it never does."""

import asyncio
import gc
import json
import socket
import threading
import weakref

import msgspec
import pytest
from msgspec import UNSET

from openrouter.reading import chunks_of
from tray_proxy.errors import (
    KeyRejected,
    ModelNotFound,
    NetworkSignIn,
    RateLimited,
    SettingsInvalid,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tray_proxy.keychain import Keychain
from tray_proxy.openrouter import sign_in
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.openrouter.upload import SLICE_BYTES, Fate
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import Settings
from tray_proxy.wire.openrouter import (
    CompletionRequest,
    EmbeddingRequest,
    ImagePart,
    ImageUrl,
    Message,
    Spliced,
)

KEY = "sk-or-v1-test-key-of-nobody"
REQUEST = CompletionRequest(model="m/m", messages=[Message(role="user", content="hi")], stream=True)
EVENT = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
VECTORS = b'{"data":[{"embedding":[0.5],"index":0}],"usage":{"prompt_tokens":1,"cost":0.01}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
ANSWER = HEAD + b"Content-Length: %d\r\n\r\n" % len(EVENT) + EVENT


def read_request(connection):
    """Read one request off a connection; b"" when the other side has closed it."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            return b""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def talk_to(url, *questions, **settings):
    """Run questions against one client in one loop."""

    async def run():
        chosen = Settings(openrouter_base_url=url, **settings)
        client = OpenRouterClient(chosen, Keychain(SecretStr(KEY)))
        try:
            return [await question(client) for question in questions]
        finally:
            await client.close()

    return asyncio.run(run())


async def chat(client):
    async with client.stream(REQUEST, "m") as answer:
        return [
            chunk.choices[0].delta.content async for chunks in chunks_of(answer) for chunk in chunks if chunk.choices
        ]


async def vectors(client):
    reply = await client.embed(EmbeddingRequest(model="m/m", input=["one"]), "m", Fate())
    return [item.embedding for item in reply.data]


def json_answer(body, status=b"200 OK", length=None):
    """Write a whole answer, announcing another length if wanted."""
    announced = len(body) if length is None else length
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, announced) + body


async def models(client):
    return await client.fetch_models("/models")


def test_a_request_carries_the_key_the_identity_and_nothing_else(raw_upstream):
    seen = []

    def answer(connection, _number):
        seen.append(read_request(connection))
        connection.sendall(ANSWER)

    talk_to(raw_upstream(answer), chat)

    head, _, body = seen[0].decode().partition("\r\n\r\n")
    names = sorted(line.partition(":")[0].lower() for line in head.split("\r\n")[1:])
    assert head.startswith("POST /api/v1/chat/completions HTTP/1.1\r\n")
    assert f"Authorization: Bearer {KEY}" in head
    assert names == [
        "accept", "accept-encoding", "authorization", "content-length", "content-type", "host",
        "http-referer", "user-agent", "x-openrouter-title",
    ]  # fmt: skip
    assert json.loads(body) == {"model": "m/m", "messages": [{"role": "user", "content": "hi"}], "stream": True}


@pytest.mark.parametrize(
    ("wished", "sent"),
    [
        (UNSET, {"data_collection": "deny", "zdr": True}),
        # An app may be stricter, and never looser.
        (
            {"order": ["acme"], "data_collection": "allow", "zdr": False},
            {"order": ["acme"], "data_collection": "deny", "zdr": True},
        ),
    ],
)
def test_private_providers_are_asked_for_whatever_an_app_wishes(raw_upstream, wished, sent):
    seen = []

    def answer(connection, _number):
        while request := read_request(connection):
            seen.append(json.loads(request.partition(b"\r\n\r\n")[2]))
            connection.sendall(json_answer(VECTORS) if b"/embeddings" in request else ANSWER)

    async def chat_and_vectors(client):
        async with client.stream(msgspec.structs.replace(REQUEST, provider=wished), "m") as answer:
            await answer.pour(lambda _: True)
        return await vectors(client)

    talk_to(raw_upstream(answer), chat_and_vectors, private_providers=True)

    assert [request["provider"] for request in seen] == [sent, {"data_collection": "deny", "zdr": True}]


def test_each_request_shows_the_key_of_its_own_time(raw_upstream):
    shown = []

    def answer(connection, _number):
        while request := read_request(connection):
            shown.append(request.decode().partition("Authorization: ")[2].partition("\r\n")[0])
            connection.sendall(json_answer(b'{"data":{"label":"mine"}}'))

    async def ask_with_two(client):
        for key in (KEY, KEY[::-1], KEY):
            await client.check_key(SecretStr(key))
        await client.fetch_models("/models")

    talk_to(raw_upstream(answer), ask_with_two)

    assert shown == [f"Bearer {KEY}", f"Bearer {KEY[::-1]}", f"Bearer {KEY}", ""]


def test_no_key_is_kept_once_it_is_forgotten(raw_upstream):
    def answer(connection, _number):
        while read_request(connection):
            connection.sendall(json_answer(b'{"data":{"label":"mine"}}'))

    async def ask_and_forget(client):
        await client.fetch_models("/models")
        key = SecretStr(KEY[::-1])
        await client.check_key(key)
        kept = len(client._connections._targets)
        del key
        gc.collect()
        return kept, client._connections._targets

    assert talk_to(raw_upstream(answer), ask_and_forget) == [(1, {})]


def test_a_large_picture_arrives_whole_also_when_it_is_sent_again(raw_upstream):
    """It goes out in slices of the client's own request."""
    tail = memoryview(bytes(ord("A") + at % 26 for at in range(2 * SLICE_BYTES + 7)))
    part = ImagePart(image_url=ImageUrl(url=Spliced("data:image/png;base64,", tail)))
    request = CompletionRequest(model="m/m", messages=[Message(role="user", content=[part])], stream=True)
    requests = []

    def answer(connection, number):
        requests.append(read_request(connection))
        connection.sendall(ANSWER)
        if number == 1:
            requests.append(read_request(connection))
            connection.close()

    async def show(client):
        async with client.stream(request, "m") as reply:
            return [chunks async for chunks in chunks_of(reply)] != []

    assert talk_to(raw_upstream(answer), show, show) == [True, True]
    urls = [
        json.loads(each.partition(b"\r\n\r\n")[2])["messages"][0]["content"][0]["image_url"]["url"] for each in requests
    ]
    assert urls == ["data:image/png;base64," + bytes(tail).decode()] * 3


class Body(bytearray):
    """An app's request, of which it can be told when it is gone."""


def test_once_an_answer_begins_nothing_of_the_question_is_in_memory_any_more(raw_upstream):
    """Else several requests with pictures would be, until somebody collects what is of no use."""

    def answer(connection, _number):
        read_request(connection)
        connection.sendall(ANSWER)

    def with_picture(body):
        picture = ImagePart(image_url=ImageUrl(url=Spliced("data:image/png;base64,", memoryview(body))))
        return CompletionRequest(model="m/m", messages=[Message(role="user", content=[picture])], stream=True)

    async def ask(client):
        body = Body(b"AAAA" * 1000)
        gone = weakref.ref(body)
        bought = client.stream(with_picture(body), "m")
        del body
        async with bought as reply:
            while_it_comes = gone()
            async for _ in chunks_of(reply):
                pass
        return while_it_comes, bought.may_cost(told=True)

    assert talk_to(raw_upstream(answer), ask) == [(None, True)]


def test_the_catalogue_is_fetched_without_the_key(raw_upstream):
    seen = []

    def answer(connection, _number):
        seen.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")

    assert talk_to(raw_upstream(answer), models) == [b"{}"]
    assert KEY.encode() not in seen[0]


def test_a_question_can_leave_before_its_answer_is_waited_for(raw_upstream):
    asked, entered = threading.Event(), threading.Event()

    def answer(connection, _number):
        read_request(connection)
        connection.sendall(ANSWER)
        read_request(connection)
        asked.set()
        assert entered.wait(15)
        connection.sendall(ANSWER)

    async def early(client):
        bought = client.stream(REQUEST, "m")
        bought.begin()
        assert await asyncio.to_thread(asked.wait, 15)
        entered.set()
        async with bought as reply:
            return [chunk.choices[0].delta.content async for chunks in chunks_of(reply) for chunk in chunks]

    assert talk_to(raw_upstream(answer), chat, early) == [["hi"], ["hi"]]


def test_one_that_left_and_is_never_waited_for_is_broken_off_and_may_cost(raw_upstream):
    broken_off = threading.Event()

    def answer(connection, _number):
        read_request(connection)
        connection.sendall(ANSWER)
        assert read_request(connection)
        assert connection.recv(1) == b""
        broken_off.set()

    async def drop(client):
        bought = client.stream(REQUEST, "m")
        bought.begin()
        bought.drop()
        return await asyncio.to_thread(broken_off.wait, 15), bought.may_cost(told=False)

    assert talk_to(raw_upstream(answer), chat, drop) == [["hi"], (True, True)]


def test_a_key_that_breaks_its_line_goes_nowhere_and_is_told():
    """Our own ways take none such; a key store may be edited by hand."""

    async def ask():
        settings = Settings(openrouter_base_url="http://127.0.0.1:9")
        client = OpenRouterClient(settings, Keychain(SecretStr(f"{KEY}\r\nX: y")))
        bought = client.stream(REQUEST, "m")
        with pytest.raises(KeyRejected) as early:
            bought.begin()
        with pytest.raises(KeyRejected) as late:
            await chat(client)
        await client.close()
        return early.value.message, late.value.message, bought.may_cost(told=False)

    words = "The OpenRouter key that is stored here is no key: it holds a line break."
    assert asyncio.run(ask()) == (words, words, False)


def test_without_a_key_at_hand_nothing_leaves_early():
    async def early():
        client = OpenRouterClient(Settings(openrouter_base_url="http://127.0.0.1:9"), Keychain())
        bought = client.stream(REQUEST, "m")
        bought.begin()
        bought.drop()
        await client.close()
        return bought.may_cost(told=False)

    assert asyncio.run(early()) is False


def test_a_dead_kept_connection_is_replaced_once(raw_upstream):
    """The other side closed it while it lay idle: nothing was answered, so nothing was charged."""
    requests = []
    half = threading.Event()

    def answer(connection, number):
        requests.append(read_request(connection))
        connection.sendall(ANSWER)
        if number == 1:
            # The second request arrives here, and dies without a byte.
            requests.append(read_request(connection))
            connection.close()
            half.set()

    assert talk_to(raw_upstream(answer), chat, chat) == [["hi"], ["hi"]]
    assert half.is_set()
    assert [bool(request) for request in requests] == [True, True, True]


def test_a_kept_connection_that_dies_late_is_not_replaced(raw_upstream, monkeypatch):
    """OpenRouter may have been at work on the request: vectors are silent until they are all there."""
    monkeypatch.setattr("tray_proxy.openrouter.transport.RESEND_WITHIN_S", -1.0)
    connections = []

    def answer(connection, number):
        connections.append(number)
        read_request(connection)
        connection.sendall(json_answer(VECTORS))
        read_request(connection)
        connection.close()

    with pytest.raises(UpstreamUnreachable, match="broke off before anything was answered"):
        talk_to(raw_upstream(answer), vectors, vectors)
    assert connections == [1]


def test_a_new_connection_that_dies_is_not_tried_again(raw_upstream):
    connections = []

    def answer(connection, number):
        connections.append(number)
        read_request(connection)
        connection.close()

    with pytest.raises(UpstreamUnreachable, match="broke off before anything was answered"):
        talk_to(raw_upstream(answer), chat)
    assert connections == [1]


def test_the_second_try_is_the_last(raw_upstream):
    connections = []

    def answer(connection, number):
        connections.append(number)
        read_request(connection)
        if number == 1:
            connection.sendall(ANSWER)
            read_request(connection)
        connection.close()

    with pytest.raises(UpstreamUnreachable):
        talk_to(raw_upstream(answer), chat, chat)
    assert connections == [1, 2]


@pytest.mark.parametrize("beginning", [b"HTTP/1.1 200 OK\r\nConte", b"H", b"garbage"])
def test_a_kept_connection_that_answered_one_byte_is_not_replaced(raw_upstream, beginning):
    """OpenRouter had the request: a second one would be a second purchase."""
    requests = []

    def answer(connection, number):
        requests.append(read_request(connection))
        if number == 1:
            connection.sendall(ANSWER)
            requests.append(read_request(connection))
            connection.sendall(beginning)
            connection.close()
        else:
            connection.sendall(ANSWER)

    with pytest.raises(UpstreamUnreachable):
        talk_to(raw_upstream(answer), chat, chat)
    assert len(requests) == 2


def test_a_key_echoed_inside_a_stream_is_struck_out(raw_upstream):
    def answer(connection, _number):
        read_request(connection)
        body = f'data: {{"error":{{"code":401,"message":"bad key Bearer {KEY}"}}}}\n\n'.encode()
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    with pytest.raises(KeyRejected) as caught:
        talk_to(raw_upstream(answer), chat)
    assert caught.value.message == "OpenRouter does not accept the key: bad key Bearer [key removed]"


def test_a_figure_that_comes_as_text_does_not_cost_the_answer(raw_upstream):
    costs = []

    def answer(connection, _number):
        read_request(connection)
        body = b'data: {"choices":[],"usage":{"prompt_tokens":1.0,"cost":"0.01"}}\n\ndata: [DONE]\n\n'
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def listen(client):
        async with client.stream(REQUEST, "m") as reply:
            async for chunks in chunks_of(reply):
                costs.extend(chunk.usage.cost for chunk in chunks)

    talk_to(raw_upstream(answer), listen)
    assert costs == [0.01]


def test_a_proxy_that_cannot_be_used_is_a_sentence_without_its_password(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "ftp://user:secret@proxy:1")

    with pytest.raises(SettingsInvalid, match=r"^The proxy server that HTTPS_PROXY.* cannot be used\.") as caught:
        OpenRouterClient(Settings(), Keychain(SecretStr(KEY)))
    assert "secret" not in str(caught.value)


def test_a_socks_proxy_can_be_used(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")

    client = OpenRouterClient(Settings(), Keychain(SecretStr(KEY)))

    asyncio.run(client.close())


def test_a_redirect_is_never_followed(raw_upstream):
    """The prompt would go with it, and the key perhaps."""
    strangers = []

    def stranger(connection, _number):
        strangers.append(read_request(connection))

    elsewhere = raw_upstream(stranger)

    def answer(connection, _number):
        read_request(connection)
        connection.sendall(f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode())

    with pytest.raises(NetworkSignIn, match=r"wants you to sign in first, at 127\.0\.0\.1 \(HTTP status 307\)"):
        talk_to(raw_upstream(answer), chat)
    assert strangers == []


@pytest.mark.parametrize("location", ["http://[", "//[::1", "http://a℀b/"])
def test_a_redirect_to_what_is_no_address_is_told_too(raw_upstream, location):
    """As a network's sign-in page may; the list of models would never be fetched again."""

    def answer(connection, _number):
        read_request(connection)
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())

    for ask in (chat, lambda client: client.fetch_models("/models")):
        with pytest.raises(NetworkSignIn, match=r"\(HTTP status 302\)"):
            talk_to(raw_upstream(answer), ask)


def test_a_body_without_end_is_not_read_for_ever(raw_upstream):
    def answer(connection, _number):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 500 Error\r\nContent-Type: text/html\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            return

    with pytest.raises(UpstreamError):
        talk_to(raw_upstream(answer), chat)


def test_no_connection_is_a_plain_sentence():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(UpstreamUnreachable, match=r"^OpenRouter could not be reached: there seems to be no internet"):
        talk_to(f"http://127.0.0.1:{port}/api/v1", chat)


def test_headers_that_do_not_come_are_named_with_their_limit(raw_upstream):
    def answer(connection, _number):
        read_request(connection)
        connection.recv(1)

    with pytest.raises(UpstreamTimeout, match=r"silent for 0\.1 s while we waited for the first byte"):
        talk_to(raw_upstream(answer), chat, first_byte_timeout_s=0.1)


def test_what_came_before_an_error_is_given_first(raw_upstream):
    said = []

    def answer(connection, _number):
        read_request(connection)
        body = b'data: {"choices":[{"delta":{"content":"so far"}}]}\n\ndata: {"error":{"code":502,"message":"m"}}\n\n'
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def listen(client):
        async with client.stream(REQUEST, "m") as reply:
            async for chunks in chunks_of(reply):
                said.extend(chunk.choices[0].delta.content for chunk in chunks)

    with pytest.raises(UpstreamError, match=r"^m$"):
        talk_to(raw_upstream(answer), listen)
    assert said == ["so far"]


def test_a_key_is_asked_about_at_openrouter(stage, upstream):
    async def right(client):
        return (await client.check_key(SecretStr(upstream.key))).is_free_tier

    async def wrong(client):
        await client.check_key(SecretStr("sk-or-v1-wrong-key-of-nobody"))

    assert talk_to(stage.url, right) == [False]
    with pytest.raises(KeyRejected):
        talk_to(stage.url, wrong)


CODE, VERIFIER = SecretStr("auth_code_of_nobody"), SecretStr("v" * 64)


def exchange(client):
    return client.exchange_code(CODE, VERIFIER)


def test_a_code_is_given_for_a_key_and_no_key_is_sent(raw_upstream):
    """Who signs in has none, or an old one that is nobody's business."""
    seen = []

    def answer(connection, _number):
        seen.append(read_request(connection))
        connection.sendall(json_answer(b'{"key":"sk-or-v1-new-key-of-nobody","user_id":null}'))

    (key,) = talk_to(raw_upstream(answer), exchange)

    head, _, body = seen[0].decode().partition("\r\n\r\n")
    assert key == SecretStr("sk-or-v1-new-key-of-nobody")
    assert head.startswith("POST /api/v1/auth/keys HTTP/1.1\r\n")
    assert "authorization" not in head.lower()
    assert json.loads(body) == {
        "code": "auth_code_of_nobody",
        "code_verifier": "v" * 64,
        "code_challenge_method": "S256",
    }


def test_the_key_of_a_code_works_at_the_demo(stage, upstream):
    from urllib.parse import parse_qsl, urlsplit

    import httpx

    url = sign_in.auth_url(
        sign_in.site_of(stage.url), "http://localhost:1/", sign_in.challenge_of(VERIFIER.get_secret_value()), "Tray"
    )
    back = httpx.post(url.replace("/auth?", "/auth/authorize?"), trust_env=False).headers["location"]
    code = SecretStr(dict(parse_qsl(urlsplit(back).query))["code"])

    async def sign_in_and_ask(client):
        return await client.check_key(await client.exchange_code(code, VERIFIER))

    async def once_more(client):
        await client.exchange_code(code, VERIFIER)

    assert [info.limit for info in talk_to(stage.url, sign_in_and_ask)] == [10.0]
    with pytest.raises(sign_in.SignInRefused, match="used before"):
        talk_to(stage.url, once_more)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"key":null}', b'{"key":"two words"}', b'{"key":""}'])
def test_a_code_for_which_somebody_else_answers_gives_no_key(raw_upstream, body):
    def answer(connection, _number):
        read_request(connection)
        connection.sendall(json_answer(body))

    with pytest.raises(UpstreamUnreachable, match="did not come from OpenRouter"):
        talk_to(raw_upstream(answer), exchange)


def test_a_code_goes_nowhere_else(raw_upstream):
    """A redirect would take code and verifier along."""
    requests = []

    def answer(connection, _number):
        requests.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    with pytest.raises(UpstreamUnreachable):
        talk_to(raw_upstream(answer), exchange)
    assert len(requests) == 1


def test_a_code_without_a_network_is_told_as_that():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(UpstreamUnreachable, match="no internet connection"):
        talk_to(f"http://127.0.0.1:{port}/api/v1", exchange)


def test_vectors_are_asked_for_with_the_key_and_nothing_else(raw_upstream):
    seen = []

    def answer(connection, _number):
        seen.append(read_request(connection))
        connection.sendall(json_answer(VECTORS))

    assert talk_to(raw_upstream(answer), vectors) == [[[0.5]]]

    head, _, body = seen[0].decode().partition("\r\n\r\n")
    assert head.startswith("POST /api/v1/embeddings HTTP/1.1\r\n")
    assert f"Authorization: Bearer {KEY}" in head
    assert "\r\nAccept: application/json\r\n" in head
    assert json.loads(body) == {"model": "m/m", "input": ["one"]}


def test_a_connection_that_gave_vectors_is_used_again(raw_upstream):
    connections = []

    def answer(connection, number):
        connections.append(number)
        while read_request(connection):
            connection.sendall(json_answer(VECTORS))

    assert talk_to(raw_upstream(answer), vectors, vectors) == [[[0.5]], [[0.5]]]
    assert connections == [1]


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (
            b"400 Bad Request",
            b'{"error":{"code":400,"message":"m/m cannot be used on this endpoint"}}',
            UpstreamError,
            "m/m cannot be used on this endpoint",
        ),
        (
            b"400 Bad Request",
            b'{"error":{"message":"m/m is not a valid model ID"}}',
            ModelNotFound,
            "model 'm' not found",
        ),
        (b"413 Too Large", b'{"error":{"code":413,"message":"too large"}}', UpstreamError, "too large"),
        (b"200 OK", b'{"error":{"code":429,"message":"slow down"}}', RateLimited, "slow down"),
    ],
)
def test_a_refusal_of_vectors_is_told_as_openrouter_gave_it(raw_upstream, status, body, kind, message):
    def answer(connection, _number):
        read_request(connection)
        connection.sendall(json_answer(body, status))

    with pytest.raises(kind) as caught:
        talk_to(raw_upstream(answer), vectors)
    assert caught.value.message == message


def test_vectors_that_break_off_are_an_error_and_not_asked_for_again(raw_upstream):
    """Something was answered, so something was charged."""
    connections = []

    def answer(connection, number):
        connections.append(number)
        read_request(connection)
        connection.sendall(json_answer(VECTORS, length=2 * len(VECTORS)))
        connection.close()

    with pytest.raises(UpstreamUnreachable, match="broke off before the answer was complete"):
        talk_to(raw_upstream(answer), vectors)
    assert connections == [1]


def test_vectors_that_stop_half_way_are_named_with_their_limit(raw_upstream):
    def answer(connection, _number):
        read_request(connection)
        connection.sendall(json_answer(VECTORS[:10], length=len(VECTORS)))
        connection.recv(1)

    with pytest.raises(UpstreamTimeout, match=r"silent for 0\.1 s while we waited for the next piece of the answer"):
        talk_to(raw_upstream(answer), vectors, idle_timeout_s=0.1)


def test_vectors_without_end_are_not_read_for_ever(raw_upstream, monkeypatch):
    monkeypatch.setattr("tray_proxy.openrouter.client.MAX_EMBEDDINGS_BYTES", 1024 * 1024)

    def answer(connection, _number):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        try:
            while True:
                connection.sendall(b" " * 65536)
        except OSError:
            return

    with pytest.raises(UpstreamError, match=r"^OpenRouter sent more than was asked for\.$"):
        talk_to(raw_upstream(answer), vectors)


def test_vectors_that_nobody_waits_for_any_more_end_with_their_connection(raw_upstream):
    """That is what stops the bill."""
    asked, closed = threading.Event(), threading.Event()

    def answer(connection, _number):
        read_request(connection)
        asked.set()
        if connection.recv(1) == b"":
            closed.set()

    async def give_up(client):
        task = asyncio.create_task(vectors(client))
        await asyncio.to_thread(asked.wait, 5)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), await asyncio.to_thread(closed.wait, 5)

    assert talk_to(raw_upstream(answer), give_up) == [(True, True)]
