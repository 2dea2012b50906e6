"""A body on its way out."""

import asyncio

from tray_proxy.openrouter.upload import SLICE_BYTES, Upload


def parts(upload):
    async def read():
        return [part async for part in upload]

    return asyncio.run(read())


def test_a_large_piece_goes_out_in_slices():
    body = bytes(2 * SLICE_BYTES + 1)

    assert [len(part) for part in parts(Upload([b"head", memoryview(body)]))] == [4, SLICE_BYTES, SLICE_BYTES, 1]


def test_it_can_be_sent_again():
    upload = Upload([b"one", b"two"])

    assert parts(upload) == parts(upload) == [b"one", b"two"]
