"""Start at login on the page: what is asked for reaches the system, and what the system says is shown."""

import pytest

from tray_proxy import autostart
from tray_proxy.autostart import AutostartState, XdgAutostart
from tray_proxy.tray.state import AutostartChanged
from tray_proxy.web.autostart_api import AutostartDesk


def do(running, work):
    return running.loop.submit(work).result(10)


@pytest.fixture
def running(proxies, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(autostart.sys, "platform", "linux")
    return proxies.start(tmp_path / "home")


def test_it_is_off_until_it_is_asked_for(running, tmp_path):
    assert running.program.page_state().autostart == AutostartState(enabled=False)
    assert not (tmp_path / "config").exists()


def test_the_switch_reaches_the_system_and_back(running, tmp_path):
    desk = running.program.autostart_desk

    do(running, desk.switch(True))
    switched_on = running.program.page_state().autostart.enabled
    do(running, desk.switch(False))

    assert (switched_on, running.program.page_state().autostart.enabled) == (True, False)
    assert list((tmp_path / "config" / "autostart").iterdir()) == []


def test_what_the_system_does_not_allow_is_told_and_the_switch_stays(tmp_path, loop):
    (tmp_path / "autostart").write_text("a file where a folder should be")
    told = []
    desk = AutostartDesk(XdgAutostart(("tray-proxy",), tmp_path / "autostart"), told.append)

    with pytest.raises(autostart.AutostartFailed):
        loop.submit(desk.switch(True)).result(15)

    assert [state.enabled for state in told] == [False]


def test_a_switch_of_the_systems_own_reaches_the_tray_when_somebody_looks(running, tmp_path, monkeypatch):
    """Task Manager, or a file manager: nobody tells us of it."""
    do(running, running.program.autostart_desk.switch(True))
    [file] = (tmp_path / "config" / "autostart").iterdir()
    file.unlink()
    told = []
    monkeypatch.setattr(running.program, "_post", told.append)

    shown = running.program.page_state().autostart.enabled
    running.program.page_state()

    assert shown is False
    assert told == [AutostartChanged(enabled=False)]
