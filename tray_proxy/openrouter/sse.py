"""Server-sent events: bytes in, event payloads out."""

# Of a line, and of an event that is made of several.
MAX_LINE_BYTES = 16 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LineTooLong(Exception):
    """An event grew beyond any believable answer; the sender is broken or hostile."""


class SSEDecoder:
    """
    Collects bytes and gives the payload of each event.

    Lines end at `\\n` bytes only (a `\\r` before it is cut off): splitters that know Unicode also split at
    U+2028 and others, which are ordinary characters inside an answer. Comments (`: OPENROUTER PROCESSING`),
    event names and ids are passed over, and a byte order mark at the beginning; several `data` lines of one event are
    joined as the standard says.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._begun = False

    def alone(self, received: bytes) -> bytes | None:
        """
        Give the payload of bytes that are one event on one line, as nearly all are that come; a line's end is left on.

        Returns:
            None where they are anything else, or an event has begun before: then they are to be fed.
        """
        if self._rest or self._data or not received.startswith(b"data: ") or not received.endswith(b"\n\n"):
            return None
        if received.find(b"\n") != len(received) - 2:
            return None
        self._begun = True
        return received[6:]

    def feed(self, received: bytes) -> list[bytes]:
        """
        Take in bytes, cut wherever the network cut them.

        Returns:
            The payloads completed by them.

        Raises:
            LineTooLong: a line exceeds 16 MiB, or so does an event.
        """
        if self._rest:
            self._rest += received
            end = self._rest.rfind(b"\n")
            block = bytes(self._rest[: max(end, 0)])
            del self._rest[: end + 1]
        else:
            # As a rule events come whole: nothing of them has to be kept.
            end = received.rfind(b"\n")
            block = received[: max(end, 0)]
            if end + 1 < len(received):
                self._rest += received[end + 1 :]
        if end < 0:
            if len(self._rest) > MAX_LINE_BYTES:
                raise LineTooLong
            return []
        payloads = []
        lines = block.split(b"\n")
        if not self._begun:
            self._begun = True
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        for raw in lines:
            line = raw[:-1] if raw.endswith(b"\r") else raw
            if line.startswith(b"data: "):
                self._data.append(line[6:])
            elif line.startswith(b"data:"):
                self._data.append(line[5:])
            elif not line and self._data:
                payloads.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data.clear()
        if self._data:
            # About as much as that: all of what came since an event ended.
            self._data_bytes = len(block) + (0 if payloads else self._data_bytes)
            if self._data_bytes > MAX_LINE_BYTES:
                raise LineTooLong
        else:
            self._data_bytes = 0
        return payloads

    def finish(self) -> list[bytes]:
        """Return an event that the end of the stream cut the blank line from."""
        return self.feed(b"\n\n")
