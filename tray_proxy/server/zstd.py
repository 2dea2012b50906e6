"""
Bodies that come packed with zstd, unpacked while they arrive, so that the packed one is never kept.

The library is read with this module, which is when the first such body comes.

Source: Ollama's `middleware/openai.go` (20 MiB); RFC 8878; RFC 9659 (the window).
"""

import sys

from tray_proxy.errors import BadRequest, BodyTooLarge

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

MAX_UNPACKED_BYTES = 20 * 1024 * 1024
# A window is memory beside the body; 8 MiB (here as the power of 2) is all that a sender may ask for over HTTP.
WINDOW_LOG_MAX = 23
# What is unpacked in one go. A few packed bytes may stand for gigabytes.
_PIECE_BYTES = 256 * 1024
# Senders write a frame for each megabyte or so. Empty ones cost time, and add nothing that the limit could count.
MAX_FRAMES = 1000


class Unpacked:
    """A body that is unpacked part by part."""

    def __init__(self) -> None:
        self._body = bytearray()
        self._packed_bytes = 0
        self._frames = 0
        self._frame: ZstdDecompressor | None = None

    def add(self, part: bytes) -> None:
        """
        Take in the next packed bytes.

        Raises:
            BadRequest: they are no zstd, or such as takes too much memory or time.
            BodyTooLarge: what they hold exceeds the limit; nothing beyond it was unpacked.
        """
        self._packed_bytes += len(part)
        # Nothing grows by being packed but for a few bytes: this is more than may be, or frames without content.
        if self._packed_bytes > MAX_UNPACKED_BYTES:
            raise _too_large()
        try:
            while part:
                part = self._unpack(part)
        except ZstdError as error:
            _, _, reason = str(error).rpartition(": ")
            raise BadRequest(
                f"The request cannot be unpacked as zstd: {reason or 'it is damaged'}. Send it uncompressed."
            ) from None

    def whole(self) -> bytearray:
        """
        Give the body.

        Raises:
            BadRequest: its end is missing.
        """
        if self._frame is not None and not self._frame.eof:
            raise BadRequest("The request cannot be unpacked as zstd: its end is missing. Send it again.")
        return self._body

    def _unpack(self, part: bytes) -> bytes:
        """Unpack what belongs to the present frame, or to a new one; give what is behind it."""
        if self._frame is None or self._frame.eof:
            self._frames += 1
            if self._frames > MAX_FRAMES:
                raise BadRequest(f"The request cannot be unpacked as zstd: it has more than {MAX_FRAMES} frames.")
            self._frame = ZstdDecompressor(options={DecompressionParameter.window_log_max: WINDOW_LOG_MAX})
        while True:
            self._body += self._frame.decompress(part, _PIECE_BYTES)
            if len(self._body) > MAX_UNPACKED_BYTES:
                raise _too_large()
            if self._frame.eof or self._frame.needs_input:
                return self._frame.unused_data
            part = b""


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(
        f"The request is larger than {MAX_UNPACKED_BYTES // 1024 // 1024} MiB when it is unpacked: "
        "send it uncompressed, or less at once."
    )
