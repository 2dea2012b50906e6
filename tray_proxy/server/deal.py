"""One answer that is bought: asked for as early as can be, and paid for once."""

import time

from tray_proxy.budget import Bill
from tray_proxy.http_cycle import Cycle
from tray_proxy.http_protocol import CYCLE
from tray_proxy.openrouter.client import Stream
from tray_proxy.server.asgi import Scope
from tray_proxy.translate.stream import ReplyStream
from tray_proxy.wire.openrouter import Usage

NOTHING_TOLD = Usage()


class Deal:
    """
    An answer, and what it costs.

    `reply` translates it, and knows what OpenRouter has counted.

    Args:
        bill: What the owner's limits let pass, to be settled.
        bought: The answer, to be asked for.
    """

    __slots__ = ("bill", "bought", "reply")

    def __init__(self, bill: Bill, bought: Stream) -> None:
        self.bill = bill
        self.bought = bought
        self.reply = ReplyStream(time.monotonic_ns())

    def begin(self, scope: Scope) -> None:
        """
        Ask OpenRouter at once where that can be: while it reads the question, there is time for all else.

        Raises:
            BadRequest: the question cannot be sent.
        """
        cycle: Cycle | None = scope.get(CYCLE)
        # With other servers whether the client has left is not known yet: nothing goes out before it is listened for.
        if cycle is not None and not cycle.disconnected:
            self.bought.begin()

    def settle(self) -> None:
        """Count what it has cost so far, or is taken to have cost; once."""
        reply = self.reply
        told = reply.first_s is not None or reply.usage != NOTHING_TOLD
        self.bill.settle(reply.usage, reply.said_tokens, was_asked=self.bought.may_cost(told=told))

    def close(self) -> None:
        """End it however it went: what was asked and never waited for is broken off, and the bill settled."""
        self.bought.drop()
        self.settle()
