"""JSON on one line, for every reader."""

import json
import sys

import msgspec
import pytest

from tray_proxy.translate.lines import one_line

EVERY_CHARACTER = "".join(chr(number) for number in range(sys.maxunicode + 1) if not 0xD800 <= number < 0xE000)


def test_no_character_ends_a_line_and_none_is_lost() -> None:
    line = one_line(msgspec.json.encode(EVERY_CHARACTER))

    assert len(line.decode().splitlines()) == 1
    assert json.loads(line) == EVERY_CHARACTER


@pytest.mark.parametrize("text", ["", "Zoë 😀 中文", "\u2027\u202a\x84\x86", "a\nb"])
def test_all_else_stays_as_it_was_written(text: str) -> None:
    assert one_line(msgspec.json.encode(text)) == msgspec.json.encode(text)
