"""Whose certificates are believed; what comes of it on a connection is told in test_connections."""

import ssl

import pytest
import truststore

from openrouter.encrypted import authority
from tray_proxy.errors import SettingsInvalid
from tray_proxy.openrouter import trust


@pytest.fixture
def nothing_named(monkeypatch):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_a_file_without_certificates_is_told(tmp_path, monkeypatch):
    file = tmp_path / "authority.pem"
    file.write_text("nothing of the kind")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    with pytest.raises(SettingsInvalid, match=r"^SSL_CERT_FILE or SSL_CERT_DIR names no certificates"):
        trust.context()


def test_a_file_that_is_named_is_believed_and_nobody_else(tmp_path, monkeypatch):
    file = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    assert len(trust.context().get_ca_certs()) == 1


def test_a_system_without_certificates_has_those_that_come_along(nothing_named, monkeypatch):
    """As in a small container."""
    monkeypatch.setattr(trust.sys, "platform", "linux")
    monkeypatch.setattr(trust.ssl, "create_default_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    monkeypatch.setattr(trust, "SYSTEM_FILES", ())

    assert len(trust.context().get_ca_certs()) > 50


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_windows_and_macos_are_asked_themselves(nothing_named, monkeypatch, platform):
    monkeypatch.setattr(trust.sys, "platform", platform)

    assert type(trust.context()) is truststore.SSLContext
