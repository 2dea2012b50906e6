"""
Web origins: which are plain enough to ask the owner about, and how they are told to people.

What a page calls itself is chosen by whoever made it. Only what a browser writes is taken: lower-case ASCII with
punycode left as it is, so that nothing in it turns a line around or looks like something else.

Source: WHATWG HTML, "Serialization of an origin"; WHATWG URL, "Host serializing".
"""

import ipaddress
import re
from dataclasses import dataclass

from tray_proxy.callers import identify
from tray_proxy.texts import text

# Names of websites are far shorter; what is longer would fill the menu and the settings file.
MAX_LENGTH = 128

_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_EXTENSION = re.compile(rf"chrome-extension://[a-p]{{32}}|(?:moz|safari-web)-extension://{_UUID}")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_PAGE = re.compile(rf"(https?)://(\[[0-9a-f:]+\]|{_LABEL}(?:\.{_LABEL})*)(?::([1-9][0-9]{{0,4}}))?")
# A browser leaves these out.
_USUAL_PORT = {"http": 80, "https": 443}
_COUNTRY = 2
_SHORT_LABEL = 3


@dataclass(frozen=True)
class Visitor:
    """
    A web page or a browser extension that wants to call.

    Args:
        origin: As its browser writes it; `is_plain` holds for it.
    """

    origin: str

    @property
    def is_extension(self) -> bool:
        """Whether it is a browser's extension, and not a page."""
        return _EXTENSION.fullmatch(self.origin) is not None

    @property
    def name(self) -> str:
        """What it is known by; "" for one of which only the origin is known."""
        caller = identify("", self.origin)
        return "" if caller.id is None else caller.name

    @property
    def site(self) -> str:
        """
        What all origins have in common that one owner can make up at will: the end of a host's name, without its port.

        Where a country gives names below a short one of its own ("co.uk"), three parts of it.
        """
        page = _PAGE.fullmatch(self.origin)
        if page is None or _is_address(page[2]):
            return self.origin if page is None else page[2]
        labels = page[2].split(".")
        is_shared = len(labels) > _COUNTRY and len(labels[-1]) == _COUNTRY and len(labels[-2]) <= _SHORT_LABEL
        return ".".join(labels[-3 if is_shared else -2 :])

    def told(self, length: int = MAX_LENGTH) -> str:
        """
        Name it in a few words: by its name, else by its origin.

        Args:
            length: What is longer loses parts at the beginning of its host, whole ones. The end of the host always
                stays, and so does an extension's id: those tell who it is.
        """
        if self.name:
            return text("origin.known-extension" if self.is_extension else "origin.known", name=self.name)
        return self._shortened(length)

    def _shortened(self, length: int) -> str:
        page = _PAGE.fullmatch(self.origin)
        if len(self.origin) <= length or page is None or _is_address(page[2]):
            return self.origin
        port = "" if page[3] is None else f":{page[3]}"
        host, shown = page[2], self.origin
        # Never within a part: "login-bank.example" without its beginning is somebody else.
        while len(shown) > length and host != self.site:
            host = host.partition(".")[2]
            shown = f"{page[1]}://….{host}{port}"
        return shown


def is_plain(origin: str) -> bool:
    """
    Say whether an origin is that of a web page or a browser extension, written as a browser writes it.

    "null", other schemes, upper case, a user's name, a path, a port that is none or goes without saying: all are not.
    """
    if len(origin) > MAX_LENGTH:
        return False
    if _EXTENSION.fullmatch(origin):
        return True
    page = _PAGE.fullmatch(origin)
    if page is None:
        return False
    if page[3] is not None and (int(page[3]) > 65535 or int(page[3]) == _USUAL_PORT[page[1]]):
        return False
    ends_in_number = page[2].rpartition(".")[2].isdigit()
    return _is_address(page[2]) if ends_in_number or page[2].startswith("[") else True


def _is_address(host: str) -> bool:
    """Say whether a host is an address, written in the one way that a browser has for it."""
    try:
        return str(ipaddress.ip_address(host.strip("[]"))) == host.strip("[]")
    except ValueError:
        return False
