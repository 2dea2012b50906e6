"""The handlers of Anthropic's dialect: `/v1/messages`, and how many tokens a request to it would have."""

from tray_proxy.server.asgi import BodyDecoder, Reply, json_reply, read_body
from tray_proxy.server.conversation import buy, prepared
from tray_proxy.server.endpoint import Call
from tray_proxy.translate import anthropic, chat
from tray_proxy.translate.anthropic_events import MessageWriter
from tray_proxy.translate.model_info import sees, thinks
from tray_proxy.translate.presets import applied
from tray_proxy.wire.anthropic import CountTokensResponse, MessagesRequest

_read_messages = BodyDecoder(MessagesRequest, empty="EOF")


async def messages(call: Call) -> None:
    """`POST /v1/messages`."""
    request = _read_messages(await read_body(call.scope, call.receive))
    anthropic.check(request)
    found = await call.find(request.model)
    translated = anthropic.to_chat(request, thinks=thinks(found.model), sees=sees(found.model))
    chat.check(translated.request, found.model, found.asked)
    writer = MessageWriter(
        call.record.request_id,
        found.asked,
        input_tokens=anthropic.estimate(applied(found.preset, translated.request)),
        stops=request.stop_sequences or (),
    )
    question = prepared(call, found, translated)
    stream = bool(request.stream)
    # They may hold megabytes of pictures; the answer needs none of it.
    del request, translated
    await buy(call, found, lambda: writer, question, stream=stream)


async def count_tokens(call: Call) -> Reply:
    """`POST /v1/messages/count_tokens`: an estimate, for which nobody is asked."""
    request = _read_messages(await read_body(call.scope, call.receive))
    anthropic.check(request, counts=True)
    found = await call.find(request.model)
    translated = anthropic.to_chat(request, thinks=thinks(found.model), sees=sees(found.model))
    return json_reply(CountTokensResponse(anthropic.estimate(applied(found.preset, translated.request))))
