"""Who wants to call, on the page: each answer reaches the rule that is in force, and comes back as news."""

import pytest

from tray_proxy.permissions import NoSuchVisitor, Permissions
from tray_proxy.web.visitors_api import VisitorRow, VisitorsDesk, VisitorsState
from web.fakes import Served

CHAT = "https://chat.example"
EXTENSION = "chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo"
CHAT_ROW = VisitorRow(CHAT, "", "chat.example", extension=False)
EXTENSION_ROW = VisitorRow(EXTENSION, "Page Assist", EXTENSION, extension=True)


@pytest.fixture
def desk(tmp_path):
    return VisitorsDesk(Permissions({}, tmp_path / "settings.json"))


def shown(**lists):
    return VisitorsState(**{"waiting": (), "allowed": (), "refused": ()} | lists)


def test_who_waits_is_shown_with_the_name_it_is_known_by(desk):
    for origin in (EXTENSION, CHAT):
        desk.permissions.ask(origin)

    assert desk.state() == shown(waiting=(EXTENSION_ROW, CHAT_ROW))


def test_each_answer_puts_it_into_its_list_and_out_again(desk, loop):
    states = []
    for origin, allowed in ((EXTENSION, True), (CHAT, False), (EXTENSION, None), (CHAT, None)):
        loop.submit(desk.answer(origin, allowed)).result(15)
        states.append(desk.state())

    assert states == [
        shown(allowed=(EXTENSION_ROW,)),
        shown(allowed=(EXTENSION_ROW,), refused=(CHAT_ROW,)),
        shown(refused=(CHAT_ROW,)),
        shown(),
    ]


@pytest.mark.parametrize("origin", ["*", "null", "chrome-extension://*", "https://chat.example/<img>"])
def test_what_is_no_page_is_not_let_in_by_whoever_pretends_to_be_ours(desk, loop, origin):
    with pytest.raises(NoSuchVisitor):
        loop.submit(desk.answer(origin, True)).result(15)

    assert desk.state() == shown()


@pytest.mark.parametrize("allowed", [True, False, None])
def test_the_page_passes_an_answer_on(served: Served, allowed):
    visitor = served.visitor()

    answer = visitor.post("/api/visitors", json={"origin": CHAT, "allowed": allowed})

    assert (answer.status_code, served.backend.calls) == (204, [("answer_visitor", (CHAT, allowed))])


def test_an_answer_that_cannot_be_read_changes_nothing(served: Served):
    answer = served.visitor().post("/api/visitors", json={"origin": CHAT, "allowed": "yes"})

    assert (answer.status_code, served.backend.calls) == (400, [])


def test_the_page_asks_who_there_is(served: Served):
    served.backend.visitors = shown(waiting=(EXTENSION_ROW,))

    assert served.visitor().get("/api/visitors").json() == {
        "waiting": [{"origin": EXTENSION, "name": "Page Assist", "site": EXTENSION, "extension": True}],
        "allowed": [],
        "refused": [],
    }
