"""
OpenRouter's lists of models, read: what is odd in an entry costs no more than itself.

Four hundred entries are in memory as long as the program runs, so each word of them is there once.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, get_args

import msgspec
import structlog

from tray_proxy.translate.names import is_valid
from tray_proxy.wire.openrouter import ModelEntry, ModelPage

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ModelList:
    """What was read of one answer. The answer itself is not kept, only what it is known again by: it is half a MB."""

    digest: bytes
    entries: tuple[ModelEntry, ...]

    @classmethod
    def read(cls, page: bytes | msgspec.Raw, before: "ModelList | None" = None) -> "ModelList":
        """
        Read an answer of `GET /models`.

        Args:
            before: What was read last. It is returned where nothing has changed: a second list of the same, even for
                a moment, leaves holes in the memory that stay.

        Raises:
            msgspec.DecodeError, UnicodeDecodeError: it is no list.
        """
        digest = hashlib.sha256(page).digest()
        return before if before is not None and before.digest == digest else cls(digest, _entries(page))


def _entries(page: bytes | msgspec.Raw) -> tuple[ModelEntry, ...]:
    entries, known = [], _Known()
    for raw in msgspec.json.decode(page, type=ModelPage).data:
        try:
            entries.append(_with_shared(_entry(raw), known))
        except (ValueError, TypeError) as error:  # msgspec's own errors among them
            log.warning("catalogue entry skipped", error=str(error)[:200])
    return tuple(entries)


class _Known(dict[Any, Any]):
    """What was seen before, by itself: the same few words stand in each of four hundred entries, half of their size."""

    def __missing__(self, key: Any) -> Any:
        self[key] = key
        return key


def _with_shared(entry: ModelEntry, known: _Known) -> ModelEntry:
    return msgspec.structs.replace(
        entry,
        architecture=known[entry.architecture],
        top_provider=known[entry.top_provider],
        supported_parameters=known[tuple(known[word] for word in entry.supported_parameters)],
    )


def _entry(raw: msgspec.Raw) -> ModelEntry:
    try:
        entry = msgspec.json.decode(raw, type=ModelEntry)
    except msgspec.ValidationError:
        # A null where none should be, a number with a point: what can be read of the rest still counts.
        # The standard library's reader, because it also takes numbers that no float can hold.
        entry = _readable(ModelEntry, json.loads(bytes(raw)))
    if not is_valid(entry.id):
        raise ValueError("its id is no name")
    return entry


def _readable[T: msgspec.Struct](shape: type[T], facts: Any) -> T:
    """
    Read what fits its field; the others keep their defaults.

    Raises:
        ValueError, TypeError: it is no object, or a field without default is not to be had.
    """
    kept = {}
    for field in msgspec.structs.fields(shape):
        value = facts.get(field.encode_name) if isinstance(facts, dict) else None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, list):
            value = [each for each in value if isinstance(each, str)]
        try:
            kept[field.name] = msgspec.convert(value, field.type)
        except msgspec.ValidationError:
            nested = [each for each in (field.type, *get_args(field.type)) if isinstance(each, type(msgspec.Struct))]
            if nested and isinstance(value, dict):
                kept[field.name] = _readable(nested[0], value)
    return shape(**kept)


def as_embedding(entry: ModelEntry) -> ModelEntry:
    """Mark a model from the list of embedding models as one, also where its row does not say so."""
    about = entry.architecture
    if "embeddings" in about.output_modalities:
        return entry
    return msgspec.structs.replace(
        entry, architecture=msgspec.structs.replace(about, output_modalities=("embeddings",))
    )
