"""
What a request costs, as far as that can be told before it is asked: list prices, and tokens estimated from bytes.

The bill is OpenRouter's `usage.cost`. An estimate stands in for it while a request is under way, and where no bill
comes.

Source: OpenRouter docs, "Models" (`pricing`, strings in US dollars per token) and "Web Search".
"""

from typing import Any

import msgspec
from msgspec import UNSET

from tray_proxy.wire.openrouter import AudioPart, CompletionRequest, ImagePart, ModelEntry, Spliced

# About what English has, and not far from what Chinese has, which takes three bytes a character.
BYTES_PER_TOKEN = 4
# Of a large picture; how large one is, its base64 does not tell. Source: Anthropic's docs, "Vision".
PICTURE_TOKENS = 1600
# Base64 of sound, between the 80 characters of thrifty speech and the 4,000 of a plain recording.
SOUND_BYTES_PER_TOKEN = 500
# A router bills the price of whichever model it chooses. Until it has, it is taken for a good one.
UNKNOWN_USD = (3e-6, 15e-6)
# Five results of a search, which is charged for beside the model, and with free ones too.
SEARCH_USD = 0.02
_SEARCHES = ":online"
# What stands among the prices and is none: a part that prices are lowered by.
_NO_PRICES = ("discount",)
# Nothing costs so much: such a figure is damaged, and what is reckoned with it would be no number any more.
NO_PRICE_USD = 1000.0
# More than there are models; apps may string variants of them together at will.
MAX_KNOWN = 2000


class Prices(msgspec.Struct, frozen=True, gc=False):
    """US dollars: for a token of the prompt, for one of the answer, and for the request itself."""

    prompt_usd: float
    completion_usd: float
    request_usd: float = 0.0
    # Whether something else has a price, pictures or searches, or one that cannot be read.
    has_more: bool = False

    @property
    def is_free(self) -> bool:
        """Whether nothing is charged, however long it becomes."""
        return not (self.prompt_usd or self.completion_usd or self.request_usd or self.has_more)

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Say what a request costs, in US dollars."""
        return self.request_usd + self.prompt_usd * prompt_tokens + self.completion_usd * completion_tokens


# By a model's id: the list that they were read from, and they themselves. Each question needs them, before it is asked.
_KNOWN: dict[str, tuple[dict[str, Any], Prices]] = {}


def prices(model: ModelEntry) -> Prices:
    """Give a model's prices; what is not told, or varies, is taken for `UNKNOWN_USD`."""
    known = _KNOWN.get(model.id)
    if known is not None and known[0] is model.pricing:
        return known[1]
    if len(_KNOWN) >= MAX_KNOWN:
        _KNOWN.clear()
    read = _read(model)
    _KNOWN[model.id] = model.pricing, read
    return read


def _read(model: ModelEntry) -> Prices:
    listed = model.pricing
    prompt, completion = _usd(listed.get("prompt")), _usd(listed.get("completion"))
    request = _usd(listed.get("request")) or 0.0
    if _SEARCHES in model.id:
        request += SEARCH_USD
    return Prices(
        UNKNOWN_USD[0] if prompt is None else prompt,
        UNKNOWN_USD[1] if completion is None else completion,
        request,
        any(_usd(price) != 0 for kind, price in listed.items() if kind not in _NO_PRICES and price is not None),
    )


def _usd(price: Any) -> float | None:
    try:
        usd = float(price)
    except (TypeError, ValueError):
        return None
    return usd if 0 <= usd < NO_PRICE_USD else None


def prompt_tokens(request: CompletionRequest) -> int:
    """Estimate how many tokens a prompt has: its texts by their bytes, pictures and sound by what they usually take."""
    size = tokens = 0
    for message in request.messages:
        content = message.content
        if isinstance(content, str):
            # As `_bytes`: nearly every message is one text.
            size += len(content) if content.isascii() else _bytes(content)
        elif isinstance(content, list):
            for part in content:
                if isinstance(part, ImagePart):
                    tokens += PICTURE_TOKENS
                elif isinstance(part, AudioPart):
                    tokens += _length(part.input_audio.data) // SOUND_BYTES_PER_TOKEN
                else:
                    size += _bytes(part.text)
        for call in message.tool_calls or ():
            size += _bytes(call.function.arguments)
        if message.reasoning_details:
            size += len(memoryview(message.reasoning_details))
        elif message.reasoning:
            size += _bytes(message.reasoning)
    for tool in request.tools or ():
        size += len(memoryview(tool))
    if request.prediction is not UNSET:
        # What of it does not come true is charged for as if it had been said.
        size += len(msgspec.json.encode(request.prediction))
    return tokens + size // BYTES_PER_TOKEN + len(request.messages)


def text_tokens(texts: list[str]) -> int:
    """Estimate how many tokens texts have that are to be embedded."""
    return sum(map(_bytes, texts)) // BYTES_PER_TOKEN + len(texts)


def _bytes(text: str) -> int:
    # Of ASCII both are the same, and known without a look at the text.
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def _length(data: str | Spliced) -> int:
    return len(data) if isinstance(data, str) else len(data.tail)
