"""The handler of `/v1/responses`."""

import time

from tray_proxy.server.asgi import BodyDecoder, read_body
from tray_proxy.server.conversation import buy, prepared
from tray_proxy.server.endpoint import Call
from tray_proxy.translate import chat
from tray_proxy.translate import responses as items
from tray_proxy.translate.response_events import ResponseWriter, begun
from tray_proxy.wire.responses import ResponsesRequest

_read = BodyDecoder(ResponsesRequest, empty="EOF")


async def responses(call: Call) -> None:
    """`POST /v1/responses`."""
    request = _read(await read_body(call.scope, call.receive))
    # First what is wrong with the request itself, as Ollama does.
    translated, names = items.to_chat(request)
    found = await call.find(request.model)
    chat.check(translated.request, found.model, found.asked)
    question = prepared(call, found, translated)
    writer = ResponseWriter(begun(request, call.record.request_id, int(time.time()), found.asked), names)
    stream = bool(request.stream)
    # They may hold megabytes of pictures; the answer needs none of it.
    del request, translated
    await buy(call, found, lambda: writer, question, stream=stream)
