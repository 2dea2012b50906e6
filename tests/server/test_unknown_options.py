"""Options without effect are named in the log, once, and never with their values."""

import pytest
from structlog.testing import capture_logs

from tray_proxy.server.unknown_options import UnknownOptions


def lines_for(*requests: dict | None) -> list[dict]:
    """The log's lines after these requests' options."""
    unknown = UnknownOptions()
    with capture_logs() as lines:
        for options in requests:
            unknown.note(options)
    return lines


def test_an_unknown_option_is_named_once_for_all_requests():
    assert lines_for({"temprature": 0.1}, {"temprature": 0.2, "temperature": 1}) == [
        {"event": "unknown options have no effect", "log_level": "warning", "names": ["temprature"]}
    ]


def test_several_are_named_in_one_line():
    lines = lines_for({"b": 1, "a": 2, "seed": 3})

    assert [line["names"] for line in lines] == [["a", "b"]]


@pytest.mark.parametrize("options", [None, {}, {"temperature": 1, "num_gpu": 99}])
def test_known_options_are_not_named(options):
    assert lines_for(options) == []


def test_a_client_cannot_fill_the_log_with_names():
    lines = lines_for(*({f"made up {number}": 1} for number in range(1000)))

    assert len(lines) == 200


def test_a_long_name_is_cut():
    """It may be anything, a prompt in the wrong place for example."""
    assert lines_for({"x" * 1000: 1})[0]["names"] == ["x" * 64]


def test_values_never_reach_the_log():
    assert "canary" not in repr(lines_for({"secret": "canary"}))
