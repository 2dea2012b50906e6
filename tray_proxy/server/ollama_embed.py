"""`/api/embed` and `/api/embeddings`: vectors, bought in as many requests as they take."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from tray_proxy.catalogue import Found
from tray_proxy.errors import ContextExceeded, UnsupportedRequest
from tray_proxy.openrouter.upload import Fate
from tray_proxy.server.asgi import BodyDecoder, Reply, encode, json_reply, read_body
from tray_proxy.server.endpoint import Call
from tray_proxy.server.exchange import Purchase
from tray_proxy.server.payment import admitted_texts, judge_texts
from tray_proxy.translate import embed as embeds
from tray_proxy.translate.keep_alive import to_seconds
from tray_proxy.translate.options import to_parameters
from tray_proxy.wire import ollama
from tray_proxy.wire.openrouter import Usage

_read_embed = BodyDecoder(ollama.EmbedRequest)
_read_embeddings = BodyDecoder(ollama.EmbeddingsRequest)


def write_numbers(vector: list[float]) -> msgspec.Raw:
    """Write a vector as a list of numbers."""
    return msgspec.Raw(encode(vector))


@dataclass
class Order:
    """
    What one request wants.

    Args:
        truncate: Whether texts may be cut to the model's context.
        dimensions: As the app gave it.
        write: Writes a vector as the dialect that asked does.
    """

    call: Call
    found: Found
    texts: list[str]
    keep_alive_s: float | None
    truncate: bool
    dimensions: int | None = None
    write: Callable[[list[float]], msgspec.Raw] = write_numbers
    tokens: int = 0
    _has_asked: bool = field(default=False, init=False)

    async def buy(self, answer: Callable[[list[msgspec.Raw]], object]) -> None:
        """
        Buy the vectors, and send the answer made of them.

        Args:
            answer: Makes it.

        Raises:
            UnsupportedRequest: the model does not embed, or a text is too long for it.
            RequestTooDear: all of it could cost more than the owner lets one request.
            ProxyError: as `Purchase.buy`.
        """
        embeds.check(self.found.model)
        call = self.call
        judge_texts(call, self.found.model, self.texts)
        purchase = Purchase(call.deps, call.scope, call.receive, call.send, call.record, self.found.asked)

        async def run() -> None:
            with call.deps.loaded.in_use(self.found.name, self.keep_alive_s, time.time):
                vectors = await self._vectors()
            await purchase.reply(json_reply(answer(vectors)))

        await purchase.buy(run())

    async def _vectors(self) -> list[msgspec.Raw]:
        written: list[msgspec.Raw] = []
        for portion in embeds.portions(self.texts):
            vectors = await self._ask(portion)
            self.call.deps.listings.learn_vector_length(self.found.model.id, len(vectors[0]))
            # Written at once: thousands of vectors at the end would hold up every other answer for a while.
            written += (self.write(embeds.to_unit(vector, self.dimensions)) for vector in vectors)
        return written

    async def _ask(self, texts: list[str]) -> list[list[float]]:
        for attempt in embeds.ever_shorter(texts, self.found.model) if self.truncate else [texts]:
            request = embeds.to_embedding_request(attempt, self.found.model)
            bill = admitted_texts(self.call, self.found.model, attempt, goes_on=self._has_asked)
            self._has_asked = True
            fate, usage = Fate(), None
            try:
                reply = await self.call.deps.client.embed(request, self.found.asked, fate)
                usage = reply.usage
            except ContextExceeded:
                continue
            finally:
                bill.settle(usage or fate.usage, lambda: 0, was_asked=fate.may_cost)
            self._account(reply.usage or Usage())
            return embeds.to_vectors(reply, len(texts))
        if self.truncate and len(texts) > 1:
            # Some providers limit the tokens of all texts together, and say it in the same words. Or one of the texts
            # must be cut further, and is to be found.
            middle = len(texts) // 2
            return await self._ask(texts[:middle]) + await self._ask(texts[middle:])
        raise UnsupportedRequest("the input length exceeds the context length")

    def _account(self, usage: Usage) -> None:
        record = self.call.record
        self.tokens += usage.prompt_tokens or 0
        cost = record.usage.cost if usage.cost is None else (record.usage.cost or 0.0) + usage.cost
        record.usage = Usage(prompt_tokens=self.tokens, cost=cost)


async def embed(call: Call) -> Reply | None:
    """`POST /api/embed`. Without a text it loads the model, whatever that can do, and costs nothing."""
    started_ns = time.monotonic_ns()
    request = _read_embed(await read_body(call.scope, call.receive))
    keep_alive_s = to_seconds(request.keep_alive)
    texts = embeds.to_texts(request.input)
    found = await call.find(request.model)
    to_parameters(request.options)
    if not texts:
        call.deps.loaded.used(found.name, keep_alive_s, time.time())
        return json_reply(ollama.EmbedResponse(model=found.asked, embeddings=[]))
    order = Order(call, found, texts, keep_alive_s, request.truncate is not False, request.dimensions)
    loaded_ns = time.monotonic_ns()
    await order.buy(
        lambda vectors: embeds.to_response(
            vectors,
            found.asked,
            order.tokens,
            started_ns=started_ns,
            loaded_ns=loaded_ns,
            now_ns=time.monotonic_ns(),
        )
    )
    return None


async def embeddings(call: Call) -> Reply | None:
    """`POST /api/embeddings`, the old way: one text, which is never cut."""
    request = _read_embeddings(await read_body(call.scope, call.receive))
    keep_alive_s = to_seconds(request.keep_alive)
    found = await call.find(request.model)
    to_parameters(request.options)
    if not request.prompt:
        call.deps.loaded.used(found.name, keep_alive_s, time.time())
        return json_reply(ollama.EmbeddingsResponse(msgspec.Raw(b"[]")))
    order = Order(call, found, [request.prompt], keep_alive_s, truncate=False)
    await order.buy(lambda vectors: ollama.EmbeddingsResponse(vectors[0]))
    return None
