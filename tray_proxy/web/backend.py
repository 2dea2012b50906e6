"""What the settings page shows and does, in terms of the program's parts."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pydantic import SecretStr

from tray_proxy import __version__
from tray_proxy.catalogue import Catalogue, CatalogueCache
from tray_proxy.errors import KeychainUnavailable, ModelNotFound
from tray_proxy.keychain import Keychain, Source
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.presets import OwnName, Presets
from tray_proxy.selection import Selection
from tray_proxy.translate import model_info
from tray_proxy.web.app import KeyState, KeyUnusable, ModelRow, ModelsState, NameRow, PageState, usable_key
from tray_proxy.wire.openrouter import KeyInfo, ModelEntry

_FIXED = (Source.ENVIRONMENT, Source.DEMO)
# So much of a system prompt is shown: enough to tell presets apart.
EXCERPT_LENGTH = 100


@dataclass(frozen=True)
class Running:
    """Whether the proxy runs; `problem` says why not, if something is wrong."""

    running: bool
    problem: str | None = None


@dataclass(frozen=True)
class Backend:
    """
    The page's `PageBackend`.

    Args:
        proxy: Tells whether the proxy runs.
        key_changed: Told after a key was stored or forgotten.
    """

    client: OpenRouterClient
    keychain: Keychain
    cache: CatalogueCache
    selection: Selection
    presets: Presets
    proxy: Callable[[], Running]
    key_changed: Callable[[], None]
    address: str
    filter_file: Path | None
    demo: bool

    def state(self) -> PageState:
        """Tell everything the page shows."""
        proxy = self.proxy()
        return PageState(
            version=__version__,
            demo=self.demo,
            running=proxy.running,
            status=f"On: apps reach it at {self.address}" if proxy.running else "Off: apps get no answer",
            address=self.address,
            problem=proxy.problem,
            key=KeyState(
                present=self.keychain.present, source=self.keychain.source.value, problem=self.keychain.problem
            ),
            models=self._models(),
        )

    async def test_key(self, key: str | None) -> str:
        """Ask OpenRouter about a key; None for the one in use."""
        secret = await self.keychain.key() if key is None else SecretStr(usable_key(key))
        return sentence(await self.client.check_key(secret))

    async def store_key(self, key: str) -> str:
        """Check a key, then keep it; only a key that OpenRouter accepts is kept."""
        self._must_be_changeable()
        secret = SecretStr(usable_key(key))
        about = sentence(await self.client.check_key(secret))
        try:
            where = await self.keychain.store(secret)
        except KeychainUnavailable as error:
            return f"{about} It is kept until Tray Proxy ends. {error.message}"
        finally:
            self.key_changed()
        if where is Source.KEYRING:
            return f"{about} It is kept in your system's key store."
        return f"{about} It is kept until Tray Proxy ends: {self.keychain.problem}"

    async def forget_key(self) -> None:
        """Remove the key from the key store and from memory."""
        self._must_be_changeable()
        try:
            await self.keychain.forget()
        finally:
            self.key_changed()

    async def allow_models(self, allowed: tuple[str, ...] | None) -> None:
        """
        Allow exactly these models; None allows every one.

        Raises:
            ModelNotFound: an id stands neither in the list nor among what was ticked before.
        """
        known = {row.id for row in self._models().entries}
        for model_id in allowed or ():
            if model_id not in known:
                raise ModelNotFound(model_id[:200])
        self.selection.choose(allowed)

    async def keep_name(self, name: str, *, kept: bool) -> None:
        """
        Remove a name of the owner's own, or restore one that was removed.

        Raises:
            ModelNotFound: there is no such name, or none like it was removed since the program started.
        """
        self.presets.keep(name, kept=kept)

    def _must_be_changeable(self) -> None:
        if self.keychain.source in _FIXED:
            raise KeyUnusable(
                "The key was given when Tray Proxy was started (OPENROUTER_API_KEY or --demo), so it cannot be "
                "changed here."
            )

    def _models(self) -> ModelsState:
        catalogue = self.cache.snapshot
        rows = () if catalogue is None else tuple(_rows(catalogue, self.selection.ticks or ()))
        return ModelsState(
            all_allowed=self.selection.allows_all,
            hidden=self.selection.hidden,
            filter_file=None if self.filter_file is None else str(self.filter_file),
            age_s=self.cache.age_s,
            entries=rows,
            names=self._names(catalogue),
        )

    def _names(self, catalogue: Catalogue | None) -> tuple[NameRow, ...]:
        answering = set() if catalogue is None else {found.name for found in catalogue.listed() if found.preset}
        return tuple(_name_row(own, answers=own.name in answering) for own in self.presets.overview())


def sentence(info: KeyInfo) -> str:
    """Say in plain words what OpenRouter told about a key."""
    if info.limit is not None and info.limit_remaining is not None:
        if info.limit_remaining <= 0:
            return f"The key works, but its limit of ${info.limit:.2f} is used up."
        return f"The key works; ${info.limit_remaining:.2f} of its limit of ${info.limit:.2f} is left."
    if info.is_free_tier:
        return "The key works, but no credit was ever bought for this account: free models only."
    return "The key works."


def _rows(catalogue: Catalogue, ticks: tuple[str, ...]) -> list[ModelRow]:
    rows = [
        _row(entry, allowed=catalogue.allow.allows(entry.id))
        for entry in catalogue.entries
        if catalogue.allow.below_ceiling(entry.id)
    ]
    known = {row.id for row in rows}
    return rows + [
        ModelRow(
            id=tick, name=tick, allowed=True, free=False, context_length=0, capabilities=(),
            prompt_usd_per_million=None, completion_usd_per_million=None, listed=False,
        )
        for tick in ticks if tick not in known and catalogue.allow.below_ceiling(tick)
    ]  # fmt: skip


def _name_row(own: OwnName, *, answers: bool) -> NameRow:
    preset = own.preset
    system = " ".join(preset.system.split())
    excerpt = system if len(system) <= EXCERPT_LENGTH else f"{system[: EXCERPT_LENGTH - 1]}…"
    count = len(preset.messages)
    extras = (
        f"“{excerpt}”" if excerpt else "",
        f"sets {', '.join(sorted(preset.parameters))}" if preset.parameters else "",
        f"begins with {count} message{'' if count == 1 else 's'}" if count else "",
    )
    return NameRow(
        name=own.name, model=preset.model, adds=" · ".join(filter(None, extras)), answers=answers, kept=own.kept
    )


def _row(entry: ModelEntry, *, allowed: bool) -> ModelRow:
    return ModelRow(
        id=entry.id,
        name=entry.name or entry.id,
        allowed=allowed,
        free=model_info.is_free(entry),
        context_length=model_info.context_length(entry),
        capabilities=tuple(model_info.capabilities(entry)),
        prompt_usd_per_million=_price(model_info.usd_per_million(entry.pricing.get("prompt"))),
        completion_usd_per_million=_price(model_info.usd_per_million(entry.pricing.get("completion"))),
    )


def _price(usd: Decimal | None) -> str | None:
    return None if usd is None else f"{usd.normalize():f}"
