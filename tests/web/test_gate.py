"""The door of the settings page, knocked at over a real socket."""

import json
import re
import socket

import pytest

from tray_proxy.web.gate import MAX_BODY_BYTES, MAX_PENDING, TOKEN_LIFE_S, PageGate
from web.fakes import Clock, Served

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
FRIENDLY = "Open this page from the tray icon"
NOT_CONNECTED = {"error": "This page is not connected.", "hint": "Open it again from the tray icon."}


def send_raw(port: int, head: str) -> bytes:
    """Say exactly these lines, which no HTTP library would; give the whole answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"Connection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_token_opens_the_page_and_becomes_a_strict_cookie(served: Served) -> None:
    """The one way in; no script and no other site can make use of what it leaves behind."""
    answer = served.stranger().get(served.gate.new_path())

    assert answer.status_code == 303
    assert re.fullmatch(r"/#~[\w-]{43}", answer.headers["location"])
    name, _, attributes = answer.headers["set-cookie"].partition("=")
    assert name == f"tray_proxy_{served.port}"
    assert re.fullmatch(r"[\w-]{43}; HttpOnly; Path=/; SameSite=strict", attributes)


def test_a_token_is_256_bits_long_and_new_each_time(served: Served) -> None:
    """Nobody on this computer gets in by trying."""
    paths = {served.gate.new_path() for _ in range(20)}

    assert len(paths) == 20
    assert all(re.fullmatch(r"/open\?token=[\w-]{43}", path) for path in paths)


def test_the_page_can_be_opened_at_a_section(served: Served) -> None:
    """The menu item "Models…" leads to the models."""
    answer = served.stranger().get(served.gate.new_path(section="models"))

    assert answer.headers["location"].partition("~")[0] == "/#models"


def test_a_section_is_a_word_and_nothing_else() -> None:
    """Whatever is handed in cannot lead to another site."""
    with pytest.raises(ValueError, match=r"not a section of the page: '/evil\.example'"):
        PageGate(4000).new_path(section="/evil.example")


def test_a_token_works_once(served: Served) -> None:
    """Who finds the address in the browser's history comes too late."""
    path = served.gate.new_path()
    served.stranger().get(path)

    answer = served.stranger().get(path)

    assert answer.status_code == 403
    assert FRIENDLY in answer.text
    assert "set-cookie" not in answer.headers


def test_a_token_expires(served: Served) -> None:
    """An address that was never opened does not stay a key to the house."""
    path = served.gate.new_path()
    served.clock.now += TOKEN_LIFE_S

    answer = served.stranger().get(path)

    assert answer.status_code == 403
    assert FRIENDLY in answer.text


def test_a_token_works_until_the_last_moment(served: Served) -> None:
    """A slow browser start is no reason to be turned away."""
    path = served.gate.new_path()
    served.clock.now += TOKEN_LIFE_S - 0.001

    assert served.stranger().get(path).status_code == 303


def test_only_a_few_tokens_wait_at_a_time(served: Served) -> None:
    """The oldest gives way, so that clicking again and again leaves no heap of open doors."""
    paths = [served.gate.new_path() for _ in range(MAX_PENDING + 1)]

    statuses = [served.stranger().get(path).status_code for path in paths]

    assert statuses == [403] + [303] * MAX_PENDING


@pytest.mark.parametrize("path", ["/open", "/open?token=", "/open?token=wrong", "/open?token=%ED%A0%80"])
def test_a_wrong_token_meets_a_friendly_page(served: Served, path: str) -> None:
    """Whoever kept a bookmark learns what to do."""
    answer = served.stranger().get(path)

    assert answer.status_code == 403
    assert FRIENDLY in answer.text


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_only_a_get_uses_up_a_token(served: Served, method: str) -> None:
    """A link checker that asks for the head does not shut the person out."""
    path = served.gate.new_path()

    assert served.stranger().request(method, path).status_code == 403
    assert served.stranger().get(path).status_code == 303


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/static/page.css/../page.js", "/nowhere"])
def test_without_the_cookie_there_is_no_page(served: Served, path: str) -> None:
    """Any program may knock at a loopback port."""
    answer = served.stranger().get(path)

    assert answer.status_code == 403
    assert FRIENDLY in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/state"),
        ("POST", "/api/key"),
        ("POST", "/api/key/test"),
        ("DELETE", "/api/key"),
        ("POST", "/api/models"),
        ("GET", "/api/nothing"),
    ],
)
def test_without_the_cookie_nothing_can_be_asked_or_done(served: Served, method: str, path: str) -> None:
    """And the page can tell by the answer that it must be opened again."""
    headers = {"X-Tray-Proxy": "page", "Content-Type": "application/json"}

    answer = served.stranger().request(method, path, headers=headers)

    assert answer.status_code == 403
    assert answer.json() == NOT_CONNECTED
    assert served.backend.calls == []


def test_the_style_of_the_friendly_page_needs_no_cookie(served: Served) -> None:
    """It gives nothing away, and the page that turns people away should not look broken."""
    answer = served.stranger().get("/static/page.css")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/css; charset=utf-8"


def test_the_cookie_of_another_copy_does_not_fit(served: Served) -> None:
    """Not even under the right name: after a restart on the same port, the old page is over."""
    cookie = {"Cookie": f"tray_proxy_{served.port}=" + "A" * 43}

    assert served.stranger().get("/", headers=cookie).status_code == 403


def test_odd_cookies_of_other_programs_do_no_harm(served: Served) -> None:
    """Cookies know no ports: everything else on this computer's loopback sends us its own."""
    session = served.visitor().cookies[f"tray_proxy_{served.port}"]
    cookies = f'a; {{"b":"ü"}}; =; tray_proxy_1=x; tray_proxy_{served.port}=stale; tray_proxy_{served.port}={session}'

    answer = served.stranger().get("/", headers=[("cookie", cookies.encode())])

    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_each_of_our_own_names_is_a_host(served: Served, host: str) -> None:
    """Whatever of them the browser was told to open."""
    answer = served.visitor().get("/", headers={"Host": f"{host}:{served.port}"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost:{port}/#@evil.example",
        "evil.example@127.0.0.1:{port}",
        "127.0.0.1:{port}.evil.example",
        "127.0.0.1.:{port}",
        "0:{port}",
        "",
    ],
)
def test_a_foreign_host_is_refused_without_a_word(served: Served, host: str) -> None:
    """After DNS rebinding, Host is the only thing that gives the other site away."""
    answer = served.visitor().get("/", headers={"Host": host.format(port=served.port)})

    assert answer.status_code == 403
    assert answer.content == b""


def test_two_hosts_are_one_too_many(served: Served) -> None:
    """Two readers of a request must not come to two results."""
    own = f"127.0.0.1:{served.port}"

    answer = send_raw(served.port, f"GET / HTTP/1.1\nHost: {own}\nHost: {own}\n")

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert answer.endswith(b"\r\n\r\n")


def test_no_host_is_no_host_of_ours(served: Served) -> None:
    """HTTP/1.0 allows it; we do not."""
    answer = send_raw(served.port, "GET / HTTP/1.0\n")

    assert answer.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1:{port}", ""]
)
def test_a_foreign_origin_is_refused(served: Served, origin: str) -> None:
    """Also with the cookie, and also a page on another port of this computer."""
    headers = {"Origin": origin.format(port=served.port)}

    answer = served.visitor().post("/api/models", headers=headers, json={"allowed": None})

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert served.backend.calls == []


def test_the_pages_own_origin_is_welcome(served: Served) -> None:
    """Browsers send it with every POST of our own page."""
    answer = served.visitor().post("/api/models", headers={"Origin": served.url}, json={"allowed": None})

    assert answer.status_code == 204


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_that_another_site_began_is_refused(served: Served, site: str) -> None:
    """Another port of this computer is "same-site": SameSite cookies alone would let it in."""
    answer = served.visitor().get("/api/state", headers={"Sec-Fetch-Site": site})

    assert answer.status_code == 403


def test_openrouter_may_send_the_browser_back(served: Served) -> None:
    """Without a cookie, and from another site."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    assert served.stranger().get("/sign-in?state=s&code=c", headers=headers).status_code == 200
    assert served.backend.calls == [("come_back", "c")]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/sign-in", {}),
        ("HEAD", "/sign-in", {}),
        ("GET", "/sign-in/", {}),
        ("GET", "//sign-in", {}),
        ("GET", "/sign-in", {"Sec-Fetch-Mode": "cors"}),
        ("GET", "/sign-in", {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}),
        ("GET", "/sign-in", {"Host": "evil.example"}),
        ("GET", "/api/state", {"Sec-Fetch-Mode": "navigate"}),
    ],
)
def test_the_way_back_lets_nothing_else_in(served: Served, method: str, path: str, headers: dict[str, str]) -> None:
    assert served.stranger().request(method, served.url + path, headers=headers).status_code == 403


def test_another_site_cannot_use_up_a_token(served: Served) -> None:
    """The person it was made for still gets in."""
    path = served.gate.new_path()

    assert served.stranger().get(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert served.stranger().get(path, headers={"Sec-Fetch-Site": "none"}).status_code == 303


def test_a_preflight_is_never_granted(served: Served) -> None:
    """So no other site can send the header that changes need."""
    headers = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-tray-proxy",
        "Access-Control-Request-Private-Network": "true",
    }

    answer = served.stranger().options("/api/key", headers=headers)

    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Tray-Proxy": ""},
        {"X-Tray-Proxy": "page"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": ""},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/api/models"), ("DELETE", "/api/key")])
def test_a_change_needs_our_header_and_json(served: Served, method: str, path: str, headers: dict[str, str]) -> None:
    """A form of another site can send neither, whatever becomes of the cookie."""
    answer = served.visitor().request(method, path, headers=headers, content=b'{"allowed": null}')

    assert answer.status_code == 403
    assert served.backend.calls == []


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/state"), ("GET", "/api/log"), ("POST", "/api/models")])
def test_the_cookie_alone_tells_and_changes_nothing(served: Served, method: str, path: str) -> None:
    """Browsers show it to every port of this computer, and any of them may be another user's."""
    visitor, thief = served.visitor(), served.stranger()
    thief.cookies.update(visitor.cookies)

    answer = thief.request(method, path, headers={"Content-Type": "application/json"}, content=b'{"allowed": null}')

    assert (answer.status_code, served.backend.calls) == (403, [])
    assert visitor.get("/api/state").status_code == 200


def test_the_mark_alone_tells_and_changes_nothing(served: Served) -> None:
    mark = served.visitor().headers["X-Tray-Proxy"]

    assert served.stranger().get("/api/state", headers={"X-Tray-Proxy": mark}).status_code == 403


def test_the_mark_is_another_for_each_start(served: Served) -> None:
    gates = [PageGate(4000) for _ in range(2)]

    assert len({gate._mark for gate in gates} | {gate._session for gate in gates}) == 4


def test_json_with_a_charset_is_json(served: Served) -> None:
    """Some add it by themselves."""
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}

    answer = served.visitor().post("/api/models", headers=headers, content=b'{"allowed": null}')

    assert answer.status_code == 204


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(served: Served, chunked: bool) -> None:
    """Counted as it comes in: what a client says of its length is not believed."""
    content = b" " * MAX_BODY_BYTES + b"!"

    answer = served.visitor().post("/api/models", content=iter([content]) if chunked else content)

    assert answer.status_code == 413
    assert answer.json() == {
        "error": "That is more than the page takes: 256 KiB at once.",
        "hint": "Send less at once.",
    }
    assert served.backend.calls == []


def test_a_body_of_the_largest_size_is_read(served: Served) -> None:
    """The limit itself is allowed."""
    content = b'{"allowed": null}'

    answer = served.visitor().post("/api/models", content=content.ljust(MAX_BODY_BYTES))

    assert answer.status_code == 204


def test_a_body_that_breaks_off_changes_nothing(served: Served) -> None:
    """Half a request can be whole JSON."""
    visitor = served.visitor()
    session = visitor.cookies[f"tray_proxy_{served.port}"]
    content = json.dumps({"allowed": None})
    head = (
        f"POST /api/models HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
        f"X-Tray-Proxy: {visitor.headers['X-Tray-Proxy']}\r\n"
        f"Content-Type: application/json\r\nCookie: tray_proxy_{served.port}={session}\r\nContent-Length: 100\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall((head + content).encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""

    assert visitor.get("/api/state").status_code == 200
    assert served.backend.calls == []


@pytest.mark.parametrize(
    ("method", "path", "how", "status"),
    [
        ("GET", "/", {}, 200),
        ("GET", "/static/app.js", {}, 200),
        ("GET", "/api/state", {}, 200),
        ("POST", "/api/models", {"json": {"allowed": None}}, 204),
        ("POST", "/api/models", {"content": b"{"}, 400),
        ("POST", "/api/models", {"content": b" " * (MAX_BODY_BYTES + 1)}, 413),
        ("POST", "/api/models", {"headers": {"X-Tray-Proxy": ""}}, 403),
        ("GET", "/", {"headers": {"Host": "evil.example"}}, 403),
        ("GET", "/", {"headers": {"Origin": "null"}}, 403),
        ("GET", "/open?token=wrong", {}, 403),
        ("GET", "/nowhere", {}, 404),
        ("PUT", "/api/key", {}, 405),
    ],
)
def test_every_answer_carries_the_security_headers(
    served: Served, method: str, path: str, how: dict[str, object], status: int
) -> None:
    """Also the refusals: an error page in a frame is still a page in a frame."""
    answer = served.visitor().request(method, path, **how)

    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_the_opening_answer_carries_the_security_headers_too(served: Served) -> None:
    """It sets the cookie, so nothing may keep a copy of it."""
    answer = served.stranger().get(served.gate.new_path())

    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_websockets_are_closed_at_once() -> None:
    """The page has none, and a websocket would not be held by Origin rules of fetch."""
    import asyncio

    async def untouched(*_: object) -> None:
        raise AssertionError

    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    guarded = PageGate(4000, now_s=Clock()).protect(untouched)
    asyncio.run(guarded({"type": "websocket", "path": "/", "headers": []}, untouched, send))

    assert sent == [{"type": "websocket.close", "code": 1008}]
