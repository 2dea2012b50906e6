"""The state machine, pair by pair: what becomes of the status, and what is to be done."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from tray_proxy.errors import (
    CatalogueUnavailable,
    CertificateRefused,
    KeyRejected,
    Offline,
    OutOfCredits,
    PortInUse,
    ProxyError,
)
from tray_proxy.origins import MAX_LENGTH, Visitor
from tray_proxy.tray.state import (
    ActionFailed,
    AddressChanged,
    AutostartChanged,
    AutostartClicked,
    CopyAddressClicked,
    DownloadClicked,
    Event,
    KeyChanged,
    ListenerFailed,
    ListenerLost,
    ListenerStarted,
    ListenerStopped,
    Look,
    ModelClicked,
    ModelsChanged,
    ModelTick,
    NameClicked,
    NameTick,
    NotificationsSwitched,
    OpenLogsClicked,
    Phase,
    PortAwaited,
    QuitClicked,
    Recovered,
    SettingsClicked,
    SpendingChanged,
    StartClicked,
    Status,
    StopClicked,
    TrafficChanged,
    Trouble,
    Troubled,
    VersionFound,
    VisitorClicked,
    VisitorsChanged,
    Woke,
)
from tray_proxy.tray.transition import (
    MAX_TOLD_VISITORS,
    AnswerVisitor,
    CopyText,
    DropConnections,
    Effect,
    Notify,
    OpenDownload,
    OpenLogs,
    OpenSettings,
    Quit,
    SetAutostart,
    SetModelAllowed,
    SetNameKept,
    StartListener,
    StopListener,
    transition,
)

TAKEN = PortInUse("Port 11434 is used by Ollama.")
REJECTED = KeyRejected("OpenRouter does not accept the key.")
TICKED, UNTICKED = ModelTick("openai/gpt-4o", allowed=True), ModelTick("openai/o4-mini", allowed=False)
OLD_TROUBLE = Trouble("There was trouble before.", "See to it.")
NEWS = (TICKED,)
KEPT, REMOVED = NameTick("fast:latest", "openai/o4-mini", kept=True), NameTick("slow:latest", "openai/o3", kept=False)
PAGE_ASSIST = Visitor("chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo")
UNKNOWN = Visitor(f"chrome-extension://{'a' * 32}")
CHAT = Visitor("https://chat.example")

EVENTS: tuple[Event, ...] = (
    StartClicked(), StopClicked(), ListenerStarted("127.0.0.1:11500"), ListenerFailed(TAKEN), ListenerLost(),
    ListenerStopped(), AddressChanged("127.0.0.1:11436"), TrafficChanged(3), Troubled(REJECTED), Recovered(),
    KeyChanged(missing=True), ModelsChanged(NEWS), PortAwaited(waiting=True), AutostartChanged(enabled=True),
    NotificationsSwitched(on=False), Woke(), ModelClicked(TICKED.id), NameClicked(KEPT.name), SettingsClicked("models"),
    CopyAddressClicked(), OpenLogsClicked(), AutostartClicked(), QuitClicked(), ActionFailed(TAKEN),
    VersionFound("1.2.0"), DownloadClicked(), VisitorsChanged((CHAT,)), SpendingChanged("Today $1.00", "02:00"),
    VisitorClicked(PAGE_ASSIST.origin, allowed=True),
)  # fmt: skip

type Row = tuple[Phase, Event, dict[str, Any], list[Effect]]

# What can be asked for at any time, until the program ends.
IN_EVERY_PHASE: tuple[tuple[Event, dict[str, Any], list[Effect]], ...] = (
    (SettingsClicked("models"), {}, [OpenSettings("models")]),
    (CopyAddressClicked(), {}, [CopyText("http://127.0.0.1:11434")]),
    (OpenLogsClicked(), {}, [OpenLogs()]),
    (ModelClicked(TICKED.id), {}, [SetModelAllowed(TICKED.id, allowed=False)]),
    (NameClicked(KEPT.name), {}, [SetNameKept(KEPT.name, kept=False)]),
    (VisitorClicked(PAGE_ASSIST.origin, allowed=True), {}, [AnswerVisitor(PAGE_ASSIST.origin, allowed=True)]),
    (VisitorsChanged((CHAT,)), {"visitors": (CHAT,)}, []),
    (ModelsChanged(NEWS), {"models": NEWS, "names": ()}, []),
    (KeyChanged(missing=True), {"key_missing": True}, []),
    (AddressChanged("127.0.0.1:11436"), {"address": "127.0.0.1:11436"}, []),
    (PortAwaited(waiting=True), {"awaits_port": True}, []),
    (AutostartChanged(enabled=True), {"autostart": True}, []),
    (AutostartClicked(), {}, [SetAutostart(on=True)]),
    (NotificationsSwitched(on=False), {"notifications": False}, []),
    (VersionFound("1.2.0"), {"newer_version": "1.2.0"}, []),
    (SpendingChanged("Today $1.00", "02:00"), {"spending": "Today $1.00", "back_at": "02:00"}, []),
    (DownloadClicked(), {}, [OpenDownload()]),
    (Woke(), {}, [DropConnections()]),
    (ActionFailed(TAKEN), {}, [Notify("That did not work", f"{TAKEN.message} {TAKEN.hint}", kind=None)]),
)
BAD_KEY = {"trouble": Trouble(REJECTED.message, REJECTED.hint, "key")}
FAILED = {"phase": Phase.FAILED, "in_flight": 0, "trouble": Trouble(TAKEN.message, TAKEN.hint, "port")}
TOLD_OFF: list[Effect] = [Notify("Tray Proxy is off", f"{TAKEN.message} {TAKEN.hint}", "PortInUse")]
NEEDED: list[Effect] = [Notify("Tray Proxy needs you", f"{REJECTED.message} {REJECTED.hint}", "KeyRejected")]
OPEN = {"phase": Phase.RUNNING, "address": "127.0.0.1:11500"}
TABLE: tuple[Row, ...] = (
    (Phase.STOPPED, StartClicked(), {"phase": Phase.STARTING}, [StartListener()]),
    (Phase.FAILED, StartClicked(), {"phase": Phase.STARTING, "trouble": None}, [StartListener()]),
    (Phase.STARTING, ListenerStarted("127.0.0.1:11500"), OPEN, []),
    (Phase.FAILED, ListenerStarted("127.0.0.1:11500"), OPEN | {"trouble": None}, []),
    (Phase.REVIVING, ListenerStarted("127.0.0.1:11500"), OPEN | {"trouble": None}, []),
    (Phase.STARTING, ListenerFailed(TAKEN), FAILED, TOLD_OFF),
    (Phase.RUNNING, ListenerFailed(TAKEN), FAILED, TOLD_OFF),
    (Phase.REVIVING, ListenerFailed(TAKEN), FAILED, TOLD_OFF),
    (Phase.STOPPING, ListenerFailed(TAKEN), FAILED, TOLD_OFF),
    (Phase.FAILED, ListenerFailed(TAKEN), FAILED, TOLD_OFF),
    (Phase.RUNNING, ListenerLost(), {"phase": Phase.REVIVING, "in_flight": 0}, []),
    (Phase.RUNNING, StopClicked(), {"phase": Phase.STOPPING}, [StopListener()]),
    (Phase.REVIVING, StopClicked(), {"phase": Phase.STOPPING}, [StopListener()]),
    (Phase.FAILED, StopClicked(), {"phase": Phase.STOPPING}, [StopListener()]),
    (Phase.STOPPING, ListenerStopped(), {"phase": Phase.STOPPED, "in_flight": 0, "trouble": None}, []),
    (Phase.STARTING, TrafficChanged(3), {"in_flight": 3}, []),
    (Phase.RUNNING, TrafficChanged(3), {"in_flight": 3}, []),
    (Phase.STOPPING, TrafficChanged(3), {"in_flight": 3}, []),
    (Phase.STOPPED, Troubled(REJECTED), BAD_KEY, []),
    (Phase.STARTING, Troubled(REJECTED), BAD_KEY, NEEDED),
    (Phase.RUNNING, Troubled(REJECTED), BAD_KEY, NEEDED),
    (Phase.STOPPED, Recovered(), {"trouble": None}, []),
    (Phase.STARTING, Recovered(), {"trouble": None}, []),
    (Phase.RUNNING, Recovered(), {"trouble": None}, []),
    (Phase.STOPPED, QuitClicked(), {"phase": Phase.QUITTING}, [Quit()]),
    (Phase.FAILED, QuitClicked(), {"phase": Phase.QUITTING}, [Quit()]),
    (Phase.RUNNING, QuitClicked(), {"phase": Phase.QUITTING}, [StopListener()]),
    (Phase.REVIVING, QuitClicked(), {"phase": Phase.QUITTING}, [StopListener()]),
    (Phase.STARTING, QuitClicked(), {"phase": Phase.QUITTING}, []),
    (Phase.STOPPING, QuitClicked(), {"phase": Phase.QUITTING}, []),
    (Phase.QUITTING, ListenerStopped(), {}, [Quit()]),
    (Phase.QUITTING, ListenerFailed(TAKEN), {}, [Quit()]),
    (Phase.QUITTING, ListenerStarted("127.0.0.1:11500"), {}, [StopListener()]),
)
ALIVE = [phase for phase in Phase if phase is not Phase.QUITTING]
MEANINGFUL = {(phase, event) for phase, event, _, _ in TABLE} | {
    (phase, event) for phase in ALIVE for event, _, _ in IN_EVERY_PHASE
}
RACES = [(phase, event) for phase in Phase for event in EVENTS if (phase, event) not in MEANINGFUL]


def status_in(phase: Phase, **facts: Any) -> Status:
    """A status in which every field has something that an event could change."""
    usual: dict[str, Any] = {
        "in_flight": 1,
        "trouble": OLD_TROUBLE,
        "models": (TICKED, UNTICKED),
        "names": (KEPT, REMOVED),
        "visitors": (PAGE_ASSIST,),
    }
    return Status(address="127.0.0.1:11434", phase=phase, **{**usual, **facts})


def play(status: Status, events: Iterable[Event]) -> tuple[Status, list[Effect]]:
    """Let events happen one after another; return the last status and all the effects."""
    done: list[Effect] = []
    for event in events:
        status, effects = transition(status, event)
        done += effects
    return status, done


def named(value: object) -> str:
    return value.name if isinstance(value, Phase) else type(value).__name__


@pytest.mark.parametrize(("phase", "event", "changes", "effects"), TABLE, ids=named)
def test_an_event_does_what_the_table_says(
    phase: Phase, event: Event, changes: dict[str, Any], effects: list[Effect]
) -> None:
    before = status_in(phase)

    assert transition(before, event) == (replace(before, **changes), effects)


@pytest.mark.parametrize("phase", ALIVE, ids=named)
@pytest.mark.parametrize(("event", "changes", "effects"), IN_EVERY_PHASE, ids=named)
def test_what_the_owner_asks_for_does_not_wait_for_a_phase(
    phase: Phase, event: Event, changes: dict[str, Any], effects: list[Effect]
) -> None:
    """Settings and logs are wanted most where something has gone wrong."""
    before = status_in(phase)

    assert transition(before, event) == (replace(before, **changes), effects)


@pytest.mark.parametrize(("phase", "event"), RACES, ids=named)
def test_every_other_pair_is_a_race_and_changes_nothing(phase: Phase, event: Event) -> None:
    """A second click, or news that arrives late."""
    before = status_in(phase)

    assert transition(before, event) == (before, [])


def test_no_kind_of_event_is_left_out_of_these_tables() -> None:
    assert {type(event) for event in EVENTS} == set(Event.__value__.__args__)


def test_an_impatient_second_click_opens_the_port_once() -> None:
    _, effects = play(status_in(Phase.STOPPED), [StartClicked(), StartClicked()])

    assert effects == [StartListener()]


def test_a_start_forgets_the_last_failure() -> None:
    status, _ = play(status_in(Phase.STARTING), [ListenerFailed(TAKEN), StartClicked(), ListenerStarted("[::1]:1")])

    assert (status.phase, status.trouble, status.look) == (Phase.RUNNING, None, Look.ON)


def test_a_server_that_dies_while_it_is_stopped_is_told_about_once() -> None:
    """The stop that was under way then reports as well."""
    status, effects = play(status_in(Phase.RUNNING), [StopClicked(), ListenerFailed(TAKEN), ListenerStopped()])

    assert (status.phase, effects) == (Phase.FAILED, [StopListener(), *TOLD_OFF])


def test_a_question_that_comes_before_the_news_of_the_open_port_shows_as_work() -> None:
    status, _ = play(status_in(Phase.STARTING, in_flight=0, trouble=None), [TrafficChanged(1), ListenerStarted("a:1")])

    assert status.look is Look.WORKING


def test_the_same_trouble_again_is_told_once() -> None:
    """An app may try a hundred times."""
    _, effects = play(status_in(Phase.RUNNING), [Troubled(REJECTED)] * 3)

    assert effects == NEEDED


def test_a_failure_told_again_with_the_same_words_is_no_news() -> None:
    """Whoever waits for the port may fail at it every few seconds."""
    _, effects = play(status_in(Phase.STARTING), [ListenerFailed(TAKEN)] * 3)

    assert effects == TOLD_OFF


def test_another_trouble_is_told_as_well() -> None:
    broke = OutOfCredits("There is not enough credit.")

    _, effects = play(status_in(Phase.RUNNING), [Troubled(REJECTED), Troubled(broke)])

    assert effects[1:] == [Notify("Tray Proxy needs you", f"{broke.message} {broke.hint}", "OutOfCredits")]


def test_a_trouble_that_comes_back_is_offered_again() -> None:
    """Whether an hour has passed is for `Notices` to say."""
    _, effects = play(status_in(Phase.RUNNING), [Troubled(REJECTED), Recovered(), Troubled(REJECTED)])

    assert effects == NEEDED * 2


def test_who_wants_no_notifications_gets_none_but_answers() -> None:
    """A click that did nothing, and said nothing, would look like a broken program."""
    asked: list[Event] = [Troubled(REJECTED), ListenerFailed(TAKEN), ActionFailed(TAKEN)]

    status, effects = play(status_in(Phase.RUNNING, notifications=False), asked)

    assert (status.trouble, effects) == (
        FAILED["trouble"],
        [Notify("That did not work", f"{TAKEN.message} {TAKEN.hint}", kind=None)],
    )


@pytest.mark.parametrize("notifications", [True, False])
def test_a_newer_version_is_told_to_who_wants_to_be_told(notifications: bool) -> None:
    """The menu has it anyway."""
    before = status_in(Phase.STOPPED, notifications=notifications)

    status, effects = transition(before, VersionFound("1.2.0", untold=True))

    words = "Its line in the tray's menu leads to the download page. Nothing is downloaded by itself."
    assert status.newer_version == "1.2.0"
    assert effects == ([Notify("Tray Proxy 1.2.0 is there", words, "VersionFound")] if notifications else [])


@pytest.mark.parametrize(
    ("news", "notice"),
    [
        (
            SpendingChanged("…", percent=80, limit="$5.00"),
            Notify(
                "80 % of today's limit is spent",
                "At $5.00 models that cost are refused until the day ends. You can raise the limit in Settings.",
                "limit is near",
            ),
        ),
        (
            SpendingChanged("…", back_at="02:00", percent=100, limit="$5.00"),
            Notify(
                "The limit of $5.00 for today is reached",
                "Models that cost answer again from 02:00 on, free ones all the time. To go on now, raise the limit in "
                "Settings.",
                "limit reached",
            ),
        ),
    ],
)
def test_the_owner_is_told_when_money_runs_out_unless_they_want_no_notifications(news, notice):
    assert transition(status_in(Phase.RUNNING), news)[1] == [notice]
    assert transition(status_in(Phase.RUNNING, notifications=False), news)[1] == []


ASKS_TEXT = (
    "It calls itself {} and was refused. Answer in the tray's menu, or on the page Settings: what you allow may spend "
    "your credit."
)


@pytest.mark.parametrize(
    ("visitor", "title", "site"),
    [
        (PAGE_ASSIST, "“Page Assist” (browser extension) wants to use Tray Proxy", PAGE_ASSIST.origin),
        (UNKNOWN, "A browser extension wants to use Tray Proxy", UNKNOWN.origin),
        (Visitor("https://chat.evil.example:8080"), "A web page wants to use Tray Proxy", "evil.example"),
    ],
)  # fmt: skip
def test_who_wants_to_call_is_told_by_its_whole_name(visitor: Visitor, title: str, site: str) -> None:
    status, effects = transition(status_in(Phase.RUNNING), VisitorsChanged((CHAT, visitor), new=visitor))

    assert status.visitors == (CHAT, visitor)
    assert effects == [Notify(title, ASKS_TEXT.format(visitor.origin), f"visitor {site}")]


def test_the_longest_name_there_may_be_fits_a_notification() -> None:
    """Windows cuts at 64 and 256: the end of a name tells whose it is."""
    longest = Visitor(f"https://{'a' * 60}.{'b' * 51}.example")

    _, effects = transition(status_in(Phase.RUNNING), VisitorsChanged((longest,), new=longest))

    assert [len(longest.origin), effects] == [
        MAX_LENGTH,
        [Notify("A web page wants to use Tray Proxy", ASKS_TEXT.format(longest.origin), f"visitor {longest.site}")],
    ]
    assert len(ASKS_TEXT.format(longest.origin)) <= 256
    assert len("“Page Assist” (browser extension) wants to use Tray Proxy") <= 64


def test_where_several_wait_already_the_next_is_shown_and_not_told() -> None:
    others = tuple(Visitor(f"https://n{number}.example") for number in range(MAX_TOLD_VISITORS))

    status, effects = transition(status_in(Phase.RUNNING), VisitorsChanged((*others, CHAT), new=CHAT))

    assert (status.visitors, effects) == ((*others, CHAT), [])


def test_who_wants_no_notifications_finds_who_waits_in_the_menu() -> None:
    before = status_in(Phase.RUNNING, notifications=False)

    assert transition(before, VisitorsChanged((CHAT,), new=CHAT)) == (replace(before, visitors=(CHAT,)), [])


def test_that_there_is_no_network_is_shown_and_not_told() -> None:
    """Who sits in a train need not be told at every tunnel."""
    away = Offline("No internet. Model list from 14:02.")

    status, effects = transition(status_in(Phase.RUNNING), Troubled(away))

    assert (status.trouble, effects) == (Trouble(away.message, away.hint, "check"), [])


@pytest.mark.parametrize(
    ("error", "section"),
    [
        (TAKEN, "port"),
        (REJECTED, "key"),
        (OutOfCredits("There is not enough credit."), "key"),
        (CatalogueUnavailable("There is no list of models yet."), "models"),
        (CertificateRefused("Somebody else answers."), "check"),
        (ProxyError("Something else."), "activity"),
    ],
)
def test_a_trouble_knows_where_it_is_mended(error: ProxyError, section: str) -> None:
    status, _ = transition(status_in(Phase.RUNNING), ListenerFailed(error))

    assert status.trouble == Trouble(error.message, error.hint, section)


def test_the_page_greets_who_starts_without_a_key_once() -> None:
    begun = status_in(Phase.STARTING, greets=True)

    status, effects = play(begun, [KeyChanged(missing=True), KeyChanged(missing=False), KeyChanged(missing=True)])

    assert (status.greets, effects) == (False, [OpenSettings("welcome")])


def test_the_page_does_not_greet_who_has_a_key() -> None:
    """Signing out later happens on the page itself."""
    begun = status_in(Phase.STARTING, greets=True)

    _, effects = play(begun, [KeyChanged(missing=False), KeyChanged(missing=True)])

    assert effects == []


def test_the_page_greets_who_stopped_half_way() -> None:
    """They signed in, and quit: what is left to do they would have to look for."""
    begun = status_in(Phase.STARTING, greets=True)

    _, effects = play(begun, [KeyChanged(missing=False, untried=True), KeyChanged(missing=False, untried=True)])

    assert effects == [OpenSettings("welcome")]


def test_the_page_does_not_greet_who_has_just_opened_it() -> None:
    """Without a tray it opens by itself, and should not come twice."""
    begun = status_in(Phase.STARTING, greets=True)

    _, effects = play(begun, [SettingsClicked(), KeyChanged(missing=True)])

    assert effects == [OpenSettings("")]


def test_the_tick_for_the_login_goes_off_again() -> None:
    _, effects = transition(status_in(Phase.RUNNING, autostart=True), AutostartClicked())

    assert effects == [SetAutostart(on=False)]


def test_that_no_model_is_allowed_comes_with_the_models() -> None:
    status, _ = transition(status_in(Phase.RUNNING), ModelsChanged(NEWS, none_allowed=True))

    assert status.none_allowed is True


def test_an_unticked_model_is_ticked_by_a_click() -> None:
    _, effects = transition(status_in(Phase.RUNNING), ModelClicked(UNTICKED.id))

    assert effects == [SetModelAllowed(UNTICKED.id, allowed=True)]


def test_a_removed_name_is_restored_by_a_click() -> None:
    _, effects = transition(status_in(Phase.RUNNING), NameClicked(REMOVED.name))

    assert effects == [SetNameKept(REMOVED.name, kept=True)]


def test_the_news_bring_the_names_too() -> None:
    status, _ = transition(status_in(Phase.RUNNING), ModelsChanged(NEWS, (REMOVED,)))

    assert (status.models, status.names) == (NEWS, (REMOVED,))


@pytest.mark.parametrize(
    "click",
    [ModelClicked("gone/model"), NameClicked("gone:latest"), VisitorClicked("https://gone.example", allowed=True)],
)
def test_a_click_on_what_has_just_vanished_does_nothing(click: Event) -> None:
    _, effects = transition(status_in(Phase.RUNNING), click)

    assert effects == []


def test_a_key_that_was_found_is_no_longer_missed() -> None:
    status, _ = transition(status_in(Phase.RUNNING, key_missing=True, trouble=None), KeyChanged(missing=False))

    assert status.look is Look.WORKING


@pytest.mark.parametrize(
    ("phase", "news", "effects"),
    [
        (Phase.STOPPED, [], [Quit()]),
        (Phase.FAILED, [], [Quit()]),
        (Phase.RUNNING, [ListenerStopped()], [StopListener(), Quit()]),
        (Phase.RUNNING, [ListenerFailed(TAKEN)], [StopListener(), Quit()]),
        (Phase.REVIVING, [ListenerStopped()], [StopListener(), Quit()]),
        (Phase.STOPPING, [ListenerStopped()], [Quit()]),
        (Phase.STARTING, [ListenerFailed(TAKEN)], [Quit()]),
        (Phase.STARTING, [ListenerStarted("127.0.0.1:11434"), ListenerStopped()], [StopListener(), Quit()]),
    ],
    ids=named,
)
def test_quit_ends_the_program_once_the_port_is_closed(phase: Phase, news: list[Event], effects: list[Effect]) -> None:
    """Answers under way get their error line only if the stop they belong to is waited for."""
    assert play(status_in(phase), [QuitClicked(), *news]) == (status_in(Phase.QUITTING), effects)


def test_a_second_quit_does_not_cut_the_first_one_short() -> None:
    """Desktops send more than one signal at their end."""
    _, effects = play(status_in(Phase.RUNNING), [QuitClicked(), QuitClicked()])

    assert effects == [StopListener()]
