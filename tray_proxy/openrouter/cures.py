"""
What to do about OpenRouter's errors, and the status of those that come without one; pure.

What an error tells of itself goes from the precise to the vague: which filter left no provider, OpenRouter's word
for the failure, words of the message, the status. The first that is known gives the cure.

Source: OpenRouter docs, "Errors and Debugging", "Limits", "Provider Routing".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tray_proxy.errors import KeyRejected, OutOfCredits

_ADD_CREDIT = OutOfCredits.hint
_CONTEXT = "Shorten the conversation, or choose a model with a longer context."
_FREE = (
    "Free models take 20 requests a minute and 50 a day (1000 a day once 10 credits were bought): wait {wait}, "
    "or choose the model without :free."
)
_FREE_A_DAY = (
    "Free models take 50 requests a day, and 1000 once 10 credits were bought at openrouter.ai/credits: "
    "go on tomorrow, or choose the model without :free."
)
_KEY = KeyRejected.hint
_LESS = "Send less at once, for example fewer or smaller pictures."
_OTHER_MODEL = "Choose another model."
_PERMISSION = "See at openrouter.ai/settings what the key and its account may do, or choose another model."
_PICTURE = "Send the picture as a PNG, JPEG, GIF or WebP file of common size, or choose another model."
_PRIVACY = "Loosen the data policy at openrouter.ai/settings/privacy or by PRIVATE_PROVIDERS, or choose another model."
_REGION = "Choose a model that is offered in your region."
_REWORD = "Word the request differently, or choose another model."
_ROUTING = "Loosen your provider preferences at openrouter.ai/settings/preferences, or choose another model."
_SHORTER = "Ask for a shorter answer (num_predict), or choose a model that may write more."
_SUIT = "Change the app's options for this model, or choose another model."
_WAIT = "Wait {wait} and try again, or choose another model."

# A field of `availability.excluded_by`, or of `availability.constraint`.
FILTERS: dict[str, str] = {
    "geo": _REGION,
    "data_region": _REGION,
    "region": _REGION,
    "data_policy:zdr": _PRIVACY,
    "data_policy:training": _PRIVACY,
    "max_price": _ROUTING,
    "quantization": _ROUTING,
    "allowed_providers": _ROUTING,
    "require_parameters": _SUIT,
    "context_length": _CONTEXT,
}


class Known(NamedTuple):
    """
    A word that OpenRouter has for a failure.

    Args:
        status: What it stands for.
        cure: May hold `{wait}`, for how long to wait.
        vague: The message often says more than this word does.
    """

    status: int
    cure: str
    vague: bool = False


# `availability.code`
AVAILABILITY: dict[str, Known] = {
    "model_not_found": Known(404, "Choose a model from the list."),
    "wrong_endpoint": Known(400, "Choose a model that is made for this: chat models do not embed, and the reverse."),
    "no_endpoints": Known(404, _ROUTING, vague=True),
    "model_unavailable_upstream": Known(404, _OTHER_MODEL),
    "model_deprecated": Known(404, "Choose its successor."),
    "free_variant_ended": Known(404, "Choose the model without :free, which costs money, or another free one."),
    "privacy_restricted": Known(404, _PRIVACY),
    "constraint_filtered": Known(404, _ROUTING, vague=True),
    "region_restricted": Known(403, _REGION),
    "capacity_exhausted": Known(429, _WAIT, vague=True),
    "temporarily_unavailable": Known(503, _WAIT),
}

# `error_type`, which also stands as `code` in some streams.
ERROR_TYPES: dict[str, Known] = {
    "context_length_exceeded": Known(400, _CONTEXT),
    "token_limit_exceeded": Known(400, _CONTEXT),
    "string_too_long": Known(400, _CONTEXT),
    "max_tokens_exceeded": Known(400, _SHORTER),
    "authentication": Known(401, _KEY),
    "payment_required": Known(402, _ADD_CREDIT, vague=True),
    "permission_denied": Known(403, _PERMISSION, vague=True),
    "content_policy_violation": Known(403, _REWORD),
    "refusal": Known(403, _REWORD),
    "rate_limit_exceeded": Known(429, _WAIT, vague=True),
    "provider_overloaded": Known(503, _WAIT),
    "provider_unavailable": Known(502, _WAIT, vague=True),
    "invalid_request": Known(400, _SUIT, vague=True),
    "invalid_prompt": Known(400, _REWORD),
    "not_found": Known(404, _OTHER_MODEL, vague=True),
    "precondition_failed": Known(412, _SUIT),
    "unprocessable": Known(422, _SUIT, vague=True),
    "payload_too_large": Known(413, _LESS),
    "invalid_image": Known(400, _PICTURE),
    "image_too_large": Known(400, "Send a smaller picture."),
    "image_too_small": Known(400, "Send a larger picture."),
    "unsupported_image_format": Known(400, _PICTURE),
    "image_not_found": Known(400, _PICTURE),
    "image_download_failed": Known(400, _PICTURE),
    "server": Known(500, _WAIT, vague=True),
    "timeout": Known(504, "Try again, or choose a faster model."),
}

# Words of the providers for a text that is longer than the context; embedding servers each have their own.
_TOO_LONG = re.compile(
    r"context (length|window|limit)|(prompt|input) is too (long|large)|input length|maximum prompt"
    r"|too many (input )?tokens|input token count|(less|fewer) than \d+ tokens|exceeding max \d+ tokens"
    r"|tokens per (submitted )?(request|batch)",
    re.IGNORECASE,
)

# Older errors, and the providers' own, say it in their message alone.
MESSAGES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), cure)
    for pattern, cure in (
        (r"can only afford|fewer max_tokens", f"{_ADD_CREDIT} Or ask for a shorter answer (num_predict)."),
        (r"key limit exceeded", "Raise the key's limit at openrouter.ai/settings/keys."),
        (r"free-models-per-day", _FREE_A_DAY),
        (r"free-models-per-min", _FREE),
        (r"data policy|settings/privacy|privacy settings|model training", _PRIVACY),
        (_TOO_LONG.pattern, _CONTEXT),
        (r"support tool use", "Choose a model that can use tools, or turn tools off in the app."),
        (r"support image", "Choose a model that sees pictures, or leave them out."),
        (r"support (input )?audio", "Choose a model that hears, or leave the sound out."),
        (r"reasoning is mandatory", "Leave thinking on for this model."),
        (r"max(imum)?_?(completion|output)?_?tokens", _SHORTER),
        (r"not available in your (region|country)|region is not supported", _REGION),
    )
)

STATUSES: dict[int, str] = {
    400: _SUIT,
    401: _KEY,
    402: _ADD_CREDIT,
    403: _PERMISSION,
    404: _OTHER_MODEL,
    413: _LESS,
    422: _SUIT,
    **dict.fromkeys((408, 504, 524), "Try again, or choose a faster model."),
}


@dataclass(frozen=True)
class Facts:
    """What an error tells of itself; a text is "" where it does not."""

    message: str = ""
    error_type: str = ""
    availability: str = ""
    filters: tuple[str, ...] = ()


def is_too_long(facts: Facts, status: int) -> bool:
    """Say whether the prompt, or a text to be embedded, is longer than the model's context."""
    known = ERROR_TYPES.get(facts.error_type)
    if known is not None and not known.vague:
        return known.cure == _CONTEXT
    return status in (400, 413, 422) and _TOO_LONG.search(facts.message) is not None


def status_of(facts: Facts) -> int | None:
    """Tell the status that OpenRouter's word for the failure stands for; None when there is none, or it is new."""
    return next((known.status for known in _known(facts)), None)


def cure(facts: Facts, status: int, wait: str) -> str:
    """
    Say what to do about an error, as one sentence or two.

    Args:
        wait: How long to wait, in words that fit after "wait".
    """
    return next(_cures(facts, status)).format(wait=wait)


def _cures(facts: Facts, status: int) -> Iterator[str]:
    yield from (FILTERS[name] for name in facts.filters if name in FILTERS)
    yield from (known.cure for known in _known(facts) if not known.vague)
    yield from (cure for pattern, cure in MESSAGES if pattern.search(facts.message))
    yield from (known.cure for known in _known(facts))
    yield STATUSES.get(status, _WAIT)


def _known(facts: Facts) -> list[Known]:
    words = AVAILABILITY.get(facts.availability), ERROR_TYPES.get(facts.error_type)
    return [known for known in words if known is not None]
