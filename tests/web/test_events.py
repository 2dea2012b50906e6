"""News for open pages, over a real socket."""

import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from tray_proxy.listener import LoopThread
from web.fakes import Served


class Listening:
    """A page that listens, in a thread of its own."""

    def __init__(self, client: httpx.Client) -> None:
        self.lines: list[str] = []
        self.heard = threading.Condition()
        self.open = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(client,), daemon=True)
        self._thread.start()
        assert self.open.wait(15)

    def _run(self, client: httpx.Client) -> None:
        with client.stream("GET", "/api/events", timeout=None) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                self.open.set()
                if line:
                    with self.heard:
                        self.lines.append(line)
                        self.heard.notify_all()

    def wait_for(self, *lines: str) -> None:
        with self.heard:
            assert self.heard.wait_for(lambda: self.lines == list(lines), 15), self.lines

    def ended(self) -> bool:
        self._thread.join(15)
        return not self._thread.is_alive()


@pytest.fixture
def listen(served: Served, loop: LoopThread) -> Iterator[Callable[[], Listening]]:
    """Open pages that listen; they are let go at the end."""
    pages: list[Listening] = []

    def open_page() -> Listening:
        pages.append(Listening(served.visitor()))
        return pages[-1]

    yield open_page
    loop.loop.call_soon_threadsafe(served.backend.events.end)
    assert all(page.ended() for page in pages)


def test_an_open_page_hears_what_has_changed(served: Served, loop: LoopThread, listen: Callable[[], Listening]) -> None:
    page = listen()

    loop.loop.call_soon_threadsafe(served.backend.events.tell, "models")

    page.wait_for("retry: 1000", "data: models")


def test_a_topic_that_changes_often_at_once_is_told_once(
    served: Served, loop: LoopThread, listen: Callable[[], Listening]
) -> None:
    page = listen()

    def burst() -> None:
        for topic in ("models", "state", "models"):
            served.backend.events.tell(topic)

    loop.loop.call_soon_threadsafe(burst)

    page.wait_for("retry: 1000", "data: models", "data: state")


def test_every_open_page_hears_it(served: Served, loop: LoopThread, listen: Callable[[], Listening]) -> None:
    pages = [listen(), listen()]

    loop.loop.call_soon_threadsafe(served.backend.events.tell, "state")

    for page in pages:
        page.wait_for("retry: 1000", "data: state")


def test_pages_are_let_go_when_the_program_ends(
    served: Served, loop: LoopThread, listen: Callable[[], Listening]
) -> None:
    """Or it would wait for them."""
    page = listen()

    loop.loop.call_soon_threadsafe(served.backend.events.end)

    assert page.ended()


def test_nobody_listens_who_was_not_let_in(served: Served) -> None:
    assert served.stranger().get("/api/events").status_code == 403
