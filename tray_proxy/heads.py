"""
Heads of requests: what is in one, and those that are known again by their bytes.

An app asks with the same head each time, but for the length of what follows. To parse it anew takes a sixth of the time
until its question is on the way.
"""

import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, NamedTuple

import httptools

# As many as the apps of a computer have, several times over. One that writes each head differently fills no more.
MAX_HEADS = 128
MAX_HEAD_BYTES = 4 * 1024
# So few are a number that the parser takes, whichever they are.
MAX_DIGITS = 9
# What stands before the digits, whether in capitals or not; `note` sees to it that it is no other header.
_LENGTH = b"ength: "
_NAMES = (b"\r\ncontent-l", b"\r\nContent-L", b"\r\nContent-l")
# What makes more of a request than a head and the bytes that it counts.
_NOT_PLAIN = {b"transfer-encoding", b"upgrade", b"expect"}

type Headers = list[tuple[bytes, bytes]]


class Head(NamedTuple):
    """
    What was found in a head.

    Args:
        scope: What the scope of each of its requests has in common.
        headers: Without Content-Length, which stood at `length_at`; None where there was none.
        keep_alive: Whether another request may follow on the connection.
    """

    scope: Mapping[str, Any]
    headers: tuple[tuple[bytes, bytes], ...]
    length_at: int | None
    keep_alive: bool


def read_head(parser: httptools.HttpRequestParser, url: bytes, headers: Headers) -> Head:
    """
    Tell what is in a head that was parsed.

    Args:
        headers: Gets one more where two readers could take the address for one on two computers.
    """
    if url.startswith(b"/") and b"#" not in url:
        raw_path, _, query = url.partition(b"?")
    else:
        raw_path, query = _odd_target(url, headers)
    path = raw_path.decode("ascii")
    version = parser.get_http_version()
    scope = {
        "http_version": version,
        "method": parser.get_method().decode("ascii"),
        "path": urllib.parse.unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
    }
    return Head(scope, (), None, version != "1.0" and parser.should_keep_alive())


def _odd_target(url: bytes, headers: Headers) -> tuple[bytes, bytes]:
    """Split what is asked for into path and query, whatever computer it names."""
    if not url.startswith((b"/", b"*")) and (host := (b"host", _authority(url))) not in headers:
        # As with two Host headers, the guard lets neither in.
        headers.append(host)
    parsed = httptools.parse_url(url)
    return parsed.path or b"/", parsed.query or b""


def _authority(url: bytes) -> bytes:
    """Return what stands where a whole address names its host, as it is: with a user's name, or a port."""
    return re.split(rb"[/?#]", url.partition(b"://")[2] or url, maxsplit=1)[0]


class KnownHeads:
    """Remembers what was found in the heads of whole requests."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def find(self, data: bytes) -> tuple[Head, Headers, bytes] | None:
        """Read what has come, where it is one whole request and its head is known: head, headers and body."""
        parts = _parts(data)
        head = None if parts is None else self._known.get(parts[0])
        if parts is None or head is None:
            return None
        _, length, body = parts
        headers = list(head.headers)
        if head.length_at is not None:
            headers.insert(head.length_at, (b"content-length", length))
        return head, headers, body

    def note(self, data: bytes, scope: Mapping[str, Any], body: bytes, *, keep_alive: bool) -> None:
        """
        Remember what was found in a request.

        Args:
            data: All of it, as it came.
            scope: What was made of its head.
        """
        parts = _parts(data)
        if parts is None or parts[2] != body:
            return
        key, length, _ = parts
        names = [name for name, _ in scope["headers"]]
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        if lengths != ([length] if length else []) or not _NOT_PLAIN.isdisjoint(names):
            return
        if length and not key.partition(_LENGTH)[0].endswith(_NAMES):
            return
        if not key.count(b"\n") == key.count(b"\r") == key.count(b"\r\n"):
            return  # of lines that others may end elsewhere
        if len(self._known) >= MAX_HEADS:
            # Those that are asked with are back with the next request.
            self._known.clear()
        self._known[key] = Head(
            {name: scope[name] for name in ("http_version", "method", "path", "raw_path", "query_string")},
            tuple(header for header in scope["headers"] if header[0] != b"content-length"),
            names.index(b"content-length") if lengths else None,
            keep_alive,
        )


def _parts(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Split a whole request into its head without the digits of the length, these, and the body; else None."""
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
    if end < 0:
        return None
    # No pattern: to look for one takes longer than all else here.
    at = data.find(_LENGTH, 0, end) + len(_LENGTH)
    if at < len(_LENGTH):
        return (data, b"", b"") if len(data) == end + 4 else None
    behind = data.find(b"\r", at)
    length = data[at:behind]
    if not length.isdigit() or len(length) > MAX_DIGITS or len(data) - end - 4 != int(length):
        return None
    return data[:at] + data[behind:end], length, data[end + 4 :]
