"""The memory of the demo upstream, read from another thread than it is written from."""

import threading

from tray_proxy.demo.journal import Journal, Received


def received() -> Received:
    """Write a request."""
    return Received("GET", "/api/v1/models", {}, {}, 1)


def test_a_request_goes_from_open_to_its_outcome() -> None:
    """With the time of both."""
    journal = Journal()
    seen = journal.open(received())
    assert (seen.outcome, seen.ended_s) == ("open", None)

    journal.read(seen, {"a": 1})
    journal.close(seen, "dropped")

    assert journal.received == [seen]
    assert (seen.body, seen.outcome) == ({"a": 1}, "dropped")
    assert seen.ended_s is not None


def test_who_waits_is_woken_by_a_change() -> None:
    """From the thread that serves."""
    journal = Journal()
    thread = threading.Thread(target=lambda: journal.close(journal.open(received()), "answered"))
    thread.start()

    assert journal.wait_for(lambda: [one.outcome for one in journal.received] == ["answered"], 15) is True
    thread.join()
