"""
What is counted for Prometheus: plain numbers while requests come, its library only when somebody asks for them.

All of it lives as long as the process, whatever is turned off and on. What may stand in a label is bounded, and is
nothing that an app wrote: no prompt, no key, no name of a caller.

Source: Prometheus docs, "Metric and label naming", "Exposition formats".
"""

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from tray_proxy import __version__
from tray_proxy.wire.openrouter import CompletionTokens, PromptTokens, Usage

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

type Labels = tuple[str, ...]

JSON = "application/json; charset=utf-8"
# From a list out of memory to a model that thinks for minutes.
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
# No request has so many tokens: a figure beyond it, once added, would hide all that come after.
_TOO_MANY = 2.0**53

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Counter:
    """A sum for each combination of labels."""

    name: str
    about: str
    labels: Labels = ()
    values: dict[Labels, float] = field(default_factory=dict)

    def add(self, amount: float | None, *labels: str) -> None:
        """Add an amount; what is not known (None), zero, or no amount at all adds nothing."""
        if amount is not None and 0 < amount < _TOO_MANY:
            self.values[labels] = self.values.get(labels, 0) + amount


@dataclass(frozen=True)
class Histogram:
    """How many took how long, for each combination of labels: counts by `BUCKETS_S`, and the sum of the seconds."""

    name: str
    about: str
    labels: Labels
    counts: dict[Labels, list[int]] = field(default_factory=dict)
    sums_s: dict[Labels, float] = field(default_factory=dict)

    def observe(self, elapsed_s: float | None, *labels: str) -> None:
        """Add a duration; None is one that is not known."""
        if elapsed_s is None:
            return
        if labels not in self.counts:
            self.counts[labels], self.sums_s[labels] = [0] * (len(BUCKETS_S) + 1), 0.0
        self.counts[labels][bisect_left(BUCKETS_S, elapsed_s)] += 1
        self.sums_s[labels] += elapsed_s

    def buckets(self, labels: Labels) -> list[tuple[str, float]]:
        """Give what the format asks for: for each upper bound, how many took no longer than that."""
        so_far, found = 0, []
        for bound, count in zip((*BUCKETS_S, math.inf), self.counts[labels], strict=True):
            so_far += count
            found.append(("+Inf" if bound == math.inf else str(bound), float(so_far)))
        return found


class Present(msgspec.Struct, frozen=True):
    """What is not added up, but stands as it does: answers under way, today's spending and its limit in US dollars."""

    in_flight: int = 0
    spent_usd: float = 0.0
    limit_usd: float = 0.0


class Metrics:
    """What requests have amounted to since the program's start. To be used from the event loop."""

    def __init__(self) -> None:
        self._requests = Counter(
            "tray_proxy_requests", "Requests that have ended, however they ended.", ("route", "model", "status")
        )
        self._durations = Histogram(
            "tray_proxy_request_duration_seconds", "From a request's head to the end of its answer.", ("route",)
        )
        self._tokens = Counter("tray_proxy_tokens", "Tokens as OpenRouter counted them.", ("model", "kind"))
        self._cost_usd = Counter("tray_proxy_cost_usd", "What OpenRouter charged, in US dollars.", ("model",))
        self._latency = Histogram(
            "tray_proxy_upstream_latency_seconds",
            "From a question to OpenRouter to the head of its answer, of conversations that were answered.",
            ("model",),
        )
        self._first_token = Histogram(
            "tray_proxy_time_to_first_token_seconds",
            "From a question to OpenRouter to the first piece of text, thought or tool call.",
            ("model",),
        )
        self._errors = Counter("tray_proxy_errors", "Requests that failed for a reason with a name.", ("kind",))
        self._left = Counter("tray_proxy_clients_left", "Requests whose client left before the answer was whole.")
        self._left.values[()] = 0

    def count(
        self,
        *,
        route: str,
        model: str,
        status: int | None,
        elapsed_s: float,
        usage: Usage,
        latency_s: float | None,
        first_token_s: float | None,
        error: str | None,
        left: bool,
    ) -> None:
        """
        Add a request that has ended.

        Args:
            route: The pattern of its route, or one word for all others.
            model: An id of the catalogue, or one word for all others; "" where a request is about none.
            status: None where nothing was answered.
            usage: What OpenRouter counted, also of an answer that broke off.
            error: The name of a `ProxyError`, or "internal".
            left: Whether the client left before it had the answer.
        """
        self._requests.add(1, route, model, "" if status is None else str(status))
        self._durations.observe(elapsed_s, route)
        self._tokens.add(usage.prompt_tokens, model, "prompt")
        self._tokens.add(usage.completion_tokens, model, "completion")
        self._tokens.add((usage.prompt_tokens_details or PromptTokens()).cached_tokens, model, "cached")
        self._tokens.add((usage.completion_tokens_details or CompletionTokens()).reasoning_tokens, model, "reasoning")
        self._cost_usd.add(usage.cost, model)
        self._latency.observe(latency_s, model)
        self._first_token.observe(first_token_s, model)
        if error is not None:
            self._errors.add(1, error)
        self._left.add(left)

    def exposition(self, accept: str, present: Present) -> tuple[bytes, str]:
        """
        Write all of it in Prometheus' format, or OpenMetrics' where it is asked for.

        Args:
            accept: The request's Accept header.
            present: How things stand now.

        Returns:
            The text, and its content type.
        """
        from prometheus_client.exposition import choose_encoder

        write, content_type = choose_encoder(accept)
        return write(self._registry(present)), content_type

    def as_json(self, present: Present) -> tuple[bytes, str]:
        """Write the same as a JSON object: each metric's type, meaning and samples, by its name."""
        told = {
            metric.name: {
                "type": metric.type,
                "help": metric.documentation,
                "samples": [
                    {"name": sample.name, "labels": sample.labels, "value": sample.value} for sample in metric.samples
                ],
            }
            for metric in self._registry(present).collect()
        }
        return _encode(told), JSON

    def _registry(self, present: Present) -> "CollectorRegistry":
        from prometheus_client import CollectorRegistry, ProcessCollector

        registry = CollectorRegistry()
        registry.register(_Collected(self, present))
        # Memory, processor time, open files: read from /proc, so on Linux only.
        ProcessCollector(registry=registry)
        return registry

    def families(self, present: Present) -> "Iterator[Metric]":
        """Give all of it in the shapes of Prometheus' library."""
        from prometheus_client.metrics_core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
            InfoMetricFamily,
        )

        yield InfoMetricFamily("tray_proxy_build", "Which Tray Proxy this is.", {"version": __version__})
        yield GaugeMetricFamily("tray_proxy_requests_in_flight", "Answers of models under way.", present.in_flight)
        yield GaugeMetricFamily(
            "tray_proxy_spent_today_usd", "What the limit counts since midnight UTC, in US dollars.", present.spent_usd
        )
        yield GaugeMetricFamily(
            "tray_proxy_daily_limit_usd",
            "How much apps may spend a day, in US dollars; 0 is no limit.",
            present.limit_usd,
        )
        for counter in (self._requests, self._tokens, self._cost_usd, self._errors, self._left):
            sums = CounterMetricFamily(counter.name, counter.about, labels=counter.labels)
            for labels, value in sorted(counter.values.items()):
                sums.add_metric(labels, value)
            yield sums
        for histogram in (self._durations, self._latency, self._first_token):
            counts = HistogramMetricFamily(histogram.name, histogram.about, labels=histogram.labels)
            for labels, sum_s in sorted(histogram.sums_s.items()):
                counts.add_metric(labels, histogram.buckets(labels), sum_s)
            yield counts


@dataclass(frozen=True)
class _Collected:
    """What the library calls a collector."""

    metrics: Metrics
    present: Present

    def collect(self) -> "Iterator[Metric]":
        return self.metrics.families(self.present)
