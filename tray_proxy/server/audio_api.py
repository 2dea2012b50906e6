"""The handler of `/v1/audio/transcriptions`."""

from tray_proxy.server.asgi import JSON, TEXT, announced_bytes, header, read_into
from tray_proxy.server.conversation import buy, prepared
from tray_proxy.server.endpoint import Call
from tray_proxy.translate import chat, transcription

# OpenAI's and Ollama's.
MAX_FORM_BYTES = 25 * 1024 * 1024


async def transcriptions(call: Call) -> None:
    """`POST /v1/audio/transcriptions`."""
    # Late, with its library: few ever send sound.
    from tray_proxy.server.multipart import Form

    form = Form(header(call.scope, "content-type"), MAX_FORM_BYTES, announced_bytes(call.scope))
    fields = await read_into(form, call.receive)
    # First what is wrong with the request itself, as Ollama does.
    request = transcription.to_request({name: part.content for name, part in fields.items()})
    found = await call.find(request.model)
    transcription.check_hears(found.model, found.asked)
    translated = transcription.to_chat(request, fields["file"].file_name, found.preset)
    chat.check(translated.request, found.model, found.asked)
    question = prepared(call, found, translated)
    stream, as_text = bool(request.stream), request.response_format == transcription.TEXT
    # They hold the recording; the answer needs none of it.
    del form, fields, request, translated
    writer = transcription.TranscriptWriter(as_text=as_text)
    await buy(call, found, lambda: writer, question, stream=stream, whole_type=TEXT if as_text else JSON)
