"""Medians of what was measured; pure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

# A run in which other programs took more than this share of one processor counts only where there is no quieter one.
NOISY_PCT = 20.0


@dataclass(frozen=True)
class Column:
    """How a figure is shown: under which words, and times what."""

    heading: str
    factor: float = 1.0


COLUMNS = {
    "start_ms": Column("answers after, ms"),
    "start_cpu_ms": Column("CPU until then, ms"),
    "open_cpu_ms": Column("CPU until the port is open, ms"),
    "import_cpu_ms": Column("CPU of the imports, ms"),
    "first_ttft_ms": Column("first token of the first answer, ms"),
    "first_over_later_ms": Column("over a later one, ms"),
    "memory_idle_mib": Column("memory at rest, MiB"),
    "ttft_us.p50": Column("first token p50, ms", 0.001),
    "ttft_us.p99": Column("first token p99, ms", 0.001),
    "lat_us.p50": Column("delay of a token p50, ms", 0.001),
    "lat_us.p99": Column("p99, ms", 0.001),
    "total_us.p50": Column("whole answer p50, ms", 0.001),
    "total_us.p99": Column("p99, ms", 0.001),
    "cpu_ms_per_request": Column("CPU a request, ms"),
    "cpu_ms_per_1k": Column("CPU for 1,000 tokens, ms"),
    "cpu_ms_per_mib": Column("CPU a MiB, ms"),
    "core_pct": Column("of a processor, %"),
    "memory_peak_mib": Column("memory at most, MiB"),
    "memory_growth_mib": Column("memory grows by, MiB"),
    "tokens_per_read": Column("tokens at once"),
    "tps": Column("tokens a second"),
    "rps": Column("requests a second"),
    "bytes_per_request": Column("kB", 0.001),
    "abort_ms": Column("upstream left alone after, ms"),
    "ttft_after_silence_ms": Column("first token, ms"),
    "upstream_connections": Column("new connections"),
}


class Figures:
    """What was measured; each run is a dictionary with `candidate`, `scenario` and its figures."""

    def __init__(self, runs: Iterable[dict[str, Any]]) -> None:
        self._runs = list(runs)

    def runs(self, scenario: str, candidate: str) -> list[dict[str, Any]]:
        """Give the runs of a candidate in a scenario."""
        return [run for run in self._runs if run["scenario"] == scenario and run["candidate"] == candidate]

    def candidates(self, scenario: str) -> list[str]:
        """Give who took part in a scenario, in the order of their first runs."""
        return list(dict.fromkeys(run["candidate"] for run in self._runs if run["scenario"] == scenario))

    def median(self, scenario: str, candidate: str, column: str) -> float | None:
        """Give the median over the quiet runs, or over all where none was quiet; None where there is no such figure."""
        runs = self.runs(scenario, candidate)
        quiet = [run for run in runs if (run.get("other_pct") or 0.0) <= NOISY_PCT]
        values = [value for run in quiet or runs if (value := _figure(run, column)) is not None]
        return statistics.median(values) if values else None

    def errors(self, scenario: str, candidate: str) -> int:
        """Give the number of answers that were wrong, in all runs together."""
        return sum(int(run["errors"]) for run in self.runs(scenario, candidate))

    def other_pct(self, scenario: str, candidate: str) -> float | None:
        """Give the median share of a processor that other programs took; None where no run was long enough to tell."""
        shares = [run["other_pct"] for run in self.runs(scenario, candidate) if run.get("other_pct") is not None]
        return statistics.median(shares) if shares else None


def _figure(run: dict[str, Any], column: str) -> float | None:
    name, _, part = column.partition(".")
    value = run.get(name)
    if part and isinstance(value, dict):
        # With no answer that counts there is no time either, though the load generator writes 0.
        value = value.get(part) if value["n"] else None
    return None if value is None else float(value)


def written(value: float | None) -> str:
    """Write a figure with as many digits as it deserves."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(figures: Figures, scenario: str, columns: Sequence[str], beside: str) -> str:
    """Write a scenario's table in Markdown; the last columns compare the first figure with that of one candidate."""
    shown = [
        name
        for name in columns
        if any(figures.median(scenario, who, name) is not None for who in figures.candidates(scenario))
    ]
    headings = [COLUMNS[name].heading for name in shown]
    lines = ["| | " + " | ".join([*headings, f"× {beside}", "errors", "others, %"]) + " |"]
    lines.append("|---|" + "--:|" * (len(shown) + 3))
    reference = figures.median(scenario, beside, columns[0])
    for who in figures.candidates(scenario):
        values = [figures.median(scenario, who, name) for name in shown]
        cells = [
            written(None if value is None else value * COLUMNS[name].factor)
            for name, value in zip(shown, values, strict=True)
        ]
        first = figures.median(scenario, who, columns[0])
        cells.append(written(first / reference if reference and first is not None else None))
        other = figures.other_pct(scenario, who)
        cells += [str(figures.errors(scenario, who)), "–" if other is None else f"{other:.0f}"]
        lines.append(f"| {who} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
