"""
The model list: a frozen snapshot (`Catalogue`) and what keeps it fresh (`CatalogueCache`).

Listing and looking up never wait for OpenRouter. The last good list is kept on disk and served, however old,
while OpenRouter is away; a refresh runs in the background.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from tray_proxy.errors import CatalogueUnavailable, ModelNotAllowed, ModelNotFound, ProxyError
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.paths import replace_file
from tray_proxy.translate.names import AllowList, Names
from tray_proxy.wire.openrouter import ModelEntry, ModelPage

REFRESH_S = 3600.0
# After a failure: soon, then ever more rarely.
FIRST_RETRY_S = 5.0
MAX_RETRY_S = 300.0
# How long the first request after the very first start waits for the list.
FIRST_LOAD_S = 5.0
NO_MODELS = b'{"data":[]}'

log = structlog.get_logger(__name__)


class Catalogue:
    """
    A snapshot of the models and of which of them are allowed.

    Args:
        entries: All models, chat and embedding.
        fetched_s: Unix time of the list.
    """

    def __init__(self, entries: tuple[ModelEntry, ...], allow: AllowList, fetched_s: int) -> None:
        self.entries = entries
        self.fetched_s = fetched_s
        self.allow = allow
        self.allowed = tuple(entry for entry in entries if allow.allows(entry.id))
        self._names = Names(entry.id for entry in entries)
        self._allowed_names = Names(entry.id for entry in self.allowed)
        self._by_id = {entry.id: entry for entry in entries}

    def resolve(self, name: str) -> ModelEntry:
        """
        Find the model that an app means; its `id` is what goes upstream.

        A short name that fits several vendors is settled by the allow-list where that leaves one.

        Raises:
            ModelNotFound, ModelNotAllowed: in Ollama's words.
            ModelNameAmbiguous: several allowed models go by this short name.
        """
        try:
            model_id, variant = self._allowed_names.find(name)
        except ModelNotFound:
            self._names.find(name)  # raises where no model at all goes by this name
            raise ModelNotAllowed(name) from None
        entry = self._by_id[model_id]
        return msgspec.structs.replace(entry, id=model_id + variant) if variant else entry


class _Saved(msgspec.Struct):
    """The copy on disk: OpenRouter's two answers as they came."""

    base_url: str
    fetched_s: int
    models: msgspec.Raw
    embeddings: msgspec.Raw


class CatalogueCache:
    """
    Holds the present `Catalogue`. To be used from the event loop.

    Args:
        file: Where the copy is kept.
        base_url: Whose list it is; a copy from elsewhere (the demo, say) is not used.
        changed: Called in the event loop after each change, in the list or in what is allowed.
    """

    def __init__(
        self,
        client: OpenRouterClient,
        file: Path,
        base_url: str,
        allow: AllowList,
        *,
        changed: Callable[[Catalogue], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._file = file
        self._base_url = base_url
        self._allow = allow
        self._changed = changed
        self._clock = clock
        self._saved: _Saved | None = None
        self._snapshot: Catalogue | None = None
        self._settled = asyncio.Event()
        self._problem: str | None = None

    @property
    def age_s(self) -> float | None:
        """How old the list is; None when there is none."""
        return None if self._snapshot is None else max(self._clock() - self._snapshot.fetched_s, 0.0)

    @property
    def snapshot(self) -> Catalogue | None:
        """The present list, if there is one."""
        return self._snapshot

    async def catalogue(self) -> Catalogue:
        """
        Return the present list; only before the very first one is there anything to wait for.

        Raises:
            CatalogueUnavailable: there is none, and OpenRouter could not be asked.
        """
        if self._snapshot is None:
            try:
                await asyncio.wait_for(self._settled.wait(), FIRST_LOAD_S)
            except TimeoutError:
                self._problem = self._problem or "OpenRouter has not answered yet."
        if self._snapshot is None:
            raise CatalogueUnavailable(f"The model list could not be loaded yet: {self._problem}")
        return self._snapshot

    def restrict(self, allow: AllowList) -> None:
        """Put another allow-list in force, at once."""
        self._allow = allow
        if self._snapshot is not None:
            self._publish(Catalogue(self._snapshot.entries, allow, self._snapshot.fetched_s))

    def load_copy(self) -> None:
        """Take the copy on disk, if it is there and fits."""
        try:
            saved = msgspec.json.decode(self._file.read_bytes(), type=_Saved)
            if saved.base_url == self._base_url:
                self._take(saved)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("catalogue copy unusable", error=type(error).__name__)

    async def keep_fresh(self) -> None:
        """Refresh now, and then for ever; failures are noted and tried again."""
        retry_s = FIRST_RETRY_S
        while True:
            try:
                await self.refresh()
            except ProxyError as error:
                self._problem = error.message
                self._settled.set()
                log.warning("catalogue not refreshed", error=error.message, retry_s=retry_s)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, MAX_RETRY_S)
            else:
                retry_s = FIRST_RETRY_S
                await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        """
        Fetch both lists.

        Raises:
            ProxyError: the list of chat models could not be had, or holds none; the present one stays.
        """
        models = await self._client.fetch_models("/models")
        # At once: chat need not wait for the other list, which may be slow or away.
        self._take_parts(models, bytes(self._saved.embeddings) if self._saved else NO_MODELS)
        try:
            self._take_parts(models, await self._client.fetch_models("/embeddings/models"))
        except ProxyError as error:
            log.warning("embedding models not refreshed", error=error.message)
        if self._saved is not None:
            try:
                replace_file(self._file, msgspec.json.encode(self._saved))
            except OSError as error:
                log.warning("catalogue copy not written", error=type(error).__name__)

    def _take_parts(self, models: bytes, embeddings: bytes) -> None:
        try:
            self._take(_Saved(self._base_url, int(self._clock()), msgspec.Raw(models), msgspec.Raw(embeddings)))
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise CatalogueUnavailable("OpenRouter's model list cannot be read.") from None

    def _take(self, saved: _Saved) -> None:
        chat = _entries(saved.models)
        if not chat:
            raise CatalogueUnavailable("OpenRouter's model list is empty.")
        unique = {entry.id.casefold(): entry for entry in chat}
        for entry in _entries(saved.embeddings):
            # A model that stands in both lists can chat; that must not be lost.
            unique.setdefault(entry.id.casefold(), _as_embedding(entry))
        self._saved = saved
        self._publish(Catalogue(tuple(unique.values()), self._allow, saved.fetched_s))

    def _publish(self, snapshot: Catalogue) -> None:
        self._snapshot = snapshot
        self._problem = None
        self._settled.set()
        self._changed(snapshot)


def _entries(page: msgspec.Raw) -> tuple[ModelEntry, ...]:
    entries = []
    for raw in msgspec.json.decode(page, type=ModelPage).data:
        try:
            entries.append(msgspec.json.decode(raw, type=ModelEntry))
        except msgspec.DecodeError as error:
            log.warning("catalogue entry skipped", error=str(error))
    return tuple(entries)


def _as_embedding(entry: ModelEntry) -> ModelEntry:
    """Mark a model from the list of embedding models as one, also where its row does not say so."""
    about = entry.architecture
    if "embeddings" in about.output_modalities:
        return entry
    return msgspec.structs.replace(
        entry, architecture=msgspec.structs.replace(about, output_modalities=("embeddings",))
    )
