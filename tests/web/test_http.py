"""A body that the page did not send, and how errors are told."""

import json

import pytest

from tray_proxy.web.http import FormInvalid, reply
from web.fakes import Served


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"allowed": "all"}',
        b'{"allowed": [1]}',
        b'{"allowed": ["\xff"]}',
        b'{"allowed": ["\\ud800"]}',
        b'{"more": ' + b"[" * 100_000,
        b'{"allowed": [' + b"9" * 5_000 + b"]}",
        b'{"allowed": NaN}',
    ],
)
def test_a_body_that_cannot_be_read_changes_nothing(served: Served, content: bytes) -> None:
    """Least of all what is allowed."""
    answer = served.visitor().post("/api/models", content=content)

    assert answer.status_code == 400
    assert answer.json() == {
        "error": "Tray Proxy could not read what the page sent.",
        "hint": "Load the page anew and try again.",
    }
    assert served.backend.calls == []


def test_what_is_wrong_with_a_form_is_told_by_field(served: Served) -> None:
    served.backend.fault = FormInvalid({"name": "Blanks do not make a name."})

    answer = served.visitor().post("/api/names/add", json={"name": "a b", "model": "x/y"})

    assert answer.status_code == 422
    assert answer.json() == {
        "error": "Nothing was saved.",
        "hint": "Correct what is marked, and save again.",
        "fields": {"name": "Blanks do not make a name."},
    }


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("pasted-key-of-nobody", "OpenRouter knows no [key removed]."),
        ("knows", "OpenRouter knows no pasted-key-of-nobody."),
        ("", "OpenRouter knows no pasted-key-of-nobody."),
        (None, "OpenRouter knows no pasted-key-of-nobody."),
    ],
)
def test_a_pasted_key_is_blotted_out_and_an_ordinary_word_is_not(secret: str | None, said: str) -> None:
    """Somebody may have pasted no more than a letter."""
    answer = reply({"error": "OpenRouter knows no pasted-key-of-nobody."}, secret=secret)

    assert json.loads(answer.body) == {"error": said}


def test_no_answer_of_the_page_holds_a_key() -> None:
    """Whatever it shows: a name that an app gave, say, or what OpenRouter calls the key."""
    shown = {"app": "curl/sk-or-v1-0123456789abcdef", "models": ["a/b", 'x\n"sk-or-v1-0123456789abcdef"']}

    answer = reply(shown)

    assert json.loads(answer.body) == {"app": "curl/[key removed]", "models": ["a/b", 'x\n"[key removed]"']}
