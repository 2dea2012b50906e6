"""Thoughts that come back to the demo upstream."""

import pytest

from tray_proxy.demo.refusals import RefusedError
from tray_proxy.demo.thoughts import CLAUDE, OPENAI, check_returned, closing_details, sign

SIGNED = {"type": "reasoning.text", "text": "hm", "signature": sign("hm"), "format": CLAUDE, "index": 0}
SUMMARY = {"type": "reasoning.summary", "summary": "hm", "format": OPENAI, "index": 0}
SEALED = {"type": "reasoning.encrypted", "data": sign("hm"), "id": "rs_demo", "format": OPENAI, "index": 0}


def test_claude_signs_and_openai_encrypts() -> None:
    """The others send their thoughts bare."""
    assert closing_details("anthropic", "hm") == [{key: value for key, value in SIGNED.items() if key != "text"}]
    assert closing_details("openai", "hm") == [SEALED]
    assert closing_details("deepseek", "hm") == []


def test_a_signature_differs_for_each_thought() -> None:
    """So a changed or exchanged one shows."""
    assert sign("hm") != sign("hm.")


@pytest.mark.parametrize(
    "details", [[], [SIGNED], [SUMMARY, SEALED], [{"type": "reasoning.text", "text": "hm", "format": "unknown"}]]
)
def test_what_was_sent_is_taken_back(details) -> None:
    """Untouched and in its order."""
    check_returned(details)


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ([SIGNED | {"text": "Hm"}], "Invalid `signature` in `thinking` block"),
        ([{**SIGNED, "signature": None}], "Invalid `signature` in `thinking` block"),
        ([SEALED], "The encrypted content of a reasoning item could not be verified."),
        ([SEALED, SUMMARY], "The encrypted content of a reasoning item could not be verified."),
        ([SUMMARY | {"index": 1}, SEALED], "The encrypted content of a reasoning item could not be verified."),
        ([{"type": "reasoning.guess"}], "Invalid request: reasoning_details of type 'reasoning.guess'"),
        ([{}], "Invalid request: reasoning_details of type None"),
    ],
)
def test_what_was_changed_is_refused(details, message) -> None:
    """As Anthropic and OpenAI do."""
    with pytest.raises(RefusedError) as caught:
        check_returned(details)

    assert (caught.value.status, caught.value.message) == (400, message)
