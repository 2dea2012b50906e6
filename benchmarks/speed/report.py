"""What is printed, and `docs/measurements.md`, from what was measured; pure."""

from typing import Any

from benchmarks.speed.candidates import NGINX
from benchmarks.speed.figures import Figures, table, written
from benchmarks.speed.scenarios import SCENARIOS
from benchmarks.speed.targets import judge

# What a measurement holds: `machine`, `begun` (when each scenario was measured), `checks` and `runs`.
Measurement = dict[str, Any]


def scenario_table(figures: Figures, name: str) -> str:
    """Write a scenario's heading line and table."""
    scenario = SCENARIOS[name]
    return f"**{name}**: {scenario.what}\n\n{table(figures, name, scenario.columns, NGINX.name)}\n"


def target_table(figures: Figures) -> str:
    """Write each promise beside what was measured, but for those about scenarios that nothing is known of."""
    lines = ["| Target | Measured | Wanted | |", "|---|--:|--:|---|"]
    for judgement in judge(figures):
        target = judgement.target
        if not figures.candidates(target.scenario):
            continue
        bound = "at least" if target.at_least else "at most"
        unit = target.unit and f" {target.unit}"
        verdict = {True: "met", False: "**not met**", None: "not measured"}[judgement.met]
        wanted = f"{target.wanted:g}{unit}"
        lines.append(f"| {target.what} | {written(judgement.figure)}{unit} | {bound} {wanted} | {verdict} |")
    return "\n".join(lines) + "\n"
