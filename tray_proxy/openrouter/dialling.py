"""
From a host's name to a connection: the name is looked up under a limit of its own, and its addresses raced.

A network that is cut off somewhere behind the router lets the system's look-up hang for half a minute; whoever waits
for an answer is told much sooner.
"""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from tray_proxy.keychain import in_thread
from tray_proxy.setting_values import is_loopback

LOOK_UP_S = 2.5
# How long one address may be silent before the next is tried beside it. Source: RFC 8305, section 8.
STAGGER_S = 0.25
# How long the other side may give no sign that what we sent has arrived; an answer may take as long as it likes.
UNHEARD_S = 10
# The option's number, and its units in a second. Source: Linux, tcp(7), TCP_USER_TIMEOUT; Apple, netinet/tcp.h,
# TCP_RXT_CONNDROPTIME; Microsoft, "IPPROTO_TCP socket options", TCP_MAXRT.
_UNHEARD = {"linux": (18, 1000), "darwin": (0x80, 1), "win32": (5, 1)}


class NameNotFound(OSError):
    """A host's name could not be looked up, or not in time."""


class Closable(Protocol):
    """A connection, whichever library it is of."""

    async def aclose(self) -> None:
        """Close it."""


async def dial[C: Closable](connect: Callable[[str], Awaitable[C]], host: str, port: int) -> C:
    """
    Connect to a host.

    Args:
        connect: Connects to one address.

    Raises:
        NameNotFound: the name could not be looked up.
        Exception: what `connect` raised for the last address, where none answers.
    """
    # No name of this computer has to be looked up anywhere.
    if is_loopback(host):
        return await connect(host)
    return await first(connect, await look_up(host, port))


async def look_up(host: str, port: int) -> list[str]:
    """
    Return the addresses of a host, the best first.

    Raises:
        NameNotFound: there are none, or it took too long.
    """
    try:
        async with asyncio.timeout(LOOK_UP_S):
            found = await in_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (TimeoutError, OSError, UnicodeError) as error:
        raise NameNotFound(type(error).__name__) from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def first[C: Closable](connect: Callable[[str], Awaitable[C]], addresses: Sequence[str]) -> C:
    """Connect to whichever address answers first; each is given a small start before the next."""
    waiting = iter(addresses)
    running: set[asyncio.Future[C]] = set()
    failure: BaseException = NameNotFound("no address")
    try:
        more = True
        while True:
            address = next(waiting, None) if more else None
            more = address is not None
            if address is not None:
                running.add(asyncio.ensure_future(connect(address)))
            elif not running:
                raise failure
            done, _ = await asyncio.wait(
                running, timeout=STAGGER_S if more else None, return_when=asyncio.FIRST_COMPLETED
            )
            for each in done:
                running.discard(each)
                error = each.exception()
                if error is None:
                    # What else was done at the same moment is closed below.
                    running |= done - {each}
                    return each.result()
                failure = error
    finally:
        await _let_go(running)


async def _let_go[C: Closable](running: set[asyncio.Future[C]]) -> None:
    for each in running:
        each.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if not isinstance(outcome, BaseException):
            await outcome.aclose()


def limit_silence(sock: Any) -> None:
    """
    Have the system give a connection up that leads nowhere any more; without this it tries for a quarter of an hour.

    Args:
        sock: An open socket; where it does not know the option, all stays as it is.
    """
    option = _UNHEARD.get(sys.platform)
    if sock is not None and option is not None:
        number, per_s = option
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, number, UNHEARD_S * per_s)
