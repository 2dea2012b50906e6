"""A look from outside at a server with a certificate of its own: who vouches, and what time it is there."""

import contextlib
import datetime
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tray_proxy.openrouter import inspection
from tray_proxy.openrouter.inspection import CannotLook, Seen, issuer_of, look

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC)
COMPANY = [(NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Müller & Söhne"), (NameOID.COMMON_NAME, "Gate")]


def certificate(
    folder: Path,
    issuer: list[tuple[x509.ObjectIdentifier, str]] = COMPANY,
    *,
    begins: datetime.datetime = NOW - DAY,
    ends: datetime.datetime = NOW + DAY,
) -> Path:
    """Make a certificate for this computer, which vouches for itself; the file holds its key too."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in issuer])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    file.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, *private))
    return file


def der(file: Path) -> bytes:
    return x509.load_pem_x509_certificate(file.read_bytes()).public_bytes(serialization.Encoding.DER)


class Answering(http.server.BaseHTTPRequestHandler):
    """Tells the time that the test has set, and keeps what it was sent."""

    date: str | None = "Tue, 15 Nov 1994 12:45:26 GMT"
    heard: list[tuple[str, str, dict[str, str]]]

    def do_HEAD(self) -> None:
        self.heard.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response_only(200)
        if self.date is not None:
            self.send_header("Date", self.date)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving(file: Path | None = None, *, date: str | None = Answering.date) -> Iterator[tuple[int, list]]:
    """Serve on a port of this computer, encrypted where there is a certificate; give port and what is heard."""
    handler = type("Handler", (Answering,), {"date": date, "heard": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # a client that refuses the certificate hangs up
    if file is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], handler.heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join(15)


def test_a_certificate_that_everybody_knows_is_public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = certificate(tmp_path)
    monkeypatch.setattr(inspection.certifi, "where", lambda: str(file))

    with serving(file) as (port, _):
        seen = look(f"https://localhost:{port}/api/v1", timeout_s=5)

    assert seen == Seen(encrypted=True, issuer="Müller & Söhne", public=True, out_of_date=False, clock_s=784_903_526.0)


def test_a_companys_certificate_is_seen_and_named(tmp_path: Path) -> None:
    """It is what a client refuses, so nobody else would tell whose it is."""
    with serving(certificate(tmp_path)) as (port, _):
        seen = look(f"https://localhost:{port}/api/v1", timeout_s=5)

    assert (seen.issuer, seen.public, seen.out_of_date) == ("Müller & Söhne", False, False)
    assert seen.clock_s == 784_903_526.0


@pytest.mark.parametrize(
    "dates", [{"begins": NOW + DAY, "ends": NOW + 2 * DAY}, {"begins": NOW - 2 * DAY, "ends": NOW - DAY}]
)
def test_a_certificate_that_is_not_valid_now_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dates: dict[str, datetime.datetime]
) -> None:
    """Then it is the clock of this computer that is wrong, most times."""
    file = certificate(tmp_path, **dates)
    monkeypatch.setattr(inspection.certifi, "where", lambda: str(file))

    with serving(file) as (port, _):
        seen = look(f"https://localhost:{port}/api/v1", timeout_s=5)

    assert (seen.public, seen.out_of_date, seen.clock_s) == (False, True, 784_903_526.0)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Tue, 99 Nov 1994 12:45:26 GMT"])
def test_a_server_without_a_clock_tells_none(date: str | None) -> None:
    with serving(date=date) as (port, _):
        assert look(f"http://127.0.0.1:{port}/api/v1", timeout_s=5) == Seen()


def test_no_key_and_no_cookie_is_sent() -> None:
    with serving() as (port, heard):
        look(f"http://127.0.0.1:{port}/api/v1", timeout_s=5)

    ((method, path, headers),) = heard
    assert (method, path) == ("HEAD", "/api/v1/models/count")
    assert headers.keys() == {"host", "accept-encoding"}


def test_nobody_there_is_an_error_of_the_system(free_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        look(f"https://localhost:{free_port}/api/v1", timeout_s=5)


def test_an_answer_that_is_no_http_is_one_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            connection, _ = server.accept()
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.close()

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(ConnectionError):
            look(f"http://127.0.0.1:{server.getsockname()[1]}", timeout_s=5)
        thread.join(15)


def test_the_way_leads_through_the_networks_proxy_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one is named, there is no other way out; its password goes to it alone."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            connection, _ = server.accept()
            heard.append(connection.recv(4096))
            connection.sendall(b"HTTP/1.1 407 no\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=talk)
        thread.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(OSError, match="407"):
            look("https://openrouter.invalid/api/v1", timeout_s=5)
        thread.join(15)

    lines = heard[0].decode().split("\r\n")
    assert lines[0].startswith("CONNECT openrouter.invalid:443 HTTP/1.")
    assert "Proxy-Authorization: Basic bWU6cEBzcw==" in lines


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "https://127.0.0.1:3128"])
def test_some_proxy_servers_cannot_be_looked_through(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)

    with pytest.raises(CannotLook):
        look("https://openrouter.invalid/api/v1", timeout_s=5)


def test_this_computer_is_never_asked_through_a_proxy_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's upstream is here."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    with serving() as (port, heard):
        look(f"http://127.0.0.1:{port}", timeout_s=5)

    assert len(heard) == 1


@pytest.mark.parametrize(
    ("issuer", "name"),
    [
        ([(NameOID.COMMON_NAME, "Gate")], "Gate"),
        ([(NameOID.COMMON_NAME, "Gate"), (NameOID.ORGANIZATION_NAME, "Firm")], "Firm"),
        ([(NameOID.COUNTRY_NAME, "DE")], None),
        ([], None),
        ([(NameOID.ORGANIZATION_NAME, "evil\n[ok] Key: fine")], None),
        ([(NameOID.ORGANIZATION_NAME, "x" * 64)], "x" * 64),
    ],
)
def test_an_issuer_is_named_by_its_organization_first(
    tmp_path: Path, issuer: list[tuple[x509.ObjectIdentifier, str]], name: str | None
) -> None:
    """Whatever stands in a certificate comes from a stranger, and becomes part of a report."""
    assert issuer_of(der(certificate(tmp_path, issuer))) == name


@given(st.binary(max_size=400))
def test_whatever_is_no_certificate_names_nobody_and_breaks_nothing(content: bytes) -> None:
    assert issuer_of(content) is None or isinstance(issuer_of(content), str)


def test_a_certificate_that_is_cut_off_anywhere_names_nobody(tmp_path: Path) -> None:
    whole = der(certificate(tmp_path))

    assert {issuer_of(whole[:length]) for length in range(len(whole))} == {None}
