"""
What becomes of each of Ollama's `options`.

Ollama's defaults are never sent: what the app did not set stays unset. An option that is not in the table is
passed over with a line in the log, as Ollama does.

Source: Ollama's `api/types.go` (Options); OpenRouter docs, "Parameters".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tray_proxy.errors import BadRequest

MAX_STOPS = 4
# Every piece of an answer is searched for each of them.
MAX_WATCHED_STOPS = 1000
# What Ollama can hold in an integer. Python could go on, but nobody upstream would.
_TOO_LARGE = 2**63


@dataclass(frozen=True)
class Renamed:
    """The option goes upstream as `field`; `convert` gives None where it is not to be sent."""

    field: str
    convert: Callable[[str, Any], Any]


@dataclass(frozen=True)
class Dropped:
    """
    The option has no counterpart.

    Args:
        reason: Why not.
        check: Refuses what Ollama would refuse too; None where Ollama passes the option over itself.
    """

    reason: str
    check: Callable[[str, Any], Any] | None = None


def number(name: str, value: object) -> float:
    """Take a JSON number as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _TOO_LARGE:
        raise BadRequest(f'option "{name}" must be of type float32')
    return value


def integer(name: str, value: object) -> int:
    """Take a whole number; Ollama cuts fractions off, and providers refuse `100.0`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _TOO_LARGE:
        raise BadRequest(f'option "{name}" must be of type integer')
    return int(value)


def boolean(name: str, value: object) -> bool:
    """Take true or false."""
    if not isinstance(value, bool):
        raise BadRequest(f'option "{name}" must be of type boolean')
    return value


def none_if_negative(name: str, value: object) -> int | None:
    """Take a whole number; Ollama writes "random" and "no value" as negative ones."""
    whole = integer(name, value)
    return None if whole < 0 else whole


def none_below_one(name: str, value: object) -> int | None:
    """Take a limit; 0, -1 and -2 mean "no limit", which OpenRouter says by leaving the field out."""
    whole = integer(name, value)
    return None if whole < 1 else whole


def first_stops(name: str, value: object) -> list[str] | None:
    """Take as many stop strings as OpenRouter does; for the rest see `stops_to_watch`."""
    return all_stops(name, value)[:MAX_STOPS] or None


def all_stops(name: str, value: object) -> list[str]:
    """Take one stop string or a list of them; empty ones would stop at once and are left out."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        raise BadRequest(f'option "{name}" must be of type array')
    if not all(isinstance(text, str) for text in texts):
        raise BadRequest(f'option "{name}" must be of an array of strings')
    if len(texts) > MAX_WATCHED_STOPS:
        raise BadRequest(f'option "{name}" holds {len(texts)} strings: at most {MAX_WATCHED_STOPS} can be watched for')
    return list(dict.fromkeys(text for text in texts if text))


_HARDWARE = "hardware is OpenRouter's business"
_NO_SAMPLER = "no provider of OpenRouter offers this way of sampling"

OPTION_RULES: dict[str, Renamed | Dropped] = {
    "temperature": Renamed("temperature", number),
    "top_p": Renamed("top_p", number),
    "top_k": Renamed("top_k", none_if_negative),  # n8n sends -1 for "not set"
    "min_p": Renamed("min_p", number),
    "seed": Renamed("seed", none_if_negative),  # -1: random
    "num_predict": Renamed("max_tokens", none_below_one),
    "stop": Renamed("stop", first_stops),
    "repeat_penalty": Renamed("repetition_penalty", number),
    "presence_penalty": Renamed("presence_penalty", number),
    "frequency_penalty": Renamed("frequency_penalty", number),
    "num_ctx": Dropped("a hosted model's context is fixed; it must never become a limit of the answer", integer),
    "num_keep": Dropped("nothing is cut out of the prompt", integer),
    "typical_p": Dropped(_NO_SAMPLER, number),
    "tfs_z": Dropped(_NO_SAMPLER),
    "mirostat": Dropped(_NO_SAMPLER),
    "mirostat_eta": Dropped(_NO_SAMPLER),
    "mirostat_tau": Dropped(_NO_SAMPLER),
    "repeat_last_n": Dropped(_NO_SAMPLER, integer),
    "penalize_newline": Dropped(_NO_SAMPLER),
    "num_batch": Dropped(_HARDWARE, integer),
    "num_gpu": Dropped(_HARDWARE, integer),
    "main_gpu": Dropped(_HARDWARE, integer),
    "num_thread": Dropped(_HARDWARE, integer),
    "numa": Dropped(_HARDWARE),
    "use_mmap": Dropped(_HARDWARE, boolean),
    "use_mlock": Dropped(_HARDWARE),
    "low_vram": Dropped(_HARDWARE),
    "f16_kv": Dropped(_HARDWARE),
    "draft_num_predict": Dropped(_HARDWARE, integer),
}


def to_parameters(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """
    Translate `options` into fields of a completion request.

    Raises:
        BadRequest: a value is of the wrong type; the words are Ollama's.
    """
    parameters = {}
    for name, value in (options or {}).items():
        rule = None if value is None else OPTION_RULES.get(name)
        if isinstance(rule, Renamed):
            converted = rule.convert(name, value)
            if converted is not None:
                parameters[rule.field] = converted
        elif rule is not None and rule.check is not None:
            rule.check(name, value)
    return parameters


def unknown_options(options: Mapping[str, Any] | None) -> list[str]:
    """Name the options that are in no row of the table, and so have no effect."""
    return [name for name in options or () if name not in OPTION_RULES]


def stops_to_watch(options: Mapping[str, Any] | None) -> list[str]:
    """
    Give all stop strings, the four that are sent among them, where there are more than OpenRouter takes.

    Returns:
        Nothing where OpenRouter takes them all.
    """
    value = options.get("stop") if options else None
    stops = [] if value is None else all_stops("stop", value)
    return stops if len(stops) > MAX_STOPS else []
