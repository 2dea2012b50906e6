"""
What stands in the way to OpenRouter, in plain words; pure.

The libraries' own texts may hold addresses and passwords, so only the kinds of their errors are looked at.
"""

import errno
import ssl
from collections.abc import Iterator

from tray_proxy.errors import (
    CertificateRefused,
    NetworkProxyFailed,
    NoConnection,
    Offline,
    UpstreamUnreachable,
)
from tray_proxy.openrouter.dialling import NameNotFound

BROKE_OFF = "The connection to OpenRouter broke off before the answer was complete."
# Source: Linux, connect(2) and socket(2); Microsoft, "Windows Sockets Error Codes" (WSAEMFILE, WSAENOBUFS).
_NOTHING_LEFT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, 10024, 10055)
# Source: OpenSSL, x509_vfy.h; Microsoft, winerror.h (CERT_E_…); Apple, SecBase.h (errSec…).
_NOT_YET = (9, -67819)
_EXPIRED = (10, 0x800B0101, -67818)
_OTHER_NAME = (62, 0x800B010F, -67602)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Give an error and what it came of, one after the other."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def refused_certificate(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Return what was wrong with a certificate, where it was that."""
    return next((cause for cause in causes(error) if isinstance(cause, ssl.SSLCertVerificationError)), None)


def no_connection(error: BaseException, *, has_route: bool, proxy: str | None) -> UpstreamUnreachable:
    """
    Say why no connection could be had.

    Args:
        has_route: Whether the system knows any way to the internet.
        proxy: The proxy server that the way leads through, as host and port.
    """
    # Before all else: whether there is a way cannot be looked up then, either.
    if any(isinstance(cause, OSError) and cause.errno in _NOTHING_LEFT for cause in causes(error)):
        return UpstreamUnreachable(
            "No connection to OpenRouter could be opened: this computer allows Tray Proxy no more open files.",
            status=503,
            hint="Wait until other answers have ended, or raise the limit of open files (ulimit -n).",
        )
    if not has_route:
        return Offline("There is no internet connection: this computer is not on a network that leads there.")
    if proxy is not None:
        return NetworkProxyFailed(f"The network's proxy server {proxy} could not be reached.")
    if any(isinstance(cause, NameNotFound) for cause in causes(error)):
        return Offline("OpenRouter's address could not be looked up: there seems to be no internet connection.")
    return NoConnection("OpenRouter could not be reached: there seems to be no internet connection.")


def proxy_refused(proxy: str | None) -> NetworkProxyFailed:
    """Say that the proxy server was reached, and did not let us through."""
    name = f" {proxy}" if proxy else ""
    return NetworkProxyFailed(f"The network's proxy server{name} refused to connect to OpenRouter.")


def certificate(error: ssl.SSLCertVerificationError, host: str, issuer: str | None) -> CertificateRefused:
    """
    Say what is wrong with a certificate.

    Args:
        issuer: Who vouches for it; None where that is not known.
    """
    code = getattr(error, "verify_code", None)
    by = f", issued by {issuer}," if issuer else ""
    if code in _NOT_YET or code in _EXPIRED:
        when = "is not valid yet" if code in _NOT_YET else "has expired"
        return CertificateRefused(
            f"The certificate for {host}{by} {when} by this computer's clock, which may be wrong.",
            hint="Set the computer's date and time right, and try again.",
        )
    if code in _OTHER_NAME:
        return CertificateRefused(
            f"Somebody else answers for {host}: the certificate{by} is for another name.",
            hint="See in a browser whether this network wants you to sign in first, or try another network.",
        )
    if issuer:
        told = (
            "This network changes certificates: "
            f"the certificate for {host} was issued by {issuer}, whom this computer does not trust."
        )
    else:
        told = f"The certificate for {host} could not be checked: this network may change certificates."
    return CertificateRefused(
        told,
        hint=(
            "Ask who runs the network for its root certificate, add it to the computer's certificates "
            "or name its file in SSL_CERT_FILE, and start Tray Proxy again."
        ),
    )
