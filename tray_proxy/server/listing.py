"""
The answers of `/api/tags` and `/api/show`, made once and kept as bytes.

Apps read the whole list when they start, with one show per model, many of them all at once, and one that fails costs
them all. Nothing here waits for anybody: a list from the saved copy is answered as fast as a fresh one.
"""

from dataclasses import replace
from functools import cached_property

import msgspec

from tray_proxy.catalogue import Catalogue, Found
from tray_proxy.server.asgi import encode
from tray_proxy.translate import model_info
from tray_proxy.translate.model_info import Place
from tray_proxy.translate.openai import to_model
from tray_proxy.translate.presets import Preset, merged_options
from tray_proxy.wire import ollama, openai


def with_own_words(found: Found, request: ollama.ShowRequest) -> Found:
    """
    Put what a show request says of itself in the place of the model's own.

    Source: Ollama's `server/routes.go` (GetModelInfo).
    """
    if not request.system and not request.options:
        return found
    preset = found.preset or Preset(model=found.model.id)
    said = msgspec.structs.replace(
        preset, system=request.system or preset.system, parameters=merged_options(preset, request.options)
    )
    return replace(found, preset=said)


class Listing:
    """
    The answers about one catalogue.

    Args:
        base_url: Where the models are asked.
        vector_lengths: How long the vectors of embedding models are, by id, as far as answers have shown it.
    """

    def __init__(self, catalogue: Catalogue, base_url: str, vector_lengths: dict[str, int]) -> None:
        self._catalogue = catalogue
        self._place = Place(model_info.remote_host(base_url), catalogue.fetched_s)
        self._vector_lengths = vector_lengths
        self._shown: dict[str, bytes] = {}

    @cached_property
    def _listed(self) -> dict[str, Found]:
        return {found.name: found for found in self._catalogue.listed()}

    @property
    def count(self) -> int:
        """How many names there are."""
        return len(self._listed)

    @cached_property
    def tags(self) -> bytes:
        """The body of `/api/tags`: every name, newest first."""
        rows = [self.row(found) for found in self._listed.values()]
        rows.sort(key=lambda row: row.modified_at, reverse=True)
        return encode(ollama.ListResponse(rows))

    @cached_property
    def openai_models(self) -> bytes:
        """The body of `/v1/models`: the same names in the same order."""
        rows = msgspec.json.decode(self.tags, type=ollama.ListResponse).models
        return encode(openai.ModelList(data=[to_model(row, row.name) for row in rows]))

    def row(self, found: Found) -> ollama.ListedModel:
        """Return the model's entry in `/api/tags`."""
        return model_info.listed(
            found.model,
            self._place,
            name=found.name,
            preset=found.preset,
            vector_length=self._vector_lengths.get(found.model.id, 0),
        )

    def show(self, found: Found, *, label: str | None = None) -> bytes:
        """
        Return the body of `/api/show`.

        Args:
            label: Stands in for the display name.
        """
        listed = self._listed.get(found.name)
        # What is not in the list (`:nitro` after any name) could be asked for in endless variety.
        as_listed = listed is not None and (listed.model, listed.preset) == (found.model, found.preset)
        if label is not None or not as_listed:
            return self._made(found, label)
        if found.name not in self._shown:
            self._shown[found.name] = self._made(found, None)
        return self._shown[found.name]

    def _made(self, found: Found, label: str | None) -> bytes:
        vector_length = self._vector_lengths.get(found.model.id, 0)
        answer = model_info.shown(
            found.model,
            self._place,
            name=found.name,
            preset=found.preset,
            label=label,
            vector_length=vector_length,
        )
        return encode(answer)


class Listings:
    """Keeps the answers about the present catalogue; another catalogue object, or a new fact, means new answers."""

    def __init__(self) -> None:
        self._vector_lengths: dict[str, int] = {}
        self._present: tuple[Catalogue, str, Listing] | None = None

    def of(self, catalogue: Catalogue, base_url: str) -> Listing:
        """Return the answers about a catalogue."""
        if self._present is None or self._present[0] is not catalogue or self._present[1] != base_url:
            self._present = (catalogue, base_url, Listing(catalogue, base_url, self._vector_lengths))
        return self._present[2]

    def learn_vector_length(self, model_id: str, length: int) -> None:
        """Note how long an embedding model's vectors are; the catalogue does not know it."""
        if self._vector_lengths.get(model_id) != length:
            self._vector_lengths[model_id] = length
            self._present = None
