"""OpenRouter as the journeys need it: it can go away and come back, and have as many models as the real one."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from tray_proxy.demo import catalogue
from tray_proxy.demo.catalogue import DemoModel
from tray_proxy.demo.upstream import PREFIX, DemoUpstream
from tray_proxy.listener import Listener, LoopThread, bind

VENDORS = ("aurora", "borealis", "cirrus", "delta-labs", "equinox", "fathom", "gradient", "halcyon", "iris")
FAMILIES = ("Lark", "Heron", "Falcon", "Wren", "Osprey")
SIZES = ("3B", "8B", "14B", "32B", "70B", "120B")


def made_up(count: int) -> list[DemoModel]:
    """Make rows of a list for choosing from; nobody asks them anything."""
    made = []
    for number in range(count):
        price = (f"{(number % 7 + 1) / 1e7:.8f}", f"{(number % 5 + 1) / 1e6:.8f}") if number % 9 else ("0", "0")
        vendor, size = VENDORS[number % len(VENDORS)], SIZES[number % len(SIZES)]
        name = f"{FAMILIES[number % len(FAMILIES)]} {number // 10 + 1} {size}"
        made.append(
            DemoModel(
                id=f"{vendor}/{name.lower().replace(' ', '-')}-{number}",
                name=f"{vendor.title()}: {name} #{number}",
                created=1_700_000_000 + number * 86_400,
                context=2 ** (13 + number % 8),
                price=price,
                parameters=("temperature", "max_tokens", *(("tools",) if number % 2 else ())),
            )
        )
    return made


@dataclass
class OpenRouter:
    """
    The demo upstream, without pauses, on a port that it keeps.

    Attributes:
        models: How many models it has in all, the demo's own among them; 0 leaves it at those.
    """

    loop: LoopThread
    models: int = 0
    port: int = 0
    demo: DemoUpstream = field(default_factory=lambda: DemoUpstream(chunk_delay_s=0))
    _listener: Listener | None = None

    @property
    def url(self) -> str:
        """What OPENROUTER_BASE_URL has to be."""
        return f"http://127.0.0.1:{self.port}{PREFIX}"

    def start(self) -> None:
        """Be there, at the port that it had before."""

        # A function, not a bound method: uvicorn would take that for an application of the old kind.
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if self.models and scope.get("path") == f"{PREFIX}/models":
                await _send_json(catalogue.list_response(self._rows()), send)
            else:
                await self.demo.app(scope, receive, send)

        self._listener = Listener(app, bind("127.0.0.1", self.port))
        self.port = self._listener.port
        self.loop.submit(self._listener.start()).result(15)

    def stop(self) -> None:
        """Be gone: nobody answers."""
        if self._listener is not None:
            self.loop.submit(self._listener.stop()).result(15)
            self._listener = None

    def _rows(self) -> list[DemoModel]:
        everything = len(catalogue.models_with_output("all"))
        return [*catalogue.models_with_output(None), *made_up(self.models - everything)]


async def _send_json(content: Any, send: Send) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(content)})
