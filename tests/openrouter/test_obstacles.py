"""Each thing that can stand in the way has its own sentence, and its own cure."""

import errno
import ssl

import httpcore
import pytest

from tray_proxy.errors import CertificateRefused, NetworkProxyFailed, NoConnection, Offline, UpstreamUnreachable
from tray_proxy.openrouter import obstacles
from tray_proxy.openrouter.dialling import NameNotFound

REFUSED = httpcore.ConnectError("refused")
UNKNOWN = NameNotFound("unknown")


def after(cause):
    """Make the error that the HTTP library raises after another."""
    error = httpcore.ConnectError("http://user:secret@proxy")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "has_route", "proxy", "kind", "status", "said"),
    [
        (
            UNKNOWN,
            False,
            "p:1",
            Offline,
            503,
            "There is no internet connection: this computer is not on a network that leads there.",
        ),
        (REFUSED, True, "p:1", NetworkProxyFailed, 502, "The network's proxy server p:1 could not be reached."),
        (UNKNOWN, True, "p:1", NetworkProxyFailed, 502, "The network's proxy server p:1 could not be reached."),
        (
            UNKNOWN,
            True,
            None,
            Offline,
            503,
            "OpenRouter's address could not be looked up: there seems to be no internet connection.",
        ),
        (
            REFUSED,
            True,
            None,
            NoConnection,
            502,
            "OpenRouter could not be reached: there seems to be no internet connection.",
        ),
    ],
)
def test_why_there_is_no_connection_is_told(cause, has_route, proxy, kind, status, said):
    error = obstacles.no_connection(after(cause), has_route=has_route, proxy=proxy)

    assert (type(error), error.status, error.message) == (kind, status, said)


@pytest.mark.parametrize(("proxy", "name"), [("p:1", " p:1"), (None, "")])
def test_a_proxy_server_that_refuses_is_named(proxy, name):
    error = obstacles.proxy_refused(proxy)

    assert error.message == f"The network's proxy server{name} refused to connect to OpenRouter."
    assert error.hint == "Correct HTTPS_PROXY or the system's proxy settings, and start Tray Proxy again."


def wrong(code):
    error = ssl.SSLCertVerificationError("wrong")
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("code", "issuer", "said"),
    [
        (9, None, "The certificate for h is not valid yet by this computer's clock, which may be wrong."),
        (10, "X", "The certificate for h, issued by X, has expired by this computer's clock, which may be wrong."),
        (0x800B0101, None, "The certificate for h has expired by this computer's clock, which may be wrong."),
        (62, "X", "Somebody else answers for h: the certificate, issued by X, is for another name."),
        (-67602, None, "Somebody else answers for h: the certificate is for another name."),
        (
            20,
            "X",
            (
                "This network changes certificates: "
                "the certificate for h was issued by X, whom this computer does not trust."
            ),
        ),
        (19, None, "The certificate for h could not be checked: this network may change certificates."),
        (None, None, "The certificate for h could not be checked: this network may change certificates."),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told(code, issuer, said):
    """On Windows and macOS the codes are the system's own."""
    error = obstacles.certificate(wrong(code), "h", issuer)

    assert (type(error), error.message) == (CertificateRefused, said)


def test_a_refused_certificate_is_found_among_the_causes():
    refused = wrong(20)

    assert obstacles.refused_certificate(after(after(refused))) is refused
    assert obstacles.refused_certificate(after(REFUSED)) is None


@pytest.mark.parametrize("has_route", [True, False])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_that_no_more_may_be_opened_is_not_taken_for_a_broken_network(number, has_route):
    told = obstacles.no_connection(after(OSError(number, "no more")), has_route=has_route, proxy="p:1")

    assert (type(told), told.status) == (UpstreamUnreachable, 503)
    assert told.message == (
        "No connection to OpenRouter could be opened: this computer allows Tray Proxy no more open files."
    )
    assert told.hint == "Wait until other answers have ended, or raise the limit of open files (ulimit -n)."
