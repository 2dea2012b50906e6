"""What may stand in a setting, kind by kind; that settings refuse the rest is told by their own tests."""

import pytest

from tray_proxy import setting_values


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("LOCALHOST", True), ("127.8.9.1", True), ("::1", True), ("0.0.0.0", False), ("pc", False)],
)
def test_only_what_cannot_mean_another_computer_is_loopback(host, loopback):
    assert setting_values.is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("sk-or-v1-abc", True), ("", False), ("two words", False), ("schlüssel", False), ("a\n", False)],
)
def test_a_key_is_plain_characters_without_blanks(text, is_one):
    assert setting_values.is_key(text) is is_one
