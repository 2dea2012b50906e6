"""`/metrics` of a proxy that runs: what a session of requests amounts to."""

import re
import threading

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from desktop.waiting import wait_for
from server.leaving import asked, connect, dropped
from tray_proxy.demo import dialect
from tray_proxy.demo.faults import Fault
from tray_proxy.demo.keys import DEMO_KEY
from tray_proxy.demo.steps import Cut, Write, stream_of
from tray_proxy.server.metrics_api import prefers_json

MINI = "openai/gpt-4o-mini"
BGE = "baai/bge-m3"
HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def running(proxies, tmp_path):
    """A proxy that has counted nothing yet."""
    return proxies.start(tmp_path, presets={"fast": {"model": MINI}})


def figures(running, requests):
    """
    Give all that was counted but for durations, once so many requests were; one is counted after its answer went.

    What the limit counts of it stands in `test_payment.py`.
    """

    def counted():
        families = text_string_to_metric_families(running.http.get("/metrics").text)
        found = {
            (sample.name.removeprefix("tray_proxy_"), *sorted(sample.labels.values())): sample.value
            for family in families
            for sample in family.samples
            if family.type != "histogram" and sample.name.startswith("tray_proxy_")
            if not sample.name.endswith(("_today_usd", "_limit_usd"))
            if "/metrics" not in sample.labels.values() and "version" not in sample.labels
        }
        total = sum(value for (name, *_), value in found.items() if name == "requests_total")
        return found if total >= requests else None

    return wait_for(counted, f"{requests} requests to be counted")


def test_a_session_is_counted_line_by_line(running, upstream):
    running.chat()
    running.chat(model="fast", stream=True)
    running.chat(model=f"{MINI}:nitro:floor:nitro")
    running.http.post("/v1/embeddings", json={"model": BGE, "input": "hello"})
    running.http.get("/")
    running.http.get("/v1/api/tags/")
    running.http.get(f"/v1/models/{MINI}")
    running.http.get("/v1/models/made/up")
    running.http.get("/wp-login.php")
    running.http.post("/api/tags")
    running.http.get("/api/tags", headers={"Origin": "https://elsewhere.example"})
    upstream.arrange("status-429")
    running.chat()

    assert figures(running, requests=12) == {
        ("requests_in_flight",): 0,
        ("requests_total", "/api/chat", "200", MINI): 3,
        ("requests_total", "/api/chat", "429", MINI): 1,
        ("requests_total", "/v1/embeddings", "200", BGE): 1,
        ("requests_total", "", "/", "200"): 1,
        ("requests_total", "", "/api/tags", "200"): 1,
        ("requests_total", "/v1/models/{model:path}", "200", MINI): 1,
        ("requests_total", "/v1/models/{model:path}", "404", "unknown"): 1,
        ("requests_total", "", "404", "other"): 1,
        ("requests_total", "", "405", "other"): 1,
        ("requests_total", "", "403", "other"): 1,
        ("tokens_total", MINI, "prompt"): 15,
        ("tokens_total", "completion", MINI): 57,
        ("tokens_total", BGE, "prompt"): 1,
        ("cost_usd_total", MINI): pytest.approx(3 * 0.00001215),
        ("cost_usd_total", BGE): 1e-8,
        ("errors_total", "RateLimited"): 1,
        ("errors_total", "ModelNotFound"): 1,
        ("clients_left_total",): 0,
    }


def test_durations_are_of_the_answers_that_came(running, upstream):
    running.chat()
    upstream.arrange("status-429")
    running.chat()
    figures(running, requests=2)

    counts = re.findall(r"^tray_proxy_(\w+_count\{.*) (\d)", running.http.get("/metrics").text, re.MULTILINE)
    assert [count for count in counts if "/metrics" not in count[0]] == [
        ('request_duration_seconds_count{route="/api/chat"}', "2"),
        (f'upstream_latency_seconds_count{{model="{MINI}"}}', "1"),
        (f'time_to_first_token_seconds_count{{model="{MINI}"}}', "1"),
    ]


def test_a_client_that_leaves_is_counted_and_so_is_what_was_under_way(running, upstream):
    upstream.arrange("endless")
    client = connect(running, "/api/chat", {"model": MINI, "messages": HELLO})
    assert upstream.wait_for(asked, 15)
    assert b"200 OK" in client.recv(65536)
    assert figures(running, requests=0)["requests_in_flight",] == 1

    client.close()

    assert upstream.wait_for(dropped, 15)
    assert figures(running, requests=1) == {
        ("requests_in_flight",): 0,
        ("requests_total", "/api/chat", "200", MINI): 1,
        ("clients_left_total",): 1,
    }


def usage_then_cut(exchange, _seconds):
    *said, usage = exchange.chunks()
    yield from list(stream_of(exchange, said[:-1]))[:-2]
    yield Write(dialect.event(usage))
    yield Cut()


@pytest.mark.parametrize("stream", [True, False])
def test_what_a_broken_answer_cost_is_counted_where_it_was_told(running, upstream, stream):
    upstream.arrange(Fault("usage-then-cut", usage_then_cut, ""))

    running.chat(stream=stream)

    assert figures(running, requests=1) == {
        ("requests_in_flight",): 0,
        ("requests_total", "/api/chat", "200" if stream else "502", MINI): 1,
        ("tokens_total", MINI, "prompt"): 5,
        ("tokens_total", "completion", MINI): 19,
        ("cost_usd_total", MINI): 0.00001215,
        ("errors_total", "UpstreamUnreachable"): 1,
        ("clients_left_total",): 0,
    }


def test_an_answer_without_usage_counts_no_tokens(running, upstream):
    upstream.arrange("no-usage")

    running.chat()

    assert figures(running, requests=1) == {
        ("requests_in_flight",): 0,
        ("requests_total", "/api/chat", "200", MINI): 1,
        ("clients_left_total",): 0,
    }


def test_many_streams_at_once_add_up(running, upstream):
    upstream.chunk_delay_s = 0.005

    def ask():
        with httpx.Client(base_url=running.url, trust_env=False, timeout=20) as http:
            http.post("/api/chat", json={"model": MINI, "messages": HELLO})

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    told = figures(running, requests=12)
    assert told["requests_total", "/api/chat", "200", MINI] == 12
    assert told["tokens_total", "completion", MINI] == 12 * 19
    assert told["cost_usd_total", MINI] == pytest.approx(12 * 0.00001215)


def test_counts_outlive_the_port_being_turned_off_and_on(running):
    running.chat()
    figures(running, requests=1)

    running.loop.submit(running.program.proxy.stop()).result(15)
    running.loop.submit(running.program.proxy.start()).result(15)
    running.chat()

    assert figures(running, requests=2)["requests_total", "/api/chat", "200", MINI] == 2


def test_a_model_of_the_ollama_beside_us_is_called_local(proxies, ollama, tmp_path):
    running = proxies.start(tmp_path, local_ollama=ollama.url)

    running.chat(model="llama3.3:70b")

    assert figures(running, requests=1)["requests_total", "/api/chat", "200", "local"] == 1


def test_neither_prompt_nor_key_nor_caller_nor_a_made_up_name_is_told(running, upstream):
    upstream.arrange("echo-key")
    headers = {"User-Agent": "canary-app", "Authorization": "Bearer canary-key"}
    for path in ("/api/chat", "/canary", "/v1/models/canary/model"):
        body = {"model": MINI, "messages": [{"role": "user", "content": "canary"}]}
        running.http.request("GET" if "canary" in path else "POST", path, json=body, headers=headers)
    running.chat(model="canary")
    figures(running, requests=4)

    for accept in ("text/plain", "application/json", "application/openmetrics-text"):
        told = running.http.get("/metrics", headers={"Accept": accept}).text
        assert "tray_proxy_requests" in told
        assert "canary" not in told
        assert DEMO_KEY not in told


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json", "application/json; charset=utf-8"),
        ("text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
    ],
)
def test_each_reader_gets_the_form_it_asks_for(proxy, accept, content_type):
    answer = proxy.http.get("/metrics", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        ("application/json, text/plain, */*", True),
        ("text/html, application/json;q=0.9, */*;q=0.8", True),
        ("Application/JSON; Q=0.5", True),
        ("text/plain, application/json", False),
        ("*/*", False),
        ("text/plain;q=0.5, application/json;q=0.4", False),
        ("application/json;q=0", False),
        ("application/json;q=much", False),
        ("text/html", False),
        ("", False),
    ],
)
def test_json_is_for_who_prefers_it(accept, preferred):
    assert prefers_json(accept) is preferred
