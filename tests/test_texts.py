"""The table of texts: whole, and with its placeholders filled in."""

import pytest

from tray_proxy import texts


def test_a_text_is_found_by_area_and_name():
    assert texts.text("tray.quit") == "Quit"


def test_an_unknown_key_is_an_error_and_no_empty_label():
    with pytest.raises(KeyError):
        texts.text("tray.no-such-thing")
