"""What Windows asks of a program when the session ends, and tells it when the computer wakes."""

from desktop.waiting import wait_for
from windows.wine_desktop import QUIT_S

QUERYENDSESSION, ENDSESSION = 0x0011, 0x0016
POWERBROADCAST, RESUMED = 0x0218, 0x0012
YES, NO = 1, 0


def tell(app, message, wparam=0):
    """Send a message to each of the program's windows, as Windows does, and give their answers."""
    # pystray leaves the upper half of an answer to chance.
    return [app.wine.ask("send", window, message, wparam, 0) & 0xFFFFFFFF for window in app.windows]


def test_a_log_off_is_not_vetoed_and_ends_it_cleanly(start_app):
    app = start_app("--background")
    wait_for(app.answers, "the port to open")

    assert tell(app, QUERYENDSESSION) == [YES, YES]
    # Another program said no, and the session goes on.
    tell(app, ENDSESSION, NO)
    assert app.answers()

    tell(app, ENDSESSION, YES)

    assert app.process.wait(QUIT_S) == 0
    assert not app.answers()
    assert not app.record.exists()


def test_waking_is_heard_once(start_app):
    app = start_app("--background")

    tell(app, POWERBROADCAST, RESUMED)

    wait_for(lambda: "woke from sleep" in app.events(), "the log to tell of it")
    assert app.events().count("woke from sleep") == 1


def test_the_end_of_the_session_is_not_held_up(start_app, wine):
    """Here Windows itself asks every program, tells them, and ends what still runs."""
    app = start_app("--background")
    wait_for(app.answers, "the port to open")

    wine.desktop.run(["bash", "-c", "wine wineboot --end-session 2>&1 | cat"], timeout_s=10)

    assert app.process.wait(QUIT_S) == 0
    # Before Windows had its answer: after that it ends us as it likes.
    assert "proxy stopped" in app.events()
