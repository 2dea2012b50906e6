"""
What may stand in a setting: checks that pydantic calls. Each raises `ValueError`, and the setting says what is allowed.
"""

import ipaddress
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationInfo

# Names as DNS has them, and addresses of both kinds.
_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*")


def is_loopback(host: str) -> bool:
    """Say whether a host name or address can only mean this computer."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def loopback_host(value: str) -> str:
    """Take a host that only this computer can reach, in lower case."""
    # This port spends the owner's money and asks nobody for a password.
    if not is_loopback(value):
        raise ValueError
    return value.lower()


def origins(value: str) -> str:
    """
    Take web origins, separated by commas.

    Source: gin-contrib/cors, with which Ollama itself ends at an origin without scheme and without a "*".
    """
    for origin in value.strip().strip("\"'").split(","):
        named = origin.strip()
        if named and not (re.fullmatch(r"[!-~]+", named) and ("*" in named or "://" in named)):
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


def local_ollama(value: str, info: ValidationInfo) -> str:
    """Take the same as a setting, beside that of our own port: we would ask ourselves, for ever."""
    return ollama_url(value, info.data.get("port"))


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
    # Left to pydantic-settings, what is no JSON would end the program with a traceback.
    return json.loads(value) if isinstance(value, str) else value
