"""What to do about each of OpenRouter's errors."""

import pytest

from tray_proxy.openrouter.cures import AVAILABILITY, ERROR_TYPES, FILTERS, MESSAGES, STATUSES, Facts, cure, status_of

# Source: OpenRouter docs, "Errors and Debugging".
DOCUMENTED_TYPES = {
    "context_length_exceeded", "max_tokens_exceeded", "token_limit_exceeded", "string_too_long", "authentication",
    "permission_denied", "payment_required", "rate_limit_exceeded", "provider_overloaded", "provider_unavailable",
    "invalid_request", "invalid_prompt", "not_found", "precondition_failed", "payload_too_large", "unprocessable",
    "content_policy_violation", "refusal", "invalid_image", "image_too_large", "image_too_small",
    "unsupported_image_format", "image_not_found", "image_download_failed", "server", "timeout",
}  # fmt: skip
DOCUMENTED_CODES = {
    "model_not_found", "wrong_endpoint", "no_endpoints", "model_unavailable_upstream", "model_deprecated",
    "free_variant_ended", "privacy_restricted", "constraint_filtered", "region_restricted", "capacity_exhausted",
    "temporarily_unavailable",
}  # fmt: skip
DOCUMENTED_FILTERS = {
    "geo", "data_region", "data_policy:zdr", "data_policy:training", "max_price", "context_length",
    "require_parameters", "quantization", "allowed_providers",
}  # fmt: skip

PRIVACY = "Loosen the data policy at openrouter.ai/settings/privacy or by PRIVATE_PROVIDERS, or choose another model."
CONTEXT = "Shorten the conversation, or choose a model with a longer context."
WAIT = "Wait 7 s and try again, or choose another model."


def cured(status=400, **facts):
    return cure(Facts(**facts), status, "7 s")


def test_every_documented_word_has_its_cure():
    """`unmapped` is the word for having none."""
    assert set(ERROR_TYPES) == DOCUMENTED_TYPES
    assert set(AVAILABILITY) == DOCUMENTED_CODES
    assert set(FILTERS) >= DOCUMENTED_FILTERS


def test_every_cure_is_a_sentence_to_act_on():
    known = (*AVAILABILITY.values(), *ERROR_TYPES.values())
    cures = {*FILTERS.values(), *STATUSES.values(), *(text for _, text in MESSAGES), *(each.cure for each in known)}

    assert [text for text in cures if not (text[0].isupper() and text.endswith("."))] == []


@pytest.mark.parametrize(
    ("message", "first_words"),
    [
        ("No endpoints found matching your data policy (Free model publication).", "Loosen the data policy at"),
        ("Configure: https://openrouter.ai/settings/privacy", "Loosen the data policy at"),
        ("This endpoint's maximum context length is 8192 tokens, you requested 9000", "Shorten the conversation"),
        ("Your prompt is too long for this model", "Shorten the conversation"),
        ("Requires more credits, or fewer max_tokens. You can only afford 12.", "Add credit at openrouter.ai/credits"),
        ("Key limit exceeded (total limit)", "Raise the key's limit"),
        ("Rate limit exceeded: free-models-per-min", "Free models take 20 requests a minute"),
        ("Rate limit exceeded: free-models-per-day", "Free models take 50 requests a day"),
        ("No endpoints found that support tool use", "Choose a model that can use tools"),
        ("No endpoints found that support image input", "Choose a model that sees pictures"),
        ("No endpoints found that support input audio", "Choose a model that hears"),
        ("Reasoning is mandatory for this endpoint and cannot be disabled.", "Leave thinking on"),
        ("max_tokens is too large: 100000", "Ask for a shorter answer (num_predict)"),
        ("This model is not available in your region.", "Choose a model that is offered in your region"),
    ],
)
def test_older_errors_are_known_by_their_message(message, first_words):
    assert cured(message=message).startswith(first_words)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"filters": ("data_policy:zdr",), "availability": "constraint_filtered"}, PRIVACY),
        ({"filters": ("unheard_of", "context_length"), "error_type": "not_found"}, CONTEXT),
        ({"availability": "temporarily_unavailable", "error_type": "context_length_exceeded"}, WAIT),
        ({"error_type": "context_length_exceeded", "message": "max_tokens"}, CONTEXT),
        ({"error_type": "invalid_request", "message": "maximum context length"}, CONTEXT),
        ({"availability": "no_endpoints", "message": "your data policy"}, PRIVACY),
        ({"availability": "unheard_of", "error_type": "unheard_of", "message": "unheard of"}, STATUSES[400]),
    ],
)
def test_the_precise_goes_before_the_vague(facts, expected):
    assert cured(**facts) == expected


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
def test_what_passes_by_itself_is_to_be_waited_for(status):
    assert cured(status) == WAIT


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (Facts(error_type="rate_limit_exceeded"), 429),
        (Facts(availability="privacy_restricted", error_type="server"), 404),
        (Facts(error_type="unheard_of"), None),
        (Facts(message="Rate limit exceeded"), None),
    ],
)
def test_openrouters_words_stand_for_a_status(facts, status):
    assert status_of(facts) == status
