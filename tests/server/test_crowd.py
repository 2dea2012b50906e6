"""Too many connections: what the middleware says. That they are counted is told by `test_hostile_connections.py`."""

import asyncio

import structlog

from tray_proxy.http_protocol import CROWDED
from tray_proxy.server import crowd


async def app(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def statuses(middleware, *scopes):
    sent = []

    async def send(message):
        sent.append(message)

    for scope in scopes:
        asyncio.run(middleware({"path": "/api/chat"} | scope, None, send))
    return [message["status"] for message in sent if "status" in message]


def test_others_pass():
    assert statuses(crowd.Crowd(app), {}) == [204]


def test_many_are_one_line_in_the_log(monkeypatch):
    """A flood must not fill it."""
    now_s = [0.0]
    monkeypatch.setattr(crowd.time, "monotonic", lambda: now_s[0])
    middleware = crowd.Crowd(app)
    with structlog.testing.capture_logs() as lines:
        assert statuses(middleware, *[{CROWDED: 1000}] * 3) == [503, 503, 503]
        now_s[0] = crowd.LOG_EVERY_S
        assert statuses(middleware, {CROWDED: 1000}) == [503]

    assert lines == [{"event": "too many connections", "limit": 1000, "log_level": "warning"}] * 2
