"""What holds on Anthropic's routes whatever is said: how a request is read, who may ask, what a refusal looks like."""

import json
from typing import Any

import httpx
import msgspec
import pytest

from contract.test_failures import IN_THE_WAY, TOLD
from tray_proxy.demo.faults import Fault, status_fault
from tray_proxy.demo.steps import json_steps
from tray_proxy.demo.upstream import DEMO_KEY
from tray_proxy.wire.anthropic import MessagesRequest

MESSAGES, COUNT = "/v1/messages", "/v1/messages/count_tokens"
PATHS = (MESSAGES, COUNT)
MINI = "openai/gpt-4o-mini"
MESSAGE = {"model": MINI, "max_tokens": 300, "messages": [{"role": "user", "content": "hello"}]}
STREAMED = MESSAGE | {"stream": True}
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}


def send(proxy: Any, path: str, content: bytes, **headers: str) -> httpx.Response:
    return proxy.http.post(path, content=content, headers=headers)


def error(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, type and text of an error, which must have Anthropic's shape and no other field."""
    body = answer.json()
    assert (list(body), body["type"]) == (["type", "error", "request_id"], "error")
    assert list(body["error"]) == ["type", "message"]
    assert body["request_id"] == f"req_{answer.headers['x-request-id']}"
    return answer.status_code, body["error"]["type"], body["error"]["message"]


# -- how a request is read -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"x", "invalid JSON: JSON is malformed: invalid character (byte 0)"),
        (b'{"model"', "invalid JSON: Input data was truncated"),
        (b"[]", "json: cannot unmarshal: Expected `object`, got `array`"),
        (b'{"model": 7}', "json: cannot unmarshal: Expected `str | null`, got `int` - at `$.model`"),
        (b'{"stream": 1}', "json: cannot unmarshal: Expected `bool | null`, got `int` - at `$.stream`"),
        (b'{"model": "\xff"}', "invalid JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b'{"temperature": NaN}', "invalid JSON: JSON is malformed: invalid character (byte 16)"),
        (
            b'{"cache_control": {"x": ' + b"[" * 100_000,
            "invalid JSON: it is nested too deeply, with more than 128 levels",
        ),
    ],
)
@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_cannot_be_read_is_told_as_a_sentence(proxy, upstream, path, body, words):
    assert error(send(proxy, path, body)) == (400, "invalid_request_error", words)
    assert upstream.received == []


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "image/png"])
@pytest.mark.parametrize("path", PATHS)
def test_a_body_is_json_whatever_its_content_type_says(proxy, path, content_type):
    answer = send(proxy, path, json.dumps(MESSAGE).encode(), **{"content-type": content_type})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_null_for_a_field_means_that_it_was_not_given(proxy, path):
    nulls = dict.fromkeys(field.encode_name for field in msgspec.structs.fields(MessagesRequest))

    with_nulls, without = send(proxy, path, json.dumps(nulls).encode()), send(proxy, path, b"{}")

    assert send(proxy, path, json.dumps(nulls | MESSAGE).encode()).status_code == 200
    assert error(with_nulls) == error(without) == (400, "invalid_request_error", "model is required")


def test_keys_count_in_any_case_and_what_follows_the_body_does_not(proxy, upstream):
    """As Go reads them; but never those that the app names itself."""
    schema = {"Type": "object", "properties": {"City": {"type": "string"}}}
    body = {
        "Model": MINI,
        "Max_Tokens": 300,
        "Messages": [
            {"Role": "user", "Content": [{"Type": "text", "Text": "hello"}]},
            {
                "Role": "assistant",
                "Content": [{"Type": "tool_use", "ID": "call_1", "Name": "f", "Input": {"City": "Oslo"}}],
            },
            {"Role": "user", "Content": [{"Type": "tool_result", "Tool_Use_ID": "call_1", "Content": "x"}]},
        ],
        "Tools": [{"Name": "f", "Input_Schema": schema}],
    }

    answer = send(proxy, MESSAGES, json.dumps(body).encode() + b"\n{more}")

    assert answer.status_code == 200, answer.text
    assert upstream.chats[-1].body == {
        "model": MINI,
        "messages": [
            {"role": "user", "content": "hello"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"City":"Oslo"}'}}
                ],
            },
            {"role": "tool", "content": "x", "tool_call_id": "call_1"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
        "stream": True,
        "max_tokens": 300,
    }


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_packed_in_an_unknown_way_is_refused(proxy, upstream, path):
    status, kind, words = error(send(proxy, path, b"x", **{"content-encoding": "br"}))

    assert (status, kind) == (415, "api_error")
    assert words.startswith("Content-Encoding 'br' is not supported: ")
    assert upstream.received == []


# -- who may ask -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer ollama", "x-api-key": ""},
        {"authorization": "Bearer canary", "x-api-key": "canary", "cookie": "canary=1"},
        {"anthropic-version": "canary", "anthropic-beta": "canary", "x-claude-code-session-id": "canary"},
    ],
)
@pytest.mark.parametrize("body", [MESSAGE, STREAMED])
def test_whatever_an_app_sends_beside_its_request_only_the_owners_key_goes_out(proxy, upstream, body, headers):
    answer = send(proxy, f"{MESSAGES}?beta=canary", json.dumps(body).encode(), **headers)

    assert answer.status_code == 200
    [sent] = upstream.received
    assert sent.headers["authorization"] == f"Bearer {DEMO_KEY}"
    assert "canary" not in json.dumps([sent.headers, sent.query, sent.body])


@pytest.mark.parametrize("body", [MESSAGE, STREAMED])
def test_without_a_key_of_the_owners_nobody_gets_an_answer(proxies, upstream, tmp_path, memory_keyring, body):
    proxy = proxies.start(tmp_path, openrouter_api_key=None)
    upstream.received.clear()

    status, kind, words = error(proxy.http.post(MESSAGES, json=body))

    assert (status, kind) == (401, "authentication_error")
    assert words.startswith("No OpenRouter key is set: ")
    assert upstream.received == []


@pytest.mark.parametrize("path", [*PATHS, "/v1/messages/nope"])
@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"host": "evil.example"}])
def test_a_web_page_from_elsewhere_is_sent_away_with_nothing(proxy, upstream, headers, path):
    answer = proxy.http.post(path, json=MESSAGE, headers=headers)

    assert (answer.status_code, answer.content) == (403, b"")
    assert upstream.received == []


OBSIDIAN = {"origin": "app://obsidian.md"}


@pytest.mark.parametrize("path", PATHS)
def test_an_app_that_is_a_page_may_ask_with_all_the_headers_of_anthropics_library(proxy, path):
    wanted = (
        "anthropic-beta,anthropic-dangerous-direct-browser-access,anthropic-version,authorization,content-type,"
        "x-api-key,x-stainless-arch,x-stainless-retry-count,x-stainless-timeout"
    )
    asking = {"access-control-request-method": "POST", "access-control-request-headers": wanted}

    answer = proxy.http.options(path, headers=OBSIDIAN | asking)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == OBSIDIAN["origin"]
    assert "POST" in answer.headers["access-control-allow-methods"].split(",")
    allowed = answer.headers["access-control-allow-headers"].lower().split(",")
    assert set(wanted.split(",")) - set(allowed) == set()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [(MESSAGES, MESSAGE, 200), (MESSAGES, STREAMED, 200), (COUNT, MESSAGE, 200), (MESSAGES, {}, 400)],
)
def test_such_an_app_can_read_every_answer(proxy, path, body, status):
    answer = proxy.http.post(path, json=body, headers=OBSIDIAN)

    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == OBSIDIAN["origin"]
    assert answer.headers["vary"] == "Origin"


# -- where it is asked, and for which model --------------------------------------------------------


@pytest.mark.parametrize("spelled", ["/{}", "{}/", "/v1{}", "/api{}", "//{}//", "{}?beta=true"])
@pytest.mark.parametrize("path", PATHS)
def test_an_address_typed_with_too_much_is_forgiven_and_a_post_stays_one(proxy, path, spelled):
    assert proxy.http.post(proxy.url + spelled.format(path), json=MESSAGE).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/v1/messages/batches", "/v1/messages/nope/x", "/v1/v1/messages/nope"])
def test_an_unknown_path_is_told_in_the_dialect(proxy, upstream, method, path):
    assert error(proxy.http.request(method, path)) == (404, "not_found_error", "404 page not found")
    assert upstream.received == []


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_method_is_told_in_the_dialect(proxy, upstream, method, path):
    answer = proxy.http.request(method, path)

    assert error(answer) == (405, "api_error", "405 method not allowed")
    assert answer.headers["allow"] == "POST"
    assert upstream.received == []


@pytest.mark.parametrize(("path", "status"), [("/", 200), (MESSAGES, 405), (COUNT, 405)])
def test_a_probe_costs_nothing(proxy, upstream, path, status):
    """Claude Code asks `HEAD /` before its first message."""
    answer = proxy.http.head(path)

    assert (answer.status_code, answer.content) == (status, b"")
    assert upstream.received == []


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("", 400, "model is required"),
        (" ", 400, "model is required"),
        ("a b", 400, "invalid model name"),
        ("openai/", 400, "invalid model name"),
        ("zzqx:latest", 404, "model 'zzqx:latest' not found"),
    ],
)
@pytest.mark.parametrize("path", PATHS)
def test_a_name_that_is_no_models_is_told(proxy, upstream, path, name, status, words):
    assert error(proxy.http.post(path, json=MESSAGE | {"model": name})) == (status, TYPES[status], words)
    assert upstream.received == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("messages", [None, []])
def test_nothing_can_be_asked_without_a_message_nor_be_counted(proxy, upstream, path, messages):
    told = error(proxy.http.post(path, json=MESSAGE | {"messages": messages}))

    assert told == (400, "invalid_request_error", "messages is required")
    assert upstream.received == []


def test_a_claude_by_its_name_at_anthropic_is_found_and_its_name_repeated(proxy, upstream):
    answer = proxy.http.post(MESSAGES, json=MESSAGE | {"model": "claude-sonnet-4-20250514"})

    assert answer.json()["model"] == "claude-sonnet-4-20250514"
    assert upstream.chats[-1].body["model"] == "anthropic/claude-sonnet-4"


@pytest.mark.parametrize("path", PATHS)
def test_a_claude_that_the_owner_does_not_allow_is_not_found_by_that_name_either(proxies, upstream, tmp_path, path):
    proxy = proxies.start(tmp_path, allowed_models=(MINI,))
    upstream.received.clear()

    status, kind, words = error(proxy.http.post(path, json=MESSAGE | {"model": "claude-sonnet-4-20250514"}))

    assert (status, kind) == (404, "not_found_error")
    assert words.startswith("model 'claude-sonnet-4-20250514' not found")
    assert upstream.received == []


# -- what fails at OpenRouter ----------------------------------------------------------------------


@pytest.mark.parametrize("body", [MESSAGE, STREAMED])
@pytest.mark.parametrize("status", TOLD)
def test_a_refusal_keeps_its_status_and_its_reason_and_names_the_cure(proxy, upstream, status, body):
    """Also where a stream was asked for: nothing of one has been sent."""
    upstream.arrange(status_fault(status))

    answer = proxy.http.post(MESSAGES, json=body)

    assert error(answer) == (status, TYPES.get(status, "api_error"), TOLD[status])
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("body", [MESSAGE, STREAMED])
@pytest.mark.parametrize("status", [429, 503])
def test_how_long_to_wait_is_passed_on_and_named(proxy, upstream, status, body):
    """Anthropic's libraries wait by the header, and try again by themselves."""
    upstream.arrange(status_fault(status, retry_after_s=7))

    answer = proxy.http.post(MESSAGES, json=body)

    assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
    assert "ait 7 s" in error(answer)[2]


@pytest.mark.parametrize("body", [MESSAGE, STREAMED])
@pytest.mark.parametrize(
    ("status", "message"),
    [(400, f"{MINI} is not a valid model ID"), (404, f"No endpoints found for {MINI}."), (404, "Model not found")],
)
def test_a_model_that_openrouter_has_no_longer_is_not_found(proxy, upstream, status, message, body):
    refused = {"error": {"code": status, "message": message}}
    upstream.arrange(Fault("gone", lambda _e, _s: json_steps(refused, status=status), ""))

    assert error(proxy.http.post(MESSAGES, json=body)) == (404, "not_found_error", f"model '{MINI}' not found")


@pytest.mark.parametrize("body", [MESSAGE, STREAMED])
@pytest.mark.parametrize("fault", IN_THE_WAY)
def test_a_page_that_is_not_openrouters_is_told_with_what_to_do(proxy, upstream, fault, body):
    upstream.arrange(fault)

    assert error(proxy.http.post(MESSAGES, json=body)) == (502, "api_error", IN_THE_WAY[fault])


@pytest.mark.parametrize("body", [MESSAGE, STREAMED])
def test_a_key_that_the_upstream_echoes_is_struck_out(proxy, upstream, body):
    upstream.arrange("echo-key")

    status, kind, words = error(proxy.http.post(MESSAGES, json=body))

    assert (status, kind) == (400, "invalid_request_error")
    assert words.startswith("The key [key removed] may not do this (demo)")
