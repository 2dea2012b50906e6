"""What the release page tells, asked of a real server by https, and who is believed."""

import socket
from pathlib import Path

import msgspec
import pytest

from openrouter.encrypted import NAME, Encrypted, ProxyServer, authority
from tray_proxy import __version__, paths, releases
from tray_proxy.releases import MAX_BYTES, MAX_REDIRECTS, CannotLook, Release, Source

REPOSITORY = "somebody/tray-proxy"
PATH = f"/{REPOSITORY}/releases/latest/download/latest.json"
# As the release workflow writes it.
LATEST = (Path(__file__).parent / "fixtures" / "latest.json").read_bytes()
RELEASE = Release("1.2.0", ("Tells of newer versions.", "Starts faster."))
CANARY = "sk-or-v1-canary-that-must-not-leave"


def answer(body=b"", status="200 OK", length=None, **headers):
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(body) if length is None else length}", "", ""])
    return head.encode() + body


def redirect(location, **more):
    return answer(status="302 Found", Location=location, **more)


def path_of(request):
    return request.split()[1].decode()


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    """No proxy server, and a name that leads to this computer."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    real = socket.getaddrinfo

    def look_up(host, *arguments, **more):
        return real("127.0.0.1" if host in (NAME, NAME.encode()) else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """An authority that this computer trusts."""
    made = authority()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return made


@pytest.fixture
def serve(trusted):
    """Open release pages; each answers as it is told to."""
    opened = []

    def serve(answer, **more):
        opened.append(Encrypted(more.pop("vouched_by", trusted), answer=answer, **more))
        return opened[-1]

    yield serve
    for each in opened:
        each.close()


@pytest.fixture
def look(loop):
    """Look at a server's release page."""

    def look(server, **more):
        site = f"https://{NAME}:{server.port}"
        return loop.submit(Source(REPOSITORY, site).latest(**more)).result(15)

    return look


def test_the_newest_release_is_told_with_what_it_changes(serve, look):
    assert look(serve(answer(LATEST))) == RELEASE


def test_nothing_is_sent_that_tells_one_copy_from_another(serve, look, monkeypatch):
    """Every byte of it: no key, no version, no language, no cookie."""
    monkeypatch.setenv("OPENROUTER_API_KEY", CANARY)
    server = serve(answer(LATEST))

    look(server)

    assert server.asked == [
        f"GET {PATH} HTTP/1.1\r\n"
        f"Host: {NAME}:{server.port}\r\n"
        "User-Agent: tray-proxy\r\n"
        "Accept: application/json\r\n"
        "Accept-Encoding: identity\r\n"
        "Connection: close\r\n\r\n".encode()
    ]


def test_the_release_page_may_lead_on_to_where_the_file_is(serve, look):
    """As GitHub does. What it says besides is not waited for, and its cookie not kept."""
    files = serve(answer(LATEST))
    there = f"https://{NAME}:{files.port}/files/latest.json"
    steps = {
        PATH: redirect("/v1.2.0/latest.json", Set_Cookie="session=42; Path=/"),
        "/v1.2.0/latest.json": redirect(there, length=10**9),
    }
    page = serve(lambda request: steps[path_of(request)])

    assert look(page) == RELEASE
    assert [path_of(request) for request in (*page.asked, *files.asked)] == [*steps, "/files/latest.json"]
    assert [request for request in (*page.asked, *files.asked) if b"session" in request or b"Cookie" in request] == []


def test_it_is_not_led_to_where_anybody_could_have_written_the_answer(serve, look, raw_upstream):
    met = []
    plain = raw_upstream(lambda connection, number: met.append(number))
    server = serve(redirect(f"{plain}/latest.json"))

    with pytest.raises(CannotLook, match=r"^not encrypted$"):
        look(server)
    assert met == []


def hops(count):
    """Lead on so many times before there is an answer."""

    def step(request):
        done = int(path_of(request).removeprefix(PATH) or 0)
        return answer(LATEST) if done == count else redirect(f"{PATH}{done + 1}")

    return step


def test_it_follows_five_times(serve, look):
    assert look(serve(hops(MAX_REDIRECTS))) == RELEASE


def test_it_does_not_follow_for_ever(serve, look):
    server = serve(hops(MAX_REDIRECTS + 1))

    with pytest.raises(CannotLook, match=r"^redirected too often$"):
        look(server)
    assert len(server.asked) == MAX_REDIRECTS + 1


def test_as_much_as_is_allowed_is_read(serve, look):
    assert look(serve(answer(LATEST.ljust(MAX_BYTES)))) == RELEASE


def test_what_is_longer_is_not_waited_for(serve, look):
    """The rest of the gigabyte never comes."""
    server = serve(answer(LATEST.ljust(MAX_BYTES + 1), length=10**9))

    with pytest.raises(CannotLook, match=r"^too long$"):
        look(server)


def test_a_packed_answer_is_not_unpacked(serve, look):
    """It was not asked for, and may become a thousand times as long."""
    import gzip

    with pytest.raises(CannotLook, match=r"^no release: DecodeError$"):
        look(serve(answer(gzip.compress(LATEST), Content_Encoding="gzip")))


def test_a_project_without_a_release_tells_nothing(serve, look):
    with pytest.raises(CannotLook, match=r"^status 404$"):
        look(serve(answer(b"Not Found", "404 Not Found")))


def test_an_answer_that_stops_half_way_is_given_up(serve, look):
    with pytest.raises(CannotLook, match=r"^no answer within 0\.3 s$"):
        look(serve(answer(LATEST, length=len(LATEST) + 1)), limit_s=0.3)


@pytest.mark.parametrize(
    "location", ["https://", "https://[", "//", "file:///etc/passwd", "https://openrouter.test:1/"]
)
def test_a_way_that_leads_nowhere_is_given_up(serve, look, location):
    with pytest.raises(CannotLook):
        look(serve(redirect(location)))


def test_without_a_network_there_is_no_answer(serve, look):
    server = serve(answer(LATEST))
    server.close()

    with pytest.raises(CannotLook, match=r"^ConnectError$"):
        look(server)


def test_who_is_not_vouched_for_is_asked_nothing(serve, look):
    """The certificate is the only signature."""
    server = serve(answer(LATEST), vouched_by=authority())

    with pytest.raises(CannotLook, match=r"^ConnectError$"):
        look(server)
    assert server.asked == []


def test_a_companys_proxy_server_is_used_but_for_what_is_excepted(serve, look, monkeypatch):
    server = serve(answer(LATEST))
    proxy = ProxyServer(server.port)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)

    through = look(server)
    monkeypatch.setenv("NO_PROXY", NAME)
    past = look(server)
    proxy.close()

    assert (through, past) == (RELEASE, RELEASE)
    assert proxy.asked == [f"CONNECT {NAME}:{server.port} HTTP/1.1"]


@pytest.mark.parametrize("proxy", ["nonsense://somebody:secret-word@proxy", "http://[", "socks9://proxy"])
def test_a_proxy_server_that_cannot_be_used_is_no_more_than_a_failure(serve, look, monkeypatch, proxy):
    server = serve(answer(LATEST))
    monkeypatch.setenv("HTTPS_PROXY", proxy)

    with pytest.raises(CannotLook) as caught:
        look(server)
    assert "secret-word" not in str(caught.value)


def test_certificates_that_cannot_be_read_are_no_more_than_a_failure(serve, look, monkeypatch, tmp_path):
    server = serve(answer(LATEST))
    (tmp_path / "authority.pem").write_text("nothing of the kind")

    with pytest.raises(CannotLook, match=r"^SettingsInvalid$"):
        look(server)


# -- what is told ----------------------------------------------------------------------------------


def told(**changed):
    return msgspec.json.encode({"version": "1.2.0", "changes": ["One.", "Two."]} | changed)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b'{"changes": []}',
        b'{"version": "1.2.0"}',
        b'{"version": "1.2.0", "changes": [], "more": ' + b"[" * 50_000,
        b'{"version": "\xff", "changes": []}',
        told(version=1.2),
        told(version="1.2"),
        told(version="v1.2.0"),
        told(version="1.2.0\n"),
        told(version="1.2.0-rc.1"),
        told(version="01.2.0"),
        told(version="1.2.٣"),
        told(version="1.2.1000000"),
        told(changes="One."),
        told(changes=[1]),
        told(changes=[None]),
        told(changes=["One."] * 21),
        told(changes=["x" * 301]),
    ],
)
def test_what_is_not_as_agreed_is_nothing(body):
    with pytest.raises(CannotLook, match=r"^no release: "):
        releases.read(body)


def test_what_later_releases_tell_besides_does_not_matter(serve):
    """This copy may be asked for years."""
    assert releases.read(told(signed="by somebody")) == Release("1.2.0", ("One.", "Two."))


def test_changes_fill_their_bounds():
    release = releases.read(told(changes=["x" * 300] * 20))

    assert release.changes == ("x" * 300,) * 20


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("Two\nlines\tand\u2028more.", "Two lines and more."),
        ("\x1b[31mRed\x07 \x00alarm.\x85", "[31mRed alarm."),
        ("Pay \u202eetis\u202c\u2066 and \u200fhere\ufeff.", "Pay etis and here."),
        ("<b>Bold</b> & brave 😀 — ü.", "<b>Bold</b> & brave 😀 — ü."),
    ],
)
def test_changes_hold_nothing_but_what_is_seen(sentence, shown):
    """As text they are shown; what would turn other text around is no text."""
    assert releases.read(told(changes=[sentence, "\u200b", ""])).changes == (shown,)


@pytest.mark.parametrize(
    ("version", "ours", "newer"),
    [
        ("1.2.0", "1.1.9", True),
        ("1.10.0", "1.9.9", True),
        ("2.0.0", "1.99.99", True),
        ("1.2.0", "1.2.0", False),
        ("1.2.0", "1.2.1", False),
        ("0.9.12", "1.0.0", False),
    ],
)
def test_versions_are_compared_by_their_numbers(version, ours, newer):
    assert Release(version, ()).is_newer_than(ours) is newer


def test_our_own_version_can_be_compared():
    """Whoever names a version otherwise finds out here."""
    assert Release("999999.0.0", ()).is_newer_than(__version__)


# -- where releases are ----------------------------------------------------------------------------


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A program with this `release.json`; None for one without."""
    package = tmp_path / "program" / "tray_proxy"
    (package / "assets").mkdir(parents=True)
    monkeypatch.setattr(paths, "__file__", str(package / "paths.py"))

    def build(content):
        if content is not None:
            (package / "assets" / "release.json").write_bytes(content)

    return build


def test_a_copy_knows_where_its_release_came_from(built):
    built(b'{"repository": "somebody/tray-proxy"}')

    assert releases.source().page == "https://github.com/somebody/tray-proxy/releases/latest"


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"{}",
        b'{"repository": null}',
        b'{"repository": "tray-proxy"}',
        b'{"repository": "a/b/c"}',
        b'{"repository": "a/.."}',
        b'{"repository": "../b"}',
        b'{"repository": "a/b?c"}',
        b'{"repository": "a/b#c"}',
        b'{"repository": "a@b/c"}',
        b'{"repository": "-a/b"}',
        b'{"repository": "a--b/c"}',
        b'{"repository": "a/b\\n"}',
        b'{"repository": "https://elsewhere.test/a/b"}',
    ],
)
def test_a_copy_that_does_not_know_it_has_nowhere_to_look(built, content):
    built(content)

    assert releases.source() is None
