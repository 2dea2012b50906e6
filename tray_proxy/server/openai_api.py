"""One short handler for each route of OpenAI's dialect under `/v1`, but for `/v1/responses` and sound."""

import base64
import time
from array import array
from sys import byteorder

import msgspec

from tray_proxy import catalogue
from tray_proxy.errors import BadRequest
from tray_proxy.server.asgi import JSON, BodyDecoder, Reply, json_reply, read_body
from tray_proxy.server.conversation import buy, prepared, to_question
from tray_proxy.server.endpoint import Call
from tray_proxy.server.ollama_embed import Order, write_numbers
from tray_proxy.translate import chat, generate, openai
from tray_proxy.translate import completions as texts
from tray_proxy.translate import embed as embeds
from tray_proxy.translate.chat import Translated
from tray_proxy.wire import openai as wire

_read_chat = BodyDecoder(wire.ChatCompletionRequest, empty="EOF")
_read_completion = BodyDecoder(wire.CompletionRequest, empty="EOF")
_read_embeddings = BodyDecoder(wire.EmbeddingsRequest, empty="EOF")


async def chat_completions(call: Call) -> None:
    """`POST /v1/chat/completions`."""
    request = _read_chat(await read_body(call.scope, call.receive))
    # First what is wrong with the request itself, as Ollama does.
    translated = openai.to_chat(request)
    found = await call.find(request.model)
    chat.check(translated.request, found.model, found.asked)
    question = prepared(call, found, translated)
    stream, tells_usage = bool(request.stream), _tells_usage(request.stream_options)
    # They may hold megabytes of pictures; the answer needs none of it.
    del request, translated
    writer = openai.ChatWriter(_answer_id(call, "chatcmpl"), int(time.time()), found.asked, tells_usage=tells_usage)
    await buy(call, found, lambda: writer, question, stream=stream)


async def completions(call: Call) -> None:
    """`POST /v1/completions`."""
    request = _read_completion(await read_body(call.scope, call.receive))
    asked = texts.to_generate(request)
    found = await call.find(request.model)
    generate.check(asked, found.model, found.asked)
    more = openai.sent_on(request)
    question = to_question(call, found, Translated(generate.to_chat_request(asked, found.preset), more))
    stream, tells_usage = bool(request.stream), _tells_usage(request.stream_options)
    # As above: a failure is remembered with all that was at hand when it happened.
    del request, asked
    writer = texts.TextWriter(_answer_id(call, "cmpl"), int(time.time()), found.asked, tells_usage=tells_usage)
    await buy(call, found, lambda: writer, question, stream=stream)


async def embeddings(call: Call) -> None:
    """`POST /v1/embeddings`."""
    request = _read_embeddings(await read_body(call.scope, call.receive))
    form = (request.encoding_format or "float").lower()
    if form not in ("float", "base64"):
        raise BadRequest(
            f"Invalid value for 'encoding_format' = {request.encoding_format}. Supported values: ['float', 'base64']."
        )
    # Ollama takes an empty text for one here, and under `/api` for none.
    given = [""] if request.input == "" else embeds.to_texts(request.input)
    if not given:
        raise BadRequest("invalid input")
    found = await call.find(request.model)
    write = _write_base64 if form == "base64" else write_numbers
    order = Order(call, found, given, None, truncate=True, dimensions=request.dimensions, write=write)
    await order.buy(lambda vectors: _to_list(vectors, found.asked, order.tokens))


async def models(call: Call) -> Reply:
    """`GET /v1/models`: the names of `/api/tags`, in the same order."""
    await call.deps.catalogue.catalogue(wait_s=catalogue.FIRST_LIST_S)
    listing = await call.listing()
    call.record.models = listing.count
    return Reply(200, listing.openai_models, JSON)


async def model(call: Call) -> Reply:
    """`GET /v1/models/{id}`, whose slashes may be written as they are or as `%2F`."""
    found = await call.find(call.scope["path_params"]["model"])
    return json_reply(openai.to_model((await call.listing()).row(found), found.asked))


def _tells_usage(options: wire.StreamOptions | None) -> bool:
    return options is not None and options.include_usage is True


def _answer_id(call: Call, kind: str) -> str:
    """Name an answer by its request's id, by which it is found in the log."""
    return f"{kind}-{call.record.request_id}"


def _write_base64(vector: list[float]) -> msgspec.Raw:
    numbers = array("f", vector)
    if byteorder == "big":
        numbers.byteswap()
    return msgspec.Raw(b'"' + base64.b64encode(numbers.tobytes()) + b'"')


def _to_list(vectors: list[msgspec.Raw], asked: str, tokens: int) -> wire.EmbeddingList:
    data = [wire.Embedding(embedding=vector, index=at) for at, vector in enumerate(vectors)]
    return wire.EmbeddingList(data=data, model=asked, usage=wire.EmbeddingUsage(max(tokens, 1), max(tokens, 1)))
