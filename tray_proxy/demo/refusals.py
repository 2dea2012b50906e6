"""
Errors in OpenRouter's shape, and what is usually said with each status.

Source: OpenRouter's OpenAPI file, `BadRequestResponse` and its siblings, `ApiErrorType`; docs, "Errors and
Debugging".
"""

from collections.abc import Mapping
from typing import Any

DOCS_URL = "https://openrouter.ai/docs/api/reference/errors-and-debugging"


class RefusedError(Exception):
    """A request that is answered with an error; `status` is also the `code` in the body."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        error_type: str = "invalid_request",
        availability: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.error_type = error_type
        self.availability = availability

    def body(self) -> dict[str, Any]:
        """Give the error in OpenRouter's shape."""
        return error_body(self.status, self.message, self.error_type, availability=self.availability)


def error_body(
    status: int,
    message: str,
    error_type: str,
    *,
    metadata: Mapping[str, Any] | None = None,
    availability: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build an error body; `availability` stands beside `metadata`, as the docs show it."""
    error: dict[str, Any] = {
        "code": status,
        "message": message,
        "metadata": {"error_type": error_type, **(metadata or {})},
    }
    if availability is not None:
        error["availability"] = dict(availability)
    return {"error": error, "user_id": "user_demo"}


def availability(code: str, slug: str, *, retryable: bool = False, **more: Any) -> dict[str, Any]:
    """Build `error.availability`: why no endpoint took the request, and whether trying again may help."""
    return {"code": code, "retryable": retryable, "requested_models": [slug], "docs_url": DOCS_URL, **more}


# Message, error_type and further metadata for each status that the docs name.
STATUS_ERRORS: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: ("Input must have at least 1 token.", "invalid_request", {}),
    401: ("User not found.", "authentication", {}),
    402: (
        "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
        "payment_required",
        {},
    ),
    403: (
        "Input was flagged by moderation",
        "content_policy_violation",
        {"reasons": ["violence"], "flagged_input": "…", "provider_name": "Demo", "model_slug": "demo"},
    ),
    404: ("No endpoints found matching your data policy.", "not_found", {}),
    408: ("The request timed out.", "timeout", {}),
    413: ("The request is too large.", "payload_too_large", {}),
    422: ("The request could not be processed.", "unprocessable", {}),
    429: ("Rate limit exceeded: free-models-per-min.", "rate_limit_exceeded", {"provider_name": "Demo"}),
    500: ("Internal Server Error", "server", {}),
    502: (
        "Provider returned error",
        "provider_unavailable",
        {"provider_name": "Demo", "provider_code": "500"},
    ),
    503: ("No instances available", "provider_unavailable", {}),
    524: ("The provider took too long.", "timeout", {}),
    529: ("Provider is overloaded", "provider_overloaded", {"provider_name": "Demo"}),
}


def status_error(status: int) -> dict[str, Any]:
    """Give the usual body for a status, also for one that the docs do not name."""
    message, error_type, metadata = STATUS_ERRORS.get(status, (f"Demo error {status}", "unmapped", {}))
    return error_body(status, message, error_type, metadata=metadata)
