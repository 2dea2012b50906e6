"""
What a setting is: its kind, its default, what may stand there, and how a text from outside becomes a value.

Each is one annotated field of a msgspec struct. pydantic-settings would read them, too, and cost more time at every
start than the whole rest of it, and a quarter of the memory: 0.3 s and 12 MB.
"""

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from tray_proxy.secret_str import SecretStr

_ON, _OFF = ("1", "on", "t", "true", "y", "yes"), ("0", "f", "false", "n", "no", "off")


class NotAllowed(ValueError):
    """A value that may not stand in a setting; the setting says what may."""


@dataclass(frozen=True)
class Knob:
    """
    What stands beside a field's type.

    Args:
        description: What it is for, in a sentence.
        allowed: What may stand there, completing the sentence "Allowed is …".
        flag: Whether the command line takes it. A key is no flag: process lists are public.
        stored: Whether the user's settings file holds it.
        restart: Whether a change waits for the program's next start.
        before: Makes of what was given what the type is to be read from; may raise ValueError.
        check: Takes a value of the type, perhaps writing it in one way; raises ValueError where it is not allowed.
    """

    description: str
    allowed: str
    flag: bool = True
    stored: bool = True
    restart: bool = False
    before: Callable[[object], object] | None = None
    check: Callable[[Any], object] | None = None


@dataclass(frozen=True)
class Field:
    """
    One setting.

    `kind` is its type without `| None` and without what stands beside it; `least` and `most` are a number's bounds,
    and None where it has none.
    """

    name: str
    knob: Knob
    kind: Any
    default: object
    optional: bool
    limits: msgspec.Meta

    @property
    def least(self) -> float | None:
        """The bound below."""
        return self.limits.gt if self.limits.ge is None else self.limits.ge

    @property
    def most(self) -> float | None:
        """The bound above."""
        return self.limits.lt if self.limits.le is None else self.limits.le

    @property
    def choices(self) -> tuple[str, ...]:
        """What there is to choose from; empty where it is no choice."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    def read(self, given: object) -> object:
        """
        Return the value that was given, as its type has it.

        Raises:
            NotAllowed: it may not stand there.
        """
        try:
            made = given if self.knob.before is None else self.knob.before(given)
            if made is None and self.optional:
                return None
            value = self._typed(made)
            return value if self.knob.check is None else self.knob.check(value)
        except (ValueError, msgspec.ValidationError, RecursionError):
            # Without where it came from: what was given may be a key.
            raise NotAllowed from None

    def _typed(self, given: object) -> object:
        if self.kind is bool:
            return _switch(given)
        if self.kind in (Path, SecretStr):
            if not isinstance(given, str | self.kind):
                raise ValueError
            return self.kind(given) if isinstance(given, str) else given
        if self.kind in (int, float) and isinstance(given, str):
            # As Python reads it: msgspec refuses "11434 ", and "11434\r" from a file with line ends of Windows.
            given = float(given)
        value = msgspec.convert(given, Annotated[self.kind, self.limits], strict=False)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError
        return value


def _switch(given: object) -> bool:
    word = given.strip().lower() if isinstance(given, str) else str(int(given)) if given in (0, 1) else ""
    if word not in (*_ON, *_OFF):
        raise ValueError
    return word in _ON


def fields_of(cls: type[msgspec.Struct]) -> Mapping[str, Field]:
    """Return the settings that a struct has, by name, in their order."""
    hints = get_type_hints(cls, include_extras=True)
    return {info.name: _field(info.name, hints[info.name], _default(info)) for info in msgspec.structs.fields(cls)}


def _default(info: msgspec.structs.FieldInfo) -> object:
    return info.default if info.default is not msgspec.NODEFAULT else info.default_factory()


def _field(name: str, hint: Any, default: object) -> Field:
    kind, *beside = get_args(hint)
    among = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    optional = types.NoneType in among
    (kind,) = (each for each in among if each is not types.NoneType)
    knob = next(each for each in beside if isinstance(each, Knob))
    limits = next((each for each in beside if isinstance(each, msgspec.Meta)), msgspec.Meta())
    return Field(name, knob, kind, default, optional, limits)
