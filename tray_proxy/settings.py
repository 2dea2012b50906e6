"""
The settings in force, read from all sources. `setting_list` has each of them.

Earlier sources win: flag, environment, `.env`, secret files, `OLLAMA_HOST`, settings file, default. Settings never
change in place; saving builds new ones.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tray_proxy import setting_sources, setting_values, user_file
from tray_proxy.errors import SettingsInvalid
from tray_proxy.knobs import NotAllowed
from tray_proxy.setting_list import FIELDS, Settings
from tray_proxy.setting_sources import KEYS, NO_DOTENV

type Complain = Callable[[str], None]

KEPT_SHUT, STAYS_ON = "Until then no model is allowed.", "Until then it is on."
DEFAULT_DAY = f"Until then the limit is {Settings().daily_limit_usd:g} dollars a day."
NO_AMOUNT = "Until then apps named with an amount that cannot be read get free models only."
# What keeps something out does so all the more where it cannot be read: its default would let in what costs money, or
# what its owner wanted to keep away. What it is then, and how that is told.
_SHUT: dict[str, tuple[Callable[[object], object], str]] = {
    "models_filter": (lambda given: Path(str(given)), KEPT_SHUT),
    "allowed_models": (lambda _: (), KEPT_SHUT),
    "same_user_only": (lambda _: True, STAYS_ON),
    "private_providers": (lambda _: True, STAYS_ON),
    "daily_limit_usd": (lambda _: Settings().daily_limit_usd, DEFAULT_DAY),
    "app_limits_usd": (setting_values.strict_app_limits, NO_AMOUNT),
}


def stored_names() -> tuple[str, ...]:
    """The settings that the user's file may hold."""
    return tuple(name for name, field in FIELDS.items() if field.knob.stored)


class _Refused(ValueError):
    """Each setting whose value is not allowed, with what was given and the sentence about what is."""

    def __init__(self, refused: Mapping[str, tuple[object, str]]) -> None:
        super().__init__(*refused)
        self.refused = refused


def load(
    flags: Mapping[str, object] | None = None, *, demo: bool = False, complain: Complain | None = None
) -> Settings:
    """
    Read all sources.

    Args:
        flags: Values from the command line, by setting name.
        demo: Whether the choice of models is the one made among the demo's, which has a file of its own.
        complain: Told in a sentence what is wrong with the user's file; its values that are not allowed then count
            as not given, or allow no model where they choose models, and stay in it. None refuses them, and a file
            that is damaged.

    Raises:
        SettingsInvalid: a value is not allowed; the message names setting, value and what is allowed.
    """
    aside: list[Path] = []
    passed_over: dict[str, Any] = {}
    while True:
        set_aside = None if complain is None else aside.append
        about = {"demo": demo, "set_aside": set_aside, "passed_over": tuple(passed_over)}
        try:
            loaded = _built({**(flags or {}), **about})
        except (OSError, UnicodeDecodeError):
            raise SettingsInvalid(NO_DOTENV) from None
        except _Refused as error:
            name, (given, allowed) = next(iter(error.refused.items()))
            sentence = _sentence(name, given, allowed, flags or {})
            if complain is None or name in passed_over or source_of(name, flags or {}) != "file":
                raise SettingsInvalid(sentence) from None
            passed_over[name] = given
            complain(f"{sentence} {_SHUT[name][1]}" if name in _SHUT else sentence)
        else:
            if complain is not None:
                for path in aside:
                    complain(user_file.told_lost(path))
                if aside:
                    # Which models were allowed is not known any more.
                    loaded = loaded.but(allowed_models=())
            return loaded.but(**{name: _SHUT[name][0](passed_over[name]) for name in _SHUT.keys() & passed_over})


def _built(values: Mapping[str, object]) -> Settings:
    """Build settings from values that go before all other sources; raises `_Refused`."""
    found = setting_sources.gathered(values, FIELDS)
    taken: dict[str, Any] = {}
    refused: dict[str, tuple[object, str]] = {}
    for name in FIELDS.keys() & found:
        try:
            taken[name] = FIELDS[name].read(found[name])
        except NotAllowed:
            refused[name] = (found[name], _allowed(name))
    built = Settings(**taken)
    if built.local_ollama is not None and built.local_ollama.endswith(f":{built.port}") and "port" not in refused:
        # We would ask ourselves, for ever.
        refused["local_ollama"] = (found["local_ollama"], _allowed("local_ollama"))
    if refused:
        raise _Refused({name: refused[name] for name in FIELDS if name in refused})
    if not setting_values.may_listen(built.host, {**found, "proxy_api_key": built.proxy_api_key}):
        raise _Refused({"host": (built.host, setting_values.NEEDS_ACCESS_KEY)})
    return built


def source_of(name: str, flags: Mapping[str, object]) -> str:
    """Say who gives a setting its value: "flag", "environment", ".env", "OLLAMA_HOST", or "file" (or nobody)."""
    return setting_sources.source_of(name, flags, FIELDS)


def check(changes: Mapping[str, object], flags: Mapping[str, object]) -> dict[str, str]:
    """Check values before they are saved; returns for each that is not allowed what is."""
    try:
        _built({**flags, **changes})
    except _Refused as error:
        wrong = {name: allowed for name, (_, allowed) in error.refused.items() if name in changes}
        if "port" in changes and "local_ollama" in error.refused:
            wrong.setdefault("port", "Allowed is a port other than that of LOCAL_OLLAMA.")
        if not wrong and "passed_over" not in flags:
            # What is wrong in the file is none of theirs, and hides that a host is unguarded.
            return check(changes, {**flags, "passed_over": tuple(error.refused)})
        return wrong
    return {}


def _sentence(name: str, given: object, allowed: str, flags: Mapping[str, object]) -> str:
    label = flag_of(name) if name in flags else name.upper()
    # The keys are the values that must not be repeated on a screen.
    shown = "" if name in KEYS else f": {str(given)[:200]!r}"
    return f"{label} has a value that is not allowed{shown}. {allowed}"


def _allowed(name: str) -> str:
    return f"Allowed is {FIELDS[name].knob.allowed}."


def flag_of(name: str) -> str:
    """Return a setting's flag."""
    return "--" + name.replace("_", "-")
