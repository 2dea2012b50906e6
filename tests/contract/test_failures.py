"""OpenRouter's refusals as an app gets them: each with its status, its reason and its cure, on every route."""

import pytest

from contract.reading import lines_of
from tray_proxy.demo.faults import Fault, status_fault
from tray_proxy.demo.refusals import STATUS_ERRORS
from tray_proxy.demo.steps import json_steps

MINI = "openai/gpt-4o-mini"
QUESTION = [{"role": "user", "content": "hello"}]
# What is asked, and the endpoint of OpenRouter's that it goes to.
WAYS = {
    "a streamed chat": ("/api/chat", {"model": MINI, "messages": QUESTION}, "chat"),
    "a plain chat": ("/api/chat", {"model": MINI, "messages": QUESTION, "stream": False}, "chat"),
    "a streamed completion": ("/api/generate", {"model": MINI, "prompt": "hello"}, "chat"),
    "a plain completion": ("/api/generate", {"model": MINI, "prompt": "hello", "stream": False}, "chat"),
    "vectors": ("/api/embed", {"model": "baai/bge-m3", "input": "hello"}, "embeddings"),
    "one vector": ("/api/embeddings", {"model": "baai/bge-m3", "prompt": "hello"}, "embeddings"),
}
CHATS = [way for way, (_, _, door) in WAYS.items() if door == "chat"]
SIGN_IN = "Open any page in a browser and sign in to the network, or correct OPENROUTER_BASE_URL."
# What somebody who stands in OpenRouter's place may send, and what an app is told of it.
IN_THE_WAY = {
    "captive-portal": (
        "A web page came in place of OpenRouter's answer (HTTP status 200): "
        f"this network may want you to sign in first. {SIGN_IN}"
    ),
    "redirect": f"This network wants you to sign in first, at login.example.com (HTTP status 302). {SIGN_IN}",
    "not-json": (
        "The answer did not come from OpenRouter (HTTP status 200). "
        "See in a browser whether this network wants you to sign in first, or correct OPENROUTER_BASE_URL."
    ),
}
WAIT = "Wait a moment and try again, or choose another model."
TOLD = {
    400: "Input must have at least 1 token. Change the app's options for this model, or choose another model.",
    401: "OpenRouter does not accept the key: User not found. "
    "Open Settings from the tray icon and paste a valid OpenRouter key, or correct OPENROUTER_API_KEY.",
    402: "OpenRouter says that there is not enough credit: Insufficient credits. Add more using "
    "https://openrouter.ai/settings/credits. "
    "Add credit at openrouter.ai/credits, or raise the key's limit at openrouter.ai/settings/keys.",
    403: "Input was flagged by moderation (reasons: violence; Demo). "
    "Word the request differently, or choose another model.",
    404: "No endpoints found matching your data policy. "
    "Loosen the data policy at openrouter.ai/settings/privacy or by PRIVATE_PROVIDERS, or choose another model.",
    408: "The request timed out. Try again, or choose a faster model.",
    413: "The request is too large. Send less at once, for example fewer or smaller pictures.",
    422: "The request could not be processed. Change the app's options for this model, or choose another model.",
    429: "Rate limit exceeded: free-models-per-min. (Demo). Free models take 20 requests a minute and 50 a day "
    "(1000 a day once 10 credits were bought): wait a moment, or choose the model without :free.",
    500: f"Internal Server Error. {WAIT}",
    502: f"Provider returned error (Demo). {WAIT}",
    503: f"No instances available. {WAIT}",
    524: "The provider took too long. Try again, or choose a faster model.",
    529: f"Provider is overloaded (Demo). {WAIT}",
}


def ask(proxy, way):
    path, body, _ = WAYS[way]
    return proxy.http.post(path, json=body)


def test_every_documented_status_stands_in_the_table():
    assert set(TOLD) == set(STATUS_ERRORS)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", TOLD)
def test_a_refusal_keeps_its_status_and_its_reason_and_names_the_cure(proxy, upstream, status, way):
    """Also where a stream was asked for: nothing of one has been sent."""
    upstream.arrange(status_fault(status), on=WAYS[way][2])

    answer = ask(proxy, way)

    assert (answer.status_code, answer.json()["error"]) == (status, TOLD[status])
    assert set(answer.json()) == ({"error", "signin_url"} if status == 401 else {"error"})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [429, 503])
def test_how_long_to_wait_is_passed_on_and_named(proxy, upstream, status, way):
    upstream.arrange(status_fault(status, retry_after_s=7), on=WAYS[way][2])

    answer = ask(proxy, way)

    assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
    assert "ait 7 s" in answer.json()["error"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("status", "message"),
    [(400, "{} is not a valid model ID"), (404, "No endpoints found for {}."), (404, "Model not found")],
)
def test_a_model_that_openrouter_has_no_longer_is_not_found(proxy, upstream, status, message, way):
    """`ollama run` and others go on from these words."""
    name = WAYS[way][1]["model"]
    error = {"error": {"code": status, "message": message.format(name)}}
    upstream.arrange(Fault("gone", lambda _e, _s: json_steps(error, status=status), "", on=WAYS[way][2]))

    answer = ask(proxy, way)

    assert (answer.status_code, answer.json()) == (404, {"error": f"model '{name}' not found"})


@pytest.mark.parametrize("fault", ["error-mid-stream", "cut", "no-done", "malformed-chunk"])
@pytest.mark.parametrize("way", CHATS)
def test_a_failure_half_way_is_never_taken_for_an_answer(proxy, upstream, fault, way):
    upstream.arrange(fault)

    answer = ask(proxy, way)

    if way.startswith("a streamed"):
        *said, last = lines_of(answer)
        assert [line["done"] for line in said] == [False] * len(said)
        assert len(said) > 1
    else:
        assert answer.status_code == 502
        last = answer.json()
    assert list(last) == ["error"]
    assert last["error"].startswith(
        {
            "error-mid-stream": f"Provider disconnected (demo). {WAIT}",
            "cut": "The connection to OpenRouter broke off before the answer was complete. "
            "Check the internet connection, and try again.",
            "no-done": "The answer broke off: ",
            "malformed-chunk": "OpenRouter sent an event that cannot be read; the answer was cut. ",
        }[fault]
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", IN_THE_WAY)
def test_a_page_that_is_not_openrouters_is_told_with_what_to_do(proxy, upstream, fault, way):
    upstream.arrange(fault, on=WAYS[way][2])

    answer = ask(proxy, way)

    assert (answer.status_code, answer.json()) == (
        502,
        {"error": IN_THE_WAY[fault]},
    )
