"""What each way of buying begins with: the owner's limits are asked. What they let pass has a bill to be settled."""

from msgspec import UNSET

from tray_proxy.budget import Bill
from tray_proxy.callers import identify
from tray_proxy.server.asgi import Scope, header
from tray_proxy.server.endpoint import Call
from tray_proxy.translate.prices import prices, prompt_tokens, text_tokens
from tray_proxy.wire.openrouter import CompletionRequest, ModelEntry


def admitted(call: Call, model: ModelEntry, completion: CompletionRequest) -> Bill:
    """
    Let a conversation pass.

    Raises:
        NotBought: the owner's limits are in the way.
    """
    most = completion.max_tokens
    return call.deps.budget.admit(
        lambda: _app(call.scope),
        prices(model),
        prompt_tokens(completion),
        0 if most is UNSET else most * (completion.n or 1),
        model=model.id,
    )


def admitted_texts(call: Call, model: ModelEntry, texts: list[str], *, goes_on: bool) -> Bill:
    """
    Let texts pass that are to be embedded.

    Args:
        goes_on: Whether they belong to a request of which a part was bought.

    Raises:
        NotBought: the owner's limits are in the way.
    """
    return call.deps.budget.admit(
        lambda: _app(call.scope), prices(model), text_tokens(texts), model=model.id, goes_on=goes_on
    )


def judge_texts(call: Call, model: ModelEntry, texts: list[str]) -> None:
    """
    Judge all texts of a request together, before the first portion of them is bought.

    Raises:
        RequestTooDear: they could cost more than one request may.
    """
    call.deps.budget.limits.judge(prices(model).of(text_tokens(texts), 0))


def _app(scope: Scope) -> str:
    """Say who asks: a program's id, or the name it gives itself."""
    caller = identify(header(scope, "user-agent"), header(scope, "origin"))
    return caller.id or caller.name
