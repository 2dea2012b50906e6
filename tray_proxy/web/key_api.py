"""The OpenRouter key on the page: tested, kept, forgotten. It goes in and never comes out."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from tray_proxy.errors import BadRequest, KeychainUnavailable, KeyRejected, UpstreamError
from tray_proxy.keychain import Keychain, Source
from tray_proxy.openrouter import key_check
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.openrouter.sign_in import key_page
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_values import is_key
from tray_proxy.texts import text
from tray_proxy.web.http import Request, Response, Route, done, read, reply
from tray_proxy.wire.openrouter import KeyInfo

_FIXED = (Source.ENVIRONMENT, Source.DEMO)


class KeyState(msgspec.Struct, frozen=True, kw_only=True):
    """
    Whether there is a key, and where it is kept.

    `source` is "environment", "keyring", "session" (until the program ends), "demo" or "" (there is none);
    `problem` says what is wrong with the key or its place, for example that the key store is locked. `link` is the
    key's own page at OpenRouter. What OpenRouter last said of the key is None until it was asked: `label`, by which its
    owner knows it there, and `about`, a sentence.
    """

    present: bool
    source: str
    problem: str | None = None
    link: str | None = None
    label: str | None = None
    about: str | None = None


class KeyUnusable(BadRequest):
    """What was pasted cannot be an OpenRouter key; nobody needs to be asked."""

    status = 422

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.hint = text("sign_in.key_copy_again")


class _KeyToTest(msgspec.Struct, frozen=True):
    key: str | None = None


class _KeyToStore(msgspec.Struct, frozen=True):
    key: str


class KeyDesk:
    """
    What the page does with the key.

    Args:
        site: OpenRouter's website, for the key's own page.
        changed: Told after a key was stored or forgotten, and when there is news of the one in use.
    """

    def __init__(self, client: OpenRouterClient, keychain: Keychain, site: str, changed: Callable[[], None]) -> None:
        self._client = client
        self._keychain = keychain
        self._site = site
        self._changed = changed
        # Of which key, by its fingerprint, and what.
        self._told: tuple[str | None, KeyInfo] | None = None

    def state(self) -> KeyState:
        """Tell what there is to show."""
        keychain, fingerprint = self._keychain, self._keychain.fingerprint
        info = self._told[1] if self._told is not None and self._told[0] == fingerprint else None
        return KeyState(
            present=keychain.present,
            source=keychain.source.value,
            problem=keychain.problem,
            link=None if fingerprint is None else key_page(self._site, fingerprint),
            label=None if info is None else info.label,
            about=None if info is None else key_check.sentence(info),
        )

    async def test(self, key: str | None) -> str:
        """Ask OpenRouter about a key; None for the one in use."""
        if key is not None:
            return key_check.sentence(await self._ask(SecretStr(usable_key(key))))
        info = await self._ask(await self._keychain.key())
        self._note(info)
        return key_check.sentence(info)

    async def store(self, key: str) -> str:
        """Check a pasted key, then keep it; only a key that OpenRouter accepts is kept."""
        self.must_be_changeable()
        secret = SecretStr(usable_key(key))
        try:
            info = await self._ask(secret)
        except KeyRejected:
            raise
        except UpstreamError as error:
            error.hint = f"{error.hint} {text('sign_in.key_not_stored')}"
            raise
        return await self._keep(secret, info)

    async def store_new(self, secret: SecretStr) -> str:
        """Check and keep a key that OpenRouter has just made; it would be lost if that could not be asked again."""
        self.must_be_changeable()
        try:
            info = await self._ask(secret)
        except KeyRejected:
            raise
        except UpstreamError:
            info = None
        return await self._keep(secret, info)

    async def forget(self) -> None:
        """Remove the key from the key store and from memory."""
        self.must_be_changeable()
        try:
            await self._keychain.forget()
        finally:
            self._changed()

    def must_be_changeable(self) -> None:
        """Raise `KeyUnusable` where the key was given at the start."""
        if self._keychain.source in _FIXED:
            raise KeyUnusable(text("sign_in.key_given"))

    async def _ask(self, key: SecretStr) -> KeyInfo:
        try:
            info = await self._client.check_key(key)
        except UpstreamError as error:
            raise key_check.refusal(error) from None
        key_check.must_answer(info, datetime.now(UTC))
        return info

    async def _keep(self, secret: SecretStr, info: KeyInfo | None) -> str:
        about = text("sign_in.key_new") if info is None else key_check.sentence(info)
        try:
            where = await self._keychain.store(secret)
        except KeychainUnavailable as error:
            return text("sign_in.key_kept_for_now", about=about, problem=error.message)
        finally:
            self._told = None if info is None else (self._keychain.fingerprint, info)
            self._changed()
        if where is Source.KEYRING:
            return text("sign_in.key_kept", about=about)
        return text("sign_in.key_kept_for_now", about=about, problem=self._keychain.problem)

    def _note(self, info: KeyInfo) -> None:
        told = (self._keychain.fingerprint, info)
        if told != self._told:
            self._told = told
            self._changed()


def usable_key(offered: str) -> str:
    """Trim what was pasted; raises `KeyUnusable` for what no header can carry."""
    key = offered.strip()
    if not key:
        raise KeyUnusable(text("sign_in.key_empty"))
    if not is_key(key):
        raise KeyUnusable(text("sign_in.key_malformed"))
    return key


def routes(desk: KeyDesk) -> list[Route]:
    """Return what the page asks for about the key."""

    async def test(request: Request) -> Response:
        offered = (await read(request, _KeyToTest)).key
        key = None if offered is None else usable_key(offered)
        request.state.secret = key
        return reply({"message": await desk.test(key)}, secret=key)

    async def store(request: Request) -> Response:
        key = usable_key((await read(request, _KeyToStore)).key)
        request.state.secret = key
        return reply({"message": await desk.store(key)}, secret=key)

    async def forget(_request: Request) -> Response:
        await desk.forget()
        return done()

    return [
        Route("/api/key/test", test, methods=["POST"]),
        Route("/api/key", store, methods=["POST"]),
        Route("/api/key", forget, methods=["DELETE"]),
    ]
