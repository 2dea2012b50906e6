"""
“Check everything”: one line for each thing that has to be in order, and what to do where it is not.

All checks run at the same time, each with a limit of its own, so that one that hangs holds up no other. They ask
OpenRouter nothing that costs: the one question goes to a free model, and only because a person asked for it here.
"""

import asyncio
import os
import platform
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from tray_proxy import __version__, paths
from tray_proxy.budget import Budget
from tray_proxy.catalogue import CatalogueCache
from tray_proxy.errors import ModelNotFound, NoKeyStore, OutOfCredits, PortInUse, ProxyError, UpstreamError
from tray_proxy.keychain import Keychain, Source, in_thread
from tray_proxy.limits import dollars
from tray_proxy.openrouter import failures, inspection, key_check
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.reach import elsewhere
from tray_proxy.redaction import strike_out
from tray_proxy.setting_list import Settings
from tray_proxy.texts import text
from tray_proxy.wire.openrouter import ModelPage

# Together with the start of the program: ten seconds.
LIMIT_S = 8.0
# A look has two steps at most.
LOOK_TIMEOUT_S = 3.5
MAX_CLOCK_ERROR_S = 300.0
# The list is renewed each hour: after a day something is wrong.
OLD_S = 86_400.0
MIN_ROOM_BYTES = 100 * 1024 * 1024

log = structlog.get_logger(__name__)


class Line(msgspec.Struct, frozen=True):
    """What one check has found; `cure` is what to do about it, None where all is well."""

    name: str
    ok: bool
    text: str
    cure: str | None = None


class Report(msgspec.Struct, frozen=True):
    """All lines, and the same as a text that can be passed on: no key is in it."""

    lines: tuple[Line, ...]
    text: str

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return all(line.ok for line in self.lines)


class Finding(NamedTuple):
    """A line without its name."""

    ok: bool
    text: str
    cure: str | None = None


class Answered(NamedTuple):
    """What came of the question: which model answered, and how long it took."""

    model: str
    seconds: float


@dataclass(frozen=True)
class Parts:
    """
    What is checked.

    Args:
        settings: Gives those in force.
        running: Whether the port is open in this very process.
        is_program: Whether this process is the program; False where it was started for the check alone, and the
            program may run beside it.
        bind: As `listener.bind`.
        ask_free: Asks a free model one small question; raises `ModelNotFound` where none is allowed.
        has_tray_host: Whether anything shows tray icons; None where there is no display.
        is_shared: Whether other people have accounts on this computer.
        now_s: Unix time.
    """

    settings: Callable[[], Settings]
    folders: paths.Folders
    client: OpenRouterClient
    keychain: Keychain
    cache: CatalogueCache
    budget: Budget
    running: Callable[[], bool]
    is_program: bool
    bind: Callable[[str, int], list[socket.socket]]
    ask_free: Callable[[], Awaitable[Answered]]
    has_tray_host: Callable[[], bool | None]
    is_shared: Callable[[], bool]
    now_s: Callable[[], float] = time.time


type Check = Callable[[Parts], Awaitable[Finding | None]]


async def port(parts: Parts) -> Finding:
    """See whether the port is open, or could be; raises `PortInUse` where somebody else holds it."""
    settings = parts.settings()
    if parts.running():
        return _fine("doctor.port.open", address=settings.url)
    try:
        for sock in await in_thread(lambda: parts.bind(settings.host, settings.port)):
            sock.close()
    except PortInUse as error:
        if parts.is_program or error.holder is None or error.holder.kind != "ours":
            raise
        return _fine("doctor.port.ours", port=settings.port)
    return _fine("doctor.port.free", port=settings.port)


async def access(parts: Parts) -> Finding | None:
    """See whether the port is guarded where others reach it; nothing is to be said where nobody does."""
    settings = parts.settings()
    if settings.proxy_api_key is not None:
        return _fine("doctor.access.key")
    if settings.is_wide:
        return _ill("doctor.access.open", "doctor.access.open-cure", address=elsewhere(settings))
    if settings.same_user_only:
        return _fine("doctor.access.same-user")
    return _fine("doctor.access.shared") if await in_thread(parts.is_shared) else None


async def key(parts: Parts) -> Finding:
    """Ask OpenRouter about the key, which costs nothing; raises what is wrong with it."""
    secret = await parts.keychain.key()
    try:
        info = await parts.client.check_key(secret)
    except UpstreamError as error:
        raise key_check.refusal(error) from None
    key_check.must_answer(info, datetime.fromtimestamp(parts.now_s(), UTC))
    if info.limit_remaining is not None and info.limit_remaining <= 0:
        return Finding(False, key_check.sentence(info), OutOfCredits.hint)
    return Finding(True, key_check.sentence(info))


async def spending(parts: Parts) -> Finding:
    """See whether apps may still spend today."""
    today = parts.budget.today
    about = {"spent": dollars(today.spent_usd), "limit": dollars(today.limit_usd), "time": today.ends}
    if today.reached:
        return _ill("doctor.spending.reached", "doctor.spending.cure", **about)
    return _fine("doctor.spending.left" if today.limit_usd else "doctor.spending.none", **about)


async def network(parts: Parts) -> Finding:
    """Take the way that all requests take; raises where it does not lead to OpenRouter."""
    try:
        msgspec.json.decode(await parts.client.fetch_models("/embeddings/models"), type=ModelPage)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise failures.not_openrouter(200) from None
    return _fine("doctor.network.reached")


async def certificate(parts: Parts) -> Finding | None:
    """Name who vouches for OpenRouter's certificate here, where it is not who does so everywhere."""
    try:
        seen = await _look(parts)
    except inspection.CannotLook:
        return None
    except OSError:
        return _ill("doctor.certificate.unseen", "doctor.certificate.unseen-cure")
    if not seen.encrypted:
        return None
    issuer = seen.issuer or text("doctor.certificate.somebody")
    if seen.public:
        return _fine("doctor.certificate.public", issuer=issuer)
    if seen.out_of_date:
        return _ill("doctor.certificate.out-of-date", "doctor.certificate.out-of-date-cure", issuer=issuer)
    try:
        await network(parts)
    except ProxyError:
        return _ill("doctor.certificate.refused", "doctor.certificate.refused-cure", issuer=issuer)
    return _fine("doctor.certificate.own", issuer=issuer)


async def clock(parts: Parts) -> Finding | None:
    """Compare this computer's clock with OpenRouter's."""
    try:
        seen = await _look(parts)
    except (inspection.CannotLook, OSError):
        return None  # the line on the network says why
    if seen.clock_s is None:
        return None
    error_s = parts.now_s() - seen.clock_s
    if abs(error_s) <= MAX_CLOCK_ERROR_S:
        return _fine("doctor.clock.right")
    return _ill(
        "doctor.clock.fast" if error_s > 0 else "doctor.clock.slow",
        "doctor.clock.cure",
        minutes=round(abs(error_s) / 60),
    )


async def catalogue(parts: Parts) -> Finding:
    """See whether there are models to list; raises where there is no list, and none to be had."""
    if parts.cache.snapshot is None:
        await parts.cache.refresh()
    present = await parts.cache.catalogue()
    age_s = parts.cache.age_s or 0.0
    about = {"count": len(present.entries), "allowed": len(present.allowed), "age": _age(age_s)}
    if not present.allowed:
        return _ill("doctor.catalogue.none-allowed", "doctor.catalogue.none-allowed-cure", **about)
    if age_s > OLD_S:
        return _ill("doctor.catalogue.old", "doctor.catalogue.old-cure", **about)
    return _fine("doctor.catalogue.there", **about)


async def keyring(parts: Parts) -> Finding:
    """Write, read and remove a throw-away entry; raises where that does not work, and is needed."""
    try:
        await parts.keychain.check()
    except NoKeyStore:
        if parts.keychain.source is not Source.ENVIRONMENT and parts.keychain.source is not Source.DEMO:
            raise
        return _fine("doctor.keyring.not-needed")
    return _fine("doctor.keyring.works")


async def folders(parts: Parts) -> Finding:
    """See whether our folders can be written by their owner alone, and have room."""
    each = (parts.folders.settings, parts.folders.cache, parts.folders.logs)
    return await in_thread(lambda: next(filter(None, map(_in_folder, each)), _fine("doctor.folders.fine")))


async def tray(parts: Parts) -> Finding | None:
    """See whether anything shows tray icons, where there is a display at all."""
    shows = await in_thread(parts.has_tray_host)
    if shows is None:
        return None
    return _fine("doctor.tray.shows") if shows else _ill("doctor.tray.hides", "doctor.tray.cure")


async def question(parts: Parts) -> Finding:
    """Ask a free model a small question: the whole way of an app's."""
    try:
        await parts.keychain.key()
    except ProxyError:
        return _ill("doctor.question.no-key", "doctor.question.no-key-cure")
    try:
        # A little less than the limit of all: it has a better sentence.
        async with asyncio.timeout(LIMIT_S - 0.5):
            answered = await parts.ask_free()
    except ModelNotFound:
        return _fine("doctor.question.no-free-model")
    except TimeoutError:
        return _ill("doctor.question.slow", "doctor.question.cure", limit=round(LIMIT_S))
    except ProxyError as error:
        return Finding(False, error.message, error.hint or text("doctor.question.cure"))
    return _fine("doctor.question.answered", model=answered.model, seconds=f"{answered.seconds:.1f}")


# In the order in which they are read; the name is that of the line's text.
CHECKS: dict[str, Check] = {
    "port": port,
    "access": access,
    "key": key,
    "spending": spending,
    "network": network,
    "certificate": certificate,
    "clock": clock,
    "catalogue": catalogue,
    "keyring": keyring,
    "folders": folders,
    "tray": tray,
    "question": question,
}


async def examine(parts: Parts, *, limit_s: float = LIMIT_S) -> Report:
    """
    Check everything.

    Args:
        limit_s: How long each check may take.
    """
    found = await asyncio.gather(*(_limited(name, check, parts, limit_s) for name, check in CHECKS.items()))
    lines = tuple(line for line in found if line is not None)
    return Report(lines, _as_text(lines, parts.now_s()))


async def _limited(name: str, check: Check, parts: Parts, limit_s: float) -> Line | None:
    try:
        async with asyncio.timeout(limit_s):
            finding = await check(parts)
    except TimeoutError:
        finding = _ill("doctor.slow", "doctor.slow-cure", seconds=f"{limit_s:g}")
    except ProxyError as error:
        finding = Finding(False, error.message, error.hint)
    except Exception as error:
        log.exception("check failed", check=name)
        finding = _ill("doctor.broken", "doctor.broken-cure", reason=type(error).__name__)
    if finding is None:
        return None
    # Words of OpenRouter's, or of a login page's, may quote what they were sent.
    cure = None if finding.cure is None else strike_out(finding.cure)
    return Line(text(f"doctor.{name}"), finding.ok, strike_out(finding.text), cure)


def _as_text(lines: tuple[Line, ...], now_s: float) -> str:
    """Write a report that can be pasted anywhere, also where a console knows few characters."""
    at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now_s))
    system = f"{platform.system()} {platform.release()}"
    written = [text("doctor.title", version=__version__, system=system, time=at)]
    for line in lines:
        written.append(f"[{'ok' if line.ok else '!!'}] {line.name}: {line.text}")
        if line.cure is not None:
            written.append(f"     {line.cure}")
    troubles = sum(not line.ok for line in lines)
    ending = "doctor.well" if not troubles else "doctor.troubles-1" if troubles == 1 else "doctor.troubles"
    return "\n".join([*written, text(ending, count=troubles)])


async def _look(parts: Parts) -> inspection.Seen:
    base_url = parts.settings().openrouter_base_url
    return await in_thread(lambda: inspection.look(base_url, timeout_s=LOOK_TIMEOUT_S))


def _in_folder(folder: Path) -> Finding | None:
    """Return what is wrong with a folder."""
    try:
        with tempfile.TemporaryFile(dir=paths.ensure(folder)):
            pass
        room = shutil.disk_usage(folder).free
        mode = folder.stat().st_mode
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return _ill("doctor.folders.refused", "doctor.folders.refused-cure", folder=folder, reason=reason)
    if room < MIN_ROOM_BYTES:
        return _ill("doctor.folders.full", "doctor.folders.full-cure", folder=folder, room=room // 2**20)
    if os.name == "posix" and mode & (stat.S_IWGRP | stat.S_IWOTH):
        return _ill("doctor.folders.open", "doctor.folders.open-cure", folder=folder)
    return None


def _age(age_s: float) -> str:
    for unit, unit_s in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if age_s >= 2 * unit_s:
            return text(f"doctor.catalogue.{unit}", number=int(age_s // unit_s))
    return text("doctor.catalogue.fresh")


def _fine(key: str, **values: object) -> Finding:
    return Finding(True, text(key, **values))


def _ill(key: str, cure: str, **values: object) -> Finding:
    return Finding(False, text(key, **values), text(cure, **values))
