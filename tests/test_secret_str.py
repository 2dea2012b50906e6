"""A secret does not get out by accident."""

import copy
import json
import pickle

import msgspec
import pytest

from tray_proxy.secret_str import SecretStr

KEY = "sk-or-v1-0123456789abcdef"


def test_it_is_read_by_name_alone():
    assert SecretStr(KEY).get_secret_value() == KEY


@pytest.mark.parametrize("show", [str, repr, "{}".format, "%s".__mod__, ascii])
def test_it_shows_nothing(show):
    assert show(SecretStr(KEY)) == "SecretStr()"


@pytest.mark.parametrize("write", [json.dumps, msgspec.json.encode, pickle.dumps, copy.copy])
def test_it_is_not_written_down(write):
    """Were it a text, or had it one as an attribute, it would be in the page's state before anybody noticed."""
    with pytest.raises(TypeError):
        write(SecretStr(KEY))


def test_two_of_the_same_text_are_equal():
    assert SecretStr(KEY) == SecretStr(KEY)
    assert SecretStr(KEY) != SecretStr(f"{KEY}0")
    assert SecretStr(KEY) != KEY
    assert len({SecretStr(KEY), SecretStr(KEY)}) == 1
