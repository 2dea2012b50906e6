"""
The way that every conversation takes, whichever dialect asks: translated once, bought once.

A handler reads its own dialect and names a writer for it; what a model can do, presets, what was thought before, and
which models are in use is seen to here.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tray_proxy.catalogue import Found
from tray_proxy.server.asgi import JSON
from tray_proxy.server.deal import Deal
from tray_proxy.server.endpoint import Call
from tray_proxy.server.exchange import Dialect, Exchange
from tray_proxy.server.payment import admitted
from tray_proxy.translate import chat
from tray_proxy.translate.chat import Translated
from tray_proxy.translate.options import stops_to_watch
from tray_proxy.translate.presets import applied
from tray_proxy.wire.openrouter import CompletionRequest


class Question(Struct, frozen=True):
    """What goes to OpenRouter, and the options that it was made of."""

    completion: CompletionRequest
    options: Mapping[str, Any] | None


def prepared(call: Call, found: Found, asked: Translated) -> Question:
    """
    Put what the preset adds into a request that passed `chat.check`, and translate it.

    Raises:
        BadRequest, UnsupportedRequest: a message or the format cannot be sent to this model.
    """
    if found.preset is not None:
        asked = msgspec.structs.replace(asked, request=applied(found.preset, asked.request))
    return to_question(call, found, asked)


def to_question(call: Call, found: Found, asked: Translated) -> Question:
    """
    Translate a request that is whole.

    Raises:
        BadRequest, UnsupportedRequest: as `prepared`.
    """
    completion = chat.to_completion_request(
        asked.request, found.model, found.asked, call.deps.memory.recall, asked.more, asked.budget
    )
    return Question(completion, asked.request.options)


async def buy(
    call: Call,
    found: Found,
    dialect: Callable[[], Dialect],
    question: Question,
    *,
    stream: bool,
    keep_alive_s: float | None = None,
    whole_type: str = JSON,
) -> None:
    """
    Buy the answer and send it.

    Args:
        dialect: Makes what writes the answer, once it is asked for.
        keep_alive_s: How long `/api/ps` names the model afterwards; None for Ollama's default.
        whole_type: The content type of a plain answer.

    Raises:
        NotBought: the owner's limits are in the way; nothing was asked.
        ProxyError: it failed before the client was sent anything.
    """
    deps, completion = call.deps, question.completion
    deal = Deal(admitted(call, found.model, completion), deps.client.stream(completion, found.asked))
    try:
        deal.begin(call.scope)
        exchange = Exchange(
            deps, call.scope, call.receive, call.send, call.record, found.asked, dialect(), whole_type, deal
        )
        deps.unknown_options.note(question.options)
        with deps.loaded.in_use(found.name, keep_alive_s, time.time) as using:
            stops = stops_to_watch(question.options)
            await exchange.run(completion, stream=stream, stops=stops, ending=using.end)
    finally:
        deal.close()
