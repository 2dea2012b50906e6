"""A request's body on its way out."""

from collections.abc import AsyncIterator

import httpx

# A larger body goes out in slices of this size: the network layers copy what they are handed, TLS more than once.
SLICE_BYTES = 256 * 1024


class Upload(httpx.AsyncByteStream):
    """
    A body on its way out. It can be sent again.

    Args:
        pieces: As `splice.encode` gives them.
    """

    def __init__(self, pieces: list[bytes | memoryview]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            for start in range(0, len(piece), SLICE_BYTES):
                yield bytes(piece[start : start + SLICE_BYTES])
