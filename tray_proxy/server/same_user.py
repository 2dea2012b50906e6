"""
For the owner alone: who belongs to another user of this computer gets a 403, before anything of a request is read.

Off unless the owner wants it (`SAME_USER_ONLY`), and then not in the way at all. Another computer's users cannot be
told apart: where the port is open to those, the access key is for them.
"""

import asyncio
import socket
import weakref

from tray_proxy import socket_owner
from tray_proxy.errors import ProxyError
from tray_proxy.http_protocol import CYCLE
from tray_proxy.keychain import in_thread
from tray_proxy.server import refusals
from tray_proxy.server.access import is_open
from tray_proxy.server.asgi import App, Receive, Record, Scope, Send, send_reply

# On macOS a look takes a while, and whoever is refused may ask again and again.
LOOKS_AT_ONCE = 8


class AnotherUser(ProxyError):
    """A program of another user's calls, or one of which the system does not tell whose it is."""

    status = 403
    hint = "Run the app as the user who runs Tray Proxy, or turn SAME_USER_ONLY off and set PROXY_API_KEY instead."

    def __init__(self) -> None:
        super().__init__(
            "Tray Proxy answers its own user's programs alone (SAME_USER_ONLY), and it does not see that this is one: "
            "run it as that user, or have SAME_USER_ONLY turned off and an access key (PROXY_API_KEY) set instead"
        )


class SameUser:
    """Middleware: 403 in the words of the path's dialect for other users' programs. CORS is settled before."""

    def __init__(self, app: App) -> None:
        self._app = app
        # By connection, and not by its addresses: those may be another's the moment after it has ended.
        self._let_in: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()
        self._looking = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or not."""
        transport: asyncio.BaseTransport = scope[CYCLE].transport
        if transport not in self._let_in and not is_open(scope):
            async with self._looking:
                may_call = await _may_call(transport)
            if not may_call:
                record: Record = scope["record"]
                error = AnotherUser()
                record.error = type(error).__name__
                await send_reply(send, refusals.refusal(error, scope["path"], record.request_id))
                return
            self._let_in.add(transport)
        await self._app(scope, receive, send)


async def _may_call(transport: asyncio.BaseTransport) -> bool:
    if transport.is_closing():
        return False
    ours = transport.get_extra_info("socket")
    try:
        # One of our own: the loop may close the other, and its number be another connection's, while we look.
        sock = socket.fromfd(ours.fileno(), ours.family, ours.type)
    except OSError:
        return False
    with sock:
        return _passes(sock) if socket_owner.AT_ONCE else await in_thread(lambda: _passes(sock))


def _passes(sock: socket.socket) -> bool:
    return socket_owner.is_ours(sock) or not socket_owner.is_of_this_computer(sock)
