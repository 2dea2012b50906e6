"""
An answer in OpenRouter's words: the chunks of a stream, or one result.

Source: OpenRouter's OpenAPI file, `ChatStreamChunk`, `ChatResult`, `ChatUsage`; docs, "Streaming" (comments,
the usage chunk with empty `choices`, `[DONE]`).
"""

from typing import Any

import msgspec

from tray_proxy.demo.answers import Answer, logprob_of, tokens
from tray_proxy.demo.thoughts import CLAUDE, OPENAI, closing_details

PROVIDER = "Demo"
COMMENT = b": OPENROUTER PROCESSING\n\n"
DONE = b"data: [DONE]\n\n"
TOKENS_PER_CHUNK = 3

# OpenAI gives a summary of its thoughts and encrypts them, Claude signs them, the others send them bare.
_REASONING_FORMATS = {
    "openai": ("reasoning.summary", "summary", OPENAI),
    "anthropic": ("reasoning.text", "text", CLAUDE),
    "google": ("reasoning.text", "text", "google-gemini-v1"),
}


def event(data: object) -> bytes:
    """Write one server-sent event."""
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


def chunks(answer: Answer, generation_id: str, created: int) -> list[dict[str, Any]]:
    """
    Give the chunks of a streamed answer: role, thinking, text or tool calls, finish, usage.

    Args:
        created: Seconds since 1970.
    """
    head = _head(answer, generation_id, created, "chat.completion.chunk")
    deltas = [
        {"role": "assistant", "content": ""},
        *(_reasoning_deltas(answer) if answer.shows_reasoning else []),
        *({"role": "assistant", "content": text} for text in _pieces(answer.text)),
        *_call_deltas(answer),
    ]
    stream = [{**head, "choices": [choice]} for delta in deltas for choice in _copies(answer, _choice(answer, delta))]
    finish = _copies(answer, _choice(answer, {"role": "assistant", "content": ""}, answer.finish_reason))
    ends = [{**head, "choices": [choice]} for choice in finish]
    return [*stream, *ends, {**head, "choices": [], "usage": usage(answer)}]


def result(answer: Answer, generation_id: str, created: int) -> dict[str, Any]:
    """Give the answer to a request without `stream`."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": answer.text if answer.text or not answer.calls else None,
        "refusal": None,
        "reasoning": None,
    }
    if answer.reasoning and answer.shows_reasoning:
        message["reasoning"] = answer.reasoning
        message["reasoning_details"] = _whole_details(answer)
    if answer.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.calls
        ]
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": answer.finish_reason,
        "native_finish_reason": _native(answer, answer.finish_reason),
        "logprobs": _logprobs(answer, answer.text),
    }
    head = _head(answer, generation_id, created, "chat.completion")
    return {**head, "system_fingerprint": None, "choices": _copies(answer, choice), "usage": usage(answer)}


def usage(answer: Answer) -> dict[str, Any]:
    """Count tokens, and say what they would have cost by the catalogue's price."""
    prompt, completion = answer.prompt_tokens, answer.completion_tokens
    prompt_cost, completion_cost = answer.model.cost_usd(prompt, 0), answer.model.cost_usd(0, completion)
    cost = answer.model.cost_usd(prompt, completion)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "cost": cost,
        "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens * answer.copies, "audio_tokens": 0},
        "cost_details": {
            "upstream_inference_cost": None,
            "upstream_inference_prompt_cost": prompt_cost,
            "upstream_inference_completions_cost": completion_cost,
        },
    }


def _head(answer: Answer, generation_id: str, created: int, kind: str) -> dict[str, Any]:
    return {
        "id": generation_id,
        "object": kind,
        "created": created,
        "model": answer.model.canonical_slug,
        "provider": PROVIDER,
    }


def _choice(answer: Answer, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {
        "index": 0,
        "delta": delta,
        "finish_reason": finish_reason,
        "native_finish_reason": _native(answer, finish_reason),
        "logprobs": _logprobs(answer, delta.get("content") or ""),
    }


def _copies(answer: Answer, choice: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**choice, "index": index} for index in range(answer.copies)]


def _native(answer: Answer, finish_reason: str | None) -> str | None:
    """Give the reason in the provider's own word: Anthropic tells a stop sequence from the end of a turn."""
    if finish_reason == "stop" and _vendor(answer) == "anthropic":
        return "stop_sequence" if answer.stopped else "end_turn"
    return finish_reason


def _pieces(text: str) -> list[str]:
    parts = tokens(text)
    return ["".join(parts[at : at + TOKENS_PER_CHUNK]) for at in range(0, len(parts), TOKENS_PER_CHUNK)]


def _reasoning_deltas(answer: Answer) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": "", "reasoning": text, "reasoning_details": [_detail(answer, text)]}
        for text in _pieces(answer.reasoning)
    ]
    closing = closing_details(_vendor(answer), answer.reasoning) if answer.reasoning else []
    if closing:
        deltas.append({"role": "assistant", "content": "", "reasoning_details": closing})
    return deltas


def _whole_details(answer: Answer) -> list[dict[str, Any]]:
    first, *rest = [_detail(answer, answer.reasoning), *closing_details(_vendor(answer), answer.reasoning)]
    # A signature belongs to the thought; what is encrypted is a detail of its own.
    return [first | rest[0]] if rest and rest[0]["type"] == first["type"] else [first, *rest]


def _vendor(answer: Answer) -> str:
    return answer.model.id.partition("/")[0]


def _detail(answer: Answer, text: str) -> dict[str, Any]:
    kind, key, form = _REASONING_FORMATS.get(_vendor(answer), ("reasoning.text", "text", "unknown"))
    return {"type": kind, key: text, "format": form, "index": 0}


def _call_deltas(answer: Answer) -> list[dict[str, Any]]:
    """Send id and name first, the arguments in pieces after them."""
    deltas: list[dict[str, Any]] = []
    for index, call in enumerate(answer.calls):
        opening = {"name": call.name, "arguments": ""}
        fragments: list[dict[str, Any]] = [
            {"index": index, "id": call.id, "type": "function", "function": opening},
            *({"index": index, "function": {"arguments": piece}} for piece in _pieces(call.arguments)),
        ]
        deltas += [{"role": "assistant", "content": None, "tool_calls": [piece]} for piece in fragments]
    return deltas


def _logprobs(answer: Answer, text: str) -> dict[str, Any] | None:
    if answer.top_logprobs is None:
        return None
    content = [
        {
            **_likelihood(token),
            "top_logprobs": [
                _likelihood(token if rank == 0 else f"{token}~{rank}", rank) for rank in range(answer.top_logprobs)
            ],
        }
        for token in tokens(text)
    ]
    return {"content": content, "refusal": None}


def _likelihood(token: str, rank: int = 0) -> dict[str, Any]:
    return {"token": token, "logprob": logprob_of(token) - rank, "bytes": list(token.encode())}
