"""
Keys struck out of texts, in whichever form they stand there.

Every error that leaves the program and every record of the log passes here. OpenRouter, or who stands in its place, may
echo what it was sent, and not only as it is: in an address a key is percent-encoded, in JSON or HTML its characters may
be escaped, a header may be told in base64 or hex, and all of them may be folded into lines.
"""

import base64
import re
from collections.abc import Iterator

STRUCK_OUT = "[key removed]"

# Keys of OpenRouter and others, also where we never saw the whole of them.
_KEY_LIKE = re.compile(r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{12,}")
# Of what may be megabytes, no more: they would hold up everybody else.
_LOOKED_THROUGH = 64 * 1024
MAX_MESSAGE_LENGTH = 8 * 1024
# What is shorter would be found in the midst of words, the more so in other forms.
_SHORTEST = 8
# A character written in another way, as often as it was encoded: in an address, JSON, Python, HTML. Or a line's end.
_ESCAPED = re.compile(
    r"%(?:25)*(?P<address>[0-9A-Fa-f]{2})|\\+(?:u00|x)(?P<json>[0-9A-Fa-f]{2})|\\+(?P<end>[nrt])"
    r"|&#(?:0*(?P<decimal>[0-9]{2,3})|[xX]0*(?P<html>[0-9A-Fa-f]{2}));?"
)
# What is compared is in lower case, and no line in it is folded.
_LEVEL = {**{code: chr(code).lower() for code in range(ord("A"), ord("Z") + 1)}, **dict.fromkeys(b" \t\r\n")}

# Each with its forms; the longest first, for one key may be the beginning of another.
_known: list[tuple[str, tuple[str, ...]]] = []


def keep_out(secret: str) -> None:
    """Strike this text out of everything from now on; may be called from any thread."""
    if secret and all(secret != each for each, _ in _known):
        new = (secret, tuple(_forms(secret)))
        _known[:] = sorted([*_known, new], key=lambda known: len(known[0]), reverse=True)


def strike_out(text: str) -> str:
    """Return the text without known secrets and without anything that looks like a key."""
    for secret, forms in tuple(_known):
        text = _replaced(text.replace(secret, STRUCK_OUT), forms)
    return _KEY_LIKE.sub(STRUCK_OUT, text)


def beginning(text: str, length: int = MAX_MESSAGE_LENGTH) -> str:
    """Return the beginning of a text without keys; they go before it is cut, for half a key is none that is known."""
    return strike_out(text[:_LOOKED_THROUGH])[:length]


def without(secret: str | None, text: str) -> str:
    """
    Strike out one more key, which was just pasted, say, and need not be kept out of everything.

    Args:
        secret: None where there is none; what is too short to be a key is left where it is.
    """
    if secret is not None and len(secret) >= _SHORTEST:
        text = _replaced(text.replace(secret, STRUCK_OUT), tuple(_forms(secret)))
    return strike_out(text)


def _forms(secret: str) -> Iterator[str]:
    """Give what may stand for a secret, once a text is level."""
    yield secret.translate(_LEVEL)
    if len(secret) < _SHORTEST:
        return
    raw = secret.encode()
    yield raw.hex()
    # Base64 of anything that it stands in, without the ends that its neighbours have a share in.
    for before in range(3):
        sure = slice(-(-before * 8 // 6), (before + len(raw)) * 8 // 6)
        for alphabet in (b"+/", b"-_"):
            yield base64.b64encode(bytes(before) + raw, alphabet).decode("ascii")[sure].translate(_LEVEL)


def _replaced(text: str, forms: tuple[str, ...]) -> str:
    # Nearly every text is too short, or ends here: it is written again only where there is something in it.
    if len(text) < len(forms[0]):
        return text
    plain = _ESCAPED.sub(_read, text) if "%" in text or "\\" in text or "&#" in text else text
    level = plain.translate(_LEVEL)
    if not any(form in level for form in forms):
        return text
    return _rewritten(text, forms)


def _read(escaped: re.Match[str]) -> str:
    if escaped["end"]:
        return ""
    if escaped["decimal"]:
        return chr(int(escaped["decimal"]))
    return chr(int(escaped["address"] or escaped["json"] or escaped["html"], 16))


def _rewritten(text: str, forms: tuple[str, ...]) -> str:
    """Replace what stands for a secret, whatever it takes up in the text."""
    level: list[str] = []
    places: list[tuple[int, int]] = []
    end = 0
    while end < len(text):
        begin, escaped = end, _ESCAPED.match(text, end)
        end = begin + 1 if escaped is None else escaped.end()
        character = (text[begin] if escaped is None else _read(escaped)).translate(_LEVEL)
        if character:
            level.append(character)
            places.append((begin, end))
    whole = "".join(level)
    found = sorted(
        (places[at.start()][0], places[at.start() + len(form) - 1][1])
        for form in forms
        # Looked ahead: two that overlap are both found.
        for at in re.finditer(f"(?={re.escape(form)})", whole)
    )
    pieces, behind = [], 0
    for begin, end in found:
        if begin >= behind:
            pieces += [text[behind:begin], STRUCK_OUT]
        behind = max(behind, end)
    return "".join([*pieces, text[behind:]])
