"""The table of texts: whole, used whole, and with its placeholders filled in."""

import re
from pathlib import Path

import pytest

from tray_proxy import texts

PACKAGE = Path(texts.__file__).parent
SOURCES = {path: path.read_text(encoding="utf-8") for kind in ("*.py", "*.js") for path in PACKAGE.rglob(kind)}
AREAS = "|".join(sorted({key.partition(".")[0] for key in texts.table()}))
# A whole key; what a key is made of at run time begins with its literal part, in either language.
WRITTEN = re.compile(rf"""["'`]((?:{AREAS})\.[\w.-]+)["'`]""")
A_FILE = re.compile(r".*\.(css|html|js|json|lock|py|svg)")
BEGUN = re.compile(rf"""["'`]((?:{AREAS})\.[\w.-]*)\$?\{{""")


def test_a_text_is_found_by_area_and_name():
    assert texts.text("tray.quit") == "Quit"


def test_placeholders_are_filled_in():
    assert texts.text("page.on", address="here") == "On: apps reach it at here"


def test_an_unknown_key_is_an_error_and_no_empty_label():
    with pytest.raises(KeyError):
        texts.text("tray.no-such-thing")


def test_every_text_that_is_asked_for_exists():
    asked = {key: path.name for path, source in SOURCES.items() for key in WRITTEN.findall(source)}

    missing = {key: file for key, file in asked.items() if key not in texts.table() and not A_FILE.fullmatch(key)}

    assert missing == {}


def test_every_text_that_exists_is_asked_for():
    """A translator's work must not go into sentences that nobody reads."""
    whole = {key for source in SOURCES.values() for key in WRITTEN.findall(source)}
    beginnings = tuple({key for source in SOURCES.values() for key in BEGUN.findall(source)})

    assert [key for key in texts.table() if key not in whole and not key.startswith(beginnings)] == []
