"""Which endpoint a path and a method lead to; over a socket it is shown in `test_app.py`."""

import asyncio

import pytest

from tray_proxy.server.asgi import Record, Reply, send_reply
from tray_proxy.server.routing import CleanPath, Router, pattern_of


def named(name):
    async def endpoint(scope, receive, send):
        await send_reply(send, Reply(200, f"{name} {scope.get('path_params', {})}".encode()))

    return endpoint


ROUTER = Router(
    [
        ("GET,HEAD", "/", named("root")),
        ("POST", "/api/chat", named("chat")),
        ("GET", "/api/chat", named("read")),
        ("DELETE", "/keys/{key}/now", named("key")),
        ("GET", "/v1/models/{model:path}", named("model")),
        ("POST", "/v1/models/", named("never")),
    ]
)


def answered(app, method, path):
    """Status, headers and body of an answer, and the scope that it was given to."""
    sent, scope = [], {"type": "http", "method": method, "path": path, "headers": [], "record": Record("an-id")}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, None, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"].decode(), scope


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/", "root {}"),
        ("HEAD", "/", "root {}"),
        ("POST", "/api/chat", "chat {}"),
        ("GET", "/api/chat", "read {}"),
        ("DELETE", "/keys/a b/now", "key {'key': 'a b'}"),
        ("GET", "/v1/models/openai/gpt-4o:free", "model {'model': 'openai/gpt-4o:free'}"),
    ],
)
def test_path_and_method_lead_to_one_endpoint(method, path, answer):
    status, _, body, _ = answered(ROUTER, method, path)

    assert (status, body) == (200, answer)


@pytest.mark.parametrize(
    "path", ["/nope", "/api/chat/", "/keys/a/b/now", "/keys//now", "/v1/models", "", "/v1/models/a\n"]
)
def test_a_path_that_nothing_fits_is_404(path):
    status, headers, body, _ = answered(ROUTER, "GET", path)

    told = body if path.startswith("/v1/") else "404 page not found"
    assert (status, body) == (404, told)
    assert b"allow" not in headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/api/chat", b"GET, POST"), ("GET", "/keys/a/now", b"DELETE"), ("get", "/", b"GET, HEAD")],
)
def test_a_method_that_the_path_does_not_take_is_405(method, path, allowed):
    status, headers, body, _ = answered(ROUTER, method, path)

    assert (status, headers[b"allow"], body) == (405, allowed, "405 method not allowed")


def test_a_path_is_no_pattern_but_where_it_says_so():
    assert pattern_of("/api/{digest}/x/{rest:path}") == "/api/(?P<digest>[^/]+)/x/(?P<rest>.+)"


@pytest.mark.parametrize(
    ("asked", "clean"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/api/chat", "/api/chat"),
        ("//api//chat///", "/api/chat"),
        ("/v1/api/v1/api/chat", "/api/chat"),
        ("/models/a/b", "/v1/models/a/b"),
        ("/models", "/models"),
        ("/v1/nope/", "/v1/nope"),
    ],
)
def test_a_path_is_passed_on_as_its_route_has_it(asked, clean):
    """And noted so for the log; what needs no cleaning is passed on as it came."""
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)
        await send_reply(send, Reply(204))

    *_, scope = answered(CleanPath(app, ["/", "/api/chat", "/v1/models/{model:path}"]), "GET", asked)

    assert [(each["path"], each["record"].route) for each in seen] == [(clean, clean)]
    assert (seen[0] is scope) is (asked in ("/", "/api/chat"))
