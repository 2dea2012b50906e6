"""Errors in OpenRouter's shape."""

import pytest

from tray_proxy.demo.refusals import STATUS_ERRORS, RefusedError, availability, status_error


@pytest.mark.parametrize("status", STATUS_ERRORS)
def test_every_status_has_a_body_that_fits_its_schema(status, conforms) -> None:
    """The code in the body is the status."""
    conforms(f"error-{status}", status_error(status))
    assert status_error(status)["error"]["code"] == status


@pytest.mark.parametrize("status", STATUS_ERRORS)
def test_every_error_type_is_in_the_vocabulary(status, conforms) -> None:
    """A word of our own would teach the proxy something that OpenRouter never says."""
    conforms("ApiErrorType", status_error(status)["error"]["metadata"]["error_type"])


def test_an_unnamed_status_has_a_body_too() -> None:
    """Any status can be asked for."""
    assert status_error(418)["error"]["metadata"]["error_type"] == "unmapped"


def test_availability_stands_beside_the_metadata() -> None:
    """Where the docs show it."""
    refusal = RefusedError("no", availability=availability("no_endpoints", "a/b", fallback_models=["c/d"]))
    error = refusal.body()["error"]

    assert error["availability"]["code"] == "no_endpoints"
    assert error["availability"]["retryable"] is False
    assert error["availability"]["fallback_models"] == ["c/d"]
    assert error["metadata"] == {"error_type": "invalid_request"}
