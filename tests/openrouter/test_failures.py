"""OpenRouter's errors, told as ours: class, status and message."""

import json

import pytest

from tray_proxy import errors
from tray_proxy.openrouter.failures import from_answer, from_chunk
from tray_proxy.redaction import MAX_MESSAGE_LENGTH
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
        (404, "No endpoints found for foo/bar that support image input", errors.UpstreamError, 404),
        (400, "temperature must be at most 2", errors.UpstreamError, 400),
        (401, "No auth credentials found", errors.KeyRejected, 401),
        (402, "Insufficient credits", errors.OutOfCredits, 402),
        (403, "Flagged", errors.UpstreamError, 403),
        (403, "Key limit exceeded (total limit)", errors.OutOfCredits, 403),
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


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ('{"error":{"message":"Too long","type":"x"}}', "Too long"),
        ('{"error":"Too long"}', "Too long"),
        ('{"message":"Too long"}', "Too long"),
        ({"error": {"message": "Too long"}}, "Too long"),
        ({"reason": 7}, '{"reason":7}'),
        ('{"reason":7}', '{"reason":7}'),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_a_providers_words_are_taken_out_of_its_json(raw, said):
    error = answered(400, {"code": 400, "message": "Provider returned error", "metadata": {"raw": raw}})

    assert error.message == f"Provider returned error ({said})"[:MAX_MESSAGE_LENGTH]


@pytest.mark.parametrize(
    ("beside", "detail"),
    [
        ({"metadata": {"provider_name": "Acme"}}, "Acme"),
        ({"metadata": {"reasons": ["a", "b"], "provider_name": "Acme"}}, "reasons: a, b; Acme"),
        ({"metadata": {"patterns": ["card number"]}}, "patterns: card number"),
        ({"availability": {"excluded_by": ["max_price", "geo"]}}, "excluded by max_price, geo"),
        ({"availability": {"excluded_by": "geo"}}, "excluded by geo"),
        ({"availability": {"constraint": {"field": "max_price", "detail": "0.1"}}}, "max_price: 0.1"),
        ({"availability": {"affected_providers": ["Acme", "Beta"]}}, "affected: Acme, Beta"),
        ({"availability": {"fallback_models": list("abcdefg")}}, "OpenRouter suggests a, b, c, d, e"),
    ],
)  # fmt: skip
def test_what_stands_beside_the_message_is_added(beside, detail):
    assert answered(503, {"message": "No.", **beside}).message == f"No. ({detail})"


def test_what_the_message_says_already_is_not_said_twice():
    assert answered(502, {"message": "Acme failed", "metadata": {"provider_name": "Acme"}}).message == "Acme failed"


def test_the_flagged_part_of_the_prompt_is_not_repeated():
    """A message ends in logs and notifications; prompts do not."""
    metadata = {"reasons": ["violence"], "flagged_input": "how do I"}

    assert answered(403, {"message": "Flagged", "metadata": metadata}).message == "Flagged (reasons: violence)"


@pytest.mark.parametrize(
    "odd",
    [
        {"metadata": "text", "availability": ["text"]},
        {"metadata": {"raw": 0, "provider_name": 1, "reasons": {"a": 1}}},
        {"availability": {"constraint": "x", "code": 5}},
        {"metadata": None, "availability": {"excluded_by": [1, None], "fallback_models": None, "retry_after": "soon"}},
        {"code": [], "http_status": {}, "error_type": 3.5},
    ],
)  # fmt: skip
def test_odd_values_beside_it_do_not_cost_the_message(odd):
    error = answered(503, {"message": "Nobody is there.", **odd})

    assert (error.status, error.message, error.retry_after_s) == (503, "Nobody is there.", None)


@pytest.mark.parametrize("message", [None, "", " ", 7, {"text": "x"}])
def test_an_error_without_words_says_so(message):
    assert answered(503, {"message": message}).message == "OpenRouter answered with status 503 and no reason."


@pytest.mark.parametrize("code", ["model_deprecated", "free_variant_ended"])
def test_a_model_that_is_gone_is_not_found_and_its_successor_is_offered(code):
    """Offered and not taken: it may cost more."""
    availability = {"code": code, "fallback_models": ["new/model"]}

    error = answered(404, {"message": "Gone since May.", "availability": availability})

    assert (error.status, error.message) == (
        404,
        "model 'my-model' not found: Gone since May. (OpenRouter suggests new/model)",
    )


def test_an_unknown_model_comes_with_what_openrouter_suggests():
    availability = {"code": "model_not_found", "fallback_models": ["foo/bar"]}

    error = answered(400, {"message": "No such thing", "availability": availability})

    assert (error.status, error.message) == (404, "model 'my-model' not found, did you mean 'foo/bar'?")


def test_each_error_has_its_cure():
    """One example; `cures` has them all."""
    error = answered(404, {"message": "No endpoints found matching your data policy"})

    assert error.hint == (
        "Loosen the data policy at openrouter.ai/settings/privacy or by PRIVATE_PROVIDERS, or choose another model."
    )


def test_the_providers_words_count_for_the_cure_too():
    metadata = {"raw": '{"error":{"message":"This model\'s maximum context length is 8192 tokens."}}'}

    error = answered(400, {"message": "Provider returned error", "metadata": metadata})

    assert error.hint == "Shorten the conversation, or choose a model with a longer context."


@pytest.mark.parametrize(
    ("header", "body", "wait"), [("6.2", None, "7 s"), (None, 30, "30 s"), ("7", 30, "7 s"), (None, None, "a moment")]
)
def test_the_cure_names_how_long_to_wait(header, body, wait):
    error = answered(429, {"message": "Busy", "availability": {"retry_after": body}}, header)

    assert error.hint == f"Wait {wait} and try again, or choose another model."


@pytest.mark.parametrize("status", [402, 403, 408, 500, 503])
def test_how_long_to_wait_is_kept_at_every_status(status):
    assert answered(status, {"message": "m"}, "7").retry_after_s == 7.0


def test_a_model_is_named_as_the_app_wrote_it():
    assert answered(400, {"message": "x is not a valid model ID"}).message == "model 'my-model' not found"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None), ("nan", None), ("1e300", None), ("", None), (None, None)],
)  # fmt: skip
def test_how_long_to_wait_is_read(header, seconds):
    assert answered(429, {"message": "Slow down"}, header).retry_after_s == seconds


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429, "message": "m"}, 429),
        ({"code": "429", "message": "m"}, 429),
        ({"code": "overloaded", "message": "m"}, 502),
        ({"code": "rate_limit_exceeded", "message": "m"}, 429),
        ({"error_type": "payment_required", "message": "m"}, 402),
        ({"message": "m", "metadata": {"error_type": "context_length_exceeded"}}, 400),
        ({"message": "m", "availability": {"code": "temporarily_unavailable"}}, 503),
        ({"http_status": 404, "message": "m"}, 404),
        ({"code": 200, "message": "m"}, 502),
        ("just text", 502),
    ],
)
def test_an_error_inside_a_200_finds_its_status_in_the_body(error, status):
    assert answered(200, error).status == status


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 100_000, b"\xff"])
def test_what_is_not_openrouters_json_is_said_to_be_so(body):
    error = from_answer(200, body, None, "m")

    assert (type(error), error.status) == (errors.UpstreamUnreachable, 502)
    assert errors.full_text(error) == (
        "The answer did not come from OpenRouter (HTTP status 200). "
        "See in a browser whether this network wants you to sign in first, or correct OPENROUTER_BASE_URL."
    )


@pytest.mark.parametrize(
    ("status", "body", "elsewhere", "said"),
    [
        (
            200,
            b"\n<html>Welcome</html>",
            None,
            (
                "A web page came in place of OpenRouter's answer (HTTP status 200): "
                "this network may want you to sign in first."
            ),
        ),
        (
            302,
            b"",
            "login.hotel.test",
            "This network wants you to sign in first, at login.hotel.test (HTTP status 302).",
        ),
        (
            511,
            b"",
            "login.hotel.test",
            "This network wants you to sign in first, at login.hotel.test (HTTP status 511).",
        ),
    ],
)
def test_a_network_that_wants_its_user_to_sign_in_is_named_as_that(status, body, elsewhere, said):
    error = from_answer(status, body, None, "m", elsewhere=elsewhere)

    assert (type(error), error.status, error.message) == (errors.NetworkSignIn, 502, said)
    assert error.hint == "Open any page in a browser and sign in to the network, or correct OPENROUTER_BASE_URL."


def test_a_gateways_own_page_is_its_status():
    """It stands before OpenRouter, not before the internet."""
    assert type(from_answer(502, b"<html>Bad gateway</html>", None, "m")) is errors.UpstreamError


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


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"message": "m", "metadata": {"error_type": "context_length_exceeded"}}),
        (400, {"message": "m", "metadata": {"error_type": "token_limit_exceeded"}}),
        (400, {"message": "m", "error_type": "string_too_long", "http_status": 400}),
        (200, {"message": "m", "code": "context_length_exceeded"}),
        (400, {"message": "This model's maximum context length is 8192 tokens, however you requested 9000 tokens."}),
        (400, {"message": "Invalid 'input': maximum input length is 8192 tokens."}),
        (400, {"message": "Input id 0 has 9000 tokens, exceeding max 8192 tokens."}),
        (400, {"message": "The input token count is 40000 but the model takes 2048."}),
        (400, {"message": "input is too large to process"}),
        (400, {"message": "Too many tokens overall, split into more batches."}),
        (400, {"message": "Requested 350000 tokens, max 300000 tokens per request"}),
        (400, {"message": "The max allowed tokens per submitted batch is 120000."}),
        (413, {"message": "`inputs` must have less than 512 tokens. Given: 600"}),
        (422, {"message": "m", "metadata": {"raw": "the input length exceeds the context length"}}),
    ],
)
def test_a_text_longer_than_the_context_is_told_apart(status, error):
    """Each provider has its own words for it. `/api/embed` then asks again with less."""
    refused = answered(status, error)

    assert (type(refused), refused.status) == (errors.ContextExceeded, 400 if status == 200 else status)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"message": "max_tokens is too large: 100000"}),
        (400, {"message": "m", "metadata": {"error_type": "max_tokens_exceeded"}}),
        (400, {"message": "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch"}),
        (400, {"message": "Input must have at least 1 token."}),
        (413, {"message": "context window", "metadata": {"error_type": "payload_too_large"}}),
        (413, {"message": "The request is too large."}),
        (500, {"message": "context length"}),
    ],
)
def test_other_refusals_are_not_taken_for_a_text_that_is_too_long(status, error):
    """A text would be cut without need."""
    assert type(answered(status, error)) is errors.UpstreamError


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Thu, 01 Jan 1970 00:01:45 GMT", 5.0),
        ("Thursday, 01-Jan-70 00:01:45 GMT", 5.0),
        ("Thu, 01 Jan 1970 00:01:45 -0000", 5.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 9999 00:00:00 GMT", None),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
        ("soon", None),
        ("7", 7.0),
    ],
)
def test_how_long_to_wait_may_be_told_as_a_date(header, seconds):
    """RFC 9110 lets a gateway do so."""
    error = from_answer(429, b'{"error":{"message":"Slow down"}}', header, "m", now_s=100.0)

    assert error.retry_after_s == seconds


@pytest.mark.parametrize("text", ["%41" * 5_000_000, "no endpoints found for " * 700_000], ids=["escapes", "words"])
@pytest.mark.parametrize("place", ["message", "raw", "raw as JSON", "raw as an object"])
def test_of_a_message_of_megabytes_no_more_than_its_beginning_is_looked_at(text, place):
    """To look through all of it would hold up everybody else for seconds."""
    raw = {"raw": text, "raw as JSON": json.dumps({"message": text}), "raw as an object": {"x": text}}.get(place)
    error = ErrorBody(message=text if raw is None else "x", code=400, metadata={"raw": raw})

    told = from_chunk(CompletionChunk(error=error), "my-model")

    assert told is not None
    assert len(told.args[0]) < 40_000
