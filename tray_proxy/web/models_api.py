"""The model list on the page, what is allowed of it, and the owner's own names."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from tray_proxy.catalogue import Catalogue, CatalogueCache
from tray_proxy.errors import ModelNameAmbiguous, ModelNotFound
from tray_proxy.presets import OwnName, Presets
from tray_proxy.selection import Selection
from tray_proxy.texts import text
from tray_proxy.translate import model_info, recommended
from tray_proxy.translate.names import folded, is_valid
from tray_proxy.translate.presets import Preset
from tray_proxy.web.http import FormInvalid, Request, Response, Route, done, read, reply
from tray_proxy.wire.openrouter import ModelEntry

# So much of a system prompt is shown: enough to tell presets apart.
EXCERPT_LENGTH = 100
DESCRIPTION_LENGTH = 300
# A pasted list is the allow-list of somebody else, or of another computer.
MAX_PASTED_LINES = 2000


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """
    One model of the list.

    A price of None is not known, a `context_length` of 0 neither. `listed` is False for a model that was
    allowed and that OpenRouter's list does not have now: it stays in sight, or the next tick would lose it.
    `created_s` is the Unix time at which OpenRouter took it in, 0 where that is not known.
    """

    id: str
    name: str
    allowed: bool
    free: bool
    context_length: int
    capabilities: tuple[str, ...]
    prompt_usd_per_million: str | None
    completion_usd_per_million: str | None
    created_s: int = 0
    description: str = ""
    listed: bool = True


class NameRow(msgspec.Struct, frozen=True, kw_only=True):
    """
    A name of the owner's own, as it was made here or by an app with Ollama's `copy` or `create`.

    `adds` says in a few words what it adds to the model, "" for an alias. `answers` is False where the model is
    gone or not allowed. `kept` is False for a name that was removed, and can be restored as long as the program runs.
    """

    name: str
    model: str
    adds: str
    answers: bool
    kept: bool


class ModelsState(msgspec.Struct, frozen=True, kw_only=True):
    """
    The model list, what is allowed of it, and the owner's own names.

    `hidden` are the models that are taken out while every other one is allowed. `filter_file` is the file
    MODELS_FILTER names, if it does; `age_s` is how old OpenRouter's list is, None when it was never loaded.
    `recommended` and `free` are ids to begin with.
    """

    all_allowed: bool
    hidden: tuple[str, ...]
    filter_file: str | None
    age_s: float | None
    entries: tuple[ModelRow, ...]
    names: tuple[NameRow, ...]
    recommended: tuple[str, ...] = ()
    free: tuple[str, ...] = ()


class _ModelsToAllow(msgspec.Struct, frozen=True):
    allowed: tuple[str, ...] | None


class _ListToFind(msgspec.Struct, frozen=True):
    text: str


class _NameToKeep(msgspec.Struct, frozen=True):
    name: str
    kept: bool


class _NameToAdd(msgspec.Struct, frozen=True):
    name: str
    model: str
    system: str | None = None


class FoundModels(msgspec.Struct, frozen=True):
    """What a pasted list stands for: ids of the catalogue, and the lines that are none of its models."""

    found: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class ModelsDesk:
    """
    What the page does with models and names.

    Args:
        is_local: Says whether a name is that of a model of the Ollama beside us.
    """

    cache: CatalogueCache
    selection: Selection
    presets: Presets
    filter_file: Callable[[], Path | None]
    now_s: Callable[[], float]
    is_local: Callable[[str], bool]

    def state(self) -> ModelsState:
        """Tell what there is to show."""
        catalogue = self.cache.snapshot
        entries = () if catalogue is None else catalogue.entries
        return ModelsState(
            all_allowed=self.selection.allows_all,
            hidden=self.selection.hidden,
            filter_file=None if (file := self.filter_file()) is None else str(file),
            age_s=self.cache.age_s,
            entries=self._rows(),
            names=self._names(catalogue),
            recommended=recommended.to_begin_with(entries),
            free=recommended.free(entries),
        )

    async def allow(self, allowed: tuple[str, ...] | None) -> None:
        """
        Allow exactly these models; None allows every one.

        Raises:
            ModelNotFound: an id stands neither in the list nor among what was ticked before.
        """
        known = {row.id for row in self._rows()}
        for model_id in allowed or ():
            if model_id not in known:
                raise ModelNotFound(model_id[:200])
        self.selection.choose(allowed)

    async def find(self, text: str) -> FoundModels:
        """Find the models of a pasted list: a name in each line, or several with commas between them."""
        catalogue = await self.cache.catalogue()
        found: dict[str, None] = {}
        unknown: dict[str, None] = {}
        lines = [part.strip() for line in text.splitlines() for part in line.split("#")[0].split(",")]
        for name in [line for line in lines if line][:MAX_PASTED_LINES]:
            try:
                found[catalogue.known(name)[0].id] = None
            except (ModelNotFound, ModelNameAmbiguous):
                unknown[name[:200]] = None
        return FoundModels(tuple(found), tuple(unknown))

    async def refresh(self) -> None:
        """Fetch OpenRouter's list anew."""
        await self.cache.refresh()

    async def allow_one(self, model_id: str, *, allowed: bool) -> None:
        """
        Tick or untick a model.

        Raises:
            SettingsInvalid: the choice could not be saved; nothing has changed.
        """
        self.selection.allow(model_id, allowed=allowed)

    async def keep_name(self, name: str, *, kept: bool) -> None:
        """
        Remove a name of the owner's own, or restore one that was removed.

        Raises:
            ModelNotFound: there is no such name, or none like it was removed since the program started.
        """
        self.presets.keep(name, kept=kept)

    async def add_name(self, name: str, model: str, system: str | None) -> None:
        """
        Make a name for a model, with a system prompt or without.

        Raises:
            FormInvalid: the name cannot be one, or stands for something already; or the model is not known.
        """
        wrong = {}
        if not is_valid(name):
            wrong["name"] = text("models.name-invalid")
        elif self.presets.get(name) is not None:
            wrong["name"] = text("models.name-taken")
        elif (named := await self._known_id(name)) is not None and folded(named) == folded(name):
            wrong["name"] = text("models.name-hides")
        elif self.is_local(name):
            wrong["name"] = text("models.name-local")
        model_id = await self._known_id(model)
        if model_id is None:
            wrong["model"] = text("models.no-such-model")
        if wrong or model_id is None:
            raise FormInvalid(wrong)
        self.presets.store(name, Preset(model=model_id, system=(system or "").strip(), created_s=int(self.now_s())))

    async def _known_id(self, model: str) -> str | None:
        try:
            entry, variants = (await self.cache.catalogue()).known(model)
        except (ModelNotFound, ModelNameAmbiguous):
            return None
        return entry.id + variants

    def _names(self, catalogue: Catalogue | None) -> tuple[NameRow, ...]:
        answering = set() if catalogue is None else {found.name for found in catalogue.listed() if found.preset}
        return tuple(_name_row(own, answers=own.name in answering) for own in self.presets.overview())

    def _rows(self) -> tuple[ModelRow, ...]:
        catalogue = self.cache.snapshot
        return () if catalogue is None else tuple(_rows(catalogue, self.selection.ticks or ()))


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
    excerpt = _shortened(preset.system, EXCERPT_LENGTH)
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
        created_s=max(entry.created, 0),
        description=_shortened(entry.description or "", DESCRIPTION_LENGTH),
    )


def _price(usd: Decimal | None) -> str | None:
    return None if usd is None else f"{usd.normalize():f}"


def _shortened(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[: length - 1]}…"


def routes(desk: ModelsDesk) -> list[Route]:
    """Return what the page asks for about models and names."""

    async def state(_request: Request) -> Response:
        return reply(desk.state())

    async def allow(request: Request) -> Response:
        await desk.allow((await read(request, _ModelsToAllow)).allowed)
        return done()

    async def find(request: Request) -> Response:
        return reply(await desk.find((await read(request, _ListToFind)).text))

    async def refresh(_request: Request) -> Response:
        await desk.refresh()
        return done()

    async def keep_name(request: Request) -> Response:
        wanted = await read(request, _NameToKeep)
        await desk.keep_name(wanted.name, kept=wanted.kept)
        return done()

    async def add_name(request: Request) -> Response:
        wanted = await read(request, _NameToAdd)
        await desk.add_name(wanted.name, wanted.model, wanted.system)
        return done()

    return [
        Route("/api/models", state),
        Route("/api/models", allow, methods=["POST"]),
        Route("/api/models/find", find, methods=["POST"]),
        Route("/api/models/refresh", refresh, methods=["POST"]),
        Route("/api/names", keep_name, methods=["POST"]),
        Route("/api/names/add", add_name, methods=["POST"]),
    ]
