"""What another start of the program may ask of this one, and who else tries to."""

import socket

import httpx
import pytest

from tray_proxy.web.gate import PageGate
from web.fakes import Served

PATHS = {"/control/open": ("open", None), "/control/quit": ("quit", None)}


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest) -> str:
    """Each of the two in turn."""
    return str(request.param)


def shown(served: Served) -> dict[str, str]:
    """The token that another start finds in the settings folder."""
    return {"Authorization": f"Bearer {served.gate.control_token}"}


def refused(served: Served, answer: httpx.Response) -> None:
    """Turned away, and nothing was done."""
    assert answer.status_code == 403
    assert served.backend.calls == []


def test_the_token_is_enough(served: Served, path: str) -> None:
    """No cookie, no header of the page's: another start of the program has neither."""
    answer = served.stranger().post(path, headers=shown(served))

    assert answer.status_code == 200
    assert answer.json() == {"message": None}
    assert served.backend.calls == [PATHS[path]]


def test_what_there_is_to_say_is_told(served: Served) -> None:
    served.backend.told = "No tray here."

    answer = served.stranger().post("/control/open", headers=shown(served))

    assert answer.json() == {"message": "No tray here."}


@pytest.mark.parametrize(
    "offered",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "Bearer " + "A" * 43,
        "{token}",
        "bearer {token}",
        "Basic {token}",
        "Bearer {token}x",
        "Bearer  {token}",
        "Bearer {token}, Bearer {token}",
    ],
)
def test_another_token_does_nothing(served: Served, path: str, offered: str | None) -> None:
    """Any program, and any page in a browser, may knock at a loopback port."""
    headers = {} if offered is None else {"Authorization": offered.format(token=served.gate.control_token)}

    refused(served, served.stranger().post(path, headers=headers))


def test_a_token_that_is_no_text_does_nothing(served: Served, path: str) -> None:
    refused(served, served.stranger().post(path, headers=[(b"authorization", b"Bearer \xff\xfe\xed\xa0\x80")]))


def test_two_tokens_are_one_too_many(served: Served, path: str) -> None:
    right = shown(served)["Authorization"]

    refused(served, served.stranger().post(path, headers=[("authorization", right), ("authorization", "Bearer x")]))


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:1", "own"])
def test_a_browser_is_turned_away_whatever_it_shows(served: Served, path: str, origin: str) -> None:
    """Even our own page: it has no business there, and its scripts are where an attacker would be."""
    headers = shown(served) | {"Origin": served.url if origin == "own" else origin}

    refused(served, served.stranger().post(path, headers=headers))


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Mode": "cors"}, {"Sec-Fetch-Dest": ""}],
)
def test_what_browsers_add_by_themselves_gives_them_away(served: Served, path: str, headers: dict[str, str]) -> None:
    refused(served, served.stranger().post(path, headers=shown(served) | headers))


def test_the_pages_cookie_does_nothing_here(served: Served, path: str) -> None:
    """Else a fault of the page would be a way to end the program."""
    refused(served, served.visitor().post(path, json={}))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_a_post_does_anything(served: Served, path: str, method: str) -> None:
    """A picture on some page is a GET."""
    refused(served, served.stranger().request(method, path, headers=shown(served)))


@pytest.mark.parametrize("host", ["evil.example:{port}", "127.0.0.1", "127.0.0.1:1", ""])
def test_a_foreign_host_does_nothing_even_with_the_token(served: Served, path: str, host: str) -> None:
    refused(served, served.stranger().post(path, headers=shown(served) | {"Host": host.format(port=served.port)}))


@pytest.mark.parametrize("other", ["{path}/", "/{path}", "{path}%2f", "/CONTROL/{name}", "/control/../{path}"])
def test_a_path_that_only_looks_like_it_does_nothing(served: Served, path: str, other: str) -> None:
    """Gate and router must not read a path in two ways."""
    target = other.format(path=path, name=path.rpartition("/")[2])
    request = (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nContent-Length: 0\r\nConnection: close\r\n"
        f"Authorization: {shown(served)['Authorization']}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert served.backend.calls == []


@pytest.mark.parametrize(("method", "target"), [("GET", "/"), ("GET", "/api/state"), ("POST", "/api/models")])
def test_the_token_opens_nothing_else(served: Served, method: str, target: str) -> None:
    """It lies in a file, and must be worth no more than it is for."""
    page = {"X-Tray-Proxy": "page", "Content-Type": "application/json"}

    refused(served, served.stranger().request(method, target, headers=shown(served) | page))


def test_the_token_is_as_long_as_the_others_and_each_page_has_its_own(served: Served) -> None:
    tokens = {PageGate(4000).control_token for _ in range(20)} | {served.gate.control_token}

    assert len(tokens) == 21
    assert {len(token) for token in tokens} == {43}
