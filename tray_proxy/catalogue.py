"""
The model list: a frozen snapshot (`Catalogue`) and what keeps it fresh (`CatalogueCache`).

Listing and looking up never wait for OpenRouter. The last good list is kept on disk and served, however old,
while OpenRouter is away; a refresh runs in the background.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from tray_proxy.errors import CatalogueUnavailable, ModelNameAmbiguous, ModelNotAllowed, ModelNotFound, ProxyError
from tray_proxy.model_list import ModelList, as_embedding
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.paths import read_file, replace_file
from tray_proxy.translate.library import Library
from tray_proxy.translate.names import MAX_NAME_LENGTH, AllowList, Names, folded, near, with_tag
from tray_proxy.translate.presets import Preset
from tray_proxy.wire.openrouter import ModelEntry

FILE_NAME = "catalogue.json"
REFRESH_S = 3600.0
# After a failure: soon, then ever more rarely.
FIRST_RETRY_S = 5.0
MAX_RETRY_S = 300.0
# How long the first request after the very first start waits for the list. A list of models is not waited for as
# long: Raycast gives it 1.8 s, Home Assistant 5 s.
FIRST_LOAD_S = 5.0
FIRST_LIST_S = 1.5
NO_MODELS = b'{"data":[]}'
MAX_REMEMBERED = 1000  # an app can spell a name in endlessly many ways

log = structlog.get_logger(__name__)


# What is done with the names of Ollama's library: nothing; calls find their models; the list shows them, too.
type LibraryNames = Literal["off", "call", "list"]


@dataclass(frozen=True)
class Found:
    """
    What a name stands for.

    Args:
        asked: The name as the app wrote it; answers repeat it.
        name: The name as it is listed.
        model: Its `id` is what goes upstream.
        preset: What the owner added to the model under this name; None for a plain model.
    """

    asked: str
    name: str
    model: ModelEntry
    preset: Preset | None = None


class Catalogue:
    """
    A snapshot of the models, of which of them are allowed, and of all names they go by.

    Args:
        entries: All models, chat and embedding.
        fetched_s: Unix time of the list.
        presets: The owner's own names. One whose model is gone, or not allowed, stands for nothing.
        library: What is done with the names of Ollama's library.
    """

    def __init__(
        self,
        entries: tuple[ModelEntry, ...],
        allow: AllowList,
        fetched_s: int,
        *,
        presets: Mapping[str, Preset] | None = None,
        library: LibraryNames = "call",
    ) -> None:
        self.entries = entries
        self.fetched_s = fetched_s
        self.allow = allow
        self.allowed = tuple(entry for entry in entries if allow.allows(entry.id))
        served = _library(self.allowed) if library != "off" else None
        self._names = Names((entry.id for entry in entries), _library(entries) if library != "off" else None)
        self._allowed_names = Names((entry.id for entry in self.allowed), served)
        self._by_id = {entry.id: entry for entry in entries}
        self._own = {folded(name): (with_tag(name.strip()), preset) for name, preset in (presets or {}).items()}
        self._library = dict(_listed(served, self._allowed_names)) if served and library == "list" else {}
        self._found: dict[str, Found] = {}

    def resolve(self, name: str) -> Found:
        """
        Find what an app means: a name of the owner's own before all others.

        A short name that fits several vendors is settled by the allow-list where that leaves one.

        Raises:
            ModelNotFound, ModelNotAllowed: in Ollama's words, with the names that were perhaps meant.
            ModelNameAmbiguous: several allowed models go by this short name.
        """
        found = self._found.get(name)
        if found is None:
            found = self._find(name)
            if len(self._found) < MAX_REMEMBERED and len(name) <= MAX_NAME_LENGTH:
                self._found[name] = found
        return found

    def remembered(self, name: str) -> Found | None:
        """Give what `resolve` has found for a name before; None where it is new, or none."""
        return self._found.get(name)

    def _find(self, name: str) -> Found:
        try:
            if own := self._own.get(folded(name)):
                listed, preset = own
                return Found(name, listed, self._model(preset.model), preset)
            model = self._model(name)
        except ModelNotFound:
            error = ModelNotAllowed if self._is_known(name) else ModelNotFound
            raise error(name, near(name, (found.name for found in self.listed()))) from None
        return Found(name, self._library.get(folded(name), model.id), model)

    def listed(self) -> Iterator[Found]:
        """Give every name that is listed, each once; a name of the owner's own hides what else is called so."""
        for name, preset in self._own.values():
            with contextlib.suppress(ModelNotFound, ModelNameAmbiguous):
                yield Found(name, name, self._model(preset.model), preset)
        for entry in self.allowed:
            if folded(entry.id) not in self._own:
                yield Found(entry.id, entry.id, entry)
        for spelled, name in self._library.items():
            if spelled not in self._own:
                yield Found(name, name, self._model(name))

    def _model(self, name: str) -> ModelEntry:
        model_id, variants = self._allowed_names.find(name)
        entry = self._by_id[model_id]
        return msgspec.structs.replace(entry, id=model_id + variants) if variants else entry

    def known(self, name: str) -> tuple[ModelEntry, str]:
        """
        Find a model of the list whether it is allowed or not; the owner's own names do not count.

        Returns:
            The list's entry, and the dynamic variants in the name (":nitro" or "").

        Raises:
            ModelNotFound: no model goes by this name.
            ModelNameAmbiguous: the name without vendor fits several models.
        """
        model_id, variants = self._names.find(name)
        return self._by_id[model_id], variants

    def _is_known(self, name: str) -> bool:
        own = self._own.get(folded(name))
        try:
            self.known(own[1].model if own else name)
        except ModelNotFound:
            return False
        except ModelNameAmbiguous:
            return True
        return True


def _library(entries: tuple[ModelEntry, ...]) -> Library:
    return Library((entry.id, entry.hugging_face_id) for entry in entries)


def _listed(library: Library, names: Names) -> Iterator[tuple[str, str]]:
    """Give each name of Ollama's library that calls find, too: a vendor's short name may be in its way."""
    for name, model_id in library.names():
        with contextlib.suppress(ModelNameAmbiguous):
            if names.find(name)[0] == model_id:
                yield folded(name), name


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
        library: What is done with the names of Ollama's library.
        changed: Called in the event loop after each change, in the list or in what is allowed.
    """

    def __init__(
        self,
        client: OpenRouterClient,
        file: Path,
        base_url: str,
        allow: AllowList,
        *,
        library: LibraryNames = "call",
        changed: Callable[[Catalogue], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._file = file
        self._base_url = base_url
        self._allow = allow
        self._presets: Mapping[str, Preset] = {}
        self._library = library
        self._changed = changed
        self._clock = clock
        self._chat: ModelList | None = None
        self._embedding: ModelList | None = None
        self._embeddings = NO_MODELS  # as they came, for the copy on disk
        self._snapshot: Catalogue | None = None
        self._settled = asyncio.Event()
        self._problem: str | None = None
        self._failed = False
        self._nudged = asyncio.Event()

    @property
    def age_s(self) -> float | None:
        """How old the list is; None when there is none."""
        return None if self._snapshot is None else max(self._clock() - self._snapshot.fetched_s, 0.0)

    @property
    def snapshot(self) -> Catalogue | None:
        """The present list, if there is one."""
        return self._snapshot

    async def catalogue(self, *, wait_s: float | None = None) -> Catalogue:
        """
        Return the present list; only before the very first one is there anything to wait for.

        Args:
            wait_s: How long to wait then; None for `FIRST_LOAD_S`.

        Raises:
            CatalogueUnavailable: there is none, and OpenRouter could not be asked.
        """
        if self._snapshot is None:
            try:
                await asyncio.wait_for(self._settled.wait(), FIRST_LOAD_S if wait_s is None else wait_s)
            except TimeoutError:
                self._problem = self._problem or "OpenRouter has not answered yet."
        if self._snapshot is None:
            raise CatalogueUnavailable(f"The model list could not be loaded yet: {self._problem}")
        return self._snapshot

    def restrict(self, allow: AllowList) -> None:
        """Put another allow-list in force, at once."""
        self._allow = allow
        self._renew()

    def name(self, presets: Mapping[str, Preset]) -> None:
        """Put the owner's own names in force, at once."""
        self._presets = dict(presets)
        self._renew()

    def use_library(self, library: LibraryNames) -> None:
        """Treat the names of Ollama's library in another way, at once."""
        self._library = library
        self._renew()

    def _renew(self) -> None:
        if self._snapshot is not None:
            self._publish(self._snapshot.entries, self._snapshot.fetched_s)

    def load_copy(self) -> None:
        """Take the copy on disk, if it is there and fits."""
        try:
            saved = msgspec.json.decode(read_file(self._file), type=_Saved)
            if saved.base_url == self._base_url:
                self._take(saved.models, bytes(saved.embeddings), saved.fetched_s)
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
                self._failed, self._problem = True, error.message
                self._settled.set()
                log.warning("catalogue not refreshed", error=error.message, retry_s=retry_s)
                wait_s, retry_s = retry_s, min(retry_s * 2, MAX_RETRY_S)
            else:
                self._failed, wait_s, retry_s = False, REFRESH_S, FIRST_RETRY_S
            self._nudged.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), wait_s)

    def nudge(self) -> None:
        """Say that OpenRouter can perhaps be reached again: what failed, or is overdue, is then tried at once."""
        if self._failed or (self.age_s or 0.0) > REFRESH_S:
            self._nudged.set()

    async def refresh(self) -> None:
        """
        Fetch both lists.

        Raises:
            ProxyError: the list of chat models could not be had, or holds none; the present one stays.
        """
        models = await self._client.fetch_models("/models")
        # At once: chat need not wait for the other list, which may be slow or away.
        fetched_s = self._take_fetched(models, self._embeddings)
        try:
            fetched_s = self._take_fetched(models, await self._client.fetch_models("/embeddings/models"))
        except ProxyError as error:
            log.warning("embedding models not refreshed", error=error.message)
        saved = _Saved(self._base_url, fetched_s, msgspec.Raw(models), msgspec.Raw(self._embeddings))
        try:
            replace_file(self._file, msgspec.json.encode(saved))
        except OSError as error:
            log.warning("catalogue copy not written", error=type(error).__name__)

    def _take_fetched(self, models: bytes, embeddings: bytes) -> int:
        fetched_s = int(self._clock())
        try:
            self._take(models, embeddings, fetched_s)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise CatalogueUnavailable("OpenRouter's model list cannot be read.") from None
        return fetched_s

    def _take(self, models: bytes | msgspec.Raw, embeddings: bytes, fetched_s: int) -> None:
        chat, embedding = ModelList.read(models, self._chat), ModelList.read(embeddings, self._embedding)
        if not chat.entries:
            raise CatalogueUnavailable("OpenRouter's model list is empty.")
        unique = {entry.id.casefold(): entry for entry in chat.entries}
        for entry in embedding.entries:
            # A model that stands in both lists can chat; that must not be lost.
            unique.setdefault(entry.id.casefold(), as_embedding(entry))
        self._chat, self._embedding, self._embeddings = chat, embedding, embeddings
        self._publish(tuple(unique.values()), fetched_s)

    def _publish(self, entries: tuple[ModelEntry, ...], fetched_s: int) -> None:
        self._snapshot = Catalogue(entries, self._allow, fetched_s, presets=self._presets, library=self._library)
        self._problem = None
        self._settled.set()
        self._changed(self._snapshot)
