"""
Keys in any case, as Go reads them: `{"Model": …}` means `model`.

That is so for the fields of a request and of what is in it (messages, tool calls), never for the keys of what
the app names itself: options, schemas, arguments.

Source: Go's `encoding/json` (Unmarshal).
"""

import json
import re

import msgspec
from msgspec import inspect

from tray_proxy.server.nesting import Body

# What looks like a key with a capital letter. Fields' names are short; without a limit long texts would be read twice.
_CAPITALISED = re.compile(rb'"([a-z_]{0,30}+[A-Z][A-Za-z_]{0,30}+)"\s*:')

# Each field, and the fields of what is in it.
type Fields = dict[str, Fields | None]

_read = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw] | str | float | bool | None).decode


class KeyCase:
    """
    Puts the keys of requests of one shape right.

    Args:
        shape: A struct; its fields' names are in lower case.
    """

    def __init__(self, shape: type) -> None:
        self._fields = _fields_of(inspect.type_info(shape)) or {}
        self._names = _all_names(self._fields)

    def restore(self, body: Body, outlined: bytes | bytearray) -> Body:
        """
        Return the request with its keys in lower case, which is the request itself where nothing was to be done.

        Where a key stands there twice, the last one counts.

        Args:
            outlined: Its outline, in which all of its keys are.

        Raises:
            msgspec.DecodeError: it is not JSON.
        """
        for key in _CAPITALISED.finditer(outlined):
            if key[1].lower() in self._names:
                break
        else:
            return body
        return msgspec.json.encode(_renamed(msgspec.Raw(body), self._fields))


def _fields_of(kind: inspect.Type) -> Fields | None:
    """Return the fields of a struct, or of the structs in a list; None for all else."""
    match kind:
        case inspect.StructType(fields=fields):
            return {field.encode_name: _fields_of(field.type) for field in fields}
        case inspect.ListType(item_type=item):
            return _fields_of(item)
        case inspect.UnionType(types=kinds):
            return next((found for each in kinds if (found := _fields_of(each))), None)
        case _:
            return None


def _all_names(fields: Fields) -> set[bytes]:
    names = {name.encode() for name in fields}
    return names.union(*(_all_names(below) for below in fields.values() if below))


def _renamed(value: msgspec.Raw, fields: Fields) -> object:
    """Rename the keys of an object, or of the objects in a list; what is none of ours stays as it was written."""
    match _read(value):
        case dict() as members:
            renamed: dict[str, object] = {}
            spelled = [(key.casefold() if key.casefold() in fields else key, key) for key in members]
            if len(dict(spelled)) < len(spelled):
                # A key that stood there before keeps its place in a dict, where the last one takes its value.
                last = _last_places(value)
                spelled.sort(key=lambda names: last[names[1]])
            for name, key in spelled:
                below = fields.get(name)
                renamed[name] = _renamed(members[key], below) if below else members[key]
            return renamed
        case list() as items:
            return [_renamed(item, fields) for item in items]
        case _:
            return value


def _last_places(value: msgspec.Raw) -> dict[str, int]:
    """Tell of each key of an object where it stands for the last time."""
    pairs = json.loads(bytes(value), object_pairs_hook=list, parse_int=str, parse_float=str)
    return {key: place for place, (key, _) in enumerate(pairs)}
