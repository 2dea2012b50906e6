"""
Keys in any case, as Go reads them: `{"Model": …}` means `model`.

That is so for the fields of a request and of what is in it (messages, tool calls), never for the keys of what
the app names itself: options, schemas, arguments.

Source: Go's `encoding/json` (Unmarshal).
"""

import re

import msgspec
from msgspec import inspect

# What looks like a key with a capital letter. Fields' names are short; without a limit a picture would be read twice.
_CAPITALISED = re.compile(rb'"(?=[a-z_]{0,30}[A-Z])([A-Za-z_]{1,30})"\s*:')

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

    def restore(self, body: bytes | bytearray | memoryview) -> bytes | bytearray | memoryview:
        """
        Return the request with its keys in lower case, which is the request itself where nothing was to be done.

        Where a key stands there twice, the last one counts.

        Raises:
            msgspec.DecodeError: it is not JSON.
        """
        if all(key[1].lower() not in self._names for key in _CAPITALISED.finditer(body)):
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
            for key, member in members.items():
                name = key.casefold() if key.casefold() in fields else key
                below = fields.get(name)
                renamed[name] = _renamed(member, below) if below else member
            return renamed
        case list() as items:
            return [_renamed(item, fields) for item in items]
        case _:
            return value
