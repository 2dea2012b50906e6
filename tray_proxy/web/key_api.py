"""The OpenRouter key on the page: tested, kept, forgotten. It goes in and never comes out."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tray_proxy.errors import BadRequest, KeychainUnavailable
from tray_proxy.keychain import Keychain, Source
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.setting_values import is_key
from tray_proxy.web.http import done, read, reply, without
from tray_proxy.wire.openrouter import KeyInfo

_FIXED = (Source.ENVIRONMENT, Source.DEMO)


class KeyState(msgspec.Struct, frozen=True, kw_only=True):
    """
    Whether there is a key, and where it is kept.

    `source` is "environment", "keyring", "session" (until the program ends), "demo" or "" (there is none);
    `problem` says what is wrong with the key or its place, for example that the key store is locked.
    """

    present: bool
    source: str
    problem: str | None = None


class KeyUnusable(BadRequest):
    """What was pasted cannot be an OpenRouter key; nobody needs to be asked."""

    status = 422
    hint = "Copy the key from openrouter.ai/keys and paste it again."


class _KeyToTest(msgspec.Struct, frozen=True):
    key: str | None = None


class _KeyToStore(msgspec.Struct, frozen=True):
    key: str


@dataclass(frozen=True)
class KeyDesk:
    """
    What the page does with the key.

    Args:
        changed: Told after a key was stored or forgotten.
    """

    client: OpenRouterClient
    keychain: Keychain
    changed: Callable[[], None]

    def state(self) -> KeyState:
        """Tell what there is to show."""
        keychain = self.keychain
        return KeyState(present=keychain.present, source=keychain.source.value, problem=keychain.problem)

    async def test(self, key: str | None) -> str:
        """Ask OpenRouter about a key; None for the one in use."""
        secret = await self.keychain.key() if key is None else SecretStr(usable_key(key))
        return sentence(await self.client.check_key(secret))

    async def store(self, key: str) -> str:
        """Check a key, then keep it; only a key that OpenRouter accepts is kept."""
        self._must_be_changeable()
        secret = SecretStr(usable_key(key))
        about = sentence(await self.client.check_key(secret))
        try:
            where = await self.keychain.store(secret)
        except KeychainUnavailable as error:
            return f"{about} It is kept until Tray Proxy ends. {error.message}"
        finally:
            self.changed()
        if where is Source.KEYRING:
            return f"{about} It is kept in your system's key store."
        return f"{about} It is kept until Tray Proxy ends: {self.keychain.problem}"

    async def forget(self) -> None:
        """Remove the key from the key store and from memory."""
        self._must_be_changeable()
        try:
            await self.keychain.forget()
        finally:
            self.changed()

    def _must_be_changeable(self) -> None:
        if self.keychain.source in _FIXED:
            raise KeyUnusable(
                "The key was given when Tray Proxy was started (OPENROUTER_API_KEY or --demo), so it cannot be "
                "changed here."
            )


def usable_key(offered: str) -> str:
    """Trim what was pasted; raises `KeyUnusable` for what no header can carry."""
    key = offered.strip()
    if not key:
        raise KeyUnusable("There is no key in the field.")
    if not is_key(key):
        raise KeyUnusable("This is not a key: it has spaces or special characters in it.")
    return key


def sentence(info: KeyInfo) -> str:
    """Say in plain words what OpenRouter told about a key."""
    if info.limit is not None and info.limit_remaining is not None:
        if info.limit_remaining <= 0:
            return f"The key works, but its limit of ${info.limit:.2f} is used up."
        return f"The key works; ${info.limit_remaining:.2f} of its limit of ${info.limit:.2f} is left."
    if info.is_free_tier:
        return "The key works, but no credit was ever bought for this account: free models only."
    return "The key works."


def routes(desk: KeyDesk) -> list[Route]:
    """Return what the page asks for about the key."""

    async def test(request: Request) -> Response:
        offered = (await read(request, _KeyToTest)).key
        key = None if offered is None else usable_key(offered)
        request.state.secret = key
        return reply({"message": without(key, await desk.test(key))})

    async def store(request: Request) -> Response:
        key = usable_key((await read(request, _KeyToStore)).key)
        request.state.secret = key
        return reply({"message": without(key, await desk.store(key))})

    async def forget(_request: Request) -> Response:
        await desk.forget()
        return done()

    return [
        Route("/api/key/test", test, methods=["POST"]),
        Route("/api/key", store, methods=["POST"]),
        Route("/api/key", forget, methods=["DELETE"]),
    ]
