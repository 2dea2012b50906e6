"""
A look at OpenRouter's address from outside: who vouches for its certificate on this network, and what time it is there.

The look goes through no pool and believes no certificate, so it also sees what the client refuses to talk to. It sends
no key, and nothing of it is used but for telling a person.
"""

import base64
import contextlib
import email.utils
import http.client
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

import certifi

from tray_proxy.setting_values import is_loopback

# Source: ITU-T X.520; in a certificate's names they stand as numbers.
_ORGANIZATION, _COMMON_NAME = bytes([0x55, 0x04, 0x0A]), bytes([0x55, 0x04, 0x03])
_SEQUENCE, _SET, _NUMBER, _VERSION = 0x30, 0x31, 0x06, 0xA0
# Source: OpenSSL, x509_vfy.h: not yet valid, and no longer.
_OUT_OF_DATE = (9, 10)


@dataclass(frozen=True)
class Seen:
    """
    What there is to be seen from outside.

    Args:
        encrypted: False for plain http, where there is no certificate.
        issuer: Who vouches for the certificate; None where that cannot be read.
        public: Whether browsers everywhere know who vouches.
        out_of_date: Whether, by this computer's clock, the certificate is not valid now.
        clock_s: The Unix time that was told; None where none was.
    """

    encrypted: bool = False
    issuer: str | None = None
    public: bool = False
    out_of_date: bool = False
    clock_s: float | None = None


class CannotLook(Exception):
    """The way leads through a proxy server of a kind that cannot be looked through."""


def look(base_url: str, *, timeout_s: float) -> Seen:
    """
    Look at an address. Blocks.

    Args:
        timeout_s: For each step on the network.

    Raises:
        CannotLook: the proxy server that the environment names is no plain http one.
        OSError: nobody answers there.
    """
    url = urlsplit(base_url)
    if url.scheme != "https":
        return Seen(clock_s=_ask(url, None, timeout_s)[0])
    public, out_of_date = True, False
    try:
        clock_s, certificate = _ask(url, ssl.create_default_context(cafile=certifi.where()), timeout_s)
    except ssl.SSLCertVerificationError as error:
        public, out_of_date = False, error.verify_code in _OUT_OF_DATE
        clock_s, certificate = _ask(url, _believing(), timeout_s)
    return Seen(True, issuer_of(certificate), public, out_of_date, clock_s)


def issuer(base_url: str, *, timeout_s: float) -> str | None:
    """
    Name who vouches for the certificate that is shown at an address, whoever that is. Blocks; asks nothing.

    Raises:
        CannotLook, OSError: as `look`.
    """
    with contextlib.closing(_connection(urlsplit(base_url), _believing(), timeout_s)) as connection:
        try:
            connection.connect()
        except http.client.HTTPException as error:
            raise ConnectionError("no HTTP") from error
        sock = connection.sock
        return issuer_of(sock.getpeercert(binary_form=True) or b"") if isinstance(sock, ssl.SSLSocket) else None


def _believing() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # to see whose certificate it is; nothing else is done with it
    return context


def _ask(url: SplitResult, context: ssl.SSLContext | None, timeout_s: float) -> tuple[float | None, bytes]:
    """Ask for the headers of an address; return the time in them, and the certificate as DER."""
    with contextlib.closing(_connection(url, context, timeout_s)) as connection:
        try:
            connection.connect()
            sock = connection.sock
            certificate = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
            connection.request("HEAD", f"{url.path}/models/count")
            date = connection.getresponse().getheader("Date")
        except http.client.HTTPException as error:
            raise ConnectionError("no HTTP") from error
    return _time(date), certificate or b""


def _connection(url: SplitResult, context: ssl.SSLContext | None, timeout_s: float) -> http.client.HTTPConnection:
    host = url.hostname or ""
    proxy = None if is_loopback(host) or urllib.request.proxy_bypass(host) else _proxy(url.scheme)
    if proxy is None:
        if context is None:
            return http.client.HTTPConnection(host, url.port, timeout=timeout_s)
        return http.client.HTTPSConnection(host, url.port, timeout=timeout_s, context=context)
    if proxy.scheme != "http" or proxy.hostname is None or context is None:
        raise CannotLook
    connection = http.client.HTTPSConnection(proxy.hostname, proxy.port or 80, timeout=timeout_s, context=context)
    headers = {}
    if proxy.username is not None:
        login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    connection.set_tunnel(host, url.port or 443, headers)
    return connection


def _proxy(scheme: str) -> SplitResult | None:
    proxies = urllib.request.getproxies()
    named = proxies.get(scheme) or proxies.get("all")
    return urlsplit(named if "://" in named else f"http://{named}") if named else None


def _time(date: str | None) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None


# -- who vouches -----------------------------------------------------------------------------------


def issuer_of(certificate: bytes) -> str | None:
    """
    Name who vouches for a certificate (DER): its organization, else its common name. None where it cannot be read.

    Python reads only certificates that it has checked, and here one is read because it was refused.

    Source: RFC 5280, section 4.1.
    """
    try:
        (_, whole), *_ = _elements(certificate)
        (_, signed), *_ = _elements(whole)
        parts = [(tag, content) for tag, content in _elements(signed) if tag != _VERSION]
        # Serial number, signature's algorithm, issuer.
        names = dict(_names(parts[2][1]))
    except (ValueError, IndexError):
        return None
    name = names.get(_ORGANIZATION) or names.get(_COMMON_NAME)
    return name if name and name.isprintable() else None


def _names(issuer: bytes) -> Iterator[tuple[bytes, str]]:
    for set_tag, several in _elements(issuer):
        for tag, one in _elements(several):
            (kind, number), (_, value), *_ = _elements(one)
            if (set_tag, tag, kind) == (_SET, _SEQUENCE, _NUMBER):
                yield number, value.decode("utf-8", "replace")[:80]


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Give tag and content of each element that stands in these bytes, one after another."""
    at = 0
    while at < len(content):
        tag, length, at = content[at], content[at + 1], at + 2
        if length >= 0x80:
            size = length - 0x80
            length, at = int.from_bytes(content[at : at + size]), at + size
        if at + length > len(content):
            raise ValueError("cut off")
        yield tag, content[at : at + length]
        at += length
