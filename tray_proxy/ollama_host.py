"""Ollama's way to say where to listen: the text of `OLLAMA_HOST`."""

import ipaddress

DEFAULT_HOST = "127.0.0.1"
# Written without a scheme, a host means Ollama's own port.
_DEFAULT_PORTS = {"": 11434, "http": 80, "https": 443}


def parse(text: str) -> tuple[str, int]:
    """
    Read host and port; scheme, host, port and path are all optional.

    Returns:
        The host, "" where it stands for every address of this computer; and the port, the default where it is no port.

    Source: Ollama's `envconfig/config.go` (Host), and Go's net.SplitHostPort.
    """
    bare = text.strip().strip("\"'").strip()
    scheme, separator, rest = bare.partition("://")
    if not separator:
        scheme, rest = "", bare
    where = rest.partition("/")[0]
    # As in Go, an address of several colons has a port only when it stands in brackets.
    host, colon, port = where.rpartition(":")
    if not colon or _is_ip(where.strip("[]")) or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        host, port = where or DEFAULT_HOST, ""
    number = int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else 0
    default = _DEFAULT_PORTS.get(scheme, _DEFAULT_PORTS[""])
    return host.strip("[]"), number if 1 <= number <= 65535 else default


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
