"""How an error is told: in the dialect of the path that was asked."""

import json

import pytest

from tray_proxy.errors import ModelNotFound, RateLimited, UpstreamError
from tray_proxy.server import refusals
from tray_proxy.server.refusals import refusal

SLOW_DOWN = RateLimited("Slow down", status=429, retry_after_s=6.2, hint="Wait 7 s.")


def told(path, error=SLOW_DOWN):
    reply = refusal(error, path, "id", "http://127.0.0.1:1/")
    return reply.status, dict(reply.headers), json.loads(reply.body)


@pytest.mark.parametrize("path", ["/", "/api/chat", "/v1x", "/health"])
def test_to_ollamas_clients_an_error_is_a_string(path):
    """Anything else is shown as `[object Object]`."""
    assert told(path) == (
        429,
        {"retry-after": "7"},
        {"error": "Slow down. Wait 7 s.", "signin_url": "http://127.0.0.1:1/"},
    )


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/chat/completions", "/v1/models/a/b", "/v1/messagesx"])
def test_to_openais_clients_an_error_is_an_object(path):
    assert told(path) == (
        429,
        {"retry-after": "7"},
        {"error": {"message": "Slow down. Wait 7 s.", "type": "rate_limit_error", "param": None, "code": None}},
    )


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/", "/v1/messages/count_tokens"])
def test_to_anthropics_clients_an_error_is_a_message_with_the_requests_id(path):
    assert told(path) == (
        429,
        {"retry-after": "7"},
        {
            "type": "error",
            "error": {"type": "rate_limit_error", "message": "Slow down. Wait 7 s."},
            "request_id": "req_id",
        },
    )


@pytest.mark.parametrize("error", [ModelNotFound("m"), UpstreamError("No.")])
def test_without_a_time_to_wait_there_is_no_header(error):
    assert refusal(error, "/api/chat", "id").headers == ()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat", {"error": "No."}),
        ("/v1/models", {"error": {"message": "No.", "type": "api_error", "param": None, "code": None}}),
        (
            "/v1/messages",
            {"type": "error", "error": {"type": "api_error", "message": "No."}, "request_id": "req_id"},
        ),
    ],
)
def test_what_is_unforeseen_is_told_in_the_dialect_too(path, body):
    assert json.loads(refusals.told(500, "No.", path, "id")) == body
