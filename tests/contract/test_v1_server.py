"""What holds on every route of OpenAI's dialect: how a request is read, who may ask, and what a refusal looks like."""

import base64
import http.client
import json
import socket
from typing import Any

import msgspec
import pytest

from contract.reading import events_of, openais_error
from contract.test_failures import IN_THE_WAY, TOLD
from tray_proxy.demo.faults import Fault, status_fault
from tray_proxy.demo.steps import json_steps
from tray_proxy.demo.upstream import DEMO_KEY
from tray_proxy.wire import openai

MINI = "openai/gpt-4o-mini"
QUESTION = [{"role": "user", "content": "hello"}]
# Routes that read a body: the shape it is read into, and a request that is well.
ROUTES = {
    "/v1/chat/completions": (openai.ChatCompletionRequest, {"model": MINI, "messages": QUESTION}),
    "/v1/completions": (openai.CompletionRequest, {"model": MINI, "prompt": "hello"}),
    "/v1/embeddings": (openai.EmbeddingsRequest, {"model": "baai/bge-m3", "input": "hello"}),
}
# What is asked, and the endpoint of OpenRouter's that it goes to.
WAYS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "a streamed chat": ("/v1/chat/completions", {"model": MINI, "messages": QUESTION, "stream": True}, "chat"),
    "a plain chat": ("/v1/chat/completions", {"model": MINI, "messages": QUESTION}, "chat"),
    "a streamed completion": ("/v1/completions", {"model": MINI, "prompt": "hello", "stream": True}, "chat"),
    "a plain completion": ("/v1/completions", {"model": MINI, "prompt": "hello"}, "chat"),
    "vectors": ("/v1/embeddings", {"model": "baai/bge-m3", "input": "hello"}, "embeddings"),
}
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def send(proxy, path, content, **headers):
    return proxy.http.post(path, content=content, headers=headers)


def ask(proxy, way):
    path, body, _ = WAYS[way]
    return proxy.http.post(path, json=body)


# -- how a request is read -------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b" \n"])
@pytest.mark.parametrize("path", ROUTES)
def test_an_empty_body_is_told_as_the_end_of_it(proxy, upstream, path, body):
    """In the words of Ollama's reader for this dialect."""
    assert openais_error(send(proxy, path, body)) == (400, "invalid_request_error", "EOF")
    assert upstream.received == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"x", "invalid JSON: JSON is malformed: invalid character (byte 0)"),
        (b'{"model"', "invalid JSON: Input data was truncated"),
        (b"[]", "json: cannot unmarshal: Expected `object`, got `array`"),
        (b'{"model": 7}', "json: cannot unmarshal: Expected `str | null`, got `int` - at `$.model`"),
        (b'{"stream": 1}', "json: cannot unmarshal: Expected `bool | null`, got `int` - at `$.stream`"),
        (b'{"model": "\xff"}', "invalid JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
@pytest.mark.parametrize("path", list(ROUTES)[:2])
def test_a_body_that_cannot_be_read_is_told_as_a_sentence(proxy, upstream, path, body, words):
    assert openais_error(send(proxy, path, body)) == (400, "invalid_request_error", words)
    assert upstream.received == []


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "image/png"])
@pytest.mark.parametrize("path", ROUTES)
def test_a_body_is_json_whatever_its_content_type_says(proxy, path, content_type):
    answer = send(proxy, path, json.dumps(ROUTES[path][1]).encode(), **{"content-type": content_type})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ROUTES)
def test_null_for_a_field_means_that_it_was_not_given(proxy, path):
    shape, body = ROUTES[path]
    nulls = dict.fromkeys(field.encode_name for field in msgspec.structs.fields(shape))

    assert send(proxy, path, json.dumps(nulls | body).encode()).status_code == 200


@pytest.mark.parametrize("path", ROUTES)
def test_all_fields_null_is_the_same_as_none_given(proxy, path):
    nulls = dict.fromkeys(field.encode_name for field in msgspec.structs.fields(ROUTES[path][0]))

    with_nulls, without = send(proxy, path, json.dumps(nulls).encode()), send(proxy, path, b"{}")

    assert (with_nulls.status_code, with_nulls.json()) == (without.status_code, without.json())
    assert without.status_code == 400


@pytest.mark.parametrize("path", ROUTES)
def test_fields_that_nobody_knows_are_passed_over(proxy, path):
    body = {"novelty": {"model": 7}, "": None, **ROUTES[path][1]}

    assert send(proxy, path, json.dumps(body).encode()).status_code == 200


@pytest.mark.parametrize("path", ROUTES)
def test_keys_count_in_any_case_and_what_follows_the_body_does_not(proxy, upstream, path):
    """As Go reads them, whose programs write `{"Model": …}` without noticing."""
    body = {key.title(): value for key, value in ROUTES[path][1].items()}

    answer = send(proxy, path, json.dumps(body).encode() + b"\n{more}")

    assert answer.status_code == 200, answer.text
    assert upstream.received[-1].body["model"] == ROUTES[path][1]["model"]


def test_keys_inside_a_request_count_in_any_case_too(proxy, upstream):
    """But never those that the app names itself."""
    call = {"Id": "call_1", "Function": {"Name": "f", "Arguments": '{"City": "Oslo"}'}}
    body = {
        "Model": MINI,
        "Messages": [
            {"Role": "user", "Content": [{"Type": "text", "Text": "hello"}]},
            {"Role": "assistant", "Content": None, "Tool_Calls": [call]},
            {"Role": "tool", "Tool_Call_ID": "call_1", "Content": "x"},
        ],
        "Max_Tokens": 100,
        "Stream_Options": {"Include_Usage": True},
        "Stream": True,
        "Metadata": {"Model": "mine"},
    }

    answer = send(proxy, "/v1/chat/completions", json.dumps(body).encode())

    assert "usage" in events_of(answer)[-2]
    assert upstream.chats[-1].body == {
        "model": MINI,
        "messages": [
            *QUESTION,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"City":"Oslo"}'}}
                ],
            },
            {"role": "tool", "content": "x", "tool_call_id": "call_1"},
        ],
        "stream": True,
        "max_tokens": 100,
        "metadata": {"Model": "mine"},
    }


@pytest.mark.parametrize("model", [None, "nobody/nothing", "two words"])
@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user"}]}, "invalid message content type: <nil>"),
        ("/v1/chat/completions", {"n": 0}, "n must be between 1 and 128"),
        ("/v1/completions", {"prompt": ""}, "prompt is required"),
        ("/v1/embeddings", {"input": []}, "invalid input"),
        ("/v1/embeddings", {"input": 7}, "invalid input type"),
    ],
)
def test_what_is_wrong_with_a_request_is_told_before_its_model_is_looked_for(proxy, path, fields, words, model):
    """In Ollama's order."""
    answer = proxy.http.post(path, json=ROUTES[path][1] | fields | {"model": model})

    assert openais_error(answer) == (400, "invalid_request_error", words)


def test_a_picture_of_tens_of_megabytes_is_taken(proxy, upstream):
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24 * 1024 * 1024)).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    body = {"model": MINI, "messages": [{"role": "user", "content": [part]}]}

    answer = proxy.http.post("/v1/chat/completions", json=body)

    assert answer.status_code == 200
    assert upstream.chats[-1].body["messages"][0]["content"] == [part]


def raw_answer(proxy, head):
    """Send a head alone, and read the answer."""
    port = int(proxy.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(head.encode())
        answer = http.client.HTTPResponse(client)
        answer.begin()
        return answer.status, json.loads(answer.read())


@pytest.mark.parametrize("path", ROUTES)
def test_a_body_that_is_too_large_is_refused_before_it_comes(proxy, upstream, path):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {100 * 1024 * 1024 + 1}\r\n\r\n"

    words = "The request is larger than 100 MiB: send less at once, for example fewer or smaller pictures."
    assert raw_answer(proxy, head) == (
        413,
        {"error": {"message": words, "type": "api_error", "param": None, "code": None}},
    )
    assert upstream.received == []


@pytest.mark.parametrize("path", ROUTES)
def test_a_body_that_is_packed_in_an_unknown_way_is_refused(proxy, upstream, path):
    answer = send(proxy, path, b"x", **{"content-encoding": "br"})

    status, kind, words = openais_error(answer)
    assert (status, kind) == (415, "api_error")
    assert words.startswith("Content-Encoding 'br' is not supported: ")
    assert upstream.received == []


# -- who may ask -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer ollama"},
        {"authorization": "Bearer canary", "x-api-key": "canary", "api-key": "canary", "cookie": "canary=1"},
        {"openai-organization": "canary", "openai-project": "canary", "x-stainless-lang": "canary"},
    ],
)
@pytest.mark.parametrize("path", ROUTES)
def test_whatever_key_an_app_sends_only_the_owners_goes_out(proxy, upstream, path, headers):
    answer = send(proxy, path, json.dumps(ROUTES[path][1]).encode(), **headers)

    assert answer.status_code == 200
    [sent] = upstream.received
    assert sent.headers["authorization"] == f"Bearer {DEMO_KEY}"
    assert "canary" not in json.dumps([sent.headers, sent.query, sent.body])


@pytest.mark.parametrize("way", WAYS)
def test_without_a_key_of_the_owners_nobody_gets_an_answer(proxies, upstream, tmp_path, memory_keyring, way):
    """The text says where it can be given; the field that Ollama's command line reads for that is not here."""
    proxy = proxies.start(tmp_path, openrouter_api_key=None)
    upstream.received.clear()

    words = (
        "No OpenRouter key is set: open Tray Proxy's Settings from the tray icon and sign in or paste a key there, "
        "or start it with the environment variable OPENROUTER_API_KEY."
    )
    assert openais_error(ask(proxy, way)) == (401, "authentication_error", words)
    assert upstream.received == []


@pytest.mark.parametrize("path", [*ROUTES, "/v1/models", "/v1/models/a/b", "/v1/nope"])
@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"host": "evil.example"}])
def test_a_web_page_from_elsewhere_is_sent_away_with_nothing(proxy, upstream, headers, path):
    method = "POST" if path in ROUTES else "GET"

    answer = proxy.http.request(method, path, json=ROUTES.get(path, (None, None))[1], headers=headers)

    assert (answer.status_code, answer.content) == (403, b"")
    assert upstream.received == []


OBSIDIAN = {"origin": "app://obsidian.md"}


@pytest.mark.parametrize("path", [*ROUTES, "/v1/models"])
def test_an_app_that_is_a_page_may_ask_with_all_the_headers_of_openais_library(proxy, path):
    wanted = "authorization,content-type,x-stainless-arch,x-stainless-retry-count,x-stainless-timeout"
    asking = {"access-control-request-method": "POST", "access-control-request-headers": wanted}

    answer = proxy.http.options(path, headers=OBSIDIAN | asking)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == OBSIDIAN["origin"]
    assert "POST" in answer.headers["access-control-allow-methods"].split(",")
    allowed = answer.headers["access-control-allow-headers"].lower().split(",")
    assert set(wanted.split(",")) - set(allowed) == set()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat/completions", ROUTES["/v1/chat/completions"][1], 200),
        ("/v1/chat/completions", ROUTES["/v1/chat/completions"][1] | {"stream": True}, 200),
        ("/v1/chat/completions", {}, 400),
        ("/v1/nope", {}, 404),
    ],
)
def test_such_an_app_can_read_every_answer(proxy, path, body, status):
    answer = proxy.http.post(path, json=body, headers=OBSIDIAN)

    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == OBSIDIAN["origin"]
    assert answer.headers["vary"] == "Origin"


# -- where it is asked -----------------------------------------------------------------------------


@pytest.mark.parametrize("spelled", ["/{}", "{}/", "/v1{}", "/api{}", "//{}//"])
@pytest.mark.parametrize("path", ROUTES)
def test_an_address_typed_with_too_much_is_forgiven_and_a_post_stays_one(proxy, upstream, path, spelled):
    answer = proxy.http.post(proxy.url + spelled.format(path), json=ROUTES[path][1])

    assert answer.status_code == 200, answer.text
    assert len(upstream.received) == 1


@pytest.mark.parametrize("path", ROUTES)
def test_so_is_one_without_its_v1(proxy, upstream, path):
    answer = proxy.http.post(path.removeprefix("/v1"), json=ROUTES[path][1])

    assert answer.status_code == 200, answer.text
    assert len(upstream.received) == 1


@pytest.mark.parametrize("path", ROUTES)
def test_a_query_changes_nothing_and_goes_nowhere(proxy, upstream, path):
    """Some libraries tell the version of the API so."""
    answer = proxy.http.post(f"{path}?api-version=2024-10-21&stream=true", json=ROUTES[path][1])

    assert (answer.status_code, upstream.received[-1].query) == (200, {})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nope", "/v1/chat", "/v1/nope/v1/models", "/api/v1/nope"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_told_in_the_dialect(proxy, upstream, method, path):
    answer = proxy.http.request(method, path)

    assert openais_error(answer) == (404, "not_found_error", "404 page not found")
    assert upstream.received == []


@pytest.mark.parametrize("path", ["/nope", "/chat", "/v1x/models", "/v2/models"])
def test_what_is_not_of_the_dialect_is_told_in_ollamas_words(proxy, path):
    answer = proxy.http.get(path)

    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        *((method, path, "POST") for path in ROUTES for method in ("GET", "PUT", "PATCH", "DELETE")),
        *((method, path, "GET") for path in ("/v1/models", f"/v1/models/{MINI}") for method in ("POST", "DELETE")),
        ("GET", "//v1/chat/completions/", "POST"),
    ],
)
def test_a_wrong_method_is_told_in_the_dialect(proxy, upstream, method, path, allowed):
    answer = proxy.http.request(method, proxy.url + path)

    assert openais_error(answer) == (405, "api_error", "405 method not allowed")
    assert answer.headers["allow"] == allowed
    assert upstream.received == []


@pytest.mark.parametrize("path", ["/v1/models", f"/v1/models/{MINI}", "/v1/chat/completions"])
def test_head_is_answered_where_ollama_does_and_so_not_here(proxy, path):
    answer = proxy.http.head(path)

    assert (answer.status_code, answer.content) == (405, b"")


# -- what fails at OpenRouter ----------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", TOLD)
def test_a_refusal_keeps_its_status_and_its_reason_and_names_the_cure(proxy, upstream, status, way):
    """Also where a stream was asked for: nothing of one has been sent."""
    upstream.arrange(status_fault(status), on=WAYS[way][2])

    answer = ask(proxy, way)

    assert openais_error(answer) == (status, TYPES.get(status, "api_error"), TOLD[status])
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [429, 503])
def test_how_long_to_wait_is_passed_on_and_named(proxy, upstream, status, way):
    """OpenAI's libraries wait by the header, and try again by themselves."""
    upstream.arrange(status_fault(status, retry_after_s=7), on=WAYS[way][2])

    answer = ask(proxy, way)

    told_status, _, words = openais_error(answer)
    assert (told_status, answer.headers["retry-after"]) == (status, "7")
    assert "ait 7 s" in words


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("status", "message"),
    [(400, "{} is not a valid model ID"), (404, "No endpoints found for {}."), (404, "Model not found")],
)
def test_a_model_that_openrouter_has_no_longer_is_not_found(proxy, upstream, status, message, way):
    name = WAYS[way][1]["model"]
    error = {"error": {"code": status, "message": message.format(name)}}
    upstream.arrange(Fault("gone", lambda _e, _s: json_steps(error, status=status), "", on=WAYS[way][2]))

    assert openais_error(ask(proxy, way)) == (404, "not_found_error", f"model '{name}' not found")


@pytest.mark.parametrize("way", WAYS)
def test_an_error_under_a_200_is_one(proxy, upstream, way):
    upstream.arrange("error-in-200", on=WAYS[way][2])

    assert openais_error(ask(proxy, way)) == (502, "api_error", TOLD[502])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", IN_THE_WAY)
def test_a_page_that_is_not_openrouters_is_told_with_what_to_do(proxy, upstream, fault, way):
    upstream.arrange(fault, on=WAYS[way][2])

    assert openais_error(ask(proxy, way)) == (502, "api_error", IN_THE_WAY[fault])


@pytest.mark.parametrize("way", WAYS)
def test_a_key_that_the_upstream_echoes_is_struck_out(proxy, upstream, way):
    upstream.arrange("echo-key", on=WAYS[way][2])

    status, kind, words = openais_error(ask(proxy, way))

    assert (status, kind) == (400, "invalid_request_error")
    assert words.startswith("The key [key removed] may not do this (demo)")


@pytest.mark.parametrize("way", WAYS)
def test_every_answer_carries_the_id_of_its_line_in_the_log(proxy, way):
    assert len(ask(proxy, way).headers["x-request-id"]) == 32
