"""Ports that stay free between being given out and being bound."""

import socket
from collections.abc import Iterator
from itertools import cycle

from tray_proxy.listener import is_free

# Systems take the ports of outgoing connections from above (Linux from 32768 on, others from 49152), so one that
# was free there a moment ago can be some browser's by now.
FIRST, LAST = 12_000, 31_999
# More than are given out while connections of the first ones still fade away, which is a minute.
BLOCK = 500


def _ports_of_our_own() -> Iterator[int]:
    """
    Give out the ports of one block in turn: none that is taken, and none that another run of the tests has.

    Raises:
        RuntimeError: so many runs go on that each block has its owner.
    """
    for first in range(FIRST, LAST, BLOCK):
        # The first port of a block, held for as long as this process lives, says whose the block is.
        with socket.socket() as guard:
            try:
                guard.bind(("127.0.0.1", first))
                guard.listen()
            except OSError:
                continue
            for port in cycle(range(first + 1, first + BLOCK)):
                if is_free("127.0.0.1", port):
                    yield port
    raise RuntimeError("no ports are left for the tests: too many runs of them go on")


_ports = _ports_of_our_own()


def free_port() -> int:
    """Return a port that is free on both loopback addresses."""
    return next(_ports)
