"""Each is asked about once, what was answered is kept, and no page can flood its owner with questions."""

import json

import pytest
from structlog.testing import capture_logs

from tray_proxy.errors import SettingsInvalid
from tray_proxy.origins import Visitor
from tray_proxy.permissions import MAX_OF_A_SITE, MAX_REFUSED, MAX_WAITING, NoSuchVisitor, Permissions

CHAT = "https://chat.example"
EXTENSION = "chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "settings.json"


@pytest.fixture
def news():
    return []


@pytest.fixture
def permissions(file, news):
    return Permissions({}, file, news.append)


def stored(file):
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def origins(visitors):
    return [visitor.origin for visitor in visitors]


def test_an_origin_is_asked_about_once(permissions, news):
    permissions.ask(CHAT)
    permissions.ask(CHAT)

    assert news == [Visitor(CHAT)]
    assert (permissions.waiting, permissions.allows(CHAT)) == ((Visitor(CHAT),), False)


@pytest.mark.parametrize("origin", ["null", "https://chat.example/", "app://obsidian.md", "https://" + "a." * 80])
def test_what_no_browser_calls_a_page_is_not_asked_about(permissions, news, origin):
    permissions.ask(origin)

    assert (permissions.waiting, news) == ((), [])


def test_what_is_allowed_may_call_at_once_and_after_the_next_start(permissions, file, news):
    permissions.ask(EXTENSION)

    permissions.answer(EXTENSION, allowed=True)

    assert permissions.allows(EXTENSION) is True
    assert (permissions.waiting, origins(permissions.allowed), permissions.refused) == ((), [EXTENSION], ())
    assert news == [Visitor(EXTENSION), None]
    assert stored(file) == {"web_permissions": {EXTENSION: "always"}}
    assert Permissions(stored(file)["web_permissions"], file).allows(EXTENSION) is True


def test_what_is_refused_is_asked_about_no_more(permissions, file, news):
    permissions.ask(CHAT)
    permissions.answer(CHAT, allowed=False)
    again = Permissions(stored(file)["web_permissions"], file, news.append)

    for each in (permissions, again):
        each.ask(CHAT)

    assert news == [Visitor(CHAT), None]
    assert [each.allows(CHAT) for each in (permissions, again)] == [False, False]
    assert [origins(each.refused) for each in (permissions, again)] == [[CHAT], [CHAT]]


@pytest.mark.parametrize("allowed", [True, False])
def test_an_answer_that_is_taken_back_leaves_nothing_and_is_asked_for_again(permissions, file, news, allowed):
    permissions.answer(CHAT, allowed=allowed)

    permissions.forget(CHAT)

    assert (permissions.allows(CHAT), permissions.allowed, permissions.refused, stored(file)) == (False, (), (), {})
    permissions.ask(CHAT)
    assert news == [None, None, Visitor(CHAT)]


def test_taking_back_what_was_never_answered_changes_nothing(permissions, file, news):
    permissions.forget(CHAT)

    assert (news, file.exists()) == ([], False)


def test_an_answer_can_be_turned_round(permissions, file):
    permissions.answer(CHAT, allowed=False)
    permissions.answer(CHAT, allowed=True)

    assert (origins(permissions.allowed), permissions.refused) == ([CHAT], ())
    assert stored(file) == {"web_permissions": {CHAT: "always"}}


@pytest.mark.parametrize("origin", ["*", "null", "https://*", "chrome-extension://*", "https://chat.example/"])
def test_nothing_is_allowed_that_no_browser_calls_a_page(permissions, file, origin):
    """A pattern that slipped in here would open the port to more than was asked about."""
    with pytest.raises(NoSuchVisitor):
        permissions.answer(origin, allowed=True)

    assert (permissions.allows(origin), file.exists()) == (False, False)


def test_an_answer_that_cannot_be_saved_is_none(permissions, file, news):
    permissions.ask(CHAT)
    file.write_text("damaged")

    with pytest.raises(SettingsInvalid):
        permissions.answer(CHAT, allowed=True)

    assert (permissions.allows(CHAT), origins(permissions.waiting), news) == (False, [CHAT], [Visitor(CHAT)])


def test_an_answer_that_cannot_be_taken_back_in_the_file_stays(permissions, file):
    permissions.answer(CHAT, allowed=True)
    file.write_text("damaged")

    with pytest.raises(SettingsInvalid):
        permissions.forget(CHAT)

    assert permissions.allows(CHAT) is True


def test_what_the_file_says_otherwise_counts_for_nothing_and_stays_there(file):
    """Written by hand: only what is meant beyond doubt opens the port."""
    written = {"*": "always", "https://*": "always", CHAT: "Always", "null": "always", "https://a.example": True,
               "https://b.example": ["always"], EXTENSION: "always"}  # fmt: skip
    permissions = Permissions(written, file)

    permissions.answer("https://c.example", allowed=False)

    assert origins(permissions.allowed) == [EXTENSION]
    assert [origin for origin in (*written, "https://a.example") if permissions.allows(origin)] == [EXTENSION]
    assert stored(file)["web_permissions"] == written | {"https://c.example": "never"}


def test_the_log_tells_what_was_done_and_not_where_its_owner_was(file):
    with capture_logs() as lines:
        permissions = Permissions({"https://secret.example/": "always"}, file)
        permissions.ask("https://secret.example")
        permissions.answer("https://secret.example", allowed=True)
        permissions.forget("https://secret.example")

    assert [line["event"] for line in lines] == [
        "web permissions skipped",
        "the owner is asked about a web origin",
        "web permission",
        "web permission",
    ]
    assert "secret" not in repr(lines)


def test_other_settings_in_the_file_stay(permissions, file):
    file.write_text('{"port": 4711}')

    permissions.answer(CHAT, allowed=True)

    assert stored(file) == {"port": 4711, "web_permissions": {CHAT: "always"}}


def test_a_page_that_makes_up_names_and_ports_is_asked_about_a_few_times(permissions, news):
    for number in range(500):
        permissions.ask(f"https://n{number}.evil.example")
        permissions.ask(f"http://evil.example:{1000 + number}")

    assert len(permissions.waiting) == len(news) == MAX_OF_A_SITE


def test_and_no_more_once_it_was_refused_so_often(permissions, news):
    for number in range(50):
        origin = f"https://n{number}.evil.example"
        permissions.ask(origin)
        if origin in origins(permissions.waiting):
            permissions.answer(origin, allowed=False)

    assert len([each for each in news if each]) == MAX_OF_A_SITE
    permissions.forget("https://n0.evil.example")
    permissions.ask("https://n7.evil.example")
    assert origins(permissions.waiting) == ["https://n7.evil.example"]


def test_many_sites_together_leave_no_more_than_a_few_questions(permissions, news):
    for number in range(500):
        permissions.ask(f"https://n{number}.example")

    assert len(permissions.waiting) == len(news) == MAX_WAITING
    permissions.answer("https://n0.example", allowed=False)
    permissions.ask("https://n499.example")
    assert origins(permissions.waiting)[-1] == "https://n499.example"


def test_pages_that_make_up_names_leave_room_for_an_extension(permissions):
    for number in range(500):
        permissions.ask(f"http://[2001:db8::{number + 1:x}]")

    permissions.ask(EXTENSION)

    assert len(permissions.waiting) == MAX_WAITING + 1
    assert origins(permissions.waiting)[-1] == EXTENSION


def test_one_site_with_all_its_questions_leaves_room_for_others(permissions):
    for number in range(500):
        permissions.ask(f"https://n{number}.evil.example")

    permissions.ask(EXTENSION)

    assert origins(permissions.waiting)[-1] == EXTENSION


def test_refusals_are_kept_up_to_a_number_and_what_is_allowed_always(permissions, file):
    permissions.answer(EXTENSION, allowed=True)
    file.write_text(json.dumps({}))
    full = {f"https://n{number}.example": "never" for number in range(MAX_REFUSED)}
    permissions = Permissions({EXTENSION: "always"} | full, file)

    permissions.answer(CHAT, allowed=False)

    assert origins(permissions.allowed) == [EXTENSION]
    assert origins(permissions.refused) == [*list(full)[1:], CHAT]
