"""The menu as a person reads it, for each state of things."""

from dataclasses import replace
from typing import Any

import pytest

from tray_proxy.origins import Visitor
from tray_proxy.tray.menu import MAX_LABEL, MAX_TITLE, SEPARATOR, MenuEntry, cut, render, status_line, title
from tray_proxy.tray.state import (
    AutostartClicked,
    CopyAddressClicked,
    DownloadClicked,
    ModelClicked,
    ModelTick,
    NameClicked,
    NameTick,
    OpenLogsClicked,
    Phase,
    QuitClicked,
    SettingsClicked,
    StartClicked,
    Status,
    StopClicked,
    Trouble,
    VisitorClicked,
)

TROUBLE = Trouble("Port 11434 is used by Ollama 0.17.6.", "Quit the other program.", "port")
LONG = Trouble("OpenRouter says no. " * 20, "Try again.")
TICKS = (ModelTick("openai/gpt-4o", allowed=True), ModelTick("openai/o4-mini", allowed=False))
NAMES = (NameTick("fast:latest", "openai/o4-mini", kept=True), NameTick("slow:latest", "openai/o3", kept=False))
EVERY_STATUS = [
    Status(address="127.0.0.1:11434", phase=phase, trouble=trouble, key_missing=key_missing, demo=demo)
    for phase in Phase
    for trouble in (None, TROUBLE, LONG)
    for key_missing in (False, True)
    for demo in (False, True)
]


def status_in(phase: Phase, **facts: Any) -> Status:
    return Status(address="127.0.0.1:11434", phase=phase, **facts)


def entry(status: Status, label: str) -> MenuEntry:
    """The one line of the menu with this label."""
    (found,) = [each for each in render(status) if each.label == label]
    return found


ON = "● On — apps reach it at 127.0.0.1:11434"
OFF = "○ Off — apps get no answer at 127.0.0.1:11434"
TAKEN = "▲ Port 11434 is used by Ollama 0.17.6"


@pytest.mark.parametrize(
    ("phase", "facts", "line", "section"),
    [
        (Phase.STOPPED, {}, OFF, ""),
        (Phase.STOPPED, {"key_missing": True}, OFF, ""),
        (Phase.STARTING, {}, "◌ Starting…", ""),
        (Phase.RUNNING, {}, ON, "activity"),
        (Phase.RUNNING, {"trouble": TROUBLE}, TAKEN, "port"),
        (Phase.RUNNING, {"key_missing": True}, "▲ Needs you: sign in", "welcome"),
        (Phase.RUNNING, {"key_missing": True, "trouble": TROUBLE}, "▲ Needs you: sign in", "welcome"),
        (Phase.RUNNING, {"none_allowed": True}, "▲ Needs you: choose models", "models"),
        (Phase.RUNNING, {"back_at": "02:00"}, "■ Daily limit reached — back at 02:00", "settings"),
        (Phase.RUNNING, {"back_at": "02:00", "none_allowed": True}, "▲ Needs you: choose models", "models"),
        (Phase.STOPPED, {"back_at": "02:00"}, "○ Off — apps get no answer at 127.0.0.1:11434", ""),
        (Phase.RUNNING, {"none_allowed": True, "trouble": TROUBLE}, TAKEN, "port"),
        (Phase.REVIVING, {}, "◌ Stopped by itself, starting again…", ""),
        (Phase.STOPPING, {"trouble": TROUBLE}, "◌ Stopping…", ""),
        (Phase.FAILED, {"trouble": TROUBLE}, TAKEN, "port"),
        (Phase.FAILED, {"trouble": TROUBLE, "awaits_port": True}, f"{TAKEN}: waiting for it", "port"),
        (Phase.QUITTING, {}, "◌ Stopping…", ""),
    ],
)
def test_the_first_line_says_how_things_stand_and_leads_to_what_mends_it(
    phase: Phase, facts: dict[str, Any], line: str, section: str
) -> None:
    assert render(status_in(phase, **facts))[0] == MenuEntry(line, SettingsClicked(section), default=True)


def test_it_is_said_that_other_computers_are_answered() -> None:
    wide = Status(address="192.168.1.7:11434", phase=Phase.RUNNING)

    assert status_line(wide) == "● On, for other computers too — 192.168.1.7:11434"


def test_the_demo_says_that_it_is_one() -> None:
    """Its models are made up; nobody should take its answers for real ones."""
    status = status_in(Phase.RUNNING, demo=True)

    assert status_line(status) == f"Demo · {ON}"


def answers(origin: str) -> tuple[MenuEntry, ...]:
    return (
        MenuEntry("Always allow", VisitorClicked(origin, allowed=True)),
        MenuEntry("Never allow", VisitorClicked(origin, allowed=False)),
    )


def test_who_waits_for_an_answer_stands_right_below_the_first_line() -> None:
    """Known or cut, it is shown by its whole origin before the answer."""
    known = Visitor("chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo")
    unknown = Visitor("chrome-extension://" + "abcdefgh" * 4)
    long = Visitor(f"https://paypal.com.{'a' * 60}.evil.example:8080")

    lines = render(status_in(Phase.RUNNING, visitors=(known, unknown, long)))

    assert lines[:5] == (
        MenuEntry(ON, SettingsClicked("activity"), default=True),
        MenuEntry(
            "“Page Assist” (browser extension) wants to use Tray Proxy",
            children=(MenuEntry(known.origin, enabled=False), SEPARATOR, *answers(known.origin)),
        ),
        MenuEntry(f"{unknown.origin} wants to use Tray Proxy", children=answers(unknown.origin)),
        MenuEntry(
            "https://….evil.example:8080 wants to use Tray Proxy",
            children=(MenuEntry(long.origin, enabled=False), SEPARATOR, *answers(long.origin)),
        ),
        SEPARATOR,
    )


def test_of_many_that_wait_the_menu_shows_three_and_leads_to_the_rest() -> None:
    visitors = tuple(Visitor(f"https://n{number}.example") for number in range(7))

    lines = render(status_in(Phase.RUNNING, visitors=visitors))

    assert [line.label for line in lines[1:5]] == [
        "https://n0.example wants to use Tray Proxy",
        "https://n1.example wants to use Tray Proxy",
        "https://n2.example wants to use Tray Proxy",
        "More that want to use Tray Proxy: 4…",
    ]
    assert (lines[4].event, lines[5]) == (SettingsClicked("visitors"), SEPARATOR)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase.STOPPED, MenuEntry("Turn on", StartClicked())),
        (Phase.FAILED, MenuEntry("Turn on", StartClicked())),
        (Phase.STARTING, MenuEntry("Turn on", StartClicked(), enabled=False)),
        (Phase.RUNNING, MenuEntry("Turn off", StopClicked())),
        (Phase.REVIVING, MenuEntry("Turn off", StopClicked())),
        (Phase.STOPPING, MenuEntry("Turn off", StopClicked(), enabled=False)),
        (Phase.QUITTING, MenuEntry("Turn off", StopClicked(), enabled=False)),
    ],
)
def test_one_line_turns_it_on_and_off_and_waits_while_that_is_done(phase: Phase, expected: MenuEntry) -> None:
    assert entry(status_in(phase), expected.label) == expected


def test_that_the_port_is_waited_for_is_said_whoever_holds_it() -> None:
    """Names of programs can be long."""
    trouble = Trouble(f"Port 11434 is used by {'Another ' * 20}", "", "port")

    status = status_in(Phase.FAILED, trouble=trouble, awaits_port=True, demo=True)

    label = render(status)[0].label
    assert len(label) == 80
    assert label.startswith("Demo · ▲ Port 11434 is used by Another ")
    assert label.endswith("…: waiting for it")


def test_who_waits_for_the_port_can_turn_that_off() -> None:
    status = status_in(Phase.FAILED, trouble=TROUBLE, awaits_port=True)

    assert entry(status, "Turn off") == MenuEntry("Turn off", StopClicked())


def test_the_menu_from_top_to_bottom() -> None:
    models = (
        MenuEntry("No models yet", enabled=False),
        SEPARATOR,
        MenuEntry("Choose models…", SettingsClicked("models")),
    )

    assert render(status_in(Phase.RUNNING)) == (
        MenuEntry(ON, SettingsClicked("activity"), default=True),
        SEPARATOR,
        MenuEntry("Turn off", StopClicked()),
        MenuEntry("Models", children=models),
        MenuEntry("Copy address", CopyAddressClicked()),
        MenuEntry("Apps…", SettingsClicked("apps")),
        MenuEntry("Activity…", SettingsClicked("activity")),
        MenuEntry("Open logs", OpenLogsClicked()),
        SEPARATOR,
        MenuEntry("Settings…", SettingsClicked("settings")),
        MenuEntry("Start when I log in", AutostartClicked(), checked=False),
        MenuEntry("Quit", QuitClicked()),
    )


def test_a_newer_version_has_a_line_while_there_is_one() -> None:
    """Among the last ones: nothing is wrong, and nobody need hurry."""
    without, with_it = (render(status_in(Phase.RUNNING, newer_version=version)) for version in ("", "1.2.0"))

    line = MenuEntry("Version 1.2.0 is there…", DownloadClicked())
    assert with_it == (*without[:-3], line, *without[-3:])
    assert without[-3].label == "Settings…"


@pytest.mark.parametrize("enabled", [True, False])
def test_the_tick_for_the_login_is_what_the_system_says(enabled: bool) -> None:
    assert entry(status_in(Phase.RUNNING, autostart=enabled), "Start when I log in").checked is enabled


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_ten_lines_are_enough(status: Status) -> None:
    assert len([each for each in render(status) if each != SEPARATOR]) == 10


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_a_click_on_the_icon_itself_does_what_the_first_line_does(status: Status) -> None:
    """Windows runs the default line; with two of them it would be a matter of luck."""
    assert [each for each in render(status) if each.default] == [render(status)[0]]


@pytest.mark.parametrize("phase", Phase)
def test_the_menu_does_not_count_answers(phase: Phase) -> None:
    """Each change of the menu closes it where a person has it open."""
    status = status_in(phase, models=TICKS)

    assert render(replace(status, in_flight=7)) == render(status)


def test_each_model_stands_there_once_with_its_tick() -> None:
    status = status_in(Phase.RUNNING, models=TICKS)

    assert entry(status, "Models").children[:-2] == (
        MenuEntry("openai/gpt-4o", ModelClicked("openai/gpt-4o"), checked=True),
        MenuEntry("openai/o4-mini", ModelClicked("openai/o4-mini"), checked=False),
    )


def test_the_owners_own_names_follow_the_models_with_what_they_stand_for() -> None:
    """An unticked one was just removed; a click restores it."""
    status = status_in(Phase.RUNNING, models=TICKS, names=NAMES)

    assert entry(status, "Models").children[2:-2] == (
        SEPARATOR,
        MenuEntry("Your own names", enabled=False),
        MenuEntry("fast:latest → openai/o4-mini", NameClicked("fast:latest"), checked=True),
        MenuEntry("slow:latest → openai/o3", NameClicked("slow:latest"), checked=False),
    )


@pytest.mark.parametrize("names", [(), NAMES])
@pytest.mark.parametrize("models", [(), TICKS])
def test_the_list_of_models_ends_with_the_way_to_all_of_them(
    models: tuple[ModelTick, ...], names: tuple[NameTick, ...]
) -> None:
    last_two = entry(status_in(Phase.RUNNING, models=models, names=names), "Models").children[-2:]

    assert last_two == (SEPARATOR, MenuEntry("Choose models…", SettingsClicked("models")))


def test_a_long_model_name_is_cut_in_sight_but_not_in_meaning() -> None:
    model_id = f"vendor/{'x' * 200}"

    row = entry(status_in(Phase.RUNNING, models=(ModelTick(model_id, allowed=True),)), "Models").children[0]

    assert (len(row.label), row.event) == (MAX_LABEL, ModelClicked(model_id))


def test_a_long_name_of_ones_own_is_cut_in_sight_but_not_in_meaning() -> None:
    tick = NameTick(f"{'x' * 200}:latest", "openai/o3", kept=True)

    row = entry(status_in(Phase.RUNNING, models=TICKS, names=(tick,)), "Models").children[4]

    assert (len(row.label), row.event) == (MAX_LABEL, NameClicked(tick.name))


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("two\nlines\t and  more", 20, "two lines and more"),
        ("  around  ", 6, "around"),
        ("", 5, ""),
    ],
)
def test_a_text_is_cut_visibly_and_kept_on_one_line(text: str, length: int, expected: str) -> None:
    assert cut(text, length) == expected


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_no_label_is_longer_than_a_menu_is_wide(status: Status) -> None:
    assert max(len(each.label) for each in render(status)) <= MAX_LABEL


def test_the_tooltip_has_the_name_and_the_first_line() -> None:
    assert title(status_in(Phase.RUNNING)) == f"Tray Proxy · {ON}"


def test_the_tooltip_has_the_address_where_the_first_line_has_none() -> None:
    assert title(status_in(Phase.RUNNING, key_missing=True)) == "Tray Proxy · ▲ Needs you: sign in · 127.0.0.1:11434"


def test_a_long_trouble_leaves_room_for_the_address_in_the_tooltip() -> None:
    status = Status(address=f"[{'f' * 39}]:11434", phase=Phase.RUNNING, trouble=LONG)

    assert (len(title(status)), title(status)[-6:]) == (MAX_TITLE, ":11434")


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_the_tooltip_is_never_longer_than_windows_takes(status: Status) -> None:
    assert len(title(status)) <= MAX_TITLE


def test_a_long_trouble_fills_the_line_and_says_that_it_goes_on() -> None:
    line = status_line(status_in(Phase.RUNNING, trouble=LONG))

    assert (len(line), line[-1]) == (MAX_LABEL, "…")


def test_what_was_spent_stands_below_the_first_line_and_leads_to_the_page_activity():
    spent = render(status_in(Phase.RUNNING, spending="Today $0.42 of $5.00"))

    assert spent[1] == MenuEntry("Today $0.42 of $5.00…", SettingsClicked("activity"))
    assert spent[2] == SEPARATOR


def test_the_tooltip_tells_it_while_all_is_well_and_there_is_room():
    spent = "Today $0.42 of $5.00"
    on = status_in(Phase.RUNNING, spending=spent)

    assert title(on) == f"Tray Proxy · ● On — apps reach it at 127.0.0.1:11434 · {spent}"
    assert spent not in title(status_in(Phase.STOPPED, spending=spent))
    assert spent not in title(status_in(Phase.RUNNING, spending=spent, trouble=TROUBLE))
    assert spent not in title(replace(on, address=f"{'a' * 60}:11434"))


def test_while_nothing_is_known_of_spending_nothing_is_told():
    assert render(status_in(Phase.RUNNING))[1] == SEPARATOR
