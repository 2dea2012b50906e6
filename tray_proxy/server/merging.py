"""
Lists of OpenRouter's models and of a real Ollama's, as one.

Which is which is told as Ollama tells its own cloud's models: OpenRouter's have a `remote_host`, local ones have none.
A local model that Ollama does not vouch for just now is marked with `"offline": true`.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from tray_proxy.errors import OllamaAway, ProxyError
from tray_proxy.neighbour.models import LIST_TIMEOUT_S, LocalModels
from tray_proxy.server.asgi import Reply, encode
from tray_proxy.server.endpoint import Call, Handler


class _Row(msgspec.Struct):
    """What rows are told apart and sorted by."""

    name: str = ""
    id: str = ""
    modified_at: str = ""
    expires_at: str = ""
    created: int = 0


class _Lists(msgspec.Struct):
    """The list in an answer of ours, under the one name or the other."""

    models: list[msgspec.Raw] = []
    data: list[msgspec.Raw] = []


_read_row = msgspec.json.Decoder(_Row).decode
_read_lists = msgspec.json.Decoder(_Lists).decode
_read_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


async def tags(call: Call, handler: Handler, local: LocalModels) -> Reply:
    """`/api/tags`, newest first. A list of OpenRouter's that is not to be had does not hide the local models."""
    known = await local.known()
    rows = [(_unix_s(listed.at), _as_known(listed.row, fresh=known.fresh)) for listed in known.rows]
    return await _merged(call, handler, local, "models", rows)


async def openai_models(call: Call, handler: Handler, local: LocalModels) -> Reply:
    """`/v1/models`: the same names in the same order."""
    known = await local.known()
    rows = []
    for listed in known.rows:
        created_s = _unix_s(listed.at)
        row = {"id": listed.name, "object": "model", "created": int(created_s), "owned_by": _owner(listed.name)}
        rows.append((created_s, _as_known(encode(row), fresh=known.fresh)))
    return await _merged(call, handler, local, "data", rows)


async def processes(call: Call, handler: Handler, local: LocalModels) -> Reply:
    """`/api/ps`, those that stay longest first."""
    try:
        running = await local.client.processes(LIST_TIMEOUT_S)
    except OllamaAway:
        running = []
    return await _merged(call, handler, local, "models", [(_unix_s(listed.at), listed.row) for listed in running])


# By path; the others are no lists.
LISTS: dict[str, Callable[[Call, Handler, LocalModels], Awaitable[Reply]]] = {
    "/api/tags": tags,
    "/v1/models": openai_models,
    "/api/ps": processes,
}


async def _merged(
    call: Call, handler: Handler, local: LocalModels, field: str, rows: list[tuple[float, bytes]]
) -> Reply:
    """
    Put rows into the list of OpenRouter's models.

    Args:
        field: Where the list stands in the answer.
        rows: Each with the Unix time that it is sorted by.
    """
    ours: list[tuple[float, bytes]] = []
    try:
        if reply := await handler(call):
            ours = [row for each in getattr(_read_lists(reply.body), field) if (row := _sortable(each, local))]
    except ProxyError:
        if not rows:
            raise
    call.record.models = len(ours) + len(rows)
    merged = b",".join(row for _, row in sorted(ours + rows, key=lambda row: -row[0]))
    head = b'{"object":"list",' if field == "data" else b"{"
    return Reply(200, head + b'"' + field.encode() + b'":[' + merged + b"]}")


def _sortable(row: msgspec.Raw, local: LocalModels) -> tuple[float, bytes] | None:
    read = _read_row(row)
    # A local name hides what OpenRouter has under it: whoever calls it gets the local model.
    if local.names.knows(read.name or read.id):
        return None
    return read.created or _unix_s(read.expires_at or read.modified_at), bytes(row)


def _as_known(row: bytes, *, fresh: bool) -> bytes:
    return row if fresh else encode(_read_object(row) | {"offline": True})


def _owner(name: str) -> str:
    """
    Return the namespace in a name, as Ollama tells it.

    Source: Ollama's `openai/openai.go` (ToListCompletion).
    """
    return name.rpartition("/")[0].rpartition("/")[2] or "library"


def _unix_s(text: str) -> float:
    """Read a time as Go writes it; 0 for what is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
