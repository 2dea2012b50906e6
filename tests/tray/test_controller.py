"""The controller in its real thread, between a shell and actions that only write down what they are asked."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tray_proxy.errors import KeyRejected, PortInUse, ProxyError
from tray_proxy.origins import Visitor
from tray_proxy.tray.controller import TrayController
from tray_proxy.tray.state import (
    AutostartClicked,
    CopyAddressClicked,
    DownloadClicked,
    Event,
    ListenerStarted,
    ListenerStopped,
    ModelClicked,
    ModelsChanged,
    ModelTick,
    NameClicked,
    NameTick,
    OpenLogsClicked,
    Phase,
    QuitClicked,
    Recovered,
    SettingsClicked,
    StartClicked,
    Status,
    StopClicked,
    TrafficChanged,
    Troubled,
    VisitorClicked,
    VisitorsChanged,
    Woke,
)

ADDRESS = "127.0.0.1:11434"
TICK = ModelTick("openai/gpt-4o", allowed=True)
NAME = NameTick("fast:latest", "openai/gpt-4o", kept=True)
CHAT = Visitor("https://chat.example")
PATIENCE_S = 10.0


class Recorder:
    """
    Shell and actions in one.

    Attributes:
        calls: What was asked for, in order: `show` as the phase that was shown, the rest as name and arguments.
        threads: The names of the threads that asked.
        faults: What to raise instead of doing something, by its name.
    """

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.threads: set[str] = set()
        self.faults: dict[str, Exception] = {}

    def show(self, status: Status) -> None:
        self._note(status.phase)

    def notify(self, title: str, text: str) -> None:
        self._note(("notify", title, text))

    def copy(self, text: str) -> None:
        self._note(("copy", text))

    def stop(self) -> None:
        self._note(("stop",))

    def start_listener(self) -> None:
        self._note(("start_listener",))

    def stop_listener(self) -> None:
        self._note(("stop_listener",))

    def open_settings(self, section: str) -> None:
        self._note(("open_settings", section))

    def open_logs(self) -> None:
        self._note(("open_logs",))

    def open_download(self) -> None:
        self._note(("open_download",))

    def set_model_allowed(self, model_id: str, allowed: bool) -> None:
        self._note(("set_model_allowed", model_id, allowed))

    def set_name_kept(self, name: str, kept: bool) -> None:
        self._note(("set_name_kept", name, kept))

    def answer_visitor(self, origin: str, allowed: bool) -> None:
        self._note(("answer_visitor", origin, allowed))

    def set_autostart(self, on: bool) -> None:
        self._note(("set_autostart", on))

    def drop_connections(self) -> None:
        self._note(("drop_connections",))

    def next(self, count: int) -> list[Any]:
        """The next calls, once there are that many."""
        return [self.calls.get(timeout=PATIENCE_S) for _ in range(count)]

    def so_far(self) -> list[Any]:
        """All calls that nobody has asked about yet."""
        return [self.calls.get() for _ in range(self.calls.qsize())]

    def _note(self, call: Any) -> None:
        self.threads.add(threading.current_thread().name)
        self.calls.put(call)
        if isinstance(call, tuple) and call[0] in self.faults:
            raise self.faults[call[0]]


def run_through(recorder: Recorder, *events: Event) -> None:
    """Let a controller find all events at once, and work in this thread until it has quit."""
    controller = TrayController(Status(address=ADDRESS))
    for event in events:
        controller.post(event)
    controller.run(recorder, recorder)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def controller(recorder: Recorder) -> Iterator[TrayController]:
    """A controller at work."""
    made = TrayController(Status(address=ADDRESS))
    made.start(recorder, recorder)
    yield made
    recorder.faults.clear()
    for event in (QuitClicked(), ListenerStopped()):
        made.post(event)


@pytest.fixture
def after(controller: TrayController, recorder: Recorder) -> Callable[..., list[Any]]:
    """Post an event and return the calls that follow it."""

    def post(event: Event, count: int) -> list[Any]:
        controller.post(event)
        return recorder.next(count)

    return post


def test_a_status_is_shown_before_its_effects_are_done(after) -> None:
    """The icon answers the click at once, however long the port takes."""
    assert after(StartClicked(), 2) == [Phase.STARTING, ("start_listener",)]


@pytest.mark.parametrize(
    ("event", "call"),
    [
        (SettingsClicked("models"), ("open_settings", "models")),
        (OpenLogsClicked(), ("open_logs",)),
        (DownloadClicked(), ("open_download",)),
        (CopyAddressClicked(), ("copy", f"http://{ADDRESS}")),
        (AutostartClicked(), ("set_autostart", True)),
        (Woke(), ("drop_connections",)),
    ],
)
def test_an_event_is_answered_by_its_effect(after, event: Event, call: tuple[Any, ...]) -> None:
    assert after(event, 2) == [Phase.STOPPED, call]


def test_a_model_is_unticked(after) -> None:
    after(ModelsChanged((TICK,)), 1)

    assert after(ModelClicked(TICK.id), 2) == [Phase.STOPPED, ("set_model_allowed", TICK.id, False)]


def test_a_name_is_removed(after) -> None:
    after(ModelsChanged((TICK,), (NAME,)), 1)

    assert after(NameClicked(NAME.name), 2) == [Phase.STOPPED, ("set_name_kept", NAME.name, False)]


def test_who_waits_gets_an_answer(after) -> None:
    after(VisitorsChanged((CHAT,)), 1)

    assert after(VisitorClicked(CHAT.origin, allowed=True), 2) == [
        Phase.STOPPED,
        ("answer_visitor", CHAT.origin, True),
    ]


def test_a_page_that_calls_itself_by_many_names_is_told_of_once_an_hour(recorder: Recorder) -> None:
    names = [Visitor(f"https://n{number}.evil.example") for number in range(3)]

    run_through(recorder, *[VisitorsChanged((name,), new=name) for name in names], QuitClicked())

    told = [call for call in recorder.so_far() if isinstance(call, tuple) and call[0] == "notify"]
    assert [names[0].origin in call[2] for call in told] == [True]


def test_events_are_taken_in_the_order_in_which_they_came(recorder: Recorder) -> None:
    run_through(recorder, StartClicked(), ListenerStarted(ADDRESS), StopClicked(), ListenerStopped(), QuitClicked())

    assert [call for call in recorder.so_far() if isinstance(call, tuple)] == [
        ("start_listener",),
        ("stop_listener",),
        ("stop",),
    ]


def test_of_a_burst_of_news_only_the_end_is_drawn(recorder: Recorder) -> None:
    """A panel that is redrawn for each of many answers flickers, and may fall over."""
    run_through(recorder, *[TrafficChanged(number) for number in range(100)], QuitClicked())

    assert recorder.so_far() == [Phase.QUITTING, ("stop",)]


def test_everything_is_done_in_the_controllers_own_thread(after, recorder: Recorder) -> None:
    """Clicks come from the GUI's thread, which must not wait."""
    after(StartClicked(), 2)

    assert recorder.threads == {"controller"}


def test_events_from_before_the_start_are_not_lost(recorder: Recorder) -> None:
    """The model list may be there before the icon is."""
    early = TrayController(Status(address=ADDRESS))
    early.post(StartClicked())

    early.start(recorder, recorder)

    assert recorder.next(2) == [Phase.STARTING, ("start_listener",)]
    for event in (QuitClicked(), ListenerStopped()):
        early.post(event)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (ProxyError("No file manager could be started."), "No file manager could be started."),
        (RuntimeError("a bug of ours"), "That could not be done."),
    ],
)
def test_an_effect_that_fails_becomes_a_notification(after, recorder: Recorder, fault: Exception, text: str) -> None:
    recorder.faults["open_logs"] = fault

    assert after(OpenLogsClicked(), 4)[2:] == [
        Phase.STOPPED,
        ("notify", "That did not work", f"{text} Look into the log, and try again."),
    ]


def test_the_icon_goes_on_answering_after_a_failure(after, recorder: Recorder) -> None:
    recorder.faults["open_logs"] = RuntimeError("a bug of ours")
    after(OpenLogsClicked(), 4)

    assert after(CopyAddressClicked(), 2) == [Phase.STOPPED, ("copy", f"http://{ADDRESS}")]


def test_a_port_that_cannot_even_be_tried_leaves_no_endless_start(after, recorder: Recorder) -> None:
    recorder.faults["start_listener"] = PortInUse("Port 11434 is used by Ollama.")

    assert after(StartClicked(), 4)[2:] == [
        Phase.FAILED,
        ("notify", "Tray Proxy is off", f"Port 11434 is used by Ollama. {PortInUse.hint}"),
    ]


def test_quit_works_even_where_the_port_cannot_be_closed(after, recorder: Recorder) -> None:
    after(StartClicked(), 2)
    after(ListenerStarted(ADDRESS), 1)
    recorder.faults["stop_listener"] = RuntimeError("the loop is gone")

    assert after(QuitClicked(), 4) == [Phase.QUITTING, ("stop_listener",), Phase.QUITTING, ("stop",)]


def test_a_notification_that_fails_is_not_told_by_another_one(after, recorder: Recorder) -> None:
    """They would chase each other for ever."""
    recorder.faults = {"open_logs": ProxyError("No file manager."), "notify": RuntimeError("no desktop")}
    after(OpenLogsClicked(), 4)

    assert after(CopyAddressClicked(), 2) == [Phase.STOPPED, ("copy", f"http://{ADDRESS}")]


def test_a_trouble_that_comes_and_goes_is_told_once(recorder: Recorder) -> None:
    """Somebody who is told every minute switches notifications off, and misses what matters."""
    again = [Troubled(KeyRejected("OpenRouter does not accept the key.")), Recovered()] * 3

    run_through(recorder, StartClicked(), ListenerStarted(ADDRESS), *again, QuitClicked(), ListenerStopped())

    assert [call[1] for call in recorder.so_far() if isinstance(call, tuple) and call[0] == "notify"] == [
        "Tray Proxy needs you"
    ]


def test_who_turns_it_on_is_told_again_that_the_port_is_taken(after, recorder: Recorder) -> None:
    """Else the second click would seem to do nothing at all."""
    recorder.faults["start_listener"] = PortInUse("Port 11434 is used by Ollama.")
    first = after(StartClicked(), 4)[-1]

    assert after(StartClicked(), 4)[-1] == first
    assert first[:2] == ("notify", "Tray Proxy is off")


def test_the_work_ends_with_quit(recorder: Recorder) -> None:
    controller = TrayController(Status(address=ADDRESS))
    thread = threading.Thread(target=controller.run, args=(recorder, recorder))
    thread.start()

    controller.post(QuitClicked())

    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert recorder.so_far() == [Phase.QUITTING, ("stop",)]


def test_nothing_is_done_after_quit(recorder: Recorder) -> None:
    run_through(recorder, QuitClicked(), OpenLogsClicked())

    assert recorder.so_far() == [("stop",)]
