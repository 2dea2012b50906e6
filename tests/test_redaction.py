"""A key is found and struck out however it is written."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tray_proxy import redaction
from tray_proxy.redaction import STRUCK_OUT, keep_out, strike_out, without

KEY = "sk-or-v1-CANARY0123456789abcdef0123456789abcdef"
ACCESS_KEY = "canary~access/key+of?nobody&1"


@pytest.fixture(autouse=True)
def own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret of another test, and none left for it."""
    monkeypatch.setattr(redaction, "_known", [])
    keep_out(KEY)
    keep_out(ACCESS_KEY)


def every_character(form: str) -> Callable[[str], str]:
    return lambda key: "".join(form.format(ord(character)) for character in key)


def folded(key: str, end: str, width: int = 12) -> str:
    return end.join(key[at : at + width] for at in range(0, len(key), width))


WRITTEN = {
    "as it is": str,
    "in capitals": str.upper,
    "in small letters": str.lower,
    "percent-encoded": lambda key: quote(key, safe=""),
    "percent-encoded in small digits": every_character("%{:02x}"),
    "percent-encoded in capital digits": every_character("%{:02X}"),
    "percent-encoded twice": lambda key: quote(every_character("%{:02X}")(key), safe=""),
    "escaped for JSON": every_character("\\u{:04x}"),
    "escaped for JSON twice": lambda key: json.dumps(every_character("\\u{:04X}")(key))[1:-1],
    "escaped for Python": every_character("\\x{:02x}"),
    "escaped for HTML": every_character("&#{};"),
    "escaped for HTML in hex": every_character("&#x{:X};"),
    "half of it escaped": lambda key: key[:10] + every_character("%{:02x}")(key[10:20]) + key[20:],
    "in hex": lambda key: key.encode().hex(),
    "in hex of capital digits": lambda key: key.encode().hex().upper(),
    "folded as a header": lambda key: folded(key, "\r\n "),
    "folded and written as JSON": lambda key: json.dumps(folded(key, "\r\n\t"))[1:-1],
    "with a blank between all of it": " ".join,
}


@pytest.mark.parametrize(
    "around", ["{}", "Bearer {}", "Bearer{}", "<p>{}</p>", '{{"key": "{}"}}', "key={}&x=1", "x{}x"]
)
@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("key", [KEY, ACCESS_KEY], ids=["key", "access key"])
def test_a_key_is_struck_out_however_it_is_written(key: str, write: Callable[[str], str], around: str) -> None:
    assert strike_out(around.format(write(key))) == around.format(STRUCK_OUT)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
@pytest.mark.parametrize("before", ["", "a", "ab", "Authorization: Bearer "])
@pytest.mark.parametrize("key", [KEY, ACCESS_KEY], ids=["key", "access key"])
def test_a_key_is_struck_out_of_base64(key: str, before: str, encode: Callable[[bytes], bytes]) -> None:
    """What is left are the digits that its neighbours have a share in: of the key they hold six bits at most."""
    told = strike_out(encode(f"{before}{key}\r\n".encode()).decode())

    ahead, struck_out, behind = told.partition(STRUCK_OUT)
    assert struck_out == STRUCK_OUT
    secret_until = len(before) + len(key)
    assert len("".join(ahead.split())) == -(-len(before) * 8 // 6)
    assert len("".join(behind.split()).rstrip("=")) == -(-(secret_until + 2) * 8 // 6) - secret_until * 8 // 6


def test_of_two_keys_in_one_text_none_is_left() -> None:
    assert strike_out(f"{ACCESS_KEY} {KEY} {quote(KEY)}{KEY}") == " ".join([STRUCK_OUT] * 3) + STRUCK_OUT


def test_of_two_keys_the_longer_is_struck_out_first() -> None:
    """Or the rest of it would stay."""
    keep_out("first-key")
    keep_out("first-key-and-more")

    assert strike_out("it was first-key-and-more and first%2Dkey%2Dand-more") == f"it was {STRUCK_OUT} and {STRUCK_OUT}"


@pytest.mark.parametrize(
    "text", ["sk-or-v1-0123456789abcdef", "Bearer sk-proj-abc_def-012345", "x: sk-ant-api03-abcdefgh"]
)
def test_what_looks_like_a_key_is_struck_out_unknown(text: str) -> None:
    """An upstream may tell of another's key, or of half of ours."""
    assert strike_out(text).removeprefix("Bearer ").removeprefix("x: ") == STRUCK_OUT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing of the kind",
        "task-oriented-software-engineering",
        "100 % of \\n all &#120; %41",
        "sk-short",
        KEY[9:30],
        "İstanbul Straße 世界 \ud800",
    ],
)
def test_what_is_no_key_stays_as_it_is(text: str) -> None:
    assert strike_out(text) == text


def test_an_empty_secret_strikes_out_nothing() -> None:
    keep_out("")

    assert strike_out("text") == "text"


def test_a_short_secret_is_struck_out_as_it_is() -> None:
    """In other forms it would be found everywhere."""
    keep_out("abc")

    assert strike_out("(abc) 616263 YWJj") == f"({STRUCK_OUT}) 616263 YWJj"


def test_a_key_that_was_just_pasted_is_struck_out_too() -> None:
    pasted = "a-key-that-was-just-pasted"

    told = f"{pasted}, {pasted.replace('-', '%2D')}, {KEY}"

    assert without(pasted, told) == ", ".join([STRUCK_OUT] * 3)
    assert strike_out(told) == f"{pasted}, {pasted.replace('-', '%2D')}, {STRUCK_OUT}"


@pytest.mark.parametrize("secret", [None, "", "a", "short"])
def test_what_is_too_short_to_be_a_key_is_left_in_words(secret: str | None) -> None:
    assert without(secret, "a short text") == "a short text"


@given(st.text(), st.text(), st.data())
def test_no_mixture_of_forms_hides_a_key(before: str, after: str, data: st.DataObject) -> None:
    """Each character in a form of its own, between any texts."""
    forms = st.sampled_from(["{}", "%{:02x}", "%25{:02X}", "\\u{:04x}", "&#{};", "&#x{:x};", "{}\n"])
    written = "".join(
        form.format(ord(each) if ":" in form or "#" in form else each)
        for each, form in zip(KEY, data.draw(st.lists(forms, min_size=len(KEY), max_size=len(KEY))), strict=True)
    )

    assert STRUCK_OUT in strike_out(f"{before} {written} {after}")
