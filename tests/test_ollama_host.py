"""`OLLAMA_HOST`, as Ollama reads it."""

import pytest

from tray_proxy.ollama_host import parse


# Source: Ollama's `envconfig/config_test.go` has most of these.
@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("", "127.0.0.1", 11434),
        ("1.2.3.4", "1.2.3.4", 11434),
        ("1.2.3.4:1234", "1.2.3.4", 1234),
        (":1234", "", 1234),
        ("example.com", "example.com", 11434),
        ("example.com:", "example.com", 11434),
        ("example.com/ollama", "example.com", 11434),
        ("example.com:56/", "example.com", 56),
        ("[::1]", "::1", 11434),
        ("::1", "::1", 11434),
        ("[::1]:1337", "::1", 1337),
        ("::", "::", 11434),
        ("http://1.2.3.4", "1.2.3.4", 80),
        ("http://1.2.3.4:4321", "1.2.3.4", 4321),
        ("https://example.com", "example.com", 443),
        ("https://[::1]:56/path", "::1", 56),
        ("tcp://localhost", "localhost", 11434),
        (' "1.2.3.4" ', "1.2.3.4", 11434),
        ("'localhost:9000'", "localhost", 9000),
    ],
)
def test_every_part_is_optional(text, host, port):
    assert parse(text) == (host, port)


@pytest.mark.parametrize("port", ["0", "-1", "66000", "99999999999999999999", "1.5", "abc", "１２"])
@pytest.mark.parametrize(("scheme", "default"), [("", 11434), ("http://", 80), ("https://", 443)])
def test_what_is_no_port_falls_back_to_the_default(scheme, default, port):
    assert parse(f"{scheme}localhost:{port}") == ("localhost", default)
