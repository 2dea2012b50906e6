"""
Encodes what is sent without copying the pictures in it.

A picture is most of its request. The bytes that are sent refer to it where it lies in the client's request;
only what is around it is written anew.
"""

import msgspec

from tray_proxy.errors import BadRequest
from tray_proxy.wire.openrouter import Spliced

# Marks where a picture belongs. It stands nowhere else in JSON: inside strings msgspec writes it as an escape,
# and refuses it in what clients send.
_MARK = b"\0"


def encode(value: object) -> list[bytes | memoryview]:
    """
    Encode a request as JSON.

    Returns:
        The JSON in pieces: one without pictures, else also a view of each picture in its place. The views keep
        the client's request in memory.

    Raises:
        BadRequest: the client's part of it is nested as deeply as can be read, which is too deep to be sent.
    """
    tails: list[memoryview] = []

    def mark(spliced: object) -> msgspec.Raw:
        if not isinstance(spliced, Spliced):
            raise TypeError(f"{type(spliced).__name__} cannot be sent")
        tails.append(spliced.tail)
        return msgspec.Raw(b'"' + spliced.head.encode("ascii") + _MARK + b'"')

    try:
        written = msgspec.json.encode(value, enc_hook=mark)
    except RecursionError:
        raise BadRequest("invalid JSON: it is nested too deeply") from None
    if not tails:
        return [written]
    first, *rest = written.split(_MARK)
    pieces: list[bytes | memoryview] = [first]
    for tail, after in zip(tails, rest, strict=True):
        pieces += (tail, after)
    return pieces
