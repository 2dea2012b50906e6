"""
The OpenRouter key: from the environment first, else from the system's key store.

A key store can block for ever (a locked one waits for a password prompt), so each call runs in a thread of
its own and is waited for only so long. A read that is late still counts when it comes. There is no plain
file to fall back to: where no key store exists the key is kept for this session only.
"""

import asyncio
import concurrent.futures
import contextlib
import hashlib
import secrets
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tray_proxy import redaction
from tray_proxy.errors import KeychainUnavailable, KeyMissing, NoKeyStore
from tray_proxy.secret_str import SecretStr

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "Tray Proxy"
ACCOUNT = "OpenRouter API key"
TIMEOUT_S: Final = 5.0
# Writing may show a prompt that a person wants to answer.
WRITE_TIMEOUT_S: Final = 60.0

_NO_SAFE_PLACE = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")
_SILENT = "The system's key store does not answer; it may be locked and waiting for your password."


class Source(StrEnum):
    """Where the key comes from."""

    NONE = ""
    ENVIRONMENT = "environment"
    KEYRING = "keyring"
    SESSION = "session"
    DEMO = "demo"


class Keychain:
    """
    Holds the key for this run. To be used from the event loop.

    Args:
        given: A key that needs no key store, and where it is from.
        service: The name under which the system's key store keeps ours.

    `changed` is called in the event loop when the key store gave a key.
    """

    def __init__(
        self,
        given: SecretStr | None = None,
        given_by: Source = Source.ENVIRONMENT,
        *,
        service: str = SERVICE,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._service = service
        self._timeout_s = timeout_s
        self._reading: asyncio.Future[str | None] | None = None
        self._problem: str | None = None
        self._known: SecretStr | None = None
        self.source = Source.NONE
        if given is not None:
            self._remember(given, given_by)

    @property
    def present(self) -> bool:
        """Whether a key is at hand."""
        return self._known is not None

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the whole key in lower-case hex: by that OpenRouter names its page. None without a key."""
        return None if self._known is None else hashlib.sha256(self._known.get_secret_value().encode()).hexdigest()

    @property
    def problem(self) -> str | None:
        """What kept us from reading the key store last time, if anything did."""
        return self._problem

    @property
    def known(self) -> SecretStr | None:
        """The key, where it was read; to be shown to OpenRouter alone."""
        return self._known

    async def key(self) -> SecretStr:
        """
        Return the key.

        Raises:
            KeyMissing: there is none.
            KeychainUnavailable: the key store is absent, locked or silent.
        """
        if self._known is None:
            # One read at a time: a second one would only pile up behind the same prompt.
            if self._reading is None:
                self._reading = in_thread(lambda: _store().get_password(self._service, ACCOUNT))
                self._reading.add_done_callback(self._read)
            await self._wait(self._reading, self._timeout_s)
        if self._known is None:
            raise KeyMissing
        return self._known

    def _read(self, reading: "asyncio.Future[str | None]") -> None:
        """Take in what a read found, however late: the owner may have unlocked the store just now."""
        failed = reading.cancelled() or reading.exception() is not None
        if reading is not self._reading:
            return  # a key was stored or forgotten meanwhile: what was found is the one before
        self._reading = None
        found = None if failed else reading.result()
        if found:
            self._problem = None
            self._remember(SecretStr(found), Source.KEYRING)
            self.changed()

    async def store(self, key: SecretStr) -> Source:
        """
        Keep the key in the key store, or for this session where there is none.

        Raises:
            KeychainUnavailable: the key store exists but refuses or does not answer. The key is then kept
                for this session.
        """
        self._remember(key, Source.SESSION)
        # A read that still waits behind a prompt would find the key before this one.
        self._reading = None
        try:
            await self._wait(in_thread(lambda: self._write(key)), WRITE_TIMEOUT_S)
        except NoKeyStore:
            return Source.SESSION
        if self._known is key:
            self.source = Source.KEYRING
        return Source.KEYRING

    def _write(self, key: SecretStr) -> None:
        store = _store()
        store.set_password(self._service, ACCOUNT, key.get_secret_value())
        # A prompt may have held that up, and what the owner did meanwhile counts: forgot this key, or gave another.
        known = self._known
        if known is None:
            store.delete_password(self._service, ACCOUNT)
        elif known is not key:
            store.set_password(self._service, ACCOUNT, known.get_secret_value())

    async def forget(self) -> None:
        """
        Remove the key from the key store and from memory.

        Raises:
            KeychainUnavailable: the key store does not answer; the key may still be in it.
        """
        self._known, self.source, self._reading = None, Source.NONE, None
        # Whatever we know of it: an older key may lie there, and would be used again.
        with contextlib.suppress(NoKeyStore):
            await self._wait(in_thread(self._delete), WRITE_TIMEOUT_S)

    def _delete(self) -> None:
        store = _store()
        if store.get_password(self._service, ACCOUNT) is not None:
            store.delete_password(self._service, ACCOUNT)

    async def check(self) -> None:
        """
        Write a throw-away entry, read it back and remove it: nothing less shows that the key store works.

        Raises:
            KeychainUnavailable: it does not.
        """
        entry = f"check {secrets.token_hex(8)}"
        if await _result(in_thread(lambda: self._there_and_back(entry)), self._timeout_s) != entry:
            raise KeychainUnavailable("The system's key store gives back something else than it was given.")

    def _there_and_back(self, entry: str) -> str | None:
        store = _store()
        store.set_password(self._service, entry, entry)
        try:
            return store.get_password(self._service, entry)
        finally:
            store.delete_password(self._service, entry)

    async def _wait[T](self, call: "asyncio.Future[T]", timeout_s: float) -> T:
        try:
            result = await _result(call, timeout_s)
        except KeychainUnavailable as error:
            self._problem = error.message
            raise
        self._problem = None
        return result

    def _remember(self, key: SecretStr, source: Source) -> None:
        redaction.keep_out(key.get_secret_value())
        self._known, self.source = key, source


async def _result[T](call: "asyncio.Future[T]", timeout_s: float) -> T:
    """Wait for the key store, and tell in our words what is wrong with it."""
    try:
        return await asyncio.wait_for(asyncio.shield(call), timeout_s)
    except TimeoutError:
        raise KeychainUnavailable(_SILENT) from None
    except KeychainUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  backends let through whatever their system's libraries raise
        # The error's own text may quote what was to be stored.
        raise KeychainUnavailable(f"The system's key store refused ({type(error).__name__}).") from None


def _store() -> "KeyringBackend":
    """Return the system's key store, but never one that writes plain files or throws keys away."""
    # Late, and in the thread that asks: a server with its key in the environment needs none of it.
    import keyring
    from keyring.backends.chainer import ChainerBackend

    chosen = keyring.get_keyring()
    # A chainer tries one store after another, and may end at the plain files.
    for store in chosen.backends if isinstance(chosen, ChainerBackend) else [chosen]:
        if not type(store).__module__.startswith(_NO_SAFE_PLACE):
            return store
    raise NoKeyStore


def in_thread[T](call: Callable[[], T]) -> "asyncio.Future[T]":
    """Run a call that may block for ever in a daemon thread, so that it can never hold up the end of the program."""
    future: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        # From here on nobody can cancel it: a result that comes late must find its place.
        future.set_running_or_notify_cancel()
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  whatever a backend raises belongs to the caller
            future.set_exception(error)

    threading.Thread(target=run, name="keychain", daemon=True).start()
    return asyncio.wrap_future(future)
