"""Who may call the port. The rule by itself, and over a real socket that nothing reaches the upstream."""

import asyncio
import ipaddress
import json
import re
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from tray_proxy.permissions import MAX_OF_A_SITE, Permissions
from tray_proxy.secret_str import SecretStr
from tray_proxy.server.app import ROUTES
from tray_proxy.server.guard import Guard, Rule, is_own_address
from tray_proxy.setting_list import Settings

OWN = ipaddress.ip_address("8.8.4.4")
RULE = Rule(hostname="mybox", is_own=OWN.__eq__)


@pytest.mark.parametrize(
    "host",
    ["", "localhost", "LOCALHOST:11434", "127.0.0.1", "127.0.0.1:11434", "[::1]:11434", "192.168.1.7:11434", "0.0.0.0",
     "mybox", "MyBox:11434", "app.localhost", "printer.local", "db.internal:80", "[::]", "10.0.0.1", "8.8.4.4:80",
     "localhost.", "127.0.0.1.", "LocalHost", "[0:0::1]", "[::ffff:127.0.0.1]:11434", "localhost:0", "localhost:65535",
     "a.b.localhost:1", "my_container.local"],
)  # fmt: skip
def test_these_hosts_mean_this_computer(host):
    assert RULE.host_allowed([host] if host else []) is True


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "localhost/#@evil.example", "user@localhost", "127.0.0.1.evil.example",
     "8.8.8.8", "[2606:4700::1]", "localhost:11434:80", "localhost evil", "[::1",
     "2130706433", "evil.example:11434", "localhost\\@evil", "user:word@127.0.0.1", "127.0.0.1@evil.example",
     "evil.example#@localhost", "evil.example?.localhost", "localhost/", "http://localhost", "//localhost",
     "localhost:", "localhost:65536", "127.0.0.1:99999", "localhost:-1", "localhost:+1", "localhost:1e3",
     "localhost:\u00b2", "localhost:80,evil.example", "localhost, evil.example", "localhost\t", " localhost",
     "localhost\x00", "localhost\r\nx", ".", "..", "localhost..", ".localhost", "evil..local", "*", "*.localhost",
     "[localhost]", "[127.0.0.1]", "[]", "[:]", "[::1]x", "[::1]:", "[::1%25lo]", "::1", "[[::1]]", "[::1]:65536",
     "127.0.0.1.:x", "0x7f000001", "127.1", "0177.0.0.1", "l\u00f6calhost", "xn--lcalhost-n4a", "localhost%00",
     "local%68ost", "localhost.evil.example:11434", "mybox.evil.example", "notlocalhost", "evil-local", "evilinternal"],
)  # fmt: skip
def test_these_hosts_do_not(host):
    assert RULE.host_allowed([host]) is False


@pytest.mark.parametrize(
    ("address", "own"), [("127.0.0.1", True), ("::1", True), ("8.8.4.4", False), ("2606:4700::1", False)]
)
def test_an_address_is_this_computers_if_it_can_be_bound(address, own):
    assert is_own_address(ipaddress.ip_address(address)) is own


def test_this_computers_own_name_and_addresses_are_known():
    rule = Rule.of(Settings())

    assert rule.host_allowed([socket.gethostname()]) is True
    assert rule.is_own is is_own_address


def test_two_hosts_are_one_too_many():
    assert RULE.host_allowed(["localhost", "localhost"]) is False


@pytest.mark.parametrize(
    "origin",
    [
        *(
            f"{scheme}://{host}{port}"
            for scheme in ("http", "https")
            for host in ("localhost", "127.0.0.1", "0.0.0.0")
            for port in ("", ":3000")
        ),
        "app://obsidian.md",
        "file://",
        "tauri://localhost",
        "vscode-webview://abc",
        "vscode-file://vscode-app",
    ],
)
def test_these_origins_may_call(origin):
    assert RULE.origin_allowed(origin) is True


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.example", "http://localhost.evil.example", "https://localhost:3000.evil.example",
     "chrome-extension://abc", "moz-extension://abc", "safari-web-extension://abc", "http://localhost@evil.example",
     "http://mybox:9999", "", "Null", "http://localhost.", "http://LOCALHOST", "HTTP://localhost", "http://localhost:",
     "http://localhost:1.evil.example", "http://localhost:80:80", "http://localhost:a", "http://localhost/",
     "http://localhost:80/", "http://localhost#.evil.example", "http://localhost?.evil.example", "http://xn--localhost",
     "http://127.0.0.1.evil.example", "http://127.0.0.1:1@evil.example", "http://127.0.0.2", "http://[::1]",
     "http://2130706433", "http://evil.example/http://localhost", " http://localhost", "http://localhost ",
     "http://localhost\n", "https://evil.example/app://x", "xapp://obsidian.md", "ws://localhost", "localhost",
     "https://evil.example#tauri://localhost", "chrome-extension://*"],
)  # fmt: skip
def test_these_origins_may_not(origin):
    assert RULE.origin_allowed(origin) is False


def test_the_owner_can_add_origins():
    rule = Rule.of(Settings(ollama_origins="chrome-extension://*, https://chat.example"))

    assert [
        rule.origin_allowed(origin)
        for origin in ("chrome-extension://abc", "https://chat.example", "https://other.example")
    ] == [True, True, False]


@pytest.mark.parametrize(
    "origin",
    ["chrome-extension:/abc", "chrome-extension.evil.example", "https://chrome-extension://abc", "chrome-extension",
     "Chrome-Extension://abc", "https://evil.example/chrome-extension://abc", "moz-extension://abc",
     "https://a.chat.example.evil.example", "https://chat.example.evil.example", "https://evilchat.example",
     "http://a.chat.example", "https://chat.example"],
)  # fmt: skip
def test_a_star_of_the_owners_stands_for_its_own_place_alone(origin):
    rule = Rule.of(Settings(ollama_origins="chrome-extension://*, https://*.chat.example"))

    assert rule.origin_allowed("chrome-extension://abc") is True
    assert rule.origin_allowed(origin) is False


@pytest.mark.parametrize("more", ["*", " * ", "'*'", '"https://chat.example,*"'])
def test_a_lone_star_allows_every_page(more):
    rule = Rule.of(Settings(ollama_origins=more))

    assert [rule.allows_all, rule.origin_allowed("https://anything.example")] == [True, True]


@pytest.mark.parametrize("more", ["", "chrome-extension://*", "https://*.example"])
def test_a_star_in_company_does_not(more):
    assert Rule.of(Settings(ollama_origins=more)).allows_all is False


def test_the_owner_can_add_hosts():
    rule = Rule.of(Settings(allowed_hosts="AI.example, 8.8.8.8, tray_proxy, 2606:4700:0:0::AB"))

    hosts = ("ai.example:443", "8.8.8.8", "tray_proxy:11434", "[2606:4700::ab]", "other.ai.example", "1.1.1.1")
    assert [rule.host_allowed([host]) for host in hosts] == [True, True, True, True, False, False]


def test_the_name_that_the_owner_listens_on_is_one_of_them():
    """It is the address that apps are told to use."""
    rule = Rule.of(Settings(host="nas.example"))

    assert [rule.host_allowed([host]) for host in ("nas.example:11434", "other.example")] == [True, False]


def test_where_a_key_is_shown_any_host_will_do_that_is_one():
    """A rebound name gains nothing: the page behind it does not know the key."""
    rule = Rule.of(Settings(proxy_api_key=SecretStr("an-access-key-of-nobody")))

    hosts = ("evil.example", "8.8.8.8:11434", "localhost/#@evil.example", "[::1")
    assert [rule.host_allowed([host]) for host in hosts] == [True, True, False, False]
    assert rule.origin_allowed("http://evil.example") is False


# -- the middleware, asked directly ------------------------------------------------------------------

EXTENSION = "chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo"


class Asked:
    """A guard, and what gets past it."""

    def __init__(self, rule: Rule = RULE, permissions: Permissions | None = None) -> None:
        self.guard = Guard(self._app, rule, permissions)

    async def _app(self, _scope, _receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def status(self, method: str, *headers: tuple[str, str]) -> int:
        """Ask, and return the status; a body that is asked for is an error."""
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            pytest.fail("the body was read")

        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        asyncio.run(self.guard({"type": "http", "method": method, "headers": raw}, receive, send))
        # Told aloud, a page could reach into the network that it is not part of.
        names = {name for name, _ in sent[0]["headers"]}
        assert b"access-control-allow-private-network" not in names
        return int(sent[0]["status"])

    def post(self, origin: str, host: str = "127.0.0.1:11434") -> int:
        return self.status("POST", ("host", host), ("origin", origin))


@pytest.fixture
def permissions(tmp_path: Path) -> Permissions:
    return Permissions({}, tmp_path / "settings.json")


def waiting(permissions: Permissions) -> Sequence[str]:
    return [visitor.origin for visitor in permissions.waiting]


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("origin", [EXTENSION, "https://chat.example", "http://localhost.evil.example"])
def test_an_unknown_origin_is_refused_at_once_and_asked_about_once(permissions, origin, method):
    """A preflight counts, too: it is all that a page's own JSON ever sends."""
    asked = Asked(permissions=permissions)

    statuses = [
        asked.status(method, ("host", "localhost:11434"), ("origin", origin), ("access-control-request-method", "POST"))
        for _ in range(2)
    ]

    assert statuses == [403, 403]
    assert waiting(permissions) == [origin]


def test_what_is_allowed_passes_from_the_next_request_on_and_what_is_taken_back_does_not(permissions):
    asked = Asked(permissions=permissions)
    statuses = [asked.post(EXTENSION)]
    permissions.answer(EXTENSION, allowed=True)
    statuses.append(asked.post(EXTENSION))
    permissions.forget(EXTENSION)
    statuses.append(asked.post(EXTENSION))
    permissions.answer(EXTENSION, allowed=False)
    statuses.append(asked.post(EXTENSION))

    assert statuses == [403, 200, 403, 403]
    assert waiting(permissions) == []


@pytest.mark.parametrize(
    "origin", ["null", "", "*", "https://Chat.example", "https://chat.example/", "capacitor://app"]
)
def test_what_no_browser_calls_a_page_is_refused_without_a_question(permissions, origin):
    assert Asked(permissions=permissions).post(origin) == 403
    assert waiting(permissions) == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:11434", "localhost/#@evil.example", "8.8.8.8"])
@pytest.mark.parametrize("origin", ["http://{}", "https://chat.example", EXTENSION])
def test_a_rebound_host_never_leads_to_a_question(permissions, host, origin):
    """An answer to it would allow what calls itself by any name that it likes."""
    permissions.answer("http://evil.example", allowed=True)

    assert Asked(permissions=permissions).post(origin.format(host), host) == 403
    assert waiting(permissions) == []


def test_two_hosts_or_two_origins_never_lead_to_a_question(permissions):
    asked = Asked(permissions=permissions)
    host, origin = ("host", "localhost"), ("origin", "https://chat.example")

    assert [asked.status("POST", host, host, origin), asked.status("POST", host, origin, origin)] == [403, 403]
    assert waiting(permissions) == []


def test_what_is_allowed_anyway_is_not_asked_about(permissions):
    asked = Asked(Rule(origins=("http://localhost:*", "https://*.example")), permissions)

    statuses = [
        asked.post(each) for each in ("http://localhost:3000", "https://chat.example", "http://127.0.0.1:11434")
    ]

    assert (statuses, waiting(permissions)) == ([200, 200, 200], [])


def test_where_nobody_is_asked_the_rule_alone_decides():
    assert Asked(permissions=None).post(EXTENSION) == 403


def test_a_page_that_makes_up_origins_is_refused_each_time_and_asked_about_a_few_times(permissions):
    asked = Asked(permissions=permissions)

    statuses = {asked.post(f"https://n{number}.evil.example:{1000 + number}") for number in range(200)}

    assert (statuses, len(waiting(permissions))) == ({403}, MAX_OF_A_SITE)


def test_a_host_is_judged_once_and_an_address_of_this_computer_each_time():
    """It may be another computer's tomorrow."""
    own = {str(OWN)}
    asked = Asked(Rule(is_own=lambda ip: str(ip) in own))

    def statuses():
        return [asked.status("GET", ("host", host)) for host in ("8.8.4.4:11434", "127.0.0.1:11434", "evil.example")]

    assert [statuses(), statuses()] == [[200, 200, 403], [200, 200, 403]]
    own.clear()
    assert statuses() == [403, 200, 403]
    assert asked.guard.known_hosts == {b"127.0.0.1:11434"}


def test_a_host_that_is_known_excuses_nothing_else():
    asked = Asked()
    host, evil = ("host", "localhost:1"), ("origin", "https://evil.example")
    asked.status("GET", host)

    answers = [
        asked.status("GET", host, evil),
        asked.status("GET", host, ("host", "localhost:1")),
        asked.status("OPTIONS", host),
        asked.status("OPTIONS", host, evil),
    ]

    assert answers == [403, 403, 204, 403]


def test_made_up_hosts_fill_no_memory():
    asked = Asked()

    statuses = {asked.status("GET", ("host", f"n{number}.localhost")) for number in range(500)}

    assert (statuses, len(asked.guard.known_hosts)) == ({200}, 64)


# -- over a socket -----------------------------------------------------------------------------------

CHAT = json.dumps({"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": False})


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_web_pages_simple_post_spends_nothing(proxy, upstream, origin, content_type):
    answer = proxy.http.post("/api/chat", content=CHAT, headers={"origin": origin, "content-type": content_type})

    assert (answer.status_code, answer.content) == (403, b"")
    assert upstream.received == []


def test_a_rebound_name_spends_nothing(proxy, upstream):
    """After DNS rebinding Origin equals Host, so the Host rule comes first."""
    headers = {"host": "evil.example:11434", "origin": "http://evil.example:11434"}

    answer = proxy.http.post("/api/chat", content=CHAT, headers=headers)

    assert (answer.status_code, answer.content) == (403, b"")
    assert upstream.received == []


def test_two_origins_are_one_too_many(proxy):
    headers = [("origin", "http://localhost"), ("origin", "http://evil.example")]

    assert proxy.http.get("/api/version", headers=headers).status_code == 403


EVERY_ROUTE = [(method, re.sub(r"\{.*\}", "x", path)) for methods, path, _ in ROUTES for method in methods.split(",")]
REFUSED = {
    "foreign": "Host: 127.0.0.1\r\nOrigin: https://evil.example",
    "sandboxed": "Host: 127.0.0.1\r\nOrigin: null",
    "extension": f"Host: 127.0.0.1\r\nOrigin: {EXTENSION}",
    "look-alike": "Host: 127.0.0.1\r\nOrigin: http://localhost.evil.example",
    "two origins": "Host: 127.0.0.1\r\nOrigin: http://localhost\r\nOrigin: http://localhost",
    "rebound": "Host: evil.example\r\nOrigin: http://evil.example",
    "confused host": "Host: localhost/#@evil.example",
    "two hosts": "Host: localhost\r\nHost: evil.example",
}


def heads(running, *requests: bytes) -> list[bytes]:
    """Send each head on a connection of its own, and read the first answer's head; no body is ever sent."""
    answers = []
    for request in requests:
        with socket.create_connection(("127.0.0.1", running.program.settings.port), timeout=15) as client:
            client.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += client.recv(4096) or pytest.fail(f"the connection was closed after {answer!r}")
            answers.append(answer.partition(b"\r\n\r\n")[0])
    return answers


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
def test_every_route_refuses_before_a_body_is_asked_for(proxy, upstream, headers):
    """Neither waited for nor called for: a body of 100 MiB is announced, and not a byte of it is sent."""
    rest = f"{headers}\r\nContent-Length: 104857600\r\nExpect: 100-continue\r\n\r\n"
    paths = [*EVERY_ROUTE, ("POST", "/nope"), ("POST", "//api/chat"), ("PATCH", "/api/chat")]

    answers = heads(proxy, *(f"{method} {path} HTTP/1.1\r\n{rest}".encode() for method, path in paths))

    assert [answer.partition(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 403 Forbidden"] * len(paths)
    assert [answer for answer in answers if b"access-control" in answer.lower()] == []
    assert upstream.received == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000", EXTENSION])
def test_no_preflight_ever_lets_a_page_into_this_network(proxy, origin):
    """Chrome asks for this leave before a page on the internet may reach a computer at home."""
    request = (
        f"OPTIONS /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\n"
        "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Private-Network: true\r\n"
        "Access-Control-Request-Local-Network: true\r\n\r\n"
    )

    [answer] = heads(proxy, request.encode())

    assert b"private-network" not in answer.lower()
    assert b"local-network" not in answer.lower()
    assert answer.startswith(b"HTTP/1.1 204 " if origin == "http://localhost:3000" else b"HTTP/1.1 403 ")


@pytest.mark.parametrize("path", ["/", "/api/tags", "/api/chat", "/nope", "/health"])
def test_the_guard_stands_before_every_path(proxy, path):
    assert proxy.http.get(path, headers={"origin": "http://evil.example"}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nope", 404), ("PUT", "/api/chat", 405), ("POST", "/api/chat", 400)]
)
def test_an_allowed_origin_is_named_on_errors_too(proxy, method, path, status):
    answer = proxy.http.request(method, path, headers={"origin": "app://obsidian.md"})

    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "app://obsidian.md"
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


def test_a_preflight_of_an_allowed_origin_is_answered(proxy):
    headers = {"origin": "http://localhost:3000", "access-control-request-method": "POST"}

    answer = proxy.http.options("/api/chat", headers=headers)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert answer.headers["access-control-allow-methods"] == "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
    assert answer.headers["access-control-max-age"] == "43200"
    assert answer.headers["access-control-allow-headers"].split(",") == [
        "Authorization",
        "Content-Type",
        "User-Agent",
        "Accept",
        "X-Requested-With",
        "OpenAI-Beta",
        "x-stainless-arch",
        "x-stainless-async",
        "x-stainless-custom-poll-interval",
        "x-stainless-helper-method",
        "x-stainless-lang",
        "x-stainless-os",
        "x-stainless-package-version",
        "x-stainless-poll-helper",
        "x-stainless-retry-count",
        "x-stainless-runtime",
        "x-stainless-runtime-version",
        "x-stainless-timeout",
        "x-api-key",
        "anthropic-version",
        "anthropic-beta",
        "anthropic-dangerous-direct-browser-access",
    ]
    assert "access-control-allow-credentials" not in answer.headers
    assert "content-length" not in answer.headers


def test_a_preflight_of_a_foreign_origin_is_refused(proxy):
    answer = proxy.http.options("/api/chat", headers={"origin": "http://evil.example"})

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", ["", "http://{}", "https://{}"])
@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:11434", 204), ("db.internal", 204), ("127.0.0.1:11434", 405), ("[::1]:1", 405), ("[::1]", 405)],
)
def test_options_without_a_foreign_origin_is_answered_as_ollama_does(proxy, host, status, origin):
    headers = {"host": host} | ({"origin": origin.format(host)} if origin else {})

    assert proxy.http.options("/api/chat", headers=headers).status_code == status


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_page_of_our_own_address_is_taken_for_a_program(proxy, scheme):
    """Its name needs no place in the list, and to its browser the answer is of its own origin."""
    headers = {"host": "db.internal:9", "origin": f"{scheme}://db.internal:9"}

    answer = proxy.http.get("/api/version", headers=headers)

    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_where_all_are_allowed_no_origin_is_named(proxies, tmp_path):
    """As Ollama does; without credentials, which `*` must not go with."""
    running = proxies.start(tmp_path, ollama_origins="*")
    origin = {"origin": "https://anything.example"}

    real, preflight = (
        running.http.get("/api/version", headers=origin),
        running.http.options("/api/chat", headers=origin),
    )

    assert [answer.headers["access-control-allow-origin"] for answer in (real, preflight)] == ["*", "*"]
    assert [answer.status_code for answer in (real, preflight)] == [200, 204]
    assert ["vary" in answer.headers for answer in (real, preflight)] == [False, False]
    assert ["access-control-allow-credentials" in answer.headers for answer in (real, preflight)] == [False, False]


def test_a_preflight_depends_on_what_was_asked(proxy):
    answer = proxy.http.options("/api/chat", headers={"origin": "app://obsidian.md"})

    assert answer.headers["vary"] == "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


def test_a_host_is_judged_where_all_origins_are_allowed_too(proxies, tmp_path, upstream):
    running = proxies.start(tmp_path, ollama_origins="*")
    before = len(upstream.received)

    answer = running.http.post("/api/chat", content=CHAT, headers={"host": "evil.example"})

    assert (answer.status_code, len(upstream.received)) == (403, before)
