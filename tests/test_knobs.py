"""How texts and values become settings, kind by kind."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from tray_proxy.knobs import Knob, NotAllowed, fields_of
from tray_proxy.secret_str import SecretStr


def short(text: str) -> str:
    if len(text) > 3:
        raise ValueError(text)
    return text.strip()


class Some(msgspec.Struct):
    """One of each kind."""

    switch: Annotated[bool, Knob("A switch.", "on or off")] = True
    whole: Annotated[int, msgspec.Meta(ge=1, le=9), Knob("A number.", "1 to 9")] = 1
    fraction: Annotated[float, msgspec.Meta(gt=0), Knob("A number.", "above 0")] = 0.5
    word: Annotated[str, Knob("A text.", "up to three characters", check=short)] = ""
    choice: Annotated[Literal["a", "b"], Knob("A choice.", "a or b", before=lambda given: str(given).lower())] = "a"
    path: Annotated[Path | None, Knob("A path.", "a path")] = None
    secret: Annotated[SecretStr | None, Knob("A key.", "a key", flag=False)] = None
    names: Annotated[tuple[str, ...] | None, Knob("Names.", "a list of names")] = None
    entries: Annotated[dict[str, Any], Knob("Entries.", "an object")] = {}


FIELDS = fields_of(Some)


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        *(("switch", word, True) for word in ("1", "true", "Yes", "ON", "y", "t", 1, True)),
        *(("switch", word, False) for word in ("0", "FALSE", "no", " off ", "n", "f", 0, False)),
        ("whole", "9", 9),
        *(("whole", text, 9) for text in (" 9", "9\r", "+9", "09", "9.0")),
        ("whole", 1, 1),
        ("fraction", "2.5", 2.5),
        *(("fraction", text, 0.5) for text in (" 0.5 ", ".5", "5e-1")),
        ("fraction", 2, 2.0),
        ("word", " a ", "a"),
        ("choice", "B", "b"),
        ("path", "a/b", Path("a/b")),
        ("path", Path("a"), Path("a")),
        ("path", None, None),
        ("secret", "key", SecretStr("key")),
        ("secret", SecretStr("key"), SecretStr("key")),
        ("names", ["a"], ("a",)),
        ("names", None, None),
        ("entries", {"a": 1}, {"a": 1}),
    ],
)
def test_a_value_is_read_as_its_field_has_it(name, given, value):
    read = FIELDS[name].read(given)

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *(("switch", given) for given in ("", "2", "maybe", 2, None, [])),
        *(("whole", given) for given in ("0", 10, "1.5", 1.5, "", None, "9" * 5000)),
        *(("fraction", given) for given in (0, "-1", "nan", "inf", float("nan"), "half")),
        *(("word", given) for given in ("four", 1, None)),
        ("choice", "c"),
        ("path", 1),
        ("secret", 1),
        *(("names", given) for given in ("a", [1], {})),
        ("entries", []),
    ],
)
def test_what_may_not_stand_there_is_refused_without_repeating_it(name, given):
    with pytest.raises(NotAllowed) as refused:
        FIELDS[name].read(given)

    assert (str(refused.value), refused.value.__cause__) == ("", None)


def test_a_field_says_what_it_is():
    whole, fraction, choice, word = (FIELDS[name] for name in ("whole", "fraction", "choice", "word"))

    assert (whole.least, whole.most, fraction.least, fraction.most) == (1, 9, 0, None)
    assert (choice.choices, word.choices, FIELDS["path"].kind) == (("a", "b"), (), Path)
    assert [field.default for field in FIELDS.values()] == [True, 1, 0.5, "", "a", None, None, None, {}]
    assert [name for name, field in FIELDS.items() if not field.knob.flag] == ["secret"]
