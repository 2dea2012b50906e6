"""
`keep_alive`: how long a model is to stay loaded, in each of the spellings that Ollama takes.

Source: Ollama's `api/types.go` (Duration.UnmarshalJSON); Go's `time/format.go` (ParseDuration).
"""

import math
import re

from tray_proxy.errors import BadRequest

# For requests that do not say.
DEFAULT_KEEP_ALIVE_S = 300.0

# Go counts durations in nanoseconds, in a signed integer of 64 bits.
_LONGEST_NS = 2**63
_UNITS_NS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # the micro sign
    "μs": 10**3,  # the Greek letter
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_STEP = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^.0-9]*)")
# What Go keeps of a number: more digits before the point are too many, after it they are cut off.
_MOST_DIGITS = 19
_MOST_DECIMALS = 18
# Far beyond any real one, and short enough to be read in no time.
_LONGEST_TEXT = 10_000
_TYPES = {bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}


def to_seconds(value: object) -> float | None:
    """
    Read a `keep_alive`: a number of seconds, or a text such as "5m" or "1h30m".

    Returns:
        Seconds, cut to whole nanoseconds; `math.inf` for "for ever", which is any negative value; None where it
        was not given.

    Raises:
        BadRequest: it is neither.
    """
    if value is None:
        return None
    if isinstance(value, str):
        nanoseconds = _parse(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        # Compared before it is multiplied: JSON has numbers that no float can hold.
        nanoseconds = int(value * 10**9) if 0 <= value < _LONGEST_NS / 10**9 else -1
    else:
        raise BadRequest(f"Unsupported type: '{_TYPES.get(type(value), type(value).__name__)}'")
    return math.inf if nanoseconds < 0 else nanoseconds / 1e9


def _parse(text: str) -> int:
    """Read a duration as Go does, in nanoseconds."""
    if len(text) > _LONGEST_TEXT:
        raise _invalid(f"{text[:100]}...")
    sign, rest = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if rest == "0":
        return 0
    total = 0
    position = 0
    while position < len(rest) or not rest:
        step = _STEP.match(rest, position)
        whole, decimals, unit = step.groups() if step else ("", "", "")
        if not whole and not decimals:
            raise _invalid(text)
        if not unit:
            raise _invalid(text, "missing unit")
        if unit not in _UNITS_NS:
            raise _invalid(text, f"unknown unit {_quoted(unit)}")
        digits, fraction = whole.lstrip("0"), (decimals or "")[:_MOST_DECIMALS]
        if len(digits) > _MOST_DIGITS:
            raise _invalid(text)
        total += int(digits or "0") * _UNITS_NS[unit]
        total += int(fraction or "0") * _UNITS_NS[unit] // 10 ** len(fraction)
        if total > _LONGEST_NS or (total == _LONGEST_NS and sign != "-"):
            raise _invalid(text)
        position = step.end() if step else len(rest)
    return -total if sign == "-" else total


def _invalid(text: str, reason: str = "") -> BadRequest:
    return BadRequest(f"time: invalid duration {_quoted(text)}" + (f": {reason}" if reason else ""))


def _quoted(text: str) -> str:
    """Quote a text as Go's package `time` does: only printable ASCII is shown as it is."""
    return f'"{"".join(map(_shown, text))}"'


def _shown(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if " " <= character < "\x80":
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode())
