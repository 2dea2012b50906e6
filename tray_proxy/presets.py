"""The owner's own names (aliases and presets): put in force in the catalogue, kept in the user's settings file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import structlog

from tray_proxy import user_file
from tray_proxy.catalogue import CatalogueCache
from tray_proxy.errors import BodyTooLarge, ModelNotFound
from tray_proxy.translate.names import folded, is_valid, with_tag
from tray_proxy.translate.presets import Preset

# They are read whole at every start, and written whole at every change.
MAX_BYTES = 4 * 1024 * 1024
MAX_NAMES = 500
# What fits a menu; the page shows them all.
MENU_LENGTH = 15

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class OwnName:
    """
    A name of the owner's making.

    Args:
        name: As it is listed, with its tag.
        kept: False for one that was removed since the program started, and can be restored.
    """

    name: str
    preset: Preset
    kept: bool


class Presets:
    """
    The owner's own names. To be used from the event loop.

    Args:
        stored: The names as the settings file has them. What cannot be read is left out, and stays in the file.
        file: The user's settings file.
    """

    def __init__(self, cache: CatalogueCache, stored: Mapping[str, Any], file: Path) -> None:
        self._cache = cache
        self._file = file
        self._unreadable: dict[str, Any] = {}
        # Both by the folded name, which all spellings have in common.
        self._kept: dict[str, OwnName] = {}
        self._removed: dict[str, OwnName] = {}
        for name, raw in stored.items():
            try:
                self._kept |= _entry(name, _decoded(raw))
            except ValueError as error:  # msgspec's own errors among them
                self._unreadable[name] = raw
                log.warning("own name skipped", name=name, error=str(error))
        self._cache.name(self.named)

    @property
    def named(self) -> dict[str, Preset]:
        """What each listed name stands for."""
        return {own.name: own.preset for own in self._kept.values()}

    def overview(self) -> tuple[OwnName, ...]:
        """Return all own names by name, with those that were removed since the program started."""
        return tuple(sorted((self._removed | self._kept).values(), key=lambda own: own.name.casefold()))

    def get(self, name: str) -> OwnName | None:
        """Find an own name that is kept, in whatever spelling."""
        return self._kept.get(folded(name))

    def menu(self) -> tuple[OwnName, ...]:
        """Return the names for the tray menu: where they are too many, what was removed and the youngest."""
        own_names = self.overview()
        wanted = sorted(own_names, key=lambda own: (own.kept, -own.preset.created_s))[:MENU_LENGTH]
        return tuple(own for own in own_names if own in wanted)

    def store(self, name: str, preset: Preset) -> None:
        """
        Keep a preset under a valid name, in place of one that has this name already.

        Raises:
            SettingsInvalid: it could not be saved; nothing has changed.
            BodyTooLarge: they would be too many, or too much together; nothing has changed.
        """
        # Read back: pictures in its messages lie in the request's body, which need not stay for their sake.
        kept = self._kept | _entry(name, _decoded(_encoded(preset)))
        if len(kept) > MAX_NAMES:
            raise BodyTooLarge(f"there are {MAX_NAMES} names of one's own already: remove some")
        if not _fits_the_file(self._content(kept)):
            raise BodyTooLarge(
                f"names of one's own may hold {MAX_BYTES // 1024 // 1024} MiB together: "
                "remove some, or leave pictures out of their messages"
            )
        self._put(kept, self._removed)

    def remove(self, name: str) -> None:
        """
        Remove a name; until the program ends it can be restored.

        Raises:
            ModelNotFound: there is no such name.
            SettingsInvalid: the change could not be saved; nothing has changed.
        """
        own = self.get(name)
        if own is None:
            raise ModelNotFound(name)
        kept = {key: other for key, other in self._kept.items() if key != folded(name)}
        self._put(kept, self._removed | {folded(name): OwnName(own.name, own.preset, kept=False)})

    def restore(self, name: str) -> None:
        """
        Bring back a name that was removed.

        Raises:
            ModelNotFound: no name like this was removed since the program started.
            SettingsInvalid: the change could not be saved; nothing has changed.
        """
        own = self._removed.get(folded(name))
        if own is None:
            raise ModelNotFound(name)
        self.store(own.name, own.preset)

    def keep(self, name: str, *, kept: bool) -> None:
        """Do as a tick says: `restore` or `remove`; raises what they raise."""
        (self.restore if kept else self.remove)(name)

    def _put(self, kept: dict[str, OwnName], removed: dict[str, OwnName]) -> None:
        before = self._kept, self._removed
        # Before the names are put in force: the menu is drawn from them at once.
        self._kept, self._removed = kept, _youngest({key: own for key, own in removed.items() if key not in kept})
        try:
            user_file.save(self._file, {"presets": self._content(kept) or None})
        except BaseException:
            self._kept, self._removed = before
            raise
        self._cache.name(self.named)

    def _content(self, kept: Mapping[str, OwnName]) -> dict[str, Any]:
        return self._unreadable | {own.name: _encoded(own.preset) for own in kept.values()}


def _fits_the_file(content: object) -> bool:
    """Say whether it fits as it is written: far inside an object, the file's indentation weighs more than the text."""
    size = 0
    for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(content):
        size += len(piece.encode())
        if size > MAX_BYTES:
            return False
    return True


def _youngest(removed: dict[str, OwnName]) -> dict[str, OwnName]:
    """Drop what was removed longest ago where it is more than a menu, or the settings file, would hold."""
    left = dict(list(removed.items())[-MENU_LENGTH:])
    while sum(len(msgspec.json.encode(own.preset)) for own in left.values()) > MAX_BYTES:
        del left[next(iter(left))]
    return left


def _entry(name: str, preset: Preset) -> dict[str, OwnName]:
    if not is_valid(name):
        raise ValueError("it is no valid name")
    return {folded(name): OwnName(listed_name(name), preset, kept=True)}


def listed_name(name: str) -> str:
    """Write an own name as Ollama lists it: without its registry's prefixes, and never without a tag."""
    bare = name.strip().rpartition("://")[2]
    for prefix in ("registry.ollama.ai/", "library/"):
        if bare.casefold().startswith(prefix):
            bare = bare[len(prefix) :]
    return with_tag(bare)


def _decoded(content: object) -> Preset:
    # By way of JSON, for in it the pictures of messages stay as they lie there.
    preset = msgspec.json.decode(msgspec.json.encode(content), type=Preset)
    if not preset.model.strip():
        raise ValueError("it names no model")
    return preset


def _encoded(preset: Preset) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(preset))
    if preset.messages:
        # What a message does not have need not stand there as null.
        content["messages"] = [
            {name: value for name, value in message.items() if value is not None} for message in content["messages"]
        ]
    return content
