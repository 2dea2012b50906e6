"""Sums, buckets and how they are written; what goes into them is in tests/server/test_metrics_api.py."""

import json
import math
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tray_proxy import __version__
from tray_proxy.metrics import BUCKETS_S, Counter, Histogram, Metrics, Present
from tray_proxy.wire.openrouter import CompletionTokens, PromptTokens, Usage

NOTHING_SPECIAL = {
    "status": 200,
    "elapsed_s": 0.5,
    "usage": Usage(),
    "latency_s": None,
    "first_token_s": None,
    "error": None,
    "left": False,
}
USAGE = Usage(
    prompt_tokens=100,
    completion_tokens=20,
    cost=0.25,
    prompt_tokens_details=PromptTokens(cached_tokens=60),
    completion_tokens_details=CompletionTokens(reasoning_tokens=8),
)


def count(metrics, **facts):
    metrics.count(**{"route": "/api/chat", "model": "a/one"} | NOTHING_SPECIAL | facts)


def samples(metrics, **asked):
    """Give name, labels and value of all samples that are ours, read as Prometheus reads them."""
    text, _ = metrics.exposition("", Present(**asked))
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name.startswith("tray_proxy_")
    }


def test_a_counter_adds_up_for_each_combination_of_labels():
    counter = Counter("spent", "Spent.", ("model",))

    for amount, model in ((1, "a"), (2, "b"), (0.5, "a")):
        counter.add(amount, model)

    assert counter.values == {("a",): 1.5, ("b",): 2}


@pytest.mark.parametrize("amount", [None, 0, -1, math.nan, math.inf, 10**400])
def test_what_is_not_known_or_no_amount_leaves_a_sum_as_it_is(amount):
    """A counter that is once not a number is it for ever."""
    counter = Counter("spent", "Spent.", values={(): 3})

    counter.add(amount)

    assert counter.values == {(): 3}


def test_a_duration_falls_into_the_first_bucket_that_holds_it():
    histogram = Histogram("waited", "Waited.", ("model",))

    for seconds in (0.25, 0.26, 0.001, 301.0, None):
        histogram.observe(seconds, "a")

    bounds = dict(histogram.buckets(("a",)))
    assert [bounds[bound] for bound in ("0.005", "0.1", "0.25", "0.5", "300.0", "+Inf")] == [1, 1, 2, 3, 3, 4]
    assert histogram.sums_s == {("a",): pytest.approx(301.511)}


def test_tokens_are_counted_by_kind_and_cost_beside_them():
    metrics = Metrics()

    count(metrics, usage=USAGE)
    count(metrics, usage=USAGE)

    told = samples(metrics)
    assert {key[1][1]: value for key, value in told.items() if key[0] == "tray_proxy_tokens_total"} == {
        "prompt": 200,
        "completion": 40,
        "cached": 120,
        "reasoning": 16,
    }
    assert told["tray_proxy_cost_usd_total", ("model", "a/one")] == 0.5


def test_usage_that_was_not_told_is_not_made_up():
    metrics = Metrics()

    count(metrics)

    names = {name for name, *_ in samples(metrics)}
    assert names & {"tray_proxy_tokens_total", "tray_proxy_cost_usd_total"} == set()


def test_before_the_first_request_all_is_there_and_nothing_has_a_sample_but_what_needs_no_label():
    text, content_type = Metrics().exposition("", Present(in_flight=3, spent_usd=0.5, limit_usd=5.0))

    ours = [line for line in text.decode().splitlines() if "tray_proxy" in line and not line.startswith("# HELP")]
    assert ours == [
        "# TYPE tray_proxy_build_info gauge",
        f'tray_proxy_build_info{{version="{__version__}"}} 1.0',
        "# TYPE tray_proxy_requests_in_flight gauge",
        "tray_proxy_requests_in_flight 3.0",
        "# TYPE tray_proxy_spent_today_usd gauge",
        "tray_proxy_spent_today_usd 0.5",
        "# TYPE tray_proxy_daily_limit_usd gauge",
        "tray_proxy_daily_limit_usd 5.0",
        "# TYPE tray_proxy_requests_total counter",
        "# TYPE tray_proxy_tokens_total counter",
        "# TYPE tray_proxy_cost_usd_total counter",
        "# TYPE tray_proxy_errors_total counter",
        "# TYPE tray_proxy_clients_left_total counter",
        "tray_proxy_clients_left_total 0.0",
        "# TYPE tray_proxy_request_duration_seconds histogram",
        "# TYPE tray_proxy_upstream_latency_seconds histogram",
        "# TYPE tray_proxy_time_to_first_token_seconds histogram",
    ]
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"


def test_a_histogram_is_written_with_all_its_buckets():
    metrics = Metrics()

    count(metrics, latency_s=0.3)

    told = samples(metrics)
    name, model = "tray_proxy_upstream_latency_seconds", ("model", "a/one")
    assert [told[f"{name}_bucket", ("le", str(bound)), model] for bound in BUCKETS_S] == [0] * 6 + [1] * 9
    assert told[f"{name}_bucket", ("le", "+Inf"), model] == told[f"{name}_count", model] == 1
    assert told[f"{name}_sum", model] == 0.3


def test_openmetrics_is_written_where_it_is_asked_for():
    text, content_type = Metrics().exposition("application/openmetrics-text; version=1.0.0", Present())

    assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
    assert text.endswith(b"# EOF\n")


def test_json_tells_the_same():
    metrics = Metrics()
    count(metrics, usage=USAGE, latency_s=0.3, error="RateLimited", left=True)

    content, content_type = metrics.as_json(Present(in_flight=1))

    told = json.loads(content)
    assert content_type == "application/json; charset=utf-8"
    assert told["tray_proxy_errors"] == {
        "type": "counter",
        "help": "Requests that failed for a reason with a name.",
        "samples": [{"name": "tray_proxy_errors_total", "labels": {"kind": "RateLimited"}, "value": 1}],
    }
    found = {
        (sample["name"], *sorted(sample["labels"].items())): sample["value"]
        for family in told.values()
        for sample in family["samples"]
        if sample["name"].startswith("tray_proxy_")
    }
    assert found == samples(metrics, in_flight=1)


def test_the_library_is_read_only_when_somebody_asks():
    """It costs memory and time at a start, and most people never ask. No other module of ours reads it."""
    program = """
import sys
from tray_proxy.metrics import Metrics, Present
metrics = Metrics()
print("prometheus_client" in sys.modules)
metrics.exposition("", Present())
print("prometheus_client" in sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert told.stdout.split() == ["False", "True"]
