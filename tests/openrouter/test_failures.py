"""OpenRouter's errors, told as ours: class, status and message."""

import json

import pytest

from tray_proxy import errors
from tray_proxy.openrouter.failures import from_answer, from_chunk
from tray_proxy.wire.openrouter import ChunkChoice, CompletionChunk, ErrorBody


def answered(status, error, retry_after=None):
    return from_answer(status, json.dumps({"error": error}).encode(), retry_after, "my-model")


@pytest.mark.parametrize(
    ("status", "message", "kind", "our_status"),
    [
        (400, "foo/bar is not a valid model ID", errors.ModelNotFound, 404),
        (404, "No endpoints found for foo/bar.", errors.ModelNotFound, 404),
        (404, "No endpoints found that support tool use", errors.UpstreamError, 404),
        (404, "No endpoints found matching your data policy", errors.UpstreamError, 404),
        (400, "temperature must be at most 2", errors.UpstreamError, 400),
        (401, "No auth credentials found", errors.KeyRejected, 401),
        (402, "Insufficient credits", errors.OutOfCredits, 402),
        (403, "Flagged", errors.UpstreamError, 403),
        (408, "Timed out", errors.UpstreamTimeout, 408),
        (413, "Too large", errors.UpstreamError, 413),
        (429, "Slow down", errors.RateLimited, 429),
        (500, "Internal", errors.UpstreamError, 500),
        (502, "Provider failed", errors.UpstreamError, 502),
        (503, "None available", errors.UpstreamError, 503),
        (524, "Timed out", errors.UpstreamTimeout, 524),
        (529, "Overloaded", errors.UpstreamError, 529),
    ],
)
def test_each_status_has_its_class(status, message, kind, our_status):
    error = answered(status, {"code": status, "message": message})

    assert (type(error), error.status) == (kind, our_status)


def test_the_reason_is_kept():
    error = answered(402, {"code": 402, "message": "Insufficient credits"})

    assert error.message == "OpenRouter says that there is not enough credit: Insufficient credits"


def test_the_providers_own_words_are_added():
    error = answered(
        502, {"code": 502, "message": "Provider error", "metadata": {"raw": "bad gateway", "provider_name": "Acme"}}
    )

    assert error.message == "Provider error (Acme: bad gateway)"


def test_a_model_is_named_as_the_app_wrote_it():
    assert answered(400, {"message": "x is not a valid model ID"}).message == "model 'my-model' not found"


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None), (None, None)])
def test_how_long_to_wait_is_read(header, seconds):
    assert answered(429, {"message": "Slow down"}, header).retry_after_s == seconds


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429, "message": "m"}, 429),
        ({"code": "overloaded", "message": "m"}, 502),
        ({"http_status": 404, "message": "m"}, 404),
        ({"code": 200, "message": "m"}, 502),
        ("just text", 502),
    ],
)
def test_an_error_inside_a_200_finds_its_status_in_the_body(error, status):
    assert answered(200, error).status == status


@pytest.mark.parametrize("body", [b"<html>Sign in to the hotel</html>", b"", b"{}", b"[" * 100_000, b"\xff"])
def test_what_is_not_openrouters_json_is_said_to_be_so(body):
    error = from_answer(200, body, None, "m")

    assert (type(error), error.status) == (errors.UpstreamUnreachable, 502)
    assert error.message.startswith("The answer did not come from OpenRouter")


def test_a_chunk_without_error_tells_none():
    assert from_chunk(CompletionChunk(choices=[ChunkChoice(finish_reason="stop")]), "m") is None


@pytest.mark.parametrize(
    "chunk",
    [
        CompletionChunk(error=ErrorBody(message="m", code=502)),
        CompletionChunk(choices=[ChunkChoice(error=ErrorBody(message="m", code="x"))]),
        CompletionChunk(choices=[ChunkChoice(finish_reason="error")]),
    ],
)
def test_an_error_inside_a_stream_is_found_wherever_it_stands(chunk):
    assert from_chunk(chunk, "m").status == 502
