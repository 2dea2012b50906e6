"""Whose certificates are believed: those that the system believes, and with them those of a company's own network."""

import os
import ssl
import sys

import certifi
import truststore

from tray_proxy.errors import SettingsInvalid

# Where a Python that came without its system does not look. Source: the distributions' ca-certificates packages.
SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def context() -> ssl.SSLContext:
    """
    Return what connections check certificates with: from `SSL_CERT_FILE` or `SSL_CERT_DIR` if set, else the system's.

    On Linux the system's certificates are files, which OpenSSL reads by itself; truststore would read them all again
    for each connection.

    Raises:
        SettingsInvalid: what these two name cannot be read.
    """
    file, folder = os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None
    if file or folder:
        try:
            return ssl.create_default_context(cafile=file, capath=None if file else folder)
        except OSError:
            raise SettingsInvalid(
                "SSL_CERT_FILE or SSL_CERT_DIR names no certificates that can be read. "
                "Allowed is a file in PEM format, or a folder of such files."
            ) from None
    if sys.platform in ("win32", "darwin"):
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found = ssl.create_default_context()
    if not found.cert_store_stats()["x509_ca"]:
        found.load_verify_locations(next(filter(os.path.isfile, SYSTEM_FILES), certifi.where()))
    return found
