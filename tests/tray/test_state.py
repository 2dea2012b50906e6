"""What is so: how it begins, and which icon shows it."""

from typing import Any

import pytest

from tray_proxy.tray.state import Look, Phase, Status, Trouble

OLD_TROUBLE = Trouble("There was trouble before.", "See to it.")


def test_the_program_begins_switched_off() -> None:
    assert Status(address="127.0.0.1:11434").phase is Phase.STOPPED


@pytest.mark.parametrize(
    ("phase", "facts", "look"),
    [
        (Phase.STOPPED, {}, Look.OFF),
        (Phase.STOPPED, {"key_missing": True}, Look.OFF),
        (Phase.STARTING, {}, Look.WORKING),
        (Phase.RUNNING, {}, Look.ON),
        (Phase.RUNNING, {"in_flight": 1}, Look.WORKING),
        (Phase.RUNNING, {"key_missing": True}, Look.ATTENTION),
        (Phase.RUNNING, {"none_allowed": True}, Look.ATTENTION),
        (Phase.RUNNING, {"back_at": "02:00"}, Look.ATTENTION),
        (Phase.STOPPED, {"back_at": "02:00"}, Look.OFF),
        (Phase.RUNNING, {"trouble": OLD_TROUBLE}, Look.ATTENTION),
        (Phase.RUNNING, {"trouble": OLD_TROUBLE, "in_flight": 1}, Look.ATTENTION),
        (Phase.REVIVING, {}, Look.WORKING),
        (Phase.STOPPING, {}, Look.WORKING),
        (Phase.STOPPING, {"trouble": OLD_TROUBLE}, Look.WORKING),
        (Phase.FAILED, {"trouble": OLD_TROUBLE}, Look.ATTENTION),
        (Phase.QUITTING, {"in_flight": 1}, Look.OFF),
    ],
)
def test_the_icon_shows_how_things_stand(phase: Phase, facts: dict[str, Any], look: Look) -> None:
    assert Status(address="127.0.0.1:11434", phase=phase, **facts).look is look
