"""What may stand in a setting: checks by kind. Each raises `ValueError`, and the setting says what is allowed."""

import contextlib
import ipaddress
import json
import math
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tray_proxy.secret_str import SecretStr

# Stands for all addresses of this computer, of both kinds.
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104  bound only where the port is guarded
_WILDCARDS = (EVERY_ADDRESS, "::")
MIN_ACCESS_KEY_LENGTH = 16
NEEDS_ACCESS_KEY = (
    "Other computers could reach the port, which spends your money: set PROXY_API_KEY to an access key that apps have "
    "to send (`openssl rand -hex 24` makes one), or start with --insecure to answer whoever reaches it."
)

# Names as DNS and containers have them, and addresses of both kinds.
_HOST = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*")


def address(host: str, port: int) -> str:
    """Join host and port as they stand in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Say whether a host name or address can only mean this computer."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_every_address(host: str) -> bool:
    """Say whether a host stands for all addresses of this computer."""
    return host in _WILDCARDS


def listen_host(value: str) -> str:
    """Take a host to listen on, written in one way. Whether others may reach it is for `may_listen` to say."""
    if not _HOST.fullmatch(value):
        raise ValueError
    return _in_one_way(value.lower())


def _in_one_way(host: str) -> str:
    """Write an address as the system does, which takes "0" and "127.1", too; leave a name as it is."""
    with contextlib.suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(host))
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def may_listen(host: str, found: Mapping[str, object]) -> bool:
    """
    Say whether the port may be opened on a host.

    Args:
        found: What was found of `proxy_api_key` and of `insecure`, each of which lets other computers in.
    """
    return is_loopback(host) or bool(found.get("proxy_api_key") or found.get("insecure"))


def hosts(value: str) -> str:
    """Take names and addresses, separated by commas."""
    if not all(_HOST.fullmatch(each) for each in listed(value)):
        raise ValueError
    return value


def listed(value: str) -> tuple[str, ...]:
    """Split a value at its commas; service files leave quotes around it."""
    parts = (part.strip() for part in value.strip().strip("\"'").split(","))
    return tuple(part for part in parts if part)


def app_limits(value: str) -> dict[str, float]:
    """
    Read what programs may spend in a day: `name=dollars`, separated by commas; by the program's name, folded.

    Raises:
        ValueError: it is something else.
    """
    limits = {}
    for each in listed(value):
        name, _, amount = (part.strip() for part in each.partition("="))
        usd = float(amount.removeprefix("$"))
        if not name or not 0 <= usd < math.inf:
            raise ValueError
        limits[name.casefold()] = usd
    return limits


def strict_app_limits(given: object) -> str:
    """Take of a damaged list what can be read; a program that is named without an amount may spend nothing."""
    kept = []
    for each in listed(given) if isinstance(given, str) else ():
        name = each.partition("=")[0].strip()
        try:
            app_limits(each)
        except ValueError:
            kept += [f"{name}=0"] if name else []
        else:
            kept.append(each)
    return ", ".join(kept)


def as_app_limits(value: str) -> str:
    """Take the same as it was written."""
    app_limits(value)
    return value


def origins(value: str) -> str:
    """
    Take web origins, separated by commas.

    Source: gin-contrib/cors, with which Ollama itself ends at an origin without scheme and without a "*".
    """
    for origin in listed(value):
        if not (re.fullmatch(r"[!-~]+", origin) and ("*" in origin or "://" in origin)):
            raise ValueError
    return value


def base_url(value: str) -> str:
    """Take an address of an API: https, or http on this computer; without a slash at its end."""
    url = urlsplit(value)
    safe = url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname or ""))
    if not safe or not _HOST.fullmatch(url.hostname or "") or url.username or url.password or url.query or url.fragment:
        raise ValueError
    _ = url.port  # raises ValueError when it is not a port
    return value.rstrip("/")


def ollama_url(value: str, own_port: object) -> str:
    """Take the address of a real Ollama on this computer, on a port that is not ours; write it in one way."""
    url = urlsplit(value.strip() if "://" in value else f"http://{value.strip()}")
    if url.scheme != "http" or not is_loopback(url.hostname or "") or url.port in (None, own_port):
        raise ValueError
    if url.path not in ("", "/") or url.username or url.password or url.query or url.fragment:
        raise ValueError
    # By its number: a name would be tried on ::1 first, where Ollama is not.
    host = "127.0.0.1" if url.hostname == "localhost" else url.netloc.rpartition(":")[0]
    return f"http://{host}:{url.port}"


def local_ollama(value: str) -> str:
    """Take the same as a setting; that the port is not our own is for `settings` to see, which knows both."""
    return ollama_url(value, None)


def is_key(text: str) -> bool:
    """
    Say whether a text can be a key.

    It goes into a header: anything but plain characters is a wrong paste, and would not arrive as it is.
    """
    return re.fullmatch(r"[!-~]+", text) is not None


def key(value: SecretStr) -> SecretStr:
    """Take a key without the blanks around it."""
    key = value.get_secret_value().strip()
    if not is_key(key):
        raise ValueError
    return SecretStr(key)


def access_key(value: SecretStr) -> SecretStr:
    """Take a key of the owner's making, long enough not to be guessed, and not the one that is to be protected."""
    taken = key(value)
    secret = taken.get_secret_value()
    if len(secret) < MIN_ACCESS_KEY_LENGTH or secret.startswith("sk-or-"):
        raise ValueError
    return taken


def readable_file(value: Path) -> Path:
    """Take the path of a text file that can be read, made absolute."""
    try:
        path = value.expanduser().absolute()
        path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        raise ValueError from error
    return path


def folder(value: Path) -> Path:
    """Take the path of a folder, which need not exist, made absolute."""
    try:
        return value.expanduser().absolute()
    except RuntimeError as error:  # "~somebody", and there is nobody of that name
        raise ValueError from error


def upper(value: object) -> object:
    """Take a word in any case."""
    return value.upper() if isinstance(value, str) else value


def lower(value: object) -> object:
    """Take a word in any case."""
    return value.lower() if isinstance(value, str) else value


def from_json(value: object) -> object:
    """Take JSON where a text stands for a list or an object."""
    return json.loads(value) if isinstance(value, str) else value
