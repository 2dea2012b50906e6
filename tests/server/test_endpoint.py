"""What is around every handler: names in each route's own words, and an answer for every failure."""

import asyncio
import json

import pytest

from tray_proxy.errors import KeyRejected, PortInUse, UpstreamError
from tray_proxy.server.asgi import Record
from tray_proxy.server.endpoint import Endpoint

PATHS = ["/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/show"]


def told(running, path, **body):
    """Return the status and the whole answer."""
    answer = running.http.post(path, json=body)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("body", [{}, {"model": ""}, {"model": None}, {"model": "  "}])
@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/chat", 400, "model is required"),
        ("/api/generate", 404, "model '' not found"),
        ("/api/embed", 404, "model '' not found"),
        ("/api/embeddings", 400, "model is required"),
        ("/api/show", 400, "model is required"),
    ],
)
def test_a_missing_name_is_told_in_the_routes_own_words(proxy, upstream, path, status, words, body):
    assert told(proxy, path, **body) == (status, {"error": words})
    assert upstream.received == []


@pytest.mark.parametrize("name", ["two words", "a//b", "a/", "/a", "a:", "a\nb", "x" * 351])
@pytest.mark.parametrize("path", PATHS)
def test_what_is_no_name_is_told_in_ollamas_words(proxy, upstream, path, name):
    assert told(proxy, path, model=name) == (400, {"error": "invalid model name"})
    assert upstream.received == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/chat", "model 'Zzqx' not found"),
        ("/api/generate", "model 'Zzqx' not found"),
        ("/api/embed", 'model "Zzqx" not found, try pulling it first'),
        ("/api/embeddings", 'model "Zzqx" not found, try pulling it first'),
        ("/api/show", "model 'Zzqx:latest' not found"),
    ],
)
def test_an_unknown_model_is_told_in_the_routes_own_words(proxy, upstream, path, words):
    assert told(proxy, path, model="Zzqx") == (404, {"error": words})
    assert upstream.received == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/chat", "model 'gpt-4o-mimi' not found, did you mean "),
        ("/api/embed", "model \"gpt-4o-mimi\" not found, try pulling it first, did you mean "),
        ("/api/show", "model 'gpt-4o-mimi:latest' not found, did you mean "),
    ],
)  # fmt: skip
def test_near_names_stand_behind_the_routes_own_words(proxy, path, words):
    status, answer = told(proxy, path, model="gpt-4o-mimi")

    assert status == 404
    assert answer["error"].startswith(f"{words}'openai/gpt-4o-mini'")


def test_a_name_with_its_tag_is_repeated_as_it_is(proxy):
    assert told(proxy, "/api/show", name=" zzqx:7b ") == (404, {"error": "model 'zzqx:7b' not found"})


def test_a_name_with_braces_is_repeated_as_it_is(proxy):
    """It stands in a pattern of ours."""
    assert told(proxy, "/api/chat", model="{zzqx}") == (404, {"error": "model '{zzqx}' not found"})


def test_what_the_owner_did_not_allow_is_told_in_the_same_words(proxies, tmp_path):
    running = proxies.start(tmp_path, allowed_models=("openai/gpt-4o-mini",))

    status, answer = told(running, "/api/embed", model="openai/gpt-4o")

    assert status == 404
    assert answer["error"].startswith('model "openai/gpt-4o" not found, try pulling it first')


class FakeDeps:
    """The one thing that an endpoint itself asks for."""

    def __init__(self, page_address):
        self.page_address = page_address


def answered(error, page_address):
    """Return status and body of the answer to a handler that raises this error."""
    sent = []

    async def handler(_call):
        raise error

    async def send(message):
        sent.append(message)

    endpoint = Endpoint(handler, lambda: FakeDeps(page_address), "/")
    asyncio.run(endpoint({"record": Record("id"), "path": "/"}, None, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


async def at_hand():
    return "http://127.0.0.1:1/"


async def no_port_left():
    raise PortInUse("Port 0 could not be opened: Too many open files.")


def test_a_401_tells_where_a_key_can_be_given():
    """Ollama's command line shows this address and drops the text."""
    error = KeyRejected("No.", hint="Paste another.")

    assert answered(error, at_hand) == (401, {"error": "No. Paste another.", "signin_url": "http://127.0.0.1:1/"})


def test_without_a_port_for_the_page_the_text_must_do():
    assert answered(KeyRejected("No.", hint="Paste another."), no_port_left) == (401, {"error": "No. Paste another."})


def test_other_errors_have_no_such_address():
    assert answered(UpstreamError("No.", hint="Wait."), at_hand) == (502, {"error": "No. Wait."})


def test_an_unforeseen_failure_says_where_to_look_and_nothing_else():
    """Its text may hold anything, a prompt for instance."""
    status, answer = answered(ValueError("the prompt"), at_hand)

    assert (status, answer) == (500, {"error": "internal error; look for id in Tray Proxy's log"})


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (
            "availability-404",
            404,
            (
                "The request could not be served: privacy_restricted (demo) (excluded by data_policy:training). "
                "Loosen the data policy at openrouter.ai/settings/privacy or by PRIVATE_PROVIDERS, or choose another "
                "model."
            ),
        ),
        ("availability-400", 404, "model 'openai/gpt-4o-mini' not found"),
        ("error-in-200", 502, "Provider returned error (Demo). Wait a moment and try again, or choose another model."),
        (
            "html-error",
            502,
            "OpenRouter answered with status 502 and no reason. Wait a moment and try again, or choose another model.",
        ),
    ],
)
def test_an_app_is_told_openrouters_reason_and_the_cure(proxy, upstream, fault, status, words):
    upstream.arrange(fault)

    answer = proxy.chat()

    assert (answer.status_code, answer.json()) == (status, {"error": words})


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("status-429", ": wait 1 s, or choose the model without :free."),
        ("availability-429", " Wait 1 s and try again, or choose another model."),
    ],
)
def test_how_long_to_wait_is_told_in_header_and_words(proxy, upstream, fault, words):
    upstream.arrange(fault)

    answer = proxy.chat()

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["error"].endswith(words)
