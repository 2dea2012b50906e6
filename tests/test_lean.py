"""What is left out of the start, where it happens to be installed."""

import importlib
import importlib.util
import sys

import pytest

from tray_proxy import lean


def test_what_is_left_out_is_not_found_in_there_and_found_again_afterwards(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)

    with lean.without("this"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("this")

    assert "this" not in sys.modules
    assert importlib.util.find_spec("this") is not None


def test_what_is_loaded_already_stays():
    with lean.without("json"):
        assert importlib.import_module("json") is sys.modules["json"]

    assert sys.modules["json"] is not None


def test_it_is_found_again_where_an_import_fails():
    with pytest.raises(ImportError), lean.without("this"):
        raise ImportError

    assert "this" not in sys.modules


def test_what_is_emptied_is_not_read_and_is_itself_again_afterwards(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)

    with lean.emptied("this"):
        from this import d, s
    assert (s, d) == (None, None)

    assert "this" not in sys.modules


def test_what_is_loaded_already_is_not_emptied():
    with lean.emptied("json"):
        assert importlib.import_module("json").loads("1") == 1

    assert sys.modules["json"].loads("1") == 1
