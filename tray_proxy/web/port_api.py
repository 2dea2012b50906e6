"""Trouble with the port: who holds it, and the ways out of it. Nothing is ended, and nothing moves by itself."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import msgspec

from tray_proxy import setting_values, texts
from tray_proxy.errors import Holder, OllamaAway, PortInUse, ProxyError
from tray_proxy.neighbour.client import OllamaClient
from tray_proxy.port_watch import PortWatch
from tray_proxy.setting_list import Settings
from tray_proxy.texts import text
from tray_proxy.web.http import FormInvalid, PageUnreadable, Request, Response, Route, done, read, reply

# The page waits for the answer.
LOOK_TIMEOUT_S = 1.0


class OllamaSeen(msgspec.Struct, frozen=True, kw_only=True):
    """
    What answers where a real Ollama should be.

    Where none answers, or nothing was seen yet, `ok` is False and `problem` says so; `steps` then tell how to make it
    answer there, on this system.
    """

    url: str
    ok: bool = False
    version: str | None = None
    models: tuple[str, ...] = ()
    problem: str | None = None
    steps: tuple[str, ...] = ()


class PortState(msgspec.Struct, frozen=True, kw_only=True):
    """
    How it stands with the port.

    `kind` is "open", "off" (as the owner wants it), a holder's kind, or "other" where the port could not be had for
    another reason. `suggested_port` is free; None while there is no trouble. `waiting` says whether the port will be
    taken as soon as it is free. `suggested_url` is where a real Ollama could move, and `both` the one that is used
    beside us.
    """

    kind: Literal["open", "off", "ollama", "ours", "program", "reserved", "forbidden", "unknown", "other"]
    sentence: str
    hint: str
    port: int
    address: str
    waiting: bool
    suggested_url: str
    holder: Holder | None = None
    suggested_port: int | None = None
    both: OllamaSeen | None = None


class _Act(msgspec.Struct, frozen=True):
    action: Literal["use", "wait", "stop-waiting", "both", "both-off"]
    port: int | None = None
    url: str | None = None


class _Check(msgspec.Struct, frozen=True):
    url: str


class PortDesk:
    """
    What the page does about the port. To be used from the event loop.

    Args:
        current: Gives the settings in force.
        running: Whether the port is open.
        problem: Why it is not, where something is wrong.
        save: Checks settings, saves them and puts them in force, as `SettingsDesk.save`; a port that is in trouble is
            tried anew where it has changed.
        watch: Waits for it.
        free_port_near: Finds a port that is free.
        changed: Told when the real Ollama beside us was seen to have come, gone or changed.
    """

    def __init__(
        self,
        *,
        current: Callable[[], Settings],
        running: Callable[[], bool],
        problem: Callable[[], ProxyError | None],
        save: Callable[[Mapping[str, Any]], Awaitable[object]],
        watch: PortWatch,
        free_port_near: Callable[[int], int | None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._current = current
        self._running = running
        self._problem = problem
        self._save = save
        self._free_port_near = free_port_near
        self._changed = changed
        self._seen: OllamaSeen | None = None
        self._looking: asyncio.Task[None] | None = None
        self.watch = watch

    def state(self) -> PortState:
        """Tell how it stands with the port, and with the real Ollama beside us as it was last seen; returns at once."""
        settings, error = self._current(), self._trouble()
        holder = error.holder if error else None
        if error is None:
            kind = "open" if self._running() else "off"
            sentence, hint = text("port.free" if kind == "open" else "port.off", port=settings.port), ""
        else:
            kind, sentence, hint = holder.kind if holder else "other", error.message, error.hint
        return PortState(
            kind=kind,  # type: ignore[arg-type]  # one of those above
            sentence=sentence,
            hint=hint,
            port=settings.port,
            address=settings.url,
            waiting=self.watch.waiting,
            suggested_url=f"http://127.0.0.1:{settings.port + 1 if settings.port < 65535 else settings.port - 1}",
            holder=holder,
            suggested_port=self._free_port_near(settings.port) if error else None,
            both=None if settings.local_ollama is None else self._as_last_seen(settings.local_ollama),
        )

    def _as_last_seen(self, url: str) -> OllamaSeen:
        """Tell what was seen last, and look anew: whoever asks is told when that is something else."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_anew(url))
        if self._seen is None or self._seen.url != url:
            return OllamaSeen(url=url, problem=text("port.both.looking", url=url))
        return self._seen

    async def _look_anew(self, url: str) -> None:
        before = self._seen
        try:
            self._seen = await look(url)
        finally:
            self._looking = None
        if self._seen != before:
            self._changed()

    async def use(self, port: int) -> None:
        """
        Listen on another port from now on.

        Raises:
            FormInvalid: it is no port, or that of the Ollama beside us.
            PortInUse: it is held by someone, too.
        """
        await self._save({"port": port})

    def wait(self) -> None:
        """Take the port as soon as it is free."""
        if self._trouble() is not None:
            self.watch.wait()

    async def use_both(self, url: str) -> None:
        """
        Use a real Ollama beside us; it need not answer there yet.

        Raises:
            FormInvalid: the address cannot be Ollama's.
        """
        url = self._checked(url)
        if await _is_ours(url):
            raise FormInvalid({"url": text("port.url-is-ours")})
        try:
            await self._save({"local_ollama": url})
        except FormInvalid as error:
            raise FormInvalid({"url": error.fields["local_ollama"]}) from None
        self.wait()

    async def use_no_other(self) -> None:
        """Use no Ollama beside us any more, and forget the names of its models."""
        await self._save({"local_ollama": None})

    async def check(self, url: str) -> OllamaSeen:
        """
        Say what answers at an address.

        Raises:
            FormInvalid: it cannot be Ollama's.
        """
        return await look(self._checked(url))

    def _checked(self, url: str) -> str:
        try:
            return setting_values.ollama_url(url, self._current().port)
        except ValueError:
            raise FormInvalid({"url": text("port.url-refused")}) from None

    def _trouble(self) -> PortInUse | None:
        error = self._problem()
        return error if isinstance(error, PortInUse) and not self._running() else None


async def look(url: str) -> OllamaSeen:
    """Say what answers at an address, within a second."""
    client = OllamaClient(url)
    try:
        async with asyncio.timeout(LOOK_TIMEOUT_S):
            if await client.is_tray_proxy():
                return _unseen(url, "port.url-is-ours")
            version = await client.version()
            if not version:
                return _unseen(url, "port.both.no-ollama")
            models = tuple(listed.name for listed in await client.models())
    except (OllamaAway, TimeoutError):
        return _unseen(url, "port.both.away")
    return OllamaSeen(url=url, ok=True, version=version, models=models)


async def _is_ours(url: str) -> bool:
    return (await look(url)).problem == text("port.url-is-ours")


def _unseen(url: str, problem: str) -> OllamaSeen:
    return OllamaSeen(url=url, problem=text(problem, url=url), steps=steps(url))


def steps(url: str, system: str = sys.platform) -> tuple[str, ...]:
    """
    Tell how a real Ollama is made to answer at an address.

    Args:
        system: As `sys.platform`.

    Source: Ollama's `docs/faq.mdx`, "How do I configure Ollama server?".
    """
    own = f"port.move.{system if system in ('win32', 'darwin') else 'linux'}."
    numbered = sorted(key for key in texts.table() if key.startswith(own))
    return tuple(text(key, address=url.removeprefix("http://")) for key in numbered)


def routes(desk: PortDesk) -> list[Route]:
    """Return what the page asks for about the port."""

    async def state(_request: Request) -> Response:
        return reply(desk.state())

    async def act(request: Request) -> Response:
        match await read(request, _Act):
            case _Act("use", port=int(port)):
                await desk.use(port)
            case _Act("wait"):
                desk.wait()
            case _Act("stop-waiting"):
                desk.watch.give_up()
            case _Act("both", url=str(url)):
                await desk.use_both(url)
            case _Act("both-off"):
                await desk.use_no_other()
            case _:
                raise PageUnreadable(text("page.unreadable"))
        return done()

    async def check(request: Request) -> Response:
        return reply(await desk.check((await read(request, _Check)).url))

    return [
        Route("/api/port", state),
        Route("/api/port", act, methods=["POST"]),
        Route("/api/port/check", check, methods=["POST"]),
    ]
